#include "room/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "room/engine.h"
#include "room/job_timer.h"
#include "room/session.h"
#include "wire/control.h"

/*
 * The golden ratio's fraction in 2^-32: successive rooms' ticks fall far from each other, however many there
 * are.
 */
#define GRID_STEP 2654435769u

static void room_mark_runnable(struct room *room)
{
    if (!list_is_linked(&room->runnable_link)) {
        list_push(&room->engine->runnable, &room->runnable_link);
    }
}

static void room_place_on_grid(struct room *room)
{
    uint64_t fraction = (uint32_t)(room->id * GRID_STEP);

    room->grid_ns = (uint64_t)(((unsigned __int128)room->options.tick_ns * fraction) >> 32);
}

static void room_free(struct room *room)
{
    timer_close(&room->engine->timers, &room->tick);
    job_queue_fini(&room->jobs);
    stream_fini(&room->stream);
    stream_fini(&room->private_stream);
    free(room->members);
    free(room);
}

static struct room *room_allocate(struct engine *engine, const char *name, const struct room_options *options)
{
    struct room *room = calloc(1, sizeof(*room));

    if (room == NULL) {
        return NULL;
    }
    CHECK(strlen(name) < sizeof(room->name));
    memcpy(room->name, name, strlen(name) + 1);
    room->engine = engine;
    room->options = *options;
    stream_init(&room->stream, &engine->net.gather.chunks);
    stream_init(&room->private_stream, &engine->net.gather.chunks);
    job_queue_init(&room->jobs, options->job_bytes_max);
    histogram_init(&room->lateness_ns);
    list_init(&room->transitions);
    list_init(&room->waiting);
    list_init(&room->job_timers);
    list_init(&room->runnable_link);
    list_init(&room->flushing_link);
    return room;
}

int room_open(struct engine *engine, const char *name, const struct room_options *options,
              const struct roomd_content *content, const struct roomd_host *host, struct room **out)
{
    struct room *room = room_allocate(engine, name, options);

    if (room == NULL) {
        return -ENOMEM;
    }

    int rc = timer_open(&engine->timers, &room->tick, room_on_tick);

    if (rc == 0) {
        rc = lobby_add(&engine->lobby, room);
    }
    if (rc < 0) {
        room_free(room);
        return rc;
    }
    room_place_on_grid(room);
    room->content = content;
    rc = content->open(host, (struct roomd_room *)room, &room->content_state);
    if (rc < 0) {
        job_timer_cancel_all(room);
        list_remove(&room->runnable_link);
        list_remove(&room->flushing_link);
        lobby_remove(&engine->lobby, room);
        room_free(room);
        return rc;
    }
    if (options->is_autojoin) {
        engine->lobby.autojoin = room;
    }
    engine->instant_rooms += options->tick_ns == 0;
    *out = room;
    return 0;
}

