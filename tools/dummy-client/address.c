#include "dummy-client/address.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static int parse_number(const char *text, unsigned long least, unsigned long most, unsigned long *number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9') {
        return -EINVAL;
    }
    errno = 0;
    *number = strtoul(text, &end, 10);
    return errno || *end || *number < least || *number > most ? -EINVAL : 0;
}

static int parse_unix(struct address *address, const char *path)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&address->storage;
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof(un->sun_path)) {
        return -EINVAL;
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, length + 1);
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

/* Splits HOST:PORT or [HOST]:PORT; `host` takes the host without the brackets. */
static int split_host(const char *text, char *host, size_t host_size, in_port_t *port, bool *is_bracketed)
{
    const char *colon = strrchr(text, ':');
    unsigned long number;

    if (!colon || parse_number(colon + 1, 1, 65535, &number) != 0) {
        return -EINVAL;
    }
    size_t length = (size_t)(colon - text);
    *is_bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (*is_bracketed) {
        text++;
        length -= 2;
    }
    if (length == 0 || length >= host_size) {
        return -EINVAL;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    *port = htons((uint16_t)number);
    return 0;
}

int address_parse(struct address *address, const char *text)
{
    char host[INET6_ADDRSTRLEN];
    in_port_t port;
    bool is_bracketed;

    *address = (struct address){0};
    if (strncmp(text, "unix:", 5) == 0) {
        return parse_unix(address, text + 5);
    }
    if (split_host(text, host, sizeof(host), &port, &is_bracketed) != 0) {
        return -EINVAL;
    }
    if (is_bracketed) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = port;
        address->size = sizeof(*in6);
        return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? 0 : -EINVAL;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
    in->sin_family = AF_INET;
    in->sin_port = port;
    address->size = sizeof(*in);
    return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &in->sin_addr) == 1
               ? 0
               : -EINVAL;
}

bool address_is_local(const struct address *address)
{
    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return address->storage.ss_family == AF_UNIX;
}

int source_parse(struct source_network *source, const char *text)
{
    char host[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    struct in_addr in;
    unsigned long bits;

    if (!slash || slash == text || (size_t)(slash - text) >= sizeof(host) ||
        parse_number(slash + 1, 1, 32, &bits) != 0) {
        return -EINVAL;
    }
    memcpy(host, text, (size_t)(slash - text));
    host[slash - text] = '\0';
    if (inet_pton(AF_INET, host, &in) != 1) {
        return -EINVAL;
    }
    uint32_t hosts = bits == 32 ? 0 : UINT32_MAX >> bits;
    uint32_t network = ntohl(in.s_addr) & ~hosts;
    bool has_reserved = bits < 31;
    source->first = has_reserved ? network + 1 : network;
    source->count = has_reserved ? hosts - 1 : hosts + 1;
    return 0;
}

struct address source_address(const struct source_network *source, uint64_t i)
{
    struct address address = {.size = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&address.storage;

    CHECK(source->count > 0);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(source->first + (uint32_t)(i % source->count));
    return address;
}
