/*
 * A world that two players live in, and what the world promises after each step: a client's view of it is right, and
 * everything that it keeps account of agrees.
 *
 * Input: u8 of settings (view, kind, speed, tick, pets), then steps: u8 what (its low bit: which of the two), then what
 * the step takes. What the input has no bytes for any more is zero. Steps that can't be done now do nothing.
 */
#include "fuzz.h"

#include "content/bundled.h"
#include "support/fake_room.h"
#include "support/view_model.h"

#include <math.h>

#define ROW_12 "............"
#define ROW_24 ROW_12 ROW_12 "\n"
#define WALL   "......#####....~~~......\n"
#define MAP                                                                                                  \
    "map small\ntile 2\nspawn s 2 2\nspawn far 21 9\nportal here 3 2 to here spawn far\n"                    \
    "portal away 4 3 to town spawn s\nportal deep 2 4 template crypt\n"                                      \
    "npc n 5 2 name N says no greets hello\n"                                                                \
    "camp w 8 2 type wolf count 3 radius 4 respawn 1s\n"                                                     \
    "camp wave1 18 8 type archer count 2 radius 6 respawn 1s\n"                                              \
    "grid\n" ROW_24 ROW_24 ROW_24 ROW_24 ROW_24 WALL WALL ROW_24 ROW_24 ROW_24 ROW_24 ROW_24
#define RULES                                                                                                \
    "skill 1 slash kind melee range 2.5 cooldown 100ms amount 12\n"                                          \
    "skill 2 arrow kind ranged range 18 cooldown 100ms amount 10 speed 14\n"                                 \
    "skill 3 blast kind area range 12 radius 4 cooldown 200ms amount 25\n"                                   \
    "skill 4 mend kind heal range 10 cooldown 100ms amount 25\n"                                             \
    "monster wolf hp 40 speed 4 sight 12 leash 30 range 2 damage 16 every 300ms xp 90 drop pelt\n"           \
    "monster archer hp 30 speed 3 sight 20 leash 30 range 12 damage 9 every 500ms xp 70 shoots arrow\n"      \
    "monster hound hp 60 speed 7 sight 10 leash 20 range 2 damage 5 every 300ms pet yes\n"

enum { PLAYERS = 2, STEPS_MAX = 400, TICK_MS_MAX = 1000, TURN_MS = 20, RAW_BYTES_MAX = 32 };

struct input {
    const uint8_t *at;
    size_t left;
};

struct actor {
    uint64_t session;
    uint32_t id;
    struct view_model view;
};

static struct fake_room *room;
static bool has_ticks; /* otherwise the room's tick is 0: each turn is flushed */
static struct actor actors[PLAYERS];

/* ---- input ---- */

static void take(struct input *input, void *out, size_t bytes)
{
    size_t there = bytes < input->left ? bytes : input->left;

    memset(out, 0, bytes);
    if (there > 0) {
        memcpy(out, input->at, there);
    }
    input->at += there;
    input->left -= there;
}

static uint8_t take_u8(struct input *input)
{
    uint8_t value;

    take(input, &value, 1);
    return value;
}

/* ---- who is there ---- */

static struct world *the_world(void)
{
    return fake_state(room);
}

static struct player *player_of(const struct actor *actor)
{
    struct fake_player *player = fake_player_inside(room, actor->session);

    return player != NULL ? player->user : NULL;
}

/* Whom a step may name: who is near in the lists of a kind, or any number. */
static uint32_t take_target(struct input *input)
{
    uint8_t byte = take_u8(input);
    uint8_t bytes[4];

    if (byte < ROOMD_KIND_COUNT * 8) {
        const struct entity *e = the_world()->entities[byte % ROOMD_KIND_COUNT].first;

        for (unsigned n = byte / ROOMD_KIND_COUNT; e != NULL && n > 0; n--) {
            e = e->next;
        }
        return e != NULL ? e->id : 0;
    }
    take(input, bytes, sizeof(bytes));
    return roomd_get_u32(bytes);
}

static void come_in(struct actor *actor, uint32_t id, const void *parcel, size_t bytes)
{
    actor->session = fake_enter_with(room, id, parcel, bytes);
    actor->id = fake_player_id(room, actor->session);
    view_begin(&actor->view, room, actor->session);
}

