/*
 * Ways over a map: A* on its tiles, eight neighbours, no cutting of corners, bounded in the nodes that it opens; what
 * comes out is pulled straight where the way is clear. Deterministic: of equals, the one nearer to the goal, then the one
 * opened first. What lies straight ahead is found without opening any.
 */
#ifndef ROOMD_CONTENT_WORLD_PATH_H
#define ROOMD_CONTENT_WORLD_PATH_H

#include <stdint.h>

#include "content/world_map.h"

enum { PATH_POINTS_MAX = 16, PATH_NODES_MAX = 2048 /* opened by one search */ };

/*
 * From `from` to `to`, both on floor. Writes the points to walk to, one after the other, at most PATH_POINTS_MAX (the
 * last is `to`, unless the way is longer: then as far as they reach), and returns how many; 0: no way was found within
 * min(PATH_NODES_MAX, *nodes_left) nodes. *nodes_left becomes less by what was opened. Needs no memory of its own but
 * static scratch: one search at a time.
 */
uint32_t path_find(const struct map *map, const struct point *from, const struct point *to,
                   uint32_t *nodes_left, struct point out[PATH_POINTS_MAX]);

#endif
