/* Rooms that are made while the server runs: asked for, bounded, retired, and what a reload does about them. */
#include "support/system.h"

#include <roomd/world.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOBBY "[room lobby]\ntick = 10ms\n"

static void send_create(struct peer *client, const char *template_name, const char *name)
{
    uint8_t payload[256];
    size_t template_bytes = strlen(template_name);
    size_t name_bytes = strlen(name);

    roomd_put_u16(payload, (uint16_t)template_bytes);
    memcpy(payload + 2, template_name, template_bytes);
    roomd_put_u16(payload + 2 + template_bytes, (uint16_t)name_bytes);
    memcpy(payload + 4 + template_bytes, name, name_bytes);
    peer_send_packet(client, ROOMD_C_CREATE, payload, 4 + template_bytes + name_bytes);
}

static struct peer *guest_connect(struct daemon *daemon)
{
    struct peer *client = peer_connect(daemon);

    peer_hello(client);
    return client;
}

/* Creates a room and is in it. */
static struct peer *maker_connect(struct daemon *daemon, const char *template_name, const char *name)
{
    struct peer *client = guest_connect(daemon);

    send_create(client, template_name, name);
    peer_expect_joined(client, name);
    return client;
}

/* Whether the room is in the list, and how many players and seats the list says it has. */
static bool room_is_listed(struct peer *client, const char *name, uint32_t *players, uint32_t *capacity)
{
    peer_send_packet(client, ROOMD_C_ROOMS, NULL, 0);
    struct packet packet = peer_await_packet(client, ROOMD_S_ROOMS);
    size_t at = 2;

    for (uint16_t i = 0; i < roomd_get_u16(packet.payload); i++) {
        size_t name_bytes = roomd_get_u16(packet.payload + at);
        const uint8_t *room = packet.payload + at + 2;
        size_t content_at = at + 2 + name_bytes;

        at = content_at + 2 + roomd_get_u16(packet.payload + content_at);
        assert_true(at + 8 <= packet.payload_bytes);
        *players = roomd_get_u32(packet.payload + at);
        *capacity = roomd_get_u32(packet.payload + at + 4);
        at += 8;
        if (name_bytes == strlen(name) && memcmp(room, name, name_bytes) == 0) {
            return true;
        }
    }
    return false;
}

static void reload(struct daemon *daemon, const char *config)
{
    size_t before = daemon_log_count(daemon, "event=reload ", NULL);

    daemon_write_config(daemon, config);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=reload ", NULL, before + 1, WAIT_LONG_MS);
}

/* `why` is part of what the log says of it. */
static void reload_refused(struct daemon *daemon, const char *config, const char *why)
{
    size_t before = daemon_log_count(daemon, "event=reload_refused ", NULL);

    daemon_write_config(daemon, config);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=reload_refused ", NULL, before + 1, WAIT_LONG_MS);
    assert_true(daemon_log_count(daemon, "event=reload_refused ", why) > 0);
}

static void a_room_is_made_by_the_first_and_joined_by_the_next(void **state)
{
    struct daemon *daemon = daemon_start(LOBBY "[template party]\ntick = 20ms\ncapacity = 8\nsuffix = yes\n");
    struct peer *maker = guest_connect(daemon);
    struct peer *second = guest_connect(daemon);
    uint32_t players = 0;
    uint32_t capacity = 0;

    (void)state;
    assert_false(room_is_listed(maker, "cave", &players, &capacity));
    send_create(maker, "party", "cave");
    assert_int_equal(peer_expect_joined(maker, "cave"), 20);
    send_create(second, "party", "cave"); /* it is there: this is joining it */
    peer_expect_joined(second, "cave");
    struct peer *third = guest_connect(daemon);
    peer_join(third, "cave");
    peer_send_chat(second, "hi");
    peer_expect_chat(maker, 0, "hi I am 2"); /* the template's own key */
    peer_expect_chat(third, 0, "hi I am 2");
    assert_true(room_is_listed(third, "cave", &players, &capacity));
    assert_int_equal(players, 3);
    assert_int_equal(capacity, 8);
    assert_false(room_is_listed(third, "party", &players, &capacity));
    assert_int_equal(daemon_stat(daemon, "rooms"), 2);
    assert_int_equal(daemon_stat(daemon, "rooms_created"), 1);
    assert_int_equal(daemon_log_count(daemon,
                                      "event=template template=party content=chat tick_ms=20 capacity=8 ",
                                      "instances_max=64 idle_close_ms=60000"),
                     1);
    peer_close(maker);
    peer_close(second);
    peer_close(third);
    daemon_stop(daemon);
}

