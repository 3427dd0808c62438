#include "wire/control.h"

#include "base/check.h"
#include "wire/names.h"
#include "wire/payload.h"
#include "wire/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int hello_decode(struct payload *payload, struct control *control)
{
    control->hello.version = payload_u16(payload);
    if (!payload->is_bad && control->hello.version != ROOMD_WIRE_VERSION) {
        return 0;
    }
    control->hello.flags = payload_u16(payload);
    control->hello.ticket_bytes = payload_u16(payload);
    control->hello.ticket = payload_bytes(payload, control->hello.ticket_bytes);
    return payload_end(payload);
}

int control_decode(const struct frame *frame, struct control *control)
{
    struct payload payload = {.data = frame->payload, .size = frame->payload_bytes};

    memset(control, 0, sizeof *control);
    control->id = (enum roomd_client_packet)frame->id;
    switch (frame->id) {
    case ROOMD_C_HELLO:
        return hello_decode(&payload, control);
    case ROOMD_C_JOIN:
        control->join.room = payload_name(&payload);
        return payload_end(&payload);
    case ROOMD_C_LEAVE:
    case ROOMD_C_ROOMS:
        return payload_end(&payload);
    case ROOMD_C_PING:
    case ROOMD_C_PONG:
        control->ping.token = payload_u64(&payload);
        return payload_end(&payload);
    case ROOMD_C_CREATE:
        control->create.template_name = payload_name(&payload);
        control->create.name = payload_name(&payload);
        return payload_end(&payload);
    default:
        return -ENOENT;
    }
}

size_t control_put_welcome(uint8_t *out, uint32_t player, uint64_t now_ms)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;

    roomd_put_u16(payload, ROOMD_WIRE_VERSION);
    roomd_put_u32(payload + 2, player);
    roomd_put_u64(payload + 6, now_ms);
    return payload_finish(out, ROOMD_S_WELCOME, payload + 14);
}

size_t control_put_joined(uint8_t *out, uint32_t room_id, const char *room, const char *content,
                          uint32_t tick_ms)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;

    roomd_put_u32(payload, room_id);
    payload = payload_put_name(payload + 4, room);
    payload = payload_put_name(payload, content);
    roomd_put_u16(payload, (uint16_t)(tick_ms < UINT16_MAX ? tick_ms : UINT16_MAX));
    return payload_finish(out, ROOMD_S_JOINED, payload + 2);
}

size_t control_put_left(uint8_t *out, enum roomd_leave_reason reason)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;

    roomd_put_u16(payload, (uint16_t)reason);
    return payload_finish(out, ROOMD_S_LEFT, payload + 2);
}

size_t control_put_pong(uint8_t *out, uint64_t token, uint64_t now_ms)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;

    roomd_put_u64(payload, token);
    roomd_put_u64(payload + 8, now_ms);
    return payload_finish(out, ROOMD_S_PONG, payload + 16);
}

size_t control_put_server_ping(uint8_t *out, uint64_t token)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;

    roomd_put_u64(payload, token);
    return payload_finish(out, ROOMD_S_PING, payload + 8);
}

size_t control_put_resync(uint8_t *out, uint32_t packets, uint32_t bytes)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;

    roomd_put_u32(payload, packets);
    roomd_put_u32(payload + 4, bytes);
    return payload_finish(out, ROOMD_S_RESYNC, payload + 8);
}

/* S_ERROR and S_KICK are of one shape: a number and a text. */
static size_t put_notice(uint8_t *out, uint16_t id, uint16_t number, const char *text)
{
    uint8_t *payload = out + ROOMD_FRAME_HEADER_BYTES;
    const size_t text_bytes =
        utf8_copy(payload + 4, CONTROL_TEXT_BYTES_MAX, (const uint8_t *)text, strlen(text));

    roomd_put_u16(payload, number);
    roomd_put_u16(payload + 2, (uint16_t)text_bytes);
    return payload_finish(out, id, payload + 4 + text_bytes);
}

size_t control_put_error(uint8_t *out, enum roomd_error code, const char *text)
{
    return put_notice(out, ROOMD_S_ERROR, (uint16_t)code, text == NULL ? error_text(code) : text);
}

size_t control_put_kick(uint8_t *out, enum roomd_close_reason reason, const char *text)
{
    char composed[CONTROL_TEXT_BYTES_MAX + 1];

    if (text == NULL) {
        snprintf(composed, sizeof composed, "%s: %s", close_reason_name(reason), close_reason_text(reason));
        text = composed;
    }
    return put_notice(out, ROOMD_S_KICK, (uint16_t)reason, text);
}

void control_rooms_init(struct control_rooms *rooms, uint8_t *out, size_t size_max)
{
    CHECK(size_max >= CONTROL_ROOMS_BYTES_MIN);
    *rooms = (struct control_rooms){
        .out = out,
        .size_max = size_max < ROOMD_FRAME_BYTES_MAX ? size_max : ROOMD_FRAME_BYTES_MAX,
        .used = CONTROL_ROOMS_BYTES_MIN,
    };
}

bool control_rooms_add(struct control_rooms *rooms, const char *room, const char *content, uint32_t players,
                       uint32_t capacity)
{
    const size_t bytes = 2 + payload_name_bytes(room) + 2 + payload_name_bytes(content) + 4 + 4;

    CHECK(rooms->used <= rooms->size_max);
    if (bytes > rooms->size_max - rooms->used) {
        return false;
    }
    uint8_t *next = payload_put_name(rooms->out + rooms->used, room);

    next = payload_put_name(next, content);
    roomd_put_u32(next, players);
    roomd_put_u32(next + 4, capacity);
    rooms->used += bytes;
    rooms->count++; /* can't wrap: 65,535 bytes hold fewer than 5,000 rooms */
    return true;
}

size_t control_rooms_finish(struct control_rooms *rooms)
{
    roomd_put_u16(rooms->out + ROOMD_FRAME_HEADER_BYTES, rooms->count);
    return payload_finish(rooms->out, ROOMD_S_ROOMS, rooms->out + rooms->used);
}
