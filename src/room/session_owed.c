/*
 * What a session may be owed, and what is done when it is more.
 *
 * Who is held (session_is_held) and is owed more than owed_max is closed as slow; or, in a room that skips, is told what
 * it missed once it reads again:
 *
 *     in step --session_fall_behind--> skips --all is written, session_resync--> in step
 *     skips --leaves the room: session_stop_skipping--> in step
 *     skips --skip_max, or owed_max of the engine's packets alone: session_fall_behind--> closed as slow
 *
 *     1. of one that skips the content's packets are dropped whole, waiting or new, and counted; the engine's are kept.
 *     2. S_RESYNC says how many; what the content sends then comes right behind it.
 *     3. whoever reads in bits makes the content tell it everything once a second at the most.
 *     4. packets are looked at one by one when they are dropped: only so much is dropped in one turn.
 */
#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/room_content.h"
#include "room/session.h"
#include "wire/control.h"

#define RESYNC_AGAIN_NS (1 * NS_PER_S)
#define DROP_GO_ON_NS   (1 * NS_PER_MS)
/* After a standstill it may take so long to read what has come. */
#define CATCH_UP_NS (2 * NS_PER_S)

/* Bytes of packets that are dropped and counted in one turn; and what counts as such when a slice is dropped whole. */
enum { DROP_TURN_BYTES = 4 * 1024 * 1024, DROP_SLICE_BYTES = 256 };

/* In no room there are only the engine's answers; the longest is the list of rooms. */
const struct owed_max session_owed_max_nowhere = {
    .bytes = 256 * 1024, .slices = 1024, .age_ns = 10 * NS_PER_S};
/* Nobody knows yet what for it has come. */
const struct owed_max session_owed_max_new = {.bytes = 1024, .slices = 64, .age_ns = 10 * NS_PER_S};

/* S_RESYNC and S_LEFT, and then some. */
enum { LEAVER_BYTES = 64 };

/* A client that asks for the list of rooms while so much waits for it is not read from until it has read. */
enum { OWED_ANSWERS_BYTES_MAX = 16 * 1024 };

bool session_owes_too_much(const struct session *session, size_t more_bytes)
{
    const struct outbox *outbox = &session->conn.reader.outbox;

    return outbox->bytes + more_bytes > session->owed_max.bytes || outbox->slices >= session->owed_max.slices;
}

void session_start_owing(struct session *session)
{
    session->is_owing = true;
    session_pause(session);
}

static uint32_t session_owed_answers_max(const struct session *session)
{
    return session->has_entered ? (uint32_t)OWED_ANSWERS_BYTES_MAX : session_owed_max_new.bytes;
}

bool session_wait_to_be_read(struct session *session)
{
    if (session->conn.reader.outbox.bytes <= session_owed_answers_max(session)) {
        return false;
    }
    session_start_owing(session);
    return true;
}

/* So much that a client that reads slowly is not found slow for having asked. */
size_t session_answer_bytes_max(const struct session *session)
{
    const struct outbox *outbox = &session->conn.reader.outbox;
    size_t bytes_max = ROOMD_FRAME_BYTES_MAX;

    if (!session->has_entered || session_is_held(session)) {
        bytes_max = session_owes_too_much(session, 0) ? 0 : session->owed_max.bytes - outbox->bytes;
    }
    return bytes_max < ROOMD_FRAME_BYTES_MAX ? bytes_max : ROOMD_FRAME_BYTES_MAX;
}

/* It has read: the rest of the list of rooms, when it was cut, and then what it asks next. */
static void session_go_on_answering(struct session *session)
{
    session->is_owing = false;
    if (session->is_listing) {
        lobby_send_rooms(&session->engine->lobby, session);
    }
    session_resume(session);
}

static bool session_is_too_late(const struct session *session)
{
    uint64_t now_ns = session->engine->now_ns;
    uint64_t oldest_ns = outbox_oldest_ns(&session->conn.reader.outbox);

    if (session->conn.reader.is_skipping) {
        bool waits_for_us = outbox_is_empty(&session->conn.reader.outbox) && !session->conn.is_blocked;

        return !waits_for_us && session->skip_since_ns < now_ns &&
               now_ns - session->skip_since_ns > session->room->options.skip_max_ns;
    }
    return oldest_ns < now_ns && now_ns - oldest_ns > session->owed_max.age_ns;
}

static bool session_is_owed_too_much(const struct session *session)
{
    const struct outbox *outbox = &session->conn.reader.outbox;

    return outbox->bytes > session->owed_max.bytes || outbox->slices > session->owed_max.slices;
}

void session_check_behind(struct session *session)
{
    if (session_is_held(session) && !session->is_kicked &&
        (session_is_owed_too_much(session) || session_is_too_late(session))) {
        session_fall_behind(session);
    }
}

/* It has read all that it was owed: what its last room allowed, and how long it has skipped, counts no more. */
static void session_forget_backlog(struct session *session)
{
    if (!session->conn.reader.is_skipping) {
        session->skip_since_ns = 0;
    }
    if (session->room == NULL && session->has_entered) {
        session->owed_max = session_owed_max_nowhere;
    } else if (session->has_old_limits) {
        session->owed_max = room_owed_max(session->room);
    }
    session->has_old_limits = false;
}

