#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/fake_room.h"

#define SESSION_FIRST UINT64_C(0x700000400) /* so that none looks like a player's id */
#define SEED          1u

enum { STREAMS_MAX = 1 << 20, SETTLE_ROUNDS_MAX = 1000 };

struct fake_player *fake_player_of(const struct fake_room *room, uint64_t session)
{
    return session >= SESSION_FIRST && session - SESSION_FIRST < room->player_count
               ? room->players[session - SESSION_FIRST]
               : NULL;
}

struct fake_player *fake_player_inside(const struct fake_room *room, uint64_t session)
{
    struct fake_player *player = fake_player_of(room, session);

    return player != NULL && player->is_in ? player : NULL;
}

static struct fake_player *known(const struct fake_room *room, uint64_t session)
{
    struct fake_player *player = fake_player_of(room, session);

    assert_non_null(player);
    return player;
}

/* The host refuses a config with a key that the content does not list. */
static void options_check(const struct roomd_content *content, const char *const *options)
{
    for (size_t i = 0; options != NULL && options[i] != NULL; i += 2) {
        const struct roomd_option *option = content->options;

        assert_non_null(options[i + 1]);
        while (option != NULL && option->key != NULL && strcmp(option->key, options[i]) != 0) {
            option++;
        }
        if (option == NULL || option->key == NULL) {
            fail_msg("%s has no option %s", content->name, options[i]);
        }
    }
}

static void room_free(struct fake_room *room)
{
    fake_jobs_clear(&room->jobs);
    while (room->stream_count > 0) {
        fake_stream_close(room, room->streams[room->stream_count - 1]->order);
    }
    for (uint32_t i = 0; i < room->player_count; i++) {
        fake_sent_clear(&room->players[i]->inbox);
        free(room->players[i]->follows);
        free(room->players[i]);
    }
    fake_memory_give_back(room);
    free(room->players);
    free(room->streams);
    free(room);
}

struct fake_room *fake_room_try(const struct roomd_content *content, const char *const *options, int *error)
{
    struct fake_room *room = calloc(1, sizeof(*room));

    assert_non_null(room);
    options_check(content, options);
    room->content = content;
    room->options = options;
    room->random = SEED;
    room->next_player = 1;
    room->next_job = 1;
    room->streams_max = STREAMS_MAX;
    assert_int_equal(fake_stream_open(room, FAKE_STREAM_OF_ROOM), 0);
    *error = content->open(&fake_host, fake_handle(room), &room->state);
    if (*error != 0) {
        assert_true(*error < 0);
        room_free(room);
        return NULL;
    }
    fake_settle(room);
    return room;
}

struct fake_room *fake_room_open(const struct roomd_content *content, const char *const *options)
{
    int error;
    struct fake_room *room = fake_room_try(content, options, &error);

    if (room == NULL) {
        fail_msg("%s does not open: %d: %s", content->name, error, fake_last_log());
    }
    return room;
}

void *fake_state(struct fake_room *room)
{
    return room->state;
}

static void player_go(struct fake_room *room, struct fake_player *player, enum roomd_leave_reason reason)
{
    player->is_leaving = true;
    player->pending = 0;
    while (player->follow_count > 0) {
        assert_int_equal(fake_unfollow(player, player->follows[0].stream), 0);
    }
    if (room->content->leave != NULL) {
        room->content->leave(room->state, player->session, reason);
    }
    assert_int_equal(player->follow_count, 0);
    player->is_in = false;
    player->user = NULL;
    player->flushed = player->inbox.count;
}

void fake_settle(struct fake_room *room)
{
    bool is_settled = false;

    for (uint32_t round = 0; !is_settled; round++) {
        assert_true(round < SETTLE_ROUNDS_MAX);
        is_settled = true;
        for (uint32_t i = 0; i < room->player_count; i++) {
            struct fake_player *player = room->players[i];

            if (player->is_in && player->pending == 0 && room->is_closing) {
                player->pending = ROOMD_LEAVE_ROOM_CLOSED;
            }
            if (player->is_in && player->pending != 0) {
                player_go(room, player, player->pending);
                is_settled = false;
            }
        }
    }
}

void fake_room_close(struct fake_room *room)
{
    for (uint32_t i = 0; i < room->player_count; i++) {
        if (room->players[i]->is_in) {
            player_go(room, room->players[i], ROOMD_LEAVE_ROOM_CLOSED);
        }
    }
    assert_int_equal(fake_follows(room), 0);
    room->content->close(room->state);
    room_free(room);
}

static struct fake_player *player_make(struct fake_room *room, uint32_t id)
{
    struct fake_player *player = calloc(1, sizeof(*player));

