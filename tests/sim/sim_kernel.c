#include "sim/sim_kernel.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/check.h"
#include "base/hash.h"
#include "sim/sim_memory.h"

#define SIM_START_NS (1000 * NS_PER_S)

struct sim_kernel sim_kernel;

const char *const sim_call_names[SIM_CALL_COUNT] = {
#define X(name) #name,
    SIM_CALLS(X)
#undef X
};

uint64_t sim_draw(uint64_t *random, uint64_t below)
{
    *random += 0x9E3779B97F4A7C15u;
    return hash_u64(*random) % below;
}

bool sim_chance(uint64_t *random, uint32_t of_65536)
{
    return of_65536 > 0 && sim_draw(random, 65536) < of_65536;
}

void sim_kernel_init(uint64_t seed)
{
    memset(&sim_kernel, 0, sizeof(sim_kernel));
    sim_kernel.random = hash_u64(seed ^ 0x6B65726E656Cu);
    sim_kernel.now_ns = SIM_START_NS;
    sim_kernel.call_ns = NS_PER_US;
    sim_kernel.stall_ns_max = 3 * NS_PER_S;
    sim_kernel.fds_max = SIM_FDS_MAX;
}

void sim_kernel_fini(void)
{
    for (int i = 0; i < SIM_FDS_MAX; i++) {
        if (sim_kernel.fds[i].kind != SIM_FD_FREE) {
            fail_msg("descriptor %d, of kind %d, has not been closed", i + SIM_FD_FIRST,
                     sim_kernel.fds[i].kind);
        }
    }
    assert_int_equal(sim_kernel.fds_open, 0);
    assert_int_equal(sim_kernel.sockets, 0);
}

void sim_kernel_plan(enum sim_call call, uint64_t number, int error)
{
    sim_kernel.plan = (struct sim_plan){.call = call, .number = number, .error = error};
    sim_kernel.plan_is_done = false;
}

void sim_kernel_raise(int signal)
{
    CHECK(signal > 0 && signal < 32);
    sim_kernel.signals |= 1u << signal;
}

static void kernel_note(uint64_t what)
{
    sim_kernel.digest = hash_u64(sim_kernel.digest ^ what);
}

static uint32_t weather_of(enum sim_call call)
{
    const struct sim_weather *weather = &sim_kernel.weather;

    switch (call) {
    case SIM_EPOLL_CTL:
        return weather->watch;
    case SIM_EPOLL_WAIT:
        return weather->interrupt;
    case SIM_ACCEPT:
        return weather->accept;
    case SIM_TUNE:
    case SIM_GETPEERNAME:
    case SIM_SHUTDOWN:
        return weather->small;
    case SIM_RECV:
    case SIM_WRITEV:
        return weather->reset;
    case SIM_ALLOCATE:
        return weather->no_memory;
    default:
        return 0; /* made at the start alone, where a failure is the plan's affair */
    }
}

static int weather_error(enum sim_call call)
{
    static const int accept_errors[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EPROTO, EINTR, EAGAIN};
    static const int lost_errors[] = {ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH};
    uint64_t *random = &sim_kernel.random;

    switch (call) {
    case SIM_EPOLL_CTL:
        return sim_draw(random, 2) == 0 ? ENOMEM : ENOSPC;
    case SIM_EPOLL_WAIT:
        return EINTR;
    case SIM_ACCEPT:
        return accept_errors[sim_draw(random, sizeof(accept_errors) / sizeof(accept_errors[0]))];
    case SIM_RECV:
    case SIM_WRITEV:
        return lost_errors[sim_draw(random, sizeof(lost_errors) / sizeof(lost_errors[0]))];
    case SIM_ALLOCATE:
        return ENOMEM;
    default:
        return ENOTCONN;
    }
}

void sim_kernel_pass(void)
{
    sim_kernel.now_ns += sim_kernel.call_ns;
    if (sim_chance(&sim_kernel.random, sim_kernel.weather.stall)) {
        uint64_t stall_ns = 1 + sim_draw(&sim_kernel.random, sim_kernel.stall_ns_max);

        sim_kernel.now_ns += stall_ns;
        sim_kernel.totals.stalls++;
        sim_kernel.totals.stalled_ns += stall_ns;
    }
}

int sim_kernel_fault(enum sim_call call)
{
    struct sim_plan *plan = &sim_kernel.plan;
    int error = 0;

    sim_kernel.totals.calls[call]++;
    if (plan->number > 0 && plan->call == call && --plan->number == 0) {
        sim_kernel.plan_is_done = true;
        error = plan->error;
    } else if (sim_chance(&sim_kernel.random, weather_of(call))) {
        error = weather_error(call);
    }
    sim_kernel.totals.failed[call] += error != 0;
    kernel_note((uint64_t)call << 32 | (uint64_t)error);
    return error;
}

