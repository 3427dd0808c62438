/* Templates, and the keys that are the content's own: kept, checked against the module, compared on a reload. */
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

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define TEN(text)       text text text text text text text text text text
#define NOT_A_NUMBER    ": not a number (write it like 30 or 2.5)"

static const struct roomd_option meadow_options[] = {
    {.key = "view", .default_text = "30", .kind = ROOMD_OPTION_NUMBER, .least = 0, .most = 1000.5},
    {.key = "south", .default_text = "-5.5", .kind = ROOMD_OPTION_NUMBER, .least = -100, .most = -1},
    {.key = "map", .default_text = "", .kind = ROOMD_OPTION_TEXT},
    {.key = "is_dark", .default_text = "no", .kind = ROOMD_OPTION_FLAG},
    {.key = "greeting", .default_text = "hi", .kind = ROOMD_OPTION_TEXT, .is_reloadable = 1},
    {.key = "speed", .default_text = "1", .kind = ROOMD_OPTION_NUMBER, .is_reloadable = 1, .most = 9},
    {.key = NULL},
};
static const struct roomd_content meadow = {
    .abi = ROOMD_CONTENT_ABI, .size = sizeof(meadow), .name = "meadow", .options = meadow_options};

/* Parses, binds all rooms to the meadow whatever the file says, and checks them. */
static int parse_meadow(struct config *config, const char *text, char error[CONFIG_ERROR_BYTES])
{
    struct config_source source = {.name = "t.conf", .error = error, .error_size = CONFIG_ERROR_BYTES};
    int result = parse_bytes(config, text, strlen(text), error);

    for (uint32_t i = 0; result == 0 && i < config->room_count; i++) {
        config->rooms[i].module = &meadow;
        result = config_check_settings(&source, &config->rooms[i]);
    }
    for (uint32_t i = 0; result == 0 && i < config->template_count; i++) {
        config->templates[i].module = &meadow;
        result = config_check_settings(&source, &config->templates[i]);
    }
    return result;
}

static void test_templates(void **state)
{
    struct config config;

    (void)state;
    parse_good(&config, "[template a]\ncontent = field\ncapacity = 8\nidle_close = 2s\nseed = 9\n"
                        "[room b]\nseed = 9223372036854775807\nstreams_max = 0\nmemory_max = 1GiB\n"
                        "[template  c ]\ninstances_max = 3\n[server]\nrooms_max = 1\n");
    assert_int_equal(config.room_count, 1);
    assert_int_equal(config.template_count, 2);
    assert_false(config.rooms[0].is_template);
    assert_int_equal(config.rooms[0].seed, INT64_MAX);
    assert_int_equal(config.rooms[0].streams_max, 0);
    assert_int_equal(config.rooms[0].memory_bytes_max, 1u << 30);

    const struct room_config *a = &config.templates[0];
    const struct room_config *c = &config.templates[1];
    assert_true(a->is_template && c->is_template);
    assert_string_equal(a->name, "a");
    assert_string_equal(a->content, "field");
    assert_int_equal(a->capacity, 8);
    assert_int_equal(a->idle_close_ns, 2 * NS_PER_S);
    assert_int_equal(a->instances_max, 64);
    assert_int_equal(a->seed, 9);
    assert_int_equal(a->line, 1);
    assert_int_equal(a->content_line, 2);
    assert_string_equal(c->name, "c");
    assert_string_equal(c->content, "chat");
    assert_int_equal(c->idle_close_ns, 60 * NS_PER_S);
    assert_int_equal(c->instances_max, 3);
    assert_int_equal(c->capacity, 10000);
    assert_int_equal(c->content_line, 10);
    config_fini(&config);
}

