/* The model is what each session says of itself; rooms and lobby must agree with the sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/place_check.h"

#include <string.h>

#include "room/room.h"
#include "room/session.h"

static void check_session(const struct session *session)
{
    bool is_open = session->close_reason == ROOMD_CLOSE_NONE;
    bool is_on_its_way = session->place == SESSION_ENTERING || session->place == SESSION_LEAVING;

    assert_int_equal(session->room != NULL, session->place != SESSION_NOWHERE);
    assert_int_equal(list_is_linked(&session->transition_link), is_on_its_way);
    assert_true(session->next_room == NULL || (session->place == SESSION_LEAVING && is_open));
    assert_true(session->next_room == NULL || session->next_room != session->room);
    assert_true(session->next_parcel == NULL || session->next_room != NULL);
    assert_true(session->parcel == NULL || session->place == SESSION_ENTERING);
    assert_true(is_open || session->place != SESSION_IN_ROOM);
    if (is_open && is_on_its_way) {
        assert_true(session->is_paused && !list_is_linked(&session->wait_link));
    }
    if (is_open && !is_on_its_way && session->is_paused) {
        assert_true(session->is_owing || session->is_replacing || list_is_linked(&session->wait_link));
    }
    assert_true(session->request == NULL || (is_open && session->is_paused));
    assert_true(!session->is_listing || session->is_owing || !is_open);
}

static void check_member(const struct room *room, struct session *session)
{
    struct reader *reader = &session->conn.reader;

    assert_true(session->member < room->member_count);
    assert_ptr_equal(room->members[session->member], session);
    assert_int_equal(reader_find(reader, &room->stream) != NULL, session->close_reason == ROOMD_CLOSE_NONE);
}

static void check_room(struct engine *engine, struct room *room)
{
    uint32_t at = 0;
    uint32_t seats = 0;
    uint32_t members = 0;
    uint32_t followers = 0;
    struct session *session;

    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        bool is_member =
            session->room == room && (session->place == SESSION_IN_ROOM || session->place == SESSION_LEAVING);

        seats += session->room == room || session->next_room == room;
        members += is_member;
        followers += is_member && session->close_reason == ROOMD_CLOSE_NONE;
        if (is_member) {
            check_member(room, session);
            assert_true(!room->is_closing || session->place == SESSION_LEAVING);
        }
    }
    assert_int_equal(room->seats, seats);
    assert_int_equal(room->member_count, members);
    assert_int_equal(room->stream.followers, followers);
    assert_true(seats <= room->options.capacity);
    assert_int_equal(timer_is_armed(&room->idle), room->template != NULL && seats == 0);
    assert_int_equal(lobby_find(&engine->lobby, room->name, strlen(room->name)) == room, !room->is_closing);
}

void places_check(struct engine *engine)
{
    const struct lobby *lobby = &engine->lobby;
    struct session *session;
    uint32_t creating = 0;
    uint32_t closing = 0;
    uint32_t at = 0;

    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        check_session(session);
        creating += session->request != NULL && !list_is_linked(&session->transition_link);
    }
    LIST_FOR_EACH (node, &engine->creating) {
        assert_non_null(LIST_ENTRY(node, struct session, wait_link)->request);
        creating--;
    }
    assert_int_equal(creating, 0);
    for (uint32_t i = 0; i < lobby->count; i++) {
        assert_true(i == 0 || lobby->rooms[i - 1]->id < lobby->rooms[i]->id);
        check_room(engine, lobby->rooms[i]);
    }
    LIST_FOR_EACH (node, &engine->closing) {
        check_room(engine, LIST_ENTRY(node, struct room, closing_link));
        closing++;
    }
    assert_int_equal(lobby->closing, closing);
    for (uint32_t i = 0; i < lobby->template_count + lobby->gone_count; i++) {
        uint32_t instances = 0;

        for (uint32_t j = 0; j < lobby->count; j++) {
            instances += lobby->rooms[j]->template == &lobby->templates[i];
        }
        assert_int_equal(lobby->templates[i].instances, instances);
        assert_true(i < lobby->template_count || instances > 0);
    }
}
