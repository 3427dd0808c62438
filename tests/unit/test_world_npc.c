#include "unit/world_arena.h"

#define NPC_MAP                                                                                              \
    "map plaza\ntile 1\nspawn corner 2 2\nspawn far 50 2\n"                                                  \
    "portal gate 10 5 to town spawn north\n"                                                                 \
    "portal back 20 5 to here spawn far\n"                                                                   \
    "portal crypt 40 5 template crypt\n"                                                                     \
    "npc elder 5 15 name Elder says \"Welcome.\" greets \"Hail!\"\n"                                         \
    "npc guard 8 25 name Guard says \"Move on.\" greets \"Halt!\"\n" ARENA_GRID

static struct arena open_plaza(const char *view)
{
    return arena_open(&arena_fight, NPC_MAP, ARENA_RULES, view, "yes");
}

/* The NPC or portal that stands at a tile. */
static uint32_t thing_at(const struct arena *arena, enum roomd_kind kind, float x, float z)
{
    for (struct entity *e = arena->world->entities[kind].first; e != NULL; e = e->next) {
        if (e->at.x == x + 0.5f && e->at.z == z + 0.5f) {
            return e->id;
        }
    }
    fail_msg("nothing stands at %g %g", (double)x, (double)z);
    return 0;
}

static uint32_t gate(const struct arena *arena)
{
    return thing_at(arena, ROOMD_KIND_PORTAL, 10, 5);
}

static uint32_t crypt(const struct arena *arena)
{
    return thing_at(arena, ROOMD_KIND_PORTAL, 40, 5);
}

static uint32_t elder(const struct arena *arena)
{
    return thing_at(arena, ROOMD_KIND_NPC, 5, 15);
}

/* The next S_Said that the player reads is told by `npc`. */
static void expect_told(struct arena *arena, uint64_t session, uint32_t npc, const char *text)
{
    struct fake_packet packet;

    fake_flush(arena->room);
    assert_true(fake_next_of(arena->room, session, ROOMD_S_SAID, &packet));
    assert_int_equal(packet.bytes, 7 + strlen(text));
    assert_int_equal(roomd_get_u32(packet.payload), npc);
    assert_int_equal(packet.payload[4], ROOMD_TELL);
    assert_int_equal(roomd_get_u16(packet.payload + 5), strlen(text));
    assert_memory_equal(packet.payload + 7, text, strlen(text));
}

static void move_to(struct arena *arena, uint64_t session, float x, float z)
{
    arena_put(arena, &arena_player_of(arena, session)->entity, x, z);
}

static void what_the_map_has_stands_there_and_can_not_be_hurt(void **state)
{
    struct arena arena = open_plaza("0");
    struct entity *npc = world_find(arena.world, elder(&arena));

    (void)state;
    assert_int_equal(arena.world->entities[ROOMD_KIND_NPC].count, 2);
    assert_int_equal(arena.world->entities[ROOMD_KIND_PORTAL].count, 3);
    assert_false(world_hurt(arena.world, 0, npc, 0, 1000));
    assert_int_equal(npc->hp, 0);
    assert_ptr_equal(world_find(arena.world, elder(&arena)), npc);
    arena_close(&arena);
}

static void what_can_not_be_touched_is_refused_by_code(void **state)
{
    struct arena arena = open_plaza("8");
    uint64_t session = arena_enter(&arena, 12.5f, 14.5f);
    uint64_t other = arena_enter(&arena, 13, 14.5f);
    uint32_t monster = arena_monster(&arena, "post", 12, 14)->entity.id;

    (void)state;
    assert_int_equal(fake_send(arena.room, session, ROOMD_C_INTERACT, "\0\0\0", 3), ROOMD_PACKET_MALFORMED);
    assert_int_equal(fake_send(arena.room, session, ROOMD_C_INTERACT, "\0\0\0\0\0", 5),
                     ROOMD_PACKET_MALFORMED);
    assert_int_equal(arena_interact(&arena, session, 0), ROOMD_ERROR_NO_SUCH_TARGET);
    assert_int_equal(arena_interact(&arena, session, UINT32_MAX), ROOMD_ERROR_NO_SUCH_TARGET);
    assert_int_equal(arena_interact(&arena, session, monster), ROOMD_ERROR_NO_SUCH_TARGET);
    assert_int_equal(arena_interact(&arena, session, fake_player_id(arena.room, other)),
                     ROOMD_ERROR_NO_SUCH_TARGET);
    assert_int_equal(arena_interact(&arena, session, crypt(&arena)), ROOMD_ERROR_NO_SUCH_TARGET);
    assert_int_equal(arena_interact(&arena, session, elder(&arena)), ROOMD_ERROR_OUT_OF_REACH);
    assert_int_equal(arena_interact(&arena, session, gate(&arena)), ROOMD_ERROR_OUT_OF_REACH);
    move_to(&arena, session, 5.5f, 14.5f);
    arena_kill_player(&arena, session);
    assert_int_equal(arena_interact(&arena, session, elder(&arena)), ROOMD_ERROR_IS_DEAD);
    fake_flush(arena.room);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_SAID), 0);
    assert_string_equal(fake_moved_to(arena.room, session), "");
    arena_close(&arena);
}

