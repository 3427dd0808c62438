/*
 * A client's own moves that may come back to it, and how long one was away. Of several the newest wins on the server,
 * so that one that comes back settles those before it. Where a client stood still it can't be said which one came
 * back: that is nobody's latency.
 */
#ifndef DUMMY_CLIENT_PLAY_OWN_H
#define DUMMY_CLIENT_PLAY_OWN_H

#include <stdbool.h>
#include <stdint.h>

enum { OWN_MOVES = 8 };

/* All zero: none. */
struct own_moves {
    struct own_move {
        float x, z;
        uint64_t sent_ns; /* 0: none */
    } moves[OWN_MOVES];
    uint32_t next;
};

void own_note_sent(struct own_moves *own, float x, float z, uint64_t now_ns);
/* One that ended at (x, z) has come back: true when `*sent_ns` is when it was sent. */
bool own_take_back(struct own_moves *own, float x, float z, uint64_t *sent_ns);

#endif
