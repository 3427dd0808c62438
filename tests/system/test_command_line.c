/* The command line, checking a file, and the addresses on which the server listens. */
#include "support/system.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char config_small[] = "[room lobby]\ncontent = chat\nautojoin = yes\ntick = 10ms\n";

/* Runs roomd to its end with up to four arguments; NULL ends them. */
static struct process_result roomd_run(const char *a, const char *b, const char *c, const char *d)
{
    const char *argv[] = {ROOMD_BINARY, a, b, c, d, NULL};
    struct process_result result;

    process_run(&result, argv, WAIT_LONG_MS);
    return result;
}

/* Writes `text` to a new file and puts its path into `path`; the caller unlinks it. */
static void config_make(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/roomd-test-conf-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void help_and_version(void **state)
{
    static const char *const words[] = {"-c",          "-t",
                                        "-l",          "--help",
                                        "--version",   "listen",
                                        "frame_max",   "outbox_bytes_max",
                                        "early_flush", "250ms",
                                        "[template",   "idle_close",
                                        "suffix",      "with content = chat"};
    struct process_result result = roomd_run("--help", NULL, NULL, NULL);

    (void)state;
    assert_int_equal(result.exit_status, 0);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(result.out, words[i]) == NULL) {
            fail_msg("--help does not say '%s'", words[i]);
        }
    }
    assert_string_equal(result.err, "");
    process_result_free(&result);

    result = roomd_run("--version", NULL, NULL, NULL);
    assert_int_equal(result.exit_status, 0);
    assert_int_equal(strncmp(result.out, "roomd ", 6), 0);
    assert_true(result.out[6] >= '0' && result.out[6] <= '9');
    process_result_free(&result);
}

static void what_it_does_not_know_is_an_error(void **state)
{
    static const char *const bad[][2] = {
        {"--nonesuch", NULL}, {"-x", NULL}, {"-c", NULL}, {"-l", NULL}, {"left-over", NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct process_result result = roomd_run(bad[i][0], bad[i][1], NULL, NULL);

        assert_int_equal(result.exit_status, 2);
        assert_true(strlen(result.err) > 0);
        process_result_free(&result);
    }
}

static void a_good_file_is_ok(void **state)
{
    char path[64];

    (void)state;
    config_make(path, config_small);
    struct process_result result = roomd_run("-t", "-c", path, NULL);
    unlink(path);
    assert_int_equal(result.exit_status, 0);
    assert_string_equal(result.out, "OK: 1 room, 0 templates\n");
    process_result_free(&result);

    config_make(path, "[template party]\nsuffix = yes\n[room a]\n[room b]\n");
    result = roomd_run("-t", "-c", path, NULL);
    unlink(path);
    assert_int_equal(result.exit_status, 0);
    assert_string_equal(result.out, "OK: 2 rooms, 1 template\n");
    process_result_free(&result);

    result = roomd_run("-t", "-c", ROOMD_SOURCE_DIR "/tools/roomd.conf", NULL);
    assert_int_equal(result.exit_status, 0);
    process_result_free(&result);
}

static void a_bad_file_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text;
        const char *where; /* behind the path */
        const char *what;
    } bad[] = {
        {"[server]\n\nflavour = sweet\n", ":3", "flavour"},
        {"[server]\nframe_timeout = 5KiB\n", ":2", "frame_timeout"},
        {"[room a]\ntick = 5ms\n", ":2", "tick"},
        {"[room a]\n[room b]\n[room a]\n", ":3", "a"},
        {"# nothing\n[kitchen]\n", ":2", "kitchen"},
        {"listen = 127.0.0.1:1\n", ":1", "listen"},
        {"[server]\nlisten = nowhere\n", ":2", "nowhere"},
        {"[room a]\n\n\ncontent = nonesuch\n", ":4: content = ", "nonesuch"},
        {"[room a]\n[template b]\ncontent = ./nonesuch.so\n", ":3: content = ", "/tmp/./nonesuch.so"},
        {"[server]\nmodule_dir = mods\n[template b]\ncontent = nonesuch\n[room a]\n",
         ":4: content = ", "/tmp/mods/nonesuch.so"},
        {"[room a]\n[template a]\n", ":2", "[template a] has the name of [room a]"},
        {"[room a]\nflavour = sweet\n", ":2", "flavour = sweet: content chat has no key of that name"},
        {"[template b]\nsufix = yes\n[room a]\n", ":2",
         "sufix = yes: content chat has no key of that name (did you mean suffix?)"},
        {"[room a]\nsuffix = often\n", ":2", "suffix = often: not yes or no"},
        {"[template b]\nautojoin = yes\n[room a]\n", ":2", "(it belongs into [room NAME])"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char path[64];
        char where[80];

        config_make(path, bad[i].text);
        for (int starts = 0; starts < 2; starts++) { /* -t, and the same for a start */
            struct process_result result =
                starts ? roomd_run("-c", path, "-l", "127.0.0.1:0") : roomd_run("-t", "-c", path, NULL);

            snprintf(where, sizeof(where), "%s%s", path, bad[i].where);
            if (result.exit_status != 1 || strstr(result.err, where) == NULL ||
                strstr(result.err, bad[i].what) == NULL || strstr(result.err, "event=listen") != NULL) {
                fail_msg("bad file %zu: exit status %d, and: %s", i, result.exit_status, result.err);
            }
            process_result_free(&result);
        }
        unlink(path);
    }
}

