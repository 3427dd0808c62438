#include "unit/world_arena.h"

static struct projectile *only_projectile(const struct arena *arena)
{
    const struct entity_list *list = &arena->world->entities[ROOMD_KIND_PROJECTILE];

    return list->count == 1 ? (struct projectile *)list->first : NULL;
}

static uint16_t arrow_place(const struct arena *arena)
{
    return (uint16_t)rules_find_skill(arena->world->rules, ARROW);
}

/* An arrow that follows nobody. */
static void shoot_at(struct arena *arena, const struct entity *owner, float x, float z)
{
    assert_int_equal(
        world_projectile_shoot(arena->world, owner, 0, &(struct point){x, 0, z}, arrow_place(arena)), 0);
}

/* Ticks until nothing flies; how many it took. */
static int fly_out(struct arena *arena)
{
    int ticks = 0;

    while (arena->world->entities[ROOMD_KIND_PROJECTILE].count > 0) {
        assert_true(++ticks < 100);
        fake_tick(arena->room, ARENA_TICK_MS);
    }
    return ticks;
}

/* The first projectile's end that the player reads. */
static enum roomd_despawn expect_end(struct arena *arena, uint64_t session, uint32_t id)
{
    struct fake_packet packet;

    while (fake_next_of(arena->room, session, ROOMD_S_DESPAWN, &packet)) {
        if (roomd_get_u32(packet.payload) == id) {
            return packet.payload[4];
        }
    }
    fail_msg("%u has no end", id);
    return ROOMD_DESPAWN_OUT_OF_VIEW;
}

static void an_arrow_is_seen_to_fly_and_hits_in_its_own_time(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    uint32_t player = fake_player_id(arena.room, session);
    struct monster *post = arena_monster(&arena, "post", 21.5f, 5);
    struct fake_packet packet;
    uint32_t arrow;

    (void)state;
    assert_int_equal(arena_skill(&arena, session, ARROW, post->entity.id), ROOMD_ERROR_NONE);
    assert_non_null(only_projectile(&arena));
    arrow = only_projectile(&arena)->entity.id;
    fake_flush(arena.room);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_SKILL), 1);
    do {
        assert_true(fake_next_of(arena.room, session, ROOMD_S_SPAWN, &packet));
    } while (roomd_get_u32(packet.payload) != arrow);
    assert_int_equal(packet.payload[4], ROOMD_KIND_PROJECTILE);
    fake_tick(arena.room, ARENA_TICK_MS); /* 20 m/s: 5 m a tick */
    fake_tick(arena.room, ARENA_TICK_MS);
    fake_tick(arena.room, ARENA_TICK_MS);
    assert_int_equal(post->entity.hp, 100);
    assert_true(fabsf(only_projectile(&arena)->entity.at.x - 20) < 0.01f);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_MOVE), 3);
    fake_tick(arena.room, ARENA_TICK_MS);
    assert_null(world_find(arena.world, arrow));
    assert_int_equal(post->entity.hp, 90);
    assert_int_equal(expect_end(&arena, session, arrow), ROOMD_DESPAWN_STRUCK);
    arena_expect_hit(&arena, session, player, post->entity.id, ARROW, 10, false, 90);
    arena_close(&arena);
}

static void the_first_body_along_the_way_is_hit(void **state)
{
    static const char *const views[] = {"0", "8", "20"};

    (void)state;
    for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++) {
        struct arena arena = arena_open(&arena_fight, ARENA_MAP, ARENA_RULES, views[v], "no");
        struct player *player = arena_player_of(&arena, arena_enter(&arena, 5, 5));
        struct monster *last = arena_monster(&arena, "post", 19, 5);
        struct monster *behind = arena_monster(&arena, "post", 3.5f, 5);
        struct monster *beside = arena_monster(&arena, "post", 9, 5.6f);
        struct monster *first = arena_monster(&arena, "post", 12, 5.4f);
        struct monster *second = arena_monster(&arena, "post", 12.1f, 5);

        shoot_at(&arena, &player->entity, 19, 5);
        fly_out(&arena);
        assert_int_equal(behind->entity.hp, 100);
        assert_int_equal(beside->entity.hp, 100);
        assert_int_equal(last->entity.hp, 100);
        /* `second` lies squarely in the way, and is touched before the nearer one that is only grazed. */
        assert_int_equal(first->entity.hp, 100);
        assert_int_equal(second->entity.hp, 90);
        arena_close(&arena);
    }
}

