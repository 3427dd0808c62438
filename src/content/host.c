#include "content/host.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "content/bundled.h"
#include "content/host_internal.h"
#include "room/engine.h"
#include "room/job_timer.h"
#include "room/room.h"
#include "room/room_content.h"
#include "room/session.h"
#include "wire/control.h"

static const struct roomd_content *const bundled[] = {
    &roomd_content_chat,
    &roomd_content_field,
    &roomd_content_town,
    &roomd_content_dungeon,
};

static int host_broadcast(struct roomd_room *room, uint16_t id, const void *payload, size_t bytes,
                          unsigned flags)
{
    return room_broadcast(room_of(room), id, payload, bytes, flags);
}

static int host_broadcast_except(struct roomd_room *room, uint64_t session, uint16_t id, const void *payload,
                                 size_t bytes, unsigned flags)
{
    return room_broadcast_except(room_of(room), session, id, payload, bytes, flags);
}

static int host_broadcast_keyed(struct roomd_room *room, uint64_t key, uint16_t id, const void *payload,
                                size_t bytes, unsigned flags)
{
    return room_broadcast_keyed(room_of(room), key, id, payload, bytes, flags);
}

static int host_send(struct roomd_room *room, uint64_t session, uint16_t id, const void *payload,
                     size_t bytes, unsigned flags)
{
    return room_send(room_of(room), session, id, payload, bytes, flags);
}

static int host_send_some(struct roomd_room *room, const uint64_t *sessions, uint32_t count, uint16_t id,
                          const void *payload, size_t bytes, unsigned flags, uint32_t *missed)
{
    return room_send_some(room_of(room), sessions, count, id, payload, bytes, flags, missed);
}

static int host_stream_open(struct roomd_room *room, uint32_t stream)
{
    return room_stream_open(room_of(room), stream);
}

static int host_stream_close(struct roomd_room *room, uint32_t stream)
{
    return room_stream_close(room_of(room), stream);
}

static int host_stream_follow(struct roomd_room *room, uint64_t session, uint32_t stream)
{
    return room_stream_follow(room_of(room), session, stream);
}

static int host_stream_unfollow(struct roomd_room *room, uint64_t session, uint32_t stream)
{
    return room_stream_unfollow(room_of(room), session, stream);
}

static int host_stream_append(struct roomd_room *room, uint32_t stream, uint16_t id, const void *payload,
                              size_t bytes, unsigned flags)
{
    return room_stream_append(room_of(room), stream, id, payload, bytes, flags);
}

static int host_stream_append_keyed(struct roomd_room *room, uint32_t stream, uint64_t key, uint16_t id,
                                    const void *payload, size_t bytes, unsigned flags)
{
    return room_stream_append_keyed(room_of(room), stream, key, id, payload, bytes, flags);
}

static void host_barrier(struct roomd_room *room)
{
    room_barrier(room_of(room));
}

static int host_refuse(struct roomd_room *room, uint64_t id, enum roomd_error code, const char *text)
{
    struct session *session = room_find_member(room_of(room), id);

    if (session == NULL || session->close_reason != ROOMD_CLOSE_NONE) {
        return -ENOENT;
    }
    if (session_owes_too_much(session, CONTROL_FRAME_BYTES_MAX)) {
        session_mark_dirty(session);
        return -ENOBUFS;
    }
    session_send_error(session, code, text);
    return 0;
}

static int host_kick(struct roomd_room *room, uint64_t id, const char *text)
{
    struct session *session = room_find_member(room_of(room), id);

    if (session == NULL) {
        return -ENOENT;
    }
    session_close(session, ROOMD_CLOSE_KICKED, text);
    return 0;
}

static int host_push(struct roomd_room *room, roomd_job *job, uint64_t session, const void *payload,
                     size_t bytes)
{
    return room_push(room_of(room), job, session, payload, bytes);
}

