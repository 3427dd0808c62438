#include "dummy-client/misbehave.h"

#include "dummy-client/load.h"

#include "base/hash.h"

static const uint64_t garbage_pause_ns = 200 * NS_PER_MS;

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random += 0x9E3779B97F4A7C15u;
    return (uint32_t)(hash_u64(*random) % below);
}

static void fill(uint8_t *out, size_t size, uint64_t *random)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)draw(random, 256);
    }
}

/* Walks the frames as a server would, and turns what could be chat into an id that nobody has. */
static void defuse(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + ROOMD_FRAME_HEADER_BYTES <= size;) {
        uint16_t frame = roomd_get_u16(bytes + at);

        if (roomd_get_u16(bytes + at + 2) == ROOMD_C_CHAT) {
            roomd_put_u16(bytes + at + 2, 0x7777);
        }
        if (frame < ROOMD_FRAME_HEADER_BYTES) {
            return;
        }
        at += frame;
    }
}

static size_t put_frame(uint8_t *out, uint32_t size, uint32_t id, size_t payload, uint64_t *random)
{
    roomd_put_u16(out, (uint16_t)size);
    roomd_put_u16(out + 2, (uint16_t)id);
    fill(out + ROOMD_FRAME_HEADER_BYTES, payload, random);
    return ROOMD_FRAME_HEADER_BYTES + payload;
}

size_t garbage_make(uint8_t *out, uint64_t *random)
{
    static const uint16_t requests[] = {ROOMD_C_HELLO, ROOMD_C_JOIN, ROOMD_C_PING, ROOMD_C_CREATE};
    size_t size;

    switch (draw(random, 6)) {
    case 0: /* random bytes */
        size = 1 + draw(random, GARBAGE_BYTES_MAX);
        fill(out, size, random);
        defuse(out, size);
        return size;
    case 1: /* small frames of random ids */
        size = 0;
        while (size + 64 <= GARBAGE_BYTES_MAX) {
            uint32_t payload = draw(random, 60);
            size += put_frame(out + size, ROOMD_FRAME_HEADER_BYTES + payload, draw(random, 65536), payload,
                              random);
        }
        defuse(out, size);
        return size;
    case 2: /* a size that no frame has */
        return put_frame(out, draw(random, ROOMD_FRAME_HEADER_BYTES), ROOMD_C_CHAT, draw(random, 60), random);
    case 3: /* more announced than the limit, or than ever comes */
        return put_frame(out, ROOMD_FRAME_BYTES_MAX - draw(random, 4096), ROOMD_C_CHAT, draw(random, 60),
                         random);
    case 4: /* an engine packet cut short */
        size = put_frame(out, 0, requests[draw(random, 4)], draw(random, 3), random);
        roomd_put_u16(out, (uint16_t)size);
        return size;
    default: /* chat whose string is longer than its packet */
        size = put_frame(out, 0, ROOMD_C_CHAT, 2 + 2 * (size_t)draw(random, 30), random);
        roomd_put_u16(out, (uint16_t)size);
        roomd_put_u16(out + ROOMD_FRAME_HEADER_BYTES, (uint16_t)(size + 2 * draw(random, 1000)));
        return size;
    }
}

size_t flood_make(uint8_t out[FLOOD_PACKETS * FLOOD_PACKET_BYTES])
{
    for (size_t at = 0; at < FLOOD_PACKETS * FLOOD_PACKET_BYTES; at += FLOOD_PACKET_BYTES) {
        roomd_put_u16(out + at, FLOOD_PACKET_BYTES);
        roomd_put_u16(out + at + 2, ROOMD_C_PING);
        roomd_put_u64(out + at + ROOMD_FRAME_HEADER_BYTES, 0);
    }
    return FLOOD_PACKETS * FLOOD_PACKET_BYTES;
}

/* ---- who is what ---- */

static uint32_t count_of(const struct options *options, enum client_kind kind)
{
    switch (kind) {
    case CLIENT_SLOW:
        return options->slow;
    case CLIENT_GARBAGE:
        return options->garbage;
    case CLIENT_DRIBBLE:
        return options->dribble;
    case CLIENT_FLOOD:
        return options->flood;
    case CLIENT_MUTE:
        return options->mute;
    case CLIENT_PAUSE:
        return options->pause;
    default:
        return 0;
    }
}

