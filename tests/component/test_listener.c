/* Listeners on real addresses, under a clock that the test moves. */
#include "support/component.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/listener.h"

enum { ACCEPTED_MAX = 512 };

struct bench {
    struct reactor reactor;
    struct timers timers;
    struct listener listener;
    int accepted[ACCEPTED_MAX];
    int count;
    char folder[32];
};

static int bench_setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    fake_clock_set(FIXTURE_START_NS);
    assert_int_equal(reactor_init(&bench->reactor), 0);
    timers_init(&bench->timers);
    bench->listener.source.fd = -1;
    strcpy(bench->folder, "/tmp/roomd-listener-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    *state = bench;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *bench = *state;

    listener_close(&bench->listener);
    listener_close(&bench->listener);
    for (int i = 0; i < bench->count; i++) {
        close(bench->accepted[i]);
    }
    timers_fini(&bench->timers); /* the park timer has been closed */
    reactor_fini(&bench->reactor);
    assert_int_equal(rmdir(bench->folder), 0);
    free(bench);
    fake_clock_release();
    return 0;
}

static void on_accept(void *context, int fd)
{
    struct bench *bench = context;

    assert_true(bench->count < ACCEPTED_MAX);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    bench->accepted[bench->count++] = fd;
}

static int bench_listen(struct bench *bench, struct listener *listener, const struct address *address)
{
    return listener_open(listener, &bench->reactor, &bench->timers, address, 512, on_accept, bench);
}

static struct address address_ipv4(void)
{
    struct address address = {.bytes = sizeof(struct sockaddr_in)};
    struct sockaddr_in *sin = (struct sockaddr_in *)&address.storage;

    sin->sin_family = AF_INET;
    sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static struct address address_ipv6(void)
{
    struct address address = {.bytes = sizeof(struct sockaddr_in6)};
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&address.storage;

    sin6->sin6_family = AF_INET6;
    sin6->sin6_addr = in6addr_loopback;
    return address;
}

static struct address address_unix(const struct bench *bench)
{
    struct address address = {.bytes = sizeof(struct sockaddr_un)};
    struct sockaddr_un *sun = (struct sockaddr_un *)&address.storage;

    sun->sun_family = AF_UNIX;
    snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/socket", bench->folder);
    return address;
}

static const char *unix_path(const struct address *address)
{
    return ((const struct sockaddr_un *)&address->storage)->sun_path;
}

static int dial(const struct address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address->storage, address->bytes), 0);
    return fd;
}

static void turn(struct bench *bench)
{
    assert_int_equal(reactor_wait(&bench->reactor, 0), 0);
    reactor_dispatch(&bench->reactor);
    timers_fire(&bench->timers, clock_now_ns());
}

static void listen_and_talk(struct bench *bench, const struct address *address)
{
    char bytes[5];

    assert_int_equal(bench_listen(bench, &bench->listener, address), 0);

    int fd = dial(&bench->listener.address);

    turn(bench);
    assert_int_equal(bench->count, 1);
    assert_int_equal(bench->listener.accepted, 1);
    assert_int_equal(send(bench->accepted[0], "hello", 5, MSG_NOSIGNAL), 5);
    assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_WAITALL), 5);
    close(fd);
}

static void it_accepts_over_ipv4(void **state)
{
    struct address address = address_ipv4();
    struct bench *bench = *state;

    listen_and_talk(bench, &address);
    assert_true(((struct sockaddr_in *)&bench->listener.address.storage)->sin_port != 0);
}

static void it_accepts_over_ipv6(void **state)
{
    struct address address = address_ipv6();
    struct bench *bench = *state;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address.storage, address.bytes) < 0) {
        if (fd >= 0) {
            close(fd);
        }
        print_message("no IPv6 on this machine\n");
        skip();
    }
    close(fd);
    listen_and_talk(bench, &address);
    assert_true(((struct sockaddr_in6 *)&bench->listener.address.storage)->sin6_port != 0);
}

static void it_accepts_over_a_unix_socket_and_takes_the_file_away(void **state)
{
    struct bench *bench = *state;
    struct address address = address_unix(bench);

    listen_and_talk(bench, &address);
    assert_int_equal(access(unix_path(&address), F_OK), 0);
    listener_close(&bench->listener);
    assert_int_equal(access(unix_path(&address), F_OK), -1);
}

static void an_address_in_use_is_refused_and_stays_in_use(void **state)
{
    struct bench *bench = *state;
    struct address addresses[] = {address_ipv4(), address_unix(bench)};

    for (size_t i = 0; i < 2; i++) {
        struct listener second;

        assert_int_equal(bench_listen(bench, &bench->listener, &addresses[i]), 0);
        assert_int_equal(bench_listen(bench, &second, &bench->listener.address), -EADDRINUSE);
        listener_close(&second); /* never open: nothing happens */

        int fd = dial(&bench->listener.address);

        turn(bench);
        /* Whether anybody listens on a unix socket is found out by a connection. */
        assert_int_equal(bench->listener.accepted, i == 0 ? 1 : 2);
        close(fd);
        listener_close(&bench->listener);
    }
}

