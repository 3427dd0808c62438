#include "dummy-client/play_view_internal.h"

#include <string.h>

enum { LIST_HEAD_BYTES = 2, LIST_ENTRY_BYTES = 17 };
enum { TICKS_OF_GRACE = 2 }; /* a pong lies anywhere between two ticks, and so does the one before */

static const float fast_times = 2.5f; /* so much faster than the room's limit is a jump */
static const float burst_s = 1.6f;    /* what a client that stalled may make up for at once */
static const float leap_grace_m = 1;

void view_init(struct view *view, struct view_totals *totals)
{
    *view = (struct view){.totals = totals, .leap_m = INFINITY};
}

void view_fini(struct view *view)
{
    known_fini(&view->known);
}

static void forget_known(struct view *view)
{
    known_clear(&view->known);
    view->players = 0;
    view->is_listed = false;
    view->list_is_open = false;
    view->most_moves = 0;
}

void view_forget(struct view *view)
{
    forget_known(view);
    view->has_entered = false;
    view->is_dead = false;
    view->pong_ms = 0;
    view->tick_ms = 0;
    view->leap_m = INFINITY;
    view->here = (struct here){.is_told = false};
}

void view_resync(struct view *view)
{
    forget_known(view);
    view->is_dead = false; /* until its hit points say otherwise */
}

void view_set_self(struct view *view, uint32_t player)
{
    if (view->self != 0 && view->self != player) {
        view_count_wrong(view, VIEW_LIST_WITHOUT_SELF);
    }
    view->self = player;
}

void view_set_tick(struct view *view, uint32_t tick_ms)
{
    view->tick_ms = tick_ms;
    view->pong_ms = 0;
}

void view_note_pong(struct view *view, uint64_t server_ms)
{
    if (view->pong_ms > 0 && view->tick_ms > 0) {
        uint64_t ticks = (server_ms - view->pong_ms) / view->tick_ms + TICKS_OF_GRACE;

        if (server_ms >= view->pong_ms && view->most_moves > ticks) {
            view->totals->wrong[VIEW_MOVED_TWICE] += view->most_moves - ticks;
        }
    }
    view->pong_ms = server_ms;
    view->epoch++;
    view->most_moves = 0;
}

/* ---- who is known ---- */

/* Makes somebody known who isn't; NULL without memory. */
static struct known *add(struct view *view, uint32_t id, uint8_t kind, const float at[2], uint32_t now_ms)
{
    struct known *known = known_add(&view->known, id);

    if (!known) {
        view_count_wrong(view, VIEW_NO_MEMORY);
        return NULL;
    }
    known->kind = kind;
    known->epoch = view->epoch;
    known->x = at[0];
    known->z = at[1];
    known->moved_ms = now_ms;
    if (kind == ROOMD_KIND_PLAYER) {
        view->players++;
        known->hp = known->hp_max = 100; /* until S_Vitals says otherwise */
    }
    return known;
}

static void drop(struct view *view, struct known *known)
{
    view->players -= known->kind == ROOMD_KIND_PLAYER;
    known_drop(&view->known, known);
}

/* ---- moves ---- */

void view_judge_stranger(struct view *view, const uint8_t *payload)
{
    float at[2];

    view_count_wrong(view, view_read_at(payload + 4, at) ? VIEW_MOVE_OF_UNKNOWN : VIEW_MALFORMED);
}

void view_judge_step(struct view *view, const struct known *known, float x, float z, uint32_t now_ms)
{
    float since_s = (float)(now_ms - known->moved_ms) / 1000;
    float most_m = view->leap_m + fast_times * view->here.speed_m_s * since_s;

    if (hypotf(x - known->x, z - known->z) > most_m) {
        view_count_wrong(view, VIEW_JUMP);
    }
}

