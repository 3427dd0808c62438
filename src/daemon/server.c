/*
 * Where to begin reading. One turn of roomd has four phases, in this order:
 *
 *     1. server_read     epoll, accept, read, decode; packets become jobs in their rooms' queues
 *     2. server_play     timers (ticks are timers), new rooms, then the rooms' jobs: game code runs only here
 *     3. server_flush    what the rooms have to say is written: one gathered write a member a tick
 *     4. server_reap     sockets are closed and memory given back; then what changes the server itself
 *
 * Data goes one way: socket, frame, job, content, stream, outbox, socket. Everywhere but in phase 4, closing
 * marks.
 */
#include "daemon/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/log.h"
#include "content/host.h"
#include "daemon/addresses.h"
#include "daemon/door.h"
#include "daemon/listeners.h"
#include "daemon/report.h"
#include "daemon/rooms.h"
#include "room/room.h"
#include "room/scheduler.h"
#include "room/session.h"

/* When a turn found so many sources ready, the next one waits until a millisecond has passed. */
enum { INPUT_IS_THICK = 8 };
#define GATHER_INPUT_NS (1 * NS_PER_MS)

/* Descriptors besides those of sessions: epoll, signals, listeners, the standard three, and some air. */
enum { OTHER_DESCRIPTORS = 64 };

/*
 * Rooms that flush on a tick do not care when, within a millisecond, a packet was read, but a wake-up costs more than
 * a packet does: where input comes thick it is gathered, as output is. Not while a room flushes at the end of turns.
 */
static void server_gather_input(const struct engine *engine, uint64_t timeout_ns)
{
    uint64_t since_turn_ns = clock_now_ns() - engine->now_ns;

    if (engine->instant_rooms > 0 || engine->net.reactor.found < INPUT_IS_THICK ||
        since_turn_ns >= GATHER_INPUT_NS) {
        return;
    }

    uint64_t left_ns = GATHER_INPUT_NS - since_turn_ns;

    clock_sleep_ns(left_ns < timeout_ns ? left_ns : timeout_ns);
}

static void server_read(struct server *server)
{
    struct engine *engine = &server->engine;
    bool is_on_its_way = server->phase == SERVER_LAST_READ || server->phase == SERVER_DRAINING;
    bool has_more = is_on_its_way || server->wants_announcement;
    uint64_t timeout_ns = has_more ? 0 : scheduler_timeout_ns(engine, clock_now_ns());

    if (timeout_ns > 0) {
        server_gather_input(engine, timeout_ns);
        timeout_ns = scheduler_timeout_ns(engine, clock_now_ns());
    }

    uint64_t due_ns = timers_next_ns(&engine->timers);
    int rc = reactor_wait(&engine->net.reactor, timeout_ns);

    CHECK(rc == 0);
    engine->now_ns = clock_now_ns();
    session_forgive_stall(engine, due_ns);
    reactor_dispatch(&engine->net.reactor);
    session_run_resumable(engine);
}

static void server_play(struct server *server)
{
    timers_fire(&server->engine.timers, server->engine.now_ns);
    if (server->wants_announcement) {
        server->wants_announcement = false;
        rooms_announce(server);
    }
    scheduler_run(&server->engine);
}

static void server_flush(struct server *server)
{
    scheduler_flush(&server->engine);
}

static void server_kick_all(struct server *server)
{
    uint32_t at = 0;
    struct session *session;

    while ((session = slots_next(&server->engine.sessions, &at)) != NULL) {
        session_close(session, ROOMD_CLOSE_SHUTDOWN, NULL);
    }
}

static void server_flush_all(struct server *server)
{
    for (uint32_t i = 0; i < server->engine.lobby.count; i++) {
        room_request_flush(server->engine.lobby.rooms[i], 0);
    }
}

