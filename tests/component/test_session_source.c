/* What an address may: alone, behind a proxy, and after it has misbehaved. */
#include "support/component.h"

#include <string.h>

#include "net/network.h"

static const char v1_header[] = "PROXY TCP4 192.0.2.7 198.51.100.1 51234 7777\r\n";
static const uint8_t v2_header[] = {'\r', '\n', '\r', '\n', 0,    '\r', '\n', 'Q',  'U',  'I',  'T',  '\n',
                                    0x21, 0x21, 0,    39,   0x20, 0x01, 0x0D, 0xB8, 0,    0,    0,    0,
                                    0,    0,    0,    0,    0,    0,    0,    7,    0x20, 0x01, 0x0D, 0xB8,
                                    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    1,
                                    0xC8, 0x22, 0x1E, 0x61, 4,    0,    0}; /* and an empty NOOP behind it */
static const uint8_t bad_frame[] = {1, 0, 1, 0};

static struct host host_of(const char *text)
{
    struct network network;

    assert_int_equal(network_parse(&network, text), 0);
    return network.first;
}

static uint64_t closes(const struct fixture *fixture, enum roomd_close_reason reason)
{
    return fixture->engine.stats.closes[reason];
}

/* From now on 10.0.0.0/8 speaks for others, and `exempt` is let alone; NULL: nobody is. */
static void set_networks(struct fixture *fixture, const char *exempt)
{
    struct engine_limits limits = fixture->engine.limits;

    limits.proxy_from.count = 1;
    assert_int_equal(network_parse(&limits.proxy_from.networks[0], "10.0.0.0/8"), 0);
    if (exempt != NULL) {
        limits.sources.exempt.count = 1;
        assert_int_equal(network_parse(&limits.sources.exempt.networks[0], exempt), 0);
    }
    engine_set_limits(&fixture->engine, &limits);
}

static struct player *connect_by_proxy(struct fixture *fixture, const void *header, size_t bytes)
{
    struct player *player = fixture_connect_from(fixture, "10.0.0.1");

    player_send_bytes(player, header, bytes);
    fixture_settle(fixture);
    return player;
}

static void expect_peer(struct fixture *fixture, const struct player *player, const char *wanted)
{
    char text[ADDRESS_TEXT_BYTES];

    assert_string_equal(conn_peer(&fixture_session(fixture, player)->conn, text), wanted);
}

static void so_many_at_once_from_one_address(void **state)
{
    struct fixture *fixture = *state;
    struct player *players[8];

    for (int i = 0; i < 8; i++) {
        players[i] = fixture_connect_from(fixture, "192.0.2.7");
        player_hello(players[i]);
    }
    fixture_settle(fixture);
    player_expect_kick(fixture_connect_from(fixture, "192.0.2.7"), ROOMD_CLOSE_TOO_MANY);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_TOO_MANY), 1);
    assert_int_equal(fixture->engine.sessions.used, 8);
    for (int i = 0; i < 8; i++) {
        player_expect_welcome(players[i]);
    }
    struct player *other = fixture_connect_from(fixture, "192.0.2.8");
    player_hello(other);
    player_hang_up(players[3]);
    fixture_settle(fixture);
    player_expect_welcome(other);
    struct player *next = fixture_connect_from(fixture, "192.0.2.7");
    player_hello(next);
    fixture_settle(fixture);
    player_expect_welcome(next);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.7 reason=too_many\n"), 1);
}

/* Who has been kicked still has a socket of ours, until it is closed. */
static void who_lingers_counts(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 8; i++) {
        struct player *player = fixture_connect_from(fixture, "192.0.2.7");

        player_send(player, ROOMD_C_HELLO, "\x63\0\0\0\0\0", 6); /* a version that nobody speaks */
        if (i == 0) {
            fixture_settle(fixture);
            player_expect_kick(player, ROOMD_CLOSE_VERSION);
        }
    }
    player_expect_kick(fixture_connect_from(fixture, "192.0.2.7"), ROOMD_CLOSE_TOO_MANY);
    fixture_settle(fixture);
    fixture_advance(fixture, fixture->engine.limits.linger_ns + 1);
    assert_int_equal(fixture->engine.sessions.used, 0);
    assert_int_equal(fixture->engine.sources.remembered, 1);
}

