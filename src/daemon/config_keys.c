/* The one table of keys. Defaults are text and go through the same reader as the file's values. */
#include "base/clock.h"
#include "daemon/config_internal.h"

#include <string.h>

#define KIB (1024ull)
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)
#define MS  NS_PER_MS
#define S   NS_PER_S
#define M   (60ull * S)
#define H   (60ull * M)

enum { FIXED = 0, RELOADABLE = 1, OR_ZERO = 2 };

#define FIELD(type, member)  .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)
#define FIELD_SERVER(member) .section = CONFIG_SERVER, FIELD(struct server_config, member)
#define FIELD_ROOM(member)   .section = CONFIG_ROOM, FIELD(struct room_config, member)
#define ROW(in, key, member, by_default, flags, text)                                                        \
    FIELD_##in(member), .name = (key), .default_text = (by_default), .help = (text),                         \
                        .is_reloadable = ((flags)&RELOADABLE) != 0,                                          \
                        .is_zero_allowed = ((flags)&OR_ZERO) != 0

/* The section, the key, its field, the default, the choices or the range, the flags, the help. */
#define ADDRESSES(in, key, member, by_default, flags, text)                                                  \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_ADDRESSES
#define TEXT(in, key, member, by_default, flags, text)                                                       \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_TEXT
#define FLAG(in, key, member, by_default, flags, text)                                                       \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_FLAG
#define CHOICE(in, key, member, by_default, of, flags, text)                                                 \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_CHOICE, .choices = (of)
#define NUMBER(in, key, member, by_default, of_unit, from, to, flags, text)                                  \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_NUMBER, .unit = (of_unit),                 \
                                                   .least = (from), .most = (to)
#define COUNT(in, key, member, by_default, from, to, flags, text)                                            \
    NUMBER(in, key, member, by_default, CONFIG_COUNT, from, to, flags, text)
#define BYTES(in, key, member, by_default, from, to, flags, text)                                            \
    NUMBER(in, key, member, by_default, CONFIG_BYTES, from, to, flags, text)
#define DURATION(in, key, member, by_default, from, to, flags, text)                                         \
    NUMBER(in, key, member, by_default, CONFIG_NS, from, to, flags, text)

static const char *const log_levels[] = {"alert", "error", "warn", "info", "debug", NULL};

_Static_assert(LOG_LEVEL_ALERT == 0 && LOG_LEVEL_ERROR == 1 && LOG_LEVEL_WARN == 2 && LOG_LEVEL_INFO == 3 &&
                   LOG_LEVEL_DEBUG == 4,
               "the list of choices follows its enum");

