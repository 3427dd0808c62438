#include <errno.h>
#include <string.h>

#include "content/host_internal.h"
#include "room/engine.h"
#include "room/lobby.h"
#include "room/session.h"

/* The member of that id that is not being closed, or NULL. */
static struct session *find_open_member(struct room *room, uint64_t id)
{
    struct session *session = room_find_member(room, id);

    return session != NULL && session->close_reason == ROOMD_CLOSE_NONE ? session : NULL;
}

static uint32_t player_of(const struct room *room, uint64_t id)
{
    const struct session *session = slots_find(&room->engine->sessions, id);

    return session->player;
}

static void swap(uint64_t *one, uint64_t *other)
{
    uint64_t kept = *one;

    *one = *other;
    *other = kept;
}

/* Makes heap[at .. count), whose top alone may lie too high, a heap again: the highest player on top. */
static void sink(const struct room *room, uint64_t *heap, uint32_t count, uint32_t at)
{
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && player_of(room, heap[child]) < player_of(room, heap[child + 1])) {
            child++;
        }
        if (player_of(room, heap[at]) >= player_of(room, heap[child])) {
            return;
        }
        swap(&heap[at], &heap[child]);
    }
}

/*
 * The members lie in an order that depends on when rounds of flushing were cut, which no content may see. So: a heap of
 * those with the lowest numbers, in the caller's own memory, taken apart from its top.
 */
uint32_t host_players(struct roomd_room *handle, uint64_t *sessions, uint32_t max)
{
    const struct room *room = room_of(handle);
    uint32_t count = max < room->member_count ? max : room->member_count;

    for (uint32_t i = 0; i < count; i++) {
        sessions[i] = room->members[i]->id;
    }
    for (uint32_t i = count / 2; i-- > 0;) {
        sink(room, sessions, count, i);
    }
    for (uint32_t i = count; count > 0 && i < room->member_count; i++) {
        if (room->members[i]->player < player_of(room, sessions[0])) {
            sessions[0] = room->members[i]->id;
            sink(room, sessions, count, 0);
        }
    }
    for (uint32_t left = count; left > 1; left--) {
        swap(&sessions[0], &sessions[left - 1]);
        sink(room, sessions, left - 1, 0);
    }
    return room->member_count;
}

/* Who the player is by its ticket; NULL: it has shown none, or is none of this room's. */
static const struct session_identity *identity_of(struct roomd_room *room, uint64_t id)
{
    const struct session *session = room_find_member(room_of(room), id);

    return session == NULL ? NULL : session->identity;
}

const char *host_player_name(struct roomd_room *room, uint64_t session)
{
    const struct session_identity *identity = identity_of(room, session);

    return identity == NULL ? "" : identity->name;
}

const char *host_user_id(struct roomd_room *room, uint64_t session)
{
    const struct session_identity *identity = identity_of(room, session);

    return identity == NULL ? "" : identity->user;
}

static struct room *find_room(const struct room *room, const char *name)
{
    return name == NULL ? NULL : lobby_find(&room->engine->lobby, name, strlen(name));
}

int host_find(struct roomd_room *handle, const char *name, struct roomd_room_info *info)
{
    const struct room *found = find_room(room_of(handle), name);

    if (found == NULL) {
        return -ENOENT;
    }
    *info = (struct roomd_room_info){.id = found->id,
                                     .players = found->seats,
                                     .capacity = found->options.capacity,
                                     .is_locked = found->is_locked};
    memcpy(info->content, found->content->name, strnlen(found->content->name, ROOMD_NAME_BYTES_MAX));
    return 0;
}

int host_create(struct roomd_room *handle, const char *template_name, const char *name)
{
    struct room *made;

    if (name == NULL) {
        return -EINVAL;
    }
    return template_name == NULL ? -ENOENT
                                 : lobby_create(room_of(handle)->engine, template_name, name, &made);
}

int host_close(struct roomd_room *handle, const char *name)
{
    struct room *room = name == NULL ? room_of(handle) : find_room(room_of(handle), name);

    if (room == NULL) {
        return -ENOENT;
    }
    if (room->template == NULL && !room->is_closing) {
        return -EPERM;
    }
    room_retire(room);
    return 0;
}

void host_lock(struct roomd_room *handle, int is_locked)
{
    room_of(handle)->is_locked = is_locked != 0;
}

int host_move(struct roomd_room *handle, uint64_t id, const char *to, const void *parcel, size_t bytes)
{
    struct session *session = find_open_member(room_of(handle), id);
    struct room *room = find_room(room_of(handle), to);

    if (parcel == NULL) {
        bytes = 0;
    }
    if (bytes > ROOMD_PARCEL_BYTES_MAX) {
        return -EMSGSIZE;
    }
    return session == NULL || room == NULL ? -ENOENT : session_move(session, room, parcel, bytes);
}

int host_leave(struct roomd_room *handle, uint64_t id)
{
    struct session *session = find_open_member(room_of(handle), id);

    if (session == NULL) {
        return -ENOENT;
    }
    return session_leave(session) == ROOMD_ERROR_NONE ? 0 : -EALREADY;
}

const void *host_parcel(struct roomd_room *handle, uint64_t id, size_t *bytes)
{
    const struct session *session = room_find_member(room_of(handle), id);
    const struct parcel *parcel = session == NULL ? NULL : session->parcel;

    *bytes = parcel == NULL ? 0 : parcel->bytes;
    return parcel == NULL ? NULL : parcel->content;
}

const char *host_name(struct roomd_room *handle)
{
    return room_of(handle)->name;
}
