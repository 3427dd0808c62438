#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/proxy.h"

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* A literal with NULs in it, and how many bytes it is. */
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

enum { V2_BYTES_ROOM = PROXY_V2_BYTES_MAX + 64 };

/* In memory of just that size, so that the sanitizer sees a read past it. */
static enum proxy_result decode(const uint8_t *bytes, size_t size, size_t *pos, struct proxy_header *header)
{
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    struct frame_cursor cursor = {.data = exact, .size = size};

    assert_non_null(exact);
    memcpy(exact, bytes, size);
    enum proxy_result result = proxy_next(&cursor, header);
    free(exact);
    *pos = cursor.pos;
    assert_true(result == PROXY_OK || cursor.pos == 0);
    return result;
}

/*
 * However much of it is there: MORE until the whole header is, and then the same with anything behind it. `source` NULL:
 * one that is not known.
 */
static void expect_header(const uint8_t *bytes, size_t size, const char *source)
{
    uint8_t *followed = malloc(size + 8);
    struct proxy_header header;
    char text[ADDRESS_TEXT_BYTES];
    size_t pos;

    assert_non_null(followed);
    memcpy(followed, bytes, size);
    memset(followed + size, 'x', 8);
    for (size_t cut = 0; cut < size; cut++) {
        if (decode(bytes, cut, &pos, &header) != PROXY_MORE) {
            fail_msg("not MORE at byte %zu of %zu", cut, size);
        }
    }
    for (size_t more = 0; more <= 8; more++) {
        assert_int_equal(decode(followed, size + more, &pos, &header), PROXY_OK);
        assert_int_equal(pos, size);
        assert_int_equal(header.source.is_known, source != NULL);
        if (source != NULL) {
            assert_string_equal(endpoint_format(&header.source, text), source);
        }
    }
    free(followed);
}

/* Bad from some byte on, for good, and not before `bytes_before` are there. */
static void expect_bad(const uint8_t *bytes, size_t size, size_t bytes_before)
{
    struct proxy_header header = {.source = {.port = 4711}};
    bool is_bad = false;
    size_t pos;

    for (size_t cut = 0; cut <= size; cut++) {
        enum proxy_result result = decode(bytes, cut, &pos, &header);

        assert_int_not_equal(result, PROXY_OK);
        assert_true(result == PROXY_BAD || !is_bad);
        if (result == PROXY_BAD && !is_bad && cut != bytes_before) {
            fail_msg("bad at byte %zu of %zu, not at %zu", cut, size, bytes_before);
        }
        is_bad = result == PROXY_BAD;
    }
    assert_true(is_bad);
    assert_int_equal(header.source.port, 4711); /* written for OK only */
}

/* A line of version 1 is judged when it is whole. */
static void expect_bad_line(const char *line)
{
    expect_bad((const uint8_t *)line, strlen(line), strlen(line));
}

