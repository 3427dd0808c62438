/*
 * Who must be in sight: what a view alone can't find, because nobody speaks of it. Observers are compared in pairs,
 * once a second: two that have stood near each other in one room for a second know each other.
 *
 * Near leaves room for how far two can go while packets are on their way; where a view is so small, or a tick so
 * long, that nothing remains, nobody is judged. Nor is who had no pong in that second, for it has not read yet what it
 * was told; nor who was put elsewhere in it.
 */
#ifndef DUMMY_CLIENT_PLAY_SIGHT_H
#define DUMMY_CLIENT_PLAY_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct play;

/* Where an observer was a second ago. */
struct sighting {
    bool is_taken;   /* false: it was nowhere */
    bool is_steady;  /* and what it says now can be compared with it */
    uint32_t epoch;  /* of its view: the pongs it had */
    uint32_t placed; /* how often it had been put somewhere */
    float x, z;
};

/* Judges all observers of the play, then notes where they are. To be called once a second. */
void play_sight_sample(struct play *play);

#endif
