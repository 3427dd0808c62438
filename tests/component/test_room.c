/* What content sends in a room, seen from the players' side. */
#include "support/component.h"

#include <errno.h>
#include <string.h>

enum { NOTE = 100, OTHER = 101 };

/* What a job of these tests works on. */
struct call {
    uint64_t session;
    int result;
};

static int send_text(struct stage *stage, uint64_t session, const char *text, unsigned flags)
{
    return stage->host->send(stage->room, session, NOTE, text, strlen(text), flags);
}

static int broadcast_text(struct stage *stage, const char *text, unsigned flags)
{
    return stage->host->broadcast(stage->room, NOTE, text, strlen(text), flags);
}

static int keyed_text(struct stage *stage, uint64_t key, const char *text)
{
    return stage->host->broadcast_keyed(stage->room, key, NOTE, text, strlen(text), 0);
}

static void a_broadcast_reaches_everyone_once_at_the_tick(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *players[3];

    for (int i = 0; i < 3; i++) {
        players[i] = fixture_enter(fixture, "room");
    }
    stage_broadcast(fixture, room, NOTE, "one");
    stage_broadcast(fixture, room, OTHER, "");
    stage_broadcast(fixture, room, NOTE, "two");
    fixture_settle(fixture);
    fixture_advance(fixture, room->tick.due_ns - clock_now_ns() - 1);
    for (int i = 0; i < 3; i++) {
        player_expect_nothing(players[i]); /* not before the tick */
    }

    uint64_t writes = fixture->engine.net.stats.writevs;

    fixture_tick(fixture, room);
    assert_int_equal(fixture->engine.net.stats.writevs - writes, 3); /* one gathered write each */
    fixture_advance(fixture, 10 * FIXTURE_TICK_NS);
    for (int i = 0; i < 3; i++) {
        player_expect_text(players[i], NOTE, "one");
        player_expect_text(players[i], OTHER, "");
        player_expect_text(players[i], NOTE, "two");
        player_expect_nothing(players[i]);
    }
    assert_int_equal(fixture->engine.net.stats.writevs - writes, 3);
    assert_int_equal(fixture->engine.net.gather.deliveries, 3 * 3 + 3 * 2); /* and welcome and joined */
}

static void except_one(struct stage *stage, void *context)
{
    struct call *call = context;

    assert_int_equal(broadcast_text(stage, "before", 0), 0);
    call->result = stage->host->broadcast_except(stage->room, call->session, NOTE, "not you", 7, 0);
    assert_int_equal(broadcast_text(stage, "after", 0), 0);
}

static void all_but_one_keeps_the_order_of_that_one(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    struct call call = {.session = one->session};

    stage_run(fixture, room, except_one, &call);
    assert_int_equal(call.result, 0);
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "before");
    player_expect_text(one, NOTE, "after");
    player_expect_nothing(one);
    player_expect_text(two, NOTE, "before");
    player_expect_text(two, NOTE, "not you");
    player_expect_text(two, NOTE, "after");
    player_expect_nothing(two);
}

static void send_among_broadcasts(struct stage *stage, void *context)
{
    const struct call *call = context;

    assert_int_equal(broadcast_text(stage, "1", 0), 0);
    assert_int_equal(send_text(stage, call->session, "2", 0), 0);
    assert_int_equal(send_text(stage, call->session, "3", 0), 0);
    assert_int_equal(broadcast_text(stage, "4", 0), 0);
    assert_int_equal(send_text(stage, call->session, "5", 0), 0);
}

static void a_packet_for_one_comes_in_order_with_those_for_all(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    struct call call = {.session = one->session};

    stage_run(fixture, room, send_among_broadcasts, &call);
    player_expect_nothing(one);
    fixture_tick(fixture, room);
    for (int i = 1; i <= 5; i++) {
        player_expect_text(one, NOTE, (char[]){(char)('0' + i), '\0'});
    }
    player_expect_nothing(one);
    player_expect_text(two, NOTE, "1");
    player_expect_text(two, NOTE, "4");
    player_expect_nothing(two);
}

static void send_alone(struct stage *stage, void *context)
{
    assert_int_equal(send_text(stage, ((struct call *)context)->session, "you", 0), 0);
}

static void a_packet_for_one_alone_needs_no_broadcast_to_leave(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct call call = {.session = one->session};

    for (int i = 0; i < 3; i++) {
        stage_run(fixture, room, send_alone, &call);
        player_expect_nothing(one);
        fixture_tick(fixture, room);
        player_expect_text(one, NOTE, "you");
    }
}

static void broadcast_urgently(struct stage *stage, void *context)
{
    (void)context;
    assert_int_equal(broadcast_text(stage, "calm", 0), 0);
    assert_int_equal(broadcast_text(stage, "urgent", ROOMD_URGENT), 0);
    assert_int_equal(broadcast_text(stage, "calm too", 0), 0);
}

