/* The control packets: what the engine answers to each, in each state that a client can be in. */
#include "support/system.h"

#include <stdio.h>
#include <string.h>

/* Ticks are quick, so that what goes out with a tick does not slow the tests. */
static const char config[] = "[server]\n"
                             "strikes_max = 1\n"
                             "[room lobby]\n"
                             "content = chat\n"
                             "autojoin = yes\n"
                             "tick = 10ms\n"
                             "[room cellar]\n"
                             "content = chat\n"
                             "tick = 20ms\n"
                             "[room tiny]\n"
                             "content = chat\n"
                             "tick = 10ms\n"
                             "capacity = 1\n";

static const char config_no_autojoin[] = "[room cellar]\n"
                                         "content = chat\n"
                                         "tick = 10ms\n";

static void hello_is_answered_by_welcome_and_joined(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *first = peer_connect(daemon);
    struct peer *second = peer_connect(daemon);

    (void)state;
    peer_send_hello(first, 1);
    struct packet packet = peer_expect_packet(first, ROOMD_S_WELCOME);
    assert_int_equal(packet.payload_bytes, 14);
    assert_int_equal(roomd_get_u16(packet.payload), 1);
    assert_int_equal(roomd_get_u32(packet.payload + 2), 1);
    assert_int_equal(peer_expect_joined(first, "lobby"), 10);
    assert_int_equal(peer_hello(second), 2);
    peer_expect_joined(second, "lobby");
    peer_send_chat(second, "hi");
    peer_expect_chat(first, 2, "hi");
    peer_close(first);
    peer_close(second);
    daemon_stop(daemon);
}

static void ids_are_never_used_again(void **state)
{
    struct daemon *daemon = daemon_start(config);

    (void)state;
    for (uint32_t i = 1; i <= 5; i++) {
        struct peer *client = peer_connect(daemon);

        assert_int_equal(peer_hello(client), i);
        peer_close(client);
        daemon_expect_stat_equal(daemon, "sessions", 0);
    }
    daemon_stop(daemon);
}

static void silent_client_sees_only_content(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *silent = peer_connect(daemon);
    struct peer *guest = peer_autojoin(daemon, "lobby");
    uint8_t unknown[8] = {0};

    (void)state;
    peer_expect_silence(silent, 50);
    peer_send_packet(silent, 0x1234, unknown, sizeof(unknown)); /* an S_ERROR that it must not see */
    peer_send_chat(silent, "one");
    peer_expect_chat(silent, 1, "one");
    peer_expect_chat(guest, 1, "one");
    peer_close(silent);
    peer_close(guest);
    daemon_stop(daemon);
}

static void version_other_than_1_is_kicked(void **state)
{
    struct daemon *daemon = daemon_start(config);
    const uint16_t versions[] = {0, 2, 0xFFFF};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct peer *client = peer_connect(daemon);

        peer_send_hello(client, versions[i]);
        peer_expect_kick(client, ROOMD_CLOSE_VERSION);
        peer_close(client);
    }
    daemon_expect_closes(daemon, "version", 3);
    daemon_stop(daemon);
}

static void engine_packets_before_hello_are_kicked(void **state)
{
    struct daemon *daemon = daemon_start(config);
    uint8_t ping[8] = {1};
    uint8_t bytes[64];

    (void)state;
    for (uint16_t id = ROOMD_C_JOIN; id <= ROOMD_C_CREATE; id++) {
        struct peer *client = peer_connect(daemon);

        if (id == ROOMD_C_JOIN) {
            peer_send(client, bytes, packet_put_join(bytes, "cellar"));
        } else if (id == ROOMD_C_CREATE) {
            peer_send_hex(client, "0a 00 06 ff 01 00 61 01 00 62");
        } else {
            peer_send_packet(client, id, ping, id == ROOMD_C_PING ? 8 : 0);
        }
        peer_expect_kick(client, ROOMD_CLOSE_STATE);
        peer_close(client);
    }
    daemon_expect_closes(daemon, "state", 5);
    assert_int_equal(daemon_stat(daemon, "close_state"), 5);
    daemon_stop(daemon);
}