static void the_rate_of_one_address(void **state)
{
    struct fixture *fixture = *state;
    uint32_t welcome = 0;

    for (int i = 0; i < 40; i++) {
        struct player *player = fixture_connect_from(fixture, "192.0.2.7");

        welcome += player->number != 0;
        player_hang_up(player);
        fixture_settle(fixture);
    }
    assert_int_equal(welcome, 16);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_TOO_MANY), 24);
    fixture_advance(fixture, NS_PER_S / 10);
    assert_int_not_equal(fixture_connect_from(fixture, "192.0.2.7")->number, 0);
    assert_int_equal(fixture_connect_from(fixture, "192.0.2.7")->number, 0);
    assert_int_equal(fixture->engine.stats.opened, 42);
    /* Of one address there is one line a second; the others are counted. */
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.7 reason=too_many\n"), 1);
    fixture_advance(fixture, NS_PER_S);
    for (int i = 0; i < 20; i++) {
        fixture_connect_from(fixture, "192.0.2.7");
    }
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.7 reason=too_many\n"), 2);
    assert_int_equal(fixture_log_count(" event=abuse_held held=24\n"), 1);
}

/* Five of those that send nonsense, and nobody comes in from there for a while; who is in stays. */
static void nonsense_gets_the_address_turned_away(void **state)
{
    struct fixture *fixture = *state;
    struct player *honest = fixture_connect_from(fixture, "2001:db8:0:1::1");

    player_hello(honest);
    for (int i = 0; i < 5; i++) {
        struct player *player = fixture_connect_from(fixture, "2001:db8:0:1::2");

        player_send_bytes(player, bad_frame, sizeof(bad_frame));
        fixture_settle(fixture);
        player_expect_kick(player, ROOMD_CLOSE_FRAME_SIZE);
        player_hang_up(player);
    }
    player_expect_kick(fixture_connect_from(fixture, "2001:db8:0:1::3"), ROOMD_CLOSE_BANNED);
    assert_int_not_equal(fixture_connect_from(fixture, "2001:db8:0:2::3")->number, 0);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_BANNED), 1);
    assert_int_equal(fixture_log_count(" event=abuse addr=2001:db8:0:1::2 reason=frame_size\n"), 1);
    player_expect_welcome(honest);
    player_expect_nothing(honest);
    fixture_advance(fixture, 10 * NS_PER_S - 1);
    player_expect_kick(fixture_connect_from(fixture, "2001:db8:0:1::3"), ROOMD_CLOSE_BANNED);
    assert_int_equal(fixture_log_count(" event=abuse addr=2001:db8:0:1::3 reason=banned\n"), 1);
    fixture_advance(fixture, 1);
    assert_int_not_equal(fixture_connect_from(fixture, "2001:db8:0:1::3")->number, 0);
}

