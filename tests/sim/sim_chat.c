/*
 * Numbered texts. Of each sender a reader must see, in one visit of that sender's: numbers that go up by one, from the
 * first that was said after the reader had come in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim/sim_clients.h"

enum { TEXT_HEAD_BYTES = 24, TEXT_MAGIC = 0x6D697374, FILL_MAX = 3600 };

static uint8_t fill_byte(const uint8_t *head, size_t i)
{
    return (uint8_t)(hash_bytes(head, TEXT_HEAD_BYTES) + i * 7);
}

void sim_chat_say(struct sim_client *client)
{
    uint8_t payload[2 + TEXT_HEAD_BYTES + FILL_MAX];
    uint8_t *text = payload + 2;
    size_t fill =
        (size_t)sim_client_draw(client, sim_client_draw(client, 20) == 0 ? FILL_MAX : 60) & ~(size_t)1;

    client->texts++;
    client->said_ns[client->texts % SIM_SAID_MAX] = sim_kernel.now_ns;
    roomd_put_u16(payload, (uint16_t)(TEXT_HEAD_BYTES + fill));
    roomd_put_u32(text, TEXT_MAGIC);
    roomd_put_u32(text + 4, client->index);
    roomd_put_u32(text + 8, client->connection);
    roomd_put_u32(text + 12, client->visit);
    roomd_put_u32(text + 16, client->texts);
    roomd_put_u32(text + 20, (uint32_t)fill);
    for (size_t i = 0; i < fill; i++) {
        text[TEXT_HEAD_BYTES + i] = fill_byte(text, i);
    }
    sim_client_put_packet(client, ROOMD_C_CHAT, payload, 2 + TEXT_HEAD_BYTES + fill);
    client->crowd->totals.texts_said++;
}

void sim_chat_begin(struct sim_client *client)
{
    memset(client->tracks, 0, client->crowd->count * sizeof(client->tracks[0]));
}

void sim_chat_resync(struct sim_client *client)
{
    sim_chat_begin(client);
    client->joined_ns = sim_kernel.now_ns;
    client->has_missed = false;
}

static bool track_is_of(const struct sim_track *track, const struct sim_track *now)
{
    return track->connection == now->connection && track->visit == now->visit;
}

/* `now` is what it hears, or should have heard by now. */
static void chat_fail(const struct sim_client *client, const struct sim_client *sender,
                      const struct sim_track *track, const struct sim_track *now)
{
    fail_msg(
        "client %u (player %u) in %s is to hear client %u (kind %d): text %u of visit %u of connection %u, "
        "after "
        "text %u of visit %u of connection %u; the reader came at %llu, the text before was said at %llu",
        client->index, client->player, client->room, sender->index, sender->kind, now->text, now->visit,
        now->connection, track->text, track->visit, track->connection, (unsigned long long)client->joined_ns,
        (unsigned long long)sender->said_ns[(now->text - 1) % SIM_SAID_MAX]);
}

static void chat_check_number(struct sim_client *client, const struct sim_client *sender,
                              const struct sim_track *now)
{
    struct sim_track *track = &client->tracks[sender->index];
    bool is_lossy = client->crowd->is_lossy;

    if (now->connection > sender->connection || now->text == 0) {
        chat_fail(client, sender, track, now);
    }
    if (track_is_of(track, now)) {
        if (is_lossy ? now->text <= track->text : now->text != track->text + 1) {
            chat_fail(client, sender, track, now);
        }
    } else {
        bool is_backward = now->connection < track->connection ||
                           (now->connection == track->connection && now->visit < track->visit);
        bool is_current = now->connection == sender->connection && now->visit == sender->visit &&
                          sender->texts - now->text < SIM_SAID_MAX - 2;
        bool has_missed = is_current && now->text > 1 && !is_lossy &&
                          sender->said_ns[(now->text - 1) % SIM_SAID_MAX] >= client->joined_ns;

        if (is_backward || has_missed) {
            chat_fail(client, sender, track, now);
        }
    }
    *track = *now;
}

