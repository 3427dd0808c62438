/* Tickets and the door, with a real server: who makes tickets, where they are asked for, and how keys change. */
#include "support/system.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/ticket.h"

#define SECRET_1 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define SECRET_2 "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGRw"
#define ROOMS    "[room lobby]\nautojoin = yes\ntick = 10ms\n[room attic]\ntick = 10ms\n"

enum { PATH_BYTES = 256, CONFIG_BYTES = 1024, TICKET_LINE_BYTES = TICKET_BYTES_MAX + 2 };

/* The file's text and mode from now on, whatever it was. */
static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* A directory of the test's own, to be removed by scratch_remove. */
static void scratch_make(char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "/tmp/roomd-test-tickets-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static void scratch_remove(const char *path)
{
    const char *const argv[] = {"/bin/rm", "-r", path, NULL};
    struct process_result result;

    process_run(&result, argv, WAIT_LONG_MS);
    assert_int_equal(result.exit_status, 0);
    process_result_free(&result);
}

static struct daemon *start_with_keys(const char *keys_path, const char *more)
{
    char config[CONFIG_BYTES];

    snprintf(config, sizeof(config), "[server]\nlog = debug\nsecret_file = %s\n%s" ROOMS, keys_path, more);
    return daemon_start(config);
}

/* What `roomd ticket` prints, without its newline. */
static void mint(char out[TICKET_LINE_BYTES], const char *keys_path, const char *user, const char *room,
                 const char *kid)
{
    const char *const argv[] = {ROOMD_BINARY, "ticket", "--user", user,      "--secret-file",
                                keys_path,    "--room", room,     "--ttl",   "30s",
                                "--kid",      kid,      "--name", "The One", NULL};
    struct process_result result;

    process_run(&result, argv, WAIT_LONG_MS);
    assert_string_equal(result.err, "");
    assert_int_equal(result.exit_status, 0);
    assert_in_range(strlen(result.out), 60, TICKET_LINE_BYTES - 1);
    snprintf(out, TICKET_LINE_BYTES, "%.*s", (int)strcspn(result.out, "\n"), result.out);
    process_result_free(&result);
}

static struct peer *show(struct daemon *daemon, const char *ticket)
{
    struct peer *peer = peer_connect(daemon);
    uint8_t payload[6 + TICKET_LINE_BYTES];
    size_t size = strlen(ticket);

    roomd_put_u16(payload, ROOMD_WIRE_VERSION);
    roomd_put_u16(payload + 2, 0);
    roomd_put_u16(payload + 4, (uint16_t)size);
    memcpy(payload + 6, ticket, size);
    peer_send_packet(peer, ROOMD_C_HELLO, payload, 6 + size);
    return peer;
}

static struct peer *expect_in(struct daemon *daemon, const char *ticket)
{
    struct peer *peer = show(daemon, ticket);

    peer_expect_packet(peer, ROOMD_S_WELCOME);
    peer_expect_joined(peer, "lobby");
    return peer;
}

static void expect_refused(struct daemon *daemon, const char *ticket)
{
    struct peer *peer = show(daemon, ticket);

    peer_expect_kick(peer, ROOMD_CLOSE_TICKET);
    peer_close(peer);
}

static void the_command_makes_tickets_that_the_server_takes(void **state)
{
    char directory[PATH_BYTES];
    char keys[PATH_BYTES + 8];
    char ticket[TICKET_LINE_BYTES];

    (void)state;
    scratch_make(directory);
    snprintf(keys, sizeof(keys), "%s/keys", directory);
    write_file(keys, "a " SECRET_1 "\nb " SECRET_2 "\n", 0640);

    struct daemon *daemon = start_with_keys(keys, "duplicate = refuse\n");
    mint(ticket, keys, "kim", "", "b");
    assert_int_equal(strncmp(ticket, "v1.b.", 5), 0);
    struct peer *kim = expect_in(daemon, ticket);
    expect_refused(daemon, ticket); /* again */
    expect_refused(daemon, "");
    mint(ticket, keys, "kim", "", "a");
    struct peer *twin = show(daemon, ticket);
    peer_expect_kick(twin, ROOMD_CLOSE_DUPLICATE);
    mint(ticket, keys, "lee", "attic", "a");
    struct peer *lee = show(daemon, ticket);
    peer_expect_packet(lee, ROOMD_S_WELCOME);
    peer_send_join(lee, "lobby");
    peer_expect_error(lee, ROOMD_ERROR_NOT_ALLOWED);
    peer_join(lee, "attic");
    daemon_expect_log(daemon, "event=ticket_refused reason=used", " peer=127.0.0.1:");
    assert_int_equal(daemon_stat(daemon, "ticket_ok"), 3);
    assert_int_equal(daemon_stat(daemon, "ticket_used"), 1);
    assert_int_equal(daemon_stat(daemon, "ticket_missing"), 1);
    assert_int_equal(daemon_stat(daemon, "ticket_nonces"), 3);
    assert_int_equal(daemon_stat(daemon, "close_ticket"), 2);
    assert_int_equal(daemon_stat(daemon, "close_duplicate"), 1);
    peer_close(kim);
    peer_close(twin);
    peer_close(lee);
    daemon_stop(daemon);
    scratch_remove(directory);
}

/* Runs a shell's command in a directory. */
static struct process_result run_in(const char *directory, const char *command)
{
    char line[2048];
    const char *const argv[] = {"/bin/sh", "-c", line, NULL};
    struct process_result result;

    assert_in_range(snprintf(line, sizeof(line), "cd %s && %s", directory, command), 1, sizeof(line) - 1);
    process_run(&result, argv, WAIT_LONG_MS);
    return result;
}

/* What stands in the README between `from` and `to`, to be freed. */
static char *readme_part(const char *from, const char *to)
{
    char *readme = file_read_from(ROOMD_SOURCE_DIR "/README.md", 0);
    char *start = strstr(readme, from);
    char *end = start == NULL ? NULL : strstr(start + strlen(from), to);

    assert_non_null(end);
    start += strlen(from);
    char *part = strndup(start, (size_t)(end - start));
    assert_non_null(part);
    free(readme);
    return part;
}

/* The README's own words: how a secret is made, and ten lines of Python that make a ticket with it. */
static void the_readmes_python_makes_tickets_that_the_server_takes(void **state)
{
    char directory[PATH_BYTES];
    char path[PATH_BYTES + 16];

    (void)state;
    if (access("/usr/bin/python3", X_OK) != 0 && system("command -v python3 >/dev/null") != 0) {
        print_message("python3 is not here: the README's tickets were not tried\n");
        skip();
    }
    scratch_make(directory);
    char *command = readme_part("(umask 077;", ")\n");
    char *program = readme_part("```py\n", "```\n");
    struct process_result result = run_in(directory, command);

    assert_string_equal(result.err, "");
    process_result_free(&result);
    snprintf(path, sizeof(path), "%s/mint.py", directory);
    write_file(path, program, 0600);
    snprintf(path, sizeof(path), "%s/tickets.key", directory);
    chmod(path, 0600);
    struct daemon *daemon = start_with_keys(path, "");
    for (int i = 0; i < 3; i++) {
        result = run_in(directory, "python3 mint.py");
        assert_string_equal(result.err, "");
        assert_in_range(strlen(result.out), 60, TICKET_LINE_BYTES - 1);
        result.out[strcspn(result.out, "\n")] = '\0';
        struct peer *peer = expect_in(daemon, result.out);
        expect_refused(daemon, result.out);
        result.out[20] ^= 1;
        expect_refused(daemon, result.out);
        process_result_free(&result);
        peer_close(peer);
    }
    assert_int_equal(daemon_stat(daemon, "ticket_bad_signature"), 3);
    daemon_stop(daemon);
    free(command);
    free(program);
    scratch_remove(directory);
}

/* A path beside the config; a second key, then the first one taken out; a broken file changes nothing. */
static void keys_are_read_again(void **state)
{
    static const char with_keys[] = "[server]\nlog = debug\nsecret_file = tickets.key\n" ROOMS;
    struct daemon *daemon = daemon_start("[server]\nlog = debug\n" ROOMS);
    char keys[PATH_BYTES];
    char old_ticket[TICKET_LINE_BYTES];
    char new_ticket[TICKET_LINE_BYTES];

    (void)state;
    daemon_path(daemon, "tickets.key", keys, sizeof(keys));
    write_file(keys, "b " SECRET_2 "\na " SECRET_1 "\n", 0600);
    mint(old_ticket, keys, "kim", "", "a");
    mint(new_ticket, keys, "lee", "", "b");
    struct peer *guest = expect_in(daemon, ""); /* before tickets are asked for */
    write_file(keys, "a " SECRET_1 "\n", 0600);
    daemon_write_config(daemon, with_keys);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=reload ", NULL, 1, WAIT_LONG_MS);
    expect_refused(daemon, "");
    expect_refused(daemon, new_ticket);

    write_file(keys, "a " SECRET_1 "\nb short\n", 0600);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload_refused ", "tickets.key: line 2: the secret");
    write_file(keys, "b " SECRET_2 "\na " SECRET_1 "\n", 0604);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload_refused ", "others may get at it (mode 0604)");
    expect_refused(daemon, new_ticket);

    write_file(keys, "b " SECRET_2 "\na " SECRET_1 "\n", 0600);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=reload ", NULL, 2, WAIT_LONG_MS);
    struct peer *kim = expect_in(daemon, old_ticket);
    struct peer *lee = expect_in(daemon, new_ticket);
    mint(old_ticket, keys, "park", "", "a");
    write_file(keys, "b " SECRET_2 "\n", 0600);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=reload ", NULL, 3, WAIT_LONG_MS);
    expect_refused(daemon, old_ticket);
    assert_int_equal(daemon_stat(daemon, "ticket_unknown_key"), 3);
    peer_send_chat(guest, "still here");
    peer_expect_chat(kim, 1, "still here");
    peer_expect_chat(lee, 1, "still here");
    peer_close(guest);
    peer_close(kim);
    peer_close(lee);
    daemon_stop(daemon);
}

/* Runs roomd on a config that must not do: for `-t` and for a start, with and without -l. */
static void expect_no_start(const char *config, const char *listen, const char *first, const char *second)
{
    char directory[PATH_BYTES];
    char path[PATH_BYTES + 16];

    scratch_make(directory);
    snprintf(path, sizeof(path), "%s/roomd.conf", directory);
    write_file(path, config, 0600);
    for (int only_checks = 0; only_checks < 2; only_checks++) {
        const char *argv[8] = {ROOMD_BINARY, "-c", path};
        size_t count = 3;
        struct process_result result;

        if (listen != NULL) {
            argv[count++] = "-l";
            argv[count++] = listen;
        }
        if (only_checks) {
            argv[count++] = "-t";
        }
        process_run(&result, argv, WAIT_LONG_MS);
        if (result.exit_status != 1 || strstr(result.err, first) == NULL ||
            strstr(result.err, second) == NULL) {
            fail_msg("exit status %d, and: %s%s", result.exit_status, result.out, result.err);
        }
        process_result_free(&result);
    }
    scratch_remove(directory);
}

static void without_tickets_it_listens_at_home_only(void **state)
{
    static const char advice[] = "set secret_file in [server]";

    (void)state;
    expect_no_start("[server]\nlisten = 127.0.0.1:0\n# more\nlisten = 0.0.0.0:0\n[room a]\n", NULL,
                    "roomd.conf:4: listen = 0.0.0.0:0", advice);
    expect_no_start("[server]\nlisten = [::]:0\n[room a]\n", NULL, "roomd.conf:2: listen = [::]:0", advice);
    expect_no_start("[server]\nlisten = 192.0.2.1:0\n[room a]\n", NULL, "listen = 192.0.2.1:0", advice);
    expect_no_start("[server]\nlisten = [::ffff:192.0.2.1]:0\n[room a]\n", NULL, "192.0.2.1]:0", advice);
    expect_no_start("[server]\nlisten = 127.0.0.1:0\n[room a]\n", "0.0.0.0:0", "-l 0.0.0.0:0", advice);
    expect_no_start("[server]\nopen = no\nlisten = 10.0.0.1:0\n[room a]\n", NULL, ":3: listen", "open = yes");
}

static void at_home_is_every_loopback_address_and_a_unix_socket(void **state)
{
    static const char *const addresses[] = {"127.0.0.1:0", "127.1.2.3:0", "[::1]:0", "[::ffff:127.0.0.1]:0",
                                            "unix:/tmp/roomd-test-door.sock"};

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        const char *const argv[] = {ROOMD_BINARY, "-t", "-l", addresses[i], NULL};
        struct process_result result;

        process_run(&result, argv, WAIT_LONG_MS);
        assert_string_equal(result.err, "");
        assert_int_equal(result.exit_status, 0);
        process_result_free(&result);
    }
}

