/* The engine's packets as a client speaks them: from C_HELLO until it is in its room, out of it and back. */
#include "dummy-client/protocol.h"

#include "dummy-client/churn.h"
#include "dummy-client/load.h"

#include "base/check.h"

#include <string.h>

static struct receiver *receiver_of(struct load *load, const struct client *client)
{
    return &load->verify.receivers[client->index];
}

static void client_become_in(struct load *load, struct client *client)
{
    client->state = CLIENT_IN;
    if (!client->has_joined && !client_comes_back(client)) {
        client->has_joined = true;
        load->joined++;
        histogram_record(&load->connect_us, (load->now_ns - client->since_ns) / NS_PER_US, 1);
    }
    client_settle(load, client);
    if (play_is_on(&load->play)) {
        client_arm(load, client);
        return;
    }
    if (client_takes_part(client)) {
        verify_enter(&load->verify, receiver_of(load, client), load_us(load, load->now_ns));
    }
    client_arm(load, client);
}

/* Sends one engine packet whose payload is `size` bytes. */
static bool send_packet(struct load *load, struct client *client, uint16_t id, const void *payload,
                        size_t size)
{
    uint8_t frame[ROOMD_FRAME_HEADER_BYTES + 6 + TICKET_BYTES_MAX];

    CHECK(ROOMD_FRAME_HEADER_BYTES + size <= sizeof(frame));
    roomd_put_u16(frame, (uint16_t)(ROOMD_FRAME_HEADER_BYTES + size));
    roomd_put_u16(frame + 2, id);
    if (size > 0) {
        memcpy(frame + ROOMD_FRAME_HEADER_BYTES, payload, size);
    }
    return client_send(load, client, frame, ROOMD_FRAME_HEADER_BYTES + size);
}

static const char *wanted_room(const struct load *load, const struct client *client)
{
    const struct options *options = load->options;

    return options->rooms ? options->rooms[client->index % options->room_count] : load->room;
}

void protocol_ask_join(struct load *load, struct client *client)
{
    uint8_t payload[2 + ROOMD_NAME_BYTES_MAX];
    const char *room = wanted_room(load, client);
    size_t length = strlen(room);

    client->state = CLIENT_JOINING;
    client->since_ns = load->now_ns;
    roomd_put_u16(payload, (uint16_t)length);
    memcpy(payload + 2, room, length);
    send_packet(load, client, ROOMD_C_JOIN, payload, 2 + length);
}

void protocol_ask_leave(struct load *load, struct client *client)
{
    client->state = CLIENT_LEAVING;
    client->since_ns = load->now_ns;
    send_packet(load, client, ROOMD_C_LEAVE, NULL, 0);
}

/* C_HELLO: version, flags, and the ticket if the clients have such. */
static void say_hello(struct load *load, struct client *client)
{
    uint8_t payload[6 + TICKET_BYTES_MAX] = {0};
    size_t ticket = tickets_make(&load->tickets, client->index, (char *)payload + 6);

    roomd_put_u16(payload, ROOMD_WIRE_VERSION);
    roomd_put_u16(payload + 4, (uint16_t)ticket);
    send_packet(load, client, ROOMD_C_HELLO, payload, 6 + ticket);
}

void protocol_greet(struct load *load, struct client *client)
{
    if (client->kind == CLIENT_GARBAGE) {
        client->state = CLIENT_IN;
        client->wake_ns = load->now_ns;
        client_settle(load, client);
    } else if (load->options->is_echo) {
        verify_set_player(&load->verify, client->index, (int32_t)client->index + 1);
        client_become_in(load, client);
    } else {
        say_hello(load, client);
    }
}

/* Reads a str at `*at`; NULL when it does not fit. Moves `*at` behind it. */
static const uint8_t *read_str(const uint8_t *frame, uint32_t size, uint32_t *at, uint32_t *length)
{
    if (size - *at < 2) {
        return NULL;
    }
    *length = roomd_get_u16(frame + *at);
    if (size - *at - 2 < *length) {
        return NULL;
    }
    const uint8_t *text = frame + *at + 2;
    *at += 2 + *length;
    return text;
}

static bool on_welcome(struct load *load, struct client *client, const uint8_t *frame, uint32_t size)
{
    if (client->state != CLIENT_GREETING || size < ROOMD_FRAME_HEADER_BYTES + 14) {
        client_close(load, client, DISCONNECT_BAD_FRAME);
        return false;
    }
    if (!play_is_on(&load->play)) {
        verify_set_player(&load->verify, client->index, (int32_t)roomd_get_u32(frame + 6));
    }
    if (load->options->rooms) {
        uint64_t since_ns = client->since_ns; /* joining for the first time counts from the connect */
        protocol_ask_join(load, client);
        client->since_ns = since_ns;
    } else {
        client->state = CLIENT_JOINING;
    }
    return client->fd >= 0;
}

static bool on_joined(struct load *load, struct client *client, const uint8_t *frame, uint32_t size)
{
    uint32_t at = ROOMD_FRAME_HEADER_BYTES + 4;
    uint32_t length;
    const uint8_t *name = size > at ? read_str(frame, size, &at, &length) : NULL;

    if (!name || length > ROOMD_NAME_BYTES_MAX) {
        client_close(load, client, DISCONNECT_BAD_FRAME);
        return false;
    }
    if (client->state != CLIENT_JOINING) {
        return true;
    }
    if (!load->options->rooms && load->room[0] == '\0') {
        memcpy(load->room, name, length);
        load->room[length] = '\0';
    }
    const char *wanted = wanted_room(load, client);
    bool is_led = play_is_on(&load->play) && client->has_joined; /* wherever its world leads it */
    if (is_led || (strlen(wanted) == length && memcmp(wanted, name, length) == 0)) {
        client_become_in(load, client);
    } else if (!load->options->rooms) {
        load_complain(load, "the server puts clients into different rooms; name them with --rooms");
        client_close(load, client, DISCONNECT_REFUSED);
    }
    return client->fd >= 0;
}

