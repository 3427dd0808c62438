/*
 * Bytes into a world: what is no world of this room is refused and leaves nothing behind; what is changed in a bit is
 * refused or makes a world that goes on without harm.
 */
#include "unit/saved_world.h"

#define ROW "............\n"
#define RULES                                                                                                \
    "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"                                          \
    "skill 2 arrow kind ranged range 18 cooldown 1s amount 10 speed 4\n"                                     \
    "skill 3 blast kind area range 12 radius 4 cooldown 5s amount 15\n"                                      \
    "skill 4 mend kind heal range 10 cooldown 4s amount 25\n"                                                \
    "monster wolf hp 40 speed 2 sight 12 leash 30 range 2 damage 6 every 1200ms xp 10 drop pelt\n"           \
    "monster archer hp 30 speed 2 sight 20 leash 30 range 12 damage 5 every 1s xp 9 shoots arrow\n"          \
    "monster hound hp 60 speed 4 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n"
#define MAP                                                                                                  \
    "map small\ntile 8\nspawn s 6 3\nportal p 0 0 to town\nnpc n 6 4 name N greets hello\n"                  \
    "camp w 7 3 type wolf count 2 radius 8 respawn 1s\n"                                                     \
    "camp a 5 4 type archer count 2 radius 8 respawn 1s\n"                                                   \
    "grid\n" ROW ROW ROW ROW ROW ROW

enum { PLAYERS = 3, FIGHT_TICKS = 9 };

/* A small fight, some ticks on, with everything in it; what it saves. */
static struct saved_room fight(size_t *bytes, uint8_t **out)
{
    struct saved_room saved = saved_open(&roomd_content_field, MAP, RULES, PLAYERS);
    const struct world *world;
    int ticks = 0;

    do {
        saved_turn(&saved, PLAYERS);
        fake_tick(saved.room, SAVED_TICK_MS);
        world = saved_world(&saved);
        assert_true(++ticks < 2000);
    } while (world->entities[ROOMD_KIND_PLAYER].count != PLAYERS ||
             world->entities[ROOMD_KIND_PET].count == 0 ||
             world->entities[ROOMD_KIND_PROJECTILE].count == 0 ||
             world->entities[ROOMD_KIND_DROP].count == 0 || world->entities[ROOMD_KIND_MONSTER].count < 2 ||
             (world->camps[0].respawn_ms == 0 && world->camps[1].respawn_ms == 0));
    saved_turn(&saved, PLAYERS); /* moves, that the next tick tells of */
    fake_flush(saved.room);
    *out = fake_save(saved.room, bytes);
    return saved;
}

/* Goes on for a while with players who act, to see whether it stands. */
static void go_on(struct saved_room *saved)
{
    for (int tick = 0; tick < FIGHT_TICKS; tick++) {
        for (uint32_t i = 0; i < PLAYERS; i++) {
            saved_act(saved, saved->players[i]);
        }
        fake_tick(saved->room, SAVED_TICK_MS);
    }
}

/* Its clock must not run ahead of what is restored: what goes on is undone by setting it back. */
static void back_to(struct saved_room *saved, uint64_t now_ms)
{
    saved_shut(saved->room);
    fake_drop(saved->room, 0);
    saved->room->now_ms = now_ms;
}

static void end(struct saved_room *saved, uint8_t *bytes, size_t size)
{
    assert_int_equal(saved_restore(saved->room, bytes, size), 0);
    free(bytes);
    fake_room_close(saved->room);
}

static void every_prefix_is_refused(void **state)
{
    size_t size;
    uint8_t *bytes;
    struct saved_room saved = fight(&size, &bytes);

    (void)state;
    saved_shut(saved.room);
    for (size_t part = 0; part < size; part++) {
        uint8_t *exact = malloc(part + 1); /* of its size but for one byte, which is never 0 */

        assert_non_null(exact);
        memcpy(exact, bytes, part);
        assert_int_equal(saved_restore(saved.room, exact, part), -EINVAL);
        free(exact);
    }
    end(&saved, bytes, size);
}

static void bytes_behind_the_end_are_refused(void **state)
{
    size_t size;
    uint8_t *bytes;
    struct saved_room saved = fight(&size, &bytes);
    uint8_t *more = calloc(1, size + 4);

    (void)state;
    assert_non_null(more);
    memcpy(more, bytes, size);
    saved_shut(saved.room);
    for (size_t extra = 1; extra <= 4; extra++) {
        assert_int_equal(saved_restore(saved.room, more, size + extra), -EINVAL);
    }
    free(more);
    end(&saved, bytes, size);
}

/* Each byte in turn: its lowest bit, its highest, all of them. */
static void a_changed_byte_is_refused_or_harmless(void **state)
{
    static const uint8_t patterns[] = {0x01, 0x80, 0xFF};
    size_t size;
    uint8_t *bytes;
    struct saved_room saved = fight(&size, &bytes);
    const uint64_t now_ms = fake_now_ms(saved.room);
    uint32_t refused = 0;
    uint32_t taken = 0;

    (void)state;
    back_to(&saved, now_ms);
    for (size_t at = 0; at < size; at++) {
        for (size_t i = 0; i < sizeof(patterns); i++) {
            bytes[at] ^= patterns[i];
            if (saved_restore(saved.room, bytes, size) < 0) {
                refused++;
            } else {
                taken++;
                go_on(&saved);
                back_to(&saved, now_ms);
            }
            bytes[at] ^= patterns[i];
        }
    }
    assert_in_range(refused, size / 4, 3 * size);
    assert_in_range(taken, size / 4, 3 * size); /* places, times and the like */
    end(&saved, bytes, size);
}

