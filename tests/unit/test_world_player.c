/* Players of the world: coming, what they may and may not do on the ground, dying and getting up, what they carry. */
#include "yard.h"

#include <errno.h>
#include <string.h>

enum { PARCEL_HEAD_BYTES = 15 };

static void expect_open_fails(const char *const *options, const char *why)
{
    int error = 0;

    assert_null(fake_room_try(&roomd_content_field, options, &error));
    assert_int_equal(error, -EINVAL);
    if (strstr(fake_last_log(), why) == NULL) {
        fail_msg("the log says \"%s\", not \"%s\"", fake_last_log(), why);
    }
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    static const char *const bad[][5] = {
        {"view", "4", NULL, NULL, "view = 4"},
        {"view", "501", NULL, NULL, "view = 501"},
        {"view", "nan", NULL, NULL, "view = nan"},
        {"view", "0x10", NULL, NULL, "view = 0x10"},
        {"view", "5", NULL, NULL, "too small"},
        {"speed", "fast", NULL, NULL, "speed = fast"},
        {"speed", "1001", NULL, NULL, "speed = 1001"},
        {"speed", "-1", NULL, NULL, "speed = -1"},
        {"extent", "0.5", NULL, NULL, "extent = 0.5"},
        {"extent", "16001", NULL, NULL, "extent = 16001"},
        {"extent", "50", "map", "yard", "open ground"},
        {"ai_budget", "15", NULL, NULL, "ai_budget = 15"},
        {"spawn_radius", "", NULL, NULL, "spawn_radius"},
        {"map", "nowhere", NULL, NULL, "nowhere"},
        {"map", "camped", NULL, NULL, "needs rules"},
        {"map", "camped", "rules", "few", "no monster wolf"},
        {"map", "broken", NULL, NULL, "broken:1"},
        {"rules", "broken", NULL, NULL, "broken:1"},
    };

    (void)state;
    fake_data_add("camped",
                  "map m\nspawn a 1 1\ncamp c 1 1 type wolf count 1 radius 1 respawn 1s\ngrid\n...\n...\n");
    fake_data_add("few", "monster owl hp 40 speed 4 sight 12 leash 30 range 2 damage 6 every 1s xp 10\n");
    fake_data_add("broken", "nonsense\n");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *options[] = {bad[i][0], bad[i][1], bad[i][2], bad[i][3], NULL};

        expect_open_fails(options, bad[i][4]);
    }
}

static void one_comes_in_at_the_spawn_point(void **state)
{
    struct fake_room *room = yard_open();
    struct fake_packet packet;

    (void)state;
    uint64_t session = fake_enter(room);

    fake_flush(room);
    assert_true(fake_next(room, session, &packet)); /* S_Here comes first */
    assert_int_equal(packet.id, ROOMD_S_HERE);
    assert_int_equal(packet.bytes, 2 + 4 + 24 + 1);
    assert_memory_equal(packet.payload + 2, "yard", 4);
    assert_true(roomd_get_f32(packet.payload + 6) == 0 && roomd_get_f32(packet.payload + 10) == 6);
    assert_true(roomd_get_f32(packet.payload + 22) == 18 && roomd_get_f32(packet.payload + 26) == 12);
    assert_int_equal(packet.payload[30], 1);
    assert_true(fake_next(room, session, &packet));
    assert_int_equal(packet.id, ROOMD_S_PLAYER_LIST);
    expect_at(room, session, 5, 5);
    fake_room_close(room);
}

static void spawn_radius_spreads_them(void **state)
{
    struct fake_room *room = open_with("spawn_radius", "30");
    float widest = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct point origin = {0, 0, 0};
        float away = point_distance(&player_of(room, fake_enter(room))->entity.at, &origin);

        assert_true(away <= 30);
        widest = fmaxf(widest, away);
    }
    assert_true(widest > 20);
    fake_room_close(room);
}

/* ---- death ---- */

static void kill(struct fake_room *room, uint64_t session)
{
    struct world *world = fake_state(room);

    world_begin(world);
    world_hurt(world, ROOMD_ENTITY_FIRST, &player_of(room, session)->entity, 0, 1000000);
    assert_int_equal(player_of(room, session)->entity.hp, 0);
}