    assert_non_null(player);
    if (room->player_count == room->player_capacity) {
        room->player_capacity = room->player_capacity == 0 ? 16 : 2 * room->player_capacity;
        room->players = realloc(room->players, room->player_capacity * sizeof(struct fake_player *));
        assert_non_null(room->players);
    }
    player->session = SESSION_FIRST + room->player_count;
    player->id = id != 0 ? id : room->next_player;
    if (player->id >= room->next_player) {
        room->next_player = player->id + 1;
    }
    player->digest = player->id;
    room->players[room->player_count++] = player;
    return player;
}

uint64_t fake_enter_with(struct fake_room *room, uint32_t id, const void *parcel, size_t bytes)
{
    struct fake_player *player = player_make(room, id);

    assert_true(bytes <= ROOMD_PARCEL_BYTES_MAX);
    if (parcel != NULL) {
        memcpy(player->parcel, parcel, bytes);
        player->parcel_bytes = bytes;
        player->has_parcel = true;
    }
    player->is_in = true;
    assert_int_equal(fake_follow(player, room->streams[0]), 0);
    if (room->content->enter != NULL) {
        room->content->enter(room->state, player->session);
    }
    if (player->pending != ROOMD_LEAVE_MOVED) { /* good until the enter callback returns */
        player->has_parcel = false;
    }
    fake_settle(room);
    return player->session;
}

uint64_t fake_enter(struct fake_room *room)
{
    return fake_enter_with(room, 0, NULL, 0);
}

void fake_leave(struct fake_room *room, uint64_t session, enum roomd_leave_reason reason)
{
    struct fake_player *player = known(room, session);

    assert_true(player->is_in);
    player_go(room, player, reason);
    fake_settle(room);
}

uint32_t fake_player_id(const struct fake_room *room, uint64_t session)
{
    return known(room, session)->id;
}

/* The payload is copied to a block of its own size, so that reading beyond it is found out. */
enum roomd_packet_result fake_send(struct fake_room *room, uint64_t session, uint16_t id, const void *payload,
                                   size_t bytes)
{
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);

    assert_non_null(copy);
    assert_true(known(room, session)->is_in && bytes <= ROOMD_PAYLOAD_BYTES_MAX);
    if (bytes > 0) {
        memcpy(copy, payload, bytes);
    }
    enum roomd_packet_result result = room->content->packet(room->state, session, id, copy, bytes);

    free(copy);
    fake_settle(room);
    return result;
}

void fake_advance(struct fake_room *room, uint32_t ms)
{
    uint64_t until_ms = room->now_ms + ms;
    struct fake_job *job;

    while ((job = fake_job_pop(&room->jobs, until_ms)) != NULL) {
        if (job->due_ms > room->now_ms) {
            room->now_ms = job->due_ms;
        }
        job->job(room->state, job->session, job->payload, job->bytes);
        free(job);
        fake_settle(room);
    }
    room->now_ms = until_ms;
}

void fake_tick(struct fake_room *room, uint32_t ms)
{
    uint64_t session;

    fake_advance(room, ms);
    if (room->content->tick != NULL && fake_host.players(fake_handle(room), &session, 1) > 0) {
        room->content->tick(room->state);
        fake_settle(room);
    }
    fake_flush(room);
}

void fake_flush(struct fake_room *room)
{
    for (uint32_t i = 0; i < room->player_count; i++) {
        fake_pull(room->players[i]);
        room->players[i]->flushed = room->players[i]->inbox.count;
    }
    fake_streams_trim(room);
}

uint64_t fake_now_ms(const struct fake_room *room)
{
    return room->now_ms;
}

bool fake_next(struct fake_room *room, uint64_t session, struct fake_packet *packet)
{
    struct fake_player *player = known(room, session);

    if (player->looked_at >= player->flushed) {
        return false;
    }
    const struct fake_sent *sent = player->inbox.at[player->looked_at++];

    *packet = (struct fake_packet){.id = sent->id, .bytes = sent->bytes, .payload = sent->payload};
    return true;
}

bool fake_next_of(struct fake_room *room, uint64_t session, uint16_t id, struct fake_packet *packet)
{
    while (fake_next(room, session, packet)) {
        if (packet->id == id) {
            return true;
        }
    }
    return false;
}

static void player_drop(struct fake_player *player)
{
    size_t kept = player->inbox.count - player->flushed;

    for (size_t i = 0; i < player->flushed; i++) {
        fake_sent_unref(player->inbox.at[i]);
    }
    if (kept > 0) {
        memmove(player->inbox.at, player->inbox.at + player->flushed, kept * sizeof(struct fake_sent *));
    }
    player->inbox.count = kept;
    player->looked_at = player->flushed = 0;
}