/* However fast it is: a tick's way is 50 m. */
static void nothing_is_jumped_over(void **state)
{
    static const char *const views[] = {"0", "8", "40"};
    static const char rules[] = "skill 2 arrow kind ranged range 100 cooldown 1s amount 10 speed 200\n"
                                "monster post hp 100 speed 0 sight 0 leash 0 range 1 damage 0 every 1s\n";

    (void)state;
    for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++) {
        struct arena arena = arena_open(&arena_fight, ARENA_MAP, rules, views[v], "no");
        struct player *player = arena_player_of(&arena, arena_enter(&arena, 3, 5));

        for (float x = 5; x < 52; x += 0.7f) {
            struct monster *post = arena_monster(&arena, "post", x, 5.2f);

            shoot_at(&arena, &player->entity, 50, 5);
            fake_tick(arena.room, ARENA_TICK_MS);
            assert_int_equal(arena.world->entities[ROOMD_KIND_PROJECTILE].count, 0);
            assert_int_equal(post->entity.hp, 90);
            assert_true(world_hurt(arena.world, 0, &post->entity, 0, 90));
        }
        arena_close(&arena);
    }
}

static void walls_stop_what_flies_and_water_does_not(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 25.5f, 15.5f);
    struct player *player = arena_player_of(&arena, session);
    struct monster *post = arena_monster(&arena, "post", 32.5f, 15.5f);
    uint32_t arrow;

    (void)state;
    shoot_at(&arena, &player->entity, 32.5f, 15.5f);
    arrow = only_projectile(&arena)->entity.id;
    fly_out(&arena);
    assert_int_equal(post->entity.hp, 100);
    assert_int_equal(expect_end(&arena, session, arrow), ROOMD_DESPAWN_STRUCK);
    /* Neither within one tick's way, nor from one tick to the next. */
    arena_put(&arena, &player->entity, 28.5f, 15.5f);
    shoot_at(&arena, &player->entity, 32.5f, 15.5f);
    fly_out(&arena);
    arena_put(&arena, &post->entity, 36.5f, 15.5f);
    shoot_at(&arena, &player->entity, 32.5f, 15.5f);
    fly_out(&arena);
    assert_int_equal(post->entity.hp, 100);
    arena_put(&arena, &post->entity, 32.5f, 15.5f);
    arena_put(&arena, &player->entity, 25.5f, 25.5f);
    arena_put(&arena, &post->entity, 32.5f, 25.5f);
    shoot_at(&arena, &player->entity, 32.5f, 25.5f);
    fly_out(&arena);
    assert_int_equal(post->entity.hp, 90);
    arena_close(&arena);
}

static void what_hits_nobody_ends_with_its_reach(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    struct player *player = arena_player_of(&arena, session);
    uint32_t arrow;

    (void)state;
    shoot_at(&arena, &player->entity, 6, 5);
    arrow = only_projectile(&arena)->entity.id;
    assert_int_equal(fly_out(&arena), 4); /* 18 m and its owner's body, at 5 m a tick */
    assert_int_equal(expect_end(&arena, session, arrow), ROOMD_DESPAWN_GONE);
    arena_close(&arena);
}

static void one_that_leaves_open_ground_is_gone(void **state)
{
    struct arena arena = arena_open(&arena_fight, "", ARENA_RULES, "20", "no");
    uint64_t session = arena_enter(&arena, 0, 0);
    struct player *player = arena_player_of(&arena, session);
    uint32_t arrow;

    (void)state;
    arena_put(&arena, &player->entity, arena.world->x_max - 3, 0);
    fake_tick(arena.room, ARENA_TICK_MS);
    shoot_at(&arena, &player->entity, arena.world->x_max, 0);
    arrow = only_projectile(&arena)->entity.id;
    assert_int_equal(fly_out(&arena), 1);
    assert_int_equal(expect_end(&arena, session, arrow), ROOMD_DESPAWN_GONE);
    arena_close(&arena);
}

static void a_straight_one_misses_who_steps_aside_and_a_homing_one_does_not(void **state)
{
    (void)state;
    for (int is_homing = 0; is_homing <= 1; is_homing++) {
        struct arena arena = arena_open_default();
        struct player *player = arena_player_of(&arena, arena_enter(&arena, 5, 5));
        struct monster *post = arena_monster(&arena, "post", 17, 5);

        assert_int_equal(world_projectile_shoot(arena.world, &player->entity, is_homing ? post->entity.id : 0,
                                                &post->entity.at, arrow_place(&arena)),
                         0);
        fake_tick(arena.room, ARENA_TICK_MS);
        arena_put(&arena, &post->entity, 17, 8);
        fly_out(&arena);
        assert_int_equal(post->entity.hp, is_homing ? 90 : 100);
        arena_close(&arena);
    }
}

static void one_whose_target_is_gone_flies_straight_on(void **state)
{
    struct arena arena = arena_open_default();
    struct player *player = arena_player_of(&arena, arena_enter(&arena, 5, 5));
    struct monster *target = arena_monster(&arena, "post", 17, 5);
    struct monster *behind = arena_monster(&arena, "post", 20, 5);

    (void)state;
    assert_int_equal(world_projectile_shoot(arena.world, &player->entity, target->entity.id,
                                            &target->entity.at, arrow_place(&arena)),
                     0);
    fake_tick(arena.room, ARENA_TICK_MS);
    assert_true(world_hurt(arena.world, 0, &target->entity, 0, 1000));
    fly_out(&arena);
    assert_int_equal(behind->entity.hp, 90);
    arena_close(&arena);
}

