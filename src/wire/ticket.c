#include "wire/ticket.h"

#include <stdbool.h>
#include <string.h>

#include "wire/payload.h"
#include "wire/utf8.h"

enum { PAYLOAD_VERSION = 1 };

static const char prefix[] = "v1.";

/* Where the parts of a ticket lie. */
struct parts {
    const char *kid;
    size_t kid_size;
    const char *payload;
    size_t payload_size;
    size_t signed_size; /* from the beginning */
    const char *signature;
};

/* Cuts at the dots. What lies between them is not looked at, but for its size. */
static bool ticket_cut(const char *text, size_t size, struct parts *parts)
{
    const size_t prefix_size = sizeof(prefix) - 1;
    const size_t tail_size = 1 + TICKET_SIGNATURE_SIZE;

    if (size > TICKET_BYTES_MAX || size < prefix_size + tail_size || memcmp(text, prefix, prefix_size) != 0 ||
        text[size - tail_size] != '.') {
        return false;
    }
    parts->signed_size = size - tail_size;
    parts->signature = text + parts->signed_size + 1;
    parts->kid = text + prefix_size;

    const char *dot = memchr(parts->kid, '.', parts->signed_size - prefix_size);

    if (dot == NULL) {
        return false;
    }
    parts->kid_size = (size_t)(dot - parts->kid);
    parts->payload = dot + 1;
    parts->payload_size = (size_t)(text + parts->signed_size - parts->payload);
    return parts->payload_size <= BASE64URL_SIZE(TICKET_PAYLOAD_BYTES_MAX);
}

/* As text, so that nothing of a stranger's making has to be decoded before it is trusted. */
static void ticket_sign(const struct hmac_sha256 *key, const char *text, size_t size,
                        char signature[TICKET_SIGNATURE_SIZE])
{
    uint8_t code[SHA256_BYTES];

    hmac_sha256(key, text, size, code);
    base64url_encode(signature, code, sizeof(code));
}

/* A str that utf8_name_is_valid, terminated; `is_optional`: or an empty one. */
static void take_text(struct payload *payload, char out[TICKET_TEXT_BYTES_MAX + 1], bool is_optional)
{
    const struct wire_str str = payload_str(payload);

    out[0] = '\0';
    if (str.size == 0 && is_optional) {
        return;
    }
    if (!utf8_name_is_valid(str.bytes, str.size)) {
        payload->is_bad = true;
        return;
    }
    memcpy(out, str.bytes, str.size);
    out[str.size] = '\0';
}

static bool ticket_decode(const char *text, size_t size, struct ticket *ticket)
{
    uint8_t bytes[TICKET_PAYLOAD_BYTES_MAX + 2];
    const ssize_t got = base64url_decode(bytes, text, size);

    if (got < 0) {
        return false;
    }
    struct payload payload = {.data = bytes, .size = (size_t)got};
    const uint8_t *version = payload_bytes(&payload, 1);

    if (version == NULL || *version != PAYLOAD_VERSION) {
        return false;
    }
    ticket->expiry_s = payload_u64(&payload);
    ticket->nonce = payload_u64(&payload);
    take_text(&payload, ticket->user, false);
    take_text(&payload, ticket->name, false);
    take_text(&payload, ticket->room, true);
    return payload_end(&payload) == 0;
}

enum ticket_result ticket_verify(const struct ticket_keys *keys, uint64_t now_s, uint64_t ttl_max_s,
                                 const void *text, size_t size, struct ticket *ticket)
{
    char signature[TICKET_SIGNATURE_SIZE];
    struct parts parts;

    if (!ticket_cut(text, size, &parts)) {
        return TICKET_MALFORMED;
    }

    const struct ticket_key *key = ticket_keys_find(keys, parts.kid, parts.kid_size);

    if (key == NULL) {
        return TICKET_UNKNOWN_KEY;
    }
    ticket_sign(&key->hmac, text, parts.signed_size, signature);
    if (!bytes_equal_constant(signature, parts.signature, sizeof(signature))) {
        return TICKET_BAD_SIGNATURE;
    }
    if (!ticket_decode(parts.payload, parts.payload_size, ticket)) {
        return TICKET_MALFORMED;
    }
    if (ticket->expiry_s <= now_s) {
        return TICKET_EXPIRED;
    }
    return ticket->expiry_s - now_s > ttl_max_s ? TICKET_TOO_FAR : TICKET_OK;
}

/* The size of a text, or SIZE_MAX when no ticket may hold it. */
static size_t text_size(const char *text, bool is_optional)
{
    const size_t size = strnlen(text, TICKET_TEXT_BYTES_MAX + 1);

    if (size == 0 && is_optional) {
        return 0;
    }
    return utf8_name_is_valid((const uint8_t *)text, size) ? size : SIZE_MAX;
}

static uint8_t *put_text(uint8_t *out, const char *text, size_t size)
{
    roomd_put_u16(out, (uint16_t)size);
    memcpy(out + 2, text, size);
    return out + 2 + size;
}

size_t ticket_mint(const struct ticket_key *key, const struct ticket *ticket, char out[TICKET_BYTES_MAX])
{
    uint8_t payload[TICKET_PAYLOAD_BYTES_MAX];
    const size_t kid_size = strlen(key->kid);
    const size_t user_size = text_size(ticket->user, false);
    const size_t name_size = text_size(ticket->name, false);
    const size_t room_size = text_size(ticket->room, true);

    if (user_size == SIZE_MAX || name_size == SIZE_MAX || room_size == SIZE_MAX) {
        return 0;
    }
    payload[0] = PAYLOAD_VERSION;
    roomd_put_u64(payload + 1, ticket->expiry_s);
    roomd_put_u64(payload + 9, ticket->nonce);

    uint8_t *end = put_text(payload + 17, ticket->user, user_size);

    end = put_text(end, ticket->name, name_size);
    end = put_text(end, ticket->room, room_size);
    memcpy(out, prefix, sizeof(prefix) - 1);
    memcpy(out + sizeof(prefix) - 1, key->kid, kid_size);

    char *at = out + sizeof(prefix) - 1 + kid_size;

    *at++ = '.';
    at += base64url_encode(at, payload, (size_t)(end - payload));
    ticket_sign(&key->hmac, out, (size_t)(at - out), at + 1);
    *at = '.';
    return (size_t)(at - out) + 1 + TICKET_SIGNATURE_SIZE;
}

const char *ticket_result_name(enum ticket_result result)
{
#define NAME(name, text) [TICKET_##name] = (text),
    static const char *const names[TICKET_RESULT_COUNT] = {TICKET_RESULTS(NAME)};
#undef NAME

    return (unsigned)result < TICKET_RESULT_COUNT ? names[result] : "unknown";
}
