/*
 * Readers that stop, and go on after a while, in rooms that skip: they are told exactly what they missed, and from then on
 * they know what the others know. Those who have stopped for good are closed as slow, whatever the room's policy.
 */
#include "support/system.h"

#include <stdio.h>
#include <string.h>

#include "roomd/world.h"

enum { NARROW_BYTES = 4096, STOPPED_MS = 3000, TEXT_BYTES = 600, MOVERS = 12, KNOWN_MAX = 64 };

/* What waits, waits in the server, where it can be skipped. */
#define SERVER "[server]\nsocket_send_buffer = 8KiB\nsocket_unsent_max = 1KiB\n" FAST_CLIENTS

static const char config_chat[] = SERVER "[room lobby]\n"
                                         "content = chat\n"
                                         "tick = 20ms\n"
                                         "slow = skip\n"
                                         "outbox_age_max = 500ms\n";

static const char config_field[] = SERVER "[room ground]\n"
                                          "content = field\n"
                                          "view = 0\n"
                                          "tick = 20ms\n"
                                          "slow = skip\n"
                                          "outbox_age_max = 500ms\n";

static const char config_policy[] = SERVER "[room lobby]\n"
                                           "content = chat\n"
                                           "tick = 20ms\n"
                                           "slow = %s\n"
                                           "skip_max = 700ms\n"
                                           "outbox_age_max = 500ms\n";

/* A new player in that room, who reads from a small buffer. */
static struct peer *enter_narrow(struct daemon *daemon, const char *room)
{
    struct peer *peer = peer_connect_narrow(daemon, NARROW_BYTES);

    peer_hello(peer);
    peer_join(peer, room);
    return peer;
}

static struct packet next_packet(struct peer *peer)
{
    struct packet packet;

    assert_true(peer_next_packet(peer, &packet, WAIT_LONG_MS));
    return packet;
}

/* ---- the exact count ---- */

/* Says numbered texts, one after the other is heard, until so much time has passed and somebody is skipped. */
static uint32_t talk(struct daemon *daemon, struct peer *speaker, int ms)
{
    uint64_t from_ns = wait_now_ns();
    char text[TEXT_BYTES + 1];
    uint32_t said = 0;

    memset(text, '.', TEXT_BYTES);
    text[TEXT_BYTES] = '\0';
    while (wait_now_ns() - from_ns < (uint64_t)ms * 1000000u ||
           (said % 100 == 0 && daemon_stat(daemon, "skips") == 0)) {
        char number[16];

        assert_true(wait_now_ns() - from_ns < WAIT_LONG_MS * 1000000ull);
        snprintf(number, sizeof(number), "%08u", said++);
        memcpy(text, number, 8);
        for (int i = 0; i < 4; i++) {
            peer_send_chat(speaker, text);
        }
        for (int i = 0; i < 4; i++) {
            peer_expect_packet(speaker, ROOMD_S_CHAT);
        }
    }
    return 4 * said;
}

static void a_reader_that_goes_on_is_told_the_exact_count(void **state)
{
    enum { CHAT_BYTES = 4 + 4 + 2 + 2 * TEXT_BYTES };
    struct daemon *daemon = daemon_start(config_chat);
    struct peer *speaker = peer_enter(daemon, "lobby");
    struct peer *reader = enter_narrow(daemon, "lobby");
    struct packet packet;
    uint32_t heard = 0;
    uint32_t said;

    (void)state;
    said = talk(daemon, speaker, STOPPED_MS);
    daemon_expect_stat_equal(daemon, "skips", 1);
    for (packet = next_packet(reader); packet.id == ROOMD_S_CHAT; packet = next_packet(reader)) {
        heard++;
    }
    assert_int_equal(packet.id, ROOMD_S_RESYNC);
    assert_int_equal(packet.payload_bytes, 8);
    assert_true(heard < said);
    assert_int_equal(roomd_get_u32(packet.payload), said - heard);
    assert_int_equal(roomd_get_u32(packet.payload + 4), (said - heard) * CHAT_BYTES);
    peer_send_chat(reader, "what did I miss?");
    peer_expect_chat(reader, reader->player, "what did I miss?");
    daemon_expect_stat_equal(daemon, "resyncs", 1);
    daemon_expect_stat_equal(daemon, "packets_skipped", said - heard);
    peer_close(speaker);
    peer_close(reader);
    daemon_stop(daemon);
}

