/* Base64url: the vectors of RFC 4648, every length both ways, and everything that is not quite it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum { LONGEST = 300 };

static void the_vectors_of_rfc_4648(void **state)
{
    static const char *const vectors[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const size_t size = strlen(vectors[i][0]);
        char text[16];
        uint8_t bytes[16];

        assert_int_equal(base64url_encode(text, vectors[i][0], size), strlen(vectors[i][1]));
        assert_memory_equal(text, vectors[i][1], strlen(vectors[i][1]));
        assert_int_equal(base64url_decode(bytes, vectors[i][1], strlen(vectors[i][1])), size);
        assert_memory_equal(bytes, vectors[i][0], size);
    }
}

/* All 64 characters at each of the four places of a group. */
static void every_character_at_every_place(void **state)
{
    (void)state;
    for (uint32_t value = 0; value < 64; value++) {
        for (unsigned place = 0; place < 4; place++) {
            const uint32_t group = value << (18 - 6 * place);
            const uint8_t bytes[3] = {(uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group};
            char expected[4] = {'A', 'A', 'A', 'A'};
            char text[4];
            uint8_t back[3];

            expected[place] = alphabet[value];
            assert_int_equal(base64url_encode(text, bytes, 3), 4);
            assert_memory_equal(text, expected, 4);
            assert_int_equal(base64url_decode(back, text, 4), 3);
            assert_memory_equal(back, bytes, 3);
        }
    }
}

/* In memory of exactly the size that it says it needs. */
static void every_length_comes_back(void **state)
{
    (void)state;
    for (size_t size = 0; size <= LONGEST; size++) {
        const size_t text_size = BASE64URL_SIZE(size);
        uint8_t *bytes = malloc(size + 1);
        uint8_t *back = malloc(size + 1);
        char *text = malloc(text_size + 1);

        assert_true(bytes != NULL && back != NULL && text != NULL);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(i * 131 + size * 17);
        }
        text[text_size] = '!';
        back[size] = 0xA5;
        assert_int_equal(base64url_encode(text, bytes, size), text_size);
        assert_int_equal(text[text_size], '!');
        for (size_t i = 0; i < text_size; i++) {
            assert_true(memchr(alphabet, text[i], 64) != NULL);
        }
        assert_int_equal(base64url_decode(back, text, text_size), size);
        assert_memory_equal(back, bytes, size);
        assert_int_equal(back[size], 0xA5);
        free(bytes);
        free(back);
        free(text);
    }
}

static void every_wrong_byte_is_refused(void **state)
{
    static const char good[] = "Zm9vYmFyZm8"; /* 11 characters: two groups and a cut one */
    uint8_t bytes[16];

    (void)state;
    for (size_t at = 0; at + 1 < sizeof(good) - 1; at++) { /* the last holds bits that must be 0 besides */
        for (int byte = 0; byte < 256; byte++) {
            const bool is_good = byte != 0 && memchr(alphabet, byte, 64) != NULL;
            char text[sizeof(good)];

            memcpy(text, good, sizeof(good));
            text[at] = (char)byte;
            assert_int_equal(base64url_decode(bytes, text, sizeof(good) - 1), is_good ? 8 : -EINVAL);
        }
    }
}

/* Of the characters that could end a text only those are taken whose spare bits are 0. */
static void stray_bits_are_refused(void **state)
{
    uint8_t bytes[4];

    (void)state;
    for (uint32_t value = 0; value < 64; value++) {
        const char one[2] = {'Z', alphabet[value]};
        const char two[3] = {'Z', 'm', alphabet[value]};

        assert_int_equal(base64url_decode(bytes, one, 2), value % 16 == 0 ? 1 : -EINVAL);
        assert_int_equal(base64url_decode(bytes, two, 3), value % 4 == 0 ? 2 : -EINVAL);
    }
}

static void no_text_has_one_character_over(void **state)
{
    char text[LONGEST];
    uint8_t bytes[LONGEST];

    (void)state;
    memset(text, 'A', sizeof(text));
    for (size_t size = 0; size < sizeof(text); size++) {
        assert_int_equal(base64url_decode(bytes, text, size),
                         size % 4 == 1 ? -EINVAL : (ssize_t)(size * 3 / 4));
    }
}

static void padding_blanks_and_the_other_alphabet_are_refused(void **state)
{
    static const char *const bad[] = {"Zg==", "Zm8=", "Zm9v\n", " Zm9v", "Zm 9v", "+__-", "-//-", "Zm9v===="};
    uint8_t bytes[16];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(base64url_decode(bytes, bad[i], strlen(bad[i])), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4648),
        cmocka_unit_test(every_character_at_every_place),
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(every_wrong_byte_is_refused),
        cmocka_unit_test(stray_bits_are_refused),
        cmocka_unit_test(no_text_has_one_character_over),
        cmocka_unit_test(padding_blanks_and_the_other_alphabet_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
