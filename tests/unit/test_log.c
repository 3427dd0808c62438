#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/log.h"

enum { LINE_BYTES_MAX = 2048 };

static char caught[8][LINE_BYTES_MAX + 1];
static size_t caught_sizes[8];
static size_t caught_count;

static void catch_line(void *context, const char *line, size_t size)
{
    assert_ptr_equal(context, caught);
    assert_in_range(size, 1, LINE_BYTES_MAX);
    assert_true(caught_count < 8);
    memcpy(caught[caught_count], line, size);
    caught[caught_count][size] = '\0';
    caught_sizes[caught_count++] = size;
}

static int set_up(void **state)
{
    (void)state;
    caught_count = 0;
    log_set_level(LOG_LEVEL_INFO);
    log_set_sink(catch_line, caught);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

/* The line behind its time stamp, which starts "ts=2026-11-22T09:00:00.123Z ". */
static const char *behind_ts(const char *line)
{
    static const char pattern[] = "ts=dddd-dd-ddTdd:dd:dd.dddZ ";

    for (size_t i = 0; pattern[i] != '\0'; i++) {
        if (pattern[i] == 'd') {
            assert_in_range(line[i], '0', '9');
        } else {
            assert_int_equal(line[i], pattern[i]);
        }
    }
    return line + sizeof(pattern) - 1;
}

static void a_line_is_logfmt(void **state)
{
    (void)state;
    log_line(LOG_LEVEL_INFO, "listen", "addr=%s backlog=%d", "127.0.0.1:7777", 511);
    log_line(LOG_LEVEL_ERROR, "bare", "");
    assert_int_equal(caught_count, 2);
    assert_string_equal(behind_ts(caught[0]), "level=info event=listen addr=127.0.0.1:7777 backlog=511\n");
    assert_string_equal(behind_ts(caught[1]), "level=error event=bare\n");
    assert_int_equal(strlen(caught[0]), caught_sizes[0]);
}

/* In a zone far from UTC: the stamp must lie between the seconds read before and after. */
static void the_time_stamp_is_utc(void **state)
{
    struct timespec before;
    struct timespec after;
    struct tm tm = {0};
    time_t stamped;

    (void)state;
    setenv("TZ", "XXX-9:30", 1);
    tzset();
    clock_gettime(CLOCK_REALTIME, &before);
    log_line(LOG_LEVEL_INFO, "now", "");
    clock_gettime(CLOCK_REALTIME, &after);
    unsetenv("TZ");
    tzset();
    assert_non_null(strptime(caught[0], "ts=%Y-%m-%dT%H:%M:%S", &tm));
    stamped = timegm(&tm);
    assert_true(stamped >= before.tv_sec && stamped <= after.tv_sec);
    if (before.tv_sec == after.tv_sec) {
        long stamped_ms = strtol(caught[0] + strlen("ts=2026-11-22T09:00:00."), NULL, 10);

        assert_in_range(stamped_ms, before.tv_nsec / 1000000, after.tv_nsec / 1000000);
    }
}

static int evaluations;

static int evaluated(void)
{
    return ++evaluations;
}

static void levels_above_the_set_one_are_silent(void **state)
{
    static const char *const names[] = {"alert", "error", "warn", "info", "debug"};

    (void)state;
    for (enum log_level set = LOG_LEVEL_ALERT; set <= LOG_LEVEL_DEBUG; set++) {
        log_set_level(set);
        caught_count = 0;
        evaluations = 0;
        for (enum log_level level = LOG_LEVEL_ALERT; level <= LOG_LEVEL_DEBUG; level++) {
            assert_int_equal(log_level_is_on(level), level <= set);
            LOG(level, "x", "n=%d", evaluated());
        }
        assert_int_equal(caught_count, set + 1);
        assert_int_equal(evaluations, set + 1); /* what is not logged is not even computed */
        for (size_t i = 0; i < caught_count; i++) {
            char expected[64];

            snprintf(expected, sizeof(expected), "level=%s event=x n=%zu\n", names[i], i + 1);
            assert_string_equal(behind_ts(caught[i]), expected);
        }
        caught_count = 0;
        log_line(LOG_LEVEL_DEBUG, "x", ""); /* without the macro too */
        assert_int_equal(caught_count, set == LOG_LEVEL_DEBUG);
    }
}

/* Every length around the limit: whole up to it, cut and marked beyond, and never longer. */
static void a_long_line_is_cut_and_says_so(void **state)
{
    char text[LINE_BYTES_MAX + 100];
    const char *rest;
    size_t head;
    size_t fitting;

    (void)state;
    memset(text, 'a', sizeof(text));
    log_line(LOG_LEVEL_INFO, "x", "k=");
    head = caught_sizes[0] - 1;
    fitting = LINE_BYTES_MAX - 1 - head;
    for (size_t size = fitting - 20; size < fitting + 20; size++) {
        caught_count = 0;
        log_line(LOG_LEVEL_INFO, "x", "k=%.*s", (int)size, text);
        rest = caught[0] + head;
        if (size <= fitting) {
            assert_int_equal(caught_sizes[0], head + size + 1);
            assert_int_equal(strspn(rest, "a"), size);
            assert_string_equal(rest + size, "\n");
        } else {
            assert_in_range(caught_sizes[0], LINE_BYTES_MAX - 8, LINE_BYTES_MAX);
            assert_string_equal(rest + strspn(rest, "a"), " cut=yes\n");
        }
    }
}

/* Reads one value in quotes as a logfmt parser would; returns what stands behind its closing quote. */
static const char *skip_quoted(const char *text)
{
    assert_int_equal(*text++, '"');
    while (*text != '"') {
        if (*text == '\\') {
            if (text[1] == 'x') {
                assert_int_equal(strspn(text + 2, "0123456789abcdef") >= 2, 1);
                text += 2;
            }
            text++;
        }
        assert_true(*text != '\0' && *text != '\n');
        text++;
    }
    return text + 1;
}

/* A line cut inside a quoted value must still parse: the escape whole, the quote closed. */
static void a_cut_within_quotes_closes_them(void **state)
{
    static const char *const hostiles[] = {"\n", "\"", "\\", "a", "\"\n\\"};

    (void)state;
    for (size_t h = 0; h < sizeof(hostiles) / sizeof(hostiles[0]); h++) {
        for (size_t shift = 0; shift < 8; shift++) {
            char quoted[3 * LINE_BYTES_MAX];
            char foreign[LINE_BYTES_MAX];
            size_t step = strlen(hostiles[h]);
            const char *value;

            for (size_t i = 0; i < sizeof(foreign); i++) {
                foreign[i] = hostiles[h][i % step];
            }
            log_quote(quoted, sizeof(quoted), foreign, sizeof(foreign));
            caught_count = 0;
            log_line(LOG_LEVEL_INFO, "x", "%.*s=%s", (int)shift + 1, "kkkkkkkk", quoted);
            assert_in_range(caught_sizes[0], LINE_BYTES_MAX - 16, LINE_BYTES_MAX);
            value = strchr(caught[0], '"');
            assert_non_null(value);
            assert_string_equal(skip_quoted(value), " cut=yes\n");
        }
    }
}

static void one_event_is_one_line_whatever_it_holds(void **state)
{
    (void)state;
    log_line(LOG_LEVEL_INFO, "x", "k=%s", "a\nts=2026 level=alert event=forged\r\x1b[2J\x7f\t");
    assert_int_equal(caught_count, 1);
    assert_string_equal(behind_ts(caught[0]),
                        "level=info event=x k=a?ts=2026 level=alert event=forged??[2J??\n");
}

static void errno_survives(void **state)
{
    (void)state;
    errno = EPROTO;
    log_line(LOG_LEVEL_INFO, "x", "k=1");
    assert_int_equal(errno, EPROTO);
    log_set_sink(NULL, NULL);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    close(STDERR_FILENO);
    errno = EPROTO;
    log_line(LOG_LEVEL_INFO, "x", "k=1"); /* nowhere to go, and no one to tell */
    int after = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(after, EPROTO);
}

/* With a socket that keeps messages apart as stderr, each write(2) is one message. */
static void a_line_is_one_write_on_stderr(void **state)
{
    char line[LINE_BYTES_MAX + 1];
    char text[3000];
    int pair[2];
    int saved = dup(STDERR_FILENO);
    ssize_t sizes[3];

    (void)state;
    memset(text, 'b', sizeof(text));
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    log_set_sink(NULL, NULL);
    dup2(pair[1], STDERR_FILENO);
    log_line(LOG_LEVEL_INFO, "one", "k=v");
    log_line(LOG_LEVEL_INFO, "two", "k=%.*s", (int)sizeof(text), text);
    dup2(saved, STDERR_FILENO);
    close(saved);
    sizes[0] = read(pair[0], line, LINE_BYTES_MAX);
    assert_true(sizes[0] > 0);
    line[sizes[0]] = '\0';
    assert_string_equal(behind_ts(line), "level=info event=one k=v\n");
    sizes[1] = read(pair[0], line, LINE_BYTES_MAX + 1);
    assert_int_equal(sizes[1], LINE_BYTES_MAX - 1); /* no quote to close */
    assert_memory_equal(line + sizes[1] - 9, " cut=yes\n", 9);
    sizes[2] = read(pair[0], line, LINE_BYTES_MAX);
    assert_int_equal(sizes[2], -1);
    close(pair[0]);
    close(pair[1]);
}

static void assert_quoted(const char *bytes, size_t size, const char *expected)
{
    char out[128];

    memset(out, '#', sizeof(out));
    assert_ptr_equal(log_quote(out, sizeof(out), bytes, size), out);
    assert_string_equal(out, expected);
}

#define ASSERT_QUOTED(literal, expected) assert_quoted(literal, sizeof(literal) - 1, expected)

/* Nobody reads the pipe: the process that logged stood still until somebody did, and its players with it. */
static void a_log_that_nobody_read_held_the_process_up(void **state)
{
    enum { LINES = 2000 };
    char text[8192];
    char lost[64];
    int ends[2];
    int before = dup(STDERR_FILENO);
    size_t written = 0;
    ssize_t got;

    (void)state;
    log_set_sink(NULL, NULL);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(before >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    alarm(60);
    for (int i = 0; i < LINES; i++) {
        LOG(LOG_LEVEL_WARN, "much", "text=%0100d", i);
    }
    alarm(0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    while ((got = read(ends[0], text, sizeof(text))) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            written += text[i] == '\n';
        }
    }
    assert_in_range(written, 1, LINES - 1);
    LOG(LOG_LEVEL_WARN, "again", "");
    LOG(LOG_LEVEL_WARN, "and_again", "");
    got = read(ends[0], text, sizeof(text) - 1);
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[0]);
    close(ends[1]);
    assert_true(got > 0);
    text[got] = '\0';
    snprintf(lost, sizeof(lost), "level=warn event=log_lost lines=%zu\n", LINES - written);
    assert_non_null(strstr(text, lost));
    assert_true(strstr(text, lost) < strstr(text, "event=again"));
    assert_null(strstr(strstr(text, "event=again"), "event=log_lost"));
}

static void hostile_bytes_are_quoted(void **state)
{
    (void)state;
    ASSERT_QUOTED("", "\"\"");
    ASSERT_QUOTED("plain text, k=v", "\"plain text, k=v\"");
    ASSERT_QUOTED("a\nb\rc\td", "\"a\\x0ab\\x0dc\\x09d\"");
    ASSERT_QUOTED("say \"hi\"", "\"say \\\"hi\\\"\"");
    ASSERT_QUOTED("C:\\n", "\"C:\\\\n\"");
    ASSERT_QUOTED("a\0b", "\"a\\x00b\"");
    ASSERT_QUOTED("\x1b[2J\x7f", "\"\\x1b[2J\\x7f\"");
    ASSERT_QUOTED("\xEB\xB0\xA9", "\"\\xeb\\xb0\\xa9\"");
    ASSERT_QUOTED("\xFF\xFE", "\"\\xff\\xfe\"");
    ASSERT_QUOTED("%s%n", "\"%s%n\"");
    ASSERT_QUOTED(" ~", "\" ~\"");
}

static void every_byte_can_be_read_back(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        char out[16];
        unsigned read_back;

        log_quote(out, sizeof(out), &byte, 1);
        assert_ptr_equal(skip_quoted(out), out + strlen(out));
        if (out[1] != '\\') {
            read_back = (unsigned char)out[1];
        } else if (out[2] != 'x') {
            read_back = (unsigned char)out[2];
        } else {
            assert_int_equal(sscanf(out + 3, "%2x", &read_back), 1);
        }
        assert_int_equal(read_back, c);
    }
}

