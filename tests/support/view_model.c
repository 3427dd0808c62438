#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/view_model.h"

enum { LIST_ENTRY_BYTES = 17 };

void view_begin(struct view_model *view, struct fake_room *room, uint64_t session)
{
    memset(view, 0, sizeof(*view));
    view->session = session;
    view->id = fake_player_id(room, session);
}

struct view_known *view_find(struct view_model *view, uint32_t id)
{
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->known[i].id == id) {
            return &view->known[i];
        }
    }
    return NULL;
}

static struct point read_point(const uint8_t *bytes)
{
    return (struct point){roomd_get_f32(bytes), roomd_get_f32(bytes + 4), roomd_get_f32(bytes + 8)};
}

static void view_add(struct view_model *view, uint32_t id, uint8_t kind, const uint8_t *at)
{
    if (view_find(view, id) != NULL) {
        fail_msg("player %u was told twice that %u has come", view->id, id);
    }
    assert_true(view->count < VIEW_KNOWN_MAX);
    view->known[view->count++] = (struct view_known){.id = id, .kind = kind, .at = read_point(at)};
}

static struct view_known *view_expect(struct view_model *view, uint32_t id, const char *what)
{
    struct view_known *known = view_find(view, id);

    if (known == NULL) {
        fail_msg("player %u was told of a %s of %u, which it does not know", view->id, what, id);
    }
    return known;
}

static void view_drop(struct view_model *view, uint32_t id, bool is_player)
{
    struct view_known *known = view_expect(view, id, "going");

    assert_int_not_equal(id, view->id);
    assert_int_equal(known->kind == ROOMD_KIND_PLAYER, is_player);
    *known = view->known[--view->count];
    view->goings++;
}

static void view_read_list(struct view_model *view, const struct fake_packet *packet)
{
    uint16_t n = roomd_get_u16(packet->payload);

    assert_int_equal(packet->bytes, 2 + n * LIST_ENTRY_BYTES);
    assert_false(view->is_listed);
    for (uint16_t i = 0; i < n; i++) {
        const uint8_t *entry = packet->payload + 2 + i * LIST_ENTRY_BYTES;
        uint32_t id = roomd_get_u32(entry + 1);

        assert_int_equal(entry[0], id == view->id);
        if (id == view->id) {
            assert_int_equal(i, n - 1);
            view->is_listed = true;
        }
        view_add(view, id, ROOMD_KIND_PLAYER, entry + 5);
    }
}

static void view_read_enter(struct view_model *view, const struct fake_packet *packet)
{
    uint32_t id = roomd_get_u32(packet->payload);

    assert_int_equal(packet->bytes, 16);
    if (id == view->id) {
        assert_true(view->is_listed && !view->has_entered);
        view->has_entered = true;
        return;
    }
    view_add(view, id, ROOMD_KIND_PLAYER, packet->payload + 4);
    view->comings++;
}

static void view_read_move(struct view_model *view, const struct fake_packet *packet)
{
    struct view_known *known = view_expect(view, roomd_get_u32(packet->payload), "move");

    assert_int_equal(packet->bytes, 16);
    assert_int_equal(known->kind == ROOMD_KIND_PLAYER, packet->id == ROOMD_S_BROADCAST_MOVE);
    if (known->has_moved) {
        fail_msg("player %u was told of two moves of %u in a tick", view->id, known->id);
    }
    known->has_moved = true;
    known->at = read_point(packet->payload + 4);
    view->moves++;
}

static void view_read_spawn(struct view_model *view, const struct fake_packet *packet)
{
    const uint8_t *payload = packet->payload;
    size_t bytes = 5 + 2 + (size_t)roomd_get_u16(payload + 5);

    assert_int_equal(packet->bytes, bytes + 4 + 12 + 8);
    assert_in_range(payload[4], ROOMD_KIND_MONSTER, ROOMD_KIND_COUNT - 1);
    assert_true(roomd_get_u32(payload) >= ROOMD_ENTITY_FIRST);
    view_add(view, roomd_get_u32(payload), payload[4], payload + bytes + 4);
    view->comings++;
}

