/*
 * What the server gives up: the filter of system calls stands in the way of none of its own, in a whole life, and of
 * whatever else is called; root is left for good.
 */
#include "support/module.h"
#include "support/system.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    TEXT_BYTES = 1024,
    C_CALL = 1, /* u16 which; answered by S_CALLED: u32 -errno or 0 */
    S_CALLED = 2,
    CALL_SOCKET = 1,
    CALL_WRITE_FILE = 2,
    CALL_NEW_CODE = 3,
    CALL_UNKNOWN = 4,
    CALL_EXEC = 5,
    CALL_KILL_OTHER = 6
};

/* %s: its flags. */
static const char module_text[] =
    "#include <errno.h>\n"
    "#include <fcntl.h>\n"
    "#include <signal.h>\n"
    "#include <sys/mman.h>\n"
    "#include <sys/socket.h>\n"
    "#include <sys/syscall.h>\n"
    "#include <unistd.h>\n"
    "struct caller { const struct roomd_host *host; struct roomd_room *room; };\n"
    "static int caller_open(const struct roomd_host *host, struct roomd_room *room, void **state) {\n"
    "    struct caller *caller = host->alloc(room, sizeof(*caller));\n"
    "    if (caller == NULL) { return -12; }\n"
    "    caller->host = host; caller->room = room; *state = caller; return 0; }\n"
    "static void caller_close(void *state) { (void)state; }\n"
    "static long call(int which) {\n"
    "    char *const argv[] = {\"true\", NULL};\n"
    "    switch (which) {\n"
    "    case 1: return socket(AF_INET, SOCK_STREAM, 0);\n"
    "    case 2: return open(\"/dev/null\", O_WRONLY | O_CLOEXEC);\n"
    "    case 3: return mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == "
    "MAP_FAILED\n"
    "                ? -1 : 0;\n"
    "    case 4: return syscall(100000);\n"
    "    case 5: return execv(\"/bin/true\", argv);\n"
    "    default: return syscall(SYS_tgkill, 1, 1, 0); } }\n"
    "static enum roomd_packet_result caller_packet(void *state, uint64_t session, uint16_t id,\n"
    "                                              const uint8_t *payload, size_t bytes) {\n"
    "    struct caller *caller = state; uint8_t answer[4];\n"
    "    if (id != 1 || bytes != 2) { return ROOMD_PACKET_MALFORMED; }\n"
    "    errno = 0;\n"
    "    roomd_put_u32(answer, call(roomd_get_u16(payload)) < 0 ? (uint32_t)errno : 0);\n"
    "    caller->host->send(caller->room, session, 2, answer, sizeof(answer), ROOMD_URGENT);\n"
    "    return ROOMD_PACKET_OK; }\n"
    "static const struct roomd_content table = {.abi = ROOMD_CONTENT_ABI, .size = sizeof(table),\n"
    "    .name = \"caller\", .open = caller_open, .close = caller_close, .packet = caller_packet,\n"
    "    .flags = %s};\n"
    "const struct roomd_content *roomd_module(void) { return &table; }\n";

static char tame[MODULE_PATH_BYTES]; /* says that it makes no calls */
static char wild[MODULE_PATH_BYTES]; /* does not */

static int setup(void **state)
{
    char text[2 * sizeof(module_text)];

    if (module_setup(state) != 0) {
        return 1;
    }
    snprintf(text, sizeof(text), module_text, "ROOMD_CONTENT_SANDBOXED");
    module_build("tame", text, tame);
    snprintf(text, sizeof(text), module_text, "0");
    module_build("wild", text, wild);
    return 0;
}

/* The sanitizers make calls of their own: there is no filter then. */
static bool has_filter(void)
{
    return !daemon_is_sanitized();
}

/* A field of /proc/PID/status. */
static unsigned long status_field(const struct daemon *daemon, const char *field)
{
    char path[64];
    char *text;
    const char *at;
    unsigned long value;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid(daemon));
    text = file_read_from(path, 0);
    at = strstr(text, field);
    assert_non_null(at);
    value = strtoul(at + strlen(field), NULL, 10);
    free(text);
    return value;
}

static void expect_filter(struct daemon *daemon, bool is_on, const char *why)
{
    daemon_expect_log(daemon, "event=sandbox ", is_on ? "seccomp=yes" : why);
    assert_int_equal(status_field(daemon, "Seccomp:"), is_on ? 2 : 0);
    assert_int_equal(status_field(daemon, "NoNewPrivs:"), 1);
}

static uint32_t call(struct peer *peer, uint16_t which)
{
    uint8_t payload[2];
    struct packet packet;

    roomd_put_u16(payload, which);
    peer_send_packet(peer, C_CALL, payload, sizeof(payload));
    packet = peer_expect_packet(peer, S_CALLED);
    return roomd_get_u32(packet.payload);
}

