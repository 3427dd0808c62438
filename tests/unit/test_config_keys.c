/* The table of keys against the reader, the shipped example and the printed help. */
#include "base/clock.h"
#include "content/host.h"
#include "daemon/config.h"
#include "daemon/config_internal.h"
#include "unit/config_parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EXAMPLE_PATH ROOMD_SOURCE_DIR "/tools/roomd.conf"

static const void *section_of(const struct config *config, const struct config_key *key)
{
    return key->section == CONFIG_SERVER ? (const void *)&config->server
           : key->section == CONFIG_ROOM ? &config->rooms[0]
                                         : &config->templates[0];
}

/* The same, and where the key's most needs another key to be large, or its least one to be small, that one is. */
static void write_wide_file(char out[TEXT_BYTES], const struct config_key *key, const char *value)
{
    write_file(out, key, value);
    if (strcmp(key->name, "early_flush") == 0) {
        strcat(out, "outbox_bytes_max = 1GiB\n");
    }
    if (strcmp(key->name, "input_burst") == 0 && key->section == CONFIG_SERVER) {
        snprintf(out, TEXT_BYTES, "[room a]\n[server]\n%s = %s\nframe_max = 64\n", key->name, value);
    } else if (strcmp(key->name, "input_burst") == 0) {
        strcat(out, "[server]\nframe_max = 64\n");
    }
}

/* A number as a file may give it, in the smallest unit that the key knows. */
static void write_number(char out[64], const struct config_key *key, uint64_t value)
{
    bool is_duration = key->unit == CONFIG_NS;

    snprintf(out, 64, "%llu%s", (unsigned long long)(is_duration ? value / NS_PER_MS : value),
             is_duration ? "ms" : "");
}

static void assert_taken(const struct config_key *key, const char *value, uint64_t number)
{
    char text[TEXT_BYTES];
    struct config config;

    write_wide_file(text, key, value);
    parse_good(&config, text);
    assert_int_equal(config_value_number(key, section_of(&config, key)), number);
    config_fini(&config);
}

static void assert_out_of_range(const struct config_key *key, uint64_t value, const char *what,
                                uint64_t bound)
{
    char number[64];
    char bound_text[64];
    char text[TEXT_BYTES];
    char expected[CONFIG_ERROR_BYTES];
    char error[CONFIG_ERROR_BYTES];
    struct config config;

    write_number(number, key, value);
    write_file(text, key, number);
    config_number_print(key->unit, bound, bound_text, sizeof(bound_text));
    snprintf(expected, sizeof(expected), "t.conf:2: %s = %s: %s, %s", key->name, number, what, bound_text);
    assert_int_equal(parse_bytes(&config, text, strlen(text), error), -EINVAL);
    assert_string_equal(error, expected);
}

static void test_every_number_has_its_range(void **state)
{
    int numbers = 0;

    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        uint64_t step = key->unit == CONFIG_NS ? NS_PER_MS : 1;
        char text[64];

        if (key->type != CONFIG_NUMBER) {
            continue;
        }
        numbers++;
        write_number(text, key, key->least);
        assert_taken(key, text, key->least);
        write_number(text, key, key->most);
        assert_taken(key, text, key->most);
        config_number_print(key->unit, key->most, text, sizeof(text));
        assert_taken(key, text, key->most);
        assert_out_of_range(key, key->most + step, "above the most", key->most);
        if (key->is_zero_allowed || key->least == 0) {
            assert_taken(key, "0", 0);
        } else {
            assert_out_of_range(key, 0, "below the least", key->least);
        }
        if (key->least > step) {
            assert_out_of_range(key, key->least - step, "below the least", key->least);
        }
    }
    assert_int_equal(numbers, 57);
}

static void test_every_choice_and_flag(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];

        for (size_t j = 0; key->type == CONFIG_CHOICE && key->choices[j] != NULL; j++) {
            assert_taken(key, key->choices[j], j);
        }
        if (key->type == CONFIG_FLAG) {
            assert_taken(key, "yes", 1);
            assert_taken(key, "no", 0);
        }
    }
}