void sim_chat_read(struct sim_client *client, const struct frame *frame)
{
    const struct sim_crowd *crowd = client->crowd;
    const uint8_t *text = frame->payload + 6;
    const struct sim_client *sender;
    struct sim_track now;
    uint32_t fill;

    assert_int_equal(frame->id, ROOMD_S_CHAT);
    assert_true(frame->payload_bytes >= 6);
    assert_int_equal(roomd_get_u16(frame->payload + 4), frame->payload_bytes - 6);
    if (frame->payload_bytes < 6 + TEXT_HEAD_BYTES || roomd_get_u32(text) != TEXT_MAGIC) {
        return; /* of somebody who is not honest */
    }
    assert_in_range(roomd_get_u32(text + 4), 0, crowd->count - 1);
    sender = &crowd->clients[roomd_get_u32(text + 4)];
    fill = roomd_get_u32(text + 20);
    assert_in_range(fill, 0, frame->payload_bytes - 6u - TEXT_HEAD_BYTES);
    for (size_t i = 0; i < fill; i++) {
        assert_int_equal(text[TEXT_HEAD_BYTES + i], fill_byte(text, i));
    }
    now = (struct sim_track){.connection = roomd_get_u32(text + 8),
                             .visit = roomd_get_u32(text + 12),
                             .text = roomd_get_u32(text + 16)};
    if (sender->player != 0 && now.connection == sender->connection) {
        assert_int_equal(roomd_get_u32(frame->payload), sender->player);
    }
    if (client->kind == SIM_LEGACY && client->joined_ns == UINT64_MAX && sender == client) {
        assert_int_equal(now.text, 1);
        client->joined_ns = sim_kernel.now_ns;
    }
    client->crowd->totals.texts_read++;
    chat_check_number(client, sender, &now);
}

void sim_chat_end(struct sim_client *client)
{
    const struct sim_track *track = &client->tracks[client->index];
    struct sim_track last = {.connection = client->connection, .visit = client->visit, .text = client->texts};

    /* A room that skips may have left out the last that it was still owed of the room before: S_RESYNC is to follow. */
    if (sim_is_honest(client->kind) && client->texts > 0 && !client->crowd->is_lossy &&
        client->said_ns[client->texts % SIM_SAID_MAX] >= client->joined_ns &&
        strcmp(client->content, "chat") == 0 && memcmp(track, &last, sizeof(last)) != 0) {
        client->has_missed = true;
    }
}

/* Nothing that was said in a healthy reader's room since it came in may be on its way still. */
void sim_chat_check_complete(const struct sim_client *client)
{
    const struct sim_crowd *crowd = client->crowd;

    if (client->has_missed && !client->socket->is_hurt) {
        fail_msg("client %u (player %u) left a room without what it had said there, and was not told so",
                 client->index, client->player);
    }
    if (!sim_is_honest(client->kind) || client->state != SIM_INSIDE || client->socket->is_hurt ||
        strcmp(client->content, "chat") != 0) {
        return;
    }
    for (uint32_t i = 0; i < crowd->count; i++) {
        const struct sim_client *sender = &crowd->clients[i];
        struct sim_track last = {
            .connection = sender->connection, .visit = sender->visit, .text = sender->texts};

        /* One that never says C_HELLO does not know that it is inside before it has heard itself. */
        if (!sim_is_honest(sender->kind) || sender->joined_ns == UINT64_MAX || sender->state != SIM_INSIDE ||
            sender->socket->is_hurt || strcmp(sender->room, client->room) != 0 || sender->texts == 0 ||
            sender->said_ns[sender->texts % SIM_SAID_MAX] < client->joined_ns) {
            continue;
        }
        if (memcmp(&client->tracks[i], &last, sizeof(last)) != 0) {
            chat_fail(client, sender, &client->tracks[i], &last);
        }
    }
}
