/* The load tool's odd clients against the server: what each of them is for happens, and the others play on. */
#include "support/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 40, PATH_BYTES = 256, CONFIG_BYTES = 1024 };

/* The number behind "key": in the report; 0 when it is not there. */
static double figure(const char *report, const char *key)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = strstr(report, quoted);
    return at == NULL ? 0 : strtod(at + strlen(quoted), NULL);
}

/* Runs the tool with what `line` says, split at blanks. It must end with `status`. The caller frees the result. */
static void run(const struct daemon *daemon, struct process_result *result, const char *line, int status)
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

/* Each comes back with a new ticket, again and again; without one nobody comes in. */
static void with_tickets_they_come_in(void **state)
{
    static const char keys[] = "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n";
    char path[] = "/tmp/roomd-test-dummy-odd-XXXXXX";
    char config[CONFIG_BYTES];
    char line[CONFIG_BYTES];
    struct process_result result;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, keys, strlen(keys)), strlen(keys));
    close(fd);
    snprintf(config, sizeof(config),
             "[server]\nsecret_file = %s\n[room lobby]\nautojoin = yes\ntick = 10ms\n[room attic]\ntick = "
             "20ms\n",
             path);
    struct daemon *daemon = daemon_start(config);
    snprintf(line, sizeof(line), "-n 40 -r 10 -d 2 --rooms lobby,attic --churn 40 --ticket-keys %s", path);
    run(daemon, &result, line, 0);
    assert_true(figure(result.out, "connected") == 40 && figure(result.out, "lost") == 0);
    process_result_free(&result);
    assert_true(daemon_stat(daemon, "opened") > 60);
    snprintf(line, sizeof(line), "-n 5 -r 10 -d 1 --rooms attic --play babble --ticket-keys %s", path);
    run(daemon, &result, line, 0);
    process_result_free(&result);
    run(daemon, &result, "-n 3 -d 1 --rooms attic", 1);
    assert_true(figure(result.out, "ticket") == 3 && figure(result.out, "connected") == 0);
    process_result_free(&result);
    daemon_stop(daemon);
    unlink(path);
}

/* Whoever answers stays, whoever does not is found; nobody says anything for longer than the server waits. */
static void who_is_asked_answers_or_is_closed(void **state)
{
    struct daemon *daemon = daemon_start("[server]\nping_after = 200ms\npong_timeout = 3s\n"
                                         "[room lobby]\nautojoin = yes\ntick = 20ms\n");
    struct process_result result;

    (void)state;
    run(daemon, &result, "-n 20 -r 0 -d 1", 0);
    assert_true(figure(result.out, "pongs") >= 20);
    assert_non_null(strstr(result.out, "\"disconnects\":{}"));
    process_result_free(&result);
    run(daemon, &result, "-n 20 -r 2 -d 6 --mute 4", 0);
    assert_true(figure(result.out, "connected") == 20);
    assert_true(figure(result.out, "eof") + figure(result.out, "timeout") == 4); /* told or not: it is gone */
    assert_int_equal(daemon_stat(daemon, "close_timeout"), 4);
    process_result_free(&result);
    daemon_stop(daemon);
}

static void a_flood_is_thrown_out_and_comes_back(void **state)
{
    struct daemon *daemon = daemon_start("[room lobby]\nautojoin = yes\ntick = 20ms\n");
    struct process_result result;

    (void)state;
    run(daemon, &result, "-n 22 -r 4 -d 3 --flood 2", 0);
    assert_true(figure(result.out, "flood") > 2);
    assert_true(figure(result.out, "flooded") > 2000);
    assert_true(figure(result.out, "lost") == 0 && figure(result.out, "connected") == 20);
    process_result_free(&result);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    daemon_stop(daemon);
}

/* Buffers so small, and a patience so short, that who does not read for a second or two is skipped for sure. */
static const char skipping[] = "[server]\n"
                               "socket_send_buffer = 8KiB\n"
                               "socket_unsent_max = 1KiB\n"
                               "[room lobby]\n"
                               "content = chat\n"
                               "tick = 50ms\n"
                               "slow = skip\n"
                               "outbox_age_max = 100ms\n"
                               "suffix = yes\n"
                               "[room field]\n"
                               "content = field\n"
                               "view = 40\n"
                               "extent = 60\n"
                               "speed = 6\n"
                               "tick = 50ms\n"
                               "slow = skip\n"
                               "outbox_age_max = 100ms\n";

static void who_pauses_is_told_what_it_missed(void **state)
{
    static const char *const lines[] = {
        "-n 50 -r 10 -s 200 -d 3 --rooms lobby --pause 4 --pause-seconds 1 --rcvbuf 4096",
        "-n 100 -r 20 -d 5 --rooms field --play roam --pause 4 --pause-seconds 2 --rcvbuf 4096",
    };
    struct process_result result;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct daemon *daemon = daemon_start(skipping);

        run(daemon, &result, lines[i], 0);
        assert_true(figure(result.out, "pauses") >= 4);
        assert_true(figure(result.out, "resyncs") >= 4 && figure(result.out, "packets_skipped") > 100);
        assert_true(figure(result.out, "miscounted") == 0 && figure(result.out, "lost") == 0);
        assert_non_null(strstr(result.out, "\"disconnects\":{}"));
        process_result_free(&result);
        daemon_stop(daemon);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(with_tickets_they_come_in),
        SYSTEM_TEST(who_is_asked_answers_or_is_closed),
        SYSTEM_TEST(a_flood_is_thrown_out_and_comes_back),
        SYSTEM_TEST(who_pauses_is_told_what_it_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
