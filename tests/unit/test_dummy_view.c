/* dummy-client's view of a world: a history that fits together has nothing wrong in it, and everything else is found. */
#include "unit/dummy_stage.h"

#include "base/hash.h"

static void a_history_that_fits_together_has_nothing_wrong(void **state)
{
    struct stage *stage = *state;

    assert_string_equal(stage->view.here.map, "meadow");
    assert_true(stage->view.here.speed_m_s == 6 && stage->view.here.has_fighting);
    assert_true(stage->view.at.x == 1 && stage->view.players == 2 && stage->view.known.count == 3);
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, SELF, 1, 0); /* once, as everybody in view is told */
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, 9, 5, 5);
    stage->now_ms += TICK_MS;
    assert_int_equal(tell_move(stage, 9, 5.3f, 5), 0);
    assert_int_equal(tell_move(stage, SELF, 2, 1), VIEW_SELF_MOVED);
    assert_true(stage->view.at.x == 2 && stage->view.at.z == 1);
    tell_at(stage, ROOMD_S_MOVE, WOLF, 50, 50); /* things go as fast as they like */
    tell_hit(stage, WOLF, 10, false, 20);
    tell_hit(stage, WOLF, 15, true, 35);
    tell_hit(stage, WOLF, 35, false, 0);
    assert_int_equal(tell_died(stage, WOLF, SELF), 0);
    tell_despawn(stage, WOLF);
    tell_spawn(stage, WOLF + 1, ROOMD_KIND_PORTAL, 0, 0);
    tell_leave(stage, 9);
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, 9, 90, 5);
    tell_vitals(stage, OTHER, 70, 110);
    tell_hit(stage, OTHER, 40, true, 110);
    tell_said(stage, OTHER, ROOMD_SAY);
    tell_said(stage, 12345, ROOMD_SHOUT);
    tell_bare(stage, ROOMD_S_STAGE, 7);
    tell_bare(stage, ROOMD_S_RESULT, 7);
    expect_clean(stage);
    assert_int_equal(stage->totals.kills, 1);
    assert_int_equal(stage->totals.hits, 4);
    assert_int_equal(stage->totals.moves_seen, 3);
}

static void its_own_death_and_what_follows_are_told_to_it(void **state)
{
    struct stage *stage = *state;
    struct packet correct = {.id = ROOMD_S_CORRECT};

    tell_hit(stage, SELF, 100, false, 0);
    assert_int_equal(tell_died(stage, SELF, WOLF), VIEW_SELF_DIED);
    assert_true(stage->view.is_dead);
    put_at(&correct, 80, 0);
    assert_int_equal(take(stage, &correct), VIEW_SELF_CORRECTED);
    assert_int_equal(tell_respawned(stage, SELF, 80, 100, 100), VIEW_SELF_RESPAWNED);
    assert_false(stage->view.is_dead);
    assert_true(stage->view.at.x == 80);
    tell_move(stage, SELF, 81, 0); /* no jump: it was put there */
    tell_hit(stage, OTHER, 100, false, 0);
    tell_died(stage, OTHER, WOLF);
    assert_int_equal(tell_respawned(stage, OTHER, 90, 100, 100), 0);
    tell_move(stage, OTHER, 91, 0);
    expect_clean(stage);
    assert_int_equal(stage->totals.deaths, 1);
    assert_int_equal(stage->totals.kills, 0);
}

