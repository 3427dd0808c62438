/* Who gets in where tickets are required, where to, and what the room's content knows of them. */
#include "support/component.h"

#include "component/ticket_guests.h"

static void a_good_ticket_opens_the_door(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct player *kim;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    kim = guest_welcome(fixture, "kim", "");
    player_expect_joined(kim, "lobby");
    assert_int_equal(lobby->member_count, 1);
    assert_int_equal(fixture->engine.stats.tickets[TICKET_OK], 1);
    fixture_check_places(fixture);
}

/* Before its hello nobody is anywhere, says nothing and hears nothing, autojoin or not. */
static void nobody_is_in_before_the_hello(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct player *player;
    struct player *kim;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    player = fixture_connect(fixture);
    kim = guest_welcome(fixture, "kim", "");
    player_expect_joined(kim, "lobby");
    player_say(player, 5, "let me in");
    fixture_advance(fixture, FIXTURE_TICK_NS);
    stage_broadcast(fixture, lobby, 7, "for members");
    fixture_advance(fixture, FIXTURE_TICK_NS);
    player_expect_nothing(player);
    player_expect_text(kim, 7, "for members");
    assert_int_equal(lobby->member_count, 1);
    player_join(player, "lobby"); /* and there is no other way in */
    fixture_settle(fixture);
    player_expect_kick(player, ROOMD_CLOSE_STATE);
    assert_int_equal(lobby->seats, 1);
}

static void expect_refused(struct fixture *fixture, const char *ticket, size_t size, enum ticket_result why)
{
    uint64_t before = fixture->engine.stats.tickets[why];
    struct player *player = fixture_connect(fixture);
    char line[96];

    guest_show(player, ticket, size);
    player_join(player, "lobby"); /* comes too late to be looked at */
    fixture_advance(fixture, NS_PER_S);
    player_expect_kick(player, why == TICKET_FULL ? ROOMD_CLOSE_FULL : ROOMD_CLOSE_TICKET);
    assert_true(fixture->engine.stats.tickets[why] == before + 1);
    snprintf(line, sizeof(line), "event=ticket_refused reason=%s session=", ticket_result_name(why));
    assert_true(fixture_log_count(line) >= 1);
    assert_int_equal(fixture_find_room(fixture, "lobby")->seats, 0);
}

static void every_other_ticket_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("kim", "Kim", "");
    struct ticket_key stranger = keys.keys[0];
    char text[TICKET_BYTES_MAX];
    char large[4096] = {0};
    size_t size;

    guest_lobby(fixture, 10);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    expect_refused(fixture, NULL, 0, TICKET_MISSING);
    expect_refused(fixture, "v1", 2, TICKET_MALFORMED);
    expect_refused(fixture, large, sizeof(large), TICKET_MALFORMED);
    size = ticket_mint(&keys.keys[1], &ticket, text);
    text[size / 2] ^= 1;
    expect_refused(fixture, text, size, TICKET_BAD_SIGNATURE);
    stranger.kid[1] = '9';
    expect_refused(fixture, text, ticket_mint(&stranger, &ticket, text), TICKET_UNKNOWN_KEY);
    ticket.expiry_s = guest_wall_s;
    expect_refused(fixture, text, ticket_mint(&keys.keys[0], &ticket, text), TICKET_EXPIRED);
    ticket.expiry_s = guest_wall_s + MAKER_TTL_MAX_S + 1;
    expect_refused(fixture, text, ticket_mint(&keys.keys[0], &ticket, text), TICKET_TOO_FAR);
    assert_int_equal(fixture->engine.stats.tickets[TICKET_OK], 0);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_TICKET], 7);
    assert_int_equal(fixture->engine.tickets.nonces.count, 0); /* what is not good is not worth a place */
}

