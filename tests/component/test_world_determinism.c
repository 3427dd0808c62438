/*
 * The same seed and the same inputs make the same bytes; and a world that was saved and restored in mid-fight goes on
 * byte for byte as one that never was.
 */
#include "base/memory.h"
#include "support/component.h"

#include <stdlib.h>

#include "content/host.h"
#include "room/room_content.h"
#include "support/actors.h"

enum { FIGHTERS = 50, LONG_TURNS = 10000, SAVED_TURN = 300, TURNS_AFTER = 1000 };

static void gather_fighters(struct actors *actors, uint64_t seed)
{
    actors_open(actors, seed);
    for (int i = 0; i < FIGHTERS; i++) {
        actors_add(actors, "field");
    }
}

static uint64_t fight(uint64_t seed, uint64_t turns, struct actors_totals *totals)
{
    struct actors actors;
    uint64_t digest;

    gather_fighters(&actors, seed);
    while (actors.turn < turns) {
        actors_turn(&actors);
    }
    digest = actors_digest(&actors);
    *totals = actors.totals;
    actors_close(&actors);
    return digest;
}

static void test_ten_thousand_ticks_of_fifty_fighters_are_the_same_bytes_again(void **state)
{
    struct actors_totals totals;
    struct actors_totals again;

    (void)state;
    uint64_t digest = fight(1, LONG_TURNS, &totals);

    print_message("frames %llu moves %llu hits %llu kills %llu deaths %llu corrected %llu refused %llu\n",
                  (unsigned long long)totals.frames, (unsigned long long)totals.moves,
                  (unsigned long long)totals.hits, (unsigned long long)totals.kills,
                  (unsigned long long)totals.deaths, (unsigned long long)totals.corrected,
                  (unsigned long long)totals.errors);
    assert_true(totals.hits > 10000 && totals.kills > 500 && totals.deaths > 50);
    assert_int_equal(fight(1, LONG_TURNS, &again), digest);
    assert_memory_equal(&again, &totals, sizeof(totals));
}

static void test_another_seed_makes_another_world(void **state)
{
    struct actors_totals totals;

    (void)state;
    assert_int_not_equal(fight(1, 200, &totals), fight(2, 200, &totals));
}

static void save_and_restore(struct actors *actors)
{
    struct room *room = fixture_find_room(actors->fixture, "field");
    uint8_t *bytes;
    size_t size;

    assert_int_equal(room_content_save(room, &bytes, &size), 0);
    assert_int_equal(room_content_restore(room, content_host(), bytes, size), 0);
    memory_give(bytes);
}

static void test_a_world_restored_in_mid_fight_goes_on_as_one_never_saved(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct actors saved;
        struct actors plain;

        gather_fighters(&saved, seed);
        gather_fighters(&plain, seed);
        while (plain.turn < SAVED_TURN + TURNS_AFTER) {
            /* Both engines are looked at by the same clock: one after the other, from the same moment. */
            uint64_t now_ns = clock_now_ns();

            actors_turn(&plain);
            fake_clock_set(now_ns);
            actors_turn(&saved);
            if (saved.turn == SAVED_TURN) {
                assert_true(saved.totals.hits > 100);
                save_and_restore(&saved);
            }
            if (actors_digest(&saved) != actors_digest(&plain)) {
                fail_msg("seed %llu: they part in turn %llu", (unsigned long long)seed,
                         (unsigned long long)saved.turn);
            }
        }
        actors_close(&plain);
        actors_close(&saved);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_thousand_ticks_of_fifty_fighters_are_the_same_bytes_again),
        cmocka_unit_test(test_another_seed_makes_another_world),
        cmocka_unit_test(test_a_world_restored_in_mid_fight_goes_on_as_one_never_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
