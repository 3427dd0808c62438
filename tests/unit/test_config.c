/* The configuration: the table against the reader, the exact words of every error, the rules of reloading. */
#include "base/clock.h"
#include "daemon/config.h"
#include "unit/config_parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEN(text)           text text text text text text text text text text
#define SEVEN(text)         text text text text text text text
#define LONG_NAME           TEN("abcdef") "wxyz" /* 64 bytes, the longest name */
#define COUNT_OF(array)     (sizeof(array) / sizeof((array)[0]))
#define DURATION_REFUSAL(v) "t.conf:2: tick = " v ": not a duration (write it like 250ms, 2s or 5m)"
#define SIZE_REFUSAL(v)     "t.conf:2: chunk_size = " v ": not a size (write it like 4096, 64KiB, 1MiB or 2GiB)"
#define COUNT_REFUSAL(v)    "t.conf:2: capacity = " v ": not a whole number (write it like 1000, without a unit)"
#define ADDRESS_REFUSAL(v, why)                                                                              \
    "t.conf:2: listen = " v ": " why " (write it like 127.0.0.1:7777, [::1]:7777 or unix:/run/roomd.sock)"

static void assert_is_empty(const struct config *config)
{
    static const struct config empty;

    assert_memory_equal(config, &empty, sizeof(empty));
}

static void assert_refused(const char *bytes, size_t size, const char *expected)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];

    memset(&config, 0xA5, sizeof(config));
    assert_int_equal(parse_bytes(&config, bytes, size, error), -EINVAL);
    assert_string_equal(error, expected);
    assert_is_empty(&config);
}

