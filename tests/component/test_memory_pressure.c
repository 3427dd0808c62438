/*
 * memory_max: who is shed when it runs short, who stays, who comes in, and that all is as before when it is over. The
 * limit lies a little above what is in use once a test's players are in.
 */
#include "support/component.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/asan.h"
#include "base/memory.h"

enum { NOTE = 100, MIB = 1024 * 1024, ROUND_BYTES = 8000, PART_BYTES = 60000 };

static uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];

/* From now on so much more may be taken. */
static void allow_more(struct fixture *fixture, uint64_t bytes)
{
    struct engine_limits limits = fixture->engine.limits;

    limits.memory_bytes_max = memory_used_bytes() + bytes;
    engine_set_limits(&fixture->engine, &limits);
}

static uint64_t bytes_left(void)
{
    return memory_limit_bytes() - memory_used_bytes();
}

/* Takes all but the share in thousandths; given back by memory_give. */
static void *fill_up(uint32_t thousandths)
{
    uint64_t left = memory_limit_bytes() / 1000 * thousandths;
    void *ballast = memory_take((size_t)(bytes_left() - left));

    assert_non_null(ballast);
    return ballast;
}

/* A room that is patient with slow readers. */
static struct room *open_patient_room(struct fixture *fixture, const char *name)
{
    struct room *room = fixture_room(fixture, name, NULL);

    room->options.outbox_age_max_ns = 600 * NS_PER_S;
    stage_of(room)->is_mute = true;
    return room;
}

static void say(struct fixture *fixture, struct room *room, struct player *honest, uint32_t number,
                size_t bytes)
{
    roomd_put_u32(payload, number);
    assert_int_equal(room_broadcast(room, NOTE, payload, bytes, 0), 0);
    fixture_tick(fixture, room);
    if (honest != NULL) {
        player_expect(honest, NOTE, payload, bytes);
    }
    assert_true(memory_used_bytes() <= memory_limit_bytes());
}

static bool is_here(struct fixture *fixture, const struct player *player)
{
    return fixture_session(fixture, player) != NULL;
}

static void expect_closes(struct fixture *fixture, uint64_t slow, uint64_t no_memory)
{
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], slow);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_NO_MEMORY], no_memory);
    assert_int_equal(fixture->engine.stats.sessions_shed, slow + no_memory);
}

/* All pin the same: none of them alone makes a difference, so all of them go; and who reads hears every word. */
static void readers_that_stopped_go_and_the_others_hear_all(void **state)
{
    enum { SLOW = 6, ROUNDS = 1500 };
    struct fixture *fixture = *state;
    struct room *room = open_patient_room(fixture, "room");
    struct player *honest = fixture_enter(fixture, "room");
    struct player *slow[SLOW];

    for (int i = 0; i < SLOW; i++) {
        slow[i] = fixture_enter_narrow(fixture, "room", 1);
    }
    allow_more(fixture, 4 * MIB);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        say(fixture, room, honest, i, ROUND_BYTES);
    }
    player_expect_nothing(honest);
    for (int i = 0; i < SLOW; i++) {
        assert_false(is_here(fixture, slow[i]));
    }
    expect_closes(fixture, SLOW, 0);
    assert_int_equal(fixture->engine.stats.appends_refused, 0);
    assert_int_equal(fixture_log_count("event=memory used_bytes="), 1);
    assert_int_equal(fixture_log_count("event=no_memory"), 0);
}

static void who_pins_most_goes_first(void **state)
{
    struct fixture *fixture = *state;
    struct room *loud = open_patient_room(fixture, "loud");
    struct room *low = open_patient_room(fixture, "low");
    struct player *fat = fixture_enter_narrow(fixture, "loud", 1);
    struct player *slim = fixture_enter_narrow(fixture, "low", 1);

    allow_more(fixture, 4 * MIB);
    for (uint32_t i = 0; i < 100; i++) {
        say(fixture, low, NULL, i, ROUND_BYTES);
    }
    for (uint32_t i = 0; i < 600; i++) {
        say(fixture, loud, NULL, i, ROUND_BYTES);
    }
    assert_false(is_here(fixture, fat));
    assert_true(is_here(fixture, slim));
    expect_closes(fixture, 1, 0);
}

