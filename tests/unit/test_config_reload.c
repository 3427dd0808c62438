/* Rules between rooms, and between the running configuration and the next: twins, many rooms, reloading. */
#include "daemon/config.h"
#include "daemon/config_internal.h"
#include "unit/config_parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY_ROOMS = CONFIG_ROOMS_MAX };

static int check_reload(const char *old_text, const char *new_text, char error[CONFIG_ERROR_BYTES])
{
    struct config old_config;
    struct config new_config;

    parse_good(&old_config, old_text);
    parse_good(&new_config, new_text);
    error[0] = '\0';
    int result = config_check_reload(&old_config, &new_config, error, CONFIG_ERROR_BYTES);
    config_fini(&old_config);
    config_fini(&new_config);
    return result;
}

/* Another value than the default. */
static void write_other_value(char out[64], const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_ADDRESSES:
        strcpy(out, "127.0.0.1:7778");
        break;
    case CONFIG_NETWORKS:
        strcpy(out, "10.0.0.0/8");
        break;
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_LINE:
        strcpy(out, "other");
        break;
    case CONFIG_CHOICE:
        strcpy(out, key->choices[0]);
        break;
    case CONFIG_FLAG:
        strcpy(out, strcmp(key->default_text, "yes") == 0 ? "no" : "yes");
        break;
    case CONFIG_NUMBER:
        config_number_print(key->unit, key->most, out, 64);
        break;
    }
}

static void test_reload_follows_the_table(void **state)
{
    int fixed = 0;

    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char value[64];
        char text[TEXT_BYTES];
        char expected[CONFIG_ERROR_BYTES];
        char error[CONFIG_ERROR_BYTES];

        write_other_value(value, key);
        write_file(text, key, value);
        if (strcmp(key->name, "early_flush") == 0) {
            strcat(text, "outbox_bytes_max = 1GiB\n"); /* which early_flush may not exceed */
        }
        if (key->is_reloadable) {
            assert_int_equal(check_reload("[room a]\n", text, error), 0);
            assert_string_equal(error, "");
            continue;
        }
        fixed++;
        assert_int_equal(check_reload("[room a]\n", text, error), -EINVAL);
        snprintf(expected, sizeof(expected),
                 "[%s] %s may not change without a restart (it is %s, the file says %s)",
                 key->section == CONFIG_SERVER ? "server" : "room a", key->name,
                 key->default_text[0] == '\0' ? "empty" : key->default_text, value);
        assert_string_equal(error, expected);
    }
    assert_int_equal(fixed, 16);
}

static void test_reload_of_rooms_and_addresses(void **state)
{
    char error[CONFIG_ERROR_BYTES];

    (void)state;
    /* new rooms and another order are fine; every old room is compared with the one of its own name */
    assert_int_equal(check_reload("[room a]\n[room b]\ncontent = x\n",
                                  "[room c]\ncontent = y\n[room b]\ncontent = x\ntick = 1s\n[room a]\n",
                                  error),
                     0);
    assert_int_equal(check_reload("[room a]\n[room b]\n[room c]\n", "[room a]\n[room c]\n", error), -EINVAL);
    assert_string_equal(error, "[room b] is gone: a room may not be removed without a restart");
    assert_int_equal(check_reload("[room a]\n[room b]\n", "[room b]\ncontent = x\n[room a]\n", error),
                     -EINVAL);
    assert_string_equal(error,
                        "[room b] content may not change without a restart (it is chat, the file says x)");
    /* the first offence is told: [server] before the rooms, the rooms in the order of the running ones */
    assert_int_equal(check_reload("[room b]\n[room a]\n", "[room c]\n[server]\nchunk_size = 8KiB\n", error),
                     -EINVAL);
    assert_string_equal(
        error, "[server] chunk_size may not change without a restart (it is 64KiB, the file says 8KiB)");
    assert_int_equal(check_reload("[room b]\n[room a]\n", "[room c]\n", error), -EINVAL);
    assert_string_equal(error, "[room b] is gone: a room may not be removed without a restart");
    assert_int_equal(check_reload("[room a]\n[server]\nlisten = 127.0.0.1:1\n",
                                  "[room a]\n[server]\nlisten = 127.0.0.1:1\nlisten = [::1]:1\n", error),
                     -EINVAL);
    assert_string_equal(error, "[server] listen may not change without a restart (it is 127.0.0.1:1, the "
                               "file says 127.0.0.1:1 [::1]:1)");
}

/* As many rooms as there may be, the last `twins` of them named like the first. To be freed. */
static char *write_many_rooms(int rooms, int twins)
{
    size_t room_bytes = sizeof("[room r00000]\n") - 1;
    char *text = malloc(64 + (size_t)rooms * room_bytes);

    assert_non_null(text);
    int used = sprintf(text, "[server]\nrooms_max = 65536\n");
    for (int i = 0; i < rooms; i++) {
        used += sprintf(text + used, "[room r%05d]\n", i < rooms - twins ? i : 0);
    }
    return text;
}

static void test_many_rooms(void **state)
{
    char error[CONFIG_ERROR_BYTES];
    struct config config;
    char *text = write_many_rooms(MANY_ROOMS, 0);

    (void)state;
    parse_good(&config, text);
    assert_int_equal(config.room_count, MANY_ROOMS);
    assert_string_equal(config.rooms[MANY_ROOMS - 1].name, "r65535");
    assert_int_equal(config_check_reload(&config, &config, error, sizeof(error)), 0);
    config_fini(&config);
    free(text);
    text = write_many_rooms(MANY_ROOMS, 2);
    assert_int_equal(parse_bytes(&config, text, strlen(text), error), -EINVAL);
    assert_string_equal(error, "t.conf:65537: a second [room r00000] (the first is in line 3)");
    free(text);
    text = write_many_rooms(MANY_ROOMS + 1, 0);
    assert_int_equal(parse_bytes(&config, text, strlen(text), error), -EINVAL);
    assert_string_equal(error, "t.conf:65539: more than 65536 rooms");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reload_follows_the_table),
        cmocka_unit_test(test_reload_of_rooms_and_addresses),
        cmocka_unit_test(test_many_rooms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