/* Told to, it listens to all the world; and a reload may not take that back under it. */
static void open_is_open(void **state)
{
    struct daemon *daemon = daemon_start_with(&(struct daemon_options){
        .config = "[server]\nopen = yes\nlog = debug\n" ROOMS, .listen = "0.0.0.0:0"});

    (void)state;
    daemon_write_config(daemon, "[server]\nlog = debug\n" ROOMS);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload_refused ", "-l 0.0.0.0:0");
    daemon_stop(daemon);
}

static void a_bad_secret_file_is_no_start(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *why;
    } bad[] = {
        {"a " SECRET_1 "\n", 0644, "(mode 0644)"},  {"a " SECRET_1 "\n", 0620, "(mode 0620)"},
        {"a " SECRET_1 "\n", 0601, "(mode 0601)"},  {"", 0600, "no key in it"},
        {"a secret\n", 0600, "line 1: the secret"}, {NULL, 0, "cannot be opened"},
    };
    char directory[PATH_BYTES];
    char keys[PATH_BYTES + 8];
    char config[CONFIG_BYTES];

    (void)state;
    scratch_make(directory);
    snprintf(keys, sizeof(keys), "%s/keys", directory);
    snprintf(config, sizeof(config), "[server]\nlisten = 127.0.0.1:0\nsecret_file = %s\n" ROOMS, keys);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unlink(keys);
        if (bad[i].text != NULL) {
            write_file(keys, bad[i].text, bad[i].mode);
        }
        expect_no_start(config, NULL, keys, bad[i].why);
    }
    snprintf(config, sizeof(config), "[server]\nlisten = 127.0.0.1:0\nsecret_file = %s\n" ROOMS, directory);
    expect_no_start(config, NULL, directory, ": not a file");
    expect_no_start("[server]\nlisten = 127.0.0.1:0\nsecret_file = nowhere\n" ROOMS, NULL,
                    "/nowhere: cannot be opened", "secret_file: ");
    scratch_remove(directory);
}

