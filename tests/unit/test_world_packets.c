/* The bytes: those of the lineage on open ground, the layouts of what comes into view, lists that need several packets,
 * and what comes from clients that is no packet at all. */
#include "yard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_packet(struct fake_room *room, uint64_t session, uint16_t id, const char *hex)
{
    struct fake_packet packet;
    char text[256] = "";

    assert_true(fake_next(room, session, &packet));
    assert_int_equal(packet.id, id);
    assert_true(packet.bytes * 3u < sizeof(text));
    for (uint16_t i = 0; i < packet.bytes; i++) {
        snprintf(text + 3 * i, 4, "%02x ", packet.payload[i]);
    }
    assert_string_equal(text, hex);
}

#define AT_0   "00 00 00 00 00 00 00 00 00 00 00 00 "
#define AT_NEW "00 00 c0 3f 00 00 00 00 00 00 00 c0 "
#define ID_1   "01 00 00 00 "
#define ID_2   "02 00 00 00 "

/* The same with the areas of interest off and on. */
static void lineage_with(const char *view)
{
    struct fake_room *room = open_with("view", view);
    struct fake_packet packet;
    uint64_t a = fake_enter(room);

    fake_tick(room, TICK_MS);
    expect_packet(room, a, ROOMD_S_PLAYER_LIST, "01 00 01 " ID_1 AT_0);
    expect_packet(room, a, ROOMD_S_BROADCAST_ENTER_GAME, ID_1 AT_0);
    uint64_t b = fake_enter(room);

    fake_tick(room, TICK_MS);
    expect_packet(room, b, ROOMD_S_PLAYER_LIST, "02 00 00 " ID_1 AT_0 "01 " ID_2 AT_0);
    expect_packet(room, b, ROOMD_S_BROADCAST_ENTER_GAME, ID_2 AT_0);
    expect_packet(room, a, ROOMD_S_BROADCAST_ENTER_GAME, ID_2 AT_0);
    move_to(room, b, 1.5f, 0, -2);
    fake_tick(room, TICK_MS);
    expect_packet(room, a, ROOMD_S_BROADCAST_MOVE, ID_2 AT_NEW);
    expect_packet(room, b, ROOMD_S_BROADCAST_MOVE, ID_2 AT_NEW);
    assert_int_equal(fake_send(room, b, ROOMD_C_LEAVE_GAME, NULL, 0), ROOMD_PACKET_OK);
    assert_true(fake_has_left(room, b));
    fake_tick(room, TICK_MS);
    expect_packet(room, a, ROOMD_S_BROADCAST_LEAVE_GAME, ID_2);
    assert_false(fake_next(room, a, &packet));
    assert_false(fake_next(room, b, &packet));
    fake_room_close(room);
}

static void clients_of_the_lineage_read_what_they_know(void **state)
{
    (void)state;
    lineage_with("0");
    lineage_with("50");
}

static void what_is_no_packet_is_malformed_or_unknown(void **state)
{
    static const struct {
        uint16_t id;
        size_t bytes;
    } wrong[] = {{ROOMD_C_LEAVE_GAME, 1}, {ROOMD_C_MOVE, 0},     {ROOMD_C_MOVE, 11},    {ROOMD_C_MOVE, 13},
                 {ROOMD_C_SKILL, 17},     {ROOMD_C_SKILL, 19},   {ROOMD_C_SAY, 0},      {ROOMD_C_SAY, 6},
                 {ROOMD_C_SAY, 9},        {ROOMD_C_INTERACT, 3}, {ROOMD_C_INTERACT, 5}, {ROOMD_C_RESPAWN, 1},
                 {ROOMD_C_PET, 0},        {ROOMD_C_PET, 2},      {ROOMD_C_MOVE, 60000}, {ROOMD_C_SAY, 60000},
                 {ROOMD_C_SKILL, 0},      {ROOMD_C_INTERACT, 0}};
    static const uint16_t unknown[] = {1, 3, 4, 6, 7, 15, 21, 32, 45, 0xFEFF};
    static const uint8_t zeroes[60000];
    struct fake_room *room = yard_open();
    uint64_t session = fake_enter(room);

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(fake_send(room, session, wrong[i].id, zeroes, wrong[i].bytes),
                         ROOMD_PACKET_MALFORMED);
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(fake_send(room, session, unknown[i], zeroes, 0), ROOMD_PACKET_UNKNOWN);
    }
    fake_room_close(room);
}

/* Whatever bytes come: no crash, and a kick only for what can't be parsed. */
static void random_bytes_do_no_harm(void **state)
{
    static const uint16_t ids[] = {ROOMD_C_MOVE,     ROOMD_C_SKILL,   ROOMD_C_SAY,
                                   ROOMD_C_INTERACT, ROOMD_C_RESPAWN, ROOMD_C_PET};
    struct fake_room *room = yard_open();
    uint64_t random = 42;
    uint8_t payload[32];

    (void)state;
    uint64_t session = fake_enter(room);

    for (int i = 0; i < 60000; i++) {
        static const size_t sizes[] = {12, 18, 10, 4, 0, 1};
        size_t kind = (size_t)(random >> 33) % 6;

        for (size_t b = 0; b < sizeof(payload); b++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            payload[b] = (random >> 32 & 3) == 0 ? 0 : (uint8_t)(random >> 40);
        }
        size_t bytes = (random >> 35) % 4 == 0 ? (size_t)(random >> 50) % 33 : sizes[kind];

        fake_send(room, session, ids[kind], payload, bytes);
        if (i % 50 == 0) {
            fake_tick(room, 50);
            fake_drop(room, 0);
        }
    }
    assert_false(fake_is_kicked(room, session));
    assert_true(world_can_stand(fake_state(room), &player_of(room, session)->entity.at));
    fake_room_close(room);
}

