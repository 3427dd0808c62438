/* The config's rooms as running rooms. */
#ifndef ROOMD_DAEMON_ROOMS_H
#define ROOMD_DAEMON_ROOMS_H

#include "room/engine.h"

struct config;
struct server;

/* The engine's limits as the config has them. */
struct engine_limits rooms_engine_limits(const struct server *server, const struct config *config);

/*
 * Gives the lobby the config's templates and opens every room of the config, in the file's order. 0, or -errno: those
 * opened so far stay in the lobby. The config, which the templates point into, must stay until it is reloaded.
 */
int rooms_open(struct server *server);

/*
 * Reads the config again (SIGHUP) and takes on what may change, new rooms and templates included. Refuses the whole of it
 * when anything is wrong, and says so in the log; the server goes on as it was.
 */
void rooms_reload(struct server *server);

/* The turn's phase 4: sees to it that a room of the config whose content has failed is opened again. */
void rooms_watch(struct server *server);
/* server->reopen_timer: opens the rooms of the config that are closed. */
void rooms_on_reopen(struct timer *timer, uint64_t now_ns);

/* Every room's content is told the config's announcement. Phase 2, as all game code. */
void rooms_announce(struct server *server);

#endif