static const struct bad_file {
    const char *text;
    const char *error;
} bad_files[] = {
    /* sections */
    {"", "t.conf:1: no room (write at least one [room NAME])"},
    {"[server]\nlog = info\n", "t.conf:2: no room (write at least one [room NAME])"},
    {"[servr]\n", "t.conf:1: unknown section [servr] (write [server], [room NAME] or [template NAME])"},
    {"[roomlobby]\n",
     "t.conf:1: unknown section [roomlobby] (write [server], [room NAME] or [template NAME])"},
    {"[]\n", "t.conf:1: unknown section [] (write [server], [room NAME] or [template NAME])"},
    {"[server\n", "t.conf:1: [server: a section ends in ] (write [server], [room NAME] or [template NAME])"},
    {"[", "t.conf:1: [: a section ends in ] (write [server], [room NAME] or [template NAME])"},
    {"[server] x\n",
     "t.conf:1: [server] x: a section ends in ] (write [server], [room NAME] or [template NAME])"},
    {"tick = 1s\n[room a]\n",
     "t.conf:1: 'tick' stands before any section (write [server], [room NAME] or [template NAME] first)"},
    {"[server]\n[room a]\n[server]\n", "t.conf:3: a second [server] (the first is in line 1)"},
    /* rooms */
    {"[room]\n", "t.conf:1: a room needs a name (write it like [room lobby])"},
    {"[room \t ]\n", "t.conf:1: a room needs a name (write it like [room lobby])"},
    {"[room a b]\n", "t.conf:1: [room a b] the name is not printable UTF-8 without spaces"},
    {"[room a\x01]\n", "t.conf:1: [room a?] the name is not printable UTF-8 without spaces"},
    {"[room \xC0\xAF]\n", "t.conf:1: [room ??] the name is not printable UTF-8 without spaces"},
    {"[room \xED\xA0\x80]\n", "t.conf:1: [room ???] the name is not printable UTF-8 without spaces"},
    {"[room \xF4\x90\x80\x80]\n", "t.conf:1: [room ????] the name is not printable UTF-8 without spaces"},
    {"[room a\xE3\x80\x80"
     "b]\n",
     "t.conf:1: [room a???b] the name is not printable UTF-8 without spaces"},
    {"[room \xE2\x80\x8E"
     "a]\n",
     "t.conf:1: [room ???a] the name is not printable UTF-8 without spaces"},
    {"[room \xE2\x82]\n", "t.conf:1: [room ??] the name is not printable UTF-8 without spaces"},
    {"[room " LONG_NAME "0]\n", "t.conf:1: [room " LONG_NAME "0] the name is longer than 64 bytes"},
    {"[room a]\n[room b]\n\n[room b]\n[room a]\n", "t.conf:4: a second [room b] (the first is in line 2)"},
    {"[room a]\n[room b]\n[room c]\n[server]\nrooms_max = 2\n",
     "t.conf:3: [room c] is one more than rooms_max = 2"},
    {"[room a]\nautojoin = yes\n[room b]\nautojoin = no\n[room c]\ntick = 1s\nautojoin = yes\n",
     "t.conf:7: [room c] autojoin = yes, but another room has it (line 2)"},
    /* lines */
    {"[room a]\nnonsense\n", "t.conf:2: 'nonsense' is not a [section], a key = value or a # comment"},
    {"[room a]\n= 5\n", "t.conf:2: '= 5' is not a [section], a key = value or a # comment"},
    {"[room a]\ntick\t# = 5ms\n", "t.conf:2: 'tick' is not a [section], a key = value or a # comment"},
    {"[room a]\ntick =\n", "t.conf:2: tick = : no value"},
    {"[room a]\ntick = # 5ms\n", "t.conf:2: tick = : no value"},
    {"[room a]\ncontent = \r\n", "t.conf:2: content = : no value"},
    /* keys */
    {"\n\n[server]\nlisen = 127.0.0.1:1\n",
     "t.conf:4: [server] unknown key 'lisen' (did you mean 'listen'?)"},
    {"[server]\ntick = 1s\n", "t.conf:2: [server] unknown key 'tick' (it belongs into [room NAME])"},
    {"[server]\nidle_close = 1s\n",
     "t.conf:2: [server] unknown key 'idle_close' (it belongs into [template NAME])"},
    {"[server]\nLOG = info\n", "t.conf:2: [server] unknown key 'LOG'"},
    {"[server]\nx = 1s\n", "t.conf:2: [server] unknown key 'x'"},
    {"[server]\n\x1b[2J\xff = 1s\n", "t.conf:2: [server] unknown key '?[2J?'"},
    {"[server]\n" TEN("0123456789") " = 1\n",
     "t.conf:2: [server] unknown key '" SEVEN("0123456789") "012345...'"},
    {"[room a]\ntick = 1s\n\ntick = 1s\n", "t.conf:4: [room a] tick is given twice (first in line 2)"},
    {"[server]\nlog = info\nlog = info\n", "t.conf:3: [server] log is given twice (first in line 2)"},
    /* durations */
    {"[room a]\ntick = 5s5\n", DURATION_REFUSAL("5s5")},
    {"[room a]\ntick = 250 ms\n", DURATION_REFUSAL("250 ms")},
    {"[room a]\ntick = 250MS\n", DURATION_REFUSAL("250MS")},
    {"[room a]\ntick = -5ms\n", DURATION_REFUSAL("-5ms")},
    {"[room a]\ntick = +5ms\n", DURATION_REFUSAL("+5ms")},
    {"[room a]\ntick = 0.5s\n", DURATION_REFUSAL("0.5s")},
    {"[room a]\ntick = ms\n", DURATION_REFUSAL("ms")},
    {"[room a]\ntick = 64KiB\n", DURATION_REFUSAL("64KiB")},
    {"[room a]\ntick = 250000us\n", DURATION_REFUSAL("250000us")},
    {"[room a]\ntick = 250ms;\n", DURATION_REFUSAL("250ms;")},
    {"[room a]\ntick = 250ms#\n", DURATION_REFUSAL("250ms#")},
    {"[room a]\ntick = 250\n", "t.conf:2: tick = 250: no unit (write it like 250ms, 2s or 5m)"},
    {"[room a]\ntick = 5ms\n", "t.conf:2: tick = 5ms: below the least, 10ms"},
    {"[room a]\ntick = 1m\n", "t.conf:2: tick = 1m: above the most, 10s"},
    {"[room a]\ntick = 99999999999999999999ms\n",
     "t.conf:2: tick = 99999999999999999999ms: above the most, 10s"},
    {"[room a]\ntick = 18446744073710ms\n", "t.conf:2: tick = 18446744073710ms: above the most, 10s"},
    {"[room a]\ntick = 5124096h\n", "t.conf:2: tick = 5124096h: above the most, 10s"},
    /* sizes and counts */
    {"[server]\nchunk_size = 16K\n", SIZE_REFUSAL("16K")},
    {"[server]\nchunk_size = 16kib\n", SIZE_REFUSAL("16kib")},
    {"[server]\nchunk_size = 16KB\n", SIZE_REFUSAL("16KB")},
    {"[server]\nchunk_size = 0x4000\n", SIZE_REFUSAL("0x4000")},
    {"[server]\nchunk_size = 5s\n", SIZE_REFUSAL("5s")},
    {"[server]\nchunk_size = -1\n", SIZE_REFUSAL("-1")},
    {"[server]\nchunk_size = 18014398509481985KiB\n",
     "t.conf:2: chunk_size = 18014398509481985KiB: above the most, 1MiB"},
    {"[room a]\ncapacity = 10k\n", COUNT_REFUSAL("10k")},
    {"[room a]\ncapacity = 10KiB\n", COUNT_REFUSAL("10KiB")},
    {"[room a]\ncapacity = 1 000\n", COUNT_REFUSAL("1 000")},
    {"[room a]\ncapacity = 1e3\n", COUNT_REFUSAL("1e3")},
    {"[room a]\ncapacity = 4294967297\n", "t.conf:2: capacity = 4294967297: above the most, 1000000"},
    {"[room a]\ncapacity = 18446744073709551617\n",
     "t.conf:2: capacity = 18446744073709551617: above the most, 1000000"},
    /* flags and choices */
    {"[room a]\nautojoin = true\n", "t.conf:2: autojoin = true: not yes or no"},
    {"[room a]\nautojoin = Yes\n", "t.conf:2: autojoin = Yes: not yes or no"},
    {"[server]\nlog = loud\n", "t.conf:2: log = loud: not one of alert, error, warn, info, debug"},
    /* addresses */
    {"[server]\nlisten = 7777\n", ADDRESS_REFUSAL("7777", "not an address")},
    {"[server]\nlisten = [::1]\n", ADDRESS_REFUSAL("[::1]", "not an address")},
    {"[server]\nlisten = [::1]7777\n", ADDRESS_REFUSAL("[::1]7777", "not an address")},
    {"[server]\nlisten = [:1\n", ADDRESS_REFUSAL("[:1", "not an address")},
    {"[server]\nlisten = 127.0.0.1:\n",
     ADDRESS_REFUSAL("127.0.0.1:", "the port is not a number from 0 to 65535")},
    {"[server]\nlisten = 127.0.0.1:65536\n",
     ADDRESS_REFUSAL("127.0.0.1:65536", "the port is not a number from 0 to 65535")},
    {"[server]\nlisten = 127.0.0.1:-1\n",
     ADDRESS_REFUSAL("127.0.0.1:-1", "the port is not a number from 0 to 65535")},
    {"[server]\nlisten = localhost:7777\n",
     ADDRESS_REFUSAL("localhost:7777", "the host is not a numeric address")},
    {"[server]\nlisten = :7777\n", ADDRESS_REFUSAL(":7777", "the host is not a numeric address")},
    {"[server]\nlisten = 127.0.0.256:1\n",
     ADDRESS_REFUSAL("127.0.0.256:1", "the host is not a numeric address")},
    {"[server]\nlisten = ::1:7777\n", ADDRESS_REFUSAL("::1:7777", "the host is not a numeric address")},
    {"[server]\nlisten = [127.0.0.1]:1\n",
     ADDRESS_REFUSAL("[127.0.0.1]:1", "the host is not a numeric address")},
    {"[server]\nlisten = []:1\n", ADDRESS_REFUSAL("[]:1", "the host is not a numeric address")},
    {"[server]\nlisten = [1111:2222:3333:4444:5555:6666:111.111.111.1111]:1\n",
     ADDRESS_REFUSAL("[1111:2222:3333:4444:5555:6666:111.111.111.1111]:1",
                     "the host is not a numeric address")},
    {"[server]\nlisten = unix:\n", "t.conf:2: listen = unix:: the path of a socket has 1 to 107 bytes"},
    {"[server]\nlisten = unix:" TEN("/23456789") "/2345678/234567890\n",
     "t.conf:2: listen = unix:" SEVEN("/23456789") "/2345678...: the path of a socket has 1 to 107 bytes"},
    /* between keys */
    {"[room a]\njob_bytes_max = 64KiB\n[room b]\n[server]\nframe_max = 65535\n",
     "t.conf:2: job_bytes_max = 64KiB: below 4 x frame_max, 262140"},
    {"[server]\nframe_max = 32KiB\n[room a]\n[room b]\njob_bytes_max = 131071\n",
     "t.conf:5: job_bytes_max = 131071: below 4 x frame_max, 131072"},
    {"[room a]\n[room b]\nearly_flush = 4194305\n[room c]\nearly_flush = 8MiB\n",
     "t.conf:2: [room b] early_flush = 4194305: above outbox_bytes_max, 4MiB"},
    {"[room a]\noutbox_bytes_max = 1GiB\n[room b]\nearly_flush = 300KiB\ntick = 1s\noutbox_bytes_max = "
     "256KiB\n",
     "t.conf:3: [room b] early_flush = 300KiB: above outbox_bytes_max, 256KiB"},
    {"[room a]\n[server]\nframe_max = 1025\ninput_burst = 1KiB\n",
     "t.conf:2: [server] input_burst = 1KiB: below frame_max, 1025"},
    {"[server]\ninput_burst = 4095\n[room a]\n",
     "t.conf:1: [server] input_burst = 4095: below frame_max, 4KiB"},
    {"[room a]\n[room b]\ninput_burst = 60KiB\n[server]\nframe_max = 65535\n",
     "t.conf:2: [room b] input_burst = 60KiB: below frame_max, 65535"},
    /* lines of text */
    {"[server]\nannouncement = a\tb\n[room a]\n", "t.conf:2: announcement = a?b: not printable UTF-8"},
    {"[server]\nannouncement = a \xff\n[room a]\n", "t.conf:2: announcement = a ?: not printable UTF-8"},
};

