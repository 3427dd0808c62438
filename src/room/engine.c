#include "room/engine.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "room/job_timer.h"
#include "room/room.h"
#include "room/session.h"

/* So many that a session is always found slow before the blocks run out for the others. */
static uint32_t blocks_max(const struct engine_limits *limits)
{
    uint64_t a_session = limits->outbox_slices_max / OUTBOX_BLOCK_SLICES + 2;
    uint64_t blocks = limits->sessions_max * a_session;

    return blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)blocks;
}

/* A room that lets its players be behind for longer must not find the kernel less patient with those who are there. */
static void engine_set_conn_options(struct engine *engine, const struct conn_options *options)
{
    struct session *session;
    uint32_t at = 0;

    if (memcmp(&engine->net.conn_options, options, sizeof(*options)) == 0) {
        return;
    }
    engine->limits.conn = *options;
    engine->net.conn_options = *options;
    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        if (!session->is_ended) {
            conn_tune(&session->conn, &engine->net);
        }
    }
}

void engine_set_limits(struct engine *engine, const struct engine_limits *limits)
{
    engine->limits.frame_bytes_max = limits->frame_bytes_max;
    engine->limits.frame_timeout_ns = limits->frame_timeout_ns;
    engine->limits.linger_ns = limits->linger_ns;
    engine->limits.hello_timeout_ns = limits->hello_timeout_ns;
    engine->limits.ping_after_ns = limits->ping_after_ns;
    engine->limits.pong_timeout_ns = limits->pong_timeout_ns;
    engine->limits.send = limits->send;
    engine->limits.input = limits->input;
    engine->limits.flood_max = limits->flood_max;
    engine->limits.strikes_max = limits->strikes_max;
    engine->limits.memory_bytes_max = limits->memory_bytes_max;
    memory_pressure_set(&engine->pressure, limits->memory_bytes_max);
    engine_set_conn_options(engine, &limits->conn);
    engine->limits.proxy_from = limits->proxy_from;
    sources_set_limits(&engine->sources, &limits->sources);
    if (limits->outbox_slices_max > engine->limits.outbox_slices_max) {
        engine->limits.outbox_slices_max = limits->outbox_slices_max;
        engine->net.gather.blocks.limit = blocks_max(limits);
    }
    session_shorten_deadlines(engine);
    for (uint32_t i = 0; i < engine->lobby.count; i++) {
        room_limit_input(engine->lobby.rooms[i]);
    }
}

static void engine_init_lists(struct engine *engine)
{
    list_init(&engine->dirty);
    list_init(&engine->resumable);
    list_init(&engine->creating);
    list_init(&engine->ended);
    for (uint32_t i = 0; i < SESSION_DEADLINE_COUNT; i++) {
        list_init(&engine->deadlines[i]);
    }
    list_init(&engine->blocked);
    list_init(&engine->paced);
    list_init(&engine->resyncing);
    list_init(&engine->runnable);
    list_init(&engine->flushing);
    list_init(&engine->closing);
}

static void engine_free(struct engine *engine)
{
    timer_close(&engine->timers, &engine->deadline_timer);
    timer_close(&engine->timers, &engine->blocked_timer);
    timer_close(&engine->timers, &engine->paced_timer);
    stream_fini(&engine->private_stream);
    lobby_fini(&engine->lobby);
    tickets_fini(&engine->tickets);
    sources_fini(&engine->sources);
    slots_fini(&engine->sessions);
    slots_fini(&engine->job_timers);
    pool_fini(&engine->session_pool);
    pool_fini(&engine->job_timer_pool);
    pool_fini(&engine->net.kept_small);
    gather_fini(&engine->net.gather);
    timers_fini(&engine->timers);
    memory_set_limit(UINT64_MAX);
}

/* Peers may choose their addresses, behind a proxy even freely: how they are hashed is nobody's business. */
static int engine_init_sources(struct engine *engine, const struct engine_limits *limits, uint64_t now_ns)
{
    uint8_t key[SIPHASH_KEY_BYTES];

    if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key)) {
        return -EIO; /* so few bytes come whole or not at all */
    }
    return sources_init(&engine->sources, &engine->timers, &limits->sources, limits->sessions_max, key,
                        now_ns);
}

int engine_init(struct engine *engine, const struct engine_limits *limits, uint64_t now_ns)
{
    *engine = (struct engine){.limits = *limits, .now_ns = now_ns, .net.conn_options = limits->conn};
    memory_pressure_set(&engine->pressure, limits->memory_bytes_max);
    engine_init_lists(engine);
    histogram_init(&engine->stats.lateness_ns);
    timers_init(&engine->timers);
    gather_init(&engine->net.gather, limits->chunk_bytes, limits->chunk_memory_bytes_max, blocks_max(limits));
    pool_init(&engine->net.kept_small, "kept_small", NET_KEPT_SMALL_BYTES, limits->sessions_max);
    stream_init(&engine->private_stream, &engine->net.gather.chunks);
    pool_init(&engine->session_pool, "session", sizeof(struct session), limits->sessions_max);
    pool_init(&engine->job_timer_pool, "job_timer", sizeof(struct job_timer), limits->job_timers_max);

    int rc = slots_init(&engine->sessions, limits->sessions_max);

    rc = rc < 0 ? rc : slots_init(&engine->job_timers, limits->job_timers_max);
    rc = rc < 0 ? rc : engine_init_sources(engine, limits, now_ns);
    rc = rc < 0 ? rc : lobby_init(&engine->lobby, limits->rooms_max);
    rc = rc < 0 ? rc : timer_open(&engine->timers, &engine->deadline_timer, session_check_deadlines);
    rc = rc < 0 ? rc : timer_open(&engine->timers, &engine->blocked_timer, session_check_blocked);
    rc = rc < 0 ? rc : timer_open(&engine->timers, &engine->paced_timer, session_check_paced);
    rc = rc < 0 ? rc : reactor_init(&engine->net.reactor);
    if (rc < 0) {
        engine_free(engine);
    }
    return rc;
}

/* Any room that is left; one that closes may have made, or retired, others. */
static struct room *engine_last_room(const struct engine *engine)
{
    if (engine->lobby.count > 0) {
        return engine->lobby.rooms[engine->lobby.count - 1];
    }
    return list_is_empty(&engine->closing) ? NULL
                                           : LIST_ENTRY(engine->closing.next, struct room, closing_link);
}

void engine_fini(struct engine *engine)
{
    uint32_t at = 0;
    struct session *session;
    struct room *room;

    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        session_close(session, ROOMD_CLOSE_SHUTDOWN, NULL);
        session_close(session, ROOMD_CLOSE_PEER_CLOSED, NULL); /* nobody waits for it to read that */
    }
    while ((room = engine_last_room(engine)) != NULL) {
        room_close(room);
    }
    while (!list_is_empty(&engine->ended)) {
        session_reap(engine);
    }
    reactor_fini(&engine->net.reactor);
    engine_free(engine);
}
