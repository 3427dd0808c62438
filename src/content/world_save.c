/*
 * The whole of a world as bytes, and back.
 *
 * Every part is described once, for both ways (world_io.h). The bytes may come from anywhere: whatever the rest of the
 * world takes for granted is asked for on the way in.
 *
 *     magic, version, what the world stands on        must be the same
 *     counters
 *     entities by kind, in order of coming
 *     cells in ascending order, with those in them in theirs
 *     who has moved, who has left                     what the next tick will tell of
 *     camps
 *     the module's own
 *
 * Not saved, for it follows from the rest: who follows what (players and their cells), who is awake and which jobs wait
 * (world_monster_rearm), the table by id.
 *
 *     1. a world that is restored goes on as the one that was saved would have: everything whose order can be seen
 *        (lists, cells, moves, jobs) is in the same order.
 *     2. a restore that fails leaves no stream, no follower and no user pointer behind; the room's memory goes with the
 *        room.
 */
#include <errno.h>

#include "content/world_io.h"

#define SAVE_MAGIC 0x444C5752u /* "RWLD" */

enum { SAVE_VERSION = 1 };

/* The entity that an id stands for; in, of one that has been read. NULL: there is none, and the way in has failed. */
static struct entity *io_known(struct io *io, const struct entity *own)
{
    uint32_t id = own != NULL ? own->id : 0;

    io_u32(io, &id);
    struct entity *entity = io_has_failed(io) ? NULL : world_find(io->world, id);

    io_expect(io, entity != NULL);
    return entity;
}

/* A new entity for an id that none has yet; NULL when the way in has failed. */
static struct entity *io_make(struct io *io, enum roomd_kind kind)
{
    struct world *world = io->world;
    uint32_t id = unpack_u32(io->unpack);
    bool is_player = kind == ROOMD_KIND_PLAYER;

    io_expect(io, id != 0 && (is_player ? id < ROOMD_ENTITY_FIRST
                                        : id >= ROOMD_ENTITY_FIRST && id < world->next_entity));
    io_expect(io, world_find(world, id) == NULL);
    if (io_has_failed(io)) {
        return NULL;
    }
    struct entity *entity = world_entity_make(world, kind, id, io_entity_bytes(kind));

    if (entity == NULL) {
        io->error = -ENOMEM;
    }
    return entity;
}

static void io_entities(struct io *io, enum roomd_kind kind)
{
    struct entity *entity = io->world->entities[kind].first;
    uint32_t count = io_count(io, io->world->entities[kind].count);

    for (uint32_t i = 0; i < count && !io_has_failed(io); i++) {
        if (io_is_in(io)) {
            entity = io_make(io, kind);
            if (entity == NULL) {
                return;
            }
        } else {
            pack_u32(io->pack, entity->id);
        }
        io_entity(io, entity);
        entity = entity->next;
    }
}

/* ---- where they stand ---- */

static uint32_t cell_count(const struct entity *first)
{
    uint32_t count = 0;

    for (; first != NULL; first = first->cell_next) {
        count++;
    }
    return count;
}

/* A player follows as it did: one that is being kicked, or is owed a snapshot, may follow nothing. */
static void put_back(struct io *io, struct entity *entity, uint32_t cell)
{
    struct player *player = entity->kind == ROOMD_KIND_PLAYER ? (struct player *)entity : NULL;
    bool was_following = player != NULL && player->is_following;

    if (player != NULL) {
        player->is_following = false;
    }
    io->error = world_put_back(io->world, entity, cell);
    if (player != NULL && io->error == 0 && player->is_following && !was_following) {
        world_unfollow(io->world, player);
    }
    io_expect(io, player == NULL || player->is_following == was_following);
}

/* Players, or everything else, of one cell. */
static void io_cell_list(struct io *io, uint32_t cell, struct entity *first, bool is_players)
{
    uint32_t count = io_count(io, io_is_in(io) ? 0 : cell_count(first));

    for (uint32_t i = 0; i < count && !io_has_failed(io); i++) {
        struct entity *entity = io_known(io, first);

        if (!io_is_in(io)) {
            first = first->cell_next;
            continue;
        }
        io_expect(io, entity != NULL && entity->cell == WORLD_CELL_NONE &&
                          (entity->kind == ROOMD_KIND_PLAYER) == is_players);
        if (!io_has_failed(io)) {
            put_back(io, entity, cell);
        }
    }
}

