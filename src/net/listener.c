#include "net/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/list.h"

static void listener_park(struct listener *listener, int error)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t held;

    listener->parked++;
    reactor_change(listener->reactor, &listener->source, 0);
    timer_arm(listener->timers, &listener->park, now_ns + LISTENER_PARK_NS);
    if (log_gate_pass(&listener->gate, now_ns, NS_PER_S, &held)) {
        LOG(LOG_LEVEL_WARN, "accept_parked", "error=\"%s\" park_ms=%llu held=%llu", strerror(error),
            LISTENER_PARK_NS / NS_PER_MS, (unsigned long long)held);
    }
}

static void listener_unpark(struct timer *timer, uint64_t now_ns)
{
    struct listener *listener = LIST_ENTRY(timer, struct listener, park);

    if (reactor_change(listener->reactor, &listener->source, EPOLLIN) < 0) {
        timer_arm(listener->timers, &listener->park, now_ns + LISTENER_PARK_NS);
    }
}

static void listener_on_ready(struct source *source, uint32_t events)
{
    struct listener *listener = LIST_ENTRY(source, struct listener, source);

    (void)events;
    for (int i = 0; i < LISTENER_ACCEPTS_MAX; i++) {
        int fd = sys_accept(source->fd);

        if (fd >= 0) {
            listener->accepted++;
            listener->on_accept(listener->context, fd);
            continue;
        }
        switch (-fd) {
        case EAGAIN:
            return;
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
            continue; /* that connection is gone, the next may be there */
        default: /* EMFILE, ENFILE, ENOBUFS, ENOMEM, or something that a turn's wait will not mend either */
            listener_park(listener, -fd);
            return;
        }
    }
}

static const char *unix_path(const struct address *address)
{
    return ((const struct sockaddr_un *)&address->storage)->sun_path;
}

/* Whether the file of a unix address is a socket left over from a process that is gone. */
static bool is_stale_unix(const struct address *address)
{
    return address->storage.ss_family == AF_UNIX && sys_is_socket(unix_path(address)) &&
           sys_connect_unix(&address->storage, address->bytes) == -ECONNREFUSED;
}

/* Everything but the socket and its address. */
static int listener_init(struct listener *listener, struct reactor *reactor, struct timers *timers,
                         void (*on_accept)(void *context, int fd), void *context)
{
    *listener = (struct listener){.source = {.fd = -1, .on_ready = listener_on_ready},
                                  .reactor = reactor,
                                  .timers = timers,
                                  .on_accept = on_accept,
                                  .context = context};
    return timer_open(timers, &listener->park, listener_unpark);
}

/* Takes `fd`, which listens, or gives up: then it is the caller's still. */
static int listener_start(struct listener *listener, int fd)
{
    listener->source.fd = fd;
    listener->address.bytes = sizeof(listener->address.storage);

    int rc = sys_getsockname(fd, (struct sockaddr *)&listener->address.storage, &listener->address.bytes);

    if (rc == 0) {
        rc = reactor_add(listener->reactor, &listener->source, EPOLLIN);
    }
    if (rc < 0) {
        timer_close(listener->timers, &listener->park);
        listener->source.fd = -1;
    }
    return rc;
}

int listener_open(struct listener *listener, struct reactor *reactor, struct timers *timers,
                  const struct address *address, int backlog, void (*on_accept)(void *context, int fd),
                  void *context)
{
    const struct sockaddr *wanted = (const struct sockaddr *)&address->storage;
    int rc = listener_init(listener, reactor, timers, on_accept, context);

    if (rc < 0) {
        return rc;
    }

    int fd = sys_listen(wanted, address->bytes, backlog);

    if (fd == -EADDRINUSE && is_stale_unix(address)) {
        sys_unlink(unix_path(address));
        fd = sys_listen(wanted, address->bytes, backlog);
    }
    if (fd < 0) {
        timer_close(timers, &listener->park);
        return fd;
    }
    rc = listener_start(listener, fd);
    if (rc < 0) {
        sys_close(fd);
    }
    return rc;
}

int listener_adopt(struct listener *listener, struct reactor *reactor, struct timers *timers, int fd,
                   void (*on_accept)(void *context, int fd), void *context)
{
    int rc = sys_adopt_listening(fd);

    if (rc < 0) {
        *listener = (struct listener){.source = {.fd = -1}};
        return rc;
    }
    rc = listener_init(listener, reactor, timers, on_accept, context);
    if (rc < 0) {
        return rc;
    }
    listener->is_adopted = true;
    return listener_start(listener, fd);
}

void listener_close(struct listener *listener)
{
    if (listener->source.fd < 0) {
        return;
    }
    reactor_remove(listener->reactor, &listener->source);
    sys_close(listener->source.fd);
    listener->source.fd = -1;
    timer_close(listener->timers, &listener->park);
    if (listener->address.storage.ss_family == AF_UNIX && !listener->is_adopted) {
        sys_unlink(unix_path(&listener->address));
    }
}
