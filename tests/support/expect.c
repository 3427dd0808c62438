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

const char *close_reason_text(uint16_t reason)
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

static const char *state_of(const struct client *client)
{
    if (client->is_closed) {
        return client->error ? strerror(client->error) : "the connection ended";
    }
    return "nothing came";
}

/* Takes the next frame, or fails the test at the caller's line. */
static struct frame frame_take(struct client *client, const char *wanted, const char *file, int line)
{
    struct frame frame;

    if (!client_next_frame(client, &frame, WAIT_LONG_MS)) {
        print_error("wanted %s: %s, with %zu bytes at hand: %s\n", wanted, state_of(client),
                    client->end - client->start,
                    hex_of(client->bytes + client->start, client->end - client->start));
        _fail(file, line);
    }
    return frame;
}

static void frame_refuse(const struct frame *frame, const char *wanted, const char *file, int line)
{
    print_error("wanted %s; a frame of %u bytes with id 0x%04x came: %s\n", wanted, frame->size, frame->id,
                hex_of(frame->payload, frame->payload_bytes));
    _fail(file, line);
}

void expect_hex_at(struct client *client, const char *hex, int timeout_ms, const char *file, int line)
{
    uint8_t wanted[4096];
    size_t size = hex_parse(wanted, sizeof(wanted), hex);
    uint64_t deadline_ns = wait_deadline_ns(timeout_ms);

    while (client->end - client->start < size && client_read(client, deadline_ns) > 0) {
    }
    size_t held = client->end - client->start;
    const uint8_t *bytes = client->bytes + client->start;
    if (held < size || memcmp(bytes, wanted, size) != 0) {
        print_error("wanted %s\n", hex);
        print_error("came   %s(%zu bytes; %s)\n", hex_of(bytes, held), held, state_of(client));
        _fail(file, line);
    }
    client->start += size;
}

struct frame expect_frame_at(struct client *client, uint16_t id, bool content_passes, const char *file,
                             int line)
{
    char wanted[32];

    snprintf(wanted, sizeof(wanted), "id 0x%04x", id);
    for (;;) {
        struct frame frame = frame_take(client, wanted, file, line);

        if (frame.id == id) {
            return frame;
        }
        if (!content_passes || frame.id >= ROOMD_ENGINE_ID_FIRST) {
            frame_refuse(&frame, wanted, file, line);
        }
    }
}

bool chat_read(const struct frame *frame, uint32_t *player, char *text, size_t text_size)
{
    if (frame->id != ROOMD_S_CHAT || frame->payload_bytes < 6 || frame->payload_bytes % 2 != 0 ||
        roomd_get_u16(frame->payload + 4) != frame->payload_bytes - 6) {
        return false;
    }
    size_t units = (frame->payload_bytes - 6) / 2;
    *player = roomd_get_u32(frame->payload);
    if (units >= text_size) {
        units = text_size - 1;
    }
    for (size_t i = 0; i < units; i++) {
        uint16_t unit = roomd_get_u16(frame->payload + 6 + 2 * i);
        text[i] = unit > 0 && unit < 128 ? (char)unit : '?';
    }
    text[units] = '\0';
    return true;
}

void expect_chat_at(struct client *client, uint32_t player, const char *text, const char *file, int line)
{
    static char came[TEXT_BYTES];
    uint32_t from = 0;
    struct frame frame = frame_take(client, text, file, line);

    if (!chat_read(&frame, &from, came, sizeof(came))) {
        frame_refuse(&frame, text, file, line);
    }
    if (strcmp(came, text) != 0 || (player != 0 && from != player)) {
        print_error("wanted '%.80s' of player %u; '%.80s' of player %u came\n", text, player, came, from);
        _fail(file, line);
    }
}

/* A str at `at` that ends with the payload; its text is never empty. */
static bool text_fills(const struct frame *frame, size_t at)
{
    return frame->payload_bytes > at + 2 &&
           roomd_get_u16(frame->payload + at) == frame->payload_bytes - at - 2;
}

void expect_error_at(struct client *client, uint16_t code, const char *file, int line)
{
    struct frame frame = expect_frame_at(client, ROOMD_S_ERROR, true, file, line);

    if (!text_fills(&frame, 2) || roomd_get_u16(frame.payload) != code) {
        char wanted[48];

        snprintf(wanted, sizeof(wanted), "S_ERROR with code %u", code);
        frame_refuse(&frame, wanted, file, line);
    }
}

