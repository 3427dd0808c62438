/* Tickets: one that a login service makes is taken, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "unit/ticket_maker.h"

enum { TICKETS = 1000, PAYLOAD_BYTES = 512, ROUNDS = 20, ROUND_TICKETS = 1000 };

/* What Python's hmac and base64 make of the same. */
static void a_ticket_is_what_the_format_says(void **state)
{
    static const char plain[] =
        "v1.k1.AQDSSWsAAAAA782riWdFIwEEADQ3MTEDAEtpbQUAbG9iYnk.wGhWrnQNaafrYUDcEPR_PJSjjvLnbPQL3zJoHoMCQEI";
    static const char korean[] =
        "v1.k1.AQDSSWsAAAAAEDJUdpi63P4EADQ3MTEDAOq5gAAA.yiAAE-4pELljB3dnPUwaUyT5xYQ7I0yESU9LeEUot1A";
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("4711", "Kim", "lobby");
    char text[TICKET_BYTES_MAX];

    (void)state;
    ticket.expiry_s = 1800000000;
    assert_int_equal(ticket_mint(&keys.keys[0], &ticket, text), sizeof(plain) - 1);
    assert_memory_equal(text, plain, sizeof(plain) - 1);
    memset(&ticket, 0xA5, sizeof(ticket));
    assert_int_equal(ticket_verify(&keys, 1799999999, 1, plain, sizeof(plain) - 1, &ticket), TICKET_OK);
    assert_true(ticket.expiry_s == 1800000000 && ticket.nonce == 0x0123456789abcdef);
    assert_string_equal(ticket.user, "4711");
    assert_string_equal(ticket.name, "Kim");
    assert_string_equal(ticket.room, "lobby");
    assert_int_equal(ticket_verify(&keys, 1799999999, 1, korean, sizeof(korean) - 1, &ticket), TICKET_OK);
    assert_true(ticket.nonce == 0xfedcba9876543210);
    assert_string_equal(ticket.name, "\xea\xb9\x80");
    assert_string_equal(ticket.room, "");
}

static void fill_text(char *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)('!' + rand() % 94);
    }
    out[size] = '\0';
}

static struct ticket any_ticket(size_t text_max)
{
    struct ticket ticket = {.expiry_s = MAKER_NOW_S + 1 + (uint64_t)rand() % MAKER_TTL_MAX_S,
                            .nonce = (uint64_t)rand() << 33 ^ (uint64_t)rand()};

    fill_text(ticket.user, 1 + (size_t)rand() % text_max);
    fill_text(ticket.name, 1 + (size_t)rand() % text_max);
    fill_text(ticket.room, (size_t)rand() % (text_max + 1));
    return ticket;
}

static void what_is_minted_is_taken_by_either_key(void **state)
{
    struct ticket_keys keys = maker_keys();

    (void)state;
    srand(1);
    for (int i = 0; i < TICKETS; i++) {
        struct ticket ticket = any_ticket(TICKET_TEXT_BYTES_MAX);
        struct ticket got;
        char text[TICKET_BYTES_MAX];
        size_t size = ticket_mint(&keys.keys[i % 2], &ticket, text);

        assert_in_range(size, 1, sizeof(text));
        assert_int_equal(ticket_verify(&keys, MAKER_NOW_S, MAKER_TTL_MAX_S, text, size, &got), TICKET_OK);
        assert_true(got.expiry_s == ticket.expiry_s && got.nonce == ticket.nonce);
        assert_string_equal(got.user, ticket.user);
        assert_string_equal(got.name, ticket.name);
        assert_string_equal(got.room, ticket.room);
    }
}

/* The largest of all is no larger than the buffer, and is taken. */
static void the_longest_ticket_fits(void **state)
{
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("", "", "");
    struct ticket got;
    char text[TICKET_BYTES_MAX];

    (void)state;
    fill_text(ticket.user, TICKET_TEXT_BYTES_MAX);
    fill_text(ticket.name, TICKET_TEXT_BYTES_MAX);
    fill_text(ticket.room, TICKET_TEXT_BYTES_MAX);
    memcpy(keys.keys[0].kid, "0123456789abcdef", 17);
    assert_int_equal(ticket_mint(&keys.keys[0], &ticket, text), TICKET_BYTES_MAX);
    assert_int_equal(ticket_verify(&keys, MAKER_NOW_S, MAKER_TTL_MAX_S, text, sizeof(text), &got), TICKET_OK);
    assert_string_equal(got.room, ticket.room);
}