/* What each reason costs, and that only what came from the client does. */
static void each_close_is_put_to_the_address_s_account(void **state)
{
    struct fixture *fixture = *state;
    struct sources *sources = &fixture->engine.sources;
    struct player *player = fixture_connect_from(fixture, "192.0.2.1");

    player_send(player, ROOMD_C_LEAVE, NULL, 0); /* before hello: STATE */
    player = fixture_connect_from(fixture, "192.0.2.2");
    player_send(player, ROOMD_C_HELLO, "x", 1); /* MALFORMED */
    player = fixture_connect_from(fixture, "192.0.2.3");
    player_send(player, ROOMD_C_HELLO, "\x63\0\0\0\0\0", 6); /* VERSION */
    player = fixture_connect_from(fixture, "192.0.2.4");
    player_send_bytes(player, "\x40\0\x01", 3); /* FRAME_TIMEOUT */
    player_hang_up(fixture_connect_from(fixture, "192.0.2.5"));
    session_close(fixture_session(fixture, fixture_connect_from(fixture, "192.0.2.6")), ROOMD_CLOSE_KICKED,
                  NULL);
    fixture_settle(fixture);
    fixture_advance(fixture, fixture->engine.limits.linger_ns);
    fixture_advance(fixture, fixture->engine.limits.frame_timeout_ns - fixture->engine.limits.linger_ns);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_STATE), 1);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_MALFORMED), 1);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_VERSION), 1);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_FRAME_TIMEOUT), 1);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_PEER_CLOSED), 1);
    assert_int_equal(sources->stats.offences[SOURCE_OFFENCE_KICK], 2);
    assert_int_equal(sources->stats.offences[SOURCE_OFFENCE_HELLO], 1);
    assert_int_equal(sources->stats.offences[SOURCE_OFFENCE_TIMEOUT], 1);
    assert_int_equal(sources->stats.offences[SOURCE_OFFENCE_RATE], 0);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.1 reason=state\n"), 1);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.2 reason=malformed\n"), 1);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.3 reason=version\n"), 1);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.4 reason=frame_timeout\n"), 1);
    assert_int_equal(fixture_log_count(" event=abuse "), 4);
}

static void bans_by_hand_are_for_the_exempt_too(void **state)
{
    struct fixture *fixture = *state;
    char text[] = "192.0.2.0/24\n";
    FILE *file = fmemopen(text, sizeof(text) - 1, "r");
    char error[256];
    struct bans bans;

    assert_non_null(file);
    assert_int_equal(bans_read(&bans, "bans", file, 1, FIXTURE_START_NS, error, sizeof(error)), 0);
    fclose(file);
    set_networks(fixture, "192.0.0.0/16");
    for (int i = 0; i < 40; i++) {
        assert_int_not_equal(fixture_connect_from(fixture, "192.0.2.7")->number, 0);
    }
    sources_set_bans(&fixture->engine.sources, &bans);
    player_expect_kick(fixture_connect_from(fixture, "192.0.2.7"), ROOMD_CLOSE_BANNED);
    assert_int_not_equal(fixture_connect_from(fixture, "192.0.3.7")->number, 0);
    assert_int_equal(fixture->engine.sources.pool.used, 0);
}

static void who_has_no_address_is_not_counted(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 40; i++) {
        assert_int_not_equal(fixture_connect(fixture)->number, 0);
    }
    assert_int_equal(fixture->engine.sources.pool.used, 0);
}

static void the_proxy_says_who_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct player *first;
    struct player *second;

    set_networks(fixture, NULL);
    first = connect_by_proxy(fixture, v1_header, sizeof(v1_header) - 1);
    expect_peer(fixture, first, "192.0.2.7:51234");
    second = connect_by_proxy(fixture, v2_header, sizeof(v2_header));
    expect_peer(fixture, second, "[2001:db8::7]:51234");
    player_hello(first);
    player_hello(second);
    fixture_settle(fixture);
    player_expect_welcome(first);
    player_expect_welcome(second);
    assert_int_equal(fixture->engine.sources.pool.used, 2);
    player_send_bytes(first, bad_frame, sizeof(bad_frame));
    fixture_settle(fixture);
    player_expect_kick(first, ROOMD_CLOSE_FRAME_SIZE);
    assert_int_equal(fixture_log_count(" peer=192.0.2.7:51234 "), 1);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.7 reason=frame_size\n"), 1);
}

/* The header, and the frames behind it, in any pieces. */
static void a_header_may_come_in_pieces(void **state)
{
    static const uint8_t hello[] = {10, 0, 0x01, 0xFF, 1, 0, 0, 0, 0, 0};
    struct fixture *fixture = *state;
    uint8_t bytes[sizeof(v2_header) + sizeof(hello)];

    set_networks(fixture, NULL);
    memcpy(bytes, v2_header, sizeof(v2_header));
    memcpy(bytes + sizeof(v2_header), hello, sizeof(hello));
    for (size_t cut = 1; cut < sizeof(bytes); cut++) {
        struct player *player = connect_by_proxy(fixture, bytes, cut);

        player_expect_nothing(player);
        player_send_bytes(player, bytes + cut, sizeof(bytes) - cut);
        fixture_settle(fixture);
        player_expect_welcome(player);
        expect_peer(fixture, player, "[2001:db8::7]:51234");
        player_hang_up(player);
        fixture_advance(fixture, NS_PER_S); /* the rate is the named one's */
    }
    assert_int_equal(closes(fixture, ROOMD_CLOSE_PEER_CLOSED), sizeof(bytes) - 1);
}

