#include "room/room_content.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "room/engine.h"
#include "room/job_timer.h"
#include "room/session.h"

/* What SplitMix64 adds for each number (Steele et al. 2014); hash_u64 is its finaliser. */
#define RANDOM_STEP 0x9E3779B97F4A7C15u

/* A callback that is running, and what it runs within: a content's create runs another one's open. */
struct watch {
    uint64_t begin_ns;
    const struct room *outer_room;
    const char *outer_callback;
    bool was_playing;
};

#define LOAD(member)         atomic_load_explicit(&(member), memory_order_relaxed)
#define STORE(member, value) atomic_store_explicit(&(member), (value), memory_order_relaxed)

static struct watch watch_begin(struct room *room, const char *callback)
{
    struct running *running = &room->engine->running;
    struct watch watch = {.begin_ns = clock_coarse_ns(),
                          .outer_room = LOAD(running->room),
                          .outer_callback = LOAD(running->callback),
                          .was_playing = room->engine->is_playing};

    if (watch.outer_room == NULL) {
        STORE(running->number, LOAD(running->number) + 1);
        STORE(running->begin_ns, watch.begin_ns);
    }
    STORE(running->callback, callback);
    STORE(running->room, room);
    room->engine->is_playing = true;
    return watch;
}

static void watch_end(struct room *room, struct watch watch)
{
    struct engine *engine = room->engine;
    const char *callback = LOAD(engine->running.callback);
    uint64_t end_ns = clock_coarse_ns();
    uint64_t took_ns = end_ns - watch.begin_ns;
    uint64_t held;

    STORE(engine->running.room, watch.outer_room);
    STORE(engine->running.callback, watch.outer_callback);
    engine->callback_end_ns = end_ns;
    engine->is_playing = watch.was_playing;
    if (took_ns <= CALLBACK_SLOW_NS) {
        return;
    }
    engine->stats.callbacks_slow++;
    if (log_gate_pass(&engine->slow_gate, engine->now_ns, NS_PER_S, &held)) {
        LOG(LOG_LEVEL_WARN, "callback_slow", "room=%s content=%s callback=%s took_ms=%llu held=%llu",
            room->log_name, room->content->name, callback, (unsigned long long)(took_ns / NS_PER_MS),
            (unsigned long long)held);
    }
}

