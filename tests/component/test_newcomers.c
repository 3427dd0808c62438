/* Who has never been in a room: nobody knows what for it has come, and it may be owed 1 KiB. */
#include "support/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

enum { OWED_MOST = 1024, ROOMS = 300 };

static struct fixture *open_house(uint32_t rooms)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    char name[ROOMD_NAME_BYTES_MAX + 1];

    limits.rooms_max = rooms;
    fixture = fixture_open(&limits);
    for (uint32_t i = 1; i <= rooms; i++) {
        snprintf(name, sizeof(name), "a hut with a name as long as names may ever be, no %08u", i);
        fixture_room(fixture, name, NULL);
    }
    return fixture;
}

static struct player *welcome_narrow(struct fixture *fixture, int send_buffer_bytes)
{
    struct player *player = fixture_connect_narrow(fixture, send_buffer_bytes);

    player_hello(player);
    fixture_settle(fixture);
    player_expect_welcome(player);
    return player;
}

static uint32_t owed_bytes(struct fixture *fixture, const struct player *player)
{
    return fixture_session(fixture, player)->conn.reader.outbox.bytes;
}

static void check_owed(struct fixture *fixture, const struct player *player)
{
    const struct session *session = fixture_session(fixture, player);

    assert_int_equal(session->has_entered, false);
    assert_in_range(session->conn.reader.outbox.bytes, 0, OWED_MOST);
    assert_in_range(session->conn.reader.outbox.slices, 0, session_owed_max_new.slices);
}

/* A turn, and after each phase no more waits for it than may. */
static void turn(struct fixture *fixture, const struct player *player)
{
    fixture_read(fixture);
    check_owed(fixture, player);
    fixture_play(fixture);
    check_owed(fixture, player);
    fixture_flush(fixture);
    check_owed(fixture, player);
    fixture_reap(fixture);
}

static void ask(struct player *player, uint16_t id, uint32_t times)
{
    static uint8_t requests[1000 * 12];
    size_t bytes = id == ROOMD_C_PING ? 8 : 0;
    size_t size = 0;

    assert_true(times <= 1000);
    for (uint32_t i = 0; i < times; i++) {
        frame_put_header(requests + size, id, bytes);
        roomd_put_u64(requests + size + ROOMD_FRAME_HEADER_BYTES, i);
        size += ROOMD_FRAME_HEADER_BYTES + bytes;
    }
    player_send_bytes(player, requests, size);
}

/* The numbers of the rooms in a page, which go on from `last`, or begin anew. Returns the last of them. */
static uint32_t take_page(const struct frame *frame, uint32_t last, uint32_t *lists)
{
    struct control_server control;
    struct control_room room;

    assert_int_equal(control_decode_server(frame, &control), 0);
    assert_true(control.rooms.count > 0);
    while (control_rooms_next(&control.rooms.cursor, &room) == 1) {
        uint32_t number = (uint32_t)strtoul((const char *)room.room.bytes + room.room.size - 8, NULL, 10);

        if (last == ROOMS) {
            last = 0;
        }
        assert_int_equal(number, last + 1);
        last = number;
        *lists += number == ROOMS;
    }
    return last;
}

/* A thousand times the list of rooms, unread: 1 KiB waits, whatever its kernel took; then all of it comes, each list whole. */
static void however_often_it_asks_for_the_rooms_little_waits(void **state)
{
    enum { LISTS = 20 };
    struct fixture *fixture = open_house(ROOMS);
    struct player *one = welcome_narrow(fixture, 4096);
    struct frame frame;
    uint32_t last = 0;
    uint32_t lists = 0;
    bool has_pong = false;

    (void)state;
    ask(one, ROOMD_C_ROOMS, LISTS);
    ask(one, ROOMD_C_PING, 1);
    for (int i = 0; i < 200; i++) {
        turn(fixture, one);
    }
    assert_true(fixture_session(fixture, one)->conn.is_blocked);
    assert_true(fixture_session(fixture, one)->is_listing);
    for (int i = 0; i < 20000 && !has_pong; i++) {
        turn(fixture, one);
        while (player_next(one, &frame)) {
            assert_true(frame.payload_bytes + ROOMD_FRAME_HEADER_BYTES <= OWED_MOST);
            if (frame.id == ROOMD_S_PONG) {
                has_pong = true;
                continue;
            }
            assert_int_equal(frame.id, ROOMD_S_ROOMS);
            last = take_page(&frame, last, &lists);
        }
    }
    assert_int_equal(lists, LISTS);
    assert_int_equal(last, ROOMS);
    assert_true(has_pong);
    fixture_settle(fixture);
    assert_false(fixture_session(fixture, one)->is_paused);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
    fixture_close(fixture);
}

