/* What a room's content has of the host: random numbers, memory, files, counters. */
#include "support/component.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "room/room_content.h"

/* ---- random numbers ---- */

static void draw(struct room *room, uint64_t *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = stage_of(room)->host->random(stage_of(room)->room);
    }
}

/* The numbers that SplitMix64 gives for seed 1234567, as its authors' own program prints them. */
static void random_numbers_follow_from_the_seed(void **state)
{
    static const uint64_t published[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                         4593380528125082431u, 16408922859458223821u};
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    uint64_t numbers[5];
    uint64_t others[5];

    options.seed = 1234567;
    draw(fixture_room(fixture, "a", &options), numbers, 5);
    assert_memory_equal(numbers, published, sizeof(published));
    draw(fixture_room(fixture, "b", &options), others, 5);
    assert_memory_equal(numbers, others, sizeof(numbers));
    options.seed = 0; /* the kernel's: not the same twice */
    draw(fixture_room(fixture, "c", &options), numbers, 5);
    draw(fixture_room(fixture, "d", &options), others, 5);
    assert_memory_not_equal(numbers, others, sizeof(numbers));
}

/* ---- memory ---- */

enum { MEMORY_MAX = 100 * 1000 };

static void memory_of_one(struct stage *stage, void *context)
{
    const struct roomd_host *host = stage->host;
    struct roomd_room *room = stage->room;
    uint8_t *first = host->alloc(room, 1000);
    uint8_t *second = host->alloc(room, 0);

    (void)context;
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal((uintptr_t)first % alignof(max_align_t), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(first[i], 0);
        first[i] = (uint8_t)i;
    }
    assert_null(host->alloc(room, MEMORY_MAX));
    assert_null(host->alloc(room, SIZE_MAX));
    assert_null(host->alloc(room, SIZE_MAX - 8));
    assert_null(host->resize(room, first, MEMORY_MAX));
    assert_null(host->resize(room, first, SIZE_MAX - 40));
    first = host->resize(room, first, 80 * 1000);
    assert_non_null(first);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(first[i], (uint8_t)i);
    }
    assert_null(host->alloc(room, 20 * 1000));
    first = host->resize(room, first, 10);
    assert_non_null(first);
    assert_int_equal(first[9], 9);
    second = host->resize(room, second, 70 * 1000);
    assert_non_null(second);
    host->free(room, second);
    host->free(room, NULL);
    second = host->resize(room, NULL, 70 * 1000);
    assert_non_null(second);
    assert_int_equal(second[69999], 0);
}

static uint32_t fill_memory(struct stage *stage)
{
    uint32_t count = 0;

    while (stage->host->alloc(stage->room, 100) != NULL) {
        count++;
    }
    return count;
}

static void memory_is_bounded_and_given_back(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    uint32_t count;
    void *large;

    options.memory_bytes_max = MEMORY_MAX;
    room = fixture_room(fixture, "room", &options);
    large = room_content_alloc(room, 10 * 1000);
    stage_run(fixture, room, memory_of_one, NULL);
    assert_true(room->memory_bytes > 70 * 1000);
    count = fill_memory(stage_of(fixture_room(fixture, "other", &options)));
    assert_in_range(count, MEMORY_MAX / 200, MEMORY_MAX / 100);
    /* A reload may leave a room with more than it may have: it gets nothing, and may give back. */
    options.memory_bytes_max = 1000;
    room_set_options(room, &options);
    assert_null(stage_of(room)->host->alloc(stage_of(room)->room, 1));
    assert_null(stage_of(room)->host->resize(stage_of(room)->room, large, 10 * 1000 + 1));
    assert_non_null(stage_of(room)->host->resize(stage_of(room)->room, large, 9 * 1000));
    /* What is left of it all goes with the rooms: the address sanitizer's leak check looks. */
}

static uint64_t freed_in_close;

struct keeper {
    const struct roomd_host *host;
    struct roomd_room *room;
    void *kept;
};

