#include "room/lobby.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "room/room.h"
#include "room/session.h"
#include "wire/control.h"

int lobby_init(struct lobby *lobby, uint32_t rooms_max)
{
    uint32_t buckets = 16;

    while (buckets < rooms_max) {
        buckets *= 2;
    }
    *lobby = (struct lobby){.capacity = rooms_max, .name_mask = buckets - 1};
    lobby->rooms = calloc(rooms_max, sizeof(lobby->rooms[0]));
    lobby->by_name = calloc(buckets, sizeof(lobby->by_name[0]));
    if (lobby->rooms == NULL || lobby->by_name == NULL) {
        lobby_fini(lobby);
        return -ENOMEM;
    }
    return 0;
}

void lobby_fini(struct lobby *lobby)
{
    CHECK(lobby->count == 0);
    free(lobby->rooms);
    free(lobby->by_name);
    *lobby = (struct lobby){0};
}

static struct room **lobby_bucket(const struct lobby *lobby, const void *name, size_t bytes)
{
    return &lobby->by_name[hash_bytes(name, bytes) & lobby->name_mask];
}

int lobby_add(struct lobby *lobby, struct room *room)
{
    if (lobby->count == lobby->capacity) {
        return -ENOSPC;
    }
    CHECK(lobby_find(lobby, room->name, strlen(room->name)) == NULL);

    struct room **bucket = lobby_bucket(lobby, room->name, strlen(room->name));

    room->id = ++lobby->next_room_id;
    room->next_by_name = *bucket;
    *bucket = room;
    lobby->rooms[lobby->count++] = room;
    return 0;
}

void lobby_remove(struct lobby *lobby, struct room *room)
{
    struct room **at = lobby_bucket(lobby, room->name, strlen(room->name));
    uint32_t index = 0;

    while (*at != room) {
        at = &(*at)->next_by_name;
    }
    *at = room->next_by_name;
    while (lobby->rooms[index] != room) {
        index++;
    }
    lobby->count--;
    memmove(&lobby->rooms[index], &lobby->rooms[index + 1], (lobby->count - index) * sizeof(lobby->rooms[0]));
    if (lobby->autojoin == room) {
        lobby->autojoin = NULL;
    }
}

struct room *lobby_find(const struct lobby *lobby, const void *name, size_t bytes)
{
    struct room *room = *lobby_bucket(lobby, name, bytes);

    while (room != NULL && (strlen(room->name) != bytes || memcmp(room->name, name, bytes) != 0)) {
        room = room->next_by_name;
    }
    return room;
}

void lobby_send_rooms(const struct lobby *lobby, struct session *session)
{
    uint8_t frame[ROOMD_FRAME_BYTES_MAX];
    struct control_rooms rooms;

    control_rooms_init(&rooms, frame, sizeof(frame));
    for (uint32_t i = 0; i < lobby->count; i++) {
        const struct room *room = lobby->rooms[i];

        if (!control_rooms_add(&rooms, room->name, room->content->name, room->member_count,
                               room->options.capacity)) {
            session_send_control(session, frame, control_rooms_finish(&rooms));
            if (session_owes_too_much(session, sizeof(frame))) {
                return;
            }
            control_rooms_init(&rooms, frame, sizeof(frame));
            i--;
        }
    }
    session_send_control(session, frame, control_rooms_finish(&rooms));
}