/* Who has gone to another room, or has been shown out, comes back with what it carries. */
static void come_again(struct actor *actor)
{
    size_t bytes = 0;
    const void *parcel;

    if (fake_player_inside(room, actor->session) != NULL) {
        return;
    }
    parcel = fake_parcel(room, actor->session, &bytes);
    come_in(actor, actor->id, parcel, bytes);
}

/* ---- what must hold ---- */

static void check_lists(const struct world *world)
{
    uint32_t by_id = 0;

    for (int kind = 0; kind < ROOMD_KIND_COUNT; kind++) {
        const struct entity *last = NULL;
        uint32_t count = 0;

        for (const struct entity *e = world->entities[kind].first; e != NULL; e = e->next) {
            CHECK(e->kind == kind && e->prev == last && world_find(world, e->id) == e);
            CHECK((e->id < ROOMD_ENTITY_FIRST) == (kind == ROOMD_KIND_PLAYER));
            CHECK(e->hp >= 0 && e->hp <= e->hp_max);
            CHECK(isfinite(e->at.x) && isfinite(e->at.y) && isfinite(e->at.z));
            CHECK(e->cell < world->grid.columns * world->grid.rows);
            CHECK(e->at.x >= world->x_min && e->at.x <= world->x_max && e->at.z >= world->z_min &&
                  e->at.z <= world->z_max);
            last = e;
            count++;
        }
        CHECK(count == world->entities[kind].count && last == world->entities[kind].last);
        by_id += count;
    }
    CHECK(by_id == world->by_id_count);
}

static void check_cells(const struct world *world)
{
    uint32_t standing = 0;
    uint32_t moved = 0;
    uint32_t have_moved = 0;

    for (uint32_t cell = 0; cell < world->grid.columns * world->grid.rows; cell++) {
        for (const struct entity *e = world->grid.cells[cell].players_first; e != NULL; e = e->cell_next) {
            CHECK(e->cell == cell && e->kind == ROOMD_KIND_PLAYER);
            standing++;
            have_moved += e->has_moved;
        }
        for (const struct entity *e = world->grid.cells[cell].things_first; e != NULL; e = e->cell_next) {
            CHECK(e->cell == cell && e->kind != ROOMD_KIND_PLAYER);
            standing++;
            have_moved += e->has_moved;
        }
    }
    for (const struct entity *e = world->moved_first; e != NULL; e = e->moved_next) {
        CHECK(e->has_moved);
        moved++;
    }
    CHECK(standing == world->by_id_count && moved == have_moved);
}

static void check_monsters(const struct world *world)
{
    uint32_t alive = 0;
    uint32_t camps_alive = 0;
    uint32_t awake = 0;
    uint32_t listed = 0;

    for (const struct entity *e = world->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
        const struct monster *monster = (const struct monster *)e;

        CHECK(e->hp > 0 && world_can_stand(world, &e->at));
        CHECK(monster->state <= MONSTER_HOME && monster->path_at <= monster->path_count);
        CHECK(monster->state == MONSTER_ASLEEP || monster->think_ms != 0 || world->has_unarmed);
        alive += monster->camp != UINT16_MAX;
        awake += monster->state != MONSTER_ASLEEP;
    }
    for (const struct monster *m = world->awake_first; m != NULL; m = m->awake_next) {
        CHECK(m->state != MONSTER_ASLEEP);
        listed++;
    }
    for (uint32_t i = 0; world->camps != NULL && i < world->map->camp_count; i++) {
        CHECK(world->camps[i].alive <= world->map->camps[i].count);
        CHECK(!world_camp_lacks_some(world, i) || world->camps[i].respawn_ms != 0 || world->has_unarmed);
        camps_alive += world->camps[i].alive;
    }
    CHECK(awake == listed && alive == camps_alive);
}

static void check_players(const struct world *world)
{
    for (const struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL; e = e->next) {
        const struct player *player = (const struct player *)e;
        const struct entity *pet = player->pet != 0 ? world_find(world, player->pet) : NULL;

        CHECK(world_can_stand(world, &e->at));
        CHECK(player->level >= 1 && player->level <= WORLD_LEVEL_MAX);
        CHECK(e->hp_max == world_player_hp_max(player->level));
        CHECK(player->pet == 0 ||
              (pet != NULL && pet->kind == ROOMD_KIND_PET && ((const struct pet *)pet)->owner == e->id));
        CHECK(player->pet == 0 || e->hp > 0);
        CHECK(player->move_left_m >= 0);
        CHECK(world->grid.cell_m <= 0 || player->is_following != player->needs_snapshot);
    }
}

