/*
 * Transitions: how sessions get into a room and out of it. They wait in the room's list, in the order of its jobs, and
 * are never refused.
 */
#include <errno.h>

#include "base/check.h"
#include "base/memory.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/room_content.h"
#include "room/session.h"
#include "wire/control.h"

void room_push_transition(struct room *room, struct session *session)
{
    CHECK(!list_is_linked(&session->transition_link));
    session->transition_after = room->jobs.pushed;
    list_push(&room->transitions, &session->transition_link);
    room_mark_runnable(room);
}

static int room_add_member(struct room *room, struct session *session)
{
    if (room->member_count == room->member_capacity) {
        uint32_t capacity = room->member_capacity == 0 ? 16 : room->member_capacity * 2;
        struct session **members = memory_resize(room->members, capacity * sizeof(members[0]));

        if (members == NULL) {
            return -ENOMEM;
        }
        room->members = members;
        room->member_capacity = capacity;
    }

    int rc = reader_follow(&session->conn.reader, &room->stream);

    if (rc < 0) {
        return rc;
    }
    session->member = room->member_count;
    room->members[room->member_count++] = session;
    return 0;
}

static void room_release(struct room *room, struct session *session)
{
    CHECK(!session->conn.reader.is_skipping); /* there would be no room whose limit ends it */
    room_give_seat(room);
    session->room = NULL;
    session->place = SESSION_NOWHERE;
}

struct owed_max room_owed_max(const struct room *room)
{
    return (struct owed_max){.bytes = room->options.outbox_bytes_max,
                             .slices = room->options.outbox_slices_max,
                             .age_ns = room->options.outbox_age_max_ns};
}

static void room_welcome(struct room *room, struct session *session)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];
    uint32_t tick_ms = (uint32_t)(room->options.tick_ns / NS_PER_MS);

    session_send_control(session, frame,
                         control_put_joined(frame, room->id, room->name, room->content->name, tick_ms));
    if (room->content->tick != NULL) {
        room_arm_tick(room);
    }
    room_content_enter(room, session);
}

/* What the room before has allowed to pile up may be read still: the larger limits hold until it has been. */
static void session_take_limits(struct session *session, const struct room *room)
{
    struct owed_max owed_max = room_owed_max(room);
    const struct owed_max *old = &session->owed_max;

    if (session->has_entered && !outbox_is_empty(&session->conn.reader.outbox)) {
        session->has_old_limits = true;
        owed_max.bytes = owed_max.bytes > old->bytes ? owed_max.bytes : old->bytes;
        owed_max.slices = owed_max.slices > old->slices ? owed_max.slices : old->slices;
        owed_max.age_ns = owed_max.age_ns > old->age_ns ? owed_max.age_ns : old->age_ns;
    }
    session->owed_max = owed_max;
}

static void room_enter(struct room *room, struct session *session)
{
    if (session->close_reason != ROOMD_CLOSE_NONE || room->is_closing) {
        room_release(room, session);
        session_turn_away(session);
    } else if (room_add_member(room, session) < 0) {
        room_release(room, session);
        session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
    } else {
        session->place = SESSION_IN_ROOM;
        session->user = NULL;
        session_take_limits(session, room);
        session->has_entered = true;
        room->engine->stats.enters++;
        room_welcome(room, session);
    }
    session_drop_parcel(session);
}

static void room_leave(struct room *room, struct session *session)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    /* What was said before it left is still owed to a client that is there to read it; or at least how much it was. */
    while (session->close_reason == ROOMD_CLOSE_NONE &&
           reader_pull(&session->conn.reader, &room->engine->net.gather, room->engine->now_ns) < 0) {
        if (!engine_on_no_memory(room->engine)) {
            session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
        }
    }
    session_check_leaver(session);
    session_stop_skipping(session);
    reader_unfollow_all(&session->conn.reader);
    room_content_leave(room, session, (enum roomd_leave_reason)session->leave_reason);
    room_remove_member(room, session->member);
    room_release(room, session);
    session->user = NULL;
    room->engine->stats.leaves++;
    if (session->close_reason == ROOMD_CLOSE_NONE) {
        session_mark_dirty(session); /* no flush of this room reaches it any more */
    }
    session_send_control(session, frame, control_put_left(frame, session->leave_reason));
    if (session->leave_reason == ROOMD_LEAVE_ROOM_CLOSED && !session->has_hello) {
        session_turn_away(session);
    }
}

void room_run_transition(struct room *room)
{
    struct session *session = LIST_ENTRY(list_pop(&room->transitions), struct session, transition_link);

    if (session->place == SESSION_ENTERING) {
        room_enter(room, session);
    } else {
        CHECK(session->place == SESSION_LEAVING);
        room_leave(room, session);
    }
    session_settle(session);
}