static void the_dead_stay_where_they_are_until_they_get_up(void **state)
{
    struct fake_room *room = yard_open();
    uint64_t a = fake_enter(room);
    uint64_t b = fake_enter(room);
    struct fake_packet packet;

    (void)state;
    assert_int_equal(fake_send(room, a, ROOMD_C_RESPAWN, NULL, 0), ROOMD_PACKET_OK);
    assert_int_equal(fake_take_error(room, a), ROOMD_ERROR_REFUSED); /* it lives */
    move_to(room, a, 5, 0, 3);
    fake_tick(room, TICK_MS);
    fake_advance(room, 1000);
    kill(room, a);
    expect_put_back(room, a, b, 5, 0, 3.5f);
    fake_advance(room, 1000);
    fake_send(room, a, ROOMD_C_RESPAWN, NULL, 0);
    assert_int_equal(fake_take_error(room, a), ROOMD_ERROR_TOO_SOON);
    fake_advance(room, 1000);
    fake_drop(room, 0);
    assert_int_equal(fake_send(room, a, ROOMD_C_RESPAWN, "", 1), ROOMD_PACKET_MALFORMED);
    fake_send(room, a, ROOMD_C_RESPAWN, NULL, 0);
    assert_int_equal(fake_take_error(room, a), ROOMD_ERROR_NONE);
    expect_at(room, a, 5, 5);
    assert_int_equal(player_of(room, a)->entity.hp, 100);
    fake_tick(room, TICK_MS);
    assert_true(fake_next_of(room, b, ROOMD_S_RESPAWNED, &packet));
    assert_int_equal(packet.bytes, 24);
    assert_int_equal(roomd_get_u32(packet.payload), fake_player_id(room, a));
    assert_int_equal(roomd_get_u32(packet.payload + 16), 100);
    expect_put_back(room, a, b, 9, 0, 5); /* its allowance began anew: 3 m by now */
    fake_room_close(room);
}

static void levels_come_with_experience(void **state)
{
    struct fake_room *room = yard_open();
    struct world *world = fake_state(room);
    uint64_t a = fake_enter(room);
    struct player *player = player_of(room, a);
    struct fake_packet packet;

    (void)state;
    player->entity.hp = 40;
    world_player_gain_xp(world, player, 99);
    assert_int_equal(player->level, 1);
    world_player_gain_xp(world, player, 1 + 200 + 50);
    assert_int_equal(player->level, 3);
    assert_int_equal(player->xp, 50);
    assert_int_equal(player->entity.hp_max, 120);
    assert_int_equal(player->entity.hp, 60);
    fake_tick(room, TICK_MS);
    assert_true(fake_next_of(room, a, ROOMD_S_VITALS, &packet));
    assert_int_equal(packet.bytes, 14);
    assert_int_equal(roomd_get_u16(packet.payload + 12), 3);
    world_player_gain_xp(world, player, UINT32_MAX);
    assert_int_equal(player->level, WORLD_LEVEL_MAX);
    world_player_gain_xp(world, player, UINT32_MAX);
    assert_true(player->xp < 100u * WORLD_LEVEL_MAX);
    fake_room_close(room);
}

/* Who comes later knows of wounds and levels, and of nothing that goes without saying. */
static void newcomers_are_told_of_wounds(void **state)
{
    struct fake_room *room = yard_open();
    uint64_t a = fake_enter(room);

    (void)state;
    fake_enter(room);
    player_of(room, a)->entity.hp = 7;
    uint64_t c = fake_enter(room);
    struct fake_packet packet;

    fake_flush(room);
    assert_int_equal(fake_count(room, c, ROOMD_S_VITALS), 1);
    assert_true(fake_next_of(room, c, ROOMD_S_VITALS, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), fake_player_id(room, a));
    assert_int_equal(roomd_get_u32(packet.payload + 4), 7);
    fake_room_close(room);
}

/* ---- from room to room ---- */

static size_t parcel_put(uint8_t *out, uint32_t hp, uint16_t level, uint32_t xp, uint8_t pet,
                         const char *spawn)
{
    size_t n = strlen(spawn);

    roomd_put_u16(out, 0x5057);
    out[2] = 1;
    roomd_put_u32(out + 3, hp);
    roomd_put_u16(out + 7, level);
    roomd_put_u32(out + 9, xp);
    out[13] = pet;
    out[14] = (uint8_t)n;
    memcpy(out + PARCEL_HEAD_BYTES, spawn, n);
    return PARCEL_HEAD_BYTES + n;
}

