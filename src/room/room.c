#include "room/room.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "room/engine.h"
#include "room/job_timer.h"
#include "room/room_content.h"
#include "room/scheduler.h"
#include "room/session.h"
#include "wire/control.h"

/*
 * The golden ratio's fraction in 2^-32: successive rooms' ticks fall far from each other, however many there
 * are.
 */
#define GRID_STEP 2654435769u

void room_mark_runnable(struct room *room)
{
    if (!list_is_linked(&room->runnable_link)) {
        list_push(&room->engine->runnable, &room->runnable_link);
    }
}

/* Of a room's number and the server's, where 0 says nothing. */
static uint32_t lesser_limit(uint32_t own, uint32_t servers)
{
    return own != 0 && (servers == 0 || own < servers) ? own : servers;
}

static struct rate lesser_rate(const struct rate *own, const struct rate *servers)
{
    return (struct rate){.per_s = lesser_limit(own->per_s, servers->per_s),
                         .burst = lesser_limit(own->burst, servers->burst)};
}

void room_limit_input(struct room *room)
{
    const struct input_limits *own = &room->options.input;
    const struct input_limits *servers = &room->engine->limits.input;

    room->input = (struct input_limits){.packets = lesser_rate(&own->packets, &servers->packets),
                                        .bytes = lesser_rate(&own->bytes, &servers->bytes)};
}

static void room_place_on_grid(struct room *room)
{
    uint64_t fraction = (uint32_t)(room->id * GRID_STEP);

    room->grid_ns = (uint64_t)(((unsigned __int128)room->options.tick_ns * fraction) >> 32);
}

static void room_free(struct room *room)
{
    timer_close(&room->engine->timers, &room->tick);
    timer_close(&room->engine->timers, &room->idle);
    job_queue_fini(&room->jobs);
    stream_fini(&room->stream);
    stream_fini(&room->private_stream);
    room_content_free_settings(room);
    memory_give(room->members);
    memory_give(room);
}

static void room_init(struct room *room, struct engine *engine, const char *name)
{
    CHECK(strlen(name) < sizeof(room->name));
    memcpy(room->name, name, strlen(name) + 1);
    log_word(room->log_name, sizeof(room->log_name), name, strlen(name)); /* it may come from a client */
    room->engine = engine;
    room_limit_input(room);
    stream_init(&room->stream, &engine->net.gather.chunks);
    stream_init(&room->private_stream, &engine->net.gather.chunks);
    job_queue_init(&room->jobs, room->options.job_bytes_max);
    histogram_init(&room->lateness_ns);
    list_init(&room->active);
    list_init(&room->transitions);
    list_init(&room->waiting);
    list_init(&room->job_timers);
    list_init(&room->runnable_link);
    list_init(&room->flushing_link);
    list_init(&room->memory);
    list_init(&room->closing_link);
}

/* NULL when there is no memory. */
static struct room *room_allocate(struct engine *engine, const char *name, const struct room_options *options,
                                  const struct roomd_content *content)
{
    struct room *room = memory_take_zeroed(1, sizeof(*room));

    if (room == NULL) {
        return NULL;
    }
    room->content = content;
    room->options = *options;
    room->options.settings = NULL; /* it keeps a copy */
    room->options.setting_count = 0;
    room_init(room, engine, name);
    if (room_content_set_settings(room, options->settings, options->setting_count) < 0 ||
        timer_open(&engine->timers, &room->tick, room_on_tick) < 0 ||
        timer_open(&engine->timers, &room->idle, room_on_idle) < 0) {
        room_free(room);
        return NULL;
    }
    return room;
}

/* Its content has been closed, or has not opened. */
static void room_take_apart(struct room *room)
{
    job_timer_cancel_all(room);
    room_stream_close_all(room);
    list_remove(&room->runnable_link);
    list_remove(&room->flushing_link);
    room_unlist(room);
    room_free(room);
}

static int room_open_of(struct engine *engine, const char *name, const struct room_options *options,
                        const struct roomd_content *content, const struct roomd_host *host,
                        struct room_template *template, struct room **out)
{
    struct room *room = room_allocate(engine, name, options, content);
    int rc;

    if (room == NULL) {
        return -ENOMEM;
    }
    rc = lobby_add(&engine->lobby, room);
    if (rc < 0) {
        room_free(room);
        return rc;
    }
    room->template = template;
    if (template != NULL) {
        template->instances++;
    }
    room_place_on_grid(room);
    rc = room_content_open(room, host);
    if (rc < 0) {
        room_take_apart(room);
        return rc;
    }
    engine->instant_rooms += room->options.tick_ns == 0;
    *out = room;
    return 0;
}

int room_open(struct engine *engine, const char *name, const struct room_options *options,
              const struct roomd_content *content, const struct roomd_host *host, struct room **out)
{
    int rc = room_open_of(engine, name, options, content, host, NULL, out);

    if (rc == 0 && options->is_autojoin && !(*out)->is_closing) {
        engine->lobby.autojoin = *out;
    }
    return rc;
}

int room_open_instance(struct engine *engine, struct room_template *template, const char *name,
                       struct room **out)
{
    int rc = room_open_of(engine, name, &template->options, template->content, engine->host, template, out);

    if (rc == 0) {
        room_watch_idle(*out);
    }
    return rc;
}

