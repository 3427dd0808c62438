/* Where the server is, and where the clients come from. Literal addresses only: nothing is ever looked up. */
#ifndef DUMMY_CLIENT_ADDRESS_H
#define DUMMY_CLIENT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage storage;
    socklen_t size;
};

/* HOST:PORT (an IPv4 address, or localhost), [IPV6]:PORT or unix:PATH. 0, or -EINVAL. */
int address_parse(struct address *address, const char *text);

/* True for 127.0.0.0/8, ::1 and Unix-domain sockets. */
bool address_is_local(const struct address *address);

/* An IPv4 network that clients are bound to, one address after the other. */
struct source_network {
    uint32_t first; /* the first host address, in host order */
    uint32_t count; /* host addresses; 0: none, the kernel chooses */
};

/* A.B.C.D/BITS with 1 to 32 bits; /31 and /32 have no reserved addresses. 0, or -EINVAL. */
int source_parse(struct source_network *source, const char *text);

/* The number `i` address of the network, counted round, with port 0 (any). */
struct address source_address(const struct source_network *source, uint64_t i);

#endif