static void what_one_is_goes_along_to_another_room(void **state)
{
    struct fake_room *room = yard_open();
    struct world *world = fake_state(room);
    uint64_t a = fake_enter(room);
    size_t bytes;
    uint8_t parcel[ROOMD_PARCEL_BYTES_MAX];

    (void)state;
    world_player_gain_xp(world, player_of(room, a), 150);
    player_of(room, a)->entity.hp = 33;
    world_pet_call(world, player_of(room, a));
    assert_int_not_equal(player_of(room, a)->pet, 0);
    assert_int_equal(world_player_send_to(world, player_of(room, a), "nowhere", NULL), -ENOENT);
    assert_false(player_of(room, a)->is_leaving);
    fake_add_room(room, "there");
    assert_int_equal(world_player_send_to(world, player_of(room, a), "there", "corner"), 0);
    fake_tick(room, TICK_MS);
    assert_string_equal(fake_moved_to(room, a), "there");
    assert_null(world_player_of(world, a));
    memcpy(parcel, fake_parcel(room, a, &bytes), PARCEL_HEAD_BYTES + 6);
    assert_int_equal(bytes, PARCEL_HEAD_BYTES + 6);

    uint64_t again = fake_enter_with(room, 1, parcel, bytes);

    assert_int_equal(player_of(room, again)->level, 2);
    assert_int_equal(player_of(room, again)->xp, 50);
    assert_int_equal(player_of(room, again)->entity.hp, 33);
    assert_int_equal(player_of(room, again)->entity.hp_max, 110);
    assert_int_not_equal(player_of(room, again)->pet, 0);
    expect_at(room, again, 15, 9);
    fake_room_close(room);
}

/* A parcel of another module's, or one that makes no sense: a newcomer. */
static void foreign_parcels_are_looked_through(void **state)
{
    struct fake_room *room = yard_open();
    uint8_t good[64], parcel[ROOMD_PARCEL_BYTES_MAX];
    size_t bytes = parcel_put(good, 110, 2, 199, 0, "corner");
    const struct {
        uint32_t hp;
        uint16_t level;
        uint32_t xp;
        uint8_t pet;
    } bad[] = {{0, 2, 0, 0},   {111, 2, 0, 0},      {0x80000000u, 2, 0, 0},
               {100, 0, 0, 0}, {100, 101, 0, 0},    {100, 2, 200, 0},
               {100, 1, 0, 2}, {100, 0xFFFF, 0, 0}, {0xFFFFFFFFu, 1, 0, 0}};

    (void)state;
    assert_int_equal(player_of(room, fake_enter_with(room, 0, good, bytes))->level, 2);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bytes = parcel_put(parcel, bad[i].hp, bad[i].level, bad[i].xp, bad[i].pet, "corner");
        uint64_t session = fake_enter_with(room, 0, parcel, bytes);

        assert_int_equal(player_of(room, session)->level, 1);
        assert_int_equal(player_of(room, session)->entity.hp, 100);
        expect_at(room, session, 5, 5);
    }
    for (size_t cut = 0; cut < PARCEL_HEAD_BYTES + 6; cut++) {
        assert_int_equal(player_of(room, fake_enter_with(room, 0, good, cut))->level, 1);
    }
    memset(parcel, 0xFF, sizeof(parcel));
    assert_int_equal(player_of(room, fake_enter_with(room, 0, parcel, sizeof(parcel)))->level, 1);
    bytes = parcel_put(parcel, 110, 2, 0, 0, "no such place"); /* sound: the default spawn point */
    uint64_t session = fake_enter_with(room, 0, parcel, bytes);

    assert_int_equal(player_of(room, session)->level, 2);
    expect_at(room, session, 5, 5);
    fake_room_close(room);
}

/* ---- when there is no memory ---- */

static void who_finds_no_memory_is_kicked_and_forgotten(void **state)
{
    static const char *const options[] = {"view", "20", "extent", "100", NULL};

    (void)state;
    for (uint32_t nth = 1; nth <= 5; nth++) {
        struct fake_room *room = fake_room_open(&roomd_content_field, options);

        fake_fail_alloc(room, nth);
        uint64_t first = fake_enter(room);
        uint64_t second = fake_enter(room);

        fake_fail_alloc(room, 0);
        for (int i = 0; i < 2; i++) {
            uint64_t session = i == 0 ? first : second;
            struct world *world = fake_state(room);

            assert_int_equal(world_player_of(world, session) == NULL, fake_is_kicked(room, session));
        }
        assert_true(fake_is_kicked(room, first) == (nth <= 4));
        fake_tick(room, TICK_MS);
        fake_room_close(room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        YARD_TEST(settings_that_make_no_sense_are_refused),
        YARD_TEST(one_comes_in_at_the_spawn_point),
        YARD_TEST(spawn_radius_spreads_them),
        YARD_TEST(the_dead_stay_where_they_are_until_they_get_up),
        YARD_TEST(levels_come_with_experience),
        YARD_TEST(newcomers_are_told_of_wounds),
        YARD_TEST(what_one_is_goes_along_to_another_room),
        YARD_TEST(foreign_parcels_are_looked_through),
        YARD_TEST(who_finds_no_memory_is_kicked_and_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
