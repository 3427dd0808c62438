/* Where the server listens: the config's addresses, or in their place the sockets that it was handed (activation.h). */
#ifndef ROOMD_DAEMON_LISTENERS_H
#define ROOMD_DAEMON_LISTENERS_H

struct config;
struct server;

/* 0; or -errno and it says why on stderr: those opened so far are left to listeners_close. */
int listeners_open(struct server *server);
/* A line in the log for each: whoever waits for them finds the rooms open. */
void listeners_log(const struct server *server);
/*
 * Whether a running server may take `config`: sockets that were handed over, and that other machines reach, need what a
 * config needs that lists such addresses. 0; or -EACCES and `error` (CONFIG_ERROR_BYTES) says why not.
 */
int listeners_check(const struct server *server, const struct config *config, char *error);
void listeners_close(struct server *server);

#endif