static void join_moves_from_room_to_room(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *mover = peer_autojoin(daemon, "lobby");
    struct peer *stayer = peer_autojoin(daemon, "lobby");

    (void)state;
    peer_send_join(mover, "cellar");
    struct packet packet = peer_expect_packet(mover, ROOMD_S_LEFT);
    assert_int_equal(roomd_get_u16(packet.payload), ROOMD_LEAVE_MOVED);
    assert_int_equal(peer_expect_joined(mover, "cellar"), 20);
    peer_send_chat(mover, "down here");
    peer_send_chat(stayer, "up here");
    peer_expect_chat(mover, 1, "down here");
    peer_expect_chat(stayer, 2, "up here");
    peer_join(mover, "lobby");
    peer_send_chat(mover, "back");
    peer_expect_chat(mover, 1, "back");
    peer_expect_chat(stayer, 1, "back");
    peer_close(mover);
    peer_close(stayer);
    daemon_stop(daemon);
}

static void refused_joins_change_nothing(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *owner = peer_autojoin(daemon, "lobby");
    struct peer *guest = peer_autojoin(daemon, "lobby");

    (void)state;
    peer_join(owner, "tiny");
    peer_send_join(guest, "tiny");
    peer_expect_error(guest, ROOMD_ERROR_ROOM_FULL);
    peer_send_join(guest, "nowhere");
    peer_expect_error(guest, ROOMD_ERROR_NO_SUCH_ROOM);
    peer_send_join(guest, "lobby");
    peer_expect_error(guest, ROOMD_ERROR_ALREADY_THERE);
    peer_send_join(owner, "tiny");
    peer_expect_error(owner, ROOMD_ERROR_ALREADY_THERE);
    peer_send_chat(guest, "still here");
    peer_expect_chat(guest, 2, "still here");
    peer_expect_silence(owner, 50);
    /* The place that the owner leaves is free at once. */
    peer_join(owner, "lobby");
    peer_join(guest, "tiny");
    peer_close(owner);
    peer_close(guest);
    daemon_stop(daemon);
}

static void place_of_the_lost_is_free_again(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *guest = peer_autojoin(daemon, "lobby");

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        struct peer *owner = peer_autojoin(daemon, "lobby");

        peer_join(owner, "tiny");
        peer_abort(owner);
        daemon_expect_stat_equal(daemon, "sessions", 1);
    }
    peer_join(guest, "tiny");
    peer_close(guest);
    daemon_stop(daemon);
}

static void leave_is_answered_and_what_follows_is_refused(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *guest = peer_autojoin(daemon, "lobby");
    struct peer *stayer = peer_autojoin(daemon, "lobby");

    (void)state;
    peer_send_packet(guest, ROOMD_C_LEAVE, NULL, 0);
    peer_expect_left(guest, ROOMD_LEAVE_ASKED);
    peer_send_packet(guest, ROOMD_C_LEAVE, NULL, 0);
    peer_expect_error(guest, ROOMD_ERROR_NOT_IN_ROOM);
    peer_send_chat(guest, "anyone?");
    peer_expect_error(guest, ROOMD_ERROR_NOT_IN_ROOM);
    peer_send_chat(stayer, "gone");
    peer_expect_chat(stayer, 2, "gone");
    peer_expect_silence(guest, 50);
    peer_join(guest, "lobby");
    peer_send_chat(guest, "here again");
    peer_expect_chat(stayer, 1, "here again");
    peer_close(guest);
    peer_close(stayer);
    daemon_stop(daemon);
}

static void without_autojoin_one_is_in_no_room(void **state)
{
    struct daemon *daemon = daemon_start(config_no_autojoin);
    struct peer *client = peer_connect(daemon);

    (void)state;
    peer_hello(client);
    peer_expect_silence(client, 50);
    peer_send_chat(client, "hello?");
    peer_expect_error(client, ROOMD_ERROR_NOT_IN_ROOM);
    peer_send_packet(client, ROOMD_C_LEAVE, NULL, 0);
    peer_expect_error(client, ROOMD_ERROR_NOT_IN_ROOM);
    peer_send_join(client, "cellar");
    peer_expect_packet(client, ROOMD_S_JOINED); /* no S_LEFT: there was nothing to leave */
    peer_send_chat(client, "hello");
    peer_expect_chat(client, 1, "hello");
    peer_close(client);
    daemon_stop(daemon);
}

struct room_seen {
    char name[65];
    char content[65];
    uint32_t players;
    uint32_t capacity;
};

static const uint8_t *str_read(const uint8_t *p, const uint8_t *end, char *out)
{
    assert_true(end - p >= 2);
    size_t bytes = roomd_get_u16(p);
    assert_true(bytes <= 64 && (size_t)(end - p) >= 2 + bytes);
    memcpy(out, p + 2, bytes);
    out[bytes] = '\0';
    return p + 2 + bytes;
}

