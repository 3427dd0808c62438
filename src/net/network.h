/*
 * Who is at the other end: hosts, and the networks that they belong to. IPv4 stands as IPv4-mapped IPv6
 * (::ffff:a.b.c.d, RFC 4291) everywhere, so that 10.0.0.1 is one host whichever socket it came by.
 */
#ifndef ROOMD_NET_NETWORK_H
#define ROOMD_NET_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

enum {
    HOST_BYTES = 16,
    HOST_TEXT_BYTES = 48,
    NETWORK_TEXT_BYTES = HOST_TEXT_BYTES + 4,
    NETWORKS_MAX = 32, /* of one list */
    NETWORK_IPV4_BITS = 96
};

struct host {
    uint8_t bytes[HOST_BYTES];
};

/* One end of a connection. */
struct endpoint {
    struct host host;
    uint16_t port;
    bool is_known; /* false: a unix socket, or nobody can tell */
};

/* The hosts whose first `bits` bits are those of `first`; an IPv4 network has NETWORK_IPV4_BITS and more. */
struct network {
    struct host first; /* all further bits are 0 */
    uint8_t bits;
};

/* Zero-filled: empty. What lies behind `count` stays zero, so that lists can be compared by their bytes. */
struct network_list {
    uint32_t count;
    struct network networks[NETWORKS_MAX];
};

/* From four bytes in network order. */
struct host host_of_ipv4(const uint8_t bytes[4]);
bool host_is_ipv4(const struct host *host);
/* 192.0.2.1 or 2001:db8::1, without brackets. `text` has HOST_TEXT_BYTES; returns it. */
const char *host_format(const struct host *host, char *text);

/* Of an IPv4 or IPv6 address; of any other, one that is not known. */
struct endpoint endpoint_of_address(const struct address *address);
/* As address_format has it; `text` has ADDRESS_TEXT_BYTES. Returns `text`. */
const char *endpoint_format(const struct endpoint *endpoint, char *text);

/*
 * Reads 10.0.0.0/8, 2001:db8::/32, or a host alone. 0; -EINVAL: not a network; -EDOM: there are bits set behind
 * its own, as in 10.0.0.1/8, which may mean another network than it says.
 */
int network_parse(struct network *network, const char *text);
/* As network_parse reads it; a host alone is written without its bits. `text` has NETWORK_TEXT_BYTES. */
const char *network_format(const struct network *network, char *text);
/* An IPv6 network, ::/0 even, holds no IPv4 host. */
bool network_contains(const struct network *network, const struct host *host);
/* The network of that many bits around a host. */
struct network network_around(const struct host *host, uint8_t bits);

bool network_list_contains(const struct network_list *list, const struct host *host);

#endif
