/*
 * The schedule: an absolute grid on which the clients take turns in order of their index. Turn k of client i
 * of n is due at start + k periods (--burst) plus i/n of a period (--spread), rounded down to a whole
 * millisecond after the start, so that messages gather into few send times. Being late moves nothing.
 */
#ifndef DUMMY_CLIENT_PACE_H
#define DUMMY_CLIENT_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t start_ns;
    double period_ns;
    double window_ns;
    uint32_t clients;
    bool is_burst;
    uint64_t turn;   /* k */
    uint32_t client; /* i */
    uint64_t due_ns; /* of that turn; UINT64_MAX at the end */
};

/* `rate` turns a second for each client during `window_s`; a rate of 0 is a schedule without turns. */
void pace_init(struct pace *pace, uint64_t start_ns, double rate, double window_s, uint32_t clients,
               bool is_burst);

/* Takes the next turn if it is due: true, whose it is and when it was due. */
bool pace_take(struct pace *pace, uint64_t now_ns, uint32_t *client, uint64_t *due_ns);

/* No turns any more. */
void pace_stop(struct pace *pace);

#endif