static int keeper_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    struct keeper *keeper = host->alloc(room, sizeof(*keeper));
    uint64_t timer;

    *keeper = (struct keeper){.host = host, .room = room, .kept = host->alloc(room, 5000)};
    assert_int_equal(host->push_after(room, 10, (roomd_job *)(uintptr_t)1, 0, NULL, 0, &timer), 0);
    assert_int_equal(host->stream_open(room, 3), 0);
    *state = keeper;
    return host->option(room, "fails") != NULL ? 0 : -EBADMSG;
}

static void keeper_close(void *state)
{
    struct keeper *keeper = state;

    keeper->host->log(keeper->room, "the end");
    keeper->host->free(keeper->room, keeper->kept);
    freed_in_close++;
}

static enum roomd_packet_result keeper_packet(void *state, uint64_t session, uint16_t id,
                                              const uint8_t *payload, size_t bytes)
{
    (void)state;
    (void)session;
    (void)id;
    (void)payload;
    (void)bytes;
    return ROOMD_PACKET_OK;
}

static const struct roomd_option keeper_options[] = {{.key = "fails", .default_text = "no", .help = ""},
                                                     {.key = NULL}};

/* An open that fails half way leaves nothing: no memory, no timer, no stream; close is not called for it. */
static void an_open_that_fails_half_way_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct roomd_content content = {.abi = ROOMD_CONTENT_ABI,
                                    .size = sizeof(content),
                                    .name = "keeper",
                                    .open = keeper_open,
                                    .close = keeper_close,
                                    .packet = keeper_packet};
    struct room_options options = fixture_room_options();
    struct room *room;

    assert_int_equal(room_open(&fixture->engine, "room", &options, &content, fixture->engine.host, &room),
                     -EBADMSG);
    assert_int_equal(freed_in_close, 0);
    assert_int_equal(fixture->engine.job_timer_pool.used, 0);
    content.options = keeper_options;
    room = fixture_room_of(fixture, "room", NULL, &content);
    assert_int_equal(fixture->engine.job_timer_pool.used, 1);
    room_close(room);
    assert_int_equal(freed_in_close, 1);
    assert_int_equal(fixture->engine.job_timer_pool.used, 0);
    assert_int_equal(fixture_log_count("text=\"the end\""), 1);
}

/* ---- files ---- */

static void file_write(const char *directory, const char *name, const void *bytes, size_t size)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void files_of_one(struct stage *stage, void *context)
{
    static const char *const bad[] = {"",     "/etc/passwd", "..",        "../x",     "a/../../x",
                                      "a/..", "a//..",       "sub/../ok", "../../ok", "sub"};
    const struct roomd_host *host = stage->host;
    struct roomd_room *room = stage->room;
    char *data = NULL;
    size_t bytes = 0;

    (void)context;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(host->read_data(room, bad[i], &data, &bytes), -EINVAL);
    }
    assert_int_equal(host->read_data(room, NULL, &data, &bytes), -EINVAL);
    assert_int_equal(host->read_data(room, "pipe", &data, &bytes), -EINVAL);
    assert_int_equal(host->read_data(room, "missing", &data, &bytes), -ENOENT);
    assert_int_equal(host->read_data(room, "ok/missing", &data, &bytes), -ENOTDIR);
    assert_int_equal(host->read_data(room, "large", &data, &bytes), -EFBIG);
    assert_int_equal(host->read_data(room, "most", &data, &bytes), -ENOMEM); /* of the room's memory */
    assert_null(data);
    assert_int_equal(host->read_data(room, "ok", &data, &bytes), 0);
    assert_int_equal(bytes, 6);
    assert_memory_equal(data, "a\0b\n\r\xff", 7);
    host->free(room, data);
    assert_int_equal(host->read_data(room, "sub/..b", &data, &bytes), 0);
    assert_int_equal(bytes, 0);
    assert_string_equal(data, "");
}

static void most_is_read(struct stage *stage, void *context)
{
    char *data;
    size_t bytes;

    (void)context;
    assert_int_equal(stage->host->read_data(stage->room, "most", &data, &bytes), 0);
    assert_int_equal(bytes, 16 * 1024 * 1024);
    assert_int_equal(data[bytes], 0);
}

