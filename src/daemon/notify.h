/*
 * What the service manager is told, by the protocol of sd_notify(3): a datagram of VAR=value lines to the socket that
 * NOTIFY_SOCKET names, a file's or an abstract one (@name). Without one nothing here does anything.
 *
 * The watchdog (WATCHDOG_USEC) is fed where a turn of the loop is complete, and nowhere else: a server that hangs, in a
 * content or in itself, starves it.
 */
#ifndef ROOMD_DAEMON_NOTIFY_H
#define ROOMD_DAEMON_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NOTIFY_STATUS_BYTES_MAX = 256 };

struct notify {
    int fd; /* -1: nobody to tell */
    struct sockaddr_un address;
    socklen_t address_bytes;
    uint64_t
        period_ns; /* at most so long between two feedings: half of what the watchdog waits; 0: nobody watches */
    uint64_t fed_ns;
};

/*
 * Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child takes them for its own.
 * 0; or -errno when they are there but wrong: nobody is told then, as without them.
 */
int notify_open(struct notify *notify);
/* Nothing happens when it is closed. */
void notify_close(struct notify *notify);

/* Each also says how things are, one line: STATUS=. A line of more than NOTIFY_STATUS_BYTES_MAX is cut. */
void notify_ready(struct notify *notify, const char *status);
void notify_reloading(struct notify *notify, uint64_t now_ns);
void notify_stopping(struct notify *notify, const char *status);
void notify_status(struct notify *notify, const char *status);
/* A turn is complete. */
void notify_turn(struct notify *notify, uint64_t now_ns);

#endif
