/*
 * What players say in a room of `chat`. What is well formed is told to everyone, with the speaker's id and the suffix
 * if the room has one; what would not fit is refused; what is not well formed reaches nobody.
 *
 * The payload is offered as a saved state too, of which there is none but the empty one.
 *
 * Input: u8 how, u16 id, then the payload. how: bit 0: the room has suffixes; bit 1: what stands behind the payload's
 * first u16 is repeated until it is as long as that says, so that long texts make small inputs; bit 2: memory is short.
 */
#include "fuzz.h"

#include "content/bundled.h"
#include "support/fake_room.h"

#include <errno.h>
#include <stdio.h>

enum { HEAD_BYTES = 3, S_CHAT_HEAD_BYTES = 6, SUFFIX_BYTES_MAX = 64 };

static uint8_t *make_payload(const uint8_t *bytes, size_t size, int is_repeated, size_t *payload_bytes)
{
    const size_t text_bytes = size > 2 && is_repeated ? roomd_get_u16(bytes) : 0;
    uint8_t *payload;

    if (text_bytes == 0 || text_bytes > ROOMD_PAYLOAD_BYTES_MAX - 2) {
        *payload_bytes = size;
        return fuzz_copy(bytes, size);
    }
    payload = malloc(2 + text_bytes);
    CHECK(payload != NULL);
    memcpy(payload, bytes, 2);
    for (size_t i = 0; i < text_bytes; i++) {
        payload[2 + i] = bytes[2 + i % (size - 2)];
    }
    *payload_bytes = 2 + text_bytes;
    return payload;
}

static size_t make_suffix(uint8_t out[SUFFIX_BYTES_MAX], uint32_t player)
{
    char text[SUFFIX_BYTES_MAX / 2];
    const size_t chars = (size_t)snprintf(text, sizeof(text), " I am %u", player);

    for (size_t i = 0; i < chars; i++) {
        out[2 * i] = (uint8_t)text[i];
        out[2 * i + 1] = 0;
    }
    return 2 * chars;
}

static int is_well_formed(uint16_t id, const uint8_t *payload, size_t bytes)
{
    return id == ROOMD_C_CHAT && bytes >= 2 && bytes % 2 == 0 && roomd_get_u16(payload) == bytes - 2;
}

/* What both have heard of `speaker`: the text, and the suffix behind it. */
static void check_heard(struct fake_room *room, const uint64_t players[2], const uint8_t *text,
                        size_t text_bytes, const uint8_t *suffix, size_t suffix_bytes)
{
    for (int i = 0; i < 2; i++) {
        struct fake_packet packet;

        CHECK(fake_next(room, players[i], &packet) && packet.id == ROOMD_S_CHAT);
        CHECK(packet.bytes == S_CHAT_HEAD_BYTES + text_bytes + suffix_bytes);
        CHECK(roomd_get_u32(packet.payload) == fake_player_id(room, players[0]));
        CHECK(roomd_get_u16(packet.payload + 4) == text_bytes + suffix_bytes);
        CHECK(memcmp(packet.payload + S_CHAT_HEAD_BYTES, text, text_bytes) == 0);
        CHECK(memcmp(packet.payload + S_CHAT_HEAD_BYTES + text_bytes, suffix, suffix_bytes) == 0);
    }
}

static void check_said(struct fake_room *room, uint8_t how, uint16_t id, const uint8_t *payload, size_t bytes)
{
    const uint64_t players[2] = {fake_enter(room), fake_enter(room)};
    uint8_t suffix[SUFFIX_BYTES_MAX];
    const size_t suffix_bytes = how & 1 ? make_suffix(suffix, fake_player_id(room, players[0])) : 0;
    struct fake_packet packet;

    fake_fail_append(room, how & 4 ? 1 : 0);
    const enum roomd_packet_result result = fake_send(room, players[0], id, payload, bytes);
    const enum roomd_error error = fake_take_error(room, players[0]);

    fake_flush(room);
    if (!is_well_formed(id, payload, bytes)) {
        CHECK(result == (id == ROOMD_C_CHAT ? ROOMD_PACKET_MALFORMED : ROOMD_PACKET_UNKNOWN));
        CHECK(error == ROOMD_ERROR_NONE);
    } else {
        const int fits = S_CHAT_HEAD_BYTES + bytes - 2 + suffix_bytes <= ROOMD_PAYLOAD_BYTES_MAX;

        CHECK(result == ROOMD_PACKET_OK);
        CHECK(error == (!fits ? ROOMD_ERROR_TOO_LONG : how & 4 ? ROOMD_ERROR_NO_MEMORY : ROOMD_ERROR_NONE));
        if (error == ROOMD_ERROR_NONE) {
            check_heard(room, players, payload + 2, bytes - 2, suffix, suffix_bytes);
        }
    }
    CHECK(!fake_next(room, players[0], &packet) && !fake_next(room, players[1], &packet));
}

/* Nothing is saved, so nothing else is taken back. */
static void check_restored(struct fake_room *room, const uint8_t *bytes, size_t size)
{
    void *state = NULL;

    CHECK(roomd_content_chat.restore(&fake_host, fake_handle(room), bytes, size, &state) ==
          (size == 0 ? 0 : -EINVAL));
    CHECK(roomd_content_chat.restore(&fake_host, fake_handle(room), bytes, 0, &state) == 0 && state != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const options[] = {"suffix", "yes", NULL};
    size_t bytes;

    if (size < HEAD_BYTES || size - HEAD_BYTES > ROOMD_PAYLOAD_BYTES_MAX) {
        return 0;
    }
    uint8_t *payload = make_payload(data + HEAD_BYTES, size - HEAD_BYTES, data[0] & 2, &bytes);
    struct fake_room *room = fake_room_open(&roomd_content_chat, data[0] & 1 ? options : NULL);

    check_said(room, data[0], roomd_get_u16(data + 1), payload, bytes);
    check_restored(room, payload, bytes);
    fake_room_close(room);
    free(payload);
    return 0;
}
