#include "dummy-client/play.h"

#include "dummy-client/load.h"
#include "dummy-client/misbehave.h"
#include "dummy-client/play_maps.h"
#include "dummy-client/protocol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t rise_ns = 2500 * NS_PER_MS; /* how long the dead lie */
static const uint64_t rise_again_ns = NS_PER_S;   /* and when asking did not help */
static const float step_most_s = 1; /* who was kept from its turns longer does not make up for it */
enum { OBSERVERS = 64, SEED = 1 };

struct play_client *play_client_of(struct load *load, const struct client *client)
{
    return &load->play.clients[client->index];
}

/* Whole rounds of those who go to one room each, so that no room is without; but nobody who pauses and is told late. */
static bool choose_observers(struct play *play, const struct options *options)
{
    uint32_t stride = options->clients > OBSERVERS ? options->clients / OBSERVERS : 1;

    play->observers = calloc(options->clients, sizeof(play->observers[0]));
    for (uint32_t i = 0; play->observers && i < options->clients; i++) {
        if (i / options->room_count % stride == 0 && misbehave_kind(options, i) != CLIENT_PAUSE) {
            play->observers[play->observer_count++] = i;
        }
    }
    return play->observers != NULL;
}

int play_init(struct load *load)
{
    struct play *play = &load->play;
    const struct options *options = load->options;

    *play = (struct play){.kind = options->play, .random = SEED};
    if (play->kind == PLAY_CHAT) {
        return 0;
    }
    histogram_init(&play->players_known);
    histogram_init(&play->things_known);
    play->clients = calloc(options->clients, sizeof(play->clients[0]));
    if (!play->clients || !choose_observers(play, options)) {
        fprintf(stderr, "dummy-client: memory: %s\n", strerror(ENOMEM));
        return -ENOMEM;
    }
    play->client_count = options->clients;
    for (uint32_t i = 0; i < play->client_count; i++) {
        view_init(&play->clients[i].view, &play->counts.views);
    }
    return options->data_text ? play_maps_read(play, options->data_text) : 0;
}

void play_fini(struct load *load)
{
    struct play *play = &load->play;

    for (uint32_t i = 0; i < play->client_count; i++) {
        view_fini(&play->clients[i].view);
        free(play->clients[i].tail);
    }
    play_maps_free(play);
    free(play->clients);
    free(play->observers);
    free(play->spots);
    *play = (struct play){.kind = PLAY_CHAT};
}

void play_lose(struct load *load, struct client *client)
{
    struct play_client *player = play_client_of(load, client);

    view_forget(&player->view);
    player->stepped_ns = 0;
    player->tail_size = 0;
}

/* ---- sending ---- */

bool play_send(struct load *load, struct client *client, uint16_t id, const void *payload, size_t size)
{
    uint8_t *frame = load->frame;

    roomd_put_u16(frame, (uint16_t)(ROOMD_FRAME_HEADER_BYTES + size));
    roomd_put_u16(frame + 2, id);
    if (size > 0) {
        memcpy(frame + ROOMD_FRAME_HEADER_BYTES, payload, size);
    }
    return client_send(load, client, frame, ROOMD_FRAME_HEADER_BYTES + size);
}

void play_send_move(struct load *load, struct client *client)
{
    struct play_client *player = play_client_of(load, client);
    const struct point *at = &player->walker.at;
    uint8_t payload[12];

    roomd_put_f32(payload, at->x);
    roomd_put_f32(payload + 4, at->y);
    roomd_put_f32(payload + 8, at->z);
    own_note_sent(&player->own, at->x, at->z, load->now_ns);
    load->sent++;
    play_send(load, client, ROOMD_C_MOVE, payload, sizeof(payload));
}

static void babble(struct load *load, struct client *client)
{
    uint32_t bytes = load->options->text_bytes;
    uint8_t payload[2 + PLAY_BABBLE_BYTES_MAX];

    roomd_put_u16(payload, (uint16_t)bytes);
    for (uint32_t i = 0; i < bytes; i += 2) {
        payload[2 + i] = (uint8_t)('a' + (client->index + load->sent + i / 2) % 26);
        payload[3 + i] = 0;
    }
    load->sent++;
    play_send(load, client, ROOMD_C_CHAT, payload, 2 + bytes);
}

