#include "unit/world_arena.h"

/* What a skill may change: nothing of it may have, when it was refused. */
struct ledger {
    uint64_t ready_ms[RULES_SKILLS_MAX];
    int32_t hp;
    uint32_t projectiles;
};

static struct ledger ledger_of(const struct arena *arena, uint64_t session)
{
    const struct player *player = arena_player_of(arena, session);
    struct ledger ledger;

    memset(&ledger, 0, sizeof(ledger));
    memcpy(ledger.ready_ms, player->ready_ms, sizeof(ledger.ready_ms));
    ledger.hp = player->entity.hp;
    ledger.projectiles = arena->world->entities[ROOMD_KIND_PROJECTILE].count;
    return ledger;
}

/* Refused with `code`, by S_Error alone: nobody is told of anything, no cool-down has begun. */
static void expect_refused(struct arena *arena, uint64_t session, uint16_t skill, uint32_t target,
                           struct point at, enum roomd_error code)
{
    struct ledger before = ledger_of(arena, session);
    struct ledger after;

    fake_flush(arena->room);
    fake_drop(arena->room, 0);
    assert_int_equal(arena_skill_at(arena, session, skill, target, at), ROOMD_PACKET_OK);
    assert_int_equal(fake_take_error(arena->room, session), code);
    fake_flush(arena->room);
    assert_int_equal(fake_count(arena->room, session, ROOMD_S_SKILL), 0);
    assert_int_equal(fake_count(arena->room, session, ROOMD_S_HIT), 0);
    after = ledger_of(arena, session);
    assert_memory_equal(&before, &after, sizeof(before));
}

static const struct point nowhere = {0, 0, 0};

static void a_skill_of_the_wrong_length_is_malformed(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 5, 5);
    uint8_t payload[32] = {SLASH};

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(payload); bytes++) {
        assert_int_equal(fake_send(arena.room, player, ROOMD_C_SKILL, payload, bytes),
                         bytes == 18 ? ROOMD_PACKET_OK : ROOMD_PACKET_MALFORMED);
    }
    arena_close(&arena);
}

static void where_there_is_no_fighting_skills_are_refused(void **state)
{
    struct arena arena = arena_open(&arena_peace, ARENA_MAP, ARENA_RULES, "0", "no");
    uint64_t player = arena_enter(&arena, 5, 5);
    uint32_t post = arena_monster(&arena, "post", 6, 5)->entity.id;

    (void)state;
    expect_refused(&arena, player, SLASH, post, nowhere, ROOMD_ERROR_NOT_HERE);
    expect_refused(&arena, player, MEND, 0, nowhere, ROOMD_ERROR_NOT_HERE);
    arena_close(&arena);
}

static void a_room_without_rules_knows_no_skill(void **state)
{
    struct arena arena = arena_open(&arena_fight, "", "", "0", "no");
    uint64_t player = arena_enter(&arena, 5, 5);

    (void)state;
    expect_refused(&arena, player, SLASH, 0, nowhere, ROOMD_ERROR_REFUSED);
    arena_close(&arena);
}

