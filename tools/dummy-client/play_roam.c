/* Walking about: roam, with its portals, and crowd. */
#include "dummy-client/load.h"

#include <stdlib.h>
#include <string.h>

static const float crowd_m = 1.5f;
static const float touch_m = 3; /* within ROOMD_REACH_M, with something to spare */
static const uint64_t arrive_limit_ns = 60 * NS_PER_S;
enum { PORTAL_TRIES = 4 };

static uint64_t travel_pause_ns(struct load *load)
{
    double seconds = load->options->travel_s * (0.5 + (double)walk_draw(&load->play.random));

    return (uint64_t)(seconds * (double)NS_PER_S);
}

/* Sets out to a portal that there is a way to: one of the map, or one in view. */
static void seek_portal(struct load *load, struct play_client *player)
{
    const struct map *map = player->ground.map;
    const struct known_set *all = &player->view.known;
    struct point at = {0, 0, 0};

    player->travel_ns = load->now_ns + travel_pause_ns(load);
    for (uint32_t i = 0; map && i < PORTAL_TRIES && map->portal_count > 0; i++) {
        uint32_t draw = (uint32_t)(walk_draw(&load->play.random) * (float)map->portal_count);
        const struct map_portal *portal = &map->portals[draw % map->portal_count];

        at = portal->at;
        if (!portal->is_template && walker_go_around(&player->walker, &player->ground, at.x, at.z)) {
            player->arrive_ns = load->now_ns + arrive_limit_ns;
            player->portal = at;
            return;
        }
    }
    for (const struct known *known = map ? NULL : known_next(all, NULL); known;
         known = known_next(all, known)) {
        if (known->kind == ROOMD_KIND_PORTAL) {
            player->portal = (struct point){.x = known->x, .z = known->z};
            if (walker_go(&player->walker, &player->ground, known->x, known->z)) {
                player->arrive_ns = load->now_ns + arrive_limit_ns;
            }
            return;
        }
    }
}

/* Goes through the portal if it is there. Whatever comes of it, this way is done. */
static void touch_portal(struct load *load, struct client *client, struct play_client *player)
{
    const struct known_set *all = &player->view.known;
    uint8_t payload[4];

    player->arrive_ns = 0;
    for (const struct known *known = known_next(all, NULL); known; known = known_next(all, known)) {
        if (known->kind == ROOMD_KIND_PORTAL &&
            walk_distance(known->x, known->z, player->walker.at.x, player->walker.at.z) <= touch_m) {
            roomd_put_u32(payload, known->id);
            play_send(load, client, ROOMD_C_INTERACT, payload, sizeof(payload));
            return;
        }
    }
}

void play_roam(struct load *load, struct client *client, float seconds)
{
    struct play_client *player = play_client_of(load, client);
    struct walker *walker = &player->walker;

    if (player->arrive_ns == 0 && load->now_ns >= player->travel_ns) {
        seek_portal(load, player);
    }
    if (player->arrive_ns > 0 && !walker_is_on_its_way(walker)) {
        /* A long way comes in pieces. */
        bool is_there =
            walk_distance(walker->at.x, walker->at.z, player->portal.x, player->portal.z) <= touch_m;

        if (is_there || load->now_ns >= player->arrive_ns ||
            !walker_go_around(walker, &player->ground, player->portal.x, player->portal.z)) {
            player->arrive_ns = 0;
        }
    }
    if (!walker_is_on_its_way(walker)) {
        walker_roam(walker, &player->ground, &load->play.random);
    }
    walker_step(walker, &player->ground, seconds, player->arrive_ns > 0 ? touch_m / 2 : 0);
    play_send_move(load, client);
    if (client->fd >= 0 && player->arrive_ns > 0 &&
        walk_distance(walker->at.x, walker->at.z, player->portal.x, player->portal.z) <= touch_m) {
        touch_portal(load, client, player);
    }
}

/* NULL: there is no memory for it. */
static const struct play_spot *spot_of(struct play *play, const struct play_client *player)
{
    for (uint32_t i = 0; i < play->spot_count; i++) {
        if (strcmp(play->spots[i].room, player->room) == 0) {
            return &play->spots[i];
        }
    }
    struct play_spot *spots = realloc(play->spots, (play->spot_count + 1) * sizeof(spots[0]));
    if (!spots) {
        return NULL;
    }
    play->spots = spots;
    struct play_spot *spot = &spots[play->spot_count++];
    memcpy(spot->room, player->room, sizeof(spot->room));
    spot->at = player->walker.at;
    return spot;
}

void play_crowd(struct load *load, struct client *client, float seconds)
{
    struct play_client *player = play_client_of(load, client);
    struct walker *walker = &player->walker;
    const struct play_spot *spot = spot_of(&load->play, player);

    if (!spot || walk_distance(walker->at.x, walker->at.z, spot->at.x, spot->at.z) <= 2 * crowd_m) {
        walker_jitter(walker, &player->ground, spot ? &spot->at : &walker->at, crowd_m, seconds,
                      &load->play.random);
    } else {
        if (!walker_is_on_its_way(walker) &&
            !walker_go_around(walker, &player->ground, spot->at.x, spot->at.z)) {
            walker_roam(walker, &player->ground, &load->play.random);
        }
        walker_step(walker, &player->ground, seconds, crowd_m);
    }
    play_send_move(load, client);
}
