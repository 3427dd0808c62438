#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* A decimal port, 0 to 65535. */
static int port_parse(const char *text, uint16_t *port)
{
    uint32_t value = 0;

    if (*text == '\0' || strlen(text) > 5) {
        return -EINVAL;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return -EINVAL;
        }
        value = value * 10 + (uint32_t)(*text - '0');
    }
    if (value > UINT16_MAX) {
        return -EINVAL;
    }
    *port = htons((uint16_t)value);
    return 0;
}

static int address_parse_unix(struct address *address, const char *path)
{
    struct sockaddr_un *sun = (struct sockaddr_un *)&address->storage;
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof(sun->sun_path)) {
        return -EINVAL;
    }
    sun->sun_family = AF_UNIX;
    memcpy(sun->sun_path, path, size + 1);
    address->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    return 0;
}

static int address_parse_ipv6(struct address *address, const char *host, size_t host_bytes, const char *port)
{
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&address->storage;
    char text[INET6_ADDRSTRLEN];

    if (host_bytes >= sizeof(text)) {
        return -EINVAL;
    }
    memcpy(text, host, host_bytes);
    text[host_bytes] = '\0';
    sin6->sin6_family = AF_INET6;
    address->bytes = sizeof(*sin6);
    if (inet_pton(AF_INET6, text, &sin6->sin6_addr) != 1) {
        return -EINVAL;
    }
    return port_parse(port, &sin6->sin6_port);
}

static int address_parse_ipv4(struct address *address, const char *host, size_t host_bytes, const char *port)
{
    struct sockaddr_in *sin = (struct sockaddr_in *)&address->storage;
    char text[INET_ADDRSTRLEN];

    if (host_bytes >= sizeof(text)) {
        return -EINVAL;
    }
    memcpy(text, host, host_bytes);
    text[host_bytes] = '\0';
    sin->sin_family = AF_INET;
    address->bytes = sizeof(*sin);
    if (inet_pton(AF_INET, text, &sin->sin_addr) != 1) {
        return -EINVAL;
    }
    return port_parse(port, &sin->sin_port);
}

int address_parse(struct address *address, const char *text)
{
    *address = (struct address){0};
    if (strncmp(text, "unix:", 5) == 0) {
        return address_parse_unix(address, text + 5);
    }
    if (text[0] == '[') {
        const char *end = strstr(text, "]:");

        return end == NULL ? -EINVAL
                           : address_parse_ipv6(address, text + 1, (size_t)(end - text - 1), end + 2);
    }

    const char *colon = strchr(text, ':');

    return colon == NULL ? -EINVAL : address_parse_ipv4(address, text, (size_t)(colon - text), colon + 1);
}

const char *address_format(const struct address *address, char *text)
{
    char host[INET6_ADDRSTRLEN] = "?";

    switch (address->storage.ss_family) {
    case AF_INET: {
        const struct sockaddr_in *sin = (const struct sockaddr_in *)&address->storage;

        inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(sin->sin_port));
        break;
    }
    case AF_INET6: {
        const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)&address->storage;

        inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT_BYTES, "[%s]:%u", host, ntohs(sin6->sin6_port));
        break;
    }
    case AF_UNIX: {
        const struct sockaddr_un *sun = (const struct sockaddr_un *)&address->storage;

        snprintf(text, ADDRESS_TEXT_BYTES, "unix:%s", sun->sun_path);
        break;
    }
    default:
        snprintf(text, ADDRESS_TEXT_BYTES, "unknown");
        break;
    }
    return text;
}
