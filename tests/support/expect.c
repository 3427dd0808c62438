#include "support/expect.h"

#include "support/wait.h"

#include <roomd/wire.h>

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 32768, DUMP_BYTES = 64 };

static const char *const reason_names[ROOMD_CLOSE_REASON_COUNT] = {
#define X(number, name, text) [number] = #name,
    ROOMD_CLOSE_REASONS(X)
#undef X
};

const char *wire_reason_name(uint16_t reason)
{
    static char lower[32];
    size_t n = 0;

    assert_true(reason > ROOMD_CLOSE_NONE && reason < ROOMD_CLOSE_REASON_COUNT);
    for (const char *p = reason_names[reason]; *p != '\0' && n < sizeof(lower) - 1; p++) {
        lower[n++] = (char)tolower((unsigned char)*p);
    }
    lower[n] = '\0';
    return lower;
}

static const char *hex_of(const uint8_t *bytes, size_t size)
{
    static char text[DUMP_BYTES * 3 + 8];
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < size && i < DUMP_BYTES; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%02x ", bytes[i]);
    }
    if (size > DUMP_BYTES) {
        snprintf(text + n, sizeof(text) - n, "...");
    }
    return text;
}

static const char *state_of(const struct peer *peer)
{
    if (peer->is_closed) {
        return peer->error ? strerror(peer->error) : "the connection ended";
    }
    return "nothing came";
}

/* Takes the next frame, or fails the test at the caller's line. */
static struct packet packet_take(struct peer *peer, const char *wanted, const char *file, int line)
{
    struct packet packet;

    if (!peer_next_packet(peer, &packet, WAIT_LONG_MS)) {
        print_error("wanted %s: %s, with %zu bytes at hand: %s\n", wanted, state_of(peer),
                    peer->end - peer->start, hex_of(peer->bytes + peer->start, peer->end - peer->start));
        _fail(file, line);
    }
    return packet;
}

static void packet_refuse(const struct packet *packet, const char *wanted, const char *file, int line)
{
    print_error("wanted %s; a packet of %u bytes with id 0x%04x came: %s\n", wanted, packet->size, packet->id,
                hex_of(packet->payload, packet->payload_bytes));
    _fail(file, line);
}

void expect_hex_at(struct peer *peer, const char *hex, int timeout_ms, const char *file, int line)
{
    uint8_t wanted[4096];
    size_t size = hex_parse(wanted, sizeof(wanted), hex);
    uint64_t deadline_ns = wait_deadline_ns(timeout_ms);

    while (peer->end - peer->start < size && peer_read(peer, deadline_ns) > 0) {
    }
    size_t held = peer->end - peer->start;
    const uint8_t *bytes = peer->bytes + peer->start;
    if (held < size || memcmp(bytes, wanted, size) != 0) {
        print_error("wanted %s\n", hex);
        print_error("came   %s(%zu bytes; %s)\n", hex_of(bytes, held), held, state_of(peer));
        _fail(file, line);
    }
    peer->start += size;
}

struct packet expect_packet_at(struct peer *peer, uint16_t id, bool content_passes, const char *file,
                               int line)
{
    char wanted[32];

    snprintf(wanted, sizeof(wanted), "id 0x%04x", id);
    for (;;) {
        struct packet packet = packet_take(peer, wanted, file, line);

        if (packet.id == id) {
            return packet;
        }
        if (!content_passes || packet.id >= ROOMD_ENGINE_ID_FIRST) {
            packet_refuse(&packet, wanted, file, line);
        }
    }
}

bool chat_read(const struct packet *packet, uint32_t *player, char *text, size_t text_size)
{
    if (packet->id != ROOMD_S_CHAT || packet->payload_bytes < 6 || packet->payload_bytes % 2 != 0 ||
        roomd_get_u16(packet->payload + 4) != packet->payload_bytes - 6) {
        return false;
    }
    size_t units = (packet->payload_bytes - 6) / 2;
    *player = roomd_get_u32(packet->payload);
    if (units >= text_size) {
        units = text_size - 1;
    }
    for (size_t i = 0; i < units; i++) {
        uint16_t unit = roomd_get_u16(packet->payload + 6 + 2 * i);
        text[i] = unit > 0 && unit < 128 ? (char)unit : '?';
    }
    text[units] = '\0';
    return true;
}

void expect_chat_at(struct peer *peer, uint32_t player, const char *text, const char *file, int line)
{
    static char came[TEXT_BYTES];
    uint32_t from = 0;
    struct packet packet = packet_take(peer, text, file, line);

    if (!chat_read(&packet, &from, came, sizeof(came))) {
        packet_refuse(&packet, text, file, line);
    }
    if (strcmp(came, text) != 0 || (player != 0 && from != player)) {
        print_error("wanted '%.80s' of player %u; '%.80s' of player %u came\n", text, player, came, from);
        _fail(file, line);
    }
}

/* A str at `at` that ends with the payload; its text is never empty. */
static bool text_fills(const struct packet *packet, size_t at)
{
    return packet->payload_bytes > at + 2 &&
           roomd_get_u16(packet->payload + at) == packet->payload_bytes - at - 2;
}

