/*
 * Listeners: accept at most LISTENER_ACCEPTS_MAX connections a turn, and park instead of spinning when the
 * process or the system is out of what an accept needs (EMFILE, ENFILE, ENOBUFS, ENOMEM).
 *
 *     closed --listener_open, listener_adopt--> listening --no descriptor or memory--> parked --LISTENER_PARK_NS--> listening
 *     listening or parked --listener_close--> closed
 */
#ifndef ROOMD_NET_LISTENER_H
#define ROOMD_NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/timers.h"
#include "net/address.h"
#include "net/reactor.h"

enum { LISTENER_ACCEPTS_MAX = 64 };
#define LISTENER_PARK_NS (50 * NS_PER_MS)

struct listener {
    struct source source;
    struct reactor *reactor;
    struct timers *timers;
    struct timer park;
    struct address address; /* as bound: port 0 has become the port in use */
    struct log_gate gate;
    uint64_t accepted;
    uint64_t parked;
    bool is_adopted;
    /* A new connection; `fd` is the callee's from here on. */
    void (*on_accept)(void *context, int fd);
    void *context;
};

/*
 * Binds and listens. A unix socket's file that nobody listens on any more is replaced. The listener must not
 * move while it is open. 0 or -errno (-EADDRINUSE when somebody listens there).
 */
int listener_open(struct listener *listener, struct reactor *reactor, struct timers *timers,
                  const struct address *address, int backlog, void (*on_accept)(void *context, int fd),
                  void *context);
/*
 * The same with a socket that listens already, which someone else opened. 0; -ENOTSOCK or -EINVAL: it is none that
 * listens, or -errno: `fd` is the caller's still.
 */
int listener_adopt(struct listener *listener, struct reactor *reactor, struct timers *timers, int fd,
                   void (*on_accept)(void *context, int fd), void *context);
/*
 * Closes the socket and removes a unix socket's file, unless it was adopted: then the file is whose the socket was. Not
 * from on_accept; nothing happens when it is closed.
 */
void listener_close(struct listener *listener);

#endif