/* ---- descriptors ---- */

static struct sim_fd *fd_find(int fd, enum sim_fd_kind kind)
{
    struct sim_fd *found;

    if (fd < SIM_FD_FIRST || fd >= SIM_FD_FIRST + SIM_FDS_MAX) {
        fail_msg("%d is no descriptor", fd);
    }
    found = &sim_kernel.fds[fd - SIM_FD_FIRST];
    if (found->kind == SIM_FD_FREE || (kind != SIM_FD_FREE && found->kind != kind)) {
        fail_msg("descriptor %d is of kind %d, not %d", fd, found->kind, kind);
    }
    return found;
}

/* The lowest that is free, as a kernel does it; or -EMFILE. */
static int fd_open(struct sim_fd as)
{
    if (sim_kernel.fds_open >= sim_kernel.fds_max) {
        return -EMFILE;
    }
    for (int i = 0; i < SIM_FDS_MAX; i++) {
        if (sim_kernel.fds[i].kind == SIM_FD_FREE) {
            sim_kernel.fds[i] = as;
            sim_kernel.fds_open++;
            sim_kernel.socket_fds += as.kind == SIM_FD_SOCKET;
            return SIM_FD_FIRST + i;
        }
    }
    return -ENFILE;
}

static uint32_t fd_events(const struct sim_fd *fd)
{
    switch (fd->kind) {
    case SIM_FD_LISTENER:
        return fd->listener->waiting > 0 ? EPOLLIN : 0;
    case SIM_FD_SOCKET:
        return sim_socket_events(fd->socket);
    case SIM_FD_SIGNALS:
        return sim_kernel.signals != 0 ? EPOLLIN : 0;
    default:
        return 0;
    }
}

int sys_epoll_create(void)
{
    int error = sim_kernel_fault(SIM_EPOLL_CREATE);

    return error != 0 ? -error : fd_open((struct sim_fd){.kind = SIM_FD_EPOLL});
}

int sys_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    struct sim_fd *watched = fd_find(fd, SIM_FD_FREE);
    int error = 0;

    fd_find(epoll_fd, SIM_FD_EPOLL);
    sim_kernel_pass();
    kernel_note((uint64_t)operation << 32 | (uint64_t)fd << 8);
    if (operation != EPOLL_CTL_DEL) { /* which needs nothing that could be short */
        error = sim_kernel_fault(SIM_EPOLL_CTL);
    }
    if (error != 0) {
        if (watched->socket != NULL) {
            watched->socket->is_hurt = true;
        }
        return -error;
    }
    if (watched->is_watched == (operation == EPOLL_CTL_ADD)) {
        return operation == EPOLL_CTL_ADD ? -EEXIST : -ENOENT;
    }
    watched->is_watched = operation != EPOLL_CTL_DEL;
    watched->events = event->events;
    watched->data = event->data;
    return 0;
}

/* In an order that differs from time to time, as a kernel's does. */
static int kernel_collect(struct epoll_event *events, int events_max)
{
    uint32_t first = (uint32_t)sim_draw(&sim_kernel.random, SIM_FDS_MAX);
    int count = 0;

    for (uint32_t i = 0; i < SIM_FDS_MAX && count < events_max; i++) {
        const struct sim_fd *fd = &sim_kernel.fds[(first + i) % SIM_FDS_MAX];
        uint32_t ready = fd->is_watched ? fd_events(fd) & (fd->events | EPOLLHUP | EPOLLERR) : 0;

        if (ready != 0) {
            events[count++] = (struct epoll_event){.events = ready, .data = fd->data};
            kernel_note((uint64_t)((first + i) % SIM_FDS_MAX) << 32 | ready);
        }
    }
    return count;
}

static int kernel_wait(struct epoll_event *events, int events_max, uint64_t until_ns)
{
    for (;;) {
        uint64_t next_ns = sim_kernel.on_time != NULL
                               ? sim_kernel.on_time(sim_kernel.context, sim_kernel.now_ns)
                               : UINT64_MAX;
        int count = kernel_collect(events, events_max);

        if (count > 0 || sim_kernel.now_ns >= until_ns) {
            return count;
        }
        next_ns = next_ns < until_ns ? next_ns : until_ns;
        if (next_ns == UINT64_MAX) {
            fail_msg("the server waits for ever, and nothing will ever happen");
        }
        if (next_ns > sim_kernel.now_ns) {
            sim_kernel.now_ns = next_ns;
        }
    }
}