static void version_1_names_the_source(void **state)
{
    (void)state;
    expect_header(BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 40123 7777\r\n"), "192.0.2.7:40123");
    expect_header(BYTES("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), "0.0.0.0:0");
    expect_header(BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 65535 1\r\n"), "[2001:db8::7]:65535");
    expect_header(BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), "192.0.2.7:1");
    /* The longest that the protocol's text gives for TCP: 104 bytes. */
    expect_header(
        BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
              "65535 65535\r\n"),
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

static void version_1_may_not_know(void **state)
{
    (void)state;
    expect_header(BYTES("PROXY UNKNOWN\r\n"), NULL);
    expect_header(BYTES("PROXY UNKNOWN anything at all \t even this\r\n"), NULL);
    /* The worst case that the protocol's text gives: 107 bytes. */
    expect_header(BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
                  NULL);
}

static void version_1_that_does_not_parse_is_bad(void **state)
{
    static const char *const lines[] = {
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.7\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n",
        "PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY  TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7\t192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.07 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY TCP6 ::1 192.0.2.1 1 2\r\n",
        "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP6 ::1%lo ::1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 100000 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 4294967297 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 -2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 0x2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 \r\n",
        "PROXY tcp4 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY TCP 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY unknown\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        expect_bad_line(lines[i]);
    }
    expect_bad(BYTES("PROXY UNKNOWN \0 nul\r\n"), 21);
    expect_bad(BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\0\r\n"), 37);
}

static void version_1_ends_as_it_should_or_is_bad_at_once(void **state)
{
    char line[200] = "PROXY UNKNOWN ";

    (void)state;
    expect_bad(BYTES("PROXY UNKNOWN\nmore"), 14);
    expect_bad(BYTES("PROXY UNKNOWN\rmore\r\n"), 15);
    expect_bad(BYTES("PROXY UNKNOWN\r\r\n"), 15);
    expect_bad(BYTES("proxy UNKNOWN\r\n"), 1);
    expect_bad(BYTES("PROXX"), 5);
    expect_bad(BYTES("PROXY\r\n"), 6);
    /* No end within 107 bytes: 106 without one is one too many. */
    memset(line + strlen(line), 'x', sizeof(line) - strlen(line));
    expect_bad((const uint8_t *)line, sizeof(line), 106);
    memcpy(line + 106, "\r\n", 2);
    expect_bad((const uint8_t *)line, 108, 106);
    memcpy(line + 105, "\r\n", 2);
    expect_header((const uint8_t *)line, 107, NULL);
}

/* A header of version 2 whose body is zeroes but for what is copied there. Returns its bytes. */
static size_t put_v2(uint8_t *out, uint8_t version_command, uint8_t family_protocol, size_t body_bytes,
                     const char *body, size_t given_bytes)
{
    memcpy(out, V2_SIGNATURE, 12);
    out[12] = version_command;
    out[13] = family_protocol;
    out[14] = (uint8_t)(body_bytes >> 8);
    out[15] = (uint8_t)body_bytes;
    memset(out + 16, 0, body_bytes);
    memcpy(out + 16, body, given_bytes);
    return 16 + body_bytes;
}

static const char ipv4_body[] = "\xC0\x00\x02\x07\xC6\x33\x64\x01\x9C\xBB\x1E\x61";
static const char ipv6_body[] = "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x07"
                                "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\xFF\xFF\x1E\x61";

static void version_2_names_the_source(void **state)
{
    uint8_t bytes[V2_BYTES_ROOM];

    (void)state;
    expect_header(bytes, put_v2(bytes, 0x21, 0x11, 12, ipv4_body, 12), "192.0.2.7:40123");
    expect_header(bytes, put_v2(bytes, 0x21, 0x21, 36, ipv6_body, 36), "[2001:db8::7]:65535");
    expect_header(bytes, put_v2(bytes, 0x21, 0x21, 36, "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\0\x02\x07", 16),
                  "192.0.2.7:0");
}

/* Type-length-values, or anything else, behind the addresses. */
static void version_2_says_more_which_is_passed_over(void **state)
{
    static const size_t more[] = {1, 3, 100, PROXY_V2_BYTES_MAX - 16 - 36};
    uint8_t bytes[V2_BYTES_ROOM];

    (void)state;
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        expect_header(bytes, put_v2(bytes, 0x21, 0x11, 12 + more[i], ipv4_body, 12), "192.0.2.7:40123");
        expect_header(bytes, put_v2(bytes, 0x21, 0x21, 36 + more[i], ipv6_body, 36), "[2001:db8::7]:65535");
    }
}

static void version_2_may_speak_for_itself_or_not_know(void **state)
{
    uint8_t bytes[V2_BYTES_ROOM];

    (void)state;
    expect_header(bytes, put_v2(bytes, 0x20, 0x00, 0, "", 0), NULL);
    expect_header(bytes, put_v2(bytes, 0x20, 0x11, 12, ipv4_body, 12), NULL);
    expect_header(bytes, put_v2(bytes, 0x20, 0xFF, 5, "", 0),
                  NULL); /* LOCAL: the family is nobody's business */
    expect_header(bytes, put_v2(bytes, 0x21, 0x00, 0, "", 0), NULL);
    expect_header(bytes, put_v2(bytes, 0x21, 0x00, 20, "", 0), NULL);
    expect_header(bytes, put_v2(bytes, 0x21, 0x31, 216, "/run/a.sock", 11), NULL);
    expect_header(bytes, put_v2(bytes, 0x21, 0x32, 300, "", 0), NULL);
    expect_header(bytes, put_v2(bytes, 0x21, 0x12, 12, ipv4_body, 12), NULL); /* datagrams: not ours */
    expect_header(bytes, put_v2(bytes, 0x21, 0x10, 12, ipv4_body, 12), NULL);
    expect_header(bytes, put_v2(bytes, 0x21, 0x22, 36, ipv6_body, 36), NULL);
}

static void version_2_that_is_none_is_bad_at_its_byte(void **state)
{
    uint8_t bytes[V2_BYTES_ROOM];

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        size_t size = put_v2(bytes, 0x21, 0x11, 12, ipv4_body, 12);

        bytes[i] ^= 0x20;
        expect_bad(bytes, size, i + 1);
    }
    expect_bad(bytes, put_v2(bytes, 0x11, 0x11, 12, ipv4_body, 12), 13); /* another version */
    expect_bad(bytes, put_v2(bytes, 0x31, 0x11, 12, ipv4_body, 12), 13);
    expect_bad(bytes, put_v2(bytes, 0x22, 0x11, 12, ipv4_body, 12), 13); /* a command that is none */
    expect_bad(bytes, put_v2(bytes, 0x2F, 0x11, 12, ipv4_body, 12), 13);
    expect_bad(bytes, put_v2(bytes, 0x21, 0x41, 12, ipv4_body, 12), 14); /* a family that is none */
    expect_bad(bytes, put_v2(bytes, 0x21, 0x13, 12, ipv4_body, 12), 14); /* a protocol that is none */
    expect_bad(bytes, put_v2(bytes, 0x21, 0x11, 11, ipv4_body, 11), 16); /* too short for its addresses */
    expect_bad(bytes, put_v2(bytes, 0x21, 0x11, 0, "", 0), 16);
    expect_bad(bytes, put_v2(bytes, 0x21, 0x21, 35, ipv6_body, 35), 16);
    expect_bad(bytes, put_v2(bytes, 0x21, 0x31, 215, "", 0), 16);
    /* Too long, whoever it speaks for: found before any of it is waited for. */
    expect_bad(bytes, put_v2(bytes, 0x21, 0x11, PROXY_V2_BYTES_MAX - 15, ipv4_body, 12), 16);
    expect_bad(bytes, put_v2(bytes, 0x20, 0x00, PROXY_V2_BYTES_MAX - 15, "", 0), 16);
    size_t size = put_v2(bytes, 0x21, 0x11, 12, ipv4_body, 12);
    bytes[14] = bytes[15] = 0xFF;
    expect_bad(bytes, size, 16);
}

static void a_client_s_packets_are_no_header(void **state)
{
    static const uint8_t hello[] = {10, 0, 0x01, 0xFF, 1, 0, 0, 0, 0, 0};

    (void)state;
    expect_bad(hello, sizeof(hello), 1);
    assert_false(proxy_is_begun(hello, sizeof(hello)));
    assert_false(proxy_is_begun(NULL, 0));
    assert_true(proxy_is_begun(BYTES("PROXY ")));
    assert_false(proxy_is_begun(BYTES("PROXY")));
    assert_true(proxy_is_begun(BYTES("PROXY TCP4 nonsense")));
    assert_true(proxy_is_begun(BYTES(V2_SIGNATURE)));
    assert_false(proxy_is_begun(BYTES(V2_SIGNATURE) - 1));
}

/* The cursor may stand anywhere, and on nothing. */
static void the_header_is_taken_from_where_the_cursor_is(void **state)
{
    static const char bytes[] = "xxPROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\nyy";
    struct frame_cursor cursor = {.data = (const uint8_t *)bytes, .size = sizeof(bytes) - 1, .pos = 2};
    struct frame_cursor empty = {0};
    struct proxy_header header;

    (void)state;
    assert_int_equal(proxy_next(&cursor, &header), PROXY_OK);
    assert_int_equal(cursor.pos, sizeof(bytes) - 1 - 2);
    assert_int_equal(proxy_next(&cursor, &header), PROXY_BAD);
    assert_int_equal(cursor.pos, sizeof(bytes) - 1 - 2);
    assert_int_equal(proxy_next(&empty, &header), PROXY_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_names_the_source),
        cmocka_unit_test(version_1_may_not_know),
        cmocka_unit_test(version_1_that_does_not_parse_is_bad),
        cmocka_unit_test(version_1_ends_as_it_should_or_is_bad_at_once),
        cmocka_unit_test(version_2_names_the_source),
        cmocka_unit_test(version_2_says_more_which_is_passed_over),
        cmocka_unit_test(version_2_may_speak_for_itself_or_not_know),
        cmocka_unit_test(version_2_that_is_none_is_bad_at_its_byte),
        cmocka_unit_test(a_client_s_packets_are_no_header),
        cmocka_unit_test(the_header_is_taken_from_where_the_cursor_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