static void every_single_bit_flip_of_a_thousand_is_refused(void **state)
{
    struct ticket_keys keys = maker_keys();
    struct ticket got;
    uint64_t flips = 0;

    (void)state;
    srand(2);
    for (int i = 0; i < TICKETS; i++) {
        struct ticket ticket = any_ticket(8);
        char text[TICKET_BYTES_MAX];
        size_t size = ticket_mint(&keys.keys[i % 2], &ticket, text);

        for (size_t bit = 0; bit < 8 * size; bit++, flips++) {
            text[bit / 8] ^= (char)(1u << bit % 8);
            if (ticket_verify(&keys, MAKER_NOW_S, MAKER_TTL_MAX_S, text, size, &got) == TICKET_OK) {
                fail_msg("ticket %d with bit %zu flipped is taken", i, bit);
            }
            text[bit / 8] ^= (char)(1u << bit % 8);
        }
        assert_int_equal(ticket_verify(&keys, MAKER_NOW_S, MAKER_TTL_MAX_S, text, size, &got), TICKET_OK);
    }
    print_message("%llu flips refused\n", (unsigned long long)flips);
}

static void cut_at_every_length_it_is_refused(void **state)
{
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("4711", "Kim", "lobby");
    char text[TICKET_BYTES_MAX + 3];
    size_t size = ticket_mint(&keys.keys[0], &ticket, text);

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_not_equal(maker_verify(&keys, text, cut), TICKET_OK);
        assert_int_not_equal(maker_verify(&keys, text + size - cut, cut), TICKET_OK);
    }
    assert_int_equal(maker_verify(&keys, text, size), TICKET_OK);
    for (int byte = 0; byte < 256; byte++) {
        text[size] = (char)byte;
        assert_int_not_equal(maker_verify(&keys, text, size + 1), TICKET_OK);
    }
    memcpy(text + size, "==", 2);
    assert_int_not_equal(maker_verify(&keys, text, size + 2), TICKET_OK);
}

static void the_shape_is_looked_at_first(void **state)
{
    static const char signature[] = ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    static const struct {
        const char *head;
        enum ticket_result result;
    } cases[] = {
        {"", TICKET_MALFORMED},
        {"v1", TICKET_MALFORMED},
        {"v1.", TICKET_MALFORMED},
        {"v1.k1", TICKET_MALFORMED},
        {"v2.k1.AAAA", TICKET_MALFORMED},
        {"V1.k1.AAAA", TICKET_MALFORMED},
        {"v1.k2.AAAA", TICKET_UNKNOWN_KEY},
        {"v1..AAAA", TICKET_UNKNOWN_KEY},
        {"v1.k11.AAAA", TICKET_UNKNOWN_KEY},
        {"v1.k.AAAA", TICKET_UNKNOWN_KEY},
        {"v1.K1.AAAA", TICKET_UNKNOWN_KEY},
        {"v1.k1.AAAA", TICKET_BAD_SIGNATURE},
        {"v1.k1.", TICKET_BAD_SIGNATURE},
        {"v1.k1..", TICKET_BAD_SIGNATURE},
        {"v1.next_2.", TICKET_BAD_SIGNATURE},
    };
    struct ticket_keys keys = maker_keys();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];

        snprintf(text, sizeof(text), "%s%s", cases[i].head, signature);
        assert_int_equal(maker_verify(&keys, text, strlen(text)), cases[i].result);
    }
}

/* One that another key has signed, under the right name and under its own. */
static void another_key_is_refused(void **state)
{
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("4711", "Kim", "");
    struct ticket_key stranger = keys.keys[0];
    struct ticket_keys none = {0};
    char text[TICKET_BYTES_MAX];
    size_t size;

    (void)state;
    hmac_sha256_init(&stranger.hmac, "another secret of thirty-two byt", 32);
    size = ticket_mint(&stranger, &ticket, text);
    assert_int_equal(maker_verify(&keys, text, size), TICKET_BAD_SIGNATURE);
    stranger.kid[0] = 'z';
    size = ticket_mint(&stranger, &ticket, text);
    assert_int_equal(maker_verify(&keys, text, size), TICKET_UNKNOWN_KEY);
    stranger.hmac = keys.keys[1].hmac; /* a good key under the other's name */
    memcpy(stranger.kid, "k1", 3);
    size = ticket_mint(&stranger, &ticket, text);
    assert_int_equal(maker_verify(&keys, text, size), TICKET_BAD_SIGNATURE);
    size = ticket_mint(&keys.keys[0], &ticket, text);
    assert_int_equal(maker_verify(&none, text, size), TICKET_UNKNOWN_KEY);
}

static enum ticket_result verify_at(uint64_t now_s, uint64_t ttl_max_s, uint64_t expiry_s)
{
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("4711", "Kim", "");
    char text[TICKET_BYTES_MAX];

    ticket.expiry_s = expiry_s;
    return ticket_verify(&keys, now_s, ttl_max_s, text, ticket_mint(&keys.keys[0], &ticket, text), &ticket);
}