/* Nobody is in a room before it is known who it is; and then it is at once. */
static void the_autojoin_room_waits_for_the_header(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_autojoin_room(fixture, "lobby");
    struct player *player;

    set_networks(fixture, NULL);
    player = connect_by_proxy(fixture, v1_header, 20);
    assert_int_equal(room->seats, 0);
    player_send_bytes(player, v1_header + 20, sizeof(v1_header) - 1 - 20);
    fixture_settle(fixture);
    assert_int_equal(room->member_count, 1);
    player_say(player, 1, "hi");
    fixture_settle(fixture);
    fixture_tick(fixture, room);
    player_expect_text(player, 1, "hi");
}

static void what_the_named_address_may_is_what_counts(void **state)
{
    struct fixture *fixture = *state;
    struct player *last;

    set_networks(fixture, NULL);
    for (int i = 0; i < 8; i++) {
        connect_by_proxy(fixture, v1_header, sizeof(v1_header) - 1);
    }
    assert_int_equal(fixture->engine.sessions.used, 8);
    last = connect_by_proxy(fixture, v1_header, sizeof(v1_header) - 1);
    player_expect_kick(last, ROOMD_CLOSE_TOO_MANY);
    player_expect_kick(fixture_connect_from(fixture, "192.0.2.7"), ROOMD_CLOSE_TOO_MANY);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_TOO_MANY), 2);
    /* The proxy itself is not held to it. */
    for (int i = 0; i < 40; i++) {
        connect_by_proxy(fixture, "PROXY UNKNOWN\r\n", 15);
    }
    assert_int_equal(closes(fixture, ROOMD_CLOSE_TOO_MANY), 2);
    assert_int_equal(fixture->engine.sources.pool.used, 1);
}

static void a_proxy_that_says_nothing_sensible_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct player *player;

    set_networks(fixture, NULL);
    player = fixture_connect_from(fixture, "10.0.0.1");
    player_hello(player);
    fixture_settle(fixture);
    player_expect_kick(player, ROOMD_CLOSE_PROXY);
    player = connect_by_proxy(fixture, "PROXY TCP4 here there 1 2\r\n", 27);
    player_expect_kick(player, ROOMD_CLOSE_PROXY);
    assert_int_equal(fixture->engine.sources.pool.used, 0);
    assert_int_equal(fixture_log_count(" event=abuse "), 0); /* its address is everybody's */
}

static void the_header_s_deadline_is_not_moved_by_dribbling(void **state)
{
    struct fixture *fixture = *state;
    uint64_t timeout_ns = fixture->engine.limits.frame_timeout_ns;
    struct player *silent;
    struct player *slow;

    set_networks(fixture, NULL);
    silent = fixture_connect_from(fixture, "10.0.0.1");
    slow = fixture_connect_from(fixture, "10.0.0.2");
    fixture_settle(fixture);
    for (int i = 0; i < 9; i++) {
        player_send_bytes(slow, &v1_header[i], 1);
        fixture_advance(fixture, timeout_ns / 10);
    }
    player_expect_nothing(slow);
    player_expect_nothing(silent);
    fixture_advance(fixture, timeout_ns / 10 + 1);
    player_expect_kick(slow, ROOMD_CLOSE_PROXY);
    player_expect_kick(silent, ROOMD_CLOSE_PROXY);
}