static void io_cells(struct io *io)
{
    const struct grid *grid = &io->world->grid;
    uint32_t cells = grid->columns * grid->rows; /* WORLD_CELLS_MAX at most */
    uint32_t used = 0;
    uint32_t next = 0;

    for (uint32_t cell = 0; cell < cells && !io_is_in(io); cell++) {
        used += grid->cells[cell].players_first != NULL || grid->cells[cell].things_first != NULL;
    }
    uint32_t count = io_count(io, used);

    for (uint32_t i = 0; i < count && !io_has_failed(io); i++) {
        uint32_t cell = next;

        while (!io_is_in(io) && grid->cells[cell].players_first == NULL &&
               grid->cells[cell].things_first == NULL) {
            cell++;
        }
        io_u32(io, &cell);
        io_expect(io, cell >= next && cell < cells);
        if (io_has_failed(io)) {
            return;
        }
        io_cell_list(io, cell, grid->cells[cell].players_first, true);
        io_cell_list(io, cell, grid->cells[cell].things_first, false);
        next = cell + 1;
    }
}

static void io_moved(struct io *io)
{
    struct entity *entity = io->world->moved_first;
    uint32_t own = 0;

    for (struct entity *e = entity; e != NULL; e = e->moved_next) {
        own++;
    }
    uint32_t count = io_count(io, own);

    for (uint32_t i = 0; i < count && !io_has_failed(io); i++) {
        struct entity *known = io_known(io, entity);

        if (!io_is_in(io)) {
            entity = entity->moved_next;
            continue;
        }
        io_expect(io, known != NULL && !known->has_moved && known->cell != WORLD_CELL_NONE);
        if (!io_has_failed(io)) {
            world_moved(io->world, known);
        }
    }
}

static void io_left(struct io *io)
{
    struct world *world = io->world;
    uint32_t count = io_count(io, world->left_count);

    if (io_is_in(io) && count > 0) {
        world->left = world->host->alloc(world->room, count * sizeof(*world->left));
        if (world->left == NULL) {
            io->error = -ENOMEM;
            return;
        }
        world->left_capacity = world->left_count = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        io_u32(io, &world->left[i]);
    }
}

/* How many of a camp live is counted, not read. */
static void io_camps_count(struct io *io)
{
    struct world *world = io->world;

    for (const struct entity *e = world->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
        const struct monster *monster = (const struct monster *)e;

        if (monster->camp != WORLD_NO_CAMP) {
            world->camps[monster->camp].alive++;
            io_expect(io, world->camps[monster->camp].alive <= world->map->camps[monster->camp].count);
        }
    }
}

static void io_camps(struct io *io)
{
    struct world *world = io->world;
    uint32_t count = io_camp_places(world);

    io_same_u32(io, count);
    for (uint32_t i = 0; i < count && !io_has_failed(io); i++) {
        io_moment(io, &world->camps[i].respawn_ms);
        io_u64(io, &world->camps[i].respawn_order);
        io_expect(io, world->camps[i].respawn_order <= world->next_order);
    }
    if (io_is_in(io) && !io_has_failed(io)) {
        io_camps_count(io);
    }
}

/* ---- the whole ---- */

static void io_head(struct io *io)
{
    const struct world *world = io->world;
    const struct map *map = world->map;

    io_same_u32(io, SAVE_MAGIC);
    io_same_u32(io, SAVE_VERSION);
    for (const char *s = world->kind->name; *s != '\0'; s++) {
        io_same_u32(io, (uint8_t)*s);
    }
    io_same_u32(io, 0);
    io_same_u32(io, map != NULL ? map->columns : 0);
    io_same_u32(io, map != NULL ? map->rows : 0);
    io_same_u32(io, io_monster_types(world));
    io_same_u32(io, io_skill_types(world));
    io_same_u32(io, world->grid.columns);
    io_same_u32(io, world->grid.rows);
}

static void io_counters(struct io *io)
{
    struct world *world = io->world;

    io_past(io, &world->tick_ms);
    io_f32(io, &world->tick_s);
    io_u32(io, &world->next_entity);
    io_u64(io, &world->next_order);
    io_u32(io, &world->ai_left);
    io_u32(io, &world->path_left);
    io_bool(io, &world->has_unarmed);
    io_moment(io, &world->beat_ms);
    /* Half of the numbers are still to be had: what a room uses up in its life is far less. */
    io_expect(io, world->next_entity >= ROOMD_ENTITY_FIRST && world->next_entity <= 3 * ROOMD_ENTITY_FIRST &&
                      world->next_order <= UINT64_MAX / 2 && world->tick_s >= 0 &&
                      world->tick_s <= WORLD_TICK_S_MAX);
}

