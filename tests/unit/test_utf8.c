#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/utf8.h"

/* An encoder written from the table of RFC 3629, section 3; returns the sequence's length. */
static size_t encode(uint32_t code_point, uint8_t out[4])
{
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (uint8_t)(0xC0 + code_point / 64);
        out[1] = (uint8_t)(0x80 + code_point % 64);
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (uint8_t)(0xE0 + code_point / 4096);
        out[1] = (uint8_t)(0x80 + code_point / 64 % 64);
        out[2] = (uint8_t)(0x80 + code_point % 64);
        return 3;
    }
    out[0] = (uint8_t)(0xF0 + code_point / 262144);
    out[1] = (uint8_t)(0x80 + code_point / 4096 % 64);
    out[2] = (uint8_t)(0x80 + code_point / 64 % 64);
    out[3] = (uint8_t)(0x80 + code_point % 64);
    return 4;
}

static void every_code_point_is_read_back(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        const int is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
        uint8_t bytes[5] = {0, 0, 0, 0, 0x80};
        uint32_t found = UINT32_MAX;
        const size_t length = encode(code_point, bytes);
        const size_t result = utf8_sequence(bytes, sizeof bytes, &found);

        if (result != (is_surrogate ? 0 : length) || found != (is_surrogate ? UINT32_MAX : code_point)) {
            fail_msg("U+%04X: %zu bytes, read as U+%04X", code_point, result, found);
        }
        for (size_t cut = 0; cut < length; cut++) {
            if (utf8_sequence(bytes, cut, &found) != 0) {
                fail_msg("U+%04X cut after %zu bytes was let through", code_point, cut);
            }
        }
    }
}

/*
 * Nothing but what the encoder makes is let through: of all strings of up to three bytes just as many are one
 * whole sequence as there are code points of that length. For the fourth byte the borders of its ranges stand
 * for the rest.
 */
static void nothing_else_is_let_through(void **state)
{
    static const uint8_t borders[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
    size_t counts[5] = {0};
    uint32_t code_point;

    (void)state;
    for (uint32_t string = 0; string < 1u << 24; string++) {
        const uint8_t bytes[3] = {(uint8_t)(string >> 16), (uint8_t)(string >> 8), (uint8_t)string};

        for (size_t size = 1; size <= 3; size++) {
            /* A shorter string is counted once, with zeros behind it. */
            if ((string & ((1u << (8 * (3 - size))) - 1)) == 0 &&
                utf8_sequence(bytes, size, &code_point) == size) {
                counts[size]++;
            }
        }
        for (size_t i = 0; bytes[0] >= 0xF0 && i < sizeof borders; i++) {
            const uint8_t four[4] = {bytes[0], bytes[1], bytes[2], borders[i]};

            counts[4] += utf8_sequence(four, 4, &code_point) == 4;
        }
    }
    assert_int_equal(counts[1], 0x80);
    assert_int_equal(counts[2], 0x800 - 0x80);
    assert_int_equal(counts[3], 0x10000 - 0x800 - 0x800);
    /* 0x80 and 0xBF of each 64. */
    assert_int_equal(counts[4], (0x110000 - 0x10000) / 64 * 2);
}

static void validity_is_of_the_whole(void **state)
{
    static const uint8_t text[] = "a\xC3\xA9\xED\x95\x9C\xF0\x9F\x98\x80z";
    static const uint8_t borders[] = {0, 1, 3, 6, 10, 11};

    (void)state;
    assert_true(utf8_is_valid(NULL, 0));
    for (size_t size = 0; size < sizeof text; size++) {
        assert_int_equal(utf8_is_valid(text, size), memchr(borders, (int)size, sizeof borders) != NULL);
    }
}

static void copies_stop_between_characters(void **state)
{
    static const uint8_t text[] = "a\xC3\xA9\xED\x95\x9C\xFF\xF0\x9F\x98\x80z";
    static const uint8_t mended[] = "a\xC3\xA9\xED\x95\x9C?\xF0\x9F\x98\x80z";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 7, 7, 7, 7, 11, 12, 12};

    (void)state;
    for (size_t space = 0; space < sizeof expected / sizeof *expected; space++) {
        uint8_t out[16];

        memset(out, 0xEE, sizeof out);
        assert_int_equal(utf8_copy(out, space, text, sizeof text - 1), expected[space]);
        assert_memory_equal(out, mended, expected[space]);
        assert_int_equal(out[expected[space]], 0xEE);
    }
}

static bool name_may_hold(uint32_t code_point)
{
    uint8_t name[5] = {'a'};
    size_t bytes = 0;

    assert_true(code_point >= 0x80);
    if (code_point < 0x800) {
        name[++bytes] = (uint8_t)(0xC0 | code_point >> 6);
    } else {
        name[++bytes] = (uint8_t)(0xE0 | code_point >> 12);
        name[++bytes] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
    }
    name[++bytes] = (uint8_t)(0x80 | (code_point & 0x3F));
    return utf8_name_is_valid(name, bytes + 1);
}

/* One that turned the text around read like somebody else's. */
static void names_could_look_like_others(void **state)
{
    static const struct {
        uint32_t first, last;
    } refused[] = {{0x80, 0x9F}, {0x61C, 0x61C}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069}};
    size_t next = 0;

    (void)state;
    for (uint32_t code_point = 0x80; code_point < 0xD800; code_point++) {
        bool is_refused = next < 5 && code_point >= refused[next].first;

        assert_int_equal(name_may_hold(code_point), !is_refused);
        next += is_refused && code_point == refused[next].last;
    }
    assert_true(utf8_name_is_valid((const uint8_t *)"a b", 3));
    assert_false(utf8_name_is_valid((const uint8_t *)"a\x7F", 2));
    assert_false(utf8_name_is_valid((const uint8_t *)"a\n", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_read_back), cmocka_unit_test(nothing_else_is_let_through),
        cmocka_unit_test(validity_is_of_the_whole),      cmocka_unit_test(copies_stop_between_characters),
        cmocka_unit_test(names_could_look_like_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
