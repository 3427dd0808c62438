#include "unit/world_arena.h"

static struct pet *pet_of(const struct arena *arena, uint64_t session)
{
    struct player *player = arena_player_of(arena, session);
    struct entity *entity = player->pet != 0 ? world_find(arena->world, player->pet) : NULL;

    assert_true(entity == NULL || entity->kind == ROOMD_KIND_PET);
    return (struct pet *)entity;
}

static uint64_t enter_with_pet(struct arena *arena, float x, float z)
{
    uint64_t session = arena_enter(arena, x, z);

    assert_int_equal(arena_pet(arena, session, 1), ROOMD_ERROR_NONE);
    assert_non_null(pet_of(arena, session));
    return session;
}

static float distance_to_pet(const struct arena *arena, uint64_t session)
{
    return point_distance(&arena_player_of(arena, session)->entity.at, &pet_of(arena, session)->entity.at);
}

static void expect_beside(const struct arena *arena, uint64_t session)
{
    float distance_m = distance_to_pet(arena, session);

    assert_true(distance_m >= 1.49f && distance_m <= 2.51f);
}

static uint32_t pets(const struct arena *arena)
{
    return arena->world->entities[ROOMD_KIND_PET].count;
}

static void tick(struct arena *arena, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        fake_tick(arena->room, ARENA_TICK_MS);
    }
}

static void what_is_no_command_is_malformed(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);

    (void)state;
    assert_int_equal(fake_send(arena.room, session, ROOMD_C_PET, "", 0), ROOMD_PACKET_MALFORMED);
    assert_int_equal(fake_send(arena.room, session, ROOMD_C_PET, "\2", 1), ROOMD_PACKET_MALFORMED);
    assert_int_equal(fake_send(arena.room, session, ROOMD_C_PET, "\1\0", 2), ROOMD_PACKET_MALFORMED);
    assert_int_equal(pets(&arena), 0);
    arena_close(&arena);
}

static void called_it_stands_beside_its_owner_once(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 5, 5);
    uint32_t id = pet_of(&arena, session)->entity.id;
    struct fake_packet packet;

    (void)state;
    expect_beside(&arena, session);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_NONE);
    world_pet_call(arena.world, arena_player_of(&arena, session));
    assert_int_equal(pets(&arena), 1);
    fake_flush(arena.room);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_SPAWN), 1);
    assert_true(fake_next_of(arena.room, session, ROOMD_S_SPAWN, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_int_equal(packet.payload[4], ROOMD_KIND_PET);
    assert_memory_equal(packet.payload + 5, "\5\0hound", 7);
    assert_int_equal(roomd_get_u32(packet.payload + 12), fake_player_id(arena.room, session));
    arena_close(&arena);
}

static void sent_away_it_is_gone(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 5, 5);
    uint32_t id = pet_of(&arena, session)->entity.id;
    struct fake_packet packet;

    (void)state;
    assert_int_equal(arena_pet(&arena, session, 0), ROOMD_ERROR_NONE);
    assert_int_equal(pets(&arena), 0);
    assert_int_equal(arena_player_of(&arena, session)->pet, 0);
    fake_flush(arena.room);
    assert_true(fake_next_of(arena.room, session, ROOMD_S_DESPAWN, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_int_equal(packet.payload[4], ROOMD_DESPAWN_GONE);
    assert_int_equal(arena_pet(&arena, session, 0), ROOMD_ERROR_NONE);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_TOO_SOON);
    fake_advance(arena.room, 1000);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_NONE);
    assert_int_equal(pets(&arena), 1);
    arena_close(&arena);
}

static void where_there_are_no_pets_none_comes(void **state)
{
    struct arena none = arena_open(&arena_fight, ARENA_MAP, ARENA_RULES, "0", "no");
    uint64_t session = arena_enter(&none, 5, 5);

    (void)state;
    assert_int_equal(arena_pet(&none, session, 1), ROOMD_ERROR_NOT_HERE);
    arena_close(&none);
    none = arena_open(&arena_fight, ARENA_MAP, "skill 1 slash kind melee range 2 cooldown 1s amount 1\n", "0",
                      "yes");
    session = arena_enter(&none, 5, 5);
    assert_int_equal(arena_pet(&none, session, 1), ROOMD_ERROR_REFUSED);
    assert_int_equal(pets(&none), 0);
    arena_close(&none);
}

