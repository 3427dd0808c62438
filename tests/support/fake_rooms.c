/* The services about other rooms, and about one's own as a room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/fake_room.h"

static void names_add(struct fake_names *names, const char *name)
{
    assert_true(names->count < FAKE_NAMES_MAX && strlen(name) <= ROOMD_NAME_BYTES_MAX);
    snprintf(names->at[names->count++], sizeof(names->at[0]), "%s", name);
}

void fake_add_room(struct fake_room *room, const char *name)
{
    names_add(&room->rooms, name);
}

void fake_add_template(struct fake_room *room, const char *name)
{
    names_add(&room->templates, name);
}

const char *fake_created(const struct fake_room *room)
{
    return room->created;
}

bool fake_is_locked(const struct fake_room *room)
{
    return room->is_locked;
}

bool fake_is_closing(const struct fake_room *room)
{
    return room->is_closing;
}

static bool names_hold(const struct fake_names *names, const char *name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->at[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int fake_find(struct roomd_room *room, const char *name, struct roomd_room_info *info)
{
    if (!names_hold(&fake_of(room)->rooms, name)) {
        return -ENOENT;
    }
    *info = (struct roomd_room_info){.id = 1, .capacity = 1000};
    return 0;
}

int fake_create(struct roomd_room *handle, const char *template_name, const char *name)
{
    struct fake_room *room = fake_of(handle);

    if (!names_hold(&room->templates, template_name)) {
        return -ENOENT;
    }
    if (name[0] == '\0' || strlen(name) > ROOMD_NAME_BYTES_MAX) {
        return -EINVAL;
    }
    if (names_hold(&room->rooms, name)) {
        return -EEXIST;
    }
    fake_add_room(room, name);
    snprintf(room->created, sizeof(room->created), "%s", name);
    return 0;
}

int fake_close(struct roomd_room *handle, const char *name)
{
    struct fake_room *room = fake_of(handle);

    if (name != NULL) {
        return names_hold(&room->rooms, name) ? 0 : -ENOENT;
    }
    room->is_closing = true;
    return 0;
}

void fake_lock(struct roomd_room *room, int is_locked)
{
    fake_of(room)->is_locked = is_locked != 0;
}

int fake_move(struct roomd_room *room, uint64_t session, const char *to, const void *parcel, size_t bytes)
{
    struct fake_player *player = fake_player_inside(fake_of(room), session);

    if (player == NULL || !names_hold(&fake_of(room)->rooms, to)) {
        return -ENOENT;
    }
    if (player->pending != 0) {
        return -EALREADY;
    }
    if (bytes > ROOMD_PARCEL_BYTES_MAX) {
        return -EMSGSIZE;
    }
    player->has_parcel = parcel != NULL;
    player->parcel_bytes = parcel != NULL ? bytes : 0;
    memcpy(player->parcel, parcel != NULL ? parcel : "", player->parcel_bytes);
    snprintf(player->moved_to, sizeof(player->moved_to), "%s", to);
    player->pending = ROOMD_LEAVE_MOVED;
    return 0;
}

int fake_ask_leave(struct roomd_room *room, uint64_t session)
{
    struct fake_player *player = fake_player_inside(fake_of(room), session);

    if (player == NULL || player->pending != 0) {
        return player == NULL ? -ENOENT : -EALREADY;
    }
    player->has_asked_leave = true;
    player->pending = ROOMD_LEAVE_ASKED;
    return 0;
}

const void *fake_parcel_of(struct roomd_room *room, uint64_t session, size_t *bytes)
{
    struct fake_player *player = fake_player_inside(fake_of(room), session);

    if (player == NULL || !player->has_parcel) {
        return NULL;
    }
    *bytes = player->parcel_bytes;
    return player->parcel;
}
