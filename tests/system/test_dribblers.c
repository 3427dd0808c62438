/*
 * Hundreds who send a byte now and then, and never get anywhere. The deadline of each runs from its first moment, whatever
 * it sends: all are gone at theirs, told why; while they last they cost next to nothing, and who means it comes in.
 */
#include "support/system.h"

#include <stdio.h>
#include <string.h>

#define NS_IN_MS 1000000u

enum {
    DRIBBLERS = 300,
    ADDRESSES = 40, /* of each kind */
    BYTE_EVERY_MS = 200,
    TIMEOUT_MS = 2000,
    MEMORY_BYTES_EACH = 4096,
    LONG_FRAME_BYTES = 4096,
    PROMPT_MS = 2000
};

#define LIMITS                                                                                               \
    "[server]\n"                                                                                             \
    "log = debug\n"                                                                                          \
    "exempt =\n"                                                                                             \
    "proxy_from = 127.0.9.0/24\n"                                                                            \
    "frame_timeout = 2s\n"                                                                                   \
    "hello_timeout = 2s\n"                                                                                   \
    "[room lobby]\n"                                                                                         \
    "tick = 20ms\n"

static const char config[] = LIMITS;
static const char config_autojoin[] = LIMITS "autojoin = yes\n";

enum kind {
    SAYS_NOTHING,
    DRIBBLES_HELLO, /* C_HELLO, with a long ticket */
    DRIBBLES_FRAME, /* a packet, after a good C_HELLO */
    DRIBBLES_PROXY, /* a header, from a proxy's address */
    KIND_COUNT
};

/* What is sent byte by byte, longer than any of them gets. */
static const char *const dribbled_hex[KIND_COUNT] = {
    [DRIBBLES_HELLO] = "e8 03 01 ff 01 00 00 00 de 03",
    [DRIBBLES_FRAME] = "00 10 01 00 fa 0f",
    [DRIBBLES_PROXY] = "50 52 4f 58 59 20 54 43 50 34 20 32 30 33 2e 30 2e 31 31 33 2e 31 30 30 20",
};

struct crowd {
    struct daemon *daemon;
    struct peer *each[DRIBBLERS];
    uint8_t bytes[KIND_COUNT][LONG_FRAME_BYTES];
    size_t bytes_sent[DRIBBLERS];
    uint64_t begun_ns[DRIBBLERS];
    uint64_t ended_ns[DRIBBLERS]; /* 0: it is there still */
    uint64_t next_byte_ns;
    size_t kinds; /* of which they are, in turn */
    enum kind first_kind;
};

static enum kind crowd_kind(const struct crowd *crowd, size_t i)
{
    return (enum kind)(crowd->first_kind + i % crowd->kinds);
}

/* Who meant it comes in, and is answered. */
static void newcomer_is_served(struct daemon *daemon, const char *room, uint64_t *worst_ns)
{
    uint64_t from_ns = wait_now_ns();
    struct peer *peer = peer_connect_from("127.0.7.1:0", daemon);
    struct packet packet;

    peer_hello(peer);
    if (room != NULL) {
        peer_join(peer, room);
    }
    peer_send_chat(peer, "here");
    do {
        assert_true(peer_next_packet(peer, &packet, WAIT_LONG_MS));
    } while (packet.id != ROOMD_S_CHAT || roomd_get_u32(packet.payload) != peer->player);
    peer_close(peer);
    uint64_t took_ns = wait_now_ns() - from_ns;
    *worst_ns = took_ns > *worst_ns ? took_ns : *worst_ns;
}

static void crowd_come(struct crowd *crowd, bool is_autojoin)
{
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        memset(crowd->bytes[kind], 'x', LONG_FRAME_BYTES);
        if (dribbled_hex[kind] != NULL) {
            hex_parse(crowd->bytes[kind], LONG_FRAME_BYTES, dribbled_hex[kind]);
        }
    }
    for (size_t i = 0; i < DRIBBLERS; i++) {
        enum kind kind = crowd_kind(crowd, i);
        char source[32];

        snprintf(source, sizeof(source), "127.0.%d.%zu:0", kind == DRIBBLES_PROXY ? 9 : 1 + (int)kind,
                 1 + i % ADDRESSES);
        crowd->begun_ns[i] = wait_now_ns();
        crowd->each[i] = peer_connect_from(source, crowd->daemon);
        if (kind == DRIBBLES_FRAME) {
            peer_hello(crowd->each[i]);
            if (is_autojoin) {
                peer_await_packet(crowd->each[i], ROOMD_S_JOINED);
            }
        }
    }
}

/* Looks at who is closed; the others send the next byte, when it is time. Returns how many they are. */
static size_t crowd_step(struct crowd *crowd)
{
    uint64_t now_ns = wait_now_ns();
    bool is_time = now_ns >= crowd->next_byte_ns;
    size_t left = 0;

    if (is_time) {
        crowd->next_byte_ns = now_ns + BYTE_EVERY_MS * NS_IN_MS;
    }
    for (size_t i = 0; i < DRIBBLERS; i++) {
        struct peer *peer = crowd->each[i];
        enum kind kind = crowd_kind(crowd, i);

        while (peer_read(peer, 0) > 0) {
        }
        if (peer->is_closed) {
            crowd->ended_ns[i] = crowd->ended_ns[i] == 0 ? now_ns : crowd->ended_ns[i];
            continue;
        }
        left++;
        if (is_time && kind != SAYS_NOTHING && crowd->bytes_sent[i] < LONG_FRAME_BYTES) {
            (void)peer_try_send(peer, &crowd->bytes[kind][crowd->bytes_sent[i]++], 1);
        }
    }
    return left;
}

