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

void garbage_turn(struct load *load)
{
    const struct options *options = load->options;
    uint8_t bytes[GARBAGE_BYTES_MAX];

    for (uint32_t i = options->slow; i < options->slow + options->garbage; i++) {
        struct client *client = &load->clients[i];

        if (load->now_ns < client->wake_ns) {
            continue;
        }
        if (client->state == CLIENT_IDLE && i < load->opened) {
            client_open(load, client);
        } else if (client->state == CLIENT_IN && !client_has_kept(client)) {
            client->wake_ns = load->now_ns + garbage_pause_ns;
            client_send(load, client, bytes, garbage_make(bytes, &load->random));
        }
    }
}

void dribble_turn(struct load *load)
{
    const struct options *options = load->options;
    uint32_t first = options->slow + options->garbage;

    for (uint32_t i = first; i < first + options->dribble; i++) {
        struct client *client = &load->clients[i];

        if (client->fd >= 0 && client->state > CLIENT_CONNECTING && client_has_kept(client)) {
            client_send_kept(load, client, 1);
        }
    }
}
