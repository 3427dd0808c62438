/*
 * What a session has to do by when: say C_HELLO, complete a frame, read why it is closed, answer S_PING.
 *
 * Each deadline has a list of its own, and all have one timer.
 *
 *     1. a list is in order of time: whatever is new in it is due last. A reload that makes a time shorter makes it
 *        shorter for all (session_shorten_deadlines), so that putting a session on its list is one step.
 *     2. the timer is armed for the first of all lists, or earlier.
 *
 * Whoever has said C_HELLO is looked after once in ping_after: a client that has said nothing since is sent S_PING, and
 * closed when it does not answer. Of clients that have never said it the kernel finds out (sys_tune_stream).
 *
 *     none --session_begin, no room has taken it--> hello --C_HELLO--> quiet
 *     none, quiet --session_watch_frame: a frame has begun--> partial --it is whole, or the session is paused--> none, quiet
 *     quiet --nothing was said for ping_after--> pinged --session_on_heard--> quiet
 *     hello, partial, pinged --the time is over--> closed
 *     any --session_close--> linger --the time is over--> ended
 */
#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"
#include "wire/control.h"

/* So many of a list are dealt with in one turn: thousands that came together are asked, or go, one after the other. */
enum { DEADLINES_PER_TURN = 512 };
#define DEADLINES_GO_ON_NS (1 * NS_PER_MS)

/* A slow reader has had its time: so much it gets for S_KICK. */
#define LINGER_SLOW_NS (500 * NS_PER_MS)

/* 0: there is no such deadline. */
static uint64_t deadline_after_ns(const struct engine_limits *limits, enum session_deadline deadline)
{
    switch (deadline) {
    case SESSION_HELLO:
        return limits->hello_timeout_ns;
    case SESSION_PARTIAL:
        return limits->frame_timeout_ns;
    case SESSION_LINGER:
        return limits->linger_ns;
    case SESSION_LINGER_SLOW:
        return limits->linger_ns < LINGER_SLOW_NS ? limits->linger_ns : LINGER_SLOW_NS;
    case SESSION_QUIET:
        return limits->ping_after_ns;
    case SESSION_PINGED:
        return limits->pong_timeout_ns;
    case SESSION_NO_DEADLINE:
    case SESSION_DEADLINE_COUNT:
        break;
    }
    return 0;
}

/* Whether it is for the client to say something in time. The others are its time to read. */
static bool is_for_input(enum session_deadline deadline)
{
    return deadline != SESSION_LINGER && deadline != SESSION_LINGER_SLOW;
}

static struct session *session_of(struct list *node)
{
    return LIST_ENTRY(node, struct session, deadline_link);
}

static void deadline_timer_arm(struct engine *engine, uint64_t due_ns)
{
    if (!timer_is_armed(&engine->deadline_timer) || engine->deadline_timer.due_ns > due_ns) {
        timer_arm(&engine->timers, &engine->deadline_timer, due_ns);
    }
}

void session_set_deadline(struct session *session, enum session_deadline deadline)
{
    struct engine *engine = session->engine;
    uint64_t after_ns;

    list_remove(&session->deadline_link);
    if (deadline == SESSION_NO_DEADLINE && session->has_hello && session->close_reason == ROOMD_CLOSE_NONE) {
        deadline = SESSION_QUIET;
    }
    after_ns = deadline_after_ns(&engine->limits, deadline);
    session->deadline = (uint8_t)(after_ns == 0 ? SESSION_NO_DEADLINE : deadline);
    if (after_ns == 0) {
        return;
    }

    struct list *list = &engine->deadlines[deadline];

    session->deadline_ns = engine->now_ns + after_ns;
    CHECK(list_is_empty(list) || session_of(list->prev)->deadline_ns <= session->deadline_ns);
    list_push(list, &session->deadline_link);
    deadline_timer_arm(engine, session->deadline_ns);
}

void session_shorten_deadlines(struct engine *engine)
{
    for (enum session_deadline i = SESSION_NO_DEADLINE + 1; i < SESSION_DEADLINE_COUNT; i++) {
        struct list *list = &engine->deadlines[i];
        uint64_t after_ns = deadline_after_ns(&engine->limits, i);
        uint64_t latest_ns = engine->now_ns + after_ns;

        if (after_ns == 0 || list_is_empty(list)) {
            continue; /* who has one already keeps it */
        }
        for (struct list *node = list->prev; node != list && session_of(node)->deadline_ns > latest_ns;
             node = node->prev) {
            session_of(node)->deadline_ns = latest_ns;
        }
        deadline_timer_arm(engine, session_of(list->next)->deadline_ns);
    }
}