static void what_can_not_be_done_is_refused_by_code_and_costs_nothing(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 5, 5);
    uint64_t friend = arena_enter(&arena, 6, 5);
    uint32_t post = arena_monster(&arena, "post", 6, 6)->entity.id;
    uint32_t friend_id = fake_player_id(arena.room, friend);

    (void)state;
    expect_refused(&arena, player, 99, post, nowhere, ROOMD_ERROR_REFUSED);
    expect_refused(&arena, player, 0, post, nowhere, ROOMD_ERROR_REFUSED);
    expect_refused(&arena, player, SLASH, 0, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    expect_refused(&arena, player, SLASH, UINT32_MAX, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    expect_refused(&arena, player, SLASH, friend_id, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    expect_refused(&arena, player, ARROW, friend_id, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    expect_refused(&arena, player, SLASH, fake_player_id(arena.room, player), nowhere,
                   ROOMD_ERROR_NO_SUCH_TARGET);
    expect_refused(&arena, player, MEND, post, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    expect_refused(&arena, player, MEND, UINT32_MAX, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    arena_kill_player(&arena, friend);
    expect_refused(&arena, player, MEND, friend_id, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    expect_refused(&arena, friend, SLASH, post, nowhere, ROOMD_ERROR_IS_DEAD);
    expect_refused(&arena, friend, MEND, 0, nowhere, ROOMD_ERROR_IS_DEAD);
    arena_close(&arena);
}

static void what_is_out_of_view_is_no_target(void **state)
{
    struct arena arena = arena_open(&arena_fight, ARENA_MAP, ARENA_RULES, "8", "no");
    uint64_t player = arena_enter(&arena, 4, 4);
    uint32_t near = arena_monster(&arena, "post", 15.5f, 4)->entity.id;
    uint32_t far = arena_monster(&arena, "post", 18, 4)->entity.id;

    (void)state;
    assert_int_equal(arena_skill(&arena, player, ARROW, near), ROOMD_ERROR_NONE);
    fake_tick(arena.room, 1200);
    expect_refused(&arena, player, ARROW, far, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    arena_close(&arena);
}

static void a_blow_is_told_to_those_in_view(void **state)
{
    struct arena arena = arena_open(&arena_fight, ARENA_MAP, ARENA_RULES, "8", "no");
    uint64_t player = arena_enter(&arena, 4, 4);
    uint64_t near = arena_enter(&arena, 12, 4);
    uint64_t far = arena_enter(&arena, 30, 4);
    uint32_t id = fake_player_id(arena.room, player);
    uint32_t post = arena_monster(&arena, "post", 5, 4)->entity.id;
    struct fake_packet packet;

    (void)state;
    assert_int_equal(arena_skill(&arena, player, SLASH, post), ROOMD_ERROR_NONE);
    fake_flush(arena.room);
    assert_int_equal(fake_count(arena.room, far, ROOMD_S_SKILL), 0);
    assert_int_equal(fake_count(arena.room, far, ROOMD_S_HIT), 0);
    assert_true(fake_next_of(arena.room, player, ROOMD_S_SKILL, &packet));
    assert_int_equal(packet.bytes, 22);
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_int_equal(roomd_get_u16(packet.payload + 4), SLASH);
    assert_int_equal(roomd_get_u32(packet.payload + 6), post);
    assert_true(roomd_get_f32(packet.payload + 10) == 5.0f && roomd_get_f32(packet.payload + 18) == 4.0f);
    arena_expect_hit(&arena, player, id, post, SLASH, 12, false, 88);
    assert_int_equal(fake_count(arena.room, near, ROOMD_S_SKILL), 1);
    arena_expect_hit(&arena, near, id, post, SLASH, 12, false, 88);
    assert_int_equal(arena_player_of(&arena, player)->damage, 12);
    arena_close(&arena);
}

static void reach_is_the_range_and_both_bodies(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 5, 5);
    struct monster *post = arena_monster(&arena, "post", 6, 5);
    float reach_m = 2.5f + arena_player_of(&arena, player)->entity.radius + post->entity.radius;

    (void)state;
    arena_put(&arena, &post->entity, 5 + reach_m + 0.01f, 5);
    expect_refused(&arena, player, SLASH, post->entity.id, nowhere, ROOMD_ERROR_OUT_OF_REACH);
    arena_put(&arena, &post->entity, 5 + reach_m - 0.01f, 5);
    assert_int_equal(arena_skill(&arena, player, SLASH, post->entity.id), ROOMD_ERROR_NONE);
    assert_int_equal(post->entity.hp, 88);
    arena_close(&arena);
}

static void walls_stop_skills_and_water_does_not(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 29.5f, 15.5f);
    struct monster *post = arena_monster(&arena, "post", 31.5f, 15.5f);
    uint32_t id = post->entity.id;

    (void)state;
    expect_refused(&arena, player, SLASH, id, nowhere, ROOMD_ERROR_OUT_OF_REACH);
    expect_refused(&arena, player, ARROW, id, nowhere, ROOMD_ERROR_OUT_OF_REACH);
    expect_refused(&arena, player, BLAST, 0, post->entity.at, ROOMD_ERROR_OUT_OF_REACH);
    arena_put(&arena, &arena_player_of(&arena, player)->entity, 29.5f, 25.5f);
    arena_put(&arena, &post->entity, 31.5f, 25.5f);
    assert_int_equal(arena_skill(&arena, player, SLASH, id), ROOMD_ERROR_NONE);
    assert_int_equal(post->entity.hp, 88);
    arena_close(&arena);
}

static void a_skill_cools_down_by_itself(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 5, 5);
    struct monster *post = arena_monster(&arena, "post", 6, 5);
    uint32_t id = post->entity.id;

    (void)state;
    assert_int_equal(arena_skill(&arena, player, SLASH, id), ROOMD_ERROR_NONE);
    expect_refused(&arena, player, SLASH, id, nowhere, ROOMD_ERROR_TOO_SOON);
    assert_int_equal(arena_skill(&arena, player, BLAST, 0), ROOMD_ERROR_NONE);
    assert_int_equal(arena_skill(&arena, player, POKE, id), ROOMD_ERROR_NONE);
    expect_refused(&arena, player, POKE, id, nowhere, ROOMD_ERROR_TOO_SOON);
    fake_advance(arena.room, 549);
    expect_refused(&arena, player, SLASH, id, nowhere, ROOMD_ERROR_TOO_SOON);
    fake_advance(arena.room, 1);
    assert_int_equal(arena_skill(&arena, player, SLASH, id), ROOMD_ERROR_NONE);
    fake_advance(arena.room, 550); /* what it was early by is missing now */
    expect_refused(&arena, player, SLASH, id, nowhere, ROOMD_ERROR_TOO_SOON);
    fake_advance(arena.room, 50);
    assert_int_equal(arena_skill(&arena, player, SLASH, id), ROOMD_ERROR_NONE);
    arena_close(&arena);
}

static void nobody_strikes_more_often_than_the_cool_down_allows(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 5, 5);
    struct monster *post = arena_monster(&arena, "post", 6, 5);
    uint32_t slashes = 0, pokes = 0;

    (void)state;
    post->entity.hp = post->entity.hp_max = 1000000;
    for (int ms = 0; ms < 6000; ms++) {
        slashes += arena_skill(&arena, player, SLASH, post->entity.id) == ROOMD_ERROR_NONE;
        pokes += arena_skill(&arena, player, POKE, post->entity.id) == ROOMD_ERROR_NONE;
        fake_advance(arena.room, 1);
    }
    assert_in_range(slashes, 10, 11);
    assert_in_range(pokes, 120, 121);
    assert_int_equal(post->entity.hp, 1000000 - 12 * (int32_t)slashes - (int32_t)pokes);
    arena_close(&arena);
}

static void a_level_adds_a_tenth(void **state)
{
    static const struct {
        uint16_t level;
        int32_t amount;
    } rows[] = {{1, 12}, {2, 13}, {6, 18}, {11, 24}, {UINT16_MAX, 12 + 12 * 65534 / 10}};
    struct arena arena = arena_open_default();
    struct player *player = arena_player_of(&arena, arena_enter(&arena, 5, 5));

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        player->level = rows[i].level;
        assert_int_equal(world_skill_amount(arena.world, &player->entity, 0), rows[i].amount);
    }
    player->level = 1;
    arena_close(&arena);
}

static void who_is_struck_dead_is_told_dead_then_gone(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 5, 5);
    uint32_t player_id = fake_player_id(arena.room, player);
    struct monster *post = arena_monster(&arena, "post", 6, 5);
    uint32_t id = post->entity.id;
    struct fake_packet packet;

    (void)state;
    post->entity.hp = 7;
    assert_int_equal(arena_skill(&arena, player, SLASH, id), ROOMD_ERROR_NONE);
    assert_null(world_find(arena.world, id));
    assert_int_equal(arena_death.count, 1);
    assert_int_equal(arena_death.entity, id);
    assert_int_equal(arena_death.killer, player_id);
    assert_int_equal(arena_player_of(&arena, player)->kills, 1);
    assert_int_equal(arena_player_of(&arena, player)->damage, 7);
    assert_int_equal(arena_player_of(&arena, player)->xp, 10);
    fake_flush(arena.room);
    arena_expect_hit(&arena, player, player_id, id, SLASH, 7, false, 0);
    assert_true(fake_next(arena.room, player, &packet));
    assert_int_equal(packet.id, ROOMD_S_DIED);
    assert_int_equal(packet.bytes, 8);
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_int_equal(roomd_get_u32(packet.payload + 4), player_id);
    assert_true(fake_next_of(arena.room, player, ROOMD_S_DESPAWN, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_int_equal(packet.payload[4], ROOMD_DESPAWN_DIED);
    expect_refused(&arena, player, POKE, id, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    arena_close(&arena);
}

static void a_player_dies_once(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    struct player *player = arena_player_of(&arena, session);
    uint32_t wolf = arena_monster(&arena, "wolf", 50, 25)->entity.id;

    (void)state;
    assert_false(world_hurt(arena.world, wolf, &player->entity, 0, INT32_MAX));
    assert_int_equal(player->entity.hp, 0);
    assert_int_equal(player->deaths, 1);
    assert_false(world_hurt(arena.world, wolf, &player->entity, 0, 1));
    world_heal(arena.world, wolf, &player->entity, MEND, 10);
    assert_int_equal(player->entity.hp, 0);
    assert_int_equal(player->deaths, 1);
    assert_int_equal(arena_death.count, 1);
    fake_flush(arena.room);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_HIT), 1);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_DIED), 1);
    arena_close(&arena);
}

