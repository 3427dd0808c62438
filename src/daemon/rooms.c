#include "daemon/rooms.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "content/host.h"
#include "daemon/addresses.h"
#include "daemon/door.h"
#include "daemon/listeners.h"
#include "daemon/server.h"
#include "room/room.h"

/* A room's, or a template's, name by log_word. */
enum { ROOM_WORD_BYTES = 4 * ROOMD_NAME_BYTES_MAX + 3 };

/* What the kernel gives a client beyond the time that its room does. */
enum { ACK_SLACK_MS = 5000 };

static struct room_options room_options_of(const struct room_config *config)
{
    return (struct room_options){
        .tick_ns = config->tick_ns,
        .capacity = config->capacity,
        .is_autojoin = config->is_autojoin,
        .early_flush_bytes = (uint32_t)config->early_flush_bytes,
        .job_bytes_max = (uint32_t)config->job_bytes_max,
        .jobs_per_turn = config->jobs_per_turn,
        .outbox_bytes_max = (uint32_t)config->outbox_bytes_max,
        .outbox_slices_max = config->outbox_slices_max,
        .outbox_age_max_ns = config->outbox_age_max_ns,
        .slow = config->slow,
        .skip_max_ns = config->skip_max_ns,
        .input = {.packets = {config->packet_rate, config->packet_burst},
                  .bytes = {(uint32_t)config->input_rate, (uint32_t)config->input_burst}},
        .streams_max = config->streams_max,
        .memory_bytes_max = config->memory_bytes_max,
        .seed = config->seed,
        .settings = config->settings,
        .setting_count = config->setting_count,
    };
}

static void grow_slices_max(struct engine_limits *limits, const struct room_config *rooms, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (limits->outbox_slices_max < rooms[i].outbox_slices_max) {
            limits->outbox_slices_max = rooms[i].outbox_slices_max;
        }
    }
}

/*
 * TCP_USER_TIMEOUT also ends a connection whose client acknowledges all and takes nothing more for so long: that is for its
 * room to judge, by outbox_age_max and skip_max.
 */
static void grow_ack_timeout(struct engine_limits *limits, const struct room_config *rooms, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t skip_ns = rooms[i].slow == ROOM_SLOW_SKIP ? rooms[i].skip_max_ns : 0;
        uint32_t least_ms = (uint32_t)((rooms[i].outbox_age_max_ns + skip_ns) / NS_PER_MS + ACK_SLACK_MS);

        if (limits->conn.ack_timeout_ms < least_ms) {
            limits->conn.ack_timeout_ms = least_ms;
        }
    }
}

struct engine_limits rooms_engine_limits(const struct server *owner, const struct config *config)
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
        .hello_timeout_ns = server->hello_timeout_ns,
        .ping_after_ns = server->ping_after_ns,
        .pong_timeout_ns = server->pong_timeout_ns,
        .send = {(uint32_t)server->send_rate, (uint32_t)server->send_burst},
        .input = {.packets = {server->packet_rate, server->packet_burst},
                  .bytes = {(uint32_t)server->input_rate, (uint32_t)server->input_burst}},
        .flood_max = server->flood_max,
        .strikes_max = server->strikes_max,
        .memory_bytes_max = upkeep_memory_bytes_max(&owner->upkeep, server->memory_bytes_max),
        .conn = {.send_buffer_bytes = (uint32_t)server->socket_send_buffer_bytes,
                 .unsent_bytes = (uint32_t)server->socket_unsent_bytes_max,
                 .ack_timeout_ms = (uint32_t)(server->ack_timeout_ns / NS_PER_MS)},
        .sources = addresses_limits(server),
        .proxy_from = server->proxy_from,
    };

    grow_slices_max(&limits, config->rooms, config->room_count);
    grow_slices_max(&limits, config->templates, config->template_count);
    grow_ack_timeout(&limits, config->rooms, config->room_count);
    grow_ack_timeout(&limits, config->templates, config->template_count);
    return limits;
}