void fake_drop(struct fake_room *room, uint64_t session)
{
    if (session != 0) {
        player_drop(known(room, session));
        return;
    }
    for (uint32_t i = 0; i < room->player_count; i++) {
        player_drop(room->players[i]);
    }
}

uint32_t fake_count(const struct fake_room *room, uint64_t session, uint16_t id)
{
    const struct fake_player *player = known(room, session);
    uint32_t count = 0;

    for (size_t i = player->looked_at; i < player->flushed; i++) {
        count += player->inbox.at[i]->id == id;
    }
    return count;
}

enum roomd_error fake_take_error(struct fake_room *room, uint64_t session)
{
    struct fake_player *player = known(room, session);
    enum roomd_error error = player->error;

    player->error = ROOMD_ERROR_NONE;
    return error;
}

bool fake_is_kicked(const struct fake_room *room, uint64_t session)
{
    return known(room, session)->is_kicked;
}

const char *fake_moved_to(const struct fake_room *room, uint64_t session)
{
    return known(room, session)->moved_to;
}

const void *fake_parcel(const struct fake_room *room, uint64_t session, size_t *bytes)
{
    const struct fake_player *player = known(room, session);

    *bytes = player->has_parcel ? player->parcel_bytes : 0;
    return player->has_parcel ? player->parcel : NULL;
}

bool fake_has_left(const struct fake_room *room, uint64_t session)
{
    return known(room, session)->has_asked_leave;
}

void fake_set_owed(struct fake_room *room, uint64_t session, bool is_owed_all)
{
    known(room, session)->is_owed_all = is_owed_all;
}

void fake_fail_alloc(struct fake_room *room, uint32_t nth)
{
    room->fail_alloc = nth;
}

void fake_fail_append(struct fake_room *room, uint32_t nth)
{
    room->fail_append = nth;
}

void fake_set_streams_max(struct fake_room *room, uint32_t streams_max)
{
    room->streams_max = streams_max;
}

void fake_skip(struct fake_room *room, uint64_t session)
{
    struct fake_player *player = known(room, session);

    assert_true(player->is_in);
    for (uint32_t i = 0; i < player->follow_count; i++) {
        struct fake_stream *stream = player->follows[i].stream;

        player->follows[i].seen = stream->sent.count;
        stream->handed = stream->sent.count;
    }
    if (room->content->resync != NULL) {
        room->content->resync(room->state, session);
        fake_settle(room);
    }
}

uint64_t fake_writes(const struct fake_room *room)
{
    return room->writes;
}

uint32_t fake_streams(const struct fake_room *room)
{
    return room->stream_count - 1;
}

uint32_t fake_follows(const struct fake_room *room)
{
    uint32_t follows = 0;

    for (uint32_t i = 1; i < room->stream_count; i++) {
        follows += room->streams[i]->followers;
    }
    return follows;
}

uint32_t fake_jobs(const struct fake_room *room)
{
    return (uint32_t)room->jobs.count;
}

uint8_t *fake_save(struct fake_room *room, size_t *bytes)
{
    size_t needed = 0;

    assert_int_equal(room->content->save(room->state, NULL, 0, &needed), -ENOSPC);
    uint8_t *saved = malloc(needed);

    assert_non_null(saved);
    assert_int_equal(room->content->save(room->state, saved, needed, bytes), 0);
    assert_int_equal(*bytes, needed);
    return saved;
}

void fake_shut(struct fake_room *room)
{
    /* What waits in streams is handed over; streams, jobs and memory begin anew. */
    for (uint32_t i = 0; i < room->player_count; i++) {
        struct fake_player *player = room->players[i];

        while (player->follow_count > 1) {
            assert_int_equal(fake_unfollow(player, player->follows[1].stream), 0);
        }
        fake_pull(player);
        player->user = NULL;
    }
    if (room->state != NULL) {
        room->content->close(room->state);
    }
    room->state = NULL;
    fake_jobs_clear(&room->jobs);
    while (room->stream_count > 1) {
        fake_stream_close(room, room->streams[1]->order);
    }
    fake_memory_give_back(room);
}

void fake_save_and_restore(struct fake_room *room)
{
    size_t bytes;
    uint8_t *saved = fake_save(room, &bytes);

    fake_shut(room);
    assert_int_equal(room->content->restore(&fake_host, fake_handle(room), saved, bytes, &room->state), 0);
    free(saved);
    fake_settle(room);
}

uint64_t fake_digest(const struct fake_room *room)
{
    uint64_t digest = UINT64_C(0xCBF29CE484222325);

    for (uint32_t i = 0; i < room->player_count; i++) {
        digest = (digest ^ room->players[i]->digest) * UINT64_C(0x100000001B3);
    }
    return digest;
}

void fake_set_no_tick(struct fake_room *room)
{
    room->has_no_tick = true;
}
