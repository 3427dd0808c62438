/* One session a user: who comes in anew takes the place of who was there, or is refused. */
#include "support/component.h"

#include "component/ticket_guests.h"

enum { USERS = 12, STEPS = 4000 };

static void the_new_one_takes_the_old_ones_place(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct player *first;
    struct player *second;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    first = guest_welcome(fixture, "kim", "");
    player_expect_joined(first, "lobby");
    second = guest_welcome(fixture, "kim", "");
    player_expect_joined(second, "lobby");
    player_expect_kick(first, ROOMD_CLOSE_REPLACED);
    stage_expect_notes(stage_of(lobby), "enter 1; leave 1 disconnected; enter 2; ");
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_REPLACED], 1);
    assert_int_equal(lobby->member_count, 1);
    fixture_check_places(fixture);
}

static void the_new_one_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct player *first;
    struct player *second;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REFUSE);
    first = guest_welcome(fixture, "kim", "");
    player_expect_joined(first, "lobby");
    second = guest_connect(fixture, "kim", "");
    fixture_settle(fixture);
    player_expect_kick(second, ROOMD_CLOSE_DUPLICATE);
    player_expect_nothing(first);
    stage_expect_notes(stage_of(lobby), "enter 1; ");
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_DUPLICATE], 1);

    player_hang_up(first);
    second = guest_welcome(fixture, "kim", ""); /* both are read in the same turn, or one after the other */
    player_expect_joined(second, "lobby");
    stage_expect_notes(stage_of(lobby), "leave 1 disconnected; enter 3; ");
}

/* Users are told apart by every byte, and names are nobody's concern. */
static void others_are_others(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 100);
    char user[8];

    guests_need_tickets(fixture, TICKET_DUPLICATE_REFUSE);
    for (int i = 0; i < 50; i++) {
        snprintf(user, sizeof(user), "kim%d", i);
        player_expect_joined(guest_welcome(fixture, user, ""), "lobby");
    }
    assert_int_equal(lobby->member_count, 50);
}

/* A full room takes back who was in it. */
static void a_full_room_has_a_place_for_who_is_in_it(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 1);
    struct player *player;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    for (int i = 0; i < 5; i++) {
        player = guest_welcome(fixture, "kim", "");
        player_expect_joined(player, "lobby");
        assert_int_equal(lobby->seats, 1);
    }
    player = guest_connect(fixture, "lee", "");
    fixture_settle(fixture);
    player_expect_welcome(player);
    player_expect_kick(player, ROOMD_CLOSE_FULL);
}

/*
 * While the old one's packets are still in its room's queue the new one waits: no content has both. What the new one
 * has sent meanwhile is not lost.
 */
static void it_waits_until_the_old_one_is_out(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *hall;
    struct player *first;
    struct player *second;

    options.jobs_per_turn = 1;
    hall = fixture_room(fixture, "hall", &options);
    guest_lobby(fixture, 10);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    first = guest_welcome(fixture, "kim", "");
    player_expect_joined(first, "lobby");
    player_join(first, "hall");
    fixture_settle(fixture);
    for (int i = 0; i < 5; i++) {
        player_say(first, 5, "x");
    }
    fixture_read(fixture);
    second = guest_connect(fixture, "kim", "");
    player_join(second, "hall");
    player_say(second, 5, "y");
    for (int turn = 0; turn < 4; turn++) {
        fixture_turn(fixture);
        assert_true(fixture_session(fixture, second)->is_replacing);
        assert_null(fixture_session(fixture, second)->room);
        assert_int_equal(hall->seats, 1);
        fixture_check_places(fixture);
    }
    fixture_settle(fixture);
    player_expect_welcome(second);
    player_expect_joined(second, "lobby");
    player_expect_left(second, ROOMD_LEAVE_MOVED);
    player_expect_joined(second, "hall");
    stage_expect_notes(stage_of(hall), "enter 1; packet 1 5 x; packet 1 5 x; packet 1 5 x; packet 1 5 x; "
                                       "packet 1 5 x; leave 1 disconnected; enter 2; packet 2 5 y; ");
}

