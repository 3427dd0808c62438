/*
 * roomd under a service manager, which the test is: it is told how things are, the watchdog is fed by turns alone, and
 * sockets that it opened are listened on.
 */
#include "support/module.h"
#include "support/system.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TEXT_BYTES = 512, HANDED_FD = 9, C_LOOP = 1, S_LOOPED = 2, LOOP_MS = 1500, WATCHDOG_MS = 400 };

/* Loops for LOOP_MS. */
static const char module_text[] =
    "#include <time.h>\n"
    "struct hog { const struct roomd_host *host; struct roomd_room *room; };\n"
    "static uint64_t now_ms(void) {\n"
    "    struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);\n"
    "    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000; }\n"
    "static int hog_open(const struct roomd_host *host, struct roomd_room *room, void **state) {\n"
    "    struct hog *hog = host->alloc(room, sizeof(*hog));\n"
    "    if (hog == NULL) { return -12; }\n"
    "    hog->host = host; hog->room = room; *state = hog; return 0; }\n"
    "static void hog_close(void *state) { (void)state; }\n"
    "static enum roomd_packet_result hog_packet(void *state, uint64_t session, uint16_t id,\n"
    "                                           const uint8_t *payload, size_t bytes) {\n"
    "    struct hog *hog = state; uint64_t until = now_ms() + 1500;\n"
    "    (void)id; (void)payload; (void)bytes;\n"
    "    while (now_ms() < until) { }\n"
    "    hog->host->send(hog->room, session, 2, \"\", 0, ROOMD_URGENT);\n"
    "    return ROOMD_PACKET_OK; }\n"
    "static const struct roomd_content table = {.abi = ROOMD_CONTENT_ABI, .size = sizeof(table),\n"
    "    .name = \"hog\", .open = hog_open, .close = hog_close, .packet = hog_packet};\n"
    "const struct roomd_content *roomd_module(void) { return &table; }\n";

static int manager = -1;
static char manager_name[64];

