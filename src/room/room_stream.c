/*
 * The content's own streams: found by number, put aside when they are closed, so that opening and closing
 * them all the time costs no memory of its own; and the barrier across all streams of the room.
 */
#include <errno.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"

enum { STREAM_CHAINS_MIN = 16 };

static struct room_stream **room_stream_chain(const struct room *room, uint32_t number)
{
    return &room->streams[hash_u64(number) & room->stream_mask];
}

struct room_stream *room_stream_find(const struct room *room, uint32_t number)
{
    struct room_stream *found = room->streams == NULL ? NULL : *room_stream_chain(room, number);

    while (found != NULL && found->number != number) {
        found = found->next_by_number;
    }
    return found;
}

static void room_stream_list(struct room *room, struct room_stream *stream)
{
    struct room_stream **chain = room_stream_chain(room, stream->number);

    stream->next_by_number = *chain;
    *chain = stream;
}

/* Chains of one on the average. 0, or -ENOMEM when there is not one chain; chains that can't grow get longer. */
static int room_stream_grow(struct room *room)
{
    struct room_stream **old = room->streams;
    uint32_t old_count = old == NULL ? 0 : room->stream_mask + 1;
    uint32_t count = old == NULL ? STREAM_CHAINS_MIN : old_count * 2;

    if (room->stream_count < old_count || count < old_count) {
        return 0;
    }

    struct room_stream **chains = memory_take_zeroed(count, sizeof(chains[0]));

    if (chains == NULL) {
        return old == NULL ? -ENOMEM : 0;
    }
    room->streams = chains;
    room->stream_mask = count - 1;
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct room_stream *stream = old[i];

            old[i] = stream->next_by_number;
            room_stream_list(room, stream);
        }
    }
    memory_give(old);
    return 0;
}

static struct room_stream *room_stream_take(struct room *room)
{
    struct room_stream *stream = room->spare_streams;

    if (stream != NULL) {
        room->spare_streams = stream->next_by_number;
        return stream;
    }
    stream = memory_take(sizeof(*stream));
    if (stream != NULL) {
        stream_init(&stream->stream, &room->engine->net.gather.chunks);
        stream->stream.starts_small = true;
    }
    return stream;
}

int room_stream_open(struct room *room, uint32_t number)
{
    if (room_stream_find(room, number) != NULL) {
        return -EEXIST;
    }
    if (room->stream_count >= room->options.streams_max) {
        return -ENOSPC;
    }

    struct room_stream *stream = room_stream_grow(room) < 0 ? NULL : room_stream_take(room);

    if (stream == NULL) {
        return -ENOMEM;
    }
    stream->number = number;
    stream->stream.order = (uint64_t)number + 1; /* behind the room's own */
    room_stream_list(room, stream);
    room->stream_count++;
    return 0;
}

/* Nobody follows it: what nobody has been handed by now, nobody will be. */
static void room_stream_put_aside(struct room *room, struct room_stream *stream)
{
    struct room_stream **at = room_stream_chain(room, stream->number);
    uint64_t pending_bytes = stream->stream.end - stream->stream.mark;

    while (*at != stream) {
        at = &(*at)->next_by_number;
    }
    *at = stream->next_by_number;
    room->stream_count--;
    room->pending_bytes -= pending_bytes;
    room->owes_private |= pending_bytes > 0; /* those who unfollowed have it in their outboxes */
    list_remove(&stream->stream.link);
    stream_clear(&stream->stream);
    stream->next_by_number = room->spare_streams;
    room->spare_streams = stream;
}

void room_stream_free_spare(struct room *room)
{
    while (room->spare_streams != NULL) {
        struct room_stream *stream = room->spare_streams;

        room->spare_streams = stream->next_by_number;
        stream_fini(&stream->stream);
        memory_give(stream);
    }
}

int room_stream_close(struct room *room, uint32_t number)
{
    struct room_stream *stream = room_stream_find(room, number);

    if (stream == NULL) {
        return -ENOENT;
    }
    if (stream->stream.followers > 0) {
        return -EBUSY;
    }
    room_stream_put_aside(room, stream);
    return 0;
}

/* All that was appended by now goes to its outbox; without memory it is closed, and follows nothing then. */
static void room_pull_member(struct room *room, struct session *session)
{
    while (reader_pull(&session->conn.reader, &room->engine->net.gather, room->engine->now_ns) < 0) {
        if (!engine_on_no_memory(room->engine)) {
            session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
            return;
        }
    }
}

void room_stream_close_all(struct room *room)
{
    for (uint32_t i = 0; i < room->member_count && room->stream_count > 0; i++) {
        struct session *session = room->members[i];
        struct reader *reader = &session->conn.reader;

        room_pull_member(room, session);
        if (reader_find(reader, &room->stream) != NULL) {
            /* It has seen the end of the room's stream, and goes on from there. */
            reader_unfollow_all(reader);

            int rc = reader_follow(reader, &room->stream);

            CHECK(rc == 0);
        }
    }
    for (uint32_t i = 0; room->streams != NULL && i <= room->stream_mask; i++) {
        while (room->streams[i] != NULL) {
            room_stream_put_aside(room, room->streams[i]);
        }
    }
    room_stream_free_spare(room);
    memory_give(room->streams);
    room->streams = NULL;
    room->stream_mask = 0;
}

int room_stream_follow(struct room *room, uint64_t session_id, uint32_t number)
{
    struct session *session = room_find_member(room, session_id);
    struct room_stream *stream = room_stream_find(room, number);

    if (session == NULL || stream == NULL) {
        return -ENOENT;
    }
    /* Who is being closed, or is on its last step out of the room, is a member still, and follows nothing. */
    if (reader_find(&session->conn.reader, &room->stream) == NULL) {
        return -ENOENT;
    }
    return reader_follow(&session->conn.reader, &stream->stream);
}

int room_stream_unfollow(struct room *room, uint64_t session_id, uint32_t number)
{
    struct session *session = room_find_member(room, session_id);
    struct room_stream *stream = room_stream_find(room, number);

    if (session == NULL || stream == NULL) {
        return -ENOENT;
    }

    struct reader *reader = &session->conn.reader;
    const struct follow *follow = reader_find(reader, &stream->stream);

    if (follow == NULL) {
        return -ENOENT;
    }
    if (follow->seen != stream->stream.end) {
        room_pull_member(room, session);
    }
    reader_unfollow(reader, &stream->stream);
    return 0;
}

/* Whether somebody may not have passed the last barrier yet. */
static bool room_has_barrier(const struct room *room)
{
    bool has_barrier = room->has_round;

    LIST_FOR_EACH (node, &room->active) {
        const struct stream *stream = LIST_ENTRY(node, struct stream, link);

        has_barrier |= stream->barrier > stream->mark;
    }
    return has_barrier;
}

/* Whether anything has been appended since the last barrier. */
static bool room_needs_barrier(const struct room *room)
{
    LIST_FOR_EACH (node, &room->active) {
        const struct stream *stream = LIST_ENTRY(node, struct stream, link);

        if (stream->barrier != stream->end) {
            return true;
        }
    }
    return false;
}

void room_barrier(struct room *room)
{
    if (!room_needs_barrier(room)) {
        return;
    }
    /* Of one stream alone the order is that of the calls: its barriers need not be passed one by one. */
    if (room->stream_count > 0 && room_has_barrier(room)) {
        for (uint32_t i = 0; i < room->member_count; i++) {
            room_pull_member(room, room->members[i]);
        }
    }
    LIST_FOR_EACH (node, &room->active) {
        stream_set_barrier(LIST_ENTRY(node, struct stream, link));
    }
}
