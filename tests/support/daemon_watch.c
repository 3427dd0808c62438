/* What a test asks of a running server from outside: its statistics and what /proc says of it. */
#include "support/daemon.h"

#include "support/wait.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The last line of statistics that came after `offset` in the log; NULL as long as there is none. The caller
 * frees. */
static char *stats_read(const struct daemon *daemon, long offset)
{
    char *log = daemon_log_from(daemon, offset);
    size_t line_bytes = 0;
    const char *line = log_line_find(log, "event=stats ", NULL, 0, &line_bytes);
    char *copy = line ? strndup(line, line_bytes) : NULL;

    free(log);
    return copy;
}

char *daemon_stats_ask(struct daemon *daemon)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
    char *log = daemon_log_from(daemon, 0);
    long offset = (long)strlen(log);
    char *line;

    free(log);
    daemon_signal(daemon, SIGUSR1);
    while ((line = stats_read(daemon, offset)) == NULL) {
        if (wait_left_ms(deadline_ns) == 0 || daemon_is_over(daemon)) {
            fail_msg("roomd does not answer SIGUSR1%s", daemon_is_over(daemon) ? ": it is over" : "");
        }
        wait_sleep_ms(1);
    }
    return line;
}

double stats_field(const char *line, const char *field)
{
    size_t value_bytes = 0;
    const char *value = log_field_find(line, strlen(line), field, &value_bytes);

    if (value == NULL && strncmp(field, "close_", 6) != 0 && strncmp(field, "ticket_", 7) != 0) {
        fail_msg("no field '%s' in '%s'", field, line);
    }
    return value ? strtod(value, NULL) : 0;
}

double daemon_stat_double(struct daemon *daemon, const char *field)
{
    char *line = daemon_stats_ask(daemon);
    double value = stats_field(line, field);

    free(line);
    return value;
}

uint64_t daemon_stat(struct daemon *daemon, const char *field)
{
    return (uint64_t)daemon_stat_double(daemon, field);
}

static void stat_expect(struct daemon *daemon, const char *field, uint64_t least, uint64_t most)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    for (;;) {
        uint64_t value = daemon_stat(daemon, field);

        if (value >= least && value <= most) {
            return;
        }
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("%s is %" PRIu64 ", not %" PRIu64, field, value, least);
        }
        wait_sleep_ms(5);
    }
}

void daemon_expect_stat_least(struct daemon *daemon, const char *field, uint64_t least)
{
    stat_expect(daemon, field, least, UINT64_MAX);
}

void daemon_expect_stat_equal(struct daemon *daemon, const char *field, uint64_t equal)
{
    stat_expect(daemon, field, equal, equal);
}

size_t daemon_fd_count(const struct daemon *daemon)
{
    char path[64];
    size_t count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)daemon_pid(daemon));
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

void daemon_expect_fd_most(const struct daemon *daemon, size_t most)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    while (daemon_fd_count(daemon) > most) {
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("roomd holds %zu descriptors, not %zu", daemon_fd_count(daemon), most);
        }
        wait_sleep_ms(10);
    }
}

size_t daemon_rss_kib(const struct daemon *daemon)
{
    char path[64];
    unsigned long total = 0;
    unsigned long resident = 0;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)daemon_pid(daemon));
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &total, &resident), 2);
    fclose(file);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

uint64_t daemon_cpu_ns(const struct daemon *daemon)
{
    clockid_t clock;
    struct timespec used;

    assert_int_equal(clock_getcpuclockid(daemon_pid(daemon), &clock), 0);
    assert_int_equal(clock_gettime(clock, &used), 0);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BUILT_WITH_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define BUILT_WITH_ASAN 1
#endif

bool daemon_is_sanitized(void)
{
#ifdef BUILT_WITH_ASAN
    return true;
#else
    return false;
#endif
}

size_t daemon_rss_slack_kib(void)
{
    return daemon_is_sanitized() ? 48 * 1024 : 2 * 1024;
}