static void it_is_good_until_it_expires_and_not_for_too_long(void **state)
{
    (void)state;
    assert_int_equal(verify_at(1000, 60, 1001), TICKET_OK);
    assert_int_equal(verify_at(1000, 60, 1000), TICKET_EXPIRED);
    assert_int_equal(verify_at(1000, 60, 999), TICKET_EXPIRED);
    assert_int_equal(verify_at(1000, 60, 0), TICKET_EXPIRED);
    assert_int_equal(verify_at(1000, 60, 1060), TICKET_OK);
    assert_int_equal(verify_at(1000, 60, 1061), TICKET_TOO_FAR);
    assert_int_equal(verify_at(0, 60, UINT64_MAX), TICKET_TOO_FAR);
    assert_int_equal(verify_at(UINT64_MAX, 60, UINT64_MAX), TICKET_EXPIRED);
    assert_int_equal(verify_at(UINT64_MAX - 1, 60, UINT64_MAX), TICKET_OK);
}

/* A payload as bytes: `version`, any expiry and nonce, and `texts` as they come, lengths and all. */
static size_t put_payload(uint8_t *out, uint8_t version, const void *texts, size_t bytes)
{
    out[0] = version;
    roomd_put_u64(out + 1, MAKER_NOW_S + 60);
    roomd_put_u64(out + 9, 7);
    memcpy(out + 17, texts, bytes);
    return 17 + bytes;
}

/* Signed by a good key, and yet no ticket: whoever holds the key makes mistakes too. */
static void a_signed_payload_must_be_exact(void **state)
{
    static const struct {
        uint8_t version;
        uint8_t bytes;
        const char *texts;
        enum ticket_result result;
    } cases[] = {
        {1, 8, "\1\0u\1\0n\0\0", TICKET_OK},
        {1, 9, "\1\0u\1\0n\1\0r", TICKET_OK},
        {0, 8, "\1\0u\1\0n\0\0", TICKET_MALFORMED},
        {2, 8, "\1\0u\1\0n\0\0", TICKET_MALFORMED},
        {1, 9, "\1\0u\1\0n\0\0x", TICKET_MALFORMED}, /* left over */
        {1, 7, "\1\0u\1\0n\0", TICKET_MALFORMED},    /* short */
        {1, 8, "\1\0u\1\0n\1\0", TICKET_MALFORMED},  /* shorter than it says */
        {1, 8, "\1\0u\1\0n\xff\xff", TICKET_MALFORMED},
        {1, 7, "\0\0\1\0n\0\0", TICKET_MALFORMED},   /* no user */
        {1, 7, "\1\0u\0\0\0\0", TICKET_MALFORMED},   /* no name */
        {1, 8, "\1\0\0\1\0n\0\0", TICKET_MALFORMED}, /* a NUL */
        {1, 8, "\1\0u\1\0\n\0\0", TICKET_MALFORMED}, /* a control character */
        {1, 9, "\1\0u\1\0n\1\0\x7f", TICKET_MALFORMED},
        {1, 8, "\1\0\xff\1\0n\0\0", TICKET_MALFORMED}, /* no UTF-8 */
        {1, 9, "\2\0\xc0\x80\1\0n\0\0", TICKET_MALFORMED},
        {1, 0, "", TICKET_MALFORMED},
    };
    struct ticket_keys keys = maker_keys();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t payload[PAYLOAD_BYTES];
        char text[PAYLOAD_BYTES * 2];
        size_t bytes = put_payload(payload, cases[i].version, cases[i].texts, cases[i].bytes);
        size_t size = maker_sign(&keys.keys[0], payload, bytes, text);

        assert_int_equal(maker_verify(&keys, text, size), cases[i].result);
        text[size - 1] =
            text[size - 1] == 'A' ? 'E' : 'A'; /* with the signature wrong nobody looks that far */
        assert_int_equal(maker_verify(&keys, text, size), TICKET_BAD_SIGNATURE);
    }
    for (size_t bytes = 0; bytes < 17; bytes++) {
        char text[PAYLOAD_BYTES];

        assert_int_equal(
            maker_verify(&keys, text,
                         maker_sign(&keys.keys[0], "\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\1", bytes, text)),
            TICKET_MALFORMED);
    }
}

