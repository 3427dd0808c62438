#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "room/sources.h"

#define START_NS  (1000 * NS_PER_S)
#define HALF_LIFE (60 * NS_PER_S)
#define MINUTE    (60 * NS_PER_S)

static const uint8_t key[SIPHASH_KEY_BYTES] = {1, 2, 3};

/* A table of the test's own, and its clock. */
struct bench {
    struct timers timers;
    struct sources sources;
    uint64_t now_ns;
};

static struct sources_limits ordinary_limits(void)
{
    return (struct sources_limits){.remembered_max = 100,
                                   .conns_per_address = 4,
                                   .connect_rate = 10,
                                   .connect_burst = 8,
                                   .penalty_points = 20,
                                   .penalty_half_life_ns = HALF_LIFE,
                                   .penalty_ns = 10 * NS_PER_S,
                                   .penalty_max_ns = 10 * MINUTE};
}

static void bench_open(struct bench *bench, const struct sources_limits *limits)
{
    bench->now_ns = START_NS;
    timers_init(&bench->timers);
    assert_int_equal(sources_init(&bench->sources, &bench->timers, limits, 64, key, bench->now_ns), 0);
}

static void bench_close(struct bench *bench)
{
    sources_fini(&bench->sources);
    timers_fini(&bench->timers);
}

static void bench_advance(struct bench *bench, uint64_t by_ns)
{
    bench->now_ns += by_ns;
    timers_fire(&bench->timers, bench->now_ns);
}

static struct host host_of(const char *text)
{
    struct network network;

    assert_int_equal(network_parse(&network, text), 0);
    return network.first;
}

static enum source_verdict enter(struct bench *bench, const char *text, struct source_entry **entry)
{
    struct host host = host_of(text);

    return sources_enter(&bench->sources, &host, bench->now_ns, entry);
}

/* It comes and goes at once; what is said of it. */
static enum source_verdict visit(struct bench *bench, const char *text)
{
    struct source_entry *entry;
    enum source_verdict verdict = enter(bench, text, &entry);

    if (verdict == SOURCE_WELCOME && entry != NULL) {
        sources_leave(&bench->sources, entry);
    }
    return verdict;
}

/* It comes, does that so many times, and goes. */
static void offend(struct bench *bench, const char *text, enum source_offence offence, uint32_t times)
{
    struct source_entry *entry;

    assert_int_equal(enter(bench, text, &entry), SOURCE_WELCOME);
    while (times-- > 0) {
        sources_offend(&bench->sources, entry, offence, bench->now_ns);
    }
    sources_leave(&bench->sources, entry);
}

static void so_many_at_once_and_no_more(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct source_entry *entries[5];
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(enter(&bench, "192.0.2.7", &entries[i]), SOURCE_WELCOME);
    }
    assert_int_equal(enter(&bench, "192.0.2.7", &entries[4]), SOURCE_TOO_MANY);
    assert_int_equal(visit(&bench, "192.0.2.8"), SOURCE_WELCOME);
    sources_leave(&bench.sources, entries[0]);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    for (int i = 1; i < 4; i++) {
        sources_leave(&bench.sources, entries[i]);
    }
    assert_int_equal(bench.sources.stats.verdicts[SOURCE_TOO_MANY], 1);
    assert_int_equal(bench.sources.stats.verdicts[SOURCE_WELCOME], 6);
    /* That alone is no offence: a full household is no attack. */
    assert_int_equal(bench.sources.stats.offences[SOURCE_OFFENCE_RATE], 0);
    bench_close(&bench);
}

/* What one household has is one source; IPv4 behind a mapped address is the IPv4 address. */
static void ipv6_counts_by_64_bits(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct source_entry *entries[4];
    struct source_entry *other;
    char text[NETWORK_TEXT_BYTES];
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    assert_int_equal(enter(&bench, "2001:db8:0:1::1", &entries[0]), SOURCE_WELCOME);
    assert_int_equal(enter(&bench, "2001:db8:0:1::2", &entries[1]), SOURCE_WELCOME);
    assert_int_equal(enter(&bench, "2001:db8:0:1:ffff::", &entries[2]), SOURCE_WELCOME);
    assert_int_equal(enter(&bench, "2001:db8:0:1:ffff:ffff:ffff:ffff", &entries[3]), SOURCE_WELCOME);
    assert_int_equal(enter(&bench, "2001:db8:0:1::5", &other), SOURCE_TOO_MANY);
    assert_string_equal(source_format(other, text), "2001:db8:0:1::/64");
    assert_int_equal(visit(&bench, "2001:db8:0:2::1"), SOURCE_WELCOME);
    for (int i = 0; i < 4; i++) {
        sources_leave(&bench.sources, entries[i]);
    }
    assert_int_equal(enter(&bench, "192.0.2.7", &entries[0]), SOURCE_WELCOME);
    assert_int_equal(enter(&bench, "::ffff:192.0.2.7", &entries[1]), SOURCE_WELCOME);
    assert_ptr_equal(entries[0], entries[1]);
    assert_string_equal(source_format(entries[0], text), "192.0.2.7");
    sources_leave(&bench.sources, entries[0]);
    sources_leave(&bench.sources, entries[1]);
    bench_close(&bench);
}

