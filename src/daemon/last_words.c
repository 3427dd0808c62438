#include "daemon/last_words.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "room/engine.h"
#include "room/room.h"

static void put(struct last_words *words, const char *text)
{
    size_t left = sizeof(words->text) - 1 - words->used; /* one for the newline */
    size_t bytes = strlen(text);

    bytes = bytes < left ? bytes : left;
    memcpy(words->text + words->used, text, bytes);
    words->used += bytes;
}

/* At least `digits` of them. */
static void put_number(struct last_words *words, uint64_t value, int digits)
{
    char text[24];
    char *at = text + sizeof(text) - 1;

    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || text + sizeof(text) - 1 - at < digits);
    put(words, at);
}

static bool is_leap(uint64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The day `days` after 1970-01-01, as YYYY-MM-DD: gmtime_r may take a lock. */
static void put_date(struct last_words *words, uint64_t days)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t year = 1970;
    uint64_t month = 0;
    uint64_t length;

    while (days >= (length = is_leap(year) ? 366 : 365)) {
        days -= length;
        year++;
    }
    while (days >= (length = month_days[month] + (month == 1 && is_leap(year) ? 1u : 0u))) {
        days -= length;
        month++;
    }
    put_number(words, year, 4);
    put(words, "-");
    put_number(words, month + 1, 2);
    put(words, "-");
    put_number(words, days + 1, 2);
}

static void put_time(struct last_words *words)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);

    uint64_t seconds = now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;

    put_date(words, seconds / 86400);
    put(words, "T");
    put_number(words, seconds / 3600 % 24, 2);
    put(words, ":");
    put_number(words, seconds / 60 % 60, 2);
    put(words, ":");
    put_number(words, seconds % 60, 2);
    put(words, ".");
    put_number(words, (uint64_t)now.tv_nsec / 1000000, 3);
    put(words, "Z");
}

void last_words_add(struct last_words *words, const char *key, const char *value)
{
    put(words, " ");
    put(words, key);
    put(words, "=");
    put(words, value);
}

void last_words_add_number(struct last_words *words, const char *key, uint64_t value)
{
    last_words_add(words, key, "");
    put_number(words, value, 1);
}

void last_words_begin(struct last_words *words, const char *event, const struct running *running)
{
    const struct room *room = atomic_load_explicit(&running->room, memory_order_relaxed);

    words->used = 0;
    put(words, "ts=");
    put_time(words);
    put(words, " level=alert");
    last_words_add(words, "event", event);
    if (room != NULL) {
        last_words_add(words, "room", room->log_name);
        last_words_add(words, "content", room->content->name);
        last_words_add(words, "callback", atomic_load_explicit(&running->callback, memory_order_relaxed));
    }
}

_Noreturn void last_words_say(struct last_words *words)
{
    words->text[words->used++] = '\n';
    if (write(STDERR_FILENO, words->text, words->used) < 0) {
        /* There is nowhere else to say it. */
    }
    abort();
}
