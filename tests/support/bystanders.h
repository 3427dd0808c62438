/*
 * Two healthy players who talk through whatever else happens, and prove that it did not touch them: each must
 * see every word of both, once and in order.
 */
#ifndef TESTS_SUPPORT_BYSTANDERS_H
#define TESTS_SUPPORT_BYSTANDERS_H

#include "support/peer.h"

struct bystander {
    struct peer *peer;
    uint32_t sent;
    uint32_t seen[2];  /* words seen of either of the two */
    uint64_t asked_ns; /* when its last word that has not come back was said; 0: none */
};

struct bystanders {
    struct bystander each[2];
    uint64_t foreign;  /* words of other players that they saw */
    uint64_t worst_ns; /* the longest that a word took back to its speaker, as far as a step looked */
};

/* Both connect and say hello; into `room`, or where the server puts them when it is NULL. */
void bystanders_start(struct bystanders *bystanders, const struct daemon *daemon, const char *room);
/* Each says a word, and looks at what came; never waits. */
void bystanders_step(struct bystanders *bystanders);
/* Steps every `interval_ms` for so long. */
void bystanders_run(struct bystanders *bystanders, int ms, int interval_ms);
/* Waits until all that was said has arrived, checks it, and closes both. */
void bystanders_finish(struct bystanders *bystanders);

#endif
