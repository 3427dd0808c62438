/*
 * A server that stands still for a while, by SIGSTOP and SIGCONT: as a process does whose machine swaps, or is moved.
 */
#ifndef TESTS_SUPPORT_STOP_H
#define TESTS_SUPPORT_STOP_H

#include "support/daemon.h"
#include "support/peer.h"

/* It stands still from the one to the other, for certain. */
struct stop {
    struct daemon *daemon;
    uint64_t from_ns;
    uint64_t until_ns;
};

/* Returns once it stands still. */
struct stop stop_begin(struct daemon *daemon);
/* Lets it go on when the stop has lasted so long at least. */
void stop_end(struct stop *stop, uint64_t least_ms);
/* Waits until all that was sent is in the server's own buffers: where it finds it in the first look that it takes. */
void stop_await_sent(const struct peer *peer);

#endif
