#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "room/bans.h"

/* The same moment on both clocks: 2026-11-22T00:00:00Z. */
#define WALL_S 1795305600u
#define NOW_NS (500 * NS_PER_S)

enum { ERROR_BYTES = 256 };

static int read_bytes(struct bans *bans, const char *bytes, size_t size, char error[ERROR_BYTES])
{
    FILE *file = size == 0 ? fopen("/dev/null", "r") : fmemopen((void *)(uintptr_t)bytes, size, "r");
    int rc;

    assert_non_null(file);
    error[0] = '\0';
    rc = bans_read(bans, "b.txt", file, WALL_S, NOW_NS, error, ERROR_BYTES);
    fclose(file);
    return rc;
}

static struct bans good(const char *text)
{
    char error[ERROR_BYTES];
    struct bans bans;
    int rc = read_bytes(&bans, text, strlen(text), error);

    if (rc < 0) {
        fail_msg("%s", error);
    }
    return bans;
}

static void expect_error(const char *text, int rc, const char *wanted)
{
    char error[ERROR_BYTES];
    struct bans bans;

    assert_int_equal(read_bytes(&bans, text, strlen(text), error), rc);
    assert_string_equal(error, wanted);
    assert_int_equal(bans.count, 0);
    assert_null(bans.bans);
    assert_null(bans.lifted);
}

static const struct ban *find(const struct bans *bans, const char *host, uint64_t now_ns)
{
    struct network network;

    assert_int_equal(network_parse(&network, host), 0);
    return bans_find(bans, &network.first, now_ns);
}

static void everybody_is_let_in_by_an_empty_file(void **state)
{
    static const char *const texts[] = {"", "\n", "# nobody\n\n   \n\t# nor here\r\n", "#"};
    struct bans zero = {0};

    (void)state;
    assert_null(find(&zero, "192.0.2.7", NOW_NS));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bans bans = good(texts[i]);

        assert_int_equal(bans.count, 0);
        assert_null(find(&bans, "192.0.2.7", NOW_NS));
        assert_null(find(&bans, "::1", NOW_NS));
        bans_fini(&bans);
    }
}

static void networks_of_every_length_are_found(void **state)
{
    struct bans bans = good("192.0.2.7\n"
                            "10.0.0.0/8 # all of it\r\n"
                            "  2001:db8:5::/48\t\n"
                            "203.0.113.0/24\n"
                            "2001:db8::9\n"
                            "192.0.2.9");

    (void)state;
    assert_int_equal(bans.count, 6);
    assert_non_null(find(&bans, "192.0.2.7", NOW_NS));
    assert_non_null(find(&bans, "192.0.2.9", NOW_NS));
    assert_null(find(&bans, "192.0.2.8", NOW_NS));
    assert_non_null(find(&bans, "10.255.0.1", NOW_NS));
    assert_null(find(&bans, "11.0.0.0", NOW_NS));
    assert_non_null(find(&bans, "203.0.113.200", NOW_NS));
    assert_non_null(find(&bans, "2001:db8:5:ffff::1", NOW_NS));
    assert_null(find(&bans, "2001:db8:6::1", NOW_NS));
    assert_non_null(find(&bans, "2001:db8::9", NOW_NS));
    assert_non_null(find(&bans, "::ffff:10.1.1.1", NOW_NS));
    assert_int_equal(find(&bans, "10.1.1.1", UINT64_MAX - 1)->until_ns, BAN_FOR_EVER);
    bans_fini(&bans);
}

static void all_of_ipv6_is_not_ipv4(void **state)
{
    struct bans bans = good("::/0\n");

    (void)state;
    assert_non_null(find(&bans, "2001:db8::1", NOW_NS));
    assert_null(find(&bans, "192.0.2.7", NOW_NS));
    bans_fini(&bans);
    bans = good("0.0.0.0/0\n");
    assert_null(find(&bans, "2001:db8::1", NOW_NS));
    assert_non_null(find(&bans, "192.0.2.7", NOW_NS));
    bans_fini(&bans);
}

