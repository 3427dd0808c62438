/* The content's own streams: who is told what, when, and in which order. */
#include "support/component.h"

#include <errno.h>
#include <string.h>

enum { NOTE = 100, STREAMS_MAX = 40 };

static struct room *open_room(struct fixture *fixture)
{
    struct room_options options = fixture_room_options();

    options.streams_max = STREAMS_MAX;
    return fixture_room(fixture, "room", &options);
}

static void open_streams(struct room *room, uint32_t from, uint32_t to)
{
    for (uint32_t number = from; number <= to; number++) {
        assert_int_equal(room_stream_open(room, number), 0);
    }
}

static void append_with(struct room *room, uint32_t number, const char *text, unsigned flags)
{
    assert_int_equal(room_stream_append(room, number, NOTE, text, strlen(text), flags), 0);
}

static void append(struct room *room, uint32_t number, const char *text)
{
    append_with(room, number, text, 0);
}

static void append_keyed(struct room *room, uint32_t number, uint64_t key, const char *text)
{
    assert_int_equal(room_stream_append_keyed(room, number, key, NOTE, text, strlen(text), 0), 0);
}

static void broadcast(struct room *room, const char *text)
{
    assert_int_equal(room_broadcast(room, NOTE, text, strlen(text), 0), 0);
}

static void follow(struct room *room, const struct player *player, uint32_t number)
{
    assert_int_equal(room_stream_follow(room, player->session, number), 0);
}

/* Opens them too. */
static void follow_new(struct room *room, const struct player *player, uint32_t from, uint32_t to)
{
    open_streams(room, from, to);
    for (uint32_t number = from; number <= to; number++) {
        follow(room, player, number);
    }
}

static void unfollow(struct room *room, const struct player *player, uint32_t number)
{
    assert_int_equal(room_stream_unfollow(room, player->session, number), 0);
}

/* One packet each, by the words of `text`. */
static void expect_words(struct player *player, const char *text)
{
    while (*text != '\0') {
        size_t bytes = strcspn(text, " ");

        player_expect(player, NOTE, text, bytes);
        text += bytes + (text[bytes] == ' ');
    }
    player_expect_nothing(player);
}

static void the_rooms_stream_comes_first_then_the_others_by_number(void **state)
{
    static const uint32_t numbers[] = {7, UINT32_MAX, 0, 1, UINT32_MAX - 1};
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(room_stream_open(room, numbers[i]), 0);
        follow(room, one, numbers[i]);
    }
    follow(room, two, 1);
    append(room, UINT32_MAX, "last");
    append(room, 7, "7");
    append(room, UINT32_MAX - 1, "last_but_one");
    append(room, 0, "0");
    append(room, 1, "1");
    append(room, 7, "7b");
    broadcast(room, "all");
    fixture_settle(fixture);
    player_expect_nothing(one);
    fixture_tick(fixture, room);
    expect_words(one, "all 0 1 7 7b last_but_one last");
    expect_words(two, "all 1");
    assert_int_equal(room->pending_bytes, 0);
    assert_true(list_is_empty(&room->active));
    assert_false(timer_is_armed(&room->tick));
    append(room, 1, "again");
    fixture_tick(fixture, room);
    expect_words(one, "again");
    expect_words(two, "again");
}

