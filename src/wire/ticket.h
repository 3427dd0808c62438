/*
 * Tickets: what the operator's login service gives a player, and C_HELLO carries, so that roomd knows who comes in
 * without asking anybody. One line of ASCII:
 *
 *     v1.<kid>.<payload>.<signature>
 *
 *     kid        which key: 1 to 16 of A-Z, a-z, 0-9, _ and -
 *     payload    base64url without padding, of the bytes below
 *     signature  base64url without padding, of HMAC-SHA-256 under that key over everything before the last dot
 *
 * The payload is little-endian and packed; `str` is a u16 length in bytes and UTF-8:
 *
 *     u8  version     1
 *     u64 expiry      Unix seconds: from then on it is no good any more
 *     u64 nonce       drawn at random from all 64 bits: each ticket is good once
 *     str user        who it is, 1 to 64 bytes: one session each
 *     str name        what others call the user, 1 to 64 bytes
 *     str room        the one room, or the one template whose rooms, it is good for; empty: any
 *
 * Texts have no control characters. Nothing may be left over. The algorithm is fixed: a ticket can't choose.
 */
#ifndef ROOMD_WIRE_TICKET_H
#define ROOMD_WIRE_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/base64url.h"
#include "base/sha256.h"
#include "roomd/wire.h"

enum {
    TICKET_KEYS_MAX = 2,
    TICKET_KID_BYTES_MAX = 16,
    TICKET_SECRET_BYTES_MIN = 32,
    TICKET_SECRET_BYTES_MAX = 256,
    TICKET_TEXT_BYTES_MAX = ROOMD_NAME_BYTES_MAX, /* of a user, a name or a room */
    TICKET_PAYLOAD_BYTES_MAX = 1 + 8 + 8 + 3 * (2 + TICKET_TEXT_BYTES_MAX),
    TICKET_PAYLOAD_BYTES_MIN = 1 + 8 + 8 + 3 * 2 + 2,
    TICKET_SIGNATURE_SIZE = BASE64URL_SIZE(SHA256_BYTES),
    TICKET_BYTES_MAX =
        3 + TICKET_KID_BYTES_MAX + 1 + BASE64URL_SIZE(TICKET_PAYLOAD_BYTES_MAX) + 1 + TICKET_SIGNATURE_SIZE,
    TICKET_KEYS_FILE_BYTES_MAX = 4096
};

/* Why a ticket is refused: X(NAME, name). The first are found by ticket_verify, the others by whoever lets in. */
#define TICKET_RESULTS(X)                                                                                    \
    X(OK, "ok")                                                                                              \
    X(MALFORMED, "malformed")                                                                                \
    X(UNKNOWN_KEY, "unknown_key")                                                                            \
    X(BAD_SIGNATURE, "bad_signature")                                                                        \
    X(EXPIRED, "expired")                                                                                    \
    X(TOO_FAR, "too_far") /* it expires later than any ticket may */                                         \
    X(MISSING, "missing")                                                                                    \
    X(USED, "used")                                                                                          \
    X(FULL, "full") /* as many used tickets are remembered as may be */

enum ticket_result {
#define X(name, text) TICKET_##name,
    TICKET_RESULTS(X)
#undef X
        TICKET_RESULT_COUNT
};

struct ticket {
    uint64_t expiry_s;
    uint64_t nonce;
    char user[TICKET_TEXT_BYTES_MAX + 1];
    char name[TICKET_TEXT_BYTES_MAX + 1];
    char room[TICKET_TEXT_BYTES_MAX + 1]; /* "": any */
};

struct ticket_key {
    char kid[TICKET_KID_BYTES_MAX + 1];
    struct hmac_sha256 hmac;
};

/* Two, so that the login service may go over from one to the other while tickets of both are about. */
struct ticket_keys {
    uint32_t count; /* 0: none, and no ticket is good */
    struct ticket_key keys[TICKET_KEYS_MAX];
};

/*
 * Takes a ticket apart. TICKET_OK and *ticket; or why not, and *ticket is undefined. It is expired when `now_s` (Unix
 * time) has reached its expiry, and too far when more than `ttl_max_s` are left.
 *
 * Nothing in the payload is looked at before the signature has been found good. Signatures are compared as text, of
 * which each has exactly one, in a time that does not depend on where they differ.
 */
enum ticket_result ticket_verify(const struct ticket_keys *keys, uint64_t now_s, uint64_t ttl_max_s,
                                 const void *text, size_t size, struct ticket *ticket);

/*
 * Makes a ticket: writes at most TICKET_BYTES_MAX characters, not terminated, and returns how many; 0 when a text in
 * it is none that a ticket may hold.
 */
size_t ticket_mint(const struct ticket_key *key, const struct ticket *ticket, char out[TICKET_BYTES_MAX]);

/* "expired". */
const char *ticket_result_name(enum ticket_result result);

/*
 * The keys from the text of a secret file: one or two lines `kid secret`, the secret in base64url without padding and
 * of TICKET_SECRET_BYTES_MIN to _MAX bytes. Empty lines and those that begin with # are passed over. 0; or -EINVAL,
 * *keys is empty and `why` says why: it names lines and never what is in them.
 */
int ticket_keys_parse(struct ticket_keys *keys, const char *text, size_t size, char *why, size_t why_size);
/* The key of that kid, of `size` bytes; NULL: there is none. */
const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys, const void *kid, size_t size);

#endif
