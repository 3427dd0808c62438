/*
 * What a session is held to: how much it may be owed, and until when.
 */
#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"

#define BLOCKED_CHECK_NS (1 * NS_PER_S)

/* In no room there are only the engine's answers; the longest is the list of rooms. */
const struct owed_max session_owed_max_nowhere = {
    .bytes = 256 * 1024, .slices = 1024, .age_ns = 10 * NS_PER_S};

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

bool session_wait_to_be_read(struct session *session)
{
    if (session->conn.reader.outbox.bytes <= OWED_ANSWERS_BYTES_MAX) {
        return false;
    }
    session_start_owing(session);
    return true;
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

/* Closes a session whose socket takes no more when it is owed too much, or for too long. */
static void session_check_blocked_one(struct session *session)
{
    const struct outbox *outbox = &session->conn.reader.outbox;
    uint64_t now_ns = session->engine->now_ns;
    uint64_t oldest_ns = outbox_oldest_ns(outbox);

    if (outbox->bytes > session->owed_max.bytes || outbox->slices > session->owed_max.slices ||
        (oldest_ns < now_ns && now_ns - oldest_ns > session->owed_max.age_ns)) {
        session_close(session, ROOMD_CLOSE_SLOW, NULL);
    }
}

void session_check_owed(struct session *session)
{
    struct engine *engine = session->engine;
    const struct outbox *outbox = &session->conn.reader.outbox;

    if (session->is_owing && outbox->bytes <= OWED_ANSWERS_BYTES_MAX / 2) {
        session_go_on_answering(session);
        if (session->close_reason != ROOMD_CLOSE_NONE) {
            return;
        }
    }
    if (outbox_is_empty(outbox)) {
        if (session->room == NULL) {
            session->owed_max = session_owed_max_nowhere;
        }
        return;
    }
    if (!session->conn.is_blocked) {
        return;
    }
    if (!list_is_linked(&session->blocked_link)) {
        list_push(&engine->blocked, &session->blocked_link);
        if (!timer_is_armed(&engine->blocked_timer)) {
            timer_arm(&engine->timers, &engine->blocked_timer, engine->now_ns + BLOCKED_CHECK_NS);
        }
    }
    session_check_blocked_one(session);
}

void session_check_blocked(struct timer *timer, uint64_t now_ns)
{
    struct engine *engine = LIST_ENTRY(timer, struct engine, blocked_timer);

    LIST_FOR_EACH_SAFE (node, after, &engine->blocked) {
        struct session *session = LIST_ENTRY(node, struct session, blocked_link);

        if (!session->conn.is_blocked) {
            list_remove(node);
        } else if (!session->is_kicked) {
            session_check_blocked_one(session);
        }
    }
    if (!list_is_empty(&engine->blocked)) {
        timer_arm(&engine->timers, timer, now_ns + BLOCKED_CHECK_NS);
    }
}

/* When the first of a list is due, or UINT64_MAX. */
static uint64_t list_first_deadline_ns(const struct list *list)
{
    return list_is_empty(list) ? UINT64_MAX
                               : LIST_ENTRY(list->next, struct session, deadline_link)->deadline_ns;
}

void session_set_deadline(struct session *session, struct list *list, uint64_t deadline_ns)
{
    struct engine *engine = session->engine;

    list_remove(&session->deadline_link);
    if (deadline_ns == 0) {
        return;
    }
    session->deadline_ns = deadline_ns;

    /* In order of deadline: almost always the last, but for those that were set before a reload made it shorter. */
    struct list *after = list;

    while (after->prev != list &&
           LIST_ENTRY(after->prev, struct session, deadline_link)->deadline_ns > deadline_ns) {
        after = after->prev;
    }
    list_push(after, &session->deadline_link);
    if (!timer_is_armed(&engine->deadline_timer) || engine->deadline_timer.due_ns > deadline_ns) {
        timer_arm(&engine->timers, &engine->deadline_timer, deadline_ns);
    }
}

/* The first of a list whose deadline has passed, taken off; NULL when there is none. */
static struct session *list_pop_overdue(struct list *list, uint64_t now_ns)
{
    return list_first_deadline_ns(list) > now_ns ? NULL
                                                 : LIST_ENTRY(list_pop(list), struct session, deadline_link);
}

void session_check_deadlines(struct timer *timer, uint64_t now_ns)
{
    struct engine *engine = LIST_ENTRY(timer, struct engine, deadline_timer);
    struct session *session;

    while ((session = list_pop_overdue(&engine->lingering, now_ns)) != NULL) {
        session_end(session);
    }
    while ((session = list_pop_overdue(&engine->partial, now_ns)) != NULL) {
        session_close(session, session->awaits_proxy ? ROOMD_CLOSE_PROXY : ROOMD_CLOSE_FRAME_TIMEOUT, NULL);
    }

    uint64_t partial_ns = list_first_deadline_ns(&engine->partial);
    uint64_t lingering_ns = list_first_deadline_ns(&engine->lingering);
    uint64_t first_ns = partial_ns < lingering_ns ? partial_ns : lingering_ns;

    if (first_ns != UINT64_MAX) {
        timer_arm(&engine->timers, timer, first_ns);
    }
}
