/* The defaults as the README states them, field by field, so that the table of keys cannot drift unseen. */
#include "base/clock.h"
#include "unit/config_parse.h"

static void test_server_defaults(void **state)
{
    struct config config;

    (void)state;
    assert_int_equal(config_default(&config), 0);

    const struct server_config *server = &config.server;

    assert_int_equal(server->listen_count, 1);
    assert_string_equal(server->listen[0], "127.0.0.1:7777");
    assert_int_equal(server->log_level, LOG_LEVEL_INFO);
    assert_int_equal(server->stats_ns, 60 * NS_PER_S);
    assert_int_equal(server->sessions_max, 16384);
    assert_int_equal(server->rooms_max, 1024);
    assert_int_equal(server->frame_bytes_max, 4096);
    assert_int_equal(server->frame_timeout_ns, 10 * NS_PER_S);
    assert_int_equal(server->linger_ns, NS_PER_S);
    assert_int_equal(server->hello_timeout_ns, 10 * NS_PER_S);
    assert_int_equal(server->ping_after_ns, 30 * NS_PER_S);
    assert_int_equal(server->pong_timeout_ns, 15 * NS_PER_S);
    assert_int_equal(server->ack_timeout_ns, 30 * NS_PER_S);
    assert_int_equal(server->send_rate, 4194304);
    assert_int_equal(server->send_burst, 4194304);
    assert_int_equal(server->socket_send_buffer_bytes, 262144);
    assert_int_equal(server->socket_unsent_bytes_max, 131072);
    assert_int_equal(server->packet_rate, 200);
    assert_int_equal(server->packet_burst, 400);
    assert_int_equal(server->input_rate, 65536);
    assert_int_equal(server->input_burst, 131072);
    assert_int_equal(server->flood_max, 200);
    assert_int_equal(server->strikes_max, 5);
    assert_int_equal(server->memory_bytes_max, 2147483648);
    assert_int_equal(server->shutdown_timeout_ns, 5 * NS_PER_S);
    assert_int_equal(server->chunk_bytes, 65536);
    assert_int_equal(server->chunk_memory_bytes_max, 268435456);
    assert_int_equal(server->job_timers_max, 65536);
    assert_int_equal(server->accept_backlog, 4096);
    assert_string_equal(server->module_dir, "");
    assert_string_equal(server->data_dir, "");
    assert_string_equal(server->secret_file, "");
    assert_false(server->is_open);
    assert_int_equal(server->ticket_ttl_max_ns, 24 * 3600 * NS_PER_S);
    assert_int_equal(server->nonces_max, 65536);
    assert_int_equal(server->duplicate, TICKET_DUPLICATE_REPLACE);
    assert_string_equal(server->announcement, "");
    config_fini(&config);
    config_fini(&config); /* harmless */
}

static void test_room_defaults(void **state)
{
    struct config config;

    (void)state;
    assert_int_equal(config_default(&config), 0);

    const struct room_config *room = &config.rooms[0];

    assert_int_equal(config.room_count, 1);
    assert_string_equal(room->name, "lobby");
    assert_string_equal(room->content, "chat");
    assert_int_equal(room->tick_ns, 250 * NS_PER_MS);
    assert_int_equal(room->capacity, 10000);
    assert_true(room->is_autojoin);
    assert_int_equal(room->early_flush_bytes, 262144);
    assert_int_equal(room->job_bytes_max, 1048576);
    assert_int_equal(room->jobs_per_turn, 4096);
    assert_int_equal(room->outbox_bytes_max, 4194304);
    assert_int_equal(room->outbox_slices_max, 1024);
    assert_int_equal(room->outbox_age_max_ns, 10 * NS_PER_S);
    assert_int_equal(room->slow, ROOM_SLOW_KICK);
    assert_int_equal(room->skip_max_ns, 30 * NS_PER_S);
    assert_int_equal(room->packet_rate, 0);
    assert_int_equal(room->packet_burst, 0);
    assert_int_equal(room->input_rate, 0);
    assert_int_equal(room->input_burst, 0);
    assert_int_equal(room->streams_max, 65536);
    assert_int_equal(room->memory_bytes_max, 67108864);
    assert_int_equal(room->seed, 0);
    assert_int_equal(room->setting_count, 0);
    assert_false(room->is_template);
    assert_int_equal(room->line, 0);
    assert_int_equal(config.template_count, 0);
    config_fini(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_defaults),
        cmocka_unit_test(test_room_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
