#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

/* The vectors published with FNV. */
static void bytes_hash_as_fnv_1a(void **state)
{
    (void)state;
    assert_int_equal(hash_bytes("", 0), 0x811C9DC5u);
    assert_int_equal(hash_bytes(NULL, 0), 0x811C9DC5u);
    assert_int_equal(hash_bytes("a", 1), 0xE40C292Cu);
    assert_int_equal(hash_bytes("b", 1), 0xE70C2DE5u);
    assert_int_equal(hash_bytes("foobar", 6), 0xBF9CF968u);
}

static void every_byte_counts_nul_and_the_high_ones_too(void **state)
{
    (void)state;
    assert_int_not_equal(hash_bytes("\0", 1), hash_bytes("", 0));
    assert_int_not_equal(hash_bytes("a\0b", 3), hash_bytes("a\0c", 3));
    assert_int_equal(hash_bytes("\xff", 1), (0x811C9DC5u ^ 0xFFu) * 16777619u);
}

/* The first outputs of SplitMix64 from the seed 0, whose n-th state is n times the golden gamma. */
static void keys_hash_as_splitmix64(void **state)
{
    const uint64_t gamma = 0x9E3779B97F4A7C15u;

    (void)state;
    assert_true(hash_u64(gamma) == 0xE220A8397B1DCDAFu);
    assert_true(hash_u64(gamma * 2) == 0x6E789E6AA1B965F4u);
    assert_true(hash_u64(gamma * 3) == 0x06C45D188009454Fu);
}

/* Flipping any one bit of the key turns about half of the bits of the hash. */
static void a_changed_bit_spreads(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        int turned = 0;

        for (uint64_t key = 1; key <= 1000; key++) {
            turned += __builtin_popcountll(hash_u64(key) ^ hash_u64(key ^ 1ull << bit));
        }
        assert_in_range(turned, 31000, 33000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_hash_as_fnv_1a),
        cmocka_unit_test(every_byte_counts_nul_and_the_high_ones_too),
        cmocka_unit_test(keys_hash_as_splitmix64),
        cmocka_unit_test(a_changed_bit_spreads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
