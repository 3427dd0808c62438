/*
 * The way out: what was pulled goes to the socket, as fast as that takes it and send_rate allows.
 *
 *     flows --session_flush: the kernel refuses some--> blocked --EPOLLOUT, session_flush: it takes all--> flows
 *     flows --session_flush: the bucket holds less than waits--> paced --session_check_paced, session_flush--> flows
 *     blocked or paced, and skipping --all is written--> resyncing --session_resync--> flows
 *
 * Who is paced is not written to byte by byte, however often its room flushes: only when its bucket holds all that waits,
 * or a piece that is worth the system call. All who are paced are looked at every PACED_CHECK_NS, some of them a turn.
 */
#include "base/check.h"
#include "room/engine.h"
#include "room/session.h"

/* A reader that has stopped is found within this of its limit; that, and SESSION_LINGER_SLOW, is the time it has left. */
#define BLOCKED_CHECK_NS (200 * NS_PER_MS)
#define PACED_CHECK_NS   (20 * NS_PER_MS) /* or sooner, where a bucket would be full by then */
#define PACED_GO_ON_NS   (1 * NS_PER_MS)
/* So long before its end a kicked session is written to at any rate: it must get to read why. */
#define LAST_CALL_NS (250 * NS_PER_MS)

enum { PACED_PER_TURN = 1024, PIECE_BYTES_MAX = 64 * 1024 };

void session_mark_dirty(struct session *session)
{
    if (!list_is_linked(&session->dirty_link)) {
        list_push(&session->engine->dirty, &session->dirty_link);
    }
}

static void list_push_watched(struct list *list, struct session *session, struct timer *timer,
                              uint64_t after_ns)
{
    struct engine *engine = session->engine;

    list_push(list, &session->blocked_link);
    if (!timer_is_armed(timer)) {
        timer_arm(&engine->timers, timer, engine->now_ns + after_ns);
    }
}

static uint64_t paced_check_after_ns(const struct engine *engine)
{
    const struct rate *rate = &engine->limits.send;
    uint64_t half_ns = rate_is_limited(rate) ? rate->burst * NS_PER_S / 2 / rate->per_s : 0;

    half_ns = half_ns < PACED_CHECK_NS ? half_ns : PACED_CHECK_NS;
    return half_ns > PACED_GO_ON_NS ? half_ns : PACED_GO_ON_NS;
}

static void session_change_hold(struct session *session, enum session_hold hold)
{
    struct engine *engine = session->engine;

    engine->paced_count -= session->hold == SESSION_PACED;
    engine->paced_count += hold == SESSION_PACED;
    list_remove(&session->blocked_link);
    session->hold = (uint8_t)hold;
    switch (hold) {
    case SESSION_BLOCKED:
        list_push_watched(&engine->blocked, session, &engine->blocked_timer, BLOCKED_CHECK_NS);
        break;
    case SESSION_PACED:
        list_push_watched(&engine->paced, session, &engine->paced_timer, paced_check_after_ns(engine));
        break;
    case SESSION_RESYNCING:
        list_push(&engine->resyncing, &session->blocked_link);
        break;
    case SESSION_FLOWS:
        break;
    }
}

void session_set_hold(struct session *session, enum session_hold hold)
{
    if (session->hold != hold) {
        session_change_hold(session, hold);
    }
}

/* One that is kicked has its last words to be sent, and not for ever. */
static bool session_is_last_call(const struct session *session)
{
    const struct engine *engine = session->engine;

    if (!session->is_kicked) {
        return false;
    }
    return engine->is_stopping || engine->limits.linger_ns == 0 ||
           (session->deadline != SESSION_NO_DEADLINE &&
            engine->now_ns + LAST_CALL_NS >= session->deadline_ns);
}

/* How much may be written to it; 0: it has to wait. */
static size_t session_allowance(struct session *session)
{
    const struct rate *rate = &session->engine->limits.send;
    uint64_t now_ns = session->engine->now_ns;
    uint32_t piece_bytes = rate->burst / 4 + 1;
    uint32_t tokens;

    if (bucket_holds(&session->send_bucket, rate, now_ns, session->conn.reader.outbox.bytes) ||
        session_is_last_call(session)) {
        return SIZE_MAX;
    }
    tokens = bucket_tokens(&session->send_bucket, rate, now_ns);
    return tokens >= (piece_bytes < PIECE_BYTES_MAX ? piece_bytes : PIECE_BYTES_MAX) ? tokens : 0;
}

