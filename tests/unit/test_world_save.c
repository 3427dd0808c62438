/* Saved in the middle of a fight and restored, a world goes on as one that never was: to the last byte told. */
#include "unit/saved_world.h"

enum { TICKS = 1000, PLAYERS = 12 };

struct seen {
    uint32_t saves, hits, deaths, moved, projectiles, pets, drops, awake, respawning, dead_players, left;
};

/* What the state held when it was saved: a test of nothing would pass, too. */
static void look(const struct world *world, struct seen *seen)
{
    seen->saves++;
    seen->moved += world->moved_first != NULL;
    seen->projectiles += world->entities[ROOMD_KIND_PROJECTILE].count > 0;
    seen->pets += world->entities[ROOMD_KIND_PET].count > 0;
    seen->drops += world->entities[ROOMD_KIND_DROP].count > 0;
    seen->awake += world->awake_first != NULL;
    seen->left += world->left_count > 0;
    for (uint32_t i = 0; i < world->map->camp_count; i++) {
        seen->respawning += world->camps[i].respawn_ms != 0;
    }
    for (const struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL; e = e->next) {
        seen->dead_players += e->hp == 0;
    }
}

static void count_told(const struct saved_room *saved, struct seen *seen)
{
    for (uint32_t i = 0; i < PLAYERS; i++) {
        seen->hits += fake_count(saved->room, saved->players[i], ROOMD_S_HIT);
        seen->deaths += fake_count(saved->room, saved->players[i], ROOMD_S_DIED);
    }
    fake_drop(saved->room, 0);
}

/* The same fight twice: in one of the rooms it is saved and restored now and then, at the tick or amid it. */
static void fight_twice(const struct roomd_content *content, const char *map, struct seen *seen)
{
    const char *rules = saved_file("world.rules");
    struct saved_room plain = saved_open(content, map, rules, PLAYERS);
    struct saved_room saved = saved_open(content, map, rules, PLAYERS);
    uint32_t seed = 7;

    for (int tick = 0; tick < TICKS; tick++) {
        seed = seed * 1664525u + 1013904223u;
        bool is_amid = (seed >> 28) < 2;
        bool is_after = (seed >> 28) == 2;

        saved_turn(&plain, PLAYERS);
        saved_turn(&saved, PLAYERS);
        fake_advance(plain.room, SAVED_TICK_MS / 2);
        fake_advance(saved.room, SAVED_TICK_MS / 2);
        if (is_amid) { /* what was said so far is handed over in both: a save comes between flushes */
            fake_flush(plain.room);
            fake_flush(saved.room);
            look(saved_world(&saved), seen);
            fake_save_and_restore(saved.room);
        }
        fake_tick(plain.room, SAVED_TICK_MS / 2);
        fake_tick(saved.room, SAVED_TICK_MS / 2);
        if (is_after) {
            look(saved_world(&saved), seen);
            fake_save_and_restore(saved.room);
        }
        if (fake_digest(saved.room) != fake_digest(plain.room)) {
            fail_msg("tick %d: what was told differs", tick);
        }
        count_told(&plain, seen);
        fake_drop(saved.room, 0);
    }
    fake_room_close(plain.room);
    fake_room_close(saved.room);
}

static void a_fight_in_the_field_goes_on_as_if_never_saved(void **state)
{
    struct seen seen = {0};

    (void)state;
    fight_twice(&roomd_content_field, saved_file("field.map"), &seen);
    assert_in_range(seen.saves, 100, TICKS);
    assert_in_range(seen.hits, 500, UINT32_MAX);
    assert_in_range(seen.deaths, 50, UINT32_MAX);
    assert_in_range(seen.moved, 5, TICKS);
    assert_in_range(seen.projectiles, 5, TICKS);
    assert_in_range(seen.pets, 5, TICKS);
    assert_in_range(seen.drops, 5, TICKS);
    assert_in_range(seen.awake, 20, TICKS);
    assert_in_range(seen.respawning, 5, UINT32_MAX);
    assert_in_range(seen.dead_players, 1, UINT32_MAX);
    assert_in_range(seen.left, 1, UINT32_MAX);
}

