/*
 * Areas of interest: what each player is told makes, at every flush, exactly what stands in the cells around it.
 * Random worlds are played against a model of what a client knows; a failing run prints its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "content/bundled.h"
#include "support/view_model.h"

enum { SLOTS = 40, THINGS = 24, TICK_MS = 100 };

static const char rules_text[] =
    "monster wolf hp 40 speed 4 sight 12 leash 30 range 2 damage 6 every 1200ms xp 10 "
    "drop pelt\n";

/* ---- a world that is played at random ---- */

struct game {
    struct fake_room *room;
    struct world *world;
    uint64_t random;
    float half_m; /* of the ground */
    struct view_model views[SLOTS];
    bool is_in[SLOTS], is_owed[SLOTS];
    struct entity *things[THINGS];
};

static uint64_t game_random(struct game *game, uint64_t below)
{
    game->random ^= game->random << 13;
    game->random ^= game->random >> 7;
    game->random ^= game->random << 17;
    return game->random % below;
}

static float game_place(struct game *game)
{
    return ((float)game_random(game, 200001) / 100000.0f - 1.0f) * game->half_m;
}

static struct point game_point(struct game *game)
{
    struct point at = {.x = game_place(game)};

    at.z = game_place(game);
    return at;
}

static void send_move(struct fake_room *room, uint64_t session, float x, float z)
{
    uint8_t payload[12] = {0};

    roomd_put_f32(payload, x);
    roomd_put_f32(payload + 8, z);
    assert_int_equal(fake_send(room, session, ROOMD_C_MOVE, payload, sizeof(payload)), ROOMD_PACKET_OK);
}

static void game_open(struct game *game, const char *const *options, uint64_t seed)
{
    memset(game, 0, sizeof(*game));
    fake_data_clear();
    fake_data_add("rules", rules_text);
    game->room = fake_room_open(&roomd_content_field, options);
    game->world = fake_state(game->room);
    game->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    game->half_m = game->world->x_max;
}

static void game_enter(struct game *game, uint32_t slot, uint32_t id)
{
    uint64_t session = fake_enter_with(game->room, id, NULL, 0);

    view_begin(&game->views[slot], game->room, session);
    game->is_in[slot] = true;
    game->is_owed[slot] = false;
}

static void game_leave(struct game *game, uint32_t slot)
{
    fake_leave(game->room, game->views[slot].session, ROOMD_LEAVE_ASKED);
    view_read(&game->views[slot], game->room);
    game->is_in[slot] = false;
}

/* A way with no bound on its length: mostly a step, sometimes to anywhere, sometimes just around a border. */
static void game_walk(struct game *game, struct point *at)
{
    switch (game_random(game, 10)) {
    case 0:
        at->x = game_place(game);
        at->z = game_place(game);
        break;
    case 1:
        at->x = roundf(at->x / 20) * 20 + (float)game_random(game, 9) - 4;
        break;
    default:
        at->x += (float)game_random(game, 9) - 4;
        at->z += (float)game_random(game, 9) - 4;
        break;
    }
    at->x = fmaxf(fminf(at->x, game->half_m), -game->half_m);
    at->z = fmaxf(fminf(at->z, game->half_m), -game->half_m);
}

static void game_act_thing(struct game *game)
{
    uint64_t place = game_random(game, THINGS);
    struct entity *thing = game->things[place];
    struct point to;

    if (thing == NULL) {
        thing = world_entity_make(game->world, ROOMD_KIND_DROP, 0, sizeof(struct thing));
        assert_non_null(thing);
        ((struct thing *)thing)->gone_ms = UINT64_MAX;
        thing->at = game_point(game);
        world_place(game->world, thing);
        game->things[place] = thing;
        return;
    }
    to = thing->at;
    game_walk(game, &to);
    switch (game_random(game, 8)) {
    case 0:
        world_remove(game->world, thing, ROOMD_DESPAWN_GONE);
        world_entity_free(game->world, thing);
        game->things[place] = NULL;
        break;
    case 1:
        world_jump(game->world, thing, &to);
        break;
    default:
        thing->at = to;
        world_moved(game->world, thing);
        break;
    }
}

static void game_act_player(struct game *game, uint32_t slot, bool has_owed)
{
    struct view_model *view = &game->views[slot];
    struct player *player = world_find_player(game->world, view->id);
    struct point to = player->entity.at;
    uint64_t what = game_random(game, 1000);

    game_walk(game, &to);
    if (what < 8) {
        game_leave(game, slot);
    } else if (what < 12) {
        game_leave(game, slot); /* and back in the same tick, under the same id */
        game_enter(game, slot, view->id);
    } else if (what < 30) {
        world_jump(game->world, &player->entity, &to);
    } else if (what < 50 && has_owed) {
        game->is_owed[slot] = !game->is_owed[slot];
        fake_set_owed(game->room, view->session, game->is_owed[slot]);
    } else if (what < 55 && has_owed) {
        fake_skip(game->room, view->session);
    } else {
        send_move(game->room, view->session, to.x, to.z);
    }
}

