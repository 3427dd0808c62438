/*
 * Players of the bundled contents who fall asleep over their sockets, in rooms that skip: awake again they are told what
 * they missed, and from then on they know of the world what the server knows.
 */
#include "support/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "content/host.h"
#include "room/room_content.h"
#include "roomd/world.h"
#include "support/actors.h"
#include "support/actors_read.h"
#include "support/tally.h"
#include "support/world_in_view.h"
#include "wire/control.h"

enum { CROWD = 36, SLEEPERS = 8, TURNS = 240, READS_MAX = 400 };

/* A room of one of the contents, and those in it. */
struct ground {
    struct actors actors;
    struct room *room;
    uint32_t wakes[SLEEPERS]; /* the turn in which it wakes, or falls asleep again */
    uint32_t resyncs, views_checked;
    unsigned random;
};

/* ---- what it must know ---- */

/* Exactly what is registered in the cells that it follows, each where it is. */
static void check_view(struct ground *ground, struct actor *actor)
{
    static struct in_view all[ACTOR_KNOWN_MAX];
    const void *world = ground->room->content_state;
    uint32_t count = world_in_view(world, actor->id, all, ACTOR_KNOWN_MAX);

    for (uint32_t i = 0; i < count; i++) {
        const struct known *known = actor_find(actor, all[i].id);

        if (known == NULL) {
            fail_msg("player %u does not know of %#x, which is in view", actor->id, all[i].id);
        }
        assert_int_equal(known->kind, all[i].kind);
        if (!all[i].has_moved && all[i].id != actor->id) {
            assert_memory_equal(&known->x, &all[i].x, sizeof(known->x));
            assert_memory_equal(&known->z, &all[i].z, sizeof(known->z));
        }
    }
    assert_int_equal(actor->known_count, count);
    assert_int_equal(actor->is_dead, world_is_dead(world, actor->id));
    ground->views_checked++;
}

/* ---- the run ---- */

static struct session *session_of(struct ground *ground, const struct actor *actor)
{
    return fixture_session(ground->actors.fixture, actor->player);
}

/* Reads whatever there is. Behind an S_RESYNC comes the content's own word, and that at once. */
static void read_all(struct ground *ground, struct actor *actor)
{
    uint16_t last = 0;
    struct frame frame;

    actor->is_late = true;
    for (int reads = 0, quiet = 0; quiet < 3; reads++, quiet++) {
        assert_true(reads < READS_MAX);
        while (player_next(actor->player, &frame)) {
            if (last == ROOMD_S_RESYNC) {
                assert_int_equal(frame.id, ROOMD_S_VIEW_RESET);
                ground->resyncs++;
            }
            last = frame.id;
            actor_read_frame(&ground->actors, actor, &frame);
            quiet = 0;
        }
        fixture_settle(ground->actors.fixture);
    }
    actor->is_late = false;
    assert_int_not_equal(last, ROOMD_S_RESYNC);
}

static void add_actor(struct ground *ground, bool is_narrow)
{
    actors_add(&ground->actors, "ground");
    if (is_narrow) {
        const struct actor *actor = &ground->actors.list[ground->actors.count - 1];
        int bytes = 1;

        assert_int_equal(setsockopt(session_of(ground, actor)->conn.source.fd, SOL_SOCKET, SO_SNDBUF, &bytes,
                                    sizeof(bytes)),
                         0);
    }
}

static void ground_open(struct ground *ground, const char *content, const char *view, unsigned seed)
{
    char map[32];
    const struct room_setting settings[] = {{"map", map}, {"rules", "world.rules"}, {"view", view}};
    struct room_options options = tally_options();

    memset(ground, 0, sizeof(*ground));
    ground->random = seed;
    snprintf(map, sizeof(map), "%s.map", strcmp(content, "dungeon") == 0 ? "crypt" : content);
    actors_open(&ground->actors, seed);
    options.settings = settings;
    options.setting_count = 3;
    options.seed = seed;
    options.outbox_bytes_max = 6000;
    options.skip_max_ns = 600 * NS_PER_S;
    ground->room = fixture_room_of(ground->actors.fixture, "ground", &options, content_find(content));
    for (uint32_t i = 0; i < CROWD; i++) {
        add_actor(ground, i < SLEEPERS);
    }
}

