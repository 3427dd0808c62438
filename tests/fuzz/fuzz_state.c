/*
 * A world's saved state. Whatever is refused leaves nothing behind; whatever is taken saves as what restores to the
 * same bytes, and goes on without harm.
 *
 * Input: u8 how. Bit 0: of a fresh save some is changed, so that the corpus stays good when the layout changes:
 * triples of u16 place and u8 bits follow, and as a rest of two bytes u16 how many bytes are missing at its end (65535:
 * there is one too many); 0: the state follows as it is. Bit 1: a dungeon, in place of a field. Bit 2: of the restore's
 * allocations the first fails, then the second, and so on until none does. ROOMD_STATE_SEED=FILE writes a fresh save of
 * a field there, as an input.
 */
#include "fuzz.h"

#include "unit/saved_world.h"

#include <stdbool.h>

#define ROW "............\n"
#define MAP(wolves, archers)                                                                                 \
    "map small\ntile 8\nspawn s 6 3\nportal p 0 0 to town\nnpc n 6 4 name N greets hello\n"                  \
    "camp " wolves " 7 3 type wolf count 2 radius 8 respawn 1s\n"                                            \
    "camp " archers " 5 4 type archer count 2 radius 8 respawn 1s\n"                                         \
    "grid\n" ROW ROW ROW ROW ROW ROW
#define FIELD_MAP   MAP("w", "a")
#define DUNGEON_MAP MAP("wave1", "boss")
#define RULES                                                                                                \
    "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"                                          \
    "skill 2 arrow kind ranged range 18 cooldown 1s amount 10 speed 4\n"                                     \
    "skill 3 blast kind area range 12 radius 4 cooldown 5s amount 15\n"                                      \
    "skill 4 mend kind heal range 10 cooldown 4s amount 25\n"                                                \
    "monster wolf hp 40 speed 2 sight 12 leash 30 range 2 damage 6 every 1200ms xp 10 drop pelt\n"           \
    "monster archer hp 30 speed 2 sight 20 leash 30 range 12 damage 5 every 1s xp 9 shoots arrow\n"          \
    "monster hound hp 60 speed 4 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n"

enum { PLAYERS = 3, SOME_TICKS = 40, TICKS_AFTER = 8, HOW_CHANGED = 1, HOW_DUNGEON = 2, HOW_NO_MEMORY = 4 };

static const struct subject_kind {
    const struct roomd_content *content;
    const char *map;
} kinds[] = {{&roomd_content_field, FIELD_MAP}, {&roomd_content_dungeon, DUNGEON_MAP}};

/* A room of each kind, and what is kept of it. Rooms live as long as all their players stay. */
static struct subject {
    struct saved_room saved;
    uint64_t saved_ms;
    uint8_t *fresh;
    size_t fresh_bytes;
} subjects[2];

static void seed_write(const struct subject *subject, const char *path)
{
    FILE *file = fopen(path, "wb");

    CHECK(file != NULL);
    CHECK(fputc(0, file) == 0 &&
          fwrite(subject->fresh, 1, subject->fresh_bytes, file) == subject->fresh_bytes);
    CHECK(fclose(file) == 0);
}

static void play(struct subject *subject, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        for (uint32_t player = 0; player < PLAYERS; player++) {
            if (fake_player_inside(subject->saved.room, subject->saved.players[player]) != NULL) {
                saved_act(&subject->saved, subject->saved.players[player]);
            }
        }
        fake_tick(subject->saved.room, SAVED_TICK_MS);
    }
}

/* It is shut afterwards. */
static void subject_open(struct subject *subject, const struct subject_kind *kind)
{
    free(subject->fresh);
    subject->saved = saved_open(kind->content, kind->map, RULES, PLAYERS);
    play(subject, SOME_TICKS);
    /* What the next tick is to tell of: who has moved, and who has come and gone. */
    for (uint32_t player = 0; player < PLAYERS; player++) {
        struct point at =
            world_player_of(saved_world(&subject->saved), subject->saved.players[player])->entity.at;

        at.x += 0.25f;
        saved_send_place(&subject->saved, subject->saved.players[player], &at);
    }
    fake_leave(subject->saved.room, fake_enter(subject->saved.room), ROOMD_LEAVE_DISCONNECTED);
    subject->saved_ms = fake_now_ms(subject->saved.room);
    subject->fresh = fake_save(subject->saved.room, &subject->fresh_bytes);
    saved_shut(subject->saved.room);
    /* Or all that follows tests nothing. */
    CHECK(saved_restore(subject->saved.room, subject->fresh, subject->fresh_bytes) == 0);
    saved_shut(subject->saved.room);
    if (getenv("ROOMD_STATE_SEED") != NULL && kind == &kinds[0]) {
        seed_write(subject, getenv("ROOMD_STATE_SEED"));
    }
}

