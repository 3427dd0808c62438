/* Shared by the parts of the view: play_view.c, play_view_fight.c. */
#ifndef DUMMY_CLIENT_PLAY_VIEW_INTERNAL_H
#define DUMMY_CLIENT_PLAY_VIEW_INTERNAL_H

#include "dummy-client/play_view.h"

static inline bool view_hp_is_bad(int32_t hp, int32_t hp_max)
{
    return hp < 0 || hp > hp_max;
}

/* Where a payload says that something is; false when it can't be there. */
static inline bool view_read_at(const uint8_t *payload, float at[2])
{
    at[0] = roomd_get_f32(payload);
    at[1] = roomd_get_f32(payload + 8);
    return isfinite(at[0]) && isfinite(at[1]) && isfinite(roomd_get_f32(payload + 4));
}

/* Puts somebody somewhere without a way there. */
static inline void view_put(struct view *view, struct known *known, const float at[2], uint32_t now_ms)
{
    known->x = at[0];
    known->z = at[1];
    known->moved_ms = now_ms;
    if (known->id == view->self) {
        view->at = *known;
    }
}

/* Packets whose size has been looked at. They return bits of enum view_event. */
unsigned view_take_vitals(struct view *view, const uint8_t *payload);
void view_take_hit(struct view *view, const uint8_t *payload);
unsigned view_take_died(struct view *view, const uint8_t *payload);
unsigned view_take_respawned(struct view *view, const uint8_t *payload, uint32_t now_ms);

#endif
