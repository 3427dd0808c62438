#include "dummy-client/client.h"

#include "dummy-client/load.h"
#include "dummy-client/protocol.h"

#include "base/check.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct receiver *receiver_of(struct load *load, const struct client *client)
{
    return &load->verify.receivers[client->index];
}

void client_arm(struct load *load, struct client *client)
{
    bool is_deaf = (client->kind == CLIENT_SLOW && client->state == CLIENT_IN) || client->is_paused;
    bool wants_out =
        client->state == CLIENT_CONNECTING || (client_has_kept(client) && client->kind != CLIENT_DRIBBLE);
    uint32_t wanted = (is_deaf || receiver_of(load, client)->is_waiting ? 0 : (uint32_t)EPOLLIN) |
                      (wants_out ? (uint32_t)EPOLLOUT : 0);

    if (client->fd < 0 || wanted == client->armed) {
        return;
    }
    struct epoll_event event = {.events = wanted, .data.u32 = client->index};
    if (epoll_ctl(load->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) == 0) {
        client->armed = wanted;
    }
}

void client_settle(struct load *load, struct client *client)
{
    if (!client->is_counted) {
        client->is_counted = true;
        load->settled++;
    }
}

void client_close(struct load *load, struct client *client, uint32_t reason)
{
    bool comes_back = client_comes_back(client) || reason == DISCONNECT_WANTED;
    bool is_expected = comes_back || !client_takes_part(client);

    if (client->state == CLIENT_CONNECTING) {
        load->connecting--;
    }
    if (reason != DISCONNECT_WANTED) {
        load->disconnects[reason < DISCONNECT_COUNT ? reason : DISCONNECT_ERROR]++;
    }
    if (play_is_on(&load->play)) {
        play_lose(load, client);
    } else if (reason != DISCONNECT_WANTED) {
        verify_lose(&load->verify, receiver_of(load, client));
    } else {
        verify_leave(&load->verify, receiver_of(load, client));
    }
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
    }
    load->missed += is_expected ? 0 : 1;
    client->state = comes_back ? CLIENT_IDLE : CLIENT_DEAD;
    client->kick = 0;
    client->wake_ns = load->now_ns + LOAD_PAUSE_NS;
    client->out_at = 0;
    client->out_size = 0;
    client->flood_cut = 0;
    client->is_paused = false;
    client_settle(load, client);
}

static void client_close_for_errno(struct load *load, struct client *client, int error)
{
    uint32_t reason = error == ECONNREFUSED || error == ENOENT ? DISCONNECT_CONNECT_REFUSED
                      : error == ECONNRESET || error == EPIPE  ? DISCONNECT_RESET
                      : error == ETIMEDOUT || error == EAGAIN  ? DISCONNECT_TIMEOUT
                                                               : DISCONNECT_ERROR;

    if (reason == DISCONNECT_ERROR) {
        load_complain(load, "client %u: %s", client->index, strerror(error));
    }
    client_close(load, client, client->kick ? client->kick : reason);
}

