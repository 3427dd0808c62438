/*
 * The world, as one who walks about in it sees it: nobody comes twice or goes without having come, and nothing is said of
 * those who are not in view (roomd/world.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "roomd/world.h"
#include "sim/sim_clients.h"

#define STEP_M 1.0f

static uint64_t some_ms(struct sim_client *client, uint64_t ms)
{
    return (1 + sim_client_draw(client, ms)) * NS_PER_MS;
}

void sim_world_begin(struct sim_client *client)
{
    if (client->view != NULL) {
        client->view->count = 0;
        client->view->is_placed = client->view->is_dead = client->view->awaits_reset = false;
    }
}

static struct sim_known *view_find(struct sim_view *view, uint32_t id)
{
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->known[i].id == id) {
            return &view->known[i];
        }
    }
    return NULL;
}

static struct sim_known *view_must_know(struct sim_client *client, uint32_t id, const struct frame *frame)
{
    struct sim_known *known = view_find(client->view, id);

    if (known == NULL) {
        fail_msg("client %u (player %u) in %s was told by packet %u of %#x, whose coming it was not told",
                 client->index, client->player, client->room, frame->id, id);
    }
    return known;
}

static void view_learn(struct sim_client *client, uint32_t id, uint8_t kind, const uint8_t *at)
{
    struct sim_view *view = client->view;

    if (view_find(view, id) != NULL) {
        if (id != client->player) { /* itself it is told of in the list, and as the others are */
            fail_msg("client %u (player %u) in %s was told twice that %#x came", client->index,
                     client->player, client->room, id);
        }
        return;
    }
    assert_true(view->count < SIM_KNOWN_MAX);
    view->known[view->count++] =
        (struct sim_known){.id = id, .kind = kind, .x = roomd_get_f32(at), .z = roomd_get_f32(at + 8)};
    if (id == client->player) {
        view->x = roomd_get_f32(at);
        view->z = roomd_get_f32(at + 8);
        view->is_placed = true;
    }
}

static void world_read_list(struct sim_client *client, const struct frame *frame)
{
    uint32_t count = roomd_get_u16(frame->payload);

    assert_int_equal(frame->payload_bytes, 2 + count * 17);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = frame->payload + 2 + i * 17;

        assert_int_equal(entry[0], roomd_get_u32(entry + 1) == client->player);
        view_learn(client, roomd_get_u32(entry + 1), ROOMD_KIND_PLAYER, entry + 5);
    }
}

static void world_read_spawn(struct sim_client *client, const struct frame *frame)
{
    const uint8_t *type = frame->payload + 5;
    const uint8_t *rest = type + 2 + roomd_get_u16(type);

    assert_in_range(frame->payload[4], ROOMD_KIND_PLAYER + 1, ROOMD_KIND_COUNT - 1);
    assert_int_equal(rest + 24 - frame->payload, frame->payload_bytes);
    view_learn(client, roomd_get_u32(frame->payload), frame->payload[4], rest + 4);
}

static void world_read_place(struct sim_client *client, const uint8_t *at)
{
    client->view->x = roomd_get_f32(at);
    client->view->z = roomd_get_f32(at + 8);
    assert_true(isfinite(client->view->x) && isfinite(client->view->z));
}

static void world_read_fight(struct sim_client *client, const struct frame *frame)
{
    const uint8_t *payload = frame->payload;

    switch (frame->id) {
    case ROOMD_S_HIT:
        view_must_know(client, roomd_get_u32(payload + 4), frame);
        break;
    case ROOMD_S_VITALS:
        view_must_know(client, roomd_get_u32(payload), frame);
        assert_in_range(roomd_get_u32(payload + 4), 0, roomd_get_u32(payload + 8));
        break;
    case ROOMD_S_DIED:
        view_must_know(client, roomd_get_u32(payload), frame);
        client->view->is_dead |= roomd_get_u32(payload) == client->player;
        break;
    case ROOMD_S_RESPAWNED:
        view_must_know(client, roomd_get_u32(payload), frame);
        if (roomd_get_u32(payload) == client->player) {
            client->view->is_dead = false;
            world_read_place(client, payload + 4);
        }
        break;
    default:
        break;
    }
}

void sim_world_resync(struct sim_client *client)
{
    if (client->view != NULL) {
        client->view->awaits_reset = client->content[0] != '\0' && strcmp(client->content, "chat") != 0;
        client->view->count = 0;
    }
}

void sim_world_read(struct sim_client *client, const struct frame *frame)
{
    struct sim_view *view = client->view;
    struct sim_known *known;

    client->crowd->totals.told++;
    if (view->awaits_reset && frame->id != ROOMD_S_VIEW_RESET) {
        fail_msg("client %u (player %u) in %s was told S_RESYNC, and then not how things are but %u",
                 client->index, client->player, client->room, frame->id);
    }
    switch (frame->id) {
    case ROOMD_S_BROADCAST_ENTER_GAME:
        view_learn(client, roomd_get_u32(frame->payload), ROOMD_KIND_PLAYER, frame->payload + 4);
        break;
    case ROOMD_S_BROADCAST_LEAVE_GAME:
    case ROOMD_S_DESPAWN:
        known = view_must_know(client, roomd_get_u32(frame->payload), frame);
        *known = view->known[--view->count];
        break;
    case ROOMD_S_PLAYER_LIST:
        world_read_list(client, frame);
        break;
    case ROOMD_S_BROADCAST_MOVE:
    case ROOMD_S_MOVE:
        known = view_must_know(client, roomd_get_u32(frame->payload), frame);
        known->x = roomd_get_f32(frame->payload + 4);
        known->z = roomd_get_f32(frame->payload + 12);
        break;
    case ROOMD_S_SPAWN:
        world_read_spawn(client, frame);
        break;
    case ROOMD_S_CORRECT:
        world_read_place(client, frame->payload);
        break;
    case ROOMD_S_VIEW_RESET:
        view->awaits_reset = false;
        view->count = 0;
        client->crowd->totals.views_reset++;
        break;
    default:
        world_read_fight(client, frame);
        break;
    }
}