static unsigned take_thing_move(struct view *view, const uint8_t *payload, uint32_t now_ms)
{
    struct known *known = view_find(view, roomd_get_u32(payload));
    float at[2];

    view->totals->moves_seen++;
    if (!known || known->kind == ROOMD_KIND_PLAYER || !view_read_at(payload + 4, at)) {
        view_judge_stranger(view, payload);
        return 0;
    }
    view_note_move(view, known);
    view_put(view, known, at, now_ms);
    return 0;
}

static unsigned take_correct(struct view *view, const uint8_t *payload, uint32_t now_ms)
{
    struct known *known = view_find(view, view->self);
    float at[2];

    if (!known || !view_read_at(payload, at)) {
        view_count_wrong(view, known ? VIEW_MALFORMED : VIEW_TOLD_OF_UNKNOWN);
        return 0;
    }
    view_put(view, known, at, now_ms);
    return VIEW_SELF_CORRECTED;
}

/* ---- coming and going ---- */

static void take_enter(struct view *view, const uint8_t *payload, uint32_t now_ms)
{
    uint32_t id = roomd_get_u32(payload);
    float at[2];

    if (id == 0 || id >= ROOMD_ENTITY_FIRST || !view_read_at(payload + 4, at)) {
        view_count_wrong(view, VIEW_MALFORMED);
    } else if (id == view->self && view->is_listed && !view->has_entered) {
        view->has_entered = true;
    } else if (view_find(view, id)) {
        view_count_wrong(view, VIEW_ENTERED_TWICE);
    } else {
        add(view, id, ROOMD_KIND_PLAYER, at, now_ms);
    }
}

static void take_leave(struct view *view, const uint8_t *payload)
{
    struct known *known = view_find(view, roomd_get_u32(payload));

    if (!known || known->kind != ROOMD_KIND_PLAYER || known->id == view->self) {
        view_count_wrong(view, VIEW_LEFT_WITHOUT_ENTERING);
    } else {
        drop(view, known);
    }
}

/* The client itself comes last, once; the parts before it are without. */
static unsigned take_list(struct view *view, const uint8_t *payload, uint32_t bytes, uint32_t now_ms)
{
    uint32_t count = bytes >= LIST_HEAD_BYTES ? roomd_get_u16(payload) : 0;
    float at[2];

    if (bytes < LIST_HEAD_BYTES || bytes != LIST_HEAD_BYTES + count * LIST_ENTRY_BYTES) {
        view_count_wrong(view, VIEW_MALFORMED);
        return 0;
    }
    view->list_is_open = !view->is_listed;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = payload + LIST_HEAD_BYTES + (size_t)i * LIST_ENTRY_BYTES;
        uint32_t id = roomd_get_u32(entry + 1);

        if (entry[0] > 1 || !view_read_at(entry + 5, at)) {
            view_count_wrong(view, VIEW_MALFORMED);
            return 0;
        }
        take_enter(view, entry + 1, now_ms);
        if (view->is_listed || (entry[0] == 0 && id == view->self)) {
            view_count_wrong(view, VIEW_LIST_WITHOUT_SELF); /* behind it, or it as another */
        } else if (entry[0] == 1) {
            struct known *known = view_find(view, id);

            view_set_self(view, id);
            view->is_listed = known != NULL;
            view->at = known ? *known : view->at;
        }
    }
    view->list_is_open = !view->is_listed;
    return view->is_listed ? VIEW_SELF_PLACED : 0;
}

/* A str at `at` of `bytes`: where it ends, or 0 when it doesn't fit. */
static uint32_t str_end(const uint8_t *payload, uint32_t bytes, uint32_t at)
{
    if (bytes < at + 2 || bytes - at - 2 < roomd_get_u16(payload + at)) {
        return 0;
    }
    return at + 2 + roomd_get_u16(payload + at);
}