static const struct bad_text {
    const char *text;
    const char *error;
} bad_files[] = {
    {"[template]\n", "t.conf:1: a template needs a name (write it like [template lobby])"},
    {"[templates a]\n",
     "t.conf:1: unknown section [templates a] (write [server], [room NAME] or [template NAME])"},
    {"[template a b]\n", "t.conf:1: [template a b] the name is not printable UTF-8 without spaces"},
    {"[template " TEN("abcdef") "wxyz0]\n",
     "t.conf:1: [template " TEN("abcdef") "wxyz0] the name is longer than 64 bytes"},
    {"[template a]\n", "t.conf:1: no room (write at least one [room NAME])"},
    {"[room b]\n[template a]\n[template a]\n", "t.conf:3: a second [template a] (the first is in line 2)"},
    {"[room a]\n[template b]\n[template a]\n", "t.conf:3: [template a] has the name of [room a] (line 1)"},
    {"[template a]\n[room b]\n[room a]\n", "t.conf:3: [room a] has the name of [template a] (line 1)"},
    {"[template a]\ntick = 1s\ntick = 1s\n", "t.conf:3: [template a] tick is given twice (first in line 2)"},
    {"[template a]\nidle_close = 999ms\n", "t.conf:2: idle_close = 999ms: below the least, 1s"},
    {"[template a]\ninstances_max = 0\n", "t.conf:2: instances_max = 0: below the least, 1"},
    {"[room a]\nseed = 9223372036854775808\n",
     "t.conf:2: seed = 9223372036854775808: above the most, 9223372036854775807"},
    {"[room a]\nseed = -1\n", "t.conf:2: seed = -1: not a whole number (write it like 1000, without a unit)"},
    {"[room a]\n[template b]\nearly_flush = 8MiB\n",
     "t.conf:2: [template b] early_flush = 8MiB: above outbox_bytes_max, 4MiB"},
    {"[room a]\n[template b]\ninput_burst = 4095\n",
     "t.conf:2: [template b] input_burst = 4095: below frame_max, 4KiB"},
    {"[room a]\n[template b]\njob_bytes_max = 64KiB\n[server]\nframe_max = 65535\n",
     "t.conf:3: job_bytes_max = 64KiB: below 4 x frame_max, 262140"},
    {"[room a]\nviwe = 1\n[template b]\nviwe = 1\nmap = x\nviwe = 2\n",
     "t.conf:6: [template b] viwe is given twice (first in line 4)"},
    {"[room a]\n\x1b = 1\n\x1b = 1\n", "t.conf:3: [room a] ? is given twice (first in line 2)"},
};

static void test_bad_files(void **state)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_files); i++) {
        assert_int_equal(parse_bytes(&config, bad_files[i].text, strlen(bad_files[i].text), error), -EINVAL);
        assert_string_equal(error, bad_files[i].error);
        assert_null(config.rooms);
        assert_null(config.templates);
    }
}

static const struct bad_text bad_settings[] = {
    {"[room a]\n\nviwe = 30\n",
     "t.conf:3: viwe = 30: content meadow has no key of that name (did you mean view?)"},
    {"[room a]\ntikc = 30\n",
     "t.conf:2: tikc = 30: content meadow has no key of that name (did you mean tick?)"},
    {"[room a]\nspead = 30\n",
     "t.conf:2: spead = 30: content meadow has no key of that name (did you mean speed?)"},
    {"[room a]\nflavour = sweet sour\n",
     "t.conf:2: flavour = sweet sour: content meadow has no key of that name"},
    {"[room a]\n\x1b[2J\xff = 1\x7f\n", "t.conf:2: ?[2J? = 1?: content meadow has no key of that name"},
    {"[room a]\nlisten = 127.0.0.1:1\n",
     "t.conf:2: listen = 127.0.0.1:1: content meadow has no key of that name (it belongs into [server])"},
    {"[room a]\nidle_close = 5s\n",
     "t.conf:2: idle_close = 5s: content meadow has no key of that name (it belongs into [template NAME])"},
    {"[room a]\n[template b]\nautojoin = yes\n",
     "t.conf:3: autojoin = yes: content meadow has no key of that name (it belongs into [room NAME])"},
    {"[room a]\n[template b]\nidle_clsoe = 5s\n",
     "t.conf:3: idle_clsoe = 5s: content meadow has no key of that name (did you mean idle_close?)"},
    {"[room a]\nsuffix = yes\n", "t.conf:2: suffix = yes: content meadow has no key of that name"},
    {"[room a]\nview = 1000.51\n", "t.conf:2: view = 1000.51: above the most, 1000.5"},
    {"[room a]\nview = -0.001\n", "t.conf:2: view = -0.001: below the least, 0"},
    {"[room a]\nsouth = -0.5\n", "t.conf:2: south = -0.5: above the most, -1"},
    {"[room a]\nsouth = -100.1\n", "t.conf:2: south = -100.1: below the least, -100"},
    {"[room a]\nview = thirty\n", "t.conf:2: view = thirty" NOT_A_NUMBER},
    {"[room a]\nview = nan\n", "t.conf:2: view = nan" NOT_A_NUMBER},
    {"[room a]\nview = inf\n", "t.conf:2: view = inf" NOT_A_NUMBER},
    {"[room a]\nview = 1e2\n", "t.conf:2: view = 1e2" NOT_A_NUMBER},
    {"[room a]\nview = 0x10\n", "t.conf:2: view = 0x10" NOT_A_NUMBER},
    {"[room a]\nview = +5\n", "t.conf:2: view = +5" NOT_A_NUMBER},
    {"[room a]\nview = --5\n", "t.conf:2: view = --5" NOT_A_NUMBER},
    {"[room a]\nview = 5.\n", "t.conf:2: view = 5." NOT_A_NUMBER},
    {"[room a]\nview = .5\n", "t.conf:2: view = .5" NOT_A_NUMBER},
    {"[room a]\nview = 5m\n", "t.conf:2: view = 5m" NOT_A_NUMBER},
    {"[room a]\nview = 5 5\n", "t.conf:2: view = 5 5" NOT_A_NUMBER},
    {"[room a]\nview =\n", "t.conf:2: view = " NOT_A_NUMBER},
    {"[room a]\nis_dark = true\n", "t.conf:2: is_dark = true: not yes or no"},
    {"[room a]\nis_dark =\n", "t.conf:2: is_dark = : not yes or no"},
    {"[room a]\nmap = a\x01\n", "t.conf:2: map = a?: not printable UTF-8"},
};

