/*
 * A line in the log from a signal handler that ends the process: which room, content and callback it was in. Nothing
 * here allocates, locks or calls what a signal handler may not call.
 */
#ifndef ROOMD_DAEMON_LAST_WORDS_H
#define ROOMD_DAEMON_LAST_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct running;

struct last_words {
    size_t used;
    char text[1024];
};

/* ts, level=alert and the event, then room, content and callback if one is running. */
void last_words_begin(struct last_words *words, const char *event, const struct running *running);
/* ` key=value`; `value` is a bare word. What does not fit is cut. */
void last_words_add(struct last_words *words, const char *key, const char *value);
void last_words_add_number(struct last_words *words, const char *key, uint64_t value);
/* Writes the line to stderr and aborts. */
_Noreturn void last_words_say(struct last_words *words);

#endif