int sys_epoll_wait(int epoll_fd, struct epoll_event *events, int events_max, uint64_t timeout_ns)
{
    uint64_t until_ns = timeout_ns == UINT64_MAX ? UINT64_MAX : sim_kernel.now_ns + timeout_ns;
    int error;
    int count;

    fd_find(epoll_fd, SIM_FD_EPOLL);
    sim_memory_hold();
    if (sim_chance(&sim_kernel.random, sim_kernel.weather.late) && until_ns != UINT64_MAX) {
        until_ns += sim_draw(&sim_kernel.random, 20 * NS_PER_MS);
    }
    error = sim_kernel_fault(SIM_EPOLL_WAIT);
    count = error != 0 ? -error : kernel_wait(events, events_max, until_ns);
    sim_kernel_pass();
    sim_memory_release();
    return count;
}

/* ---- listeners ---- */

struct sim_listener *sim_kernel_listener(uint32_t index)
{
    return index < sim_kernel.listener_count && sim_kernel.listeners[index].is_open
               ? &sim_kernel.listeners[index]
               : NULL;
}

int sys_listen(const struct sockaddr *address, socklen_t address_bytes, int backlog)
{
    int error = sim_kernel_fault(SIM_LISTEN);
    struct sim_listener *listener = &sim_kernel.listeners[sim_kernel.listener_count];
    int fd;

    (void)address_bytes;
    assert_true(sim_kernel.listener_count < SIM_LISTENERS_MAX);
    if (error != 0) {
        return -error;
    }
    fd = fd_open((struct sim_fd){.kind = SIM_FD_LISTENER, .listener = listener});
    if (fd >= 0) {
        sim_kernel.listener_count++;
        *listener = (struct sim_listener){
            .backlog = (uint32_t)backlog, .is_open = true, .is_unix = address->sa_family == AF_UNIX};
    }
    return fd;
}

int sys_accept(int fd)
{
    struct sim_listener *listener = fd_find(fd, SIM_FD_LISTENER)->listener;
    struct sim_socket *socket = listener->first;
    int error = sim_kernel_fault(SIM_ACCEPT);
    int accepted = -EMFILE;

    sim_kernel_pass();
    if (error == 0) {
        accepted =
            socket == NULL ? -EAGAIN : fd_open((struct sim_fd){.kind = SIM_FD_SOCKET, .socket = socket});
    }
    if (socket == NULL || (accepted < 0 && error != ECONNABORTED && error != EPROTO)) {
        return error != 0 ? -error : accepted;
    }
    listener->first = socket->next;
    listener->last = socket->next == NULL ? NULL : listener->last;
    listener->waiting--;
    socket->next = NULL;
    if (accepted < 0) {
        sim_socket_lose(socket);
        sim_socket_leave(socket);
        return -error;
    }
    socket->fd = accepted;
    return accepted;
}

void sim_listener_leave(struct sim_listener *listener)
{
    listener->is_open = false;
    while (listener->first != NULL) {
        struct sim_socket *socket = listener->first;

        listener->first = socket->next;
        sim_socket_lose(socket);
        sim_socket_leave(socket);
    }
    listener->last = NULL;
    listener->waiting = 0;
}

/* Nothing was left behind by anyone. */
int sys_connect_unix(const struct sockaddr_storage *address, socklen_t address_bytes)
{
    (void)address;
    (void)address_bytes;
    return -ECONNREFUSED;
}

bool sys_is_socket(const char *path)
{
    (void)path;
    return false;
}

int sys_unlink(const char *path)
{
    (void)path;
    return 0;
}

int sys_getsockname(int fd, struct sockaddr *address, socklen_t *address_bytes)
{
    const struct sim_listener *listener = fd_find(fd, SIM_FD_LISTENER)->listener;
    int error = sim_kernel_fault(SIM_GETSOCKNAME);

    if (error != 0) {
        return -error;
    }
    if (listener->is_unix) {
        *(struct sockaddr_un *)address = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "sim"};
        *address_bytes = (socklen_t)sizeof(struct sockaddr_un);
        return 0;
    }
    *(struct sockaddr_in *)address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(7777), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *address_bytes = (socklen_t)sizeof(struct sockaddr_in);
    return 0;
}

int sys_signalfd(const sigset_t *set)
{
    int error = sim_kernel_fault(SIM_SIGNALFD);

    (void)set;
    return error != 0 ? -error : fd_open((struct sim_fd){.kind = SIM_FD_SIGNALS});
}
