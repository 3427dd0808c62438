#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/fake_room.h"

struct fake_sent *fake_sent_make(uint16_t id, const void *payload, size_t bytes)
{
    struct fake_sent *sent = malloc(sizeof(*sent) + bytes);

    assert_non_null(sent);
    *sent = (struct fake_sent){.refs = 1, .id = id, .bytes = (uint16_t)bytes};
    if (bytes > 0) {
        memcpy(sent->payload, payload, bytes);
    }
    return sent;
}

void fake_sent_unref(struct fake_sent *sent)
{
    if (--sent->refs == 0) {
        free(sent);
    }
}

void fake_sent_push(struct fake_sent_list *list, struct fake_sent *sent)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        list->at = realloc(list->at, list->capacity * sizeof(struct fake_sent *));
        assert_non_null(list->at);
    }
    sent->refs++;
    list->at[list->count++] = sent;
}

void fake_sent_clear(struct fake_sent_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        fake_sent_unref(list->at[i]);
    }
    free(list->at);
    *list = (struct fake_sent_list){0};
}

/* The place of a stream among the others, or where it would be. */
static uint32_t stream_place(const struct fake_room *room, uint64_t order)
{
    uint32_t low = 0;
    uint32_t high = room->stream_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (room->streams[middle]->order < order) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct fake_stream *fake_stream_find(const struct fake_room *room, uint64_t order)
{
    uint32_t place = stream_place(room, order);

    return place < room->stream_count && room->streams[place]->order == order ? room->streams[place] : NULL;
}

int fake_stream_open(struct fake_room *room, uint64_t order)
{
    uint32_t place = stream_place(room, order);

    if (fake_stream_find(room, order) != NULL) {
        return -EEXIST;
    }
    if (room->stream_count > room->streams_max) {
        return -ENOSPC;
    }
    if (room->stream_count == room->stream_capacity) {
        room->stream_capacity = room->stream_capacity == 0 ? 16 : 2 * room->stream_capacity;
        room->streams = realloc(room->streams, room->stream_capacity * sizeof(struct fake_stream *));
        assert_non_null(room->streams);
    }
    memmove(room->streams + place + 1, room->streams + place,
            (room->stream_count - place) * sizeof(struct fake_stream *));
    room->stream_count++;
    room->streams[place] = calloc(1, sizeof(struct fake_stream));
    assert_non_null(room->streams[place]);
    room->streams[place]->order = order;
    return 0;
}

void fake_stream_close(struct fake_room *room, uint64_t order)
{
    uint32_t place = stream_place(room, order);
    struct fake_stream *stream = room->streams[place];

    assert_int_equal(stream->followers, 0);
    fake_sent_clear(&stream->sent);
    free(stream);
    room->stream_count--;
    memmove(room->streams + place, room->streams + place + 1,
            (room->stream_count - place) * sizeof(struct fake_stream *));
}

struct fake_follow *fake_follow_find(struct fake_player *player, const struct fake_stream *stream)
{
    for (uint32_t i = 0; i < player->follow_count; i++) {
        if (player->follows[i].stream == stream) {
            return &player->follows[i];
        }
    }
    return NULL;
}

int fake_follow(struct fake_player *player, struct fake_stream *stream)
{
    uint32_t place = player->follow_count;

    if (fake_follow_find(player, stream) != NULL) {
        return -EALREADY;
    }
    if (player->follow_count == player->follow_capacity) {
        player->follow_capacity = player->follow_capacity == 0 ? 16 : 2 * player->follow_capacity;
        player->follows = realloc(player->follows, player->follow_capacity * sizeof(struct fake_follow));
        assert_non_null(player->follows);
    }
    for (; place > 0 && player->follows[place - 1].stream->order > stream->order; place--) {
        player->follows[place] = player->follows[place - 1];
    }
    player->follows[place] = (struct fake_follow){.stream = stream, .seen = stream->sent.count};
    player->follow_count++;
    stream->followers++;
    stream->handed = stream->sent.count;
    return 0;
}

/* What was appended before still reaches it. */
int fake_unfollow(struct fake_player *player, const struct fake_stream *stream)
{
    struct fake_follow *follow = fake_follow_find(player, stream);

    if (follow == NULL) {
        return -ENOENT;
    }
    fake_pull(player);
    follow->stream->followers--;
    player->follow_count--;
    memmove(follow, follow + 1,
            (size_t)(player->follows + player->follow_count - follow) * sizeof(struct fake_follow));
    return 0;
}

static uint64_t digest_add(uint64_t digest, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ at[i]) * UINT64_C(0x100000001B3); /* FNV-1a */
    }
    return digest;
}

void fake_hand(struct fake_player *player, struct fake_sent *sent)
{
    fake_sent_push(&player->inbox, sent);
    player->digest = digest_add(player->digest, &sent->id, sizeof(sent->id));
    player->digest = digest_add(player->digest, &sent->bytes, sizeof(sent->bytes));
    player->digest = digest_add(player->digest, sent->payload, sent->bytes);
}

void fake_pull(struct fake_player *player)
{
    for (uint32_t i = 0; i < player->follow_count; i++) {
        struct fake_follow *follow = &player->follows[i];
        struct fake_stream *stream = follow->stream;

        for (; follow->seen < stream->sent.count; follow->seen++) {
            fake_hand(player, stream->sent.at[follow->seen]);
        }
        stream->handed = stream->sent.count;
    }
}

void fake_streams_trim(struct fake_room *room)
{
    for (uint32_t i = 0; i < room->player_count; i++) {
        for (uint32_t f = 0; f < room->players[i]->follow_count; f++) {
            room->players[i]->follows[f].seen = 0;
        }
    }
    for (uint32_t i = 0; i < room->stream_count; i++) {
        struct fake_sent_list *sent = &room->streams[i]->sent;

        for (size_t s = 0; s < sent->count; s++) {
            fake_sent_unref(sent->at[s]);
        }
        sent->count = 0;
        room->streams[i]->handed = 0;
    }
}
