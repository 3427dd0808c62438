#include "net/reactor.h"

#include <errno.h>

int reactor_init(struct reactor *reactor)
{
    int fd = sys_epoll_create();

    if (fd < 0) {
        return fd;
    }
    reactor->epoll_fd = fd;
    reactor->ready = 0;
    reactor->found = 0;
    return 0;
}

void reactor_fini(struct reactor *reactor)
{
    sys_close(reactor->epoll_fd);
    reactor->epoll_fd = -1;
}

int reactor_add(struct reactor *reactor, struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    int rc = sys_epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, source->fd, &event);

    if (rc == 0) {
        source->events = events;
    }
    return rc;
}

int reactor_change(struct reactor *reactor, struct source *source, uint32_t events)
{
    if (source->events == events) {
        return 0;
    }

    struct epoll_event event = {.events = events, .data.ptr = source};
    int rc = sys_epoll_ctl(reactor->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);

    if (rc == 0) {
        source->events = events;
    }
    return rc;
}

void reactor_remove(struct reactor *reactor, struct source *source)
{
    struct epoll_event unused = {0};

    sys_epoll_ctl(reactor->epoll_fd, EPOLL_CTL_DEL, source->fd, &unused);
    source->events = 0;
}

int reactor_wait(struct reactor *reactor, uint64_t timeout_ns)
{
    int count = sys_epoll_wait(reactor->epoll_fd, reactor->batch, REACTOR_EVENTS_MAX, timeout_ns);

    if (count ==
        -EINTR) { /* stopped and continued, perhaps: nobody is late before what came meanwhile was looked for */
        count = sys_epoll_wait(reactor->epoll_fd, reactor->batch, REACTOR_EVENTS_MAX, 0);
    }
    reactor->found = count < 0 ? 0 : count;
    reactor->ready = reactor->found;
    return count < 0 && count != -EINTR ? count : 0;
}

void reactor_dispatch(struct reactor *reactor)
{
    for (int i = 0; i < reactor->ready; i++) {
        struct source *source = reactor->batch[i].data.ptr;

        source->on_ready(source, reactor->batch[i].events);
    }
    reactor->ready = 0;
}