static void it_strikes_though_its_owner_is_gone(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    uint64_t watcher = arena_enter(&arena, 5, 8);
    uint32_t player = fake_player_id(arena.room, session);
    struct monster *post = arena_monster(&arena, "post", 17, 5);

    (void)state;
    assert_int_equal(arena_skill(&arena, session, ARROW, post->entity.id), ROOMD_ERROR_NONE);
    fake_leave(arena.room, session, ROOMD_LEAVE_DISCONNECTED);
    post->entity.hp = 1;
    fly_out(&arena);
    assert_int_equal(arena.world->entities[ROOMD_KIND_MONSTER].count, 0);
    assert_int_equal(arena_death.killer, player);
    arena_expect_hit(&arena, watcher, player, arena_death.entity, ARROW, 1, false, 0);
    arena_close(&arena);
}

static void a_monsters_arrow_hurts_players_and_pets_by_its_own_damage(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 25, 5);
    struct player *player = arena_player_of(&arena, session);
    struct monster *archer = arena_monster(&arena, "archer", 35, 5);
    struct monster *between = arena_monster(&arena, "post", 30, 5);
    struct entity *pet;

    (void)state;
    archer->ready_ms = UINT64_MAX; /* it shoots when the test does */
    shoot_at(&arena, &archer->entity, 25, 5);
    fake_tick(arena.room, 600);
    assert_int_equal(between->entity.hp, 100);
    assert_int_equal(player->entity.hp, player->entity.hp_max - 5);
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_NONE);
    pet = world_find(arena.world, player->pet);
    arena_put(&arena, pet, 27, 5);
    shoot_at(&arena, &archer->entity, 25, 5);
    world_projectile_tick(arena.world); /* by the last tick's length */
    assert_int_equal(pet->hp, 55);
    assert_int_equal(player->entity.hp, player->entity.hp_max - 5);
    arena_close(&arena);
}

static void the_amount_is_that_of_the_shot(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    struct monster *post = arena_monster(&arena, "post", 17, 5);

    (void)state;
    arena_player_of(&arena, session)->level = 6;
    assert_int_equal(arena_skill(&arena, session, ARROW, post->entity.id), ROOMD_ERROR_NONE);
    arena_player_of(&arena, session)->level = 1;
    fly_out(&arena);
    assert_int_equal(post->entity.hp, 85);
    arena_close(&arena);
}

static void beyond_the_limit_nothing_is_shot(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    struct player *player = arena_player_of(&arena, session);
    struct monster *post = arena_monster(&arena, "post", 17, 5);

    (void)state;
    for (int i = 0; i < WORLD_PROJECTILES_MAX; i++) {
        shoot_at(&arena, &player->entity, 5, 0);
    }
    assert_int_equal(world_projectile_shoot(arena.world, &player->entity, 0, &post->entity.at, 1), -ENOSPC);
    assert_int_equal(arena_skill(&arena, session, ARROW, post->entity.id), ROOMD_ERROR_REFUSED);
    fly_out(&arena);
    assert_int_equal(arena_skill(&arena, session, ARROW, post->entity.id), ROOMD_ERROR_NONE);
    arena_close(&arena);
}

static void without_memory_nothing_is_shot_and_nothing_spent(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    struct monster *post = arena_monster(&arena, "post", 17, 5);

    (void)state;
    fake_fail_alloc(arena.room, 1);
    assert_int_equal(arena_skill(&arena, session, ARROW, post->entity.id), ROOMD_ERROR_NO_MEMORY);
    fake_fail_alloc(arena.room, 0);
    assert_null(only_projectile(&arena));
    assert_int_equal(arena_skill(&arena, session, ARROW, post->entity.id), ROOMD_ERROR_NONE);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arrow_is_seen_to_fly_and_hits_in_its_own_time),
        cmocka_unit_test(the_first_body_along_the_way_is_hit),
        cmocka_unit_test(nothing_is_jumped_over),
        cmocka_unit_test(walls_stop_what_flies_and_water_does_not),
        cmocka_unit_test(what_hits_nobody_ends_with_its_reach),
        cmocka_unit_test(one_that_leaves_open_ground_is_gone),
        cmocka_unit_test(a_straight_one_misses_who_steps_aside_and_a_homing_one_does_not),
        cmocka_unit_test(one_whose_target_is_gone_flies_straight_on),
        cmocka_unit_test(it_strikes_though_its_owner_is_gone),
        cmocka_unit_test(a_monsters_arrow_hurts_players_and_pets_by_its_own_damage),
        cmocka_unit_test(the_amount_is_that_of_the_shot),
        cmocka_unit_test(beyond_the_limit_nothing_is_shot),
        cmocka_unit_test(without_memory_nothing_is_shot_and_nothing_spent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
