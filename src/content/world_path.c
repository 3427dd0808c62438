/* Ways over a map: A*, then pulled straight. */
#include "content/world_path.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    STRAIGHT =
        1000, /* a step's cost, in thousandths of a tile: whole numbers, so that equal is equal everywhere */
    DIAGONAL = 1414,
    SLOTS = 2 * PATH_NODES_MAX, /* of the table of opened tiles: a power of two */
    NONE = UINT16_MAX,
    PULL_TILES_MAX = 64 /* one straight piece, so that pulling costs no more than the search did */
};

struct node {
    uint32_t column, row;
    uint32_t cost; /* from the start */
    uint32_t rest; /* at least so much to the goal */
    uint16_t parent;
    uint16_t heap_at; /* NONE: closed */
};

/* Scratch of the one search. Nothing is cleared between two: a slot is of this search when its stamp is. */
static struct {
    struct node nodes[PATH_NODES_MAX]; /* in the order in which they were opened */
    uint32_t count;
    uint32_t most;
    uint16_t heap[PATH_NODES_MAX];
    uint32_t heap_count;
    struct {
        uint32_t stamp;
        uint16_t node;
    } slots[SLOTS];
    uint32_t stamp;
    uint16_t way[PATH_NODES_MAX]; /* from the start to the goal */
} search;

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "SLOTS is no power of two");
_Static_assert((int)PATH_NODES_MAX < (int)NONE, "a node's place does not fit");

/* ---- the heap: of equals, the one nearer to the goal, then the one opened first ---- */

static bool is_before(uint16_t a, uint16_t b)
{
    const struct node *x = &search.nodes[a];
    const struct node *y = &search.nodes[b];

    if (x->cost + x->rest != y->cost + y->rest) {
        return x->cost + x->rest < y->cost + y->rest;
    }
    return x->rest != y->rest ? x->rest < y->rest : a < b;
}

static void heap_set(uint32_t at, uint16_t node)
{
    search.heap[at] = node;
    search.nodes[node].heap_at = (uint16_t)at;
}

