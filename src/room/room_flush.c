#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/scheduler.h"
#include "room/session.h"

void room_request_flush(struct room *room, uint64_t due_ns)
{
    room->wants_round = true;
    room->wanted_end = room->stream.end;
    if (room->wanted_due_ns == 0) {
        room->wanted_due_ns = due_ns;
    }
    if (!list_is_linked(&room->flushing_link)) {
        list_push(&room->engine->flushing, &room->flushing_link);
    }
}

static void room_begin_round(struct room *room, uint64_t now_ns)
{
    if (room->wanted_due_ns != 0) {
        uint64_t late_ns = now_ns > room->wanted_due_ns ? now_ns - room->wanted_due_ns : 0;

        histogram_record(&room->lateness_ns, late_ns, 1);
        histogram_record(&room->engine->stats.lateness_ns, late_ns, 1);
        room->engine->stats.ticks_late += late_ns > TICK_LATE_NS;
    }
    room->has_round = true;
    room->wants_round = false;
    room->wanted_due_ns = 0;
    room->owes_private = false;
    room->cursor = 0;
    stream_mark(&room->stream, room->options.early_flush_bytes);
}

bool room_is_congested(const struct room *room)
{
    return list_is_linked(&room->flushing_link) &&
           room->stream.end - room->stream.mark > room->options.outbox_bytes_max;
}

/* All members have pulled up to the mark. */
static void room_end_round(struct room *room)
{
    room->has_round = false;
    stream_trim(&room->stream, room->stream.mark);

    uint64_t pending = room->stream.end - room->stream.mark;

    if (room->stream.mark < room->wanted_end || (pending > 0 && room->options.tick_ns == 0) ||
        pending >= room->options.early_flush_bytes) {
        room->wants_round = true;
    } else if (pending > 0) {
        room_arm_tick(room);
    }
}

static void room_flush_member(struct room *room, struct session *session)
{
    if (reader_pull_marked(&session->conn.reader, &room->engine->net.gather, room->engine->now_ns) < 0) {
        session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
        return;
    }
    session_flush(session);
}

bool room_flush_piece(struct room *room, uint64_t until_ns)
{
    if (!room->has_round) {
        room_begin_round(room, clock_now_ns());
    }
    while (room->cursor < room->member_count) {
        room_flush_member(room, room->members[room->cursor++]);
        if (room->cursor % FLUSH_SESSIONS_PER_LOOK == 0 && clock_now_ns() >= until_ns) {
            break;
        }
    }
    if (room->cursor < room->member_count) {
        return false;
    }
    room_end_round(room);
    return !room->wants_round;
}

void room_remove_member(struct room *room, uint32_t index)
{
    uint32_t last = room->member_count - 1;

    CHECK(index <= last);
    if (room->has_round && index < room->cursor) {
        /* The gap is filled from those who are done, theirs from those who are not. */
        room->cursor--;
        room->members[index] = room->members[room->cursor];
        room->members[index]->member = index;
        index = room->cursor;
    }
    room->members[index] = room->members[last];
    room->members[index]->member = index;
    room->member_count--;
}

void room_arm_tick(struct room *room)
{
    uint64_t tick_ns = room->options.tick_ns;
    uint64_t now_ns = room->engine->now_ns;

    if (tick_ns == 0 || timer_is_armed(&room->tick)) {
        return;
    }

    uint64_t since_grid_ns = now_ns > room->grid_ns ? now_ns - room->grid_ns : 0;

    timer_arm(&room->engine->timers, &room->tick, room->grid_ns + (since_grid_ns / tick_ns + 1) * tick_ns);
}

void room_on_tick(struct timer *timer, uint64_t now_ns)
{
    struct room *room = LIST_ENTRY(timer, struct room, tick);
    struct engine_stats *stats = &room->engine->stats;
    uint64_t due_ns = timer->due_ns; /* arming it again changes it */

    room->ticks++;
    stats->ticks++;
    stats->ticks_skipped += (now_ns - due_ns) / room->options.tick_ns;
    if (room->content->tick != NULL && room->member_count > 0) {
        room->engine->is_playing = true;
        room->content->tick(room->content_state);
        room->engine->is_playing = false;
        room_arm_tick(room);
    }
    if (room->stream.end != room->stream.mark || room->owes_private) {
        room_request_flush(room, due_ns);
    }
}
