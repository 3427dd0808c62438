/* The lobby: the rooms that there are, by name, in the order in which they were opened. */
#ifndef ROOMD_ROOM_LOBBY_H
#define ROOMD_ROOM_LOBBY_H

#include <stddef.h>
#include <stdint.h>

struct room;
struct session;

struct lobby {
    struct room **rooms;
    uint32_t count;
    uint32_t capacity;
    struct room **by_name; /* hash chains through room->next_by_name */
    uint32_t name_mask;
    struct room *autojoin; /* takes every new connection; NULL: none does */
    uint32_t next_room_id;
};

/* For `rooms_max` rooms at most. 0 or -ENOMEM. */
int lobby_init(struct lobby *lobby, uint32_t rooms_max);
/* Every room must have been taken out. */
void lobby_fini(struct lobby *lobby);

/* Lists an open room whose name is not yet taken, and gives it its id. 0 or -ENOSPC. */
int lobby_add(struct lobby *lobby, struct room *room);
void lobby_remove(struct lobby *lobby, struct room *room);

/* NULL when there is no room of that name. The name need not be terminated. */
struct room *lobby_find(const struct lobby *lobby, const void *name, size_t bytes);

/* S_ROOMS to one session, in as many packets as it takes; the list ends early when it may be owed no more. */
void lobby_send_rooms(const struct lobby *lobby, struct session *session);

#endif
