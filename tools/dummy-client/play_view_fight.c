/* What a view is told of fighting: hit points that must add up, deaths, and getting up again. */
#include "dummy-client/play_view_internal.h"

/* Who missed its own death is told of it by this alone. */
unsigned view_take_vitals(struct view *view, const uint8_t *payload)
{
    struct known *known = view_find(view, roomd_get_u32(payload));
    int32_t hp = (int32_t)roomd_get_u32(payload + 4);
    int32_t hp_max = (int32_t)roomd_get_u32(payload + 8);

    if (!known) {
        view_count_wrong(view, VIEW_TOLD_OF_UNKNOWN);
        return 0;
    }
    if (view_hp_is_bad(hp, hp_max)) {
        view_count_wrong(view, VIEW_BAD_HP);
    }
    known->hp = hp;
    known->hp_max = hp_max;
    if (known->id != view->self || hp > 0 || view->is_dead) {
        return 0;
    }
    view->is_dead = true;
    return VIEW_SELF_DIED;
}

/* What is left is what was there before, less what was taken or more by what was given. */
void view_take_hit(struct view *view, const uint8_t *payload)
{
    struct known *known = view_find(view, roomd_get_u32(payload + 4));
    int64_t amount = (int32_t)roomd_get_u32(payload + 10);
    int32_t left = (int32_t)roomd_get_u32(payload + 15);

    view->totals->hits++;
    if (payload[14] > 1) {
        view_count_wrong(view, VIEW_MALFORMED);
        return;
    }
    if (!known) {
        view_count_wrong(view, VIEW_TOLD_OF_UNKNOWN);
        return;
    }
    if (amount <= 0 || view_hp_is_bad(left, known->hp_max) ||
        left != known->hp + (payload[14] ? amount : -amount)) {
        view_count_wrong(view, VIEW_BAD_HP);
    }
    known->hp = left;
}

unsigned view_take_died(struct view *view, const uint8_t *payload)
{
    struct known *known = view_find(view, roomd_get_u32(payload));

    if (!known) {
        view_count_wrong(view, VIEW_TOLD_OF_UNKNOWN);
        return 0;
    }
    if (known->hp != 0) {
        view_count_wrong(view, VIEW_BAD_HP);
    }
    known->hp = 0;
    view->totals->kills += view->self != 0 && roomd_get_u32(payload + 4) == view->self;
    if (known->id != view->self) {
        return 0;
    }
    view->is_dead = true;
    view->totals->deaths++;
    return VIEW_SELF_DIED;
}

unsigned view_take_respawned(struct view *view, const uint8_t *payload, uint32_t now_ms)
{
    struct known *known = view_find(view, roomd_get_u32(payload));
    int32_t hp = (int32_t)roomd_get_u32(payload + 16);
    int32_t hp_max = (int32_t)roomd_get_u32(payload + 20);
    float at[2];

    if (!known || known->kind != ROOMD_KIND_PLAYER) {
        view_count_wrong(view, VIEW_TOLD_OF_UNKNOWN);
        return 0;
    }
    if (!view_read_at(payload + 4, at)) {
        view_count_wrong(view, VIEW_MALFORMED);
        return 0;
    }
    if (view_hp_is_bad(hp, hp_max) || hp == 0) {
        view_count_wrong(view, VIEW_BAD_HP);
    }
    known->hp = hp;
    known->hp_max = hp_max;
    view_put(view, known, at, now_ms);
    if (known->id != view->self) {
        return 0;
    }
    view->is_dead = false;
    return VIEW_SELF_RESPAWNED;
}