/* Few bytes in many chunks pin more than many bytes in few. */
static void what_counts_is_what_is_pinned_not_what_is_owed(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_patient_room(fixture, "room");
    struct room *other = open_patient_room(fixture, "other");
    struct player *crumbs = fixture_enter_narrow(fixture, "room", 1);
    struct player *honest = fixture_enter(fixture, "room");
    struct player *glutton = fixture_enter_narrow(fixture, "other", 1);
    const struct session *crumbs_session = fixture_session(fixture, crumbs);
    const struct session *glutton_session = fixture_session(fixture, glutton);

    allow_more(fixture, 16 * MIB);
    for (uint32_t i = 0; i < 50; i++) {
        say(fixture, other, NULL, i, ROUND_BYTES);
    }
    for (uint32_t i = 0; i < 400; i++) {
        assert_int_equal(room_send(room, crumbs->session, NOTE, payload, 100, 0), 0);
        for (int n = 0; n < 2; n++) {
            assert_int_equal(room_send(room, honest->session, NOTE, payload, ROUND_BYTES, 0), 0);
        }
        fixture_tick(fixture, room);
        player_receive(honest, SIZE_MAX);
    }
    assert_true(crumbs_session->conn.reader.outbox.bytes > 16 * 1024);
    assert_true(crumbs_session->conn.reader.outbox.bytes < glutton_session->conn.reader.outbox.bytes / 4);

    void *ballast = fill_up(45);

    fixture_turn(fixture);
    memory_give(ballast);
    fixture_settle(fixture);
    assert_false(is_here(fixture, crumbs));
    assert_true(is_here(fixture, glutton));
    expect_closes(fixture, 1, 0);
}

/* Who reads but may not be sent more is no better than who does not read. */
static void who_is_paced_and_far_behind_goes(void **state)
{
    struct fixture *fixture = *state;
    struct room *loud = open_patient_room(fixture, "loud");
    struct room *low = open_patient_room(fixture, "low");
    struct player *paced = fixture_enter(fixture, "loud");
    struct player *honest = fixture_enter(fixture, "low");

    fixture->engine.limits.send = (struct rate){.per_s = 4096, .burst = 16384};
    allow_more(fixture, 4 * MIB);
    for (uint32_t i = 0; i < 600; i++) {
        say(fixture, low, honest, i, 100);
        assert_int_equal(room_broadcast(loud, NOTE, payload, ROUND_BYTES, 0), 0);
        fixture_tick(fixture, loud);
        player_receive(paced, SIZE_MAX);
    }
    assert_false(is_here(fixture, paced));
    assert_true(is_here(fixture, honest));
    expect_closes(fixture, 1, 0);
}

static void frames_left_unfinished_are_shed(void **state)
{
    enum { PARTS = 64 };
    struct fixture *fixture = *state;
    struct room *room = open_patient_room(fixture, "room");
    struct player *honest = fixture_enter(fixture, "room");
    struct player *parts[PARTS];
    uint8_t header[ROOMD_FRAME_HEADER_BYTES];
    uint64_t shed = 0;
    uint32_t here = 0;

    for (int i = 0; i < PARTS; i++) {
        parts[i] = fixture_connect(fixture);
    }
    allow_more(fixture, 2 * MIB);
    frame_put_header(header, NOTE, ROOMD_PAYLOAD_BYTES_MAX);
    for (uint32_t i = 0; i < PARTS; i++) {
        player_send_bytes(parts[i], header, sizeof(header));
        player_send_bytes(parts[i], payload, PART_BYTES);
        say(fixture, room, honest, i, 100);
        assert_true(fixture->engine.stats.sessions_shed - shed <= 2); /* their memory is there at once */
        shed = fixture->engine.stats.sessions_shed;
    }
    for (int i = 0; i < PARTS; i++) {
        here += is_here(fixture, parts[i]);
    }
    /* 2 MiB, and the twentieth that is not used: of all that there is. */
    assert_in_range(here, 20, 2 * MIB / PART_BYTES);
    expect_closes(fixture, 0, PARTS - here);
    assert_true(is_here(fixture, honest));
}

/* However much is in use: who has nothing to do with it stays, and is served. */
static void who_owes_next_to_nothing_stays(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_patient_room(fixture, "room");
    struct player *blocked = fixture_enter_narrow(fixture, "room", 1);
    struct player *honest = fixture_enter(fixture, "room");
    uint8_t header[ROOMD_FRAME_HEADER_BYTES];
    uint32_t number = 0;

    while (!fixture_session(fixture, blocked)->conn.is_blocked) {
        say(fixture, room, honest, number++, 1000);
    }
    frame_put_header(header, NOTE, 4000);
    player_send_bytes(honest, header, sizeof(header));
    player_send_bytes(honest, payload, 3500);
    fixture_settle(fixture);
    allow_more(fixture, 8 * MIB);

    void *ballast = fill_up(40);

    for (int i = 0; i < 20; i++) {
        fixture_advance(fixture, 100 * NS_PER_MS);
    }
    assert_true(is_here(fixture, blocked));
    assert_true(is_here(fixture, honest));
    expect_closes(fixture, 0, 0);
    assert_in_range(fixture_log_count("event=memory used_bytes="), 2, 3); /* one a second */
    player_send_bytes(honest, payload + 3500, 500);
    fixture_settle(fixture);
    fixture_tick(fixture, room);
    player_expect(honest, NOTE, payload, 4000);
    memory_give(ballast);
}

