/*
 * The life of rooms: who may take a seat, and how a room comes to its end.
 *
 *     open --room_retire--> closing --everyone has left: room_reap--> freed
 *     open, of a template and empty --idle_close_ns--> room_retire
 *     open --its content fails: room_fail--> room_retire
 *
 * A closing room is out of the lobby: its name is free, nobody finds it. Whoever holds a seat in it lets go by himself:
 * members by the transition that room_retire asks for, those on their way when they arrive and are turned away.
 */
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"

enum roomd_error room_check_seat(const struct room *room)
{
    if (room->is_closing) {
        return ROOMD_ERROR_NO_SUCH_ROOM;
    }
    if (room->is_locked) {
        return ROOMD_ERROR_ROOM_LOCKED;
    }
    return room->seats >= room->options.capacity ? ROOMD_ERROR_ROOM_FULL : ROOMD_ERROR_NONE;
}

void room_take_seat(struct room *room)
{
    CHECK(room_check_seat(room) == ROOMD_ERROR_NONE);
    room->seats++;
    timer_cancel(&room->engine->timers, &room->idle);
}

void room_give_seat(struct room *room)
{
    CHECK(room->seats > 0);
    room->seats--;
    room_watch_idle(room);
}

void room_watch_idle(struct room *room)
{
    if (room->template != NULL && !room->is_closing && room->seats == 0) {
        timer_arm(&room->engine->timers, &room->idle, room->engine->now_ns + room->template->idle_close_ns);
    }
}

void room_on_idle(struct timer *timer, uint64_t now_ns)
{
    struct room *room = LIST_ENTRY(timer, struct room, idle);

    (void)now_ns;
    CHECK(room->seats == 0);
    room_retire(room);
}

/* Out of the lobby; what was made of a template makes place for another. */
static void room_delist(struct room *room)
{
    lobby_remove(&room->engine->lobby, room);
    if (room->template != NULL) {
        CHECK(room->template->instances > 0);
        room->template->instances--;
        room->template = NULL;
    }
}

void room_retire(struct room *room)
{
    struct engine *engine = room->engine;

    if (room->is_closing) {
        return;
    }
    room->is_closing = true;
    room_delist(room);
    timer_cancel(&engine->timers, &room->idle);
    list_push(&engine->closing, &room->closing_link);
    engine->lobby.closing++;
    engine->stats.rooms_retired++;
    LOG(LOG_LEVEL_DEBUG, "room_retire", "room=%s id=%u players=%u", room->log_name, room->id,
        room->member_count);
    for (uint32_t i = 0; i < room->member_count; i++) {
        session_expel(room->members[i]);
    }
}

void room_fail(struct room *room, const char *why)
{
    char quoted[512];

    if (room->has_failed) {
        return;
    }
    room->has_failed = true;
    room->engine->stats.rooms_failed++;
    LOG(LOG_LEVEL_ERROR, "room_failed", "room=%s id=%u content=%s players=%u why=%s", room->log_name,
        room->id, room->content->name, room->member_count,
        log_quote(quoted, sizeof(quoted), why, strlen(why)));
    room_retire(room);
}

void room_unlist(struct room *room)
{
    if (!room->is_closing) {
        room_delist(room);
        return;
    }
    CHECK(room->engine->lobby.closing > 0);
    room->engine->lobby.closing--;
    list_remove(&room->closing_link);
}

void room_reap(struct engine *engine)
{
    LIST_FOR_EACH_SAFE (node, after, &engine->closing) {
        struct room *room = LIST_ENTRY(node, struct room, closing_link);

        if (room->seats == 0 && list_is_empty(&room->transitions)) {
            room_close(room);
        }
    }
}
