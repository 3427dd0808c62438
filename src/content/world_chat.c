/*
 * What players say, and what the server and NPCs say to them.
 *
 * Each may say SAY_BURST texts at once and one more every SAY_EVERY_MS: what one sends reaches many, or one as often as
 * one likes, so that a flood of it would cost others more than the one that makes it. Talk is no part of the view:
 * where it can't be sent it is lost, and nobody's snapshot is due for that.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "content/world.h"
#include "content/world_text.h"

enum {
    SAY_HEAD_BYTES = 7,
    SAID_HEAD_BYTES = 7,
    ANNOUNCE_BYTES_MAX = 1024,
    SAY_EVERY_MS = 250,
    SAY_BURST = 20
};

/* S_Said in world->payload; returns its bytes. */
static size_t chat_put(struct world *world, uint32_t speaker, enum roomd_say how, const void *text,
                       size_t text_bytes)
{
    uint8_t *out = world->payload;

    roomd_put_u32(out, speaker);
    out[4] = (uint8_t)how;
    roomd_put_u16(out + 5, (uint16_t)text_bytes);
    memcpy(out + SAID_HEAD_BYTES, text, text_bytes);
    return SAID_HEAD_BYTES + text_bytes;
}

static int chat_send(struct world *world, const struct player *player, size_t bytes)
{
    return world->host->send(world->room, player->session, ROOMD_S_SAID, world->payload, bytes, 0);
}

static void chat_whisper(struct world *world, struct player *player, uint32_t to, const void *text,
                         size_t text_bytes)
{
    struct player *other = world_find_player(world, to);
    size_t bytes;

    if (other == NULL) {
        world_refuse(world, player, ROOMD_ERROR_NO_SUCH_PLAYER);
        return;
    }
    bytes = chat_put(world, player->entity.id, ROOMD_WHISPER, text, text_bytes);
    if (chat_send(world, other, bytes) < 0) {
        world_refuse(world, player, ROOMD_ERROR_REFUSED);
    } else if (other != player) {
        chat_send(world, player, bytes);
    }
}

static bool chat_may_speak(const struct world *world, struct player *player)
{
    uint64_t from_ms = player->say_ready_ms > world->now_ms ? player->say_ready_ms : world->now_ms;

    if (from_ms - world->now_ms > (SAY_BURST - 1) * SAY_EVERY_MS) {
        return false;
    }
    player->say_ready_ms = from_ms + SAY_EVERY_MS;
    return true;
}

static enum roomd_error chat_check(uint8_t how, const uint8_t *text, size_t text_bytes)
{
    if (how > ROOMD_WHISPER || text_bytes == 0) {
        return ROOMD_ERROR_REFUSED;
    }
    if (text_bytes > ROOMD_SAY_BYTES_MAX) {
        return ROOMD_ERROR_TOO_LONG;
    }
    return text_is_printable((const char *)text, text_bytes) ? ROOMD_ERROR_NONE : ROOMD_ERROR_REFUSED;
}

enum roomd_packet_result world_chat_say(struct world *world, struct player *player, const uint8_t *payload,
                                        size_t bytes)
{
    if (bytes < SAY_HEAD_BYTES || roomd_get_u16(payload + 5) != bytes - SAY_HEAD_BYTES) {
        return ROOMD_PACKET_MALFORMED;
    }
    const uint8_t *text = payload + SAY_HEAD_BYTES;
    size_t text_bytes = bytes - SAY_HEAD_BYTES;
    enum roomd_error error = chat_check(payload[0], text, text_bytes);

    if (error == ROOMD_ERROR_NONE && !chat_may_speak(world, player)) {
        error = ROOMD_ERROR_TOO_SOON;
    }
    if (error != ROOMD_ERROR_NONE) {
        world_refuse(world, player, error);
        return ROOMD_PACKET_OK;
    }
    if (payload[0] == ROOMD_WHISPER) {
        chat_whisper(world, player, roomd_get_u32(payload + 1), text, text_bytes);
        return ROOMD_PACKET_OK;
    }
    bytes = chat_put(world, player->entity.id, (enum roomd_say)payload[0], text, text_bytes);
    if (payload[0] == ROOMD_SAY) {
        world_tell(world, &player->entity, ROOMD_S_SAID, world->payload, bytes);
    } else if (world->host->broadcast(world->room, ROOMD_S_SAID, world->payload, bytes, 0) < 0) {
        world_refuse(world, player, ROOMD_ERROR_NO_MEMORY);
    }
    return ROOMD_PACKET_OK;
}

void world_chat_announce(struct world *world, const char *text)
{
    size_t text_bytes = strlen(text);

    if (text_bytes == 0 || text_bytes > ANNOUNCE_BYTES_MAX || !text_is_printable(text, text_bytes)) {
        world->host->log(world->room, "an announcement is not one line of 1 to 1,024 bytes of UTF-8");
        return;
    }
    world->host->broadcast(world->room, ROOMD_S_SAID, world->payload,
                           chat_put(world, 0, ROOMD_ANNOUNCE, text, text_bytes), 0);
}

void world_chat_tell(struct world *world, struct player *player, uint32_t npc, const char *text)
{
    uint8_t *payload = world->payload;

    if (text[0] == '\0') {
        return;
    }
    roomd_put_u32(payload, npc);
    payload[4] = ROOMD_TELL;
    chat_send(world, player, 5 + world_put_str(payload + 5, text));
}