/* It falls asleep, or has just woken up and reads on until it is up to date. */
static void nod_or_wake(struct ground *ground, uint32_t who)
{
    struct actor *actor = &ground->actors.list[who];
    uint32_t turns = (uint32_t)rand_r(&ground->random) % (actor->is_asleep ? 15 : 60);

    ground->wakes[who] = (uint32_t)ground->actors.turn + 1 + turns;
    actor->is_asleep = !actor->is_asleep;
    if (actor->is_asleep) {
        return;
    }
    read_all(ground, actor);
    if (session_of(ground, actor)->conn.reader.is_skipping) {
        fixture_advance(ground->actors.fixture, NS_PER_S); /* it was told less than a second ago */
        read_all(ground, actor);
    }
    assert_false(session_of(ground, actor)->conn.reader.is_skipping);
}

/* Each tick it is awake it knows the world, from the first one on. */
static void ground_turn(struct ground *ground)
{
    actors_turn(&ground->actors);
    for (uint32_t i = 0; i < SLEEPERS; i++) {
        if (ground->wakes[i] <= ground->actors.turn) {
            nod_or_wake(ground, i);
        }
    }
    for (uint32_t i = 0; i < ground->actors.count; i++) {
        struct actor *actor = &ground->actors.list[i];

        if (!actor->is_asleep) {
            read_all(ground, actor);
            check_view(ground, actor);
        }
    }
}

static void ground_close(struct ground *ground)
{
    const struct engine_stats *stats = &ground->actors.fixture->engine.stats;

    print_message("%llu skips, %u told, %llu packets missed, %u views right\n",
                  (unsigned long long)stats->skips, ground->resyncs,
                  (unsigned long long)ground->actors.fixture->engine.net.gather.skipped,
                  ground->views_checked);
    assert_true(ground->resyncs > SLEEPERS);
    assert_int_equal(stats->resyncs, ground->resyncs);
    assert_int_equal(stats->closes[ROOMD_CLOSE_SLOW], 0);
    actors_close(&ground->actors);
}

static void who_wakes_up_knows_the_world(void **state)
{
    static const char *const contents[] = {"town", "field", "dungeon"};
    static const char *const views[] = {"30", "0"};
    static struct ground ground;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        ground_open(&ground, contents[i / 2], views[i % 2], i + 1);
        while (ground.actors.turn < TURNS) {
            ground_turn(&ground);
        }
        ground_close(&ground);
    }
}

/* What it missed may have been before, while or after the room was put together anew from its own bytes. */
static void also_when_the_room_was_restored_meanwhile(void **state)
{
    static struct ground ground;

    (void)state;
    ground_open(&ground, "field", "30", 17);
    while (ground.actors.turn < TURNS) {
        ground_turn(&ground);
        if (ground.actors.turn % 10 == 5) {
            uint8_t *bytes;
            size_t size;

            assert_int_equal(room_content_save(ground.room, &bytes, &size), 0);
            assert_int_equal(room_content_restore(ground.room, content_host(), bytes, size), 0);
            memory_give(bytes);
        }
    }
    ground_close(&ground);
}

/* A content that has no more to tell: its players are told what they missed, and hear the rest. */
static void who_wakes_up_in_a_chat_hears_what_is_said_then(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = tally_options();
    struct control_server control;
    struct player *quick, *slow;
    struct room *room;
    struct frame frame;
    uint32_t heard = 0;
    uint32_t said = 0;
    uint8_t words[2 + 400] = {400 & 0xff, 400 >> 8};

    room = fixture_room_of(fixture, "room", &options, content_find("chat"));
    quick = fixture_enter(fixture, "room");
    slow = fixture_enter_narrow(fixture, "room", 1);
    for (; !tally_is_skipping(fixture, slow) || said % 100 != 0; said++) {
        player_send(quick, ROOMD_C_CHAT, words, sizeof(words));
        fixture_settle(fixture);
        fixture_tick(fixture, room);
        assert_true(player_next(quick, &frame));
    }
    frame.id = 0;
    for (int quiet = 0; frame.id != ROOMD_S_RESYNC && quiet < 10; quiet++) {
        while (player_next(slow, &frame) && frame.id == ROOMD_S_CHAT) {
            heard++;
        }
        fixture_settle(fixture);
    }
    assert_int_equal(frame.id, ROOMD_S_RESYNC);
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.resync.packets, said - heard);
    assert_int_equal(control.resync.bytes, (said - heard) * (ROOMD_FRAME_HEADER_BYTES + 4 + sizeof(words)));
    player_send(quick, ROOMD_C_CHAT, words, sizeof(words));
    fixture_settle(fixture);
    fixture_tick(fixture, room);
    assert_true(player_next(slow, &frame));
    assert_int_equal(frame.id, ROOMD_S_CHAT);
    player_expect_nothing(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_wakes_up_knows_the_world),
        cmocka_unit_test(also_when_the_room_was_restored_meanwhile),
        FIXTURE_TEST(who_wakes_up_in_a_chat_hears_what_is_said_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