/* ---- the view ---- */

struct known {
    uint32_t id;
    uint8_t at[12]; /* as on the wire */
};

struct view {
    struct peer *peer;
    struct known known[KNOWN_MAX];
    uint32_t count;
    uint32_t resyncs, resets;
};

static struct known *view_find(struct view *view, uint32_t id)
{
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->known[i].id == id) {
            return &view->known[i];
        }
    }
    return NULL;
}

static void view_put(struct view *view, const uint8_t *id_and_at)
{
    uint32_t id = roomd_get_u32(id_and_at);
    struct known *known = view_find(view, id);

    if (known == NULL) {
        assert_true(view->count < KNOWN_MAX);
        known = &view->known[view->count++];
        known->id = id;
    }
    memcpy(known->at, id_and_at + 4, sizeof(known->at));
}

static void view_take(struct view *view, const struct packet *packet)
{
    struct known *gone;

    switch (packet->id) {
    case ROOMD_S_PLAYER_LIST:
        for (uint32_t i = 0; i < roomd_get_u16(packet->payload); i++) {
            view_put(view, packet->payload + 2 + i * 17 + 1);
        }
        break;
    case ROOMD_S_BROADCAST_MOVE:
        assert_non_null(view_find(view, roomd_get_u32(packet->payload)));
        view_put(view, packet->payload);
        break;
    case ROOMD_S_BROADCAST_ENTER_GAME:
        view_put(view, packet->payload);
        break;
    case ROOMD_S_BROADCAST_LEAVE_GAME:
        gone = view_find(view, roomd_get_u32(packet->payload));
        assert_non_null(gone);
        *gone = view->known[--view->count];
        break;
    case ROOMD_S_VIEW_RESET:
        assert_int_equal(view->resyncs, view->resets + 1); /* right behind S_RESYNC */
        view->resets++;
        view->count = 0;
        break;
    case ROOMD_S_RESYNC:
        assert_true(roomd_get_u32(packet->payload) > 0);
        view->resyncs++;
        break;
    default:
        break;
    }
}

static void put_point(uint8_t *at, uint32_t x, uint32_t z)
{
    roomd_put_f32(at, (float)x);
    roomd_put_f32(at + 4, 0);
    roomd_put_f32(at + 8, (float)z);
}

static void send_move(struct peer *peer, uint32_t x, uint32_t z)
{
    uint8_t at[12];

    put_point(at, x, z);
    peer_send_packet(peer, ROOMD_C_MOVE, at, sizeof(at));
}

/* Reads until that player is known to be there: by then all that was said before has been read. */
static void view_await(struct view *view, uint32_t id, uint32_t x, uint32_t z)
{
    uint8_t at[12];
    const struct known *known;

    put_point(at, x, z);
    do {
        struct packet packet = next_packet(view->peer);

        view_take(view, &packet);
        known = view_find(view, id);
    } while (known == NULL || memcmp(known->at, at, sizeof(at)) != 0);
}

static void view_expect_same(struct view *view, struct view *other)
{
    assert_int_equal(view->count, other->count);
    for (uint32_t i = 0; i < view->count; i++) {
        const struct known *known = view_find(other, view->known[i].id);

        assert_non_null(known);
        assert_memory_equal(view->known[i].at, known->at, sizeof(known->at));
    }
}

struct ground {
    struct daemon *daemon;
    struct view all;  /* of one who reads */
    struct view slow; /* and of one who does not */
    struct peer *movers[MOVERS];
    uint32_t step;
};