/* A room that is busy for some turns, and a user in it. */
static struct room *busy_hall(struct fixture *fixture, const char *user, struct player **player)
{
    struct room_options options = fixture_room_options();
    struct room *hall;

    options.jobs_per_turn = 1;
    hall = fixture_room(fixture, "hall", &options);
    *player = guest_welcome(fixture, user, "hall");
    player_join(*player, "hall");
    fixture_settle(fixture);
    player_expect_joined(*player, "hall");
    for (int i = 0; i < 5; i++) {
        player_say(*player, 5, "x");
    }
    fixture_read(fixture);
    return hall;
}

/* Where nobody joins by himself it goes on with what it has sent. */
static void who_waited_goes_on_where_there_is_no_autojoin(void **state)
{
    struct fixture *fixture = *state;
    struct player *first;
    struct player *second;
    struct room *hall;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    hall = busy_hall(fixture, "kim", &first);
    second = guest_connect(fixture, "kim", "hall");
    player_join(second, "hall");
    fixture_turn(fixture);
    assert_true(fixture_session(fixture, second)->is_replacing);
    fixture_settle(fixture);
    player_expect_welcome(second);
    player_expect_joined(second, "hall");
    assert_int_equal(hall->member_count, 1);
}

static void leave_now(struct stage *stage, void *context)
{
    const struct player *player = context;

    assert_int_equal(stage->host->leave(stage->room, player->session), 0);
}

/* One that was in a room before tickets were asked for, and shows one late: its room may do with it as it likes. */
static void who_waits_in_a_room_is_not_let_go_by_it(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct player *late = fixture_connect(fixture);
    char ticket[TICKET_BYTES_MAX];
    struct player *first;
    struct room *hall;

    fixture_settle(fixture);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    hall = busy_hall(fixture, "kim", &first);
    guest_show(late, ticket, guest_ticket("kim", "", ticket));
    player_join(late, "hall");
    fixture_read(fixture);
    stage_run_play(fixture, lobby, leave_now, late);
    fixture_turn(fixture);
    fixture_turn(fixture);
    assert_int_equal(lobby->seats, 0);
    assert_int_equal(hall->seats, 1);
    assert_true(fixture_session(fixture, late)->is_replacing);
    fixture_check_places(fixture);
    fixture_settle(fixture);
    player_expect_welcome(late);
    player_expect_joined(late, "lobby");
    player_expect_left(late, ROOMD_LEAVE_ASKED);
    player_expect_joined(late, "hall");
    assert_int_equal(hall->seats, 1);
}

/* Who waits may be replaced in turn, or hang up; the last one comes in, and once. */
static void who_waits_may_be_replaced_too(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct player *players[5];
    struct room *lobby;

    options.jobs_per_turn = 1;
    options.is_autojoin = true;
    options.capacity = 1;
    lobby = fixture_room(fixture, "lobby", &options);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    players[0] = guest_welcome(fixture, "kim", "");
    for (int i = 0; i < 10; i++) {
        player_say(players[0], 5, "x");
    }
    fixture_read(fixture);
    for (int i = 1; i < 5; i++) {
        players[i] = guest_connect(fixture, "kim", "");
        fixture_turn(fixture);
        fixture_check_places(fixture);
        if (i == 3) {
            player_hang_up(players[3]);
            fixture_turn(fixture);
        }
    }
    fixture_settle(fixture);
    player_expect_welcome(players[1]);
    player_expect_kick(players[1], ROOMD_CLOSE_REPLACED);
    player_expect_welcome(players[4]);
    player_expect_joined(players[4], "lobby");
    assert_int_equal(stage_of(lobby)->enters, 2);
    assert_int_equal(lobby->seats, 1);
    assert_int_equal(lobby->members[0]->player, players[4]->number);
}