static void rise(struct load *load, struct client *client, struct play_client *player)
{
    if (player->rise_ns == 0) {
        player->rise_ns = load->now_ns + rise_ns;
    } else if (load->now_ns >= player->rise_ns) {
        player->rise_ns = load->now_ns + rise_again_ns;
        play_send(load, client, ROOMD_C_RESPAWN, NULL, 0);
    }
}

void play_act(struct load *load, struct client *client)
{
    struct play_client *player = play_client_of(load, client);

    if (load->play.kind == PLAY_BABBLE) {
        babble(load, client);
        return;
    }
    if (player->stepped_ns == 0) {
        return; /* it has not been told where it is */
    }
    float seconds = (float)(load->now_ns - player->stepped_ns) / (float)NS_PER_S;
    player->stepped_ns = load->now_ns;
    seconds = seconds < step_most_s ? seconds : step_most_s;
    if (player->view.is_dead) {
        rise(load, client, player);
    } else if (load->play.kind == PLAY_FIGHT) {
        play_fight(load, client, seconds);
    } else if (load->play.kind == PLAY_CROWD) {
        play_crowd(load, client, seconds);
    } else {
        play_roam(load, client, seconds);
    }
}

/* ---- reading ---- */

static void note_here(struct load *load, struct play_client *player)
{
    const struct here *here = &player->view.here;

    player->ground = (struct ground){.map = play_maps_find(&load->play, here->map),
                                     .speed_m_s = here->speed_m_s,
                                     .has_bounds = here->is_told,
                                     .x_min = here->x_min,
                                     .z_min = here->z_min,
                                     .x_max = here->x_max,
                                     .z_max = here->z_max};
}

static void note_latency(struct load *load, struct play_client *player)
{
    uint64_t sent_ns;

    if (own_take_back(&player->own, player->view.at.x, player->view.at.z, &sent_ns)) {
        histogram_record(&load->verify.latency_us, (load->now_ns - sent_ns) / NS_PER_US, 1);
    }
}

static void note_placed(struct load *load, struct play_client *player)
{
    walker_put(&player->walker, player->view.at.x, player->view.at.z);
    player->stepped_ns = load->now_ns;
    player->arrive_ns = 0;
    player->own = (struct own_moves){.next = 0};
    player->placed++;
}

static void note_events(struct load *load, struct play_client *player, unsigned events)
{
    if (events & VIEW_SELF_MOVED) {
        note_latency(load, player);
    }
    if (events & VIEW_HERE) {
        note_here(load, player);
    }
    if (events & VIEW_SELF_CORRECTED) {
        load->play.counts.corrected += !player->view.is_dead;
    }
    if (events & VIEW_SELF_DIED) {
        player->rise_ns = 0;
    }
    if (events & (VIEW_SELF_PLACED | VIEW_SELF_CORRECTED | VIEW_SELF_RESPAWNED)) {
        note_placed(load, player);
    }
}

/* The first time to a portal lies anywhere in the pause, so that not all go at once. */
static void note_joined(struct load *load, struct client *client, const uint8_t *frame, uint32_t size)
{
    struct play_client *player = play_client_of(load, client);
    uint32_t name_bytes = size >= 10 ? roomd_get_u16(frame + 8) : UINT32_MAX;
    double pause_s = load->options->travel_s * (double)walk_draw(&load->play.random);

    if (size < 10 || name_bytes > ROOMD_NAME_BYTES_MAX || size < 10 + name_bytes + 4) {
        return; /* protocol_on_engine closes it for that */
    }
    memcpy(player->room, frame + 10, name_bytes);
    player->room[name_bytes] = '\0';
    player->joined_ns = load->now_ns;
    view_set_tick(&player->view, roomd_get_u16(frame + size - 2));
    player->travel_ns =
        load->options->travel_s > 0 ? load->now_ns + (uint64_t)(pause_s * (double)NS_PER_S) : UINT64_MAX;
    load->play.counts.rooms_changed += player->rooms++ > 0;
}

