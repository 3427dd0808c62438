#include "room/session.h"

#include <errno.h>

#include "base/check.h"
#include "base/log.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session_source.h"
#include "room/session_ticket.h"
#include "wire/control.h"
#include "wire/names.h"

/* Lines a second for closes of one reason; beyond it they are counted. At debug level all are written. */
enum { CLOSE_LINES_MAX = 50 };

/* How long sockets may be closed in one turn, by the coarse clock: when thousands hang up at once, rooms go on. */
#define REAP_TURN_NS (5 * NS_PER_MS)

static void session_refuse(struct engine *engine, int fd, enum roomd_close_reason reason)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];
    uint64_t held;

    engine->stats.closes[reason]++;
    engine->stats.opened++;
    if (log_gate_pass(&engine->refuse_gate, engine->now_ns, NS_PER_S, &held)) {
        LOG(LOG_LEVEL_WARN, "refuse", "reason=%s sessions=%u held=%llu", close_reason_name(reason),
            engine->sessions.used, (unsigned long long)held);
    }
    conn_refuse(fd, frame, control_put_kick(frame, reason, NULL));
}

/* A session that exists and is found by its id, without a connection yet; NULL when there is no memory. */
static struct session *session_allocate(struct engine *engine)
{
    struct session *session = pool_take(&engine->session_pool);

    if (session == NULL) {
        return NULL;
    }
    *session = (struct session){.engine = engine, .owed_max = session_owed_max_new};
    session->id = slots_add(&engine->sessions, session);
    if (session->id == 0) {
        pool_give(&engine->session_pool, session);
        return NULL;
    }
    list_init(&session->dirty_link);
    list_init(&session->wait_link);
    list_init(&session->transition_link);
    list_init(&session->deadline_link);
    list_init(&session->blocked_link);
    session_fill_buckets(session);
    return session;
}

static void session_free(struct session *session)
{
    struct engine *engine = session->engine;

    CHECK(session->place == SESSION_NOWHERE && !list_is_linked(&session->transition_link));
    CHECK(session->next_room == NULL && session->parcel == NULL && session->next_parcel == NULL);
    CHECK(session->request == NULL);
    session_free_identity(session);
    slots_remove(&engine->sessions, session->id);
    pool_give(&engine->session_pool, session);
}

void session_autojoin(struct session *session)
{
    struct room *room = session->engine->lobby.autojoin;

    switch (room == NULL ? ROOMD_ERROR_NONE : session_join(session, room)) {
    case ROOMD_ERROR_NONE:
    case ROOMD_ERROR_NOT_ALLOWED: /* its ticket is for another one: it asks for that */
        return;
    case ROOMD_ERROR_ROOM_LOCKED:
        session_close(session, ROOMD_CLOSE_FULL, "full: the room is locked");
        return;
    default:
        session_close(session, ROOMD_CLOSE_FULL, "full: the room takes no more players");
    }
}

void session_begin(struct session *session)
{
    session->awaits_ticket = tickets_are_required(&session->engine->tickets);
    if (!session->awaits_ticket) {
        session_autojoin(session);
    }
    if (session->room == NULL && session->close_reason == ROOMD_CLOSE_NONE) {
        session_set_deadline(session, SESSION_HELLO);
    }
}

/* A session with that connection; NULL, and the newcomer has been refused. */
static struct session *session_open(struct engine *engine, int fd)
{
    struct session *session = session_allocate(engine);

    if (session == NULL) {
        session_refuse(engine, fd, ROOMD_CLOSE_NO_MEMORY);
        return NULL;
    }
    engine->stats.opened++;
    if (conn_open(&session->conn, &engine->net, fd, session_on_ready) < 0) {
        engine->stats.closes[ROOMD_CLOSE_IO_ERROR]++;
        session_free(session);
        return NULL;
    }
    bucket_fill(&session->send_bucket, &engine->limits.send, engine->now_ns);
    session->player = ++engine->next_player;
    LOG(LOG_LEVEL_DEBUG, "open", "session=%llx player=%u", (unsigned long long)session->id, session->player);
    return session;
}

void session_accept_from(struct engine *engine, int fd, const struct endpoint *peer)
{
    bool is_proxy = source_is_proxy(engine, peer);
    struct source_entry *source = NULL;
    enum roomd_close_reason reason = ROOMD_CLOSE_FULL;

    if (memory_pressure_refuses(&engine->pressure)) {
        reason = ROOMD_CLOSE_NO_MEMORY;
    } else if (engine->sessions.used < engine->limits.sessions_max) {
        reason = is_proxy ? ROOMD_CLOSE_NONE : source_admit(engine, peer, &source);
    }
    if (reason != ROOMD_CLOSE_NONE) {
        session_refuse(engine, fd, reason);
        return;
    }

    struct session *session = session_open(engine, fd);

    if (session == NULL) {
        if (source != NULL) {
            sources_leave(&engine->sources, source);
        }
        return;
    }
    session->conn.peer = *peer;
    session->source = source;
    session->awaits_proxy = is_proxy;
    if (is_proxy) {
        session_set_deadline(session, SESSION_PARTIAL);
    } else {
        session_begin(session);
    }
}