static void take_spawn(struct view *view, const uint8_t *payload, uint32_t bytes, uint32_t now_ms)
{
    uint32_t at = str_end(payload, bytes, 5);
    float place[2];

    if (at == 0 || bytes != at + 24 || roomd_get_u32(payload) < ROOMD_ENTITY_FIRST ||
        payload[4] == ROOMD_KIND_PLAYER || payload[4] >= ROOMD_KIND_COUNT ||
        !view_read_at(payload + at + 4, place)) {
        view_count_wrong(view, VIEW_MALFORMED);
        return;
    }
    int32_t hp = (int32_t)roomd_get_u32(payload + at + 16);
    int32_t hp_max = (int32_t)roomd_get_u32(payload + at + 20);
    if (view_hp_is_bad(hp, hp_max)) {
        view_count_wrong(view, VIEW_BAD_HP);
    }
    if (view_find(view, roomd_get_u32(payload))) {
        view_count_wrong(view, VIEW_SPAWN_TWICE);
        return;
    }
    struct known *known = add(view, roomd_get_u32(payload), payload[4], place, now_ms);
    if (known) {
        known->hp = hp;
        known->hp_max = hp_max;
    }
}

static void take_despawn(struct view *view, const uint8_t *payload)
{
    struct known *known = view_find(view, roomd_get_u32(payload));

    if (payload[4] > ROOMD_DESPAWN_STRUCK) {
        view_count_wrong(view, VIEW_MALFORMED);
    } else if (!known || known->kind == ROOMD_KIND_PLAYER) {
        view_count_wrong(view, VIEW_DESPAWN_OF_UNKNOWN);
    } else {
        drop(view, known);
    }
}

/* Nobody is told of more than one step a tick, however long that is. */
static void settle_leap(struct view *view)
{
    float seconds = burst_s + (float)view->tick_ms / 1000;

    view->leap_m = view->here.speed_m_s > 0 ? seconds * view->here.speed_m_s + leap_grace_m : INFINITY;
}

static unsigned take_here(struct view *view, const uint8_t *payload, uint32_t bytes)
{
    uint32_t at = str_end(payload, bytes, 0);
    struct here *here = &view->here;

    if (at == 0 || bytes != at + 25 || at - 2 > ROOMD_NAME_BYTES_MAX || payload[at + 24] > 1) {
        view_count_wrong(view, VIEW_MALFORMED);
        return 0;
    }
    *here = (struct here){.is_told = true, .has_fighting = payload[at + 24] == 1};
    memcpy(here->map, payload + 2, at - 2);
    float *numbers[] = {&here->view_m, &here->speed_m_s, &here->x_min,
                        &here->z_min,  &here->x_max,     &here->z_max};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        *numbers[i] = roomd_get_f32(payload + at + 4 * i);
        if (!isfinite(*numbers[i])) {
            view_count_wrong(view, VIEW_MALFORMED);
            *here = (struct here){.is_told = false};
            return 0;
        }
    }
    if (here->view_m < 0 || here->speed_m_s < 0 || here->x_min > here->x_max || here->z_min > here->z_max) {
        view_count_wrong(view, VIEW_MALFORMED);
    }
    settle_leap(view);
    return VIEW_HERE;
}

/* ---- the rest ---- */

/* What is said in view is said by somebody in view; everything else may come from anywhere. */
static void take_said(struct view *view, const uint8_t *payload, uint32_t bytes)
{
    if (str_end(payload, bytes, 5) != bytes || payload[4] > ROOMD_TELL) {
        view_count_wrong(view, VIEW_MALFORMED);
    } else if (payload[4] == ROOMD_SAY && !view_find(view, roomd_get_u32(payload))) {
        view_count_wrong(view, VIEW_TOLD_OF_UNKNOWN);
    }
}