/* Every refusal has its code, and the one who was refused goes on where he was. */
static void what_is_too_much_is_refused(void **state)
{
    struct daemon *daemon =
        daemon_start("[server]\nrooms_max = 4\n" LOBBY "[template few]\ninstances_max = 2\n"
                     "[template pair]\ncapacity = 1\n");
    struct peer *a = maker_connect(daemon, "few", "few-1");
    struct peer *b = maker_connect(daemon, "few", "few-2");
    struct peer *guest = guest_connect(daemon);

    (void)state;
    peer_join(guest, "lobby");
    send_create(guest, "nonesuch", "x");
    peer_expect_error(guest, ROOMD_ERROR_NO_SUCH_TEMPLATE);
    send_create(guest, "lobby", "x"); /* a room is no template */
    peer_expect_error(guest, ROOMD_ERROR_NO_SUCH_TEMPLATE);
    send_create(guest, "few", "few-3");
    peer_expect_error(guest, ROOMD_ERROR_TOO_MANY_ROOMS);
    struct peer *c = maker_connect(daemon, "pair", "pair-1");
    send_create(guest, "pair", "pair-2"); /* rooms_max counts the config's and all others */
    peer_expect_error(guest, ROOMD_ERROR_TOO_MANY_ROOMS);
    send_create(guest, "pair", "pair-1");
    peer_expect_error(guest, ROOMD_ERROR_ROOM_FULL);
    peer_send_chat(guest, "still here");
    peer_expect_chat(guest, guest->player, "still here");
    assert_int_equal(daemon_stat(daemon, "rooms"), 4);
    assert_int_equal(daemon_stat(daemon, "rooms_created"), 3);
    peer_close(a);
    peer_close(b);
    peer_close(c);
    peer_close(guest);
    daemon_stop(daemon);
}

static void an_empty_room_is_closed_after_its_time(void **state)
{
    struct daemon *daemon = daemon_start(LOBBY "[template brief]\nidle_close = 1s\ninstances_max = 1\n");
    struct peer *maker = maker_connect(daemon, "brief", "cave");
    struct peer *watcher = guest_connect(daemon);
    uint32_t players = 0;
    uint32_t capacity = 0;

    (void)state;
    wait_sleep_ms(1300); /* not empty: it stays */
    assert_true(room_is_listed(watcher, "cave", &players, &capacity));
    assert_int_equal(players, 1);
    uint64_t left_ns = wait_now_ns();
    peer_close(maker);
    daemon_expect_stat_equal(daemon, "rooms_retired", 1);
    assert_in_range((wait_now_ns() - left_ns) / 1000000u, 900, 3000);
    assert_false(room_is_listed(watcher, "cave", &players, &capacity));
    assert_int_equal(daemon_stat(daemon, "rooms"), 1);
    send_create(watcher, "brief", "cave"); /* its name and its place are free again */
    peer_expect_joined(watcher, "cave");
    assert_int_equal(daemon_stat(daemon, "rooms_created"), 2);
    peer_close(watcher);
    daemon_stop(daemon);
}

