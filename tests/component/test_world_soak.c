/*
 * 30 minutes' worth of ticks with players who come and go, fight, and walk through portals into other rooms and
 * dungeons of their own: counts are equal everywhere, nobody is told what he can't know, and at the end nothing is left.
 */
#include "support/component.h"

#include "roomd/world.h"
#include "support/actors.h"
#include "support/world_count.h"

enum { PLAYERS = 40, TURNS = 30 * 60 * 4, TURNS_A_CHECK = 20 };

/* What the engine, the room, its streams and the world count must be the same. */
static void check_counts(const struct room *room)
{
    uint32_t follows = 0;
    uint32_t followers = room->stream.followers;
    uint32_t inside = 0;

    for (uint32_t i = 0; i < room->member_count; i++) {
        const struct session *session = room->members[i];

        follows += session->conn.reader.count;
        inside += session->close_reason == ROOMD_CLOSE_NONE;
    }
    for (uint32_t i = 0; room->streams != NULL && i <= room->stream_mask; i++) {
        for (const struct room_stream *stream = room->streams[i]; stream != NULL;
             stream = stream->next_by_number) {
            assert_true(stream->stream.followers > 0);
            followers += stream->stream.followers;
        }
    }
    assert_int_equal(followers, follows);
    assert_int_equal(world_count(room->content_state, ROOMD_KIND_PLAYER), room->member_count);
    assert_int_equal(room->stream.followers, inside);
}

static void check_world(struct actors *actors)
{
    const struct engine *engine = &actors->fixture->engine;
    uint32_t members = 0;
    uint32_t in_rooms = 0;
    uint32_t at = 0;
    const struct session *session;

    fixture_check_places(actors->fixture);
    for (uint32_t i = 0; i < engine->lobby.count; i++) {
        check_counts(engine->lobby.rooms[i]);
        members += engine->lobby.rooms[i]->member_count;
    }
    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        in_rooms += (session->place == SESSION_IN_ROOM || session->place == SESSION_LEAVING) &&
                    !session->room->is_closing;
    }
    assert_int_equal(members, in_rooms);
    assert_int_equal(engine->stats.enters - engine->stats.leaves >= members, true);
}

static void test_thirty_minutes_of_churn_fights_and_portals_leave_nothing_behind(void **state)
{
    struct actors actors;

    (void)state;
    actors_open(&actors, 7);
    for (int i = 0; i < PLAYERS; i++) {
        actors_add(&actors, i % 2 == 0 ? "town" : "field");
    }
    actors.is_restless = true;
    while (actors.turn < TURNS) {
        actors_turn(&actors);
        if (actors.turn % TURNS_A_CHECK == 0) {
            check_world(&actors);
        }
    }
    print_message("entered %llu rooms (%llu made), hung up %llu times, hits %llu, kills %llu, deaths %llu, "
                  "respawned %llu, refused %llu\n",
                  (unsigned long long)actors.totals.rooms_entered,
                  (unsigned long long)actors.fixture->engine.stats.rooms_created,
                  (unsigned long long)actors.totals.hung_up, (unsigned long long)actors.totals.hits,
                  (unsigned long long)actors.totals.kills, (unsigned long long)actors.totals.deaths,
                  (unsigned long long)actors.totals.respawns, (unsigned long long)actors.totals.errors);
    assert_true(actors.totals.rooms_entered > 1000 && actors.totals.hung_up > 300);
    assert_true(actors.totals.hits > 1000 && actors.totals.kills > 50);
    assert_true(actors.totals.deaths > 100 && actors.totals.respawns > 100);
    assert_true(actors.fixture->engine.stats.rooms_created > 10);
    actors_close(&actors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thirty_minutes_of_churn_fights_and_portals_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