static void game_tick(struct game *game, bool has_owed)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (game->is_in[i] && game_random(game, 3) > 0) {
            game_act_player(game, i, has_owed);
        } else if (!game->is_in[i] && game_random(game, 40) == 0) {
            game_enter(game, i, 0);
        }
    }
    for (uint32_t i = 0; i < THINGS / 2; i++) {
        game_act_thing(game);
    }
    fake_tick(game->room, TICK_MS);
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (game->is_in[i]) {
            view_read(&game->views[i], game->room);
            view_check(&game->views[i], game->world);
        }
    }
    view_check_world(game->world, game->room);
}

static void game_close(struct game *game)
{
    fake_room_close(game->room);
}

/* All can be told again: a tick later every view is right. */
static uint32_t game_settle(struct game *game)
{
    uint32_t resets = 0;

    for (uint32_t i = 0; i < SLOTS; i++) {
        if (game->is_in[i]) {
            fake_set_owed(game->room, game->views[i].session, false);
        }
    }
    fake_tick(game->room, TICK_MS);
    for (uint32_t i = 0; i < SLOTS; i++) {
        resets += game->views[i].resets;
        if (game->is_in[i]) {
            assert_false(world_find_player(game->world, game->views[i].id)->needs_snapshot);
            view_read(&game->views[i], game->room);
            view_check(&game->views[i], game->world);
        }
    }
    return resets;
}

static void play(const char *view, bool has_owed, uint64_t seed, uint32_t ticks)
{
    const char *options[] = {"view", view, "extent", "100", "rules", "rules", NULL};
    struct game *game = malloc(sizeof(*game));
    uint32_t told = 0;

    assert_non_null(game);
    game_open(game, options, seed);
    for (uint32_t tick = 0; tick < ticks; tick++) {
        game_tick(game, has_owed);
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        told += game->views[i].comings + game->views[i].goings;
    }
    assert_true(told > ticks); /* something did happen */
    assert_int_equal(game_settle(game) > 0, has_owed);
    game_close(game);
    free(game);
}

static void every_view_is_what_stands_around_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        play("20", false, seed, 700);
        play("50", false, seed, 300);
    }
}

static void without_a_view_everyone_knows_everyone(void **state)
{
    (void)state;
    print_message("seed 5\n");
    play("0", false, 5, 500);
}

/* Owed all that they may be, or skipped: their view is right again as soon as they can be told. */
static void who_misses_something_is_told_anew(void **state)
{
    (void)state;
    for (uint64_t seed = 6; seed <= 8; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        play("20", true, seed, 700);
        play("0", true, seed, 200);
    }
}

/* Nothing is near, and visited, but what stands so near; wherever it is registered. */
struct visited {
    uint32_t count;
    struct point at;
    float radius_m;
};

static bool visit_one(struct world *world, struct entity *entity, void *context)
{
    struct visited *visited = context;

    (void)world;
    assert_true(point_distance(&entity->at, &visited->at) <= visited->radius_m);
    visited->count++;
    return true;
}

/* Somewhere else, or (where there is a limit of speed) as far as it may be gone at once. */
static struct point near_go(struct game *game, const struct entity *entity)
{
    struct point to = game_point(game);
    float way = point_distance(&entity->at, &to);
    float most = game->world->speed_m_s * 1.5f;

    if (most > 0 && way > most) {
        to.x = entity->at.x + (to.x - entity->at.x) * most / way;
        to.z = entity->at.z + (to.z - entity->at.z) * most / way;
    }
    return to;
}

static void near_play(const char *speed)
{
    const char *options[] = {"view", "20", "extent", "100", "speed", speed, NULL};
    struct game *game = malloc(sizeof(*game));

    assert_non_null(game);
    game_open(game, options, 9);
    for (uint32_t i = 0; i < SLOTS; i++) {
        game_enter(game, i, 0);
    }
    for (int round = 0; round < 600; round++) {
        struct visited visited = {.at = game_point(game)};
        uint32_t near = 0;

        visited.radius_m = (float)game_random(game, 30);
        for (uint32_t i = 0; i < SLOTS; i++) {
            const struct entity *entity = &world_find_player(game->world, game->views[i].id)->entity;
            struct point to = near_go(game, entity);

            send_move(game->room, game->views[i].session, to.x, to.z);
            near += point_distance(&entity->at, &visited.at) <= visited.radius_m;
        }
        world_visit_near(game->world, ROOMD_KIND_PLAYER, &visited.at, visited.radius_m, visit_one, &visited);
        assert_int_equal(visited.count, near);
        fake_advance(game->room, 1000);
        if (round % 12 == 0) {
            fake_tick(game->room, TICK_MS);
        }
        fake_drop(game->room, 0);
    }
    game_close(game);
    free(game);
}

static void who_is_near_is_found_wherever_it_is_registered(void **state)
{
    (void)state;
    near_play("0");
    near_play("12"); /* twelve bursts between ticks: much further than a cell's side */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_is_what_stands_around_it),
        cmocka_unit_test(without_a_view_everyone_knows_everyone),
        cmocka_unit_test(who_misses_something_is_told_anew),
        cmocka_unit_test(who_is_near_is_found_wherever_it_is_registered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