void session_check_owed(struct session *session)
{
    const struct outbox *outbox = &session->conn.reader.outbox;

    if (session->is_owing && outbox->bytes <= session_owed_answers_max(session) / 2) {
        session_go_on_answering(session);
        if (session->close_reason != ROOMD_CLOSE_NONE) {
            return;
        }
    }
    if (outbox_is_empty(outbox)) {
        session_forget_backlog(session);
    }
    if (session->hold != SESSION_FLOWS) {
        session_check_behind(session);
    }
}

/* ---- skipping ---- */

static bool session_may_skip(const struct session *session)
{
    return session_follows_room(session) && session->room->options.slow == ROOM_SLOW_SKIP &&
           session->has_hello && !session->conn.reader.is_skipping;
}

/* The content's packets are dropped: what they told is told anew. Nobody tells the engine's anew. */
static bool frame_is_engines(const uint8_t *frame, uint32_t *bytes)
{
    *bytes = roomd_get_u16(frame);
    return roomd_get_u16(frame + 2) >= ROOMD_ENGINE_ID_FIRST;
}

void session_allow_drops(struct engine *engine)
{
    engine->drop_left = DROP_TURN_BYTES;
}

/* False: enough has been dropped in this turn; it is asked again soon. */
static bool session_may_drop(struct session *session, bool is_counted)
{
    struct engine *engine = session->engine;
    const struct outbox *outbox = &session->conn.reader.outbox;
    uint64_t cost = is_counted ? outbox->bytes : (uint64_t)outbox->slices * DROP_SLICE_BYTES;

    if (engine->drop_left == 0) {
        uint64_t again_ns = engine->now_ns + DROP_GO_ON_NS;

        if (!timer_is_armed(&engine->blocked_timer) || engine->blocked_timer.due_ns > again_ns) {
            timer_arm(&engine->timers, &engine->blocked_timer, again_ns);
        }
        return false;
    }
    engine->drop_left -= cost < engine->drop_left ? (uint32_t)cost : engine->drop_left;
    return true;
}

void session_fall_behind(struct session *session)
{
    struct engine *engine = session->engine;
    bool may_skip = session_may_skip(session);

    if (!session_may_drop(session, may_skip)) {
        return;
    }
    if (!may_skip) {
        session_close(session, ROOMD_CLOSE_SLOW, NULL);
        return;
    }
    engine->stats.skips++;
    /* Who goes from room to room without reading gets no more time for it. */
    session->skip_since_ns = session->skip_since_ns == 0 ? engine->now_ns : session->skip_since_ns;
    if (reader_start_skipping(&session->conn.reader, &engine->net.gather, frame_is_engines) < 0) {
        session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL); /* some of the engine's are gone, too */
    }
}

bool session_may_resync(const struct session *session)
{
    return session->place == SESSION_IN_ROOM &&
           session->engine->now_ns - session->resynced_ns >= RESYNC_AGAIN_NS;
}

/* True: it has missed something, and is told so, whatever it owes: else it would be left behind anew for that. */
static bool session_tell_missed(struct session *session)
{
    struct engine *engine = session->engine;
    struct skipped missed = reader_stop_skipping(&session->conn.reader, &engine->net.gather);
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    if (missed.packets == 0 ||
        !session_push_control(session, frame, control_put_resync(frame, missed.packets, missed.bytes))) {
        return false;
    }
    session->resynced_ns = engine->now_ns;
    return true;
}

void session_resync(struct session *session)
{
    struct room *room = session->room;

    session_set_hold(session, SESSION_FLOWS);
    if (session->place == SESSION_IN_ROOM && session->conn.reader.is_skipping &&
        session_tell_missed(session)) {
        session->engine->stats.resyncs++;
        room_content_resync(room, session);
    }
}

/*
 * What is left of a packet that had begun may be older than its room lets anything wait that is not skipped: it keeps
 * the time that it had.
 */
static void session_keep_time(struct session *session)
{
    uint64_t now_ns = session->engine->now_ns;
    uint64_t oldest_ns = outbox_oldest_ns(&session->conn.reader.outbox);
    uint64_t until_ns = session->skip_since_ns + session->room->options.skip_max_ns;

    if (oldest_ns < now_ns && until_ns > oldest_ns && until_ns - oldest_ns > session->owed_max.age_ns) {
        session->owed_max.age_ns = until_ns - oldest_ns;
    }
}

void session_check_leaver(struct session *session)
{
    bool is_behind = session_owes_too_much(session, LEAVER_BYTES) || session_is_too_late(session);

    if (session->close_reason == ROOMD_CLOSE_NONE && session_is_held(session) && is_behind) {
        session_fall_behind(session);
    }
}

void session_stop_skipping(struct session *session)
{
    if (session->conn.reader.is_skipping) {
        if (session->hold == SESSION_RESYNCING) {
            session_set_hold(session, SESSION_FLOWS); /* it is told now */
        }
        session_keep_time(session);
        (void)session_tell_missed(session);
    }
}

void session_forgive_stall(struct engine *engine, uint64_t due_ns)
{
    uint64_t late_ns = engine->now_ns > due_ns ? engine->now_ns - due_ns : 0;
    uint32_t at = 0;
    struct session *session;

    if (late_ns < ENGINE_STALL_NS) {
        return;
    }
    engine->catch_up_ns = engine->now_ns + CATCH_UP_NS;
    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        outbox_forgive(&session->conn.reader.outbox, late_ns, engine->now_ns);
        if (session->skip_since_ns > 0) {
            uint64_t latest_ns = engine->now_ns - late_ns; /* it may have begun to after the timer was due */

            session->skip_since_ns =
                session->skip_since_ns < latest_ns ? session->skip_since_ns + late_ns : engine->now_ns;
        }
    }
}
