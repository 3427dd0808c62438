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

enum { FIXED = 0, RELOADABLE = 1, OR_ZERO = 2, ROOM_ONLY = 4 };

#define FIELD(type, member)    .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)
#define FIELD_SERVER(member)   .section = CONFIG_SERVER, FIELD(struct server_config, member)
#define FIELD_ROOM(member)     .section = CONFIG_ROOM, FIELD(struct room_config, member)
#define FIELD_TEMPLATE(member) .section = CONFIG_TEMPLATE, FIELD(struct room_config, member)
#define ROW(in, key, member, by_default, flags, text)                                                        \
    FIELD_##in(member), .name = (key), .default_text = (by_default), .help = (text),                         \
                        .is_reloadable = ((flags)&RELOADABLE) != 0,                                          \
                        .is_zero_allowed = ((flags)&OR_ZERO) != 0, .is_room_only = ((flags)&ROOM_ONLY) != 0

/* The section, the key, its field, the default, the choices or the range, the flags, the help. */
#define ADDRESSES(in, key, member, by_default, flags, text)                                                  \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_ADDRESSES
#define NETWORKS(in, key, member, by_default, flags, text)                                                   \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_NETWORKS
#define TEXT(in, key, member, by_default, flags, text)                                                       \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_TEXT
#define PATH(in, key, member, by_default, flags, text)                                                       \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_PATH
#define LINE(in, key, member, by_default, flags, text)                                                       \
    ROW(in, key, member, by_default, flags, text), .type = CONFIG_LINE
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

static const char *const duplicates[] = {"refuse", "replace", NULL};

_Static_assert(TICKET_DUPLICATE_REFUSE == 0 && TICKET_DUPLICATE_REPLACE == 1,
               "the list of choices follows its enum");

static const char *const slows[] = {"kick", "skip", NULL};