static void an_npc_tells_whoever_stands_within_reach(void **state)
{
    struct arena arena = open_plaza("0");
    uint64_t session = arena_enter(&arena, 5.5f, 15.5f + 4.01f);
    uint64_t other = arena_enter(&arena, 5.5f, 15.5f);

    (void)state;
    assert_int_equal(arena_interact(&arena, session, elder(&arena)), ROOMD_ERROR_OUT_OF_REACH);
    move_to(&arena, session, 5.5f, 15.5f + 3.99f);
    assert_int_equal(arena_interact(&arena, session, elder(&arena)), ROOMD_ERROR_NONE);
    expect_told(&arena, session, elder(&arena), "Welcome.");
    assert_int_equal(fake_count(arena.room, other, ROOMD_S_SAID), 0);
    arena_close(&arena);
}

static void an_npc_greets_who_comes_and_not_who_stays(void **state)
{
    static const char *const views[] = {"0", "8", "40"};

    (void)state;
    for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++) {
        struct arena arena = open_plaza(views[v]);
        uint64_t session = arena_enter(&arena, 5.5f, 5.5f);

        fake_tick(arena.room, ARENA_TICK_MS);
        assert_int_equal(fake_count(arena.room, session, ROOMD_S_SAID), 0);
        move_to(&arena, session, 5.5f, 15.5f - 6.1f);
        fake_tick(arena.room, ARENA_TICK_MS);
        assert_int_equal(fake_count(arena.room, session, ROOMD_S_SAID), 0);
        move_to(&arena, session, 5.5f, 15.5f - 5.9f);
        fake_tick(arena.room, ARENA_TICK_MS);
        expect_told(&arena, session, elder(&arena), "Hail!");
        for (int i = 0; i < 400; i++) { /* 100 s */
            fake_tick(arena.room, ARENA_TICK_MS);
        }
        assert_int_equal(fake_count(arena.room, session, ROOMD_S_SAID), 0);
        move_to(&arena, session, 25.5f, 5.5f);
        for (int i = 0; i < 119; i++) {
            fake_tick(arena.room, ARENA_TICK_MS);
        }
        move_to(&arena, session, 5.5f, 12); /* away for less than 30 s */
        fake_tick(arena.room, ARENA_TICK_MS - 1);
        assert_int_equal(fake_count(arena.room, session, ROOMD_S_SAID), 0);
        move_to(&arena, session, 25.5f, 5.5f);
        for (int i = 0; i < 120; i++) {
            fake_tick(arena.room, ARENA_TICK_MS);
        }
        move_to(&arena, session, 8.5f, 24);
        fake_tick(arena.room, ARENA_TICK_MS);
        expect_told(&arena, session, thing_at(&arena, ROOMD_KIND_NPC, 8, 25), "Halt!");
        arena_close(&arena);
    }
}

static void everyone_is_greeted_but_the_dead(void **state)
{
    struct arena arena = open_plaza("0");
    uint64_t a = arena_enter(&arena, 5, 14);
    uint64_t b = arena_enter(&arena, 6, 14);
    uint64_t dead = arena_enter(&arena, 7, 14);

    (void)state;
    arena_kill_player(&arena, dead);
    fake_tick(arena.room, ARENA_TICK_MS);
    expect_told(&arena, a, elder(&arena), "Hail!");
    expect_told(&arena, b, elder(&arena), "Hail!");
    assert_int_equal(fake_count(arena.room, dead, ROOMD_S_SAID), 0);
    arena_close(&arena);
}

