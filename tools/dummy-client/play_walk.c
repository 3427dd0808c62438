#include "dummy-client/play_walk.h"

#include "base/hash.h"

enum { ROAM_TRIES = 12 };

static const float stroll_m_s = 6; /* where there is no limit */
static const float lineage_m = 50; /* how far about the clients of the lineage jump */
static const float roam_least_m = 5;
static const float roam_most_m = 40;
static const float arrived_m = 0.01f;

float walk_draw(uint64_t *random)
{
    return (float)(hash_u64(++*random) >> 40) / (float)(1 << 24);
}

static float speed_of(const struct ground *ground)
{
    return ground->speed_m_s > 0 ? WALK_SPEED_PART * ground->speed_m_s : stroll_m_s;
}

static bool is_clear(const struct ground *ground, const struct point *from, const struct point *to)
{
    if (ground->has_bounds &&
        (to->x < ground->x_min || to->x > ground->x_max || to->z < ground->z_min || to->z > ground->z_max)) {
        return false;
    }
    return !ground->map || map_is_clear(ground->map, from, to, true);
}

void walker_put(struct walker *walker, float x, float z)
{
    walker->at = (struct point){.x = x, .z = z};
    walker->way_count = 0;
    walker->way_next = 0;
}

bool walker_go(struct walker *walker, const struct ground *ground, float x, float z)
{
    struct point to = {.x = x, .z = z};

    walker->way_next = 0;
    walker->way_count = is_clear(ground, &walker->at, &to) ? 1 : 0;
    walker->way[0] = to;
    return walker->way_count > 0;
}

bool walker_go_around(struct walker *walker, const struct ground *ground, float x, float z)
{
    struct point to = {.x = x, .z = z};
    uint32_t nodes = PATH_NODES_MAX;

    if (walker_go(walker, ground, x, z) || !ground->map) {
        return walker->way_count > 0;
    }
    if (map_tile_at(ground->map, x, z) == MAP_FLOOR &&
        map_tile_at(ground->map, walker->at.x, walker->at.z) == MAP_FLOOR) {
        walker->way_count = path_find(ground->map, &walker->at, &to, &nodes, walker->way);
    }
    return walker->way_count > 0;
}

static struct point draw_around(const struct point *middle, float least_m, float most_m, uint64_t *random)
{
    float angle = 6.2831853f * walk_draw(random);
    float way_m = least_m + (most_m - least_m) * walk_draw(random);

    return (struct point){.x = middle->x + way_m * cosf(angle), .z = middle->z + way_m * sinf(angle)};
}

void walker_roam(struct walker *walker, const struct ground *ground, uint64_t *random)
{
    if (!ground->map && !ground->has_bounds && ground->speed_m_s <= 0) {
        float x = lineage_m * (2 * walk_draw(random) - 1);

        walker_put(walker, x, lineage_m * (2 * walk_draw(random) - 1));
        return;
    }
    for (int i = 0; i < ROAM_TRIES; i++) {
        /* Where it is narrow, what lies near is tried at last. */
        float most_m = i < ROAM_TRIES / 2 ? roam_most_m : roam_least_m;
        float least_m = i < ROAM_TRIES / 2 ? roam_least_m : 0;
        struct point to = draw_around(&walker->at, least_m, most_m, random);

        if (walker_go(walker, ground, to.x, to.z)) {
            return;
        }
    }
}

void walker_step(struct walker *walker, const struct ground *ground, float seconds, float near_m)
{
    float left_m = speed_of(ground) * seconds;

    while (walker_is_on_its_way(walker) && left_m > 0) {
        const struct point *to = &walker->way[walker->way_next];
        float way_m = walk_distance(walker->at.x, walker->at.z, to->x, to->z);
        float stop_m = walker->way_next + 1 == walker->way_count ? near_m : 0;

        if (way_m <= stop_m + arrived_m || way_m - stop_m <= left_m) {
            float part = way_m > stop_m ? (way_m - stop_m) / way_m : 0;
            bool is_whole = stop_m <= 0;

            walker->at.x = is_whole ? to->x : walker->at.x + part * (to->x - walker->at.x);
            walker->at.z = is_whole ? to->z : walker->at.z + part * (to->z - walker->at.z);
            left_m -= way_m > stop_m ? way_m - stop_m : 0;
            walker->way_next++;
        } else {
            walker->at.x += left_m / way_m * (to->x - walker->at.x);
            walker->at.z += left_m / way_m * (to->z - walker->at.z);
            left_m = 0;
        }
    }
}

void walker_jitter(struct walker *walker, const struct ground *ground, const struct point *middle,
                   float radius_m, float seconds, uint64_t *random)
{
    float most_m = speed_of(ground) * seconds;

    for (int i = 0; i < ROAM_TRIES; i++) {
        struct point to = draw_around(middle, 0, radius_m, random);
        float way_m = walk_distance(walker->at.x, walker->at.z, to.x, to.z);

        if (ground->speed_m_s > 0 && way_m > most_m) {
            to.x = walker->at.x + most_m / way_m * (to.x - walker->at.x);
            to.z = walker->at.z + most_m / way_m * (to.z - walker->at.z);
        }
        if (is_clear(ground, &walker->at, &to)) {
            walker_put(walker, to.x, to.z);
            return;
        }
    }
    walker_put(walker, walker->at.x, walker->at.z);
}
