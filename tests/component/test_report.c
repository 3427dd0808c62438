/* The lines that the log has of rooms: whatever a room is called, they are read as they were meant. */
#include "support/component.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/report.h"

/* A name that would end its value, and begin others. */
#define FORGED  "a\"b=c level=alert"
#define IN_LOGS "\"a\\\"b=c level=alert\""

static char lines[64 * 1024];
static size_t lines_bytes;

static void keep_line(void *context, const char *line, size_t size)
{
    (void)context;
    assert_true(size < sizeof(lines) - lines_bytes);
    memcpy(lines + lines_bytes, line, size);
    lines_bytes += size;
    lines[lines_bytes] = '\0';
}

static int setup(void **state)
{
    int rc = fixture_setup(state);

    lines_bytes = 0;
    lines[0] = '\0';
    log_set_sink(keep_line, NULL);
    return rc;
}

/* A logfmt value ends at a blank, or, when it is quoted, at the quote that is not escaped. */
static const char *value_end(const char *value)
{
    if (*value != '"') {
        return value + strcspn(value, " \n");
    }
    for (value++; *value != '"'; value++) {
        assert_true(*value != '\n' && *value != '\0');
        value += *value == '\\';
    }
    return value + 1;
}

/* Every line is key=value pairs and nothing else, no key comes twice, and a room goes by its one name. */
static uint32_t check_lines(void)
{
    uint32_t rooms = 0;

    for (const char *at = lines; *at != '\0'; at++) {
        const char *line = at;
        uint32_t levels = 0;

        for (; *at != '\n'; at += *at == ' ') {
            size_t key_bytes = strcspn(at, "= \"\\\n");
            const char *value = at + key_bytes + 1;

            if (key_bytes == 0 || at[key_bytes] != '=') {
                fail_msg("\"%.*s\" is no logfmt", (int)strcspn(line, "\n"), line);
            }
            levels += key_bytes == 5 && memcmp(at, "level", 5) == 0;
            if (key_bytes == 4 && memcmp(at, "room", 4) == 0 && *value != '-') {
                assert_memory_equal(value, IN_LOGS, strlen(IN_LOGS));
                rooms++;
            }
            at = value_end(value);
        }
        assert_int_equal(levels, 1);
    }
    return rooms;
}

static bool has_line(const char *event)
{
    char text[64];

    snprintf(text, sizeof(text), " event=%s ", event);
    return strstr(lines, text) != NULL;
}

static void take_long(void *state, uint64_t session, const void *payload, size_t bytes)
{
    const struct stage *stage = state;

    (void)session;
    (void)payload;
    (void)bytes;
    stage->host->log(stage->room, "a text = of \"its\" own");
    fake_clock_advance(CALLBACK_SLOW_NS + 1);
}

/* Every event that names a room, of one whose name a client chose. */
static void a_rooms_name_forges_no_line(void **state)
{
    static const char *const events[] = {"close",      "room_create_failed", "callback_slow",
                                         "room_stats", "room_retire",        "content"};
    struct fixture *fixture = *state;
    struct room_template template = fixture_template(FORGED);
    struct player *one = fixture_connect(fixture);
    struct room *room;

    fixture_set_template(fixture, &template);
    player_hello(one);
    stage_set_open_result(-5);
    player_create(one, FORGED, FORGED);
    fixture_settle(fixture);
    stage_set_open_result(0);
    player_create(one, FORGED, FORGED);
    fixture_settle(fixture);
    room = fixture_find_room(fixture, FORGED);
    assert_non_null(room);
    assert_int_equal(room->member_count, 1);
    assert_int_equal(room_push(room, take_long, 0, NULL, 0), 0);
    fixture_settle(fixture);
    report_stats(&fixture->engine);
    report_rooms(&fixture->engine);
    session_close(fixture_session(fixture, one), ROOMD_CLOSE_KICKED, NULL);
    room_retire(room);
    fixture_settle(fixture);

    assert_true(check_lines() >= sizeof(events) / sizeof(events[0]));
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (!has_line(events[i])) {
            fail_msg("no event=%s", events[i]);
        }
    }
}

