/*
 * Players who do whatever they like among monsters for thousands of ticks, from a seed. At every tick each player's
 * view, as it follows from what it was sent, is what is registered around it, down to the hit points; and the ground's
 * own books agree with each other.
 */
#include "unit/world_arena.h"

enum { PLAYERS = 10, TICKS = 2500, KNOWN_MAX = 1024, HP_UNKNOWN = -1 };

#define FIGHT_MAP                                                                                            \
    "map fight\ntile 1\nspawn corner 2 2\nspawn far 50 2\n"                                                  \
    "portal back 20 5 to nowhere\n"                                                                          \
    "camp wolves 15 5 type wolf count 5 radius 8 respawn 3s\n"                                               \
    "camp archers 45 15 type archer count 4 radius 8 respawn 3s\n"                                           \
    "npc elder 5 15 name Elder says \"Welcome.\" greets \"Hail!\"\n" ARENA_GRID

/* Those of the arena, with teeth. */
#define FIGHT_RULES                                                                                          \
    "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"                                          \
    "skill 2 arrow kind ranged range 18 cooldown 1200ms amount 10 speed 20\n"                                \
    "skill 3 blast kind area range 12 radius 4 cooldown 5s amount 15\n"                                      \
    "skill 4 mend kind heal range 10 cooldown 4s amount 25\n"                                                \
    "monster wolf hp 40 speed 4.5 sight 12 leash 30 range 2 damage 26 every 1200ms xp 10 drop pelt\n"        \
    "monster archer hp 30 speed 3 sight 16 leash 30 range 12 damage 15 every 2s xp 12 shoots arrow\n"        \
    "monster hound hp 60 speed 7 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n"

/* What a client knows of one entity. */
struct known {
    uint32_t id;
    int32_t hp;
};

struct client {
    uint64_t session; /* 0: is not in */
    bool is_owed_all; /* in this tick: it may miss something, and is told all anew in the next */
    struct known known[KNOWN_MAX];
    uint32_t count;
};

struct fight {
    struct arena arena;
    struct client clients[PLAYERS];
    uint64_t random;
    /* So that the test knows that there was a fight. */
    uint32_t hits, heals, bites, shots, deaths, kills, pets_lost, respawns, refused, resets;
};

static uint32_t draw(struct fight *fight, uint32_t below)
{
    uint64_t z = fight->random += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ z >> 31) % below);
}

/* ---- a client's view ---- */

static struct known *client_find(struct client *client, uint32_t id)
{
    for (uint32_t i = 0; i < client->count; i++) {
        if (client->known[i].id == id) {
            return &client->known[i];
        }
    }
    return NULL;
}

static struct known *client_must_know(struct client *client, uint32_t id, uint16_t packet)
{
    struct known *known = client_find(client, id);

    if (known == NULL) {
        fail_msg("packet %u of %u, of which it has not been told", packet, id);
    }
    return known;
}

static void client_come(struct client *client, uint32_t id, int32_t hp)
{
    if (client_find(client, id) != NULL) {
        fail_msg("%u came twice", id);
    }
    assert_true(client->count < KNOWN_MAX);
    client->known[client->count++] = (struct known){id, hp};
}

static void client_go(struct client *client, uint32_t id, uint16_t packet)
{
    *client_must_know(client, id, packet) = client->known[client->count - 1];
    client->count--;
}

/* Where the text ends, what stands behind it. */
static void client_read_spawn(struct client *client, const uint8_t *p)
{
    const uint8_t *rest = p + 7 + roomd_get_u16(p + 5);
    int32_t hp = (int32_t)roomd_get_u32(rest + 16);
    int32_t hp_max = (int32_t)roomd_get_u32(rest + 20);

    assert_true(hp >= 0 && hp <= hp_max);
    client_come(client, roomd_get_u32(p), hp);
}

static void client_read_list(struct client *client, uint32_t self, const uint8_t *p)
{
    for (uint32_t i = 0, n = roomd_get_u16(p); i < n; i++) {
        const uint8_t *entry = p + 2 + 17 * i;

        assert_int_equal(entry[0], roomd_get_u32(entry + 1) == self);
        client_come(client, roomd_get_u32(entry + 1), HP_UNKNOWN);
    }
}

static void client_read_hit(struct fight *fight, struct client *client, const uint8_t *p)
{
    struct known *known = client_must_know(client, roomd_get_u32(p + 4), ROOMD_S_HIT);
    int32_t amount = (int32_t)roomd_get_u32(p + 10);
    int32_t hp = (int32_t)roomd_get_u32(p + 15);

    assert_true(amount > 0 && hp >= 0);
    if (known->hp != HP_UNKNOWN) {
        assert_int_equal(known->hp + (p[14] ? amount : -amount), hp);
    }
    known->hp = hp;
    fight->heals += p[14];
    fight->hits += !p[14];
    fight->bites += world_find(fight->arena.world, roomd_get_u32(p)) != NULL &&
                    world_find(fight->arena.world, roomd_get_u32(p))->kind == ROOMD_KIND_PET;
}