static void from_anyone_else_a_header_is_a_bad_frame(void **state)
{
    struct fixture *fixture = *state;
    struct player *player;

    set_networks(fixture, NULL);
    player = fixture_connect_from(fixture, "192.0.2.9");
    player_send_bytes(player, v1_header, sizeof(v1_header) - 1);
    fixture_settle(fixture);
    player_expect_kick(player, ROOMD_CLOSE_FRAME_SIZE);
    player = fixture_connect_from(fixture, "192.0.2.9");
    player_send_bytes(player, v2_header, 5);
    fixture_settle(fixture);
    player_expect_nothing(player);
    player_send_bytes(player, v2_header + 5, sizeof(v2_header) - 5);
    fixture_settle(fixture);
    player_expect_kick(player, ROOMD_CLOSE_FRAME_SIZE);
    player = connect_by_proxy(fixture, v1_header, sizeof(v1_header) - 1);
    player_send_bytes(player, v1_header, sizeof(v1_header) - 1); /* nor from whom a proxy speaks for */
    fixture_settle(fixture);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_PROXY), 0);
    assert_int_equal(fixture->engine.sources.stats.offences[SOURCE_OFFENCE_KICK], 2);
}

static void however_many_are_named_the_table_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct sources *sources = &fixture->engine.sources;
    uint32_t used_max = 0;

    set_networks(fixture, NULL);
    for (uint32_t i = 0; i < 2000; i++) { /* the table alone takes a hundred thousand in its own test */
        char header[128];
        int bytes = snprintf(header, sizeof(header), "PROXY TCP4 100.%u.%u.%u 198.51.100.1 1 7777\r\n",
                             i >> 16, i >> 8 & 0xFF, i & 0xFF);

        player_hang_up(connect_by_proxy(fixture, header, (size_t)bytes));
        fixture_settle(fixture);
        used_max = sources->pool.used > used_max ? sources->pool.used : used_max;
    }
    assert_int_equal(used_max, 64); /* after a turn; within one there is one more */
    assert_int_equal(sources->remembered, 64);
    assert_int_equal(sources->stats.verdicts[SOURCE_WELCOME], 2000);
}

static void an_idle_session_stays_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct session) <= 500);
}

static void a_full_server_says_so_to_everybody(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    struct host host = host_of("192.0.2.7");

    (void)state;
    limits.sessions_max = 1;
    fixture = fixture_open(&limits);
    fixture_connect_from(fixture, "192.0.2.6");
    for (int i = 0; i < 40; i++) {
        player_expect_kick(fixture_connect_from(fixture, "192.0.2.7"), ROOMD_CLOSE_FULL);
    }
    /* Which is not the newcomer's fault. */
    fixture_advance(fixture, 0);
    struct source_entry *entry;
    assert_int_equal(sources_enter(&fixture->engine.sources, &host, fixture->engine.now_ns, &entry),
                     SOURCE_WELCOME);
    sources_leave(&fixture->engine.sources, entry);
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(so_many_at_once_from_one_address),
        FIXTURE_TEST(who_lingers_counts),
        FIXTURE_TEST(the_rate_of_one_address),
        FIXTURE_TEST(nonsense_gets_the_address_turned_away),
        FIXTURE_TEST(each_close_is_put_to_the_address_s_account),
        FIXTURE_TEST(bans_by_hand_are_for_the_exempt_too),
        FIXTURE_TEST(who_has_no_address_is_not_counted),
        FIXTURE_TEST(the_proxy_says_who_it_is),
        FIXTURE_TEST(a_header_may_come_in_pieces),
        FIXTURE_TEST(the_autojoin_room_waits_for_the_header),
        FIXTURE_TEST(what_the_named_address_may_is_what_counts),
        FIXTURE_TEST(a_proxy_that_says_nothing_sensible_is_cut_off),
        FIXTURE_TEST(the_header_s_deadline_is_not_moved_by_dribbling),
        FIXTURE_TEST(from_anyone_else_a_header_is_a_bad_frame),
        FIXTURE_TEST(however_many_are_named_the_table_is_bounded),
        cmocka_unit_test(an_idle_session_stays_small),
        cmocka_unit_test(a_full_server_says_so_to_everybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