static void a_ban_ends_at_its_time(void **state)
{
    struct bans bans = good("192.0.2.1 2026-11-23\n"
                            "192.0.2.2 2026-11-22T00:00:10Z\n"
                            "192.0.2.3 2026-11-22T00:00:00Z\n" /* that is now */
                            "192.0.2.4 2020-02-29\n"
                            "192.0.2.5 9999-12-31T23:59:59Z\n"
                            "192.0.2.0/24 2026-11-22T00:00:05Z\n");

    (void)state;
    assert_int_equal(bans.count, 4);
    assert_int_equal(find(&bans, "192.0.2.4", NOW_NS)->network.bits, 120);
    assert_non_null(find(&bans, "192.0.2.2", NOW_NS + 5 * NS_PER_S));
    assert_null(find(&bans, "192.0.2.4", NOW_NS + 5 * NS_PER_S));
    assert_non_null(find(&bans, "192.0.2.2", NOW_NS + 10 * NS_PER_S - 1));
    assert_null(find(&bans, "192.0.2.2", NOW_NS + 10 * NS_PER_S));
    assert_non_null(find(&bans, "192.0.2.1", NOW_NS + 86400 * NS_PER_S - 1));
    assert_null(find(&bans, "192.0.2.1", NOW_NS + 86400 * NS_PER_S));
    assert_non_null(find(&bans, "192.0.2.5", NOW_NS + 100 * 86400 * NS_PER_S));
    bans_fini(&bans);
}

static void of_one_network_the_longest_ban_holds(void **state)
{
    struct bans bans = good("192.0.2.1 2026-11-23\n192.0.2.1 2026-11-24\n192.0.2.1 2026-11-22T01:00:00Z\n"
                            "192.0.2.2 2026-11-23\n192.0.2.2\n192.0.2.2/32 2026-11-24\n");

    (void)state;
    assert_int_equal(bans.count, 2);
    assert_int_equal(find(&bans, "192.0.2.1", NOW_NS)->until_ns, NOW_NS + 2 * 86400 * NS_PER_S);
    assert_int_equal(find(&bans, "192.0.2.2", NOW_NS)->until_ns, BAN_FOR_EVER);
    bans_fini(&bans);
}

static void lifted_networks_are_listed_and_not_banned(void **state)
{
    struct bans bans = good("192.0.2.7 lift\n2001:db8::/32 lift # sorry\n10.0.0.1\n");
    char text[NETWORK_TEXT_BYTES];

    (void)state;
    assert_int_equal(bans.count, 1);
    assert_int_equal(bans.lifted_count, 2);
    assert_string_equal(network_format(&bans.lifted[0], text), "192.0.2.7");
    assert_string_equal(network_format(&bans.lifted[1], text), "2001:db8::/32");
    assert_null(find(&bans, "192.0.2.7", NOW_NS));
    bans_fini(&bans);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    static const char no_time[] = "b.txt:2: neither `lift` nor a time (write it like 2026-12-24 or "
                                  "2026-12-24T18:00:00Z)";
    static const char *const times[] = {"tomorrow",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-02-30",
                                        "2026-11-00",
                                        "26-11-23",
                                        "2026-11-23T",
                                        "2026-11-23T10:00:00",
                                        "2026-11-23T10:00Z",
                                        "2026-11-23T24:00:00Z",
                                        "1969-12-31",
                                        "2026-11-23T10:00:60Z",
                                        "2026-11-23T10:60:00Z",
                                        "2026-11-23T10:00:00ZZ",
                                        "2026-11-23x",
                                        "2026-1-23",
                                        "Lift",
                                        "2026-11-2",
                                        "2026",
                                        "-026-11-23"};

    (void)state;
    expect_error("10.0.0.1/8\n", -EINVAL,
                 "b.txt:1: bits are set behind the network's own (10.0.0.0/8, not 10.0.0.1/8)");
    expect_error("# x\n\nhost.example\n", -EINVAL,
                 "b.txt:3: not a network (write it like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32)");
    expect_error("192.0.2.7 2026-12-24 18:00\n", -EINVAL, "b.txt:1: more than a network and a time");
    expect_error("192.0.2.7 lift it\n", -EINVAL, "b.txt:1: more than a network and a time");
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[128];

        snprintf(text, sizeof(text), "10.0.0.1\n192.0.2.7 %s\n", times[i]);
        expect_error(text, -EINVAL, no_time);
    }
}

