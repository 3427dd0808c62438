/*
 * Areas of interest: the ground as cells, each with the stream of its number.
 *
 *     +---+---+---+---+     Who is registered in P's cell follows the nine around it. When P goes over to the next
 *     | - | . | . | + |     cell (by more than the hysteresis beyond the border), the column "-" is lost and "+" is
 *     +---+---+---+---+     gained: those who stand in "-" are told that P is gone, those in "+" that it has come, and
 *     | - | P>| . | + |     P is told the same of them. All others keep sight of it.
 *     +---+---+---+---+
 *     | - | . | . | + |     1. what is told to some alone (world_tell_cells, world_tell_one) comes behind all that was
 *     +---+---+---+---+        said in any stream before; so does what is appended behind a barrier.
 *                           2. after each step a player that follows knows exactly who is registered in its nine cells.
 *
 * Who keeps sight reads of P in its old cell's stream, then in its new one's: a barrier lies between them.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "content/world_grid.h"

static const char no_memory_text[] = "no memory left for what is in view";

/* It can't be kept up to date. */
static void follow_failed(struct world *world, struct player *player)
{
    player->is_leaving = true;
    world->host->kick(world->room, player->session, no_memory_text);
}

/* ---- coming and going ---- */

static void set_barrier(struct world *world)
{
    world->host->barrier(world->room);
    world->left_count = 0;
}

/* Its leave may stand in another cell's stream than its next coming. */
static void left_add(struct world *world, uint32_t player)
{
    if (world->left_count == world->left_capacity) {
        uint32_t capacity = world->left_capacity == 0 ? 64 : 2 * world->left_capacity;
        uint32_t *left = world->host->resize(world->room, world->left, capacity * sizeof(*left));

        if (left == NULL) {
            set_barrier(world);
            return;
        }
        world->left = left;
        world->left_capacity = capacity;
    }
    world->left[world->left_count++] = player;
}

static void left_part(struct world *world, uint32_t player)
{
    for (uint32_t i = 0; i < world->left_count; i++) {
        if (world->left[i] == player) {
            set_barrier(world);
            return;
        }
    }
}

/* It is there, or gone: to all who follow its cell. Where it can't be written, none of them knows any more. */
static void tell_watchers(struct world *world, uint32_t cell, uint16_t id, const void *payload, size_t bytes)
{
    uint32_t around[WORLD_AROUND_MAX];
    uint32_t count;

    if (world->grid.cells[cell].watchers == 0 ||
        world->host->stream_append(world->room, cell, id, payload, bytes, 0) == 0) {
        return;
    }
    count = world_grid_around(world, cell, around);
    for (uint32_t i = 0; i < count; i++) {
        for (struct entity *e = world->grid.cells[around[i]].players_first; e != NULL; e = e->cell_next) {
            world_lose_sight(world, (struct player *)e);
        }
    }
}

void world_place(struct world *world, struct entity *entity)
{
    struct player *player = entity->kind == ROOMD_KIND_PLAYER ? (struct player *)entity : NULL;
    uint8_t payload[COMING_BYTES_MAX];
    uint16_t id;
    size_t bytes;

    assert(entity->cell == WORLD_CELL_NONE);
    if (player != NULL) {
        left_part(world, entity->id);
    }
    grid_link(world, entity, world_grid_cell(world, &entity->at));
    if (player != NULL) {
        world_tell_snapshot(world, player, false);
        if (!player->needs_snapshot && world_follow(world, player) < 0) {
            follow_failed(world, player);
        }
    }
    bytes = world_put_coming(world, entity, payload, &id);
    tell_watchers(world, entity->cell, id, payload, bytes);
    if (world_has_vitals(entity)) {
        world_tell_vitals(world, entity);
    }
}