const struct config_key config_keys[] = {
    {ADDRESSES(
        SERVER, "listen", listen, "127.0.0.1:7777", FIXED,
        "address to listen on: HOST:PORT, [IPV6]:PORT or unix:PATH; numeric only, port 0 takes any free one; "
        "may be given up to 16 times")},
    {CHOICE(SERVER, "log", log_level, "info", log_levels, RELOADABLE,
            "how much is logged: this level and what is graver")},
    {DURATION(SERVER, "stats", stats_ns, "60s", S, 24 * H, RELOADABLE | OR_ZERO,
              "time between two lines of statistics in the log; 0 means only at exit")},
    {COUNT(SERVER, "sessions_max", sessions_max, "16384", 1, 1000000, FIXED,
           "connections held at once; the next one gets S_KICK(full)")},
    {COUNT(SERVER, "rooms_max", rooms_max, "1024", 1, CONFIG_ROOMS_MAX, FIXED, "rooms held at once")},
    {BYTES(SERVER, "frame_max", frame_bytes_max, "4096", 64, ROOMD_FRAME_BYTES_MAX, RELOADABLE,
           "bytes of the largest frame that a client may send, header included")},
    {DURATION(SERVER, "frame_timeout", frame_timeout_ns, "10s", 100 * MS, 10 * M, RELOADABLE,
              "time that a client has to complete a frame that it began")},
    {DURATION(SERVER, "linger", linger_ns, "1s", 0, 30 * S, RELOADABLE,
              "time that a kicked connection gets to read its S_KICK")},
    {DURATION(SERVER, "shutdown_timeout", shutdown_timeout_ns, "5s", 0, 10 * M, RELOADABLE,
              "time that a shutdown gets to flush and close; then the rest is cut off")},
    {BYTES(SERVER, "chunk_size", chunk_bytes, "64KiB", 4 * KIB, MIB, FIXED,
           "bytes of one chunk of a stream")},
    {BYTES(SERVER, "chunk_memory_max", chunk_memory_bytes_max, "256MiB", MIB, 64 * GIB, FIXED,
           "memory that all chunks together may take")},
    {COUNT(SERVER, "job_timers_max", job_timers_max, "65536", 1, 16777216, FIXED,
           "jobs that may wait for their time (push_after) in all rooms together")},
    {COUNT(SERVER, "accept_backlog", accept_backlog, "4096", 1, 65535, FIXED,
           "connections that may wait in the kernel to be accepted, for each address")},

    {TEXT(ROOM, "content", content, "chat", FIXED, "what runs in the room")},
    {DURATION(ROOM, "tick", tick_ns, "250ms", 10 * MS, 10 * S, RELOADABLE | OR_ZERO,
              "time between two flushes; 0 flushes at the end of each turn")},
    {COUNT(ROOM, "capacity", capacity, "10000", 1, 1000000, RELOADABLE, "players in the room at once")},
    {FLAG(ROOM, "autojoin", is_autojoin, "no", FIXED,
          "take every new connection into this room at once; in one room at most")},
    {FLAG(ROOM, "suffix", has_suffix, "no", RELOADABLE,
          "chat only: each text goes out with ' I am PLAYER' behind it")},
    {BYTES(
        ROOM, "early_flush", early_flush_bytes, "256KiB", KIB, 64 * MIB, RELOADABLE,
        "pending bytes at which the room flushes without waiting for its tick, and the most that one round "
        "hands to each player")},
    {BYTES(
        ROOM, "job_bytes_max", job_bytes_max, "1MiB", 64 * KIB, 256 * MIB, RELOADABLE,
        "bytes of jobs that may wait, at least 4 x frame_max; a full queue stops reading from its senders")},
    {COUNT(ROOM, "jobs_per_turn", jobs_per_turn, "4096", 1, 1000000, RELOADABLE,
           "jobs that the room runs before the others get their turn")},
    {BYTES(ROOM, "outbox_bytes_max", outbox_bytes_max, "4MiB", 256 * KIB, GIB, RELOADABLE,
           "bytes that may wait for a player whose socket takes no more; above it the player is closed as "
           "slow")},
    {COUNT(ROOM, "outbox_slices_max", outbox_slices_max, "1024", 16, 65535, RELOADABLE,
           "slices that may wait for a player whose socket takes no more; above it the player is closed as "
           "slow")},
    {DURATION(ROOM, "outbox_age_max", outbox_age_max_ns, "10s", 100 * MS, 10 * M, RELOADABLE,
              "time that bytes may wait for a player whose socket takes no more; above it the player is "
              "closed as slow")},
};

const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS_MAX,
               "the parser has a line for each key");

const struct config_key *config_key_find(enum config_section section, const char *name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].section == section && strcmp(config_keys[i].name, name) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}

enum { EDIT_BYTES_MAX = 32, EDITS_MAX = 2 };

/* Levenshtein's distance, one row of the matrix at a time. Neither text is longer than EDIT_BYTES_MAX. */
static size_t edit_distance(const char *from, const char *to)
{
    size_t row[EDIT_BYTES_MAX + 1];
    size_t to_size = strlen(to);

    for (size_t j = 0; j <= to_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; from[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= to_size; j++) {
            size_t replaced = diagonal + (from[i - 1] != to[j - 1]);
            size_t shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[to_size];
}

const struct config_key *config_key_nearest(enum config_section section, const char *name)
{
    const struct config_key *nearest = NULL;
    size_t name_size = strlen(name);
    size_t fewest = EDITS_MAX + 1;

    if (name_size > EDIT_BYTES_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].section != section) {
            continue;
        }
        size_t edits = edit_distance(config_keys[i].name, name);
        bool is_alike = edits < name_size; /* a name that is edited away as a whole resembles nothing */
        if (is_alike && edits < fewest) {
            fewest = edits;
            nearest = &config_keys[i];
        }
    }
    return nearest;
}
