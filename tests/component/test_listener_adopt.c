/* Listeners that someone else opened. */
#include "support/component.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"

struct bench {
    struct reactor reactor;
    struct timers timers;
    struct listener listener;
    struct sockaddr_un address;
    int fd; /* bound to it */
    int accepted;
};

static void on_accept(void *context, int fd)
{
    struct bench *bench = context;

    bench->accepted++;
    close(fd);
}

static void bench_open(struct bench *bench, int type)
{
    *bench = (struct bench){.address = {.sun_family = AF_UNIX}};
    assert_int_equal(reactor_init(&bench->reactor), 0);
    timers_init(&bench->timers);
    snprintf(bench->address.sun_path, sizeof(bench->address.sun_path), "/tmp/roomd-adopt-%d", (int)getpid());
    bench->fd = socket(AF_UNIX, type, 0);
    assert_true(bench->fd >= 0);
    assert_int_equal(bind(bench->fd, (const struct sockaddr *)&bench->address, sizeof(bench->address)), 0);
}

static int bench_adopt(struct bench *bench, int fd)
{
    return listener_adopt(&bench->listener, &bench->reactor, &bench->timers, fd, on_accept, bench);
}

static void bench_close(struct bench *bench)
{
    listener_close(&bench->listener);
    listener_close(&bench->listener);
    unlink(bench->address.sun_path);
    timers_fini(&bench->timers); /* the park timer has been closed */
    reactor_fini(&bench->reactor);
}

static void it_accepts_and_its_file_stays(void **state)
{
    struct bench bench;
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    bench_open(&bench, SOCK_STREAM);
    assert_int_equal(listen(bench.fd, 8), 0);
    assert_int_equal(bench_adopt(&bench, bench.fd), 0);
    assert_true((fcntl(bench.fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(bench.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_string_equal(((const struct sockaddr_un *)&bench.listener.address.storage)->sun_path,
                        bench.address.sun_path);
    assert_int_equal(connect(client, (const struct sockaddr *)&bench.address, sizeof(bench.address)), 0);
    assert_int_equal(reactor_wait(&bench.reactor, 0), 0);
    reactor_dispatch(&bench.reactor);
    assert_int_equal(bench.accepted, 1);
    listener_close(&bench.listener);
    assert_int_equal(access(bench.address.sun_path, F_OK), 0);
    assert_int_equal(fcntl(bench.fd, F_GETFD), -1); /* this end of it is closed */
    bench_close(&bench);
    close(client);
}

static void what_does_not_listen_stays_the_callers(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct bench bench;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bench_open(&bench, types[i]);
        assert_int_equal(bench_adopt(&bench, bench.fd), -EINVAL);
        assert_int_equal(bench_adopt(&bench, null), -ENOTSOCK);
        assert_int_equal(close(bench.fd), 0);
        assert_int_equal(bench_adopt(&bench, bench.fd), -EBADF);
        bench_close(&bench);
    }
    assert_int_equal(close(null), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_accepts_and_its_file_stays),
        cmocka_unit_test(what_does_not_listen_stays_the_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
