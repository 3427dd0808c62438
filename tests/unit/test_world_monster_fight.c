/* Monsters in anger: how they strike, whom, and when they let it be. */
#include "monster_world.h"

static void test_strikes_as_often_as_the_rules_say(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, wolf->home.x + 1, wolf->home.z);
    struct player *player = player_in(room, session);
    struct fake_packet packet;
    uint32_t hits = 0;

    player->entity.hp = player->entity.hp_max = 1000;
    tick_until(room, wolf, MONSTER_ATTACK, 10);
    fake_drop(room, session);
    for (uint32_t i = 0; i < 288; i++) {
        fake_tick(room, TICK_MS);
        while (fake_next_of(room, session, ROOMD_S_HIT, &packet)) {
            assert_int_equal(roomd_get_u32(packet.payload), wolf->entity.id);
            assert_int_equal(roomd_get_u32(packet.payload + 4), player->entity.id);
            assert_int_equal(roomd_get_u32(packet.payload + 10), 6);
            hits++;
        }
    }
    assert_in_range(hits, 59, 60); /* one in 1,200 ms, for 72 s, though a tick is 250 ms */
    fake_room_close(room);
}

static void test_comes_as_near_as_it_must(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, wolf->home.x + 10, wolf->home.z);
    struct player *player = player_in(room, session);

    player->entity.hp = player->entity.hp_max = 1000;
    tick_until(room, wolf, MONSTER_ATTACK, 40);
    assert_in_range((uint32_t)(way_from(wolf, &player->entity.at) * 100), 150, 260);

    put(room, &player->entity, player->entity.at.x + 5, player->entity.at.z);
    tick_until(room, wolf, MONSTER_CHASE, 3);
    tick_until(room, wolf, MONSTER_ATTACK, 20);
    fake_room_close(room);
}

static void test_shooters_shoot(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain("camp a 25 25 type archer count 1 radius 0 respawn 20s"));
    struct monster *archer = first_monster(room);
    uint64_t session = enter_at(room, archer->home.x + 10, archer->home.z);
    struct player *player = player_in(room, session);
    struct fake_packet packet;
    int32_t hp = player->entity.hp;

    tick_until(room, archer, MONSTER_ATTACK, 10);
    fake_tick(room, TICK_MS);
    assert_true(fake_next_of(room, session, ROOMD_S_SKILL, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), archer->entity.id);
    assert_int_equal(roomd_get_u16(packet.payload + 4), 2);
    assert_int_equal(roomd_get_u32(packet.payload + 6), player->entity.id);
    tick_for(room, 1000);
    assert_int_equal(player->entity.hp, hp - 5);
    assert_true(way_from(archer, &archer->home) < 0.01f); /* within its range from the first */
    fake_room_close(room);
}

static void test_beyond_its_leash_it_goes_home_unhurt(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, wolf->home.x + 3, wolf->home.z);
    struct player *player = player_in(room, session);
    struct point home = wolf->home;

    player->entity.hp = player->entity.hp_max = 1000;
    hurt(room, player->entity.id, wolf, 15);
    for (uint32_t i = 0; wolf->state != MONSTER_HOME; i++) {
        assert_true(i < 400);
        if (wolf->state == MONSTER_ATTACK && player->entity.at.x < 95) {
            put(room, &player->entity, player->entity.at.x + 4, player->entity.at.z);
        }
        fake_tick(room, TICK_MS);
    }
    assert_true(way_from(wolf, &home) > 25.0f && way_from(wolf, &home) < 33.0f);
    assert_int_equal(wolf->entity.hp, 25);
    hurt(room, player->entity.id, wolf, 10);
    world_monster_hurt(world_of(room), wolf, player->entity.id, 10);
    assert_int_equal(wolf->entity.hp, 25);
    assert_int_equal(wolf->state, MONSTER_HOME);
    fake_drop(room, session);
    put(room, &player->entity, home.x + 20, home.z);
    tick_until(room, wolf, MONSTER_IDLE, 60);
    assert_true(way_from(wolf, &home) < 0.2f);
    assert_int_equal(wolf->entity.hp, 40);
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, session, ROOMD_S_VITALS), 1);
    fake_room_close(room);
}

/* As on a way round that leads it far off. */
static void test_itself_beyond_its_leash_it_turns_though_the_foe_is_near(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, wolf->home.x + 3, wolf->home.z);
    struct player *player = player_in(room, session);

    tick_until(room, wolf, MONSTER_ATTACK, 20);
    put(room, &wolf->entity, wolf->home.x + 30.5f, wolf->home.z);
    put(room, &player->entity, wolf->home.x + 31, wolf->home.z);
    tick_until(room, wolf, MONSTER_HOME, 2);
    fake_room_close(room);
}

static void test_who_stands_beyond_the_leash_is_not_chased(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain("camp t 25 25 type tower count 1 radius 0 respawn 20s"));
    struct monster *tower = first_monster(room);
    uint64_t session = enter_at(room, tower->home.x + 36, tower->home.z);
    uint32_t id = fake_player_id(room, session);

    tick_for(room, 1000);
    hurt(room, id, tower, 10);
    fake_tick(room, TICK_MS);
    assert_int_equal(tower->target, 0);
    put(room, &player_in(room, session)->entity, tower->home.x + 20, tower->home.z);
    hurt(room, id, tower, 10);
    fake_tick(room, TICK_MS);
    assert_int_equal(tower->target, id);
    fake_room_close(room);
}

