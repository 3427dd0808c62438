#include <errno.h>
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

/* Something has been appended to the stream: sees to it that it will be flushed. */
static void room_on_append(struct room *room, unsigned flags)
{
    if ((flags & ROOMD_URGENT) || room->options.tick_ns == 0) {
        room_request_flush(room, 0);
    } else if (room->wants_round) {
        return; /* what that round does not take, its end sees to */
    } else if (room->stream.end - room->stream.mark >= room->options.early_flush_bytes) {
        room->engine->stats.flushes_early++;
        room_request_flush(room, 0);
    } else {
        room_arm_tick(room);
    }
}

int room_broadcast(struct room *room, uint16_t id, const void *payload, size_t bytes, unsigned flags)
{
    int rc = check_packet(id, bytes);

    if (rc < 0) {
        return rc;
    }

    uint8_t *out = stream_reserve(&room->stream, ROOMD_FRAME_HEADER_BYTES + bytes);

    if (out == NULL) {
        room->engine->stats.appends_refused++;
        engine_on_no_memory(room->engine);
        return -ENOMEM;
    }
    stream_commit(&room->stream, put_packet(out, id, payload, bytes));
    room_on_append(room, flags);
    return 0;
}

int room_broadcast_except(struct room *room, uint64_t session_id, uint16_t id, const void *payload,
                          size_t bytes, unsigned flags)
{
    struct session *session = room_find_member(room, session_id);

    if (session == NULL) {
        return -ENOENT;
    }

    struct reader *reader = &session->conn.reader;
    bool is_open = session->close_reason == ROOMD_CLOSE_NONE;

    if (is_open && reader_pull(reader, &room->engine->net.gather, room->engine->now_ns) < 0) {
        engine_on_no_memory(room->engine);
        return -ENOMEM;
    }

    int rc = room_broadcast(room, id, payload, bytes, flags);

    if (rc == 0 && is_open) {
        reader_skip(reader, &room->stream);
    }
    return rc;
}

int room_broadcast_keyed(struct room *room, uint64_t key, uint16_t id, const void *payload, size_t bytes,
                         unsigned flags)
{
    uint8_t packet[ROOMD_FRAME_BYTES_MAX];
    int rc = check_packet(id, bytes);

    if (rc < 0) {
        return rc;
    }
    rc = stream_append_keyed(&room->stream, key, packet, put_packet(packet, id, payload, bytes));
    if (rc < 0) {
        room->engine->stats.appends_refused++;
        engine_on_no_memory(room->engine);
        return rc;
    }
    room->engine->net.gather.overwritten += (uint64_t)rc;
    room_on_append(room, flags);
    return 0;
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
    if (rc < 0) {
        return rc;
    }
    if ((flags & ROOMD_URGENT) || room->options.tick_ns == 0) {
        session_mark_dirty(session);
    } else {
        room->owes_private = true;
        room_arm_tick(room);
    }
    return 0;
}