/* All is written, or dropped. */
static enum session_hold session_hold_of_empty(const struct session *session)
{
    if (!session->conn.reader.is_skipping) {
        return SESSION_FLOWS;
    }
    return session_may_resync(session) ? SESSION_RESYNCING : SESSION_PACED;
}

/* False: the connection has failed, and the session is closed. */
static bool session_write(struct session *session)
{
    struct engine *engine = session->engine;
    struct conn *conn = &session->conn;
    size_t allowed = session_allowance(session);
    ssize_t written = conn_write(conn, &engine->net, allowed);

    if (written < 0) {
        session_cut(session, session_reason_of_errno((int)written));
        return false;
    }
    bucket_take(&session->send_bucket, &engine->limits.send, (uint32_t)written);
    if (conn->is_blocked) {
        session_set_hold(session, SESSION_BLOCKED);
    } else if (outbox_is_empty(&conn->reader.outbox)) {
        session_set_hold(session, session_hold_of_empty(session));
    } else if ((size_t)written == allowed) {
        engine->stats.flushes_paced++;
        session_set_hold(session, SESSION_PACED);
    } else {
        session_set_hold(session, SESSION_FLOWS);
        session_mark_dirty(session); /* its share of this turn is used up, nothing worse */
    }
    return true;
}

/*
 * A kicked session whose outbox is written says FIN, so that the client reads S_KICK and then the end. Without linger
 * one try to write it is all there is; in a shutdown what is owed has until the shutdown's own deadline.
 */
static void session_finish_kick(struct session *session)
{
    struct engine *engine = session->engine;
    bool is_written = outbox_is_empty(&session->conn.reader.outbox);

    if (is_written && !session->has_fin) {
        session->has_fin = true;
        conn_finish_writing(&session->conn);
        if (engine->is_stopping && engine->limits.linger_ns > 0) {
            session_set_deadline(session, SESSION_LINGER);
        }
    }
    if (engine->limits.linger_ns == 0 && (is_written || !engine->is_stopping)) {
        session_end(session);
    }
}

void session_flush(struct session *session)
{
    struct conn *conn = &session->conn;
    /* Who was blocked is not to be told any more that its socket takes something, though nothing is left to write. */
    bool has_work = !outbox_is_empty(&conn->reader.outbox) || session->hold != SESSION_FLOWS;

    if (session->is_ended || (has_work && !conn->is_blocked && !session_write(session))) {
        return;
    }
    if (session->is_kicked) {
        session_finish_kick(session);
    } else {
        session_check_owed(session);
    }
}

void session_check_blocked(struct timer *timer, uint64_t now_ns)
{
    struct engine *engine = LIST_ENTRY(timer, struct engine, blocked_timer);
    struct list turn;
    struct list *node;

    list_init(&turn);
    list_splice(&turn, &engine->blocked);
    while ((node = list_pop(&turn)) != NULL) {
        list_push(&engine->blocked, node); /* the end of one may be that of another */
        session_check_behind(LIST_ENTRY(node, struct session, blocked_link));
    }
    if (!list_is_empty(&engine->blocked) && !timer_is_armed(timer)) {
        timer_arm(&engine->timers, timer, now_ns + BLOCKED_CHECK_NS);
    }
}

static void session_check_paced_one(struct session *session)
{
    if (outbox_is_empty(&session->conn.reader.outbox)) {
        session_set_hold(session, session_hold_of_empty(session));
    } else if (session_allowance(session) > 0) {
        session_mark_dirty(session);
    } else {
        session_check_behind(session);
    }
}

void session_check_paced(struct timer *timer, uint64_t now_ns)
{
    struct engine *engine = LIST_ENTRY(timer, struct engine, paced_timer);

    if (engine->paced_left == 0) {
        engine->paced_left = engine->paced_count;
    }
    for (uint32_t i = 0; i < PACED_PER_TURN && engine->paced_left > 0 && engine->paced_count > 0; i++) {
        struct list *node = list_pop(&engine->paced);

        list_push(&engine->paced, node); /* unless it goes elsewhere now */
        engine->paced_left--;
        session_check_paced_one(LIST_ENTRY(node, struct session, blocked_link));
    }
    if (engine->paced_count == 0) {
        engine->paced_left = 0;
        return;
    }
    timer_arm(&engine->timers, timer,
              now_ns + (engine->paced_left > 0 ? PACED_GO_ON_NS : paced_check_after_ns(engine)));
}
