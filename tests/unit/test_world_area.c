/* Areas of interest, one thing at a time: borders, moves that are told as one, jumps, failure; and what a tick costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "content/bundled.h"
#include "support/view_model.h"

enum { TICK_MS = 100 };

static void send_move(struct fake_room *room, uint64_t session, float x, float z)
{
    uint8_t payload[12] = {0};

    roomd_put_f32(payload, x);
    roomd_put_f32(payload + 8, z);
    assert_int_equal(fake_send(room, session, ROOMD_C_MOVE, payload, sizeof(payload)), ROOMD_PACKET_OK);
}

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

/* ---- cost ---- */

/* What can't be written is not lost: moves are written a tick later, and who missed a coming is told anew. */
static void what_finds_no_memory_is_told_later(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair_tick(&pair);
    send_move(pair.room, pair.b.session, 5, 5);
    fake_fail_append(pair.room, 1);
    fake_tick(pair.room, TICK_MS);
    view_read(&pair.a, pair.room);
    assert_int_equal(pair.a.moves, 0);
    pair_tick(&pair);
    assert_int_equal(pair.a.moves, 1);
    assert_int_equal(pair.a.resets, 0);
    fake_fail_append(pair.room, 1);
    uint64_t c = fake_enter(pair.room);

    pair_tick(&pair);
    assert_int_equal(pair.a.resets, 1);
    assert_non_null(view_find(&pair.a, fake_player_id(pair.room, c)));
    fake_fail_append(pair.room, 1);
    fake_leave(pair.room, c, ROOMD_LEAVE_ASKED);
    pair_tick(&pair);
    assert_int_equal(pair.a.resets, 2);
    fake_room_close(pair.room);
}

struct walk {
    uint64_t random;
    float half_m; /* of the ground */
};

static uint64_t walk_random(struct walk *walk, uint64_t below)
{
    walk->random = walk->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (walk->random >> 33) % below;
}

static struct point walk_point(struct walk *walk)
{
    struct point at = {0, 0, 0};

    at.x = ((float)walk_random(walk, 2001) / 1000.0f - 1.0f) * walk->half_m;
    at.z = ((float)walk_random(walk, 2001) / 1000.0f - 1.0f) * walk->half_m;
    return at;
}

/* Packets written in a tick, per player, when `count` walk about at equal density. */
static double writes_per_player(uint32_t count, const char *extent)
{
    const char *options[] = {"view", "20", "extent", extent, "spawn_radius", "0", NULL};
    struct fake_room *room = fake_room_open(&roomd_content_field, options);
    struct world *world = fake_state(room);
    struct walk walk = {.random = 77, .half_m = world->x_max};
    uint64_t *sessions = calloc(count, sizeof(*sessions));
    uint64_t writes = 0;

    assert_non_null(sessions);
    for (uint32_t i = 0; i < count; i++) {
        sessions[i] = fake_enter(room);
        struct point at = walk_point(&walk);

        send_move(room, sessions[i], at.x, at.z);
    }
    for (int tick = 0; tick < 12; tick++) {
        for (uint32_t i = 0; i < count; i++) {
            struct point to = world_player_of(world, sessions[i])->entity.at;

            to.x += (float)walk_random(&walk, 3) - 1;
            to.z += (float)walk_random(&walk, 3) - 1;
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
        cmocka_unit_test(walking_along_a_border_does_not_flap),
        cmocka_unit_test(many_moves_in_a_tick_are_told_as_one),
        cmocka_unit_test(a_jump_keeps_the_order_of_what_is_said),
        cmocka_unit_test(who_can_not_be_kept_up_to_date_is_kicked),
        cmocka_unit_test(what_finds_no_memory_is_told_later),
        cmocka_unit_test(a_tick_costs_by_the_player_not_by_the_pair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