static void io_world(struct io *io)
{
    io_head(io);
    io_counters(io);
    for (int kind = 0; kind < ROOMD_KIND_COUNT; kind++) {
        io_entities(io, (enum roomd_kind)kind);
    }
    io_cells(io);
    io_moved(io);
    io_left(io);
    io_camps(io);
}

int world_save(void *state, void *out, size_t size, size_t *bytes)
{
    struct world *world = state;
    struct pack pack = {.out = out, .size = size};
    struct io io = {.world = world, .pack = &pack};

    io.world->now_ms = world->host->now_ms(world->room);
    io_world(&io);
    if (world->kind->save != NULL) {
        world->kind->save(world, &pack);
    }
    *bytes = pack.used;
    return pack.used <= size ? 0 : -ENOSPC;
}

/* ---- what no part can say alone: everyone is here, everything stands somewhere, pets have owners ---- */

static bool pet_is_sound(const struct world *world, const struct pet *pet)
{
    const struct player *owner = world_find_player(world, pet->owner);

    return owner != NULL && owner->pet == pet->entity.id;
}

static bool player_is_sound(const struct world *world, const struct player *player)
{
    const struct entity *pet = player->pet != 0 ? world_find(world, player->pet) : NULL;

    if (player->entity.cell == WORLD_CELL_NONE && player->is_following) {
        return false;
    }
    return player->pet == 0 || (pet != NULL && pet->kind == ROOMD_KIND_PET &&
                                ((const struct pet *)pet)->owner == player->entity.id);
}

static bool world_is_sound(const struct world *world)
{
    for (int kind = 0; kind < ROOMD_KIND_COUNT; kind++) {
        for (const struct entity *e = world->entities[kind].first; e != NULL; e = e->next) {
            bool is_sound = kind == ROOMD_KIND_PLAYER ? player_is_sound(world, (const struct player *)e)
                                                      : e->cell != WORLD_CELL_NONE;

            if (!is_sound || (kind == ROOMD_KIND_PET && !pet_is_sound(world, (const struct pet *)e))) {
                return false;
            }
        }
    }
    return world->host->players(world->room, NULL, 0) == world->entities[ROOMD_KIND_PLAYER].count;
}

/* ---- the way in ---- */

/* What a player's coming would have set up: who it is to the room, and room in the list of whom to tell. */
static int players_settle(struct world *world)
{
    uint32_t count = world->entities[ROOMD_KIND_PLAYER].count;
    int result = 0;

    if (count > 0) {
        world->sessions = world->host->alloc(world->room, count * sizeof(*world->sessions));
        world->missed = world->host->alloc(world->room, count * sizeof(*world->missed));
        if (world->sessions == NULL || world->missed == NULL) {
            return -ENOMEM;
        }
        world->sessions_capacity = count;
    }
    for (struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL && result == 0; e = e->next) {
        result = world->host->set_user(world->room, ((struct player *)e)->session, e);
    }
    return result;
}

/* Nobody follows anything, and nobody points here. */
static void players_forget(struct world *world)
{
    for (struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL; e = e->next) {
        if (e->cell != WORLD_CELL_NONE) {
            world_unfollow(world, (struct player *)e);
        }
        world->host->set_user(world->room, ((struct player *)e)->session, NULL);
    }
}

static int world_read(struct world *world, struct unpack *unpack)
{
    struct io io = {.world = world, .unpack = unpack};
    int result;

    io_world(&io);
    if (io_has_failed(&io)) {
        return io.error < 0 ? io.error : -EINVAL;
    }
    if (!world_is_sound(world)) {
        return -EINVAL;
    }
    result = players_settle(world);
    if (result == 0 && world->kind->restore != NULL) {
        result = world->kind->restore(world, unpack);
    }
    if (result == 0 && (unpack->has_failed || unpack->at != unpack->size)) {
        result = -EINVAL;
    }
    return result;
}

int world_restore(const struct roomd_host *host, struct roomd_room *room, const struct world_kind *kind,
                  const void *bytes, size_t size, void **state)
{
    struct unpack unpack = {.bytes = bytes, .size = size};
    int result = 0;
    struct world *world = world_make(host, room, kind, &result);

    if (world == NULL) {
        return result;
    }
    world_begin(world);
    result = world_read(world, &unpack);
    if (result < 0) {
        players_forget(world);
        world_close(world);
        return result;
    }
    world_monster_rearm(world);
    world_beat_rearm(world);
    *state = world;
    return 0;
}
