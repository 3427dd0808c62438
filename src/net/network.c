#include "net/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const uint8_t mapped_prefix[NETWORK_IPV4_BITS / 8] = {[10] = 0xFF, [11] = 0xFF};

struct host host_of_ipv4(const uint8_t bytes[4])
{
    struct host host;

    memcpy(host.bytes, mapped_prefix, sizeof(mapped_prefix));
    memcpy(host.bytes + sizeof(mapped_prefix), bytes, 4);
    return host;
}

bool host_is_ipv4(const struct host *host)
{
    return memcmp(host->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

const char *host_format(const struct host *host, char *text)
{
    if (host_is_ipv4(host)) {
        inet_ntop(AF_INET, host->bytes + sizeof(mapped_prefix), text, HOST_TEXT_BYTES);
    } else {
        inet_ntop(AF_INET6, host->bytes, text, HOST_TEXT_BYTES);
    }
    return text;
}

struct endpoint endpoint_of_address(const struct address *address)
{
    struct endpoint endpoint = {.is_known = false};

    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *sin = (const struct sockaddr_in *)&address->storage;
        uint8_t bytes[4];

        memcpy(bytes, &sin->sin_addr, sizeof(bytes));
        endpoint = (struct endpoint){host_of_ipv4(bytes), ntohs(sin->sin_port), true};
    } else if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)&address->storage;

        memcpy(endpoint.host.bytes, &sin6->sin6_addr, HOST_BYTES);
        endpoint.port = ntohs(sin6->sin6_port);
        endpoint.is_known = true;
    }
    return endpoint;
}

const char *endpoint_format(const struct endpoint *endpoint, char *text)
{
    char host[HOST_TEXT_BYTES];

    if (!endpoint->is_known) {
        snprintf(text, ADDRESS_TEXT_BYTES, "unknown");
        return text;
    }
    snprintf(text, ADDRESS_TEXT_BYTES, host_is_ipv4(&endpoint->host) ? "%s:%u" : "[%s]:%u",
             host_format(&endpoint->host, host), endpoint->port);
    return text;
}

/* `bits_max` at most 128. -EINVAL for anything but a plain decimal number up to it. */
static int bits_parse(const char *text, uint32_t bits_max, uint32_t *bits)
{
    size_t digits = strspn(text, "0123456789");
    uint32_t value = 0;

    if (digits == 0 || digits > 3 || text[digits] != '\0' || (text[0] == '0' && digits > 1)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < digits; i++) {
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *bits = value;
    return value > bits_max ? -EINVAL : 0;
}

/* The host's text alone; the bits that its kind of address has come behind those in *bits_before. */
static int host_parse(struct host *host, const char *text, uint32_t *bits_before)
{
    uint8_t ipv4[4];

    *bits_before = 0;
    if (inet_pton(AF_INET, text, ipv4) == 1) {
        *host = host_of_ipv4(ipv4);
        *bits_before = NETWORK_IPV4_BITS;
        return 0;
    }
    return inet_pton(AF_INET6, text, host->bytes) == 1 ? 0 : -EINVAL;
}

int network_parse(struct network *network, const char *text)
{
    size_t host_size = strcspn(text, "/");
    char host_text[HOST_TEXT_BYTES];
    struct host host;
    uint32_t bits_before;

    if (host_size >= sizeof(host_text)) {
        return -EINVAL;
    }
    memcpy(host_text, text, host_size);
    host_text[host_size] = '\0';
    if (host_parse(&host, host_text, &bits_before) < 0) {
        return -EINVAL;
    }

    uint32_t bits = 8 * HOST_BYTES - bits_before;

    if (text[host_size] == '/' && bits_parse(text + host_size + 1, bits, &bits) < 0) {
        return -EINVAL;
    }
    *network = network_around(&host, (uint8_t)(bits_before + bits));
    return memcmp(&network->first, &host, sizeof(host)) == 0 ? 0 : -EDOM;
}

const char *network_format(const struct network *network, char *text)
{
    bool is_ipv4 = host_is_ipv4(&network->first) && network->bits >= NETWORK_IPV4_BITS;
    size_t used;

    host_format(&network->first, text);
    used = strlen(text);
    if (network->bits < 8 * HOST_BYTES) {
        snprintf(text + used, NETWORK_TEXT_BYTES - used, "/%u",
                 network->bits - (is_ipv4 ? NETWORK_IPV4_BITS : 0u));
    }
    return text;
}

struct network network_around(const struct host *host, uint8_t bits)
{
    struct network network = {.first = *host, .bits = bits};

    CHECK(bits <= 8 * HOST_BYTES);
    for (uint32_t i = 0; i < HOST_BYTES; i++) {
        uint32_t own = bits <= 8 * i ? 0 : bits - 8 * i;

        network.first.bytes[i] &= (uint8_t)(own >= 8 ? 0xFF : 0xFF00 >> own);
    }
    return network;
}

bool network_contains(const struct network *network, const struct host *host)
{
    if (network->bits < NETWORK_IPV4_BITS && host_is_ipv4(host)) {
        return false;
    }

    struct network around = network_around(host, network->bits);

    return memcmp(&around.first, &network->first, sizeof(around.first)) == 0;
}

bool network_list_contains(const struct network_list *list, const struct host *host)
{
    CHECK(list->count <= NETWORKS_MAX);
    for (uint32_t i = 0; i < list->count; i++) {
        if (network_contains(&list->networks[i], host)) {
            return true;
        }
    }
    return false;
}
