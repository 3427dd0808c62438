/*
 * The way in: bytes to frames, the engine's own packets handled here, the content's handed to the room's
 * queue. Runs in the turn's phase 1; no game code is called from here.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"
#include "room/session_source.h"
#include "room/session_ticket.h"
#include "wire/control.h"
#include "wire/frame.h"

/* The longest ticket takes far less. */
enum { UNKNOWN_FRAME_BYTES_MAX = 8192 };

static void session_take_hello(struct session *session, const struct control *control)
{
    struct engine *engine = session->engine;
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    if (session->has_hello) {
        session_strike(session, ROOMD_CLOSE_STATE);
        return;
    }
    session->has_hello = true;
    session_set_deadline(session, SESSION_NO_DEADLINE);
    if (control->hello.version != ROOMD_WIRE_VERSION) {
        session_close(session, ROOMD_CLOSE_VERSION, NULL);
        return;
    }
    if (!session_show_ticket(session, control->hello.ticket, control->hello.ticket_bytes)) {
        return;
    }
    session_send_control(session, frame,
                         control_put_welcome(frame, session->player, engine->now_ns / NS_PER_MS));
    if (session->place == SESSION_IN_ROOM) {
        const struct room *room = session->room;
        uint32_t tick_ms = (uint32_t)(room->options.tick_ns / NS_PER_MS);

        session_send_control(session, frame,
                             control_put_joined(frame, room->id, room->name, room->content->name, tick_ms));
    }
    session_let_in(session);
}

static void session_take_join(struct session *session, const struct control *control)
{
    struct room *room =
        lobby_find(&session->engine->lobby, control->join.room.bytes, control->join.room.size);
    enum roomd_error error = room == NULL ? ROOMD_ERROR_NO_SUCH_ROOM : session_join(session, room);

    if (error != ROOMD_ERROR_NONE) {
        session_send_error(session, error, NULL);
    }
}

static void name_of_wire(char *name, const struct wire_str *str)
{
    CHECK(str->size <= ROOMD_NAME_BYTES_MAX); /* control_decode has seen to it */
    memcpy(name, str->bytes, str->size);
    name[str->size] = '\0';
}

static void session_take_create(struct session *session, const struct control *control)
{
    struct room_request request;
    enum roomd_error error;

    name_of_wire(request.template_name, &control->create.template_name);
    name_of_wire(request.name, &control->create.name);
    error = session_may_create(session, request.template_name, request.name)
                ? session_request_room(session, &request)
                : ROOMD_ERROR_NOT_ALLOWED;
    if (error != ROOMD_ERROR_NONE) {
        session_send_error(session, error, NULL);
    }
}

static void session_take_ping(struct session *session, const struct control *control)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    session_send_control(session, frame,
                         control_put_pong(frame, control->ping.token, session->engine->now_ns / NS_PER_MS));
}

static void session_take_control(struct session *session, const struct frame *frame)
{
    struct control control;

    if (frame->id != ROOMD_C_HELLO && !session->has_hello) {
        session_strike(session, ROOMD_CLOSE_STATE);
        return;
    }

    int rc = control_decode(frame, &control);

    if (rc == -ENOENT) {
        session_strike_unknown(session);
        return;
    }
    if (rc < 0) {
        session_strike(session, ROOMD_CLOSE_MALFORMED);
        return;
    }
    switch (control.id) {
    case ROOMD_C_HELLO:
        session_take_hello(session, &control);
        break;
    case ROOMD_C_JOIN:
        session_take_join(session, &control);
        break;
    case ROOMD_C_LEAVE:
        if (session_leave(session) != ROOMD_ERROR_NONE) {
            session_send_error(session, ROOMD_ERROR_NOT_IN_ROOM, NULL);
        }
        break;
    case ROOMD_C_ROOMS:
        session->listed_room = 0;
        lobby_send_rooms(&session->engine->lobby, session);
        break;
    case ROOMD_C_PING:
        session_take_ping(session, &control);
        break;
    case ROOMD_C_PONG: /* that something has come is all that it says */
        break;
    case ROOMD_C_CREATE:
        session_take_create(session, &control);
        break;
    }
}

/* False: the room's queue is full, or the client has answers to read first; the frame has not been taken. */
static bool session_take_frame(struct session *session, const struct frame *frame)
{
    struct engine_stats *stats = &session->engine->stats;

    if (frame->id >= ROOMD_ENGINE_ID_FIRST) {
        if (frame->id == ROOMD_C_ROOMS && session_wait_to_be_read(session)) {
            return false; /* four bytes that ask for many thousand */
        }
        stats->packets_in++;
        session_take_control(session, frame);
        return true;
    }
    if (session->place != SESSION_IN_ROOM) {
        stats->packets_in++;
        stats->packets_dropped++;
        session_send_error(session, ROOMD_ERROR_NOT_IN_ROOM, NULL);
        return true;
    }

    int rc = room_push_packet(session->room, session, frame->id, frame->payload, frame->payload_bytes);

    if (rc == -ENOBUFS) {
        session_pause(session);
        list_push(&session->room->waiting, &session->wait_link);
        return false;
    }
    stats->packets_in++;
    if (rc < 0) {
        session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
    }
    return true;
}

/*
 * It is dealt with once: what is more than the client may send is thrown away, and what has passed and must wait has paid.
 * False: it waits.
 */
static bool session_deal_with_frame(struct session *session, const struct frame *frame)
{
    uint32_t bytes = ROOMD_FRAME_HEADER_BYTES + (uint32_t)frame->payload_bytes;

    session->is_admitted = session->is_admitted || session_admit_frame(session, bytes);
    if (session->is_admitted && !session_take_frame(session, frame)) {
        return false;
    }
    session->is_admitted = false;
    session->has_begun = true;
    return true;
}