static void lines_are_bounded_and_text(void **state)
{
    char line[BANS_LINE_BYTES_MAX + 2];
    char error[ERROR_BYTES];
    struct bans bans;

    (void)state;
    memset(line, ' ', sizeof(line));
    memcpy(line, "192.0.2.7", 9);
    line[BANS_LINE_BYTES_MAX] = '\n';
    assert_int_equal(read_bytes(&bans, line, BANS_LINE_BYTES_MAX + 1, error), 0);
    assert_int_equal(bans.count, 1);
    bans_fini(&bans);
    line[BANS_LINE_BYTES_MAX] = ' ';
    line[BANS_LINE_BYTES_MAX + 1] = '\n';
    assert_int_equal(read_bytes(&bans, line, BANS_LINE_BYTES_MAX + 2, error), -EINVAL);
    assert_string_equal(error, "b.txt:1: too long a line");
    assert_int_equal(read_bytes(&bans, "192.0.2.7\n192.0.\0.8\n", 20, error), -EINVAL);
    assert_string_equal(error, "b.txt:2: a NUL byte");
}

static void there_are_so_many_and_no_more(void **state)
{
    char *text = malloc((BANS_MAX + 1) * 20);
    size_t used = 0;
    char error[ERROR_BYTES];
    struct bans bans;

    (void)state;
    assert_non_null(text);
    for (uint32_t i = 0; i <= BANS_MAX; i++) {
        size_t line = (size_t)sprintf(text + used, "10.%u.%u.%u\n", i >> 16, i >> 8 & 0xFF, i & 0xFF);

        if (i == BANS_MAX) {
            assert_int_equal(read_bytes(&bans, text, used, error), 0);
            assert_int_equal(bans.count, BANS_MAX);
            assert_non_null(find(&bans, "10.0.0.0", NOW_NS));
            assert_non_null(find(&bans, "10.0.255.255", NOW_NS));
            assert_null(find(&bans, "10.1.0.0", NOW_NS));
            bans_fini(&bans);
        }
        used += line;
    }
    assert_int_equal(read_bytes(&bans, text, used, error), -E2BIG);
    assert_string_equal(error, "b.txt:65537: more than 65536 networks");
    free(text);
}

/* Random networks against a walk over all of them. */
static void what_is_found_is_what_a_walk_finds(void **state)
{
    enum { NETWORKS = 300, HOSTS = 3000 };
    struct network networks[NETWORKS];
    char text[NETWORKS * (NETWORK_TEXT_BYTES + 1)] = "";
    struct bans bans;
    uint32_t found = 0;

    (void)state;
    srandom(7);
    for (int i = 0; i < NETWORKS; i++) {
        uint8_t bytes[4] = {10, (uint8_t)(random() % 4), (uint8_t)random(), (uint8_t)random()};
        struct host host = host_of_ipv4(bytes);
        char line[NETWORK_TEXT_BYTES];

        networks[i] = network_around(&host, (uint8_t)(NETWORK_IPV4_BITS + 20 + random() % 13));
        strcat(strcat(text, network_format(&networks[i], line)), "\n");
    }
    bans = good(text);
    for (int i = 0; i < HOSTS; i++) {
        uint8_t bytes[4] = {10, (uint8_t)(random() % 4), (uint8_t)random(), (uint8_t)random()};
        struct host host = host_of_ipv4(bytes);
        bool is_banned = false;

        for (int j = 0; j < NETWORKS; j++) {
            is_banned |= network_contains(&networks[j], &host);
        }
        assert_int_equal(bans_find(&bans, &host, NOW_NS) != NULL, is_banned);
        found += is_banned;
    }
    assert_in_range(found, HOSTS / 10, HOSTS - HOSTS / 10);
    bans_fini(&bans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_let_in_by_an_empty_file),
        cmocka_unit_test(networks_of_every_length_are_found),
        cmocka_unit_test(all_of_ipv6_is_not_ipv4),
        cmocka_unit_test(a_ban_ends_at_its_time),
        cmocka_unit_test(of_one_network_the_longest_ban_holds),
        cmocka_unit_test(lifted_networks_are_listed_and_not_banned),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(lines_are_bounded_and_text),
        cmocka_unit_test(there_are_so_many_and_no_more),
        cmocka_unit_test(what_is_found_is_what_a_walk_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
