#include "wire/proxy.h"

#include <arpa/inet.h>
#include <string.h>

static const char v1_begin[] = "PROXY ";
static const uint8_t v2_signature[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

enum { V1_BEGIN_BYTES = sizeof(v1_begin) - 1, V2_SIGNATURE_BYTES = sizeof(v2_signature) };

/* Version 2: where things lie, and what they may be. */
enum {
    V2_VERSION_COMMAND = 12,
    V2_FAMILY_PROTOCOL = 13,
    V2_LENGTH = 14,
    V2_VERSION = 2,
    V2_COMMAND_LOCAL = 0,
    V2_COMMAND_PROXY = 1,
    V2_FAMILY_MOST = 3,   /* UNSPEC, INET, INET6, UNIX */
    V2_PROTOCOL_MOST = 2, /* UNSPEC, STREAM, DGRAM */
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21
};

/* The bytes of a family's two addresses, and of the ports where it has any. */
static const uint16_t v2_address_bytes[V2_FAMILY_MOST + 1] = {0, 12, 36, 216};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool begins_with(const uint8_t *bytes, size_t size, const void *wanted, size_t wanted_bytes)
{
    return size >= wanted_bytes && memcmp(bytes, wanted, wanted_bytes) == 0;
}

bool proxy_is_begun(const uint8_t *bytes, size_t size)
{
    return begins_with(bytes, size, v1_begin, V1_BEGIN_BYTES) ||
           begins_with(bytes, size, v2_signature, V2_SIGNATURE_BYTES);
}

/* Cuts the next word off `*line`: up to one space, or to the end. NULL when nothing is left. */
static char *take_word(char **line)
{
    char *word = *line;

    if (word == NULL) {
        return NULL;
    }
    *line = strchr(word, ' ');
    if (*line != NULL) {
        *(*line)++ = '\0';
    }
    return word;
}

/* 0 to 65535 in decimal, without zeroes in front. */
static bool parse_port(const char *word, uint16_t *port)
{
    size_t digits = strspn(word, "0123456789");
    uint32_t value = 0;

    if (digits == 0 || digits > 5 || word[digits] != '\0' || (word[0] == '0' && digits > 1)) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        value = value * 10 + (uint32_t)(word[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* An address of version 1's `family`, in its canonical form. */
static bool parse_host(int family, const char *word, struct host *host)
{
    uint8_t ipv4[4];

    if (family == AF_INET6) {
        return inet_pton(AF_INET6, word, host->bytes) == 1;
    }
    if (inet_pton(AF_INET, word, ipv4) != 1) {
        return false;
    }
    *host = host_of_ipv4(ipv4);
    return true;
}

/* What stands behind "PROXY ", terminated and without the line's end; it is cut into words. */
static enum proxy_result v1_parse(char *line, struct proxy_header *header)
{
    struct endpoint source = {.is_known = true};
    struct host target;
    uint16_t target_port;
    const char *words[5]; /* protocol, the two addresses, the two ports */

    words[0] = take_word(&line);
    if (strcmp(words[0], "UNKNOWN") == 0) {
        header->source = (struct endpoint){.is_known = false}; /* and whatever else it says */
        return PROXY_OK;
    }

    bool is_tcp6 = strcmp(words[0], "TCP6") == 0;

    if (!is_tcp6 && strcmp(words[0], "TCP4") != 0) {
        return PROXY_BAD;
    }
    for (int i = 1; i < 5; i++) {
        words[i] = take_word(&line);
        if (words[i] == NULL) {
            return PROXY_BAD;
        }
    }
    if (line != NULL || !parse_host(is_tcp6 ? AF_INET6 : AF_INET, words[1], &source.host) ||
        !parse_host(is_tcp6 ? AF_INET6 : AF_INET, words[2], &target) || !parse_port(words[3], &source.port) ||
        !parse_port(words[4], &target_port)) {
        return PROXY_BAD;
    }
    header->source = source;
    return PROXY_OK;
}

/* `size` bytes, the first of which are a beginning of "PROXY ", or all of it. */
static enum proxy_result v1_next(const uint8_t *start, size_t size, size_t *taken,
                                 struct proxy_header *header)
{
    size_t seen = least(size, PROXY_V1_BYTES_MAX);
    size_t end = 0; /* where the line's end begins */
    char line[PROXY_V1_BYTES_MAX];

    while (end < seen && start[end] != '\r' && start[end] != '\n') {
        end++;
    }
    if (end + 2 > PROXY_V1_BYTES_MAX || (end < seen && start[end] == '\n') ||
        (end + 1 < seen && start[end + 1] != '\n')) {
        return PROXY_BAD;
    }
    if (end + 2 > seen) {
        return PROXY_MORE;
    }
    memcpy(line, start + V1_BEGIN_BYTES, end - V1_BEGIN_BYTES);
    line[end - V1_BEGIN_BYTES] = '\0';
    if (memchr(line, '\0', end - V1_BEGIN_BYTES) != NULL) {
        return PROXY_BAD;
    }
    *taken = end + 2;
    return v1_parse(line, header);
}

/* The addresses of a command PROXY, all of whose bytes are there. */
static struct endpoint v2_source(uint8_t family_protocol, const uint8_t *addresses)
{
    struct endpoint source = {.is_known = true};
    const uint8_t *port;

    if (family_protocol == V2_TCP4) {
        source.host = host_of_ipv4(addresses);
        port = addresses + 4 + 4;
    } else if (family_protocol == V2_TCP6) {
        memcpy(source.host.bytes, addresses, HOST_BYTES);
        port = addresses + HOST_BYTES + HOST_BYTES;
    } else {
        return (struct endpoint){.is_known = false};
    }
    source.port = (uint16_t)(port[0] << 8 | port[1]);
    return source;
}

/* `size` bytes, the first of which are a beginning of the signature, or all of it. */
static enum proxy_result v2_next(const uint8_t *start, size_t size, size_t *taken,
                                 struct proxy_header *header)
{
    if (size <= V2_VERSION_COMMAND) {
        return PROXY_MORE;
    }

    uint8_t command = start[V2_VERSION_COMMAND] & 0x0F;

    if (start[V2_VERSION_COMMAND] >> 4 != V2_VERSION || command > V2_COMMAND_PROXY) {
        return PROXY_BAD;
    }
    if (size <= V2_FAMILY_PROTOCOL) {
        return PROXY_MORE;
    }

    uint8_t family = start[V2_FAMILY_PROTOCOL] >> 4;

    if (command == V2_COMMAND_PROXY &&
        (family > V2_FAMILY_MOST || (start[V2_FAMILY_PROTOCOL] & 0x0F) > V2_PROTOCOL_MOST)) {
        return PROXY_BAD;
    }
    if (size < PROXY_V2_HEAD_BYTES) {
        return PROXY_MORE;
    }

    /* Behind the addresses, and in LOCAL in their place, may be anything: it is passed over. */
    size_t body_bytes = (size_t)(start[V2_LENGTH] << 8 | start[V2_LENGTH + 1]);
    size_t header_bytes = PROXY_V2_HEAD_BYTES + body_bytes;

    if (header_bytes > PROXY_V2_BYTES_MAX ||
        (command == V2_COMMAND_PROXY && body_bytes < v2_address_bytes[family])) {
        return PROXY_BAD;
    }
    if (size < header_bytes) {
        return PROXY_MORE;
    }
    header->source = command == V2_COMMAND_LOCAL
                         ? (struct endpoint){.is_known = false}
                         : v2_source(start[V2_FAMILY_PROTOCOL], start + PROXY_V2_HEAD_BYTES);
    *taken = header_bytes;
    return PROXY_OK;
}

enum proxy_result proxy_next(struct frame_cursor *cursor, struct proxy_header *header)
{
    enum proxy_result result = PROXY_BAD;
    size_t taken = 0;

    CHECK(cursor->pos <= cursor->size);
    const size_t left = cursor->size - cursor->pos;

    /* Before any pointer is made: an empty cursor may stand on NULL. */
    if (left == 0) {
        return PROXY_MORE;
    }
    const uint8_t *start = cursor->data + cursor->pos;

    if (memcmp(start, v1_begin, least(left, V1_BEGIN_BYTES)) == 0) {
        result = v1_next(start, left, &taken, header);
    } else if (memcmp(start, v2_signature, least(left, V2_SIGNATURE_BYTES)) == 0) {
        result = v2_next(start, left, &taken, header);
    }
    if (result == PROXY_OK) {
        cursor->pos += taken;
    }
    return result;
}
