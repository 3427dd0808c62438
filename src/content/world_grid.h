/*
 * What areas of interest are made of: between world_grid.c (cells), world_area.c (who gains and loses sight) and
 * world_view.c (what is said) alone.
 */
#ifndef ROOMD_CONTENT_WORLD_GRID_H
#define ROOMD_CONTENT_WORLD_GRID_H

#include "content/world.h"

enum {
    POINT_BYTES = 12,
    COMING_BYTES_MAX = 35 + WORLD_SHORT_TEXT_BYTES, /* of world_put_coming */
    GOING_BYTES_MAX = 8,
    VITALS_BYTES = 14
};

/* ---- world_grid.c ---- */

/* Those of `a` that are in `b` as well, or that are not. Both ascend. */
uint32_t grid_pick(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count, bool is_in_both,
                   uint32_t out[WORLD_AROUND_MAX]);
/* More than so far beyond its cell's border; without a view there is none. */
bool grid_is_beyond(const struct world *world, const struct entity *entity, float beyond_m);
/* Into a cell's list, behind the others; and out of it. */
void grid_link(struct world *world, struct entity *entity, uint32_t cell_place);
void grid_unlink(struct world *world, struct entity *entity);
/*
 * The player follows all of these cells, or none: 0, or what stream_open or stream_follow returned. Monsters in cells
 * that nobody watched before wake, but for a restore, which `is_quiet`.
 */
int grid_watch(struct world *world, const struct player *player, const uint32_t *cells, uint32_t count,
               bool is_quiet);
/* One that has left the room follows nothing any more: its unfollowing is refused, harmlessly. */
void grid_unwatch(struct world *world, const struct player *player, uint32_t cell);

/* ---- world_view.c ---- */

/* To the players in these cells but `except` (may be NULL): who can't be told gets a snapshot at the tick. */
void world_tell_cells(struct world *world, const uint32_t *cells, uint32_t count, const struct entity *except,
                      uint16_t id, const void *payload, size_t bytes);
/* Something that the player must know did not go out: it is told nothing more until its snapshot. */
void world_lose_sight(struct world *world, struct player *player);
/* One packet that says: it is there; and the other: it is gone. Return the payload's bytes, *id the packet's. */
size_t world_put_coming(struct world *world, const struct entity *entity, uint8_t *out, uint16_t *id);
size_t world_put_going(const struct entity *entity, enum roomd_despawn why, uint8_t *out, uint16_t *id);
/*
 * A player is known to be at WORLD_PLAYER_HP of as much and of level 1 until S_Vitals says otherwise: whether it has to
 * be said when it comes into view.
 */
bool world_has_vitals(const struct entity *entity);
/* Everything that is in view of a player: S_Here, S_PlayerList, S_Spawn. With `is_anew`, S_ViewReset first. */
void world_tell_snapshot(struct world *world, struct player *player, bool is_anew);
/* 0, or what appending returned. */
int world_tell_move(struct world *world, const struct entity *entity);
size_t world_put_vitals(const struct entity *entity, uint8_t *out); /* VITALS_BYTES */

#endif
