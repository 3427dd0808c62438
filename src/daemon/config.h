/*
 * The daemon's configuration: an INI file with one `[server]` section and a `[room NAME]` section for each
 * room.
 *
 *     # a comment
 *     [server]
 *     listen = 127.0.0.1:7777
 *     [room lobby]
 *     tick = 250ms   # a comment after a value stands behind white space
 *
 * One table of keys (config_keys.c) says what may stand there; the same table yields the defaults, `--help`,
 * the README's list and the rules of reloading. Whatever is wrong in a file is an error that names its line:
 * a file is taken whole or not at all.
 */
#ifndef ROOMD_DAEMON_CONFIG_H
#define ROOMD_DAEMON_CONFIG_H

#include "base/log.h"
#include "roomd/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_limits_misc {
    CONFIG_LISTEN_MAX = 16,          /* `listen` lines */
    CONFIG_LISTEN_BYTES_MAX = 127,   /* of one address, without the NUL */
    CONFIG_ROOMS_MAX = 65536,        /* rooms, whatever rooms_max says */
    CONFIG_CONTENT_BYTES_MAX = 255,  /* of a content's name, without the NUL */
    CONFIG_LINE_BYTES_MAX = 1023,    /* of a line, without its newline */
    CONFIG_LINES_MAX = 2000000,      /* of a file */
    CONFIG_FRAMES_PER_JOB_QUEUE = 4, /* job_bytes_max holds at least this many frames of frame_max */
    CONFIG_ERROR_BYTES = 512 /* a buffer of this size holds any error below, if the path is not long */
};

struct room_config {
    char name[ROOMD_NAME_BYTES_MAX + 1]; /* printable UTF-8 without spaces, never empty */
    char content[CONFIG_CONTENT_BYTES_MAX +
                 1];  /* never empty; whether such a content exists is not checked here */
    uint64_t tick_ns; /* 0: flush at the end of each turn */
    uint32_t capacity;
    bool is_autojoin; /* in one room at most */
    bool has_suffix;
    uint64_t early_flush_bytes; /* at most outbox_bytes_max */
    uint64_t job_bytes_max;     /* at least CONFIG_FRAMES_PER_JOB_QUEUE times server_config.frame_bytes_max */
    uint32_t jobs_per_turn;
    uint64_t outbox_bytes_max;
    uint32_t outbox_slices_max;
    uint64_t outbox_age_max_ns;
    int line; /* of the section's head; 0 in config_default */
};

struct server_config {
    char listen[CONFIG_LISTEN_MAX][CONFIG_LISTEN_BYTES_MAX + 1]; /* HOST:PORT, [IPV6]:PORT or unix:PATH */
    uint32_t listen_count;                                       /* at least 1 */
    enum log_level log_level;
    uint64_t stats_ns; /* 0: only at exit */
    uint32_t sessions_max;
    uint32_t rooms_max;
    uint32_t frame_bytes_max; /* header included */
    uint64_t frame_timeout_ns;
    uint64_t linger_ns;
    uint64_t shutdown_timeout_ns;
    uint64_t chunk_bytes;
    uint64_t chunk_memory_bytes_max;
    uint32_t job_timers_max;
    uint32_t accept_backlog;
};

struct config {
    struct server_config server;
    struct room_config *rooms; /* in the file's order; owned, released by config_fini */
    uint32_t room_count;       /* 1 to server.rooms_max */
};

/*
 * Reads the file at `path`. `config` need not be initialised and must own nothing.
 * Returns 0, and `config` is complete and valid; or -errno (-EINVAL for anything wrong in the text), and
 * `config` is empty (config_fini does no harm) and `error` holds one line without a newline, such as
 * `roomd.conf:12: tick = 5ms: below the least, 10ms`. Foreign bytes in it are made printable.
 */
int config_load(struct config *config, const char *path, char *error, size_t error_size);

/* The same from an open stream, read to its end and not closed. `name` stands for the path in `error`. */
int config_parse(struct config *config, const char *name, FILE *file, char *error, size_t error_size);

/*
 * The configuration without a file: every default, and one room `lobby` with autojoin.
 * Returns 0, or -ENOMEM and `config` is empty.
 */
int config_default(struct config *config);

/* Releases the rooms and zeroes `config`. Pointers to its rooms are invalid afterwards. */
void config_fini(struct config *config);

/*
 * Checks `address` (numeric IPv4 or IPv6 with a port of 0 to 65535, or unix:PATH) and appends it to
 * server->listen. For `-l`: set listen_count to 0 first. Returns 0, or -EINVAL with the reason alone in
 * `error`, and nothing changed.
 */
int config_add_listen(struct server_config *server, const char *address, char *error, size_t error_size);

/*
 * Whether a running server that was configured by `old_config` may take `new_config`: every key that may not
 * change is the same, and no room is gone. New rooms are fine. A `-l` must have been applied to both alike.
 * Returns 0; -EINVAL with the first offending key or room in `error`; -ENOMEM likewise.
 */
int config_check_reload(const struct config *old_config, const struct config *new_config, char *error,
                        size_t error_size);

/* The keys with defaults, ranges and help: as text for `--help`, and as the README's Markdown tables. */
void config_print_help(FILE *out);
void config_print_markdown(FILE *out);

#endif