static void expect_newcomers(struct fixture *fixture, bool are_welcome, uint64_t refused)
{
    struct player *player = fixture_connect(fixture);

    if (are_welcome) {
        player_hello(player);
        player_create(player, "arena", "a");
        fixture_settle(fixture);
        player_expect_welcome(player);
        player_expect_joined(player, "a");
        player_leave(player);
    } else {
        fixture_settle(fixture);
        player_expect_kick(player, ROOMD_CLOSE_NO_MEMORY);
        assert_int_equal(player->number, 0);
    }
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_NO_MEMORY], refused);
    player_hang_up(player);
    fixture_settle(fixture);
}

static void at_98_percent_nobody_new_comes_in_and_no_room_is_made(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("arena");
    struct player *inside;
    void *ballast;

    open_patient_room(fixture, "room");
    fixture_set_template(fixture, &template);
    inside = fixture_enter(fixture, "room");
    allow_more(fixture, 16 * MIB);
    ballast = fill_up(30);
    expect_newcomers(fixture, true, 0); /* at 97 % */
    memory_give(ballast);
    fixture_advance(fixture, FIXTURE_IDLE_NS);
    ballast = fill_up(15);
    expect_newcomers(fixture, false, 1);
    expect_newcomers(fixture, false, 2);
    assert_int_equal(fixture_log_count("event=refuse reason=no_memory"), 1);
    player_create(inside, "arena", "b");
    fixture_settle(fixture);
    player_expect_error(inside, ROOMD_ERROR_NO_MEMORY);
    assert_null(fixture_find_room(fixture, "b"));
    memory_give(ballast);
    expect_newcomers(fixture, true, 2);
    assert_true(is_here(fixture, inside));
    assert_int_equal(fixture->engine.stats.sessions_shed, 0);
}

/* Within one turn, before any phase 4: what is needed is had at once from who pins most. */
static void what_finds_no_memory_is_not_refused_while_somebody_pins_it(void **state)
{
    enum { ROUNDS = 60, LARGE = 60000 };
    struct fixture *fixture = *state;
    struct room *loud = open_patient_room(fixture, "loud");
    struct room *room = open_patient_room(fixture, "room");
    struct player *slow = fixture_enter_narrow(fixture, "loud", 1);
    struct player *honest = fixture_enter(fixture, "room");

    allow_more(fixture, 4 * MIB);
    for (uint32_t i = 0; i < 400; i++) {
        say(fixture, loud, NULL, i, ROUND_BYTES);
    }
    assert_true(is_here(fixture, slow));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        roomd_put_u32(payload, i);
        assert_int_equal(room_broadcast(room, NOTE, payload, LARGE, 0), 0);
    }
    assert_true(memory_used_bytes() <= memory_limit_bytes());
    assert_int_equal(fixture_log_count("event=no_memory used_bytes="), 1);
    assert_int_equal(fixture->engine.stats.appends_refused, 0);
    expect_closes(fixture, 1, 0);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        fixture_settle(fixture);
        roomd_put_u32(payload, i);
        player_expect(honest, NOTE, payload, LARGE);
    }
}

static void at_most_a_few_go_in_one_turn(void **state)
{
    enum { PARTS = 24, A_TURN = 16 };
    struct fixture *fixture = *state;
    struct room *room = open_patient_room(fixture, "room");
    struct player *honest = fixture_enter(fixture, "room");
    const struct engine_stats *stats = &fixture->engine.stats;
    uint8_t header[ROOMD_FRAME_HEADER_BYTES];
    uint32_t said = 0;

    frame_put_header(header, NOTE, ROOMD_PAYLOAD_BYTES_MAX);
    for (uint32_t i = 0; i < PARTS; i++) {
        struct player *part = fixture_connect(fixture);

        player_send_bytes(part, header, sizeof(header));
        player_send_bytes(part, payload, PART_BYTES);
        fixture_settle(fixture);
    }
    allow_more(fixture, 8 * MIB);

    void *ballast = fill_up(1);

    while (room_broadcast(room, NOTE, payload, PART_BYTES - 100, 0) == 0) {
        said++;
    }
    assert_int_equal(stats->sessions_shed, A_TURN);
    assert_in_range(said, A_TURN - 1, A_TURN);
    fixture_reap(fixture);
    assert_int_equal(stats->sessions_shed, A_TURN);
    fixture_turn(fixture);
    assert_int_equal(stats->sessions_shed, PARTS);
    memory_give(ballast);
    fixture_tick(fixture, room);
    for (uint32_t i = 0; i < said; i++) {
        fixture_settle(fixture);
        player_expect(honest, NOTE, payload, PART_BYTES - 100);
    }
    player_expect_nothing(honest);
    expect_closes(fixture, 0, PARTS);
}

