#include "daemon/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "daemon/addresses.h"
#include "daemon/server.h"
#include "room/job_timer.h"
#include "room/room.h"
#include "room/session.h"
#include "wire/names.h"

/* A counter in its line: a space, the name, = and 20 digits. */
enum { COUNTER_BYTES_MAX = ROOMD_COUNTER_NAME_BYTES_MAX + 22, COUNTERS_LINE_BYTES = 1024 };

/* " close_slow=2 close_reset=1": the reasons that there were. */
static void format_closes(const struct engine_stats *stats, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (enum roomd_close_reason reason = 1; reason < ROOMD_CLOSE_REASON_COUNT && used < size; reason++) {
        if (stats->closes[reason] > 0) {
            used += (size_t)snprintf(out + used, size - used, " close_%s=%" PRIu64, close_reason_name(reason),
                                     stats->closes[reason]);
        }
    }
}

/* " ticket_ok=5 ticket_expired=1": what became of the tickets that were shown, and how many are remembered. */
static void format_tickets(const struct engine *engine, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (enum ticket_result result = TICKET_OK; result < TICKET_RESULT_COUNT && used < size; result++) {
        if (engine->stats.tickets[result] > 0) {
            used += (size_t)snprintf(out + used, size - used, " ticket_%s=%" PRIu64,
                                     ticket_result_name(result), engine->stats.tickets[result]);
        }
    }
    if (tickets_are_required(&engine->tickets) && used < size) {
        snprintf(out + used, size - used, " ticket_nonces=%" PRIu32, engine->tickets.nonces.count);
    }
}

static uint64_t closes_total(const struct engine_stats *stats)
{
    uint64_t total = 0;

    for (enum roomd_close_reason reason = 1; reason < ROOMD_CLOSE_REASON_COUNT; reason++) {
        total += stats->closes[reason];
    }
    return total;
}

static uint64_t us(uint64_t ns)
{
    return ns / NS_PER_US;
}

/* As many lines as it takes: what a content counts is its own affair. */
static void report_counters(const struct engine *engine)
{
    char line[COUNTERS_LINE_BYTES];
    size_t used = 0;

    for (uint32_t i = 0; i < engine->counter_count; i++) {
        const struct content_counter *counter = &engine->counters[i];

        used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s=%" PRIu64, used == 0 ? "" : " ",
                                 counter->name, counter->value);
        if (used > sizeof(line) - COUNTER_BYTES_MAX || i + 1 == engine->counter_count) {
            log_notice("counters", "%s", line);
            used = 0;
        }
    }
}

void report_stats(const struct engine *engine)
{
    const struct engine_stats *stats = &engine->stats;
    const struct net_stats *net = &engine->net.stats;
    const struct gather *gather = &engine->net.gather;
    char closes[1024];
    char tickets[512];
    char addresses[512];

    format_closes(stats, closes, sizeof(closes));
    format_tickets(engine, tickets, sizeof(tickets));
    addresses_format_stats(engine, addresses, sizeof(addresses));
    log_notice(
        "stats",
        "sessions=%" PRIu32 " rooms=%" PRIu32 " opened=%" PRIu64 " closes=%" PRIu64 " enters=%" PRIu64
        " leaves=%" PRIu64 " packets_in=%" PRIu64 " packets_dropped=%" PRIu64 " packets_flooded=%" PRIu64
        " bytes_flooded=%" PRIu64 " flood_warnings=%" PRIu64 " strikes=%" PRIu64 " errors=%" PRIu64
        " pings=%" PRIu64 " deliveries=%" PRIu64 " overwritten=%" PRIu64 " skips=%" PRIu64
        " packets_skipped=%" PRIu64 " resyncs=%" PRIu64 " bytes_in=%" PRIu64 " bytes_out=%" PRIu64
        " reads=%" PRIu64 " writev=%" PRIu64 " short_writes=%" PRIu64 " ticks=%" PRIu64 " ticks_late=%" PRIu64
        " ticks_skipped=%" PRIu64 " flushes_early=%" PRIu64 " flushes_paced=%" PRIu64 " late_p99_us=%" PRIu64
        " late_max_us=%" PRIu64 " jobs=%" PRIu64 " jobs_refused=%" PRIu64 " job_timers_late=%" PRIu64
        " memory_refused=%" PRIu64 " memory_bytes=%" PRIu64 " shed=%" PRIu64 " chunks=%" PRIu32
        " chunk_bytes=%" PRIu64 " callbacks_slow=%" PRIu64 " rooms_created=%" PRIu64 " rooms_retired=%" PRIu64
        " rooms_failed=%" PRIu64 " cpu_s=%.3f%s%s%s",
        engine->sessions.used, engine->lobby.count, stats->opened, closes_total(stats), stats->enters,
        stats->leaves, stats->packets_in, stats->packets_dropped, stats->packets_flooded,
        stats->bytes_flooded, stats->flood_warnings,
        stats->strikes[ROOMD_CLOSE_MALFORMED] + stats->strikes[ROOMD_CLOSE_STATE], stats->errors_sent,
        stats->pings, gather->deliveries, gather->overwritten, stats->skips, gather->skipped, stats->resyncs,
        net->bytes_in, net->bytes_out, net->reads, net->writevs, net->short_writes, stats->ticks,
        stats->ticks_late, stats->ticks_skipped, stats->flushes_early, stats->flushes_paced,
        us(histogram_quantile(&stats->lateness_ns, 0.99)), us(stats->lateness_ns.max), stats->jobs,
        stats->jobs_refused, stats->job_timers_late, stats->appends_refused + gather->outbox_refused,
        memory_used_bytes(), stats->sessions_shed, gather->chunks.live, gather->chunks.memory_bytes,
        stats->callbacks_slow, stats->rooms_created, stats->rooms_retired, stats->rooms_failed,
        (double)clock_cpu_ns() / 1e9, closes, tickets, addresses);
    report_counters(engine);
}