static void who_is_not_known_is_not_spoken_of(void **state)
{
    struct stage *stage = *state;
    struct packet skill = {.id = ROOMD_S_SKILL, .bytes = 22};

    tell_move(stage, 55, 1, 1);
    expect_wrong(stage, VIEW_MOVE_OF_UNKNOWN, 1);
    tell_move(stage, WOLF, 3, 4); /* no player */
    expect_wrong(stage, VIEW_MOVE_OF_UNKNOWN, 1);
    tell_at(stage, ROOMD_S_MOVE, WOLF + 5, 1, 1);
    tell_at(stage, ROOMD_S_MOVE, OTHER, 1, 1);
    expect_wrong(stage, VIEW_MOVE_OF_UNKNOWN, 2);
    tell_leave(stage, 55);
    tell_leave(stage, SELF);
    expect_wrong(stage, VIEW_LEFT_WITHOUT_ENTERING, 2);
    tell_despawn(stage, WOLF + 5);
    expect_wrong(stage, VIEW_DESPAWN_OF_UNKNOWN, 1);
    tell_vitals(stage, 55, 1, 1);
    tell_died(stage, 55, SELF);
    tell_respawned(stage, 55, 0, 1, 1);
    tell_said(stage, 55, ROOMD_SAY);
    roomd_put_u32(skill.payload, 55);
    take(stage, &skill);
    tell_hit(stage, 55, 1, false, 1);
    expect_wrong(stage, VIEW_TOLD_OF_UNKNOWN, 6);
}

static void nobody_comes_twice(void **state)
{
    struct stage *stage = *state;

    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, OTHER, 0, 0);
    expect_wrong(stage, VIEW_ENTERED_TWICE, 1);
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, SELF, 0, 0);
    expect_clean(stage);
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, SELF, 0, 0);
    expect_wrong(stage, VIEW_ENTERED_TWICE, 1);
    tell_spawn(stage, WOLF, ROOMD_KIND_MONSTER, 40, 40);
    expect_wrong(stage, VIEW_SPAWN_TWICE, 1);
    tell_leave(stage, OTHER);
    expect_clean(stage);
    assert_true(stage->view.players == 1 && stage->view.known.count == 2);
    tell_leave(stage, OTHER);
    expect_wrong(stage, VIEW_LEFT_WITHOUT_ENTERING, 1);
    tell_despawn(stage, WOLF);
    expect_clean(stage);
    tell_despawn(stage, WOLF);
    expect_wrong(stage, VIEW_DESPAWN_OF_UNKNOWN, 1);
}

static void hit_points_add_up(void **state)
{
    struct stage *stage = *state;
    static const struct {
        int32_t amount;
        bool is_heal;
        int32_t left;
    } bad[] = {
        {0, false, 30}, {-5, false, 35}, {40, false, -10}, {20, true, 50}, {10, false, 21}, {5, true, 30},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tell_hit(stage, WOLF, bad[i].amount, bad[i].is_heal, bad[i].left);
        expect_wrong(stage, VIEW_BAD_HP, 1);
        tell_vitals(stage, WOLF, 30, 40);
        expect_clean(stage);
    }
    tell_vitals(stage, WOLF, 41, 40);
    tell_vitals(stage, WOLF, -1, 40);
    tell_spawn(stage, WOLF + 1, ROOMD_KIND_MONSTER, 41, 40);
    tell_respawned(stage, OTHER, 0, 0, 100);
    expect_wrong(stage, VIEW_BAD_HP, 4);
    tell_vitals(stage, WOLF, 1, 40);
    tell_died(stage, WOLF, SELF); /* with one left */
    expect_wrong(stage, VIEW_BAD_HP, 1);
}

static void a_list_holds_who_reads_it_once_and_last(void **state)
{
    struct stage *stage = *state;
    const uint32_t alone[] = {SELF};
    const uint32_t others[] = {20, 21};
    const uint32_t early[] = {SELF, 20};

    view_forget(&stage->view);
    assert_int_equal(tell_list(stage, others, 2, 0), 0); /* the first part of two */
    assert_int_equal(tell_list(stage, alone, 1, SELF), VIEW_SELF_PLACED);
    expect_clean(stage);
    tell_list(stage, alone, 1, SELF);
    assert_true(stage->totals.wrong[VIEW_LIST_WITHOUT_SELF] == 1);
    memset(&stage->totals, 0, sizeof(stage->totals));

    view_forget(&stage->view);
    tell_list(stage, others, 2, 0);
    tell_spawn(stage, WOLF, ROOMD_KIND_MONSTER, 1, 1); /* the list has not ended yet */
    expect_wrong(stage, VIEW_LIST_WITHOUT_SELF, 1);

    view_forget(&stage->view);
    tell_list(stage, early, 2, SELF);
    expect_wrong(stage, VIEW_LIST_WITHOUT_SELF, 1);

    view_forget(&stage->view);
    tell_list(stage, others, 2, 21); /* it is somebody else */
    expect_wrong(stage, VIEW_LIST_WITHOUT_SELF, 1);

    view_set_self(&stage->view, SELF);
    expect_wrong(stage, VIEW_LIST_WITHOUT_SELF, 1);
    view_forget(&stage->view);
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, 20, 0, 0); /* no list at all */
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, 21, 0, 0);
    expect_wrong(stage, VIEW_LIST_WITHOUT_SELF, 1);
}