static void a_missing_file_is_an_error(void **state)
{
    struct process_result result = roomd_run("-c", "/tmp/roomd-test-no-such-file", NULL, NULL);

    (void)state;
    assert_int_equal(result.exit_status, 1);
    assert_non_null(strstr(result.err, "/tmp/roomd-test-no-such-file"));
    process_result_free(&result);
}

static void both_are_served(struct daemon *daemon, const char *one, const char *two)
{
    struct peer *clients[2] = {peer_connect_to(one, 0), peer_connect_to(two, 0)};

    for (size_t i = 0; i < 2; i++) {
        peer_hello(clients[i]);
        peer_expect_joined(clients[i], "lobby");
    }
    peer_send_chat(clients[0], "across");
    peer_expect_chat(clients[1], clients[0]->player, "across");
    peer_close(clients[0]);
    peer_close(clients[1]);
    daemon_expect_stat_equal(daemon, "sessions", 0);
}

static void listen_may_be_given_several_times(void **state)
{
    struct daemon *daemon = daemon_start_with(
        &(struct daemon_options){.config = "[server]\nlisten = 127.0.0.1:0\nlisten = 127.0.0.2:0\n"
                                           "[room lobby]\nautojoin = yes\ntick = 10ms\n",
                                 .listen = ""});
    char second[128];

    (void)state;
    daemon_address_at(daemon, 1, second, sizeof(second));
    assert_int_equal(strncmp(daemon_address(daemon), "127.0.0.1:", 10), 0);
    assert_int_equal(strncmp(second, "127.0.0.2:", 10), 0);
    both_are_served(daemon, daemon_address(daemon), second);
    daemon_stop(daemon);
}

static void l_overrides_listen(void **state)
{
    struct daemon *daemon = daemon_start("[server]\nlisten = 127.0.0.2:0\nlisten = 127.0.0.3:0\n"
                                         "[room lobby]\nautojoin = yes\ntick = 10ms\n");

    (void)state;
    assert_int_equal(strncmp(daemon_address(daemon), "127.0.0.1:", 10), 0);
    assert_int_equal(daemon_log_count(daemon, "event=listen ", NULL), 1);
    both_are_served(daemon, daemon_address(daemon), daemon_address(daemon));
    daemon_stop(daemon);
}

static void an_address_in_use_is_an_error(void **state)
{
    struct daemon *daemon = daemon_start(config_small);
    struct process_result result = roomd_run("-l", daemon_address(daemon), NULL, NULL);

    (void)state;
    assert_int_equal(result.exit_status, 1);
    assert_non_null(strstr(result.err, daemon_address(daemon)));
    assert_non_null(strstr(result.err, "in use"));
    process_result_free(&result);
    both_are_served(daemon, daemon_address(daemon), daemon_address(daemon));
    daemon_stop(daemon);
}

/* A server that ended can be started again at once, though connections of the old one linger in the kernel.
 */