/* Out of a room, by its world's doing: into the next one, or back to where it began. */
static bool on_led_away(struct load *load, struct client *client, uint32_t reason)
{
    if (client->state != CLIENT_IN) {
        return true;
    }
    if (reason == ROOMD_LEAVE_MOVED) {
        client->state = CLIENT_JOINING;
        client->since_ns = load->now_ns;
    } else {
        protocol_ask_join(load, client);
    }
    return client->fd >= 0;
}

static bool on_left(struct load *load, struct client *client, const uint8_t *frame, uint32_t size)
{
    if (play_is_on(&load->play)) {
        bool is_whole = size >= ROOMD_FRAME_HEADER_BYTES + 2;

        return on_led_away(load, client, is_whole ? roomd_get_u16(frame + ROOMD_FRAME_HEADER_BYTES) : 0);
    }
    if (client->state == CLIENT_LEAVING) {
        verify_leave(&load->verify, receiver_of(load, client));
        client->state = CLIENT_AWAY;
        churn_note_away(load, client);
    } else if (client->state == CLIENT_IN || client->state == CLIENT_FINISHING) {
        load_complain(load, "client %u was put out of its room", client->index);
        client_close(load, client, ROOMD_CLOSE_ROOM_CLOSED);
    }
    return client->fd >= 0;
}

static const char *error_text(uint32_t code)
{
    switch (code) {
#define X(number, name, text)                                                                                \
    case number:                                                                                             \
        return text;
        ROOMD_ERRORS(X)
#undef X
    default:
        return "with a code that is not in the contract";
    }
}

/* Refused in the world, or between two rooms: counted there, and nothing that ends a client. */
static bool is_of_play(const struct client *client, uint32_t code)
{
    return client->state == CLIENT_IN || code == ROOMD_ERROR_NOT_IN_ROOM || code >= ROOMD_ERROR_NOT_HERE;
}

static bool on_error(struct load *load, struct client *client, const uint8_t *frame, uint32_t size)
{
    uint32_t code =
        size >= ROOMD_FRAME_HEADER_BYTES + 2 ? roomd_get_u16(frame + ROOMD_FRAME_HEADER_BYTES) : 0;

    if (code == ROOMD_ERROR_ALREADY_THERE || (play_is_on(&load->play) && is_of_play(client, code))) {
        return true;
    }
    if (!client_comes_back(client)) {
        load_complain(load, "the server refused a request of client %u: %s", client->index, error_text(code));
    }
    if (client->state == CLIENT_JOINING || client->state == CLIENT_LEAVING) {
        client_close(load, client, DISCONNECT_REFUSED);
    }
    return client->fd >= 0;
}

static bool on_ping(struct load *load, struct client *client, const uint8_t *frame, uint32_t size)
{
    if (size < ROOMD_FRAME_HEADER_BYTES + 8) {
        client_close(load, client, DISCONNECT_BAD_FRAME);
        return false;
    }
    load->pongs_sent++;
    return send_packet(load, client, ROOMD_C_PONG, frame + ROOMD_FRAME_HEADER_BYTES, 8);
}

static bool on_resync(struct load *load, struct client *client, const uint8_t *frame, uint32_t size)
{
    if (size < ROOMD_FRAME_HEADER_BYTES + 8) {
        client_close(load, client, DISCONNECT_BAD_FRAME);
        return false;
    }
    uint32_t packets = roomd_get_u32(frame + ROOMD_FRAME_HEADER_BYTES);
    uint32_t bytes = roomd_get_u32(frame + ROOMD_FRAME_HEADER_BYTES + 4);

    load->resyncs++;
    load->packets_skipped += packets;
    load->bytes_skipped += bytes;
    if (!play_is_on(&load->play)) {
        verify_resync(&load->verify, receiver_of(load, client), packets, bytes, load_us(load, load->now_ns));
    }
    return true;
}

/* Who comes in to do nothing else but misbehave hears nothing from then on. */
static bool is_past_listening(const struct client *client)
{
    return client->kind == CLIENT_GARBAGE || (client->state == CLIENT_IN && !client_takes_part(client));
}

bool protocol_on_engine(void *context, struct receiver *receiver, const uint8_t *frame, uint32_t size)
{
    struct load *load = context;
    struct client *client = &load->clients[receiver->index];
    uint32_t id = roomd_get_u16(frame + 2);

    if (id == ROOMD_S_KICK) {
        bool is_whole = size >= ROOMD_FRAME_HEADER_BYTES + 2;

        client->kick = is_whole ? roomd_get_u16(frame + ROOMD_FRAME_HEADER_BYTES) : DISCONNECT_BAD_FRAME;
        return true; /* the server closes after it */
    }
    if (is_past_listening(client)) {
        return true;
    }
    switch (id) {
    case ROOMD_S_WELCOME:
        return on_welcome(load, client, frame, size);
    case ROOMD_S_JOINED:
        return on_joined(load, client, frame, size);
    case ROOMD_S_LEFT:
        return on_left(load, client, frame, size);
    case ROOMD_S_ERROR:
        return on_error(load, client, frame, size);
    case ROOMD_S_PING:
        return on_ping(load, client, frame, size);
    case ROOMD_S_RESYNC:
        return on_resync(load, client, frame, size);
    default:
        return true;
    }
}