static void no_file_is_there(struct stage *stage, void *context)
{
    char *data;
    size_t bytes;

    (void)context;
    assert_int_equal(stage->host->read_data(stage->room, "ok", &data, &bytes), -ENOENT);
}

static void directory_make(char *directory)
{
    char path[256];

    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/sub", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/pipe", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    file_write(directory, "ok", "a\0b\n\r\xff", 6);
    file_write(directory, "sub/..b", "", 0);
    file_write(directory, "most", "", 0);
    file_write(directory, "large", "", 0);
    snprintf(path, sizeof(path), "%s/most", directory);
    assert_int_equal(truncate(path, 16 * 1024 * 1024), 0);
    snprintf(path, sizeof(path), "%s/large", directory);
    assert_int_equal(truncate(path, 16 * 1024 * 1024 + 1), 0);
}

static void directory_remove(const char *directory)
{
    static const char *const names[] = {"sub/..b", "sub", "pipe", "ok", "most", "large", "."};
    char path[256];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        remove(names[i][0] == '.' ? directory : path);
    }
}

static void files_come_from_data_dir_alone(void **state)
{
    struct fixture *fixture = *state;
    char directory[] = "/tmp/roomd-test-XXXXXX";
    struct room_options options = fixture_room_options();
    struct room *room = fixture_room(fixture, "room", NULL);

    directory_make(directory);
    stage_run(fixture, room, no_file_is_there, NULL);
    fixture->engine.data_dir = directory;
    stage_run(fixture, room, files_of_one, NULL);
    options.memory_bytes_max = 17 * 1024 * 1024;
    stage_run(fixture, fixture_room(fixture, "large", &options), most_is_read, NULL);
    fixture->engine.data_dir = NULL;
    directory_remove(directory);
}

/* ---- counters ---- */

static void count_much(struct stage *stage, void *context)
{
    static const char *const bad[] = {"", "Kills", "a b", "a=b", "a\n", "a_name_of_thirty_two_characters__"};
    const struct roomd_host *host = stage->host;

    (void)context;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        host->count(stage->room, bad[i], 1);
    }
    host->count(stage->room, "a_name_of_thirty_one_characters", 3);
    host->count(stage->room, "kills", 0);
    host->count(stage->room, "kills", 40);
    host->count(stage->room, "kills", 2);
    for (uint32_t i = 0; i < 2 * ROOMD_COUNTERS_MAX; i++) {
        char name[16];

        snprintf(name, sizeof(name), "n_%u", i);
        host->count(stage->room, name, i);
    }
}

static void counters_are_of_the_process(void **state)
{
    struct fixture *fixture = *state;
    const struct engine *engine = &fixture->engine;

    stage_run(fixture, fixture_room(fixture, "a", NULL), count_much, NULL);
    assert_int_equal(engine->counter_count, ROOMD_COUNTERS_MAX);
    assert_string_equal(engine->counters[0].name, "a_name_of_thirty_one_characters");
    assert_string_equal(engine->counters[1].name, "kills");
    assert_int_equal(engine->counters[1].value, 42);
    stage_run(fixture, fixture_room(fixture, "b", NULL), count_much, NULL);
    assert_int_equal(engine->counter_count, ROOMD_COUNTERS_MAX);
    assert_int_equal(engine->counters[0].value, 6);
    assert_int_equal(engine->counters[1].value, 84);
    assert_string_equal(engine->counters[ROOMD_COUNTERS_MAX - 1].name, "n_61");
    assert_int_equal(engine->counters[ROOMD_COUNTERS_MAX - 1].value, 122);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(random_numbers_follow_from_the_seed),
        FIXTURE_TEST(memory_is_bounded_and_given_back),
        FIXTURE_TEST(an_open_that_fails_half_way_leaves_nothing),
        FIXTURE_TEST(files_come_from_data_dir_alone),
        FIXTURE_TEST(counters_are_of_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