static int host_push_after(struct roomd_room *room, uint32_t delay_ms, roomd_job *job, uint64_t session,
                           const void *payload, size_t bytes, uint64_t *timer)
{
    return job_timer_open(room_of(room), delay_ms * NS_PER_MS, job, session, payload, bytes, timer);
}

static int host_cancel(struct roomd_room *room, uint64_t timer)
{
    return job_timer_cancel(room_of(room), timer);
}

static uint32_t host_player_id(struct roomd_room *room, uint64_t id)
{
    const struct session *session = room_find_member(room_of(room), id);

    return session == NULL ? 0 : session->player;
}

static void *host_user(struct roomd_room *room, uint64_t id)
{
    const struct session *session = room_find_member(room_of(room), id);

    return session == NULL ? NULL : session->user;
}

static int host_set_user(struct roomd_room *room, uint64_t id, void *user)
{
    struct session *session = room_find_member(room_of(room), id);

    if (session == NULL) {
        return -ENOENT;
    }
    session->user = user;
    return 0;
}

static uint32_t host_tick_ms(struct roomd_room *room)
{
    return (uint32_t)(room_of(room)->options.tick_ns / NS_PER_MS);
}

static uint64_t host_now_ms(struct roomd_room *room)
{
    return room_content_now_ms(room_of(room));
}

static const char *host_option(struct roomd_room *room, const char *key)
{
    return room_content_setting(room_of(room), key);
}

static uint64_t host_random(struct roomd_room *room)
{
    return room_content_random(room_of(room));
}

static void *host_alloc(struct roomd_room *room, size_t bytes)
{
    return room_content_alloc(room_of(room), bytes);
}

static void *host_resize(struct roomd_room *room, void *memory, size_t bytes)
{
    return room_content_resize(room_of(room), memory, bytes);
}

static void host_free(struct roomd_room *room, void *memory)
{
    room_content_free(room_of(room), memory);
}

static void host_fail(struct roomd_room *room, const char *why)
{
    room_fail(room_of(room), why != NULL ? why : "");
}

static void host_log(struct roomd_room *room, const char *text)
{
    char quoted[512];

    LOG(LOG_LEVEL_INFO, "content", "room=%s content=%s text=%s", room_of(room)->log_name,
        room_of(room)->content->name, log_quote(quoted, sizeof(quoted), text, strlen(text)));
}

static const struct roomd_host host = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(host),
    .broadcast = host_broadcast,
    .broadcast_except = host_broadcast_except,
    .broadcast_keyed = host_broadcast_keyed,
    .send = host_send,
    .refuse = host_refuse,
    .kick = host_kick,
    .push = host_push,
    .push_after = host_push_after,
    .cancel = host_cancel,
    .player_id = host_player_id,
    .user = host_user,
    .set_user = host_set_user,
    .now_ms = host_now_ms,
    .tick_ms = host_tick_ms,
    .fail = host_fail,
    .option = host_option,
    .log = host_log,
    .send_some = host_send_some,
    .stream_open = host_stream_open,
    .stream_close = host_stream_close,
    .stream_follow = host_stream_follow,
    .stream_unfollow = host_stream_unfollow,
    .stream_append = host_stream_append,
    .stream_append_keyed = host_stream_append_keyed,
    .barrier = host_barrier,
    .players = host_players,
    .player_name = host_player_name,
    .find = host_find,
    .create = host_create,
    .close = host_close,
    .lock = host_lock,
    .move = host_move,
    .leave = host_leave,
    .parcel = host_parcel,
    .name = host_name,
    .random = host_random,
    .alloc = host_alloc,
    .resize = host_resize,
    .free = host_free,
    .read_data = host_read_data,
    .count = host_count,
    .user_id = host_user_id,
};

const struct roomd_host *content_host(void)
{
    return &host;
}

const struct roomd_content *content_find(const char *name)
{
    for (size_t i = 0; i < sizeof(bundled) / sizeof(bundled[0]); i++) {
        if (strcmp(bundled[i]->name, name) == 0) {
            return bundled[i];
        }
    }
    return NULL;
}
