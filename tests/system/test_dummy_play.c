/* The load tool in a world: what roomd tells each of its players fits together, whatever they do. */
#include "support/system.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 40 };

#define WORLD_FOLDER ROOMD_SOURCE_DIR "/tools/world"

static const char config[] = "[server]\n"
                             "data_dir = " WORLD_FOLDER "\n"
                             "[room town]\n"
                             "content = town\n"
                             "map = town.map\n"
                             "rules = world.rules\n"
                             "view = 40\n"
                             "tick = 50ms\n"
                             "[room field]\n"
                             "content = field\n"
                             "map = field.map\n"
                             "rules = world.rules\n"
                             "view = 40\n"
                             "tick = 50ms\n"
                             "[room plain]\n"
                             "content = field\n"
                             "view = 20\n"
                             "extent = 60\n"
                             "spawn_radius = 50\n"
                             "speed = 6\n"
                             "tick = 50ms\n"
                             "[room lineage]\n"
                             "content = field\n"
                             "tick = 50ms\n"
                             "[room lobby]\n"
                             "content = chat\n"
                             "tick = 50ms\n";

/* The number behind "key": in the report; fails the test when it is not there. */
static double figure(const char *report, const char *key)
{
    char quoted[64];
    const char *at;

    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    at = strstr(report, quoted);
    if (at == NULL) {
        fail_msg("no %s in the report: %s", key, report);
        return 0;
    }
    return strtod(at + strlen(quoted), NULL);
}

/* Runs the tool with what `line` says, split at blanks. It must end with `status`. The caller frees the result. */
static void play(const struct daemon *daemon, struct process_result *result, const char *line, int status)
{
    const char *argv[ARGUMENTS_MAX] = {DUMMY_CLIENT_BINARY, "--json", "--connect", daemon_address(daemon)};
    char words[512];
    size_t count = 4;

    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word != NULL && count + 1 < ARGUMENTS_MAX;
         word = strtok(NULL, " ")) {
        argv[count++] = word;
    }
    process_run(result, argv, 60000);
    if (result->exit_status != status) {
        print_error("%s: ended with %d and said:\n%s\n%s\n", line, result->exit_status, result->out,
                    result->err);
        fail();
    }
}

static void roaming_open_ground(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct process_result result;

    (void)state;
    play(daemon, &result, "--play roam --rooms plain -n 50 -r 10 -d 3", 0);
    assert_true(figure(result.out, "wrong_total") == 0);
    assert_true(figure(result.out, "moves_sent") > 1000);
    assert_true(figure(result.out, "moves_seen") > 3000);
    assert_true(figure(result.out, "corrected") == 0); /* honest players are never put back */
    assert_true(figure(result.out, "view_mean") > 5 && figure(result.out, "view_mean") < 49);
    process_result_free(&result);
    play(daemon, &result, "--play roam --rooms lineage -n 20 -r 10 -d 2", 0);
    assert_true(figure(result.out, "view_mean") == 19);
    assert_true(figure(result.out, "corrected") == 0);
    process_result_free(&result);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    daemon_stop(daemon);
}

static void roaming_through_portals(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct process_result result;

    (void)state;
    play(daemon, &result, "--play roam --rooms field,town -n 50 -r 10 -d 4 --travel 1 --data " WORLD_FOLDER,
         0);
    assert_true(figure(result.out, "wrong_total") == 0);
    assert_true(figure(result.out, "rooms_changed") > 0);
    assert_true(figure(result.out, "things_mean") > 0);
    process_result_free(&result);
    daemon_stop(daemon);
}

/* Without the map one walks into walls, is put back, and nothing else is wrong. */
static void roaming_without_a_map(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct process_result result;

    (void)state;
    play(daemon, &result, "--play roam --rooms town -n 30 -r 10 -d 3", 0);
    assert_true(figure(result.out, "corrected") > 0);
    process_result_free(&result);
    daemon_stop(daemon);
}

static void fighting(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct process_result result;

    (void)state;
    play(daemon, &result, "--play fight --rooms field -n 30 -r 5 -d 8 --data " WORLD_FOLDER, 0);
    assert_true(figure(result.out, "wrong_total") == 0);
    assert_true(figure(result.out, "hits") > 0);
    assert_true(figure(result.out, "kills") > 0);
    process_result_free(&result);
    daemon_stop(daemon);
}