static struct daemon *start_with_module(const char *server_keys, const char *module)
{
    char config[TEXT_BYTES];

    snprintf(config, sizeof(config), "[server]\n%s\n[room hall]\ncontent = %s\n", server_keys, module);
    return daemon_start(config);
}

static void reload(struct daemon *daemon, const char *config, const char *event)
{
    size_t before = daemon_log_count(daemon, event, NULL);

    daemon_write_config(daemon, config);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, event, NULL, before + 1, WAIT_LONG_MS);
}

static void write_secret(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Listening, talking, worlds with maps, rooms of templates, tickets' keys, reloads, reports, the end. */
static void a_whole_life_goes_on_behind_it(void **state)
{
    static const char format[] =
        "[server]\nlisten = 127.0.0.1:0\nlisten = unix:/tmp/roomd-test-sandbox-%d\n"
        "data_dir = " ROOMD_SOURCE_DIR "/tools/world\nseccomp = yes\ncallback_max = %s\n%s"
        "[room lobby]\nautojoin = yes\ntick = 10ms\n%s"
        "[template party]\ncontent = dungeon\nmap = crypt.map\nrules = world.rules\n"
        "idle_close = 1s\n";
    char config[TEXT_BYTES];
    char path[64];
    char secret[128];
    struct daemon *daemon;
    struct peer *peer;
    struct peer *local;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/roomd-test-sandbox-%d", (int)getpid());
    snprintf(config, sizeof(config), format, (int)getpid(), "10s", "", "");
    daemon = daemon_start_with(&(struct daemon_options){.config = config, .listen = ""});
    expect_filter(daemon, has_filter(), "seccomp=no");
    peer = peer_connect(daemon);
    snprintf(config, sizeof(config), "unix:%s", path);
    local = peer_connect_to(config, 0);
    peer_hello(peer);
    peer_hello(local);
    peer_expect_joined(peer, "lobby");
    peer_expect_joined(local, "lobby");
    peer_send_chat(local, "hello");
    peer_expect_chat(peer, local->player, "hello");

    uint8_t create[32] = {5, 0, 'p', 'a', 'r', 't', 'y', 2, 0, 'a', 't'};

    peer_send_packet(peer, ROOMD_C_CREATE, create, 11);
    peer_expect_left(peer, ROOMD_LEAVE_MOVED);
    peer_await_packet(peer, ROOMD_S_JOINED);
    snprintf(config, sizeof(config), format, (int)getpid(), "9s", "",
             "[room town]\ncontent = town\nmap = town.map\nrules = world.rules\n");
    reload(daemon, config, "event=reload ");
    peer_send_join(local, "town");
    peer_expect_left(local, ROOMD_LEAVE_MOVED);
    peer_await_packet(local, ROOMD_S_JOINED);
    daemon_path(daemon, "secret", secret, sizeof(secret));
    write_secret(secret, "first c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M\n");
    snprintf(config, sizeof(config), format, (int)getpid(), "9s", "secret_file = secret\n",
             "[room town]\ncontent = town\nmap = town.map\nrules = world.rules\n");
    reload(daemon, config, "event=reload ");
    assert_int_equal(daemon_stat(daemon, "rooms"), 3);
    peer_abort(peer);
    daemon_expect_stat_equal(daemon, "rooms_retired", 1); /* it stood empty */
    peer_close(local);
    assert_int_equal(access(path, F_OK), 0);
    unlink(secret);
    daemon_stop(daemon);
    assert_int_equal(access(path, F_OK), -1);
}

/* Of a content that said it makes none: the last line says which call, and where. */
static void a_call_that_reaches_out_ends_the_process(void **state)
{
    static const struct {
        uint16_t which;
        long number;
    } calls[] = {{CALL_SOCKET, SYS_socket}, {CALL_EXEC, SYS_execve}};

    (void)state;
    for (size_t i = 0; i < 2 && has_filter(); i++) {
        struct daemon *daemon = start_with_module("", tame);
        struct peer *peer = peer_enter(daemon, "hall");
        char fields[128];
        char path[128];
        uint8_t payload[2];

        expect_filter(daemon, true, NULL);
        roomd_put_u16(payload, calls[i].which);
        peer_send_packet(peer, C_CALL, payload, sizeof(payload));
        assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 128 + SIGABRT);
        snprintf(fields, sizeof(fields), "room=hall content=caller callback=packet syscall=%ld",
                 calls[i].number);
        daemon_expect_log(daemon, "level=alert event=call_forbidden ", fields);
        daemon_path(daemon, "stderr", path, sizeof(path));
        assert_int_equal(truncate(path, 0), 0); /* the alert is what this test is about */
        daemon_finish(daemon);
        peer_close(peer);
    }
}

