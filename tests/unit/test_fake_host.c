/* The host in memory keeps what roomd/content.h promises: whatever is tested on it rests on that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/fake_host.h"

enum { RUNS_MAX = 32 };

/* A content that does nothing by itself: the tests call the services. */
struct puppet {
    const struct roomd_host *host;
    struct roomd_room *room;
    uint32_t ticks, resyncs;
    enum roomd_leave_reason left;
    uint64_t left_user;
    size_t parcel_bytes;
    uint32_t runs;
    uint64_t run_at[RUNS_MAX];
    uint8_t run_what[RUNS_MAX];
};

static int puppet_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    struct puppet *puppet = host->alloc(room, sizeof(*puppet));

    assert_non_null(puppet);
    puppet->host = host;
    puppet->room = room;
    *state = puppet;
    return strcmp(host->option(room, "fails"), "yes") == 0 ? -EINVAL : 0;
}

static void puppet_close(void *state)
{
    (void)state;
}

static void puppet_enter(void *state, uint64_t session)
{
    struct puppet *puppet = state;

    puppet->parcel_bytes = 0;
    if (puppet->host->parcel(puppet->room, session, &puppet->parcel_bytes) == NULL) {
        puppet->parcel_bytes = SIZE_MAX;
    }
}

static void puppet_leave(void *state, uint64_t session, enum roomd_leave_reason reason)
{
    struct puppet *puppet = state;

    puppet->left = reason;
    puppet->left_user = (uintptr_t)puppet->host->user(puppet->room, session);
    assert_int_equal(puppet->host->stream_follow(puppet->room, session, 1), -ENOENT);
    puppet->host->send(puppet->room, session, 99, "bye", 3, 0);
}

static enum roomd_packet_result puppet_packet(void *state, uint64_t session, uint16_t id,
                                              const uint8_t *payload, size_t bytes)
{
    struct puppet *puppet = state;

    (void)payload;
    (void)bytes;
    puppet->host->refuse(puppet->room, session, (enum roomd_error)id, NULL);
    return ROOMD_PACKET_OK;
}

static void puppet_tick(void *state)
{
    ((struct puppet *)state)->ticks++;
}

static void puppet_resync(void *state, uint64_t session)
{
    struct puppet *puppet = state;

    puppet->resyncs++;
    puppet->host->send(puppet->room, session, 50, NULL, 0, 0);
}

static const struct roomd_option puppet_options[] = {{.key = "fails", .default_text = "no"}, {.key = NULL}};

static const struct roomd_content puppet_content = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(puppet_content),
    .name = "puppet",
    .open = puppet_open,
    .close = puppet_close,
    .enter = puppet_enter,
    .leave = puppet_leave,
    .packet = puppet_packet,
    .tick = puppet_tick,
    .options = puppet_options,
    .resync = puppet_resync,
};

struct stage {
    struct fake_room *fake;
    struct puppet *puppet;
    const struct roomd_host *host;
    struct roomd_room *room;
    uint64_t a, b;
};

static void stage_open(struct stage *stage)
{
    stage->fake = fake_room_open(&puppet_content, NULL);
    stage->puppet = fake_state(stage->fake);
    stage->host = stage->puppet->host;
    stage->room = stage->puppet->room;
    stage->a = fake_enter(stage->fake);
    stage->b = fake_enter(stage->fake);
}

/* "1 2 3": the ids that the player reads, all of them. */
static void expect_ids(struct stage *stage, uint64_t session, const char *ids)
{
    struct fake_packet packet;
    char came[256] = "";

    while (fake_next(stage->fake, session, &packet)) {
        snprintf(came + strlen(came), sizeof(came) - strlen(came), came[0] == '\0' ? "%u" : " %u", packet.id);
    }
    assert_string_equal(came, ids);
}

static void append(struct stage *stage, uint32_t stream, uint16_t id)
{
    assert_int_equal(stage->host->stream_append(stage->room, stream, id, "x", 1, 0), 0);
}