static void amounts_that_are_not_positive_do_nothing(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    struct player *player = arena_player_of(&arena, session);

    (void)state;
    player->entity.hp = 50;
    assert_false(world_hurt(arena.world, 0, &player->entity, 0, 0));
    assert_false(world_hurt(arena.world, 0, &player->entity, 0, INT32_MIN));
    world_heal(arena.world, 0, &player->entity, 0, 0);
    world_heal(arena.world, 0, &player->entity, 0, INT32_MIN);
    assert_int_equal(player->entity.hp, 50);
    fake_flush(arena.room);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_HIT), 0);
    arena_close(&arena);
}

static void healing_stops_at_what_is_whole(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    uint64_t other = arena_enter(&arena, 8, 5);
    uint32_t id = fake_player_id(arena.room, session);
    uint32_t other_id = fake_player_id(arena.room, other);
    struct player *player = arena_player_of(&arena, session);
    struct player *hurt = arena_player_of(&arena, other);

    (void)state;
    hurt->entity.hp = hurt->entity.hp_max - 40;
    assert_int_equal(arena_skill(&arena, session, MEND, other_id), ROOMD_ERROR_NONE);
    fake_flush(arena.room);
    arena_expect_hit(&arena, other, id, other_id, MEND, 25, true, hurt->entity.hp_max - 15);
    fake_advance(arena.room, 4000);
    assert_int_equal(arena_skill(&arena, session, MEND, other_id), ROOMD_ERROR_NONE);
    fake_flush(arena.room);
    arena_expect_hit(&arena, other, id, other_id, MEND, 15, true, hurt->entity.hp_max);
    fake_advance(arena.room, 4000);
    assert_int_equal(arena_skill(&arena, session, MEND, other_id), ROOMD_ERROR_NONE);
    player->entity.hp -= 10;
    fake_advance(arena.room, 4000);
    assert_int_equal(arena_skill(&arena, session, MEND, 0), ROOMD_ERROR_NONE);
    fake_flush(arena.room);
    arena_expect_hit(&arena, session, id, other_id, MEND, 25, true, hurt->entity.hp_max - 15);
    arena_expect_hit(&arena, session, id, other_id, MEND, 15, true, hurt->entity.hp_max);
    arena_expect_hit(&arena, session, id, id, MEND, 10, true, player->entity.hp_max);
    arena_put(&arena, &hurt->entity, 18, 5);
    fake_advance(arena.room, 4000);
    expect_refused(&arena, session, MEND, other_id, nowhere, ROOMD_ERROR_OUT_OF_REACH);
    arena_close(&arena);
}

