/*
 * Players who stop reading and go on as they like, against a model: what each of them reads is all that was said to it, in
 * an order that the streams and barriers allow, less exactly what it is told to have missed. Whatever is not so fails
 * the test.
 */
#ifndef TESTS_SUPPORT_SKIP_MODEL_H
#define TESTS_SUPPORT_SKIP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "support/engine_fixture.h"
#include "support/stage.h"

enum {
    SKIP_NOTE = 100,
    SKIP_STREAMS = 5,
    SKIP_PRIVATE = SKIP_STREAMS + 1,
    SKIP_KEYS = 4,
    SKIP_PLAYERS = 24,
    SKIP_NUMBERS_MAX = 60000,
    SKIP_MARKS_MAX = 2000
};

/* A packet: to the room (0), one of the content's streams (1 to SKIP_STREAMS), or SKIP_PRIVATE. */
struct said {
    uint32_t epoch; /* barriers before it */
    uint8_t stream;
    bool is_keyed;
};

/* How much had been said to a player, and how often it had been told anew, when it was told anew or left. */
struct mark {
    uint32_t said;
    uint32_t resyncs;
};

struct marks {
    struct mark at[SKIP_MARKS_MAX];
    uint32_t count;
    uint32_t taken;
};

struct expected {
    struct player *player;
    uint64_t session;
    uint32_t numbers[SKIP_NUMBERS_MAX];
    bool is_taken[SKIP_NUMBERS_MAX];
    uint32_t count;
    uint32_t first; /* that is not taken */
    struct marks resyncs, leaves;
    struct skipped told; /* by an S_RESYNC, whose follower has not come yet */
    struct skipped
        untold; /* dropped before an S_LEFT: it waited when the player fell behind in its next stay */
    bool follows[SKIP_STREAMS + 1];
    bool has_hello;
    bool is_in, is_asked;
    bool is_reading;
    bool is_kicked;
};

struct skip_setting {
    enum room_slow slow;
    uint64_t tick_ns;
    struct rate send;
    uint32_t outbox_bytes_max, outbox_slices_max;
    uint64_t age_max_ns, skip_max_ns;
};

struct skip_model {
    struct fixture *fixture;
    const struct room *room;
    struct expected players[SKIP_PLAYERS + 1]; /* by number on the wire */
    struct said packets[SKIP_NUMBERS_MAX];
    uint32_t last_keyed[SKIP_STREAMS + 1][SKIP_KEYS]; /* its number, by stream and key; 0: none yet */
    uint32_t next_number;
    uint32_t epoch;
    uint32_t missed, told_leaving, kicked, overwritten;
    unsigned random;
};

extern struct skip_model skip_model;

/* A whole run: everybody has what is due to him, or is closed, when it returns; skip_model says what it met. */
void skip_model_run(const struct skip_setting *setting, unsigned seed);
void skip_model_close(void);
void skip_model_print(unsigned seed);

/* For skip_model.c, of skip_model_say.c. */
uint32_t skip_model_random(uint32_t below);
/* The payload of a number, whose size tells it, too; returns that. */
size_t skip_model_put(uint8_t *bytes, uint32_t number);
/* A job that says something to somebody, or changes who hears what. */
void skip_model_emit(struct stage *stage, void *context);
/* To one alone; from one of the streams on, or no more. */
void skip_model_send(struct stage *stage, struct expected *one);
void skip_model_follow(struct stage *stage, struct expected *one, uint8_t stream);

#endif
