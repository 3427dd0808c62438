/*
 * The log: logfmt (key=value) lines on stderr, one write(2) a line.
 *
 *     ts=2026-11-22T09:00:00.123Z level=info event=listen addr=127.0.0.1:7777
 *
 * Nobody waits for the log: while a pipe or a socket is full lines are lost, and event=log_lost says how many, before the
 * next that is not.
 *
 * `alert` is kept for what must never happen; a test fails when the log of a run holds one.
 */
#ifndef ROOMD_BASE_LOG_H
#define ROOMD_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event may need no more words than its name: "" is a good format here. */
#pragma GCC diagnostic ignored "-Wformat-zero-length"

enum log_level { LOG_LEVEL_ALERT, LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The level up to which lines are written; LOG_LEVEL_INFO at the start. */
void log_set_level(enum log_level level);
bool log_level_is_on(enum log_level level);

/* For tests: where whole lines go instead of stderr (with newline, without NUL); NULL puts stderr back. */
void log_set_sink(void (*sink)(void *context, const char *line, size_t size), void *context);

/*
 * Writes one line. `event` is a bare word; `format` yields the rest as key=value pairs, or "". A line longer
 * than 2 KiB is cut and ends in " cut=yes". Text from the wire goes through log_quote first.
 */
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same at info, whatever the level is: for what was asked for by name, such as the counters. */
void log_notice(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define LOG(level, event, ...)                                                                               \
    do {                                                                                                     \
        if (log_level_is_on(level)) {                                                                        \
            log_line(level, event, __VA_ARGS__);                                                             \
        }                                                                                                    \
    } while (0)

/*
 * Quotes foreign bytes for a logfmt value: double quotes around, `"` and `\` escaped, everything outside
 * printable ASCII as \xNN; cut with "..." when it outgrows `out`. Returns `out`, always terminated. out_size
 * at least 8.
 */
const char *log_quote(char *out, size_t out_size, const void *bytes, size_t size);
/* The same of a name: as it is when it is a bare word that fits, otherwise quoted. */
const char *log_word(char *out, size_t out_size, const void *bytes, size_t size);

/*
 * A gate for events that repeat: passes one per interval and counts the rest. When it passes, `*held` says
 * how many were held back since the last that passed. Zero-initialise it.
 */
struct log_gate {
    uint64_t next_ns;
    uint64_t held;
};

bool log_gate_pass(struct log_gate *gate, uint64_t now_ns, uint64_t interval_ns, uint64_t *held);

#endif
