/*
 * The way from a room into its content: every call of a callback goes through here, so that one place knows what is
 * running, how long it took, and which callbacks a module has. Also what the content has of the room: its time, its
 * random numbers, its memory and its settings.
 *
 * A callback that takes longer than CALLBACK_SLOW_NS is named in the log with room, module and callback. The time is
 * read from the coarse clock: a callback costs no more than that.
 */
#ifndef ROOMD_ROOM_ROOM_CONTENT_H
#define ROOMD_ROOM_ROOM_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "room/room.h"

struct session;

/*
 * Seeds the random numbers, sets time 0 and opens the content. 0 or -errno; on failure its memory is given back and
 * nothing is left.
 */
int room_content_open(struct room *room, const struct roomd_host *host);
/* Runs close and gives the content's memory back whole. */
void room_content_close(struct room *room);

void room_content_enter(struct room *room, struct session *session);
void room_content_leave(struct room *room, struct session *session, enum roomd_leave_reason reason);
enum roomd_packet_result room_content_packet(struct room *room, uint64_t session, uint16_t id,
                                             const uint8_t *payload, size_t bytes);
void room_content_run(struct room *room, roomd_job *job, uint64_t session, const void *payload, size_t bytes);
void room_content_tick(struct room *room);
void room_content_resync(struct room *room, struct session *session);
void room_content_announce(struct room *room, const char *text);

/* What only room_save.c calls. */
int room_content_call_save(struct room *room, void *out, size_t size, size_t *bytes);
int room_content_call_restore(struct room *room, const struct roomd_host *host, const void *bytes,
                              size_t size);
void room_content_call_close(struct room *room);
/* Its jobs, timers, streams and memory are gone; what its streams still owed the players goes to them. */
void room_content_clear(struct room *room);

/*
 * (room_save.c) The room's content as bytes, with its time and random numbers around them. 0 and *bytes, which the caller frees;
 * -ENOTSUP: the module can't; -EIO: it says what can't be; -ENOMEM, or what the module said.
 */
int room_content_save(struct room *room, uint8_t **bytes, size_t *size);
/*
 * Replaces the content by what `bytes` hold, in the running room with the players it has: the old state is closed, its
 * jobs, timers, streams and memory are gone, packets that wait stay. 0; -ENOTSUP, -EINVAL and the room has its old
 * content still; when the module refuses the bytes, or memory is out, the room has none and must be retired: that is
 * returned, too, and the room is retired.
 */
int room_content_restore(struct room *room, const struct roomd_host *host, const uint8_t *bytes, size_t size);

/*
 * A copy of the settings for the room to keep, in place of the copy that it had (options.settings: of this function's
 * making, or NULL). 0, or -ENOMEM and nothing has changed.
 */
int room_content_set_settings(struct room *room, const struct room_setting *settings, uint32_t count);
void room_content_free_settings(struct room *room);
/* The value of a key: as set, or the module's default; NULL when the module has no such key. */
const char *room_content_setting(const struct room *room, const char *key);

/* The room's time. */
uint64_t room_content_now_ms(const struct room *room);

uint64_t room_content_random(struct room *room);
/* (room_memory.c) What each takes of memory_bytes_max is a little more than `bytes`. */
void *room_content_alloc(struct room *room, size_t bytes);
void *room_content_resize(struct room *room, void *memory, size_t bytes);
void room_content_free(struct room *room, void *memory);
/* All of it. */
void room_content_free_memory(struct room *room);

#endif