static void what_these_rules_have_no_pet_for_does_not_come(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    struct player *player = arena_player_of(&arena, session);
    uint16_t own = player->pet_type;

    (void)state;
    for (uint16_t type = 0; type < 10; type++) {
        if (type != own) {
            player->pet_type = type; /* a wolf, or beyond the last one */
            assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_REFUSED);
        }
    }
    player->pet_type = own;
    assert_int_equal(pets(&arena), 0);
    arena_close(&arena);
}

static void the_dead_call_no_pet_and_lose_the_one_they_had(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 5, 5);

    (void)state;
    arena_kill_player(&arena, session);
    tick(&arena, 1);
    assert_int_equal(pets(&arena), 0);
    assert_int_equal(arena_player_of(&arena, session)->pet, 0);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_IS_DEAD);
    arena_close(&arena);
}

static void it_vanishes_when_its_owner_leaves(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 5, 5);
    uint64_t watcher = arena_enter(&arena, 6, 6);
    uint32_t id = pet_of(&arena, session)->entity.id;
    struct fake_packet packet;

    (void)state;
    fake_leave(arena.room, session, ROOMD_LEAVE_ASKED);
    tick(&arena, 1);
    assert_int_equal(pets(&arena), 0);
    assert_true(fake_next_of(arena.room, watcher, ROOMD_S_DESPAWN, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_int_equal(packet.payload[4], ROOMD_DESPAWN_GONE);
    arena_close(&arena);
}

static void it_follows_at_its_own_pace_and_keeps_its_distance(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 5, 5);
    struct entity *owner = &arena_player_of(&arena, session)->entity;
    float before_m;

    (void)state;
    tick(&arena, 4);
    arena_put(&arena, owner, 19, 5);
    before_m = distance_to_pet(&arena, session);
    tick(&arena, 1); /* 7 m/s */
    assert_true(fabsf(before_m - distance_to_pet(&arena, session) - 1.75f) < 0.01f);
    tick(&arena, 20);
    expect_beside(&arena, session);
    arena_put(&arena, owner, pet_of(&arena, session)->entity.at.x, pet_of(&arena, session)->entity.at.z);
    tick(&arena, 4);
    expect_beside(&arena, session);
    fake_drop(arena.room, 0);
    owner->at.x -= 0.3f;
    tick(&arena, 4); /* and then stands still, for so little */
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_MOVE), 0);
    arena_close(&arena);
}

static void it_is_put_beside_an_owner_who_is_far_or_behind_something(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 5, 5);
    struct entity *owner = &arena_player_of(&arena, session)->entity;

    (void)state;
    arena_put(&arena, owner, 40, 5);
    tick(&arena, 1);
    expect_beside(&arena, session);
    arena_put(&arena, owner, 28.5f, 15.5f);
    arena_put(&arena, &pet_of(&arena, session)->entity, 32.5f, 15.5f);
    tick(&arena, 1);
    assert_true(pet_of(&arena, session)->entity.at.x < 30);
    expect_beside(&arena, session);
    arena_put(&arena, &pet_of(&arena, session)->entity, 32.5f, 25.5f);
    arena_put(&arena, owner, 28.5f, 25.5f);
    tick(&arena, 1); /* water stops feet */
    assert_true(pet_of(&arena, session)->entity.at.x < 30);
    arena_close(&arena);
}

/* In a dead end of one tile there is no room beside: it stands where its owner does. */
static void without_room_beside_it_stands_where_its_owner_does(void **state)
{
    struct arena arena = arena_open(&arena_fight, "map cell\ntile 1\nspawn in 1 1\ngrid\n###\n#.#\n###\n",
                                    ARENA_RULES, "0", "yes");
    uint64_t session = arena_enter(&arena, 1.5f, 1.5f);

    (void)state;
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_NONE);
    tick(&arena, 4);
    assert_true(distance_to_pet(&arena, session) < 1);
    arena_close(&arena);
}

