#include "base/log.h"
#include "support/component.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the engine answers, beside what the content has sent; and who pays when memory runs out. */

enum { NOTE = 100 };

static uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];

struct pair {
    struct player *players[2];
    uint32_t times;
};
static void send_in_turn(struct stage *stage, void *context)
{
    struct pair *pair = context;
    for (uint32_t i = 0; i < pair->times; i++) {
        for (int who = 0; who < 2; who++) {
            stage->host->send(stage->room, pair->players[who]->session, NOTE, "1234", 4, 0);
        }
    }
}

/* Two players whom the content has sent, before the tick, as many slices as they may be owed. */
static struct player *enter_and_fill(struct fixture *fixture)
{
    struct room_options options = fixture_room_options();
    struct pair pair = {.times = 1024};

    options.outbox_slices_max = 1024;
    options.outbox_bytes_max = 4 << 20;

    struct room *room = fixture_room(fixture, "room", &options);

    pair.players[0] = fixture_enter(fixture, "room");
    pair.players[1] = fixture_enter(fixture, "room");
    stage_run(fixture, room, send_in_turn, &pair);
    return pair.players[0];
}

static void who_is_owed_all_that_it_may_be_can_still_ask(void **state)
{
    struct fixture *fixture = *state;

    player_send(enter_and_fill(fixture), ROOMD_C_PING, "12345678", 8);
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_NO_MEMORY], 0);
}

static void who_is_owed_all_that_it_may_be_can_still_leave(void **state)
{
    struct fixture *fixture = *state;

    player_leave(enter_and_fill(fixture));
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_NO_MEMORY], 0);
    assert_int_equal(fixture->engine.stats.leaves, 1);
}

static void who_has_read_everything_does_not_pay_for_a_shortage(void **state)
{
    struct engine_limits limits = fixture_limits();
    (void)state;
    limits.chunk_memory_bytes_max = 1 << 20;
    struct fixture *fixture = fixture_open(&limits);
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter_narrow(fixture, "room", 1);
    room_broadcast(room, NOTE, payload, 20000, 0);
    fixture_tick(fixture, room);
    for (int i = 0; i < 20; i++) {
        player_receive(one, SIZE_MAX);
        fixture_settle(fixture);
    }
    player_expect(one, NOTE, payload, 20000);
    assert_false(fixture_session(fixture, one)->conn.is_blocked);
    for (int i = 0; i < 100; i++) {
        room_broadcast(room, NOTE, payload, 15000, 0);
    }
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
    fixture_close(fixture);
}

/* What ten readers pin together is free only when all of them are gone: then what the room says finds its place. */
static void a_shortage_is_paid_by_those_who_do_not_read(void **state)
{
    struct engine_limits limits = fixture_limits();
    (void)state;
    limits.chunk_memory_bytes_max = 1 << 20;
    struct fixture *fixture = fixture_open(&limits);
    struct room *room = fixture_room(fixture, "room", NULL);
    for (int i = 0; i < 10; i++) {
        fixture_enter_narrow(fixture, "room", 1);
    }
    struct player *reader = fixture_enter(fixture, "room");
    room_broadcast(room, NOTE, payload, 20000, 0);
    fixture_tick(fixture, room);
    player_expect(reader, NOTE, payload, 20000);
    for (int i = 0; i < 80; i++) {
        assert_int_equal(room_broadcast(room, NOTE, payload, 15000, 0), 0);
        if (i % 5 == 4) {
            fixture_tick(fixture, room);
            for (int j = 0; j < 5; j++) {
                player_expect(reader, NOTE, payload, 15000);
            }
        }
    }
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 10);
    assert_int_equal(fixture->engine.stats.appends_refused, 0);
    fixture_close(fixture);
}

static enum roomd_packet_result know_nothing(struct stage *stage, uint64_t s, uint16_t id, const uint8_t *b,
                                             size_t n)
{
    (void)stage;
    (void)s;
    (void)id;
    (void)b;
    (void)n;
    return ROOMD_PACKET_UNKNOWN;
}

static void errors_of_the_closed_are_not_counted(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    stage_of(room)->on_packet = know_nothing;
    player_say(one, 1, "x");
    fixture_read(fixture);
    player_hang_up(one);
    fixture_settle(fixture);
    /* hang-up read later than packet, so close it between */
    one = fixture_enter(fixture, "room");
    uint64_t before = fixture->engine.stats.errors_sent;
    player_say(one, 1, "x");
    fixture_read(fixture);
    session_close(fixture_session(fixture, one), ROOMD_CLOSE_SHUTDOWN, NULL);
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.errors_sent - before, 0);
}

static void the_list_of_rooms_fits_the_smallest_outbox(void **state)
{
    struct engine_limits limits = fixture_limits();
    char name[80];
    (void)state;
    limits.rooms_max = 1024;
    struct fixture *fixture = fixture_open(&limits);
    struct room_options options = fixture_room_options();
    options.outbox_bytes_max = 64 * 1024;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "a-long-name-of-a-room-that-is-nearly-sixty-four-%08d", i);
        fixture_room(fixture, name, &options);
    }
    struct player *one = fixture_enter(fixture, name);
    room_send(lobby_find(&fixture->engine.lobby, name, strlen(name)), one->session, NOTE, payload, 10000, 0);
    player_send(one, ROOMD_C_ROOMS, NULL, 0);
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_NO_MEMORY], 0);
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(who_is_owed_all_that_it_may_be_can_still_ask),
        FIXTURE_TEST(who_is_owed_all_that_it_may_be_can_still_leave),
        cmocka_unit_test(who_has_read_everything_does_not_pay_for_a_shortage),
        cmocka_unit_test(a_shortage_is_paid_by_those_who_do_not_read),
        FIXTURE_TEST(errors_of_the_closed_are_not_counted),
        cmocka_unit_test(the_list_of_rooms_fits_the_smallest_outbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