static void a_crowd(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct process_result result;

    (void)state;
    play(daemon, &result, "--play crowd --rooms lineage -n 100 -r 20 -d 2", 0);
    assert_true(figure(result.out, "wrong_total") == 0);
    assert_true(figure(result.out, "view_mean") == 99 && figure(result.out, "view_max") == 99);
    assert_true(figure(result.out, "received") > 100 * 100 * 20); /* of 40 ticks */
    assert_true(figure(result.out, "expected") == figure(result.out, "received"));
    process_result_free(&result);
    daemon_stop(daemon);
}

static void babbling(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct process_result result;

    (void)state;
    play(daemon, &result, "--play babble --rooms lobby -n 50 -r 4 -s 10 -d 2", 0);
    assert_true(figure(result.out, "sent") == 400);
    assert_true(figure(result.out, "received") > 50 * 200); /* of 400, in the window alone */
    process_result_free(&result);
    daemon_stop(daemon);
}

/* In the middle of it: those who were told why say so, and the run has failed. */
static void a_server_that_ends_fails_the_run(void **state)
{
    static const struct {
        int signal;
        int status;
        const char *reason;
    } ends[] = {{SIGTERM, 0, "\"disconnects\":{\"shutdown\":20}"},
                {SIGKILL, 128 + SIGKILL, "\"disconnects\":{\""}};

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct daemon *daemon = daemon_start(config);
        const char *argv[] = {DUMMY_CLIENT_BINARY,
                              "--json",
                              "--connect",
                              daemon_address(daemon),
                              "--play",
                              "roam",
                              "--rooms",
                              "field",
                              "-n",
                              "20",
                              "-d",
                              "30",
                              NULL};
        FILE *out = tmpfile();
        struct process process;
        char report[4096] = "";

        assert_non_null(out);
        process_start(&process, argv, fileno(out), STDERR_FILENO, 0);
        daemon_expect_stat_least(daemon, "packets_in", 100); /* they have begun to play */
        daemon_signal(daemon, ends[i].signal);
        assert_true(process_wait(&process, 10000));
        assert_int_equal(process.exit_status, 1);
        rewind(out);
        assert_true(fread(report, 1, sizeof(report) - 1, out) > 0);
        fclose(out);
        assert_non_null(strstr(report, ends[i].reason));
        assert_non_null(strstr(report, "\"wrong_total\":0"));
        assert_non_null(strstr(report, "\"ok\":false"));
        assert_int_equal(daemon_await_exit(daemon, 10000), ends[i].status);
        daemon_finish(daemon);
    }
}

/* The others play well in their world; those who are nowhere fail the run all the same. */
static void half_of_them_in_no_world(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct process_result result;

    (void)state;
    play(daemon, &result, "--play roam --rooms lineage,lobby -n 10 -r 10 -d 2", 1);
    assert_true(figure(result.out, "never_placed") == 5 && figure(result.out, "wrong_total") == 5);
    assert_true(figure(result.out, "moves_seen") > 50);
    process_result_free(&result);
    play(daemon, &result, "--play roam --rooms lineage -n 1 --data " ROOMD_SOURCE_DIR "/tools/dummy-client",
         2);
    assert_non_null(strstr(result.err, "no *.map is there"));
    process_result_free(&result);
    daemon_stop(daemon);
}

/* A world is no chat room: who babbles there is told what no chat room says, and that fails the run. */
static void what_is_wrong_fails_the_run(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct process_result result;

    (void)state;
    play(daemon, &result, "--play roam --rooms lobby -n 5 -d 1", 1); /* nobody is ever told where it is */
    assert_true(figure(result.out, "moves_sent") == 0);
    process_result_free(&result);
    play(daemon, &result, "--play babble --rooms lineage -n 5 -d 1", 1);
    assert_true(figure(result.out, "connected") == 5 && figure(result.out, "lost") == 0);
    assert_true(figure(result.out, "wrong_total") > 0);
    assert_non_null(strstr(result.out, "\"ok\":false"));
    process_result_free(&result);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(roaming_open_ground),
        SYSTEM_TEST(roaming_through_portals),
        SYSTEM_TEST(roaming_without_a_map),
        SYSTEM_TEST(fighting),
        SYSTEM_TEST(a_crowd),
        SYSTEM_TEST(babbling),
        SYSTEM_TEST(a_server_that_ends_fails_the_run),
        SYSTEM_TEST(half_of_them_in_no_world),
        SYSTEM_TEST(what_is_wrong_fails_the_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
