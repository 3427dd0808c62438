#include "net/conn.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

/* The vectors of one gathered write, and how many such writes one connection gets in a row. */
enum { CONN_IOVECS_MAX = 128, CONN_WRITES_MAX = 4 };

void conn_tune(const struct conn *conn, const struct net *net)
{
    /* Of what it can't do on a unix socket nothing is needed there. */
    (void)sys_tune_stream(conn->source.fd, net->conn_options.send_buffer_bytes,
                          net->conn_options.unsent_bytes, net->conn_options.ack_timeout_ms);
}

int conn_open(struct conn *conn, struct net *net, int fd,
              void (*on_ready)(struct source *source, uint32_t events))
{
    *conn = (struct conn){.source = {.fd = fd, .on_ready = on_ready}};
    reader_init(&conn->reader);
    conn_tune(conn, net);

    int rc = reactor_add(&net->reactor, &conn->source, EPOLLIN);

    if (rc < 0) {
        sys_close(fd);
        conn->source.fd = -1;
    }
    return rc;
}

static void conn_forget_kept(struct conn *conn, struct net *net)
{
    if (conn->kept_bytes <= NET_KEPT_SMALL_BYTES) {
        pool_give(&net->kept_small, conn->kept);
    } else {
        memory_give(conn->kept);
    }
    conn->kept = NULL;
    conn->kept_bytes = 0;
}

void conn_close(struct conn *conn, struct net *net)
{
    if (conn->source.fd < 0) {
        return;
    }
    if (!conn->is_detached) {
        reactor_remove(&net->reactor, &conn->source);
    }
    sys_close(conn->source.fd);
    conn->source.fd = -1;
    reader_fini(&conn->reader, &net->gather);
    conn_forget_kept(conn, net);
}

size_t conn_reread(struct conn *conn, struct net *net)
{
    size_t bytes = conn->kept_bytes;

    if (conn->kept != NULL) {
        CHECK(bytes <= sizeof(net->scratch) - NET_READ_BYTES);
        memcpy(net->scratch, conn->kept, bytes);
        conn_forget_kept(conn, net);
    }
    return bytes;
}

ssize_t conn_read(struct conn *conn, struct net *net)
{
    ssize_t got = sys_recv(conn->source.fd, net->scratch + conn->kept_bytes, NET_READ_BYTES);

    net->stats.reads++;
    if (got <= 0) {
        return got == -EINTR ? -EAGAIN : got;
    }
    net->stats.bytes_in += (uint64_t)got;
    return got + (ssize_t)conn_reread(conn, net);
}

int conn_keep(struct conn *conn, struct net *net, const uint8_t *bytes, size_t size)
{
    CHECK(conn->kept == NULL && size > 0 && size <= sizeof(net->scratch) - NET_READ_BYTES);
    conn->kept = size <= NET_KEPT_SMALL_BYTES ? pool_take(&net->kept_small) : memory_take(size);
    if (conn->kept == NULL) {
        return -ENOMEM;
    }
    memcpy(conn->kept, bytes, size);
    conn->kept_bytes = (uint32_t)size;
    return 0;
}

int conn_pause(struct conn *conn, struct net *net, uint32_t events)
{
    if (conn->is_detached) {
        return 0;
    }
    if (events & (EPOLLHUP | EPOLLERR)) {
        reactor_remove(&net->reactor, &conn->source);
        conn->is_detached = true;
        return 0;
    }
    return reactor_change(&net->reactor, &conn->source, conn->source.events & ~(uint32_t)EPOLLIN);
}

int conn_resume(struct conn *conn, struct net *net)
{
    if (conn->is_detached) {
        conn->is_detached = false;
        return reactor_add(&net->reactor, &conn->source,
                           EPOLLIN | (conn->is_blocked ? (uint32_t)EPOLLOUT : 0));
    }
    return reactor_change(&net->reactor, &conn->source, conn->source.events | EPOLLIN);
}

