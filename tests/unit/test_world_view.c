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
#include <stdio.h>
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

static void send_move(struct fake_room *room, uint64_t session, float x, float z)
{
    uint8_t payload[12] = {0};

    roomd_put_f32(payload, x);
    roomd_put_f32(payload + 8, z);
    assert_int_equal(fake_send(room, session, ROOMD_C_MOVE, payload, sizeof(payload)), ROOMD_PACKET_OK);
}

static void game_open(struct game *game, const char *view, const char *extent, uint64_t seed)
{
    const char *options[] = {"view", view, "extent", extent, "rules", "rules", NULL};

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
        thing->at = (struct point){game_place(game), 0, game_place(game)};
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
    struct game *game = malloc(sizeof(*game));
    uint32_t told = 0;

    assert_non_null(game);
    game_open(game, view, "100", seed);
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
    }
}

/* ---- one thing at a time ---- */

struct pair {
    struct fake_room *room;
    struct world *world;
    struct view_model a, b;
};

/* View 20 on a ground from -100 to 100: borders at multiples of 20, hysteresis 3. */
static void pair_open(struct pair *pair)
{
    static const char *const options[] = {"view", "20", "extent", "100", NULL};

    pair->room = fake_room_open(&roomd_content_field, options);
    pair->world = fake_state(pair->room);
    view_begin(&pair->a, pair->room, fake_enter(pair->room));
    view_begin(&pair->b, pair->room, fake_enter(pair->room));
}

static void pair_tick(struct pair *pair)
{
    fake_tick(pair->room, TICK_MS);
    view_read(&pair->a, pair->room);
    view_read(&pair->b, pair->room);
    view_check(&pair->a, pair->world);
    view_check(&pair->b, pair->world);
}

static void walking_along_a_border_does_not_flap(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    send_move(pair.room, pair.a.session, 50, 10); /* in the column from 40 to 60: sees as far as 20 */
    send_move(pair.room, pair.b.session, 30, 10);
    pair_tick(&pair);
    uint32_t comings = pair.a.comings;
    uint32_t goings = pair.a.goings;

    assert_non_null(view_find(&pair.a, pair.b.id));
    for (int i = 0; i < 50; i++) {
        send_move(pair.room, pair.b.session, i % 2 == 0 ? 17.5f : 22.5f, 10);
        pair_tick(&pair);
    }
    assert_int_equal(pair.a.comings, comings);
    assert_int_equal(pair.a.goings, goings);
    send_move(pair.room, pair.b.session, 16.5f, 10); /* beyond the hysteresis */
    pair_tick(&pair);
    assert_null(view_find(&pair.a, pair.b.id));
    assert_null(view_find(&pair.b, pair.a.id));
    send_move(pair.room, pair.b.session, 22.5f, 10); /* and back: not far enough */
    pair_tick(&pair);
    assert_null(view_find(&pair.a, pair.b.id));
    send_move(pair.room, pair.b.session, 23.5f, 10);
    pair_tick(&pair);
    assert_non_null(view_find(&pair.a, pair.b.id));
    assert_int_equal(pair.a.goings, goings + 1);
    assert_int_equal(pair.a.comings, comings + 1);
    fake_room_close(pair.room);
}

static void many_moves_in_a_tick_are_told_as_one(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair_tick(&pair);
    uint64_t writes = fake_writes(pair.room);

    for (int i = 1; i <= 20; i++) {
        send_move(pair.room, pair.b.session, (float)i / 2, 0);
    }
    pair_tick(&pair);
    assert_int_equal(fake_writes(pair.room) - writes, 1);
    assert_int_equal(pair.a.moves, 1);
    assert_int_equal(pair.b.moves, 1); /* one is told of one's own */
    assert_true(view_find(&pair.a, pair.b.id)->at.x == 10.0f);
    fake_room_close(pair.room);
}

/* What is said of one stays in order for who sees it before and after it is put into another cell. */
static void a_jump_keeps_the_order_of_what_is_said(void **state)
{
    static const float places[][2] = {{30, 10}, {10, 10}, {30, 30}, {10, 30}, {10, 10}, {30, 10}};
    struct pair pair;
    struct fake_packet packet;

    (void)state;
    pair_open(&pair);
    pair_tick(&pair);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct entity *entity = &world_find_player(pair.world, pair.b.id)->entity;
        struct point to = {places[i][0], 0, places[i][1]};

        send_move(pair.room, pair.a.session, 20, 20);
        pair_tick(&pair);
        world_tell(pair.world, entity, ROOMD_S_DIED, "1234567", 8);
        world_jump(pair.world, entity, &to);
        world_tell(pair.world, entity, ROOMD_S_RESPAWNED, "1234567", 8);
        fake_flush(pair.room);
        assert_true(fake_next_of(pair.room, pair.a.session, ROOMD_S_DIED, &packet));
        assert_true(fake_next_of(pair.room, pair.a.session, ROOMD_S_RESPAWNED, &packet));
        assert_true(fake_next_of(pair.room, pair.b.session, ROOMD_S_DIED, &packet));
        assert_true(fake_next_of(pair.room, pair.b.session, ROOMD_S_CORRECT, &packet));
        assert_true(fake_next_of(pair.room, pair.b.session, ROOMD_S_RESPAWNED, &packet));
        fake_drop(pair.room, 0);
        fake_tick(pair.room, TICK_MS);
        fake_drop(pair.room, 0);
        /* Their models have missed what was taken here. */
        world_resync(pair.world, pair.a.session);
        world_resync(pair.world, pair.b.session);
        pair_tick(&pair);
    }
    fake_room_close(pair.room);
}

