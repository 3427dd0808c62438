/* Which descriptors a process was handed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/activation.h"

enum { COUNT_MAX = 16 };

static void set(const char *pid, const char *count)
{
    char own[32];

    snprintf(own, sizeof(own), "%d", (int)getpid());
    setenv("LISTEN_PID", pid == NULL ? own : pid, 1);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_FDNAMES", "game:admin", 1);
}

static void expect(int rc, uint32_t wanted)
{
    uint32_t count = 99;

    assert_int_equal(activation_take(COUNT_MAX, &count), rc);
    assert_int_equal(count, wanted);
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
}

static void test_without_a_word_there_are_none(void **state)
{
    (void)state;
    expect(0, 0);
    setenv("LISTEN_FDS", "1", 1);
    expect(0, 0);
    setenv("LISTEN_PID", "1", 1);
    expect(0, 0);
}

static void test_those_of_another_process_are_not_ours(void **state)
{
    (void)state;
    set("1", "1");
    expect(0, 0);
}

/* Descriptors 3 and 4 are there for as long as the test holds them. */
static void test_they_are_taken_and_closed_on_exec(void **state)
{
    int kept[2] = {dup(ACTIVATION_FD_FIRST), dup(ACTIVATION_FD_FIRST + 1)};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dup2(null, ACTIVATION_FD_FIRST + i), ACTIVATION_FD_FIRST + i);
        assert_int_equal(fcntl(ACTIVATION_FD_FIRST + i, F_SETFD, 0), 0);
    }
    set(NULL, "2");
    expect(0, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(ACTIVATION_FD_FIRST + i, F_GETFD), FD_CLOEXEC);
        close(ACTIVATION_FD_FIRST + i);
    }
    set(NULL, "2");
    expect(-EBADF, 0); /* promised, and not there */
    for (int i = 0; i < 2; i++) {
        if (kept[i] >= 0) {
            dup2(kept[i], ACTIVATION_FD_FIRST + i);
            close(kept[i]);
        }
    }
    set(NULL, "0");
    expect(0, 0);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    static const char *const counts[] = {"", "-1", "two", "2 ", "99999999999999999999", "4294967297"};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        set(NULL, counts[i]);
        expect(-EINVAL, 0);
    }
    set("me", "1");
    expect(-EINVAL, 0);
    set(NULL, "17");
    expect(-E2BIG, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_word_there_are_none),
        cmocka_unit_test(test_those_of_another_process_are_not_ours),
        cmocka_unit_test(test_they_are_taken_and_closed_on_exec),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
