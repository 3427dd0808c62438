/* What the service manager is told, by a manager of the test's own: a datagram socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/notify.h"

enum { TEXT_BYTES = 1024 };

static int manager = -1;
static char name[64];

/* Bound to `name`, a file's or, with an @, an abstract one. */
static void manager_open(char first)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t bytes;

    snprintf(name, sizeof(name), "%ctmp%cnotify-%d", first, first == '/' ? '/' : '-', (int)getpid());
    memcpy(address.sun_path, name, strlen(name));
    bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    if (first == '@') {
        address.sun_path[0] = '\0';
    }
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(manager >= 0);
    assert_int_equal(bind(manager, (const struct sockaddr *)&address, bytes), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static int teardown(void **state)
{
    (void)state;
    if (manager >= 0) {
        close(manager);
        unlink(name);
        manager = -1;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static void expect_told(const char *text)
{
    char got[TEXT_BYTES] = "";
    ssize_t bytes = recv(manager, got, sizeof(got) - 1, 0);

    if (text == NULL) {
        assert_int_equal(bytes, -1);
        assert_int_equal(errno, EAGAIN);
        return;
    }
    assert_true(bytes >= 0);
    assert_string_equal(got, text);
}

static void the_states_are_told(char first)
{
    struct notify notify;

    manager_open(first);
    assert_int_equal(notify_open(&notify), 0);
    assert_true((fcntl(notify.fd, F_GETFD) & FD_CLOEXEC) != 0);
    expect_told(NULL);
    notify_ready(&notify, "0 sessions");
    expect_told("READY=1\nSTATUS=0 sessions");
    notify_reloading(&notify, 5 * NS_PER_S + 1999);
    expect_told("RELOADING=1\nMONOTONIC_USEC=5000001\nSTATUS=reading the config");
    notify_status(&notify, "7 sessions");
    expect_told("STATUS=7 sessions");
    notify_stopping(&notify, "bye");
    expect_told("STOPPING=1\nSTATUS=bye");
    notify_turn(&notify, NS_PER_S);
    expect_told(NULL); /* nobody watches */
    notify_close(&notify);
    notify_close(&notify);
    notify_ready(&notify, "late");
    expect_told(NULL);
}

static void test_by_a_file(void **state)
{
    (void)state;
    the_states_are_told('/');
}

static void test_by_an_abstract_address(void **state)
{
    (void)state;
    the_states_are_told('@');
}

static void test_the_environment_is_taken(void **state)
{
    struct notify notify;

    (void)state;
    manager_open('/');
    setenv("WATCHDOG_USEC", "2000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_open(&notify), 0);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    assert_int_equal(notify.period_ns, 0); /* it watches somebody else */
    notify_close(&notify);
}

static void test_the_watchdog_is_fed_twice_in_its_time(void **state)
{
    struct notify notify;
    char pid[32];
    uint64_t now_ns = 77 * NS_PER_S;

    (void)state;
    manager_open('/');
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_USEC", "2000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_open(&notify), 0);
    assert_int_equal(notify.period_ns, NS_PER_S);
    notify_turn(&notify, now_ns);
    expect_told("WATCHDOG=1");
    notify_turn(&notify, now_ns + NS_PER_S - 1);
    expect_told(NULL);
    notify_turn(&notify, now_ns + NS_PER_S);
    expect_told("WATCHDOG=1");
    notify_turn(&notify, now_ns + NS_PER_S + 1);
    expect_told(NULL);
    notify_turn(&notify, now_ns + 60 * NS_PER_S);
    expect_told("WATCHDOG=1");
    notify_turn(&notify, now_ns + 61 * NS_PER_S - 1);
    expect_told(NULL);
    notify_close(&notify);
}

static void test_without_a_manager_nothing_happens(void **state)
{
    struct notify notify;

    (void)state;
    setenv("WATCHDOG_USEC", "2000000", 1);
    assert_int_equal(notify_open(&notify), 0);
    assert_int_equal(notify.fd, -1);
    assert_int_equal(notify.period_ns, 0);
    assert_null(getenv("WATCHDOG_USEC"));
    notify_ready(&notify, "");
    notify_turn(&notify, NS_PER_S);
    notify_close(&notify);
}

static void test_a_manager_that_is_gone_is_no_harm(void **state)
{
    struct notify notify;

    (void)state;
    manager_open('/');
    assert_int_equal(notify_open(&notify), 0);
    close(manager);
    unlink(name);
    manager = -1;
    notify_ready(&notify, "");
    notify_status(&notify, "");
    notify_close(&notify);
}

/* The watchdog's food and the status don't wait for a manager whose queue is full; what must arrive does, for a while. */
static void test_a_busy_manager_stops_nobody(void **state)
{
    struct notify notify;
    uint64_t begin_ns;

    (void)state;
    manager_open('/');
    assert_int_equal(notify_open(&notify), 0);
    begin_ns = clock_now_ns();
    for (int i = 0; i < 2000; i++) {
        notify_status(&notify, "again");
    }
    notify_ready(&notify, "");
    assert_in_range(clock_now_ns() - begin_ns, NS_PER_S / 4, 5 * NS_PER_S);
    notify_close(&notify);
}

static void test_a_long_status_is_cut(void **state)
{
    struct notify notify;
    char status[2 * NOTIFY_STATUS_BYTES_MAX];
    char told[TEXT_BYTES];

    (void)state;
    manager_open('/');
    assert_int_equal(notify_open(&notify), 0);
    memset(status, 'x', sizeof(status));
    status[sizeof(status) - 1] = '\0';
    notify_ready(&notify, status);
    snprintf(told, sizeof(told), "READY=1\nSTATUS=%.*s", NOTIFY_STATUS_BYTES_MAX, status);
    expect_told(told);
    notify_close(&notify);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *socket;
        const char *usec;
        const char *pid;
        int rc;
    } cases[] = {
        {"", "1", NULL, -EAFNOSUPPORT},
        {"vsock:2:1234", NULL, NULL, -EAFNOSUPPORT},
        {"tmp/x", NULL, NULL, -EAFNOSUPPORT},
        {"@", NULL, NULL, -EINVAL},
        {"/tmp/x", "", NULL, -EINVAL},
        {"/tmp/x", "0", NULL, -EINVAL},
        {"/tmp/x", "-5", NULL, -EINVAL},
        {"/tmp/x", "5s", NULL, -EINVAL},
        {"/tmp/x", "99999999999999999999", NULL, -EINVAL},
        {"/tmp/x", "18446744073709551615", NULL, -EINVAL},
        {"/tmp/x", "5", "me", -EINVAL},
    };
    struct notify notify;
    char long_name[200];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv("NOTIFY_SOCKET", cases[i].socket, 1);
        if (cases[i].usec != NULL) {
            setenv("WATCHDOG_USEC", cases[i].usec, 1);
        }
        if (cases[i].pid != NULL) {
            setenv("WATCHDOG_PID", cases[i].pid, 1);
        }
        assert_int_equal(notify_open(&notify), cases[i].rc);
        assert_int_equal(notify.fd, -1);
        assert_null(getenv("NOTIFY_SOCKET"));
    }
    memset(long_name, 'x', sizeof(long_name));
    long_name[0] = '/';
    long_name[sizeof(long_name) - 1] = '\0';
    setenv("NOTIFY_SOCKET", long_name, 1);
    assert_int_equal(notify_open(&notify), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_by_a_file, teardown),
        cmocka_unit_test_teardown(test_by_an_abstract_address, teardown),
        cmocka_unit_test_teardown(test_the_environment_is_taken, teardown),
        cmocka_unit_test_teardown(test_the_watchdog_is_fed_twice_in_its_time, teardown),
        cmocka_unit_test_teardown(test_without_a_manager_nothing_happens, teardown),
        cmocka_unit_test_teardown(test_a_manager_that_is_gone_is_no_harm, teardown),
        cmocka_unit_test_teardown(test_a_busy_manager_stops_nobody, teardown),
        cmocka_unit_test_teardown(test_a_long_status_is_cut, teardown),
        cmocka_unit_test_teardown(test_what_makes_no_sense_is_refused, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