static void test_bad_settings(void **state)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_settings); i++) {
        assert_int_equal(parse_meadow(&config, bad_settings[i].text, error), -EINVAL);
        assert_string_equal(error, bad_settings[i].error);
        config_fini(&config);
    }
}

/* More digits than a double holds is no number: the only way to infinity that the grammar leaves. */
static void test_a_number_beyond_all(void **state)
{
    char text[512] = "[room a]\nview = 1";
    struct config config;
    char error[CONFIG_ERROR_BYTES];

    (void)state;
    memset(text + strlen(text), '0', 400);
    assert_int_equal(parse_meadow(&config, text, error), -EINVAL);
    assert_non_null(strstr(error, NOT_A_NUMBER));
    config_fini(&config);
}

static const char *value_of(const struct room_config *room, const char *key)
{
    for (const struct roomd_option *option = meadow_options; option->key != NULL; option++) {
        if (strcmp(option->key, key) == 0) {
            return config_setting_value(room, option);
        }
    }
    fail_msg("the meadow has no %s", key);
    return NULL;
}

static void test_settings_are_kept(void **state)
{
    static const char text[] = "[room a]\nview = 1000.5 # far\ngreeting = well  met, you #1\nsouth=-1\n"
                               "content = meadow\nmap =\nis_dark = yes\n[template b]\nmap = b.map\n";
    struct config config;
    char error[CONFIG_ERROR_BYTES];

    (void)state;
    assert_int_equal(parse_meadow(&config, text, error), 0);
    const struct room_config *a = &config.rooms[0];
    const struct room_config *b = &config.templates[0];
    assert_int_equal(a->setting_count, 5);
    assert_int_equal(b->setting_count, 1);
    assert_string_equal(a->settings[0].key, "view");
    assert_string_equal(a->settings[0].value, "1000.5");
    assert_int_equal(a->setting_lines[0], 2);
    assert_string_equal(a->settings[1].value, "well  met, you");
    assert_string_equal(value_of(a, "south"), "-1");
    assert_string_equal(value_of(a, "map"), "");
    assert_string_equal(value_of(a, "is_dark"), "yes");
    assert_string_equal(value_of(a, "speed"), "1");
    assert_string_equal(value_of(b, "map"), "b.map");
    assert_string_equal(value_of(b, "view"), "30");
    config_fini(&config);
}

