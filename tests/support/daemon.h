/*
 * A real roomd, run by a test: started on a free port with a configuration of the test's own, watched through
 * its log, its statistics and /proc, and ended by a signal. Every wait is bounded; what fails fails the test.
 */
#ifndef TESTS_SUPPORT_DAEMON_H
#define TESTS_SUPPORT_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct daemon;

/* Keys of [server], for tests of something else: clients may send as fast as they can. */
#define FAST_CLIENTS                                                                                         \
    "packet_rate = 1000000\npacket_burst = 1000000\n"                                                        \
    "input_rate = 1GiB\ninput_burst = 1GiB\n"

struct daemon_options {
    const char *config;      /* text of the file handed over by -c; NULL: no -c */
    const char *listen;      /* of -l; NULL: 127.0.0.1:0, "": no -l, the file decides */
    const char *const *args; /* more arguments, NULL-terminated; NULL: none */
    rlim_t nofile;           /* descriptor limit; 0: the test's own */
};

/* Returns once the server says that it listens. */
struct daemon *daemon_start(const char *config);
struct daemon *daemon_start_with(const struct daemon_options *options);

/* SIGTERM, exit status 0 within 10 s, then daemon_finish. */
void daemon_stop(struct daemon *daemon);
void daemon_signal(struct daemon *daemon, int signal);
bool daemon_is_over(struct daemon *daemon);
/* Waits for the end and returns the exit status (128 + n when signal n ended it). */
int daemon_await_exit(struct daemon *daemon, int timeout_ms);
/* Of a server that is over: checks that its log holds no alert and no sanitizer report, removes its files,
 * frees it. */
void daemon_finish(struct daemon *daemon);
/* Kills and frees every server that a failed test left; prints the end of its log. */
void daemon_abandon_all(void);

/* The address of the first listener ("127.0.0.1:40123", "unix:/tmp/x"), and of the n-th from 0. */
const char *daemon_address(const struct daemon *daemon);
void daemon_address_at(const struct daemon *daemon, size_t n, char *out, size_t out_size);
/* Replaces the text of its configuration file; SIGHUP makes the server read it. */
void daemon_write_config(struct daemon *daemon, const char *config);
const char *daemon_config_path(const struct daemon *daemon);
/* A path of `name` in the server's own directory. Remove what you make there, or daemon_finish removes it. */
void daemon_path(const struct daemon *daemon, const char *name, char *out, size_t out_size);

pid_t daemon_pid(const struct daemon *daemon);

/* The log from an offset in bytes, NUL-terminated; the caller frees. */
char *daemon_log_from(const struct daemon *daemon, long offset);
/* The first whole line of `log` that holds both texts, after skipping `skip` of them; NULL when there is
 * none. */
const char *log_line_find(const char *log, const char *first, const char *second, size_t skip,
                          size_t *line_bytes);
/* The value of `key=` in a logfmt line, up to the next blank; NULL when the line has no such key. */
const char *log_field_find(const char *line, size_t line_bytes, const char *key, size_t *value_bytes);
/* Lines of the log that hold both texts; `second` may be NULL. */
size_t daemon_log_count(const struct daemon *daemon, const char *first, const char *second);
/* Waits until at least `count` lines hold both texts; fails the test after `timeout_ms`. */
void daemon_expect_log_count(const struct daemon *daemon, const char *first, const char *second, size_t count,
                             int timeout_ms);
void daemon_expect_log(const struct daemon *daemon, const char *first, const char *second);
/* Waits for at least `count` closes logged with this reason. */
void daemon_expect_closes(const struct daemon *daemon, const char *reason, size_t count);

/*
 * Asks for statistics (SIGUSR1) and returns one field of them; a counter of closes that is not there counts
 * as 0. The server answers at the end of a turn, so what it had read when the signal came is in.
 */
uint64_t daemon_stat(struct daemon *daemon, const char *field);
double daemon_stat_double(struct daemon *daemon, const char *field);
/* The whole line, for several fields of one moment; the caller frees. */
char *daemon_stats_ask(struct daemon *daemon);
double stats_field(const char *line, const char *field);
/* Waits until the field reaches the value from below (least) or equals it (equal). */
void daemon_expect_stat_least(struct daemon *daemon, const char *field, uint64_t least);
void daemon_expect_stat_equal(struct daemon *daemon, const char *field, uint64_t equal);

size_t daemon_fd_count(const struct daemon *daemon);
/* Waits until at most `most` descriptors are open. */
void daemon_expect_fd_most(const struct daemon *daemon, size_t most);
size_t daemon_rss_kib(const struct daemon *daemon);
uint64_t daemon_cpu_ns(const struct daemon *daemon);

/* True under the address sanitizer, whose shadow and quarantine blur every figure of memory and of time. */
bool daemon_is_sanitized(void);
/* What RSS may grow by when nothing is kept: a little, or more under the sanitizer. */
size_t daemon_rss_slack_kib(void);

#endif