/* Under any pattern of calls: what gets in is burst + rate x time, exactly. */
static void the_rate_is_burst_and_then_so_many_a_second(void **state)
{
    struct sources_limits limits = ordinary_limits();
    uint32_t welcome = 0;
    struct bench bench;

    (void)state;
    limits.penalty_points = 1000000;
    bench_open(&bench, &limits);
    for (int i = 0; i < 20; i++) {
        welcome += visit(&bench, "192.0.2.7") == SOURCE_WELCOME;
    }
    assert_int_equal(welcome, 8);
    for (int i = 0; i < 5000; i++) { /* 5 s, a try every ms */
        bench_advance(&bench, NS_PER_MS);
        welcome += visit(&bench, "192.0.2.7") == SOURCE_WELCOME;
    }
    assert_int_equal(welcome, 8 + 5 * 10);
    bench_advance(&bench, MINUTE);
    for (int i = 0; i < 20; i++) {
        welcome += visit(&bench, "192.0.2.7") == SOURCE_WELCOME;
    }
    assert_int_equal(welcome, 8 + 5 * 10 + 8);
    assert_int_equal(bench.sources.stats.verdicts[SOURCE_TOO_FAST], 12 + 4950 + 12);
    bench_close(&bench);
}

static void in_the_grace_after_the_start_there_is_no_rate(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct source_entry *entries[5];
    struct bench bench;

    (void)state;
    limits.grace_ns = 30 * NS_PER_S;
    bench_open(&bench, &limits);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    }
    /* How many at once is another matter. */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(enter(&bench, "192.0.2.7", &entries[i]), SOURCE_WELCOME);
    }
    assert_int_equal(enter(&bench, "192.0.2.7", &entries[4]), SOURCE_TOO_MANY);
    for (int i = 0; i < 4; i++) {
        sources_leave(&bench.sources, entries[i]);
    }
    bench_advance(&bench, 30 * NS_PER_S - 1);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    bench_advance(&bench, 1);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    }
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_TOO_FAST);
    bench_close(&bench);
}

static void offences_add_up_to_a_penalty(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_KICK, 4); /* 16 points of 20 */
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_HELLO, 1); /* 19 */
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_TIMEOUT, 1); /* 20 */
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_PUNISHED);
    assert_int_equal(visit(&bench, "192.0.2.8"), SOURCE_WELCOME);
    bench_advance(&bench, 10 * NS_PER_S - 1);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_PUNISHED);
    bench_advance(&bench, 1);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    assert_int_equal(bench.sources.stats.penalties, 1);
    bench_close(&bench);
}

/* A household that comes back all at once is let off; one that goes on hammering is not. */
static void only_hammering_makes_the_rate_a_penalty(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    for (int i = 0; i < 8 + 199; i++) {
        assert_int_not_equal(visit(&bench, "192.0.2.7"), SOURCE_PUNISHED);
    }
    assert_int_equal(bench.sources.stats.penalties, 0);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_TOO_FAST);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_PUNISHED);
    assert_int_equal(bench.sources.stats.penalties, 1);
    bench_close(&bench);
}

static void points_halve_in_a_half_life(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_KICK, 4); /* 16 */
    bench_advance(&bench, HALF_LIFE);                    /* 8 */
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_KICK, 2); /* 16 */
    bench_advance(&bench, HALF_LIFE / 2);                /* 12 */
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_TIMEOUT, 7);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME); /* 19 */
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_TIMEOUT, 1);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_PUNISHED);
    offend(&bench, "192.0.2.8", SOURCE_OFFENCE_KICK, 4);
    bench_advance(&bench, 100 * HALF_LIFE); /* nothing is left, and nothing overflows */
    offend(&bench, "192.0.2.8", SOURCE_OFFENCE_KICK, 4);
    assert_int_equal(visit(&bench, "192.0.2.8"), SOURCE_WELCOME);
    bench_close(&bench);
}