static void streams_are_opened_and_closed_by_number(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");
    uint64_t session = one->session;

    assert_int_equal(room_stream_close(room, 1), -ENOENT);
    assert_int_equal(room_stream_follow(room, session, 1), -ENOENT);
    assert_int_equal(room_stream_append(room, 1, NOTE, "x", 1, 0), -ENOENT);
    assert_int_equal(room_stream_append_keyed(room, 1, 1, NOTE, "x", 1, 0), -ENOENT);
    open_streams(room, 1, STREAMS_MAX);
    assert_int_equal(room_stream_open(room, 1), -EEXIST);
    assert_int_equal(room_stream_open(room, 0), -ENOSPC);
    for (uint32_t number = 1; number <= STREAMS_MAX; number++) {
        assert_int_equal(room_stream_find(room, number)->number, number);
    }
    assert_null(room_stream_find(room, STREAMS_MAX + 1));
    assert_int_equal(room_stream_follow(room, 12345, 1), -ENOENT);
    follow(room, one, 1);
    assert_int_equal(room_stream_follow(room, session, 1), -EALREADY);
    assert_int_equal(room_stream_close(room, 1), -EBUSY);
    assert_int_equal(room_stream_unfollow(room, session, 2), -ENOENT);
    assert_int_equal(room_stream_unfollow(room, session, 99), -ENOENT);
    assert_int_equal(room_stream_append(room, 1, 0, "x", 1, 0), -EINVAL);
    assert_int_equal(room_stream_append(room, 1, ROOMD_S_KICK, "x", 1, 0), -EINVAL);
    assert_int_equal(room_stream_append_keyed(room, 2, 1, 0, "x", 1, 0), -EINVAL);
    assert_int_equal(room_stream_append(room, 1, NOTE, "x", ROOMD_PAYLOAD_BYTES_MAX + 1, 0), -EMSGSIZE);
    unfollow(room, one, 1);
    assert_int_equal(room_stream_unfollow(room, session, 1), -ENOENT);
    for (uint32_t number = 1; number <= STREAMS_MAX; number++) {
        assert_int_equal(room_stream_close(room, number), 0);
    }
    assert_int_equal(room->stream_count, 0);
    open_streams(room, 0, STREAMS_MAX - 1);
    player_expect_nothing(one);
}

/* Put aside with something in it that nobody follows any more, taken up again under another number. */
static void a_stream_that_is_used_again_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");
    const struct room_stream *stream;

    open_streams(room, 5, 5);
    stream = room_stream_find(room, 5);
    for (uint32_t number = 5; number < 15; number++) {
        follow(room, one, number);
        append_keyed(room, number, 1, "old1");
        append_keyed(room, number, 1, "old2");
        unfollow(room, one, number);
        assert_int_equal(room_stream_close(room, number), 0);
        assert_int_equal(room->pending_bytes, 0);
        assert_true(list_is_empty(&room->active));
        open_streams(room, number + 1, number + 1);
        assert_ptr_equal(room_stream_find(room, number + 1), stream);
    }
    follow(room, one, 15);
    append_keyed(room, 15, 1, "new1");
    append_keyed(room, 15, 1, "new2");
    fixture_tick(fixture, room);
    expect_words(one, "old2 old2 old2 old2 old2 old2 old2 old2 old2 old2 new2");
}

static void who_follows_in_mid_tick_is_told_what_comes_from_then_on(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");

    open_streams(room, 1, 2);
    follow(room, one, 1);
    append(room, 1, "a");
    follow(room, two, 1);
    append(room, 1, "b");
    append(room, 2, "nobody");
    follow(room, two, 2);
    append(room, 2, "c");
    unfollow(room, one, 1);
    append(room, 1, "d");
    follow(room, one, 1);
    append(room, 1, "e");
    unfollow(room, two, 2);
    broadcast(room, "all");
    assert_int_equal(room_stream_close(room, 2), 0);
    fixture_tick(fixture, room);
    expect_words(one, "a b all e");
    expect_words(two, "b d e c all");
}

static void what_nobody_follows_is_not_kept(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    uint32_t live;

    fixture_enter(fixture, "room");
    live = fixture->engine.net.gather.chunks.live;
    open_streams(room, 1, 1);
    append_with(room, 1, "x", ROOMD_URGENT);
    append_keyed(room, 1, 1, "x");
    assert_int_equal(room->pending_bytes, 0);
    assert_false(room->wants_round);
    assert_int_equal(fixture->engine.net.gather.chunks.live, live);
}