/* ---- portals ---- */

static void a_portal_leads_to_its_room(void **state)
{
    struct arena arena = open_plaza("0");
    uint64_t session = arena_enter(&arena, 11, 6);
    uint64_t other = arena_enter(&arena, 11, 6);
    size_t bytes;

    (void)state;
    fake_add_room(arena.room, "town");
    assert_int_equal(arena_interact(&arena, session, gate(&arena)), ROOMD_ERROR_NONE);
    assert_string_equal(fake_moved_to(arena.room, session), "town");
    assert_non_null(fake_parcel(arena.room, session, &bytes));
    assert_string_equal(fake_moved_to(arena.room, other), ""); /* each by itself */
    arena_close(&arena);
}

/* A host->move or host->create that fails as it is told. */
static int refused_with;

static int refusing_move(struct roomd_room *room, uint64_t session, const char *to, const void *parcel,
                         size_t bytes)
{
    (void)room;
    (void)session;
    (void)to;
    (void)parcel;
    (void)bytes;
    return refused_with;
}

static int refusing_create(struct roomd_room *room, const char *template_name, const char *name)
{
    (void)room;
    (void)template_name;
    assert_true(strlen(name) <= ROOMD_NAME_BYTES_MAX);
    return refused_with;
}

static void who_can_not_go_through_is_told_why_and_stays(void **state)
{
    static const struct {
        int error;
        enum roomd_error code;
    } rows[] = {{-ENOENT, ROOMD_ERROR_NO_SUCH_ROOM},    {-ENOSPC, ROOMD_ERROR_ROOM_FULL},
                {-EPERM, ROOMD_ERROR_ROOM_LOCKED},      {-ENOMEM, ROOMD_ERROR_NO_MEMORY},
                {-EALREADY, ROOMD_ERROR_ALREADY_THERE}, {-EMSGSIZE, ROOMD_ERROR_REFUSED}};
    struct arena arena = open_plaza("0");
    uint64_t session = arena_enter(&arena, 11, 6);
    const struct roomd_host *host = arena.world->host;
    struct roomd_host refusing = *host;

    (void)state;
    refusing.move = refusing_move;
    arena.world->host = &refusing;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        refused_with = rows[i].error;
        assert_int_equal(arena_interact(&arena, session, gate(&arena)), rows[i].code);
        assert_false(arena_player_of(&arena, session)->is_leaving);
        assert_true(arena_player_of(&arena, session)->entity.at.x == 11.0f);
    }
    arena.world->host = host;
    assert_int_equal(arena_interact(&arena, session, gate(&arena)), ROOMD_ERROR_NO_SUCH_ROOM);
    fake_add_room(arena.room, "town");
    assert_int_equal(arena_interact(&arena, session, gate(&arena)), ROOMD_ERROR_NONE);
    arena_close(&arena);
}

static void a_template_that_makes_no_room_is_told(void **state)
{
    static const struct {
        int error;
        enum roomd_error code;
    } rows[] = {{-ENOENT, ROOMD_ERROR_NO_SUCH_TEMPLATE},
                {-ENOSPC, ROOMD_ERROR_TOO_MANY_ROOMS},
                {-EEXIST, ROOMD_ERROR_TOO_MANY_ROOMS},
                {-ENOMEM, ROOMD_ERROR_NO_MEMORY},
                {-EIO, ROOMD_ERROR_REFUSED}};
    struct arena arena = open_plaza("0");
    uint64_t session = arena_enter(&arena, 41, 6);
    const struct roomd_host *host = arena.world->host;
    struct roomd_host refusing = *host;

    (void)state;
    refusing.create = refusing_create;
    arena.world->host = &refusing;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        refused_with = rows[i].error;
        assert_int_equal(arena_interact(&arena, session, crypt(&arena)), rows[i].code);
    }
    arena.world->host = host;
    assert_string_equal(fake_moved_to(arena.room, session), "");
    arena_close(&arena);
}

