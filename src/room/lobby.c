#include "room/lobby.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/room_content.h"
#include "room/session.h"
#include "wire/control.h"
#include "wire/utf8.h"

int lobby_init(struct lobby *lobby, uint32_t rooms_max)
{
    uint32_t buckets = 16;

    while (buckets < rooms_max) {
        buckets *= 2;
    }
    *lobby = (struct lobby){.capacity = rooms_max, .name_mask = buckets - 1};
    lobby->rooms = memory_take_zeroed(rooms_max, sizeof(lobby->rooms[0]));
    lobby->by_name = memory_take_zeroed(buckets, sizeof(lobby->by_name[0]));
    if (lobby->rooms == NULL || lobby->by_name == NULL) {
        lobby_fini(lobby);
        return -ENOMEM;
    }
    return 0;
}

void lobby_fini(struct lobby *lobby)
{
    CHECK(lobby->count == 0 && lobby->closing == 0);
    memory_give(lobby->templates);
    memory_give(lobby->rooms);
    memory_give(lobby->by_name);
    *lobby = (struct lobby){0};
}

static struct room **lobby_bucket(const struct lobby *lobby, const void *name, size_t bytes)
{
    return &lobby->by_name[hash_bytes(name, bytes) & lobby->name_mask];
}

/* A retired room takes its place until it is freed: however fast they come and go, there are no more. */
static bool lobby_is_full(const struct lobby *lobby)
{
    return lobby->count + lobby->closing >= lobby->capacity;
}

int lobby_add(struct lobby *lobby, struct room *room)
{
    if (lobby_is_full(lobby)) {
        return -ENOSPC;
    }
    if (lobby_find(lobby, room->name, strlen(room->name)) != NULL) {
        return -EEXIST;
    }

    struct room **bucket = lobby_bucket(lobby, room->name, strlen(room->name));

    room->id = ++lobby->next_room_id;
    room->next_by_name = *bucket;
    *bucket = room;
    lobby->rooms[lobby->count++] = room;
    return 0;
}

