/*
 * The ground as cells: who is registered where, who follows what, who is near. What is said when that changes:
 * world_area.c.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "content/world_grid.h"

#define HYSTERESIS_PART 0.15f

/* ---- cells ---- */

int world_grid_open(struct world *world)
{
    struct grid *grid = &world->grid;

    grid->x_min = world->x_min;
    grid->z_min = world->z_min;
    grid->columns = grid->rows = 1;
    if (world->view_m > 0) {
        double columns = ceil(((double)world->x_max - world->x_min) / world->view_m);
        double rows = ceil(((double)world->z_max - world->z_min) / world->view_m);

        if (columns * rows > WORLD_CELLS_MAX) {
            return -EINVAL;
        }
        grid->columns = columns < 1 ? 1 : (uint32_t)columns;
        grid->rows = rows < 1 ? 1 : (uint32_t)rows;
        grid->cell_m = world->view_m;
        grid->hysteresis_m = HYSTERESIS_PART * grid->cell_m;
    }
    grid->cells = world->host->alloc(world->room, (size_t)grid->columns * grid->rows * sizeof(*grid->cells));
    return grid->cells == NULL ? -ENOMEM : 0;
}

/* Clamped to 0 .. count - 1. */
static uint32_t grid_axis(float at, float least, float cell_m, uint32_t count)
{
    float place = floorf((at - least) / cell_m);

    if (!(place > 0)) {
        return 0;
    }
    return place < (float)count ? (uint32_t)place : count - 1;
}

uint32_t world_grid_cell(const struct world *world, const struct point *at)
{
    const struct grid *grid = &world->grid;

    if (grid->cell_m <= 0) {
        return 0;
    }
    return grid_axis(at->z, grid->z_min, grid->cell_m, grid->rows) * grid->columns +
           grid_axis(at->x, grid->x_min, grid->cell_m, grid->columns);
}

uint32_t world_grid_around(const struct world *world, uint32_t cell, uint32_t out[WORLD_AROUND_MAX])
{
    const struct grid *grid = &world->grid;
    uint32_t column = cell % grid->columns;
    uint32_t row = cell / grid->columns;
    uint32_t count = 0;

    for (uint32_t r = row > 0 ? row - 1 : 0; r <= row + 1 && r < grid->rows; r++) {
        for (uint32_t c = column > 0 ? column - 1 : 0; c <= column + 1 && c < grid->columns; c++) {
            out[count++] = r * grid->columns + c;
        }
    }
    return count;
}

uint32_t grid_pick(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count, bool is_in_both,
                   uint32_t out[WORLD_AROUND_MAX])
{
    uint32_t count = 0;
    uint32_t j = 0;

    for (uint32_t i = 0; i < a_count; i++) {
        while (j < b_count && b[j] < a[i]) {
            j++;
        }
        if ((j < b_count && b[j] == a[i]) == is_in_both) {
            out[count++] = a[i];
        }
    }
    return count;
}

bool grid_is_beyond(const struct world *world, const struct entity *entity, float beyond_m)
{
    const struct grid *grid = &world->grid;
    float x = grid->x_min + (float)(entity->cell % grid->columns) * grid->cell_m;
    float z = grid->z_min + (float)(entity->cell / grid->columns) * grid->cell_m;

    return grid->cell_m > 0 && (entity->at.x < x - beyond_m || entity->at.x > x + grid->cell_m + beyond_m ||
                                entity->at.z < z - beyond_m || entity->at.z > z + grid->cell_m + beyond_m);
}

void grid_link(struct world *world, struct entity *entity, uint32_t cell_place)
{
    struct cell *cell = &world->grid.cells[cell_place];
    bool is_player = entity->kind == ROOMD_KIND_PLAYER;
    struct entity **first = is_player ? &cell->players_first : &cell->things_first;
    struct entity **last = is_player ? &cell->players_last : &cell->things_last;

    entity->cell = cell_place;
    entity->cell_prev = *last;
    entity->cell_next = NULL;
    *(*last != NULL ? &(*last)->cell_next : first) = entity;
    *last = entity;
}

void grid_unlink(struct world *world, struct entity *entity)
{
    struct cell *cell = &world->grid.cells[entity->cell];
    bool is_player = entity->kind == ROOMD_KIND_PLAYER;
    struct entity **first = is_player ? &cell->players_first : &cell->things_first;
    struct entity **last = is_player ? &cell->players_last : &cell->things_last;

    *(entity->cell_prev != NULL ? &entity->cell_prev->cell_next : first) = entity->cell_next;
    *(entity->cell_next != NULL ? &entity->cell_next->cell_prev : last) = entity->cell_prev;
    entity->cell_prev = entity->cell_next = NULL;
    entity->cell = WORLD_CELL_NONE;
}

/* ---- following ---- */

static int cell_watch(struct world *world, const struct player *player, uint32_t cell, bool *is_first)
{
    struct cell *watched = &world->grid.cells[cell];
    int error;

    *is_first = watched->watchers == 0;
    error = *is_first ? world->host->stream_open(world->room, cell) : 0;
    if (error == 0) {
        error = world->host->stream_follow(world->room, player->session, cell);
        if (error < 0 && *is_first) {
            world->host->stream_close(world->room, cell);
        }
    }
    watched->watchers += error == 0;
    return error;
}

