#include "sim/sim_clients.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"

bool sim_is_honest(enum sim_kind kind)
{
    return kind <= SIM_ROAMER;
}

uint64_t sim_client_draw(struct sim_client *client, uint64_t below)
{
    return sim_draw(&client->random, below);
}

void sim_crowd_open(struct sim_crowd *crowd, uint64_t seed, const uint32_t counts[SIM_KIND_COUNT])
{
    *crowd = (struct sim_crowd){.random = hash_u64(seed ^ 0x63726F7764u)};
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        crowd->count += counts[kind];
    }
    CHECK(crowd->count > 0 && crowd->count <= SIM_CLIENTS_MAX);
    crowd->clients = calloc(crowd->count, sizeof(crowd->clients[0]));
    CHECK(crowd->clients != NULL);
    for (uint32_t i = 0, kind = 0, left = counts[0]; i < crowd->count; i++, left--) {
        struct sim_client *client = &crowd->clients[i];

        while (left == 0) {
            left = counts[++kind];
        }
        *client = (struct sim_client){.crowd = crowd, .kind = (enum sim_kind)kind, .index = i};
        client->random = sim_draw(&crowd->random, UINT64_MAX);
        client->next_ns = sim_kernel.now_ns + sim_draw(&crowd->random, 2 * NS_PER_S);
        client->tracks = calloc(crowd->count, sizeof(client->tracks[0]));
        CHECK(client->tracks != NULL);
        if (client->kind == SIM_ROAMER || client->kind == SIM_SLOW) {
            client->view = calloc(1, sizeof(*client->view));
            CHECK(client->view != NULL);
        }
    }
}

void sim_crowd_close(struct sim_crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->count; i++) {
        struct sim_client *client = &crowd->clients[i];

        sim_client_hang_up(client);
        free(client->in.bytes);
        free(client->out.bytes);
        free(client->tracks);
        free(client->view);
    }
    free(crowd->clients);
    crowd->clients = NULL;
    crowd->count = 0;
}

uint64_t sim_crowd_act(struct sim_crowd *crowd, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    for (uint32_t i = 0; i < crowd->count; i++) {
        struct sim_client *client = &crowd->clients[i];

        if (client->next_ns <= now_ns) {
            uint64_t wait_ns;

            if (client->socket != NULL) {
                sim_client_flush(client);
            }
            if (client->kind == SIM_ROAMER) {
                wait_ns = sim_world_act(client);
            } else {
                wait_ns = sim_is_honest(client->kind) ? sim_honest_act(client) : sim_foul_act(client);
            }
            if (client->socket != NULL) {
                sim_client_flush(client);
            }
            client->next_ns = now_ns + (wait_ns > 0 ? wait_ns : 1);
        }
        next_ns = client->next_ns < next_ns ? client->next_ns : next_ns;
    }
    return next_ns;
}

void sim_crowd_check_complete(const struct sim_crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->count && !crowd->is_lossy; i++) {
        sim_chat_check_complete(&crowd->clients[i]);
    }
}

/* ---- connections ---- */

static void client_leave_room(struct sim_client *client)
{
    client->room[0] = '\0';
    client->content[0] = '\0';
    client->texts = 0;
}

void sim_client_forget(struct sim_client *client)
{
    client->socket = NULL;
    client->state = SIM_AWAY;
    client->in.start = client->in.end = 0;
    client->out.start = client->out.end = 0;
    client->player = 0;
    client->visit = 0;
    client->kick = 0;
    client->is_done = false;
    client->has_missed = false;
    client->pings = client->pongs = 0;
    client_leave_room(client);
}

bool sim_client_connect(struct sim_client *client)
{
    bool is_wide = sim_is_honest(client->kind);
    uint32_t address = 0x0A000000u + 256 * client->index + 1;
    uint32_t to_server = 256u << sim_client_draw(client, 9);
    uint32_t to_client = (is_wide ? 1u << 20 : 128u) << sim_client_draw(client, is_wide ? 3 : 10);

    CHECK(client->socket == NULL);
    client->socket = sim_connect((uint32_t)sim_client_draw(client, 2), address, to_server, to_client);
    if (client->socket == NULL) {
        client->crowd->totals.refused++;
        return false;
    }
    client->crowd->totals.connects++;
    client->connection++;
    client->state = SIM_GREETING;
    client->joined_ns = UINT64_MAX;
    sim_chat_begin(client);
    return true;
}