static void moved_unlink(struct world *world, struct entity *entity)
{
    *(entity->moved_prev != NULL ? &entity->moved_prev->moved_next : &world->moved_first) =
        entity->moved_next;
    *(entity->moved_next != NULL ? &entity->moved_next->moved_prev : &world->moved_last) = entity->moved_prev;
    entity->moved_prev = entity->moved_next = NULL;
    entity->has_moved = false;
}

void world_remove(struct world *world, struct entity *entity, enum roomd_despawn why)
{
    uint32_t cell = entity->cell;
    uint8_t payload[GOING_BYTES_MAX];
    uint16_t id;
    size_t bytes;

    if (cell == WORLD_CELL_NONE) {
        return;
    }
    if (entity->has_moved) {
        moved_unlink(world, entity);
    }
    if (entity->kind == ROOMD_KIND_PLAYER) {
        world_unfollow(world, (struct player *)entity);
    }
    grid_unlink(world, entity);
    bytes = world_put_going(entity, why, payload, &id);
    tell_watchers(world, cell, id, payload, bytes);
    if (entity->kind == ROOMD_KIND_PLAYER) {
        if (world->entities[ROOMD_KIND_PLAYER].count > 1) {
            left_add(world, entity->id);
        } else {
            world->left_count = 0; /* nobody is left to read of it, and no tick may come to forget it */
        }
    }
}

/* ---- moving ---- */

void world_moved(struct world *world, struct entity *entity)
{
    if (entity->has_moved || entity->cell == WORLD_CELL_NONE) {
        return;
    }
    entity->has_moved = true;
    entity->moved_prev = world->moved_last;
    entity->moved_next = NULL;
    *(world->moved_last != NULL ? &world->moved_last->moved_next : &world->moved_first) = entity;
    world->moved_last = entity;
}

/* A player, of what it gains sight of and what it loses. It may lose all on the way, and hears no more then. */
static void cross_tell_itself(struct world *world, struct player *player, const uint32_t *cells,
                              uint32_t count, bool is_coming)
{
    uint8_t payload[COMING_BYTES_MAX];
    uint16_t id;

    for (uint32_t i = 0; i < count; i++) {
        struct cell *cell = &world->grid.cells[cells[i]];
        struct entity *lists[2] = {cell->players_first, cell->things_first};

        for (int list = 0; list < 2; list++) {
            for (struct entity *e = lists[list]; e != NULL && player->is_following; e = e->cell_next) {
                size_t bytes = is_coming ? world_put_coming(world, e, payload, &id)
                                         : world_put_going(e, ROOMD_DESPAWN_OUT_OF_VIEW, payload, &id);

                if (e == &player->entity) {
                    continue;
                }
                world_tell_one(world, player, id, payload, bytes);
                if (is_coming && world_has_vitals(e) && player->is_following) {
                    bytes = world_put_vitals(e, payload);
                    world_tell_one(world, player, ROOMD_S_VITALS, payload, bytes);
                }
            }
        }
    }
}

static void cross_tell_coming(struct world *world, const struct entity *entity, const uint32_t *cells,
                              uint32_t count)
{
    uint8_t payload[COMING_BYTES_MAX];
    uint16_t id;
    size_t bytes = world_put_coming(world, entity, payload, &id);

    world_tell_cells(world, cells, count, entity, id, payload, bytes);
    if (world_has_vitals(entity)) {
        bytes = world_put_vitals(entity, payload);
        world_tell_cells(world, cells, count, entity, ROOMD_S_VITALS, payload, bytes);
    }
}

static void cross_tell_going(struct world *world, const struct entity *entity, const uint32_t *cells,
                             uint32_t count)
{
    uint8_t payload[GOING_BYTES_MAX];
    uint16_t id;
    size_t bytes = world_put_going(entity, ROOMD_DESPAWN_OUT_OF_VIEW, payload, &id);

    world_tell_cells(world, cells, count, entity, id, payload, bytes);
}