static int conn_watch_output(struct conn *conn, struct net *net, bool is_blocked)
{
    uint32_t events = conn->source.events & ~(uint32_t)EPOLLOUT;

    conn->is_blocked = is_blocked;
    if (conn->is_detached) {
        return 0;
    }
    return reactor_change(&net->reactor, &conn->source, is_blocked ? events | EPOLLOUT : events);
}

/* The first of them that make bytes_max at most, the last one cut short. How many; how many bytes that is: *bytes. */
static int cut_iovecs(struct iovec *iov, int iov_count, size_t bytes_max, size_t *bytes)
{
    int count = 0;

    *bytes = 0;
    while (count < iov_count && *bytes < bytes_max) {
        if (iov[count].iov_len > bytes_max - *bytes) {
            iov[count].iov_len = bytes_max - *bytes;
        }
        *bytes += iov[count++].iov_len;
    }
    return count;
}

/* One gathered write. How many bytes the kernel took, fewer than it was offered: is_refused; or -errno. */
static ssize_t conn_write_once(struct conn *conn, struct net *net, size_t bytes_max, bool *is_refused)
{
    struct outbox *outbox = &conn->reader.outbox;
    struct iovec iov[CONN_IOVECS_MAX];
    int count = outbox_iovecs(outbox, iov, CONN_IOVECS_MAX);
    size_t offered = outbox->bytes;

    if (offered > bytes_max || count == CONN_IOVECS_MAX) {
        count = cut_iovecs(iov, count, bytes_max, &offered);
    }

    ssize_t sent = sys_writev(conn->source.fd, iov, count);

    net->stats.writevs++;
    if (sent < 0) {
        if (sent != -EAGAIN && sent != -EINTR) {
            return sent;
        }
        sent = 0;
    }
    net->stats.bytes_out += (uint64_t)sent;
    outbox_consume(outbox, &net->gather.blocks, (size_t)sent);
    *is_refused = (size_t)sent < offered;
    net->stats.short_writes += *is_refused;
    return sent;
}

ssize_t conn_write(struct conn *conn, struct net *net, size_t bytes_max)
{
    struct outbox *outbox = &conn->reader.outbox;
    bool is_refused = false;
    size_t written = 0;

    for (int i = 0; i < CONN_WRITES_MAX && !outbox_is_empty(outbox) && written < bytes_max && !is_refused;
         i++) {
        ssize_t sent = conn_write_once(conn, net, bytes_max - written, &is_refused);

        if (sent < 0) {
            return sent;
        }
        written += (size_t)sent;
    }

    int rc = conn_watch_output(conn, net, is_refused);

    return rc < 0 ? rc : (ssize_t)written;
}

void conn_drop(struct conn *conn, struct net *net)
{
    outbox_clear(&conn->reader.outbox, &net->gather.blocks);
    conn_forget_kept(conn, net);
}

void conn_finish_writing(struct conn *conn)
{
    (void)sys_shutdown_write(conn->source.fd);
}

static int ask_peer(int fd, struct address *address)
{
    *address = (struct address){.bytes = sizeof(address->storage)};

    int rc = fd < 0 ? -EBADF : sys_getpeername(fd, (struct sockaddr *)&address->storage, &address->bytes);

    if (rc < 0) {
        address->storage.ss_family = AF_UNSPEC;
    }
    return rc;
}

int conn_ask_peer(int fd, struct endpoint *peer)
{
    struct address address;
    int rc = ask_peer(fd, &address);

    *peer = endpoint_of_address(&address);
    return rc;
}

const char *conn_peer(const struct conn *conn, char *text)
{
    if (conn->peer.is_known) {
        return endpoint_format(&conn->peer, text);
    }

    struct address address;

    (void)ask_peer(conn->source.fd, &address);
    return address_format(&address, text);
}

void conn_refuse(int fd, const uint8_t *bytes, size_t size)
{
    uint8_t unread[1024];
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};

    /* Input that is left unread would make the close a reset, which may take the farewell with it. */
    (void)sys_recv(fd, unread, sizeof(unread));
    (void)sys_writev(fd, &iov, 1);
    (void)sys_shutdown_write(fd);
    (void)sys_close(fd);
}
