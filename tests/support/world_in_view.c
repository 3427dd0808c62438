#include "support/world_in_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "content/world_grid.h"

static uint32_t add_all(const struct entity *first, struct in_view *out, uint32_t max)
{
    uint32_t count = 0;

    for (const struct entity *e = first; e != NULL; e = e->cell_next) {
        assert_true(count < max);
        out[count++] = (struct in_view){
            .id = e->id, .kind = e->kind, .has_moved = e->has_moved, .x = e->at.x, .z = e->at.z};
    }
    return count;
}

uint32_t world_in_view(const void *state, uint32_t player, struct in_view *out, uint32_t max)
{
    const struct world *world = state;
    const struct player *found = world_find_player(world, player);
    uint32_t around[WORLD_AROUND_MAX];
    uint32_t count = 0;

    assert_non_null(found);

    uint32_t cells = world_grid_around(world, found->entity.cell, around);

    for (uint32_t i = 0; i < cells; i++) {
        const struct cell *cell = &world->grid.cells[around[i]];

        count += add_all(cell->players_first, out + count, max - count);
        count += add_all(cell->things_first, out + count, max - count);
    }
    return count;
}

bool world_is_dead(const void *state, uint32_t player)
{
    const struct player *found = world_find_player(state, player);

    assert_non_null(found);
    return found->entity.hp == 0;
}
