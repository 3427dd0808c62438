/*
 * A module that keeps the processor for 150 ms in a callback: the log names the room, the module and the callback; the
 * other rooms are late by that and no more; afterwards all is as it was, without a burst to make up for it.
 */
#include "support/module.h"
#include "support/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    C_LOOP = 1,         /* in the packet callback */
    C_LOOP_IN_TICK = 2, /* in the next tick */
    S_LOOPED = 3,
    LOOP_MS = 150,
    TICK_MS = 50,
    WORD_EVERY_MS = 10,
    /* What a loaded machine may add to a pause: without it there would be none of more than a few ms. */
    SLACK_MS = 500,
    ARRIVALS_MAX = 4096
};

#define NS_IN_MS 1000000u

static const char module_text[] =
    "#include <time.h>\n"
    "struct mill { const struct roomd_host *host; struct roomd_room *room; uint64_t wants; };\n"
    "static uint64_t now_ms(void) {\n"
    "    struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);\n"
    "    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000; }\n"
    "static void loop(struct mill *mill, uint64_t session) {\n"
    "    uint64_t until = now_ms() + 151;\n"
    "    while (now_ms() < until) { }\n"
    "    mill->host->count(mill->room, \"loops\", 1);\n"
    "    mill->host->send(mill->room, session, 3, \"\", 0, 0); }\n"
    "static int mill_open(const struct roomd_host *host, struct roomd_room *room, void **state) {\n"
    "    struct mill *mill = host->alloc(room, sizeof(*mill));\n"
    "    if (mill == NULL) { return -12; }\n"
    "    mill->host = host; mill->room = room; *state = mill; return 0; }\n"
    "static void mill_close(void *state) { (void)state; }\n"
    "static enum roomd_packet_result mill_packet(void *state, uint64_t session, uint16_t id,\n"
    "                                            const uint8_t *payload, size_t bytes) {\n"
    "    struct mill *mill = state; (void)payload; (void)bytes;\n"
    "    if (id == 1) { loop(mill, session); } else { mill->wants = session; }\n"
    "    return ROOMD_PACKET_OK; }\n"
    "static void mill_tick(void *state) {\n"
    "    struct mill *mill = state; uint64_t session = mill->wants;\n"
    "    mill->wants = 0;\n"
    "    if (session != 0) { loop(mill, session); } }\n"
    "static const struct roomd_content table = {.abi = ROOMD_CONTENT_ABI, .size = sizeof(table),\n"
    "    .name = \"grinder\", .open = mill_open, .close = mill_close, .packet = mill_packet,\n"
    "    .tick = mill_tick};\n"
    "const struct roomd_content *roomd_module(void) { return &table; }\n";

static char module[MODULE_PATH_BYTES];

static int setup(void **state)
{
    if (module_setup(state) != 0) {
        return 1;
    }
    module_build("grinder", module_text, module);
    return 0;
}

/* One who says a word every 10 ms, hears it again, and notes when something came. */
struct talker {
    struct peer *peer;
    uint64_t next_ns; /* when the next word is due */
    uint32_t said;
    uint32_t heard;
    uint32_t arrivals; /* reads that brought something */
    uint64_t arrived_ns[ARRIVALS_MAX];
};

static void talker_hear(struct talker *talker, uint64_t deadline_ns)
{
    struct packet packet;
    bool has_come = false;

    assert_int_not_equal(peer_read(talker->peer, deadline_ns), 0);
    while (peer_take_packet(talker->peer, &packet)) {
        char text[64];
        char wanted[64];
        uint32_t player = 0;

        assert_true(chat_read(&packet, &player, text, sizeof(text)));
        snprintf(wanted, sizeof(wanted), "word %u", talker->heard++);
        assert_string_equal(text, wanted);
        has_come = true;
    }
    if (has_come) {
        assert_true(talker->arrivals < ARRIVALS_MAX);
        talker->arrived_ns[talker->arrivals++] = wait_now_ns();
    }
}

static void talker_run(struct talker *talker, int ms)
{
    uint64_t until_ns = wait_deadline_ns(ms);

    while (wait_now_ns() < until_ns) {
        if (wait_now_ns() >= talker->next_ns) {
            char text[64];

            snprintf(text, sizeof(text), "word %u", talker->said++);
            peer_send_chat(talker->peer, text);
            talker->next_ns = wait_now_ns() + WORD_EVERY_MS * NS_IN_MS;
        }
        talker_hear(talker, talker->next_ns < until_ns ? talker->next_ns : until_ns);
    }
}

/* The longest time between two arrivals from the `first` on, in ms, and which arrival ended it. */
static uint64_t talker_longest_pause_ms(const struct talker *talker, uint32_t first, uint32_t *ended_by)
{
    uint64_t longest_ns = 0;

    *ended_by = first;
    for (uint32_t i = first; i < talker->arrivals; i++) {
        uint64_t pause_ns = talker->arrived_ns[i] - talker->arrived_ns[i - 1];

        if (pause_ns > longest_ns) {
            longest_ns = pause_ns;
            *ended_by = i;
        }
    }
    return longest_ns / NS_IN_MS;
}

/* What the statistics say of a moment. */
struct figures {
    uint64_t at_ns;
    uint64_t talk_ticks;
    uint64_t mill_ticks;
    uint64_t ticks_skipped;
    uint64_t callbacks_slow;
    uint64_t writes;
};