static void a_blast_hurts_the_foes_in_its_radius_that_no_wall_shelters(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 24.5f, 15.5f);
    uint64_t friend = arena_enter(&arena, 28.5f, 16.5f);
    struct monster *inside = arena_monster(&arena, "post", 28.5f, 15.5f);
    struct monster *edge = arena_monster(&arena, "post", 28.5f, 19.9f);
    struct monster *outside = arena_monster(&arena, "post", 28.5f, 20.1f);
    struct monster *sheltered = arena_monster(&arena, "post", 31.5f, 15.5f);
    int32_t friend_hp = arena_player_of(&arena, friend)->entity.hp;

    (void)state;
    assert_int_equal(arena_blast(&arena, player, 28.5f, 0, 15.5f), ROOMD_ERROR_NONE);
    assert_int_equal(inside->entity.hp, 85);
    assert_int_equal(edge->entity.hp, 85);
    assert_int_equal(outside->entity.hp, 100);
    assert_int_equal(sheltered->entity.hp, 100);
    assert_int_equal(arena_player_of(&arena, friend)->entity.hp, friend_hp);
    arena_close(&arena);
}

static void a_blast_at_no_place_is_refused(void **state)
{
    static const struct point places[] = {{NAN, 0, 5},      {5, NAN, 5},       {5, 0, NAN},
                                          {INFINITY, 0, 5}, {5, -INFINITY, 5}, {5, 0, INFINITY},
                                          {3.4e38f, 0, 5},  {5, 1e30f, 5},     {17.5f, 0, 5}};
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 5, 5);

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        expect_refused(&arena, player, BLAST, 0, places[i], ROOMD_ERROR_OUT_OF_REACH);
    }
    arena_close(&arena);
}