static void heap_up(uint32_t at)
{
    uint16_t node = search.heap[at];

    while (at > 0 && is_before(node, search.heap[(at - 1) / 2])) {
        heap_set(at, search.heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(at, node);
}

static uint16_t heap_pop(void)
{
    uint16_t top = search.heap[0];
    uint16_t node = search.heap[--search.heap_count];
    uint32_t at = 0;

    for (uint32_t child = 1; child < search.heap_count; child = 2 * at + 1) {
        if (child + 1 < search.heap_count && is_before(search.heap[child + 1], search.heap[child])) {
            child++;
        }
        if (!is_before(search.heap[child], node)) {
            break;
        }
        heap_set(at, search.heap[child]);
        at = child;
    }
    if (search.heap_count > 0) {
        heap_set(at, node);
    }
    search.nodes[top].heap_at = NONE;
    return top;
}

/* ---- nodes ---- */

static uint32_t octile(uint32_t column, uint32_t row, const struct node *goal)
{
    uint32_t a = column > goal->column ? column - goal->column : goal->column - column;
    uint32_t b = row > goal->row ? row - goal->row : goal->row - row;

    return a > b ? a * STRAIGHT + b * (DIAGONAL - STRAIGHT) : b * STRAIGHT + a * (DIAGONAL - STRAIGHT);
}

static void search_begin(uint32_t most)
{
    search.count = 0;
    search.heap_count = 0;
    search.most = most;
    if (++search.stamp == 0) { /* after 2^32 searches: stamps of old would look new */
        for (uint32_t i = 0; i < SLOTS; i++) {
            search.slots[i].stamp = 0;
        }
        search.stamp = 1;
    }
}

/* The tile's node, opened when it is not; false when no more may be opened. A new one has the highest cost. */
static bool search_open(uint32_t column, uint32_t row, const struct node *goal, uint16_t *out)
{
    uint32_t slot = ((row * MAP_SIDE_MAX + column) * 2654435769u >> 16) & (SLOTS - 1);

    while (search.slots[slot].stamp == search.stamp) {
        const struct node *node = &search.nodes[search.slots[slot].node];

        if (node->column == column && node->row == row) {
            *out = search.slots[slot].node;
            return true;
        }
        slot = (slot + 1) & (SLOTS - 1);
    }
    if (search.count == search.most) {
        return false;
    }
    *out = (uint16_t)search.count++;
    search.slots[slot].stamp = search.stamp;
    search.slots[slot].node = *out;
    search.nodes[*out] = (struct node){.column = column,
                                       .row = row,
                                       .cost = UINT32_MAX,
                                       .rest = octile(column, row, goal),
                                       .parent = NONE,
                                       .heap_at = NONE};
    return true;
}

static bool is_floor(const struct map *map, uint32_t column, uint32_t row)
{
    /* One to the left of the first column, or above the first row, is a very large number. */
    return column < map->columns && row < map->rows &&
           map->tiles[(size_t)row * map->columns + column] == MAP_FLOOR;
}

/* Opens or betters what lies around `at`. False when that takes more nodes than there may be. */
static bool search_expand(const struct map *map, uint16_t at, const struct node *goal)
{
    static const int8_t around[8][2] = {{0, -1}, {-1, 0}, {1, 0}, {0, 1}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}};
    const struct node *node = &search.nodes[at];

    for (int i = 0; i < 8; i++) {
        uint32_t column = (uint32_t)((int32_t)node->column + around[i][0]);
        uint32_t row = (uint32_t)((int32_t)node->row + around[i][1]);
        bool is_diagonal = around[i][0] != 0 && around[i][1] != 0;
        uint32_t cost = node->cost + (is_diagonal ? DIAGONAL : STRAIGHT);
        uint16_t next;

        if (!is_floor(map, column, row) ||
            (is_diagonal && (!is_floor(map, column, node->row) || !is_floor(map, node->column, row)))) {
            continue;
        }
        if (!search_open(column, row, goal, &next)) {
            return false;
        }
        if (cost >=
            search.nodes[next].cost) { /* so it is for every closed one: octile distance is consistent */
            continue;
        }
        if (search.nodes[next].heap_at == NONE) {
            heap_set(search.heap_count++, next);
        }
        search.nodes[next].cost = cost;
        search.nodes[next].parent = at;
        heap_up(search.nodes[next].heap_at);
    }
    return true;
}

/* From the start's tile to the goal's. The goal's node, or NONE. */
static uint16_t search_run(const struct map *map, const struct node *start, const struct node *goal)
{
    uint16_t node;

    if (!search_open(start->column, start->row, goal, &node)) {
        return NONE;
    }
    search.nodes[node].cost = 0;
    heap_set(search.heap_count++, node);
    while (search.heap_count > 0) {
        node = heap_pop();
        if (search.nodes[node].rest == 0) {
            return node;
        }
        if (!search_expand(map, node, goal)) {
            return NONE;
        }
    }
    return NONE;
}

/* ---- pulling straight ---- */

static struct point middle(const struct map *map, uint16_t node)
{
    return (struct point){((float)search.nodes[node].column + 0.5f) * map->tile_m, 0,
                          ((float)search.nodes[node].row + 0.5f) * map->tile_m};
}

/*
 * Leaves out what can be walked past: from each point to the last one that lies straight ahead. The step from one tile
 * to the next is always open, so that each piece gets at least there.
 */
static uint32_t pull_straight(const struct map *map, uint16_t goal, const struct point *from,
                              const struct point *to, struct point out[PATH_POINTS_MAX])
{
    uint32_t tiles = 0;
    uint32_t count = 0;
    struct point anchor = *from;

    for (uint16_t node = goal; node != NONE; node = search.nodes[node].parent) {
        tiles++;
    }
    for (uint32_t i = tiles; i > 0; i--) {
        search.way[i - 1] = goal;
        goal = search.nodes[goal].parent;
    }
    for (uint32_t at = 0; at + 1 < tiles && count < PATH_POINTS_MAX;) {
        uint32_t first = at;
        struct point best = anchor;

        do {
            struct point next = at + 2 < tiles ? middle(map, search.way[at + 1]) : *to;

            if (at > first && !map_is_clear(map, &anchor, &next, true)) {
                break;
            }
            best = next;
            at++;
        } while (at + 1 < tiles && at - first < PULL_TILES_MAX);
        out[count++] = best;
        anchor = best;
    }
    return count;
}

uint32_t path_find(const struct map *map, const struct point *from, const struct point *to,
                   uint32_t *nodes_left, struct point out[PATH_POINTS_MAX])
{
    if (map_tile_at(map, from->x, from->z) != MAP_FLOOR || map_tile_at(map, to->x, to->z) != MAP_FLOOR) {
        return 0;
    }
    if (map_is_clear(map, from, to, true)) {
        out[0] = *to;
        return 1;
    }
    /* As map_tile_at reckons, so that both mean the same tile. */
    struct node start = {.column = (uint32_t)((double)from->x / (double)map->tile_m),
                         .row = (uint32_t)((double)from->z / (double)map->tile_m)};
    struct node goal = {.column = (uint32_t)((double)to->x / (double)map->tile_m),
                        .row = (uint32_t)((double)to->z / (double)map->tile_m)};

    search_begin(*nodes_left < PATH_NODES_MAX ? *nodes_left : PATH_NODES_MAX);
    uint16_t found = search_run(map, &start, &goal);

    *nodes_left -= search.count;
    return found == NONE ? 0 : pull_straight(map, found, from, to, out);
}
