/* Those who keep to the protocol, in rooms of chat. They read whatever has come before they do anything else. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "sim/sim_clients.h"

static const char *const chat_rooms[] = {"lobby", "hall", "cellar"};

/* From 1 ms up to `ms`. */
static uint64_t some_ms(struct sim_client *client, uint64_t ms)
{
    return (1 + sim_client_draw(client, ms)) * NS_PER_MS;
}

static void honest_begin(struct sim_client *client)
{
    if (!sim_client_connect(client)) {
        return;
    }
    if (client->kind == SIM_LEGACY) {
        client->state = SIM_INSIDE;
        client->visit = 1;
        snprintf(client->room, sizeof(client->room), "%s", chat_rooms[0]);
        snprintf(client->content, sizeof(client->content), "chat");
    } else {
        sim_client_put_hello(client);
    }
}

static void honest_wait_for(struct sim_client *client, const char *room)
{
    sim_client_put_join(client, room);
    client->state = SIM_WAITING;
}

static void mover_ping(struct sim_client *client)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    sim_client_put(client, frame, control_put_ping(frame, ++client->pings));
}

static void mover_create(struct sim_client *client)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];
    char name[16];

    snprintf(name, sizeof(name), "party-%u", (unsigned)sim_client_draw(client, 12));
    if (strcmp(name, client->room) != 0) {
        sim_client_put(client, frame, control_put_create(frame, "party", name));
        client->state = SIM_WAITING;
    }
}

static void mover_leave(struct sim_client *client)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    sim_client_put(client, frame, control_put_leave(frame));
    honest_wait_for(client, chat_rooms[sim_client_draw(client, 3)]);
}

static void mover_move(struct sim_client *client)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    switch (sim_client_draw(client, 12)) {
    case 0:
        mover_create(client);
        break;
    case 1:
        mover_leave(client);
        break;
    case 2:
        honest_wait_for(client, chat_rooms[sim_client_draw(client, 3)]);
        break;
    case 3:
        honest_wait_for(client, "no-such-room");
        break;
    case 4:
        sim_client_put(client, frame, control_put_rooms(frame));
        mover_ping(client);
        break;
    case 5:
        if (sim_client_draw(client, 4) == 0) {
            sim_client_hang_up(client);
        }
        break;
    default:
        mover_ping(client);
        break;
    }
}

static void honest_go_on(struct sim_client *client)
{
    if (client->state == SIM_OUTSIDE) {
        honest_wait_for(client, chat_rooms[sim_client_draw(client, 3)]);
        return;
    }
    if (client->state != SIM_INSIDE || client->out.end - client->out.start > 65536) {
        return;
    }
    for (uint64_t texts = sim_client_draw(client, 3); texts > 0; texts--) {
        sim_chat_say(client);
    }
    if (client->kind == SIM_MOVER && sim_client_draw(client, 8) == 0) {
        mover_move(client);
    } else if (client->kind == SIM_CHATTER && client->visit == 1 && client->index % 2 == 1) {
        honest_wait_for(client, chat_rooms[1]);
    }
}

uint64_t sim_honest_act(struct sim_client *client)
{
    bool is_quiet = client->crowd->is_quiet || client->crowd->is_ending;

    CHECK(sim_is_honest(client->kind));
    if (client->socket == NULL) {
        if (!is_quiet) {
            honest_begin(client);
        }
        return some_ms(client, 500);
    }
    if (!sim_client_read(client, SIZE_MAX)) {
        return some_ms(client, 500);
    }
    /* Reads often and acts seldom. */
    if (!is_quiet && sim_client_draw(client, 10) == 0) {
        honest_go_on(client);
    }
    return some_ms(client, 40);
}
