/* Connections over real sockets: what the kernel refuses, what is kept, what is paused. */
#include "support/component.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct link {
    struct net net;
    struct conn conn;
    struct stream stream; /* what the connection's reader follows */
    int other;
    uint32_t calls;
    uint32_t events;
};

static struct link *the_link;

static void link_on_ready(struct source *source, uint32_t events)
{
    (void)source;
    the_link->calls++;
    the_link->events = events;
}

/* A pair of connected sockets; over TCP the kernel tells more of a peer's end than over a unix pair. */
static void make_pair(bool is_tcp, int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof(address);

    if (!is_tcp) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        return;
    }

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&address, bytes), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[1], (struct sockaddr *)&address, bytes), 0);
    ends[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(ends[0] >= 0);
    close(listener);
}

static void link_open_of(bool is_tcp, int send_buffer_bytes)
{
    int ends[2];

    the_link = calloc(1, sizeof(*the_link));
    assert_non_null(the_link);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(reactor_init(&the_link->net.reactor), 0);
    gather_init(&the_link->net.gather, 4096, 64 * 1024 * 1024, 10000);
    pool_init(&the_link->net.kept_small, "kept_small", NET_KEPT_SMALL_BYTES, 1);
    stream_init(&the_link->stream, &the_link->net.gather.chunks);
    make_pair(is_tcp, ends);
    if (send_buffer_bytes > 0) {
        assert_int_equal(
            setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof(send_buffer_bytes)), 0);
    }
    the_link->other = ends[1];
    assert_int_equal(conn_open(&the_link->conn, &the_link->net, ends[0], link_on_ready), 0);
    assert_int_equal(reader_follow(&the_link->conn.reader, &the_link->stream), 0);
}

static int link_setup(void **state)
{
    (void)state;
    link_open_of(false, 0);
    return 0;
}

static int link_setup_narrow(void **state)
{
    (void)state;
    link_open_of(false, 1);
    return 0;
}

static int link_setup_tcp(void **state)
{
    (void)state;
    link_open_of(true, 0);
    return 0;
}

static void hang_up(void)
{
    if (the_link->other >= 0) {
        close(the_link->other);
        the_link->other = -1;
    }
}

/* Everything is let go: the pools end the process when a slice, a chunk or what was kept is left. */
static int link_teardown(void **state)
{
    int fd = the_link->conn.source.fd;

    (void)state;
    conn_close(&the_link->conn, &the_link->net);
    assert_int_equal(the_link->conn.source.fd, -1);
    assert_true(fd < 0 || (fcntl(fd, F_GETFD) < 0 && errno == EBADF));
    conn_close(&the_link->conn, &the_link->net);
    stream_fini(&the_link->stream);
    pool_fini(&the_link->net.kept_small);
    gather_fini(&the_link->net.gather);
    reactor_fini(&the_link->net.reactor);
    hang_up();
    free(the_link);
    return 0;
}

/* One look at what is ready; how often the connection was called. */
static uint32_t look(void)
{
    the_link->calls = 0;
    the_link->events = 0;
    assert_int_equal(reactor_wait(&the_link->net.reactor, 0), 0);
    reactor_dispatch(&the_link->net.reactor);
    return the_link->calls;
}