static void open_and_follow(struct stage *stage, uint32_t stream)
{
    assert_int_equal(stage->host->stream_open(stage->room, stream), 0);
    assert_int_equal(stage->host->stream_follow(stage->room, stage->a, stream), 0);
    assert_int_equal(stage->host->stream_follow(stage->room, stage->b, stream), 0);
}

static void close_streams(struct stage *stage)
{
    for (uint32_t stream = 0; stream < 16; stream++) {
        stage->host->stream_unfollow(stage->room, stage->a, stream);
        stage->host->stream_unfollow(stage->room, stage->b, stream);
        stage->host->stream_close(stage->room, stream);
    }
    assert_int_equal(fake_streams(stage->fake), 0);
}

static void streams_are_handed_over_by_number_the_rooms_first(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    open_and_follow(&stage, 9);
    open_and_follow(&stage, 0);
    open_and_follow(&stage, 4);
    append(&stage, 9, 1);
    append(&stage, 4, 2);
    append(&stage, 0, 3);
    stage.host->broadcast(stage.room, 4, "x", 1, 0);
    append(&stage, 9, 5);
    expect_ids(&stage, stage.a, ""); /* not before the flush */
    fake_flush(stage.fake);
    expect_ids(&stage, stage.a, "4 3 2 1 5");
    assert_int_equal(fake_follows(stage.fake), 6);
    close_streams(&stage);
    fake_room_close(stage.fake);
}

static void a_barrier_and_private_packets_make_an_order(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    open_and_follow(&stage, 1);
    open_and_follow(&stage, 2);
    append(&stage, 2, 10);
    stage.host->barrier(stage.room);
    append(&stage, 1, 11);
    append(&stage, 2, 12);
    assert_int_equal(stage.host->send(stage.room, stage.a, 13, NULL, 0, 0), 0);
    append(&stage, 1, 14);
    fake_flush(stage.fake);
    expect_ids(&stage, stage.a, "10 11 12 13 14");
    expect_ids(&stage, stage.b, "10 11 14 12");
    close_streams(&stage);
    fake_room_close(stage.fake);
}

static void following_begins_and_ends_where_it_is_called(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    open_and_follow(&stage, 1);
    assert_int_equal(stage.host->stream_follow(stage.room, stage.a, 1), -EALREADY);
    assert_int_equal(stage.host->stream_follow(stage.room, stage.a, 2), -ENOENT);
    assert_int_equal(stage.host->stream_open(stage.room, 1), -EEXIST);
    assert_int_equal(stage.host->stream_close(stage.room, 1), -EBUSY);
    append(&stage, 1, 20);
    assert_int_equal(stage.host->stream_unfollow(stage.room, stage.a, 1), 0);
    assert_int_equal(stage.host->stream_unfollow(stage.room, stage.a, 1), -ENOENT);
    append(&stage, 1, 21);
    assert_int_equal(stage.host->stream_follow(stage.room, stage.a, 1), 0);
    append(&stage, 1, 22);
    fake_flush(stage.fake);
    expect_ids(&stage, stage.a, "20 22");
    expect_ids(&stage, stage.b, "20 21 22");
    fake_set_streams_max(stage.fake, 1);
    assert_int_equal(stage.host->stream_open(stage.room, 7), -ENOSPC);
    fake_leave(stage.fake, stage.b, ROOMD_LEAVE_ASKED);
    assert_int_equal(fake_follows(stage.fake), 1);
    assert_int_equal(stage.host->stream_append(stage.room, 8, 1, NULL, 0, 0), -ENOENT);
    fake_room_close(stage.fake);
}

static void the_newest_state_of_a_key_wins_until_it_is_handed_over(void **state)
{
    struct stage stage;
    struct fake_packet packet;

    (void)state;
    stage_open(&stage);
    stage.host->broadcast_keyed(stage.room, 7, 30, "a", 1, 0);
    stage.host->broadcast(stage.room, 31, "-", 1, 0);
    stage.host->broadcast_keyed(stage.room, 7, 30, "b", 1, 0);
    fake_flush(stage.fake);
    assert_true(fake_next(stage.fake, stage.b, &packet));
    assert_int_equal(packet.payload[0], 'b');
    expect_ids(&stage, stage.b, "31");
    expect_ids(&stage, stage.a, "30 31");
    stage.host->broadcast_keyed(stage.room, 7, 30, "c", 1, 0);
    stage.host->send(stage.room, stage.a, 32, NULL, 0, 0); /* hands it over to one */
    stage.host->broadcast_keyed(stage.room, 7, 30, "d", 1, 0);
    stage.host->broadcast_keyed(stage.room, 7, 30, "ee", 2, 0);
    fake_flush(stage.fake);
    expect_ids(&stage, stage.b, "30 30 30");
    fake_room_close(stage.fake);
}

