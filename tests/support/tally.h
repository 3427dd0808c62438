/*
 * What a content has said to one player, and what has become of it: heard, or missed and told of. And a room of stage
 * content that skips, and tells anew when it is asked to.
 */
#ifndef TESTS_SUPPORT_TALLY_H
#define TESTS_SUPPORT_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "support/engine_fixture.h"

/* Of the content's packets TALLY_NOTE counts as said, TALLY_SNAPSHOT is what it tells anew. */
enum { TALLY_NOTE = 100, TALLY_SNAPSHOT = 101 };

struct tally {
    uint32_t said, said_bytes;
    uint32_t got, got_bytes;
    uint32_t missed, missed_bytes;
    uint32_t resyncs, snapshots, pongs, lefts;
    uint16_t last; /* id of the last packet that came; 0: none yet */
};

/* 64 KiB may wait, as long as it likes; 30 s of skipping. */
struct room_options tally_options(void);
/* Its content notes "resync P; " and sends TALLY_SNAPSHOT, but takes no notes at first. NULL: tally_options. */
struct room *tally_room(struct fixture *fixture, const char *name, const struct room_options *options);
/* How long telling anew takes, of the fake clock; 0 at first. */
void tally_set_resync_ns(uint64_t took_ns);

/* One TALLY_NOTE more has been said, or is said now to everybody. `tally` may be NULL. */
void tally_say(struct tally *tally, uint32_t payload_bytes);
void tally_broadcast(struct room *room, struct tally *tally, uint32_t payload_bytes);
/* Talks until the player, who must be narrow, skips. */
void tally_leave_behind(struct fixture *fixture, struct room *room, const struct player *player,
                        struct tally *tally);
bool tally_is_skipping(struct fixture *fixture, const struct player *player);

/* Takes the frames that have come: behind S_RESYNC comes the snapshot, or S_LEFT. */
void tally_take(struct tally *tally, struct player *player);
/* Reads until nothing more comes. */
void tally_read(struct fixture *fixture, struct player *player, struct tally *tally);
/* What was said is what was heard and what was told to be missed, to the packet and to the byte. */
void tally_check(const struct tally *tally);

#endif
