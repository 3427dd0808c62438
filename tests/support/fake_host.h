/*
 * A roomd_host in memory, for tests of the bundled contents without an engine: players come and go, packets are
 * recorded as each player would read them, the clock and the random numbers are the test's.
 *
 * What a player reads follows roomd/content.h exactly: streams are handed over one after the other (the room's, then
 * by number) at each fake_flush, private packets behind all that went before, barriers held to.
 */
#ifndef TESTS_SUPPORT_FAKE_HOST_H
#define TESTS_SUPPORT_FAKE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "roomd/content.h"

struct fake_packet {
    uint16_t id;
    uint16_t bytes;
    const uint8_t *payload; /* good until the player is freed or its packets are dropped */
};

struct fake_room; /* behind struct roomd_room */

/* Time 0, no players, seed 1. `options`: key, value, key, value, NULL; what is not given has the content's default. */
struct fake_room *fake_room_open(const struct roomd_content *content, const char *const *options);
/* The same, and 0 or the -errno that the content's open returned in *error. NULL when it failed. */
struct fake_room *fake_room_try(const struct roomd_content *content, const char *const *options, int *error);
/* Players leave, the content closes, and nothing may be left: fails the test if memory or follows are wrong. */
void fake_room_close(struct fake_room *room);
void *fake_state(struct fake_room *room); /* the content's */

/* Files for read_data, before the room is opened; the text must outlive it. fake_data_clear forgets them. */
void fake_data_add(const char *name, const char *text);
void fake_data_clear(void);

/* A player comes in: its session id. Player ids count up from 1. */
uint64_t fake_enter(struct fake_room *room);
/* The same with a parcel, as one who comes from another room; `player` 0: the next number. */
uint64_t fake_enter_with(struct fake_room *room, uint32_t player, const void *parcel, size_t bytes);
/* It leaves; what it has been sent may still be read until the room is closed. */
void fake_leave(struct fake_room *room, uint64_t session, enum roomd_leave_reason reason);
uint32_t fake_player_id(const struct fake_room *room, uint64_t session);

enum roomd_packet_result fake_send(struct fake_room *room, uint64_t session, uint16_t id, const void *payload,
                                   size_t bytes);

/* From now on the room's tick is 0: fake_tick is not to be called. */
void fake_set_no_tick(struct fake_room *room);

/* Moves the clock on and runs the jobs that come due, in order; no tick, no flush. */
void fake_advance(struct fake_room *room, uint32_t ms);
/* Advances by `ms`, then the content's tick, then fake_flush. */
void fake_tick(struct fake_room *room, uint32_t ms);
void fake_flush(struct fake_room *room);
uint64_t fake_now_ms(const struct fake_room *room);

/* The next packet that the player reads: false when there is none (more before the next flush). */
bool fake_next(struct fake_room *room, uint64_t session, struct fake_packet *packet);
/* The next one of that id, those before it thrown away; false when there is none, and all are thrown away. */
bool fake_next_of(struct fake_room *room, uint64_t session, uint16_t id, struct fake_packet *packet);
/* Throws away what the player, or everyone (0), has not looked at. */
void fake_drop(struct fake_room *room, uint64_t session);
/* How many of that id are there to be read; all are left where they are. */
uint32_t fake_count(const struct fake_room *room, uint64_t session, uint16_t id);
/* The last S_ERROR that the player was sent, taken: ROOMD_ERROR_NONE when there was none. */
enum roomd_error fake_take_error(struct fake_room *room, uint64_t session);
/* Whether the content has kicked it, and where it has sent it ("": nowhere; then fake_parcel is what it carries). */
bool fake_is_kicked(const struct fake_room *room, uint64_t session);
const char *fake_moved_to(const struct fake_room *room, uint64_t session);
const void *fake_parcel(const struct fake_room *room, uint64_t session, size_t *bytes);
bool fake_has_left(const struct fake_room *room, uint64_t session); /* the content has called leave for it */

/* Rooms that find, create and move know of, besides one's own. create adds its name; fake_created is the last one. */
void fake_add_room(struct fake_room *room, const char *name);
void fake_add_template(struct fake_room *room, const char *name);
const char *fake_created(const struct fake_room *room);
bool fake_is_locked(const struct fake_room *room);
bool fake_is_closing(
    const struct fake_room *room); /* the content has closed its own room: all have been led out */

/* From now on what the player is owed is at its most: sends to it are refused with -ENOBUFS. */
void fake_set_owed(struct fake_room *room, uint64_t session, bool is_owed_all);
/* The `nth` allocation from now on fails (1: the next); 0: none does. */
void fake_fail_alloc(struct fake_room *room, uint32_t nth);
/* The same for appends to streams, the room's own too: -ENOMEM. */
void fake_fail_append(struct fake_room *room, uint32_t nth);
/* At most so many streams may be open from now on: -ENOSPC beyond. */
void fake_set_streams_max(struct fake_room *room, uint32_t streams_max);
/* Takes what the player has not been handed yet away from it, as from a slow reader, and calls the content's resync. */
void fake_skip(struct fake_room *room, uint64_t session);
/* How often something was written: an append or a private packet each counts once, however many read it. */
uint64_t fake_writes(const struct fake_room *room);
/* The last line that any content has logged, "" before the first; good until the next. */
const char *fake_last_log(void);
/* Content streams that are open, followers of all of them, jobs that wait. */
uint32_t fake_streams(const struct fake_room *room);
uint32_t fake_follows(const struct fake_room *room);
uint32_t fake_jobs(const struct fake_room *room);

/* Saves the content, closes it, and restores it from the bytes in the same room with the same players. */
void fake_save_and_restore(struct fake_room *room);
/* What a restore begins with: the content is closed, nothing is open, nothing waits, the players are there. */
void fake_shut(struct fake_room *room);
/* The bytes of a save; the caller frees. */
uint8_t *fake_save(struct fake_room *room, size_t *bytes);
/* What each player was ever handed, in its order, as one number: equal histories have equal ones. */
uint64_t fake_digest(const struct fake_room *room);

#endif