/* Texts at their longest, and one byte over, each in turn. */
static void texts_have_a_longest(void **state)
{
    struct ticket_keys keys = maker_keys();

    (void)state;
    for (size_t which = 0; which < 3; which++) {
        for (size_t size = TICKET_TEXT_BYTES_MAX - 1; size <= TICKET_TEXT_BYTES_MAX + 1; size++) {
            uint8_t texts[PAYLOAD_BYTES];
            uint8_t payload[PAYLOAD_BYTES];
            char text[PAYLOAD_BYTES * 2];
            size_t used = 0;

            for (size_t i = 0; i < 3; i++) {
                size_t this_size = i == which ? size : 1;

                roomd_put_u16(texts + used, (uint16_t)this_size);
                memset(texts + used + 2, 'x', this_size);
                used += 2 + this_size;
            }
            size_t bytes = put_payload(payload, 1, texts, used);
            assert_int_equal(maker_verify(&keys, text, maker_sign(&keys.keys[0], payload, bytes, text)),
                             size <= TICKET_TEXT_BYTES_MAX ? TICKET_OK : TICKET_MALFORMED);
        }
    }
}

/* Signed, but not the one text that these bytes have. */
static void a_signed_payload_must_be_base64url(void **state)
{
    static const char *const bad[] = {"",
                                      "A",
                                      "====",
                                      "AQDSSWsAAAAA782riWdFIwEEADQ3MTEDAEtpbQUAbG9iYnk=",
                                      "AQDSSWsAAAAA782riWdFIwEEADQ3MTEDAEtpbQUAbG9iYnl",
                                      "A.A"};
    struct ticket_keys keys = maker_keys();

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[PAYLOAD_BYTES];
        size_t size = maker_sign_text(&keys.keys[0], bad[i], strlen(bad[i]), text);

        assert_int_equal(maker_verify(&keys, text, size), TICKET_MALFORMED);
    }
}

static void what_no_ticket_may_hold_is_not_minted(void **state)
{
    static const char *const bad[][3] = {
        {"", "n", ""}, {"u", "", ""}, {"u\n", "n", ""}, {"u", "\xff", ""}, {"u", "n", "\x01"}};
    struct ticket_keys keys = maker_keys();
    char text[TICKET_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ticket ticket = maker_ticket(bad[i][0], bad[i][1], bad[i][2]);

        assert_int_equal(ticket_mint(&keys.keys[0], &ticket, text), 0);
    }
}

static void every_result_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(ticket_result_name(TICKET_OK), "ok");
    assert_string_equal(ticket_result_name(TICKET_BAD_SIGNATURE), "bad_signature");
    assert_string_equal(ticket_result_name(TICKET_FULL), "full");
    assert_string_equal(ticket_result_name(TICKET_RESULT_COUNT), "unknown");
}

/* CPU time of the fastest of some rounds: what others do on the machine does not count. */
static double verify_us(const struct ticket_keys *keys, const char *text, size_t size, bool is_good)
{
    double best_us = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        struct ticket ticket;
        uint64_t from_ns = clock_cpu_ns();
        uint64_t good = 0;

        for (int i = 0; i < ROUND_TICKETS; i++) {
            good += ticket_verify(keys, MAKER_NOW_S, MAKER_TTL_MAX_S, text, size, &ticket) == TICKET_OK;
        }
        double us = (double)(clock_cpu_ns() - from_ns) / ROUND_TICKETS / 1000;

        best_us = us < best_us ? us : best_us;
        assert_int_equal(good, is_good ? ROUND_TICKETS : 0);
    }
    return best_us;
}

/* Said and not judged: how long one takes, of an ordinary size, good and with a wrong signature. */
static void how_long_it_takes(void **state)
{
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("a8098c1a-f86e-11da-bd1a-00112444be1e", "Kim Chul-soo", "lobby");
    char text[TICKET_BYTES_MAX];
    size_t size = ticket_mint(&keys.keys[1], &ticket, text);

    (void)state;
    print_message("a ticket of %zu bytes, good: %.2f us\n", size, verify_us(&keys, text, size, true));
    text[size - 2] ^= 1;
    print_message("a ticket of %zu bytes, wrong: %.2f us\n", size, verify_us(&keys, text, size, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_what_the_format_says),
        cmocka_unit_test(what_is_minted_is_taken_by_either_key),
        cmocka_unit_test(the_longest_ticket_fits),
        cmocka_unit_test(every_single_bit_flip_of_a_thousand_is_refused),
        cmocka_unit_test(cut_at_every_length_it_is_refused),
        cmocka_unit_test(the_shape_is_looked_at_first),
        cmocka_unit_test(another_key_is_refused),
        cmocka_unit_test(it_is_good_until_it_expires_and_not_for_too_long),
        cmocka_unit_test(a_signed_payload_must_be_exact),
        cmocka_unit_test(texts_have_a_longest),
        cmocka_unit_test(a_signed_payload_must_be_base64url),
        cmocka_unit_test(what_no_ticket_may_hold_is_not_minted),
        cmocka_unit_test(every_result_has_a_name),
        cmocka_unit_test(how_long_it_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