/* With nobody to be shed there is the refusal, and no more than one search a turn. */
static void what_finds_no_memory_is_refused_by_name_when_nobody_pins_it(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_patient_room(fixture, "room");
    struct player *honest = fixture_enter(fixture, "room");
    uint32_t refused = 0;

    allow_more(fixture, 8 * MIB);

    void *ballast = fill_up(1);

    for (uint32_t i = 0; i < 20; i++) {
        refused += room_broadcast(room, NOTE, payload, 60000, 0) == -ENOMEM;
    }
    assert_in_range(refused, 15, 20);
    assert_int_equal(fixture->engine.stats.appends_refused, refused);
    assert_int_equal(fixture->engine.pressure.shed_left, 0);
    memory_give(ballast);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    for (uint32_t i = refused; i < 20; i++) {
        player_expect(honest, NOTE, payload, 60000);
    }
    player_expect_nothing(honest);
    assert_true(fixture->engine.pressure.shed_left > 0);
    expect_closes(fixture, 0, 0);
}

/* What an attack had the server reserve does not stay when it is needed for something else. */
static void reserves_of_a_busier_hour_go_back(void **state)
{
    enum { SLOW = 20, SLICES = 400 };
    struct fixture *fixture = *state;
    struct room *room = open_patient_room(fixture, "room");
    struct player *slow[SLOW];
    uint32_t total;

    if (ASAN_IS_ON) {
        skip(); /* nothing is reserved */
    }
    for (int i = 0; i < SLOW; i++) {
        slow[i] = fixture_enter_narrow(fixture, "room", 1);
        while (!fixture_session(fixture, slow[i])->conn.is_blocked) {
            room_send(room, slow[i]->session, NOTE, payload, 1000, 0);
            fixture_tick(fixture, room);
        }
    }
    player_say(slow[0], NOTE, "a job");
    fixture_settle(fixture);
    for (int n = 0; n < SLICES; n++) {
        for (int i = 0; i < SLOW; i++) {
            assert_int_equal(room_send(room, slow[i]->session, NOTE, payload, 20, 0), 0);
        }
    }
    total = fixture->engine.net.gather.blocks.total;
    assert_true(total >= SLOW * SLICES / OUTBOX_BLOCK_SLICES);
    for (int i = 0; i < SLOW; i++) {
        player_hang_up(slow[i]);
    }
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.net.gather.blocks.total, total);
    assert_non_null(room->jobs.ring);
    assert_true(chunk_pool_trim(&fixture->engine.net.gather.chunks) > 0); /* these would go first */
    allow_more(fixture, 8 * MIB);

    void *ballast = fill_up(45);

    fixture_settle(fixture);
    assert_int_equal(fixture->engine.net.gather.blocks.total, 0);
    assert_null(room->jobs.ring);
    memory_give(ballast);
    fixture_enter(fixture, "room"); /* and all of it can be had again */
    expect_closes(fixture, 0, 0);
}

/* A limit that a reload lowers takes nothing from those who are well. */
static void a_limit_below_what_is_in_use_sheds_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_patient_room(fixture, "room");
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct player *honest = fixture_enter(fixture, "room");
    struct engine_limits limits = fixture->engine.limits;

    for (uint32_t i = 0; i < 100; i++) {
        say(fixture, room, honest, i, ROUND_BYTES);
    }
    limits.memory_bytes_max = memory_used_bytes() / 2;
    engine_set_limits(&fixture->engine, &limits);
    fixture_settle(fixture);
    assert_false(is_here(fixture, slow));
    assert_true(is_here(fixture, honest));
    expect_closes(fixture, 1, 0);
    limits.memory_bytes_max = 0;
    engine_set_limits(&fixture->engine, &limits);
    assert_true(memory_limit_bytes() == UINT64_MAX);
    say(fixture, room, honest, 7, ROUND_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(readers_that_stopped_go_and_the_others_hear_all),
        FIXTURE_TEST(who_pins_most_goes_first),
        FIXTURE_TEST(what_counts_is_what_is_pinned_not_what_is_owed),
        FIXTURE_TEST(who_is_paced_and_far_behind_goes),
        FIXTURE_TEST(frames_left_unfinished_are_shed),
        FIXTURE_TEST(who_owes_next_to_nothing_stays),
        FIXTURE_TEST(at_98_percent_nobody_new_comes_in_and_no_room_is_made),
        FIXTURE_TEST(what_finds_no_memory_is_not_refused_while_somebody_pins_it),
        FIXTURE_TEST(at_most_a_few_go_in_one_turn),
        FIXTURE_TEST(what_finds_no_memory_is_refused_by_name_when_nobody_pins_it),
        FIXTURE_TEST(reserves_of_a_busier_hour_go_back),
        FIXTURE_TEST(a_limit_below_what_is_in_use_sheds_and_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