static void a_reload_brings_templates_and_takes_them(void **state)
{
    struct daemon *daemon = daemon_start(LOBBY "[template old]\n");
    struct peer *maker = maker_connect(daemon, "old", "cave");
    struct peer *guest = guest_connect(daemon);

    (void)state;
    send_create(guest, "new", "tower");
    peer_expect_error(guest, ROOMD_ERROR_NO_SUCH_TEMPLATE);
    reload(daemon, LOBBY "[template new]\ntick = 30ms\nsuffix = yes\n");
    assert_int_equal(daemon_log_count(daemon, "event=reload rooms=2 templates=1", NULL), 1);
    send_create(guest, "old", "tower");
    peer_expect_error(guest, ROOMD_ERROR_NO_SUCH_TEMPLATE);
    send_create(guest, "new", "tower");
    assert_int_equal(peer_expect_joined(guest, "tower"), 30);
    peer_send_chat(guest, "up");
    peer_expect_chat(guest, 0, "up I am 2");

    reload(daemon, LOBBY "[template new]\ntick = 40ms\n"); /* for those that are made from now on */
    peer_send_chat(guest, "still");
    peer_expect_chat(guest, 0, "still I am 2");
    struct peer *third = guest_connect(daemon);
    send_create(third, "new", "spire");
    assert_int_equal(peer_expect_joined(third, "spire"), 40);
    peer_send_chat(third, "up");
    peer_expect_chat(third, 0, "up");

    peer_join(guest, "cave"); /* made of a template that is gone */
    peer_send_chat(guest, "hello");
    peer_expect_chat(maker, 2, "hello");
    peer_close(maker);
    peer_close(guest);
    peer_close(third);
    daemon_stop(daemon);
}

/* Whatever is wrong, templates stay as they were, and new rooms of the same file are not opened. */
static void a_bad_reload_changes_no_template(void **state)
{
    struct daemon *daemon = daemon_start(LOBBY "[template party]\n");
    struct peer *maker = maker_connect(daemon, "party", "cave");
    uint32_t players = 0;
    uint32_t capacity = 0;

    (void)state;
    reload_refused(daemon, LOBBY "[room attic]\n[template feast]\nsuffix = often\n",
                   "roomd.conf:5: suffix = often: not yes or no");
    reload_refused(daemon, LOBBY "[room attic]\n[template attic]\n",
                   "[template attic] has the name of [room attic]");
    reload_refused(daemon, LOBBY "[template feast]\n[room attic]\n[room cave]\n",
                   "[room cave] there is a room of that name, made of a template");
    reload_refused(daemon, LOBBY "[server]\ndata_dir = maps\n[template feast]\n", "data_dir may not change");
    assert_false(room_is_listed(maker, "attic", &players, &capacity));
    assert_int_equal(daemon_stat(daemon, "rooms"), 2);
    send_create(maker, "feast", "hall");
    peer_expect_error(maker, ROOMD_ERROR_NO_SUCH_TEMPLATE);
    send_create(maker, "party", "hall");
    peer_expect_left(maker, ROOMD_LEAVE_MOVED);
    peer_expect_joined(maker, "hall");
    peer_close(maker);
    daemon_stop(daemon);
}

/* Rooms that are opened before one of the same file that can't be are closed again. */
static void a_reload_that_runs_out_of_rooms_is_refused_whole(void **state)
{
    struct daemon *daemon = daemon_start("[server]\nrooms_max = 3\n" LOBBY "[template party]\n");
    struct peer *maker = maker_connect(daemon, "party", "cave");

    (void)state;
    reload_refused(daemon, "[server]\nrooms_max = 3\n" LOBBY "[room attic]\n[room cellar]\n",
                   "[room cellar] can't be opened: there are rooms_max rooms already");
    assert_int_equal(daemon_stat(daemon, "rooms"), 2);
    send_create(maker, "party", "hall");
    peer_expect_left(maker, ROOMD_LEAVE_MOVED);
    peer_expect_joined(maker, "hall");
    peer_close(maker);
    daemon_stop(daemon);
}

