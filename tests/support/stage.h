/*
 * A content module for tests: it notes every callback in a text that tests compare, hands packets on to the
 * test's own function, and runs any function of the test as a job in the room's queue.
 *
 * Without a function of the test's, a packet goes to everyone as it came.
 */
#ifndef TESTS_SUPPORT_STAGE_H
#define TESTS_SUPPORT_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "roomd/content.h"

struct fixture;
struct room;

enum { STAGE_NOTES_BYTES = 4096, STAGE_COUNTERS = 64 };

struct stage {
    const struct roomd_host *host;
    struct roomd_room *room;
    /* The test's; each may be NULL. */
    void (*on_enter)(struct stage *stage, uint64_t session);
    void (*on_leave)(struct stage *stage, uint64_t session, enum roomd_leave_reason reason);
    enum roomd_packet_result (*on_packet)(struct stage *stage, uint64_t session, uint16_t id,
                                          const uint8_t *payload, size_t bytes);
    void (*on_tick)(struct stage *stage);
    uint64_t enters;
    uint64_t leaves;
    uint64_t packets;
    uint64_t ticks;
    uint64_t counters[STAGE_COUNTERS]; /* the test's */
    bool is_mute;                      /* takes no notes */
    char notes[STAGE_NOTES_BYTES];
};

/* The same, without and with a tick callback. */
extern const struct roomd_content stage_content;
extern const struct roomd_content stage_ticking_content;

/* What open returns the next times; 0 at first. */
void stage_set_open_result(int result);
/* How often close has been called in this process. */
uint32_t stage_closed_count(void);

struct stage *stage_of(const struct room *room);

/* Adds to the notes. The callbacks note "enter P; ", "leave P reason; ", "packet P id text; ", "tick; ". */
void stage_note(struct stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The notes must be `text`; they are empty afterwards. */
void stage_expect_notes(struct stage *stage, const char *text);

/* Runs `run` as a job of the room, then settles the engine; with _play, only plays, so nothing is written. */
void stage_run(struct fixture *fixture, struct room *room, void (*run)(struct stage *stage, void *context),
               void *context);
void stage_run_play(struct fixture *fixture, struct room *room,
                    void (*run)(struct stage *stage, void *context), void *context);

/* Broadcasts a text from a job, without settling. */
void stage_broadcast(struct fixture *fixture, struct room *room, uint16_t id, const char *text);

#endif