static void however_much_it_asks_at_once_little_waits(void **state)
{
    enum { PINGS = 1000 };
    struct fixture *fixture = *state;
    struct player *one = welcome_narrow(fixture, 4096);
    struct control_server control;
    struct frame frame;
    uint32_t pongs = 0;

    ask(one, ROOMD_C_PING, PINGS);
    for (int i = 0; i < 1000 && pongs < PINGS; i++) {
        turn(fixture, one);
        while (i % 3 == 2 && player_next(one, &frame)) {
            assert_int_equal(control_decode_server(&frame, &control), 0);
            assert_int_equal(control.id, ROOMD_S_PONG);
            assert_int_equal(control.pong.token, pongs++);
        }
    }
    assert_int_equal(pongs, PINGS);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
}

/* It does not read at all: its kernel's buffer and 1 KiB are all that it costs, and it is gone when that is old. */
static void who_does_not_read_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = welcome_narrow(fixture, 1);
    struct session *session = fixture_session(fixture, one);
    uint64_t from_ns;

    for (int i = 0; i < 20; i++) {
        ask(one, ROOMD_C_PING, 100);
        turn(fixture, one);
    }
    assert_true(session->conn.is_blocked);
    from_ns = outbox_oldest_ns(&session->conn.reader.outbox);
    while (session->close_reason == ROOMD_CLOSE_NONE) {
        fixture_advance(fixture, 100 * NS_PER_MS);
        assert_in_range(owed_bytes(fixture, one), 0, OWED_MOST);
    }
    assert_int_equal(session->close_reason, ROOMD_CLOSE_SLOW);
    assert_in_range(clock_now_ns() - from_ns, 10 * NS_PER_S, 10 * NS_PER_S + 300 * NS_PER_MS);
}

/* One room is always told of, however long its name is. */
static void a_list_of_one_room_fits_behind_anything(void **state)
{
    struct fixture *fixture = open_house(1);
    struct player *one = fixture_welcome(fixture);
    struct frame frame;

    (void)state;
    for (uint32_t pings = 0; pings <= 60; pings++) {
        ask(one, ROOMD_C_PING, pings);
        player_ask_for_rooms(one);
        fixture_settle(fixture);
        for (uint32_t i = 0; i < pings; i++) {
            assert_true(player_next(one, &frame));
            assert_int_equal(frame.id, ROOMD_S_PONG);
        }
        assert_true(player_next(one, &frame));
        assert_int_equal(frame.id, ROOMD_S_ROOMS);
        assert_int_equal(roomd_get_u16(frame.payload), 1);
        player_expect_nothing(one);
    }
    fixture_close(fixture);
}

/* Once it has been in a room it is an ordinary client, also when it is out again. */
static void who_has_entered_is_owed_more(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_welcome(fixture);

    assert_memory_equal(&fixture_session(fixture, one)->owed_max, &session_owed_max_new,
                        sizeof(session_owed_max_new));
    player_join(one, "room");
    fixture_settle(fixture);
    assert_int_equal(fixture_session(fixture, one)->owed_max.bytes, room->options.outbox_bytes_max);
    player_leave(one);
    fixture_settle(fixture);
    assert_memory_equal(&fixture_session(fixture, one)->owed_max, &session_owed_max_nowhere,
                        sizeof(session_owed_max_nowhere));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_often_it_asks_for_the_rooms_little_waits),
        FIXTURE_TEST(however_much_it_asks_at_once_little_waits),
        FIXTURE_TEST(who_does_not_read_is_closed),
        cmocka_unit_test(a_list_of_one_room_fits_behind_anything),
        FIXTURE_TEST(who_has_entered_is_owed_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
