#include "support/daemon.h"

#include "support/process.h"
#include "support/wait.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 32, ADDRESS_BYTES = 160 };

struct daemon {
    struct daemon *next;
    struct process process;
    char directory[64];
    char config_path[96];
    char log_path[96];
    char address[ADDRESS_BYTES];
};

/* Servers that no test has finished yet. */
static struct daemon *daemons;

const char *log_field_find(const char *line, size_t line_bytes, const char *key, size_t *value_bytes)
{
    size_t key_bytes = strlen(key);
    const char *end = line + line_bytes;

    for (const char *p = line; p + key_bytes + 1 < end; p++) {
        if ((p == line || p[-1] == ' ') && memcmp(p, key, key_bytes) == 0 && p[key_bytes] == '=') {
            const char *value = p + key_bytes + 1;
            *value_bytes = strcspn(value, " \n");
            return value;
        }
    }
    return NULL;
}

static bool line_holds(const char *line, size_t line_bytes, const char *text)
{
    return text == NULL || memmem(line, line_bytes, text, strlen(text)) != NULL;
}

const char *log_line_find(const char *log, const char *first, const char *second, size_t skip,
                          size_t *line_bytes)
{
    for (const char *line = log, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        size_t bytes = (size_t)(end - line);

        if (line_holds(line, bytes, first) && line_holds(line, bytes, second) && skip-- == 0) {
            *line_bytes = bytes;
            return line;
        }
    }
    return NULL;
}

static bool address_read(const struct daemon *daemon, size_t n, char *out, size_t out_size)
{
    char *log = file_read_from(daemon->log_path, 0);
    size_t line_bytes = 0;
    size_t value_bytes = 0;
    const char *line = log_line_find(log, "event=listen ", "addr=", n, &line_bytes);
    const char *value = line ? log_field_find(line, line_bytes, "addr", &value_bytes) : NULL;

    if (value != NULL) {
        snprintf(out, out_size, "%.*s", (int)value_bytes, value);
    }
    free(log);
    return value != NULL;
}

static void log_print(const struct daemon *daemon)
{
    char *log = file_read_from(daemon->log_path, 0);
    size_t bytes = strlen(log);
    size_t from = bytes > 6000 ? bytes - 6000 : 0;

    print_error("the log of roomd (pid %d)%s:\n%s\n", (int)daemon->process.pid, from > 0 ? ", its end" : "",
                log + from);
    free(log);
}

static void arguments_fill(const char **argv, const struct daemon *daemon,
                           const struct daemon_options *options)
{
    size_t n = 0;

    argv[n++] = ROOMD_BINARY;
    if (options->config != NULL) {
        argv[n++] = "-c";
        argv[n++] = daemon->config_path;
    }
    if (options->listen == NULL || options->listen[0] != '\0') {
        argv[n++] = "-l";
        argv[n++] = options->listen ? options->listen : "127.0.0.1:0";
    }
    for (const char *const *arg = options->args; arg != NULL && *arg != NULL; arg++) {
        assert_true(n < ARGUMENTS_MAX - 1);
        argv[n++] = *arg;
    }
    argv[n] = NULL;
}

struct daemon *daemon_start_with(const struct daemon_options *options)
{
    const char *argv[ARGUMENTS_MAX];
    struct daemon *daemon = calloc(1, sizeof(*daemon));

    assert_non_null(daemon);
    snprintf(daemon->directory, sizeof(daemon->directory), "/tmp/roomd-test-XXXXXX");
    assert_non_null(mkdtemp(daemon->directory));
    snprintf(daemon->config_path, sizeof(daemon->config_path), "%s/roomd.conf", daemon->directory);
    snprintf(daemon->log_path, sizeof(daemon->log_path), "%s/stderr", daemon->directory);
    daemon->next = daemons;
    daemons = daemon;
    if (options->config != NULL) {
        daemon_write_config(daemon, options->config);
    }
    arguments_fill(argv, daemon, options);
    int log_fd = open(daemon->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(log_fd >= 0);
    process_start(&daemon->process, argv, log_fd, log_fd, options->nofile);
    close(log_fd);

    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
    while (!address_read(daemon, 0, daemon->address, sizeof(daemon->address))) {
        if (process_wait(&daemon->process, 2)) {
            fail_msg("roomd ended with status %d before it listened", daemon->process.exit_status);
        }
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("roomd did not say where it listens");
        }
    }
    return daemon;
}

