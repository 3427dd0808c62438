/* The list of rooms in pages: each room once, to a client that reads as slowly as it likes, at nobody else's cost. */
#include "support/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

enum { ROOMS = 5000, OWED_ANSWERS = 16 * 1024, NARROW = 4096, PIECE = 4096, TURNS_MAX = 2000 };

static void put_name(char name[ROOMD_NAME_BYTES_MAX + 1], uint32_t number)
{
    snprintf(name, ROOMD_NAME_BYTES_MAX + 1, "a hut with a name as long as names may ever be, no %08u",
             number);
}

static struct fixture *open_house(uint32_t rooms)
{
    struct engine_limits limits = fixture_limits();
    struct room_template template = fixture_template("hut");
    struct fixture *fixture;
    char name[ROOMD_NAME_BYTES_MAX + 1];

    limits.rooms_max = rooms;
    fixture = fixture_open(&limits);
    log_set_level(LOG_LEVEL_INFO);
    template.instances_max = rooms;
    fixture_set_template(fixture, &template);
    for (uint32_t i = 1; i <= rooms; i++) {
        put_name(name, i);
        fixture_make_room(fixture, "hut", name);
    }
    return fixture;
}

/* One that has been in a room, and is out again: those who have not are owed less (test_newcomers.c). */
static struct player *visit_narrow(struct fixture *fixture, int send_buffer_bytes)
{
    char name[ROOMD_NAME_BYTES_MAX + 1];
    struct player *player;

    put_name(name, 1);
    player = fixture_enter_narrow(fixture, name, send_buffer_bytes);
    player_leave(player);
    fixture_settle(fixture);
    player_expect_left(player, ROOMD_LEAVE_ASKED);
    return player;
}

/* Which rooms a client has been told of, and in how many packets. */
struct told {
    uint8_t times[2 * ROOMS + 1];
    uint32_t rooms;
    uint32_t pages;
    uint32_t last;
    bool has_pong; /* it was told that too, behind the list */
};

static void take_page(struct told *told, const struct frame *frame)
{
    struct control_server control;
    struct control_room room;

    assert_int_equal(control_decode_server(frame, &control), 0);
    while (control_rooms_next(&control.rooms.cursor, &room) == 1) {
        uint32_t number = (uint32_t)strtoul((const char *)room.room.bytes + room.room.size - 8, NULL, 10);

        assert_in_range(number, told->last + 1, 2 * ROOMS); /* in the order of their making */
        told->last = number;
        told->times[number]++;
        told->rooms++;
    }
    told->pages++;
}

static void take_told(struct told *told, struct player *player)
{
    struct frame frame;

    while (player_next(player, &frame)) {
        if (frame.id == ROOMD_S_PONG) {
            told->has_pong = true;
            continue;
        }
        assert_int_equal(frame.id, ROOMD_S_ROOMS);
        assert_false(told->has_pong);
        take_page(told, &frame);
    }
}

/* Turns until the pong behind the list has come; the asker reads a little each time. Returns the most it was owed. */
static uint32_t read_slowly(struct fixture *fixture, struct player *asker, struct player *bystander,
                            struct told *told)
{
    uint32_t owed_most = 0;
    struct frame frame;

    for (int turn = 0; !told->has_pong; turn++) {
        const struct session *session = fixture_session(fixture, asker);

        assert_true(turn < TURNS_MAX);
        player_send(bystander, ROOMD_C_PING, "12345678", 8);
        fixture_turn(fixture);
        assert_true(player_next(bystander, &frame)); /* answered in the very turn */
        assert_int_equal(frame.id, ROOMD_S_PONG);
        assert_non_null(session);
        if (session->conn.reader.outbox.bytes > owed_most) {
            owed_most = session->conn.reader.outbox.bytes;
        }
        if (turn % 3 == 0) {
            player_receive(asker, PIECE);
            take_told(told, asker);
        }
    }
    return owed_most;
}