/* For every size of `out` from the least: within its bounds, closed, and cut only when the whole does not
 * fit. */
static void a_quote_that_outgrows_its_room_is_cut(void **state)
{
    static const char *const texts[] = {"abcdefghijkl", "\n\n\n\n\n\n", "\"\"\"\"\"\"\"\"",
                                        "ab\n\"cd\xEB\xB0"};

    (void)state;
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
        char whole[64];

        log_quote(whole, sizeof(whole), texts[t], strlen(texts[t]));
        for (size_t room = 8; room < 48; room++) {
            char out[64];
            size_t size;

            memset(out, '#', sizeof(out));
            log_quote(out, room, texts[t], strlen(texts[t]));
            size = strlen(out);
            assert_in_range(size, 5, room - 1);
            for (size_t i = room; i < sizeof(out); i++) {
                assert_int_equal(out[i], '#');
            }
            assert_ptr_equal(skip_quoted(out), out + size);
            if (strlen(whole) < room) {
                assert_string_equal(out, whole);
            } else {
                assert_string_equal(out + size - 4, "...\"");
                assert_memory_equal(out, whole, size - 4);
                assert_true(room - 1 - size < 4); /* not one escape less than had fitted */
            }
        }
    }
    assert_quoted("0123456789", 10, "\"0123456789\"");
}