void session_accept(void *context, int fd)
{
    struct endpoint peer;

    if (conn_ask_peer(fd, &peer) < 0) {
        session_refuse(context, fd,
                       ROOMD_CLOSE_RESET); /* it has gone before it was accepted: nobody to hold it against */
        return;
    }
    session_accept_from(context, fd, &peer);
}

/* Whether there is still somebody who can read why. */
static bool can_be_told(enum roomd_close_reason reason)
{
    switch (reason) {
    case ROOMD_CLOSE_PEER_CLOSED:
    case ROOMD_CLOSE_RESET:
    case ROOMD_CLOSE_IO_ERROR:
    case ROOMD_CLOSE_NO_MEMORY:
        return false;
    default:
        return true;
    }
}

static void session_log_close(struct session *session)
{
    char peer[ADDRESS_TEXT_BYTES];
    enum roomd_close_reason reason = session->close_reason;
    bool is_ordinary =
        reason == ROOMD_CLOSE_PEER_CLOSED || reason == ROOMD_CLOSE_RESET || reason == ROOMD_CLOSE_SHUTDOWN;
    enum log_level level = is_ordinary ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;

    struct close_log *log = &session->engine->close_logs[reason];

    if (!log_level_is_on(level)) {
        return;
    }
    if (session->engine->now_ns - log->since_ns >= NS_PER_S) {
        log->since_ns = session->engine->now_ns;
        log->lines = 0;
    }
    if (log->lines++ >= CLOSE_LINES_MAX && !log_level_is_on(LOG_LEVEL_DEBUG)) {
        log->held++;
        return;
    }
    log_line(level, "close", "session=%llx player=%u peer=%s room=%s reason=%s owed_bytes=%u held=%llu",
             (unsigned long long)session->id, session->player, conn_peer(&session->conn, peer),
             session->room != NULL ? session->room->log_name : "-", close_reason_name(reason),
             session->conn.reader.outbox.bytes, (unsigned long long)log->held);
    log->held = 0;
}

void session_end(struct session *session)
{
    if (session->is_ended) {
        return;
    }
    session->is_ended = true;
    list_remove(&session->dirty_link);
    list_remove(&session->deadline_link);
    session->deadline = SESSION_NO_DEADLINE;
    session_set_hold(session, SESSION_FLOWS);
    list_remove(&session->wait_link);
    list_push(&session->engine->ended, &session->wait_link);
}

static bool frame_is_not_kept(const uint8_t *frame, uint32_t *bytes)
{
    *bytes = roomd_get_u16(frame);
    return false;
}

/* It was not read in time: all that waits goes, and what has not been pulled yet never comes. */
static void session_drop_owed(struct session *session)
{
    struct reader *reader = &session->conn.reader;

    reader_unfollow_all(reader);
    outbox_cut(&reader->outbox, &session->engine->net.gather.blocks, frame_is_not_kept);
}

/* It has not read, or not answered, in time before: it gets little more. */
static bool has_had_its_time(enum roomd_close_reason reason)
{
    return reason == ROOMD_CLOSE_SLOW || reason == ROOMD_CLOSE_TIMEOUT;
}

/*
 * It is told why behind what it was owed before. A slow reader is not owed that any more, but for the rest of the packet
 * that has begun: else it would not get to read why, and went on pinning memory.
 */
static void session_put_kick(struct session *session, const char *text)
{
    struct engine *engine = session->engine;
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];
    size_t bytes = control_put_kick(frame, session->close_reason, text);

    if (reader_send(&session->conn.reader, &engine->net.gather, &engine->private_stream, frame, bytes,
                    engine->now_ns) < 0) {
        session_end(session);
        return;
    }
    session->is_kicked = true;
    session->is_paused = false;
    list_remove(&session->wait_link);
    session_set_deadline(session, SESSION_NO_DEADLINE);
    session_mark_dirty(session);
    if (engine->limits.linger_ns > 0 && !engine->is_stopping) {
        session_set_deadline(session,
                             has_had_its_time(session->close_reason) ? SESSION_LINGER_SLOW : SESSION_LINGER);
    }
    if (conn_resume(&session->conn, &engine->net) < 0) {
        session_end(session);
    }
}

/* It is counted and logged, once. */
static void session_mark_closed(struct session *session, enum roomd_close_reason reason)
{
    CHECK(reason > ROOMD_CLOSE_NONE && reason < ROOMD_CLOSE_REASON_COUNT);
    session->close_reason = (uint8_t)reason;
    session->is_muted = session->engine->is_playing;
    session->engine->stats.closes[reason]++;
    session_log_close(session);
    session_blame_source(session, reason);
}