static void a_list_that_outgrows_a_packet_comes_whole_to_a_slow_reader(void **state)
{
    struct fixture *fixture = open_house(ROOMS);
    struct player *asker = visit_narrow(fixture, NARROW);
    struct player *bystander = fixture_welcome(fixture);
    struct told *told = calloc(1, sizeof(*told));
    uint32_t owed_most;

    (void)state;
    assert_non_null(told);
    player_ask_for_rooms(asker);
    player_send(asker, ROOMD_C_PING, "12345678", 8);
    owed_most = read_slowly(fixture, asker, bystander, told);
    assert_int_equal(told->rooms, ROOMS);
    for (uint32_t i = 1; i <= ROOMS; i++) {
        assert_int_equal(told->times[i], 1);
    }
    assert_true(told->pages > ROOMS * 70 / ROOMD_FRAME_BYTES_MAX);
    assert_in_range(owed_most, ROOMD_FRAME_BYTES_MAX / 2, OWED_ANSWERS + ROOMD_FRAME_BYTES_MAX);
    fixture_settle(fixture);
    player_expect_nothing(asker);
    assert_false(fixture_session(fixture, asker)->is_listing);
    assert_false(fixture_session(fixture, asker)->is_paused);
    free(told);
    fixture_close(fixture);
}

/* While it is read, every second room goes, and others come: those that stay are told of once, none twice. */
static void rooms_that_come_and_go_meanwhile_do_not_disturb_the_list(void **state)
{
    struct fixture *fixture = open_house(ROOMS);
    struct player *asker = visit_narrow(fixture, NARROW);
    struct player *bystander = fixture_welcome(fixture);
    struct told *told = calloc(1, sizeof(*told));
    char name[ROOMD_NAME_BYTES_MAX + 1];

    (void)state;
    assert_non_null(told);
    player_ask_for_rooms(asker);
    player_send(asker, ROOMD_C_PING, "12345678", 8);
    fixture_turn(fixture);
    assert_true(fixture_session(fixture, asker)->is_listing);
    for (uint32_t i = 2; i <= ROOMS; i += 2) {
        put_name(name, i);
        room_retire(fixture_find_room(fixture, name));
    }
    fixture_turn(fixture);
    for (uint32_t i = ROOMS + 1; i <= ROOMS + 1000; i++) {
        put_name(name, i);
        fixture_make_room(fixture, "hut", name);
    }
    read_slowly(fixture, asker, bystander, told);
    for (uint32_t i = 1; i <= ROOMS; i += 2) {
        assert_int_equal(told->times[i], 1);
        assert_true(told->times[i + 1] <= 1);
    }
    for (uint32_t i = ROOMS + 1; i <= ROOMS + 1000; i++) {
        assert_int_equal(told->times[i], 1);
    }
    assert_true(told->rooms < ROOMS); /* some of those that went were not told of any more */
    free(told);
    fixture_close(fixture);
}

static void a_list_whose_rest_has_gone_ends(void **state)
{
    struct fixture *fixture = open_house(ROOMS);
    struct player *asker = visit_narrow(fixture, NARROW);
    struct told *told = calloc(1, sizeof(*told));

    (void)state;
    assert_non_null(told);
    player_ask_for_rooms(asker);
    player_send(asker, ROOMD_C_PING, "12345678", 8);
    fixture_turn(fixture);
    while (fixture->engine.lobby.count > 0) {
        room_retire(fixture->engine.lobby.rooms[fixture->engine.lobby.count - 1]);
    }
    read_slowly(fixture, asker, fixture_welcome(fixture), told);
    assert_int_equal(told->pages, 1); /* no empty one behind it */
    assert_false(fixture_session(fixture, asker)->is_listing);
    free(told);
    fixture_close(fixture);
}