static int room_open_configured(struct engine *engine, const struct room_config *config)
{
    struct room_options options = room_options_of(config);
    struct room *room;
    int rc = room_open(engine, config->name, &options, config->module, content_host(), &room);

    if (rc < 0) {
        char name[ROOM_WORD_BYTES];
        char content[2 * CONFIG_CONTENT_BYTES_MAX];

        LOG(LOG_LEVEL_ERROR, "room_open_failed", "room=%s content=%s error=\"%s\"",
            log_word(name, sizeof(name), config->name, strlen(config->name)),
            log_word(content, sizeof(content), config->content, strlen(config->content)), strerror(-rc));
        return rc;
    }
    LOG(LOG_LEVEL_INFO, "room_open", "room=%s id=%u content=%s tick_ms=%llu capacity=%u autojoin=%s",
        room->log_name, room->id, room->content->name, (unsigned long long)(options.tick_ns / NS_PER_MS),
        options.capacity, options.is_autojoin ? "yes" : "no");
    return 0;
}

static void log_templates(const struct config *config)
{
    for (uint32_t i = 0; i < config->template_count; i++) {
        const struct room_config *template = &config->templates[i];
        char name[ROOM_WORD_BYTES];

        LOG(LOG_LEVEL_INFO, "template",
            "template=%s content=%s tick_ms=%llu capacity=%u instances_max=%u idle_close_ms=%llu",
            log_word(name, sizeof(name), template->name, strlen(template->name)), template->module->name,
            (unsigned long long)(template->tick_ns / NS_PER_MS), template->capacity, template->instances_max,
            (unsigned long long)(template->idle_close_ns / NS_PER_MS));
    }
}

/* The lobby's templates are the config's from now on. 0, or -ENOMEM and they are what they were. */
static int take_templates(struct engine *engine, const struct config *config)
{
    struct room_template *templates =
        memory_take_zeroed((size_t)config->template_count + 1, sizeof(*templates));

    if (templates == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < config->template_count; i++) {
        const struct room_config *template = &config->templates[i];

        memcpy(templates[i].name, template->name, sizeof(templates[i].name));
        templates[i].options = room_options_of(template);
        templates[i].content = template->module;
        templates[i].idle_close_ns = template->idle_close_ns;
        templates[i].instances_max = template->instances_max;
    }
    int rc = lobby_set_templates(&engine->lobby, templates, config->template_count);
    memory_give(templates);
    if (rc == 0) {
        log_templates(config);
    }
    return rc;
}