static void the_same_port_can_be_taken_again(void **state)
{
    struct daemon *daemon = daemon_start(config_small);
    struct peer *client = peer_connect(daemon);
    char address[128];

    (void)state;
    peer_hello(client);
    snprintf(address, sizeof(address), "%s", daemon_address(daemon));
    daemon_stop(daemon);
    peer_expect_joined(client, "lobby");
    peer_close(client);
    daemon = daemon_start_with(&(struct daemon_options){.config = config_small, .listen = address});
    assert_string_equal(daemon_address(daemon), address);
    both_are_served(daemon, address, address);
    daemon_stop(daemon);
}

static bool machine_has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    bool has = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return has;
}

static void ipv6_is_served(void **state)
{
    (void)state;
    if (!machine_has_ipv6()) {
        skip();
    }
    struct daemon *daemon =
        daemon_start_with(&(struct daemon_options){.config = config_small, .listen = "[::1]:0"});

    assert_int_equal(strncmp(daemon_address(daemon), "[::1]:", 6), 0);
    both_are_served(daemon, daemon_address(daemon), daemon_address(daemon));
    daemon_stop(daemon);
}

/* The directory in which a test has its unix socket. */
static char unix_directory[64];

/* A path for a unix socket in a directory of its own; unix_teardown removes both. */
static void unix_path_make(char path[96], char listen[128])
{
    snprintf(unix_directory, sizeof(unix_directory), "/tmp/roomd-test-unix-XXXXXX");
    assert_non_null(mkdtemp(unix_directory));
    snprintf(path, 96, "%s/socket", unix_directory);
    snprintf(listen, 128, "unix:%s", path);
}

static int unix_teardown(void **state)
{
    char path[96];

    system_teardown(state);
    snprintf(path, sizeof(path), "%s/socket", unix_directory);
    unlink(path);
    return rmdir(unix_directory);
}

static void a_unix_socket_is_served(void **state)
{
    char path[96];
    char listen[128];
    struct stat info;

    (void)state;
    unix_path_make(path, listen);
    struct daemon *daemon =
        daemon_start_with(&(struct daemon_options){.config = config_small, .listen = listen});
    assert_string_equal(daemon_address(daemon), listen);
    both_are_served(daemon, listen, listen);

    /* A second server does not take the socket away from the first. */
    struct process_result result = roomd_run("-l", listen, NULL, NULL);
    assert_int_equal(result.exit_status, 1);
    assert_non_null(strstr(result.err, path));
    assert_non_null(strstr(result.err, "in use"));
    process_result_free(&result);
    both_are_served(daemon, listen, listen);
    daemon_stop(daemon);
    assert_int_equal(stat(path, &info), -1);
}

/* What a server that was killed left behind is replaced. */
static void a_stale_unix_socket_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[96];
    char listen[128];

    (void)state;
    unix_path_make(path, listen);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    struct daemon *daemon =
        daemon_start_with(&(struct daemon_options){.config = config_small, .listen = listen});
    both_are_served(daemon, listen, listen);
    daemon_stop(daemon);
}

/* A file that is no socket is somebody's: it stays as it is, and the server does not start. */
static void a_file_in_the_way_is_left_alone(void **state)
{
    char path[96];
    char listen[128];

    (void)state;
    unix_path_make(path, listen);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("mine", file);
    fclose(file);
    struct process_result result = roomd_run("-l", listen, NULL, NULL);
    assert_int_equal(result.exit_status, 1);
    assert_non_null(strstr(result.err, path));
    process_result_free(&result);
    char *text = file_read_from(path, 0);
    assert_string_equal(text, "mine");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(help_and_version),
        SYSTEM_TEST(what_it_does_not_know_is_an_error),
        SYSTEM_TEST(a_good_file_is_ok),
        SYSTEM_TEST(a_bad_file_is_named_with_its_line),
        SYSTEM_TEST(a_missing_file_is_an_error),
        SYSTEM_TEST(listen_may_be_given_several_times),
        SYSTEM_TEST(l_overrides_listen),
        SYSTEM_TEST(an_address_in_use_is_an_error),
        SYSTEM_TEST(the_same_port_can_be_taken_again),
        SYSTEM_TEST(ipv6_is_served),
        cmocka_unit_test_teardown(a_unix_socket_is_served, unix_teardown),
        cmocka_unit_test_teardown(a_stale_unix_socket_is_replaced, unix_teardown),
        cmocka_unit_test_teardown(a_file_in_the_way_is_left_alone, unix_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