int room_push_packet(struct room *room, struct session *session, uint16_t id, const uint8_t *payload,
                     size_t bytes)
{
    struct job job = {.session = session->id, .id = id, .bytes = (uint32_t)bytes};
    int rc = job_queue_push(&room->jobs, &job, payload);

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

void room_push_transition(struct room *room, struct session *session)
{
    CHECK(!list_is_linked(&session->transition_link));
    session->transition_after = room->jobs.pushed;
    list_push(&room->transitions, &session->transition_link);
    room_mark_runnable(room);
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

static int room_add_member(struct room *room, struct session *session)
{
    if (room->member_count == room->member_capacity) {
        uint32_t capacity = room->member_capacity == 0 ? 16 : room->member_capacity * 2;
        struct session **members = realloc(room->members, capacity * sizeof(members[0]));

        if (members == NULL) {
            return -ENOMEM;
        }
        room->members = members;
        room->member_capacity = capacity;
    }

    int rc = reader_follow(&session->conn.reader, &room->stream);

    if (rc < 0) {
        return rc;
    }
    session->member = room->member_count;
    room->members[room->member_count++] = session;
    return 0;
}

static void room_release(struct room *room, struct session *session)
{
    CHECK(room->seats > 0);
    room->seats--;
    session->room = NULL;
    session->place = SESSION_NOWHERE;
}

static struct owed_max room_owed_max(const struct room *room)
{
    return (struct owed_max){.bytes = room->options.outbox_bytes_max,
                             .slices = room->options.outbox_slices_max,
                             .age_ns = room->options.outbox_age_max_ns};
}

void room_set_options(struct room *room, const struct room_options *options)
{
    bool is_autojoin = room->options.is_autojoin;
    bool has_new_tick = room->options.tick_ns != options->tick_ns;

    room->engine->instant_rooms -= room->options.tick_ns == 0;
    room->engine->instant_rooms += options->tick_ns == 0;
    room->options = *options;
    room->options.is_autojoin = is_autojoin;
    room->jobs.bytes_max = options->job_bytes_max;
    for (uint32_t i = 0; i < room->member_count; i++) {
        room->members[i]->owed_max = room_owed_max(room);
    }
    if (has_new_tick) {
        timer_cancel(&room->engine->timers, &room->tick);
        room_place_on_grid(room);
        room_request_flush(room, 0);
        room_arm_tick(room);
    }
}

static void room_enter(struct room *room, struct session *session)
{
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        room_release(room, session);
        return;
    }
    if (room_add_member(room, session) < 0) {
        room_release(room, session);
        session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
        return;
    }
    session->place = SESSION_IN_ROOM;
    session->user = NULL;
    session->owed_max = room_owed_max(room);
    room->engine->stats.enters++;

    uint8_t frame[CONTROL_FRAME_BYTES_MAX];
    uint32_t tick_ms = (uint32_t)(room->options.tick_ns / NS_PER_MS);

    session_send_control(session, frame,
                         control_put_joined(frame, room->id, room->name, room->content->name, tick_ms));
    if (room->content->tick != NULL) {
        room_arm_tick(room);
    }
    if (room->content->enter != NULL) {
        room->content->enter(room->content_state, session->id);
    }
}

static void room_leave(struct room *room, struct session *session)
{
    /* What was said before it left is still owed to a client that is there to read it. */
    if (session->close_reason == ROOMD_CLOSE_NONE &&
        reader_pull(&session->conn.reader, &room->engine->net.gather, room->engine->now_ns) < 0) {
        session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
    }
    reader_unfollow(&session->conn.reader, &room->stream);
    if (room->content->leave != NULL) {
        room->content->leave(room->content_state, session->id, session->leave_reason);
    }
    room_remove_member(room, session->member);
    room_release(room, session);
    session->user = NULL;
    room->engine->stats.leaves++;

    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    session_send_control(session, frame, control_put_left(frame, session->leave_reason));
}

static void room_run_transition(struct room *room)
{
    struct session *session = LIST_ENTRY(list_pop(&room->transitions), struct session, transition_link);

    if (session->place == SESSION_ENTERING) {
        room_enter(room, session);
    } else {
        CHECK(session->place == SESSION_LEAVING);
        room_leave(room, session);
    }
    session_settle(session);
}

static void room_run_packet(struct room *room, const struct job *job, const uint8_t *payload)
{
    struct session *session = room_find_member(room, job->session);

    if (session == NULL || session->is_muted) {
        room->engine->stats.packets_dropped++;
        return;
    }
    switch (room->content->packet(room->content_state, job->session, job->id, payload, job->bytes)) {
    case ROOMD_PACKET_OK:
        return;
    case ROOMD_PACKET_MALFORMED:
        session_close(session, ROOMD_CLOSE_MALFORMED, NULL);
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
        job.run(room->content_state, job.session, room->engine->job_payload, job.bytes);
    } else {
        room_run_packet(room, &job, room->engine->job_payload);
    }
    return true;
}

bool room_run(struct room *room)
{
    room->engine->is_playing = true;
    for (uint32_t i = 0; i < room->options.jobs_per_turn; i++) {
        if (room_is_congested(room) || !room_run_one(room)) {
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
    room->content->close(room->content_state);
    room->engine->instant_rooms -= room->options.tick_ns == 0;
    job_timer_cancel_all(room);
    list_remove(&room->runnable_link);
    list_remove(&room->flushing_link);
    lobby_remove(&room->engine->lobby, room);
    room_free(room);
}
