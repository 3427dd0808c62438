/* The config's keys about the addresses that connections come from: read, handed to the engine, reported. */
#ifndef ROOMD_DAEMON_ADDRESSES_H
#define ROOMD_DAEMON_ADDRESSES_H

#include "daemon/config.h"
#include "room/engine.h"

/*
 * Reads config->server.ban_file into config->bans. `path` is the config file's, NULL without one. 0; or -errno and
 * `error` (CONFIG_ERROR_BYTES) says what is wrong.
 */
int addresses_check(struct config *config, const char *path, char *error);

/* The limits of addresses as the config has them. */
struct sources_limits addresses_limits(const struct server_config *server);
/* The bans by hand are those of the config from now on, which has none any more; who is connected and banned is closed. */
void addresses_take_config(struct engine *engine, struct config *config);

/* Says in the log who is kept out, by hand and by penalty: some of them, and how many there are. */
void addresses_report(const struct engine *engine);
/* " sources=3 refused_banned=1": what there is to count, for the line of statistics. `size` at least 256. */
void addresses_format_stats(const struct engine *engine, char *out, size_t size);
/* What the table takes at most. */
uint64_t addresses_bytes_max(const struct server_config *server);

#endif