/* The first room whose id is above `id`: they are listed by ascending id. */
static uint32_t lobby_index_after(const struct lobby *lobby, uint32_t id)
{
    uint32_t low = 0;
    uint32_t high = lobby->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (lobby->rooms[middle]->id <= id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void lobby_remove(struct lobby *lobby, struct room *room)
{
    struct room **at = lobby_bucket(lobby, room->name, strlen(room->name));
    uint32_t index = lobby_index_after(lobby, room->id - 1);

    CHECK(index < lobby->count && lobby->rooms[index] == room);
    while (*at != room) {
        at = &(*at)->next_by_name;
    }
    *at = room->next_by_name;
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

static struct room_template *template_in(struct room_template *templates, uint32_t count, const void *name,
                                         size_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strlen(templates[i].name) == bytes && memcmp(templates[i].name, name, bytes) == 0) {
            return &templates[i];
        }
    }
    return NULL;
}

struct room_template *lobby_find_template(const struct lobby *lobby, const void *name, size_t bytes)
{
    return template_in(lobby->templates, lobby->template_count, name, bytes);
}

/* The old ones that are not among the new, and of which there are rooms yet, go behind them. Returns how many. */
static uint32_t lobby_keep_gone(const struct lobby *lobby, struct room_template *templates, uint32_t count)
{
    uint32_t gone = 0;

    for (uint32_t i = 0; i < lobby->template_count + lobby->gone_count; i++) {
        const struct room_template *old = &lobby->templates[i];
        struct room_template *same = template_in(templates, count, old->name, strlen(old->name));

        if (same != NULL) {
            same->instances = old->instances;
        } else if (old->instances > 0) {
            templates[count + gone] = *old;
            templates[count + gone].options.settings = NULL; /* they were the old config's */
            templates[count + gone].options.setting_count = 0;
            gone++;
        }
    }
    return gone;
}

int lobby_set_templates(struct lobby *lobby, const struct room_template *templates, uint32_t count)
{
    size_t size = (size_t)count + lobby->template_count + lobby->gone_count;
    struct room_template *copy = memory_take_zeroed(size > 0 ? size : 1, sizeof(*copy));
    uint32_t gone_count;

    if (copy == NULL) {
        return -ENOMEM;
    }
    if (count > 0) {
        memcpy(copy, templates, count * sizeof(*copy));
    }
    for (uint32_t i = 0; i < count; i++) {
        copy[i].instances = 0;
    }
    gone_count = lobby_keep_gone(lobby, copy, count);
    for (uint32_t i = 0; i < lobby->count; i++) {
        struct room *room = lobby->rooms[i];

        if (room->template != NULL) {
            room->template =
                template_in(copy, count + gone_count, room->template->name, strlen(room->template->name));
            CHECK(room->template != NULL);
        }
    }
    memory_give(lobby->templates);
    lobby->templates = copy;
    lobby->template_count = count;
    lobby->gone_count = gone_count;
    return 0;
}

bool lobby_has_place(const struct lobby *lobby, const struct room_template *template)
{
    return !lobby_is_full(lobby) && template->instances < template->instances_max;
}

static void log_create_failed(struct engine *engine, const struct room_template *template, const char *name,
                              int rc)
{
    char word[4 * ROOMD_NAME_BYTES_MAX + 3];
    char template_word[4 * ROOMD_NAME_BYTES_MAX + 3];
    uint64_t held;

    if (log_gate_pass(&engine->create_gate, engine->now_ns, NS_PER_S, &held)) {
        LOG(LOG_LEVEL_WARN, "room_create_failed", "room=%s template=%s error=\"%s\" held=%llu",
            log_word(word, sizeof(word), name, strlen(name)),
            log_word(template_word, sizeof(template_word), template->name, strlen(template->name)),
            strerror(-rc), (unsigned long long)held);
    }
}

int lobby_create(struct engine *engine, const char *template_name, const char *name, struct room **out)
{
    struct lobby *lobby = &engine->lobby;
    struct room_template *template = lobby_find_template(lobby, template_name, strlen(template_name));
    int rc;

    if (!utf8_name_is_valid((const uint8_t *)name, strlen(name))) {
        return -EINVAL;
    }
    if (lobby_find(lobby, name, strlen(name)) != NULL) {
        return -EEXIST;
    }
    if (engine->is_name_kept != NULL && engine->is_name_kept(engine->names_kept, name)) {
        return -EEXIST; /* the config's room of that name is closed for now */
    }
    if (template == NULL) {
        return -ENOENT;
    }
    if (!lobby_has_place(lobby, template)) {
        return -ENOSPC;
    }
    rc = room_open_instance(engine, template, name, out);
    if (rc < 0) {
        log_create_failed(engine, template, name, rc);
        return rc;
    }
    engine->stats.rooms_created++;
    return 0;
}

void lobby_announce(const struct lobby *lobby, const char *text)
{
    uint32_t told = 0;
    uint32_t index;

    while ((index = lobby_index_after(lobby, told)) < lobby->count) {
        struct room *room = lobby->rooms[index];

        told = room->id;
        room_content_announce(room, text);
    }
}

/* S_ROOMS, from the room after session->listed_room on. False: the session is being closed. */
static bool lobby_send_page(const struct lobby *lobby, struct session *session, size_t bytes_max)
{
    uint8_t frame[ROOMD_FRAME_BYTES_MAX];
    struct control_rooms page;

    control_rooms_init(&page, frame, bytes_max);
    for (uint32_t i = lobby_index_after(lobby, session->listed_room); i < lobby->count; i++) {
        const struct room *room = lobby->rooms[i];

        if (!control_rooms_add(&page, room->name, room->content->name, room->member_count,
                               room->options.capacity)) {
            break;
        }
        session->listed_room = room->id;
    }
    return session_send_control(session, frame, control_rooms_finish(&page));
}

void lobby_send_rooms(const struct lobby *lobby, struct session *session)
{
    enum { ONE_ROOM_BYTES_MAX = CONTROL_ROOMS_BYTES_MIN + 2 * (2 + ROOMD_NAME_BYTES_MAX) + 4 + 4 };
    bool is_first = session->listed_room == 0; /* it is sent even when there is no room at all */

    session->is_listing = true;
    while (is_first || lobby_index_after(lobby, session->listed_room) < lobby->count) {
        size_t bytes_max = session_answer_bytes_max(session);

        if (bytes_max < ONE_ROOM_BYTES_MAX) {
            session_start_owing(session);
            return;
        }
        if (!is_first && session_wait_to_be_read(session)) {
            return;
        }
        is_first = false;
        if (!lobby_send_page(lobby, session, bytes_max)) {
            break;
        }
    }
    session->is_listing = false;
}
