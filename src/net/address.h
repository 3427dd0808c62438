/* Addresses to listen on, and how they are written: 127.0.0.1:7777, [::1]:7777, unix:/run/roomd.sock. */
#ifndef ROOMD_NET_ADDRESS_H
#define ROOMD_NET_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage storage;
    socklen_t bytes;
};

enum { ADDRESS_TEXT_BYTES = 128 };

/* Numeric addresses only: nothing is looked up. 0 or -EINVAL. */
int address_parse(struct address *address, const char *text);
/* Writes at most ADDRESS_TEXT_BYTES, always terminated; returns `text`. */
const char *address_format(const struct address *address, char *text);

#endif
