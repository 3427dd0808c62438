/* The client's side of the control packets. In a file of its own, so that the daemon doesn't carry it. */
#include "wire/control.h"
#include "wire/payload.h"

#include <errno.h>
#include <string.h>

int control_rooms_next(struct control_rooms_cursor *cursor, struct control_room *room)
{
    struct payload payload = {.data = cursor->data, .size = cursor->size, .pos = cursor->pos};

    if (cursor->left == 0) {
        return payload_end(&payload);
    }
    room->room = payload_name(&payload);
    room->content = payload_name(&payload);
    room->players = payload_u32(&payload);
    room->capacity = payload_u32(&payload);
    if (payload.is_bad) {
        return -EBADMSG;
    }
    cursor->pos = payload.pos;
    cursor->left--;
    return 1;
}

/* Walks the whole list once, so that whoever iterates over it later meets no error half-way. */
static int rooms_decode(const struct payload *payload, struct control_server *control)
{
    struct payload reader = *payload;
    struct control_room room;
    int result;

    control->rooms.count = payload_u16(&reader);
    if (reader.is_bad) {
        return -EBADMSG;
    }
    control->rooms.cursor = (struct control_rooms_cursor){
        .data = reader.data,
        .size = reader.size,
        .pos = reader.pos,
        .left = control->rooms.count,
    };
    struct control_rooms_cursor walk = control->rooms.cursor;

    do {
        result = control_rooms_next(&walk, &room);
    } while (result == 1);
    return result;
}

int control_decode_server(const struct frame *frame, struct control_server *control)
{
    struct payload payload = {.data = frame->payload, .size = frame->payload_bytes};

    memset(control, 0, sizeof *control);
    control->id = (enum roomd_server_packet)frame->id;
    switch (frame->id) {
    case ROOMD_S_WELCOME:
        control->welcome.version = payload_u16(&payload);
        control->welcome.player = payload_u32(&payload);
        control->welcome.now_ms = payload_u64(&payload);
        return payload_end(&payload);
    case ROOMD_S_JOINED:
        control->joined.room_id = payload_u32(&payload);
        control->joined.room = payload_name(&payload);
        control->joined.content = payload_name(&payload);
        control->joined.tick_ms = payload_u16(&payload);
        return payload_end(&payload);
    case ROOMD_S_LEFT:
        control->left.reason = payload_u16(&payload);
        return payload_end(&payload);
    case ROOMD_S_ROOMS:
        return rooms_decode(&payload, control);
    case ROOMD_S_PONG:
        control->pong.token = payload_u64(&payload);
        control->pong.now_ms = payload_u64(&payload);
        return payload_end(&payload);
    case ROOMD_S_PING:
        control->ping.token = payload_u64(&payload);
        return payload_end(&payload);
    case ROOMD_S_RESYNC:
        control->resync.packets = payload_u32(&payload);
        control->resync.bytes = payload_u32(&payload);
        return payload_end(&payload);
    case ROOMD_S_ERROR:
        control->error.code = payload_u16(&payload);
        control->error.text = payload_text(&payload);
        return payload_end(&payload);
    case ROOMD_S_KICK:
        control->kick.reason = payload_u16(&payload);
        control->kick.text = payload_text(&payload);
        return payload_end(&payload);
    default:
        return -ENOENT;
    }
}

size_t control_put_hello(uint8_t *out, uint16_t version, uint16_t flags, const void *ticket,
                         size_t ticket_bytes)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;

    CHECK(ticket_bytes <= ROOMD_PAYLOAD_BYTES_MAX - 6);
    roomd_put_u16(payload, version);
    roomd_put_u16(payload + 2, flags);
    roomd_put_u16(payload + 4, (uint16_t)ticket_bytes);
    if (ticket_bytes > 0) {
        memcpy(payload + 6, ticket, ticket_bytes);
    }
    return payload_finish(out, ROOMD_C_HELLO, payload + 6 + ticket_bytes);
}

size_t control_put_join(uint8_t *out, const char *room)
{
    return payload_finish(out, ROOMD_C_JOIN, payload_put_name(out + ROOMD_FRAME_HEADER_BYTES, room));
}

size_t control_put_leave(uint8_t *out)
{
    return payload_finish(out, ROOMD_C_LEAVE, out + ROOMD_FRAME_HEADER_BYTES);
}

size_t control_put_rooms(uint8_t *out)
{
    return payload_finish(out, ROOMD_C_ROOMS, out + ROOMD_FRAME_HEADER_BYTES);
}

static size_t put_token(uint8_t *out, uint16_t id, uint64_t token)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;

    roomd_put_u64(payload, token);
    return payload_finish(out, id, payload + 8);
}

size_t control_put_ping(uint8_t *out, uint64_t token)
{
    return put_token(out, ROOMD_C_PING, token);
}

size_t control_put_client_pong(uint8_t *out, uint64_t token)
{
    return put_token(out, ROOMD_C_PONG, token);
}

size_t control_put_create(uint8_t *out, const char *template_name, const char *name)
{
    uint8_t *next = payload_put_name(out + ROOMD_FRAME_HEADER_BYTES, template_name);

    return payload_finish(out, ROOMD_C_CREATE, payload_put_name(next, name));
}