static void any_other_call_is_refused(void **state)
{
    struct daemon *daemon = start_with_module("", tame);
    struct peer *peer = peer_enter(daemon, "hall");

    (void)state;
    expect_filter(daemon, has_filter(), "seccomp=no");
    if (has_filter()) {
        assert_int_equal(call(peer, CALL_WRITE_FILE), EPERM);
        assert_int_equal(call(peer, CALL_NEW_CODE), EPERM);
        assert_int_equal(call(peer, CALL_UNKNOWN), EPERM);
        assert_int_equal(call(peer, CALL_KILL_OTHER), EPERM);
    }
    peer_close(peer);
    daemon_stop(daemon);
}

static void it_is_off_for_a_content_that_does_not_say_it_can(void **state)
{
    struct daemon *daemon = start_with_module("seccomp = yes", wild);
    struct peer *peer = peer_enter(daemon, "hall");

    (void)state;
    expect_filter(daemon, false, has_filter() ? "seccomp=no content=caller" : "seccomp=no");
    assert_int_equal(call(peer, CALL_SOCKET), 0);
    assert_int_equal(call(peer, CALL_WRITE_FILE), 0);
    peer_close(peer);
    daemon_stop(daemon);
}

static void it_is_off_when_the_config_says_so(void **state)
{
    struct daemon *daemon = start_with_module("seccomp = no", tame);
    struct peer *peer = peer_enter(daemon, "hall");

    (void)state;
    expect_filter(daemon, false, "seccomp=no why=\"the config says so\"");
    assert_int_equal(call(peer, CALL_SOCKET), 0);
    peer_close(peer);
    daemon_stop(daemon);
}

/* New code is not let in, wherever it comes from; the server goes on as it was. */
static void a_reload_brings_no_module_in(void **state)
{
    struct daemon *daemon = daemon_start("[room lobby]\nautojoin = yes\n");
    char config[TEXT_BYTES];
    struct peer *peer;

    (void)state;
    snprintf(config, sizeof(config), "[room lobby]\nautojoin = yes\n[room hall]\ncontent = %s\n", tame);
    reload(daemon, config, has_filter() ? "event=reload_refused " : "event=reload ");
    peer = peer_autojoin(daemon, "lobby");
    peer_close(peer);
    daemon_stop(daemon);
}

static void root_is_left_for_good(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");
    struct daemon *daemon;
    char path[64];
    char ids[64];
    char *text;

    (void)state;
    if (geteuid() != 0 || nobody == NULL) {
        print_message("not root, or there is no nobody: root can't be left\n");
        return;
    }
    daemon = daemon_start("[server]\nrun_as = nobody\n[room lobby]\n");
    daemon_expect_log(daemon, "event=sandbox ", "uid=");
    snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid(daemon));
    text = file_read_from(path, 0);
    snprintf(ids, sizeof(ids), "Uid:\t%u\t%u\t%u\t%u\n", nobody->pw_uid, nobody->pw_uid, nobody->pw_uid,
             nobody->pw_uid);
    assert_non_null(strstr(text, ids));
    snprintf(ids, sizeof(ids), "Gid:\t%u\t%u\t%u\t%u\nFDSize", nobody->pw_gid, nobody->pw_gid, nobody->pw_gid,
             nobody->pw_gid);
    assert_non_null(strstr(text, ids));
    snprintf(ids, sizeof(ids), "\nGroups:\t%u ", nobody->pw_gid);
    assert_non_null(strstr(text, ids));
    assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
    assert_non_null(strstr(text, "CapPrm:\t0000000000000000"));
    assert_int_equal(daemon_log_count(daemon, "event=runs_as_root", NULL), 0);
    free(text);
    daemon_stop(daemon);
}

static void nobody_unknown_is_become(void **state)
{
    struct process_result result;
    char path[] = "/tmp/roomd-test-sandbox-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    dprintf(fd, "[server]\nlisten = 127.0.0.1:0\nrun_as = nobody-of-that-name\n[room lobby]\n");
    process_run(&result, (const char *const[]){ROOMD_BINARY, "-c", path, NULL}, WAIT_LONG_MS);
    assert_int_equal(result.exit_status, 1);
    assert_non_null(strstr(result.err, "roomd: run_as = nobody-of-that-name: there is no such user"));
    process_result_free(&result);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(a_whole_life_goes_on_behind_it),
        SYSTEM_TEST(a_call_that_reaches_out_ends_the_process),
        SYSTEM_TEST(any_other_call_is_refused),
        SYSTEM_TEST(it_is_off_for_a_content_that_does_not_say_it_can),
        SYSTEM_TEST(it_is_off_when_the_config_says_so),
        SYSTEM_TEST(a_reload_brings_no_module_in),
        SYSTEM_TEST(root_is_left_for_good),
        SYSTEM_TEST(nobody_unknown_is_become),
    };

    return cmocka_run_group_tests(tests, setup, module_teardown);
}