void report_rooms(const struct engine *engine)
{
    for (uint32_t i = 0; i < engine->lobby.count; i++) {
        const struct room *room = engine->lobby.rooms[i];

        log_notice(
            "room_stats",
            "room=%s players=%" PRIu32 " ticks=%" PRIu64 " late_p50_us=%" PRIu64 " late_p99_us=%" PRIu64
            " late_max_us=%" PRIu64 " queued_jobs=%" PRIu64 " streams=%" PRIu32 " memory=%" PRIu64,
            room->log_name, room->member_count, room->ticks, us(histogram_quantile(&room->lateness_ns, 0.5)),
            us(histogram_quantile(&room->lateness_ns, 0.99)), us(room->lateness_ns.max),
            job_queue_count(&room->jobs), room->stream_count, room->memory_bytes);
    }
}

/* The most that one room takes beside chunks, whose memory has a limit of its own. */
static uint64_t room_bytes_max(const struct room_config *room)
{
    /* The ring is a power of two, and the old one lives until the new one is filled; so is the index of streams. */
    return sizeof(struct room) + 3 * room->job_bytes_max + room->capacity * sizeof(struct session *) +
           room->memory_bytes_max + room->streams_max * (sizeof(struct room_stream) + 2 * sizeof(void *));
}

/* What rooms of templates take at most: the largest kind first, until there are rooms_max rooms. */
static uint64_t templates_bytes_max(const struct config *config)
{
    uint64_t bytes = 0;
    uint64_t bytes_before = UINT64_MAX; /* of the kind that was counted last */
    uint32_t left = config->server.rooms_max - config->room_count;

    while (left > 0) {
        uint64_t largest = 0;
        uint64_t instances = 0;

        for (uint32_t i = 0; i < config->template_count; i++) {
            uint64_t room_bytes = room_bytes_max(&config->templates[i]);

            if (room_bytes >= bytes_before || room_bytes < largest) {
                continue;
            }
            instances = config->templates[i].instances_max + (room_bytes == largest ? instances : 0);
            largest = room_bytes;
        }
        if (instances == 0) {
            break;
        }
        instances = instances < left ? instances : left;
        left -= (uint32_t)instances;
        bytes += instances * largest;
        bytes_before = largest;
    }
    return bytes;
}

void report_limits(const struct server *server)
{
    const struct server_config *config = &server->config.server;
    uint64_t kept_bytes = (uint64_t)config->frame_bytes_max + NET_READ_BYTES;
    /* One parcel may be good still while the next is on its way. */
    uint64_t wishes_bytes = sizeof(struct room_request) + 2 * sizeof(struct parcel);
    uint64_t sessions_bytes = config->sessions_max * (sizeof(struct session) + wishes_bytes + kept_bytes);
    uint64_t outbox_bytes = (uint64_t)server->engine.net.gather.blocks.limit * sizeof(struct outbox_block);
    uint64_t timers_bytes = (uint64_t)config->job_timers_max * sizeof(struct job_timer);
    uint64_t templates_bytes = templates_bytes_max(&server->config);
    uint64_t tickets_bytes = server->config.ticket_keys.count > 0
                                 ? tickets_bytes_max(config->sessions_max, config->nonces_max)
                                 : 0;
    uint64_t rooms_bytes = 0;
    uint64_t sources_bytes = addresses_bytes_max(config);

    for (uint32_t i = 0; i < server->config.room_count; i++) {
        rooms_bytes += room_bytes_max(&server->config.rooms[i]);
    }

    uint64_t total_bytes = sessions_bytes + outbox_bytes + config->chunk_memory_bytes_max + rooms_bytes +
                           templates_bytes + timers_bytes + tickets_bytes + sources_bytes;

    LOG(LOG_LEVEL_INFO, "limits",
        "sessions_max=%" PRIu32 " sessions_bytes=%" PRIu64 " outbox_bytes=%" PRIu64 " chunk_bytes=%" PRIu64
        " rooms_bytes=%" PRIu64 " templates_bytes=%" PRIu64 " timers_bytes=%" PRIu64 " tickets_bytes=%" PRIu64
        " sources_bytes=%" PRIu64 " total_bytes=%" PRIu64,
        config->sessions_max, sessions_bytes, outbox_bytes, config->chunk_memory_bytes_max, rooms_bytes,
        templates_bytes, timers_bytes, tickets_bytes, sources_bytes, total_bytes);
    if (total_bytes > memory_limit_bytes()) {
        LOG(LOG_LEVEL_INFO, "limits_above_memory_max",
            "total_bytes=%" PRIu64 " max_bytes=%" PRIu64
            " hint=\"should all be used up at once, those who are owed most are shed\"",
            total_bytes, memory_limit_bytes());
    }
}