static void a_dungeon_goes_on_as_if_never_saved(void **state)
{
    struct seen seen = {0};

    (void)state;
    fight_twice(&roomd_content_dungeon, saved_file("crypt.map"), &seen);
    assert_in_range(seen.saves, 100, 1000);
    assert_in_range(seen.hits, 100, UINT32_MAX);
    assert_in_range(seen.deaths, 10, UINT32_MAX);
}

/* Of what no packet tells soon, or at all. */
static void assert_alike(const struct world *world, const struct world *before, const uint32_t *left)
{
    assert_true(world->tick_ms == before->tick_ms && world->tick_s == before->tick_s);
    assert_true(world->next_entity == before->next_entity && world->next_order == before->next_order);
    assert_int_equal(world->ai_left, before->ai_left);
    assert_int_equal(world->path_left, before->path_left);
    assert_int_equal(world->left_count, before->left_count);
    assert_memory_equal(world->left, left, before->left_count * sizeof(*left));
    assert_int_equal(world->has_unarmed, before->has_unarmed);
    assert_int_equal(world->beat_ms, before->beat_ms);
    for (int kind = 0; kind < ROOMD_KIND_COUNT; kind++) {
        assert_int_equal(world->entities[kind].count, before->entities[kind].count);
    }
}

/* What it says first it also says after a restore: the bytes are the whole of it. */
static void a_restored_world_saves_the_same_bytes(void **state)
{
    struct saved_room saved =
        saved_open(&roomd_content_field, saved_file("field.map"), saved_file("world.rules"), 6);
    size_t before_bytes;
    size_t after_bytes;
    uint32_t has_left = 0;

    (void)state;
    for (int tick = 0; tick < 240; tick++) {
        if (tick % 3 != 0) { /* after a tick, and amid one: some have moved, and left */
            fake_tick(saved.room, SAVED_TICK_MS);
        }
        saved_turn(&saved, 6);
        fake_advance(saved.room, SAVED_TICK_MS / 2);
        fake_flush(saved.room);
        uint8_t *before = fake_save(saved.room, &before_bytes);
        const struct world world = *saved_world(&saved);
        uint32_t left[SAVED_PLAYERS_MAX] = {0};

        assert_in_range(world.left_count, 0, SAVED_PLAYERS_MAX);
        memcpy(left, world.left_count > 0 ? world.left : left, world.left_count * sizeof(*left));
        has_left += world.left_count;
        fake_save_and_restore(saved.room);
        assert_alike(saved_world(&saved), &world, left);
        uint8_t *after = fake_save(saved.room, &after_bytes);

        assert_int_equal(before_bytes, after_bytes);
        assert_memory_equal(before, after, before_bytes);
        free(before);
        free(after);
        fake_drop(saved.room, 0);
    }
    assert_in_range(has_left, 1, 1000);
    fake_room_close(saved.room);
}

static void too_little_room_says_how_much_is_needed(void **state)
{
    struct saved_room saved =
        saved_open(&roomd_content_town, saved_file("town.map"), saved_file("world.rules"), 2);
    size_t needed = 0;

    (void)state;
    assert_int_equal(roomd_content_town.save(fake_state(saved.room), NULL, 0, &needed), -ENOSPC);
    uint8_t *out = malloc(needed);

    assert_non_null(out);
    for (size_t size = 0; size < needed; size += 1 + size / 16) {
        size_t bytes = 0;

        memset(out, 0xA5, needed);
        assert_int_equal(roomd_content_town.save(fake_state(saved.room), out, size, &bytes), -ENOSPC);
        assert_int_equal(bytes, needed);
        assert_int_equal(out[size], 0xA5);
    }
    assert_int_equal(roomd_content_town.save(fake_state(saved.room), out, needed, &needed), 0);
    free(out);
    fake_room_close(saved.room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fight_in_the_field_goes_on_as_if_never_saved),
        cmocka_unit_test(a_dungeon_goes_on_as_if_never_saved),
        cmocka_unit_test(a_restored_world_saves_the_same_bytes),
        cmocka_unit_test(too_little_room_says_how_much_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