static void test_bad_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_files); i++) {
        assert_refused(bad_files[i].text, strlen(bad_files[i].text), bad_files[i].error);
    }
}

/* A comment of that many bytes. */
static void print_long_line(char *out, int size)
{
    snprintf(out, (size_t)size + 2, "#%*s", size - 1, "x");
    memcpy(out + size, "\n", 2);
}

static void test_bytes_that_are_no_text(void **state)
{
    static const char with_nul[] = "[room a]\ntick = 1s\0\n";
    char text[CONFIG_LINE_BYTES_MAX + 64] = "[room a]\n";
    char *line = text + strlen(text);
    struct config config;

    (void)state;
    assert_refused(with_nul, sizeof(with_nul) - 1, "t.conf:2: a NUL byte");
    print_long_line(line, CONFIG_LINE_BYTES_MAX + 1);
    assert_refused(text, strlen(text), "t.conf:2: longer than 1023 bytes");
    print_long_line(line, CONFIG_LINE_BYTES_MAX);
    parse_good(&config, text);
    config_fini(&config);
}

static void test_too_many_lines(void **state)
{
    size_t size = (size_t)CONFIG_LINES_MAX + 1;
    char *text = malloc(size + 8);

    (void)state;
    assert_non_null(text);
    memset(text, '\n', size);
    assert_refused(text, size, "t.conf:2000001: more than 2000000 lines");
    free(text);
}

