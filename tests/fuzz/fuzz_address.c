/*
 * Addresses to listen on, and networks, as an operator writes them. Whoever reads an address comes to the same end:
 * what the config takes can be listened on, and the other way round. What is taken comes out the same when it is
 * written down and read again.
 *
 * Input: the text, up to the first NUL.
 */
#include "fuzz.h"

#include "daemon/config.h"
#include "net/address.h"
#include "net/network.h"

#include <errno.h>
#include <netinet/in.h>

enum { ERROR_BYTES = 256 };

static void check_address(const char *text)
{
    static struct server_config server;
    char written[ADDRESS_TEXT_BYTES];
    char error[ERROR_BYTES] = "";
    struct address address;
    struct address again;

    server.listen_count = 0;
    const int rc = address_parse(&address, text);
    const int config_rc = config_add_listen(&server, text, error, sizeof(error));

    CHECK(rc == config_rc && (rc == 0 || rc == -EINVAL));
    CHECK(server.listen_count == (rc == 0) && (error[0] == '\0') == (rc == 0));
    if (rc < 0) {
        return;
    }
    CHECK(strcmp(server.listen[0], text) == 0);
    CHECK(address_format(&address, written) == written && address_parse(&again, written) == 0);
    CHECK(again.bytes == address.bytes &&
          memcmp(&again.storage, &address.storage, sizeof(again.storage)) == 0);
    const struct endpoint endpoint = endpoint_of_address(&address);

    CHECK(endpoint.is_known == (address.storage.ss_family != AF_UNIX));
}

static void check_network(const char *text)
{
    char written[NETWORK_TEXT_BYTES];
    struct network network;
    struct network again;
    const int rc = network_parse(&network, text);

    CHECK(rc == 0 || rc == -EINVAL || rc == -EDOM);
    if (rc == -EINVAL) {
        return;
    }
    /* One whose own bits end before those given is still the network around it. */
    CHECK(network_contains(&network, &network.first) || network.bits < NETWORK_IPV4_BITS);
    CHECK(network_format(&network, written) == written && network_parse(&again, written) == 0);
    CHECK(again.bits == network.bits && memcmp(&again.first, &network.first, HOST_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_address(text);
    check_network(text);
    free(text);
    return 0;
}
