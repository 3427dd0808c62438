/*
 * The hard limit on callbacks, and contents that fail: a callback that does not end ends the process, which says where it
 * was; a content that gives up costs its own room alone.
 */
#include "support/module.h"
#include "support/system.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    C_LOOP = 1,   /* u16 ms, in the packet callback */
    C_CREATE = 2, /* makes a room whose open loops for ever */
    C_FAIL = 3,
    S_LOOPED = 4,
    LIMIT_MS = 400,
    RESTART_MS = 300
};

#define NS_IN_MS 1000000u

static const char module_text[] =
    "#include <string.h>\n"
    "#include <time.h>\n"
    "struct hog { const struct roomd_host *host; struct roomd_room *room; };\n"
    "static uint64_t now_ms(void) {\n"
    "    struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);\n"
    "    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000; }\n"
    "static void loop(uint64_t ms) { uint64_t until = now_ms() + ms; while (now_ms() < until) { } }\n"
    "static int hog_open(const struct roomd_host *host, struct roomd_room *room, void **state) {\n"
    "    struct hog *hog = host->alloc(room, sizeof(*hog));\n"
    "    if (hog == NULL) { return -12; }\n"
    "    hog->host = host; hog->room = room; *state = hog;\n"
    "    if (strcmp(host->name(room), \"endless\") == 0) { loop(1000000); }\n"
    "    return 0; }\n"
    "static void hog_close(void *state) { (void)state; }\n"
    "static enum roomd_packet_result hog_packet(void *state, uint64_t session, uint16_t id,\n"
    "                                           const uint8_t *payload, size_t bytes) {\n"
    "    struct hog *hog = state;\n"
    "    if (id == 1 && bytes == 2) { loop(roomd_get_u16(payload));\n"
    "        hog->host->send(hog->room, session, 4, \"\", 0, ROOMD_URGENT); }\n"
    "    if (id == 2) { hog->host->create(hog->room, \"hogs\", \"endless\"); }\n"
    "    if (id == 3) { hog->host->fail(hog->room, \"the game is broken\"); }\n"
    "    return ROOMD_PACKET_OK; }\n"
    "static const struct roomd_content table = {.abi = ROOMD_CONTENT_ABI, .size = sizeof(table),\n"
    "    .name = \"hog\", .open = hog_open, .close = hog_close, .packet = hog_packet};\n"
    "const struct roomd_content *roomd_module(void) { return &table; }\n";

static char module[MODULE_PATH_BYTES];

static int setup(void **state)
{
    if (module_setup(state) != 0) {
        return 1;
    }
    module_build("hog", module_text, module);
    return 0;
}

static void config_write(char out[1024], const char *server_keys)
{
    snprintf(
        out, 1024,
        "[server]\n%s\n[room talk]\ncontent = chat\ntick = 10ms\n[room mill]\ncontent = %s\ntick = 10ms\n"
        "[template hogs]\ncontent = %s\n",
        server_keys, module, module);
}

static struct daemon *start(const char *server_keys)
{
    char config[1024];

    config_write(config, server_keys);
    return daemon_start(config);
}

static void send_loop(struct peer *peer, uint16_t ms)
{
    uint8_t payload[2];

    roomd_put_u16(payload, ms);
    peer_send_packet(peer, C_LOOP, payload, sizeof(payload));
}

/* It has ended by abort; `fields` are what its last line says of where it was. Returns took_ms. */
static uint64_t expect_stuck(struct daemon *daemon, const char *fields)
{
    char line_start[128];
    char path[128];
    size_t line_bytes = 0;
    size_t bytes = 0;
    char *log;
    const char *line;
    const char *took;
    uint64_t took_ms;

    assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 128 + SIGABRT);
    log = daemon_log_from(daemon, 0);
    line = log_line_find(log, "level=alert event=callback_stuck", fields, 0, &line_bytes);
    assert_non_null(line);
    assert_memory_equal(line, "ts=20", 5);
    assert_int_equal(line[strlen("ts=2026-11-22T09:00:00.123Z")], ' ');
    snprintf(line_start, sizeof(line_start), " limit_ms=%d\n", LIMIT_MS);
    assert_memory_equal(line + line_bytes + 1 - strlen(line_start), line_start, strlen(line_start));
    took = log_field_find(line, line_bytes, "took_ms", &bytes);
    assert_non_null(took);
    took_ms = strtoull(took, NULL, 10);
    free(log);
    /* An alert is what this test is about: the log is emptied before it is looked at for any. */
    daemon_path(daemon, "stderr", path, sizeof(path));
    assert_int_equal(truncate(path, 0), 0);
    daemon_finish(daemon);
    return took_ms;
}

static void one_that_does_not_end_ends_the_process(void **state)
{
    struct daemon *daemon = start("callback_max = 400ms");
    struct peer *peer = peer_enter(daemon, "mill");
    uint64_t took_ms;

    (void)state;
    send_loop(peer, 60000);
    took_ms = expect_stuck(daemon, " room=mill content=hog callback=packet took_ms=");
    assert_in_range(took_ms, LIMIT_MS - 10, 10 * LIMIT_MS); /* the coarse clock may be a tick short */
    peer_close(peer);
}