static void client_set_socket(const struct load *load, int fd, uint32_t index)
{
    const struct options *options = load->options;
    int on = 1;

    if (options->target.storage.ss_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    if (options->rcvbuf_bytes > 0) {
        int bytes = (int)options->rcvbuf_bytes;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
    if (options->source.count > 0) {
        struct address source = source_address(&options->source, index / options->clients_per_source);

        /* Without this option bind() would choose the port alone, and run out of them. */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        bind(fd, (struct sockaddr *)&source.storage, source.size);
    }
}

int client_open(struct load *load, struct client *client)
{
    const struct address *target = &load->options->target;
    struct epoll_event event = {.events = (uint32_t)EPOLLIN | (uint32_t)EPOLLOUT, .data.u32 = client->index};

    CHECK(client->state == CLIENT_IDLE && client->fd < 0);
    client->fd = socket(target->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = client->fd < 0 ? errno : 0;
    if (!error) {
        client_set_socket(load, client->fd, client->index);
        if (connect(client->fd, (const struct sockaddr *)&target->storage, target->size) != 0) {
            error = errno;
        }
    }
    client->since_ns = client->tried_ns ? client->tried_ns : load->now_ns;
    client->tried_ns = 0;
    if (error == EAGAIN && load->now_ns - client->since_ns < LOAD_JOIN_LIMIT_NS) {
        close(client->fd); /* a Unix-domain listener whose queue is full */
        client->fd = -1;
        client->tried_ns = client->since_ns;
        return -EAGAIN;
    }
    client->state = CLIENT_CONNECTING;
    load->connecting++;
    if ((!error || error == EINPROGRESS) &&
        epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0) {
        client->armed = event.events;
        if (client_takes_part(client) && !play_is_on(&load->play)) {
            verify_pin(&load->verify, receiver_of(load, client));
        }
        return 0;
    }
    error = error ? error : errno;
    client_close_for_errno(load, client, error);
    return -error;
}

ssize_t client_write(struct load *load, struct client *client, const uint8_t *bytes, size_t size)
{
    ssize_t sent = send(client->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent >= 0) {
        return sent;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return 0;
    }
    client_close_for_errno(load, client, errno);
    return -1;
}

bool client_send(struct load *load, struct client *client, const uint8_t *bytes, size_t size)
{
    size_t done = 0;

    if (!client_has_kept(client) && client->kind != CLIENT_DRIBBLE) {
        ssize_t sent = client_write(load, client, bytes, size);

        if (sent < 0 || sent == (ssize_t)size) {
            return sent >= 0;
        }
        done = (size_t)sent;
    }
    if (client->out_at > 0) {
        memmove(client->out, client->out + client->out_at, client->out_size - client->out_at);
        client->out_size -= client->out_at;
        client->out_at = 0;
    }
    size_t needed = client->out_size + (size - done);
    if (needed > client->out_capacity) {
        uint8_t *out = needed <= LOAD_KEPT_BYTES_MAX ? realloc(client->out, needed) : NULL;
        if (!out) {
            client_close_for_errno(load, client, ENOBUFS);
            return false;
        }
        client->out = out;
        client->out_capacity = (uint32_t)needed;
    }
    memcpy(client->out + client->out_size, bytes + done, size - done);
    client->out_size += (uint32_t)(size - done);
    client_arm(load, client);
    return true;
}

void client_send_kept(struct load *load, struct client *client, size_t most)
{
    size_t size = client->out_size - client->out_at;

    ssize_t sent = client_write(load, client, client->out + client->out_at, size < most ? size : most);
    if (sent < 0) {
        return;
    }
    client->out_at += (uint32_t)sent;
    client_arm(load, client);
}

void client_say(struct load *load, struct client *client)
{
    const struct options *options = load->options;
    struct message message = verify_note_sent(&load->verify, client->index, load_us(load, load->now_ns));
    size_t size = message_encode(load->frame, &message, options->text_bytes, options->is_echo);

    load->sent++;
    client_send(load, client, load->frame, size);
}

static void client_on_connected(struct load *load, struct client *client)
{
    int error = 0;
    socklen_t size = sizeof(error);

    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        client_close_for_errno(load, client, error);
        return;
    }
    load->connecting--;
    client->state = CLIENT_GREETING;
    protocol_greet(load, client);
    client_arm(load, client);
}

static void client_read(struct load *load, struct client *client)
{
    struct receiver *receiver = receiver_of(load, client);
    bool is_counting = receiver->state == RECEIVER_COUNTING;
    bool is_early = !play_is_on(&load->play) &&
                    (receiver->state == RECEIVER_OUTSIDE || receiver->state == RECEIVER_SEEKING);
    uint8_t *data = load->scratch + VERIFY_HEADROOM_BYTES;
    uint64_t received = receiver->received + receiver->bytes;

    /* MSG_TRUNC: the kernel drops the bytes without copying them. */
    ssize_t got = recv(client->fd, data, is_early ? VERIFY_EARLY_READ_BYTES : LOAD_READ_BYTES,
                       MSG_DONTWAIT | (is_counting ? MSG_TRUNC : 0));
    load->now_ns = clock_now_ns();
    if (got <= 0) {
        if (got == 0) {
            client_close(load, client, client->kick ? client->kick : DISCONNECT_EOF);
        } else if (errno != EAGAIN && errno != EINTR) {
            client_close_for_errno(load, client, errno);
        }
        return;
    }
    if (play_is_on(&load->play)) {
        load->bytes += load->phase <= LOAD_SENDING ? (uint64_t)got : 0;
        if (!play_read(load, client, data, (size_t)got)) {
            client_close(load, client, DISCONNECT_BAD_FRAME);
        }
        return;
    }
    load->bytes += (uint64_t)got;
    if (is_counting) {
        receiver->bytes += (uint64_t)got;
    } else if (!verify_feed(&load->verify, receiver, data, (size_t)got, load_us(load, load->now_ns))) {
        client_close(load, client, DISCONNECT_BAD_FRAME);
    }
    if (receiver->received + receiver->bytes != received) {
        load->last_arrival_ns = load->now_ns;
    }
    client_arm(load, client);
}

void client_look_again(struct load *load, struct client *client)
{
    struct receiver *receiver = receiver_of(load, client);
    uint64_t now_us = load_us(load, load->now_ns);

    if (!verify_feed(&load->verify, receiver, load->scratch + VERIFY_HEADROOM_BYTES, 0, now_us)) {
        client_close(load, client, DISCONNECT_BAD_FRAME);
    }
    client_arm(load, client);
}

void client_on_event(struct load *load, struct client *client, uint32_t events)
{
    if (client->fd < 0) {
        return; /* closed earlier in this turn */
    }
    if (client->state == CLIENT_CONNECTING) {
        client_on_connected(load, client);
        return;
    }
    if ((events & (uint32_t)EPOLLOUT) != 0 && client_has_kept(client)) {
        client_send_kept(load, client, SIZE_MAX);
    }
    if (client->fd >= 0 && (events & ~(uint32_t)EPOLLOUT) != 0) {
        client_read(load, client);
    }
}
