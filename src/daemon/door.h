/* Who may come in: the config's keys about tickets and open addresses, checked, and handed to the engine. */
#ifndef ROOMD_DAEMON_DOOR_H
#define ROOMD_DAEMON_DOOR_H

#include "daemon/config.h"
#include "net/address.h"
#include "room/engine.h"

/*
 * Reads config->server.secret_file into config->ticket_keys; without one checks that other machines reach none of the
 * addresses to listen on, unless the config is open. `path` is the config file's, NULL without one. 0; or -errno and
 * `error` (CONFIG_ERROR_BYTES) says what is wrong.
 */
int door_check(struct config *config, const char *path, char *error);

/* The same of one address, of a socket that was handed over: whether the config lets it listen there. */
bool door_may_listen(const struct server_config *server, const struct address *address);

/* Reads the keys of a secret file, as above. */
int door_read_keys(struct ticket_keys *keys, const char *path, char *error);

/* Takes what memory the config's tickets need, which it needs none of without. 0 or -errno. */
int door_prepare(struct engine *engine, const struct config *config);
/* From now on the config decides who comes in. It has been prepared for. */
void door_take_config(struct engine *engine, const struct config *config);

#endif
