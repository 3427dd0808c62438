/*
 * A world's saved state. Whatever is refused leaves nothing behind; whatever is taken saves as what restores to the
 * same bytes, and goes on without harm.
 *
 * Input: u8 0, then the state as it is; or u8 other than 0, then triples of u16 place and u8 bits to be changed in a
 * fresh save, so that the corpus stays good when the state's layout changes. ROOMD_STATE_SEED=FILE writes such a save
 * there, as an input of the first kind.
 */
#include "fuzz.h"

#include "unit/saved_world.h"

#define ROW "............\n"
#define MAP                                                                                                  \
    "map small\ntile 8\nspawn s 6 3\nportal p 0 0 to town\nnpc n 6 4 name N greets hello\n"                  \
    "camp w 7 3 type wolf count 2 radius 8 respawn 1s\n"                                                     \
    "camp a 5 4 type archer count 2 radius 8 respawn 1s\n"                                                   \
    "grid\n" ROW ROW ROW ROW ROW ROW
#define RULES                                                                                                \
    "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"                                          \
    "skill 2 arrow kind ranged range 18 cooldown 1s amount 10 speed 4\n"                                     \
    "skill 3 blast kind area range 12 radius 4 cooldown 5s amount 15\n"                                      \
    "skill 4 mend kind heal range 10 cooldown 4s amount 25\n"                                                \
    "monster wolf hp 40 speed 2 sight 12 leash 30 range 2 damage 6 every 1200ms xp 10 drop pelt\n"           \
    "monster archer hp 30 speed 2 sight 20 leash 30 range 12 damage 5 every 1s xp 9 shoots arrow\n"          \
    "monster hound hp 60 speed 4 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n"

enum { PLAYERS = 3, SOME_TICKS = 40, TICKS_AFTER = 8 };

static struct saved_room saved;
static uint64_t saved_ms;
static uint8_t *fresh;
static size_t fresh_bytes;

static void seed_write(const char *path)
{
    FILE *file = fopen(path, "wb");

    CHECK(file != NULL);
    CHECK(fputc(0, file) == 0 && fwrite(fresh, 1, fresh_bytes, file) == fresh_bytes);
    CHECK(fclose(file) == 0);
}

/* The room is never closed: the process ends with it. */
static void room_open(void)
{
    saved = saved_open(&roomd_content_field, MAP, RULES, PLAYERS);
    for (int i = 0; i < SOME_TICKS; i++) {
        for (uint32_t player = 0; player < PLAYERS; player++) {
            saved_act(&saved, saved.players[player]);
        }
        fake_tick(saved.room, SAVED_TICK_MS);
    }
    saved_ms = fake_now_ms(saved.room);
    fresh = fake_save(saved.room, &fresh_bytes);
    saved_shut(saved.room);
    CHECK(saved_restore(saved.room, fresh, fresh_bytes) == 0); /* or all that follows tests nothing */
    saved_shut(saved.room);
    if (getenv("ROOMD_STATE_SEED") != NULL) {
        seed_write(getenv("ROOMD_STATE_SEED"));
    }
}

static uint8_t *input_state(const uint8_t *data, size_t size, size_t *bytes)
{
    if (size == 0 || data[0] == 0) {
        *bytes = size == 0 ? 0 : size - 1;
        return fuzz_copy(size == 0 ? data : data + 1, *bytes);
    }
    uint8_t *state = fuzz_copy(fresh, fresh_bytes);

    for (size_t at = 1; at + 3 <= size; at += 3) {
        state[roomd_get_u16(data + at) % fresh_bytes] ^= data[at + 2];
    }
    *bytes = fresh_bytes;
    return state;
}

static void go_on(void)
{
    for (int i = 0; i < TICKS_AFTER; i++) {
        for (uint32_t player = 0; player < PLAYERS; player++) {
            saved_act(&saved, saved.players[player]);
        }
        fake_tick(saved.room, SAVED_TICK_MS);
    }
    saved_shut(saved.room);
    fake_drop(saved.room, 0);
    saved.room->now_ms = saved_ms;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t bytes;
    size_t once_bytes;
    size_t twice_bytes;

    if (saved.room == NULL) {
        room_open();
    }
    uint8_t *state = input_state(data, size, &bytes);
    int result = saved_restore(saved.room, state, bytes);

    free(state);
    if (result < 0) {
        return 0;
    }
    uint8_t *once = fake_save(saved.room, &once_bytes);

    saved_shut(saved.room);
    CHECK(saved_restore(saved.room, once, once_bytes) == 0);
    uint8_t *twice = fake_save(saved.room, &twice_bytes);

    CHECK(once_bytes == twice_bytes && memcmp(once, twice, once_bytes) == 0);
    go_on();
    free(once);
    free(twice);
    return 0;
}