static void check_all(void)
{
    check_lists(the_world());
    check_cells(the_world());
    check_monsters(the_world());
    check_players(the_world());
    view_check_world(the_world(), room);
}

/* Everyone reads what has been flushed, and knows what is there. */
static void read_views(void)
{
    for (int i = 0; i < PLAYERS; i++) {
        if (player_of(&actors[i]) != NULL) {
            view_read(&actors[i].view, room);
            view_check(&actors[i].view, the_world());
        }
    }
}

/* ---- steps ---- */

static void step_turns(uint32_t ms)
{
    for (; ms > 0; ms -= ms < TURN_MS ? ms : TURN_MS) {
        fake_advance(room, ms < TURN_MS ? ms : TURN_MS);
        fake_flush(room);
        read_views();
    }
}

static void step_tick(struct input *input)
{
    uint32_t ms = 1 + (uint32_t)take_u8(input) * TICK_MS_MAX / 256;

    if (has_ticks) {
        fake_tick(room, ms);
        read_views();
    } else {
        step_turns(ms);
    }
}

static void step_wait(struct input *input)
{
    uint32_t ms = take_u8(input);

    if (has_ticks) {
        fake_advance(room, ms);
    } else {
        step_turns(ms);
    }
}

static void step_packet(struct actor *actor, uint16_t id, const void *payload, size_t bytes)
{
    enum roomd_packet_result result = fake_send(room, actor->session, id, payload, bytes);

    CHECK(result != ROOMD_PACKET_FAILED);
    if (result == ROOMD_PACKET_MALFORMED && fake_player_inside(room, actor->session) != NULL) {
        fake_leave(room, actor->session, ROOMD_LEAVE_DISCONNECTED);
    }
}

static void step_walk(struct actor *actor, struct input *input)
{
    const struct player *player = player_of(actor);
    int8_t way[2];
    uint8_t payload[12];

    take(input, way, sizeof(way));
    roomd_put_f32(payload, player->entity.at.x + (float)way[0] / 8);
    roomd_put_f32(payload + 4, 0);
    roomd_put_f32(payload + 8, player->entity.at.z + (float)way[1] / 8);
    step_packet(actor, ROOMD_C_MOVE, payload, sizeof(payload));
}

static void step_skill(struct actor *actor, struct input *input)
{
    uint8_t payload[18];
    uint8_t skill = take_u8(input);
    const struct entity *target;

    roomd_put_u16(payload, skill % 6);
    roomd_put_u32(payload + 2, take_target(input));
    target = world_find(the_world(), roomd_get_u32(payload + 2));
    if (target != NULL && skill < 128) {
        world_put_point(payload + 6, &target->at);
    } else {
        take(input, payload + 6, 12);
    }
    step_packet(actor, ROOMD_C_SKILL, payload, sizeof(payload));
}

static void step_say(struct actor *actor, struct input *input)
{
    uint8_t payload[7 + ROOMD_SAY_BYTES_MAX + 1] = {0};
    uint8_t how = take_u8(input);
    size_t given = how >> 3;
    size_t bytes = given == RAW_BYTES_MAX - 1 ? ROOMD_SAY_BYTES_MAX + 1 : given;

    payload[0] = how % 6;
    roomd_put_u32(payload + 1, take_target(input));
    roomd_put_u16(payload + 5, (uint16_t)bytes);
    take(input, payload + 7, given);
    step_packet(actor, ROOMD_C_SAY, payload, 7 + bytes);
}

static void step_interact(struct actor *actor, struct input *input)
{
    uint8_t payload[4];

    roomd_put_u32(payload, take_target(input));
    step_packet(actor, ROOMD_C_INTERACT, payload, sizeof(payload));
}

/* Whatever bytes, under any of the contents' ids. */
static void step_raw(struct actor *actor, struct input *input)
{
    uint8_t id = take_u8(input);
    uint8_t payload[RAW_BYTES_MAX];
    size_t bytes = take_u8(input) % (RAW_BYTES_MAX + 1);

    take(input, payload, bytes);
    step_packet(actor, (uint16_t)(id % 48 + 1), payload, bytes);
}