static bool read_engine(struct load *load, struct client *client, const uint8_t *frame, uint32_t size)
{
    struct play_client *player = play_client_of(load, client);
    const uint8_t *payload = frame + ROOMD_FRAME_HEADER_BYTES;
    uint32_t bytes = size - ROOMD_FRAME_HEADER_BYTES;
    uint32_t code;

    switch (roomd_get_u16(frame + 2)) {
    case ROOMD_S_WELCOME:
        if (bytes >= 6) {
            view_set_self(&player->view, roomd_get_u32(payload + 2));
        }
        break;
    case ROOMD_S_JOINED:
        note_joined(load, client, frame, size);
        break;
    case ROOMD_S_LEFT:
        view_forget(&player->view);
        player->stepped_ns = 0;
        player->ground = (struct ground){.map = NULL};
        break;
    case ROOMD_S_RESYNC:
        view_resync(&player->view);
        player->stepped_ns = 0; /* it waits to be told where it is */
        player->joined_ns = load->now_ns;
        break;
    case ROOMD_S_PONG:
        if (bytes >= 16) {
            view_note_pong(&player->view, roomd_get_u64(payload + 8));
        }
        break;
    case ROOMD_S_ERROR:
        code = bytes >= 2 ? roomd_get_u16(payload) : 0;
        load->play.counts.refused[code < ROOMD_ERROR_COUNT ? code : 0]++;
        break;
    default:
        break;
    }
    return protocol_on_engine(load, &load->verify.receivers[client->index], frame, size);
}

static void read_chat(struct load *load, const uint8_t *frame, uint32_t size)
{
    uint32_t bytes = size >= 10 ? roomd_get_u16(frame + 8) : 0;

    if (roomd_get_u16(frame + 2) != ROOMD_S_CHAT) {
        load->play.counts.views.wrong[VIEW_UNKNOWN_PACKET]++;
    } else if (size < 10 || bytes != size - 10) {
        load->play.counts.views.wrong[VIEW_MALFORMED]++;
    }
}

/* Returns how many of the bytes are whole frames that were taken; SIZE_MAX: a frame can't be so small. */
static size_t read_frames(struct load *load, struct client *client, const uint8_t *data, size_t size)
{
    struct play_client *player = play_client_of(load, client);
    uint32_t now_ms = (uint32_t)((load->now_ns - load->epoch_ns) / NS_PER_MS);
    bool is_chat = load->play.kind == PLAY_BABBLE;
    uint64_t received = 0;
    size_t at = 0;

    while (size - at >= ROOMD_FRAME_HEADER_BYTES) {
        const uint8_t *frame = data + at;
        uint32_t frame_bytes = roomd_get_u16(frame);
        uint32_t id = roomd_get_u16(frame + 2);
        unsigned events;

        if (frame_bytes < ROOMD_FRAME_HEADER_BYTES) {
            at = SIZE_MAX;
            break;
        }
        if (frame_bytes > size - at) {
            break;
        }
        at += frame_bytes;
        if (id >= ROOMD_ENGINE_ID_FIRST) {
            if (!read_engine(load, client, frame, frame_bytes)) {
                at = size; /* the client is closed: the rest is nobody's */
                break;
            }
            continue;
        }
        received++;
        if (is_chat) {
            if (client->state == CLIENT_IN) { /* not what the room says where the server puts it first */
                read_chat(load, frame, frame_bytes);
            }
            continue;
        }
        if (id == ROOMD_S_BROADCAST_MOVE && frame_bytes == 20 && player->view.is_listed) {
            events = view_take_move(&player->view, frame + ROOMD_FRAME_HEADER_BYTES, now_ms);
        } else {
            events = view_take(&player->view, (uint16_t)id, frame + ROOMD_FRAME_HEADER_BYTES,
                               frame_bytes - ROOMD_FRAME_HEADER_BYTES, now_ms);
        }
        if (events != 0) {
            note_events(load, player, events);
        }
    }
    load->play.counts.received += received;
    if (received > 0 && load->phase == LOAD_SENDING) {
        load->last_arrival_ns = load->now_ns;
    }
    return at;
}

/* Keeps what is not whole. */
static bool keep_tail(struct play_client *player, const uint8_t *rest, size_t size)
{
    if (size > player->tail_capacity) {
        uint8_t *tail = realloc(player->tail, size);
        if (!tail) {
            return false;
        }
        player->tail = tail;
        player->tail_capacity = (uint32_t)size;
    }
    if (size > 0) {
        memcpy(player->tail, rest, size);
    }
    player->tail_size = (uint32_t)size;
    return true;
}

bool play_read(struct load *load, struct client *client, uint8_t *data, size_t size)
{
    struct play_client *player = play_client_of(load, client);

    if (player->tail_size > 0) {
        data -= player->tail_size;
        size += player->tail_size;
        memcpy(data, player->tail, player->tail_size);
        player->tail_size = 0;
    }
    size_t taken = read_frames(load, client, data, size);
    if (taken == SIZE_MAX) {
        return false;
    }
    return client->fd < 0 || keep_tail(player, data + taken, size - taken);
}