void sim_client_hang_up(struct sim_client *client)
{
    if (client->socket != NULL) {
        sim_close(client->socket);
        sim_client_forget(client);
    }
}

static void bytes_reserve(struct sim_bytes *bytes, size_t more)
{
    if (bytes->start == bytes->end) {
        bytes->start = bytes->end = 0;
    }
    if (bytes->start > 0 && bytes->end + more > bytes->capacity) {
        memmove(bytes->bytes, bytes->bytes + bytes->start, bytes->end - bytes->start);
        bytes->end -= bytes->start;
        bytes->start = 0;
    }
    if (bytes->end + more > bytes->capacity) {
        bytes->capacity = 2 * (bytes->end + more);
        bytes->bytes = realloc(bytes->bytes, bytes->capacity);
        CHECK(bytes->bytes != NULL);
    }
}

void sim_client_put(struct sim_client *client, const void *bytes, size_t size)
{
    bytes_reserve(&client->out, size + 1);
    memcpy(client->out.bytes + client->out.end, bytes, size);
    client->out.end += size;
}

void sim_client_put_packet(struct sim_client *client, uint16_t id, const void *payload, size_t bytes)
{
    uint8_t header[ROOMD_FRAME_HEADER_BYTES];

    frame_put_header(header, id, bytes);
    sim_client_put(client, header, sizeof(header));
    if (bytes > 0) {
        sim_client_put(client, payload, bytes);
    }
}

void sim_client_put_hello(struct sim_client *client)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    sim_client_put(client, frame, control_put_hello(frame, ROOMD_WIRE_VERSION, 0, NULL, 0));
}

void sim_client_put_join(struct sim_client *client, const char *room)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    sim_client_put(client, frame, control_put_join(frame, room));
}

void sim_client_flush(struct sim_client *client)
{
    struct sim_bytes *out = &client->out;

    if (out->end > out->start && !client->is_done) {
        out->start += sim_send(client->socket, out->bytes + out->start, out->end - out->start);
    }
}

/* ---- what it is told ---- */

/* The server has ended an honest one's connection: was that to be expected? */
static void client_check_end(const struct sim_client *client)
{
    struct sim_crowd *crowd = client->crowd;
    /* At the door the farewell is one write at best. */
    bool is_turned_away = client->joined_ns == UINT64_MAX &&
                          (client->kick == ROOMD_CLOSE_FULL || (client->kick == 0 && crowd->is_crowded));

    if (!sim_is_honest(client->kind) || client->socket->is_hurt || crowd->is_ending || is_turned_away ||
        (crowd->is_lossy && !crowd->is_strict)) {
        return;
    }
    if (crowd->excused > 0) {
        crowd->excused--;
        return;
    }
    fail_msg("client %u, of kind %d, player %u in %s, was honest and has been cut off; the kick said %u",
             client->index, client->kind, client->player, client->room, client->kick);
}

static void client_end(struct sim_client *client)
{
    struct sim_crowd *crowd = client->crowd;

    crowd->totals.ends++;
    crowd->totals.hurt += client->socket->is_hurt;
    client_check_end(client);
    sim_client_hang_up(client);
}

static void copy_name(char *out, const struct wire_str *name)
{
    assert_in_range(name->size, 1, ROOMD_NAME_BYTES_MAX);
    memcpy(out, name->bytes, name->size);
    out[name->size] = '\0';
}

static void client_join(struct sim_client *client, const struct control_server *control)
{
    client_leave_room(client);
    copy_name(client->room, &control->joined.room);
    copy_name(client->content, &control->joined.content);
    client->state = SIM_INSIDE;
    client->visit++;
    client->joined_ns = sim_kernel.now_ns;
    client->crowd->totals.joins++;
    sim_chat_begin(client);
    sim_world_begin(client);
}

static void client_take_error(struct sim_client *client, const struct control_server *control)
{
    client->crowd->totals.errors++;
    if (client->state == SIM_WAITING) {
        client->state = client->room[0] != '\0' ? SIM_INSIDE : SIM_OUTSIDE;
    }
    if (sim_is_honest(client->kind)) {
        assert_true(client->crowd->is_lossy || control->error.code != ROOMD_ERROR_NO_MEMORY);
        assert_int_not_equal(control->error.code, ROOMD_ERROR_TOO_FAST);
        assert_int_not_equal(control->error.code, ROOMD_ERROR_MALFORMED);
        assert_int_not_equal(control->error.code, ROOMD_ERROR_NOT_NOW);
    }
}