static void some_and_all_but_one(void **state)
{
    struct stage stage;
    uint64_t both[3];
    uint32_t missed[3] = {7, 7, 7};

    (void)state;
    stage_open(&stage);
    stage.host->broadcast(stage.room, 40, NULL, 0, 0);
    stage.host->broadcast_except(stage.room, stage.a, 41, NULL, 0, 0);
    both[0] = stage.a;
    both[1] = 12345;
    both[2] = stage.b;
    assert_int_equal(stage.host->send_some(stage.room, both, 3, 0, NULL, 0, 0, missed), -EINVAL);
    assert_int_equal(missed[0], 7);
    assert_int_equal(stage.host->send_some(stage.room, both, 3, 42, NULL, 0, 0, missed), 2);
    assert_true(missed[0] == 1 && missed[1] == 7);
    fake_set_owed(stage.fake, stage.a, true);
    assert_int_equal(stage.host->send_some(stage.room, both, 3, 43, NULL, 0, 0, missed), 1);
    assert_true(missed[0] == 0 && missed[1] == 1 && missed[2] == 7);
    assert_int_equal(stage.host->send_some(stage.room, both, 3, 43, NULL, 0, 0, NULL), 1);
    assert_int_equal(stage.host->send(stage.room, stage.a, 44, NULL, 0, 0), -ENOBUFS);
    assert_int_equal(stage.host->send(stage.room, 12345, 44, NULL, 0, 0), -ENOENT);
    assert_int_equal(stage.host->send(stage.room, stage.b, 0xFF00, NULL, 0, 0), -EINVAL);
    assert_int_equal(stage.host->broadcast(stage.room, 1, NULL, ROOMD_PAYLOAD_BYTES_MAX + 1, 0), -EMSGSIZE);
    fake_flush(stage.fake);
    expect_ids(&stage, stage.a, "40 42");
    expect_ids(&stage, stage.b, "40 41 42 43 43");
    assert_int_equal(fake_writes(stage.fake), 5);
    fake_room_close(stage.fake);
}

static void a_reader_that_is_skipped_is_resynced(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage.host->broadcast(stage.room, 49, NULL, 0, 0);
    fake_skip(stage.fake, stage.a);
    stage.host->broadcast(stage.room, 51, NULL, 0, 0);
    fake_flush(stage.fake);
    expect_ids(&stage, stage.a, "50 51");
    expect_ids(&stage, stage.b, "49 51");
    fake_room_close(stage.fake);
}

/* ---- jobs ---- */

static void note(void *state, uint64_t session, const void *payload, size_t bytes)
{
    struct puppet *puppet = state;

    assert_int_equal(bytes, 1);
    assert_true(puppet->runs < RUNS_MAX);
    puppet->run_what[puppet->runs] = *(const uint8_t *)payload;
    puppet->run_at[puppet->runs++] = puppet->host->now_ms(puppet->room);
    if (session > 0) { /* so many more of them, 10 ms apart */
        uint64_t timer;

        puppet->host->push_after(puppet->room, 10, note, session - 1, payload, bytes, &timer);
    }
}

