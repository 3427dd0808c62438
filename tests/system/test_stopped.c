/*
 * A server that is stopped for three seconds makes up for nothing: ticks that it missed are counted, and what came
 * meanwhile goes out once.
 */
#include "support/stop.h"
#include "support/system.h"
#include "support/talk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_IN_MS 1000000u

enum { STOP_MS = 3000, TICK_MS = 250 };

/* ---- ticks ---- */

/*
 * Where the ticks of one room lie, by what is seen from outside: each look finds a count of ticks, held or skipped, at a
 * time within two bounds. The grid's origin lies between what all looks allow; a tick too many, or one that was not
 * counted, leaves nothing between.
 */
struct grid {
    uint64_t first;     /* ticks, in the first look */
    uint64_t after_ns;  /* the origin is later than this */
    uint64_t before_ns; /* and no later than this */
};

struct look {
    uint64_t ticks;
    uint64_t skipped;
    uint64_t asked_ns;
    uint64_t told_ns;
};

static struct look look_at(struct daemon *daemon)
{
    struct look look = {.asked_ns = wait_now_ns()};
    char *line = daemon_stats_ask(daemon);

    look.told_ns = wait_now_ns();
    look.ticks = (uint64_t)stats_field(line, "ticks");
    look.skipped = (uint64_t)stats_field(line, "ticks_skipped");
    free(line);
    return look;
}

static void grid_take(struct grid *grid, const struct look *look)
{
    const uint64_t tick_ns = TICK_MS * NS_IN_MS;
    uint64_t since = look->ticks + look->skipped - grid->first;
    uint64_t before_ns = look->told_ns - since * tick_ns;
    uint64_t after_ns = look->asked_ns - (since + 1) * tick_ns;

    grid->before_ns = before_ns < grid->before_ns ? before_ns : grid->before_ns;
    grid->after_ns = after_ns > grid->after_ns ? after_ns : grid->after_ns;
    if (grid->after_ns >= grid->before_ns) {
        fail_msg("%" PRIu64 " ticks and %" PRIu64 " skipped: they miss the grid by %" PRIu64 " ms",
                 look->ticks, look->skipped, (grid->after_ns - grid->before_ns) / NS_IN_MS);
    }
}

/* Until the place of a tick is known well. Returns the last look. */
static struct look grid_watch(struct grid *grid, struct daemon *daemon)
{
    uint64_t deadline_ns = wait_deadline_ns(3 * TICK_MS);
    struct look look;

    do {
        look = look_at(daemon);
        grid_take(grid, &look);
        wait_sleep_ms(5);
    } while (wait_left_ms(deadline_ns) > 0);
    return look;
}

static void ticks_that_were_missed_are_counted_and_not_made_up_for(void **state)
{
    struct daemon *daemon = daemon_start("[room ground]\ncontent = field\ntick = 250ms\n");
    struct peer *peer = peer_enter(daemon, "ground"); /* a world wants each tick while somebody is there */
    struct grid grid = {.before_ns = UINT64_MAX};
    struct look before = look_at(daemon);
    uint64_t missed = 0;
    uint64_t stopped_ns = 0;

    (void)state;
    grid.first = before.ticks + before.skipped;
    before = grid_watch(&grid, daemon);
    for (int i = 0; i < 2; i++) {
        struct stop stop = stop_begin(daemon);

        stop_end(&stop, i == 0 ? STOP_MS : STOP_MS / 4);
        stopped_ns += stop.until_ns - stop.from_ns;
        missed += (stop.until_ns - stop.from_ns) / NS_IN_MS / TICK_MS - 1; /* one of them is held late */
        grid_watch(&grid, daemon);
    }

    struct look after = look_at(daemon);
    uint64_t awake_ms = (after.told_ns - before.asked_ns - stopped_ns) / NS_IN_MS;

    grid_take(&grid, &after);
    assert_in_range(after.skipped - before.skipped, missed, UINT64_MAX);
    assert_in_range(after.ticks - before.ticks, 1, awake_ms / TICK_MS + 5); /* each part may begin with one */
    peer_close(peer);
    daemon_stop(daemon);
}

/* ---- what came meanwhile ---- */

enum { ROOMS = 4, PLAYERS = 16, WORDS = 10 };

static const char config_rooms[] = "[room r0]\ntick = 250ms\n"
                                   "[room r1]\ntick = 250ms\n"
                                   "[room r2]\ntick = 250ms\n"
                                   "[room r3]\ntick = 250ms\n";

static void say(struct talk talks[ROOMS], uint32_t words)
{
    for (size_t room = 0; room < ROOMS; room++) {
        talk_say(&talks[room], 0, PLAYERS, words);
    }
}

static void hear(struct talk talks[ROOMS])
{
    for (size_t room = 0; room < ROOMS; room++) {
        talk_hear(&talks[room], 0, PLAYERS);
    }
}

static void await_sent(const struct talk talks[ROOMS])
{
    for (size_t room = 0; room < ROOMS; room++) {
        for (size_t player = 0; player < PLAYERS; player++) {
            stop_await_sent(talks[room].each[player]);
        }
    }
}

/* A turn's look finds it all: so it is one round in each room, and one write to each player. */
static void talk_through_one_stop(struct daemon *daemon, struct talk talks[ROOMS])
{
    /* A tick that was due to those who came in has been held when it answers again. */
    free(daemon_stats_ask(daemon));
    wait_sleep_ms(TICK_MS + 10);

    char *before = daemon_stats_ask(daemon);
    struct stop stop = stop_begin(daemon);

    say(talks, WORDS);
    await_sent(talks);
    stop_end(&stop, STOP_MS);
    hear(talks);

    char *after = daemon_stats_ask(daemon);

    assert_int_equal(stats_field(after, "ticks") - stats_field(before, "ticks"), ROOMS);
    assert_int_equal(stats_field(after, "writev") - stats_field(before, "writev"), ROOMS * PLAYERS);
    assert_int_equal(stats_field(after, "reads") - stats_field(before, "reads"), ROOMS * PLAYERS);
    assert_int_equal(stats_field(after, "flushes_early"), 0);
    free(before);
    free(after);
}

static void what_was_said_meanwhile_goes_out_once(void **state)
{
    static struct talk talks[ROOMS];
    struct daemon *daemon = daemon_start(config_rooms);

    (void)state;
    for (size_t i = 0; i < ROOMS * PLAYERS; i++) {
        char room[] = {'r', (char)('0' + i / PLAYERS), '\0'};

        talk_add(&talks[i / PLAYERS], peer_enter(daemon, room));
    }
    talk_through_one_stop(daemon, talks);
    /* And in the middle of everything, again and again: nothing is lost, and nothing out of order. */
    for (int i = 0; i < 4; i++) {
        say(talks, 2);
        struct stop stop = stop_begin(daemon);
        say(talks, 2);
        stop_end(&stop, 150);
        say(talks, 1);
        hear(talks);
    }
    assert_int_equal(daemon_stat(daemon, "closes"), 0);
    peer_close_all();
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(ticks_that_were_missed_are_counted_and_not_made_up_for),
        SYSTEM_TEST(what_was_said_meanwhile_goes_out_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
