/*
 * The server: the whole program. It owns the engine, the listeners, the signals and the config, and turns
 * them.
 *
 * The way down:
 *
 *     running --SIGTERM, SIGINT--> last_read --a turn--> draining --queues run dry, all flushed--> lingering
 *     lingering --every client gone, or shutdown_timeout--> done
 *     a second signal, from anywhere --> done
 */
#ifndef ROOMD_DAEMON_SERVER_H
#define ROOMD_DAEMON_SERVER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/timers.h"
#include "daemon/config.h"
#include "daemon/signals.h"
#include "daemon/upkeep.h"
#include "net/listener.h"
#include "room/engine.h"

enum server_phase { SERVER_RUNNING, SERVER_LAST_READ, SERVER_DRAINING, SERVER_LINGERING, SERVER_DONE };

struct server {
    struct engine engine;
    struct config config;
    const char *config_path;     /* NULL: none; what SIGHUP reads again */
    const char *listen_override; /* -l; NULL: none */
    char data_dir[PATH_MAX];     /* the config's, where it lies; the engine points at it */
    struct listener listeners[CONFIG_LISTEN_MAX];
    uint32_t listener_count;
    struct signals signals;
    struct upkeep upkeep;
    struct timer stats_timer;
    struct timer shutdown_timer;
    struct timer reopen_timer; /* armed while a room of the config is closed, for its content failed */
    uint64_t rooms_failed;     /* of the engine's statistics: so many have been looked at */
    enum server_phase phase;
    bool wants_stop;
    bool is_overdue; /* shutdown_timeout has passed */
    bool is_forced;  /* by a second signal */
    bool wants_reload;
    bool wants_announcement; /* of the config's, to every room */
    bool wants_report;
};

/*
 * Reads the config (`config_path` NULL: the default) and, if it is sound, opens everything that it names.
 * Says what is wrong on stderr. 0, or -errno and nothing is left open. `server` is large: it belongs on the
 * heap.
 */
int server_init(struct server *server, const char *config_path, const char *listen_override);
void server_fini(struct server *server);

/*
 * Reads the config alone and checks all that can be checked without opening anything; the contents that it names are
 * loaded, until content_unload_all. 0; or -errno, `config` is empty and `error` (CONFIG_ERROR_BYTES) says what is
 * wrong.
 */
int server_load_config(struct config *config, const char *config_path, const char *listen_override,
                       char *error);

/* One turn, its four phases. What waits for input waits in the first of them, as long as nothing is due. */
void server_turn(struct server *server);
/* Turns until it has been told to end. 0, or 1 when it was forced. */
int server_run(struct server *server);

#endif