static void it_bites_who_hurts_its_owner(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 20, 5);
    struct player *player = arena_player_of(&arena, session);
    struct monster *post = arena_monster(&arena, "post", 26, 5);
    uint32_t pet = pet_of(&arena, session)->entity.id;
    uint32_t post_id = post->entity.id;

    (void)state;
    tick(&arena, 8);
    assert_int_equal(post->entity.hp, 100);
    fake_drop(arena.room, 0);
    world_hurt(arena.world, post_id, &player->entity, 0, 1);
    tick(&arena, 8);
    assert_in_range(post->entity.hp, 85, 95);
    arena_expect_hit(&arena, session, post_id, player->entity.id, 0, 1, false, player->entity.hp);
    arena_expect_hit(&arena, session, pet, post_id, 0, 5, false, 95);
    assert_int_equal(player->damage, 100 - (uint32_t)post->entity.hp);
    tick(&arena, 100); /* a second between two bites, 100 hp */
    assert_null(world_find(arena.world, post_id));
    assert_int_equal(arena_death.killer, pet);
    assert_int_equal(player->kills, 1);
    assert_int_equal(player->xp, 10);
    assert_int_equal(pet_of(&arena, session)->target, 0);
    expect_beside(&arena, session);
    arena_close(&arena);
}

static void it_joins_in_when_its_owner_strikes(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 20, 5);
    struct monster *post = arena_monster(&arena, "post", 21, 5);
    struct monster *other = arena_monster(&arena, "post", 20, 6);

    (void)state;
    assert_int_equal(arena_skill(&arena, session, POKE, post->entity.id), ROOMD_ERROR_NONE);
    assert_int_equal(pet_of(&arena, session)->target, post->entity.id);
    assert_int_equal(arena_skill(&arena, session, SLASH, other->entity.id), ROOMD_ERROR_NONE);
    assert_int_equal(pet_of(&arena, session)->target, post->entity.id);
    tick(&arena, 9);
    assert_in_range(post->entity.hp, 84, 94);
    assert_int_equal(other->entity.hp, 88);
    arena_close(&arena);
}

static void it_lets_go_of_who_gets_away(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 20, 5);
    struct player *player = arena_player_of(&arena, session);
    struct monster *post = arena_monster(&arena, "post", 35, 5);

    (void)state;
    world_hurt(arena.world, post->entity.id, &player->entity, 0, 1); /* from further than it goes */
    assert_int_equal(pet_of(&arena, session)->target, 0);
    arena_put(&arena, &post->entity, 28, 5);
    world_hurt(arena.world, post->entity.id, &player->entity, 0, 1);
    tick(&arena, 1);
    assert_int_equal(pet_of(&arena, session)->target, post->entity.id);
    arena_put(&arena, &post->entity, 33, 5);
    tick(&arena, 20);
    assert_int_equal(pet_of(&arena, session)->target, 0);
    assert_int_equal(post->entity.hp, 100);
    expect_beside(&arena, session);
    arena_put(&arena, &post->entity, 26, 5);
    post->state = MONSTER_HOME;
    world_pet_owner_hurt(arena.world, player, post->entity.id);
    assert_int_equal(pet_of(&arena, session)->target, 0);
    post->state = MONSTER_IDLE;
    arena_close(&arena);
}

static void a_pet_that_shoots_shoots(void **state)
{
    struct arena arena = arena_open(
        &arena_fight, ARENA_MAP,
        "skill 2 arrow kind ranged range 18 cooldown 1200ms amount 10 speed 20\n"
        "monster post hp 100 speed 0 sight 0 leash 0 range 1 damage 0 every 1s\n"
        "monster owl hp 9 speed 5 sight 9 leash 9 range 9 damage 3 every 10s shoots arrow pet yes\n",
        "0", "yes");
    uint64_t session = enter_with_pet(&arena, 20, 5);
    struct monster *post = arena_monster(&arena, "post", 28, 5);

    (void)state;
    world_pet_owner_hurt(arena.world, arena_player_of(&arena, session), post->entity.id);
    tick(&arena, 12);
    assert_int_equal(post->entity.hp, 97);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_SKILL), 1);
    arena_close(&arena);
}