static size_t rooms_read(const struct packet *packet, struct room_seen *rooms, size_t most)
{
    const uint8_t *p = packet->payload;
    const uint8_t *end = p + packet->payload_bytes;
    size_t n = roomd_get_u16(p);

    assert_true(n <= most);
    p += 2;
    for (size_t i = 0; i < n; i++) {
        p = str_read(p, end, rooms[i].name);
        p = str_read(p, end, rooms[i].content);
        assert_true(end - p >= 8);
        rooms[i].players = roomd_get_u32(p);
        rooms[i].capacity = roomd_get_u32(p + 4);
        p += 8;
    }
    assert_ptr_equal(p, end);
    return n;
}

static void rooms_are_listed_with_their_players(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *guest = peer_autojoin(daemon, "lobby");
    struct peer *other = peer_autojoin(daemon, "lobby");
    struct peer *owner = peer_autojoin(daemon, "lobby");
    struct room_seen rooms[8];
    uint32_t players[3] = {0};

    (void)state;
    peer_join(owner, "tiny");
    peer_send_packet(guest, ROOMD_C_ROOMS, NULL, 0);
    struct packet packet = peer_await_packet(guest, ROOMD_S_ROOMS);
    assert_int_equal(rooms_read(&packet, rooms, 8), 3);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"lobby", "cellar", "tiny"};

        assert_string_equal(rooms[i].content, "chat");
        assert_true(rooms[i].capacity > 0);
        for (size_t j = 0; j < 3; j++) {
            if (strcmp(rooms[i].name, names[j]) == 0) {
                players[j] += rooms[i].players;
                assert_true(j != 2 || rooms[i].capacity == 1);
            }
        }
    }
    assert_int_equal(players[0], 2);
    assert_int_equal(players[1], 0);
    assert_int_equal(players[2], 1);
    peer_close(guest);
    peer_close(other);
    peer_close(owner);
    daemon_stop(daemon);
}

static void ping_is_answered_with_its_bytes_and_the_time(void **state)
{
    struct daemon *daemon = daemon_start(config_no_autojoin);
    struct peer *client = peer_connect(daemon);
    uint64_t times[2];

    (void)state;
    peer_hello(client);
    for (int i = 0; i < 2; i++) {
        peer_send_hex(client, "0c 00 05 ff ef be ad de 78 56 34 12");
        struct packet packet = peer_expect_packet(client, ROOMD_S_PONG);
        assert_int_equal(packet.payload_bytes, 16);
        assert_true(roomd_get_u64(packet.payload) == 0x12345678DEADBEEFull);
        times[i] = roomd_get_u64(packet.payload + 8);
        wait_sleep_ms(20);
    }
    assert_in_range(times[1] - times[0], 10, 5000);
    peer_close(client);
    daemon_stop(daemon);
}

static void unknown_packets_are_refused_by_name(void **state)
{
    struct daemon *daemon = daemon_start("[room lobby]\nautojoin = yes\ntick = 20ms\n");
    struct peer *guest = peer_autojoin(daemon, "lobby");
    static const uint16_t ids[] = {0, 2, 3, 0x1234, 0xFEFF, 0xFF00, 0xFF08, 0xFF81, 0xFFFF};
    uint8_t payload[16] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        peer_send_packet(guest, ids[i], payload, i);
        peer_expect_error(guest, ROOMD_ERROR_UNKNOWN_PACKET);
    }
    peer_send_hex(guest, "0a 00 06 ff 01 00 61 01 00 62"); /* C_CREATE a, b */
    peer_expect_error(guest, ROOMD_ERROR_NO_SUCH_TEMPLATE);
    peer_send_chat(guest, "fine");
    peer_expect_chat(guest, 1, "fine");
    peer_close(guest);
    daemon_stop(daemon);
}