static void test_turns_home_when_its_target_dies_or_goes(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, wolf->home.x + 8, wolf->home.z);
    uint64_t other = enter_at(room, wolf->home.x + 25, wolf->home.z);
    struct player *player = player_in(room, session);

    player->entity.hp = 6;
    tick_until(room, wolf, MONSTER_ATTACK, 40);
    tick_until(room, wolf, MONSTER_HOME, 10);
    assert_int_equal(player->entity.hp, 0);
    assert_int_equal(wolf->target, 0);
    tick_until(room, wolf, MONSTER_IDLE, 20);

    player = player_in(room, other);
    put(room, &player->entity, wolf->home.x + 9, wolf->home.z);
    tick_until(room, wolf, MONSTER_CHASE, 10);
    tick_for(room, 500);
    fake_leave(room, other, ROOMD_LEAVE_ASKED);
    tick_until(room, wolf, MONSTER_HOME, 3);
    fake_room_close(room);
}

static void test_the_next_foe_is_taken_when_one_dies(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t first = enter_at(room, wolf->home.x + 8, wolf->home.z);
    uint64_t second = enter_at(room, wolf->home.x + 11, wolf->home.z);

    player_in(room, first)->entity.hp = 6;
    tick_until(room, wolf, MONSTER_ATTACK, 20);
    for (uint32_t i = 0; wolf->target != fake_player_id(room, second); i++) {
        assert_true(i < 10);
        assert_int_not_equal(wolf->state, MONSTER_HOME);
        fake_tick(room, TICK_MS);
    }
    fake_room_close(room);
}

static void test_chases_the_one_who_hurts_it_most(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain("camp o 25 25 type ogre count 1 radius 0 respawn 20s"));
    struct monster *ogre = first_monster(room);
    uint64_t sessions[6];
    uint32_t ids[6];

    for (uint32_t i = 0; i < 6; i++) {
        sessions[i] = enter_at(room, ogre->home.x + 20, ogre->home.z + (float)i);
        ids[i] = fake_player_id(room, sessions[i]);
    }
    hurt(room, ids[0], ogre, 5);
    assert_int_equal(ogre->target, ids[0]);
    hurt(room, ids[1], ogre, 4);
    assert_int_equal(ogre->target, ids[0]);
    hurt(room, ids[1], ogre, 4);
    assert_int_equal(ogre->target, ids[1]);
    hurt(room, ids[2], ogre, 1);
    hurt(room, ids[3], ogre, 1);
    hurt(room, ids[4], ogre, 20); /* the table is full: the least of those in it goes */
    assert_int_equal(ogre->target, ids[4]);
    hurt(room, ids[5], ogre, 1);
    fake_leave(room, sessions[4], ROOMD_LEAVE_DISCONNECTED);
    hurt(room, ids[5], ogre, 1);
    assert_int_equal(ogre->target, ids[1]);
    fake_tick(room, TICK_MS);
    assert_int_equal(ogre->target, ids[1]);
    fake_room_close(room);
}

static void test_a_newcomer_wears_down_the_least_of_those_who_hurt_it(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain("camp o 25 25 type ogre count 1 radius 0 respawn 20s"));
    struct monster *ogre = first_monster(room);

    for (uint32_t by = 1; by <= 4; by++) {
        hurt(room, by, ogre, 4 + (int32_t)by);
    }
    hurt(room, 5, ogre, 2);
    hurt(room, 5, ogre, 2);
    assert_int_equal(ogre->hurt_by[0], 1);
    assert_int_equal(ogre->hurt_amount[0], 1);
    hurt(room, 5, ogre, 2);
    assert_int_equal(ogre->hurt_by[0], 5);
    assert_int_equal(ogre->hurt_amount[0], 2);
    fake_room_close(room);
}

static void test_the_harmless_hurt_nobody(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain("camp d 25 25 type deer count 1 radius 4 respawn 20s"));
    struct monster *deer = first_monster(room);
    uint64_t session = enter_at(room, deer->home.x + 1, deer->home.z);

    hurt(room, fake_player_id(room, session), deer, 1);
    tick_for(room, 10000);
    assert_int_equal(deer->target, 0);
    assert_int_equal(player_in(room, session)->entity.hp, player_in(room, session)->entity.hp_max);
    fake_room_close(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strikes_as_often_as_the_rules_say),
        cmocka_unit_test(test_comes_as_near_as_it_must),
        cmocka_unit_test(test_shooters_shoot),
        cmocka_unit_test(test_beyond_its_leash_it_goes_home_unhurt),
        cmocka_unit_test(test_who_stands_beyond_the_leash_is_not_chased),
        cmocka_unit_test(test_turns_home_when_its_target_dies_or_goes),
        cmocka_unit_test(test_the_next_foe_is_taken_when_one_dies),
        cmocka_unit_test(test_chases_the_one_who_hurts_it_most),
        cmocka_unit_test(test_itself_beyond_its_leash_it_turns_though_the_foe_is_near),
        cmocka_unit_test(test_a_newcomer_wears_down_the_least_of_those_who_hurt_it),
        cmocka_unit_test(test_the_harmless_hurt_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