/* Everybody moves; some go, and others come in their place. What one who reads is told of it is read. */
static void ground_step(struct ground *ground)
{
    ground->step++;
    for (uint32_t i = 0; i < MOVERS; i++) {
        struct packet packet;

        if (ground->step % 40 == 0 && i == ground->step / 40 % MOVERS) {
            peer_close(ground->movers[i]);
            ground->movers[i] = peer_enter(ground->daemon, "ground");
        }
        send_move(ground->movers[i], i, ground->step);
        while (peer_next_packet(ground->movers[i], &packet, 0)) {
        }
    }
    send_move(ground->all.peer, 1000, ground->step);
    view_await(&ground->all, ground->all.peer->player, 1000, ground->step);
}

/*
 * Once it has been told what it missed, it reads what the others do: at the next tick that has something to say, its view
 * is theirs.
 */
static void a_reader_that_goes_on_sees_what_there_is(void **state)
{
    struct ground ground = {.daemon = daemon_start(config_field)};
    uint64_t from_ns;

    (void)state;
    ground.all.peer = peer_enter(ground.daemon, "ground");
    for (uint32_t i = 0; i < MOVERS; i++) {
        ground.movers[i] = peer_enter(ground.daemon, "ground");
    }
    ground.slow.peer = enter_narrow(ground.daemon, "ground");
    from_ns = wait_now_ns();
    while (wait_now_ns() - from_ns < STOPPED_MS * 1000000ull ||
           (ground.step % 50 == 0 && daemon_stat(ground.daemon, "skips") == 0)) {
        assert_true(wait_now_ns() - from_ns < 3 * WAIT_LONG_MS * 1000000ull);
        ground_step(&ground);
    }
    daemon_expect_stat_equal(ground.daemon, "skips", 1);
    while (ground.slow.resets == 0) {
        struct packet packet = next_packet(ground.slow.peer);

        view_take(&ground.slow, &packet);
    }
    ground_step(&ground);
    view_await(&ground.slow, ground.all.peer->player, 1000, ground.step);
    view_expect_same(&ground.slow, &ground.all);
    assert_in_range(ground.slow.count, MOVERS + 1, MOVERS + 3); /* somebody may be about to go */
    for (int i = 0; i < 60; i++) {                              /* and from then on */
        ground_step(&ground);
        view_await(&ground.slow, ground.all.peer->player, 1000, ground.step);
        view_expect_same(&ground.slow, &ground.all);
    }
    assert_int_equal(ground.slow.resyncs, 1);
    peer_close_all();
    daemon_stop(ground.daemon);
}

/* ---- those who do not go on ---- */

static void a_reader_that_stopped_for_good_is_closed(void **state)
{
    static const char *const policies[] = {"kick", "skip"};

    (void)state;
    for (int skips = 0; skips < 2; skips++) {
        char config[512];
        struct daemon *daemon;
        struct peer *speaker, *reader;
        uint64_t from_ns;

        snprintf(config, sizeof(config), config_policy, policies[skips]);
        daemon = daemon_start(config);
        speaker = peer_enter(daemon, "lobby");
        reader = enter_narrow(daemon, "lobby");
        from_ns = wait_now_ns();
        while (daemon_log_count(daemon, "event=close ", "reason=slow") == 0) {
            assert_true(wait_now_ns() - from_ns < 3 * WAIT_LONG_MS * 1000000ull);
            talk(daemon, speaker, 0);
            peer_send_chat(speaker, "still there?");
            peer_expect_packet(speaker, ROOMD_S_CHAT);
        }
        assert_true(wait_now_ns() - from_ns > (skips ? 1200 : 500) * 1000000ull);
        daemon_expect_closes(daemon, "slow", 1);
        daemon_expect_stat_equal(daemon, "sessions", 1); /* it is not waited for */
        daemon_expect_stat_equal(daemon, "skips", (uint64_t)skips);
        peer_await_closed(reader);
        peer_close(reader);
        peer_close(speaker);
        daemon_stop(daemon);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(a_reader_that_goes_on_is_told_the_exact_count),
        SYSTEM_TEST(a_reader_that_goes_on_sees_what_there_is),
        SYSTEM_TEST(a_reader_that_stopped_for_good_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