/* Each after C_HELLO, which is not malformed. */
static void control_packets_that_do_not_parse_are_kicked(void **state)
{
    static const char *const bad[] = {
        "05 00 02 ff 05",                         /* C_JOIN: half a length */
        "04 00 02 ff",                            /* C_JOIN: no length */
        "08 00 02 ff 05 00 61 62",                /* C_JOIN: the name is cut short */
        "08 00 02 ff 01 00 61 62",                /* C_JOIN: a byte left over */
        "05 00 03 ff 00",                         /* C_LEAVE with a payload */
        "05 00 04 ff 00",                         /* C_ROOMS with a payload */
        "0b 00 05 ff 01 02 03 04 05 06 07",       /* C_PING: seven bytes */
        "0d 00 05 ff 01 02 03 04 05 06 07 08 09", /* C_PING: nine bytes */
        "08 00 02 ff ff ff 61 62",                /* C_JOIN: a length past everything */
    };
    static const char *const bad_hello[] = {
        "04 00 01 ff",                      /* nothing */
        "08 00 01 ff 01 00 00 00",          /* no ticket length */
        "0a 00 01 ff 01 00 00 00 05 00",    /* the ticket is cut short */
        "0b 00 01 ff 01 00 00 00 00 00 00", /* a byte left over */
    };
    struct daemon *daemon = daemon_start(config);
    size_t n = sizeof(bad) / sizeof(bad[0]);
    size_t n_hello = sizeof(bad_hello) / sizeof(bad_hello[0]);

    (void)state;
    for (size_t i = 0; i < n + n_hello; i++) {
        struct peer *client = i < n ? peer_autojoin(daemon, "lobby") : peer_connect(daemon);

        peer_send_hex(client, i < n ? bad[i] : bad_hello[i - n]);
        peer_expect_kick(client, ROOMD_CLOSE_MALFORMED);
        peer_close(client);
    }
    daemon_expect_closes(daemon, "malformed", n + n_hello);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    assert_int_equal(daemon_log_count(daemon, "event=close ", NULL), n + n_hello);
    daemon_stop(daemon);
}

/* The end comes right behind S_KICK; the server stays only to let it be read, and not for ever. */
static void a_kicked_client_is_let_go(void **state)
{
    struct daemon *daemon = daemon_start("[server]\n"
                                         "linger = 1500ms\n"
                                         "[room lobby]\n"
                                         "content = chat\n"
                                         "autojoin = yes\n"
                                         "tick = 10ms\n");
    struct peer *client = peer_connect(daemon);
    uint64_t from_ns = wait_now_ns();

    (void)state;
    peer_send_hello(client, 7);
    peer_expect_kick(client, ROOMD_CLOSE_VERSION);
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 0, 1000);
    peer_send_chat(client, "but"); /* nobody hears it */
    assert_int_equal(daemon_stat(daemon, "sessions"), 1);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 1400, 4000);
    assert_int_equal(daemon_stat(daemon, "deliveries"), 1);
    assert_int_equal(daemon_stat(daemon, "closes"), 1);
    peer_close(client);
    daemon_stop(daemon);
}

static void one_session_too_many_is_told_so(void **state)
{
    struct daemon *daemon = daemon_start("[server]\n"
                                         "sessions_max = 3\n"
                                         "[room lobby]\n"
                                         "content = chat\n"
                                         "autojoin = yes\n"
                                         "tick = 10ms\n");
    struct peer *guests[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        guests[i] = peer_autojoin(daemon, "lobby");
    }
    for (size_t i = 0; i < 5; i++) {
        struct peer *late = peer_connect(daemon);

        peer_expect_kick(late, ROOMD_CLOSE_FULL);
        peer_close(late);
    }
    peer_send_chat(guests[0], "crowded");
    peer_expect_chat(guests[2], 1, "crowded");
    peer_close(guests[1]);
    daemon_expect_stat_equal(daemon, "sessions", 2);
    guests[1] = peer_autojoin(daemon, "lobby");
    for (size_t i = 0; i < 3; i++) {
        peer_close(guests[i]);
    }
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(hello_is_answered_by_welcome_and_joined),
        SYSTEM_TEST(ids_are_never_used_again),
        SYSTEM_TEST(silent_client_sees_only_content),
        SYSTEM_TEST(version_other_than_1_is_kicked),
        SYSTEM_TEST(engine_packets_before_hello_are_kicked),
        SYSTEM_TEST(join_moves_from_room_to_room),
        SYSTEM_TEST(refused_joins_change_nothing),
        SYSTEM_TEST(place_of_the_lost_is_free_again),
        SYSTEM_TEST(leave_is_answered_and_what_follows_is_refused),
        SYSTEM_TEST(without_autojoin_one_is_in_no_room),
        SYSTEM_TEST(rooms_are_listed_with_their_players),
        SYSTEM_TEST(ping_is_answered_with_its_bytes_and_the_time),
        SYSTEM_TEST(unknown_packets_are_refused_by_name),
        SYSTEM_TEST(control_packets_that_do_not_parse_are_kicked),
        SYSTEM_TEST(a_kicked_client_is_let_go),
        SYSTEM_TEST(one_session_too_many_is_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