static void send_urgently(struct stage *stage, void *context)
{
    const struct call *call = context;

    assert_int_equal(broadcast_text(stage, "calm", 0), 0);
    assert_int_equal(send_text(stage, call->session, "urgent", ROOMD_URGENT), 0);
}

/* At the end of this turn, with all that was pending before it; whom it does not concern waits. */
static void what_is_urgent_does_not_wait_for_the_tick(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    struct call call = {.session = one->session};

    stage_run_play(fixture, room, broadcast_urgently, NULL);
    fixture_flush(fixture);
    player_expect_text(one, NOTE, "calm");
    player_expect_text(one, NOTE, "urgent");
    player_expect_text(two, NOTE, "calm");
    player_expect_text(two, NOTE, "urgent");
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "calm too");
    player_expect_text(two, NOTE, "calm too");

    stage_run_play(fixture, room, send_urgently, &call);
    fixture_flush(fixture);
    player_expect_text(one, NOTE, "calm");
    player_expect_text(one, NOTE, "urgent");
    player_expect_nothing(two);
    fixture_tick(fixture, room);
    player_expect_nothing(one);
    player_expect_text(two, NOTE, "calm");
    player_expect_nothing(two);
}

static void keys_before_a_pull(struct stage *stage, void *context)
{
    (void)context;
    assert_int_equal(keyed_text(stage, 7, "a1"), 0);
    assert_int_equal(keyed_text(stage, 8, "b1"), 0);
    assert_int_equal(keyed_text(stage, 7, "a2"), 0);
    assert_int_equal(keyed_text(stage, 7, "a3"), 0);
    assert_int_equal(keyed_text(stage, 8, "b2 is longer"), 0);
}

static void the_newest_state_replaces_what_nobody_was_handed(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    stage_run(fixture, room, keys_before_a_pull, NULL);
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "a3");
    player_expect_text(one, NOTE, "b1");
    player_expect_text(one, NOTE, "b2 is longer"); /* another size: one packet more */
    player_expect_nothing(one);
    assert_int_equal(fixture->engine.net.gather.overwritten, 2);
}

static void keys_around_a_pull(struct stage *stage, void *context)
{
    const struct call *call = context;

    assert_int_equal(keyed_text(stage, 7, "a1"), 0);
    assert_int_equal(send_text(stage, call->session, "handed", 0), 0); /* one has been handed a1 now */
    assert_int_equal(keyed_text(stage, 7, "a2"), 0);
    assert_int_equal(keyed_text(stage, 7, "a3"), 0);
}

static void the_newest_state_is_added_where_somebody_was_handed_the_last(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    struct call call = {.session = one->session};

    stage_run(fixture, room, keys_around_a_pull, &call);
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "a1");
    player_expect_text(one, NOTE, "handed");
    player_expect_text(one, NOTE, "a3");
    player_expect_nothing(one);
    player_expect_text(two, NOTE, "a1");
    player_expect_text(two, NOTE, "a3");
    player_expect_nothing(two);
}

static void key_of_call(struct stage *stage, void *context)
{
    assert_int_equal(keyed_text(stage, 7, context), 0);
}

static void snapshot_on_enter(struct stage *stage, uint64_t session)
{
    assert_int_equal(send_text(stage, session, "snapshot", 0), 0);
}

/* Who enters between two states of a key has not been handed the first, and must not miss the second. */
static void who_enters_between_two_states_gets_the_newer(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    stage_of(room)->on_enter = snapshot_on_enter;
    stage_run(fixture, room, key_of_call, "a1");

    struct player *two = fixture_enter(fixture, "room");

    stage_run(fixture, room, key_of_call, "a2");
    fixture_tick(fixture, room);
    player_expect_text(two, NOTE, "snapshot");
    player_expect_text(two, NOTE, "a2");
    player_expect_nothing(two);

    struct frame frame;
    struct frame last = {0};

    while (player_next(one, &frame)) {
        last = frame;
    }
    assert_int_equal(last.payload_bytes, 2);
    assert_memory_equal(last.payload, "a2", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_broadcast_reaches_everyone_once_at_the_tick),
        FIXTURE_TEST(all_but_one_keeps_the_order_of_that_one),
        FIXTURE_TEST(a_packet_for_one_comes_in_order_with_those_for_all),
        FIXTURE_TEST(a_packet_for_one_alone_needs_no_broadcast_to_leave),
        FIXTURE_TEST(what_is_urgent_does_not_wait_for_the_tick),
        FIXTURE_TEST(the_newest_state_replaces_what_nobody_was_handed),
        FIXTURE_TEST(the_newest_state_is_added_where_somebody_was_handed_the_last),
        FIXTURE_TEST(who_enters_between_two_states_gets_the_newer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
