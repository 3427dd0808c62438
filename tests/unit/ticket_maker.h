/* Tickets for tests: two keys, and tickets of them, sound or not. */
#ifndef TESTS_UNIT_TICKET_MAKER_H
#define TESTS_UNIT_TICKET_MAKER_H

#include <stdio.h>
#include <string.h>

#include "wire/ticket.h"

/* The secrets are the bytes from 0 to 31, and from 32 to 71. */
#define MAKER_KEYS_TEXT                                                                                      \
    "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"                                                       \
    "next_2 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGRw\n"

enum { MAKER_NOW_S = 1790000000, MAKER_TTL_MAX_S = 86400 };

static inline struct ticket_keys maker_keys(void)
{
    struct ticket_keys keys;
    char why[128];

    assert_int_equal(ticket_keys_parse(&keys, MAKER_KEYS_TEXT, strlen(MAKER_KEYS_TEXT), why, sizeof(why)), 0);
    return keys;
}

static inline struct ticket maker_ticket(const char *user, const char *name, const char *room)
{
    struct ticket ticket = {.expiry_s = MAKER_NOW_S + 60, .nonce = 0x0123456789abcdef};

    snprintf(ticket.user, sizeof(ticket.user), "%s", user);
    snprintf(ticket.name, sizeof(ticket.name), "%s", name);
    snprintf(ticket.room, sizeof(ticket.room), "%s", room);
    return ticket;
}

/* Any text behind `v1.KID.`, signed by the key as if it were a ticket's payload. Returns the size. */
static inline size_t maker_sign_text(const struct ticket_key *key, const char *payload, size_t payload_size,
                                     char *out)
{
    uint8_t code[SHA256_BYTES];
    size_t size = (size_t)sprintf(out, "v1.%s.", key->kid);

    memcpy(out + size, payload, payload_size);
    size += payload_size;
    hmac_sha256(&key->hmac, out, size, code);
    out[size++] = '.';
    return size + base64url_encode(out + size, code, sizeof(code));
}

/* Any bytes as a payload. */
static inline size_t maker_sign(const struct ticket_key *key, const void *payload, size_t bytes, char *out)
{
    char text[1024];

    assert_true(BASE64URL_SIZE(bytes) <= sizeof(text));
    return maker_sign_text(key, text, base64url_encode(text, payload, bytes), out);
}

static inline enum ticket_result maker_verify(const struct ticket_keys *keys, const char *text, size_t size)
{
    struct ticket ticket;
    char *exact = malloc(size == 0 ? 1 : size); /* so that a sanitizer sees a read beyond it */
    enum ticket_result result;

    assert_non_null(exact);
    memcpy(exact, text, size);
    result = ticket_verify(keys, MAKER_NOW_S, MAKER_TTL_MAX_S, exact, size, &ticket);
    free(exact);
    return result;
}

#endif
