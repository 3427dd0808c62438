/*
 * Who is where, at random: players join, leave, make rooms, talk and hang up, while the contents of the rooms move, kick
 * and expel them, lock and close themselves and each other, from every callback.
 *
 * Three views must agree. The engine's own (fixture_check_places, after every phase); the contents': who enters is in no
 * room, who leaves was in that one; the clients': S_JOINED only when it is nowhere, S_LEFT only when it is somewhere, and
 * what it hears is from the room that it was told it is in. At rest all three name the same room for everyone.
 *
 * The seed of a run that fails is the last one printed; PLACES_SEED=N runs that one alone.
 */
#include "support/component.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "wire/control.h"

enum { PLAYERS = 30, NAMES = 5, TURNS = 1500, REST_EVERY = 100, NOTE = 100, CAPACITY = 9, PARCEL_BYTES = 8 };

static const char *const names[NAMES] = {"red", "green", "blue", "black", "white"};

/* One client, as it and the contents see it. */
struct client {
    struct player *player;
    uint64_t session;
    bool has_hello;
    bool is_welcome;      /* and was answered: from now on it is told where it is */
    bool has_ended;       /* was told S_KICK */
    char told[16];        /* where it was told that it is */
    uint32_t inside;      /* the id of the room whose content has it; 0: none's */
    uint32_t parcel_room; /* the id of the room that its parcel is for; 0: none */
    uint8_t parcel[PARCEL_BYTES];
};

static struct fixture *house;
static struct client clients[PLAYERS];
static uint64_t random_state;
static uint64_t done[16]; /* how often what was done: nothing may be left out */

enum {
    MOVED,
    KICKED,
    LEFT,
    CLOSED,
    LOCKED,
    CREATED,
    ENTERED,
    MOVED_IN_ENTER,
    PARCELS,
    TURNED_AWAY,
    EXPELLED,
    DONE_COUNT
};

static uint32_t draw(uint32_t below)
{
    random_state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(hash_u64(random_state) % below);
}

static struct client *client_of(uint64_t session)
{
    for (int i = 0; i < PLAYERS; i++) {
        if (clients[i].session == session) {
            return &clients[i];
        }
    }
    fail_msg("a content was told of a session that is nobody's");
    return NULL;
}

static uint32_t id_of(const struct stage *stage)
{
    return ((const struct room *)stage->room)->id;
}

static bool act_move(struct stage *stage, uint64_t session)
{
    const char *to = names[draw(NAMES)];
    uint8_t parcel[PARCEL_BYTES];
    struct roomd_room_info info = {0};
    bool has_parcel = draw(2) == 0;
    int rc;

    roomd_put_u64(parcel, hash_u64(++random_state));
    if (stage->host->find(stage->room, to, &info) < 0) {
        info.id = 0;
    }
    rc = stage->host->move(stage->room, session, to, has_parcel ? parcel : NULL,
                           has_parcel ? sizeof(parcel) : 0);
    assert_true(rc == 0 || rc == -ENOENT || rc == -EALREADY || rc == -ENOSPC || rc == -EPERM);
    if (rc == 0) {
        struct client *client = client_of(session);

        assert_int_not_equal(info.id, 0);
        assert_int_equal(client->inside, id_of(stage));
        client->parcel_room = has_parcel ? info.id : 0;
        memcpy(client->parcel, parcel, sizeof(parcel));
        done[MOVED]++;
    }
    return rc == 0;
}

static void act_on_room(struct stage *stage)
{
    const char *name = names[draw(NAMES)];
    int rc;

    switch (draw(6)) {
    case 0:
        rc = stage->host->close(stage->room, draw(2) == 0 ? NULL : name);
        assert_true(rc == 0 || rc == -ENOENT || rc == -EPERM);
        done[CLOSED] += rc == 0;
        break;
    case 1:
        rc = stage->host->create(stage->room, "hall", name);
        assert_true(rc == 0 || rc == -EEXIST || rc == -ENOSPC);
        done[CREATED] += rc == 0;
        break;
    case 2:
        stage->host->lock(stage->room, draw(4) == 0);
        done[LOCKED]++;
        break;
    default:
        assert_int_equal(stage->host->broadcast(stage->room, NOTE, stage->host->name(stage->room),
                                                strlen(stage->host->name(stage->room)), draw(4) == 0),
                         0);
    }
}

