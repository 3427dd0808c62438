/* The line that a dying process writes: made without the C library's formatter, and read like any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/last_words.h"
#include "room/engine.h"
#include "room/room.h"

static void test_the_time_is_the_logs(void **state)
{
    struct running running = {.room = NULL};
    struct last_words words;
    char before[64];
    char after[64];
    time_t now = time(NULL);

    (void)state;
    strftime(before, sizeof(before), "ts=%Y-%m-%dT%H:%M:%S.", gmtime(&now));
    last_words_begin(&words, "gone", &running);
    now = time(NULL);
    strftime(after, sizeof(after), "ts=%Y-%m-%dT%H:%M:%S.", gmtime(&now));
    words.text[words.used] = '\0';
    assert_true(strncmp(words.text, before, strlen(before)) == 0 ||
                strncmp(words.text, after, strlen(after)) == 0);
    assert_string_equal(words.text + strlen(before) + strlen("123"), "Z level=alert event=gone");
}

static void test_it_names_what_is_running(void **state)
{
    static const struct roomd_content content = {.name = "chess"};
    static struct room room = {.content = &content, .log_name = "\"a b\""};
    struct running running = {.room = NULL};
    struct last_words words;

    (void)state;
    atomic_store(&running.room, &room);
    atomic_store(&running.callback, "tick");
    last_words_begin(&words, "stuck", &running);
    last_words_add_number(&words, "zero", 0);
    last_words_add_number(&words, "most", UINT64_MAX);
    words.text[words.used] = '\0';
    assert_string_equal(
        strstr(words.text, " event="),
        " event=stuck room=\"a b\" content=chess callback=tick zero=0 most=18446744073709551615");
}

static void test_what_does_not_fit_is_cut(void **state)
{
    struct running running = {.room = NULL};
    struct last_words words;
    char name[300];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    last_words_begin(&words, "long", &running);
    for (int i = 0; i < 10; i++) {
        last_words_add(&words, "k", name);
    }
    assert_int_equal(words.used, sizeof(words.text) - 1); /* the newline has its place */
}

static void test_saying_it_writes_the_line_and_aborts(void **state)
{
    int ends[2];
    int status;
    char line[256] = "";
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct running running = {.room = NULL};
        struct last_words words;

        signal(SIGABRT, SIG_DFL); /* cmocka's own would go on */
        dup2(ends[1], STDERR_FILENO);
        last_words_begin(&words, "bye", &running);
        last_words_say(&words);
    }
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(read(ends[0], line, sizeof(line) - 1) > 0);
    assert_string_equal(strstr(line, " level="), " level=alert event=bye\n");
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_time_is_the_logs),
        cmocka_unit_test(test_it_names_what_is_running),
        cmocka_unit_test(test_what_does_not_fit_is_cut),
        cmocka_unit_test(test_saying_it_writes_the_line_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