/* The log is not the refused's to fill. */
static void refusals_are_logged_once_a_second(void **state)
{
    struct fixture *fixture = *state;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    for (int i = 0; i < 20; i++) {
        guest_show(fixture_connect(fixture), NULL, 0);
    }
    fixture_settle(fixture);
    assert_int_equal(fixture_log_count("event=ticket_refused "), 1);
    fixture_advance(fixture, NS_PER_S);
    guest_show(fixture_connect(fixture), NULL, 0);
    fixture_settle(fixture);
    assert_int_equal(fixture_log_count("event=ticket_refused reason=missing "), 2);
    assert_int_equal(fixture_log_count(" held=19\n"), 1);
}

static void a_ticket_is_good_once(void **state)
{
    struct fixture *fixture = *state;
    char text[TICKET_BYTES_MAX];
    size_t size = guest_ticket("kim", "", text);
    struct player *kim;

    guest_lobby(fixture, 10);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    kim = fixture_connect(fixture);
    guest_show(kim, text, size);
    fixture_settle(fixture);
    player_hang_up(kim);
    fixture_settle(fixture);
    expect_refused(fixture, text, size, TICKET_USED);
    guest_wall_s += 59;
    expect_refused(fixture, text, size, TICKET_USED);
    guest_wall_s += 1;
    expect_refused(fixture, text, size, TICKET_EXPIRED);
    guest_wall_s -= 30; /* the clock is put back: it stays used */
    expect_refused(fixture, text, size, TICKET_USED);
}

/* As many as may be remembered: the next has to wait until one expires. */
static void what_can_not_be_remembered_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char text[TICKET_BYTES_MAX];
    struct ticket_policy policy = guest_policy(TICKET_DUPLICATE_REPLACE);

    guest_lobby(fixture, 10);
    guest_wall_s = MAKER_NOW_S;
    assert_int_equal(tickets_reserve(&fixture->engine.tickets, 16, 3), 0);
    tickets_set_policy(&fixture->engine.tickets, &policy);
    for (int i = 0; i < 3; i++) {
        player_hang_up(guest_welcome(fixture, "kim", ""));
        fixture_settle(fixture);
        guest_wall_s++;
    }
    expect_refused(fixture, text, guest_ticket("kim", "", text), TICKET_FULL);
    guest_wall_s = MAKER_NOW_S + 60;
    guest_welcome(fixture, "kim", "");
    assert_int_equal(fixture->engine.tickets.nonces.count, 3);
}

/* Where a ticket for one room lets its player go by itself. */
static void a_ticket_for_a_room_is_for_that_room(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct room_template template = fixture_template("dungeon");
    struct player *kim;

    fixture_room(fixture, "attic", NULL);
    fixture_set_template(fixture, &template);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    kim = guest_welcome(fixture, "kim", "attic");
    player_expect_nothing(kim); /* autojoin is for those who may be there */
    assert_int_equal(lobby->seats, 0);
    player_join(kim, "lobby");
    player_join(kim, "atti");
    player_create(kim, "dungeon", "deep");
    player_join(kim, "attic");
    fixture_settle(fixture);
    player_expect_error(kim, ROOMD_ERROR_NOT_ALLOWED);
    player_expect_error(kim, ROOMD_ERROR_NO_SUCH_ROOM);
    player_expect_error(kim, ROOMD_ERROR_NOT_ALLOWED);
    player_expect_joined(kim, "attic");
    player_join(kim, "lobby");
    fixture_settle(fixture);
    player_expect_error(kim, ROOMD_ERROR_NOT_ALLOWED);
    assert_null(fixture_find_room(fixture, "deep"));
    assert_int_equal(lobby->seats, 0);
    fixture_check_places(fixture);
}

