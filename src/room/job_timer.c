#include "room/job_timer.h"

#include <errno.h>
#include <string.h>

#include "room/engine.h"
#include "room/room.h"
#include "room/room_content.h"

enum { JOB_TIMER_RETRY_MS = 1 };

/* Contents see their time in whole ms: what is due then is due at the very beginning of that ms. */
static uint64_t job_timer_due_ns(const struct room *room, uint64_t delay_ms)
{
    return room->epoch_ns + (room_content_now_ms(room) + delay_ms) * NS_PER_MS;
}

static void job_timer_close(struct job_timer *job_timer)
{
    struct engine *engine = job_timer->room->engine;

    timer_close(&engine->timers, &job_timer->timer);
    list_remove(&job_timer->link);
    slots_remove(&engine->job_timers, job_timer->id);
    pool_give(&engine->job_timer_pool, job_timer);
}

static void job_timer_fire(struct timer *timer, uint64_t now_ns)
{
    struct job_timer *job_timer = LIST_ENTRY(timer, struct job_timer, timer);
    struct engine *engine = job_timer->room->engine;

    (void)now_ns;
    if (room_push(job_timer->room, job_timer->run, job_timer->session, job_timer->payload, job_timer->bytes) <
        0) {
        engine->stats.job_timers_late++;
        timer_arm(&engine->timers, timer, job_timer_due_ns(job_timer->room, JOB_TIMER_RETRY_MS));
        return;
    }
    job_timer_close(job_timer);
}

int job_timer_open(struct room *room, uint64_t delay_ns, roomd_job *run, uint64_t session,
                   const void *payload, size_t bytes, uint64_t *id)
{
    struct engine *engine = room->engine;

    if (bytes > ROOMD_JOB_PAYLOAD_BYTES_MAX) {
        return -EMSGSIZE;
    }

    struct job_timer *job_timer = pool_take(&engine->job_timer_pool);

    if (job_timer == NULL) {
        return -ENOMEM;
    }
    *job_timer = (struct job_timer){.room = room, .run = run, .session = session, .bytes = (uint32_t)bytes};
    if (bytes > 0) {
        memcpy(job_timer->payload, payload, bytes);
    }
    list_init(&job_timer->link);
    if (timer_open(&engine->timers, &job_timer->timer, job_timer_fire) < 0) {
        pool_give(&engine->job_timer_pool, job_timer);
        return -ENOMEM;
    }
    job_timer->id = slots_add(&engine->job_timers, job_timer);
    if (job_timer->id == 0) {
        timer_close(&engine->timers, &job_timer->timer);
        pool_give(&engine->job_timer_pool, job_timer);
        return -ENOMEM;
    }
    list_push(&room->job_timers, &job_timer->link);
    timer_arm(&engine->timers, &job_timer->timer,
              job_timer_due_ns(room, (delay_ns + NS_PER_MS - 1) / NS_PER_MS));
    *id = job_timer->id;
    return 0;
}

int job_timer_cancel(struct room *room, uint64_t id)
{
    struct job_timer *job_timer = slots_find(&room->engine->job_timers, id);

    if (job_timer == NULL || job_timer->room != room) {
        return -ENOENT;
    }
    job_timer_close(job_timer);
    return 0;
}

void job_timer_cancel_all(struct room *room)
{
    while (!list_is_empty(&room->job_timers)) {
        job_timer_close(LIST_ENTRY(room->job_timers.next, struct job_timer, link));
    }
}
