/* The lobby: the rooms that there are, by name, in the order in which they were opened. */
#ifndef ROOMD_ROOM_LOBBY_H
#define ROOMD_ROOM_LOBBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct room;
struct room_template;
struct session;

struct lobby {
    struct room **rooms;
    uint32_t count;
    uint32_t capacity;
    struct room **by_name; /* hash chains through room->next_by_name */
    uint32_t name_mask;
    struct room *autojoin; /* takes every new connection; NULL: none does */
    struct room_template *templates;
    uint32_t template_count;
    uint32_t
        gone_count;   /* templates behind those: the config has them no more, but there are rooms of them */
    uint32_t closing; /* rooms that were retired and are not freed yet */
    uint32_t next_room_id;
};

/* For `rooms_max` rooms at most. 0 or -ENOMEM. */
int lobby_init(struct lobby *lobby, uint32_t rooms_max);
/* Every room must have been taken out. */
void lobby_fini(struct lobby *lobby);

/*
 * Lists a room and gives it its id. 0; -EEXIST: there is a room of that name; or -ENOSPC: retired rooms count until
 * they are freed.
 */
int lobby_add(struct lobby *lobby, struct room *room);
void lobby_remove(struct lobby *lobby, struct room *room);

/* NULL when there is no room of that name. The name need not be terminated. */
struct room *lobby_find(const struct lobby *lobby, const void *name, size_t bytes);

/* NULL when there is no template of that name. The name need not be terminated. */
struct room_template *lobby_find_template(const struct lobby *lobby, const void *name, size_t bytes);
/*
 * Takes a copy of `templates` (as a reload does): those of the same name keep their count of instances, and open
 * rooms of one that is gone go on. 0, or -ENOMEM and nothing has changed.
 */
int lobby_set_templates(struct lobby *lobby, const struct room_template *templates, uint32_t count);
/* Whether one more room of a template may be opened. */
bool lobby_has_place(const struct lobby *lobby, const struct room_template *template);
/*
 * Opens a room of a template, counted against its instances_max and the engine's rooms_max. 0 and *out; -EEXIST,
 * -ENOENT (template), -ENOSPC, -EINVAL (not a name), -ENOMEM, or what the content's open returned.
 */
int lobby_create(struct engine *engine, const char *template_name, const char *name, struct room **out);

/*
 * Every room's content is told `text`, in the order of their ids; a content may open rooms when it is told, which are
 * told too, and close them.
 */
void lobby_announce(const struct lobby *lobby, const char *text);

/*
 * S_ROOMS to one session: as many packets as it may be owed, from the room after session->listed_room on. While more
 * are to come it is paused, and this is called again when it has read.
 */
void lobby_send_rooms(const struct lobby *lobby, struct session *session);

#endif