static void client_read(struct fight *fight, struct client *client, uint32_t self,
                        const struct fake_packet *packet)
{
    const uint8_t *p = packet->payload;
    uint32_t id = packet->bytes >= 4 ? roomd_get_u32(p) : 0;

    switch (packet->id) {
    case ROOMD_S_PLAYER_LIST:
        client_read_list(client, self, p);
        break;
    case ROOMD_S_BROADCAST_ENTER_GAME:
        if (id != self) { /* of itself the list has told it */
            client_come(client, id, HP_UNKNOWN);
        }
        break;
    case ROOMD_S_SPAWN:
        fight->shots += p[4] == ROOMD_KIND_PROJECTILE;
        client_read_spawn(client, p);
        break;
    case ROOMD_S_BROADCAST_LEAVE_GAME:
    case ROOMD_S_DESPAWN:
        client_go(client, id, packet->id);
        break;
    case ROOMD_S_BROADCAST_MOVE:
    case ROOMD_S_MOVE:
    case ROOMD_S_SKILL:
        client_must_know(client, id, packet->id);
        break;
    case ROOMD_S_VITALS:
        client_must_know(client, id, packet->id)->hp = (int32_t)roomd_get_u32(p + 4);
        assert_true((int32_t)roomd_get_u32(p + 4) <= (int32_t)roomd_get_u32(p + 8));
        break;
    case ROOMD_S_HIT:
        client_read_hit(fight, client, p);
        break;
    case ROOMD_S_DIED:
        assert_true(client_must_know(client, id, packet->id)->hp <= 0);
        break;
    case ROOMD_S_RESPAWNED:
        client_must_know(client, id, packet->id)->hp = (int32_t)roomd_get_u32(p + 16);
        fight->respawns++;
        break;
    case ROOMD_S_VIEW_RESET:
        client->count = 0;
        fight->resets++;
        break;
    default:
        break;
    }
}

static void client_check(struct fight *fight, struct client *client)
{
    struct world *world = fight->arena.world;
    struct player *player = arena_player_of(&fight->arena, client->session);
    uint32_t in_view = 0;
    struct fake_packet packet;

    while (fake_next(fight->arena.room, client->session, &packet)) {
        client_read(fight, client, player->entity.id, &packet);
    }
    if (client->is_owed_all) {
        return;
    }
    for (int kind = 0; kind < ROOMD_KIND_COUNT; kind++) {
        for (struct entity *e = world->entities[kind].first; e != NULL; e = e->next) {
            struct known *known = client_find(client, e->id);

            assert_int_equal(known != NULL, world_is_in_view(world, player, e));
            in_view += known != NULL;
            if (known != NULL && known->hp != HP_UNKNOWN) {
                assert_int_equal(known->hp, e->hp);
            }
        }
    }
    assert_int_equal(client->count, in_view);
}

/* ---- the ground's books ---- */

static void check_entity(const struct world *world, const struct entity *entity)
{
    assert_ptr_equal(world_find(world, entity->id), entity);
    assert_true(entity->hp >= 0 && entity->hp <= entity->hp_max);
    assert_true(entity->radius <= WORLD_BODY_RADIUS_MAX_M);
    assert_true(entity->at.x >= world->x_min && entity->at.x <= world->x_max);
    assert_true(entity->at.z >= world->z_min && entity->at.z <= world->z_max);
    assert_int_equal(entity->id >= ROOMD_ENTITY_FIRST, entity->kind != ROOMD_KIND_PLAYER);
    if (entity->kind == ROOMD_KIND_MONSTER || entity->kind == ROOMD_KIND_PET) {
        assert_true(entity->hp > 0);
    }
    if (entity->kind != ROOMD_KIND_PROJECTILE) {
        assert_true(world_can_stand(world, &entity->at));
    }
    if (entity->kind == ROOMD_KIND_PET) {
        const struct pet *pet = (const struct pet *)entity;

        assert_non_null(world_find_player(world, pet->owner));
        assert_int_equal(world_find_player(world, pet->owner)->pet, entity->id);
    }
}

static void check_world(const struct fight *fight)
{
    const struct world *world = fight->arena.world;
    uint32_t all = 0;

    for (int kind = 0; kind < ROOMD_KIND_COUNT; kind++) {
        uint32_t count = 0;

        for (struct entity *e = world->entities[kind].first; e != NULL; e = e->next) {
            assert_int_equal(e->kind, kind);
            check_entity(world, e);
            count++;
        }
        assert_int_equal(count, world->entities[kind].count);
        all += count;
    }
    assert_int_equal(all, world->by_id_count);
}

/* ---- what the players do ---- */

/* Something that there is, or was, or never was. */
static uint32_t draw_target(struct fight *fight, const struct client *client)
{
    if (client->count == 0 || draw(fight, 20) == 0) {
        return draw(fight, 2) != 0 ? 0 : ROOMD_ENTITY_FIRST + draw(fight, 5000);
    }
    return client->known[draw(fight, client->count)].id;
}