void expect_error_at(struct peer *peer, uint16_t code, const char *file, int line)
{
    struct packet packet = expect_packet_at(peer, ROOMD_S_ERROR, true, file, line);

    if (!text_fills(&packet, 2) || roomd_get_u16(packet.payload) != code) {
        char wanted[48];

        snprintf(wanted, sizeof(wanted), "S_ERROR with code %u", code);
        packet_refuse(&packet, wanted, file, line);
    }
}

void expect_left_at(struct peer *peer, uint16_t reason, const char *file, int line)
{
    struct packet packet = expect_packet_at(peer, ROOMD_S_LEFT, true, file, line);

    if (packet.payload_bytes != 2 || roomd_get_u16(packet.payload) != reason) {
        packet_refuse(&packet, "S_LEFT with the other reason", file, line);
    }
}

/* A str at `at`, within the payload, that says `text`. */
static bool text_is(const struct packet *packet, size_t at, const char *text)
{
    size_t bytes = strlen(text);

    return packet->payload_bytes >= at + 2 + bytes && roomd_get_u16(packet->payload + at) == bytes &&
           memcmp(packet->payload + at + 2, text, bytes) == 0;
}

unsigned expect_joined_at(struct peer *peer, const char *room, const char *file, int line)
{
    struct packet packet = expect_packet_at(peer, ROOMD_S_JOINED, true, file, line);

    if (!text_is(&packet, 4, room) || !text_is(&packet, 6 + strlen(room), "chat") ||
        packet.payload_bytes != 6 + strlen(room) + 6 + 2) {
        print_error("wanted S_JOINED of room %s with content chat\n", room);
        packet_refuse(&packet, "it", file, line);
    }
    return roomd_get_u16(packet.payload + packet.payload_bytes - 2);
}

void expect_kick_at(struct peer *peer, uint16_t reason, const char *file, int line)
{
    const char *text = wire_reason_name(reason);
    size_t name_bytes = strlen(text);
    struct packet packet = expect_packet_at(peer, ROOMD_S_KICK, true, file, line);

    /* The text is the name, or the name, a colon and a word to people. */
    if (!text_fills(&packet, 2) || roomd_get_u16(packet.payload) != reason ||
        packet.payload_bytes < 4 + name_bytes || memcmp(packet.payload + 4, text, name_bytes) != 0 ||
        (packet.payload_bytes > 4 + name_bytes && packet.payload[4 + name_bytes] != ':')) {
        print_error("wanted S_KICK(%s)\n", text);
        packet_refuse(&packet, "it", file, line);
    }
    expect_closed_at(peer, false, file, line);
}

void expect_closed_at(struct peer *peer, bool bytes_pass, const char *file, int line)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    for (;;) {
        if (bytes_pass) {
            peer->start = peer->end;
        }
        long n = peer_read(peer, deadline_ns);
        if (peer->end > peer->start && !bytes_pass) {
            print_error("wanted the end of the connection; bytes came: %s\n",
                        hex_of(peer->bytes + peer->start, peer->end - peer->start));
            _fail(file, line);
        }
        if (n == 0) {
            return;
        }
        if (n < 0 && wait_left_ms(deadline_ns) == 0) {
            print_error("the server did not end the connection\n");
            _fail(file, line);
        }
    }
}

void expect_silence_at(struct peer *peer, int ms, const char *file, int line)
{
    uint64_t deadline_ns = wait_deadline_ns(ms);

    while (peer->end == peer->start) {
        long n = peer_read(peer, deadline_ns);

        if (n == 0) {
            print_error("wanted silence: %s\n", state_of(peer));
            _fail(file, line);
        }
        if (n < 0 && wait_left_ms(deadline_ns) == 0) {
            return;
        }
    }
    print_error("wanted silence; came: %s\n", hex_of(peer->bytes + peer->start, peer->end - peer->start));
    _fail(file, line);
}

uint32_t peer_hello_at(struct peer *peer, const char *file, int line)
{
    peer_send_hello(peer, ROOMD_WIRE_VERSION);
    struct packet packet = expect_packet_at(peer, ROOMD_S_WELCOME, true, file, line);

    if (packet.payload_bytes != 14 || roomd_get_u16(packet.payload) != ROOMD_WIRE_VERSION) {
        packet_refuse(&packet, "S_WELCOME of version 1", file, line);
    }
    peer->player = roomd_get_u32(packet.payload + 2);
    return peer->player;
}

void peer_join_at(struct peer *peer, const char *room, const char *file, int line)
{
    struct packet packet;

    peer_send_join(peer, room);
    do {
        packet = packet_take(peer, "S_JOINED", file, line);
        if (packet.id >= ROOMD_ENGINE_ID_FIRST && packet.id != ROOMD_S_LEFT && packet.id != ROOMD_S_JOINED) {
            packet_refuse(&packet, "S_JOINED", file, line);
        }
    } while (packet.id != ROOMD_S_JOINED || !text_is(&packet, 4, room));
}

struct peer *peer_enter_at(const struct daemon *daemon, const char *room, const char *file, int line)
{
    struct peer *peer = peer_connect(daemon);

    peer_hello_at(peer, file, line);
    peer_join_at(peer, room, file, line);
    return peer;
}

struct peer *peer_autojoin_at(const struct daemon *daemon, const char *room, const char *file, int line)
{
    struct peer *peer = peer_connect(daemon);

    peer_hello_at(peer, file, line);
    expect_joined_at(peer, room, file, line);
    return peer;
}
