/*
 * How a player gets about: never through what the map says is in the way, never faster than the room allows.
 * Knows nothing of packets: a place, a ground, a step of time.
 */
#ifndef DUMMY_CLIENT_PLAY_WALK_H
#define DUMMY_CLIENT_PLAY_WALK_H

#include "content/world_map.h"
#include "content/world_path.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define WALK_SPEED_PART 0.9f /* of the room's limit, so that clocks need not agree */

/* What a room's ground is like, as far as it is known. */
struct ground {
    const struct map *map; /* NULL: open ground, or a map that we don't have */
    float speed_m_s;       /* 0: no limit */
    bool has_bounds;
    float x_min, z_min, x_max, z_max;
};

struct walker {
    struct point at;
    struct point way[PATH_POINTS_MAX]; /* where it goes, one after the other; y is not used */
    uint32_t way_count;                /* 0: it stands */
    uint32_t way_next;
};

static inline bool walker_is_on_its_way(const struct walker *walker)
{
    return walker->way_next < walker->way_count;
}

/* It is here now, and goes nowhere. */
void walker_put(struct walker *walker, float x, float z);
/* Straight there, if nothing is in the way; over the map's ways, where a search finds one. False: it stands. */
bool walker_go(struct walker *walker, const struct ground *ground, float x, float z);
bool walker_go_around(struct walker *walker, const struct ground *ground, float x, float z);
/*
 * Somewhere that can be reached straight, at random. On open ground without a limit of speed or bounds: at once to a
 * place within 50 m of (0, 0), as clients of the lineage do.
 */
void walker_roam(struct walker *walker, const struct ground *ground, uint64_t *random);
/* So long on its way; less than `near_m` before the last point it stops. */
void walker_step(struct walker *walker, const struct ground *ground, float seconds, float near_m);
/* A jump within `radius_m` of a place, no further than the speed allows in so long. Drops the way. */
void walker_jitter(struct walker *walker, const struct ground *ground, const struct point *middle,
                   float radius_m, float seconds, uint64_t *random);

/* From 0 up to, but not at, 1. */
float walk_draw(uint64_t *random);

static inline float walk_distance(float x0, float z0, float x1, float z1)
{
    return hypotf(x1 - x0, z1 - z0);
}

#endif
