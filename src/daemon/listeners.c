#include "daemon/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/activation.h"
#include "daemon/door.h"
#include "daemon/server.h"
#include "room/session.h"

/* Those that were handed over. */
static int adopt_all(struct server *server)
{
    struct engine *engine = &server->engine;

    for (uint32_t i = 0; i < server->upkeep.inherited; i++) {
        struct listener *listener = &server->listeners[i];
        int fd = ACTIVATION_FD_FIRST + (int)i;
        int rc = listener_adopt(listener, &engine->net.reactor, &engine->timers, fd, session_accept, engine);

        if (rc < 0) {
            fprintf(stderr, "roomd: descriptor %d of LISTEN_FDS: %s\n", fd, strerror(-rc));
            return rc;
        }
        server->listener_count++;
        if (!door_may_listen(&server->config.server, &listener->address)) {
            char text[ADDRESS_TEXT_BYTES];

            fprintf(stderr,
                    "roomd: descriptor %d of LISTEN_FDS: other machines reach %s: set secret_file in "
                    "[server], or "
                    "open = yes\n",
                    fd, address_format(&listener->address, text));
            return -EACCES;
        }
    }
    return 0;
}

static int open_all(struct server *server)
{
    const struct server_config *config = &server->config.server;

    for (uint32_t i = 0; i < config->listen_count; i++) {
        struct listener *listener = &server->listeners[i];
        struct address address;
        int rc = address_parse(&address, config->listen[i]);

        if (rc == 0) {
            rc = listener_open(listener, &server->engine.net.reactor, &server->engine.timers, &address,
                               (int)config->accept_backlog, session_accept, &server->engine);
        }
        if (rc < 0) {
            fprintf(stderr, "roomd: listen = %s: %s\n", config->listen[i], strerror(-rc));
            return rc;
        }
        server->listener_count++;
    }
    return 0;
}

int listeners_open(struct server *server)
{
    return server->upkeep.inherited > 0 ? adopt_all(server) : open_all(server);
}

int listeners_check(const struct server *server, const struct config *config, char *error)
{
    for (uint32_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = &server->listeners[i];
        char text[ADDRESS_TEXT_BYTES];

        if (listener->is_adopted && !door_may_listen(&config->server, &listener->address)) {
            snprintf(error, CONFIG_ERROR_BYTES,
                     "other machines reach %s, which was handed over: secret_file or open = yes may not go",
                     address_format(&listener->address, text));
            return -EACCES;
        }
    }
    return 0;
}

void listeners_log(const struct server *server)
{
    for (uint32_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = &server->listeners[i];
        char text[ADDRESS_TEXT_BYTES];

        log_notice("listen", "addr=%s%s", address_format(&listener->address, text),
                   listener->is_adopted ? " adopted=yes" : "");
    }
}

void listeners_close(struct server *server)
{
    while (server->listener_count > 0) {
        listener_close(&server->listeners[--server->listener_count]);
    }
}