_Static_assert(ROOM_SLOW_KICK == 0 && ROOM_SLOW_SKIP == 1, "the list of choices follows its enum");

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
    {DURATION(SERVER, "hello_timeout", hello_timeout_ns, "10s", 100 * MS, 10 * M, RELOADABLE,
              "time that a client has to say C_HELLO, when no room has taken it at once")},
    {DURATION(
        SERVER, "ping_after", ping_after_ns, "30s", 100 * MS, H, RELOADABLE,
        "time after which a client that has said C_HELLO and nothing since is sent S_PING, at the latest "
        "after twice as long")},
    {DURATION(SERVER, "pong_timeout", pong_timeout_ns, "15s", 100 * MS, H, RELOADABLE,
              "time that it has to answer, or to say anything")},
    {DURATION(SERVER, "ack_timeout", ack_timeout_ns, "30s", S, H, RELOADABLE,
              "time in which a client's machine must acknowledge what is sent to it (TCP_USER_TIMEOUT); at "
              "least 5 s more than any "
              "room lets a client be behind")},
    {BYTES(SERVER, "send_rate", send_rate, "4MiB", KIB, GIB, RELOADABLE,
           "bytes a second that one client is sent, when send_burst is used up; the rest waits")},
    {BYTES(SERVER, "send_burst", send_burst, "4MiB", 4 * KIB, GIB, RELOADABLE,
           "bytes that one client may be sent in one go")},
    {BYTES(SERVER, "socket_send_buffer", socket_send_buffer_bytes, "256KiB", 8 * KIB, 64 * MIB,
           RELOADABLE | OR_ZERO,
           "bytes that the kernel keeps for one client (SO_SNDBUF, its own accounts included); 0: as it sees "
           "fit")},
    {BYTES(SERVER, "socket_unsent_max", socket_unsent_bytes_max, "128KiB", KIB, 64 * MIB,
           RELOADABLE | OR_ZERO,
           "bytes of these that are not sent yet (TCP_NOTSENT_LOWAT); 0: as the kernel sees fit")},
    {COUNT(SERVER, "packet_rate", packet_rate, "200", 1, 1000000, RELOADABLE,
           "packets a second that one client may send, when packet_burst is used up; more are thrown away")},
    {COUNT(SERVER, "packet_burst", packet_burst, "400", 4, 1000000, RELOADABLE,
           "packets that one client may send in one go")},
    {BYTES(
        SERVER, "input_rate", input_rate, "64KiB", 256, GIB, RELOADABLE,
        "bytes a second that one client may send, when input_burst is used up; packets above it are thrown "
        "away")},
    {BYTES(SERVER, "input_burst", input_burst, "128KiB", KIB, GIB, RELOADABLE,
           "bytes that one client may send in one go, at least frame_max")},
    {COUNT(SERVER, "flood_max", flood_max, "200", 2, 1000000, RELOADABLE,
           "packets thrown away for their rate after which a client is kicked; at half as many it is warned, "
           "and once it has kept to half the rate they are forgotten")},
    {COUNT(SERVER, "strikes_max", strikes_max, "5", 1, 255, RELOADABLE,
           "packets that do not parse, or are not allowed, after which a client is kicked; one a minute is "
           "forgotten")},
    {BYTES(
        SERVER, "memory_max", memory_bytes_max, "2GiB", 16 * MIB, 1024 * GIB, RELOADABLE,
        "memory of the process (what the kernel keeps for its sockets comes on top): at 95 % those who are "
        "owed most are shed, at 98 % nobody new comes in, at 100 % requests fail")},
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
    {PATH(
        SERVER, "module_dir", module_dir, "", FIXED,
        "where contents are looked for that are not bundled; relative to the config file's directory; empty: "
        "nowhere")},
    {PATH(
        SERVER, "data_dir", data_dir, "", FIXED,
        "where contents find their files; relative to the config file's directory, which it is when empty")},
    {DURATION(SERVER, "callback_max", callback_max_ns, "10s", 100 * MS, 10 * M, RELOADABLE,
              "time that a content's callback may take; one that takes longer ends the process, which says "
              "where it was")},
    {DURATION(
        SERVER, "room_restart", room_restart_ns, "5s", 100 * MS, H, RELOADABLE | OR_ZERO,
        "time after which a room is opened again, empty, whose content has failed; 0: it stays closed")},
    {LINE(SERVER, "run_as", run_as, "", FIXED,
          "whom the server becomes when root starts it, once it listens; empty: it stays who it is")},
    {FLAG(SERVER, "seccomp", has_seccomp, "yes", FIXED,
          "refuse system calls that the server has no use for; off where a content that is not bundled does "
          "not say that "
          "it can")},
    {PATH(
        SERVER, "secret_file", secret_file, "", RELOADABLE,
        "the keys of tickets, one or two lines `id secret`; with it C_HELLO needs a ticket; relative to the "
        "config file's directory; empty: nobody needs one")},
    {FLAG(SERVER, "open", is_open, "no", RELOADABLE,
          "without secret_file: listen also on addresses that other machines reach, for whoever comes")},
    {DURATION(SERVER, "ticket_ttl_max", ticket_ttl_max_ns, "24h", S, 8760 * H, RELOADABLE,
              "the longest time that a ticket may still be good for; one that expires later is refused")},
    {COUNT(SERVER, "nonces_max", nonces_max, "65536", 1, 16777216, FIXED,
           "used tickets remembered until they expire; when there are so many, new ones are refused")},
    {CHOICE(SERVER, "duplicate", duplicate, "replace", duplicates, RELOADABLE,
            "a user who comes in anew with another ticket: takes the place of the session that there is, or "
            "is refused")},
    {COUNT(SERVER, "conns_per_address", conns_per_address, "128", 1, 1000000, RELOADABLE,
           "connections at once from one address (of IPv6: a network of 64 bits); the next one gets "
           "S_KICK(too_many)")},
    {COUNT(
        SERVER, "connect_rate", connect_rate, "10", 1, 1000000, RELOADABLE,
        "connections a second from one address, when connect_burst is used up; more get S_KICK(too_many)")},
    {COUNT(SERVER, "connect_burst", connect_burst, "128", 1, 1000000, RELOADABLE,
           "connections that may come from one address in one go")},
    {DURATION(SERVER, "grace", grace_ns, "30s", 0, H, RELOADABLE,
              "time from the start in which connect_rate does not hold, so that all may come back after a "
              "restart")},
    {COUNT(SERVER, "penalty_points", penalty_points, "20", 1, 1000000, RELOADABLE,
           "points at which an address is turned away for a time: 4 for a kick for what it sent, 3 for a "
           "hello that failed, 1 for a frame not completed, 0.1 for a connection above connect_rate")},
    {DURATION(SERVER, "penalty_half_life", penalty_half_life_ns, "60s", S, 24 * H, RELOADABLE,
              "time in which an address's points halve")},
    {DURATION(SERVER, "penalty_time", penalty_ns, "10s", S, 24 * H, RELOADABLE,
              "time for which an address is turned away first; twice as long each time it happens again")},
    {DURATION(SERVER, "penalty_time_max", penalty_max_ns, "10m", S, 24 * H, RELOADABLE,
              "the longest of these times; so long without a penalty, and the next is half as long again")},
    {COUNT(SERVER, "sources_max", sources_max, "32768", 1, 16777216, FIXED,
           "addresses remembered besides those that are connected; then the oldest are forgotten")},
    {NETWORKS(SERVER, "exempt", exempt, "127.0.0.0/8 ::1", RELOADABLE,
              "networks whose addresses are not counted, limited or turned away, but by ban_file; up to 32, "
              "set apart by spaces")},
    {PATH(SERVER, "ban_file", ban_file, "", RELOADABLE,
          "who is kept out: a network a line, and until when (2026-12-24 or 2026-12-24T18:00:00Z, UTC) or "
          "`lift`; relative to the config file's directory; empty: nobody")},
    {NETWORKS(SERVER, "proxy_from", proxy_from, "", RELOADABLE,
              "networks of proxies, which must begin with a PROXY header (version 1 or 2): then the address "
              "that it names counts; up to 32, set apart by spaces; empty: nobody is a proxy")},
    {LINE(SERVER, "announcement", announcement, "", RELOADABLE,
          "what every room is told when a reload has changed it, in at most 400 bytes")},

    {TEXT(ROOM, "content", content, "chat", FIXED,
          "what runs in the room: a bundled content, one in module_dir, or a path like ./my.so")},
    {DURATION(ROOM, "tick", tick_ns, "250ms", 10 * MS, 10 * S, RELOADABLE | OR_ZERO,
              "time between two flushes; 0 flushes at the end of each turn")},
    {COUNT(ROOM, "capacity", capacity, "10000", 1, 1000000, RELOADABLE, "players in the room at once")},
    {FLAG(ROOM, "autojoin", is_autojoin, "no", FIXED | ROOM_ONLY,
          "take every new connection into this room at once; in one room at most, in no template")},
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
           "bytes that may wait for a player whose socket takes no more; above it the player is too slow")},
    {COUNT(ROOM, "outbox_slices_max", outbox_slices_max, "1024", 16, 65535, RELOADABLE,
           "slices, each of one chunk at most, that may wait for a player whose socket takes no more; above "
           "it the "
           "player is too slow")},
    {DURATION(
        ROOM,
        "outbox_age_max", outbox_age_max_ns, "10s", 100 * MS, 10 * M, RELOADABLE,
        "time that bytes may wait for a player whose socket takes no more; above it the player is too slow")},
    {CHOICE(
        ROOM, "slow", slow, "kick", slows, RELOADABLE,
        "what is done about a player above one of these three: kick, or skip what waits and tell the player "
        "anew how things are, once it reads (kick still, if it has not said C_HELLO)")},
    {DURATION(ROOM, "skip_max", skip_max_ns, "30s", 100 * MS, H, RELOADABLE,
              "time that a player may be skipped in one go; above it the player is closed as slow")},
    {COUNT(ROOM, "packet_rate", packet_rate, "0", 1, 1000000, RELOADABLE | OR_ZERO,
           "the server's key of this name, tighter for players in the room; 0: as the server says")},
    {COUNT(ROOM, "packet_burst", packet_burst, "0", 4, 1000000, RELOADABLE | OR_ZERO, "likewise")},
    {BYTES(ROOM, "input_rate", input_rate, "0", 256, GIB, RELOADABLE | OR_ZERO, "likewise")},
    {BYTES(ROOM, "input_burst", input_burst, "0", KIB, GIB, RELOADABLE | OR_ZERO,
           "likewise, at least frame_max")},
    {COUNT(ROOM, "streams_max", streams_max, "65536", 0, 1048576, RELOADABLE,
           "streams that the content may have of its own, for instance one for each part of its ground")},
    {BYTES(ROOM, "memory_max", memory_bytes_max, "64MiB", 64 * KIB, 16 * GIB, RELOADABLE,
           "memory that the content may have of the room's")},
    {COUNT(ROOM, "seed", seed, "0", 0, INT64_MAX, FIXED,
           "where the content's random numbers begin; 0 draws it from the kernel, for each room anew")},

    {DURATION(TEMPLATE, "idle_close", idle_close_ns, "60s", S, 24 * H, RELOADABLE,
              "time that a room of this template may stay empty; then it is closed")},
    {COUNT(TEMPLATE, "instances_max", instances_max, "64", 1, CONFIG_ROOMS_MAX, RELOADABLE,
           "rooms of this template held at once; rooms_max counts them too")},
};