struct daemon *daemon_start(const char *config)
{
    return daemon_start_with(&(struct daemon_options){.config = config});
}

void daemon_signal(struct daemon *daemon, int signal)
{
    assert_false(daemon->process.is_over);
    assert_int_equal(kill(daemon->process.pid, signal), 0);
}

bool daemon_is_over(struct daemon *daemon)
{
    return process_wait(&daemon->process, 0);
}

int daemon_await_exit(struct daemon *daemon, int timeout_ms)
{
    if (!process_wait(&daemon->process, timeout_ms)) {
        fail_msg("roomd did not end within %d ms", timeout_ms);
    }
    return daemon->process.exit_status;
}

static void daemon_free(struct daemon *daemon)
{
    struct daemon **link = &daemons;
    DIR *directory = opendir(daemon->directory);

    while (*link != daemon) {
        link = &(*link)->next;
    }
    *link = daemon->next;
    if (directory != NULL) {
        for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
            unlinkat(dirfd(directory), entry->d_name, 0);
        }
        closedir(directory);
    }
    rmdir(daemon->directory);
    free(daemon);
}

void daemon_finish(struct daemon *daemon)
{
    static const char *const forbidden[] = {"level=alert", "ERROR: AddressSanitizer",
                                            "runtime error:", "LeakSanitizer"};

    assert_true(daemon->process.is_over);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (daemon_log_count(daemon, forbidden[i], NULL) > 0) {
            fail_msg("the log of roomd holds '%s'", forbidden[i]);
        }
    }
    daemon_free(daemon);
}

void daemon_stop(struct daemon *daemon)
{
    daemon_signal(daemon, SIGTERM);
    int exit_status = daemon_await_exit(daemon, WAIT_LONG_MS);
    if (exit_status != 0) {
        fail_msg("roomd ended with status %d", exit_status);
    }
    daemon_finish(daemon);
}

void daemon_abandon_all(void)
{
    while (daemons != NULL) {
        process_kill(&daemons->process);
        log_print(daemons);
        daemon_free(daemons);
    }
}

const char *daemon_address(const struct daemon *daemon)
{
    return daemon->address;
}

void daemon_address_at(const struct daemon *daemon, size_t n, char *out, size_t out_size)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    while (!address_read(daemon, n, out, out_size)) {
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("roomd does not say the address of listener %zu", n);
        }
        wait_sleep_ms(5);
    }
}

void daemon_write_config(struct daemon *daemon, const char *config)
{
    FILE *file = fopen(daemon->config_path, "we");

    assert_non_null(file);
    fputs(config, file);
    assert_int_equal(fclose(file), 0);
}

const char *daemon_config_path(const struct daemon *daemon)
{
    return daemon->config_path;
}

void daemon_path(const struct daemon *daemon, const char *name, char *out, size_t out_size)
{
    snprintf(out, out_size, "%s/%s", daemon->directory, name);
}

pid_t daemon_pid(const struct daemon *daemon)
{
    return daemon->process.pid;
}

char *daemon_log_from(const struct daemon *daemon, long offset)
{
    return file_read_from(daemon->log_path, offset);
}

size_t daemon_log_count(const struct daemon *daemon, const char *first, const char *second)
{
    char *log = file_read_from(daemon->log_path, 0);
    size_t count = 0;

    for (const char *line = log, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        size_t bytes = (size_t)(end - line);
        count += line_holds(line, bytes, first) && line_holds(line, bytes, second);
    }
    free(log);
    return count;
}

void daemon_expect_log_count(const struct daemon *daemon, const char *first, const char *second, size_t count,
                             int timeout_ms)
{
    uint64_t deadline_ns = wait_deadline_ns(timeout_ms);

    for (;;) {
        size_t found = daemon_log_count(daemon, first, second);

        if (found >= count) {
            return;
        }
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("%zu of %zu lines with '%s' and '%s' in the log", found, count, first,
                     second ? second : "");
        }
        wait_sleep_ms(5);
    }
}

void daemon_expect_log(const struct daemon *daemon, const char *first, const char *second)
{
    daemon_expect_log_count(daemon, first, second, 1, WAIT_LONG_MS);
}

void daemon_expect_closes(const struct daemon *daemon, const char *reason, size_t count)
{
    char text[64];

    snprintf(text, sizeof(text), "reason=%s", reason);
    daemon_expect_log_count(daemon, "event=close ", text, count, WAIT_LONG_MS);
}
