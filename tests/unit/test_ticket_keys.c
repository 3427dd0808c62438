/* The text of a secret file: what it may look like, and what is said of one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "unit/ticket_maker.h"

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" /* 32 bytes */
#define SHORT  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg"  /* 31 */
#define K16    "0123456789abcdeF"

/* Parses a copy of exactly that size. */
static int parse(struct ticket_keys *keys, const char *text, size_t size, char why[128])
{
    char *exact = malloc(size == 0 ? 1 : size);

    assert_non_null(exact);
    memcpy(exact, text, size);
    int rc = ticket_keys_parse(keys, exact, size, why, 128);
    free(exact);
    return rc;
}

static void one_or_two_lines_make_keys(void **state)
{
    static const struct {
        const char *text;
        uint32_t count;
        const char *last;
    } good[] = {
        {"k1 " SECRET, 1, "k1"},
        {"k1 " SECRET "\n", 1, "k1"},
        {"  k1\t " SECRET " \r\n\n", 1, "k1"},
        {"# a comment\n\nk1 " SECRET "\n  # another\n_ " SECRET "\n", 2, "_"},
        {K16 " " SECRET "\n-- " SECRET "A", 2, "--"},
        {MAKER_KEYS_TEXT, 2, "next_2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct ticket_keys keys;
        char why[128] = "";

        if (parse(&keys, good[i].text, strlen(good[i].text), why) < 0) {
            fail_msg("text %zu is refused: %s", i, why);
        }
        assert_int_equal(keys.count, good[i].count);
        assert_string_equal(keys.keys[keys.count - 1].kid, good[i].last);
        assert_ptr_equal(ticket_keys_find(&keys, good[i].last, strlen(good[i].last)),
                         &keys.keys[keys.count - 1]);
        assert_null(ticket_keys_find(&keys, good[i].last, strlen(good[i].last) - 1));
        assert_null(ticket_keys_find(&keys, "", 0));
    }
}

static void the_secret_is_that_of_the_text(void **state)
{
    struct ticket_keys keys = maker_keys();
    struct hmac_sha256 expected;
    uint8_t secret[40];
    uint8_t codes[2][SHA256_BYTES];

    (void)state;
    for (uint32_t key = 0; key < 2; key++) {
        for (size_t i = 0; i < sizeof(secret); i++) {
            secret[i] = (uint8_t)(key * 32 + i);
        }
        hmac_sha256_init(&expected, secret, key == 0 ? 32 : 40);
        hmac_sha256(&expected, "x", 1, codes[0]);
        hmac_sha256(&keys.keys[key].hmac, "x", 1, codes[1]);
        assert_memory_equal(codes[0], codes[1], SHA256_BYTES);
    }
}

/* Each says where and what, and never a word of what stands there. */
static void what_is_wrong_is_said_without_the_secret(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        {"", "no key in it"},
        {"\n# only a comment\n", "no key in it"},
        {"k1\n", "line 1 is not"},
        {SECRET "\n", "line 1 is not"},
        {"\nk1 " SECRET " more\n", "line 2 is not"},
        {"k.1 " SECRET, "line 1: the key's id"},
        {K16 "x " SECRET, "line 1: the key's id"},
        {"k\xc3\xa9 " SECRET, "line 1: the key's id"},
        {"k1 " SHORT, "line 1: the secret has fewer than 32"},
        {"k1 " SECRET "=", "line 1: the secret is not base64url"},
        {"k1 " SECRET "AA", "line 1: the secret is not base64url"},
        {"k1 " SECRET "\nk1 " SECRET "\n", "line 2: the id of the other key"},
        {"a " SECRET "\nb " SECRET "\n\nc " SECRET "\n", "line 4: a third key"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ticket_keys keys;
        char why[128] = "";
        bool is_right = parse(&keys, bad[i].text, strlen(bad[i].text), why) == -22 && keys.count == 0 &&
                        strncmp(why, bad[i].why, strlen(bad[i].why)) == 0;

        if (!is_right || strstr(why, "AAEC") != NULL) {
            fail_msg("text %zu: %s", i, why);
        }
    }
}

static void secrets_have_a_longest(void **state)
{
    (void)state;
    for (size_t bytes = TICKET_SECRET_BYTES_MAX - 1; bytes <= TICKET_SECRET_BYTES_MAX + 3; bytes++) {
        uint8_t secret[TICKET_SECRET_BYTES_MAX + 3] = {1};
        char text[512] = "k1 ";
        char why[128];
        struct ticket_keys keys;
        size_t size = 3 + base64url_encode(text + 3, secret, bytes);

        assert_int_equal(parse(&keys, text, size, why), bytes <= TICKET_SECRET_BYTES_MAX ? 0 : -22);
    }
}

static void a_file_has_a_largest_size(void **state)
{
    static char text[TICKET_KEYS_FILE_BYTES_MAX + 1];
    static const char key[] = "k1 " SECRET "\n";
    struct ticket_keys keys;
    char why[128];

    (void)state;
    memset(text, '\n', sizeof(text));
    memcpy(text, key, sizeof(key) - 1);
    assert_int_equal(parse(&keys, text, sizeof(text) - 1, why), 0);
    assert_int_equal(parse(&keys, text, sizeof(text), why), -22);
}

/* Any byte in any place: taken or refused, and never more than two keys. */
static void spoilt_at_any_byte_it_is_judged(void **state)
{
    char text[] = MAKER_KEYS_TEXT;
    uint32_t good = 0;

    (void)state;
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            struct ticket_keys keys;
            char why[128] = "";
            char was = text[at];

            text[at] = (char)byte;
            if (parse(&keys, text, sizeof(text) - 1, why) == 0) {
                assert_in_range(keys.count, 1, 2);
                good++;
            } else {
                assert_true(why[0] != '\0' && keys.count == 0);
            }
            text[at] = was;
        }
    }
    assert_in_range(good, 64 * 90, 64 * 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_or_two_lines_make_keys),
        cmocka_unit_test(the_secret_is_that_of_the_text),
        cmocka_unit_test(what_is_wrong_is_said_without_the_secret),
        cmocka_unit_test(secrets_have_a_longest),
        cmocka_unit_test(a_file_has_a_largest_size),
        cmocka_unit_test(spoilt_at_any_byte_it_is_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
