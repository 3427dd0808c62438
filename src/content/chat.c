/*
 * The bundled content `chat`: what one says, everyone in the room is told, the speaker too. With `suffix =
 * yes` the text goes out as "<text> I am <player>", as the servers that roomd descends from do. Packets: enum
 * roomd_chat_packet.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "roomd/content.h"

extern const struct roomd_content roomd_content_chat;

enum { WSTR_HEAD_BYTES = 2, PLAYER_BYTES = 4, SUFFIX_CHARS_MAX = 32 };

struct chat {
    const struct roomd_host *host;
    struct roomd_room *room;
};

/* Where a packet is made, within one call: all rooms share it. */
static uint8_t scratch[ROOMD_PAYLOAD_BYTES_MAX];

static const struct roomd_option chat_options[] = {
    {.key = "suffix",
     .default_text = "no",
     .help = "each text goes out with ' I am PLAYER' behind it",
     .kind = ROOMD_OPTION_FLAG,
     .is_reloadable = 1},
    {.key = NULL},
};

static int chat_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    struct chat *chat = host->alloc(room, sizeof(*chat));

    if (chat == NULL) {
        return -ENOMEM;
    }
    chat->host = host;
    chat->room = room;
    *state = chat;
    return 0;
}

static void chat_close(void *state)
{
    (void)state; /* the room's memory goes with the room */
}

/* Nothing is remembered from one packet to the next. */
static int chat_save(void *state, void *out, size_t size, size_t *bytes)
{
    (void)state;
    (void)out;
    (void)size;
    *bytes = 0;
    return 0;
}

static int chat_restore(const struct roomd_host *host, struct roomd_room *room, const void *bytes,
                        size_t size, void **state)
{
    (void)bytes;
    return size == 0 ? chat_open(host, room, state) : -EINVAL;
}

/* Writes " I am <player>" in UTF-16LE and returns its length in bytes. */
static size_t chat_put_suffix(uint8_t *out, uint32_t player)
{
    char text[SUFFIX_CHARS_MAX];
    size_t chars = (size_t)snprintf(text, sizeof(text), " I am %u", player);

    for (size_t i = 0; i < chars; i++) {
        roomd_put_u16(out + 2 * i, (uint16_t)text[i]);
    }
    return 2 * chars;
}

static enum roomd_packet_result chat_say(struct chat *chat, uint64_t session, const uint8_t *payload,
                                         size_t bytes)
{
    size_t text_bytes = bytes - WSTR_HEAD_BYTES;
    size_t fixed_bytes = PLAYER_BYTES + WSTR_HEAD_BYTES;
    uint32_t player = chat->host->player_id(chat->room, session);
    uint8_t suffix[2 * SUFFIX_CHARS_MAX];
    size_t suffix_bytes = 0;

    if (strcmp(chat->host->option(chat->room, "suffix"), "yes") == 0) {
        suffix_bytes = chat_put_suffix(suffix, player);
    }
    if (fixed_bytes + text_bytes + suffix_bytes > ROOMD_PAYLOAD_BYTES_MAX) {
        chat->host->refuse(chat->room, session, ROOMD_ERROR_TOO_LONG, NULL);
        return ROOMD_PACKET_OK;
    }
    roomd_put_u32(scratch, player);
    roomd_put_u16(scratch + PLAYER_BYTES, (uint16_t)(text_bytes + suffix_bytes));
    memcpy(scratch + fixed_bytes, payload + WSTR_HEAD_BYTES, text_bytes);
    memcpy(scratch + fixed_bytes + text_bytes, suffix, suffix_bytes);
    if (chat->host->broadcast(chat->room, ROOMD_S_CHAT, scratch, fixed_bytes + text_bytes + suffix_bytes, 0) <
        0) {
        chat->host->refuse(chat->room, session, ROOMD_ERROR_NO_MEMORY, NULL);
    }
    return ROOMD_PACKET_OK;
}

static enum roomd_packet_result chat_packet(void *state, uint64_t session, uint16_t id,
                                            const uint8_t *payload, size_t bytes)
{
    if (id != ROOMD_C_CHAT) {
        return ROOMD_PACKET_UNKNOWN;
    }
    if (bytes < WSTR_HEAD_BYTES || roomd_get_u16(payload) != bytes - WSTR_HEAD_BYTES || bytes % 2 != 0) {
        return ROOMD_PACKET_MALFORMED;
    }
    return chat_say(state, session, payload, bytes);
}

const struct roomd_content roomd_content_chat = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(roomd_content_chat),
    .name = "chat",
    .open = chat_open,
    .close = chat_close,
    .packet = chat_packet,
    .options = chat_options,
    .save = chat_save,
    .restore = chat_restore,
};
