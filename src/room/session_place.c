/*
 * A session's way through rooms: the seats that it holds, and what it carries from one room to the next. Everything
 * here only asks; the room's queue does it (room_run), and session_settle goes on from there.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"
#include "room/session_ticket.h"

/* Nothing is read from it while it is on its way: not even what it was about to go on with. */
static void session_hold(struct session *session)
{
    session_pause(session);
    list_remove(&session->wait_link);
    session_set_deadline(session, SESSION_NO_DEADLINE);
}

static void session_start_leaving(struct session *session, enum roomd_leave_reason reason)
{
    CHECK(session->place == SESSION_IN_ROOM && session->close_reason == ROOMD_CLOSE_NONE);
    session->place = SESSION_LEAVING;
    session->leave_reason = (uint8_t)reason;
    room_push_transition(session->room, session);
    session_hold(session);
}

static void session_start_entering(struct session *session, struct room *room)
{
    session->room = room;
    session->place = SESSION_ENTERING;
    room_push_transition(room, session);
    session_hold(session);
}

/* The seat in `room` has been taken. */
static void session_start_moving(struct session *session, struct room *room, struct parcel *parcel)
{
    session->next_room = room;
    session->next_parcel = parcel;
    session_start_leaving(session, ROOMD_LEAVE_MOVED);
}

static void session_give_up_next_room(struct session *session)
{
    if (session->next_room == NULL) {
        return;
    }
    room_give_seat(session->next_room);
    session->next_room = NULL;
    memory_give(session->next_parcel);
    session->next_parcel = NULL;
}

void session_drop_parcel(struct session *session)
{
    memory_give(session->parcel);
    session->parcel = NULL;
}

static void session_drop_request(struct session *session)
{
    memory_give(session->request);
    session->request = NULL;
}

void session_quit_rooms(struct session *session)
{
    session_drop_request(session);
    session_give_up_next_room(session);
    if (session->place == SESSION_IN_ROOM) {
        session->place = SESSION_LEAVING;
        room_push_transition(session->room, session);
    }
    if (session->place == SESSION_LEAVING) {
        session->leave_reason = ROOMD_LEAVE_DISCONNECTED;
        reader_unfollow_all(&session->conn.reader);
    }
}

enum roomd_error session_join(struct session *session, struct room *room)
{
    enum roomd_error error;

    CHECK(session->place == SESSION_NOWHERE || session->place == SESSION_IN_ROOM);
    if (session->room == room) {
        return ROOMD_ERROR_ALREADY_THERE;
    }
    if (!session_may_join(session, room)) {
        return ROOMD_ERROR_NOT_ALLOWED;
    }
    error = room_check_seat(room);
    if (error != ROOMD_ERROR_NONE) {
        return error;
    }
    room_take_seat(room);
    if (session->place == SESSION_NOWHERE) {
        session_start_entering(session, room);
    } else {
        session_start_moving(session, room, NULL);
    }
    return ROOMD_ERROR_NONE;
}

enum roomd_error session_leave(struct session *session)
{
    if (session->place != SESSION_IN_ROOM) {
        return ROOMD_ERROR_NOT_IN_ROOM;
    }
    session_start_leaving(session, ROOMD_LEAVE_ASKED);
    return ROOMD_ERROR_NONE;
}

enum roomd_error session_request_room(struct session *session, const struct room_request *request)
{
    CHECK(session->request == NULL);
    session->request = memory_take(sizeof(*request));
    if (session->request == NULL) {
        return ROOMD_ERROR_NO_MEMORY;
    }
    *session->request = *request;
    session_pause(session);
    list_push(&session->engine->creating, &session->wait_link);
    return ROOMD_ERROR_NONE;
}

static enum roomd_error make_room(struct engine *engine, const struct room_request *request,
                                  struct room **out)
{
    const struct room_template *template =
        lobby_find_template(&engine->lobby, request->template_name, strlen(request->template_name));

    if (template == NULL) {
        return ROOMD_ERROR_NO_SUCH_TEMPLATE;
    }
    if (!lobby_has_place(&engine->lobby, template)) {
        return ROOMD_ERROR_TOO_MANY_ROOMS;
    }
    if (memory_pressure_refuses(&engine->pressure)) {
        return ROOMD_ERROR_NO_MEMORY;
    }
    switch (lobby_create(engine, template->name, request->name, out)) {
    case 0:
        return ROOMD_ERROR_NONE;
    case -ENOMEM:
        return ROOMD_ERROR_NO_MEMORY;
    default:
        return ROOMD_ERROR_REFUSED;
    }
}

/* A room that is made and then not joined retires like any other that stays empty. */
void session_create_room(struct session *session)
{
    struct room_request request = *session->request;
    struct engine *engine = session->engine;
    struct room *room = lobby_find(&engine->lobby, request.name, strlen(request.name));
    enum roomd_error error = room == NULL ? make_room(engine, &request, &room) : ROOMD_ERROR_NONE;

    /* The content that was opened may have closed the room that this one is in, or have cost it its connection. */
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        return;
    }
    if (error == ROOMD_ERROR_NONE && session->place == SESSION_LEAVING) {
        return; /* once it is out it asks again, and the room is there */
    }
    session_drop_request(session);
    if (error == ROOMD_ERROR_NONE) {
        error = session_join(session, room);
    }
    if (error != ROOMD_ERROR_NONE) {
        session_send_error(session, error, NULL);
    }
    session_resume(session);
}

static int seat_errno(enum roomd_error error)
{
    switch (error) {
    case ROOMD_ERROR_NONE:
        return 0;
    case ROOMD_ERROR_ROOM_FULL:
        return -ENOSPC;
    case ROOMD_ERROR_ROOM_LOCKED:
        return -EPERM;
    default:
        return -ENOENT;
    }
}

int session_move(struct session *session, struct room *room, const void *parcel, size_t bytes)
{
    struct parcel *copy = NULL;
    int rc;

    if (bytes > ROOMD_PARCEL_BYTES_MAX) {
        return -EMSGSIZE;
    }
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        return -ENOENT;
    }
    if (session->place != SESSION_IN_ROOM || session->room == room) {
        return -EALREADY;
    }
    rc = seat_errno(room_check_seat(room));
    if (rc < 0) {
        return rc;
    }
    if (bytes > 0) {
        copy = memory_take(sizeof(*copy));
        if (copy == NULL) {
            return -ENOMEM;
        }
        copy->bytes = (uint32_t)bytes;
        memcpy(copy->content, parcel, bytes);
    }
    room_take_seat(room);
    session_start_moving(session, room, copy);
    return 0;
}

void session_expel(struct session *session)
{
    if (session->place == SESSION_IN_ROOM) {
        session_start_leaving(session, ROOMD_LEAVE_ROOM_CLOSED);
    }
}

void session_turn_away(struct session *session)
{
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        return;
    }
    if (session->has_hello) {
        session_send_error(session, ROOMD_ERROR_NO_SUCH_ROOM, NULL);
    } else {
        session_close(session, ROOMD_CLOSE_ROOM_CLOSED, NULL);
    }
}

void session_settle(struct session *session)
{
    struct room *next_room = session->next_room;

    session_leave_users(session);
    if (session->place == SESSION_NOWHERE && next_room != NULL) {
        session->parcel = session->next_parcel;
        session->next_parcel = NULL;
        session->next_room = NULL;
        session_start_entering(session, next_room); /* which turns it away when it has closed meanwhile */
        return;
    }
    if (session->is_ended) {
        if (!list_is_linked(&session->wait_link)) {
            list_push(&session->engine->ended, &session->wait_link);
        }
        return;
    }
    session_resume(session);
}