static void after_a_reset_everything_is_told_anew(void **state)
{
    struct stage *stage = *state;
    const uint32_t players[] = {OTHER, SELF};

    tell_bare(stage, ROOMD_S_VIEW_RESET, 0);
    assert_int_equal(stage->view.known.count, 0);
    tell_here(stage, 6);
    assert_int_equal(tell_list(stage, players, 2, SELF), VIEW_SELF_PLACED);
    tell_spawn(stage, WOLF, ROOMD_KIND_MONSTER, 1, 40);
    expect_clean(stage);
    tell_bare(stage, ROOMD_S_VIEW_RESET, 0);
    tell_list(stage, players, 2, SELF);
    expect_clean(stage);
    tell_at(stage, ROOMD_S_MOVE, WOLF, 0, 0);
    expect_wrong(stage, VIEW_MOVE_OF_UNKNOWN, 1);
}

/* It missed some of what happened: nothing that it knew counts any more, and a new beginning is owed to it. */
static void after_a_gap_everything_is_told_anew(void **state)
{
    struct stage *stage = *state;
    const uint32_t players[] = {OTHER, SELF};

    for (int has_reset = 0; has_reset < 2; has_reset++) {
        view_resync(&stage->view);
        assert_int_equal(stage->view.known.count, 0);
        assert_false(stage->view.is_listed);
        if (has_reset) {
            tell_bare(stage, ROOMD_S_VIEW_RESET, 0);
        }
        assert_int_equal(tell_list(stage, players, 2, SELF), VIEW_SELF_PLACED);
        tell_spawn(stage, WOLF, ROOMD_KIND_MONSTER, 1, 40);
        tell_vitals(stage, OTHER, 20, 100);
        tell_hit(stage, OTHER, 20, false, 0); /* by what it is told now, not by what it knew */
        tell_move(stage, OTHER, 90, 0);
        expect_wrong(stage, VIEW_JUMP, 1); /* it is where the list had it: 90 m away */
        tell_move(stage, OTHER, 91, 0);
        expect_clean(stage);
        assert_int_equal(stage->view.players, 2);
    }
    view_resync(&stage->view);
    tell_move(stage, OTHER, 91, 0); /* and no list */
    for (int i = 0; i < VIEW_WRONG_COUNT; i++) {
        assert_int_equal(stage->totals.wrong[i], i == VIEW_LIST_WITHOUT_SELF || i == VIEW_MOVE_OF_UNKNOWN);
    }
}

/* Its death, or its getting up, was among what it missed. */
static void after_a_gap_its_hit_points_say_whether_it_lives(void **state)
{
    struct stage *stage = *state;
    const uint32_t self[] = {SELF};
    struct packet dead = {.id = ROOMD_S_VITALS};

    put_u32(&dead, SELF);
    put_u32(&dead, 0);
    put_u32(&dead, 100);
    put_u16(&dead, 1);
    view_resync(&stage->view);
    tell_list(stage, self, 1, SELF);
    assert_false(stage->view.is_dead);
    assert_int_equal(take(stage, &dead), VIEW_SELF_DIED);
    assert_true(stage->view.is_dead);
    assert_int_equal(take(stage, &dead), 0); /* said before */
    view_resync(&stage->view);
    tell_list(stage, self, 1, SELF);
    assert_false(stage->view.is_dead);
    expect_clean(stage);
    assert_int_equal(stage->totals.deaths, 0);
}