static void jobs_run_when_they_are_due_in_order(void **state)
{
    struct stage stage;
    uint64_t timer, cancelled;

    (void)state;
    stage_open(&stage);
    stage.host->push_after(stage.room, 30, note, 0, "c", 1, &timer);
    stage.host->push_after(stage.room, 20, note, 0, "b", 1, &timer);
    stage.host->push_after(stage.room, 25, note, 0, "-", 1, &cancelled);
    stage.host->push_after(stage.room, 30, note, 0, "d", 1, &timer);
    stage.host->push(stage.room, note, 3, "a", 1);
    assert_int_equal(stage.host->cancel(stage.room, cancelled), 0);
    assert_int_equal(stage.host->cancel(stage.room, cancelled), -ENOENT);
    assert_int_equal(fake_jobs(stage.fake), 4);
    fake_advance(stage.fake, 29);
    fake_tick(stage.fake, 1);
    assert_int_equal(stage.puppet->runs, 7);
    assert_memory_equal(stage.puppet->run_what, "aabacda", 7);
    assert_int_equal(stage.puppet->run_at[2], 20);
    assert_int_equal(stage.puppet->run_at[6], 30);
    assert_int_equal(stage.puppet->ticks, 1);
    assert_int_equal(fake_jobs(stage.fake), 0);
    fake_room_close(stage.fake);
}

/* ---- coming and going ---- */

static void leaving_is_called_behind_what_asked_for_it(void **state)
{
    struct stage stage;
    size_t bytes;
    int mark = 0;

    (void)state;
    stage_open(&stage);
    fake_add_room(stage.fake, "there");
    assert_int_equal(stage.host->set_user(stage.room, stage.a, &mark), 0);
    assert_int_equal(stage.host->move(stage.room, stage.a, "nowhere", NULL, 0), -ENOENT);
    assert_int_equal(stage.host->move(stage.room, stage.a, "there", "luggage", 7), 0);
    assert_int_equal(stage.host->move(stage.room, stage.a, "there", NULL, 0), -EALREADY);
    assert_int_equal(stage.host->leave(stage.room, stage.a), -EALREADY);
    assert_int_equal(stage.puppet->left, 0);
    stage.host->broadcast(stage.room, 60, NULL, 0, 0);
    fake_advance(stage.fake, 0);
    fake_send(stage.fake, stage.b, 3, NULL, 0); /* any call settles */
    assert_int_equal(fake_take_error(stage.fake, stage.b), 3);
    assert_int_equal(fake_take_error(stage.fake, stage.b), ROOMD_ERROR_NONE);
    assert_int_equal(stage.puppet->left, ROOMD_LEAVE_MOVED);
    assert_true(stage.puppet->left_user == (uintptr_t)&mark);
    assert_string_equal(fake_moved_to(stage.fake, stage.a), "there");
    assert_memory_equal(fake_parcel(stage.fake, stage.a, &bytes), "luggage", 7);
    assert_int_equal(bytes, 7);
    expect_ids(&stage, stage.a, "60 99");
    assert_int_equal(stage.host->player_id(stage.room, stage.a), 0);
    assert_null(stage.host->user(stage.room, stage.a));
    stage.host->kick(stage.room, stage.b, "out");
    assert_false(stage.puppet->left == ROOMD_LEAVE_DISCONNECTED);
    fake_enter_with(stage.fake, 1, "luggage", 7);
    assert_int_equal(stage.puppet->parcel_bytes, 7);
    assert_int_equal(stage.puppet->left, ROOMD_LEAVE_DISCONNECTED);
    assert_true(fake_is_kicked(stage.fake, stage.b));
    assert_int_equal(fake_player_id(stage.fake, fake_enter(stage.fake)), 3);
    assert_int_equal(stage.puppet->parcel_bytes, SIZE_MAX);
    fake_room_close(stage.fake);
}

static void a_room_that_closes_leads_everyone_out(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    fake_add_template(stage.fake, "dungeon");
    assert_int_equal(stage.host->create(stage.room, "cave", "d-1"), -ENOENT);
    assert_int_equal(stage.host->create(stage.room, "dungeon", "d-1"), 0);
    assert_int_equal(stage.host->create(stage.room, "dungeon", "d-1"), -EEXIST);
    assert_string_equal(fake_created(stage.fake), "d-1");
    assert_int_equal(stage.host->close(stage.room, NULL), 0);
    assert_true(fake_is_closing(stage.fake));
    fake_send(stage.fake, stage.a, 3, NULL, 0);
    assert_int_equal(stage.puppet->left, ROOMD_LEAVE_ROOM_CLOSED);
    assert_int_equal(stage.host->players(stage.room, NULL, 0), 0);
    fake_tick(stage.fake, 10);
    assert_int_equal(stage.puppet->ticks, 0); /* nobody is in */
    fake_room_close(stage.fake);
}

