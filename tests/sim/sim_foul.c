/* Those who do what an honest client never would. Nothing is promised to them but that what they do read is right. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "roomd/world.h"
#include "sim/sim_clients.h"

enum { FOUL_BURST = 50, FOUL_READ_BYTES = 64, FLOOD_BYTES = 16384 };

static uint64_t some_ms(struct sim_client *client, uint64_t ms)
{
    return (1 + sim_client_draw(client, ms)) * NS_PER_MS;
}

static const char *foul_room(struct sim_client *client)
{
    static const char *const rooms[] = {"lobby", "hall", "cellar", "town", "field"};

    return rooms[sim_client_draw(client, sizeof(rooms) / sizeof(rooms[0]))];
}

static void foul_enter(struct sim_client *client)
{
    sim_client_put_hello(client);
    sim_client_put_join(client, foul_room(client));
}

/* A content's packet of any id and size, whose inside means nothing. */
static void foul_put_nonsense(struct sim_client *client)
{
    uint8_t payload[600];
    size_t size = (size_t)sim_client_draw(client, sizeof(payload));
    uint16_t id = (uint16_t)sim_client_draw(client, sim_client_draw(client, 4) == 0 ? 65536 : 24);

    for (size_t i = 0; i < size; i++) {
        payload[i] = (uint8_t)sim_client_draw(client, 256);
    }
    sim_client_put_packet(client, id, payload, size);
}

static void garbage_act(struct sim_client *client)
{
    switch (sim_client_draw(client, 8)) {
    case 0: {
        uint8_t bytes[64];

        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)sim_client_draw(client, 256);
        }
        sim_client_put(client, bytes, (size_t)sim_client_draw(client, sizeof(bytes)));
        break;
    }
    case 1:
        sim_client_put_packet(client, (uint16_t)(ROOMD_ENGINE_ID_FIRST + sim_client_draw(client, 16)),
                              "\1\0\0\0", (size_t)sim_client_draw(client, 5));
        break;
    case 2:
        foul_enter(client);
        break;
    default:
        foul_put_nonsense(client);
        break;
    }
}

/* All of it is well formed, but for one in a thousand. */
static void flooder_act(struct sim_client *client)
{
    static const uint8_t move[12];
    uint8_t text[2 + 200] = {0};
    bool is_in_chat = client->player == 0 || strcmp(client->content, "chat") == 0;

    for (int i = 0; i < FOUL_BURST && client->out.end - client->out.start < FLOOD_BYTES; i++) {
        size_t chars = 2 * (size_t)sim_client_draw(client, 100);

        if (sim_client_draw(client, 1000) == 0) {
            foul_put_nonsense(client);
        } else if (is_in_chat) {
            roomd_put_u16(text, (uint16_t)chars);
            sim_client_put_packet(client, ROOMD_C_CHAT, text, 2 + chars);
        } else {
            sim_client_put_packet(client, ROOMD_C_MOVE, move, sizeof(move));
        }
    }
}

/* A whole hello, a whole join, then a frame that never ends: a byte now and then. */
static void dribbler_act(struct sim_client *client)
{
    struct sim_bytes *out = &client->out;

    if (out->start == out->end) {
        foul_enter(client);
        sim_client_put(client, "\xFF\x0F\1\0", 4);
    }
    if (!client->is_done && sim_send(client->socket, out->bytes + out->start, 1) == 1) {
        out->start++;
    }
}

static bool foul_read(struct sim_client *client)
{
    switch (client->kind) {
    case SIM_DEAF:
    case SIM_MUTE:
        if (client->socket->server_is_gone || client->socket->is_reset) {
            sim_client_hang_up(client);
            return false;
        }
        return true;
    case SIM_SLOW:
        return sim_client_read(client, 1 + (size_t)sim_client_draw(client, FOUL_READ_BYTES));
    default:
        return sim_client_read(client, SIZE_MAX);
    }
}

static void foul_greet(struct sim_client *client)
{
    switch (client->kind) {
    case SIM_DRIBBLER:
        break;
    case SIM_HASTY:
        if (sim_client_draw(client, 2) == 0) {
            foul_enter(client);
            sim_client_flush(client);
        }
        if (sim_client_draw(client, 2) == 0) {
            sim_client_hang_up(client);
        }
        break;
    case SIM_GARBAGE:
        if (sim_client_draw(client, 2) == 0) {
            break;
        }
        foul_enter(client);
        break;
    default:
        foul_enter(client);
        break;
    }
}

static void foul_do(struct sim_client *client)
{
    switch (client->kind) {
    case SIM_DRIBBLER:
        dribbler_act(client);
        break;
    case SIM_GARBAGE:
        garbage_act(client);
        break;
    case SIM_FLOODER:
        flooder_act(client);
        break;
    case SIM_HASTY:
        sim_client_hang_up(client);
        break;
    case SIM_MUTE:
        break;
    case SIM_HALF_CLOSER:
        foul_put_nonsense(client);
        sim_client_flush(client);
        if (sim_client_draw(client, 4) == 0) {
            sim_finish(client->socket);
            client->is_done = true;
        }
        break;
    case SIM_RESETTER:
        foul_put_nonsense(client);
        sim_client_flush(client);
        if (sim_client_draw(client, 8) == 0) {
            struct sim_socket *socket = client->socket;

            sim_client_forget(client);
            sim_reset(socket);
        }
        break;
    default:
        if (sim_client_draw(client, 30) == 0) {
            foul_put_nonsense(client);
        }
        break;
    }
}

/* One that the server does not notice, or keeps waiting, goes away by itself in the end. */
static bool foul_is_bored(struct sim_client *client)
{
    if (client->kind == SIM_MUTE) {
        return false; /* the server has to find out */
    }
    return sim_client_draw(client, client->kind == SIM_DEAF || client->kind == SIM_SLOW ? 2000 : 300) == 0;
}

uint64_t sim_foul_act(struct sim_client *client)
{
    bool is_quiet = client->crowd->is_quiet || client->crowd->is_ending;

    CHECK(!sim_is_honest(client->kind));
    if (client->socket == NULL) {
        if (!is_quiet && sim_client_connect(client)) {
            foul_greet(client);
        }
        return some_ms(client, 300);
    }
    if (!foul_read(client)) {
        return some_ms(client, 1000);
    }
    if (client->state == SIM_GREETING && client->player != 0) {
        client->state = SIM_INSIDE;
    }
    if (foul_is_bored(client)) {
        sim_client_hang_up(client);
    } else if (!is_quiet) {
        foul_do(client);
    }
    return client->kind == SIM_FLOODER ? some_ms(client, 10) : some_ms(client, 100);
}