/* Into another cell: whoever loses or gains sight is told. With `is_jump`, so are those who keep it. */
static void cross(struct world *world, struct entity *entity, uint32_t to, bool is_jump)
{
    struct player *player = entity->kind == ROOMD_KIND_PLAYER ? (struct player *)entity : NULL;
    uint32_t before[WORLD_AROUND_MAX], after[WORLD_AROUND_MAX];
    uint32_t lost[WORLD_AROUND_MAX], gained[WORLD_AROUND_MAX], kept[WORLD_AROUND_MAX];
    uint32_t before_count = world_grid_around(world, entity->cell, before);
    uint32_t after_count = world_grid_around(world, to, after);
    uint32_t lost_count = grid_pick(before, before_count, after, after_count, false, lost);
    uint32_t gained_count = grid_pick(after, after_count, before, before_count, false, gained);
    uint32_t kept_count = grid_pick(before, before_count, after, after_count, true, kept);

    cross_tell_going(world, entity, lost, lost_count);
    if (is_jump) {
        cross_tell_going(world, entity, kept, kept_count);
        cross_tell_coming(world, entity, kept, kept_count);
    }
    cross_tell_coming(world, entity, gained, gained_count);
    if (player != NULL && player->is_following) {
        cross_tell_itself(world, player, lost, lost_count, false);
        cross_tell_itself(world, player, gained, gained_count, true);
    }
    if (player != NULL && player->is_following) {
        if (grid_watch(world, player, gained, gained_count, false) < 0) {
            world_unfollow(world, player);
            follow_failed(world, player);
        }
        for (uint32_t i = 0; i < lost_count && player->is_following; i++) {
            grid_unwatch(world, player, lost[i]);
        }
    }
    grid_unlink(world, entity);
    grid_link(world, entity, to);
}

void world_jump(struct world *world, struct entity *entity, const struct point *to)
{
    uint32_t cell;

    entity->at = *to;
    if (entity->cell == WORLD_CELL_NONE) {
        return;
    }
    cell = world_grid_cell(world, to);
    if (cell != entity->cell) {
        cross(world, entity, cell, true);
    } else if (world_is_watched(world, entity)) {
        world_moved(world, entity);
    }
    if (entity->kind == ROOMD_KIND_PLAYER) {
        uint8_t payload[POINT_BYTES];

        world_put_point(payload, to);
        world_tell_one(world, (struct player *)entity, ROOMD_S_CORRECT, payload, sizeof(payload));
    }
}

void world_view_again(struct world *world, struct player *player)
{
    if (player->entity.cell == WORLD_CELL_NONE || player->is_leaving) {
        return;
    }
    player->needs_snapshot = false;
    world_tell_snapshot(world, player, true);
    if (!player->needs_snapshot && world->kind->show != NULL) {
        world->kind->show(world, player);
    }
    if (!player->needs_snapshot && !player->is_following && world_follow(world, player) < 0) {
        follow_failed(world, player);
    }
}

/* Those who could not be told something; and corrections may be had again. */
static void update_players(struct world *world)
{
    for (struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL; e = e->next) {
        struct player *player = (struct player *)e;

        player->has_had_correction = false;
        if (player->needs_snapshot) {
            world_view_again(world, player);
        }
    }
}

/* What can't be written now is written at the next tick. */
static void update_moves(struct world *world)
{
    struct entity *last = world->moved_last;
    struct entity *moved = NULL;

    while (moved != last) {
        moved = world->moved_first;
        moved_unlink(world, moved);
        if (world_tell_move(world, moved) < 0) {
            world_moved(world, moved);
        }
    }
}

void world_update_view(struct world *world)
{
    if (world->moved_first != NULL || world->left_count > 0) {
        set_barrier(world);
    }
    for (struct entity *e = world->moved_first; e != NULL; e = e->moved_next) {
        if (grid_is_beyond(world, e, world->grid.hysteresis_m)) {
            cross(world, e, world_grid_cell(world, &e->at), false);
        }
    }
    update_moves(world);
    update_players(world);
}
