#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "net/network.h"

static struct host host_of(const char *text)
{
    struct network network;

    assert_int_equal(network_parse(&network, text), 0);
    assert_int_equal(network.bits, 8 * HOST_BYTES);
    return network.first;
}

static bool contains(const char *network_text, const char *host_text)
{
    struct host host = host_of(host_text);
    struct network network;

    assert_int_equal(network_parse(&network, network_text), 0);
    return network_contains(&network, &host);
}

static void what_is_written_reads_the_same(void **state)
{
    static const char *const texts[] = {"10.0.0.0/8",     "192.0.2.7",       "192.0.2.6/31", "0.0.0.0/0",
                                        "128.0.0.0/1",    "255.255.255.255", "::1",          "::/0",
                                        "2001:db8::/32",  "2001:db8::/64",   "8000::/1",     "fe80::1:2:3:4",
                                        "2001:db8::2/127"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char text[NETWORK_TEXT_BYTES];
        struct network network;

        assert_int_equal(network_parse(&network, texts[i]), 0);
        assert_string_equal(network_format(&network, text), texts[i]);
    }
}

/* The same network in other words. */
static void a_mapped_address_is_the_ipv4_one(void **state)
{
    static const char *const pairs[][2] = {{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
                                           {"::ffff:192.0.2.7", "192.0.2.7"},
                                           {"::ffff:c000:207/128", "192.0.2.7"},
                                           {"::ffff:0:0/96", "0.0.0.0/0"},
                                           {"192.0.2.7/32", "192.0.2.7"},
                                           {"2001:DB8::0/32", "2001:db8::/32"},
                                           {"::1/128", "::1"}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[NETWORK_TEXT_BYTES];
        struct network network;

        assert_int_equal(network_parse(&network, pairs[i][0]), 0);
        assert_string_equal(network_format(&network, text), pairs[i][1]);
    }
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "/",
                                        "/8",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/+8",
                                        "10.0.0.0/08",
                                        "10.0.0/8",
                                        "10.0.0.0 ",
                                        " 10.0.0.0",
                                        "10.0.0.0/8 ",
                                        "10.0.0.0/8/",
                                        "010.0.0.0/8",
                                        "256.0.0.0/8",
                                        "::/129",
                                        "::/1000",
                                        ":::/8",
                                        "[::1]/128",
                                        "::1%lo",
                                        "fe80::1%1",
                                        "localhost",
                                        "10.0.0.0/0x8",
                                        "1.2.3.4:80",
                                        "g::/16",
                                        "::/",
                                        "10.0.0.0/4294967304",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct network network;

        if (network_parse(&network, texts[i]) != -EINVAL) {
            fail_msg("taken: %s", texts[i]);
        }
    }
}

static void bits_behind_the_networks_own_are_refused(void **state)
{
    static const char *const texts[] = {"10.0.0.1/8",     "10.128.0.0/8", "192.0.2.7/31", "0.0.0.1/0",
                                        "2001:db8::1/64", "::1/127",      "8000::/0"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct network network;

        assert_int_equal(network_parse(&network, texts[i]), -EDOM);
    }
}

static void a_network_holds_its_hosts_and_no_others(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.0.0.0"));
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_false(contains("10.0.0.0/8", "9.255.255.255"));
    assert_true(contains("192.0.2.6/31", "192.0.2.7"));
    assert_false(contains("192.0.2.6/31", "192.0.2.8"));
    assert_true(contains("192.0.2.7", "192.0.2.7"));
    assert_false(contains("192.0.2.7", "192.0.2.6"));
    assert_true(contains("2001:db8:0:1::/64", "2001:db8:0:1:ffff:ffff:ffff:ffff"));
    assert_false(contains("2001:db8:0:1::/64", "2001:db8:0:2::"));
    assert_true(contains("::1", "::1"));
    assert_false(contains("::1", "::2"));
    assert_true(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
}

static void all_of_one_kind_holds_none_of_the_other(void **state)
{
    (void)state;
    assert_true(contains("0.0.0.0/0", "203.0.113.9"));
    assert_false(contains("0.0.0.0/0", "2001:db8::1"));
    assert_true(contains("::/0", "2001:db8::1"));
    assert_true(contains("::/0", "::"));
    assert_false(contains("::/0", "203.0.113.9"));
    assert_false(contains("::/80", "203.0.113.9"));
}

/* For every length, the last host of the network is in and the next one is not. */
static void every_length_cuts_where_it_says(void **state)
{
    const struct host host = host_of("2001:db8:5555:aaaa:5555:aaaa:5555:aaaa");

    (void)state;
    for (uint32_t bits = 1; bits <= 128; bits++) {
        struct network network = network_around(&host, (uint8_t)bits);
        struct host other = host;

        assert_true(network_contains(&network, &host));
        other.bytes[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
        assert_false(network_contains(&network, &other));
        if (bits < 128) {
            other = host;
            other.bytes[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
            assert_true(network_contains(&network, &other));
        }
    }
}

static void a_list_holds_what_one_of_its_networks_holds(void **state)
{
    struct network_list list = {.count = 2};
    struct host host = host_of("192.0.2.7");

    (void)state;
    assert_int_equal(network_parse(&list.networks[0], "10.0.0.0/8"), 0);
    assert_int_equal(network_parse(&list.networks[1], "192.0.2.0/24"), 0);
    assert_true(network_list_contains(&list, &host));
    list.count = 1;
    assert_false(network_list_contains(&list, &host));
    list.count = 0;
    assert_false(network_list_contains(&list, &host));
}

static void endpoints_are_made_of_addresses(void **state)
{
    struct address address = {0};
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(7777)};
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
    char text[ADDRESS_TEXT_BYTES];
    struct endpoint endpoint;

    (void)state;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &sin.sin_addr), 1);
    memcpy(&address.storage, &sin, sizeof(sin));
    endpoint = endpoint_of_address(&address);
    assert_true(endpoint.is_known);
    assert_string_equal(endpoint_format(&endpoint, text), "192.0.2.7:7777");

    assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &sin6.sin6_addr), 1);
    memcpy(&address.storage, &sin6, sizeof(sin6));
    endpoint = endpoint_of_address(&address);
    assert_string_equal(endpoint_format(&endpoint, text), "[2001:db8::7]:1");
    assert_string_equal(host_format(&endpoint.host, text), "2001:db8::7");

    /* What a dual-stack listener would report of an IPv4 client. */
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &sin6.sin6_addr), 1);
    memcpy(&address.storage, &sin6, sizeof(sin6));
    endpoint = endpoint_of_address(&address);
    assert_true(host_is_ipv4(&endpoint.host));
    assert_string_equal(endpoint_format(&endpoint, text), "192.0.2.7:1");

    address.storage.ss_family = AF_UNIX;
    endpoint = endpoint_of_address(&address);
    assert_false(endpoint.is_known);
    assert_string_equal(endpoint_format(&endpoint, text), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(a_mapped_address_is_the_ipv4_one),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(bits_behind_the_networks_own_are_refused),
        cmocka_unit_test(a_network_holds_its_hosts_and_no_others),
        cmocka_unit_test(all_of_one_kind_holds_none_of_the_other),
        cmocka_unit_test(every_length_cuts_where_it_says),
        cmocka_unit_test(a_list_holds_what_one_of_its_networks_holds),
        cmocka_unit_test(endpoints_are_made_of_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
