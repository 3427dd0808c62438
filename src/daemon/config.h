/*
 * The daemon's configuration: an INI file with one `[server]` section, a `[room NAME]` section for each room that
 * there always is, and a `[template NAME]` section for each kind of room that is made while the server runs.
 *
 *     # a comment
 *     [server]
 *     listen = 127.0.0.1:7777
 *     [room lobby]
 *     tick = 250ms   # a comment after a value stands behind white space
 *     [template arena]
 *     content = dungeon
 *     map = cave.map # a key of the content's own
 *
 * One table of keys (config_keys.c) says what may stand there; the same table yields the defaults, `--help`,
 * the README's list and the rules of reloading. What it does not know in a room or a template is the content's:
 * kept as text, and checked once the content is known (config_bind). Whatever is wrong in a file is an error that
 * names its line: a file is taken whole or not at all.
 */
#ifndef ROOMD_DAEMON_CONFIG_H
#define ROOMD_DAEMON_CONFIG_H

#include "base/log.h"
#include "room/bans.h"
#include "room/room.h"
#include "room/tickets.h"
#include "roomd/content.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_limits_misc {
    CONFIG_LISTEN_MAX = 16,        /* `listen` lines */
    CONFIG_LISTEN_BYTES_MAX = 127, /* of one address, without the NUL */
    CONFIG_ROOMS_MAX = 65536,      /* rooms, whatever rooms_max says */
    CONFIG_TEMPLATES_MAX = 4096,
    CONFIG_SETTINGS_MAX = 256,   /* keys of the content's own, in one section */
    CONFIG_PATH_BYTES_MAX = 511, /* of a directory, without the NUL */
    CONFIG_ANNOUNCEMENT_BYTES_MAX = 400,
    CONFIG_USER_BYTES_MAX = 63,
    CONFIG_CONTENT_BYTES_MAX = 255,  /* of a content's name, without the NUL */
    CONFIG_LINE_BYTES_MAX = 1023,    /* of a line, without its newline */
    CONFIG_LINES_MAX = 2000000,      /* of a file */
    CONFIG_FRAMES_PER_JOB_QUEUE = 4, /* job_bytes_max holds at least this many frames of frame_max */
    CONFIG_ERROR_BYTES = 512 /* a buffer of this size holds any error below, if the path is not long */
};

/* What a [room NAME] or a [template NAME] says. */
struct room_config {
    char name[ROOMD_NAME_BYTES_MAX + 1];        /* printable UTF-8 without spaces, never empty */
    char content[CONFIG_CONTENT_BYTES_MAX + 1]; /* never empty */
    uint64_t tick_ns;                           /* 0: flush at the end of each turn */
    uint32_t capacity;
    bool is_autojoin;           /* in one room at most, in no template */
    uint64_t early_flush_bytes; /* at most outbox_bytes_max */
    uint64_t job_bytes_max;     /* at least CONFIG_FRAMES_PER_JOB_QUEUE times server_config.frame_bytes_max */
    uint32_t jobs_per_turn;
    uint64_t outbox_bytes_max;
    uint32_t outbox_slices_max;
    uint64_t outbox_age_max_ns;
    enum room_slow slow;
    uint64_t skip_max_ns;
    uint32_t packet_rate; /* 0, as of the next three: the server's */
    uint32_t packet_burst;
    uint64_t input_rate;
    uint64_t input_burst;
    uint32_t streams_max;
    uint64_t memory_bytes_max;
    uint64_t seed;          /* 0: drawn from the kernel */
    uint64_t idle_close_ns; /* templates only, as is instances_max */
    uint32_t instances_max;
    bool is_template;
    struct room_setting *settings;      /* the content's own keys as given, in the file's order; owned */
    int *setting_lines;                 /* of each setting; owned */
    uint32_t setting_count;             /* at most CONFIG_SETTINGS_MAX */
    const struct roomd_content *module; /* what `content` names; NULL before config_bind */
    int line;                           /* of the section's head; 0 in config_default */
    int content_line;                   /* of `content =`; the head's when there is none */
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
    uint64_t hello_timeout_ns;
    uint64_t ping_after_ns;
    uint64_t pong_timeout_ns;
    uint64_t ack_timeout_ns;
    uint64_t send_rate; /* bytes a second to one client */
    uint64_t send_burst;
    uint64_t socket_send_buffer_bytes; /* 0: as the kernel sees fit */
    uint64_t socket_unsent_bytes_max;
    uint32_t packet_rate; /* a second of one client */
    uint32_t packet_burst;
    uint64_t input_rate;  /* bytes of them */
    uint64_t input_burst; /* at least frame_bytes_max */
    uint32_t flood_max;
    uint32_t strikes_max;
    uint64_t memory_bytes_max; /* of the process */
    uint64_t shutdown_timeout_ns;
    uint64_t chunk_bytes;
    uint64_t chunk_memory_bytes_max;
    uint32_t job_timers_max;
    uint32_t accept_backlog;
    char module_dir[CONFIG_PATH_BYTES_MAX + 1]; /* as given; "": none */
    char data_dir[CONFIG_PATH_BYTES_MAX + 1];   /* as given; "": where the file is */
    uint64_t callback_max_ns;
    uint64_t room_restart_ns;               /* 0: never */
    char run_as[CONFIG_USER_BYTES_MAX + 1]; /* "": nobody else */
    bool has_seccomp;
    char secret_file[CONFIG_PATH_BYTES_MAX + 1]; /* as given; "": players need no tickets */
    bool is_open; /* to anybody from anywhere, though there is no secret_file */
    uint64_t ticket_ttl_max_ns;
    uint32_t nonces_max;
    enum ticket_duplicate duplicate;
    uint32_t conns_per_address;
    uint32_t connect_rate; /* a second */
    uint32_t connect_burst;
    uint32_t sources_max;
    uint32_t penalty_points;
    uint64_t penalty_half_life_ns;
    uint64_t penalty_ns;
    uint64_t penalty_max_ns;
    uint64_t grace_ns;
    struct network_list exempt;
    struct network_list proxy_from;
    char ban_file[CONFIG_PATH_BYTES_MAX + 1];             /* as given; "": none */
    char announcement[CONFIG_ANNOUNCEMENT_BYTES_MAX + 1]; /* one line of printable UTF-8, or "" */
};