static void test_settings_have_a_limit(void **state)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    char *text = malloc(16384);
    int used = sprintf(text, "[room a]\n");

    (void)state;
    for (int i = 0; i < CONFIG_SETTINGS_MAX; i++) {
        used += sprintf(text + used, "key_%d = %d\n", i, i);
    }
    parse_good(&config, text);
    assert_int_equal(config.rooms[0].setting_count, CONFIG_SETTINGS_MAX);
    assert_string_equal(config.rooms[0].settings[CONFIG_SETTINGS_MAX - 1].value, "255");
    config_fini(&config);
    sprintf(text + used, "straw = 1\n");
    assert_int_equal(parse_bytes(&config, text, strlen(text), error), -EINVAL);
    assert_string_equal(error, "t.conf:258: [room a] more than 256 keys of the content's own");
    free(text);
}

static void test_templates_have_a_limit(void **state)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    char *text = malloc((size_t)CONFIG_TEMPLATES_MAX * 32);
    int used = sprintf(text, "[room a]\n");

    (void)state;
    for (int i = 0; i < CONFIG_TEMPLATES_MAX; i++) {
        used += sprintf(text + used, "[template t%d]\n", i);
    }
    parse_good(&config, text);
    assert_int_equal(config.template_count, CONFIG_TEMPLATES_MAX);
    config_fini(&config);
    sprintf(text + used, "[template straw]\n");
    assert_int_equal(parse_bytes(&config, text, strlen(text), error), -EINVAL);
    assert_string_equal(error, "t.conf:4098: more than 4096 templates");
    free(text);
}

/* A table of the first release ends before its options would. */
static void test_a_module_without_options(void **state)
{
    struct roomd_content old = {.abi = ROOMD_CONTENT_ABI,
                                .size = offsetof(struct roomd_content, options),
                                .name = "old",
                                .options = meadow_options};

    (void)state;
    assert_null(config_content_options(&old)->key);
    assert_null(config_content_options(NULL)->key);
    old.size = sizeof(old);
    assert_ptr_equal(config_content_options(&old), meadow_options);
    old.options = NULL;
    assert_null(config_content_options(&old)->key);
}

static void assert_reload(const char *old_text, const char *new_text, const char *expected)
{
    struct config old_config;
    struct config new_config;
    char error[CONFIG_ERROR_BYTES] = "";

    assert_int_equal(parse_meadow(&old_config, old_text, error), 0);
    assert_int_equal(parse_meadow(&new_config, new_text, error), 0);
    error[0] = '\0';
    int result = config_check_reload(&old_config, &new_config, error, sizeof(error));
    assert_string_equal(error, expected);
    assert_int_equal(result, expected[0] == '\0' ? 0 : -EINVAL);
    config_fini(&old_config);
    config_fini(&new_config);
}

static void test_reload_of_settings(void **state)
{
    (void)state;
    assert_reload("[room a]\n", "[room a]\ngreeting = ho\nspeed = 2.5\n", "");
    assert_reload("[room a]\nview = 40\n", "[room a]\nview = 40.00\n", "");
    assert_reload("[room a]\n", "[room a]\nview = 30\nmap =\nis_dark = no\n", "");
    assert_reload("[room a]\nview = 40\n", "[room a]\n",
                  "[room a] view may not change without a restart (it is 40, the file says 30)");
    assert_reload("[room b]\n[room a]\n", "[room a]\nview = 30.5\nmap = x\n[room b]\n",
                  "[room a] view may not change without a restart (it is 30, the file says 30.5)");
    assert_reload("[room a]\n", "[room a]\nmap = x.map\n",
                  "[room a] map may not change without a restart (it is empty, the file says x.map)");
    assert_reload("[room a]\nmap = x.map\n", "[room a]\n",
                  "[room a] map may not change without a restart (it is x.map, the file says nothing)");
    assert_reload("[room a]\n", "[room a]\nis_dark = yes\n",
                  "[room a] is_dark may not change without a restart (it is no, the file says yes)");
    assert_reload("[room a]\nseed = 1\n", "[room a]\nseed = 2\nview = 3\n",
                  "[room a] seed may not change without a restart (it is 1, the file says 2)");
}

