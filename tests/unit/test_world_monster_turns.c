/* Many monsters: whose turn it is to think, and that it always comes out the same. */
#include "monster_world.h"

/* Towers chase without coming near: each would think in every tick, and one of them may. */
static void test_thoughts_beyond_the_budget_wait_their_turn(void **state)
{
    (void)state;
    struct fake_room *room =
        open_field_with(plain("camp t 25 25 type tower count 12 radius 3 respawn 20s"), "32");

    world_of(room)->ai_budget = world_of(room)->ai_left = 1;
    enter_at(room, 61, 51);
    uint32_t angry = 0;

    for (uint32_t i = 0; i < 100; i++) {
        fake_tick(room, TICK_MS);
        uint32_t now = monsters_in(room, MONSTER_CHASE);

        assert_true(now <= angry + 1);
        assert_int_equal(fake_jobs(room), 12);
        assert_awake_list(room);
        angry = now;
    }
    assert_int_equal(angry, 12); /* nobody waits for ever */
    fake_room_close(room);
}

static void test_dying_in_the_midst_leaves_nothing_behind(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain("camp w 25 25 type wolf count 5 radius 3 respawn 20s"));
    uint64_t session = enter_at(room, 55, 51);

    tick_for(room, 1000);
    hurt(room, fake_player_id(room, session), (struct monster *)first_monster(room)->entity.next, 1000);
    assert_awake_list(room);
    hurt(room, fake_player_id(room, session), first_monster(room), 1000);
    assert_awake_list(room);
    assert_int_equal(monsters(room), 3);
    tick_for(room, 5000);
    assert_awake_list(room);
    fake_room_close(room);
}

/* ---- the same every time ---- */

enum { FIGHTERS = 12, FIGHT_TICKS = 2500 };

/* A step at random, rather to the middle of the plain. */
static float drift(float at, uint32_t draw)
{
    return at + 0.4f * ((float)draw - 2) + (at < 50 ? 0.5f : -0.5f);
}

/* Players who walk about and strike at whatever is near, by numbers of their own. `odd` makes one of them do otherwise. */
static void fight(struct fake_room *room, uint64_t *sessions, uint32_t ticks, uint64_t *seed, uint32_t odd)
{
    for (uint32_t tick = 0; tick < ticks; tick++) {
        for (uint32_t i = 0; i < FIGHTERS; i++) {
            struct player *player = player_in(room, sessions[i]);
            struct entity *target = world_of(room)->entities[ROOMD_KIND_MONSTER].first;
            uint8_t to[12] = {0};

            *seed = *seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t draw = (uint32_t)(*seed >> 33);

            for (uint32_t k = draw % 7; k > 0 && target != NULL && target->next != NULL; k--) {
                target = target->next;
            }
            if (player->entity.hp == 0) {
                fake_send(room, sessions[i], ROOMD_C_RESPAWN, NULL, 0);
            } else if (draw % 3 == 0 && target != NULL && tick != odd) {
                send_skill(room, sessions[i], (uint16_t)(1 + draw % 2), target->id);
            } else {
                roomd_put_f32(to, drift(player->entity.at.x, draw % 5));
                roomd_put_f32(to + 8, drift(player->entity.at.z, draw / 5 % 5));
                fake_send(room, sessions[i], ROOMD_C_MOVE, to, sizeof(to));
            }
        }
        fake_tick(room, TICK_MS);
        fake_drop(room, 0);
    }
}

static uint64_t fight_digest(uint32_t restore_at, uint32_t odd)
{
    struct fake_room *room = open_field_with(plain("camp w 25 25 type wolf count 12 radius 12 respawn 2s\n"
                                                   "camp a 15 30 type archer count 6 radius 8 respawn 3s\n"
                                                   "camp o 35 15 type ogre count 2 radius 3 respawn 5s"),
                                             "20");

    world_of(room)->ai_budget = 6;
    uint64_t sessions[FIGHTERS];
    uint64_t seed = 7;
    uint32_t deaths = 0;
    uint32_t kills = 0;

    for (uint32_t i = 0; i < FIGHTERS; i++) {
        sessions[i] = fake_enter(room);
    }
    if (restore_at > 0) {
        fight(room, sessions, restore_at, &seed, odd);
        fake_save_and_restore(room);
        world_of(room)->ai_budget = 6;
        assert_awake_list(room);
    }
    fight(room, sessions, FIGHT_TICKS - restore_at, &seed, odd);
    assert_awake_list(room);
    for (uint32_t i = 0; i < FIGHTERS; i++) {
        deaths += player_in(room, sessions[i])->deaths;
        kills += player_in(room, sessions[i])->kills;
    }
    assert_true(deaths > 10 && kills > 10); /* it was a fight */
    uint64_t digest = fake_digest(room);

    fake_room_close(room);
    return digest;
}

static void test_the_same_inputs_make_the_same_fight(void **state)
{
    (void)state;
    uint64_t digest = fight_digest(0, UINT32_MAX);

    assert_true(digest == fight_digest(0, UINT32_MAX));
    assert_true(digest != fight_digest(0, FIGHT_TICKS / 2));
}

static void test_a_fight_that_was_saved_goes_on_the_same(void **state)
{
    (void)state;
    uint64_t digest = fight_digest(0, UINT32_MAX);

    assert_true(digest == fight_digest(FIGHT_TICKS / 3, UINT32_MAX));
    assert_true(digest == fight_digest(FIGHT_TICKS / 2 + 1, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thoughts_beyond_the_budget_wait_their_turn),
        cmocka_unit_test(test_dying_in_the_midst_leaves_nothing_behind),
        cmocka_unit_test(test_the_same_inputs_make_the_same_fight),
        cmocka_unit_test(test_a_fight_that_was_saved_goes_on_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
