#include "sim/sim_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/check.h"
#include "sim/sim_kernel.h"

uint32_t sim_pipe_space(const struct sim_pipe *pipe)
{
    return pipe->size - pipe->used;
}

static void pipe_open(struct sim_pipe *pipe, uint32_t size)
{
    *pipe = (struct sim_pipe){.bytes = malloc(size), .size = size};
    CHECK(pipe->bytes != NULL && size > 0);
}

static uint32_t pipe_put(struct sim_pipe *pipe, const uint8_t *bytes, size_t size)
{
    uint32_t count = size < sim_pipe_space(pipe) ? (uint32_t)size : sim_pipe_space(pipe);
    uint32_t end = (pipe->start + pipe->used) % pipe->size;
    uint32_t first = count < pipe->size - end ? count : pipe->size - end;

    memcpy(pipe->bytes + end, bytes, first);
    memcpy(pipe->bytes, bytes + first, count - first);
    pipe->used += count;
    return count;
}

static uint32_t pipe_take(struct sim_pipe *pipe, uint8_t *bytes, size_t size)
{
    uint32_t count = size < pipe->used ? (uint32_t)size : pipe->used;
    uint32_t first = count < pipe->size - pipe->start ? count : pipe->size - pipe->start;

    memcpy(bytes, pipe->bytes + pipe->start, first);
    memcpy(bytes + first, pipe->bytes, count - first);
    pipe->start = (pipe->start + count) % pipe->size;
    pipe->used -= count;
    return count;
}

static void socket_release(struct sim_socket *socket)
{
    if (socket->client_is_gone && socket->server_is_gone) {
        free(socket->to_server.bytes);
        free(socket->to_client.bytes);
        free(socket);
        sim_kernel.sockets--;
    }
}

struct sim_socket *sim_connect(uint32_t index, uint32_t address, uint32_t to_server, uint32_t to_client)
{
    struct sim_listener *listener = sim_kernel_listener(index);
    struct sim_socket *socket;

    if (listener == NULL || listener->waiting >= listener->backlog) {
        return NULL;
    }
    socket = calloc(1, sizeof(*socket));
    CHECK(socket != NULL);
    *socket = (struct sim_socket){.fd = -1, .address = address, .is_unix = listener->is_unix};
    pipe_open(&socket->to_server, to_server);
    pipe_open(&socket->to_client, to_client);
    if (listener->last != NULL) {
        listener->last->next = socket;
    } else {
        listener->first = socket;
    }
    listener->last = socket;
    listener->waiting++;
    sim_kernel.sockets++;
    return socket;
}

static void socket_reset(struct sim_socket *socket)
{
    socket->is_reset = true;
    socket->to_server.used = 0;
    socket->to_client.used = 0;
}

size_t sim_send(struct sim_socket *socket, const void *bytes, size_t size)
{
    CHECK(!socket->client_is_gone);
    if (socket->is_reset || socket->client_is_done) {
        return 0;
    }
    if (socket->server_is_gone) {
        socket_reset(socket);
        return 0;
    }
    return pipe_put(&socket->to_server, bytes, size);
}

long sim_receive(struct sim_socket *socket, void *bytes, size_t size)
{
    CHECK(!socket->client_is_gone && size > 0);
    if (socket->to_client.used > 0) {
        return pipe_take(&socket->to_client, bytes, size);
    }
    if (socket->is_reset) {
        return SIM_READ_RESET;
    }
    return socket->server_is_done || socket->server_is_gone ? SIM_READ_END : SIM_READ_NOTHING;
}

void sim_finish(struct sim_socket *socket)
{
    CHECK(!socket->client_is_gone);
    socket->client_is_done = true;
}

void sim_close(struct sim_socket *socket)
{
    CHECK(!socket->client_is_gone);
    if (socket->to_client.used > 0) {
        socket_reset(socket);
    }
    socket->client_is_done = true;
    socket->client_is_gone = true;
    socket_release(socket);
}

void sim_reset(struct sim_socket *socket)
{
    CHECK(!socket->client_is_gone);
    socket_reset(socket);
    socket->client_is_gone = true;
    socket_release(socket);
}

/* ---- the server's side ---- */

uint32_t sim_socket_events(const struct sim_socket *socket)
{
    const struct sim_pipe *out = &socket->to_client;
    uint32_t events = 0;

    if (socket->is_reset) {
        return EPOLLIN | EPOLLOUT | EPOLLHUP | (socket->error_is_told ? 0 : (uint32_t)EPOLLERR);
    }
    if (socket->to_server.used > 0 || socket->client_is_done) {
        events |= EPOLLIN;
    }
    if (socket->server_is_done || sim_pipe_space(out) >= (out->size + 2) / 3) {
        events |= EPOLLOUT;
    }
    if (socket->client_is_done && socket->server_is_done) {
        events |= EPOLLHUP;
    }
    return events;
}

long sim_socket_read(struct sim_socket *socket, void *bytes, size_t size)
{
    if (socket->to_server.used > 0) {
        return pipe_take(&socket->to_server, bytes, size);
    }
    if (socket->is_reset && !socket->error_is_told) {
        socket->error_is_told = true;
        return -ECONNRESET;
    }
    return socket->is_reset || socket->client_is_done ? 0 : -EAGAIN;
}

long sim_socket_write(struct sim_socket *socket, const void *bytes, size_t size)
{
    uint32_t taken;

    if (socket->server_is_done) {
        return -EPIPE;
    }
    if (socket->is_reset) {
        if (socket->error_is_told) {
            return -EPIPE;
        }
        socket->error_is_told = true;
        return -ECONNRESET;
    }
    if (socket->client_is_gone) { /* it goes out, and what comes back is a reset */
        socket_reset(socket);
        return (long)size;
    }
    taken = pipe_put(&socket->to_client, bytes, size);
    return taken > 0 ? (long)taken : -EAGAIN;
}

void sim_socket_lose(struct sim_socket *socket)
{
    socket->is_hurt = true;
    socket->error_is_told = true;
    socket_reset(socket);
}

void sim_socket_leave(struct sim_socket *socket)
{
    CHECK(!socket->server_is_gone);
    if (socket->to_server.used > 0) {
        socket_reset(socket);
    }
    socket->fd = -1;
    socket->server_is_done = true;
    socket->server_is_gone = true;
    socket_release(socket);
}