/* Beside something, at once: what takes a client a long walk. */
static void step_beside(struct actor *actor, struct input *input)
{
    const struct entity *target = world_find(the_world(), take_target(input));
    struct player *player = player_of(actor);
    struct point to;

    if (target != NULL && !player->is_leaving) {
        to = world_place_near(the_world(), &target->at, 1.5f);
        if (world_can_stand(the_world(), &to)) {
            world_jump(the_world(), &player->entity, &to);
        }
    }
}

static void step_hurt(struct actor *actor, struct input *input)
{
    const struct entity *by = the_world()->entities[ROOMD_KIND_MONSTER].first;

    world_hurt(the_world(), by != NULL ? by->id : 0, &player_of(actor)->entity, 0, 1 + take_u8(input));
}

static void step_leave(struct actor *actor, struct input *input)
{
    fake_leave(room, actor->session, take_u8(input) % 2 == 0 ? ROOMD_LEAVE_DISCONNECTED : ROOMD_LEAVE_ASKED);
}

static void step_restore(void)
{
    fake_flush(room);
    read_views();
    fake_save_and_restore(room);
    read_views();
}

static void step_player(uint8_t what, struct actor *actor, struct input *input)
{
    switch (what) {
    case 0:
    case 1:
        step_walk(actor, input);
        break;
    case 2:
        step_skill(actor, input);
        break;
    case 3:
        step_say(actor, input);
        break;
    case 4:
        step_interact(actor, input);
        break;
    case 5:
        step_packet(actor, ROOMD_C_RESPAWN, NULL, 0);
        break;
    case 6:
        step_packet(actor, ROOMD_C_PET, &(uint8_t){take_u8(input) % 4 != 0}, 1);
        break;
    case 7:
        step_raw(actor, input);
        break;
    case 8:
        step_beside(actor, input);
        break;
    case 9:
        step_hurt(actor, input);
        break;
    case 10:
        step_leave(actor, input);
        break;
    case 11:
        fake_set_owed(room, actor->session, take_u8(input) % 2 == 1);
        break;
    default:
        fake_skip(room, actor->session);
    }
}

static void step(struct input *input)
{
    uint8_t byte = take_u8(input);
    uint8_t what = byte / 2 % 20;
    struct actor *actor = &actors[byte % PLAYERS];

    switch (what) {
    case 13:
    case 14:
    case 15:
        step_tick(input);
        break;
    case 16:
        step_wait(input);
        break;
    case 17:
        fake_fail_alloc(room, take_u8(input) % 4);
        break;
    case 18:
        come_again(actor);
        break;
    case 19:
        fake_fail_alloc(room, 0);
        step_restore();
        break;
    default:
        if (player_of(actor) != NULL) {
            step_player(what, actor, input);
        }
    }
    check_all();
}

/* ---- the room ---- */

static void open_room(uint8_t settings)
{
    static const char *const views[] = {"6", "10", "24", "0"};
    static const struct roomd_content *const contents[] = {&roomd_content_field, &roomd_content_dungeon,
                                                           &roomd_content_field, &roomd_content_town};
    static const char *options[] = {"map",          "m", "rules", "r",   "view", NULL, "speed", "auto",
                                    "spawn_radius", "3", "pets",  "yes", NULL};

    options[5] = views[settings % 4];
    options[7] = settings & 16 ? "0" : "auto";
    options[11] = settings & 64 ? "no" : "yes";
    room = fake_room_open(contents[settings >> 2 & 3], options);
    fake_add_room(room, "town");
    fake_add_template(room, "crypt");
    for (int i = 0; i < PLAYERS; i++) {
        come_in(&actors[i], 0, NULL, 0);
    }
    has_ticks = (settings & 32) == 0;
    if (has_ticks) {
        fake_tick(room, 1);
        read_views();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.at = data, .left = size};

    fake_data_clear();
    fake_data_add("m", MAP);
    fake_data_add("r", RULES);
    open_room(take_u8(&input));
    for (int steps = 0; input.left > 0 && steps < STEPS_MAX; steps++) {
        step(&input);
    }
    fake_room_close(room);
    return 0;
}