static void a_word_is_quoted_when_it_must_be(void **state)
{
    static const struct {
        const char *name;
        const char *word;
    } words[] = {{"town", "town"},       {"a-b_c.9!~", "a-b_c.9!~"}, {"", "\"\""},
                 {"a b", "\"a b\""},     {"a=b", "\"a=b\""},         {"a\"", "\"a\\\"\""},
                 {"a\\", "\"a\\\\\""},   {"\x7f", "\"\\x7f\""},      {"\xc3\xa9", "\"\\xc3\\xa9\""},
                 {"a\nb", "\"a\\x0ab\""}};
    char word[32];

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_string_equal(log_word(word, sizeof(word), words[i].name, strlen(words[i].name)),
                            words[i].word);
    }
    assert_string_equal(log_word(word, 8, "seven77", 7), "seven77");
    assert_string_equal(log_word(word, 8, "eight888", 8), "\"ei...\"");
    assert_string_equal(log_word(word, 8, "seven77 but not all of it", 7), "seven77");
}

/* ---- counters ---- */

static uint64_t counter_in_log(const char *name, uint32_t *found)
{
    char text[ROOMD_COUNTER_NAME_BYTES_MAX + 3];
    unsigned long long value = 0;

    snprintf(text, sizeof(text), " %s=", name);
    *found = 0;
    for (const char *at = lines; (at = strstr(at, text)) != NULL; at++) {
        assert_int_equal(sscanf(at + strlen(text), "%llu", &value), 1);
        (*found)++;
    }
    return value;
}

static void counter_name(char *name, uint32_t i)
{
    snprintf(name, ROOMD_COUNTER_NAME_BYTES_MAX + 1, "a_name_of_thirty_one_bytes_%04u", i);
}

static void no_line_without_counters(void **state)
{
    struct fixture *fixture = *state;

    report_stats(&fixture->engine);
    assert_true(has_line("stats"));
    assert_false(has_line("counters"));
}

/* Of the longest names and values that there are, as many as there may be: none is cut, none comes twice. */
static void what_contents_count_is_in_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    const struct stage *stage = stage_of(room);
    uint32_t found;
    char name[ROOMD_COUNTER_NAME_BYTES_MAX + 1];

    stage->host->count(stage->room, "deaths", 41);
    stage->host->count(stage->room, "deaths", 1);
    report_stats(&fixture->engine);
    assert_non_null(strstr(lines, " event=counters deaths=42\n"));
    for (uint32_t i = 1; i <= ROOMD_COUNTERS_MAX; i++) {
        counter_name(name, i);
        stage->host->count(stage->room, name, UINT64_MAX - i);
    }
    lines_bytes = 0;
    report_stats(&fixture->engine);
    assert_null(strstr(lines, "cut=yes"));
    check_lines();
    assert_int_equal(counter_in_log("deaths", &found), 42);
    assert_int_equal(found, 1);
    for (uint32_t i = 1; i < ROOMD_COUNTERS_MAX; i++) {
        counter_name(name, i);
        assert_true(counter_in_log(name, &found) == UINT64_MAX - i);
        assert_int_equal(found, 1);
    }
    counter_name(name, ROOMD_COUNTERS_MAX);
    counter_in_log(name, &found);
    assert_int_equal(found, 0); /* one too many */
}

/* What is counted of floods, nonsense, silence and slow readers, each under its name. */
static void each_count_has_its_name(void **state)
{
    static const char *const names[] = {"packets_flooded", "bytes_flooded",   "flood_warnings",
                                        "pings",           "flushes_paced",   "skips",
                                        "resyncs",         "packets_skipped", "strikes"};
    struct fixture *fixture = *state;
    struct engine_stats *stats = &fixture->engine.stats;
    uint32_t found;

    stats->packets_flooded = 1001;
    stats->bytes_flooded = 1002;
    stats->flood_warnings = 1003;
    stats->pings = 1004;
    stats->flushes_paced = 1005;
    stats->skips = 1006;
    stats->resyncs = 1007;
    fixture->engine.net.gather.skipped = 1008;
    stats->strikes[ROOMD_CLOSE_MALFORMED] = 9;
    stats->strikes[ROOMD_CLOSE_STATE] = 1000;
    report_stats(&fixture->engine);
    check_lines();
    for (uint64_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(counter_in_log(names[i], &found), 1001 + i);
        assert_int_equal(found, 1);
    }
}

#define REPORT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPORT_TEST(a_rooms_name_forges_no_line), cmocka_unit_test(a_word_is_quoted_when_it_must_be),
        REPORT_TEST(no_line_without_counters),    REPORT_TEST(what_contents_count_is_in_the_log),
        REPORT_TEST(each_count_has_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