static void who_can_not_be_kept_up_to_date_is_kicked(void **state)
{
    static const char *const options[] = {"view", "20", "extent", "100", NULL};
    struct fake_room *room = fake_room_open(&roomd_content_field, options);

    (void)state;
    uint64_t first = fake_enter(room);

    fake_tick(room, TICK_MS);
    assert_int_equal(fake_streams(room), 9);
    fake_set_streams_max(room, 10);
    send_move(room, first, 30, 10); /* three more cells */
    fake_tick(room, TICK_MS);
    assert_true(fake_is_kicked(room, first));
    assert_int_equal(fake_streams(room), 0);
    fake_set_streams_max(room, 8);
    uint64_t second = fake_enter(room);

    assert_true(fake_is_kicked(room, second));
    assert_int_equal(fake_streams(room), 0);
    fake_set_streams_max(room, 9);
    uint64_t third = fake_enter(room);

    assert_false(fake_is_kicked(room, third));
    fake_room_close(room);
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

static void who_is_near_is_found_wherever_it_is_registered(void **state)
{
    struct game *game = malloc(sizeof(*game));

    (void)state;
    assert_non_null(game);
    game_open(game, "20", "100", 9);
    for (uint32_t i = 0; i < SLOTS; i++) {
        game_enter(game, i, 0);
    }
    for (int round = 0; round < 200; round++) {
        struct visited visited = {.at = {game_place(game), 0, game_place(game)},
                                  .radius_m = (float)game_random(game, 30)};
        uint32_t near = 0;

        for (uint32_t i = 0; i < SLOTS; i++) {
            struct point to = {game_place(game), 0, game_place(game)};
            const struct entity *entity = &world_find_player(game->world, game->views[i].id)->entity;

            send_move(game->room, game->views[i].session, to.x, to.z);
            near += point_distance(&entity->at, &visited.at) <= visited.radius_m;
        }
        world_visit_near(game->world, ROOMD_KIND_PLAYER, &visited.at, visited.radius_m, visit_one, &visited);
        assert_int_equal(visited.count, near);
        if (round % 3 == 0) {
            fake_tick(game->room, TICK_MS);
            fake_drop(game->room, 0);
        }
    }
    game_close(game);
    free(game);
}

/* ---- cost ---- */

/* Packets written in a tick, per player, when `count` walk about at equal density. */
static double writes_per_player(uint32_t count, const char *extent)
{
    const char *options[] = {"view", "20", "extent", extent, "spawn_radius", "0", NULL};
    struct fake_room *room = fake_room_open(&roomd_content_field, options);
    struct world *world = fake_state(room);
    struct game walk = {.random = 77, .half_m = world->x_max};
    uint64_t *sessions = calloc(count, sizeof(*sessions));
    uint64_t writes = 0;

    assert_non_null(sessions);
    for (uint32_t i = 0; i < count; i++) {
        sessions[i] = fake_enter(room);
        send_move(room, sessions[i], game_place(&walk), game_place(&walk));
    }
    for (int tick = 0; tick < 12; tick++) {
        for (uint32_t i = 0; i < count; i++) {
            struct point to = world_player_of(world, sessions[i])->entity.at;

            to.x += (float)game_random(&walk, 3) - 1;
            to.z += (float)game_random(&walk, 3) - 1;
            if (world_can_stand(world, &to)) {
                send_move(room, sessions[i], to.x, to.z);
            }
        }
        uint64_t before = fake_writes(room);

        fake_tick(room, TICK_MS);
        fake_drop(room, 0);
        writes += tick >= 2 ? fake_writes(room) - before : 0;
    }
    fake_room_close(room);
    free(sessions);
    return (double)writes / 10 / count;
}

static void a_tick_costs_by_the_player_not_by_the_pair(void **state)
{
    double few = writes_per_player(100, "100");
    double many = writes_per_player(900, "300");

    (void)state;
    print_message("packets written per player and tick: %.2f of 100, %.2f of 900\n", few, many);
    assert_true(many <= 1.5 * few);
    assert_true(many < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_is_what_stands_around_it),
        cmocka_unit_test(without_a_view_everyone_knows_everyone),
        cmocka_unit_test(who_misses_something_is_told_anew),
        cmocka_unit_test(walking_along_a_border_does_not_flap),
        cmocka_unit_test(many_moves_in_a_tick_are_told_as_one),
        cmocka_unit_test(a_jump_keeps_the_order_of_what_is_said),
        cmocka_unit_test(who_can_not_be_kept_up_to_date_is_kicked),
        cmocka_unit_test(who_is_near_is_found_wherever_it_is_registered),
        cmocka_unit_test(a_tick_costs_by_the_player_not_by_the_pair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