static void a_template_portal_takes_the_party_along(void **state)
{
    struct arena arena = open_plaza("0");
    uint64_t apart = arena_enter(&arena, 40.5f, 5.5f + 4.1f);
    uint64_t second = arena_enter(&arena, 40.5f, 5.5f + 3.9f);
    uint64_t dead = arena_enter(&arena, 41, 5);
    uint64_t leader = arena_enter(&arena, 42, 6);
    uint64_t third = arena_enter(&arena, 39, 5);
    char name[ROOMD_NAME_BYTES_MAX + 1];

    (void)state;
    fake_add_template(arena.room, "crypt");
    arena_kill_player(&arena, dead);
    assert_int_equal(arena_interact(&arena, leader, crypt(&arena)), ROOMD_ERROR_NONE);
    snprintf(name, sizeof(name), "crypt-%u-1", (unsigned)fake_player_id(arena.room, leader));
    assert_string_equal(fake_created(arena.room), name);
    assert_string_equal(fake_moved_to(arena.room, leader), name);
    assert_string_equal(fake_moved_to(arena.room, second), name);
    assert_string_equal(fake_moved_to(arena.room, third), name);
    assert_string_equal(fake_moved_to(arena.room, dead), "");
    assert_string_equal(fake_moved_to(arena.room, apart), "");
    assert_int_equal(fake_take_error(arena.room, apart), ROOMD_ERROR_NONE);
    /* Those who stayed may open one of their own. */
    move_to(&arena, apart, 40, 5);
    assert_int_equal(arena_interact(&arena, apart, crypt(&arena)), ROOMD_ERROR_NONE);
    assert_string_not_equal(fake_moved_to(arena.room, apart), name);
    arena_close(&arena);
}

static void a_room_of_ones_own_has_a_name_that_no_room_has(void **state)
{
    struct arena arena = open_plaza("0");
    uint64_t session = arena_enter(&arena, 40, 6);
    unsigned id = (unsigned)fake_player_id(arena.room, session);
    char name[ROOMD_NAME_BYTES_MAX + 1];

    (void)state;
    fake_add_template(arena.room, "crypt");
    for (unsigned n = 1; n <= 2; n++) {
        snprintf(name, sizeof(name), "crypt-%u-%u", id, n);
        fake_add_room(arena.room, name);
    }
    assert_int_equal(arena_interact(&arena, session, crypt(&arena)), ROOMD_ERROR_NONE);
    snprintf(name, sizeof(name), "crypt-%u-3", id);
    assert_string_equal(fake_moved_to(arena.room, session), name);
    arena_close(&arena);
}

static char closed_name[ROOMD_NAME_BYTES_MAX + 1];

static int noting_close(struct roomd_room *room, const char *name)
{
    (void)room;
    snprintf(closed_name, sizeof(closed_name), "%s", name);
    return 0;
}

static void a_room_that_its_opener_can_not_enter_is_closed_and_nobody_goes(void **state)
{
    struct arena arena = open_plaza("0");
    uint64_t other = arena_enter(&arena, 40, 6);
    uint64_t leader = arena_enter(&arena, 40, 6);
    const struct roomd_host *host = arena.world->host;
    struct roomd_host refusing = *host;

    (void)state;
    fake_add_template(arena.room, "crypt");
    refusing.move = refusing_move;
    refusing.close = noting_close;
    refused_with = -ENOSPC;
    closed_name[0] = '\0';
    arena.world->host = &refusing;
    assert_int_equal(arena_interact(&arena, leader, crypt(&arena)), ROOMD_ERROR_ROOM_FULL);
    arena.world->host = host;
    assert_string_equal(closed_name, fake_created(arena.room));
    assert_int_equal(fake_take_error(arena.room, other), ROOMD_ERROR_NONE);
    assert_string_equal(fake_moved_to(arena.room, other), "");
    arena_close(&arena);
}

static const char *own_name(struct roomd_room *room)
{
    (void)room;
    return "here";
}

static void a_portal_within_the_room_is_a_jump(void **state)
{
    struct arena arena = open_plaza("8");
    uint64_t session = arena_enter(&arena, 20, 6);
    const struct roomd_host *host = arena.world->host;
    struct roomd_host named = *host;
    struct fake_packet packet;

    (void)state;
    named.name = own_name;
    arena.world->host = &named;
    assert_int_equal(arena_interact(&arena, session, thing_at(&arena, ROOMD_KIND_PORTAL, 20, 5)),
                     ROOMD_ERROR_NONE);
    arena.world->host = host;
    assert_string_equal(fake_moved_to(arena.room, session), "");
    assert_true(point_distance(&arena_player_of(&arena, session)->entity.at,
                               &(struct point){50.5f, 0, 2.5f}) < arena.world->spawn_radius_m + 1);
    fake_flush(arena.room);
    assert_int_equal(fake_count(arena.room, session, ROOMD_S_CORRECT), 1);
    assert_true(fake_next_of(arena.room, session, ROOMD_S_CORRECT, &packet));
    assert_true(roomd_get_f32(packet.payload) == arena_player_of(&arena, session)->entity.at.x);
    arena_close(&arena);
}

