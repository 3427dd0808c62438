#include "support/peer.h"

#include "support/wait.h"

#include <roomd/wire.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { BUFFER_BYTES_MAX = 256 << 20, FRAME_BYTES = 65536 };

/* Clients that no test has closed yet. */
static struct peer *peers;

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static socklen_t address_parse(union address *address, const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[64];

    memset(address, 0, sizeof(*address));
    if (strncmp(text, "unix:", 5) == 0) {
        address->un.sun_family = AF_UNIX;
        snprintf(address->un.sun_path, sizeof(address->un.sun_path), "%s", text + 5);
        return sizeof(address->un);
    }
    assert_non_null(colon);
    uint16_t port = htons((uint16_t)atoi(colon + 1));
    bool is_v6 = text[0] == '[';
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - (is_v6 ? 2 : 0), text + is_v6);
    if (is_v6) {
        address->in6.sin6_family = AF_INET6;
        address->in6.sin6_port = port;
        assert_int_equal(inet_pton(AF_INET6, host, &address->in6.sin6_addr), 1);
        return sizeof(address->in6);
    }
    address->in.sin_family = AF_INET;
    address->in.sin_port = port;
    assert_int_equal(inet_pton(AF_INET, host, &address->in.sin_addr), 1);
    return sizeof(address->in);
}

/* `source` NULL: the kernel's choice. */
static int socket_connect(const char *source, const char *text, int receive_bytes)
{
    union address address;
    union address own;
    socklen_t bytes = address_parse(&address, text);
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0) {
        return -errno;
    }
    if (receive_bytes > 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    }
    if ((source != NULL && bind(fd, &own.any, address_parse(&own, source)) < 0) ||
        connect(fd, &address.any, bytes) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    if (address.any.sa_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd;
}

int socket_connect_to(const char *text, int receive_bytes)
{
    return socket_connect(NULL, text, receive_bytes);
}

static void buffer_reserve(struct peer *peer, size_t bytes)
{
    if (peer->start > 0 && peer->capacity - peer->end < bytes) {
        memmove(peer->bytes, peer->bytes + peer->start, peer->end - peer->start);
        peer->end -= peer->start;
        peer->start = 0;
    }
    if (peer->capacity - peer->end < bytes) {
        size_t capacity = peer->capacity * 2 + bytes;
        uint8_t *grown = realloc(peer->bytes, capacity);

        assert_true(capacity <= BUFFER_BYTES_MAX);
        assert_non_null(grown);
        peer->bytes = grown;
        peer->capacity = capacity;
    }
}

static struct peer *peer_of(const char *address, int fd)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (fd < 0) {
        fail_msg("cannot connect to %s: %s", address, strerror(-fd));
    }
    assert_non_null(peer);
    peer->fd = fd;
    buffer_reserve(peer, FRAME_BYTES);
    peer->next = peers;
    peers = peer;
    return peer;
}

struct peer *peer_connect(const struct daemon *daemon)
{
    return peer_connect_to(daemon_address(daemon), 0);
}

struct peer *peer_connect_to(const char *address, int receive_bytes)
{
    return peer_of(address, socket_connect_to(address, receive_bytes));
}

struct peer *peer_connect_from(const char *source, const struct daemon *daemon)
{
    const char *address = daemon_address(daemon);

    return peer_of(address, socket_connect(source, address, 0));
}

struct peer *peer_connect_narrow(const struct daemon *daemon, int receive_bytes)
{
    return peer_connect_to(daemon_address(daemon), receive_bytes);
}

void peer_close(struct peer *peer)
{
    struct peer **link = &peers;

    while (*link != peer) {
        link = &(*link)->next;
    }
    *link = peer->next;
    close(peer->fd);
    free(peer->bytes);
    free(peer);
}

void peer_abort(struct peer *peer)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    peer_close(peer);
}

void peer_close_all(void)
{
    while (peers != NULL) {
        peer_close(peers);
    }
}

/* Bytes read, 0 when the connection is over, -1 when there is nothing to read now. */
static long read_now(struct peer *peer)
{
    if (peer->is_closed) {
        return 0;
    }
    buffer_reserve(peer, FRAME_BYTES);
    ssize_t n = recv(peer->fd, peer->bytes + peer->end, peer->capacity - peer->end, MSG_DONTWAIT);
    if (n > 0) {
        peer->end += (size_t)n;
        return n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return -1;
    }
    peer->is_closed = true;
    peer->error = n < 0 ? errno : 0;
    return 0;
}

long peer_read(struct peer *peer, uint64_t deadline_ns)
{
    if (!peer->is_closed && wait_fd(peer->fd, POLLIN, deadline_ns) == 0) {
        return -1;
    }
    return read_now(peer);
}

bool peer_try_send(struct peer *peer, const void *bytes, size_t size)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
    size_t sent = 0;

    while (sent < size) {
        ssize_t n = send(peer->fd, (const uint8_t *)bytes + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            sent += (size_t)n;
            deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return false;
        }
        short events = wait_fd(peer->fd, peer->is_closed ? POLLOUT : POLLIN | POLLOUT, deadline_ns);
        if (events == 0) {
            fail_msg("the server took %zu of %zu bytes and no more", sent, size);
        }
        if (events & POLLIN) {
            read_now(peer);
        }
    }
    return true;
}

