/* The services, as roomd/content.h says them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fake_room.h"

static char last_log[FAKE_LOG_BYTES];

const char *fake_last_log(void)
{
    return last_log;
}

static struct fake_player *inside(struct roomd_room *room, uint64_t session)
{
    return fake_player_inside(fake_of(room), session);
}

static int packet_check(uint16_t id, size_t bytes)
{
    if (id == 0 || id >= ROOMD_ENGINE_ID_FIRST) {
        return -EINVAL;
    }
    return bytes > ROOMD_PAYLOAD_BYTES_MAX ? -EMSGSIZE : 0;
}

static int append(struct fake_room *room, struct fake_stream *stream, const uint64_t *key, uint16_t id,
                  const void *payload, size_t bytes)
{
    int error = packet_check(id, bytes);

    if (stream == NULL || error < 0) {
        return stream == NULL ? -ENOENT : error;
    }
    if (room->fail_append > 0 && --room->fail_append == 0) {
        return -ENOMEM;
    }
    struct fake_sent *sent = fake_sent_make(id, payload, bytes);

    room->writes++;
    if (key != NULL) {
        sent->has_key = true;
        sent->key = *key;
        for (size_t i = stream->sent.count; i-- > stream->handed;) {
            struct fake_sent *old = stream->sent.at[i];

            if (old->has_key && old->key == *key) {
                if (old->bytes != bytes) {
                    break;
                }
                stream->sent.at[i] = sent;
                fake_sent_unref(old);
                return 0;
            }
        }
    }
    fake_sent_push(&stream->sent, sent);
    fake_sent_unref(sent);
    return 0;
}

static int broadcast(struct roomd_room *room, uint16_t id, const void *payload, size_t bytes, unsigned flags)
{
    (void)flags;
    return append(fake_of(room), fake_of(room)->streams[0], NULL, id, payload, bytes);
}

static int broadcast_except(struct roomd_room *room, uint64_t session, uint16_t id, const void *payload,
                            size_t bytes, unsigned flags)
{
    struct fake_player *player = inside(room, session);
    struct fake_stream *stream = fake_of(room)->streams[0];

    if (player == NULL) {
        return -ENOENT;
    }
    fake_pull(player);
    int error = broadcast(room, id, payload, bytes, flags);
    struct fake_follow *follow = fake_follow_find(player, stream);

    if (error == 0 && follow != NULL) {
        follow->seen = stream->sent.count;
        stream->handed = stream->sent.count;
    }
    return error;
}

static int broadcast_keyed(struct roomd_room *room, uint64_t key, uint16_t id, const void *payload,
                           size_t bytes, unsigned flags)
{
    (void)flags;
    return append(fake_of(room), fake_of(room)->streams[0], &key, id, payload, bytes);
}

static int send_to(struct roomd_room *room, uint64_t session, uint16_t id, const void *payload, size_t bytes,
                   unsigned flags)
{
    struct fake_player *player = inside(room, session);
    int error = packet_check(id, bytes);

    (void)flags;
    if (player == NULL || error < 0) {
        return player == NULL ? -ENOENT : error;
    }
    if (player->is_owed_all) {
        return -ENOBUFS;
    }
    struct fake_sent *sent = fake_sent_make(id, payload, bytes);

    fake_of(room)->writes++;
    fake_pull(player);
    fake_hand(player, sent);
    fake_sent_unref(sent);
    return 0;
}

static int send_some(struct roomd_room *room, const uint64_t *sessions, uint32_t count, uint16_t id,
                     const void *payload, size_t bytes, unsigned flags, uint32_t *missed)
{
    uint32_t missed_count = 0;
    int error = packet_check(id, bytes);

    (void)flags;
    if (error < 0) {
        return error;
    }
    struct fake_sent *sent = fake_sent_make(id, payload, bytes);

    fake_of(room)->writes++;
    for (uint32_t i = 0; i < count; i++) {
        struct fake_player *player = inside(room, sessions[i]);

        if (player != NULL && !player->is_owed_all) {
            fake_pull(player);
            fake_hand(player, sent);
            continue;
        }
        if (missed != NULL) {
            missed[missed_count] = i;
        }
        missed_count++;
    }
    fake_sent_unref(sent);
    return (int)(count - missed_count);
}

static int refuse(struct roomd_room *room, uint64_t session, enum roomd_error code, const char *text)
{
    struct fake_player *player = inside(room, session);

    (void)text;
    if (player == NULL) {
        return -ENOENT;
    }
    assert_true(code > ROOMD_ERROR_NONE && code < ROOMD_ERROR_COUNT);
    if (player->is_owed_all) {
        return -ENOBUFS;
    }
    fake_pull(player);
    player->error = code;
    return 0;
}

static int kick(struct roomd_room *room, uint64_t session, const char *text)
{
    struct fake_player *player = inside(room, session);

    if (player == NULL) {
        return -ENOENT;
    }
    assert_non_null(text);
    player->is_kicked = true;
    player->pending = ROOMD_LEAVE_DISCONNECTED;
    return 0;
}

static int push_after(struct roomd_room *handle, uint32_t delay_ms, roomd_job *job, uint64_t session,
                      const void *payload, size_t bytes, uint64_t *timer)
{
    struct fake_room *room = fake_of(handle);

    assert_non_null(job);
    if (bytes > ROOMD_JOB_PAYLOAD_BYTES_MAX) {
        return -EMSGSIZE;
    }
    struct fake_job *armed = calloc(1, sizeof(*armed));

    assert_non_null(armed);
    armed->job = job;
    armed->session = session;
    armed->due_ms = room->now_ms + delay_ms;
    armed->number = room->next_job++;
    armed->bytes = bytes;
    if (bytes > 0) {
        memcpy(armed->payload, payload, bytes);
    }
    fake_job_push(&room->jobs, armed);
    *timer = armed->number;
    return 0;
}

static int push(struct roomd_room *room, roomd_job *job, uint64_t session, const void *payload, size_t bytes)
{
    uint64_t timer;

    return push_after(room, 0, job, session, payload, bytes, &timer);
}

static int cancel(struct roomd_room *room, uint64_t timer)
{
    return fake_job_cancel(&fake_of(room)->jobs, timer) ? 0 : -ENOENT;
}

static uint32_t player_id(struct roomd_room *room, uint64_t session)
{
    struct fake_player *player = inside(room, session);

    return player != NULL ? player->id : 0;
}

static void *user(struct roomd_room *room, uint64_t session)
{
    struct fake_player *player = inside(room, session);

    return player != NULL ? player->user : NULL;
}

static int set_user(struct roomd_room *room, uint64_t session, void *pointer)
{
    struct fake_player *player = inside(room, session);

    if (player == NULL) {
        return -ENOENT;
    }
    player->user = pointer;
    return 0;
}

static uint32_t tick_ms(struct roomd_room *room)
{
    return fake_of(room)->has_no_tick ? 0 : 250;
}

static uint64_t now_ms(struct roomd_room *room)
{
    return fake_of(room)->now_ms;
}

static const char *option(struct roomd_room *handle, const char *key)
{
    const struct fake_room *room = fake_of(handle);

    for (size_t i = 0; room->options != NULL && room->options[i] != NULL; i += 2) {
        if (strcmp(room->options[i], key) == 0) {
            return room->options[i + 1];
        }
    }
    for (const struct roomd_option *known = room->content->options; known != NULL && known->key != NULL;
         known++) {
        if (strcmp(known->key, key) == 0) {
            return known->default_text;
        }
    }
    return NULL;
}

static void log_line(struct roomd_room *room, const char *text)
{
    (void)room;
    assert_null(strchr(text, '\n'));
    snprintf(last_log, sizeof(last_log), "%s", text);
}

static int stream_open(struct roomd_room *room, uint32_t stream)
{
    return fake_stream_open(fake_of(room), (uint64_t)stream + 1);
}

static int stream_close(struct roomd_room *room, uint32_t stream)
{
    const struct fake_stream *found = fake_stream_find(fake_of(room), (uint64_t)stream + 1);

    if (found == NULL || found->followers > 0) {
        return found == NULL ? -ENOENT : -EBUSY;
    }
    fake_stream_close(fake_of(room), found->order);
    return 0;
}

static int stream_follow(struct roomd_room *room, uint64_t session, uint32_t stream)
{
    struct fake_player *player = inside(room, session);
    struct fake_stream *found = fake_stream_find(fake_of(room), (uint64_t)stream + 1);

    return player == NULL || player->is_leaving || found == NULL ? -ENOENT : fake_follow(player, found);
}

static int stream_unfollow(struct roomd_room *room, uint64_t session, uint32_t stream)
{
    struct fake_player *player = inside(room, session);
    const struct fake_stream *found = fake_stream_find(fake_of(room), (uint64_t)stream + 1);

    return player == NULL || found == NULL ? -ENOENT : fake_unfollow(player, found);
}

static int stream_append(struct roomd_room *room, uint32_t stream, uint16_t id, const void *payload,
                         size_t bytes, unsigned flags)
{
    (void)flags;
    return append(fake_of(room), fake_stream_find(fake_of(room), (uint64_t)stream + 1), NULL, id, payload,
                  bytes);
}

static int stream_append_keyed(struct roomd_room *room, uint32_t stream, uint64_t key, uint16_t id,
                               const void *payload, size_t bytes, unsigned flags)
{
    (void)flags;
    return append(fake_of(room), fake_stream_find(fake_of(room), (uint64_t)stream + 1), &key, id, payload,
                  bytes);
}

static void barrier(struct roomd_room *handle)
{
    struct fake_room *room = fake_of(handle);

    for (uint32_t i = 0; i < room->player_count; i++) {
        fake_pull(room->players[i]);
    }
}

static uint32_t players(struct roomd_room *handle, uint64_t *sessions, uint32_t max)
{
    const struct fake_room *room = fake_of(handle);
    uint32_t count = 0;

    for (uint32_t i = 0; i < room->player_count; i++) {
        if (room->players[i]->is_in && !room->players[i]->is_leaving) {
            if (count < max) {
                sessions[count] = room->players[i]->session;
            }
            count++;
        }
    }
    return count;
}

static const char *player_name(struct roomd_room *room, uint64_t session)
{
    (void)room;
    (void)session;
    return "";
}

static const char *room_name(struct roomd_room *room)
{
    (void)room;
    return "here";
}

/* SplitMix64. */
static uint64_t random_next(struct roomd_room *room)
{
    uint64_t z = fake_of(room)->random += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void count(struct roomd_room *room, const char *name, uint64_t add)
{
    (void)room;
    (void)add;
    assert_in_range(strlen(name), 1, ROOMD_COUNTER_NAME_BYTES_MAX);
}

const struct roomd_host fake_host = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(fake_host),
    .broadcast = broadcast,
    .broadcast_except = broadcast_except,
    .broadcast_keyed = broadcast_keyed,
    .send = send_to,
    .refuse = refuse,
    .kick = kick,
    .push = push,
    .push_after = push_after,
    .cancel = cancel,
    .player_id = player_id,
    .user = user,
    .set_user = set_user,
    .now_ms = now_ms,
    .tick_ms = tick_ms,
    .option = option,
    .log = log_line,
    .send_some = send_some,
    .stream_open = stream_open,
    .stream_close = stream_close,
    .stream_follow = stream_follow,
    .stream_unfollow = stream_unfollow,
    .stream_append = stream_append,
    .stream_append_keyed = stream_append_keyed,
    .barrier = barrier,
    .players = players,
    .player_name = player_name,
    .user_id = player_name, /* "" as well: nobody here has a ticket */
    .find = fake_find,
    .create = fake_create,
    .close = fake_close,
    .lock = fake_lock,
    .move = fake_move,
    .leave = fake_ask_leave,
    .parcel = fake_parcel_of,
    .name = room_name,
    .random = random_next,
    .alloc = fake_alloc,
    .resize = fake_resize,
    .free = fake_free,
    .read_data = fake_read_data,
    .count = count,
};
