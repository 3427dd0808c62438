#include "daemon/door.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/address.h"

/* What a file may let nobody do but its owner, and its group read it. */
enum { MODE_FORBIDDEN = S_IRWXO | S_IWGRP };

__attribute__((format(printf, 2, 3))) static int refuse(char *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, CONFIG_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* All of an open file, which must be as private as a secret is. Returns its bytes, or -errno. */
static ssize_t read_secret(int fd, const char *path, char text[TICKET_KEYS_FILE_BYTES_MAX + 1], char *error)
{
    struct stat status;
    ssize_t got = 0;
    size_t used = 0;

    if (fstat(fd, &status) < 0) {
        got = -errno;
    } else if (!S_ISREG(status.st_mode)) {
        return refuse(error, "%.300s: not a file", path);
    } else if ((status.st_mode & MODE_FORBIDDEN) != 0) {
        return refuse(error,
                      "%.300s: others may get at it (mode %04o): chmod 600, or 640 for a group that reads it",
                      path, (unsigned)(status.st_mode & 07777));
    }
    while (got == 0 && used <= TICKET_KEYS_FILE_BYTES_MAX) {
        ssize_t part = read(fd, text + used, TICKET_KEYS_FILE_BYTES_MAX + 1 - used);

        if (part == 0) {
            return (ssize_t)used;
        }
        if (part < 0) {
            got = errno == EINTR ? 0 : -errno;
            continue;
        }
        used += (size_t)part;
    }
    if (got < 0) {
        refuse(error, "%.300s: cannot be read: %s", path, strerror((int)-got));
        return got;
    }
    return (ssize_t)used;
}

int door_read_keys(struct ticket_keys *keys, const char *path, char *error)
{
    char text[TICKET_KEYS_FILE_BYTES_MAX + 1];
    char why[CONFIG_ERROR_BYTES / 4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int rc;

    if (fd < 0) {
        rc = -errno;
        refuse(error, "%.300s: cannot be opened: %s", path, strerror(-rc));
        return rc;
    }

    ssize_t bytes = read_secret(fd, path, text, error);

    close(fd);
    if (bytes < 0) {
        rc = (int)bytes;
    } else {
        rc = ticket_keys_parse(keys, text, (size_t)bytes, why, sizeof(why));
        if (rc < 0) {
            refuse(error, "%.300s: %s", path, why);
        }
    }
    explicit_bzero(text, sizeof(text));
    return rc;
}

/* Whether no other machine reaches it. */
static bool is_local(const struct address *address)
{
    switch (address->storage.ss_family) {
    case AF_UNIX:
        return true;
    case AF_INET: {
        const struct sockaddr_in *sin = (const struct sockaddr_in *)&address->storage;

        return ntohl(sin->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    case AF_INET6: {
        const struct in6_addr *host = &((const struct sockaddr_in6 *)&address->storage)->sin6_addr;

        return IN6_IS_ADDR_LOOPBACK(host) ||
               (IN6_IS_ADDR_V4MAPPED(host) && host->s6_addr[12] == IN_LOOPBACKNET);
    }
    default:
        return false;
    }
}

bool door_may_listen(const struct server_config *server, const struct address *address)
{
    return server->secret_file[0] != '\0' || server->is_open || is_local(address);
}

static int check_addresses(const struct config *config, const char *path, char *error)
{
    const struct server_config *server = &config->server;

    for (uint32_t i = 0; i < server->listen_count; i++) {
        char where[CONFIG_ERROR_BYTES / 2];
        struct address address;

        if (address_parse(&address, server->listen[i]) == 0 && door_may_listen(server, &address)) {
            continue;
        }
        if (config->listen_lines[i] > 0) {
            snprintf(where, sizeof(where), "%.100s:%d: listen = %s", path, config->listen_lines[i],
                     server->listen[i]);
        } else {
            snprintf(where, sizeof(where), "-l %s", server->listen[i]);
        }
        return refuse(error,
                      "%s: other machines reach that: set secret_file in [server], so that players need "
                      "tickets, or open = yes, to let in whoever comes",
                      where);
    }
    return 0;
}

int door_check(struct config *config, const char *path, char *error)
{
    const struct server_config *server = &config->server;
    char file[PATH_MAX];
    char why[CONFIG_ERROR_BYTES];

    if (server->secret_file[0] == '\0') {
        return check_addresses(config, path, error);
    }

    int rc = config_resolve(path, server->secret_file, file, sizeof(file));

    if (rc < 0) {
        refuse(error, "secret_file = %.80s...: %s", server->secret_file, strerror(-rc));
        return rc;
    }
    rc = door_read_keys(&config->ticket_keys, file, why);
    if (rc < 0) {
        refuse(error, "secret_file: %.480s", why);
    }
    return rc;
}

int door_prepare(struct engine *engine, const struct config *config)
{
    return config->ticket_keys.count == 0
               ? 0
               : tickets_reserve(&engine->tickets, config->server.sessions_max, config->server.nonces_max);
}

void door_take_config(struct engine *engine, const struct config *config)
{
    struct ticket_policy policy = {
        .keys = config->ticket_keys,
        .ttl_max_s = config->server.ticket_ttl_max_ns / NS_PER_S,
        .duplicate = config->server.duplicate,
    };

    tickets_set_policy(&engine->tickets, &policy);
    explicit_bzero(&policy, sizeof(policy));
}
