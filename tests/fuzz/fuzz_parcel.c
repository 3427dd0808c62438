/*
 * What players carry from room to room, which another module may have made. It makes a player as there may be one: the
 * one that it says, or a newcomer; and who goes on carries the same.
 *
 * Input: the parcel.
 */
#include "fuzz.h"

#include "content/bundled.h"
#include "content/world.h"
#include "support/fake_host.h"

#define ROW   "............\n"
#define MAP   "map m\ntile 2\nspawn s 2 2\nspawn far 9 4\ngrid\n" ROW ROW ROW ROW ROW ROW
#define RULES "monster hound hp 60 speed 4 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n"

enum { SAME_BYTES = 14 /* behind them stands where to come in */ };

/* Comes in with a parcel, and goes on: what it then carries, which is good until the room is closed. */
static const uint8_t *come_and_go(struct fake_room *room, const uint8_t *parcel, size_t size, size_t *bytes)
{
    struct world *world = fake_state(room);
    const uint64_t session = fake_enter_with(room, 0, parcel, size);
    struct player *player = world_player_of(world, session);

    CHECK(player != NULL && world_can_stand(world, &player->entity.at));
    CHECK(player->level >= 1 && player->level <= WORLD_LEVEL_MAX);
    CHECK(player->entity.hp_max == world_player_hp_max(player->level));
    CHECK(player->entity.hp >= 1 && player->entity.hp <= player->entity.hp_max);
    CHECK(player->pet == 0 || world_find(world, player->pet) != NULL);
    CHECK(world_player_send_to(world, player, "town", "s") == 0);
    fake_tick(room, 1);
    CHECK(strcmp(fake_moved_to(room, session), "town") == 0);
    return fake_parcel(room, session, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const options[] = {"map", "m", "rules", "r", NULL};
    size_t newcomer_bytes;
    size_t bytes;
    size_t again_bytes;

    if (size > ROOMD_PARCEL_BYTES_MAX) {
        return 0;
    }
    fake_data_clear();
    fake_data_add("m", MAP);
    fake_data_add("r", RULES);
    struct fake_room *room = fake_room_open(&roomd_content_field, options);

    fake_add_room(room, "town");
    uint8_t *exact = fuzz_copy(data, size);
    const uint8_t *newcomer = come_and_go(room, NULL, 0, &newcomer_bytes);
    const uint8_t *carried = come_and_go(room, exact, size, &bytes);
    const uint8_t *again = come_and_go(room, carried, bytes, &again_bytes);

    CHECK(bytes >= SAME_BYTES && newcomer_bytes == bytes);
    CHECK(memcmp(carried, newcomer, bytes) == 0 ||
          (size >= SAME_BYTES && memcmp(carried, exact, SAME_BYTES) == 0));
    CHECK(again_bytes == bytes && memcmp(again, carried, bytes) == 0);
    free(exact);
    fake_room_close(room);
    return 0;
}