/* ---- what it does ---- */

static const struct sim_known *view_any(struct sim_client *client, uint8_t kind)
{
    const struct sim_view *view = client->view;
    uint32_t first = view->count > 0 ? (uint32_t)sim_client_draw(client, view->count) : 0;

    for (uint32_t i = 0; i < view->count; i++) {
        const struct sim_known *known = &view->known[(first + i) % view->count];

        if (known->kind == kind) {
            return known;
        }
    }
    return NULL;
}

static void world_walk(struct sim_client *client, const struct sim_known *towards)
{
    struct sim_view *view = client->view;
    float angle = (float)sim_client_draw(client, 6283) / 1000;
    float x = cosf(angle);
    float z = sinf(angle);
    float away = towards == NULL ? 0 : hypotf(towards->x - view->x, towards->z - view->z);
    uint8_t payload[12] = {0};

    if (away > 1.5f) {
        x = 0.2f * x + (towards->x - view->x) / away;
        z = 0.2f * z + (towards->z - view->z) / away;
    }
    view->x += x * STEP_M;
    view->z += z * STEP_M;
    roomd_put_f32(payload, view->x);
    roomd_put_f32(payload + 8, view->z);
    sim_client_put_packet(client, ROOMD_C_MOVE, payload, sizeof(payload));
}

static void world_strike(struct sim_client *client, const struct sim_known *target)
{
    uint8_t payload[18] = {0};

    roomd_put_u16(payload, (uint16_t)(1 + sim_client_draw(client, 4)));
    roomd_put_u32(payload + 2, payload[0] == 4 ? client->player : target->id);
    roomd_put_f32(payload + 6, target->x);
    roomd_put_f32(payload + 14, target->z);
    sim_client_put_packet(client, ROOMD_C_SKILL, payload, sizeof(payload));
}

static void world_say(struct sim_client *client)
{
    uint8_t payload[7 + 8] = {0};

    payload[0] = (uint8_t)sim_client_draw(client, 3);
    roomd_put_u32(payload + 1, 1 + (uint32_t)sim_client_draw(client, client->crowd->count));
    roomd_put_u16(payload + 5, 8);
    memcpy(payload + 7, "To arms!", 8);
    sim_client_put_packet(client, ROOMD_C_SAY, payload, sizeof(payload));
}

static void world_go_elsewhere(struct sim_client *client)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];
    char name[16];

    switch (sim_client_draw(client, 4)) {
    case 0:
        sim_client_put_join(client, "town");
        break;
    case 1:
        snprintf(name, sizeof(name), "crypt-%u", (unsigned)sim_client_draw(client, 6));
        sim_client_put(client, frame, control_put_create(frame, "crypt", name));
        break;
    default:
        sim_client_put_join(client, "field");
        break;
    }
    client->state = SIM_WAITING;
}

static void world_wander(struct sim_client *client)
{
    const struct sim_known *portal = view_any(client, ROOMD_KIND_PORTAL);
    const struct sim_known *monster = view_any(client, ROOMD_KIND_MONSTER);
    uint8_t payload[4];

    if (client->view->is_dead) {
        sim_client_put_packet(client, ROOMD_C_RESPAWN, NULL, 0);
        return;
    }
    world_walk(client, monster != NULL ? monster : portal);
    if (monster != NULL) {
        world_strike(client, monster);
    } else if (portal != NULL) {
        roomd_put_u32(payload, portal->id);
        sim_client_put_packet(client, ROOMD_C_INTERACT, payload, sizeof(payload));
    }
    if (sim_client_draw(client, 20) == 0) {
        world_say(client);
    }
    if (sim_client_draw(client, 30) == 0) {
        payload[0] = (uint8_t)sim_client_draw(client, 2);
        sim_client_put_packet(client, ROOMD_C_PET, payload, 1);
    }
}

static void world_go_on(struct sim_client *client)
{
    bool is_in_world = client->view->is_placed && strcmp(client->content, "chat") != 0;

    if (client->out.end - client->out.start > 4096) {
        return;
    }
    if (client->state == SIM_OUTSIDE ||
        (client->state == SIM_INSIDE && strcmp(client->content, "chat") == 0) ||
        (client->state == SIM_INSIDE && sim_client_draw(client, 150) == 0)) {
        world_go_elsewhere(client);
    } else if (client->state == SIM_INSIDE && is_in_world) {
        world_wander(client);
    }
    if (sim_client_draw(client, 400) == 0) {
        sim_client_hang_up(client);
    }
}

uint64_t sim_world_act(struct sim_client *client)
{
    bool is_quiet = client->crowd->is_quiet || client->crowd->is_ending;

    if (client->socket == NULL) {
        if (!is_quiet && sim_client_connect(client)) {
            sim_client_put_hello(client);
        }
        return some_ms(client, 500);
    }
    if (!sim_client_read(client, SIZE_MAX)) {
        return some_ms(client, 500);
    }
    if (!is_quiet && sim_client_draw(client, 6) == 0) {
        world_go_on(client);
    }
    return some_ms(client, 80);
}