static uint64_t room_ticks(struct daemon *daemon, const char *room, size_t line_before)
{
    char key[32];
    char *log;
    size_t line_bytes = 0;
    const char *line;
    uint64_t ticks;

    snprintf(key, sizeof(key), " room=%s ", room);
    daemon_expect_log_count(daemon, "event=room_stats ", key, line_before + 1, WAIT_LONG_MS);
    log = daemon_log_from(daemon, 0);
    line = log_line_find(log, "event=room_stats ", key, line_before, &line_bytes);
    assert_non_null(line);
    ticks = (uint64_t)stats_field(line, "ticks");
    free(log);
    return ticks;
}

static struct figures figures_ask(struct daemon *daemon)
{
    size_t before = daemon_log_count(daemon, "event=room_stats ", " room=talk ");
    char *line = daemon_stats_ask(daemon);
    struct figures figures = {
        .ticks_skipped = (uint64_t)stats_field(line, "ticks_skipped"),
        .callbacks_slow = (uint64_t)stats_field(line, "callbacks_slow"),
        .writes = (uint64_t)stats_field(line, "writev"),
        .talk_ticks = room_ticks(daemon, "talk", before),
        .mill_ticks = room_ticks(daemon, "mill", before),
        .at_ns = wait_now_ns(),
    };

    free(line);
    return figures;
}

/* A talker in one room and a miller in the other. */
struct street {
    struct daemon *daemon;
    struct peer *miller;
    struct talker talker;
};

static void street_open(struct street *street)
{
    char config[2 * MODULE_PATH_BYTES];

    memset(street, 0, sizeof(*street));
    snprintf(config, sizeof(config),
             "[room talk]\ncontent = chat\ntick = %dms\n"
             "[room mill]\ncontent = %s\ntick = %dms\n",
             TICK_MS, module, TICK_MS);
    street->daemon = daemon_start(config);
    street->miller = peer_enter(street->daemon, "mill");
    street->talker.peer = peer_enter(street->daemon, "talk");
    talker_run(&street->talker, 10 * TICK_MS);
    assert_true(street->talker.arrivals >= 2);
}

/*
 * In no stretch of time are there more ticks than the grid has: one a tick, and one that was late at its beginning. Were
 * the missed ones made up for, or flushed one by one, there would be.
 */
static void expect_no_burst(struct street *street, const struct figures *before, uint32_t first_arrival)
{
    const struct talker *talker = &street->talker;
    struct figures after = figures_ask(street->daemon);
    uint64_t ticks_max = (after.at_ns - before->at_ns) / (TICK_MS * NS_IN_MS) + 2;
    uint64_t talk_ticks = after.talk_ticks - before->talk_ticks;

    assert_in_range(talk_ticks, 2, ticks_max);
    assert_in_range(after.mill_ticks - before->mill_ticks, 2, ticks_max);
    assert_in_range(after.writes - before->writes, 2, talk_ticks + 2); /* one a flush, and S_LOOPED */
    for (uint32_t i = first_arrival; i + 3 < talker->arrivals; i++) {
        /* The first of these may be late, and so may its reading be; the last may be early for neither. */
        assert_true(talker->arrived_ns[i + 3] - talker->arrived_ns[i] > TICK_MS * NS_IN_MS);
    }
}

static void check_loop(uint16_t asked_by, const char *callback)
{
    static struct street street;
    char names[128];
    uint32_t first;
    uint32_t ended_by;
    struct figures before;
    struct figures after;
    uint64_t pause_ms;

    street_open(&street);
    first = street.talker.arrivals;
    before = figures_ask(street.daemon);
    peer_send_packet(street.miller, asked_by, NULL, 0);
    talker_run(&street.talker, LOOP_MS + 4 * TICK_MS);
    peer_expect_packet(street.miller, S_LOOPED);

    snprintf(names, sizeof(names), " room=mill content=grinder callback=%s took_ms=", callback);
    daemon_expect_log(street.daemon, "event=callback_slow", names);
    pause_ms = talker_longest_pause_ms(&street.talker, first, &ended_by);
    assert_in_range(pause_ms, LOOP_MS - TICK_MS, LOOP_MS + TICK_MS + SLACK_MS);

    after = figures_ask(street.daemon);
    /* The room's own next tick was due at most one tick behind the begin of the loop. */
    assert_true(after.ticks_skipped - before.ticks_skipped >= (LOOP_MS - TICK_MS) / TICK_MS);
    assert_int_equal(after.callbacks_slow - before.callbacks_slow, 1);
    talker_run(&street.talker, 2000);
    expect_no_burst(&street, &before, ended_by);
    expect_no_burst(&street, &after, ended_by);
    assert_int_equal(daemon_log_count(street.daemon, "event=callback_slow", NULL), 1);
    daemon_expect_log(street.daemon, "event=counters", " loops=1");
    assert_in_range(street.talker.said - street.talker.heard, 0, street.talker.said / 2);
    peer_close(street.talker.peer);
    peer_close(street.miller);
    daemon_stop(street.daemon);
}

static void a_busy_packet_delays_the_others_by_itself_alone(void **state)
{
    (void)state;
    check_loop(C_LOOP, "packet");
}

static void a_busy_tick_delays_the_others_by_itself_alone(void **state)
{
    (void)state;
    check_loop(C_LOOP_IN_TICK, "tick");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(a_busy_packet_delays_the_others_by_itself_alone),
        SYSTEM_TEST(a_busy_tick_delays_the_others_by_itself_alone),
    };

    return cmocka_run_group_tests(tests, setup, module_teardown);
}
