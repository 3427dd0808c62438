#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"
#include "wire/frame.h"

static int check_packet(uint16_t id, size_t bytes)
{
    if (id == 0 || id >= ROOMD_ENGINE_ID_FIRST) {
        return -EINVAL;
    }
    return bytes > ROOMD_PAYLOAD_BYTES_MAX ? -EMSGSIZE : 0;
}

static size_t put_packet(uint8_t *out, uint16_t id, const void *payload, size_t bytes)
{
    frame_put_header(out, id, bytes);
    if (bytes > 0) {
        memcpy(out + ROOMD_FRAME_HEADER_BYTES, payload, bytes);
    }
    return ROOMD_FRAME_HEADER_BYTES + bytes;
}

static int room_append(struct room *room, struct stream *stream, uint16_t id, const void *payload,
                       size_t bytes, unsigned flags)
{
    uint8_t *out = stream_reserve(stream, ROOMD_FRAME_HEADER_BYTES + bytes);

    while (out == NULL && engine_on_no_memory(room->engine)) {
        out = stream_reserve(stream, ROOMD_FRAME_HEADER_BYTES + bytes);
    }
    if (out == NULL) {
        room->engine->stats.appends_refused++;
        return -ENOMEM;
    }
    bytes = put_packet(out, id, payload, bytes);
    stream_commit(stream, bytes);
    room_on_append(room, stream, bytes, flags);
    return 0;
}

static int room_append_keyed(struct room *room, struct stream *stream, uint64_t key, uint16_t id,
                             const void *payload, size_t bytes, unsigned flags)
{
    uint8_t packet[ROOMD_FRAME_BYTES_MAX];

    bytes = put_packet(packet, id, payload, bytes);

    int rc = stream_append_keyed(stream, key, packet, bytes);

    while (rc < 0 && engine_on_no_memory(room->engine)) {
        rc = stream_append_keyed(stream, key, packet, bytes);
    }
    if (rc < 0) {
        room->engine->stats.appends_refused++;
        return rc;
    }
    room->engine->net.gather.overwritten += (uint64_t)rc;
    room_on_append(room, stream, rc == 0 ? bytes : 0, flags);
    return 0;
}

int room_broadcast(struct room *room, uint16_t id, const void *payload, size_t bytes, unsigned flags)
{
    int rc = check_packet(id, bytes);

    return rc < 0 ? rc : room_append(room, &room->stream, id, payload, bytes, flags);
}

int room_broadcast_except(struct room *room, uint64_t session_id, uint16_t id, const void *payload,
                          size_t bytes, unsigned flags)
{
    struct session *session = room_find_member(room, session_id);

    if (session == NULL) {
        return -ENOENT;
    }

    struct reader *reader = &session->conn.reader;

    while (session->close_reason == ROOMD_CLOSE_NONE &&
           reader_pull(reader, &room->engine->net.gather, room->engine->now_ns) < 0) {
        if (!engine_on_no_memory(room->engine)) {
            return -ENOMEM;
        }
    }

    int rc = room_broadcast(room, id, payload, bytes, flags);

    if (rc == 0 && session->close_reason == ROOMD_CLOSE_NONE) {
        reader_skip(reader, &room->stream);
    }
    return rc;
}

int room_broadcast_keyed(struct room *room, uint64_t key, uint16_t id, const void *payload, size_t bytes,
                         unsigned flags)
{
    int rc = check_packet(id, bytes);

    return rc < 0 ? rc : room_append_keyed(room, &room->stream, key, id, payload, bytes, flags);
}

/* The stream of that number for a packet. 0; or -EINVAL, -EMSGSIZE, -ENOENT. */
static int room_check_append(struct room *room, uint32_t number, uint16_t id, size_t bytes,
                             struct stream **out)
{
    int rc = check_packet(id, bytes);
    struct room_stream *found = room_stream_find(room, number);

    if (rc < 0) {
        return rc;
    }
    if (found == NULL) {
        return -ENOENT;
    }
    *out = &found->stream;
    return 0;
}

