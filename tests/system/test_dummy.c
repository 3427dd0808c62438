/* The load tool against the server: what it proves is that nothing was lost, doubled or out of order. */
#include "support/system.h"

#include <string.h>

static const char config[] = "[room a]\n"
                             "content = chat\n"
                             "tick = 50ms\n"
                             "[room b]\n"
                             "content = chat\n"
                             "tick = 20ms\n"
                             "[room c]\n"
                             "content = chat\n"
                             "tick = 0\n"
                             "outbox_bytes_max = 256KiB\n";

/* True when the report holds "key": value, with or without a blank. */
static bool report_says(const char *report, const char *key_and_colon, const char *value)
{
    const char *at = strstr(report, key_and_colon);

    if (at == NULL) {
        return false;
    }
    at += strlen(key_and_colon);
    at += strspn(at, " ");
    return strncmp(at, value, strlen(value)) == 0;
}

/* Runs the tool with 100 players in three rooms and `more` arguments, and checks its verdict. */
static void dummy_run(const char *const *more, size_t more_count)
{
    struct daemon *daemon = daemon_start(config);
    const char *argv[32] = {
        DUMMY_CLIENT_BINARY,   "-n", "100", "-r", "4", "-d", "3", "--json", "--rooms", "a,b,c", "--connect",
        daemon_address(daemon)};
    size_t n = 12;
    struct process_result result;

    for (size_t i = 0; i < more_count; i++) {
        argv[n++] = more[i];
    }
    process_run(&result, argv, 30000);
    if (result.exit_status != 0 || !report_says(result.out, "\"ok\":", "true")) {
        print_error("dummy-client ended with %d and said:\n%s\n%s\n", result.exit_status, result.out,
                    result.err);
        fail();
    }
    process_result_free(&result);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    assert_true(daemon_stat(daemon, "deliveries") > 10000);
    daemon_stop(daemon);
}

static void a_hundred_players_in_three_rooms(void **state)
{
    (void)state;
    dummy_run(NULL, 0);
}

static void among_those_who_misbehave(void **state)
{
    static const char *const more[] = {"--churn", "10", "--dribble", "5", "--slow", "5", "--garbage", "5"};

    (void)state;
    dummy_run(more, 8);
}

static void all_at_once(void **state)
{
    static const char *const more[] = {"--burst", "-s", "400"};

    (void)state;
    dummy_run(more, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(a_hundred_players_in_three_rooms),
        SYSTEM_TEST(among_those_who_misbehave),
        SYSTEM_TEST(all_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