/* What the table says as text is what a file without the key gets, and what the printer makes of it. */
static void test_defaults_are_the_tables(void **state)
{
    struct config config;

    (void)state;
    parse_good(&config, "[room a]\n[template t]\n");
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char printed[CONFIG_VALUE_TEXT_BYTES];
        char text[TEXT_BYTES];
        struct config given;

        config_value_print(key, section_of(&config, key), printed, sizeof(printed));
        write_file(text, key, printed);
        parse_good(&given, text);
        assert_int_equal(given.room_count, 1);
        given.rooms[0].line = config.rooms[0].line = 1; /* where it stands is another matter */
        given.rooms[0].content_line = config.rooms[0].content_line = 1;
        assert_memory_equal(&given.server, &config.server, sizeof(config.server));
        assert_memory_equal(&given.rooms[0], &config.rooms[0], sizeof(config.rooms[0]));
        if (key->section == CONFIG_TEMPLATE) {
            assert_int_equal(config_value_number(key, &given.templates[0]),
                             config_value_number(key, &config.templates[0]));
        }
        config_fini(&given);
    }
    config_fini(&config);
}

/* The whole file; to be freed. */
static char *read_example(size_t *size)
{
    FILE *file = fopen(EXAMPLE_PATH, "r");
    char *bytes = malloc(65536);

    assert_non_null(file);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 65535, file);
    assert_in_range(*size, 1000, 65534);
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}

static void test_example_shows_every_key_with_its_default(void **state)
{
    char error[CONFIG_ERROR_BYTES] = "";
    struct config config;
    struct config expected;
    size_t size = 0;
    char *bytes = read_example(&size);

    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        char line[TEXT_BYTES];

        snprintf(line, sizeof(line), "\n%s%s =%s%s\n", config_keys[i].section == CONFIG_TEMPLATE ? "# " : "",
                 config_keys[i].name, config_keys[i].default_text[0] == '\0' ? "" : " ",
                 strcmp(config_keys[i].name, "autojoin") == 0 ? "yes" : config_keys[i].default_text);
        if (strstr(bytes, line) == NULL) {
            fail_msg("the example lacks:%s", line);
        }
    }
    free(bytes);
    assert_int_equal(config_load(&config, EXAMPLE_PATH, error, sizeof(error)), 0);
    assert_string_equal(error, "");
    assert_int_equal(config_default(&expected), 0);
    assert_memory_equal(&config.server, &expected.server, sizeof(config.server));
    assert_int_equal(config.room_count, 2);
    config.rooms[0].line = config.rooms[0].content_line = 0;
    config_settings_fini(&config.rooms[0]); /* the content's keys, which the table does not have */
    assert_memory_equal(&config.rooms[0], &expected.rooms[0], sizeof(config.rooms[0]));
    config_fini(&config);
    config_fini(&expected);
}

/* Either a configuration, or an error that names a line of the file. */
static bool parse_any(const char *bytes, size_t size)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    int line = 0;
    int used = 0;

    if (parse_bytes(&config, bytes, size, error) == 0) {
        assert_in_range(config.room_count, 1, config.server.rooms_max);
        config_fini(&config);
        return true;
    }
    assert_int_equal(sscanf(error, "t.conf:%d: %n", &line, &used), 1);
    assert_in_range(line, 1, 1000);
    assert_true(strlen(error) > (size_t)used);
    assert_null(config.rooms);
    return false;
}

