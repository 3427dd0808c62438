/* The keys that tickets are signed with, from the text of a secret file. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "wire/ticket.h"

/* `kid` and `secret` of one line; the secret in bytes. */
struct key_line {
    const char *kid;
    size_t kid_size;
    uint8_t secret[TICKET_SECRET_BYTES_MAX];
    size_t secret_bytes;
};

__attribute__((format(printf, 3, 4))) static int refuse(char *why, size_t why_size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_kid_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_kid(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_kid_character(text[i])) {
            return false;
        }
    }
    return size >= 1 && size <= TICKET_KID_BYTES_MAX;
}

/* The bytes of the next word, which begins at *at; *at is where it ends. */
static size_t take_word(const char **at, const char *end)
{
    const char *from = *at;

    while (*at < end && !is_blank(**at)) {
        (*at)++;
    }
    return (size_t)(*at - from);
}

static void skip_blanks(const char **at, const char *end)
{
    while (*at < end && is_blank(**at)) {
        (*at)++;
    }
}

static int key_line_read(struct key_line *line, const char *at, const char *end, unsigned number, char *why,
                         size_t why_size)
{
    line->kid = at;
    line->kid_size = take_word(&at, end);
    skip_blanks(&at, end);

    const char *secret = at;
    const size_t secret_size = take_word(&at, end);

    skip_blanks(&at, end);
    if (at != end || secret_size == 0) {
        return refuse(why, why_size, "line %u is not a key's id, a blank and its secret", number);
    }
    if (!is_kid(line->kid, line->kid_size)) {
        return refuse(why, why_size, "line %u: the key's id is not 1 to %d of A-Z, a-z, 0-9, _ and -", number,
                      TICKET_KID_BYTES_MAX);
    }
    if (secret_size > BASE64URL_SIZE(TICKET_SECRET_BYTES_MAX)) {
        return refuse(why, why_size, "line %u: the secret has more than %d bytes", number,
                      TICKET_SECRET_BYTES_MAX);
    }

    const ssize_t bytes = base64url_decode(line->secret, secret, secret_size);

    if (bytes < 0) {
        return refuse(why, why_size, "line %u: the secret is not base64url without padding", number);
    }
    if (bytes < TICKET_SECRET_BYTES_MIN) {
        return refuse(why, why_size, "line %u: the secret has fewer than %d bytes", number,
                      TICKET_SECRET_BYTES_MIN);
    }
    line->secret_bytes = (size_t)bytes;
    return 0;
}

static int take_line(struct ticket_keys *keys, const char *at, const char *end, unsigned number, char *why,
                     size_t why_size)
{
    struct key_line line;

    skip_blanks(&at, end);
    if (at == end || *at == '#') {
        return 0;
    }
    if (keys->count == TICKET_KEYS_MAX) {
        return refuse(why, why_size, "line %u: a third key; there may be %d", number, TICKET_KEYS_MAX);
    }

    int rc = key_line_read(&line, at, end, number, why, why_size);

    if (rc == 0 && ticket_keys_find(keys, line.kid, line.kid_size) != NULL) {
        rc = refuse(why, why_size, "line %u: the id of the other key", number);
    }
    if (rc == 0) {
        struct ticket_key *key = &keys->keys[keys->count++];

        memcpy(key->kid, line.kid, line.kid_size);
        key->kid[line.kid_size] = '\0';
        hmac_sha256_init(&key->hmac, line.secret, line.secret_bytes);
    }
    explicit_bzero(&line, sizeof(line));
    return rc;
}

int ticket_keys_parse(struct ticket_keys *keys, const char *text, size_t size, char *why, size_t why_size)
{
    const char *end = text + size;
    unsigned number = 0;
    int rc = 0;

    memset(keys, 0, sizeof(*keys));
    if (size > TICKET_KEYS_FILE_BYTES_MAX) {
        return refuse(why, why_size, "more than %d bytes", TICKET_KEYS_FILE_BYTES_MAX);
    }
    for (const char *at = text; at < end && rc == 0;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline == NULL ? end : newline;

        rc = take_line(keys, at, line_end, ++number, why, why_size);
        at = newline == NULL ? end : newline + 1;
    }
    if (rc == 0 && keys->count == 0) {
        rc = refuse(why, why_size, "no key in it");
    }
    if (rc < 0) {
        explicit_bzero(keys, sizeof(*keys));
    }
    return rc;
}

const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys, const void *kid, size_t size)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        const struct ticket_key *key = &keys->keys[i];

        if (strlen(key->kid) == size && memcmp(key->kid, kid, size) == 0) {
            return key;
        }
    }
    return NULL;
}