void session_on_heard(struct session *session)
{
    session->is_heard = true;
    if (session->deadline == SESSION_PINGED) {
        session_set_deadline(session, SESSION_QUIET);
    }
}

/* It has said nothing for ping_after, unless it could not: while it is paused nothing is read from it. */
static void session_check_quiet(struct session *session)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];
    struct engine *engine = session->engine;

    if (session->is_heard || session->is_paused) {
        session->is_heard = false;
        session_set_deadline(session, SESSION_QUIET);
        return;
    }
    session_set_deadline(session, SESSION_PINGED);
    engine->stats.pings +=
        session_send_control(session, frame, control_put_server_ping(frame, engine->now_ns / NS_PER_MS));
}

/* It is off its list. */
static void session_miss_deadline(struct session *session)
{
    switch ((enum session_deadline)session->deadline) {
    case SESSION_HELLO:
        session_close(session, ROOMD_CLOSE_HELLO_TIMEOUT, NULL);
        break;
    case SESSION_PARTIAL:
        session_close(session, session->awaits_proxy ? ROOMD_CLOSE_PROXY : ROOMD_CLOSE_FRAME_TIMEOUT, NULL);
        break;
    case SESSION_LINGER:
    case SESSION_LINGER_SLOW:
        session_end(session);
        break;
    case SESSION_QUIET:
        session_check_quiet(session);
        break;
    case SESSION_PINGED:
        /* S_PING may wait behind what it has yet to read: whether it does read, its room's limits see to. */
        if (session->is_paused || !outbox_is_empty(&session->conn.reader.outbox)) {
            session_set_deadline(session, SESSION_QUIET);
        } else {
            session_close(session, ROOMD_CLOSE_TIMEOUT, NULL);
        }
        break;
    case SESSION_NO_DEADLINE:
    case SESSION_DEADLINE_COUNT:
        CHECK(false);
    }
}

/* Nobody was listened to for so long, and what was said meanwhile may still be on its way. */
static void deadlines_put_off(struct engine *engine, uint64_t by_ns)
{
    for (enum session_deadline i = SESSION_NO_DEADLINE + 1; i < SESSION_DEADLINE_COUNT; i++) {
        if (is_for_input(i)) {
            LIST_FOR_EACH (node, &engine->deadlines[i]) {
                session_of(node)->deadline_ns += by_ns;
            }
        }
    }
    session_shorten_deadlines(engine);
}

static void deadline_list_check(struct engine *engine, enum session_deadline deadline, uint64_t now_ns)
{
    struct list *list = &engine->deadlines[deadline];
    int left = is_for_input(deadline) ? DEADLINES_PER_TURN : INT32_MAX; /* to end a session is nothing */

    while (!list_is_empty(list) && session_of(list->next)->deadline_ns <= now_ns && left > 0) {
        session_miss_deadline(session_of(list_pop(list)));
        left--;
    }
    if (!list_is_empty(list)) {
        uint64_t first_ns = session_of(list->next)->deadline_ns;

        deadline_timer_arm(engine, first_ns > now_ns ? first_ns : now_ns + DEADLINES_GO_ON_NS);
    }
}

/*
 * Whether somebody may have spoken whom no turn has come to yet: this one has read from as many as it may. The kernel goes
 * round, so that all have had their turn in so many.
 */
static bool has_unread(struct engine *engine)
{
    uint32_t turns = engine->sessions.used / REACTOR_EVENTS_MAX + 1;
    bool is_behind = engine->net.reactor.found == REACTOR_EVENTS_MAX && engine->turns_behind < turns;

    engine->turns_behind = is_behind ? engine->turns_behind + 1 : 0;
    return is_behind;
}

void session_check_deadlines(struct timer *timer, uint64_t now_ns)
{
    struct engine *engine = LIST_ENTRY(timer, struct engine, deadline_timer);
    uint64_t late_ns = now_ns - timer->due_ns;
    bool is_behind = has_unread(engine);

    if (late_ns >= ENGINE_STALL_NS) {
        deadlines_put_off(engine, late_ns + ENGINE_STALL_NS);
    }
    for (enum session_deadline i = SESSION_NO_DEADLINE + 1; i < SESSION_DEADLINE_COUNT; i++) {
        bool is_heard = !engine->is_stopping && !is_behind;

        if (is_heard || !is_for_input(i)) {
            deadline_list_check(engine, i, now_ns);
        }
    }
    if (is_behind) {
        deadline_timer_arm(engine, now_ns); /* in the next turn */
    }
}
