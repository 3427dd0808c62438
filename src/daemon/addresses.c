#include "daemon/addresses.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/wall_clock.h"
#include "room/session.h"

/* Lines of each kind in one report. */
enum { REPORT_LINES_MAX = 100, LEFT_BYTES = 24 };

int addresses_check(struct config *config, const char *path, char *error)
{
    const char *name = config->server.ban_file;
    char place[PATH_MAX];
    struct stat status;
    int rc = 0;

    if (name[0] == '\0') {
        return 0;
    }
    rc = config_resolve(path, name, place, sizeof(place));

    if (rc == 0 && stat(place, &status) == 0 && !S_ISREG(status.st_mode)) {
        snprintf(error, CONFIG_ERROR_BYTES, "ban_file = %.300s: cannot be opened: not a regular file", name);
        return -EINVAL; /* opening a pipe would wait for its writer */
    }

    FILE *file = rc < 0 ? NULL : fopen(place, "re");

    if (file == NULL) {
        rc = rc < 0 ? rc : -errno;
        snprintf(error, CONFIG_ERROR_BYTES, "ban_file = %.300s: cannot be opened: %s", name, strerror(-rc));
        return rc;
    }
    /* The lines of the file are what an operator has to find: they begin the error. */
    rc = bans_read(&config->bans, name, file, wall_clock_s(), clock_now_ns(), error, CONFIG_ERROR_BYTES);
    fclose(file);
    return rc;
}

struct sources_limits addresses_limits(const struct server_config *server)
{
    return (struct sources_limits){
        .remembered_max = server->sources_max,
        .conns_per_address = server->conns_per_address,
        .connect_rate = server->connect_rate,
        .connect_burst = server->connect_burst,
        .penalty_points = server->penalty_points,
        .penalty_half_life_ns = server->penalty_half_life_ns,
        .penalty_ns = server->penalty_ns,
        .penalty_max_ns = server->penalty_max_ns,
        .grace_ns = server->grace_ns,
        .exempt = server->exempt,
    };
}

void addresses_take_config(struct engine *engine, struct config *config)
{
    struct session *session;
    uint32_t at = 0;

    sources_set_bans(&engine->sources, &config->bans);
    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        const struct endpoint *peer = &session->conn.peer;

        if (peer->is_known && bans_find(&engine->sources.bans, &peer->host, engine->now_ns) != NULL) {
            session_close(session, ROOMD_CLOSE_BANNED, NULL);
        }
    }
}

static const char *format_left(uint64_t until_ns, uint64_t now_ns, char out[LEFT_BYTES])
{
    if (until_ns == BAN_FOR_EVER) {
        return "ever";
    }

    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;

    snprintf(out, LEFT_BYTES, "%llu", (unsigned long long)(left_ns / NS_PER_S));
    return out;
}

static void report_by_hand(const struct engine *engine)
{
    const struct bans *bans = &engine->sources.bans;

    for (uint32_t i = 0; i < bans->count && i < REPORT_LINES_MAX; i++) {
        char network[NETWORK_TEXT_BYTES];
        char left[LEFT_BYTES];

        log_notice("ban", "network=%s by=hand left_s=%s", network_format(&bans->bans[i].network, network),
                   format_left(bans->bans[i].until_ns, engine->now_ns, left));
    }
}

/* Returns how many there are. */
static uint32_t report_by_penalty(const struct engine *engine)
{
    uint32_t count = 0;

    LIST_FOR_EACH (node, &engine->sources.punished) {
        const struct source_entry *entry = LIST_ENTRY(node, struct source_entry, punished);
        char network[NETWORK_TEXT_BYTES];
        char left[LEFT_BYTES];

        if (count++ < REPORT_LINES_MAX) {
            log_notice("ban",
                       "network=%s by=penalty left_s=%s connected=%" PRIu32 " refused=%" PRIu32
                       " kicks=%" PRIu32 " hellos_failed=%" PRIu32,
                       source_format(entry, network),
                       format_left(entry->penalty.due_ns, engine->now_ns, left), entry->connected,
                       entry->refused, entry->kicks, entry->hellos_failed);
        }
    }
    return count;
}

void addresses_report(const struct engine *engine)
{
    report_by_hand(engine);

    uint32_t by_penalty = report_by_penalty(engine);

    log_notice("bans", "by_hand=%" PRIu32 " by_penalty=%" PRIu32 " lines_max=%d", engine->sources.bans.count,
               by_penalty, REPORT_LINES_MAX);
}

void addresses_format_stats(const struct engine *engine, char *out, size_t size)
{
    const struct sources *sources = &engine->sources;
    const struct sources_stats *stats = &sources->stats;
    uint64_t offences = 0;

    for (int i = 0; i < SOURCE_OFFENCE_COUNT; i++) {
        offences += stats->offences[i];
    }
    snprintf(out, size,
             " sources=%" PRIu32 " sources_forgotten=%" PRIu64 " offences=%" PRIu64 " penalties=%" PRIu64
             " refused_banned=%" PRIu64 " refused_penalty=%" PRIu64 " refused_many=%" PRIu64
             " refused_fast=%" PRIu64,
             sources->pool.used, stats->forgotten, offences, stats->penalties, stats->verdicts[SOURCE_BANNED],
             stats->verdicts[SOURCE_PUNISHED], stats->verdicts[SOURCE_TOO_MANY],
             stats->verdicts[SOURCE_TOO_FAST]);
}

uint64_t addresses_bytes_max(const struct server_config *server)
{
    uint64_t entries = (uint64_t)server->sessions_max + server->sources_max;

    /* Up to four buckets to an entry, and two places in the growing heap of timers. */
    return entries * (sizeof(struct source_entry) + 6 * sizeof(void *));
}
