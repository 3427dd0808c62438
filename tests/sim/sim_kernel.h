/*
 * A kernel in the test's process. It provides every function of net/sys.h and base/clock.h, so that the server that is
 * linked with it makes no true system call on a descriptor and sees no true time, and it fails the server's calls as a
 * true kernel might: by chance under a seed (the weather), or one call that was picked out (the plan).
 *
 *     1. time moves by a little with each call, by as much as is waited for in epoll_wait, and by stalls.
 *     2. everything is drawn from the seed: the same calls with the same seed have the same results.
 *     3. what the server does wrong with descriptors (a close of one that is not open, a read of a listener) fails
 *        the test at once.
 *     4. what is not the server's own memory never fails: see sim_memory.h.
 *
 *     sim_kernel_init -> the server's calls, and sim_connect and the other ends' calls from on_time -> sim_kernel_fini
 */
#ifndef TESTS_SIM_SIM_KERNEL_H
#define TESTS_SIM_SIM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "net/sys.h"
#include "sim/sim_socket.h"

/* What may fail: X(NAME). */
#define SIM_CALLS(X)                                                                                         \
    X(EPOLL_CREATE)                                                                                          \
    X(EPOLL_CTL)                                                                                             \
    X(EPOLL_WAIT)                                                                                            \
    X(LISTEN)                                                                                                \
    X(ACCEPT)                                                                                                \
    X(TUNE)                                                                                                  \
    X(GETSOCKNAME)                                                                                           \
    X(GETPEERNAME)                                                                                           \
    X(RECV)                                                                                                  \
    X(WRITEV)                                                                                                \
    X(SHUTDOWN)                                                                                              \
    X(SIGNALFD)                                                                                              \
    X(READ_SIGNAL)                                                                                           \
    X(ALLOCATE)

enum sim_call {
#define X(name) SIM_##name,
    SIM_CALLS(X)
#undef X
        SIM_CALL_COUNT
};

extern const char *const sim_call_names[SIM_CALL_COUNT];

/* Chances, in 65536, that a call meets with it. */
struct sim_weather {
    uint32_t short_io;  /* a read or write of less than could be, of every length */
    uint32_t interrupt; /* EINTR, or EAGAIN though there is something */
    uint32_t reset;     /* ECONNRESET, EPIPE or ETIMEDOUT: the connection is lost */
    uint32_t accept;    /* EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EPROTO, EINTR */
    uint32_t watch;     /* epoll_ctl: ENOMEM, ENOSPC */
    uint32_t small;     /* getpeername, shutdown, the options of a socket */
    uint32_t no_memory; /* an allocation of the server's */
    uint32_t stall;     /* the process stands still before a call, as by SIGSTOP, or the clock jumps */
    uint32_t late;      /* epoll_wait returns later than asked */
};

/* The call, its number (from 1) since the plan was made, and how it fails. Number 0: none. */
struct sim_plan {
    enum sim_call call;
    uint64_t number;
    int error; /* above 0 */
};

enum { SIM_FD_FIRST = 1000, SIM_FDS_MAX = 2048, SIM_LISTENERS_MAX = 4 };

struct sim_listener {
    struct sim_socket *first; /* who waits to be accepted */
    struct sim_socket *last;
    uint32_t waiting;
    uint32_t backlog;
    bool is_open;
    bool is_unix;
};

enum sim_fd_kind { SIM_FD_FREE, SIM_FD_EPOLL, SIM_FD_LISTENER, SIM_FD_SOCKET, SIM_FD_SIGNALS };

struct sim_fd {
    enum sim_fd_kind kind;
    bool is_watched;
    uint32_t events;
    epoll_data_t data;
    struct sim_listener *listener;
    struct sim_socket *socket;
};

struct sim_totals {
    uint64_t calls[SIM_CALL_COUNT];
    uint64_t failed[SIM_CALL_COUNT];
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t stalls;
    uint64_t stalled_ns;
};

struct sim_kernel {
    uint64_t random;
    uint64_t now_ns;
    uint64_t call_ns; /* what each call takes */
    uint64_t stall_ns_max;
    uint32_t fds_max; /* descriptors that there may be */
    uint32_t fds_open;
    uint32_t socket_fds;
    struct sim_weather weather;
    struct sim_plan plan;
    bool plan_is_done;
    uint32_t signals; /* those that wait to be read, by bit */
    struct sim_fd fds[SIM_FDS_MAX];
    struct sim_listener listeners[SIM_LISTENERS_MAX];
    uint32_t listener_count;
    uint32_t sockets; /* that exist, on either side */
    struct sim_totals totals;
    uint64_t digest; /* of all that the server asked for */
    /* Everything that is not the server acts, up to now_ns; returns when it next wants to, UINT64_MAX: never. */
    uint64_t (*on_time)(void *context, uint64_t now_ns);
    void *context;
};

/* There is one. */
extern struct sim_kernel sim_kernel;

/* A calm kernel: no weather, no plan, at a time above 0. */
void sim_kernel_init(uint64_t seed);
/* Every descriptor and socket must be gone. */
void sim_kernel_fini(void);

/* From now on the plan's call is counted. */
void sim_kernel_plan(enum sim_call call, uint64_t number, int error);
/* Whether the call that is about to be made fails: 0, or what errno would be; by weather or plan. */
int sim_kernel_fault(enum sim_call call);
/* Time goes by: a call's, or a stall's. */
void sim_kernel_pass(void);
/* A signal for the server. */
void sim_kernel_raise(int signal);

/* Draws: below `below`; true with a chance in 65536. */
uint64_t sim_draw(uint64_t *random, uint64_t below);
bool sim_chance(uint64_t *random, uint32_t of_65536);

/* For the ends of sockets (sim_socket.c): a listener's, NULL when nobody listens or its backlog is full. */
struct sim_listener *sim_kernel_listener(uint32_t index);
/* The server closes it: who waits there is reset. */
void sim_listener_leave(struct sim_listener *listener);

#endif
