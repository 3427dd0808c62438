/*
 * The reactor: level-triggered epoll over sources. A source lives in the object that it wakes.
 *
 *     1. a source's descriptor is closed, and its memory freed, only after the batch of events in which it
 *        was removed has been handled (the turn's reap): so no event of a batch can reach a stranger.
 *     2. EPOLLERR and EPOLLHUP are always reported, whatever is asked for.
 */
#ifndef ROOMD_NET_REACTOR_H
#define ROOMD_NET_REACTOR_H

#include <stdint.h>

#include "net/sys.h"

struct source {
    int fd;          /* -1: none */
    uint32_t events; /* asked for: EPOLLIN, EPOLLOUT */
    void (*on_ready)(struct source *source, uint32_t events);
};

enum { REACTOR_EVENTS_MAX = 256 };

struct reactor {
    int epoll_fd;
    int ready; /* in `batch`, still to be dispatched */
    int found; /* by the last wait */
    struct epoll_event batch[REACTOR_EVENTS_MAX];
};

/* 0 or -errno. */
int reactor_init(struct reactor *reactor);
void reactor_fini(struct reactor *reactor);

/* Starts watching source->fd for `events`; source and descriptor stay the caller's. 0 or -errno. */
int reactor_add(struct reactor *reactor, struct source *source, uint32_t events);
/* Asks for other events; no system call when they are the same. 0 or -errno. */
int reactor_change(struct reactor *reactor, struct source *source, uint32_t events);
/* Stops watching. The descriptor is still open. */
void reactor_remove(struct reactor *reactor, struct source *source);

/*
 * Waits at most `timeout_ns` (UINT64_MAX: for ever) until a source is ready. An interrupted wait is one in
 * which nothing was ready. 0 or -errno.
 */
int reactor_wait(struct reactor *reactor, uint64_t timeout_ns);
/* Calls on_ready of each source that the last wait found, at most REACTOR_EVENTS_MAX. */
void reactor_dispatch(struct reactor *reactor);

#endif