void expect_left_at(struct client *client, uint16_t reason, const char *file, int line)
{
    struct frame frame = expect_frame_at(client, ROOMD_S_LEFT, true, file, line);

    if (frame.payload_bytes != 2 || roomd_get_u16(frame.payload) != reason) {
        frame_refuse(&frame, "S_LEFT with the other reason", file, line);
    }
}

/* S_JOINED of this room with content chat. */
static bool joined_is(const struct frame *frame, const char *room)
{
    static const uint8_t content[] = {4, 0, 'c', 'h', 'a', 't'};
    size_t name_bytes = strlen(room);

    return frame->payload_bytes == 4 + 2 + name_bytes + sizeof(content) + 2 &&
           roomd_get_u16(frame->payload + 4) == name_bytes &&
           memcmp(frame->payload + 6, room, name_bytes) == 0 &&
           memcmp(frame->payload + 6 + name_bytes, content, sizeof(content)) == 0;
}

unsigned expect_joined_at(struct client *client, const char *room, const char *file, int line)
{
    struct frame frame = expect_frame_at(client, ROOMD_S_JOINED, true, file, line);

    if (!joined_is(&frame, room)) {
        print_error("wanted S_JOINED of room %s with content chat\n", room);
        frame_refuse(&frame, "it", file, line);
    }
    return roomd_get_u16(frame.payload + frame.payload_bytes - 2);
}

void expect_kick_at(struct client *client, uint16_t reason, const char *file, int line)
{
    const char *text = close_reason_text(reason);
    size_t name_bytes = strlen(text);
    struct frame frame = expect_frame_at(client, ROOMD_S_KICK, true, file, line);

    /* The text is the name, or the name, a colon and a word to people. */
    if (!text_fills(&frame, 2) || roomd_get_u16(frame.payload) != reason ||
        frame.payload_bytes < 4 + name_bytes || memcmp(frame.payload + 4, text, name_bytes) != 0 ||
        (frame.payload_bytes > 4 + name_bytes && frame.payload[4 + name_bytes] != ':')) {
        print_error("wanted S_KICK(%s)\n", text);
        frame_refuse(&frame, "it", file, line);
    }
    expect_closed_at(client, false, file, line);
}

void expect_closed_at(struct client *client, bool bytes_pass, const char *file, int line)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    for (;;) {
        if (bytes_pass) {
            client->start = client->end;
        }
        long n = client_read(client, deadline_ns);
        if (client->end > client->start && !bytes_pass) {
            print_error("wanted the end of the connection; bytes came: %s\n",
                        hex_of(client->bytes + client->start, client->end - client->start));
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

void expect_silence_at(struct client *client, int ms, const char *file, int line)
{
    uint64_t deadline_ns = wait_deadline_ns(ms);

    while (client->end == client->start) {
        long n = client_read(client, deadline_ns);

        if (n == 0) {
            print_error("wanted silence: %s\n", state_of(client));
            _fail(file, line);
        }
        if (n < 0 && wait_left_ms(deadline_ns) == 0) {
            return;
        }
    }
    print_error("wanted silence; came: %s\n",
                hex_of(client->bytes + client->start, client->end - client->start));
    _fail(file, line);
}

uint32_t client_hello_at(struct client *client, const char *file, int line)
{
    client_send_hello(client, ROOMD_WIRE_VERSION);
    struct frame frame = expect_frame_at(client, ROOMD_S_WELCOME, true, file, line);

    if (frame.payload_bytes != 14 || roomd_get_u16(frame.payload) != ROOMD_WIRE_VERSION) {
        frame_refuse(&frame, "S_WELCOME of version 1", file, line);
    }
    client->player = roomd_get_u32(frame.payload + 2);
    return client->player;
}

void client_join_at(struct client *client, const char *room, const char *file, int line)
{
    struct frame frame;

    client_send_join(client, room);
    do {
        frame = frame_take(client, "S_JOINED", file, line);
        if (frame.id >= ROOMD_ENGINE_ID_FIRST && frame.id != ROOMD_S_LEFT && frame.id != ROOMD_S_JOINED) {
            frame_refuse(&frame, "S_JOINED", file, line);
        }
    } while (frame.id != ROOMD_S_JOINED || !joined_is(&frame, room));
}
