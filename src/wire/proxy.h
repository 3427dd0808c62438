/*
 * The PROXY protocol, versions 1 and 2 (Willy Tarreau, "The PROXY protocol", HAProxy's doc/proxy-protocol.txt): what
 * a proxy sends before anything else, to say whom it speaks for. A pure cursor over bytes that somebody else holds, as
 * frames are: how they were cut on their way cannot change what comes out.
 *
 *     1. pos moves past a whole header only.
 *     2. no byte at or after data + size is read.
 *     3. a header is found bad as soon as the byte is there that makes it so, but for the text of version 1, which
 *        is judged as a line.
 */
#ifndef ROOMD_WIRE_PROXY_H
#define ROOMD_WIRE_PROXY_H

#include <stdbool.h>

#include "net/network.h"
#include "wire/frame.h"

enum {
    /* The longest line that version 1 can have, its end included. */
    PROXY_V1_BYTES_MAX = 107,
    PROXY_V2_HEAD_BYTES = 16,
    /*
     * The format allows 16 + 65,535. Addresses need 16 + 216, and proxies are asked to stay below 536; what they add
     * for TLS with a client's certificate may exceed that, but not this.
     */
    PROXY_V2_BYTES_MAX = 4096
};

enum proxy_result {
    PROXY_OK,   /* *header is filled, pos is past it */
    PROXY_MORE, /* the header at pos is not all there; pos has not moved */
    PROXY_BAD   /* what lies at pos is no header; pos has not moved and never will */
};

struct proxy_header {
    /*
     * Whom the proxy speaks for. Not known: for itself (LOCAL, a health check), or for somebody without an address
     * that counts here (UNKNOWN, a unix socket, a datagram).
     */
    struct endpoint source;
};

/* Takes the header at pos. *header is written for PROXY_OK only. */
enum proxy_result proxy_next(struct frame_cursor *cursor, struct proxy_header *header);

/* Whether bytes begin as no client's do but a proxy's: by the signature of version 2, or by "PROXY " of version 1. */
bool proxy_is_begun(const uint8_t *bytes, size_t size);

#endif
