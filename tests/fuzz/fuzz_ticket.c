/*
 * Tickets, and the secret files whose keys they are made with. Nobody without a key makes a ticket that is taken;
 * what a key has signed is taken apart, and is taken only if minting what it says gives the same text again.
 *
 * Input: a byte that says what the rest is: 0 a ticket, 1 a payload in base64url, to be signed, 2 a payload in bytes,
 * to be signed, 3 the text of a secret file; other bytes count as these four in turn.
 */
#include "fuzz.h"

#include "wire/ticket.h"
#include "wire/utf8.h"

#include <stdio.h>

enum { NOW_S = 1790000000, TTL_MAX_S = 86400, TEXT_BYTES = 4096 };

static const char keys_text[] = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n";

static struct ticket_keys keys_make(void)
{
    struct ticket_keys keys;
    char why[128];

    CHECK(ticket_keys_parse(&keys, keys_text, sizeof(keys_text) - 1, why, sizeof(why)) == 0);
    return keys;
}

static void check_text(const char text[TICKET_TEXT_BYTES_MAX + 1], int is_optional)
{
    const size_t size = strnlen(text, TICKET_TEXT_BYTES_MAX + 1);

    CHECK((size == 0 && is_optional) || utf8_name_is_valid((const uint8_t *)text, size));
}

/* At a time at which its expiry does not matter, so that all of it is looked at. */
static enum ticket_result check_ticket(const struct ticket_keys *keys, const char *text, size_t size)
{
    struct ticket ticket;
    char again[TICKET_BYTES_MAX];
    const enum ticket_result result = ticket_verify(keys, 0, UINT64_MAX, text, size, &ticket);
    const enum ticket_result later = ticket_verify(keys, NOW_S, TTL_MAX_S, text, size, &(struct ticket){0});

    CHECK(result <= TICKET_TOO_FAR && later <= TICKET_TOO_FAR);
    if (result != TICKET_OK) {
        CHECK(later == result);
        return result;
    }
    CHECK(later == (ticket.expiry_s <= NOW_S              ? TICKET_EXPIRED
                    : ticket.expiry_s > NOW_S + TTL_MAX_S ? TICKET_TOO_FAR
                                                          : TICKET_OK));
    check_text(ticket.user, 0);
    check_text(ticket.name, 0);
    check_text(ticket.room, 1);
    CHECK(ticket_mint(&keys->keys[0], &ticket, again) == size);
    CHECK(memcmp(again, text, size) == 0);
    return result;
}

static void check_signed(const struct ticket_keys *keys, const char *payload, size_t payload_size)
{
    char text[2 * TEXT_BYTES];
    uint8_t code[SHA256_BYTES];
    size_t size = (size_t)sprintf(text, "v1.%s.", keys->keys[0].kid);

    memcpy(text + size, payload, payload_size);
    size += payload_size;
    hmac_sha256(&keys->keys[0].hmac, text, size, code);
    text[size++] = '.';
    size += base64url_encode(text + size, code, sizeof(code));

    uint8_t *exact = fuzz_copy((const uint8_t *)text, size);
    const enum ticket_result result = check_ticket(keys, (const char *)exact, size);

    CHECK(result == TICKET_OK || result == TICKET_MALFORMED || result == TICKET_EXPIRED ||
          (result == TICKET_BAD_SIGNATURE && memchr(payload, '.', payload_size) != NULL));
    if (result == TICKET_OK) { /* with any one bit of it wrong it is not */
        const size_t bit = code[0] * 256u + code[1];

        exact[bit / 8 % size] ^= (uint8_t)(1u << bit % 8);
        CHECK(check_ticket(keys, (const char *)exact, size) != TICKET_OK);
    }
    free(exact);
}

static void check_payload(const struct ticket_keys *keys, const uint8_t *payload, size_t bytes)
{
    char text[TEXT_BYTES];
    uint8_t back[TEXT_BYTES];
    const size_t size = base64url_encode(text, payload, bytes);

    CHECK(size == BASE64URL_SIZE(bytes));
    CHECK(base64url_decode(back, text, size) == (ssize_t)bytes);
    CHECK(memcmp(back, payload, bytes) == 0);
    check_signed(keys, text, size);
}

static void check_keys(const uint8_t *text, size_t size)
{
    struct ticket_keys keys;
    char why[128] = "";
    const int rc = ticket_keys_parse(&keys, (const char *)text, size, why, sizeof(why));

    if (rc < 0) {
        CHECK(keys.count == 0 && why[0] != '\0' && strnlen(why, sizeof(why)) < sizeof(why));
        return;
    }
    CHECK(keys.count == 1 || keys.count == 2);
    for (uint32_t i = 0; i < keys.count; i++) {
        const size_t kid_size = strnlen(keys.keys[i].kid, sizeof(keys.keys[i].kid));

        CHECK(kid_size >= 1 && kid_size <= TICKET_KID_BYTES_MAX);
        CHECK(ticket_keys_find(&keys, keys.keys[i].kid, kid_size) == &keys.keys[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > TEXT_BYTES / 2) {
        return 0;
    }

    const struct ticket_keys keys = keys_make();
    uint8_t *input = fuzz_copy(data + 1, size - 1);

    switch (data[0] % 4) {
    case 0:
        check_ticket(&keys, (const char *)input, size - 1);
        break;
    case 1:
        check_signed(&keys, (const char *)input, size - 1);
        break;
    case 2:
        check_payload(&keys, input, size - 1);
        break;
    default:
        check_keys(input, size - 1);
        break;
    }
    free(input);
    return 0;
}
