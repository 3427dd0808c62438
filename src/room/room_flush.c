#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/room_content.h"
#include "room/scheduler.h"
#include "room/session.h"

/* How many times early_flush_bytes all streams together may hold before the tick. */
enum { EARLY_FLUSH_STREAMS = 16 };

void room_request_flush(struct room *room, uint64_t due_ns)
{
    room->wants_round = true;
    if (room->wanted_due_ns == 0) {
        room->wanted_due_ns = due_ns;
    }
    if (!list_is_linked(&room->flushing_link)) {
        list_push(&room->engine->flushing, &room->flushing_link);
    }
}

/* Behind its mark. */
static uint64_t stream_pending_bytes(const struct stream *stream)
{
    return stream->end - stream->mark;
}

/* Whether so much waits in one stream, or in all of them, that it goes out before the tick. */
static bool room_is_full(const struct room *room, const struct stream *stream)
{
    uint64_t early_bytes = room->options.early_flush_bytes;

    return stream_pending_bytes(stream) >= early_bytes ||
           room->pending_bytes >= early_bytes * EARLY_FLUSH_STREAMS;
}

void room_on_append(struct room *room, struct stream *stream, size_t bytes, unsigned flags)
{
    room->pending_bytes += bytes;
    if (!list_is_linked(&stream->link)) {
        list_push(&room->active, &stream->link);
    }
    if ((flags & ROOMD_URGENT) || room->options.tick_ns == 0) {
        room_request_flush(room, 0);
    } else if (room->wants_round) {
        return; /* what that round does not take, its end sees to */
    } else if (room_is_full(room, stream)) {
        room->engine->stats.flushes_early++;
        room_request_flush(room, 0);
    } else {
        room_arm_tick(room);
    }
}

/*
 * All streams' marks move forward. Those of several move to their ends, so that what a barrier keeps in order goes out
 * in one round; that of the room's own alone moves so far that every member's share is still in the cache, and
 * one more round is to follow when that is not all.
 */
static void room_mark_streams(struct room *room)
{
    uint64_t bytes_max = room->stream_count > 0 ? UINT64_MAX : room->options.early_flush_bytes;

    LIST_FOR_EACH (node, &room->active) {
        struct stream *stream = LIST_ENTRY(node, struct stream, link);
        uint64_t from = stream->mark;

        room->pending_bytes -= stream_mark(stream, bytes_max) - from;
        room->wants_round |= stream->mark < stream->end;
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
    room_mark_streams(room);
}

bool room_is_congested(const struct room *room)
{
    return list_is_linked(&room->flushing_link) && room->pending_bytes > room->options.outbox_bytes_max;
}

/* All members have pulled up to the marks. */
static void room_end_round(struct room *room)
{
    room->has_round = false;
    LIST_FOR_EACH_SAFE (node, after, &room->active) {
        struct stream *stream = LIST_ENTRY(node, struct stream, link);

        stream_trim(stream, stream->mark);
        if (stream->mark == stream->end) {
            list_remove(node);
        } else {
            room->wants_round |= room->options.tick_ns == 0 || room_is_full(room, stream);
        }
    }
    if (room->pending_bytes > 0 && !room->wants_round) {
        room_arm_tick(room);
    }
}

static void room_flush_member(struct room *room, struct session *session)
{
    while (reader_pull_marked(&session->conn.reader, &room->engine->net.gather, room->engine->now_ns) < 0) {
        if (!engine_on_no_memory(room->engine)) {
            session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
            return;
        }
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
    if (index < last) { /* the last one may be who has just been moved, when all are done */
        room->members[index] = room->members[last];
        room->members[index]->member = index;
    }
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
        room_content_tick(room);
        room_arm_tick(room);
    }
    if (room->pending_bytes > 0 || room->owes_private) {
        room_request_flush(room, due_ns);
    }
}