static void test_too_many_addresses(void **state)
{
    char text[1024] = "[room a]\n[server]\n";
    struct config config;

    (void)state;
    for (int i = 0; i < CONFIG_LISTEN_MAX; i++) {
        size_t used = strlen(text);

        snprintf(text + used, sizeof(text) - used, "listen = 127.0.0.1:%d\n", i);
    }
    parse_good(&config, text);
    assert_int_equal(config.server.listen_count, CONFIG_LISTEN_MAX);
    assert_string_equal(config.server.listen[0], "127.0.0.1:0");
    assert_string_equal(config.server.listen[15], "127.0.0.1:15");
    config_fini(&config);
    strcat(text, "listen = 127.0.0.1:16\n");
    assert_refused(text, strlen(text), "t.conf:19: listen = 127.0.0.1:16: more than 16 addresses");
}

static void test_files_that_cannot_be_read(void **state)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];

    (void)state;
    memset(&config, 0xA5, sizeof(config));
    assert_int_equal(config_load(&config, "/nonexistent/roomd.conf", error, sizeof(error)), -ENOENT);
    assert_string_equal(error, "/nonexistent/roomd.conf: cannot be opened: No such file or directory");
    assert_is_empty(&config);
    assert_int_equal(config_load(&config, "/", error, sizeof(error)), -EISDIR);
    assert_string_equal(error, "/:1: cannot be read: Is a directory");
    assert_is_empty(&config);
    char cut[12];
    assert_int_equal(config_load(&config, "/", cut, sizeof(cut)), -EISDIR);
    assert_string_equal(cut, "/:1: cannot");
}