/* Also the template that it shows as a comment. */
static void test_example_is_bound_to_its_contents(void **state)
{
    char error[CONFIG_ERROR_BYTES] = "";
    struct config config;
    size_t size = 0;
    char *bytes = read_example(&size);
    char *at = strstr(bytes, "\n# [template ");

    (void)state;
    assert_non_null(at);
    for (; at != NULL; at = strstr(at, "\n# ")) {
        memcpy(at, "\n  ", 3);
    }
    assert_int_equal(parse_bytes(&config, bytes, size, error), 0);
    assert_int_equal(config.template_count, 1);
    assert_int_equal(config_bind(&config, NULL, error, sizeof(error)), 0);
    assert_string_equal(error, "");
    for (const struct roomd_option *option = config_content_options(content_find("chat"));
         option->key != NULL; option++) {
        char line[TEXT_BYTES];

        snprintf(line, sizeof(line), "\n%s = %s\n", option->key, option->default_text);
        assert_non_null(strstr(bytes, line));
    }
    config_fini(&config);
    free(bytes);
}

static void test_example_cut_or_spoilt_at_any_byte(void **state)
{
    static const char spoilers[] = {'\0', '\n', '\r', ' ', '#', '=', '[', ']', '9', 'x', '\x80', '\xff'};
    size_t size = 0;
    char *bytes = read_example(&size);
    int good = 0;

    (void)state;
    for (size_t cut = 0; cut <= size; cut++) {
        good += parse_any(bytes, cut);
    }
    assert_in_range(good, 100, size - 1000); /* both ends are met */
    for (size_t i = 0; i < size; i++) {
        char kept = bytes[i];

        for (size_t j = 0; j < sizeof(spoilers); j += 4) {
            bytes[i] = spoilers[(i + j) % sizeof(spoilers)];
            parse_any(bytes, size);
        }
        bytes[i] = kept;
    }
    free(bytes);
}

/* By the rule as it is told: templates have what rooms have, but for what is the rooms' only; NULL: there is none. */
static const struct config_key *key_of(enum config_section section, const char *name)
{
    const struct config_key *found = NULL;

    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        bool is_in = key->section == section ||
                     (section == CONFIG_TEMPLATE && key->section == CONFIG_ROOM && !key->is_room_only);

        if (is_in && strcmp(key->name, name) == 0) {
            assert_null(found);
            found = key;
        }
    }
    return found;
}

static void test_a_key_with_one_letter_lost_is_recognised(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        size_t size = strlen(key->name);

        for (size_t lost = 0; lost < size; lost++) {
            char name[64];

            snprintf(name, sizeof(name), "%.*s%s", (int)lost, key->name, key->name + lost + 1);
            assert_ptr_equal(config_key_nearest(key->section, name), key);
            assert_ptr_equal(config_key_nearest(CONFIG_TEMPLATE, name), key_of(CONFIG_TEMPLATE, key->name));
        }
        for (enum config_section section = 0; section < CONFIG_SECTION_COUNT; section++) {
            assert_ptr_equal(config_key_find(section, key->name), key_of(section, key->name));
        }
    }
    assert_null(config_key_nearest(CONFIG_ROOM, "ti"));
    assert_null(config_key_nearest(CONFIG_ROOM, "tick_tock"));
    assert_null(config_key_nearest(CONFIG_ROOM, ""));
}

/* For `-l`: one address replaces what the file says, and a wrong one changes nothing. */
static void test_add_listen(void **state)
{
    char error[CONFIG_ERROR_BYTES] = "";
    struct config config;

    (void)state;
    assert_int_equal(config_default(&config), 0);
    config.server.listen_count = 0;
    assert_int_equal(config_add_listen(&config.server, "0.0.0.0:0", error, sizeof(error)), 0);
    assert_int_equal(config_add_listen(&config.server, "127.0.0.1", error, sizeof(error)), -EINVAL);
    assert_string_equal(error,
                        "not an address (write it like 127.0.0.1:7777, [::1]:7777 or unix:/run/roomd.sock)");
    assert_int_equal(config.server.listen_count, 1);
    assert_string_equal(config.server.listen[0], "0.0.0.0:0");
    config_fini(&config);
}

