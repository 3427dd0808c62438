/*
 * The settings of a world's room, as text, with whatever map and rules they name. A world that opens is what world.h
 * says of one, and players can come in; one that does not says why.
 *
 * Input: u8 the kind of room, then lines `key=value`; what is not one, or names no key of the world's, is passed over.
 */
#include "fuzz.h"

#include "content/bundled.h"
#include "content/world.h"
#include "support/fake_host.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>

#define ROW  "............\n"
#define MAP  "map m\ntile 2\nspawn s 6 2\n"
#define ROWS "grid\n" ROW ROW ROW ROW ROW ROW

enum { TEXT_BYTES_MAX = 4096, OPTIONS_MAX = 16, PLAYERS = 3, TICK_MS = 250 };

static const char *const files[][2] = {
    {"plain", MAP ROWS},
    {"camps", MAP "camp wave1 3 3 type wolf count 2 radius 3 respawn 1s\n" ROWS},
    {"boss", MAP "camp boss 3 3 type wolf count 1 radius 3 respawn 1s\n" ROWS},
    {"gap", MAP "camp wave2 3 3 type wolf count 2 radius 3 respawn 1s\n" ROWS},
    {"rules", "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"
              "monster wolf hp 40 speed 2 sight 12 leash 30 range 2 damage 6 every 1200ms xp 10 drop pelt\n"},
    {"sheep", "monster sheep hp 40 speed 2 sight 12 leash 30 range 2 damage 0 every 1200ms\n"},
    {"bad", "neither\n"},
};

static bool is_key(const char *key)
{
    for (const struct roomd_option *option = roomd_content_field.options; option->key != NULL; option++) {
        if (strcmp(option->key, key) == 0) {
            return true;
        }
    }
    return false;
}

/* Cuts `text` into keys and values, which point into it. */
static void read_lines(char *text, const char *options[2 * OPTIONS_MAX + 1])
{
    size_t count = 0;
    char *rest;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');

        if (equals != NULL && count < OPTIONS_MAX) {
            *equals = '\0';
            if (is_key(line)) {
                options[2 * count] = line;
                options[2 * count + 1] = equals + 1;
                count++;
            }
        }
    }
    options[2 * count] = NULL;
}

static void check_world(const struct world *world)
{
    CHECK(world->view_m >= 0 && world->view_m <= 500.0f && !(world->view_m > 0 && world->view_m < 5.0f));
    CHECK(world->speed_m_s >= 0 && world->speed_m_s <= 1000.0f);
    CHECK(world->spawn_radius_m >= 0 && isfinite(world->spawn_radius_m));
    CHECK(world->ai_budget >= 16 && world->ai_budget <= 1000000);
    CHECK(world->x_max > world->x_min && world->z_max > world->z_min);
    CHECK(memchr(world->exit, '\0', sizeof(world->exit)) != NULL);
    for (uint32_t i = 0; world->map != NULL && i < world->map->camp_count; i++) {
        CHECK(world->rules != NULL && rules_find_monster(world->rules, world->map->camps[i].type) >= 0);
    }
}

static void play(struct fake_room *room)
{
    struct world *world = fake_state(room);

    for (int i = 0; i < PLAYERS; i++) {
        const struct player *player = world_player_of(world, fake_enter(room));

        CHECK(player != NULL && world_can_stand(world, &player->entity.at));
        CHECK(player->entity.at.x >= world->x_min && player->entity.at.x <= world->x_max);
        CHECK(player->entity.at.z >= world->z_min && player->entity.at.z <= world->z_max);
    }
    fake_tick(room, TICK_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct roomd_content *const contents[] = {&roomd_content_field, &roomd_content_dungeon,
                                                           &roomd_content_town};
    const char *options[2 * OPTIONS_MAX + 1];
    int error;

    if (size < 1 || size > TEXT_BYTES_MAX) {
        return 0;
    }
    char *text = (char *)fuzz_copy(data, size);

    memmove(text, text + 1, size - 1);
    text[size - 1] = '\0';
    read_lines(text, options);
    fake_data_clear();
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        fake_data_add(files[i][0], files[i][1]);
    }
    struct fake_room *room = fake_room_try(contents[data[0] % 3], options, &error);

    if (room != NULL) {
        check_world(fake_state(room));
        play(room);
        fake_room_close(room);
    } else {
        CHECK(error == -EINVAL);
        CHECK(fake_last_log()[0] != '\0');
    }
    free(text);
    return 0;
}