static int room_seed(struct room *room)
{
    room->random = room->options.seed;
    while (room->random == 0) {
        if (getrandom(&room->random, sizeof(room->random), 0) < 0 && errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

void room_content_clear(struct room *room)
{
    job_timer_cancel_all(room);
    job_queue_drop_jobs(&room->jobs);
    room_stream_close_all(room);
    room_content_free_memory(room);
}

/* A module that returns what is neither 0 nor -errno has failed. */
static int result_of(int rc)
{
    return rc > 0 ? -EIO : rc;
}

int room_content_open(struct room *room, const struct roomd_host *host)
{
    int rc = room_seed(room);

    if (rc < 0) {
        return rc;
    }
    room->epoch_ns = room->engine->now_ns;

    struct watch watch = watch_begin(room, "open");

    rc = result_of(room->content->open(host, (struct roomd_room *)room, &room->content_state));
    watch_end(room, watch);
    if (rc < 0) {
        room_content_clear(room);
    }
    return rc;
}

void room_content_call_close(struct room *room)
{
    struct watch watch = watch_begin(room, "close");

    room->content->close(room->content_state);
    room->content_state = NULL;
    watch_end(room, watch);
}

void room_content_close(struct room *room)
{
    room_content_call_close(room);
    room_content_free_memory(room);
}

int room_content_call_save(struct room *room, void *out, size_t size, size_t *bytes)
{
    struct watch watch = watch_begin(room, "save");
    int rc = room->content->save(room->content_state, out, size, bytes);

    watch_end(room, watch);
    return result_of(rc);
}

int room_content_call_restore(struct room *room, const struct roomd_host *host, const void *bytes,
                              size_t size)
{
    struct watch watch = watch_begin(room, "restore");
    int rc = room->content->restore(host, (struct roomd_room *)room, bytes, size, &room->content_state);

    watch_end(room, watch);
    return result_of(rc);
}

void room_content_enter(struct room *room, struct session *session)
{
    if (room->content->enter != NULL) {
        struct watch watch = watch_begin(room, "enter");

        room->content->enter(room->content_state, session->id);
        watch_end(room, watch);
    }
}

void room_content_leave(struct room *room, struct session *session, enum roomd_leave_reason reason)
{
    if (room->content->leave != NULL) {
        struct watch watch = watch_begin(room, "leave");

        room->content->leave(room->content_state, session->id, reason);
        watch_end(room, watch);
    }
}

enum roomd_packet_result room_content_packet(struct room *room, uint64_t session, uint16_t id,
                                             const uint8_t *payload, size_t bytes)
{
    struct watch watch = watch_begin(room, "packet");
    enum roomd_packet_result result = room->content->packet(room->content_state, session, id, payload, bytes);

    watch_end(room, watch);
    return result;
}

void room_content_run(struct room *room, roomd_job *job, uint64_t session, const void *payload, size_t bytes)
{
    if (room->has_failed) {
        return;
    }

    struct watch watch = watch_begin(room, "job");

    job(room->content_state, session, payload, bytes);
    watch_end(room, watch);
}

void room_content_tick(struct room *room)
{
    if (room->content->tick != NULL && !room->has_failed) {
        struct watch watch = watch_begin(room, "tick");

        room->content->tick(room->content_state);
        watch_end(room, watch);
    }
}

void room_content_resync(struct room *room, struct session *session)
{
    if (room->content->resync != NULL && !room->has_failed) {
        struct watch watch = watch_begin(room, "resync");

        room->content->resync(room->content_state, session->id);
        watch_end(room, watch);
    }
}

void room_content_announce(struct room *room, const char *text)
{
    if (room->content->announce != NULL && !room->has_failed) {
        struct watch watch = watch_begin(room, "announce");

        room->content->announce(room->content_state, text);
        watch_end(room, watch);
    }
}

uint64_t room_content_now_ms(const struct room *room)
{
    return (room->engine->now_ns - room->epoch_ns) / NS_PER_MS;
}

uint64_t room_content_random(struct room *room)
{
    room->random += RANDOM_STEP;
    return hash_u64(room->random);
}

int room_content_set_settings(struct room *room, const struct room_setting *settings, uint32_t count)
{
    size_t bytes = count * sizeof(settings[0]);

    for (uint32_t i = 0; i < count; i++) {
        bytes += strlen(settings[i].key) + 1 + strlen(settings[i].value) + 1;
    }

    struct room_setting *copy = NULL;

    if (count > 0) {
        copy = memory_take(bytes);
        if (copy == NULL) {
            return -ENOMEM;
        }

        char *text = (char *)(copy + count);

        for (uint32_t i = 0; i < count; i++) {
            copy[i].key = text;
            text = stpcpy(text, settings[i].key) + 1;
            copy[i].value = text;
            text = stpcpy(text, settings[i].value) + 1;
        }
    }
    room_content_free_settings(room);
    room->options.settings = copy;
    room->options.setting_count = count;
    return 0;
}

void room_content_free_settings(struct room *room)
{
    memory_give((void *)(uintptr_t)room->options.settings);
    room->options.settings = NULL;
    room->options.setting_count = 0;
}

const char *room_content_setting(const struct room *room, const char *key)
{
    const struct roomd_option *option = room->content->options;

    while (option != NULL && option->key != NULL && strcmp(option->key, key) != 0) {
        option++;
    }
    if (option == NULL || option->key == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < room->options.setting_count; i++) {
        if (strcmp(room->options.settings[i].key, key) == 0) {
            return room->options.settings[i].value;
        }
    }
    return option->default_text;
}