/* What `print` writes; to be freed. */
static char *capture(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    print(file);
    assert_int_equal(fclose(file), 0);
    return text;
}

/* What is printed in place of an empty default. */
static const char *shown_default(const char *text)
{
    return text[0] == '\0' ? "empty" : text;
}

static void assert_printed(const char *help, const char *markdown, const char *name, const char *by_default,
                           bool is_reloadable)
{
    const char *quote = by_default[0] == '\0' ? "" : "`";
    char line[TEXT_BYTES];

    snprintf(line, sizeof(line), "\n  %c %-19s %s (", is_reloadable ? '*' : ' ', name,
             shown_default(by_default));
    assert_non_null(strstr(help, line));
    snprintf(line, sizeof(line), "\n| `%s` | %s%s%s | ", name, quote, shown_default(by_default), quote);
    assert_non_null(strstr(markdown, line));
}

/* Returns how many keys the bundled contents have, and sets how many contents have any. */
static int assert_options_are_printed(const char *help, const char *markdown, int *contents)
{
    /* Contents that share their keys stand in one table. */
    static const char *const names[] = {"chat", "field"};
    static const char *const titles[] = {"chat", "field, town, dungeon"};
    int keys = 0;

    *contents = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct roomd_option *option = config_content_options(content_find(names[i]));
        char title[TEXT_BYTES];

        if (option->key == NULL) {
            continue;
        }
        (*contents)++;
        snprintf(title, sizeof(title), "\n| `content = %s` | default | range |", titles[i]);
        assert_non_null(strstr(markdown, title));
        for (; option->key != NULL; option++, keys++) {
            assert_printed(help, markdown, option->key, option->default_text, option->is_reloadable != 0);
            assert_null(strchr(option->help, '|'));
        }
    }
    return keys;
}

static void test_printed_help(void **state)
{
    int contents = 0;
    char *help = capture(config_print_help);
    char *markdown = capture(config_print_markdown);
    int rows = 0;

    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];

        assert_printed(help, markdown, key->name, key->default_text, key->is_reloadable);
        assert_null(strchr(key->help, '|'));
    }
    int options = assert_options_are_printed(help, markdown, &contents);
    assert_in_range(options, 1, 1000);
    for (const char *row = markdown; *row != '\0'; row = strchr(row, '\n') + 1) {
        rows += row[0] == '|';
    }
    assert_int_equal(rows, (int)config_key_count + options + 2 * (CONFIG_SECTION_COUNT + contents));
    assert_non_null(
        strstr(markdown, "| `tick` | `250ms` | 0, or 10ms to 10s | yes | time between two flushes"));
    assert_non_null(strstr(markdown, "| `log` | `info` | alert, error, warn, info, debug | yes |"));
    assert_non_null(strstr(markdown, "| `suffix` | `no` | yes, no | yes | "));
    assert_non_null(strstr(markdown, "| `data_dir` | empty | a path | no | "));
    assert_non_null(strstr(markdown, "| `announcement` | empty | one line | yes | "));
    assert_non_null(strstr(help, "\n[room NAME] and [template NAME] with content = chat\n  * suffix "));
    assert_non_null(strstr(help, "    chunk_memory_max    256MiB (1MiB to 64GiB)\n"));
    for (const char *line = help; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_in_range(strcspn(line, "\n"), 0, 100);
    }
    free(help);
    free(markdown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number_has_its_range),
        cmocka_unit_test(test_every_choice_and_flag),
        cmocka_unit_test(test_defaults_are_the_tables),
        cmocka_unit_test(test_example_shows_every_key_with_its_default),
        cmocka_unit_test(test_example_is_bound_to_its_contents),
        cmocka_unit_test(test_example_cut_or_spoilt_at_any_byte),
        cmocka_unit_test(test_a_key_with_one_letter_lost_is_recognised),
        cmocka_unit_test(test_add_listen),
        cmocka_unit_test(test_printed_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