static void test_grammar_is_tolerant(void **state)
{
    static const char text[] = "\xEF\xBB\xBF# begins with a byte order mark\r\n"
                               "[ room  a]b#c ]   # a name may hold what looks like grammar\r\n"
                               "\ttick=20ms\t# a comment\r\n"
                               "  ; another\r\n"
                               "content =  town#2 \t\r\n"
                               "[server]\n"
                               "listen = unix:/tmp/a #b\n"
                               "listen = [2001:db8::1]:0\n"
                               "log = debug\n"
                               "announcement = the  gates close at ten \n"
                               "data_dir =\n"
                               "module_dir = my modules\n"
                               "stats = 0\n"
                               "frame_max = 008KiB\n"
                               "[room \xEB\xA7\x88\xEC\x9D\x84]\n"
                               "autojoin=yes";
    struct config config;

    (void)state;
    parse_good(&config, text);
    assert_int_equal(config.room_count, 2);
    assert_string_equal(config.server.announcement, "the  gates close at ten");
    assert_string_equal(config.server.data_dir, "");
    assert_string_equal(config.server.module_dir, "my modules");
    assert_string_equal(config.rooms[0].name, "a]b#c");
    assert_int_equal(config.rooms[0].line, 2);
    assert_int_equal(config.rooms[0].tick_ns, 20 * NS_PER_MS);
    assert_string_equal(config.rooms[0].content, "town#2");
    assert_string_equal(config.rooms[1].name, "\xEB\xA7\x88\xEC\x9D\x84");
    assert_int_equal(config.rooms[1].tick_ns, 250 * NS_PER_MS);
    assert_true(config.rooms[1].is_autojoin);
    assert_int_equal(config.server.listen_count, 2);
    assert_string_equal(config.server.listen[0], "unix:/tmp/a");
    assert_string_equal(config.server.listen[1], "[2001:db8::1]:0");
    assert_int_equal(config.server.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(config.server.stats_ns, 0);
    assert_int_equal(config.server.frame_bytes_max, 8192);
    config_fini(&config);
    assert_is_empty(&config);
}

static void test_values_at_their_very_limit(void **state)
{
    char text[CONFIG_LINE_BYTES_MAX] = "[room " LONG_NAME "]\nautojoin = yes\ncapacity = 5\ncontent = ";
    char *content = text + strlen(text);
    char expected[CONFIG_ERROR_BYTES];
    struct config config;

    (void)state;
    memset(content, 'c', CONFIG_CONTENT_BYTES_MAX);
    parse_good(&config, text);
    assert_string_equal(config.rooms[0].name, LONG_NAME);
    assert_string_equal(config.rooms[0].content, content);
    assert_true(config.rooms[0].is_autojoin);
    config_fini(&config);
    content[CONFIG_CONTENT_BYTES_MAX] = 'c';
    snprintf(expected, sizeof(expected), "t.conf:4: content = %.76s...: longer than 255 bytes", content);
    assert_refused(text, strlen(text), expected);
    parse_good(&config, "[room a]\njob_bytes_max = 128KiB\n[server]\nframe_max = 32KiB\n"
                        "listen = [1111:2222:3333:4444:5555:6666:111.111.111.111]:65535\n"
                        "listen = unix:" TEN("/23456789") "/23456789/2345678\n");
    assert_int_equal(config.rooms[0].job_bytes_max, 4 * config.server.frame_bytes_max);
    assert_int_equal(config.server.listen_count, 2);
    assert_int_equal(strlen(config.server.listen[1]), strlen("unix:") + 107);
    config_fini(&config);
    memset(text, 0, sizeof(text));
    snprintf(text, sizeof(text), "[room a]\n[server]\nannouncement = ");
    memset(text + strlen(text), 'a', CONFIG_ANNOUNCEMENT_BYTES_MAX);
    parse_good(&config, text);
    assert_int_equal(strlen(config.server.announcement), CONFIG_ANNOUNCEMENT_BYTES_MAX);
    config_fini(&config);
    text[strlen(text)] = 'a';
    snprintf(expected, sizeof(expected), "t.conf:3: announcement = %.76s...: longer than 400 bytes",
             strstr(text, "aaa"));
    assert_refused(text, strlen(text), expected);
    parse_good(&config, "[room a]\nearly_flush = 64MiB\noutbox_bytes_max = 64MiB\n"
                        "[room b]\noutbox_bytes_max = 256KiB\n[room c]\nearly_flush = 4MiB\n");
    for (uint32_t i = 0; i < config.room_count; i++) {
        assert_int_equal(config.rooms[i].early_flush_bytes, config.rooms[i].outbox_bytes_max);
    }
    config_fini(&config);
    parse_good(&config, "[server]\nframe_max = 65535\ninput_burst = 65535\n[room a]\ninput_burst = 0\n"
                        "[template b]\ninput_burst = 65535\n");
    assert_int_equal(config.rooms[0].input_burst, 0);
    assert_int_equal(config.templates[0].input_burst, config.server.frame_bytes_max);
    config_fini(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_too_many_lines),
        cmocka_unit_test(test_too_many_addresses),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_grammar_is_tolerant),
        cmocka_unit_test(test_values_at_their_very_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