static void act(struct stage *stage, uint64_t session)
{
    uint64_t whom = draw(3) == 0 ? clients[draw(PLAYERS)].session : session;

    switch (draw(12)) {
    case 0:
        done[KICKED] += stage->host->kick(stage->room, whom, NULL) == 0;
        break;
    case 1:
        done[LEFT] += stage->host->leave(stage->room, whom) == 0;
        break;
    case 2:
    case 3:
    case 4:
    case 5:
        act_move(stage, whom);
        break;
    default:
        act_on_room(stage);
    }
}

static void check_parcel(struct stage *stage, const struct client *client)
{
    size_t bytes = 0;
    const void *parcel = stage->host->parcel(stage->room, client->session, &bytes);

    if (client->parcel_room == id_of(stage)) {
        assert_int_equal(bytes, PARCEL_BYTES);
        assert_memory_equal(parcel, client->parcel, PARCEL_BYTES);
        done[PARCELS]++;
    } else {
        assert_null(parcel);
    }
}

static void on_enter(struct stage *stage, uint64_t session)
{
    struct client *client = client_of(session);

    assert_int_equal(client->inside, 0);
    client->inside = id_of(stage);
    check_parcel(stage, client);
    client->parcel_room = 0;
    done[ENTERED]++;
    if (draw(3) == 0) {
        uint64_t before = done[MOVED];

        act(stage, session);
        done[MOVED_IN_ENTER] += done[MOVED] - before;
    }
}

static void on_leave(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    struct client *client = client_of(session);

    assert_int_equal(client->inside, id_of(stage));
    client->inside = 0;
    done[EXPELLED] += reason == ROOMD_LEAVE_ROOM_CLOSED;
    if (draw(3) == 0) {
        client->inside = id_of(stage); /* as long as this callback runs */
        act(stage, session);
        client->inside = 0;
    }
}

static enum roomd_packet_result on_packet(struct stage *stage, uint64_t session, uint16_t id,
                                          const uint8_t *payload, size_t bytes)
{
    (void)id;
    (void)payload;
    (void)bytes;
    assert_int_equal(client_of(session)->inside, id_of(stage));
    act(stage, session);
    return draw(40) == 0 ? ROOMD_PACKET_MALFORMED : ROOMD_PACKET_OK;
}

static void on_tick(struct stage *stage)
{
    act(stage, clients[draw(PLAYERS)].session);
}

static const struct roomd_content *hall_ground = &stage_ticking_content;

static int hall_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    int rc = hall_ground->open(host, room, state);

    if (rc == 0) {
        struct stage *stage = *state;

        stage->is_mute = true;
        stage->on_enter = on_enter;
        stage->on_leave = on_leave;
        stage->on_packet = on_packet;
        stage->on_tick = on_tick;
    }
    return rc;
}

static void client_connect(struct client *client)
{
    *client = (struct client){0};
    client->player = fixture_connect(house);
    client->session = client->player->session;
}

/* S_JOINED, S_LEFT and what is heard, by what the client was told before. */
static void client_take_control(struct client *client, const struct frame *frame)
{
    struct control_server control;

    assert_int_equal(control_decode_server(frame, &control), 0);
    switch (control.id) {
    case ROOMD_S_JOINED:
        assert_string_equal(client->told, "");
        assert_true(control.joined.room.size < sizeof(client->told));
        memcpy(client->told, control.joined.room.bytes, control.joined.room.size);
        break;
    case ROOMD_S_LEFT:
        assert_string_not_equal(client->told, "");
        memset(client->told, 0, sizeof(client->told));
        break;
    case ROOMD_S_ERROR:
        assert_true(control.error.code > ROOMD_ERROR_NONE && control.error.code < ROOMD_ERROR_COUNT);
        done[TURNED_AWAY] += control.error.code == ROOMD_ERROR_NO_SUCH_ROOM;
        break;
    case ROOMD_S_KICK:
        client->has_ended = true;
        break;
    default:
        assert_int_equal(control.id, ROOMD_S_WELCOME);
        client->is_welcome = true;
    }
}

static void client_take(struct client *client)
{
    struct frame frame;

    while (client->player->fd >= 0 && player_next(client->player, &frame)) {
        assert_false(client->has_ended); /* nothing comes behind S_KICK */
        if (frame.id == NOTE && client->is_welcome) {
            assert_int_equal(frame.payload_bytes, strlen(client->told));
            assert_memory_equal(frame.payload, client->told, frame.payload_bytes);
        } else if (frame.id != NOTE) {
            client_take_control(client, &frame);
        }
    }
}