static void client_take_ping(struct sim_client *client, uint64_t token)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    client->crowd->totals.pinged++;
    sim_client_put(client, frame, control_put_client_pong(frame, token));
}

static void client_take_resync(struct sim_client *client, const struct control_server *control)
{
    assert_int_not_equal(control->resync.packets, 0);
    assert_true(control->resync.bytes >= ROOMD_FRAME_HEADER_BYTES * (uint64_t)control->resync.packets);
    client->crowd->totals.resyncs++;
    client->crowd->totals.skipped += control->resync.packets;
    sim_chat_resync(client);
    sim_world_resync(client);
}

static void client_take_control(struct sim_client *client, const struct frame *frame)
{
    struct control_server control;

    assert_int_equal(control_decode_server(frame, &control), 0);
    if (client->kind == SIM_LEGACY && frame->id != ROOMD_S_KICK) {
        fail_msg("client %u never said C_HELLO and is sent %#x", client->index, frame->id);
    }
    switch (frame->id) {
    case ROOMD_S_WELCOME:
        assert_int_equal(client->player, 0);
        assert_int_not_equal(control.welcome.player, 0);
        client->player = control.welcome.player;
        break;
    case ROOMD_S_JOINED:
        client_join(client, &control);
        break;
    case ROOMD_S_LEFT:
        assert_int_not_equal(control.left.reason, ROOMD_LEAVE_DISCONNECTED);
        sim_chat_end(client);
        client_leave_room(client);
        client->state = client->state == SIM_INSIDE ? SIM_OUTSIDE : client->state;
        break;
    case ROOMD_S_PONG:
        if (control.pong.token != ++client->pongs) {
            fail_msg("client %u pinged, and is answered out of order", client->index);
        }
        break;
    case ROOMD_S_PING:
        client_take_ping(client, control.ping.token);
        break;
    case ROOMD_S_RESYNC:
        client_take_resync(client, &control);
        break;
    case ROOMD_S_ERROR:
        client_take_error(client, &control);
        break;
    case ROOMD_S_KICK:
        assert_int_equal(client->kick, 0);
        assert_int_not_equal(control.kick.reason, 0);
        client->kick = control.kick.reason;
        client->crowd->totals.kicks++;
        break;
    default:
        break;
    }
}

static void client_take(struct sim_client *client, const struct frame *frame)
{
    bool is_chat;

    client->crowd->totals.frames++;
    client->crowd->digest = hash_u64(client->crowd->digest ^ ((uint64_t)client->index << 32 | frame->id) ^
                                     hash_bytes(frame->payload, frame->payload_bytes));
    if (client->kick != 0) {
        fail_msg("client %u is told %#x after S_KICK", client->index, frame->id);
    }
    if (frame->id >= ROOMD_ENGINE_ID_FIRST) {
        client_take_control(client, frame);
        return;
    }
    /* Until it has said C_HELLO it is in the autojoin room, and is not told so. */
    is_chat = client->player == 0 || strcmp(client->content, "chat") == 0;
    if (client->player != 0 && client->room[0] == '\0') {
        fail_msg("client %u is in no room and is told %u", client->index, frame->id);
    }
    if (is_chat) {
        sim_chat_read(client, frame);
    } else if (client->view != NULL) {
        sim_world_read(client, frame);
    }
}

static void client_take_frames(struct sim_client *client)
{
    struct sim_bytes *in = &client->in;
    struct frame_cursor cursor = {.data = in->bytes + in->start, .size = in->end - in->start};
    struct frame frame;
    enum frame_result result;

    while ((result = frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame)) == FRAME_OK) {
        client_take(client, &frame);
    }
    assert_int_equal(result, FRAME_MORE);
    in->start += cursor.pos;
}

bool sim_client_read(struct sim_client *client, size_t bytes_max)
{
    long got = 1;

    while (bytes_max > 0) {
        size_t size = bytes_max < 16384 ? bytes_max : 16384;

        bytes_reserve(&client->in, size);
        got = sim_receive(client->socket, client->in.bytes + client->in.end, size);
        if (got <= 0) {
            break;
        }
        client->in.end += (size_t)got;
        bytes_max -= (size_t)got;
        client_take_frames(client);
    }
    if (got < 0) {
        client_end(client);
        return false;
    }
    return true;
}