/* ---- memory and data ---- */

static void memory_fails_when_it_is_told_to(void **state)
{
    struct stage stage;
    static const char zeroes[64];

    (void)state;
    stage_open(&stage);
    fake_fail_alloc(stage.fake, 2);
    char *memory = stage.host->alloc(stage.room, 8);

    assert_memory_equal(memory, zeroes, 8);
    memcpy(memory, "content", 8);
    assert_null(stage.host->resize(stage.room, memory, 4096));
    assert_string_equal(memory, "content");
    memory = stage.host->resize(stage.room, memory, 4096);
    assert_string_equal(memory, "content");
    stage.host->free(stage.room, memory);
    stage.host->free(stage.room, NULL);
    assert_non_null(stage.host->alloc(stage.room, 100)); /* given back with the room */
    fake_room_close(stage.fake);
}

static void data_and_options_are_what_the_test_gave(void **state)
{
    static const char *const options[] = {"fails", "yes", NULL};
    struct stage stage;
    char *data;
    size_t bytes;
    int error;

    (void)state;
    assert_null(fake_room_try(&puppet_content, options, &error));
    assert_int_equal(error, -EINVAL);
    fake_data_clear();
    fake_data_add("maps/one", "first");
    fake_data_add("maps/one", "second");
    stage_open(&stage);
    assert_string_equal(stage.host->option(stage.room, "fails"), "no");
    assert_null(stage.host->option(stage.room, "view"));
    assert_int_equal(stage.host->read_data(stage.room, "maps/one", &data, &bytes), 0);
    assert_string_equal(data, "second");
    assert_int_equal(bytes, 6);
    assert_int_equal(stage.host->read_data(stage.room, "maps/two", &data, &bytes), -ENOENT);
    assert_int_equal(stage.host->read_data(stage.room, "../one", &data, &bytes), -EINVAL);
    stage.host->log(stage.room, "a line");
    assert_string_equal(fake_last_log(), "a line");
    fake_data_clear();
    fake_room_close(stage.fake);
}

static void equal_histories_have_equal_digests(void **state)
{
    uint64_t digests[3];

    (void)state;
    for (int run = 0; run < 3; run++) {
        struct stage stage;

        stage_open(&stage);
        stage.host->broadcast(stage.room, 70, run == 2 ? "x" : "y", 1, 0);
        if (run == 1) {
            fake_flush(stage.fake); /* when it is handed over makes no difference */
            fake_drop(stage.fake, 0);
        }
        stage.host->send(stage.room, stage.a, 71, "z", 1, 0);
        fake_flush(stage.fake);
        digests[run] = fake_digest(stage.fake);
        assert_int_equal(stage.host->random(stage.room), UINT64_C(0x910A2DEC89025CC1)); /* SplitMix64 of 1 */
        fake_room_close(stage.fake);
    }
    assert_true(digests[0] == digests[1]);
    assert_true(digests[0] != digests[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_handed_over_by_number_the_rooms_first),
        cmocka_unit_test(a_barrier_and_private_packets_make_an_order),
        cmocka_unit_test(following_begins_and_ends_where_it_is_called),
        cmocka_unit_test(the_newest_state_of_a_key_wins_until_it_is_handed_over),
        cmocka_unit_test(some_and_all_but_one),
        cmocka_unit_test(a_reader_that_is_skipped_is_resynced),
        cmocka_unit_test(jobs_run_when_they_are_due_in_order),
        cmocka_unit_test(leaving_is_called_behind_what_asked_for_it),
        cmocka_unit_test(a_room_that_closes_leads_everyone_out),
        cmocka_unit_test(memory_fails_when_it_is_told_to),
        cmocka_unit_test(data_and_options_are_what_the_test_gave),
        cmocka_unit_test(equal_histories_have_equal_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