const char *const config_section_heads[CONFIG_SECTION_COUNT] = {"[server]", "[room NAME]", "[template NAME]"};

const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS_MAX,
               "the parser has a line for each key");

bool config_key_is_in(const struct config_key *key, enum config_section section)
{
    return key->section == section ||
           (section == CONFIG_TEMPLATE && key->section == CONFIG_ROOM && !key->is_room_only);
}

const struct config_key *config_key_find(enum config_section section, const char *name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_key_is_in(&config_keys[i], section) && strcmp(config_keys[i].name, name) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}

enum { EDIT_BYTES_MAX = 32 };

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

bool config_is_nearer(const char *candidate, const char *name, size_t *edits)
{
    size_t name_size = strlen(name);

    if (name_size > EDIT_BYTES_MAX || strlen(candidate) > EDIT_BYTES_MAX) {
        return false;
    }
    size_t needed = edit_distance(candidate, name);
    if (needed >= name_size ||
        needed >= *edits) { /* a name that is edited away as a whole resembles nothing */
        return false;
    }
    *edits = needed;
    return true;
}

const struct config_key *config_key_nearest(enum config_section section, const char *name)
{
    const struct config_key *nearest = NULL;
    size_t edits = CONFIG_EDITS_NONE;

    for (size_t i = 0; i < config_key_count; i++) {
        if (config_key_is_in(&config_keys[i], section) &&
            config_is_nearer(config_keys[i].name, name, &edits)) {
            nearest = &config_keys[i];
        }
    }
    return nearest;
}
