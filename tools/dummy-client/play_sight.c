#include "dummy-client/play_sight.h"

#include "dummy-client/play.h"

#include <string.h>

static const float sure_part =
    0.7f;                          /* of the view: cells change hands 15 % behind the border, on both sides */
static const float stroll_m_s = 6; /* how fast the players are where there is no limit */
static const float on_the_way_s = 0.25f;

/* Who is nearer than this, on both axes, is in view; 0 or less: nobody surely is. */
static float sure_m(const struct view *view)
{
    float speed_m_s = view->here.speed_m_s > 0 ? view->here.speed_m_s : stroll_m_s;
    float late_s = 2 * (float)view->tick_ms / 1000 + on_the_way_s;

    return view->here.view_m > 0 ? sure_part * view->here.view_m - 2 * speed_m_s * late_s : INFINITY;
}

static bool is_within(float limit_m, float dx, float dz)
{
    return fabsf(dx) < limit_m && fabsf(dz) < limit_m;
}

static void judge_pair(struct play_client *one, const struct play_client *other)
{
    const struct view *view = &one->view;
    float limit_m = sure_m(view);

    if (other->sighting.is_steady && strcmp(one->room, other->room) == 0 &&
        is_within(limit_m, view->at.x - other->view.at.x, view->at.z - other->view.at.z) &&
        is_within(limit_m, one->sighting.x - other->sighting.x, one->sighting.z - other->sighting.z) &&
        !view_find(view, other->view.self)) {
        view_count_wrong(&one->view, VIEW_NEAR_BUT_UNKNOWN);
    }
}

static void note(struct play_client *player)
{
    const struct view *view = &player->view;

    player->sighting = (struct sighting){.is_taken = view->is_listed && view->here.is_told,
                                         .epoch = view->epoch,
                                         .placed = player->placed,
                                         .x = view->at.x,
                                         .z = view->at.z};
}

void play_sight_sample(struct play *play)
{
    for (uint32_t i = 0; i < play->observer_count; i++) {
        struct play_client *player = &play->clients[play->observers[i]];

        player->sighting.is_steady = player->sighting.is_taken && player->view.is_listed &&
                                     player->sighting.placed == player->placed &&
                                     player->sighting.epoch != player->view.epoch;
    }
    for (uint32_t i = 0; i < play->observer_count; i++) {
        struct play_client *one = &play->clients[play->observers[i]];

        for (uint32_t j = 0; one->sighting.is_steady && j < play->observer_count; j++) {
            if (j != i) {
                judge_pair(one, &play->clients[play->observers[j]]);
            }
        }
    }
    for (uint32_t i = 0; i < play->observer_count; i++) {
        note(&play->clients[play->observers[i]]);
    }
}