/* The first client of a kind; the next ones are of it too. */
static uint32_t first_of(const struct options *options, enum client_kind kind)
{
    uint32_t first = 0;

    for (int before = CLIENT_SLOW; before < (int)kind; before++) {
        first += count_of(options, (enum client_kind)before);
    }
    return first;
}

enum client_kind misbehave_kind(const struct options *options, uint32_t index)
{
    for (int kind = CLIENT_SLOW; kind < CLIENT_KIND_COUNT; kind++) {
        uint32_t count = count_of(options, (enum client_kind)kind);

        if (index < count) {
            return (enum client_kind)kind;
        }
        index -= count;
    }
    return CLIENT_ORDINARY;
}

uint32_t misbehave_awaited(const struct options *options)
{
    return options->clients - options->garbage - options->flood;
}

/* ---- turns ---- */

/* One that was thrown out and is due connects again: true, and that was its turn. */
static bool come_back(struct load *load, struct client *client)
{
    if (client->state != CLIENT_IDLE || client->index >= load->opened || load->now_ns < client->wake_ns) {
        return false;
    }
    client_open(load, client);
    return true;
}

static void garbage_act(struct load *load, struct client *client)
{
    uint8_t bytes[GARBAGE_BYTES_MAX];

    if (!come_back(load, client) && client->state == CLIENT_IN && load->now_ns >= client->wake_ns &&
        !client_has_kept(client)) {
        client->wake_ns = load->now_ns + garbage_pause_ns;
        client_send(load, client, bytes, garbage_make(bytes, &load->random));
    }
}

/* All packets are alike, so that what is cut goes on in the first one of the next send. */
static void flood_act(struct load *load, struct client *client, const uint8_t *packets, size_t size)
{
    bool is_due = !come_back(load, client) && client->state == CLIENT_IN && !client_has_kept(client);

    for (int i = 0; is_due && i < FLOOD_SENDS_A_TURN; i++) {
        size_t cut = client->flood_cut;
        ssize_t sent = client_write(load, client, packets + cut, size - cut);

        if (sent <= 0) {
            return;
        }
        cut += (size_t)sent;
        client->flood_cut = (uint8_t)(cut % FLOOD_PACKET_BYTES);
        load->flooded += cut / FLOOD_PACKET_BYTES;
    }
}

static void pause_act(struct load *load, struct client *client)
{
    uint64_t pause_ns = (uint64_t)(load->options->pause_s * (double)NS_PER_S);
    bool is_over = load->phase > LOAD_SENDING;

    if (client->state != CLIENT_IN || load->phase < LOAD_SENDING ||
        (is_over ? !client->is_paused : load->now_ns < client->wake_ns)) {
        return;
    }
    client->is_paused = !client->is_paused;
    client->wake_ns = load->now_ns + (client->is_paused ? pause_ns : 2 * pause_ns);
    load->pauses += client->is_paused;
    client_arm(load, client);
}

void misbehave_begin_pauses(struct load *load)
{
    const struct options *options = load->options;
    uint32_t first = first_of(options, CLIENT_PAUSE);

    for (uint32_t i = 0; i < options->pause; i++) {
        double offset_s = options->pause_s * i / options->pause;

        load->clients[first + i].wake_ns = load->now_ns + (uint64_t)(offset_s * (double)NS_PER_S);
    }
}

void misbehave_turn(struct load *load)
{
    static uint8_t packets[FLOOD_PACKETS * FLOOD_PACKET_BYTES];
    const struct options *options = load->options;
    struct client *garbage = load->clients + first_of(options, CLIENT_GARBAGE);
    struct client *flood = load->clients + first_of(options, CLIENT_FLOOD);
    struct client *pause = load->clients + first_of(options, CLIENT_PAUSE);
    size_t size = options->flood > 0 ? flood_make(packets) : 0;

    for (uint32_t i = 0; i < options->garbage; i++) {
        garbage_act(load, &garbage[i]);
    }
    for (uint32_t i = 0; i < options->flood; i++) {
        flood_act(load, &flood[i], packets, size);
    }
    for (uint32_t i = 0; i < options->pause; i++) {
        pause_act(load, &pause[i]);
    }
}

void dribble_turn(struct load *load)
{
    const struct options *options = load->options;
    struct client *dribble = load->clients + first_of(options, CLIENT_DRIBBLE);

    for (uint32_t i = 0; i < options->dribble; i++) {
        struct client *client = &dribble[i];

        if (client->fd >= 0 && client->state > CLIENT_CONNECTING && client_has_kept(client)) {
            client_send_kept(load, client, 1);
        }
    }
}