/*
 * The deadline is for one frame: more bytes of it do not move it, and while we keep the client waiting it rests. Before
 * C_HELLO, when no room has taken the client, one deadline is for all that comes.
 */
static void session_watch_frame(struct session *session, bool has_part, bool has_taken)
{
    if (session->deadline == SESSION_HELLO) {
        return;
    }
    if (has_part && !session->is_paused) {
        if (has_taken || session->deadline != SESSION_PARTIAL) {
            session_set_deadline(session, SESSION_PARTIAL);
        }
    } else if (session->deadline == SESSION_PARTIAL) {
        session_set_deadline(session, SESSION_NO_DEADLINE);
    }
}

/* Who has yet to show a ticket needs no longer frames for that, and may be anybody. */
static uint32_t session_frame_bytes_max(const struct session *session)
{
    uint32_t bytes_max = session->engine->limits.frame_bytes_max;

    return session->awaits_ticket && bytes_max > UNKNOWN_FRAME_BYTES_MAX ? UNKNOWN_FRAME_BYTES_MAX
                                                                         : bytes_max;
}

/* False: there is no memory for it, or it was this session that had to go for it. */
static bool session_keep(struct session *session, const uint8_t *bytes, size_t size)
{
    struct engine *engine = session->engine;
    int rc;

    do {
        rc = conn_keep(&session->conn, &engine->net, bytes, size);
    } while (rc < 0 && engine_on_no_memory(engine) && !session->is_ended);
    return rc == 0;
}

/* Bytes of the peer, whole frames and perhaps the beginning of one. They are good until the next read. */
static void session_input(struct session *session, const uint8_t *data, size_t size)
{
    struct frame_cursor cursor = {.data = data, .size = size};
    bool is_ready = session->has_begun || session_take_first_bytes(session, &cursor);
    enum frame_result result = is_ready ? FRAME_OK : FRAME_MORE;
    size_t taken = cursor.pos; /* what lies before has been dealt with */

    while (result == FRAME_OK && !session->is_paused && session->close_reason == ROOMD_CLOSE_NONE) {
        struct frame frame;

        result = frame_next(&cursor, session_frame_bytes_max(session), &frame);
        if (result == FRAME_OK && session_deal_with_frame(session, &frame)) {
            taken = cursor.pos;
        }
    }
    if (result == FRAME_BAD) {
        session_close(session, ROOMD_CLOSE_FRAME_SIZE, NULL);
    }
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        return;
    }

    size_t left = size - taken;

    if (left > 0 && !session_keep(session, data + taken, left)) {
        session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
        return;
    }
    session_watch_frame(session, left > 0, taken > 0);
}

/* What a kicked client still sends is read and thrown away, so that the close does not become a reset. */
static void session_discard_input(struct session *session, bool has_hung_up)
{
    ssize_t got = conn_read(&session->conn, &session->engine->net);

    if ((got <= 0 && got != -EAGAIN) || (got == -EAGAIN && has_hung_up)) {
        session_close(session, ROOMD_CLOSE_PEER_CLOSED, NULL);
    }
}

enum roomd_close_reason session_reason_of_errno(int error)
{
    switch (error) {
    case -ECONNRESET:
    case -EPIPE:
        return ROOMD_CLOSE_RESET;
    case -ETIMEDOUT: /* TCP_USER_TIMEOUT, or keep-alive */
        return ROOMD_CLOSE_TIMEOUT;
    default:
        return ROOMD_CLOSE_IO_ERROR;
    }
}

static void session_read(struct session *session, bool has_hung_up)
{
    struct net *net = &session->engine->net;
    ssize_t got = conn_read(&session->conn, net);

    if (got > 0) {
        session_on_heard(session);
        session_input(session, net->scratch, (size_t)got);
    } else if (got == 0) {
        session_close(session, ROOMD_CLOSE_PEER_CLOSED, NULL);
    } else if (got != -EAGAIN) {
        session_cut(session, session_reason_of_errno((int)got));
    } else if (has_hung_up) {
        session_close(session, ROOMD_CLOSE_RESET, NULL);
    }
}

void session_on_ready(struct source *source, uint32_t events)
{
    struct conn *conn = LIST_ENTRY(source, struct conn, source);
    struct session *session = LIST_ENTRY(conn, struct session, conn);
    bool has_hung_up = (events & (EPOLLHUP | EPOLLERR)) != 0;

    if (session->is_ended) {
        return;
    }
    if (events & EPOLLOUT) {
        conn->is_blocked = false;
        session_mark_dirty(session);
    }
    if (!(events & EPOLLIN) && !has_hung_up) {
        return;
    }
    if (session->is_kicked) {
        session_discard_input(session, has_hung_up);
    } else if (session->is_paused || session->engine->is_stopping) {
        if (conn_pause(conn, &session->engine->net, events) < 0) {
            session_close(session, ROOMD_CLOSE_IO_ERROR, NULL);
        }
    } else {
        session_read(session, has_hung_up);
    }
}

void session_run_resumable(struct engine *engine)
{
    struct list turn;
    struct list *node;

    list_init(&turn);
    list_splice(&turn, &engine->resumable);
    while ((node = list_pop(&turn)) != NULL) {
        struct session *session = LIST_ENTRY(node, struct session, wait_link);
        size_t kept = conn_reread(&session->conn, &engine->net);

        session->is_paused = false;
        if (kept > 0) {
            session_input(session, engine->net.scratch, kept);
        }
        if (!session->is_paused && !session->is_ended && conn_resume(&session->conn, &engine->net) < 0) {
            session_close(session, ROOMD_CLOSE_IO_ERROR, NULL);
        }
    }
}