static void client_walk(struct fight *fight, struct client *client)
{
    struct point at = arena_player_of(&fight->arena, client->session)->entity.at;
    uint8_t payload[12];

    roomd_put_f32(payload, at.x + ((float)draw(fight, 200) - 100) / 100);
    roomd_put_f32(payload + 4, 0);
    roomd_put_f32(payload + 8, at.z + ((float)draw(fight, 200) - 100) / 100);
    assert_int_equal(fake_send(fight->arena.room, client->session, ROOMD_C_MOVE, payload, sizeof(payload)),
                     ROOMD_PACKET_OK);
}

static void client_fight(struct fight *fight, struct client *client)
{
    struct point at = arena_player_of(&fight->arena, client->session)->entity.at;

    at.x += (float)draw(fight, 16) - 8;
    at.z += (float)draw(fight, 16) - 8;
    assert_int_equal(arena_skill_at(&fight->arena, client->session, (uint16_t)draw(fight, 6),
                                    draw_target(fight, client), at),
                     ROOMD_PACKET_OK);
    fight->refused += fake_take_error(fight->arena.room, client->session) != ROOMD_ERROR_NONE;
}

static void client_come_or_go(struct fight *fight, struct client *client)
{
    if (client->session != 0 && draw(fight, 300) == 0) {
        fake_leave(fight->arena.room, client->session,
                   draw(fight, 2) != 0 ? ROOMD_LEAVE_ASKED : ROOMD_LEAVE_DISCONNECTED);
        client->session = 0;
    } else if (client->session == 0 && draw(fight, 5) == 0) {
        client->session = fake_enter(fight->arena.room);
        client->count = 0;
    }
}

static void client_act(struct fight *fight, struct client *client)
{
    for (uint32_t i = draw(fight, 6); i > 0; i--) {
        switch (draw(fight, 8)) {
        case 0:
        case 1:
        case 2:
            client_walk(fight, client);
            break;
        case 3:
            arena_pet(&fight->arena, client->session, draw(fight, 8) != 0);
            break;
        case 4:
            arena_interact(&fight->arena, client->session, draw_target(fight, client));
            break;
        case 5:
            assert_int_equal(fake_send(fight->arena.room, client->session, ROOMD_C_RESPAWN, NULL, 0),
                             ROOMD_PACKET_OK);
            break;
        default:
            client_fight(fight, client);
            break;
        }
    }
}

static struct fight *fight_now;

static void fight_died(struct world *world, struct entity *entity, uint32_t killer)
{
    (void)world;
    (void)killer;
    fight_now->deaths += entity->kind == ROOMD_KIND_PLAYER;
    fight_now->kills += entity->kind == ROOMD_KIND_MONSTER;
    fight_now->pets_lost += entity->kind == ROOMD_KIND_PET;
}

static int fight_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    static const struct world_kind kind = {.name = "fight", .has_fighting = true, .died = fight_died};

    return world_open(host, room, &kind, state);
}

static void fight_tick(struct fight *fight)
{
    for (int i = 0; i < PLAYERS; i++) {
        struct client *client = &fight->clients[i];

        client_come_or_go(fight, client);
        client->is_owed_all = client->session != 0 && draw(fight, 50) == 0;
        if (client->is_owed_all) {
            fake_set_owed(fight->arena.room, client->session, true);
        }
        if (client->session != 0) {
            client_act(fight, client);
        }
    }
    fake_tick(fight->arena.room, ARENA_TICK_MS);
    check_world(fight);
    for (int i = 0; i < PLAYERS; i++) {
        struct client *client = &fight->clients[i];

        if (client->session != 0) {
            client_check(fight, client);
            fake_set_owed(fight->arena.room, client->session, false);
        }
    }
}

/* Returns the digest of everything that anyone was sent. */
static uint64_t fight_out(const char *view, uint64_t seed)
{
    static const struct roomd_content content = {
        .name = "fight", .open = fight_open, .packet = world_packet, WORLD_CALLBACKS};
    struct fight fight;
    uint64_t digest;

    memset(&fight, 0, sizeof(fight));
    fight.random = seed;
    fight_now = &fight;
    fight.arena = arena_open(&content, FIGHT_MAP, FIGHT_RULES, view, "yes");
    for (int tick = 0; tick < TICKS; tick++) {
        fight_tick(&fight);
    }
    assert_true(fight.hits > 500 && fight.heals > 50 && fight.bites > 50 && fight.shots > 100);
    assert_true(fight.deaths > 20 && fight.kills > 20 && fight.pets_lost > 5 && fight.respawns > 20);
    assert_true(fight.refused > 1000 && fight.resets > 5);
    digest = fake_digest(fight.arena.room);
    arena_close(&fight.arena);
    return digest;
}

static void everyone_sees_what_there_is_without_a_view(void **state)
{
    (void)state;
    fight_out("0", 1);
}

static void everyone_sees_what_there_is_in_a_view(void **state)
{
    (void)state;
    fight_out("8", 2);
    fight_out("20", 3);
}

static void the_same_deeds_make_the_same_bytes(void **state)
{
    (void)state;
    assert_true(fight_out("12", 4) == fight_out("12", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_sees_what_there_is_without_a_view),
        cmocka_unit_test(everyone_sees_what_there_is_in_a_view),
        cmocka_unit_test(the_same_deeds_make_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
