/*
 * Signals as a source of the reactor: they are blocked, and read from a descriptor in the turn's first phase.
 */
#ifndef ROOMD_DAEMON_SIGNALS_H
#define ROOMD_DAEMON_SIGNALS_H

#include "net/reactor.h"

struct signals {
    struct source source; /* fd -1: closed */
    void (*on_signal)(void *context, int signal);
    void *context;
};

/* Closed, and safe to close. */
void signals_init(struct signals *signals);
/* Takes over SIGTERM, SIGINT, SIGHUP and SIGUSR1, and ignores SIGPIPE for good. 0 or -errno. */
int signals_open(struct signals *signals, struct reactor *reactor,
                 void (*on_signal)(void *context, int signal), void *context);
void signals_close(struct signals *signals, struct reactor *reactor);

#endif