static void the_command_says_what_it_needs(void **state)
{
    static const struct {
        const char *args[7];
        int status;
        const char *says;
    } cases[] = {
        {{"--help"}, 0, "usage: roomd ticket"},
        {{NULL}, 2, "usage: roomd ticket"},
        {{"--user", "u"}, 2, "--secret-file"},
        {{"--secret-file", "KEYS"}, 2, "--user"},
        {{"--user", "u", "--secret-file", "KEYS", "more"}, 2, "usage"},
        {{"--user", "u", "--secret-file", "KEYS", "--ttl", "60"}, 2, "--ttl 60: no unit"},
        {{"--user", "u", "--secret-file", "KEYS", "--ttl", "10ms"}, 2, "below the least"},
        {{"--user", "u", "--secret-file", "KEYS", "--kid", "c"}, 1, "no key of the id c"},
        {{"--user", "", "--secret-file", "KEYS"}, 2, "1 to 64 bytes"},
        {{"--user", "u\n", "--secret-file", "KEYS"}, 2, "control"},
        {{"--user", "u", "--secret-file", "/nonesuch"}, 1, "/nonesuch: cannot be opened"},
        {{"--user", "u", "--secret-file", "KEYS", "--room",
          "0123456789012345678901234567890123456789012345678901234567890123x"},
         2,
         "longer than 64"},
        {{"--user", "u", "--secret-file", "KEYS"}, 0, "v1.a."},
    };
    char directory[PATH_BYTES];
    char keys[PATH_BYTES + 8];

    (void)state;
    scratch_make(directory);
    snprintf(keys, sizeof(keys), "%s/keys", directory);
    write_file(keys, "a " SECRET_1 "\nb " SECRET_2 "\n", 0600);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *argv[10] = {ROOMD_BINARY, "ticket"};
        struct process_result result;

        for (size_t j = 0; j < 7 && cases[i].args[j] != NULL; j++) {
            argv[2 + j] = strcmp(cases[i].args[j], "KEYS") == 0 ? keys : cases[i].args[j];
        }
        process_run(&result, argv, WAIT_LONG_MS);
        if (result.exit_status != cases[i].status ||
            strstr(cases[i].status == 0 ? result.out : result.err, cases[i].says) == NULL) {
            fail_msg("case %zu: exit status %d, and: %s%s", i, result.exit_status, result.out, result.err);
        }
        process_result_free(&result);
    }
    scratch_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(the_command_makes_tickets_that_the_server_takes),
        SYSTEM_TEST(the_readmes_python_makes_tickets_that_the_server_takes),
        SYSTEM_TEST(keys_are_read_again),
        SYSTEM_TEST(without_tickets_it_listens_at_home_only),
        SYSTEM_TEST(at_home_is_every_loopback_address_and_a_unix_socket),
        SYSTEM_TEST(open_is_open),
        SYSTEM_TEST(a_bad_secret_file_is_no_start),
        SYSTEM_TEST(the_command_says_what_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