static void nothing_overtakes_a_barrier(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");

    follow_new(room, one, 1, 3);
    follow(room, two, 2);
    room_barrier(room);
    append(room, 3, "c1");
    append(room, 2, "b1");
    room_barrier(room);
    room_barrier(room); /* with nothing in between it costs nothing */
    assert_true(outbox_is_empty(&fixture_session(fixture, one)->conn.reader.outbox));
    append(room, 1, "a2");
    broadcast(room, "all2");
    append(room, 3, "c2");
    room_barrier(room); /* a second one: everybody is handed what lies before it */
    assert_int_equal(fixture_session(fixture, one)->conn.reader.outbox.bytes, 5 * 4 + 4 * 2 + 4);
    append(room, 3, "c3");
    append(room, 1, "a3");
    fixture_tick(fixture, room);
    expect_words(one, "b1 c1 all2 a2 c2 a3 c3");
    expect_words(two, "b1 all2");
}

/* A state that was told before a barrier is not replaced by one of behind it. */
static void keyed_states_keep_to_barriers(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");

    follow_new(room, one, 1, 2);
    append_keyed(room, 2, 9, "x1");
    append_keyed(room, 2, 9, "x2");
    assert_int_equal(room->pending_bytes, 6);
    room_barrier(room);
    append(room, 1, "y");
    append_keyed(room, 2, 9, "x3");
    append_keyed(room, 2, 9, "x4");
    fixture_tick(fixture, room);
    expect_words(one, "x2 y x4");
    assert_int_equal(fixture->engine.net.gather.overwritten, 2);
}

static void what_is_urgent_takes_all_of_it_along(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");

    follow_new(room, one, 1, 2);
    append(room, 1, "a");
    broadcast(room, "all");
    fixture_settle(fixture);
    player_expect_nothing(one);
    append_with(room, 2, "b", ROOMD_URGENT);
    append(room, 1, "a2");
    fixture_settle(fixture);
    expect_words(one, "all a a2 b");
    assert_int_equal(room_stream_append_keyed(room, 2, 1, NOTE, "k", 1, 0), 0);
    assert_int_equal(room_stream_append_keyed(room, 2, 1, NOTE, "l", 1, ROOMD_URGENT), 0);
    fixture_settle(fixture);
    expect_words(one, "l");
}

static void a_room_without_a_tick_flushes_every_turn(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;

    options.tick_ns = 0;
    room = fixture_room(fixture, "room", &options);
    one = fixture_enter(fixture, "room");
    follow_new(room, one, 1, 1);
    append(room, 1, "a");
    fixture_settle(fixture);
    expect_words(one, "a");
}

static void fill(struct room *room, uint32_t number, size_t bytes)
{
    static uint8_t payload[4096];

    assert_int_equal(room_stream_append(room, number, NOTE, payload, bytes - ROOMD_FRAME_HEADER_BYTES, 0), 0);
}

static void much_in_one_stream_or_in_all_goes_out_early(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");

    room->options.early_flush_bytes = 1000;
    follow_new(room, one, 1, STREAMS_MAX);
    fill(room, 1, 999);
    fixture_settle(fixture);
    player_expect_nothing(one);
    fill(room, 1, 5);
    fixture_settle(fixture);
    assert_int_equal(player_receive(one, SIZE_MAX), 1004);
    assert_int_equal(fixture->engine.stats.flushes_early, 1);
    for (uint32_t number = 1; number <= 31; number++) {
        fill(room, number, 500);
    }
    fixture_settle(fixture);
    assert_int_equal(player_receive(one, SIZE_MAX), 1004); /* 15,500 bytes wait */
    fill(room, 32, 500);
    fixture_settle(fixture);
    assert_int_equal(player_receive(one, SIZE_MAX), 1004 + 16000);
    assert_int_equal(fixture->engine.stats.flushes_early, 2);
    one->start = one->end;
}

/*
 * The room's own stream goes out in bounded rounds, as many as it takes; with others beside it all goes in one, so that
 * what a barrier keeps in order is not cut in two.
 */
