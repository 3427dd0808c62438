/* The tickets that dummy-client makes for itself are such as the server takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/wall_clock.h"
#include "dummy-client/tickets.h"

#define SECRET_1 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define SECRET_2 "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGRw"

/* Opens tickets with a file of that text; what is said on stderr is of no interest here. */
static int open_with(struct tickets *tickets, const char *text)
{
    char path[] = "/tmp/roomd-test-dummy-tickets-XXXXXX";
    int fd = mkstemp(path);
    int saved = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY);

    assert_true(fd >= 0 && saved >= 0 && null >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    dup2(null, STDERR_FILENO);
    int rc = tickets_open(tickets, path);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(null);
    unlink(path);
    return rc;
}

static void each_ticket_is_good_once_and_for_an_hour(void **state)
{
    struct tickets tickets;
    struct ticket_keys keys;
    struct ticket first;
    struct ticket second;
    char text[TICKET_BYTES_MAX];
    char why[64];

    (void)state;
    assert_int_equal(open_with(&tickets, "# two keys\na " SECRET_1 "\nb " SECRET_2 "\n"), 0);
    assert_int_equal(
        ticket_keys_parse(&keys, "a " SECRET_1 "\n", strlen("a " SECRET_1 "\n"), why, sizeof(why)), 0);
    uint64_t now_s = wall_clock_s();
    size_t size = tickets_make(&tickets, 7, text);
    assert_in_range(size, 60, TICKET_BYTES_MAX);
    assert_int_equal(ticket_verify(&keys, now_s, 3601, text, size, &first), TICKET_OK);
    assert_string_equal(first.user, "dummy-7");
    assert_string_equal(first.name, "dummy-7");
    assert_string_equal(first.room, "");
    assert_in_range(first.expiry_s, now_s + 3600, now_s + 3601);
    size = tickets_make(&tickets, 999999, text);
    assert_int_equal(ticket_verify(&keys, now_s, 3601, text, size, &second), TICKET_OK);
    assert_string_equal(second.user, "dummy-999999");
    assert_int_not_equal(first.nonce, second.nonce);
    tickets_fini(&tickets);
    assert_int_equal(tickets_make(&tickets, 7, text), 0); /* the keys are gone */

    /* Another run with the same keys draws other nonces. */
    struct ticket other;
    assert_int_equal(open_with(&tickets, "a " SECRET_1), 0);
    size = tickets_make(&tickets, 7, text);
    assert_int_equal(ticket_verify(&keys, now_s, 3601, text, size, &other), TICKET_OK);
    assert_int_not_equal(first.nonce, other.nonce);
    tickets_fini(&tickets);
}

static void a_file_without_keys_is_refused(void **state)
{
    static const char *const texts[] = {"", "# nothing\n", "a\n", "a short\n", "a " SECRET_1 " more\n"};
    struct tickets tickets;
    char large[TICKET_KEYS_FILE_BYTES_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(open_with(&tickets, texts[i]), -EINVAL);
        tickets_fini(&tickets);
    }
    memset(large, '\n', sizeof(large));
    memcpy(large, "a " SECRET_1, strlen("a " SECRET_1));
    large[sizeof(large) - 1] = '\0';
    assert_int_equal(open_with(&tickets, large), -EINVAL);
    tickets_fini(&tickets);
    large[sizeof(large) - 2] = '\0';
    assert_int_equal(open_with(&tickets, large), 0);
    tickets_fini(&tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ticket_is_good_once_and_for_an_hour),
        cmocka_unit_test(a_file_without_keys_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