int room_stream_append(struct room *room, uint32_t number, uint16_t id, const void *payload, size_t bytes,
                       unsigned flags)
{
    struct stream *stream;
    int rc = room_check_append(room, number, id, bytes, &stream);

    if (rc < 0 || stream->followers == 0) {
        return rc; /* with nobody to hear it, it need not be said */
    }
    return room_append(room, stream, id, payload, bytes, flags);
}

int room_stream_append_keyed(struct room *room, uint32_t number, uint64_t key, uint16_t id,
                             const void *payload, size_t bytes, unsigned flags)
{
    struct stream *stream;
    int rc = room_check_append(room, number, id, bytes, &stream);

    if (rc < 0 || stream->followers == 0) {
        return rc;
    }
    return room_append_keyed(room, stream, key, id, payload, bytes, flags);
}

/* A member has been sent a packet of its own: sees to it that it will be flushed. */
static void room_on_send(struct room *room, struct session *session, unsigned flags)
{
    if ((flags & ROOMD_URGENT) || room->options.tick_ns == 0) {
        session_mark_dirty(session);
    } else {
        room->owes_private = true;
        room_arm_tick(room);
    }
}

int room_send(struct room *room, uint64_t session_id, uint16_t id, const void *payload, size_t bytes,
              unsigned flags)
{
    uint8_t packet[ROOMD_FRAME_BYTES_MAX];
    struct session *session = room_find_member(room, session_id);
    int rc = check_packet(id, bytes);

    if (rc < 0) {
        return rc;
    }
    if (session == NULL) {
        return -ENOENT;
    }
    rc = session_send(session, packet, put_packet(packet, id, payload, bytes));
    if (rc == 0 && !session->conn.reader.is_skipping) {
        room_on_send(room, session, flags);
    }
    return rc;
}

/* Its share of room_send_some. False: it is passed over, or, without memory, closed. */
static bool room_send_to_one(struct room *room, struct session *session, const struct slice *slice,
                             uint32_t bytes, unsigned flags)
{
    struct engine *engine = room->engine;
    struct reader *reader = &session->conn.reader;

    switch (session_try_reach(session, bytes)) {
    case SESSION_TAKES:
        break;
    case SESSION_SKIPS:
        reader_count_skipped(reader, &engine->net.gather, bytes);
        return true;
    case SESSION_IS_FULL:
    case SESSION_IS_GONE:
        return false;
    }
    while (reader_send_slice(reader, &engine->net.gather, slice, engine->now_ns) < 0) {
        if (!engine_on_no_memory(engine) || session->is_ended) {
            /* A content that does not ask won't be told whom it has missed: nobody may go on with a packet less. */
            session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
            return false;
        }
    }
    room_on_send(room, session, flags);
    return true;
}

/* Whether there is anybody to have it. */
static bool room_has_taker(struct room *room, const uint64_t *sessions, uint32_t count, size_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        struct session *session = room_find_member(room, sessions[i]);

        if (session != NULL && session_try_reach(session, bytes) == SESSION_TAKES) {
            return true;
        }
    }
    return false;
}

int room_send_some(struct room *room, const uint64_t *sessions, uint32_t count, uint16_t id,
                   const void *payload, size_t bytes, unsigned flags, uint32_t *missed)
{
    uint8_t packet[ROOMD_FRAME_BYTES_MAX];
    struct slice slice = {.chunk = NULL};
    uint32_t missed_count = 0;
    int rc = check_packet(id, bytes);

    if (rc < 0) {
        return rc;
    }
    bytes = put_packet(packet, id, payload, bytes);
    /* Written only if there is somebody to have it. */
    while (slice.chunk == NULL && room_has_taker(room, sessions, count, bytes) &&
           gather_write_private(&room->engine->net.gather, &room->private_stream, packet, bytes, &slice) <
               0) {
        if (!engine_on_no_memory(room->engine)) {
            return -ENOMEM;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        struct session *session = room_find_member(room, sessions[i]);

        if (session != NULL && room_send_to_one(room, session, &slice, (uint32_t)bytes, flags)) {
            continue;
        }
        if (missed != NULL) {
            missed[missed_count] = i;
        }
        missed_count++;
    }
    return (int)(count - missed_count);
}
