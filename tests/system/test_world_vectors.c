/*
 * The bytes that clients of the older lineage send and expect of a field, over bare sockets: an autojoin room on open
 * ground, no C_HELLO, with the areas of interest off and on.
 */
#include "support/system.h"

#include <stdio.h>

#define AT_0    "00 00 00 00 00 00 00 00 00 00 00 00 "
#define AT_NEW  "00 00 c0 3f 00 00 00 00 00 00 00 c0 "
#define LIST_1  "17 00 04 00 01 00 01 01 00 00 00 " AT_0
#define ENTER_1 "14 00 01 00 01 00 00 00 " AT_0
#define LIST_2  "28 00 04 00 02 00 00 01 00 00 00 " AT_0 "01 02 00 00 00 " AT_0
#define ENTER_2 "14 00 01 00 02 00 00 00 " AT_0
#define MOVE    "10 00 05 00 " AT_NEW
#define MOVED_2 "14 00 06 00 02 00 00 00 " AT_NEW
#define LEAVE   "04 00 02 00"
#define LEFT_2  "08 00 03 00 02 00 00 00"

enum { QUIET_MS = 600 }; /* two ticks, and some */

static struct daemon *field_start(const char *settings)
{
    char config[256];

    snprintf(config, sizeof(config),
             "[server]\nstrikes_max = 1\n[room ground]\ncontent = field\nautojoin = yes\ntick = 250ms\n%s",
             settings);
    return daemon_start(config);
}

/* A is in, and has read what is said of that; then B. */
static void players_come(struct daemon *daemon, struct peer *players[2])
{
    players[0] = peer_connect(daemon);
    peer_expect_hex(players[0], LIST_1 ENTER_1, WAIT_LONG_MS);
    players[1] = peer_connect(daemon);
    peer_expect_hex(players[1], LIST_2 ENTER_2, WAIT_LONG_MS);
    peer_expect_hex(players[0], ENTER_2, WAIT_LONG_MS);
}

static void field_is_byte_for_byte(const char *settings)
{
    struct daemon *daemon = field_start(settings);
    struct peer *players[2];

    players_come(daemon, players);
    peer_send_hex(players[1], MOVE);
    both_expect_hex(players, MOVED_2);
    peer_send_hex(players[1], LEAVE);
    peer_expect_hex(players[0], LEFT_2, WAIT_LONG_MS);
    /* The connection stays open; what comes over it moves nobody. */
    peer_send_hex(players[1], MOVE);
    peer_expect_silence(players[0], QUIET_MS);
    peer_expect_silence(players[1], 1);
    both_close(daemon, players);
}

static void the_field_is_byte_for_byte(void **state)
{
    (void)state;
    field_is_byte_for_byte("");
}

static void the_field_with_a_view_is_byte_for_byte(void **state)
{
    (void)state;
    field_is_byte_for_byte("view = 50\n");
}

static void one_who_disconnects_is_told_of_once(const char *settings)
{
    struct daemon *daemon = field_start(settings);
    struct peer *players[2];

    players_come(daemon, players);
    peer_abort(players[1]);
    peer_expect_hex(players[0], LEFT_2, WAIT_LONG_MS);
    peer_expect_silence(players[0], QUIET_MS);
    peer_close(players[0]);
    daemon_stop(daemon);
}

static void a_lost_connection_is_told_of_once(void **state)
{
    (void)state;
    one_who_disconnects_is_told_of_once("");
    one_who_disconnects_is_told_of_once("view = 50\n");
}

/* Twenty moves within a tick are told as the last of them. */
static void the_newest_move_wins(void **state)
{
    struct daemon *daemon = field_start("view = 50\n");
    struct peer *players[2];

    (void)state;
    players_come(daemon, players);
    /* Just after a flush, so that all of them fall into the next one. */
    peer_send_hex(players[1], MOVE);
    both_expect_hex(players, MOVED_2);
    for (int i = 0; i < 19; i++) {
        peer_send_hex(players[1], "10 00 05 00 " AT_0);
    }
    peer_send_hex(players[1], MOVE);
    both_expect_hex(players, MOVED_2);
    peer_expect_silence(players[0], QUIET_MS);
    both_close(daemon, players);
}