static void manager_open(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(manager_name, sizeof(manager_name), "/tmp/roomd-test-notify-%d", (int)getpid());
    memcpy(address.sun_path, manager_name, strlen(manager_name));
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(manager >= 0);
    assert_int_equal(bind(manager, (const struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", manager_name, 1);
}

static int teardown(void **state)
{
    if (manager >= 0) {
        close(manager);
        unlink(manager_name);
        manager = -1;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    return system_teardown(state);
}

/* The next message that comes before the deadline; false: none did. */
static bool manager_next(char text[TEXT_BYTES], uint64_t deadline_ns)
{
    ssize_t bytes;

    if (wait_fd(manager, POLLIN, deadline_ns) == 0) {
        return false;
    }
    bytes = recv(manager, text, TEXT_BYTES - 1, 0);
    assert_true(bytes > 0);
    text[bytes] = '\0';
    return true;
}

/* The next one that is no food, which begins so. */
static void expect_told(const char *start)
{
    char text[TEXT_BYTES];

    do {
        assert_true(manager_next(text, wait_deadline_ns(WAIT_LONG_MS)));
    } while (strcmp(text, "WATCHDOG=1") == 0);
    if (strncmp(text, start, strlen(start)) != 0) {
        fail_msg("the manager is told '%s', not '%s'", text, start);
    }
}

static void the_manager_is_told_how_things_are(void **state)
{
    struct daemon *daemon;
    struct peer *peer;
    char text[TEXT_BYTES];
    uint64_t before_us = wait_now_ns() / 1000;
    unsigned long long told_us = 0;

    (void)state;
    manager_open();
    daemon = daemon_start("[server]\nstats = 1s\n[room lobby]\nautojoin = yes\n");
    peer = peer_connect(daemon); /* ready means: it listens */
    expect_told("READY=1\nSTATUS=0 sessions, 1 rooms");
    peer_hello(peer);
    expect_told("STATUS=1 sessions, 1 rooms");
    daemon_signal(daemon, SIGHUP);
    do {
        assert_true(manager_next(text, wait_deadline_ns(WAIT_LONG_MS)));
    } while (strncmp(text, "STATUS=", 7) == 0);
    assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%llu\n", &told_us), 1);
    assert_in_range(told_us, before_us, wait_now_ns() / 1000);
    expect_told("READY=1\n");
    daemon_write_config(daemon, "[server]\nwrong\n");
    daemon_signal(daemon, SIGHUP); /* a reload that is refused ends, too */
    do {
        assert_true(manager_next(text, wait_deadline_ns(WAIT_LONG_MS)));
    } while (strncmp(text, "STATUS=", 7) == 0);
    assert_memory_equal(text, "RELOADING=1\n", 12);
    expect_told("READY=1\n");
    daemon_signal(daemon, SIGTERM);
    do {
        assert_true(manager_next(text, wait_deadline_ns(WAIT_LONG_MS)));
    } while (strncmp(text, "STATUS=", 7) == 0);
    assert_memory_equal(text, "STOPPING=1\n", 11);
    peer_close(peer);
    assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 0);
    daemon_finish(daemon);
}

/* An idle server has nothing to do but that. */
static void the_watchdog_is_fed_while_nothing_happens(void **state)
{
    enum { WORDS = 8 };
    struct daemon *daemon;
    char text[TEXT_BYTES];
    uint64_t first_ns = 0;

    (void)state;
    manager_open();
    setenv("WATCHDOG_USEC", "400000", 1);
    daemon = daemon_start(NULL);
    expect_told("READY=1\n");
    /* On the average: one word that is read late, on a busy machine, makes the next one seem early. */
    for (int i = 0; i <= WORDS; i++) {
        assert_true(manager_next(text, wait_deadline_ns(WAIT_LONG_MS)));
        assert_string_equal(text, "WATCHDOG=1");
        first_ns = i == 0 ? wait_now_ns() : first_ns;
    }
    assert_in_range((wait_now_ns() - first_ns) / 1000000 / WORDS, WATCHDOG_MS / 4, WATCHDOG_MS);
    daemon_stop(daemon);
}

static void a_server_that_hangs_starves_it(void **state)
{
    char module[MODULE_PATH_BYTES];
    char config[TEXT_BYTES];
    char text[TEXT_BYTES];
    struct daemon *daemon;
    struct peer *peer;
    uint64_t begin_ns;
    uint64_t longest_ns = 0;
    uint64_t last_ns;

    (void)state;
    manager_open();
    setenv("WATCHDOG_USEC", "400000", 1);
    module_build("hog", module_text, module);
    snprintf(config, sizeof(config), "[room mill]\ncontent = %s\n", module);
    daemon = daemon_start(config);
    expect_told("READY=1\n");
    peer = peer_enter(daemon, "mill");
    begin_ns = last_ns = wait_now_ns();
    peer_send_packet(peer, C_LOOP, NULL, 0);
    while (wait_now_ns() - begin_ns < (LOOP_MS + 3 * WATCHDOG_MS) * 1000000ull) {
        assert_true(manager_next(text, wait_deadline_ns(WAIT_LONG_MS)));
        assert_string_equal(text, "WATCHDOG=1");
        longest_ns = wait_now_ns() - last_ns > longest_ns ? wait_now_ns() - last_ns : longest_ns;
        last_ns = wait_now_ns();
    }
    assert_true(longest_ns > (LOOP_MS - WATCHDOG_MS) * 1000000ull);
    peer_await_packet(peer, S_LOOPED);
    peer_close(peer);
    daemon_stop(daemon);
}

/* roomd with sockets handed over: descriptors 3 and up are what HANDED_FD and the next ones are here. */
struct handed {
    struct process process;
    char log_path[64];
};

static void handed_start(struct handed *handed, const char *config_path, int count)
{
    char script[TEXT_BYTES];
    int log_fd;

    snprintf(handed->log_path, sizeof(handed->log_path), "/tmp/roomd-test-handed-%d", (int)getpid());
    log_fd = open(handed->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    assert_true(log_fd >= 0);
    snprintf(script, sizeof(script), "exec 3<&9 9<&-; %s LISTEN_FDS=%d LISTEN_PID=$$ exec %s%s%s",
             count == 2 ? "exec 4<&8 8<&-;" : "", count, ROOMD_BINARY, config_path ? " -c " : "",
             config_path ? config_path : "");
    process_start(&handed->process, (const char *const[]){"/bin/sh", "-c", script, NULL}, log_fd, log_fd, 0);
    close(log_fd);
}

static bool handed_says(const struct handed *handed, const char *text)
{
    char *log = file_read_from(handed->log_path, 0);
    bool says = strstr(log, text) != NULL;

    free(log);
    return says;
}

static void handed_expect(struct handed *handed, const char *text)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    while (!handed_says(handed, text)) {
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("roomd does not say '%s'", text);
        }
        wait_sleep_ms(5);
    }
}

static void handed_stop(struct handed *handed, int status)
{
    if (!handed->process.is_over) {
        kill(handed->process.pid, SIGTERM);
    }
    assert_true(process_wait(&handed->process, WAIT_LONG_MS));
    assert_int_equal(handed->process.exit_status, status);
    unlink(handed->log_path);
}

/* A listening socket at `place`, without close-on-exec, on that IPv4 address; returns its port. */
static uint16_t listen_at(int place, in_addr_t host)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    socklen_t bytes = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, bytes), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    assert_int_equal(dup2(fd, place), place);
    close(fd);
    return ntohs(address.sin_port);
}