/* With the same ticket twice the second is a thief's, or a mistake: the first stays. */
static void a_stolen_ticket_replaces_nobody(void **state)
{
    struct fixture *fixture = *state;
    char ticket[TICKET_BYTES_MAX];
    size_t size = guest_ticket("kim", "", ticket);
    struct player *first;
    struct player *second;

    guest_lobby(fixture, 10);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    first = fixture_connect(fixture);
    second = fixture_connect(fixture);
    guest_show(first, ticket, size);
    fixture_settle(fixture);
    guest_show(second, ticket, size);
    fixture_settle(fixture);
    player_expect_kick(second, ROOMD_CLOSE_TICKET);
    player_expect_welcome(first);
    player_expect_joined(first, "lobby");
    player_expect_nothing(first);
}

/* At most one member of all rooms has a user, and each who is open is found by its name. */
static void check_users(struct fixture *fixture)
{
    const struct lobby *lobby = &fixture->engine.lobby;
    const char *seen[64];
    uint32_t count = 0;

    for (uint32_t i = 0; i < lobby->count; i++) {
        for (uint32_t j = 0; j < lobby->rooms[i]->member_count; j++) {
            const struct session *session = lobby->rooms[i]->members[j];

            assert_non_null(session->identity);
            for (uint32_t k = 0; k < count; k++) {
                assert_string_not_equal(seen[k], session->identity->user);
            }
            assert_in_range(count, 0, 63);
            seen[count++] = session->identity->user;
            assert_true(session->identity->is_listed);
        }
    }
}

/* Users come, go, come twice, change rooms and hang up at any moment. */
static void a_user_is_never_twice_in_a_room(void **state)
{
    static const char *const rooms[] = {"lobby", "hall", "attic"};
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct player *players[USERS] = {NULL};

    options.jobs_per_turn = 2;
    fixture_room(fixture, "hall", &options);
    fixture_room(fixture, "attic", &options);
    guest_lobby(fixture, USERS / 2);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    srand(4);
    for (int step = 0; step < STEPS; step++) {
        int which = rand() % USERS;
        struct player *player = players[which];
        char user[2] = {(char)('a' + which), '\0'};

        guest_wall_s += step % 4 == 0;
        switch (player == NULL ? 0 : rand() % 6) {
        case 0:
            players[which] = guest_connect(fixture, user, "");
            break;
        case 1:
            player_hang_up(player);
            players[which] = NULL;
            break;
        case 2:
            player_join(player, rooms[rand() % 3]);
            break;
        default:
            player_say(player, 5, "z");
            break;
        }
        if (rand() % 3 != 0) {
            fixture_turn(fixture);
            check_users(fixture);
            fixture_check_places(fixture);
        }
        for (int i = 0; i < USERS; i++) { /* who was kicked is gone */
            if (players[i] != NULL && fixture_session(fixture, players[i]) == NULL) {
                players[i] = NULL;
            } else if (players[i] != NULL && fixture_session(fixture, players[i])->close_reason != 0) {
                player_hang_up(players[i]);
                players[i] = NULL;
            }
        }
    }
    fixture_settle(fixture);
    check_users(fixture);
    assert_true(fixture->engine.stats.closes[ROOMD_CLOSE_REPLACED] > 100);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_TICKET], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_new_one_takes_the_old_ones_place),
        FIXTURE_TEST(the_new_one_is_refused),
        FIXTURE_TEST(others_are_others),
        FIXTURE_TEST(a_full_room_has_a_place_for_who_is_in_it),
        FIXTURE_TEST(it_waits_until_the_old_one_is_out),
        FIXTURE_TEST(who_waited_goes_on_where_there_is_no_autojoin),
        FIXTURE_TEST(who_waits_in_a_room_is_not_let_go_by_it),
        FIXTURE_TEST(who_waits_may_be_replaced_too),
        FIXTURE_TEST(a_stolen_ticket_replaces_nobody),
        FIXTURE_TEST(a_user_is_never_twice_in_a_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