/* Clients of the lineage jump about at random: out of each other's view, and back into it. */
static void out_of_view_and_back(void **state)
{
    struct daemon *daemon = field_start("view = 50\n");
    struct peer *players[2];

    (void)state;
    players_come(daemon, players);
    peer_send_hex(players[1], "10 00 05 00 00 00 7a 44 00 00 00 00 00 00 7a 44"); /* 1000, 0, 1000 */
    peer_expect_hex(players[0], LEFT_2, WAIT_LONG_MS);
    peer_expect_hex(players[1],
                    "08 00 03 00 01 00 00 00 " /* A has gone out of view */
                    "14 00 06 00 02 00 00 00 00 00 7a 44 00 00 00 00 00 00 7a 44",
                    WAIT_LONG_MS);
    peer_send_hex(players[0], MOVE);
    peer_expect_hex(players[0], "14 00 06 00 01 00 00 00 " AT_NEW, WAIT_LONG_MS);
    peer_expect_silence(players[1], QUIET_MS);
    peer_send_hex(players[1], "10 00 05 00 " AT_0);
    peer_expect_hex(players[0], ENTER_2 "14 00 06 00 02 00 00 00 " AT_0, WAIT_LONG_MS);
    peer_expect_hex(players[1], "14 00 01 00 01 00 00 00 " AT_NEW "14 00 06 00 02 00 00 00 " AT_0,
                    WAIT_LONG_MS);
    both_close(daemon, players);
}

/* Where no client can be: S_Correct to it alone, and nothing to anyone else; a wrong length is a kick. */
static void what_makes_no_sense_is_put_back(void **state)
{
    struct daemon *daemon = field_start("");
    struct peer *players[2];

    (void)state;
    players_come(daemon, players);
    peer_send_hex(players[1], "10 00 05 00 00 00 c0 7f 00 00 00 00 00 00 00 00"); /* NaN */
    peer_expect_hex(players[1], "10 00 24 00 " AT_0, WAIT_LONG_MS);
    peer_send_hex(players[1], "10 00 05 00 00 00 80 ff 00 00 00 00 00 00 00 00"); /* minus infinity */
    peer_expect_hex(players[1], "10 00 24 00 " AT_0, WAIT_LONG_MS);
    peer_expect_silence(players[0], QUIET_MS);
    peer_send_hex(players[1], "0f 00 05 00 00 00 c0 3f 00 00 00 00 00 00 00");
    peer_expect_kick(players[1], ROOMD_CLOSE_MALFORMED);
    peer_expect_hex(players[0], LEFT_2, WAIT_LONG_MS);
    both_close(daemon, players);
}

/* Without ticks moves go out all the same: see content/world.c. */
static void a_field_without_ticks_tells_moves(void **state)
{
    struct daemon *daemon =
        daemon_start("[room ground]\ncontent = field\nautojoin = yes\ntick = 0\nview = 50\n");
    struct peer *players[2];

    (void)state;
    players_come(daemon, players);
    peer_send_hex(players[1], MOVE);
    both_expect_hex(players, MOVED_2);
    both_close(daemon, players);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(the_field_is_byte_for_byte),
        SYSTEM_TEST(the_field_with_a_view_is_byte_for_byte),
        SYSTEM_TEST(a_lost_connection_is_told_of_once),
        SYSTEM_TEST(the_newest_move_wins),
        SYSTEM_TEST(out_of_view_and_back),
        SYSTEM_TEST(what_makes_no_sense_is_put_back),
        SYSTEM_TEST(a_field_without_ticks_tells_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