static void view_read_packet(struct view_model *view, const struct fake_packet *packet)
{
    switch (packet->id) {
    case ROOMD_S_PLAYER_LIST:
        view_read_list(view, packet);
        break;
    case ROOMD_S_BROADCAST_ENTER_GAME:
        view_read_enter(view, packet);
        break;
    case ROOMD_S_BROADCAST_LEAVE_GAME:
        assert_int_equal(packet->bytes, 4);
        view_drop(view, roomd_get_u32(packet->payload), true);
        break;
    case ROOMD_S_SPAWN:
        view_read_spawn(view, packet);
        break;
    case ROOMD_S_DESPAWN:
        assert_int_equal(packet->bytes, 5);
        view_drop(view, roomd_get_u32(packet->payload), false);
        break;
    case ROOMD_S_BROADCAST_MOVE:
    case ROOMD_S_MOVE:
        view_read_move(view, packet);
        break;
    case ROOMD_S_CORRECT:
        assert_int_equal(packet->bytes, 12);
        view_expect(view, view->id, "correction")->at = read_point(packet->payload);
        view->corrections++;
        break;
    case ROOMD_S_VIEW_RESET:
        view->count = 0;
        view->is_listed = false;
        view->resets++;
        break;
    case ROOMD_S_VITALS:
    case ROOMD_S_RESPAWNED:
        view_expect(view, roomd_get_u32(packet->payload), "state");
        break;
    default:
        break;
    }
}

void view_read(struct view_model *view, struct fake_room *room)
{
    struct fake_packet packet;

    while (fake_next(room, view->session, &packet)) {
        view_read_packet(view, &packet);
    }
    for (uint32_t i = 0; i < view->count; i++) {
        view->known[i].has_moved = false;
    }
    fake_drop(room, view->session);
}

static void check_entity(struct view_model *view, const struct entity *entity)
{
    const struct view_known *known = view_find(view, entity->id);

    if (known == NULL) {
        fail_msg("player %u does not know of %u, which is in view", view->id, entity->id);
    }
    assert_int_equal(known->kind, entity->kind);
    if (!entity->has_moved && memcmp(&known->at, &entity->at, sizeof(known->at)) != 0) {
        fail_msg("player %u has %u at %g %g, which is at %g %g", view->id, entity->id, (double)known->at.x,
                 (double)known->at.z, (double)entity->at.x, (double)entity->at.z);
    }
}

void view_check(struct view_model *view, const struct world *world)
{
    const struct player *player = world_find_player(world, view->id);
    uint32_t around[WORLD_AROUND_MAX];
    uint32_t in_view = 0;

    assert_non_null(player);
    if (player->needs_snapshot) {
        return;
    }
    uint32_t count = world_grid_around(world, player->entity.cell, around);

    for (uint32_t i = 0; i < count; i++) {
        const struct cell *cell = &world->grid.cells[around[i]];

        for (const struct entity *e = cell->players_first; e != NULL; e = e->cell_next) {
            check_entity(view, e);
            in_view++;
        }
        for (const struct entity *e = cell->things_first; e != NULL; e = e->cell_next) {
            check_entity(view, e);
            in_view++;
        }
    }
    assert_int_equal(view->count, in_view);
}

static uint32_t count_watchers(const struct world *world, uint32_t cell)
{
    uint32_t around[WORLD_AROUND_MAX];
    uint32_t count = world_grid_around(world, cell, around);
    uint32_t watchers = 0;

    for (uint32_t i = 0; i < count; i++) {
        for (const struct entity *e = world->grid.cells[around[i]].players_first; e != NULL;
             e = e->cell_next) {
            watchers += ((const struct player *)e)->is_following;
        }
    }
    return watchers;
}

void view_check_world(const struct world *world, const struct fake_room *room)
{
    uint32_t streams = 0;
    uint32_t follows = 0;

    for (uint32_t i = 0; i < world->grid.columns * world->grid.rows; i++) {
        assert_int_equal(world->grid.cells[i].watchers, count_watchers(world, i));
        streams += world->grid.cells[i].watchers > 0;
        follows += world->grid.cells[i].watchers;
    }
    assert_int_equal(fake_streams(room), streams);
    assert_int_equal(fake_follows(room), follows);
}