/* Commits its offences at once; how long it is turned away for, to the second. */
static uint64_t punished_for_s(struct bench *bench)
{
    uint64_t begin_ns = bench->now_ns;

    offend(bench, "192.0.2.7", SOURCE_OFFENCE_KICK, 5);
    while (visit(bench, "192.0.2.7") == SOURCE_PUNISHED) {
        bench_advance(bench, NS_PER_S);
    }
    return (bench->now_ns - begin_ns) / NS_PER_S;
}

static void penalties_double_up_to_their_most_and_are_forgiven(void **state)
{
    static const uint64_t spans_s[] = {10, 20, 40, 80, 160, 320, 600, 600, 600};
    struct sources_limits limits = ordinary_limits();
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    for (size_t i = 0; i < sizeof(spans_s) / sizeof(spans_s[0]); i++) {
        assert_int_equal(punished_for_s(&bench), spans_s[i]);
    }
    /* Nine penalties: for each ten quiet minutes one is forgiven. */
    bench_advance(&bench, 5 * 10 * MINUTE);
    assert_int_equal(punished_for_s(&bench), 160);
    bench_advance(&bench, 100 * 10 * MINUTE);
    assert_int_equal(punished_for_s(&bench), 10);
    bench_close(&bench);
}

static void who_is_connected_stays_and_may_make_it_worse(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct source_entry *entry;
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    assert_int_equal(enter(&bench, "192.0.2.7", &entry), SOURCE_WELCOME);
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_KICK, 5);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_PUNISHED);
    assert_int_equal(entry->connected, 1);
    for (int i = 0; i < 5; i++) {
        sources_offend(&bench.sources, entry, SOURCE_OFFENCE_KICK, bench.now_ns);
    }
    bench_advance(&bench, 19 * NS_PER_S);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_PUNISHED);
    bench_advance(&bench, NS_PER_S);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    sources_leave(&bench.sources, entry);
    bench_close(&bench);
}

static void exempt_hosts_are_not_counted_at_all(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct source_entry *entry;
    struct bench bench;

    (void)state;
    limits.exempt.count = 2;
    assert_int_equal(network_parse(&limits.exempt.networks[0], "10.0.0.0/8"), 0);
    assert_int_equal(network_parse(&limits.exempt.networks[1], "::1"), 0);
    bench_open(&bench, &limits);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(enter(&bench, "10.1.2.3", &entry), SOURCE_WELCOME);
        assert_null(entry);
        assert_int_equal(enter(&bench, "::1", &entry), SOURCE_WELCOME);
        assert_null(entry);
    }
    assert_int_equal(bench.sources.pool.used, 0);
    bench_close(&bench);
}

static struct bans bans_of(const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    char error[256];
    struct bans bans;

    assert_non_null(file);
    assert_int_equal(bans_read(&bans, "bans", file, 1000, START_NS, error, sizeof(error)), 0);
    fclose(file);
    return bans;
}

/* By hand comes before all else; the exempt are banned too when it says so. */
static void bans_by_hand_hold_until_others_take_their_place(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct bans bans = bans_of("192.0.2.0/24\n10.0.0.1\n");
    struct bans none = {0};
    struct bench bench;

    (void)state;
    limits.exempt.count = 1;
    assert_int_equal(network_parse(&limits.exempt.networks[0], "10.0.0.0/8"), 0);
    bench_open(&bench, &limits);
    sources_set_bans(&bench.sources, &bans);
    assert_null(bans.bans);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_BANNED);
    assert_int_equal(visit(&bench, "10.0.0.1"), SOURCE_BANNED);
    assert_int_equal(visit(&bench, "10.0.0.2"), SOURCE_WELCOME);
    assert_int_equal(bench.sources.pool.used, 0); /* they cost nothing */
    sources_set_bans(&bench.sources, &none);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    bench_close(&bench);
}

static void penalties_outlive_a_reload_and_are_lifted_by_hand(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct bans lifting = bans_of("192.0.2.0/24 lift\n2001:db8:0:1::99 lift\n");
    struct bans none = {0};
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    offend(&bench, "192.0.2.7", SOURCE_OFFENCE_KICK, 5);
    offend(&bench, "198.51.100.7", SOURCE_OFFENCE_KICK, 5);
    offend(&bench, "2001:db8:0:1::7", SOURCE_OFFENCE_KICK, 5);
    limits.penalty_points = 1000;
    limits.remembered_max = 1; /* may not change */
    sources_set_limits(&bench.sources, &limits);
    sources_set_bans(&bench.sources, &none);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_PUNISHED);
    assert_int_equal(visit(&bench, "198.51.100.7"), SOURCE_PUNISHED);
    sources_set_bans(&bench.sources, &lifting);
    assert_int_equal(visit(&bench, "192.0.2.7"), SOURCE_WELCOME);
    assert_int_equal(visit(&bench, "2001:db8:0:1::8"), SOURCE_WELCOME);
    assert_int_equal(visit(&bench, "198.51.100.7"), SOURCE_PUNISHED);
    assert_int_equal(bench.sources.stats.lifted, 2);
    bench_close(&bench);
}

