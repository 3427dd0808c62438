#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

/* The newline included. Below PIPE_BUF, so that a line written to a pipe is never mixed with another's. */
enum { LOG_LINE_BYTES_MAX = 2048 };

static const char log_cut_mark[] = " cut=yes";

static enum log_level log_level_max = LOG_LEVEL_INFO;
static void (*log_sink)(void *context, const char *line, size_t size);
static void *log_sink_context;
static uint64_t log_lost; /* lines that nobody took */

void log_set_level(enum log_level level)
{
    log_level_max = level;
}

bool log_level_is_on(enum log_level level)
{
    return level <= log_level_max;
}

void log_set_sink(void (*sink)(void *context, const char *line, size_t size), void *context)
{
    log_sink = sink;
    log_sink_context = context;
}

static const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ALERT:
        return "alert";
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "unknown";
}

/* Whether a line fits: into a pipe or a socket that nobody reads from a write would wait for ever. */
static bool log_takes_a_line(void)
{
    struct pollfd err = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&err, 1, 0) != 0;
}

/* A log that cannot be written is no reason to stop serving, and there is nowhere else to say so. */
static void log_write(const char *line, size_t size)
{
    ssize_t written;

    do {
        written = write(STDERR_FILENO, line, size);
    } while (written < 0 && errno == EINTR);
}

/* Writes "ts=... level=... event=..." and returns its length. */
static size_t log_format_head(char *line, size_t line_size, enum log_level level, const char *event)
{
    struct timespec now;
    struct tm utc;
    int size;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size = snprintf(line, line_size, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ level=%s event=%.64s",
                    utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                    now.tv_nsec / 1000000, log_level_name(level), event);
    CHECK(size > 0 && (size_t)size < line_size);
    return (size_t)size;
}

/*
 * Cuts a line to at most `keep` bytes, between escapes and with an open quote closed, so that what is left
 * still parses; then marks it. Needs room for the quote and the mark behind `keep`. Returns the new length.
 */
static size_t log_cut(char *line, size_t keep)
{
    bool is_quoted = false;
    size_t end = 0;

    while (end < keep) {
        size_t step = 1;

        if (is_quoted && line[end] == '\\') {
            step = line[end + 1] == 'x' ? 4 : 2;
        } else if (line[end] == '"') {
            is_quoted = !is_quoted;
        }
        if (end + step > keep) {
            break;
        }
        end += step;
    }
    if (is_quoted) {
        line[end++] = '"';
    }
    memcpy(line + end, log_cut_mark, sizeof(log_cut_mark) - 1);
    return end + sizeof(log_cut_mark) - 1;
}

/* One event is one line, whatever a caller forgot to quote. */
static void log_replace_controls(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7F) {
            text[i] = '?';
        }
    }
}

/* A line that is whole; before it, how many were lost. */
static void log_put(const char *line, size_t size)
{
    if (log_sink != NULL) {
        log_sink(log_sink_context, line, size);
        return;
    }
    if (log_lost > 0 && log_takes_a_line()) {
        char lost[LOG_LINE_BYTES_MAX];
        size_t head = log_format_head(lost, sizeof(lost), LOG_LEVEL_WARN, "log_lost");
        int tail = snprintf(lost + head, sizeof(lost) - head, " lines=%" PRIu64 "\n", log_lost);

        log_write(lost, head + (size_t)tail);
        log_lost = 0;
    }
    if (log_takes_a_line()) {
        log_write(line, size);
    } else {
        log_lost++;
    }
}

static void log_emit(enum log_level level, const char *event, const char *format, va_list args)
{
    char line[LOG_LINE_BYTES_MAX];
    int errno_before = errno; /* callers log first and return -errno afterwards */
    size_t size = log_format_head(line, sizeof(line), level, event);
    int wanted = vsnprintf(line + size + 1, sizeof(line) - size - 1, format, args);

    if (wanted > 0) {
        line[size] = ' ';
        /* One byte stays free for the newline, where vsnprintf puts its NUL. */
        if ((size_t)wanted <= sizeof(line) - size - 2) {
            size += 1 + (size_t)wanted;
        } else {
            size = log_cut(line, sizeof(line) - sizeof(log_cut_mark) - 1);
        }
    }
    log_replace_controls(line, size);
    line[size++] = '\n';
    log_put(line, size);
    errno = errno_before;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    va_list args;

    if (!log_level_is_on(level)) {
        return;
    }
    va_start(args, format);
    log_emit(level, event, format, args);
    va_end(args);
}

void log_notice(const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_emit(LOG_LEVEL_INFO, event, format, args);
    va_end(args);
}

/* Writes a byte as it stands in a quoted value; returns its length there, 1 to 4. */
static size_t log_escape(char escaped[4], unsigned char c)
{
    static const char digits[] = "0123456789abcdef";

    if (c == '"' || c == '\\') {
        escaped[0] = '\\';
        escaped[1] = (char)c;
        return 2;
    }
    if (c >= 0x20 && c < 0x7F) {
        escaped[0] = (char)c;
        return 1;
    }
    escaped[0] = '\\';
    escaped[1] = 'x';
    escaped[2] = digits[c >> 4];
    escaped[3] = digits[c & 15];
    return 4;
}

const char *log_quote(char *out, size_t out_size, const void *bytes, size_t size)
{
    static const char ending[] = "...\"";
    const unsigned char *p = bytes;
    size_t used = 0;
    size_t used_if_cut = 1; /* how far `out` holds whole escapes and still has room for the ending */

    CHECK(out_size >= 8);
    out[used++] = '"';
    for (size_t i = 0; i < size; i++) {
        char escaped[4];
        size_t step = log_escape(escaped, p[i]);

        if (used + step + sizeof("\"") > out_size) {
            memcpy(out + used_if_cut, ending, sizeof(ending));
            return out;
        }
        memcpy(out + used, escaped, step);
        used += step;
        if (used + sizeof(ending) <= out_size) {
            used_if_cut = used;
        }
    }
    memcpy(out + used, "\"", sizeof("\""));
    return out;
}

const char *log_word(char *out, size_t out_size, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    bool is_bare = size > 0 && size < out_size;

    for (size_t i = 0; i < size && is_bare; i++) {
        is_bare = p[i] > ' ' && p[i] < 0x7F && p[i] != '"' && p[i] != '\\' && p[i] != '=';
    }
    if (!is_bare) {
        return log_quote(out, out_size, bytes, size);
    }
    memcpy(out, bytes, size);
    out[size] = '\0';
    return out;
}

bool log_gate_pass(struct log_gate *gate, uint64_t now_ns, uint64_t interval_ns, uint64_t *held)
{
    if (now_ns < gate->next_ns) {
        gate->held++;
        return false;
    }
    gate->next_ns = interval_ns < UINT64_MAX - now_ns ? now_ns + interval_ns : UINT64_MAX;
    *held = gate->held;
    gate->held = 0;
    return true;
}