static void a_gate_passes_one_per_interval_and_counts_the_rest(void **state)
{
    struct log_gate gate = {0};
    uint64_t held = 99;

    (void)state;
    assert_true(log_gate_pass(&gate, 1000, 100, &held));
    assert_int_equal(held, 0);
    for (uint64_t now_ns = 1000; now_ns < 1100; now_ns++) {
        assert_false(log_gate_pass(&gate, now_ns, 100, &held));
    }
    assert_true(log_gate_pass(&gate, 1100, 100, &held));
    assert_int_equal(held, 100);
    assert_false(log_gate_pass(&gate, 1199, 100, &held));
    assert_true(log_gate_pass(&gate, 5000, 100, &held));
    assert_int_equal(held, 1);
    assert_true(log_gate_pass(&gate, 6000, UINT64_MAX, &held));
    assert_int_equal(held, 0);
    assert_false(log_gate_pass(&gate, UINT64_MAX - 1, 100, &held));
}

static void a_failed_check_says_where_and_aborts(void **state)
{
    const struct rlimit no_core = {0, 0};
    char line[LINE_BYTES_MAX + 1];
    int ends[2];
    int status;
    ssize_t size;
    pid_t child;

    (void)state;
    CHECK(2 + 2 == 4);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *text = "a";

        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        log_set_sink(NULL, NULL);
        log_set_level(LOG_LEVEL_ALERT);
        CHECK(strcmp(text, "b") == 0);
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    size = read(ends[0], line, LINE_BYTES_MAX);
    assert_true(size > 0);
    line[size] = '\0';
    close(ends[0]);
    assert_ptr_equal(
        strstr(behind_ts(line),
               "level=alert event=check_failed expression=\"strcmp(text, \\\"b\\\") == 0\" file=\""),
        behind_ts(line));
    assert_non_null(strstr(line, "test_log.c\" line="));
}

#define LOG_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_is_logfmt),
        LOG_TEST(the_time_stamp_is_utc),
        LOG_TEST(levels_above_the_set_one_are_silent),
        LOG_TEST(a_long_line_is_cut_and_says_so),
        LOG_TEST(a_cut_within_quotes_closes_them),
        LOG_TEST(one_event_is_one_line_whatever_it_holds),
        LOG_TEST(errno_survives),
        LOG_TEST(a_line_is_one_write_on_stderr),
        LOG_TEST(a_log_that_nobody_read_held_the_process_up),
        LOG_TEST(hostile_bytes_are_quoted),
        LOG_TEST(every_byte_can_be_read_back),
        LOG_TEST(a_quote_that_outgrows_its_room_is_cut),
        LOG_TEST(a_gate_passes_one_per_interval_and_counts_the_rest),
        LOG_TEST(a_failed_check_says_where_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
