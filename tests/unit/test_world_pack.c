/* State as bytes: the layout, too little room, and bytes that run out. */
#include "content/world_pack.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALL_BYTES = 1 + 2 + 4 + 8 + 4 + 3 };

static void pack_all(struct pack *pack)
{
    pack_u8(pack, 0x01);
    pack_u16(pack, 0x0302);
    pack_u32(pack, 0x07060504u);
    pack_u64(pack, 0x0F0E0D0C0B0A0908u);
    pack_f32(pack, -2.5f); /* C0200000 */
    pack_bytes(pack, "abc", 3);
}

static void values_lie_in_the_order_written_low_byte_first(void **state)
{
    static const uint8_t expected[ALL_BYTES] = {1,  2,  3,  4,  5,    6, 7,    8,    9,   10,  11,
                                                12, 13, 14, 15, 0x00, 0, 0x20, 0xC0, 'a', 'b', 'c'};
    uint8_t out[ALL_BYTES];
    struct pack pack = {.out = out, .size = sizeof(out)};

    (void)state;
    pack_all(&pack);
    assert_int_equal(pack.used, ALL_BYTES);
    assert_memory_equal(out, expected, sizeof(expected));
}

static void what_was_packed_comes_out_again(void **state)
{
    uint8_t out[ALL_BYTES];
    char text[3];
    struct pack pack = {.out = out, .size = sizeof(out)};
    struct unpack unpack = {.bytes = out, .size = sizeof(out)};

    (void)state;
    pack_all(&pack);
    assert_int_equal(unpack_u8(&unpack), 0x01);
    assert_int_equal(unpack_u16(&unpack), 0x0302);
    assert_int_equal(unpack_u32(&unpack), 0x07060504u);
    assert_true(unpack_u64(&unpack) == 0x0F0E0D0C0B0A0908u);
    assert_true(unpack_f32(&unpack) == -2.5f);
    unpack_bytes(&unpack, text, sizeof(text));
    assert_memory_equal(text, "abc", 3);
    assert_false(unpack.has_failed);
    assert_int_equal(unpack.at, unpack.size);
}

/* However little room there is, it says how much is needed, writes what fits whole, and nothing past the end. */
static void too_little_room_is_counted_not_overrun(void **state)
{
    (void)state;
    for (size_t size = 0; size < ALL_BYTES; size++) {
        uint8_t *out = malloc(size + 1);
        struct pack pack = {.out = out, .size = size};

        assert_non_null(out);
        out[size] = 0xA5;
        pack_all(&pack);
        assert_int_equal(pack.used, ALL_BYTES);
        assert_int_equal(out[size], 0xA5);
        free(out);
    }
    struct pack none = {.out = NULL, .size = 0};

    pack_all(&none);
    assert_int_equal(none.used, ALL_BYTES);
}

/* A value that would still fit behind one that did not is not written either: what is there is a prefix. */
static void nothing_is_written_behind_a_gap(void **state)
{
    uint8_t out[3] = {0xEE, 0xEE, 0xEE};
    struct pack pack = {.out = out, .size = sizeof(out)};

    (void)state;
    pack_u32(&pack, 1);
    pack_u8(&pack, 2);
    assert_int_equal(pack.used, 5);
    assert_int_equal(out[0], 0xEE);
    assert_int_equal(out[2], 0xEE);
}

static void bytes_that_run_out_fail_from_then_on(void **state)
{
    static const uint8_t bytes[3] = {1, 2, 3};
    struct unpack unpack = {.bytes = bytes, .size = sizeof(bytes)};
    uint32_t rest = 0xFFFFFFFFu;

    (void)state;
    assert_int_equal(unpack_u16(&unpack), 0x0201);
    assert_int_equal(unpack_u16(&unpack), 0);
    assert_true(unpack.has_failed);
    assert_int_equal(unpack_u8(&unpack), 0); /* the third byte is there, but it is too late */
    unpack_bytes(&unpack, &rest, sizeof(rest));
    assert_int_equal(rest, 0);
    assert_int_equal(unpack_u64(&unpack), 0);
    assert_true(unpack_f32(&unpack) == 0.0f);
}

static void a_float_that_is_not_finite_fails(void **state)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t out[4];
        struct pack pack = {.out = out, .size = sizeof(out)};
        struct unpack unpack = {.bytes = out, .size = sizeof(out)};

        pack_f32(&pack, bad[i]);
        assert_true(unpack_f32(&unpack) == 0.0f);
        assert_true(unpack.has_failed);
    }
}

static void what_makes_no_sense_fails(void **state)
{
    static const uint8_t bytes[2] = {7, 8};
    struct unpack unpack = {.bytes = bytes, .size = sizeof(bytes)};

    (void)state;
    unpack_expect(&unpack, unpack_u8(&unpack) == 7);
    assert_false(unpack.has_failed);
    unpack_expect(&unpack, false);
    unpack_expect(&unpack, true);
    assert_true(unpack.has_failed);
    assert_int_equal(unpack_u8(&unpack), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_lie_in_the_order_written_low_byte_first),
        cmocka_unit_test(what_was_packed_comes_out_again),
        cmocka_unit_test(too_little_room_is_counted_not_overrun),
        cmocka_unit_test(nothing_is_written_behind_a_gap),
        cmocka_unit_test(bytes_that_run_out_fail_from_then_on),
        cmocka_unit_test(a_float_that_is_not_finite_fails),
        cmocka_unit_test(what_makes_no_sense_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
