/* Who leaves while a round of flushing is cut in two. */
#include "support/component.h"

#include "support/fake_clock.h"

enum { NOTE = 100, FLUSHED = 8, PLAYERS = FLUSHED + 2 };

/*
 * Those who were still to be flushed left, and then one who was done, in one turn: the gap was filled with the last of
 * those who were done, which was the last of all, and whose place was then written down as the one that it had left. Once
 * it left too, another one's place went with it, and the room held on to a session that was gone.
 */
static void the_last_who_was_flushed_lost_its_place_when_those_behind_it_had_left(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *players[PLAYERS];

    for (int i = 0; i < PLAYERS; i++) {
        players[i] = fixture_enter(fixture, "room");
        assert_int_equal(fixture_session(fixture, players[i])->member, i);
    }
    assert_int_equal(room_broadcast(room, NOTE, "x", 1, ROOMD_URGENT), 0);
    fake_clock_set_step(1500 * NS_PER_US); /* a piece is over at the first look at the clock */
    fixture_flush(fixture);
    fake_clock_set_step(0);
    assert_true(room->has_round);
    assert_int_equal(room->cursor, FLUSHED);

    for (int i = FLUSHED; i < PLAYERS; i++) {
        player_hang_up(players[i]);
    }
    fixture_read(fixture);
    player_hang_up(players[2]);
    fixture_read(fixture);
    fixture_play(fixture);
    fixture_check_places(fixture);
    assert_int_equal(room->member_count, FLUSHED - 1);

    fixture_settle(fixture);
    player_hang_up(players[FLUSHED - 1]);
    fixture_settle(fixture);
    fixture_check_places(fixture);
    assert_int_equal(room->member_count, FLUSHED - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_last_who_was_flushed_lost_its_place_when_those_behind_it_had_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