static void who_hangs_up_in_the_middle_of_the_list_leaves_nothing(void **state)
{
    struct fixture *fixture = open_house(ROOMS);
    struct player *gone = visit_narrow(fixture, NARROW);
    struct player *kicked = visit_narrow(fixture, NARROW);

    (void)state;
    player_ask_for_rooms(gone);
    player_ask_for_rooms(kicked);
    fixture_turn(fixture);
    assert_true(fixture_session(fixture, gone)->is_listing);
    player_hang_up(gone);
    session_close(fixture_session(fixture, kicked), ROOMD_CLOSE_SHUTDOWN, NULL);
    fixture_settle(fixture);
    fixture_check_places(fixture);

    struct told *told = calloc(1, sizeof(*told));
    struct frame frame;
    uint32_t last = 0;

    assert_non_null(told);
    for (int turn = 0; turn < 100; turn++) {
        fixture_turn(fixture);
        while (player_next(kicked, &frame)) {
            last = frame.id;
            told->pages += frame.id == ROOMD_S_ROOMS;
        }
    }
    assert_int_equal(told->pages, 1); /* what it was owed, and no more of the list */
    assert_int_equal(last, ROOMD_S_KICK);
    free(told);
    fixture_close(fixture);
}

static void a_list_that_fits_is_one_packet(void **state)
{
    struct fixture *fixture = open_house(400); /* 400 * 81 bytes */
    struct player *asker = visit_narrow(fixture, 0);
    struct told *told = calloc(1, sizeof(*told));

    (void)state;
    assert_non_null(told);
    player_ask_for_rooms(asker);
    fixture_settle(fixture);
    take_told(told, asker);
    assert_int_equal(told->pages, 1);
    assert_int_equal(told->rooms, 400);
    free(told);
    fixture_close(fixture);
}

static void a_house_without_rooms_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct player *asker = fixture_welcome(fixture);

    player_ask_for_rooms(asker);
    fixture_settle(fixture);
    player_expect(asker, ROOMD_S_ROOMS, "\0\0", 2);
    player_expect_nothing(asker);
}

/* It is in a room with little left of what it may be owed: the list waits for it, and does not make it slow. */
static void a_reader_that_is_owed_much_is_not_found_slow_for_asking(void **state)
{
    struct fixture *fixture = open_house(ROOMS);
    struct room_options options = fixture_room_options();
    struct told *told = calloc(1, sizeof(*told));
    static uint8_t note[12 * 1024];
    struct player *asker;
    struct frame frame;
    struct room *room;

    (void)state;
    assert_non_null(told);
    room_retire(fixture->engine.lobby.rooms[ROOMS - 1]);
    fixture_settle(fixture);
    options.outbox_bytes_max = 64 * 1024;
    room = fixture_room(fixture, "the house of the narrow, no 00009999", &options);
    asker = fixture_enter_narrow(fixture, "the house of the narrow, no 00009999", NARROW);
    assert_int_equal(room_broadcast(room, 100, note, sizeof(note), ROOMD_URGENT), 0);
    fixture_settle(fixture);
    assert_true(fixture_session(fixture, asker)->conn.is_blocked);
    player_ask_for_rooms(asker);
    player_send(asker, ROOMD_C_PING, "12345678", 8);
    for (int turn = 0; turn < TURNS_MAX && !told->has_pong; turn++) {
        fixture_turn(fixture);
        player_receive(asker, PIECE);
        if (turn == 0) {
            continue;
        }
        while (told->pages == 0 && player_next(asker, &frame)) {
            if (frame.id == ROOMD_S_ROOMS) {
                take_page(told, &frame);
            }
        }
        if (told->pages > 0) {
            take_told(told, asker);
        }
    }
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
    assert_int_equal(told->rooms, ROOMS);
    free(told);
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_outgrows_a_packet_comes_whole_to_a_slow_reader),
        cmocka_unit_test(rooms_that_come_and_go_meanwhile_do_not_disturb_the_list),
        cmocka_unit_test(a_list_whose_rest_has_gone_ends),
        cmocka_unit_test(who_hangs_up_in_the_middle_of_the_list_leaves_nothing),
        cmocka_unit_test(a_list_that_fits_is_one_packet),
        FIXTURE_TEST(a_house_without_rooms_says_so),
        cmocka_unit_test(a_reader_that_is_owed_much_is_not_found_slow_for_asking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