static void the_servers_time_says_how_often_one_moves(void **state)
{
    struct stage *stage = *state;

    view_note_pong(&stage->view, 10000);
    for (int i = 0; i < 22; i++) { /* 20 ticks in the second, and one at each end */
        tell_move(stage, OTHER, 0.1f * (float)i, 0);
    }
    view_note_pong(&stage->view, 11000);
    expect_clean(stage);
    for (int i = 0; i < 25; i++) {
        tell_move(stage, OTHER, 0.1f * (float)i, 0);
        tell_at(stage, ROOMD_S_MOVE, WOLF, 0, 0);
    }
    view_note_pong(&stage->view, 12000);
    expect_wrong(stage, VIEW_MOVED_TWICE, 3);
    for (int i = 0; i < 23; i++) {
        tell_at(stage, ROOMD_S_MOVE, WOLF, 0, 0);
    }
    view_note_pong(&stage->view, 13000);
    expect_wrong(stage, VIEW_MOVED_TWICE, 1);
    for (int i = 0; i < 25; i++) { /* it is counted anew for who comes again */
        tell_move(stage, OTHER, 0, 0);
        if (i == 12) {
            tell_leave(stage, OTHER);
            tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, OTHER, 0, 0);
        }
    }
    view_note_pong(&stage->view, 14000);
    expect_clean(stage);
    view_set_tick(&stage->view, 0); /* a room without a tick */
    view_note_pong(&stage->view, 15000);
    for (int i = 0; i < 100; i++) {
        tell_move(stage, OTHER, 0, 0);
    }
    view_note_pong(&stage->view, 15001);
    expect_clean(stage);
}

/* What somebody did minutes ago is not counted to what it does now, however many pongs lie between. */
static void who_stood_for_long_has_not_moved_before(void **state)
{
    struct stage *stage = *state;

    for (uint64_t second = 1; second <= 600; second++) {
        view_note_pong(&stage->view, 1000 * second);
        for (int i = 0; i < (second % 256 == 1 ? 22 : 0); i++) {
            tell_at(stage, ROOMD_S_MOVE, WOLF, 0, 0);
        }
    }
    expect_clean(stage);
}

static void a_step_takes_its_time(void **state)
{
    struct stage *stage = *state;

    tell_move(stage, OTHER, 10.5f, 0); /* what a client that stalled makes up for, and a little */
    expect_clean(stage);
    tell_move(stage, OTHER, 21.5f, 0); /* 11 of 10.9 m */
    expect_wrong(stage, VIEW_JUMP, 1);
    tell_move(stage, OTHER, 30, 0);
    expect_clean(stage);
    stage->now_ms += 1000;
    tell_move(stage, OTHER, 55, 0); /* 25 of 25.9 m: mild, as it is */
    expect_clean(stage);
    stage->now_ms += 1000;
    tell_move(stage, OTHER, 81, 0);
    expect_wrong(stage, VIEW_JUMP, 1);
    tell_here(stage, 0);
    tell_move(stage, OTHER, 9000, 9000); /* no limit */
    expect_clean(stage);
    view_set_tick(&stage->view, 5000);
    tell_here(stage, 6);
    tell_move(stage, OTHER, 9030, 9000); /* 5 s at 6 m/s are one step here, and two may lie in one read */
    tell_move(stage, OTHER, 9060, 9000);
    expect_clean(stage);
    tell_move(stage, OTHER, 9101, 9000);
    expect_wrong(stage, VIEW_JUMP, 1);
}