/* The payload's size where it is always the same; UINT32_MAX: no such packet; 0 and up. */
static bool size_is_right(uint16_t id, const uint8_t *payload, uint32_t bytes)
{
    switch (id) {
    case ROOMD_S_BROADCAST_ENTER_GAME:
    case ROOMD_S_BROADCAST_MOVE:
    case ROOMD_S_MOVE:
        return bytes == 16;
    case ROOMD_S_BROADCAST_LEAVE_GAME:
        return bytes == 4;
    case ROOMD_S_DESPAWN:
        return bytes == 5;
    case ROOMD_S_CORRECT:
        return bytes == 12;
    case ROOMD_S_VITALS:
        return bytes == 14;
    case ROOMD_S_SKILL:
        return bytes == 22;
    case ROOMD_S_HIT:
        return bytes == 19;
    case ROOMD_S_DIED:
        return bytes == 8;
    case ROOMD_S_RESPAWNED:
        return bytes == 24;
    case ROOMD_S_VIEW_RESET:
        return bytes == 0;
    case ROOMD_S_STAGE:
        return bytes == 7 && payload[0] <= ROOMD_STAGE_LOST;
    case ROOMD_S_RESULT:
        return bytes >= 7 && bytes == 7 + 16u * roomd_get_u16(payload + 5) && payload[0] <= 1;
    default:
        return true; /* by what is in it */
    }
}

/* Before the list, and amid its parts, nothing else may come that is about those in view. */
static void judge_list(struct view *view, uint16_t id)
{
    bool is_apart = id == ROOMD_S_PLAYER_LIST || id == ROOMD_S_VIEW_RESET || id == ROOMD_S_HERE ||
                    id == ROOMD_S_STAGE || id == ROOMD_S_RESULT || id == ROOMD_S_SAID;

    if (is_apart ? view->list_is_open && id != ROOMD_S_PLAYER_LIST && id != ROOMD_S_VIEW_RESET
                 : !view->is_listed) {
        view_count_wrong(view, VIEW_LIST_WITHOUT_SELF);
        view->list_is_open = false;
        view->is_listed = true; /* said once */
    }
}

/* What changes no place and nobody's coming or going. */
static unsigned take_rest(struct view *view, uint16_t id, const uint8_t *payload, uint32_t bytes)
{
    switch (id) {
    case ROOMD_S_HERE:
        return take_here(view, payload, bytes);
    case ROOMD_S_VITALS:
        return view_take_vitals(view, payload);
    case ROOMD_S_SKILL:
        if (!view_find(view, roomd_get_u32(payload))) {
            view_count_wrong(view, VIEW_TOLD_OF_UNKNOWN);
        }
        break;
    case ROOMD_S_HIT:
        view_take_hit(view, payload);
        break;
    case ROOMD_S_DIED:
        return view_take_died(view, payload);
    case ROOMD_S_SAID:
        take_said(view, payload, bytes);
        break;
    case ROOMD_S_VIEW_RESET:
        forget_known(view);
        break;
    case ROOMD_S_STAGE:
    case ROOMD_S_RESULT:
        break;
    default:
        view_count_wrong(view, VIEW_UNKNOWN_PACKET);
        break;
    }
    return 0;
}

unsigned view_take(struct view *view, uint16_t id, const uint8_t *payload, uint32_t bytes, uint32_t now_ms)
{
    if (!size_is_right(id, payload, bytes)) {
        view_count_wrong(view, VIEW_MALFORMED);
        return 0;
    }
    judge_list(view, id);
    switch (id) {
    case ROOMD_S_BROADCAST_MOVE:
        return view_take_move(view, payload, now_ms);
    case ROOMD_S_BROADCAST_ENTER_GAME:
        take_enter(view, payload, now_ms);
        return 0;
    case ROOMD_S_BROADCAST_LEAVE_GAME:
        take_leave(view, payload);
        return 0;
    case ROOMD_S_PLAYER_LIST:
        return take_list(view, payload, bytes, now_ms);
    case ROOMD_S_SPAWN:
        take_spawn(view, payload, bytes, now_ms);
        return 0;
    case ROOMD_S_DESPAWN:
        take_despawn(view, payload);
        return 0;
    case ROOMD_S_MOVE:
        return take_thing_move(view, payload, now_ms);
    case ROOMD_S_CORRECT:
        return take_correct(view, payload, now_ms);
    case ROOMD_S_RESPAWNED:
        return view_take_respawned(view, payload, now_ms);
    default:
        return take_rest(view, id, payload, bytes);
    }
}