static void rounds_are_bounded_for_one_stream_only(void **state)
{
    static const char text[600];
    struct engine_limits limits = fixture_limits();
    struct room_options options = fixture_room_options();
    struct fixture *fixture;
    struct player *one;
    struct room *room;

    (void)state;
    limits.chunk_bytes = 700; /* each text has one to itself */
    fixture = fixture_open(&limits);
    options.early_flush_bytes = 1000;
    options.streams_max = 1;
    room = fixture_room(fixture, "room", &options);
    one = fixture_enter(fixture, "room");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(room_broadcast(room, NOTE, text, sizeof(text), i == 0 ? ROOMD_URGENT : 0), 0);
    }
    fixture_flush(fixture);
    assert_true(room->wants_round);
    assert_int_equal(player_receive(one, SIZE_MAX), sizeof(text) + ROOMD_FRAME_HEADER_BYTES);
    fixture_settle(fixture);
    assert_int_equal(player_receive(one, SIZE_MAX), 3 * (sizeof(text) + ROOMD_FRAME_HEADER_BYTES));
    one->start = one->end;

    follow_new(room, one, 1, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(room_stream_append(room, 1, NOTE, text, sizeof(text), 0), 0);
    }
    room_barrier(room);
    broadcast(room, "behind");
    fixture_settle(fixture);
    for (int i = 0; i < 3; i++) {
        player_expect(one, NOTE, text, sizeof(text));
    }
    expect_words(one, "behind");
    fixture_close(fixture);
}

static void try_to_follow(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)reason;
    assert_int_equal(stage->host->stream_follow(stage->room, session, 1), -ENOENT);
    stage->counters[0]++;
}

/* Neither who leaves nor who is thrown out follows anything any more, when the content is told. */
static void who_goes_follows_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");

    stage_of(room)->on_leave = try_to_follow;
    follow_new(room, one, 1, 2);
    follow(room, two, 1);
    append(room, 1, "a");
    session_close(fixture_session(fixture, two), ROOMD_CLOSE_KICKED, NULL);
    assert_int_equal(room_stream_follow(room, two->session, 2), -ENOENT);
    assert_int_equal(room_stream_unfollow(room, two->session, 1), -ENOENT);
    append(room, 1, "b");
    player_leave(one);
    fixture_settle(fixture);
    assert_int_equal(stage_of(room)->counters[0], 2);
    player_expect_text(two, NOTE, "a");
    player_expect_kick(two, ROOMD_CLOSE_KICKED);
    player_expect_text(one, NOTE, "a");
    player_expect_text(one, NOTE, "b");
    player_expect_left(one, ROOMD_LEAVE_ASKED);
    assert_int_equal(room_stream_follow(room, one->session, 1), -ENOENT);
    assert_int_equal(room_stream_close(room, 1), 0);
    assert_int_equal(room_stream_close(room, 2), 0);
    stage_of(room)->on_leave = NULL;
}

static void closing_all_hands_out_what_was_said(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_room(fixture);
    struct player *one = fixture_enter(fixture, "room");

    room_stream_close_all(room);
    follow_new(room, one, 1, 30);
    append(room, 30, "z");
    append(room, 1, "a");
    broadcast(room, "all");
    room_stream_close_all(room);
    assert_int_equal(room->stream_count, 0);
    broadcast(room, "more");
    follow_new(room, one, 1, 1);
    append(room, 1, "new");
    fixture_tick(fixture, room);
    expect_words(one, "all a z more new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_rooms_stream_comes_first_then_the_others_by_number),
        FIXTURE_TEST(streams_are_opened_and_closed_by_number),
        FIXTURE_TEST(a_stream_that_is_used_again_begins_anew),
        FIXTURE_TEST(who_follows_in_mid_tick_is_told_what_comes_from_then_on),
        FIXTURE_TEST(what_nobody_follows_is_not_kept),
        FIXTURE_TEST(nothing_overtakes_a_barrier),
        FIXTURE_TEST(keyed_states_keep_to_barriers),
        FIXTURE_TEST(what_is_urgent_takes_all_of_it_along),
        FIXTURE_TEST(a_room_without_a_tick_flushes_every_turn),
        FIXTURE_TEST(much_in_one_stream_or_in_all_goes_out_early),
        cmocka_unit_test(rounds_are_bounded_for_one_stream_only),
        FIXTURE_TEST(who_goes_follows_nothing),
        FIXTURE_TEST(closing_all_hands_out_what_was_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