static void what_does_not_parse_is_found(void **state)
{
    struct stage *stage = *state;
    static const uint16_t ids[] = {
        ROOMD_S_BROADCAST_ENTER_GAME,
        ROOMD_S_BROADCAST_LEAVE_GAME,
        ROOMD_S_PLAYER_LIST,
        ROOMD_S_BROADCAST_MOVE,
        ROOMD_S_HERE,
        ROOMD_S_SPAWN,
        ROOMD_S_DESPAWN,
        ROOMD_S_MOVE,
        ROOMD_S_CORRECT,
        ROOMD_S_VITALS,
        ROOMD_S_SKILL,
        ROOMD_S_HIT,
        ROOMD_S_DIED,
        ROOMD_S_RESPAWNED,
        ROOMD_S_SAID,
        ROOMD_S_VIEW_RESET,
        ROOMD_S_STAGE,
        ROOMD_S_RESULT,
    };

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        tell_bare(stage, ids[i], ids[i] == ROOMD_S_VIEW_RESET ? 1 : 3);
        expect_wrong(stage, VIEW_MALFORMED, 1);
    }
    tell_move(stage, OTHER, NAN, 0);
    tell_move(stage, OTHER, 0, -INFINITY);
    tell_at(stage, ROOMD_S_MOVE, WOLF, INFINITY, 0);
    tell_here(stage, -1);
    expect_wrong(stage, VIEW_MALFORMED, 4);
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, 0, 0, 0);
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, WOLF, 0, 0);
    tell_at(stage, ROOMD_S_BROADCAST_ENTER_GAME, 77, INFINITY, 0);
    tell_spawn(stage, 77, ROOMD_KIND_MONSTER, 1, 1);
    tell_spawn(stage, WOLF + 1, ROOMD_KIND_PLAYER, 1, 1);
    tell_spawn(stage, WOLF + 1, ROOMD_KIND_COUNT, 1, 1);
    expect_wrong(stage, VIEW_MALFORMED, 6);
    tell_bare(stage, ROOMD_C_MOVE, 12);
    tell_bare(stage, 99, 0);
    expect_wrong(stage, VIEW_UNKNOWN_PACKET, 2);
    assert_int_equal(stage->view.known.count, 3);
}

/* Against a plain array: thousands who come and go in a table that grows and closes its gaps. */
static void the_table_of_the_known_forgets_nobody(void **state)
{
    enum { IDS = 3000, TURNS = 60000 };
    static uint8_t is_there[IDS + 1];
    struct known_set set = {.slots = NULL};
    uint32_t count = 0;

    (void)state;
    memset(is_there, 0, sizeof(is_there));
    for (uint64_t i = 0; i < TURNS; i++) {
        uint32_t id = 1 + (uint32_t)(hash_u64(i) % IDS);
        struct known *known = known_find(&set, id);

        assert_int_equal(known != NULL, is_there[id]);
        if (known) {
            assert_int_equal(known->hp, id);
            known_drop(&set, known);
        } else {
            known_add(&set, id)->hp = (int32_t)id;
        }
        is_there[id] = !is_there[id];
        count += is_there[id] ? 1 : UINT32_MAX;
        assert_int_equal(set.count, count);
    }
    for (uint32_t id = 1; id <= IDS; id++) {
        assert_int_equal(known_find(&set, id) != NULL, is_there[id]);
    }
    for (const struct known *known = known_next(&set, NULL); known; known = known_next(&set, known)) {
        assert_int_equal(is_there[known->id]--, 1);
        count--;
    }
    assert_int_equal(count, 0);
    known_clear(&set);
    assert_null(known_next(&set, NULL));
    known_fini(&set);
}

#define VIEW_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEW_TEST(a_history_that_fits_together_has_nothing_wrong),
        VIEW_TEST(its_own_death_and_what_follows_are_told_to_it),
        VIEW_TEST(who_is_not_known_is_not_spoken_of),
        VIEW_TEST(nobody_comes_twice),
        VIEW_TEST(hit_points_add_up),
        VIEW_TEST(a_list_holds_who_reads_it_once_and_last),
        VIEW_TEST(after_a_reset_everything_is_told_anew),
        VIEW_TEST(after_a_gap_everything_is_told_anew),
        VIEW_TEST(after_a_gap_its_hit_points_say_whether_it_lives),
        VIEW_TEST(the_servers_time_says_how_often_one_moves),
        VIEW_TEST(who_stood_for_long_has_not_moved_before),
        VIEW_TEST(a_step_takes_its_time),
        VIEW_TEST(what_does_not_parse_is_found),
        cmocka_unit_test(the_table_of_the_known_forgets_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
