/*
 * Players of one room of content chat who say numbered words, and hear those of everybody: each must come once, and in
 * order.
 */
#ifndef TESTS_SUPPORT_TALK_H
#define TESTS_SUPPORT_TALK_H

#include "support/peer.h"

enum { TALK_PEERS_MAX = 64, TALK_CHARS_MAX = 1400 };

struct talk {
    struct peer *each[TALK_PEERS_MAX]; /* not its own */
    size_t count;
    size_t chars; /* of a word, with its number; 0: as few as it takes */
    uint32_t said[TALK_PEERS_MAX];
    uint32_t heard[TALK_PEERS_MAX][TALK_PEERS_MAX]; /* by whom, of whom */
};

/* One who has said hello and is in the room, and before whom nothing has been said yet. */
void talk_add(struct talk *talk, struct peer *peer);
/* Each of them, from the one up to and without the other, says so many words. */
void talk_say(struct talk *talk, size_t from, size_t to, uint32_t words);
/* Each of them hears all that has been said. */
void talk_hear(struct talk *talk, size_t from, size_t to);

#endif