/* Each was told the right reason, and not before its time. */
static void crowd_check(struct crowd *crowd, const uint16_t reasons[KIND_COUNT])
{
    size_t counts[ROOMD_CLOSE_REASON_COUNT] = {0};

    for (size_t i = 0; i < DRIBBLERS; i++) {
        uint16_t reason = reasons[crowd_kind(crowd, i)];

        peer_expect_kick(crowd->each[i], reason);
        assert_in_range((crowd->ended_ns[i] - crowd->begun_ns[i]) / NS_IN_MS, TIMEOUT_MS * 3 / 4, UINT64_MAX);
        counts[reason]++;
        peer_close(crowd->each[i]);
    }
    for (uint16_t reason = 1; reason < ROOMD_CLOSE_REASON_COUNT; reason++) {
        char field[64];

        if (counts[reason] > 0) {
            snprintf(field, sizeof(field), "close_%s", wire_reason_name(reason));
            assert_int_equal(daemon_stat(crowd->daemon, field), counts[reason]);
        }
    }
}

/* `room`: where the players are; NULL: where everybody is. */
static void all_are_gone_at_their_deadline(struct crowd *crowd, const char *room,
                                           const uint16_t reasons[KIND_COUNT])
{
    struct daemon *daemon = crowd->daemon;
    struct bystanders bystanders;
    uint64_t worst_ns = 0;
    size_t newcomers = 0;

    bystanders_start(&bystanders, daemon, room);
    bystanders_run(&bystanders, 100, 5);

    size_t fds = daemon_fd_count(daemon);
    size_t rss_kib = daemon_rss_kib(daemon);
    uint64_t memory_bytes = daemon_stat(daemon, "memory_bytes");

    crowd_come(crowd, room == NULL);

    uint64_t deadline_ns = wait_deadline_ns(TIMEOUT_MS + WAIT_LONG_MS);
    bool is_measured = false;

    while (crowd_step(crowd) > 0) {
        bystanders_step(&bystanders);
        newcomer_is_served(daemon, room, &worst_ns);
        newcomers++;
        if (!is_measured && crowd->bytes_sent[DRIBBLERS - 1] >= 4) {
            is_measured = true;
            assert_in_range(daemon_stat(daemon, "memory_bytes"), memory_bytes,
                            memory_bytes + DRIBBLERS * MEMORY_BYTES_EACH);
            assert_in_range(daemon_rss_kib(daemon), 0,
                            rss_kib + DRIBBLERS * MEMORY_BYTES_EACH / 1024 + daemon_rss_slack_kib());
        }
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("%zu dribblers are there still", crowd_step(crowd));
        }
    }
    assert_true(is_measured && newcomers > 1);
    assert_in_range(worst_ns / NS_IN_MS, 0, PROMPT_MS);
    crowd_check(crowd, reasons);
    daemon_expect_stat_equal(daemon, "sessions", 2);
    daemon_expect_fd_most(daemon, fds);
    bystanders_finish(&bystanders);
    daemon_stop(daemon);
}

static void whatever_they_dribble(void **state)
{
    static const uint16_t reasons[KIND_COUNT] = {
        [SAYS_NOTHING] = ROOMD_CLOSE_HELLO_TIMEOUT,
        [DRIBBLES_HELLO] = ROOMD_CLOSE_HELLO_TIMEOUT,
        [DRIBBLES_FRAME] = ROOMD_CLOSE_FRAME_TIMEOUT,
        [DRIBBLES_PROXY] = ROOMD_CLOSE_PROXY,
    };
    static struct crowd crowd = {.kinds = KIND_COUNT};

    (void)state;
    crowd.daemon = daemon_start(config);
    all_are_gone_at_their_deadline(&crowd, "lobby", reasons);
}

/* There nobody need say C_HELLO: the deadline is of each packet. */
static void where_a_room_takes_all(void **state)
{
    static const uint16_t reasons[KIND_COUNT] = {
        [DRIBBLES_HELLO] = ROOMD_CLOSE_FRAME_TIMEOUT,
        [DRIBBLES_FRAME] = ROOMD_CLOSE_FRAME_TIMEOUT,
        [DRIBBLES_PROXY] = ROOMD_CLOSE_PROXY,
    };
    static struct crowd crowd = {.kinds = KIND_COUNT - 1, .first_kind = DRIBBLES_HELLO};

    (void)state;
    crowd.daemon = daemon_start(config_autojoin);
    all_are_gone_at_their_deadline(&crowd, NULL, reasons);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(whatever_they_dribble),
        SYSTEM_TEST(where_a_room_takes_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