/* Takes the edges of the way down that are due. */
static void server_advance(struct server *server)
{
    struct engine *engine = &server->engine;

    switch (server->phase) {
    case SERVER_RUNNING:
        if (server->wants_stop) {
            listeners_close(server);
            server->phase = SERVER_LAST_READ;
        }
        break;
    case SERVER_DONE:
        break;
    case SERVER_LAST_READ:
        engine->is_stopping = true;
        server_flush_all(server);
        server->phase = SERVER_DRAINING;
        break;
    case SERVER_DRAINING:
        if (server->is_overdue || (list_is_empty(&engine->runnable) && list_is_empty(&engine->resumable) &&
                                   list_is_empty(&engine->creating) && list_is_empty(&engine->flushing))) {
            server_kick_all(server);
            server->phase = engine->sessions.used > 0 ? SERVER_LINGERING : SERVER_DONE;
        }
        break;
    case SERVER_LINGERING:
        if (server->is_overdue || engine->sessions.used == 0) {
            server->phase = SERVER_DONE;
        }
        break;
    }
}

static void server_reap(struct server *server)
{
    engine_relieve_memory(&server->engine);
    session_reap(&server->engine);
    room_reap(&server->engine);
    if (server->wants_report) {
        server->wants_report = false;
        report_stats(&server->engine);
        report_rooms(&server->engine);
        addresses_report(&server->engine);
    }
    if (server->wants_reload) {
        server->wants_reload = false;
        upkeep_begin_reload(server);
        rooms_reload(server);
        upkeep_end_reload(server);
    }
    rooms_watch(server);
    server_advance(server);
}

void server_turn(struct server *server)
{
    server_read(server);
    server_play(server);
    server_flush(server);
    server_reap(server);
}

int server_run(struct server *server)
{
    if (upkeep_start(server) < 0) {
        return 1;
    }
    while (server->phase != SERVER_DONE) {
        server_turn(server);
        upkeep_turn(server);
    }
    report_stats(&server->engine);
    report_rooms(&server->engine);
    return server->is_forced ? 1 : 0;
}

/* The turn that is under way goes on; what the signal wants is done at its end. */
static void server_on_signal(void *context, int signal)
{
    struct server *server = context;

    LOG(LOG_LEVEL_INFO, "signal", "signal=%s", sigabbrev_np(signal));
    switch (signal) {
    case SIGHUP:
        server->wants_reload = true;
        break;
    case SIGUSR1:
        server->wants_report = true;
        break;
    default:
        if (server->wants_stop) {
            server->is_forced = true;
            server->phase = SERVER_DONE;
            break;
        }
        server->wants_stop = true;
        upkeep_stop(server);
        timer_arm(&server->engine.timers, &server->shutdown_timer,
                  server->engine.now_ns + server->config.server.shutdown_timeout_ns);
        break;
    }
}

static void server_on_stats(struct timer *timer, uint64_t now_ns)
{
    struct server *server = LIST_ENTRY(timer, struct server, stats_timer);
    uint64_t stats_ns = server->config.server.stats_ns;

    report_stats(&server->engine);
    upkeep_tell_status(server);
    timer_arm(&server->engine.timers, timer, now_ns + stats_ns);
}

static void server_on_shutdown_timeout(struct timer *timer, uint64_t now_ns)
{
    struct server *server = LIST_ENTRY(timer, struct server, shutdown_timer);

    (void)now_ns;
    server->is_overdue = true;
}

int server_load_config(struct config *config, const char *config_path, const char *listen_override,
                       char *error)
{
    int rc;

    if (config_path == NULL) {
        snprintf(error, CONFIG_ERROR_BYTES, "no memory");
        rc = config_default(config);
    } else {
        rc = config_load(config, config_path, error, CONFIG_ERROR_BYTES);
    }

    if (rc == 0 && listen_override != NULL) {
        char reason[CONFIG_ERROR_BYTES / 2];

        config->server.listen_count = 0;
        memset(config->listen_lines, 0, sizeof(config->listen_lines));
        rc = config_add_listen(&config->server, listen_override, reason, sizeof(reason));
        if (rc < 0) {
            snprintf(error, CONFIG_ERROR_BYTES, "-l %.128s: %s", listen_override, reason);
        }
    }
    if (rc == 0) {
        rc = config_bind(config, config_path, error, CONFIG_ERROR_BYTES);
    }
    if (rc == 0) {
        rc = door_check(config, config_path, error);
    }
    if (rc == 0) {
        rc = addresses_check(config, config_path, error);
    }
    if (rc < 0) {
        config_fini(config);
    }
    return rc;
}

