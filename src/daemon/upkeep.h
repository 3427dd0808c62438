/*
 * What ties the server to the machine that it runs on: the service manager that started it, the sockets it was handed,
 * who it is, and what it may do. Everything that concerns the whole process, not the game, is done in server_run's
 * course and by main; a server that is turned by somebody else (server_turn) does none of it.
 */
#ifndef ROOMD_DAEMON_UPKEEP_H
#define ROOMD_DAEMON_UPKEEP_H

#include <stdint.h>

#include "base/timers.h"
#include "daemon/notify.h"

struct server;

/* Descriptors that are kept for a reload: it opens a few files, and is wanted most when players have taken all others. */
enum { UPKEEP_SPARES = 4 };

struct upkeep {
    struct notify notify;
    uint32_t inherited;          /* listening sockets that were handed over: they stand for the config's */
    struct timer watchdog_timer; /* there is a turn at least so often */
    uint64_t program_bytes;      /* resident before anything was opened */
    int spares[UPKEEP_SPARES];   /* -1: there was none to be had */
};

/* Reads the environment. 0; or -errno and it says why on stderr: what was handed over makes no sense. */
int upkeep_init(struct server *server);
/* Once there is an engine. 0 or -ENOMEM. */
int upkeep_open(struct server *server);
/* It listens: becomes the config's `run_as`. 0; or -errno and it says why on stderr. */
int upkeep_drop_root(struct server *server);
/*
 * All is open: callbacks are watched from here on, the filter of system calls is on, the manager is told that the server
 * is ready. 0; or -errno and the log says why.
 */
int upkeep_start(struct server *server);
/* A turn is complete. */
void upkeep_turn(struct server *server);
/*
 * What memory.h may hand out so that the process stays within `memory_bytes_max`: what the program itself takes is not
 * in its count. At least half of it.
 */
uint64_t upkeep_memory_bytes_max(const struct upkeep *upkeep, uint64_t memory_bytes_max);
/* Around a reload of the config. */
void upkeep_begin_reload(struct server *server);
void upkeep_end_reload(struct server *server);
/* It has been told to end. */
void upkeep_stop(struct server *server);
/* How things are, for who asks the manager. */
void upkeep_tell_status(struct server *server);
void upkeep_fini(struct server *server);

#endif
