#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"

/*
 * The vectors that the authors publish with their reference implementation: the key is 00 01 .. 0f, the n-th input
 * the n bytes 00 01 .. n-1. The input of 15 bytes is the example of the paper's appendix A.
 */
static const uint64_t published[] = {
    0x726FDB47DD0E0E31, 0x74F839C593DC67FD, 0x0D6C8009D9A94F5A, 0x85676696D7FB7E2D,
    0xCF2794E0277187B7, 0x18765564CD99A68D, 0xCBC9466E58FEE3CE, 0xAB0200F58B01D137,
    0x93F5F5799A932462, 0x9E0082DF0BA9E4B0, 0x7A5DBBC594DDB9F3, 0xF4B32F46226BADA7,
    0x751E8FBC860EE5FB, 0x14EA5627C0843D90, 0xF723CA908E7AF2EE, 0xA129CA6149BE45E5,
};

static const uint64_t published_of_63_bytes = 0x958A324CEB064572;

static void fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)i;
    }
}

static void inputs_hash_as_published(void **state)
{
    uint8_t key[SIPHASH_KEY_BYTES];
    uint8_t input[63];

    (void)state;
    fill(key, sizeof(key));
    fill(input, sizeof(input));
    for (size_t size = 0; size < sizeof(published) / sizeof(published[0]); size++) {
        assert_true(siphash_2_4(key, input, size) == published[size]);
    }
    assert_true(siphash_2_4(key, input, sizeof(input)) == published_of_63_bytes);
}

static void where_the_input_lies_does_not_matter(void **state)
{
    uint8_t key[SIPHASH_KEY_BYTES];
    uint8_t room[16 + 8];

    (void)state;
    fill(key, sizeof(key));
    for (size_t shift = 0; shift < 8; shift++) {
        fill(room + shift, 15);
        assert_true(siphash_2_4(key, room + shift, 15) == published[15]);
    }
}

static void every_bit_of_the_key_counts(void **state)
{
    uint8_t key[SIPHASH_KEY_BYTES];

    (void)state;
    for (size_t bit = 0; bit < 8 * SIPHASH_KEY_BYTES; bit++) {
        fill(key, sizeof(key));
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(siphash_2_4(key, "", 0) != published[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_hash_as_published),
        cmocka_unit_test(where_the_input_lies_does_not_matter),
        cmocka_unit_test(every_bit_of_the_key_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