static void session_go(struct session *session)
{
    if (session->conn.reader.is_skipping) {
        (void)reader_stop_skipping(&session->conn.reader, &session->engine->net.gather);
    }
    session_quit_rooms(session);
    session_leave_users(session);
}

void session_close(struct session *session, enum roomd_close_reason reason, const char *text)
{
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        if (!can_be_told(reason)) {
            session_end(session);
        }
        return;
    }
    session_mark_closed(session, reason);
    if (reason == ROOMD_CLOSE_SLOW) {
        session_drop_owed(session);
    }
    if (can_be_told(reason)) {
        session_put_kick(session, text);
    } else {
        session_end(session);
    }
    session_go(session);
}

void session_cut(struct session *session, enum roomd_close_reason reason)
{
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        session_end(session);
        return;
    }
    session_mark_closed(session, reason);
    session_end(session);
    session_go(session);
}

void session_reap(struct engine *engine)
{
    uint64_t until_ns = clock_coarse_ns() + REAP_TURN_NS;
    struct list *node;

    while (clock_coarse_ns() < until_ns && (node = list_pop(&engine->ended)) != NULL) {
        struct session *session = LIST_ENTRY(node, struct session, wait_link);

        conn_close(&session->conn, &engine->net);
        session_leave_source(session);
        if (session->place == SESSION_NOWHERE) {
            session_free(session);
        }
    }
}

/* Behind all that it should have seen before. 0 or -ENOMEM. */
static int session_push(struct session *session, const void *frame, size_t bytes)
{
    struct engine *engine = session->engine;
    bool is_member = session->place == SESSION_IN_ROOM || session->place == SESSION_LEAVING;
    struct stream *stream = is_member ? &session->room->private_stream : &engine->private_stream;
    int rc;

    do {
        rc = reader_send(&session->conn.reader, &engine->net.gather, stream, frame, bytes, engine->now_ns);
    } while (rc < 0 && engine_on_no_memory(engine) && !session->is_ended);
    return rc;
}

enum session_reach session_try_reach(struct session *session, size_t bytes)
{
    bool owes_too_much = !session->conn.reader.is_skipping && session_owes_too_much(session, bytes);
    /* Its content says farewell. It has been judged, and would be judged anew for that alone. */
    bool is_going = session->place == SESSION_LEAVING && !session_follows_room(session);

    if (session->close_reason == ROOMD_CLOSE_NONE && owes_too_much) {
        if (session_is_held(session) && !is_going) {
            session_fall_behind(session);
        } else {
            session_mark_dirty(session);
        }
    }
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        return SESSION_IS_GONE;
    }
    if (session->conn.reader.is_skipping) {
        return SESSION_SKIPS;
    }
    return owes_too_much ? SESSION_IS_FULL : SESSION_TAKES;
}

int session_send(struct session *session, const void *frame, size_t bytes)
{
    switch (session_try_reach(session, bytes)) {
    case SESSION_TAKES:
        return session_push(session, frame, bytes);
    case SESSION_SKIPS:
        reader_count_skipped(&session->conn.reader, &session->engine->net.gather, (uint32_t)bytes);
        return 0;
    case SESSION_IS_FULL:
        return -ENOBUFS;
    case SESSION_IS_GONE:
        break;
    }
    return -ENOENT;
}

bool session_send_control(struct session *session, const void *frame, size_t bytes)
{
    bool is_told = session->has_hello && session->close_reason == ROOMD_CLOSE_NONE;

    /* What the content may not add to, an answer may: it is asked for, and one read asks for little. */
    if (is_told && session_is_held(session) && session_owes_too_much(session, bytes)) {
        session_fall_behind(session);
    }
    return session_push_control(session, frame, bytes);
}

bool session_push_control(struct session *session, const void *frame, size_t bytes)
{
    if (!session->has_hello || session->close_reason != ROOMD_CLOSE_NONE) {
        return false;
    }
    if (session_push(session, frame, bytes) < 0) {
        session_close(session, ROOMD_CLOSE_NO_MEMORY,
                      NULL); /* a lost answer would leave the client waiting */
        return false;
    }
    session_mark_dirty(session);
    if (!session->has_entered && session_answer_bytes_max(session) < CONTROL_FRAME_BYTES_MAX) {
        session_start_owing(session); /* it reads that before it asks for more */
    }
    return true;
}

void session_send_error(struct session *session, enum roomd_error code, const char *text)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    session->engine->stats.errors_sent +=
        session_send_control(session, frame, control_put_error(frame, code, text));
}

void session_pause(struct session *session)
{
    session->is_paused = true;
}

void session_resume(struct session *session)
{
    bool is_on_its_way = session->place == SESSION_ENTERING || session->place == SESSION_LEAVING;

    if (session->is_paused && !session->is_owing && !is_on_its_way && !session->is_replacing &&
        session->close_reason == ROOMD_CLOSE_NONE && !list_is_linked(&session->wait_link)) {
        struct engine *engine = session->engine;

        list_push(session->request != NULL ? &engine->creating : &engine->resumable, &session->wait_link);
    }
}