/* And one for the rooms of a template. */
static void a_ticket_for_a_template_is_for_its_rooms(void **state)
{
    struct fixture *fixture = *state;
    struct room_template templates[2] = {fixture_template("dungeon"), fixture_template("arena")};
    struct player *kim;
    struct player *lee;

    guest_lobby(fixture, 10);
    assert_int_equal(lobby_set_templates(&fixture->engine.lobby, templates, 2), 0);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    kim = guest_welcome(fixture, "kim", "dungeon");
    lee = guest_welcome(fixture, "lee", "dungeon");
    player_create(kim, "dungeon", "deep");
    fixture_settle(fixture);
    player_expect_joined(kim, "deep");
    player_join(lee, "deep");
    fixture_settle(fixture);
    player_expect_joined(lee, "deep");
    fixture_make_room(fixture, "arena", "duel");
    player_create(lee, "arena", "other");  /* another template */
    player_create(lee, "dungeon", "duel"); /* a room that is there, of another one */
    player_create(lee, "dungeon", "lobby");
    player_join(lee, "duel");
    fixture_settle(fixture);
    for (int i = 0; i < 4; i++) {
        player_expect_error(lee, ROOMD_ERROR_NOT_ALLOWED);
    }
    assert_null(fixture_find_room(fixture, "other"));
    player_create(lee, "arena", "dungeon"); /* a room of that name is what the ticket says, too */
    fixture_settle(fixture);
    player_expect_left(lee, ROOMD_LEAVE_MOVED);
    player_expect_joined(lee, "dungeon");
    fixture_check_places(fixture);
}

static void move_to_attic(struct stage *stage, void *context)
{
    const struct player *player = context;

    assert_int_equal(stage->host->move(stage->room, player->session, "attic", NULL, 0), 0);
}

/* The content knows its ways: a ticket binds the player alone. */
static void a_content_may_send_it_elsewhere(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct player *kim;

    fixture_room(fixture, "attic", NULL);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    kim = guest_welcome(fixture, "kim", "lobby");
    player_expect_joined(kim, "lobby");
    stage_run(fixture, lobby, move_to_attic, kim);
    player_expect_left(kim, ROOMD_LEAVE_MOVED);
    player_expect_joined(kim, "attic");
}

static void note_who(struct stage *stage, uint64_t session)
{
    stage_note(stage, "is %s, %s; ", stage->host->user_id(stage->room, session),
               stage->host->player_name(stage->room, session));
}

static void note_who_left(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)reason;
    note_who(stage, session);
}

/* Until it has left, also when its connection has gone. */
static void the_content_knows_who_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct stage *stage = stage_of(lobby);
    struct player *kim;

    stage->on_enter = note_who;
    stage->on_leave = note_who_left;
    fixture_connect(fixture); /* player 1, who came before tickets were asked for */
    fixture_settle(fixture);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    kim = guest_welcome(fixture, "kim", "");
    stage_expect_notes(stage, "enter 1; is , ; enter 2; is kim, The kim; ");
    player_hang_up(kim);
    fixture_settle(fixture);
    stage_expect_notes(stage, "leave 2 disconnected; is kim, The kim; ");
    assert_string_equal(stage->host->user_id(stage->room, kim->session), "");
    assert_string_equal(stage->host->player_name(stage->room, 0), "");
}

/* Of those without a ticket nothing is kept: sessions that idle are many. */
static void who_shows_no_ticket_takes_no_memory(void **state)
{
    struct fixture *fixture = *state;
    struct player *player;

    guest_lobby(fixture, 10);
    player = fixture_enter(fixture, "lobby");
    assert_null(fixture_session(fixture, player)->identity);
    assert_null(fixture->engine.tickets.users);
    assert_null(fixture->engine.tickets.nonces.table);
}