void grid_unwatch(struct world *world, const struct player *player, uint32_t cell)
{
    struct cell *watched = &world->grid.cells[cell];

    world->host->stream_unfollow(world->room, player->session, cell);
    if (--watched->watchers == 0) {
        world->host->stream_close(world->room, cell);
    }
}

int grid_watch(struct world *world, const struct player *player, const uint32_t *cells, uint32_t count,
               bool is_quiet)
{
    bool is_first[WORLD_AROUND_MAX];

    for (uint32_t i = 0; i < count; i++) {
        int error = cell_watch(world, player, cells[i], &is_first[i]);

        if (error < 0) {
            while (i-- > 0) {
                grid_unwatch(world, player, cells[i]);
            }
            return error;
        }
    }
    for (uint32_t i = 0; i < count && !is_quiet; i++) {
        if (is_first[i]) {
            world_monster_wake(world, &world->grid.cells[cells[i]]);
        }
    }
    return 0;
}

static int follow_around(struct world *world, struct player *player, bool is_quiet)
{
    uint32_t around[WORLD_AROUND_MAX];
    uint32_t count = world_grid_around(world, player->entity.cell, around);
    int error = grid_watch(world, player, around, count, is_quiet);

    player->is_following = error == 0;
    return error;
}

int world_follow(struct world *world, struct player *player)
{
    return follow_around(world, player, false);
}

void world_unfollow(struct world *world, struct player *player)
{
    uint32_t around[WORLD_AROUND_MAX];
    uint32_t count = world_grid_around(world, player->entity.cell, around);

    for (uint32_t i = 0; i < count && player->is_following; i++) {
        grid_unwatch(world, player, around[i]);
    }
    player->is_following = false;
}

bool world_is_watched(const struct world *world, const struct entity *entity)
{
    return entity->cell != WORLD_CELL_NONE && world->grid.cells[entity->cell].watchers > 0;
}

int world_put_back(struct world *world, struct entity *entity, uint32_t cell)
{
    struct player *player = entity->kind == ROOMD_KIND_PLAYER ? (struct player *)entity : NULL;

    grid_link(world, entity, cell);
    if (player == NULL || player->needs_snapshot) {
        return 0;
    }
    return follow_around(world, player, true);
}

/* ---- who is near ---- */

struct near {
    struct point at;
    float radius2_m;
    enum roomd_kind kind;
    bool (*visit)(struct world *world, struct entity *entity, void *context);
    void *context;
};

static bool near_visit(struct world *world, const struct near *near, struct entity *entity)
{
    return entity->kind != near->kind || !(point_distance2(&near->at, &entity->at) <= near->radius2_m) ||
           near->visit(world, entity, near->context);
}

static bool near_visit_cell(struct world *world, const struct near *near, const struct cell *cell)
{
    struct entity *entity = near->kind == ROOMD_KIND_PLAYER ? cell->players_first : cell->things_first;

    while (entity != NULL) {
        struct entity *next = entity->cell_next;

        if (!near_visit(world, near, entity)) {
            return false;
        }
        entity = next;
    }
    return true;
}

/* Everything of the kind: without a view, and for players whose way in a tick has no bound. */
static void near_visit_all(struct world *world, const struct near *near)
{
    struct entity *entity = world->entities[near->kind].first;

    while (entity != NULL) {
        struct entity *next = entity->next;

        if (entity->cell != WORLD_CELL_NONE && !near_visit(world, near, entity)) {
            return;
        }
        entity = next;
    }
}

void world_visit_near(struct world *world, enum roomd_kind kind, const struct point *at, float radius_m,
                      bool (*visit)(struct world *world, struct entity *entity, void *context), void *context)
{
    const struct grid *grid = &world->grid;
    struct near near = {
        .at = *at, .radius2_m = radius_m * radius_m, .kind = kind, .visit = visit, .context = context};
    float reach_m = radius_m + grid->stray_m;

    if (grid->cell_m <= 0 || (kind == ROOMD_KIND_PLAYER && world->speed_m_s <= 0)) {
        near_visit_all(world, &near);
        return;
    }
    uint32_t first_column = grid_axis(at->x - reach_m, grid->x_min, grid->cell_m, grid->columns);
    uint32_t last_column = grid_axis(at->x + reach_m, grid->x_min, grid->cell_m, grid->columns);
    uint32_t first_row = grid_axis(at->z - reach_m, grid->z_min, grid->cell_m, grid->rows);
    uint32_t last_row = grid_axis(at->z + reach_m, grid->z_min, grid->cell_m, grid->rows);

    for (uint32_t row = first_row; row <= last_row; row++) {
        for (uint32_t column = first_column; column <= last_column; column++) {
            if (!near_visit_cell(world, &near, &grid->cells[row * grid->columns + column])) {
                return;
            }
        }
    }
}