static void client_act(struct client *client)
{
    struct player *player = client->player;

    client_take(client);
    if (player->is_ended || client->has_ended) {
        player_hang_up(player);
    }
    if (player->fd < 0) {
        if (slots_find(&house->engine.sessions, client->session) == NULL) {
            client_connect(client);
        }
        return;
    }
    if (!client->has_hello) {
        if (draw(4) == 0) {
            player_hello(player);
            client->has_hello = true;
        }
        return;
    }
    switch (draw(12)) {
    case 0:
        player_leave(player);
        break;
    case 1:
    case 2:
        player_create(player, "hall", names[draw(NAMES)]);
        break;
    case 3:
        if (draw(4) == 0) {
            player_hang_up(player);
        }
        break;
    case 4:
    case 5:
    case 6:
        player_join(player, names[draw(NAMES)]);
        break;
    default:
        player_say(player, NOTE, "do something");
    }
}

/* At rest: the engine, the content and the client name the same room. */
static void check_at_rest(void)
{
    fixture_settle(house);
    fixture_check_places(house);
    assert_true(list_is_empty(&house->engine.closing));
    for (int i = 0; i < PLAYERS; i++) {
        struct client *client = &clients[i];
        const struct session *session = slots_find(&house->engine.sessions, client->session);

        client_take(client);
        if (session == NULL || session->close_reason != ROOMD_CLOSE_NONE) {
            assert_int_equal(client->inside, 0);
            continue;
        }
        assert_true(session->place == SESSION_NOWHERE || session->place == SESSION_IN_ROOM);
        assert_int_equal(client->inside, session->room == NULL ? 0 : session->room->id);
        if (client->has_hello) {
            assert_string_equal(client->told, session->room == NULL ? "" : session->room->name);
        }
    }
}

static void random_turn(void)
{
    struct lobby *lobby = &house->engine.lobby;

    for (uint32_t i = draw(4); i > 0; i--) {
        client_act(&clients[draw(PLAYERS)]);
    }
    if (draw(20) == 0 && lobby->count > 0) {
        room_retire(lobby->rooms[draw(lobby->count)]);
    }
    if (draw(10) == 0) {
        struct session *session = slots_find(&house->engine.sessions, clients[draw(PLAYERS)].session);

        if (session != NULL) {
            session_close(session, draw(2) == 0 ? ROOMD_CLOSE_KICKED : ROOMD_CLOSE_RESET, NULL);
        }
    }
    lobby->autojoin = draw(2) == 0 ? fixture_find_room(house, names[draw(NAMES)]) : NULL;
    fake_clock_advance(draw(50) * NS_PER_MS);
    fixture_turn_checked(house);
}

static void run_seed(uint64_t seed)
{
    struct engine_limits limits = fixture_limits();
    struct roomd_content hall = stage_ticking_content;
    struct room_template template = fixture_template("hall");

    print_message("seed %llu\n", (unsigned long long)seed);
    random_state = seed;
    hall.open = hall_open;
    limits.rooms_max = NAMES + 2;
    house = fixture_open(&limits);
    log_set_level(LOG_LEVEL_INFO);
    template.content = &hall;
    template.instances_max = NAMES;
    template.idle_close_ns = 300 * NS_PER_MS;
    template.options.capacity = CAPACITY;
    template.options.jobs_per_turn = 2; /* so that what is asked for in one turn is done in others */
    template.options.job_bytes_max = 512;
    fixture_set_template(house, &template);
    for (int i = 0; i < PLAYERS; i++) {
        client_connect(&clients[i]);
    }
    for (int turn = 1; turn <= TURNS; turn++) {
        random_turn();
        if (turn % REST_EVERY == 0) {
            check_at_rest();
        }
    }
    fixture_close(house);
}

static void everyone_is_in_one_place_and_knows_it(void **state)
{
    const char *seed = getenv("PLACES_SEED");

    (void)state;
    if (seed != NULL) {
        run_seed(strtoull(seed, NULL, 10));
        return;
    }
    memset(done, 0, sizeof(done));
    for (uint64_t i = 1; i <= 6; i++) {
        run_seed(i);
    }
    for (int i = 0; i < DONE_COUNT; i++) {
        if (done[i] < 20) {
            fail_msg("number %d was done %llu times only: this run says little", i,
                     (unsigned long long)done[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_is_in_one_place_and_knows_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