static void test_reload_of_templates(void **state)
{
    (void)state;
    assert_reload("[room a]\n[template b]\nmap = b\nseed = 1\n[template c]\n",
                  "[template d]\n[room a]\n[template b]\ncontent = x\nmap = c\nseed = 2\ninstances_max = 1\n",
                  "");
    assert_reload("[room a]\n[server]\nannouncement = a\n", "[room a]\n[server]\nannouncement =\n", "");
    assert_reload("[room a]\n[server]\ndata_dir = a\n", "[room a]\n",
                  "[server] data_dir may not change without a restart (it is a, the file says nothing)");
    assert_reload("[room a]\n", "[room a]\n[server]\nmodule_dir = /m\n",
                  "[server] module_dir may not change without a restart (it is empty, the file says /m)");
    /* a room is gone, though a template has its name now */
    assert_reload("[room a]\n[room b]\n", "[room a]\n[template b]\n[room c]\n",
                  "[room b] is gone: a room may not be removed without a restart");
}

static void test_bind(void **state)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES] = "";

    (void)state;
    parse_good(&config, "[room a]\nsuffix = yes\n[room b]\n[template c]\nsuffix = no\ncontent = chat\n");
    assert_int_equal(config_bind(&config, "t.conf", error, sizeof(error)), 0);
    assert_string_equal(error, "");
    assert_ptr_equal(config.rooms[0].module, content_find("chat"));
    assert_ptr_equal(config.rooms[1].module, content_find("chat"));
    assert_ptr_equal(config.templates[0].module, content_find("chat"));
    config_fini(&config);

    parse_good(&config, "[room a]\n[template c]\n\nsuffix = perhaps\n");
    assert_int_equal(config_bind(&config, "t.conf", error, sizeof(error)), -EINVAL);
    assert_string_equal(error, "t.conf:4: suffix = perhaps: not yes or no");
    config_fini(&config);

    parse_good(&config, "[room a]\nsuffix = yes\ncontent = field\n");
    assert_int_equal(config_bind(&config, "t.conf", error, sizeof(error)), -EINVAL);
    assert_string_equal(error, "t.conf:2: suffix = yes: content field has no key of that name");
    config_fini(&config);

    parse_good(&config, "[room a]\n[room b]\n\ncontent = nonesuch\n");
    assert_int_equal(config_bind(&config, "t.conf", error, sizeof(error)), -EINVAL);
    assert_int_equal(strncmp(error, "t.conf:4: content = nonesuch: ", 30), 0);
    config_fini(&config);

    parse_good(&config, "[server]\nmodule_dir = nowhere\n[room b]\ncontent = nonesuch\n");
    assert_int_equal(config_bind(&config, "/etc/roomd/t.conf", error, sizeof(error)), -EINVAL);
    assert_non_null(strstr(error, "/etc/roomd/t.conf:4: content = "));
    assert_non_null(strstr(error, "/etc/roomd/nowhere/nonesuch.so"));
    config_fini(&config);

    parse_good(&config, "[room b]\ncontent = ./mine.so\n");
    assert_int_equal(config_bind(&config, "/etc/roomd/t.conf", error, sizeof(error)), -EINVAL);
    assert_non_null(strstr(error, "/etc/roomd/./mine.so"));
    config_fini(&config);
}

static void test_resolve(void **state)
{
    static const char *const paths[][3] = {
        {"roomd.conf", "", "."},
        {"roomd.conf", "maps", "./maps"},
        {NULL, "maps", "./maps"},
        {"/roomd.conf", "maps", "/maps"},
        {"/etc/roomd/roomd.conf", "", "/etc/roomd"},
        {"/roomd.conf", "", "/"},
        {"/etc/roomd/roomd.conf", "../maps", "/etc/roomd/../maps"},
        {"etc/roomd.conf", "/srv/maps", "/srv/maps"},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_int_equal(config_resolve(paths[i][0], paths[i][1], out, sizeof(out)), 0);
        assert_string_equal(out, paths[i][2]);
    }
    assert_int_equal(config_resolve("etc/roomd.conf", "maps", out, sizeof("etc/maps")), 0);
    assert_int_equal(config_resolve("etc/roomd.conf", "maps", out, sizeof("etc/map")), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_a_number_beyond_all),
        cmocka_unit_test(test_settings_are_kept),
        cmocka_unit_test(test_settings_have_a_limit),
        cmocka_unit_test(test_templates_have_a_limit),
        cmocka_unit_test(test_a_module_without_options),
        cmocka_unit_test(test_reload_of_settings),
        cmocka_unit_test(test_reload_of_templates),
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_resolve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