/* ---- drops ---- */

static void what_a_monster_leaves_is_seen_for_a_while(void **state)
{
    struct arena arena = open_plaza("0");
    uint64_t session = arena_enter(&arena, 5, 5);
    uint16_t post = (uint16_t)rules_find_monster(arena.world->rules, "post");
    uint16_t wolf = (uint16_t)rules_find_monster(arena.world->rules, "wolf");
    struct fake_packet packet;
    uint32_t id;

    (void)state;
    world_drop_make(arena.world, &(struct point){6, 0, 5}, wolf); /* leaves nothing */
    assert_int_equal(arena.world->entities[ROOMD_KIND_DROP].count, 0);
    world_drop_make(arena.world, &(struct point){6, 0, 5}, post);
    id = arena.world->entities[ROOMD_KIND_DROP].first->id;
    fake_flush(arena.room);
    assert_true(fake_next_of(arena.room, session, ROOMD_S_SPAWN, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_int_equal(packet.payload[4], ROOMD_KIND_DROP);
    assert_memory_equal(packet.payload + 5, "\5\0plank", 7);
    fake_tick(arena.room, 10000);
    world_drop_make(arena.world, &(struct point){6, 0, 5}, post);
    fake_tick(arena.room, 9999);
    assert_int_equal(arena.world->entities[ROOMD_KIND_DROP].count, 2);
    fake_tick(arena.room, 1);
    assert_int_equal(arena.world->entities[ROOMD_KIND_DROP].count, 1);
    assert_null(world_find(arena.world, id));
    fake_tick(arena.room, 10000);
    assert_int_equal(arena.world->entities[ROOMD_KIND_DROP].count, 0);
    assert_true(fake_next_of(arena.room, session, ROOMD_S_DESPAWN, &packet));
    assert_int_equal(packet.payload[4], ROOMD_DESPAWN_GONE);
    arena_close(&arena);
}

static void of_too_many_the_oldest_goes(void **state)
{
    struct arena arena = open_plaza("0");
    uint16_t post = (uint16_t)rules_find_monster(arena.world->rules, "post");
    uint32_t first;

    (void)state;
    arena_enter(&arena, 5, 5);
    world_drop_make(arena.world, &(struct point){6, 0, 5}, post);
    first = arena.world->entities[ROOMD_KIND_DROP].first->id;
    for (int i = 1; i < 4096; i++) {
        world_drop_make(arena.world, &(struct point){6, 0, 5}, post);
    }
    assert_non_null(world_find(arena.world, first));
    world_drop_make(arena.world, &(struct point){6, 0, 5}, post);
    assert_null(world_find(arena.world, first));
    assert_int_equal(arena.world->entities[ROOMD_KIND_DROP].count, 4096);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_map_has_stands_there_and_can_not_be_hurt),
        cmocka_unit_test(what_can_not_be_touched_is_refused_by_code),
        cmocka_unit_test(an_npc_tells_whoever_stands_within_reach),
        cmocka_unit_test(an_npc_greets_who_comes_and_not_who_stays),
        cmocka_unit_test(everyone_is_greeted_but_the_dead),
        cmocka_unit_test(a_portal_leads_to_its_room),
        cmocka_unit_test(who_can_not_go_through_is_told_why_and_stays),
        cmocka_unit_test(a_template_that_makes_no_room_is_told),
        cmocka_unit_test(a_template_portal_takes_the_party_along),
        cmocka_unit_test(a_room_of_ones_own_has_a_name_that_no_room_has),
        cmocka_unit_test(a_room_that_its_opener_can_not_enter_is_closed_and_nobody_goes),
        cmocka_unit_test(a_portal_within_the_room_is_a_jump),
        cmocka_unit_test(what_a_monster_leaves_is_seen_for_a_while),
        cmocka_unit_test(of_too_many_the_oldest_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
