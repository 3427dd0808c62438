/*
 * The decoders of control packets, both sides. Whatever they accept must lie within the payload, must be
 * refused when it is one byte shorter or longer, and must come out of the encoder byte for byte.
 *
 * Input: u16 id, then the payload.
 */
#include "fuzz.h"

#include "wire/control.h"
#include "wire/utf8.h"

#include <errno.h>
#include <stdbool.h>

static void check_within(struct wire_str str, const struct frame *frame)
{
    if (str.size == 0) {
        return;
    }
    CHECK(str.bytes >= frame->payload);
    CHECK((size_t)(str.bytes - frame->payload) + str.size <= frame->payload_bytes);
}

/* A name that a decoder let through, terminated. */
static const char *check_name(char out[ROOMD_NAME_BYTES_MAX + 1], struct wire_str str,
                              const struct frame *frame)
{
    check_within(str, frame);
    CHECK(utf8_name_is_valid(str.bytes, str.size));
    memcpy(out, str.bytes, str.size);
    out[str.size] = '\0';
    CHECK(strlen(out) == str.size);
    return out;
}

static void check_encoded(const uint8_t *out, size_t out_bytes, const struct frame *frame)
{
    CHECK(out_bytes == ROOMD_FRAME_HEADER_BYTES + (size_t)frame->payload_bytes);
    CHECK(roomd_get_u16(out) == out_bytes);
    CHECK(roomd_get_u16(out + 2) == frame->id);
    CHECK(frame->payload_bytes == 0 ||
          memcmp(out + ROOMD_FRAME_HEADER_BYTES, frame->payload, frame->payload_bytes) == 0);
}

/* The packet again, made from what was decoded. */
static size_t encode_client(uint8_t *out, const struct control *control, const struct frame *frame)
{
    char name[ROOMD_NAME_BYTES_MAX + 1];
    char template_name[ROOMD_NAME_BYTES_MAX + 1];

    switch (control->id) {
    case ROOMD_C_HELLO:
        check_within((struct wire_str){control->hello.ticket, control->hello.ticket_bytes}, frame);
        return control_put_hello(out, control->hello.version, control->hello.flags, control->hello.ticket,
                                 control->hello.ticket_bytes);
    case ROOMD_C_JOIN:
        return control_put_join(out, check_name(name, control->join.room, frame));
    case ROOMD_C_LEAVE:
        return control_put_leave(out);
    case ROOMD_C_ROOMS:
        return control_put_rooms(out);
    case ROOMD_C_PING:
        return control_put_ping(out, control->ping.token);
    case ROOMD_C_PONG:
        return control_put_client_pong(out, control->ping.token);
    case ROOMD_C_CREATE:
        return control_put_create(out, check_name(template_name, control->create.template_name, frame),
                                  check_name(name, control->create.name, frame));
    }
    CHECK(false); /* an id that no client sends was decoded */
    return 0;
}

/* A notice with a text that the encoder would cut, or that a C string can't hold, is as good as checked. */
static size_t encode_notice(uint8_t *out, uint16_t id, uint16_t number, struct wire_str str,
                            const struct frame *frame)
{
    char text[CONTROL_TEXT_BYTES_MAX + 1];

    check_within(str, frame);
    CHECK(utf8_is_valid(str.bytes, str.size));
    if (str.size > CONTROL_TEXT_BYTES_MAX || (str.size > 0 && memchr(str.bytes, 0, str.size) != NULL)) {
        return 0;
    }
    if (str.size > 0) {
        memcpy(text, str.bytes, str.size);
    }
    text[str.size] = '\0';
    return id == ROOMD_S_ERROR ? control_put_error(out, (enum roomd_error)number, text)
                               : control_put_kick(out, (enum roomd_close_reason)number, text);
}

static size_t encode_rooms(uint8_t *out, const struct control_server *control, const struct frame *frame)
{
    struct control_rooms_cursor cursor = control->rooms.cursor;
    struct control_rooms rooms;
    struct control_room room;
    char name[ROOMD_NAME_BYTES_MAX + 1];
    char content[ROOMD_NAME_BYTES_MAX + 1];
    int result;

    control_rooms_init(&rooms, out, ROOMD_FRAME_BYTES_MAX);
    while ((result = control_rooms_next(&cursor, &room)) == 1) {
        CHECK(control_rooms_add(&rooms, check_name(name, room.room, frame),
                                check_name(content, room.content, frame), room.players, room.capacity));
    }
    CHECK(result == 0);
    CHECK(rooms.count == control->rooms.count);
    return control_rooms_finish(&rooms);
}