void peer_send(struct peer *peer, const void *bytes, size_t size)
{
    if (!peer_try_send(peer, bytes, size)) {
        fail_msg("cannot send: %s", strerror(errno));
    }
}

void peer_shutdown(struct peer *peer)
{
    assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
}

bool peer_take_packet(struct peer *peer, struct packet *packet)
{
    size_t held = peer->end - peer->start;
    const uint8_t *p = peer->bytes + peer->start;

    if (held < ROOMD_FRAME_HEADER_BYTES) {
        return false;
    }
    packet->size = roomd_get_u16(p);
    packet->id = roomd_get_u16(p + 2);
    if (packet->size < ROOMD_FRAME_HEADER_BYTES) {
        fail_msg("the server sent a packet of size %u", packet->size);
    }
    if (held < packet->size) {
        return false;
    }
    packet->payload = p + ROOMD_FRAME_HEADER_BYTES;
    packet->payload_bytes = packet->size - ROOMD_FRAME_HEADER_BYTES;
    peer->start += packet->size;
    return true;
}

bool peer_next_packet(struct peer *peer, struct packet *packet, int timeout_ms)
{
    uint64_t deadline_ns = wait_deadline_ns(timeout_ms);

    while (!peer_take_packet(peer, packet)) {
        long n = peer_read(peer, deadline_ns);

        if (n == 0 || (n < 0 && wait_left_ms(deadline_ns) == 0)) {
            return false;
        }
    }
    return true;
}

size_t hex_parse(uint8_t *out, size_t out_size, const char *hex)
{
    size_t n = 0;

    for (const char *p = hex; *p != '\0';) {
        char digits[3] = {p[0], p[1], '\0'};

        if (isspace((unsigned char)*p)) {
            p++;
            continue;
        }
        assert_true(isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]) && n < out_size);
        out[n++] = (uint8_t)strtoul(digits, NULL, 16);
        p += 2;
    }
    return n;
}

size_t packet_put(uint8_t *out, uint16_t id, const void *payload, size_t payload_bytes)
{
    assert_true(payload_bytes <= ROOMD_PAYLOAD_BYTES_MAX);
    roomd_put_u16(out, (uint16_t)(payload_bytes + ROOMD_FRAME_HEADER_BYTES));
    roomd_put_u16(out + 2, id);
    if (payload_bytes > 0) {
        memcpy(out + ROOMD_FRAME_HEADER_BYTES, payload, payload_bytes);
    }
    return payload_bytes + ROOMD_FRAME_HEADER_BYTES;
}

size_t packet_put_chat(uint8_t *out, const char *text)
{
    size_t units = strlen(text);
    size_t size = 6 + 2 * units;

    assert_true(size <= ROOMD_FRAME_BYTES_MAX);
    roomd_put_u16(out, (uint16_t)size);
    roomd_put_u16(out + 2, ROOMD_C_CHAT);
    roomd_put_u16(out + 4, (uint16_t)(2 * units));
    for (size_t i = 0; i < units; i++) {
        roomd_put_u16(out + 6 + 2 * i, (uint8_t)text[i]);
    }
    return size;
}

size_t packet_put_hello(uint8_t *out, uint16_t version)
{
    uint8_t payload[6] = {0};

    roomd_put_u16(payload, version);
    return packet_put(out, ROOMD_C_HELLO, payload, sizeof(payload));
}

size_t packet_put_join(uint8_t *out, const char *room)
{
    uint8_t payload[256];
    size_t bytes = strlen(room);

    assert_true(bytes <= sizeof(payload) - 2);
    roomd_put_u16(payload, (uint16_t)bytes);
    memcpy(payload + 2, room, bytes);
    return packet_put(out, ROOMD_C_JOIN, payload, bytes + 2);
}

void peer_send_hex(struct peer *peer, const char *hex)
{
    uint8_t bytes[4096];

    peer_send(peer, bytes, hex_parse(bytes, sizeof(bytes), hex));
}

void peer_send_packet(struct peer *peer, uint16_t id, const void *payload, size_t payload_bytes)
{
    uint8_t bytes[FRAME_BYTES];

    peer_send(peer, bytes, packet_put(bytes, id, payload, payload_bytes));
}

void peer_send_chat(struct peer *peer, const char *text)
{
    uint8_t bytes[FRAME_BYTES];

    peer_send(peer, bytes, packet_put_chat(bytes, text));
}

void peer_send_hello(struct peer *peer, uint16_t version)
{
    uint8_t bytes[32];

    peer_send(peer, bytes, packet_put_hello(bytes, version));
}

void peer_send_join(struct peer *peer, const char *room)
{
    uint8_t bytes[512];

    peer_send(peer, bytes, packet_put_join(bytes, room));
}