static void bytes_of_another_kind_of_room_are_refused(void **state)
{
    size_t size;
    size_t town_size;
    uint8_t *bytes;
    struct saved_room saved = fight(&size, &bytes);
    void *other = NULL;

    (void)state;
    saved_shut(saved.room);
    assert_int_equal(roomd_content_town.restore(&fake_host, fake_handle(saved.room), bytes, size, &other),
                     -EINVAL);
    assert_null(other);
    fake_memory_give_back(saved.room);
    end(&saved, bytes, size);

    saved = saved_open(&roomd_content_town, "map small\nspawn s 0 0\ngrid\n..\n", RULES, 1);
    uint8_t *town = fake_save(saved.room, &town_size);

    saved_shut(saved.room);
    assert_int_equal(
        roomd_content_field.restore(&fake_host, fake_handle(saved.room), town, town_size, &other), -EINVAL);
    fake_memory_give_back(saved.room);
    end(&saved, town, town_size);
}

static void a_ground_that_has_changed_is_refused(void **state)
{
    static const char *const maps[] = {
        "map small\ntile 8\nspawn s 6 3\ngrid\n" ROW ROW ROW ROW ROW, /* a row less, and nothing on it */
        "map small\ntile 8\nspawn s 6 3\nportal p 0 0 to town\nnpc n 6 4 name N greets hello\n"
        "camp w 7 3 type wolf count 2 radius 8\ngrid\n" ROW ROW ROW ROW ROW ROW, /* a camp less */
    };
    size_t size;
    uint8_t *bytes;
    struct saved_room saved = fight(&size, &bytes);

    (void)state;
    saved_shut(saved.room);
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        fake_data_clear();
        fake_data_add("saved.map", maps[i]);
        fake_data_add("saved.rules", RULES);
        assert_int_equal(saved_restore(saved.room, bytes, size), -EINVAL);
    }
    fake_data_clear();
    fake_data_add("saved.map", MAP);
    fake_data_add("saved.rules", RULES);
    end(&saved, bytes, size);
}

/* The players of the room are those of the bytes: none more, none less, and the same ones. */
static void players_that_do_not_match_are_refused(void **state)
{
    size_t size;
    uint8_t *bytes;
    struct saved_room saved = fight(&size, &bytes);

    (void)state;
    fake_leave(saved.room, saved.players[1], ROOMD_LEAVE_DISCONNECTED);
    saved_shut(saved.room);
    assert_int_equal(saved_restore(saved.room, bytes, size), -EINVAL); /* one is gone */
    saved.room->content->open(&fake_host, fake_handle(saved.room), &saved.room->state);
    free(bytes);
    fake_room_close(saved.room);

    saved = fight(&size, &bytes);
    saved_shut(saved.room);
    assert_int_equal(saved.room->content->open(&fake_host, fake_handle(saved.room), &saved.room->state), 0);
    fake_enter(saved.room);
    saved_shut(saved.room);
    assert_int_equal(saved_restore(saved.room, bytes, size), -EINVAL); /* one has come */
    assert_int_equal(saved.room->content->open(&fake_host, fake_handle(saved.room), &saved.room->state), 0);
    free(bytes);
    fake_room_close(saved.room);
}

/* Each allocation in turn fails: refused with nothing left, or (behind the last one that matters) done without. */
static void a_failing_allocation_leaves_nothing_behind(void **state)
{
    size_t size;
    uint8_t *bytes;
    struct saved_room saved = fight(&size, &bytes);
    uint32_t refused = 0;

    (void)state;
    saved_shut(saved.room);
    for (uint32_t nth = 1; nth < 1000; nth++) {
        fake_fail_alloc(saved.room, nth);
        int result = saved_restore(saved.room, bytes, size);
        bool has_failed = saved.room->fail_alloc == 0;

        fake_fail_alloc(saved.room, 0);
        assert_true(result == 0 || result == -ENOMEM);
        refused += result < 0;
        if (result == 0) {
            saved_shut(saved.room);
        }
        if (!has_failed) {
            break;
        }
        assert_true(nth < 999);
    }
    assert_in_range(refused, 10, 998);
    end(&saved, bytes, size);
}

static void too_few_streams_leave_nothing_behind(void **state)
{
    size_t size;
    uint8_t *bytes;
    struct saved_room saved = fight(&size, &bytes);
    uint32_t needed = fake_streams(saved.room);
    const uint32_t follows = fake_follows(saved.room);

    (void)state;
    assert_in_range(needed, 3, 100);
    saved_shut(saved.room);
    for (uint32_t most = 0; most < needed; most++) {
        fake_set_streams_max(saved.room, most);
        assert_int_equal(saved_restore(saved.room, bytes, size), -ENOSPC);
    }
    fake_set_streams_max(saved.room, needed);
    assert_int_equal(saved_restore(saved.room, bytes, size), 0);
    assert_int_equal(fake_streams(saved.room), needed);
    assert_int_equal(fake_follows(saved.room), follows);
    free(bytes);
    fake_room_close(saved.room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
        cmocka_unit_test(a_changed_byte_is_refused_or_harmless),
        cmocka_unit_test(bytes_of_another_kind_of_room_are_refused),
        cmocka_unit_test(a_ground_that_has_changed_is_refused),
        cmocka_unit_test(players_that_do_not_match_are_refused),
        cmocka_unit_test(a_failing_allocation_leaves_nothing_behind),
        cmocka_unit_test(too_few_streams_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