static void a_unix_socket_that_nobody_listens_on_is_replaced(void **state)
{
    struct bench *bench = *state;
    struct address address = address_unix(bench);
    int left_over = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(left_over, (struct sockaddr *)&address.storage, address.bytes), 0);
    close(left_over);
    assert_int_equal(access(unix_path(&address), F_OK), 0);
    listen_and_talk(bench, &address);
}

/* Somebody's data is not ours to take away, whatever the config names it. */
static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct bench *bench = *state;
    struct address address = address_unix(bench);
    char bytes[8] = {0};
    int fd = open(unix_path(&address), O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, "precious", 8), 8);
    assert_int_equal(bench_listen(bench, &bench->listener, &address), -EADDRINUSE);
    close(fd);
    fd = open(unix_path(&address), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, 8), 8);
    assert_memory_equal(bytes, "precious", 8);
    close(fd);
    unlink(unix_path(&address));
}

static void an_address_that_can_not_be_had_is_refused(void **state)
{
    struct bench *bench = *state;
    struct address address = address_unix(bench);

    strcat(((struct sockaddr_un *)&address.storage)->sun_path, "/deeper");
    assert_int_equal(bench_listen(bench, &bench->listener, &address), -ENOENT);
    assert_int_equal(bench->listener.source.fd, -1);
}

static void a_turn_accepts_a_bounded_number(void **state)
{
    enum { COUNT = LISTENER_ACCEPTS_MAX * 2 + 10 };
    struct bench *bench = *state;
    struct address address = address_unix(bench);
    int fds[COUNT];

    assert_int_equal(bench_listen(bench, &bench->listener, &address), 0);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = dial(&bench->listener.address);
    }
    turn(bench);
    assert_int_equal(bench->count, LISTENER_ACCEPTS_MAX);
    turn(bench);
    turn(bench);
    turn(bench);
    assert_int_equal(bench->count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
}

/* In a child, which may run out of descriptors without harm to anyone: 0 when all is as it should be. */
static int run_out_of_descriptors(struct bench *bench, const struct address *address)
{
    struct rlimit limit;
    struct pollfd ready = {.fd = bench->reactor.epoll_fd, .events = POLLIN};
    int fds[2] = {dial(address), dial(address)};

    log_set_level(LOG_LEVEL_ALERT);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)fds[1] + 1;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < 3; i++) {
        turn(bench);
    }
    if (bench->count != 0 || bench->listener.parked != 1 || poll(&ready, 1, 0) != 0) {
        return 1; /* it accepted what it can't, or tried again, or is still told */
    }
    fake_clock_advance(LISTENER_PARK_NS - 1);
    turn(bench);
    if (bench->listener.parked != 1) {
        return 2;
    }
    fake_clock_advance(1);
    turn(bench);
    turn(bench);
    if (bench->listener.parked != 2 || bench->count != 0) {
        return 3; /* it did not try again at its time, or found a descriptor where there is none */
    }
    limit.rlim_cur += 16;
    setrlimit(RLIMIT_NOFILE, &limit);
    fake_clock_advance(LISTENER_PARK_NS);
    turn(bench);
    turn(bench);
    if (bench->listener.parked != 2 || bench->count != 2) {
        return 4; /* those who waited in the kernel are lost */
    }
    return 0;
}

static void a_listener_without_descriptors_parks_and_resumes(void **state)
{
    struct bench *bench = *state;
    struct address address = address_ipv4();
    int status;

    assert_int_equal(bench_listen(bench, &bench->listener, &address), 0);

    pid_t child = fork();

    if (child == 0) {
        _exit(run_out_of_descriptors(bench, &bench->listener.address));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* While parked, the listener may be closed. */
static void a_parked_listener_may_be_closed(void **state)
{
    struct bench *bench = *state;
    struct address address = address_ipv4();
    struct rlimit before;
    struct rlimit limit;

    assert_int_equal(bench_listen(bench, &bench->listener, &address), 0);

    int fd = dial(&bench->listener.address);

    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    limit.rlim_cur = (rlim_t)fd + 1;
    setrlimit(RLIMIT_NOFILE, &limit);
    log_set_level(LOG_LEVEL_ALERT);
    turn(bench);
    log_set_level(LOG_LEVEL_INFO);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(bench->listener.parked, 1);
    listener_close(&bench->listener);
    fake_clock_advance(LISTENER_PARK_NS);
    turn(bench);
    assert_int_equal(bench->count, 0);
    close(fd);
}

#define BENCH_TEST(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(it_accepts_over_ipv4),
        BENCH_TEST(it_accepts_over_ipv6),
        BENCH_TEST(it_accepts_over_a_unix_socket_and_takes_the_file_away),
        BENCH_TEST(an_address_in_use_is_refused_and_stays_in_use),
        BENCH_TEST(a_unix_socket_that_nobody_listens_on_is_replaced),
        BENCH_TEST(a_file_that_is_no_socket_is_left_alone),
        BENCH_TEST(an_address_that_can_not_be_had_is_refused),
        BENCH_TEST(a_turn_accepts_a_bounded_number),
        BENCH_TEST(a_listener_without_descriptors_parks_and_resumes),
        BENCH_TEST(a_parked_listener_may_be_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