static void the_innermost_of_several_is_named(void **state)
{
    struct daemon *daemon = start("callback_max = 400ms");
    struct peer *peer = peer_enter(daemon, "mill");

    (void)state;
    peer_send_packet(peer, C_CREATE, NULL, 0);
    expect_stuck(daemon, " room=endless content=hog callback=open took_ms=");
    peer_close(peer);
}

/* However many of them there are, one behind the other. */
static void those_that_end_in_time_do_no_harm(void **state)
{
    struct daemon *daemon = start("callback_max = 400ms");
    struct peer *peer = peer_enter(daemon, "mill");

    (void)state;
    for (int i = 0; i < 6; i++) {
        send_loop(peer, 250);
    }
    for (int i = 0; i < 6; i++) {
        peer_await_packet(peer, S_LOOPED);
    }
    peer_close(peer);
    daemon_stop(daemon);
}

/* The time of a stop is not the content's. */
static void a_process_that_was_stopped_is_not_stuck(void **state)
{
    struct daemon *daemon = start("callback_max = 400ms");
    struct peer *peer = peer_enter(daemon, "mill");

    (void)state;
    send_loop(peer, 300);
    wait_sleep_ms(100);
    daemon_signal(daemon, SIGSTOP);
    wait_sleep_ms(3 * LIMIT_MS);
    daemon_signal(daemon, SIGCONT);
    peer_await_packet(peer, S_LOOPED);
    peer_close(peer);
    daemon_stop(daemon);
}

static void a_reload_changes_the_limit(void **state)
{
    struct daemon *daemon = start("callback_max = 10m");
    struct peer *peer = peer_enter(daemon, "mill");
    char config[1024];

    (void)state;
    send_loop(peer, 600);
    peer_await_packet(peer, S_LOOPED);
    config_write(config, "callback_max = 400ms");
    daemon_write_config(daemon, config);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload ", NULL);
    send_loop(peer, 60000);
    expect_stuck(daemon, " room=mill content=hog callback=packet ");
    peer_close(peer);
}

/* Its players are told, the others play on; after room_restart it is there again. */
static void a_room_that_fails_is_closed_alone_and_opened_again(void **state)
{
    struct daemon *daemon = start("room_restart = 300ms");
    struct peer *peer = peer_enter(daemon, "mill");
    struct peer *talker = peer_enter(daemon, "talk");
    uint64_t failed_ns;

    (void)state;
    peer_send_packet(peer, C_FAIL, NULL, 0);
    peer_expect_left(peer, ROOMD_LEAVE_ROOM_CLOSED);
    failed_ns = wait_now_ns();
    peer_send_join(peer, "mill");
    peer_expect_error(peer, ROOMD_ERROR_NO_SUCH_ROOM);
    daemon_expect_log(daemon, "level=error event=room_failed room=mill ", "why=\"the game is broken\"");
    peer_send_chat(talker, "still here");
    peer_expect_chat(talker, talker->player, "still here");

    daemon_expect_log_count(daemon, "event=room_open room=mill ", NULL, 2, WAIT_LONG_MS);
    assert_true(wait_now_ns() - failed_ns >= (RESTART_MS - 50) * (uint64_t)NS_IN_MS);
    peer_join(peer, "mill");
    send_loop(peer, 0);
    peer_await_packet(peer, S_LOOPED);
    peer_send_packet(peer, C_FAIL, NULL, 0); /* and again */
    peer_expect_left(peer, ROOMD_LEAVE_ROOM_CLOSED);
    daemon_expect_log_count(daemon, "event=room_open room=mill ", NULL, 3, WAIT_LONG_MS);
    assert_int_equal(daemon_stat(daemon, "rooms_failed"), 2);
    assert_int_equal(daemon_stat(daemon, "rooms"), 2);
    peer_close(peer);
    peer_close(talker);
    daemon_stop(daemon);
}

static void without_room_restart_it_stays_closed_until_a_reload(void **state)
{
    struct daemon *daemon = start("room_restart = 0");
    struct peer *peer = peer_enter(daemon, "mill");

    (void)state;
    peer_send_packet(peer, C_FAIL, NULL, 0);
    peer_expect_left(peer, ROOMD_LEAVE_ROOM_CLOSED);
    wait_sleep_ms(500);
    assert_int_equal(daemon_log_count(daemon, "event=room_open room=mill ", NULL), 1);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=room_open room=mill ", NULL, 2, WAIT_LONG_MS);
    peer_join(peer, "mill");
    peer_close(peer);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(one_that_does_not_end_ends_the_process),
        SYSTEM_TEST(the_innermost_of_several_is_named),
        SYSTEM_TEST(those_that_end_in_time_do_no_harm),
        SYSTEM_TEST(a_process_that_was_stopped_is_not_stuck),
        SYSTEM_TEST(a_reload_changes_the_limit),
        SYSTEM_TEST(a_room_that_fails_is_closed_alone_and_opened_again),
        SYSTEM_TEST(without_room_restart_it_stays_closed_until_a_reload),
    };

    return cmocka_run_group_tests(tests, setup, module_teardown);
}
