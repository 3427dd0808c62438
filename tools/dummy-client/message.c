#include "dummy-client/message.h"

#include "base/check.h"
#include "roomd/wire.h"

#include <stdio.h>

enum { HEAD_UNITS = 16, SENDER_DIGITS = 4, SEQUENCE_DIGITS = 4, TIME_DIGITS = 7 };
enum { SUFFIX_CHARACTERS_MAX = 17 }; /* " I am -2147483648" */

static const uint32_t chat_overhead_bytes = ROOMD_FRAME_HEADER_BYTES + 2;     /* header, length */
static const uint32_t said_overhead_bytes = ROOMD_FRAME_HEADER_BYTES + 4 + 2; /* header, player, length */

static uint8_t *put_unit(uint8_t *out, uint8_t character)
{
    out[0] = character;
    out[1] = 0;
    return out + 2;
}

static uint8_t *put_digits(uint8_t *out, uint64_t value, int digits)
{
    for (int shift = 6 * (digits - 1); shift >= 0; shift -= 6) {
        out = put_unit(out, (uint8_t)('0' + (value >> shift & 63)));
    }
    return out;
}

static bool get_digits(const uint8_t *in, int digits, uint64_t *value)
{
    uint64_t sum = 0;

    for (int i = 0; i < digits; i++) {
        uint8_t digit = (uint8_t)(in[2 * i] - '0');

        if (digit > 63 || in[2 * i + 1] != 0) {
            return false;
        }
        sum = sum << 6 | digit;
    }
    *value = sum;
    return true;
}

/* The padding's generator: a linear congruence, whose upper bits make the digits. */
static uint32_t padding_seed(uint32_t sender, uint32_t sequence)
{
    return sender * 0x9E3779B1u ^ sequence * 0x85EBCA77u;
}

static uint32_t padding_next(uint32_t state)
{
    return state * 1664525u + 1013904223u;
}

static uint8_t padding_character(uint32_t state)
{
    return (uint8_t)('0' + (state >> 26));
}

size_t message_frame_bytes(uint32_t text_bytes, bool is_from_server)
{
    return (is_from_server ? said_overhead_bytes : chat_overhead_bytes) + (size_t)text_bytes;
}

size_t message_encode(uint8_t *out, const struct message *message, uint32_t text_bytes, bool is_from_server)
{
    size_t size = message_frame_bytes(text_bytes, is_from_server);
    uint8_t *at = out + ROOMD_FRAME_HEADER_BYTES;

    roomd_put_u16(out, (uint16_t)size);
    roomd_put_u16(out + 2, is_from_server ? ROOMD_S_CHAT : ROOMD_C_CHAT);
    if (is_from_server) {
        roomd_put_u32(at, (uint32_t)message->player);
        at += 4;
    }
    roomd_put_u16(at, (uint16_t)text_bytes);
    at = put_unit(at + 2, '~');
    at = put_digits(at, message->sender, SENDER_DIGITS);
    at = put_digits(at, message->sequence, SEQUENCE_DIGITS);
    at = put_digits(at, message->sent_us, TIME_DIGITS);

    uint32_t state = padding_seed(message->sender, message->sequence);
    for (uint32_t unit = HEAD_UNITS; unit < text_bytes / 2; unit++) {
        state = padding_next(state);
        at = put_unit(at, padding_character(state));
    }
    return size;
}

static bool padding_is_right(const uint8_t *padding, uint32_t units, uint32_t sender, uint32_t sequence)
{
    uint32_t state = padding_seed(sender, sequence);

    for (uint32_t i = 0; i < units; i++) {
        state = padding_next(state);
        if (padding[2 * i] != padding_character(state) || padding[2 * i + 1] != 0) {
            return false;
        }
    }
    return true;
}

static bool suffix_is_right(const uint8_t *suffix, size_t size, int32_t player)
{
    char expected[SUFFIX_CHARACTERS_MAX + 1];
    int characters = snprintf(expected, sizeof(expected), " I am %d", (int)player);

    if (size != 2 * (size_t)characters) {
        return false;
    }
    for (int i = 0; i < characters; i++) {
        if (suffix[2 * i] != (uint8_t)expected[i] || suffix[2 * i + 1] != 0) {
            return false;
        }
    }
    return true;
}

static bool head_parse(struct message *message, const uint8_t *frame)
{
    const uint8_t *text = frame + said_overhead_bytes;
    uint64_t sender;
    uint64_t sequence;

    if (text[0] != '~' || text[1] != 0 || !get_digits(text + 2, SENDER_DIGITS, &sender) ||
        !get_digits(text + 10, SEQUENCE_DIGITS, &sequence) ||
        !get_digits(text + 18, TIME_DIGITS, &message->sent_us)) {
        return false;
    }
    message->sender = (uint32_t)sender;
    message->sequence = (uint32_t)sequence;
    message->player = (int32_t)roomd_get_u32(frame + 4);
    message->has_suffix = false;
    return true;
}

bool message_parse(struct message *message, const uint8_t *frame, size_t size, uint32_t text_bytes)
{
    if (size < (size_t)said_overhead_bytes + text_bytes || roomd_get_u16(frame) != size ||
        roomd_get_u16(frame + 2) != ROOMD_S_CHAT || roomd_get_u16(frame + 8) != size - said_overhead_bytes) {
        return false;
    }
    const uint8_t *text = frame + said_overhead_bytes;

    if (!head_parse(message, frame)) {
        return false;
    }
    if (!padding_is_right(text + 2 * HEAD_UNITS, text_bytes / 2 - HEAD_UNITS, message->sender,
                          message->sequence)) {
        return false;
    }
    message->has_suffix = size > (size_t)said_overhead_bytes + text_bytes;
    return !message->has_suffix ||
           suffix_is_right(text + text_bytes, size - said_overhead_bytes - text_bytes, message->player);
}

struct message message_head(const uint8_t *frame)
{
    struct message message;

    CHECK(head_parse(&message, frame));
    return message;
}