/* As many descriptors as the system lets us have; fewer than the config's sessions need is worth saying. */
static void raise_descriptor_limit(uint32_t sessions_max)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < (rlim_t)sessions_max + OTHER_DESCRIPTORS) {
        LOG(LOG_LEVEL_WARN, "descriptor_limit", "limit=%llu wanted=%llu sessions_max=%u",
            (unsigned long long)limit.rlim_cur, (unsigned long long)sessions_max + OTHER_DESCRIPTORS,
            sessions_max);
    }
}

static int server_open_timers(struct server *server)
{
    struct timers *timers = &server->engine.timers;
    int rc = timer_open(timers, &server->stats_timer, server_on_stats);

    rc = rc < 0 ? rc : timer_open(timers, &server->shutdown_timer, server_on_shutdown_timeout);
    rc = rc < 0 ? rc : timer_open(timers, &server->reopen_timer, rooms_on_reopen);
    return rc < 0 ? rc : upkeep_open(server);
}

static void say_why_not(int rc)
{
    fprintf(stderr, "roomd: can't start: %s%s\n", strerror(-rc),
            rc == -ENOMEM ? " (memory_max, or the machine, is too small for the config's limits)" : "");
}

/* Ports below 1024 are root's; game code is not run as root when it need not be. */
static int server_open(struct server *server)
{
    int rc = server_open_timers(server);

    if (rc == 0) {
        rc = signals_open(&server->signals, &server->engine.net.reactor, server_on_signal, server);
    }
    if (rc == 0) {
        addresses_take_config(&server->engine, &server->config);
        rc = door_prepare(&server->engine, &server->config);
    }
    if (rc < 0) {
        say_why_not(rc);
        return rc;
    }
    door_take_config(&server->engine, &server->config);
    rc = listeners_open(server);
    if (rc == 0) {
        rc = upkeep_drop_root(server);
    }
    if (rc < 0) {
        return rc; /* they have said why */
    }
    rc = rooms_open(server);
    if (rc < 0) {
        say_why_not(rc);
        return rc;
    }
    listeners_log(server);
    return 0;
}

/* Where contents find their files. */
static int server_place_data_dir(struct server *server, char *error)
{
    int rc = config_resolve(server->config_path, server->config.server.data_dir, server->data_dir,
                            sizeof(server->data_dir));

    if (rc < 0) {
        snprintf(error, CONFIG_ERROR_BYTES, "data_dir = %.80s...: %s", server->config.server.data_dir,
                 strerror(-rc));
        config_fini(&server->config);
    }
    return rc;
}

int server_init(struct server *server, const char *config_path, const char *listen_override)
{
    *server = (struct server){.config_path = config_path, .listen_override = listen_override};
    signals_init(&server->signals);

    char error[CONFIG_ERROR_BYTES];
    int rc = upkeep_init(server);

    if (rc < 0) {
        return rc;
    }
    rc = server_load_config(&server->config, config_path, listen_override, error);

    if (rc == 0) {
        rc = server_place_data_dir(server, error);
    }
    if (rc < 0) {
        fprintf(stderr, "roomd: %s\n", error);
        content_unload_all();
        return rc;
    }
    log_set_level(server->config.server.log_level);
    raise_descriptor_limit(server->config.server.sessions_max);

    struct engine_limits limits = rooms_engine_limits(server, &server->config);

    rc = engine_init(&server->engine, &limits, clock_now_ns());
    if (rc < 0) {
        say_why_not(rc);
        config_fini(&server->config);
        content_unload_all();
        return rc;
    }
    server->engine.host = content_host();
    server->engine.data_dir = config_path == NULL ? NULL : server->data_dir;
    report_limits(server);
    rc = server_open(server);
    if (rc < 0) {
        server_fini(server);
        return rc;
    }
    if (server->config.server.stats_ns > 0) {
        timer_arm(&server->engine.timers, &server->stats_timer,
                  server->engine.now_ns + server->config.server.stats_ns);
    }
    return 0;
}

void server_fini(struct server *server)
{
    listeners_close(server);
    signals_close(&server->signals, &server->engine.net.reactor);
    timer_close(&server->engine.timers, &server->stats_timer);
    timer_close(&server->engine.timers, &server->shutdown_timer);
    timer_close(&server->engine.timers, &server->reopen_timer);
    upkeep_fini(server);
    engine_fini(&server->engine);
    config_fini(&server->config);
    content_unload_all();
}
