#include "support/player.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/control.h"

void player_init(struct player *player, int fd)
{
    *player = (struct player){.fd = fd};
}

void player_hang_up(struct player *player)
{
    if (player->fd >= 0) {
        close(player->fd);
        player->fd = -1;
    }
}

void player_fini(struct player *player)
{
    player_hang_up(player);
    free(player->bytes);
    *player = (struct player){.fd = -1};
}

void player_send_bytes(struct player *player, const void *bytes, size_t size)
{
    assert_int_equal(send(player->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL), size);
}

void player_send(struct player *player, uint16_t id, const void *payload, size_t bytes)
{
    uint8_t frame[ROOMD_FRAME_BYTES_MAX];

    frame_put_header(frame, id, bytes);
    if (bytes > 0) {
        memcpy(frame + ROOMD_FRAME_HEADER_BYTES, payload, bytes);
    }
    player_send_bytes(player, frame, ROOMD_FRAME_HEADER_BYTES + bytes);
}

void player_say(struct player *player, uint16_t id, const char *text)
{
    player_send(player, id, text, strlen(text));
}

void player_hello(struct player *player)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    player_send_bytes(player, frame, control_put_hello(frame, ROOMD_WIRE_VERSION, 0, NULL, 0));
}

void player_join(struct player *player, const char *room)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    player_send_bytes(player, frame, control_put_join(frame, room));
}

void player_create(struct player *player, const char *template_name, const char *name)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    player_send_bytes(player, frame, control_put_create(frame, template_name, name));
}

void player_ask_for_rooms(struct player *player)
{
    player_send(player, ROOMD_C_ROOMS, NULL, 0);
}

void player_leave(struct player *player)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    player_send_bytes(player, frame, control_put_leave(frame));
}

static void player_make_place(struct player *player, size_t bytes)
{
    if (player->start > 0) {
        memmove(player->bytes, player->bytes + player->start, player->end - player->start);
    }
    player->end -= player->start;
    player->start = 0;
    if (player->capacity - player->end < bytes) {
        player->capacity = player->capacity * 2 + bytes;
        player->bytes = realloc(player->bytes, player->capacity);
        assert_non_null(player->bytes);
    }
}

size_t player_receive(struct player *player, size_t bytes_max)
{
    enum { PIECE_BYTES = 64 * 1024 };

    while (bytes_max > 0 && !player->is_ended) {
        size_t wanted = bytes_max < PIECE_BYTES ? bytes_max : PIECE_BYTES;

        if (player->capacity - player->end < wanted) {
            player_make_place(player, wanted);
        }

        ssize_t got = recv(player->fd, player->bytes + player->end, wanted, MSG_DONTWAIT);

        if (got < 0 && errno == EAGAIN) {
            break;
        }
        if (got <= 0) {
            player->is_ended = true;
            player->error = got < 0 ? errno : 0;
            break;
        }
        player->end += (size_t)got;
        bytes_max -= (size_t)got;
    }
    return player->end - player->start;
}

bool player_next(struct player *player, struct frame *frame)
{
    struct frame_cursor cursor = {.data = player->bytes, .size = player->end, .pos = player->start};
    enum frame_result result = frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, frame);

    if (result == FRAME_MORE && player->fd >= 0) {
        player_receive(player, SIZE_MAX);
        cursor = (struct frame_cursor){.data = player->bytes, .size = player->end, .pos = player->start};
        result = frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, frame);
    }
    assert_int_not_equal(result, FRAME_BAD);
    player->start = cursor.pos;
    return result == FRAME_OK;
}

static void player_take(struct player *player, uint16_t id, struct frame *frame)
{
    if (!player_next(player, frame)) {
        fail_msg("player %u was to get packet %#x and got none", player->number, id);
    }
    if (frame->id != id) {
        fail_msg("player %u was to get packet %#x and got %#x \"%.*s\"", player->number, id, frame->id,
                 frame->payload_bytes, (const char *)frame->payload);
    }
}

void player_expect(struct player *player, uint16_t id, const void *payload, size_t bytes)
{
    struct frame frame;

    player_take(player, id, &frame);
    if (frame.payload_bytes != bytes || (bytes > 0 && memcmp(frame.payload, payload, bytes) != 0)) {
        fail_msg("player %u was to get \"%.*s\" and got \"%.*s\"", player->number, (int)bytes,
                 (const char *)payload, frame.payload_bytes, (const char *)frame.payload);
    }
}

void player_expect_text(struct player *player, uint16_t id, const char *text)
{
    player_expect(player, id, text, strlen(text));
}

static void player_take_control(struct player *player, enum roomd_server_packet id,
                                struct control_server *control)
{
    struct frame frame;

    player_take(player, (uint16_t)id, &frame);
    assert_int_equal(control_decode_server(&frame, control), 0);
}

void player_expect_welcome(struct player *player)
{
    struct control_server control;

    player_take_control(player, ROOMD_S_WELCOME, &control);
    assert_int_equal(control.welcome.version, ROOMD_WIRE_VERSION);
    assert_int_equal(control.welcome.player, player->number);
}

void player_expect_joined(struct player *player, const char *room)
{
    struct control_server control;

    player_take_control(player, ROOMD_S_JOINED, &control);
    assert_int_equal(control.joined.room.size, strlen(room));
    assert_memory_equal(control.joined.room.bytes, room, strlen(room));
}

void player_expect_left(struct player *player, enum roomd_leave_reason reason)
{
    struct control_server control;

    player_take_control(player, ROOMD_S_LEFT, &control);
    assert_int_equal(control.left.reason, reason);
}

void player_expect_error(struct player *player, enum roomd_error code)
{
    struct control_server control;

    player_take_control(player, ROOMD_S_ERROR, &control);
    assert_int_equal(control.error.code, code);
}

void player_expect_kick(struct player *player, enum roomd_close_reason reason)
{
    struct control_server control;

    player_take_control(player, ROOMD_S_KICK, &control);
    assert_int_equal(control.kick.reason, reason);
    player_expect_end(player);
}

void player_expect_nothing(struct player *player)
{
    struct frame frame;

    if (player_next(player, &frame)) {
        fail_msg("player %u was to get nothing and got %#x \"%.*s\"", player->number, frame.id,
                 frame.payload_bytes, (const char *)frame.payload);
    }
    assert_int_equal(player->end - player->start, 0);
    assert_false(player->is_ended);
}

void player_expect_end(struct player *player)
{
    struct frame frame;

    if (player_next(player, &frame)) {
        fail_msg("player %u was to be at the end and got %#x", player->number, frame.id);
    }
    assert_int_equal(player->end - player->start, 0);
    assert_true(player->is_ended);
    assert_int_equal(player->error, 0);
}
