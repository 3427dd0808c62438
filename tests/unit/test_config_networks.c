/* Keys whose value is a list of networks: exempt and proxy_from. */
#include "daemon/config_internal.h"
#include "unit/config_parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What the file's value is when it is printed again. */
static void expect_list(const char *value, const char *printed)
{
    const struct config_key *key = config_key_find(CONFIG_SERVER, "exempt");
    char text[CONFIG_VALUE_TEXT_BYTES];
    char file[1024];
    struct config config;

    snprintf(file, sizeof(file), "[server]\nexempt = %s\n[room a]\n", value);
    parse_good(&config, file);
    config_value_print(key, &config.server, text, sizeof(text));
    assert_string_equal(text, printed);
    config_fini(&config);
}

static void expect_error(const char *value, const char *why)
{
    char error[CONFIG_ERROR_BYTES];
    char wanted[CONFIG_ERROR_BYTES];
    char file[1024];
    struct config config;

    snprintf(file, sizeof(file), "[server]\nproxy_from = %s\n[room a]\n", value);
    snprintf(wanted, sizeof(wanted), "t.conf:2: proxy_from = %s: %s", value, why);
    assert_int_equal(parse_bytes(&config, file, strlen(file), error), -EINVAL);
    assert_string_equal(error, wanted);
}

static void a_list_is_what_it_says(void **state)
{
    (void)state;
    expect_list("10.0.0.0/8", "10.0.0.0/8");
    expect_list("10.0.0.0/8   192.0.2.7\t2001:db8::/32", "10.0.0.0/8 192.0.2.7 2001:db8::/32");
    expect_list("::ffff:10.0.0.0/104", "10.0.0.0/8");
    expect_list("", "");
    expect_list("::1 # this machine", "::1");
}

static void what_is_no_list_is_refused(void **state)
{
    static const char why[] = "not networks (write them like 10.0.0.0/8 192.0.2.7 2001:db8::/32)";

    (void)state;
    expect_error("10.0.0.0/8,192.0.2.7", why);
    expect_error("10.0.0.0/8 all", why);
    expect_error("localhost", why);
    expect_error("10.0.0.0/33", why);
    expect_error("127.0.0.1:7777", why);
    expect_error("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", why);
    expect_error("::1 10.0.0.1/8", "bits are set behind the network's own (10.0.0.0/8, not 10.0.0.1/8)");
}

/* A file that exempts so many networks. */
static int parse_count(struct config *config, int count, char error[CONFIG_ERROR_BYTES])
{
    char file[1024] = "[server]\nexempt =";

    for (int i = 0; i < count; i++) {
        char word[32];

        snprintf(word, sizeof(word), " 10.0.0.%d", i);
        strcat(file, word);
    }
    strcat(file, "\n[room a]\n");
    return parse_bytes(config, file, strlen(file), error);
}

static void a_list_has_so_many_and_no_more(void **state)
{
    char error[CONFIG_ERROR_BYTES];
    struct config config;

    (void)state;
    assert_int_equal(parse_count(&config, NETWORKS_MAX, error), 0);
    assert_int_equal(config.server.exempt.count, NETWORKS_MAX);
    config_fini(&config);
    assert_int_equal(parse_count(&config, NETWORKS_MAX + 1, error), -EINVAL);
    assert_non_null(strstr(error, ": more than 32 networks"));
}

static void a_reload_may_change_them(void **state)
{
    char error[CONFIG_ERROR_BYTES] = "";
    struct config old_config;
    struct config new_config;

    (void)state;
    parse_good(&old_config, "[room a]\n");
    parse_good(&new_config, "[server]\nexempt =\nproxy_from = 10.0.0.0/8\nban_file = bans\n[room a]\n");
    assert_int_equal(config_check_reload(&old_config, &new_config, error, sizeof(error)), 0);
    assert_int_equal(old_config.server.exempt.count, 2);
    assert_int_equal(new_config.server.exempt.count, 0);
    assert_int_equal(new_config.server.proxy_from.count, 1);
    config_fini(&old_config);
    config_fini(&new_config);
}

static void the_defaults_are_these(void **state)
{
    struct config config;

    (void)state;
    assert_int_equal(config_default(&config), 0);
    assert_int_equal(config.server.conns_per_address, 128);
    assert_int_equal(config.server.connect_rate, 10);
    assert_int_equal(config.server.connect_burst, 128);
    assert_int_equal(config.server.grace_ns, 30000000000u);
    assert_int_equal(config.server.penalty_points, 20);
    assert_int_equal(config.server.penalty_half_life_ns, 60000000000u);
    assert_int_equal(config.server.penalty_ns, 10000000000u);
    assert_int_equal(config.server.penalty_max_ns, 600000000000u);
    assert_int_equal(config.server.sources_max, 32768);
    assert_int_equal(config.server.proxy_from.count, 0);
    assert_string_equal(config.server.ban_file, "");
    config_fini(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_what_it_says),         cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(a_list_has_so_many_and_no_more), cmocka_unit_test(a_reload_may_change_them),
        cmocka_unit_test(the_defaults_are_these),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
