/*
 * What one client has been told of a world (roomd/world.h), and whether it could be: the checker of --play. It
 * knows nothing of sockets; the client hands it one content packet after the other.
 *
 * What a server may not do is counted by name; a packet that is wrong changes nothing that is known, as far as
 * that can be.
 *
 * Time is the reader's: what is judged by it is judged mildly, because packets wait in sockets. How often
 * somebody moves is judged by the server's own time, from one S_PONG to the next (view_note_pong).
 */
#ifndef DUMMY_CLIENT_PLAY_VIEW_H
#define DUMMY_CLIENT_PLAY_VIEW_H

#include "dummy-client/play_known.h"

#include "roomd/world.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* What can be wrong: X(NAME, what the report calls it). */
#define VIEW_WRONGS(X)                                                                                       \
    X(MOVE_OF_UNKNOWN, "move_of_unknown")                                                                    \
    X(TOLD_OF_UNKNOWN, "told_of_unknown") /* anything else that is said only of those in view */             \
    X(ENTERED_TWICE, "entered_twice")                                                                        \
    X(LEFT_WITHOUT_ENTERING, "left_without_entering")                                                        \
    X(SPAWN_TWICE, "spawn_twice")                                                                            \
    X(DESPAWN_OF_UNKNOWN, "despawn_of_unknown")                                                              \
    X(BAD_HP, "bad_hp")                                                                                      \
    X(LIST_WITHOUT_SELF, "list_without_self")                                                                \
    X(MOVED_TWICE, "moved_twice")                                                                            \
    X(JUMP, "jump")                                                                                          \
    X(NEAR_BUT_UNKNOWN, "near_but_unknown") /* found by play_sight.h */                                      \
    X(NEVER_PLACED, "never_placed")         /* in a room and never told where; found by play_end */          \
    X(MALFORMED, "malformed")                                                                                \
    X(UNKNOWN_PACKET, "unknown_packet")                                                                      \
    X(NO_MEMORY, "not_judged_for_want_of_memory")

enum view_wrong {
#define X(name, text) VIEW_##name,
    VIEW_WRONGS(X)
#undef X
        VIEW_WRONG_COUNT
};

/* What all views of a run have seen together. */
struct view_totals {
    uint64_t moves_seen; /* of anything */
    uint64_t hits;
    uint64_t kills; /* of who looks */
    uint64_t deaths;
    uint64_t wrong[VIEW_WRONG_COUNT];
};

/* What a packet meant to the client itself: bits of what view_take returns. */
enum view_event {
    VIEW_SELF_PLACED = 1,    /* the list came: view->at is where it begins */
    VIEW_SELF_MOVED = 2,     /* its own move came back to it: view->at */
    VIEW_SELF_CORRECTED = 4, /* view->at is where the server has it */
    VIEW_SELF_DIED = 8,
    VIEW_SELF_RESPAWNED = 16, /* view->at */
    VIEW_HERE = 32            /* view->here has changed */
};

/* Of S_Here. */
struct here {
    bool is_told;
    bool has_fighting;
    float view_m;
    float speed_m_s; /* 0: no limit */
    float x_min, z_min, x_max, z_max;
    char map[ROOMD_NAME_BYTES_MAX + 1]; /* "": open ground */
};

struct view {
    struct view_totals *totals;
    struct known_set known; /* itself included */
    uint32_t players;       /* of them */
    uint32_t self;          /* its player id; 0: not told */
    struct known at;        /* where it has itself, as the server told last */
    bool is_listed;         /* the list has come */
    bool list_is_open;      /* a part of it has, without the client itself */
    bool has_entered; /* its own S_BroadcastEnterGame has come, which everybody in view is told, itself too */
    bool is_dead;
    float leap_m;        /* a step that is judged by its time; INFINITY: none is */
    uint32_t most_moves; /* that anybody made since the last pong */
    uint32_t epoch;      /* counts pongs */
    uint64_t pong_ms;    /* the server's time of the last one; 0: there was none in this room */
    uint32_t tick_ms;    /* of the room; 0: it has none, and what happens in a tick is not judged */
    struct here here;
};

/* Nobody is known. `totals` is shared, and outlives the view. */
void view_init(struct view *view, struct view_totals *totals);
void view_fini(struct view *view);

/* It is somewhere else, or nowhere: nobody is known, a list is awaited. */
void view_forget(struct view *view);
/* It has missed some of what happened where it is: nobody is known, a list is awaited, and what that tells is new. */
void view_resync(struct view *view);
/* The engine's word on who the client is, and on the room that it came into. */
void view_set_self(struct view *view, uint32_t player);
void view_set_tick(struct view *view, uint32_t tick_ms);
/* An S_PONG: judges how often anybody has moved since the one before. */
void view_note_pong(struct view *view, uint64_t server_ms);

/* Takes one content packet that came at `now_ms` of any clock. Returns bits of enum view_event. */
unsigned view_take(struct view *view, uint16_t id, const uint8_t *payload, uint32_t bytes, uint32_t now_ms);

static inline void view_count_wrong(struct view *view, enum view_wrong wrong)
{
    view->totals->wrong[wrong]++;
}

/* NULL: not known. */
static inline struct known *view_find(const struct view *view, uint32_t id)
{
    return known_find(&view->known, id);
}

/* One more move of it, in a time in which there may not be too many. */
static inline void view_note_move(struct view *view, struct known *known)
{
    if (known->epoch != view->epoch) {
        known->epoch = view->epoch;
        known->moves = 0;
    }
    if (known->moves < UINT16_MAX) {
        known->moves++;
    }
    if (known->moves > view->most_moves) {
        view->most_moves = known->moves;
    }
}

/* The rare parts of view_take_move: somebody who isn't known, or is nowhere; a long step. */
void view_judge_stranger(struct view *view, const uint8_t *payload);
void view_judge_step(struct view *view, const struct known *known, float x, float z, uint32_t now_ms);

/* S_BroadcastMove, which is most of what comes: `payload` has its 16 bytes. As view_take. */
static inline unsigned view_take_move(struct view *view, const uint8_t *payload, uint32_t now_ms)
{
    uint32_t id = roomd_get_u32(payload);
    float x = roomd_get_f32(payload + 4);
    float z = roomd_get_f32(payload + 12);
    struct known *known = view_find(view, id);

    view->totals->moves_seen++;
    if (!known || known->kind != ROOMD_KIND_PLAYER || !isfinite(x) || !isfinite(z) ||
        !isfinite(roomd_get_f32(payload + 8))) {
        view_judge_stranger(view, payload);
        return 0;
    }
    view_note_move(view, known);
    float dx = x - known->x;
    float dz = z - known->z;
    if (dx * dx + dz * dz > view->leap_m * view->leap_m) {
        view_judge_step(view, known, x, z, now_ms);
    }
    known->x = x;
    known->z = z;
    known->moved_ms = now_ms;
    if (id != view->self) {
        return 0;
    }
    view->at = *known;
    return VIEW_SELF_MOVED;
}

#endif