static void say(const char *text)
{
    assert_int_equal(send(the_link->other, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 + (at >> 7));
}

static void append_pattern(size_t from, size_t bytes)
{
    uint8_t packet[1000];

    for (size_t i = 0; i < bytes; i++) {
        packet[i] = pattern(from + i);
    }
    assert_int_equal(stream_append(&the_link->stream, packet, bytes), 0);
}

/* Reads what has come and checks it against the pattern. */
static size_t drain_pattern(size_t from, size_t bytes_max)
{
    uint8_t bytes[4096];
    size_t drained = 0;

    while (drained < bytes_max) {
        size_t wanted = bytes_max - drained < sizeof(bytes) ? bytes_max - drained : sizeof(bytes);
        ssize_t got = recv(the_link->other, bytes, wanted, MSG_DONTWAIT);

        if (got <= 0) {
            break;
        }
        for (ssize_t i = 0; i < got; i++) {
            assert_int_equal(bytes[i], pattern(from + drained + (size_t)i));
        }
        drained += (size_t)got;
    }
    return drained;
}

/* Writes, and checks invariant 2: EPOLLOUT is asked for exactly when the kernel has refused bytes. */
static void write_and_check(void)
{
    struct conn *conn = &the_link->conn;
    uint64_t short_writes = the_link->net.stats.short_writes;

    assert_true(conn_write(conn, &the_link->net, SIZE_MAX) >= 0);

    bool is_refused = the_link->net.stats.short_writes != short_writes;

    assert_int_equal(conn->is_blocked, is_refused);
    assert_int_equal((conn->source.events & EPOLLOUT) != 0, is_refused);
    assert_true(!is_refused || !outbox_is_empty(&conn->reader.outbox));
}

static void a_narrow_socket_gets_every_byte_in_order(void **state)
{
    enum { PACKETS = 400, PACKET_BYTES = 777 };
    struct conn *conn = &the_link->conn;
    size_t drained = 0;
    int blocked_times = 0;

    (void)state;
    for (size_t i = 0; i < PACKETS; i++) {
        append_pattern(i * PACKET_BYTES, PACKET_BYTES);
        assert_int_equal(reader_pull(&conn->reader, &the_link->net.gather, 1), 0);
        write_and_check();
        blocked_times += conn->is_blocked;
        if (i % 3 == 0) {
            drained += drain_pattern(drained, i * 13 % 1500 + 1);
        }
    }
    assert_true(blocked_times > PACKETS / 2);
    assert_true(the_link->net.stats.short_writes > 0);
    while (!outbox_is_empty(&conn->reader.outbox)) {
        size_t got = drain_pattern(drained, 100000);

        drained += got;
        assert_true(got > 0);
        assert_int_equal(look(), 1);
        assert_int_equal(the_link->events, EPOLLOUT);
        write_and_check();
    }
    assert_int_equal(conn->source.events, EPOLLIN);
    assert_int_equal(look(), 0);
    drained += drain_pattern(drained, 100000);
    assert_int_equal(drained, PACKETS * PACKET_BYTES);
    assert_int_equal(the_link->net.stats.bytes_out, drained);
}

/* More slices than one turn's writes describe, to a socket with room for all: the rest is for the next turn. */
static void many_slices_take_several_writes(void **state)
{
    enum { SLICES = 1000 };
    struct conn *conn = &the_link->conn;
    struct stream private_stream;
    size_t drained = 0;
    int turns = 0;

    (void)state;
    stream_init(&private_stream, &the_link->net.gather.chunks);
    for (size_t i = 0; i < SLICES; i++) {
        uint8_t byte = pattern(2 * i);

        assert_int_equal(reader_send(&conn->reader, &the_link->net.gather, &private_stream, &byte, 1, 1), 0);
        append_pattern(2 * i + 1, 1);
    }
    assert_int_equal(reader_pull(&conn->reader, &the_link->net.gather, 1), 0);
    assert_true(conn->reader.outbox.slices >= SLICES);
    for (; turns < 20 && !outbox_is_empty(&conn->reader.outbox); turns++) {
        write_and_check();
        assert_false(conn->is_blocked);
        drained += drain_pattern(drained, 100000);
        assert_int_equal(look(), 0);
    }
    assert_true(outbox_is_empty(&conn->reader.outbox));
    assert_true(turns > 1);
    assert_int_equal(drained + drain_pattern(drained, 100000), 2 * SLICES);
    stream_fini(&private_stream);
}

static void what_is_kept_comes_before_what_is_read(void **state)
{
    struct conn *conn = &the_link->conn;
    struct net *net = &the_link->net;

    (void)state;
    assert_int_equal(conn_read(conn, net), -EAGAIN);
    assert_int_equal(conn_reread(conn, net), 0);
    say("abc");
    assert_int_equal(conn_read(conn, net), 3);
    assert_memory_equal(net->scratch, "abc", 3);
    assert_int_equal(conn_keep(conn, net, net->scratch + 1, 2), 0);
    memset(net->scratch, '?', sizeof(net->scratch)); /* another connection's read */
    assert_int_equal(conn_read(conn, net), -EAGAIN);
    assert_int_equal(conn->kept_bytes, 2); /* nothing came: still kept */
    say("def");
    assert_int_equal(conn_read(conn, net), 5);
    assert_memory_equal(net->scratch, "bcdef", 5);
    assert_null(conn->kept); /* invariant 1 */
    assert_int_equal(conn_keep(conn, net, net->scratch, 5), 0);
    memset(net->scratch, '?', sizeof(net->scratch));
    assert_int_equal(conn_reread(conn, net), 5);
    assert_memory_equal(net->scratch, "bcdef", 5);
    assert_null(conn->kept);
    assert_int_equal(conn_reread(conn, net), 0);
    assert_int_equal(conn_keep(conn, net, net->scratch, 1), 0);
    hang_up();
    assert_int_equal(conn_read(conn, net), 0); /* and what is kept is freed by the close */
}

/* One read takes a bounded piece, also behind the most that may be kept. */
static void one_read_is_bounded(void **state)
{
    static uint8_t bytes[NET_READ_BYTES + 1000];
    struct conn *conn = &the_link->conn;
    struct net *net = &the_link->net;
    size_t kept_max = NET_SCRATCH_BYTES - NET_READ_BYTES;

    (void)state;
    memset(bytes, 'r', sizeof(bytes));
    assert_int_equal(send(the_link->other, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
    memset(net->scratch, 'k', sizeof(net->scratch));
    assert_int_equal(conn_keep(conn, net, net->scratch, kept_max), 0);
    assert_int_equal(conn_read(conn, net), kept_max + NET_READ_BYTES);
    assert_int_equal(net->scratch[0], 'k');
    assert_int_equal(net->scratch[kept_max - 1], 'k');
    assert_int_equal(net->scratch[kept_max], 'r');
    assert_int_equal(net->scratch[NET_SCRATCH_BYTES - 1], 'r');
    assert_int_equal(conn_read(conn, net), 1000);
    assert_int_equal(net->stats.bytes_in, sizeof(bytes));
}

static void a_paused_connection_is_quiet_until_resumed(void **state)
{
    struct conn *conn = &the_link->conn;

    (void)state;
    say("x");
    assert_int_equal(look(), 1);
    assert_int_equal(conn_pause(conn, &the_link->net, the_link->events), 0);
    assert_int_equal(look(), 0);
    say("y");
    assert_int_equal(look(), 0);
    assert_int_equal(conn_resume(conn, &the_link->net), 0);
    assert_int_equal(look(), 1);
    assert_int_equal(conn_read(conn, &the_link->net), 2);
}

/* The peer has gone while we are paused: told once, then never again, until resumed. */
static void a_paused_connection_whose_peer_hung_up_does_not_spin(void **state)
{
    struct conn *conn = &the_link->conn;

    (void)state;
    say("last words");
    hang_up();
    assert_int_equal(look(), 1);
    assert_true((the_link->events & EPOLLHUP) != 0);
    assert_int_equal(conn_pause(conn, &the_link->net, the_link->events), 0);
    assert_true(conn->is_detached);
    assert_int_equal(conn_pause(conn, &the_link->net, the_link->events), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(), 0);
    }
    assert_int_equal(conn_resume(conn, &the_link->net), 0);
    assert_false(conn->is_detached);
    assert_int_equal(look(), 1);
    assert_int_equal(conn_read(conn, &the_link->net), 10);
    assert_int_equal(conn_read(conn, &the_link->net), 0);
    assert_int_equal(conn_pause(conn, &the_link->net, EPOLLHUP), 0); /* and it may be closed so */
}

/* Paused first, hung up later, with output waiting: still no spin, and the output's watch comes back. */
static void a_blocked_and_paused_connection_may_lose_its_peer(void **state)
{
    struct conn *conn = &the_link->conn;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        append_pattern(i * 1000, 1000);
    }
    assert_int_equal(reader_pull(&conn->reader, &the_link->net.gather, 1), 0);
    assert_true(conn_write(conn, &the_link->net, SIZE_MAX) >= 0);
    assert_true(conn->is_blocked);
    assert_int_equal(conn_pause(conn, &the_link->net, EPOLLIN), 0);
    assert_int_equal(conn->source.events, EPOLLOUT);
    hang_up();
    assert_int_equal(look(), 1);
    assert_int_equal(conn_pause(conn, &the_link->net, the_link->events), 0);
    assert_int_equal(look(), 0);
    assert_int_equal(conn_resume(conn, &the_link->net), 0);
    assert_int_equal(conn->source.events, EPOLLIN | EPOLLOUT);
    assert_int_equal(look(), 1);
    assert_int_equal(conn_write(conn, &the_link->net, SIZE_MAX), -EPIPE);
}

static void finishing_says_end_and_still_hears(void **state)
{
    struct conn *conn = &the_link->conn;
    char byte;

    (void)state;
    conn_finish_writing(conn);
    assert_int_equal(recv(the_link->other, &byte, 1, MSG_DONTWAIT), 0);
    say("more");
    assert_int_equal(conn_read(conn, &the_link->net), 4);
}

static void a_peer_is_named(void **state)
{
    struct sockaddr_in address;
    socklen_t bytes = sizeof(address);
    char text[ADDRESS_TEXT_BYTES];
    char wanted[ADDRESS_TEXT_BYTES];

    (void)state;
    assert_int_equal(getsockname(the_link->other, (struct sockaddr *)&address, &bytes), 0);
    snprintf(wanted, sizeof(wanted), "127.0.0.1:%u", ntohs(address.sin_port));
    assert_string_equal(conn_peer(&the_link->conn, text), wanted);
    conn_close(&the_link->conn, &the_link->net);
    assert_string_equal(conn_peer(&the_link->conn, text), "unknown");
}

static void a_reset_is_told(void **state)
{
    struct linger at_once = {.l_onoff = 1};

    (void)state;
    assert_int_equal(setsockopt(the_link->other, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    hang_up();
    assert_int_equal(look(), 1);
    assert_int_equal(conn_read(&the_link->conn, &the_link->net), -ECONNRESET);
}

/* Turned away with a word, over TCP: the word arrives though the client has said something. */
static void a_refused_connection_hears_why(void **state)
{
    struct pollfd end;
    char bytes[16];
    int ends[2];

    (void)state;
    make_pair(true, ends);
    assert_int_equal(send(ends[1], "hello", 5, MSG_NOSIGNAL), 5);
    end = (struct pollfd){.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&end, 1, 1000), 1);
    conn_refuse(ends[0], (const uint8_t *)"full", 4);
    assert_true(fcntl(ends[0], F_GETFD) < 0 && errno == EBADF);
    assert_int_equal(recv(ends[1], bytes, sizeof(bytes), MSG_WAITALL), 4);
    assert_memory_equal(bytes, "full", 4);
    assert_int_equal(recv(ends[1], bytes, sizeof(bytes), 0), 0);
    close(ends[1]);
}

#define LINK_TEST(function, setup) cmocka_unit_test_setup_teardown(function, setup, link_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_narrow_socket_gets_every_byte_in_order, link_setup_narrow),
        LINK_TEST(many_slices_take_several_writes, link_setup),
        LINK_TEST(what_is_kept_comes_before_what_is_read, link_setup),
        LINK_TEST(one_read_is_bounded, link_setup),
        LINK_TEST(a_paused_connection_is_quiet_until_resumed, link_setup),
        LINK_TEST(a_paused_connection_whose_peer_hung_up_does_not_spin, link_setup),
        LINK_TEST(a_blocked_and_paused_connection_may_lose_its_peer, link_setup_narrow),
        LINK_TEST(finishing_says_end_and_still_hears, link_setup),
        LINK_TEST(a_peer_is_named, link_setup_tcp),
        LINK_TEST(a_reset_is_told, link_setup_tcp),
        cmocka_unit_test(a_refused_connection_hears_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