/* Whether it is the name of a room that the config lists. */
static bool is_of_config(void *context, const char *name)
{
    const struct server *server = context;

    for (uint32_t i = 0; i < server->config.room_count; i++) {
        if (strcmp(server->config.rooms[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int rooms_open(struct server *server)
{
    /* First, for a content may make rooms of them when it is opened. */
    int rc = take_templates(&server->engine, &server->config);

    server->engine.is_name_kept = is_of_config;
    server->engine.names_kept = server;

    for (uint32_t i = 0; i < server->config.room_count && rc == 0; i++) {
        rc = room_open_configured(&server->engine, &server->config.rooms[i]);
    }
    return rc;
}

static struct room *room_of_config(struct engine *engine, const struct room_config *config)
{
    return lobby_find(&engine->lobby, config->name, strlen(config->name));
}

/*
 * A room that was made of a template, by a room that has just been opened even, has the name of one that the file lists
 * now: it would be both.
 */
static int check_names_made(struct engine *engine, const struct config *config, char *error,
                            size_t error_size)
{
    for (uint32_t i = 0; i < config->room_count; i++) {
        const struct room *room = room_of_config(engine, &config->rooms[i]);

        if (room != NULL && room->template != NULL) {
            snprintf(error, error_size, "[room %s] there is a room of that name, made of a template",
                     room->name);
            return -EINVAL;
        }
    }
    return 0;
}

/* Closes the rooms that were opened behind the one of that id, those that the new ones made included. */
static void rooms_close_new(struct lobby *lobby, uint32_t last_id)
{
    while (lobby->count > 0 && lobby->rooms[lobby->count - 1]->id > last_id) {
        room_close(lobby->rooms[lobby->count - 1]);
    }
}

/* Opens the rooms that are new. */
static int rooms_open_new(struct engine *engine, const struct config *config, char *error, size_t error_size)
{
    for (uint32_t i = 0; i < config->room_count; i++) {
        int rc = room_of_config(engine, &config->rooms[i]) != NULL
                     ? 0
                     : room_open_configured(engine, &config->rooms[i]);

        if (rc < 0) {
            snprintf(error, error_size, "[room %s] can't be opened: %s", config->rooms[i].name,
                     rc == -ENOSPC ? "there are rooms_max rooms already" : strerror(-rc));
            return rc;
        }
    }
    return 0;
}

/* Puts the new config in the old one's place, whose templates the lobby no longer has. */
static void server_take_config(struct server *server, struct config *config)
{
    struct engine *engine = &server->engine;
    struct engine_limits limits = rooms_engine_limits(server, config);

    for (uint32_t i = 0; i < config->room_count; i++) {
        struct room_options options = room_options_of(&config->rooms[i]);

        struct room *room = room_of_config(engine, &config->rooms[i]);

        if (room != NULL) { /* its content may have failed when it was opened */
            room_set_options(room, &options);
        }
    }
    engine_set_limits(engine, &limits);
    addresses_take_config(engine, config);
    door_take_config(engine, config);
    log_set_level(config->server.log_level);
    if (config->server.stats_ns > 0) {
        timer_arm(&engine->timers, &server->stats_timer, engine->now_ns + config->server.stats_ns);
    } else {
        timer_cancel(&engine->timers, &server->stats_timer);
    }
    if (strcmp(server->config.server.announcement, config->server.announcement) != 0) {
        server->wants_announcement = config->server.announcement[0] != '\0';
    }
    config_fini(&server->config);
    server->config = *config;
}

/*
 * Opens what is new in the config, and last makes its templates the lobby's: what can't fail is all that is left to do.
 * On failure all is as before, and `error` may say why.
 */
static int open_new(struct server *server, const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    struct engine *engine = &server->engine;
    uint32_t last_id = engine->lobby.next_room_id;
    int rc = config_check_reload(&server->config, config, error, CONFIG_ERROR_BYTES);

    if (rc == 0) {
        rc = listeners_check(server, config, error);
    }
    if (rc == 0) {
        rc = rooms_open_new(engine, config, error, CONFIG_ERROR_BYTES);
    }
    if (rc == 0) {
        rc = check_names_made(engine, config, error, CONFIG_ERROR_BYTES);
    }
    if (rc == 0) {
        rc = door_prepare(engine, config);
    }
    if (rc == 0) {
        rc = take_templates(engine, config);
    }
    if (rc < 0) {
        rooms_close_new(&engine->lobby, last_id);
    }
    return rc;
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
        rc = open_new(server, &config, error);
        if (rc < 0) {
            config_fini(&config);
        }
    }
    if (rc < 0) {
        const char *why = error[0] != '\0' ? error : strerror(-rc);

        LOG(LOG_LEVEL_ERROR, "reload_refused", "error=%s",
            log_quote(quoted, sizeof(quoted), why, strlen(why)));
        return;
    }
    server_take_config(server, &config);
    LOG(LOG_LEVEL_INFO, "reload", "rooms=%u templates=%u", server->engine.lobby.count,
        server->config.template_count);
}

/* What fails while the timer runs is opened with the rest: each room once in room_restart at most. */
void rooms_watch(struct server *server)
{
    struct engine *engine = &server->engine;
    uint64_t restart_ns = server->config.server.room_restart_ns;

    if (server->rooms_failed == engine->stats.rooms_failed) {
        return;
    }
    server->rooms_failed = engine->stats.rooms_failed;
    if (restart_ns > 0 && !timer_is_armed(&server->reopen_timer)) {
        timer_arm(&engine->timers, &server->reopen_timer, engine->now_ns + restart_ns);
    }
}

void rooms_on_reopen(struct timer *timer, uint64_t now_ns)
{
    struct server *server = LIST_ENTRY(timer, struct server, reopen_timer);
    const struct config *config = &server->config;
    bool is_missing = false;

    for (uint32_t i = 0; i < config->room_count && !server->wants_stop; i++) {
        if (room_of_config(&server->engine, &config->rooms[i]) == NULL &&
            room_open_configured(&server->engine, &config->rooms[i]) < 0) {
            is_missing = true;
        }
    }
    if (is_missing && config->server.room_restart_ns > 0) {
        timer_arm(&server->engine.timers, timer, now_ns + config->server.room_restart_ns);
    }
}

void rooms_announce(struct server *server)
{
    const struct lobby *lobby = &server->engine.lobby;

    LOG(LOG_LEVEL_INFO, "announcement", "rooms=%u", lobby->count);
    lobby_announce(lobby, server->config.server.announcement);
}