static void who_dies_or_goes_away_wounded_rests(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 20, 5);
    uint32_t id = pet_of(&arena, session)->entity.id;
    struct fake_packet packet;

    (void)state;
    fake_flush(arena.room);
    fake_drop(arena.room, 0);
    assert_true(world_hurt(arena.world, 0, &pet_of(&arena, session)->entity, 0, 60));
    assert_int_equal(arena_player_of(&arena, session)->pet, 0);
    assert_int_equal(arena_death.entity, id);
    fake_flush(arena.room);
    assert_true(fake_next_of(arena.room, session, ROOMD_S_DIED, &packet));
    assert_true(fake_next_of(arena.room, session, ROOMD_S_DESPAWN, &packet));
    assert_int_equal(packet.payload[4], ROOMD_DESPAWN_DIED);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_TOO_SOON);
    fake_advance(arena.room, 9999);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_TOO_SOON);
    fake_advance(arena.room, 1);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_NONE);
    world_hurt(arena.world, 0, &pet_of(&arena, session)->entity, 0, 1);
    assert_int_equal(arena_pet(&arena, session, 0), ROOMD_ERROR_NONE);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_TOO_SOON);
    arena_close(&arena);
}

static void it_can_be_healed_and_is_hunted(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 20, 5);
    struct entity *pet = &pet_of(&arena, session)->entity;
    struct monster *wolf = arena_monster(&arena, "wolf", 24, 5);

    (void)state;
    world_hurt(arena.world, wolf->entity.id, pet, 0, 30);
    assert_int_equal(pet_of(&arena, session)->target, wolf->entity.id);
    assert_int_equal(arena_skill(&arena, session, MEND, pet->id), ROOMD_ERROR_NONE);
    assert_int_equal(pet->hp, 55);
    arena_close(&arena);
}

/* Its parcel says that it was out: it comes in with its owner, and is out in one room only. */
static void it_goes_through_portals_with_its_owner(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = enter_with_pet(&arena, 5, 5);
    const void *parcel;
    uint8_t copy[ROOMD_PARCEL_BYTES_MAX];
    size_t bytes;
    uint64_t there;

    (void)state;
    fake_add_room(arena.room, "elsewhere");
    assert_int_equal(world_player_send_to(arena.world, arena_player_of(&arena, session), "elsewhere", NULL),
                     0);
    parcel = fake_parcel(arena.room, session, &bytes);
    assert_non_null(parcel);
    memcpy(copy, parcel, bytes);
    world_pet_tick(arena.world); /* its owner is on the way out */
    assert_int_equal(pets(&arena), 0);
    tick(&arena, 1);
    assert_string_equal(fake_moved_to(arena.room, session), "elsewhere");
    assert_int_equal(pets(&arena), 0);
    there = fake_enter_with(arena.room, 0, copy, bytes);
    assert_int_equal(pets(&arena), 1);
    assert_non_null(pet_of(&arena, there));
    assert_true(distance_to_pet(&arena, there) <= 2.5f);
    arena_close(&arena);
}

static void without_memory_none_comes_and_it_is_said(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);

    (void)state;
    fake_fail_alloc(arena.room, 1);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_NO_MEMORY);
    fake_fail_alloc(arena.room, 0);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_NONE);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_command_is_malformed),
        cmocka_unit_test(called_it_stands_beside_its_owner_once),
        cmocka_unit_test(sent_away_it_is_gone),
        cmocka_unit_test(where_there_are_no_pets_none_comes),
        cmocka_unit_test(what_these_rules_have_no_pet_for_does_not_come),
        cmocka_unit_test(the_dead_call_no_pet_and_lose_the_one_they_had),
        cmocka_unit_test(it_vanishes_when_its_owner_leaves),
        cmocka_unit_test(it_follows_at_its_own_pace_and_keeps_its_distance),
        cmocka_unit_test(it_is_put_beside_an_owner_who_is_far_or_behind_something),
        cmocka_unit_test(without_room_beside_it_stands_where_its_owner_does),
        cmocka_unit_test(it_bites_who_hurts_its_owner),
        cmocka_unit_test(it_joins_in_when_its_owner_strikes),
        cmocka_unit_test(it_lets_go_of_who_gets_away),
        cmocka_unit_test(a_pet_that_shoots_shoots),
        cmocka_unit_test(who_dies_or_goes_away_wounded_rests),
        cmocka_unit_test(it_can_be_healed_and_is_hunted),
        cmocka_unit_test(it_goes_through_portals_with_its_owner),
        cmocka_unit_test(without_memory_none_comes_and_it_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
