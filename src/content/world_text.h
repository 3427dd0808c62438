/*
 * Lines and words of the text files that maps and rules are: one pass over bytes with a length, nothing kept.
 *
 * A line is words with blanks between them; a word in "quotes" may hold blanks and #. A word that begins with #, and
 * what follows it, is a comment. Lines end in LF or CR LF. Numbers are decimal, with a fraction or without, whatever
 * the locale; times have a unit: ms, s or m.
 *
 * Every reader returns 0, or -EINVAL with text->error "NAME:LINE: what is wrong".
 */
#ifndef ROOMD_CONTENT_WORLD_TEXT_H
#define ROOMD_CONTENT_WORLD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_FIELDS_MAX = 32 /* in one table */ };

struct text {
    const char *name;
    const char *at, *end;        /* what has not been read of the file */
    const char *word, *line_end; /* and of the line */
    uint32_t line;               /* the one that was read last, from 1; 0 before the first */
    char *error;
    size_t error_bytes;
};

struct text_word {
    const char *at; /* without its quotes */
    size_t bytes;
    bool is_quoted;
};

enum text_kind {
    TEXT_NAME, /* char[most + 1]: one word of printable UTF-8 */
    TEXT_STRING, /* char[most + 1]: UTF-8 without control characters, in quotes when it has blanks; may be empty */
    TEXT_F32, /* float */
    TEXT_U16, /* uint16_t, uint32_t, int32_t: a whole number */
    TEXT_U32,
    TEXT_I32,
    TEXT_MS,    /* uint32_t: a time */
    TEXT_FLAG,  /* bool: yes or no */
    TEXT_CHOICE /* uint8_t: the place of one of `choices` */
};

/* A value of a line: where it goes in an object, and what it may be. A table ends with a NULL key. */
struct text_field {
    const char *key;
    enum text_kind kind;
    size_t offset;
    double least, most;         /* numbers: of the value (TEXT_MS: in ms); names and strings: most bytes */
    bool is_needed;             /* in text_read_fields: its key must be there */
    const char *const *choices; /* TEXT_CHOICE: ends with NULL */
};

/* `error` has room for `error_bytes` and is "" until something is wrong. `name` and `bytes` must outlive it. */
void text_begin(struct text *text, const char *name, const char *bytes, size_t size, char *error,
                size_t error_bytes);
/* The next line as it stands, without its end; false behind the last one. */
bool text_next_row(struct text *text, const char **row, size_t *bytes);
/* The next line that holds a word; false behind the last one. */
bool text_next_line(struct text *text);
/* The line's next word: *has_word is false behind the last one. */
int text_next_word(struct text *text, struct text_word *word, bool *has_word);
bool text_is(const struct text_word *word, const char *what);
/* One value that must come next, as the field says; its key is what it is called in errors. */
int text_read_value(struct text *text, const struct text_field *field, void *object);
/*
 * The rest of the line: `key value` pairs, in any order, each key at most once. *seen, where not NULL, gets a bit for
 * each field that was there. What is not there is left as it is.
 */
int text_read_fields(struct text *text, const struct text_field *fields, void *object, uint32_t *seen);
/* That nothing more stands in the line. */
int text_read_end(struct text *text);
/* Says what is wrong, in the line that was read last or in another. Returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int text_fail(const struct text *text, const char *format, ...);
__attribute__((format(printf, 3, 4))) int text_fail_at(const struct text *text, uint32_t line,
                                                       const char *format, ...);

/* Whether it is UTF-8 without control characters: no overlong form, no surrogate, nothing past U+10FFFF. */
bool text_is_printable(const char *bytes, size_t size);

#endif
