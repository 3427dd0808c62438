/* What the host*.c files share: the services that do not stand in host.c. roomd/content.h says what each does. */
#ifndef ROOMD_CONTENT_HOST_INTERNAL_H
#define ROOMD_CONTENT_HOST_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "room/room.h"
#include "roomd/content.h"

enum { HOST_DATA_BYTES_MAX = 16 * 1024 * 1024 /* of a file of data_dir */ };

static inline struct room *room_of(struct roomd_room *room)
{
    return (struct room *)room;
}

/* Players and rooms (host_rooms.c). */
uint32_t host_players(struct roomd_room *room, uint64_t *sessions, uint32_t max);
const char *host_player_name(struct roomd_room *room, uint64_t session);
const char *host_user_id(struct roomd_room *room, uint64_t session);
int host_find(struct roomd_room *room, const char *name, struct roomd_room_info *info);
int host_create(struct roomd_room *room, const char *template_name, const char *name);
int host_close(struct roomd_room *room, const char *name);
void host_lock(struct roomd_room *room, int is_locked);
int host_move(struct roomd_room *room, uint64_t session, const char *to, const void *parcel, size_t bytes);
int host_leave(struct roomd_room *room, uint64_t session);
const void *host_parcel(struct roomd_room *room, uint64_t session, size_t *bytes);
const char *host_name(struct roomd_room *room);

/* Files and counters (host_data.c). */
int host_read_data(struct roomd_room *room, const char *name, char **data, size_t *bytes);
void host_count(struct roomd_room *room, const char *name, uint64_t add);

#endif