/* An announcement is told when it is new, and not when something else is. */
static void an_announcement_is_told_once(void **state)
{
    static const char with_text[] = "[server]\nannouncement = the gates close at ten\n" LOBBY
                                    "[room meadow]\ncontent = field\ntick = 10ms\n";
    static const char *const without = LOBBY "[room meadow]\ncontent = field\ntick = 10ms\n";
    struct daemon *daemon = daemon_start(without);
    struct peer *client = guest_connect(daemon);
    struct packet packet;

    (void)state;
    peer_send_join(client, "meadow");
    peer_await_packet(client, ROOMD_S_JOINED);
    peer_expect_packet(client, ROOMD_S_PLAYER_LIST);
    peer_expect_packet(client, ROOMD_S_BROADCAST_ENTER_GAME);
    reload(daemon, without);
    assert_int_equal(daemon_log_count(daemon, "event=announcement ", NULL), 0);
    reload(daemon, with_text);
    daemon_expect_log(daemon, "event=announcement rooms=2", NULL);
    assert_true(peer_next_packet(client, &packet, WAIT_LONG_MS));
    assert_int_equal(packet.id, ROOMD_S_SAID);
    assert_int_equal(packet.payload_bytes, 4 + 1 + 2 + strlen("the gates close at ten"));
    assert_int_equal(roomd_get_u32(packet.payload), 0);
    assert_int_equal(packet.payload[4], ROOMD_ANNOUNCE);
    assert_memory_equal(packet.payload + 7, "the gates close at ten", strlen("the gates close at ten"));
    reload(daemon, with_text);
    reload(daemon, without);
    peer_expect_silence(client, 100);
    assert_int_equal(daemon_log_count(daemon, "event=announcement ", NULL), 1);
    peer_close(client);
    daemon_stop(daemon);
}

static uint64_t limit_of(const char *line, size_t line_bytes, const char *key)
{
    size_t bytes = 0;
    const char *value = log_field_find(line, line_bytes, key, &bytes);

    assert_non_null(value);
    return strtoull(value, NULL, 10);
}

/* Of four rooms one is the config's; the largest template has two of the others, the next one what is left. */
static void the_limits_count_what_may_be_made(void **state)
{
    const uint64_t mib = 1024 * 1024;
    struct daemon *daemon = daemon_start("[server]\nrooms_max = 4\n[room a]\n"
                                         "[template small]\nmemory_max = 32MiB\n"
                                         "[template large]\nmemory_max = 1GiB\ninstances_max = 2\n"
                                         "[template tiny]\nmemory_max = 64KiB\n");
    char *log = daemon_log_from(daemon, 0);
    size_t line_bytes = 0;
    const char *line = log_line_find(log, "event=limits ", NULL, 0, &line_bytes);

    (void)state;
    assert_non_null(line);
    uint64_t room = limit_of(line, line_bytes, "rooms_bytes"); /* one, with 64 MiB */
    uint64_t templates = limit_of(line, line_bytes, "templates_bytes");
    assert_true(room > 64 * mib);
    assert_int_equal(templates, 3 * room + 2 * (1024 - 64) * mib - (64 - 32) * mib);
    uint64_t sum = room + templates;
    static const char *const others[] = {"sessions_bytes", "outbox_bytes",  "chunk_bytes",
                                         "timers_bytes",   "tickets_bytes", "sources_bytes"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        sum += limit_of(line, line_bytes, others[i]);
    }
    assert_int_equal(limit_of(line, line_bytes, "total_bytes"), sum);
    free(log);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(a_room_is_made_by_the_first_and_joined_by_the_next),
        SYSTEM_TEST(what_is_too_much_is_refused),
        SYSTEM_TEST(an_empty_room_is_closed_after_its_time),
        SYSTEM_TEST(a_reload_brings_templates_and_takes_them),
        SYSTEM_TEST(a_bad_reload_changes_no_template),
        SYSTEM_TEST(a_reload_that_runs_out_of_rooms_is_refused_whole),
        SYSTEM_TEST(an_announcement_is_told_once),
        SYSTEM_TEST(the_limits_count_what_may_be_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
