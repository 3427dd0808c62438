/* SHA-256 against the vectors of FIPS 180 and NIST, HMAC against RFC 4231. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"

enum { HEX_BYTES = 2 * SHA256_BYTES + 1 };

static const char *hex_of(const uint8_t hash[SHA256_BYTES], char out[HEX_BYTES])
{
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
    return out;
}

static const char *hash_of(const void *bytes, size_t size, char out[HEX_BYTES])
{
    struct sha256 hash;
    uint8_t code[SHA256_BYTES];

    sha256_init(&hash);
    sha256_add(&hash, bytes, size);
    sha256_finish(&hash, code);
    return hex_of(code, out);
}

static void the_vectors_of_fips_180(void **state)
{
    static const struct {
        const char *text;
        const char *hash;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmno"
         "pqrst"
         "nopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char hex[HEX_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        assert_string_equal(hash_of(vectors[i].text, strlen(vectors[i].text), hex), vectors[i].hash);
    }
}

/* NIST's additional vectors for the sizes at which the padding turns: zeros, and the million. */
static void the_sizes_at_which_the_padding_turns(void **state)
{
    static const struct {
        size_t size;
        uint8_t byte;
        const char *hash;
    } vectors[] = {
        {1, 0xBD, "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"},
        {55, 0, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"},
        {56, 0, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"},
        {57, 0, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"},
        {64, 0, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"},
        {1000, 0, "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"},
        {1000, 'A', "c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4"},
        {1005, 'U', "f4d62ddec0f3dd90ea1380fa16a5ff8dc4c54b21740650f24afc4120903552b0"},
        {1000000, 0, "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025"},
        {1000000, 'a', "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    char hex[HEX_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t *bytes = malloc(vectors[i].size);

        assert_non_null(bytes);
        memset(bytes, vectors[i].byte, vectors[i].size);
        assert_string_equal(hash_of(bytes, vectors[i].size, hex), vectors[i].hash);
        free(bytes);
    }
}

/* However a message is cut in three, it is the same message. */
static void a_message_may_come_in_pieces(void **state)
{
    uint8_t bytes[200];
    char whole[HEX_BYTES];
    char pieces[HEX_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + 1);
    }
    hash_of(bytes, sizeof(bytes), whole);
    for (size_t first = 0; first <= sizeof(bytes); first++) {
        for (size_t second = first; second <= sizeof(bytes); second++) {
            struct sha256 hash;
            uint8_t code[SHA256_BYTES];

            sha256_init(&hash);
            sha256_add(&hash, bytes, first);
            sha256_add(&hash, bytes + first, second - first);
            sha256_add(&hash, bytes + second, sizeof(bytes) - second);
            sha256_finish(&hash, code);
            assert_string_equal(hex_of(code, pieces), whole);
        }
    }
}

static void the_vectors_of_rfc_4231(void **state)
{
    static const char larger_key_and_data[] = "This is a test using a larger than block-size key and a "
                                              "larger than block-size data. The key needs to be "
                                              "hashed before being used by the HMAC algorithm.";
    static const struct {
        size_t key_size;
        const char *key; /* NULL: key_size times key_byte */
        size_t data_size;
        const char *data; /* NULL: data_size times data_byte */
        const char *code;
        uint8_t key_byte;
        uint8_t data_byte;
    } vectors[] = {
        {20, NULL, 8, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", 0x0b,
         0},
        {4, "Jefe", 28, "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 0, 0},
        {20, NULL, 50, NULL, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", 0xaa, 0xdd},
        {25,
         "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18"
         "\x19",
         50, NULL, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", 0, 0xcd},
        {131, NULL, 54, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", 0xaa, 0},
        {131, NULL, sizeof(larger_key_and_data) - 1, larger_key_and_data,
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2", 0xaa, 0},
    };
    char hex[HEX_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t key_bytes[256];
        uint8_t data[256];
        uint8_t code[SHA256_BYTES];
        struct hmac_sha256 key;

        memset(key_bytes, vectors[i].key_byte, sizeof(key_bytes));
        memset(data, vectors[i].data_byte, sizeof(data));
        if (vectors[i].key != NULL) {
            memcpy(key_bytes, vectors[i].key, vectors[i].key_size);
        }
        if (vectors[i].data != NULL) {
            memcpy(data, vectors[i].data, vectors[i].data_size);
        }
        hmac_sha256_init(&key, key_bytes, vectors[i].key_size);
        for (int again = 0; again < 2; again++) { /* the key is good for the next message */
            hmac_sha256(&key, data, vectors[i].data_size, code);
            assert_string_equal(hex_of(code, hex), vectors[i].code);
        }
    }
}

/* Test case 5 of RFC 4231 is cut to 128 bits. */
static void the_vector_that_is_cut(void **state)
{
    uint8_t secret[20];
    uint8_t code[SHA256_BYTES];
    struct hmac_sha256 key;
    char hex[HEX_BYTES];

    (void)state;
    memset(secret, 0x0c, sizeof(secret));
    hmac_sha256_init(&key, secret, sizeof(secret));
    hmac_sha256(&key, "Test With Truncation", 20, code);
    hex_of(code, hex);
    hex[32] = '\0';
    assert_string_equal(hex, "a3b6167473100ee06e0c796c2955552b");
}

/* A key of exactly a block, and one byte either way: only the longest is hashed. */
static void keys_around_the_size_of_a_block(void **state)
{
    uint8_t secret[SHA256_BLOCK_BYTES + 1];
    uint8_t hashed[SHA256_BYTES];
    uint8_t codes[2][SHA256_BYTES];
    struct hmac_sha256 key;
    struct sha256 hash;
    char hex[HEX_BYTES];

    (void)state;
    memset(secret, 7, sizeof(secret));
    sha256_init(&hash);
    sha256_add(&hash, secret, sizeof(secret));
    sha256_finish(&hash, hashed);
    hmac_sha256_init(&key, secret, sizeof(secret));
    hmac_sha256(&key, "x", 1, codes[0]);
    hmac_sha256_init(&key, hashed, sizeof(hashed));
    hmac_sha256(&key, "x", 1, codes[1]);
    assert_memory_equal(codes[0], codes[1], SHA256_BYTES);
    hmac_sha256_init(&key, secret, SHA256_BLOCK_BYTES);
    hmac_sha256(&key, "x", 1, codes[0]);
    assert_string_equal(hex_of(codes[0], hex),
                        "72eb5e2941defeb37ad65961919eebff581f6ccb397a04d3ae80f705019c2356");
    hmac_sha256_init(&key, secret, SHA256_BLOCK_BYTES - 1);
    hmac_sha256(&key, "x", 1, codes[1]);
    assert_memory_not_equal(codes[0], codes[1], SHA256_BYTES);
}

static void equal_is_every_byte(void **state)
{
    uint8_t a[64];
    uint8_t b[64];

    (void)state;
    memset(a, 0x5A, sizeof(a));
    memcpy(b, a, sizeof(b));
    for (size_t size = 0; size <= sizeof(a); size++) {
        assert_true(bytes_equal_constant(a, b, size));
    }
    for (size_t at = 0; at < sizeof(a); at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b[at] ^= (uint8_t)(1u << bit);
            assert_false(bytes_equal_constant(a, b, sizeof(a)));
            assert_true(bytes_equal_constant(a, b, at));
            b[at] = a[at];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_fips_180),
        cmocka_unit_test(the_sizes_at_which_the_padding_turns),
        cmocka_unit_test(a_message_may_come_in_pieces),
        cmocka_unit_test(the_vectors_of_rfc_4231),
        cmocka_unit_test(the_vector_that_is_cut),
        cmocka_unit_test(keys_around_the_size_of_a_block),
        cmocka_unit_test(equal_is_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
