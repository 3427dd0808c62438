#include "daemon/rooms.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "content/host.h"
#include "daemon/server.h"
#include "room/room.h"

static struct room_options room_options_of(const struct room_config *config)
{
    return (struct room_options){
        .tick_ns = config->tick_ns,
        .capacity = config->capacity,
        .is_autojoin = config->is_autojoin,
        .has_suffix = config->has_suffix,
        .early_flush_bytes = (uint32_t)config->early_flush_bytes,
        .job_bytes_max = (uint32_t)config->job_bytes_max,
        .jobs_per_turn = config->jobs_per_turn,
        .outbox_bytes_max = (uint32_t)config->outbox_bytes_max,
        .outbox_slices_max = config->outbox_slices_max,
        .outbox_age_max_ns = config->outbox_age_max_ns,
    };
}

struct engine_limits rooms_engine_limits(const struct config *config)
{
    const struct server_config *server = &config->server;
    struct engine_limits limits = {
        .sessions_max = server->sessions_max,
        .rooms_max = server->rooms_max,
        .job_timers_max = server->job_timers_max,
        .chunk_bytes = (uint32_t)server->chunk_bytes,
        .chunk_memory_bytes_max = server->chunk_memory_bytes_max,
        .frame_bytes_max = server->frame_bytes_max,
        .frame_timeout_ns = server->frame_timeout_ns,
        .linger_ns = server->linger_ns,
    };

    for (uint32_t i = 0; i < config->room_count; i++) {
        if (limits.outbox_slices_max < config->rooms[i].outbox_slices_max) {
            limits.outbox_slices_max = config->rooms[i].outbox_slices_max;
        }
    }
    return limits;
}

static int room_open_configured(struct engine *engine, const struct room_config *config)
{
    struct room_options options = room_options_of(config);
    struct room *room;
    int rc = room_open(engine, config->name, &options, content_find(config->content), content_host(), &room);

    if (rc < 0) {
        LOG(LOG_LEVEL_ERROR, "room_open_failed", "room=%s content=%s error=\"%s\"", config->name,
            config->content, strerror(-rc));
        return rc;
    }
    LOG(LOG_LEVEL_INFO, "room_open", "room=%s id=%u content=%s tick_ms=%llu capacity=%u autojoin=%s",
        room->name, room->id, room->content->name, (unsigned long long)(options.tick_ns / NS_PER_MS),
        options.capacity, options.is_autojoin ? "yes" : "no");
    return 0;
}

int rooms_open(struct server *server)
{
    for (uint32_t i = 0; i < server->config.room_count; i++) {
        int rc = room_open_configured(&server->engine, &server->config.rooms[i]);

        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static struct room *room_of_config(struct engine *engine, const struct room_config *config)
{
    return lobby_find(&engine->lobby, config->name, strlen(config->name));
}

/* Opens the rooms that are new; when one can't be, closes those again. */
static int rooms_open_new(struct engine *engine, const struct config *config)
{
    uint32_t count_before = engine->lobby.count;

    for (uint32_t i = 0; i < config->room_count; i++) {
        int rc = room_of_config(engine, &config->rooms[i]) != NULL
                     ? 0
                     : room_open_configured(engine, &config->rooms[i]);

        if (rc < 0) {
            while (engine->lobby.count > count_before) {
                room_close(engine->lobby.rooms[engine->lobby.count - 1]);
            }
            return rc;
        }
    }
    return 0;
}

static void server_take_config(struct server *server, struct config *config)
{
    struct engine *engine = &server->engine;
    struct engine_limits limits = rooms_engine_limits(config);

    for (uint32_t i = 0; i < config->room_count; i++) {
        struct room_options options = room_options_of(&config->rooms[i]);

        room_set_options(room_of_config(engine, &config->rooms[i]), &options);
    }
    engine_set_limits(engine, &limits);
    log_set_level(config->server.log_level);
    if (config->server.stats_ns > 0) {
        timer_arm(&engine->timers, &server->stats_timer, engine->now_ns + config->server.stats_ns);
    } else {
        timer_cancel(&engine->timers, &server->stats_timer);
    }
    config_fini(&server->config);
    server->config = *config;
}

void rooms_reload(struct server *server)
{
    char error[CONFIG_ERROR_BYTES] = "";
    char quoted[2 * CONFIG_ERROR_BYTES];
    struct config config;

    if (server->config_path == NULL || server->wants_stop) {
        LOG(LOG_LEVEL_WARN, "reload_refused", "error=\"%s\"",
            server->config_path == NULL ? "started without a config file" : "shutting down");
        return;
    }

    int rc = server_load_config(&config, server->config_path, server->listen_override, error);

    if (rc == 0) {
        rc = config_check_reload(&server->config, &config, error, sizeof(error));
        if (rc == 0) {
            rc = rooms_open_new(&server->engine, &config);
        }
        if (rc < 0) {
            config_fini(&config);
        }
    }
    if (rc < 0) {
        LOG(LOG_LEVEL_ERROR, "reload_refused", "error=%s",
            log_quote(quoted, sizeof(quoted), error[0] != '\0' ? error : strerror(-rc),
                      strlen(error[0] != '\0' ? error : strerror(-rc))));
        return;
    }
    server_take_config(server, &config);
    LOG(LOG_LEVEL_INFO, "reload", "rooms=%u", server->engine.lobby.count);
}