/* With a view below the blast's radius too: it reaches beyond the cells around it. */
static void a_blast_has_64_victims_at_most(void **state)
{
    static const char *const views[] = {"0", "8", "40"};

    (void)state;
    for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++) {
        struct arena arena = arena_open(&arena_fight, ARENA_MAP, ARENA_RULES, views[v], "no");
        uint64_t player = arena_enter(&arena, 5, 5);
        int hurt = 0;

        for (int i = 0; i < 100; i++) {
            arena_monster(&arena, "post", 8 + (float)(i % 10) * 0.2f, 5 + (float)(i / 10) * 0.2f);
        }
        assert_int_equal(arena_blast(&arena, player, 8, 0, 5), ROOMD_ERROR_NONE);
        for (struct entity *e = arena.world->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
            hurt += e->hp == 85;
        }
        assert_int_equal(hurt, 64);
        arena_close(&arena);
    }
}

static void a_monster_on_its_way_home_can_not_be_hurt(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t player = arena_enter(&arena, 5, 5);
    struct monster *post = arena_monster(&arena, "post", 6, 5);

    (void)state;
    post->state = MONSTER_HOME;
    expect_refused(&arena, player, SLASH, post->entity.id, nowhere, ROOMD_ERROR_NO_SUCH_TARGET);
    assert_int_equal(arena_blast(&arena, player, 6, 0, 5), ROOMD_ERROR_NONE);
    assert_false(world_hurt(arena.world, 1, &post->entity, 0, 1000));
    assert_int_equal(post->entity.hp, 100);
    post->state = MONSTER_IDLE;
    assert_int_equal(arena_skill(&arena, player, SLASH, post->entity.id), ROOMD_ERROR_NONE);
    assert_int_equal(post->entity.hp, 88);
    arena_close(&arena);
}

static void foes_are_monsters_on_one_side_players_and_pets_on_the_other(void **state)
{
    struct arena arena = arena_open_default();
    uint64_t session = arena_enter(&arena, 5, 5);
    struct player *player = arena_player_of(&arena, session);
    struct player *other = arena_player_of(&arena, arena_enter(&arena, 6, 5));
    struct monster *wolf = arena_monster(&arena, "wolf", 50, 25);
    struct monster *post = arena_monster(&arena, "post", 51, 25);
    struct entity *pet;

    (void)state;
    assert_int_equal(arena_pet(&arena, session, 1), ROOMD_ERROR_NONE);
    pet = world_find(arena.world, player->pet);
    assert_non_null(pet);
    assert_true(world_is_foe(arena.world, &player->entity, &wolf->entity));
    assert_true(world_is_foe(arena.world, pet, &wolf->entity));
    assert_true(world_is_foe(arena.world, &wolf->entity, &player->entity));
    assert_true(world_is_foe(arena.world, &wolf->entity, pet));
    assert_false(world_is_foe(arena.world, &player->entity, &other->entity));
    assert_false(world_is_foe(arena.world, &player->entity, pet));
    assert_false(world_is_foe(arena.world, pet, &other->entity));
    assert_false(world_is_foe(arena.world, &wolf->entity, &post->entity));
    player->is_leaving = true;
    assert_false(world_is_foe(arena.world, &wolf->entity, &player->entity));
    assert_false(world_hurt(arena.world, wolf->entity.id, &player->entity, 0, 5));
    assert_int_equal(player->entity.hp, player->entity.hp_max);
    player->is_leaving = false;
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_skill_of_the_wrong_length_is_malformed),
        cmocka_unit_test(where_there_is_no_fighting_skills_are_refused),
        cmocka_unit_test(a_room_without_rules_knows_no_skill),
        cmocka_unit_test(what_can_not_be_done_is_refused_by_code_and_costs_nothing),
        cmocka_unit_test(what_is_out_of_view_is_no_target),
        cmocka_unit_test(a_blow_is_told_to_those_in_view),
        cmocka_unit_test(reach_is_the_range_and_both_bodies),
        cmocka_unit_test(walls_stop_skills_and_water_does_not),
        cmocka_unit_test(a_skill_cools_down_by_itself),
        cmocka_unit_test(nobody_strikes_more_often_than_the_cool_down_allows),
        cmocka_unit_test(a_level_adds_a_tenth),
        cmocka_unit_test(who_is_struck_dead_is_told_dead_then_gone),
        cmocka_unit_test(a_player_dies_once),
        cmocka_unit_test(amounts_that_are_not_positive_do_nothing),
        cmocka_unit_test(healing_stops_at_what_is_whole),
        cmocka_unit_test(a_blast_hurts_the_foes_in_its_radius_that_no_wall_shelters),
        cmocka_unit_test(a_blast_at_no_place_is_refused),
        cmocka_unit_test(a_blast_has_64_victims_at_most),
        cmocka_unit_test(a_monster_on_its_way_home_can_not_be_hurt),
        cmocka_unit_test(foes_are_monsters_on_one_side_players_and_pets_on_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
