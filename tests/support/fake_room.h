/*
 * What is behind fake_host.h: the room's own structs, shared by fake_host.c (what tests call), fake_service.c (what
 * contents call) and fake_memory.c (files, memory, the list of waiting jobs).
 *
 *     1. a packet is written once and counted by references: by streams until the next flush, by whoever was handed it
 *        until its packets are dropped.
 *     2. a follow's position is a place in its stream's packets; at a flush all is handed over, and both begin anew.
 *     3. what content asks for of a player (kick, leave, move) happens in fake_settle, behind the callback.
 */
#ifndef TESTS_SUPPORT_FAKE_ROOM_H
#define TESTS_SUPPORT_FAKE_ROOM_H

#include "support/fake_host.h"

enum { FAKE_STREAM_OF_ROOM = 0, FAKE_NAMES_MAX = 32, FAKE_LOG_BYTES = 512 };

struct fake_sent {
    uint32_t refs;
    uint16_t id;
    uint16_t bytes;
    uint64_t key;
    bool has_key;
    uint8_t payload[];
};

struct fake_sent_list {
    struct fake_sent **at;
    size_t count, capacity;
};

struct fake_stream {
    uint64_t order; /* 0: the room's; n + 1: the content's stream n */
    struct fake_sent_list sent;
    size_t handed; /* nobody has been handed, or follows from, a place beyond it */
    uint32_t followers;
};

struct fake_follow {
    struct fake_stream *stream;
    size_t seen;
};

struct fake_player {
    uint64_t session;
    uint32_t id;
    bool is_in;      /* between enter and leave */
    bool is_leaving; /* its leave callback is under way */
    bool is_owed_all, is_kicked, has_asked_leave;
    void *user;
    struct fake_follow *follows; /* by the streams' order */
    uint32_t follow_count, follow_capacity;
    struct fake_sent_list inbox; /* all that it was handed */
    size_t looked_at;            /* by the test */
    size_t flushed;              /* may be looked at */
    uint64_t digest;
    enum roomd_error error;
    enum roomd_leave_reason pending; /* 0: it stays */
    char moved_to[ROOMD_NAME_BYTES_MAX + 1];
    uint8_t parcel[ROOMD_PARCEL_BYTES_MAX];
    size_t parcel_bytes;
    bool has_parcel;
};

struct fake_job {
    roomd_job *job;
    uint64_t session;
    uint64_t due_ms;
    uint64_t number; /* in order of arming; what timers are named by */
    size_t bytes;
    uint8_t payload[ROOMD_JOB_PAYLOAD_BYTES_MAX];
};

/* A heap by due_ms, then number. */
struct fake_jobs {
    struct fake_job **at;
    size_t count, capacity;
};

struct fake_names {
    char at[FAKE_NAMES_MAX][ROOMD_NAME_BYTES_MAX + 1];
    uint32_t count;
};

struct fake_block;

struct fake_room {
    const struct roomd_content *content;
    const char *const *options;
    void *state;
    uint64_t now_ms;
    bool has_no_tick;
    uint64_t random;
    struct fake_stream **streams; /* by order; the first is the room's */
    uint32_t stream_count, stream_capacity, streams_max;
    struct fake_player **players; /* all that ever came, by their coming */
    uint32_t player_count, player_capacity;
    uint32_t next_player;
    struct fake_jobs jobs;
    uint64_t next_job;
    struct fake_block *blocks;
    uint32_t fail_alloc, fail_append;
    struct fake_names rooms, templates;
    char created[ROOMD_NAME_BYTES_MAX + 1];
    bool is_locked, is_closing;
    uint64_t writes;
};

extern const struct roomd_host fake_host;

static inline struct fake_room *fake_of(struct roomd_room *room)
{
    return (struct fake_room *)(void *)room;
}

static inline struct roomd_room *fake_handle(struct fake_room *room)
{
    return (struct roomd_room *)(void *)room;
}

/* The player of a session, whether it is still in or not; NULL for one that never was. */
struct fake_player *fake_player_of(const struct fake_room *room, uint64_t session);
/* The same, while it is in. */
struct fake_player *fake_player_inside(const struct fake_room *room, uint64_t session);
/* Carries out what content has asked for, until nothing is left to do. */
void fake_settle(struct fake_room *room);

/* ---- fake_stream.c ---- */

struct fake_sent *fake_sent_make(uint16_t id, const void *payload, size_t bytes);
void fake_sent_unref(struct fake_sent *sent);
void fake_sent_push(struct fake_sent_list *list, struct fake_sent *sent); /* takes a reference of its own */
void fake_sent_clear(struct fake_sent_list *list);
struct fake_stream *fake_stream_find(const struct fake_room *room, uint64_t order);
int fake_stream_open(struct fake_room *room, uint64_t order);
void fake_stream_close(struct fake_room *room, uint64_t order);
int fake_follow(struct fake_player *player, struct fake_stream *stream);
int fake_unfollow(struct fake_player *player, const struct fake_stream *stream);
struct fake_follow *fake_follow_find(struct fake_player *player, const struct fake_stream *stream);
/* Hands over all that the player's streams hold, in their order. */
void fake_pull(struct fake_player *player);
void fake_hand(struct fake_player *player, struct fake_sent *sent);
/* Everyone has been handed all: streams begin anew. */
void fake_streams_trim(struct fake_room *room);

/* ---- fake_rooms.c: services ---- */

int fake_find(struct roomd_room *room, const char *name, struct roomd_room_info *info);
int fake_create(struct roomd_room *handle, const char *template_name, const char *name);
int fake_close(struct roomd_room *handle, const char *name);
void fake_lock(struct roomd_room *room, int is_locked);
int fake_move(struct roomd_room *room, uint64_t session, const char *to, const void *parcel, size_t bytes);
int fake_ask_leave(struct roomd_room *room, uint64_t session);
const void *fake_parcel_of(struct roomd_room *room, uint64_t session, size_t *bytes);

/* ---- fake_memory.c ---- */

void *fake_alloc(struct roomd_room *room, size_t bytes);
void *fake_resize(struct roomd_room *room, void *memory, size_t bytes);
void fake_free(struct roomd_room *room, void *memory);
int fake_read_data(struct roomd_room *room, const char *name, char **data, size_t *bytes);
/* Gives everything back; what was written beyond a block's end fails the test. */
void fake_memory_give_back(struct fake_room *room);
void fake_job_push(struct fake_jobs *jobs, struct fake_job *job);
/* The one that is due first, taken out; NULL when none is due by then. */
struct fake_job *fake_job_pop(struct fake_jobs *jobs, uint64_t now_ms);
bool fake_job_cancel(struct fake_jobs *jobs, uint64_t number);
void fake_jobs_clear(struct fake_jobs *jobs);

#endif