int room_push_packet(struct room *room, struct session *session, uint16_t id, const uint8_t *payload,
                     size_t bytes)
{
    struct job job = {.session = session->id, .id = id, .bytes = (uint32_t)bytes};
    int rc = job_queue_push(&room->jobs, &job, payload);

    while (rc == -ENOMEM && engine_on_no_memory(room->engine)) {
        rc = job_queue_push(&room->jobs, &job, payload);
    }
    if (rc == 0) {
        room_mark_runnable(room);
    } else if (rc == -ENOBUFS) {
        room->engine->stats.jobs_refused++;
    }
    return rc;
}

int room_push(struct room *room, roomd_job *run, uint64_t session, const void *payload, size_t bytes)
{
    struct job job = {.run = run, .session = session, .bytes = (uint32_t)bytes};

    CHECK(run != NULL);
    if (bytes > ROOMD_JOB_PAYLOAD_BYTES_MAX) {
        return -EMSGSIZE;
    }

    int rc = job_queue_push(&room->jobs, &job, payload);

    if (rc == 0) {
        room_mark_runnable(room);
    }
    return rc;
}

struct session *room_find_member(struct room *room, uint64_t id)
{
    struct session *session = slots_find(&room->engine->sessions, id);

    if (session == NULL || session->room != room ||
        (session->place != SESSION_IN_ROOM && session->place != SESSION_LEAVING)) {
        return NULL;
    }
    return session;
}

void room_set_options(struct room *room, const struct room_options *options)
{
    struct room_options before = room->options;

    room->engine->instant_rooms -= before.tick_ns == 0;
    room->engine->instant_rooms += options->tick_ns == 0;
    room->options = *options;
    room->options.is_autojoin = before.is_autojoin;
    room->options.seed = before.seed;
    room->options.settings = before.settings;
    room->options.setting_count = before.setting_count;
    if (room_content_set_settings(room, options->settings, options->setting_count) < 0) {
        LOG(LOG_LEVEL_ERROR, "settings_kept", "room=%s error=\"%s\"", room->log_name, strerror(ENOMEM));
    }
    room_limit_input(room);
    room->jobs.bytes_max = options->job_bytes_max;
    for (uint32_t i = 0; i < room->member_count; i++) {
        room->members[i]->owed_max = room_owed_max(room);
    }
    if (before.tick_ns != options->tick_ns) {
        timer_cancel(&room->engine->timers, &room->tick);
        room_place_on_grid(room);
        room_request_flush(room, 0);
        room_arm_tick(room);
    }
}

static void room_run_packet(struct room *room, const struct job *job, const uint8_t *payload)
{
    struct session *session = room_find_member(room, job->session);

    if (session == NULL || session->is_muted || room->has_failed) {
        room->engine->stats.packets_dropped++;
        return;
    }
    switch (room_content_packet(room, job->session, job->id, payload, job->bytes)) {
    case ROOMD_PACKET_OK:
        return;
    case ROOMD_PACKET_MALFORMED:
        session_strike(session, ROOMD_CLOSE_MALFORMED);
        return;
    case ROOMD_PACKET_UNKNOWN:
        session_send_error(session, ROOMD_ERROR_UNKNOWN_PACKET, NULL);
        return;
    case ROOMD_PACKET_FAILED:
        break;
    }
    session_close(session, ROOMD_CLOSE_CONTENT_ERROR, NULL);
}

/* False: there is nothing to run. */
static bool room_run_one(struct room *room)
{
    struct job job;

    if (!list_is_empty(&room->transitions)) {
        const struct session *first = LIST_ENTRY(room->transitions.next, struct session, transition_link);

        if (first->transition_after <= room->jobs.popped) {
            room_run_transition(room);
            return true;
        }
    }
    if (job_queue_pop(&room->jobs, &job, room->engine->job_payload) < 0) {
        return false;
    }
    room->engine->stats.jobs++;
    if (job.run != NULL) {
        room_content_run(room, job.run, job.session, room->engine->job_payload, job.bytes);
    } else {
        room_run_packet(room, &job, room->engine->job_payload);
    }
    return true;
}

bool room_run(struct room *room)
{
    uint64_t until_ns = clock_coarse_ns() + RUN_PIECE_NS;

    room->engine->is_playing = true;
    for (uint32_t i = 0; i < room->options.jobs_per_turn; i++) {
        if (room_is_congested(room) || !room_run_one(room) || room->engine->callback_end_ns >= until_ns) {
            break;
        }
    }
    room->engine->is_playing = false;
    if (job_queue_used_bytes(&room->jobs) <= room->jobs.bytes_max / 2) {
        struct list *node;

        while ((node = list_pop(&room->waiting)) != NULL) {
            session_resume(LIST_ENTRY(node, struct session, wait_link));
        }
    }
    return job_queue_count(&room->jobs) > 0 || !list_is_empty(&room->transitions);
}

void room_close(struct room *room)
{
    job_queue_fini(&room->jobs);
    while (!list_is_empty(&room->transitions)) {
        room_run_transition(room);
    }
    CHECK(room->member_count == 0 && room->seats == 0 && list_is_empty(&room->waiting));
    room_content_close(room);
    room->engine->instant_rooms -= room->options.tick_ns == 0;
    room_take_apart(room);
}