static void a_guest_speaks(const char *address)
{
    struct peer *peer = peer_connect_to(address, 0);

    peer_hello(peer);
    peer_expect_joined(peer, "lobby");
    peer_send_chat(peer, "hello");
    peer_expect_chat(peer, peer->player, "hello");
    peer_close(peer);
}

/* And outlive the server: who comes while it is started again waits. */
static void sockets_that_are_handed_over_are_listened_on(void **state)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct handed handed;
    struct peer *early;
    char tcp[64];
    char unix_address[sizeof(((struct sockaddr_un *)NULL)->sun_path) + sizeof("unix:")];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    snprintf(tcp, sizeof(tcp), "127.0.0.1:%u", listen_at(HANDED_FD, INADDR_LOOPBACK));
    snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/roomd-test-handed-socket-%d", (int)getpid());
    snprintf(unix_address, sizeof(unix_address), "unix:%s", sun.sun_path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(dup2(fd, HANDED_FD - 1), HANDED_FD - 1);
    close(fd);
    for (int i = 0; i < 2; i++) {
        handed_start(&handed, NULL, 2);
        if (i == 1) {
            peer_hello(early);
            peer_expect_joined(early, "lobby");
            peer_close(early);
        }
        handed_expect(&handed, "event=listen addr=unix:/tmp/roomd-test-handed-socket-");
        assert_true(handed_says(&handed, tcp));
        assert_true(handed_says(&handed, "adopted=yes"));
        assert_false(handed_says(&handed, ":7777")); /* the config's own is not listened on */
        a_guest_speaks(tcp);
        a_guest_speaks(unix_address);
        handed_stop(&handed, 0);
        assert_int_equal(access(sun.sun_path, F_OK), 0); /* it is not roomd's to remove */
        early = i == 0 ? peer_connect_to(tcp, 0) : NULL;
    }
    close(HANDED_FD);
    close(HANDED_FD - 1);
    unlink(sun.sun_path);
}

static void what_does_not_listen_is_refused(void **state)
{
    struct handed handed;
    int kinds[] = {open("/dev/null", O_RDONLY), socket(AF_INET, SOCK_STREAM, 0),
                   socket(AF_INET, SOCK_DGRAM, 0)};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dup2(kinds[i], HANDED_FD), HANDED_FD);
        handed_start(&handed, NULL, 1);
        assert_true(process_wait(&handed.process, WAIT_LONG_MS));
        assert_true(handed_says(&handed, "roomd: descriptor 3 of LISTEN_FDS: "));
        handed_stop(&handed, 1);
        close(HANDED_FD);
        close(kinds[i]);
    }
}

/* Without tickets roomd serves this machine alone, whoever opened the socket. */
static void a_socket_that_others_reach_needs_a_word_in_the_config(void **state)
{
    struct handed handed;
    char path[] = "/tmp/roomd-test-handed-conf-XXXXXX";
    int fd = mkstemp(path);
    char address[32];

    (void)state;
    snprintf(address, sizeof(address), "127.0.0.1:%u", listen_at(HANDED_FD, INADDR_ANY));
    handed_start(&handed, NULL, 1);
    assert_true(process_wait(&handed.process, WAIT_LONG_MS));
    assert_true(handed_says(&handed, "0.0.0.0:"));
    handed_stop(&handed, 1);
    dprintf(fd, "[server]\nopen = yes\n[room lobby]\nautojoin = yes\ntick = 10ms\n");
    handed_start(&handed, path, 1);
    handed_expect(&handed, "event=listen addr=0.0.0.0:");
    a_guest_speaks(address);
    /* And a reload may not take it back. */
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, "[room lobby]\nautojoin = yes\ntick = 10ms\n", 40, 0), 40);
    kill(handed.process.pid, SIGHUP);
    handed_expect(&handed, "event=reload_refused");
    handed_stop(&handed, 0);
    close(HANDED_FD);
    close(fd);
    unlink(path);
}

#define SUPERVISOR_TEST(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPERVISOR_TEST(the_manager_is_told_how_things_are),
        SUPERVISOR_TEST(the_watchdog_is_fed_while_nothing_happens),
        SUPERVISOR_TEST(a_server_that_hangs_starves_it),
        SUPERVISOR_TEST(sockets_that_are_handed_over_are_listened_on),
        SUPERVISOR_TEST(what_does_not_listen_is_refused),
        SUPERVISOR_TEST(a_socket_that_others_reach_needs_a_word_in_the_config),
    };

    return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