static struct host numbered_host(uint32_t number)
{
    const uint8_t bytes[4] = {100, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

    return host_of_ipv4(bytes);
}

/* The oldest goes first; who is turned away goes after all others, who is connected never. */
static void what_is_forgotten_is_what_matters_least(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct source_entry *connected;
    struct source_entry *entry;
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    assert_int_equal(enter(&bench, "192.0.2.1", &connected), SOURCE_WELCOME);
    offend(&bench, "192.0.2.2", SOURCE_OFFENCE_KICK, 5); /* turned away */
    offend(&bench, "192.0.2.3", SOURCE_OFFENCE_KICK, 4); /* nearly */
    offend(&bench, "192.0.2.4", SOURCE_OFFENCE_KICK, 4); /* nearly, and heard of again below */
    for (uint32_t i = 0; i < 99; i++) {
        struct host host = numbered_host(i);

        if (i == 50) {
            assert_int_equal(visit(&bench, "192.0.2.4"), SOURCE_WELCOME);
        }
        assert_int_equal(sources_enter(&bench.sources, &host, bench.now_ns, &entry), SOURCE_WELCOME);
        sources_leave(&bench.sources, entry);
    }
    assert_int_equal(bench.sources.remembered, 100);
    assert_int_equal(bench.sources.pool.used, 101);
    assert_int_equal(bench.sources.stats.forgotten, 2); /* 192.0.2.3, and the first of the numbered */
    assert_int_equal(visit(&bench, "192.0.2.2"), SOURCE_PUNISHED);
    offend(&bench, "192.0.2.4", SOURCE_OFFENCE_KICK, 1);
    assert_int_equal(visit(&bench, "192.0.2.4"), SOURCE_PUNISHED);
    offend(&bench, "192.0.2.3", SOURCE_OFFENCE_KICK, 1); /* anew */
    assert_int_equal(visit(&bench, "192.0.2.3"), SOURCE_WELCOME);
    assert_int_equal(connected->connected, 1);
    sources_leave(&bench.sources, connected);
    bench_close(&bench);
}

static void a_hundred_thousand_sources_take_no_more_than_the_table(void **state)
{
    struct sources_limits limits = ordinary_limits();
    struct source_entry *entry;
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    for (uint32_t i = 0; i < 100000; i++) {
        struct host host = numbered_host(i);

        assert_int_equal(sources_enter(&bench.sources, &host, bench.now_ns, &entry), SOURCE_WELCOME);
        if (i % 3 == 0) { /* even when they are all turned away */
            for (int j = 0; j < 5; j++) {
                sources_offend(&bench.sources, entry, SOURCE_OFFENCE_KICK, bench.now_ns);
            }
        }
        sources_leave(&bench.sources, entry);
        assert_true(bench.sources.pool.used <= 100);
        bench_advance(&bench, NS_PER_MS);
    }
    assert_int_equal(bench.sources.pool.used, 100);
    assert_true(bench.sources.pool.total <= 64 + 100 + 1 + bench.sources.pool.slab_objects);
    assert_true(bench.timers.open <= 100);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_at_once_and_no_more),
        cmocka_unit_test(ipv6_counts_by_64_bits),
        cmocka_unit_test(the_rate_is_burst_and_then_so_many_a_second),
        cmocka_unit_test(in_the_grace_after_the_start_there_is_no_rate),
        cmocka_unit_test(offences_add_up_to_a_penalty),
        cmocka_unit_test(only_hammering_makes_the_rate_a_penalty),
        cmocka_unit_test(points_halve_in_a_half_life),
        cmocka_unit_test(penalties_double_up_to_their_most_and_are_forgiven),
        cmocka_unit_test(who_is_connected_stays_and_may_make_it_worse),
        cmocka_unit_test(exempt_hosts_are_not_counted_at_all),
        cmocka_unit_test(bans_by_hand_hold_until_others_take_their_place),
        cmocka_unit_test(penalties_outlive_a_reload_and_are_lifted_by_hand),
        cmocka_unit_test(what_is_forgotten_is_what_matters_least),
        cmocka_unit_test(a_hundred_thousand_sources_take_no_more_than_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