/* No two rooms or templates have the same name. Both lists are in the file's order, and released by config_fini. */
struct config {
    struct server_config server;
    int listen_lines[CONFIG_LISTEN_MAX]; /* of each of server.listen; 0: the default's, or of -l */
    struct bans bans;                    /* what ban_file says; nobody before addresses_check */
    struct ticket_keys ticket_keys;      /* what secret_file holds; none before door_check */
    struct room_config *rooms;
    uint32_t room_count; /* 1 to server.rooms_max */
    struct room_config *templates;
    uint32_t template_count;
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

/* Releases all and zeroes `config`. Pointers to its rooms, templates and settings are invalid afterwards. */
void config_fini(struct config *config);

/*
 * Finds and loads the content of every room and template, and checks the keys that are the content's own: `module`
 * is set everywhere, and every setting is one that its module lists, with a value that it takes. `path` is the
 * file's, NULL for config_default: modules and module_dir are relative to its directory. What has been loaded stays
 * so until content_unload_all. Returns 0; or -errno, and `error` is a line such as
 * `roomd.conf:7: viwe = 30: content field has no key of that name (did you mean view?)`.
 */
int config_bind(struct config *config, const char *path, char *error, size_t error_size);

/*
 * Where `directory` lies that a file at `path` speaks of: relative to the file's own directory, which "" stands for.
 * `path` NULL is a file in the working directory. Returns 0 or -ENAMETOOLONG.
 */
int config_resolve(const char *path, const char *directory, char *out, size_t out_size);

/*
 * Checks `address` (numeric IPv4 or IPv6 with a port of 0 to 65535, or unix:PATH) and appends it to
 * server->listen. For `-l`: set listen_count to 0 first. Returns 0, or -EINVAL with the reason alone in
 * `error`, and nothing changed.
 */
int config_add_listen(struct server_config *server, const char *address, char *error, size_t error_size);

/*
 * Whether a running server that was configured by `old_config` may take `new_config`, both bound: every key that may
 * not change is the same, those of the contents' own included, and no room is gone. New rooms are fine, and templates
 * may change, come and go. A `-l` must have been applied to both alike.
 * Returns 0; -EINVAL with the first offending key or room in `error`; -ENOMEM likewise.
 */
int config_check_reload(const struct config *old_config, const struct config *new_config, char *error,
                        size_t error_size);

/* The keys with defaults, ranges and help: as text for `--help`, and as the README's Markdown tables. */
void config_print_help(FILE *out);
void config_print_markdown(FILE *out);

#endif