/* Two keys at once, then one of them alone; those who are in stay in. */
static void keys_change_while_players_are_in(void **state)
{
    struct fixture *fixture = *state;
    struct ticket_policy policy = guest_policy(TICKET_DUPLICATE_REPLACE);
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("lee", "Lee", "");
    char text[TICKET_BYTES_MAX];
    struct player *kim;
    struct player *lee;

    guest_lobby(fixture, 10);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    policy.keys.count = 1;
    tickets_set_policy(&fixture->engine.tickets, &policy);
    expect_refused(fixture, text, ticket_mint(&keys.keys[1], &ticket, text), TICKET_UNKNOWN_KEY);
    kim = guest_welcome(fixture, "kim", "");
    player_expect_joined(kim, "lobby");
    policy.keys = keys;
    tickets_set_policy(&fixture->engine.tickets, &policy);
    lee = fixture_connect(fixture);
    guest_show(lee, text, ticket_mint(&keys.keys[1], &ticket, text));
    guest_welcome(fixture, "park", "");
    player_expect_welcome(lee);
    policy.keys.keys[0] = policy.keys.keys[1];
    policy.keys.count = 1;
    tickets_set_policy(&fixture->engine.tickets, &policy);
    guest_connect(fixture, "choi", "");
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.tickets[TICKET_UNKNOWN_KEY], 2);
    assert_int_equal(fixture_find_room(fixture, "lobby")->member_count, 3);
    player_expect_nothing(kim);
}

/* The secret is taken out: who had to wait for its hello comes in with one, ticket or not. */
static void tickets_may_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct room *lobby = guest_lobby(fixture, 10);
    struct ticket_policy nothing = {0};
    struct player *before = fixture_connect(fixture);
    struct player *between;

    fixture_settle(fixture);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    between = fixture_connect(fixture);
    fixture_settle(fixture);
    assert_int_equal(lobby->member_count, 1);
    tickets_set_policy(&fixture->engine.tickets, &nothing);
    player_hello(between);
    player_hello(before);
    fixture_settle(fixture);
    player_expect_welcome(between);
    player_expect_joined(between, "lobby");
    player_expect_welcome(before);
    player_expect_joined(before, "lobby");
    assert_int_equal(lobby->member_count, 2);
    fixture_check_places(fixture);
}

/* Who has yet to say who it is can't leave a long frame unfinished. */
static void who_has_shown_no_ticket_sends_no_long_frames(void **state)
{
    struct fixture *fixture = *state;
    struct room *room;
    struct player *stranger;
    struct player *kim;
    static uint8_t payload[10000];
    uint8_t header[ROOMD_FRAME_HEADER_BYTES];

    room = guest_lobby(fixture, 10);
    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    stranger = fixture_connect(fixture);
    kim = guest_welcome(fixture, "kim", "");
    player_expect_joined(kim, "lobby");
    frame_put_header(header, 5, sizeof(payload));
    player_send_bytes(stranger, header, sizeof(header));
    player_send_bytes(kim, header, sizeof(header));
    fixture_settle(fixture);
    player_expect_kick(stranger, ROOMD_CLOSE_FRAME_SIZE);
    player_send_bytes(kim, payload, sizeof(payload));
    fixture_settle(fixture);
    fixture_tick(fixture, room);
    player_expect(kim, 5, payload, sizeof(payload));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_good_ticket_opens_the_door),
        FIXTURE_TEST(nobody_is_in_before_the_hello),
        FIXTURE_TEST(every_other_ticket_is_refused),
        FIXTURE_TEST(refusals_are_logged_once_a_second),
        FIXTURE_TEST(a_ticket_is_good_once),
        FIXTURE_TEST(what_can_not_be_remembered_is_refused),
        FIXTURE_TEST(a_ticket_for_a_room_is_for_that_room),
        FIXTURE_TEST(a_ticket_for_a_template_is_for_its_rooms),
        FIXTURE_TEST(a_content_may_send_it_elsewhere),
        FIXTURE_TEST(the_content_knows_who_it_is),
        FIXTURE_TEST(who_shows_no_ticket_takes_no_memory),
        FIXTURE_TEST(keys_change_while_players_are_in),
        FIXTURE_TEST(tickets_may_come_and_go),
        FIXTURE_TEST(who_has_shown_no_ticket_sends_no_long_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