/* The packet again, or 0 when it is one that we would never send. */
static size_t encode_server(uint8_t *out, const struct control_server *control, const struct frame *frame)
{
    char room[ROOMD_NAME_BYTES_MAX + 1];
    char content[ROOMD_NAME_BYTES_MAX + 1];

    switch (control->id) {
    case ROOMD_S_WELCOME:
        if (control->welcome.version != ROOMD_WIRE_VERSION) {
            return 0;
        }
        return control_put_welcome(out, control->welcome.player, control->welcome.now_ms);
    case ROOMD_S_JOINED:
        return control_put_joined(out, control->joined.room_id, check_name(room, control->joined.room, frame),
                                  check_name(content, control->joined.content, frame),
                                  control->joined.tick_ms);
    case ROOMD_S_LEFT:
        return control_put_left(out, (enum roomd_leave_reason)control->left.reason);
    case ROOMD_S_ROOMS:
        return encode_rooms(out, control, frame);
    case ROOMD_S_PONG:
        return control_put_pong(out, control->pong.token, control->pong.now_ms);
    case ROOMD_S_PING:
        return control_put_server_ping(out, control->ping.token);
    case ROOMD_S_RESYNC:
        return control_put_resync(out, control->resync.packets, control->resync.bytes);
    case ROOMD_S_ERROR:
        return encode_notice(out, ROOMD_S_ERROR, control->error.code, control->error.text, frame);
    case ROOMD_S_KICK:
        return encode_notice(out, ROOMD_S_KICK, control->kick.reason, control->kick.text, frame);
    }
    CHECK(false); /* an id that no server sends was decoded */
    return 0;
}

static int decode_size(const struct frame *frame, size_t payload_bytes)
{
    struct control control;
    struct control_server server;
    uint8_t *payload = malloc(payload_bytes == 0 ? 1 : payload_bytes);

    CHECK(payload != NULL);
    memset(payload, 0, payload_bytes == 0 ? 1 : payload_bytes);
    if (payload_bytes > 0 && frame->payload_bytes > 0) {
        memcpy(payload, frame->payload,
               payload_bytes < frame->payload_bytes ? payload_bytes : frame->payload_bytes);
    }
    const struct frame other = {
        .id = frame->id, .payload_bytes = (uint16_t)payload_bytes, .payload = payload};
    const int from_client = control_decode(&other, &control);
    const int from_server = control_decode_server(&other, &server);

    free(payload);
    CHECK(from_client == -ENOENT || from_server == -ENOENT);
    return from_client == -ENOENT ? from_server : from_client;
}

/* No sound payload is the beginning of another. */
static void check_exact(const struct frame *frame)
{
    if (frame->payload_bytes > 0) {
        CHECK(decode_size(frame, frame->payload_bytes - 1u) == -EBADMSG);
    }
    if (frame->payload_bytes < ROOMD_PAYLOAD_BYTES_MAX) {
        CHECK(decode_size(frame, frame->payload_bytes + 1u) == -EBADMSG);
    }
}

static void check_frame(const struct frame *frame)
{
    static uint8_t out[ROOMD_FRAME_BYTES_MAX];
    struct control control;
    struct control_server server;
    const int from_client = control_decode(frame, &control);
    const int from_server = control_decode_server(frame, &server);

    CHECK(from_client == -ENOENT || from_server == -ENOENT);
    CHECK(from_client == 0 || from_client == -ENOENT || from_client == -EBADMSG);
    CHECK(from_server == 0 || from_server == -ENOENT || from_server == -EBADMSG);
    if (from_client == 0) {
        /* Of another version's C_HELLO nothing is known but the version. */
        if (control.id == ROOMD_C_HELLO && control.hello.version != ROOMD_WIRE_VERSION) {
            return;
        }
        check_encoded(out, encode_client(out, &control, frame), frame);
        check_exact(frame);
    }
    if (from_server == 0) {
        const size_t out_bytes = encode_server(out, &server, frame);

        if (out_bytes > 0) {
            check_encoded(out, out_bytes, frame);
        }
        check_exact(frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size - 2 > ROOMD_PAYLOAD_BYTES_MAX) {
        return 0;
    }
    uint8_t *payload = fuzz_copy(data + 2, size - 2);

    check_frame(&(struct frame){
        .id = roomd_get_u16(data), .payload_bytes = (uint16_t)(size - 2), .payload = payload});
    free(payload);
    return 0;
}