static uint8_t *input_state(const struct subject *subject, int is_changed, const uint8_t *data, size_t size,
                            size_t *bytes)
{
    size_t at = 0;

    if (!is_changed) {
        *bytes = size;
        return fuzz_copy(data, size);
    }
    uint8_t *state = calloc(1, subject->fresh_bytes + 1);

    CHECK(state != NULL);
    memcpy(state, subject->fresh, subject->fresh_bytes);
    for (; at + 3 <= size; at += 3) {
        state[roomd_get_u16(data + at) % subject->fresh_bytes] ^= data[at + 2];
    }
    *bytes = subject->fresh_bytes;
    if (at + 2 == size) {
        const uint16_t missing = roomd_get_u16(data + at);

        *bytes = missing == UINT16_MAX ? *bytes + 1 : *bytes - missing % *bytes;
    }
    uint8_t *exact = fuzz_copy(state, *bytes);

    free(state);
    return exact;
}

static bool is_anyone_gone(const struct saved_room *saved)
{
    for (uint32_t i = 0; i < PLAYERS; i++) {
        if (fake_player_inside(saved->room, saved->players[i]) == NULL) {
            return true;
        }
    }
    return false;
}

static void go_on(struct subject *subject)
{
    struct fake_room *room = subject->saved.room;

    play(subject, TICKS_AFTER);
    if (is_anyone_gone(&subject->saved)) {
        fake_room_close(room);
        subject->saved.room = NULL;
        return;
    }
    saved_shut(room);
    fake_drop(room, 0);
    room->now_ms = subject->saved_ms;
}

/* `once` was saved by the room as it is. */
static void check_saves_again(struct fake_room *room, const uint8_t *once, size_t once_bytes)
{
    size_t twice_bytes;

    saved_shut(room);
    CHECK(saved_restore(room, once, once_bytes) == 0);
    uint8_t *twice = fake_save(room, &twice_bytes);

    CHECK(once_bytes == twice_bytes && memcmp(once, twice, once_bytes) == 0);
    free(twice);
}

/* One restore, in which the `nth` allocation fails (0: none). False when that was more than it made. */
static bool restore_once(struct subject *subject, const uint8_t *state, size_t size, uint32_t nth)
{
    struct fake_room *room = subject->saved.room;

    fake_fail_alloc(room, nth);
    const int result = saved_restore(room, state, size);
    const bool has_failed = nth > 0 && room->fail_alloc == 0;

    fake_fail_alloc(room, 0);
    if (result == 0) {
        size_t bytes;
        uint8_t *once = fake_save(room, &bytes);

        CHECK(nth > 0 || bytes == size); /* all of it was of use */
        check_saves_again(room, once, bytes);
        go_on(subject);
        free(once);
    }
    return has_failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t how = size > 0 ? data[0] : 0;
    const int place = (how & HOW_DUNGEON) != 0;
    struct subject *subject = &subjects[place];
    uint32_t nth = how & HOW_NO_MEMORY ? 1 : 0;
    size_t bytes;
    uint8_t *state = NULL;
    bool has_failed;

    do {
        if (subject->saved.room == NULL) {
            subject_open(subject, &kinds[place]);
        }
        if (state == NULL) {
            state = input_state(subject, how & HOW_CHANGED, data + (size > 0), size - (size > 0), &bytes);
        }
        fake_data_clear(); /* both maps go by one name */
        fake_data_add("saved.map", kinds[place].map);
        fake_data_add("saved.rules", RULES);
        has_failed = restore_once(subject, state, bytes, nth++);
    } while (has_failed);
    free(state);
    return 0;
}