/* 3,854 players fit one packet. */
static void a_list_that_outgrows_its_packet_is_split(void **state)
{
    enum { MOST = 3854, PLAYERS = MOST + 6 };
    struct fake_room *room = fake_room_open(&roomd_content_field, NULL);
    struct fake_packet packet;
    uint8_t *seen = calloc(PLAYERS + 2, 1);
    uint64_t last = 0;

    (void)state;
    assert_non_null(seen);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        fake_flush(room);
        fake_drop(room, 0);
        last = fake_enter(room);
    }
    fake_flush(room);
    for (int list = 0; list < 2; list++) {
        assert_true(fake_next(room, last, &packet));
        assert_int_equal(packet.id, ROOMD_S_PLAYER_LIST);
        uint16_t n = roomd_get_u16(packet.payload);

        assert_int_equal(n, list == 0 ? MOST : PLAYERS - MOST);
        assert_int_equal(packet.bytes, 2 + 17 * n);
        for (uint16_t i = 0; i < n; i++) {
            const uint8_t *entry = packet.payload + 2 + 17 * i;
            bool is_last = list == 1 && i == n - 1;

            assert_int_equal(entry[0], is_last);
            assert_int_equal(seen[roomd_get_u32(entry + 1)]++, 0);
            assert_int_equal(roomd_get_u32(entry + 1) == PLAYERS, is_last);
        }
    }
    assert_true(fake_next(room, last, &packet));
    assert_int_equal(packet.id, ROOMD_S_BROADCAST_ENTER_GAME);
    free(seen);
    fake_room_close(room);
}

static void a_monster_comes_into_view_with_all_there_is_to_know(void **state)
{
    struct fake_room *room = yard_open();
    struct world *world = fake_state(room);
    uint64_t a = fake_enter(room);
    struct point at = {3, 0, 9};
    struct fake_packet packet;

    (void)state;
    fake_tick(room, TICK_MS);
    fake_drop(room, 0);
    const struct monster *monster = world_monster_make(world, 0, UINT16_MAX, &at);

    assert_non_null(monster);
    fake_flush(room);
    assert_true(fake_next_of(room, a, ROOMD_S_SPAWN, &packet));
    assert_int_equal(packet.bytes, 5 + 2 + 4 + 4 + 12 + 8);
    assert_int_equal(roomd_get_u32(packet.payload), monster->entity.id);
    assert_true(monster->entity.id >= ROOMD_ENTITY_FIRST);
    assert_int_equal(packet.payload[4], ROOMD_KIND_MONSTER);
    assert_int_equal(roomd_get_u16(packet.payload + 5), 4);
    assert_memory_equal(packet.payload + 7, "wolf", 4);
    assert_int_equal(roomd_get_u32(packet.payload + 11), 0);
    assert_true(roomd_get_f32(packet.payload + 15) == 3 && roomd_get_f32(packet.payload + 23) == 9);
    assert_int_equal(roomd_get_u32(packet.payload + 27), 40);
    assert_int_equal(roomd_get_u32(packet.payload + 31), 40);
    fake_room_close(room);
}

/* Asked to leave, and not gone yet: what comes behind it in the same read is not heard. */
static void who_is_on_the_way_out_has_nothing_to_say(void **state)
{
    static const uint8_t say[] = {ROOMD_SHOUT, 0, 0, 0, 0, 2, 0, 'h', 'i'};
    struct fake_room *room = fake_room_open(&roomd_content_field, NULL);
    uint64_t a = fake_enter(room);
    uint64_t b = fake_enter(room);
    void *world = fake_state(room);

    (void)state;
    fake_tick(room, TICK_MS);
    assert_int_equal(roomd_content_field.packet(world, b, ROOMD_C_LEAVE_GAME, say, 0), ROOMD_PACKET_OK);
    assert_int_equal(roomd_content_field.packet(world, b, ROOMD_C_SAY, say, sizeof(say)), ROOMD_PACKET_OK);
    assert_int_equal(roomd_content_field.packet(world, b, ROOMD_C_LEAVE_GAME, say, 0), ROOMD_PACKET_OK);
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, a, ROOMD_S_SAID), 0);
    assert_int_equal(fake_count(room, a, ROOMD_S_BROADCAST_LEAVE_GAME), 1);
    fake_room_close(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        YARD_TEST(clients_of_the_lineage_read_what_they_know),
        YARD_TEST(what_is_no_packet_is_malformed_or_unknown),
        YARD_TEST(random_bytes_do_no_harm),
        YARD_TEST(a_list_that_outgrows_its_packet_is_split),
        YARD_TEST(who_is_on_the_way_out_has_nothing_to_say),
        YARD_TEST(a_monster_comes_into_view_with_all_there_is_to_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
