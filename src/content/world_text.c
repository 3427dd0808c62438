/* Lines and words of the text files that maps and rules are. */
#include "content/world_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_BYTES_MAX = 40 /* of what stands in the file, in an error */ };

/* What an error shows of the file: cut short, and no byte that a terminal acts on. */
struct shown {
    char text[SHOWN_BYTES_MAX + 1];
};

void text_begin(struct text *text, const char *name, const char *bytes, size_t size, char *error,
                size_t error_bytes)
{
    memset(text, 0, sizeof(*text));
    text->name = name;
    text->at = bytes;
    text->end = size > 0 ? bytes + size : bytes; /* `bytes` may be NULL when there are none */
    text->error = error;
    text->error_bytes = error_bytes;
    error[0] = '\0';
}

__attribute__((format(printf, 3, 0))) static int fail(const struct text *text, uint32_t line,
                                                      const char *format, va_list arguments)
{
    int used =
        snprintf(text->error, text->error_bytes, "%.100s:%u: ", text->name, (unsigned)(line == 0 ? 1 : line));

    if (used >= 0 && (size_t)used < text->error_bytes) {
        vsnprintf(text->error + used, text->error_bytes - (size_t)used, format, arguments);
    }
    return -EINVAL;
}

int text_fail(const struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fail(text, text->line, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

int text_fail_at(const struct text *text, uint32_t line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fail(text, line, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static struct shown show(const struct text_word *word)
{
    struct shown shown;
    size_t bytes = word->bytes < SHOWN_BYTES_MAX ? word->bytes : SHOWN_BYTES_MAX;

    for (size_t i = 0; i < bytes; i++) {
        shown.text[i] = word->at[i] < ' ' || word->at[i] > '~' ? '?' : word->at[i];
    }
    shown.text[bytes] = '\0';
    return shown;
}

/* ---- lines and words ---- */

bool text_next_row(struct text *text, const char **row, size_t *bytes)
{
    if (text->at == text->end) {
        return false;
    }
    const char *line_end = memchr(text->at, '\n', (size_t)(text->end - text->at));
    const char *next = line_end == NULL ? text->end : line_end + 1;

    if (line_end == NULL) {
        line_end = text->end;
    }
    if (line_end > text->at && line_end[-1] == '\r') {
        line_end--;
    }
    *row = text->at;
    *bytes = (size_t)(line_end - text->at);
    text->at = next;
    text->line++;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct text *text)
{
    while (text->word < text->line_end && is_blank(*text->word)) {
        text->word++;
    }
    if (text->word < text->line_end && *text->word == '#') {
        text->word = text->line_end;
    }
}

bool text_next_line(struct text *text)
{
    const char *row;
    size_t bytes;

    while (text_next_row(text, &row, &bytes)) {
        text->word = row;
        text->line_end = row + bytes;
        skip_blanks(text);
        if (text->word < text->line_end) {
            return true;
        }
    }
    return false;
}

int text_next_word(struct text *text, struct text_word *word, bool *has_word)
{
    skip_blanks(text);
    *has_word = text->word < text->line_end;
    *word = (struct text_word){.at = text->word};
    if (!*has_word) {
        return 0;
    }
    if (*text->word != '"') {
        while (text->word < text->line_end && !is_blank(*text->word)) {
            text->word++;
        }
        word->bytes = (size_t)(text->word - word->at);
        return 0;
    }
    word->is_quoted = true;
    word->at++;
    const char *quote = memchr(word->at, '"', (size_t)(text->line_end - word->at));

    if (quote == NULL) {
        return text_fail(text, "a text in quotes does not end in this line");
    }
    word->bytes = (size_t)(quote - word->at);
    text->word = quote + 1;
    if (text->word < text->line_end && !is_blank(*text->word)) {
        return text_fail(text, "no blank behind the quote that ends a text");
    }
    return 0;
}

bool text_is(const struct text_word *word, const char *what)
{
    return !word->is_quoted && word->bytes == strlen(what) && memcmp(word->at, what, word->bytes) == 0;
}

int text_read_end(struct text *text)
{
    struct text_word word;
    bool has_word;
    int result = text_next_word(text, &word, &has_word);

    if (result == 0 && has_word) {
        return text_fail(text, "'%s' is one word more than belongs here", show(&word).text);
    }
    return result;
}

/* ---- values ---- */

/* The bytes of the character that begins at `s`: 0 when none does. */
static size_t utf8_bytes(const uint8_t *s, size_t size)
{
    size_t bytes = s[0] < 0x80   ? 1
                   : s[0] < 0xC2 ? 0
                   : s[0] < 0xE0 ? 2
                   : s[0] < 0xF0 ? 3
                   : s[0] < 0xF5 ? 4
                                 : 0;

    if (bytes == 0 || bytes > size) {
        return 0;
    }
    for (size_t i = 1; i < bytes; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool is_overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool is_surrogate = s[0] == 0xED && s[1] >= 0xA0;
    bool is_beyond = s[0] == 0xF4 && s[1] >= 0x90;

    return is_overlong || is_surrogate || is_beyond ? 0 : bytes;
}

bool text_is_printable(const char *bytes, size_t size)
{
    const uint8_t *s = (const uint8_t *)bytes;

    while (size > 0) {
        size_t step = utf8_bytes(s, size);
        bool is_control = s[0] < 0x20 || s[0] == 0x7F || (s[0] == 0xC2 && step == 2 && s[1] < 0xA0);

        if (step == 0 || is_control) {
            return false;
        }
        s += step;
        size -= step;
    }
    return true;
}

/* A decimal number at the word's beginning; *used says how much of the word it is, 0 when there is none. */
static double read_decimal(const struct text_word *word, size_t *used)
{
    const char *s = word->at;
    size_t at = 0;
    bool is_negative = word->bytes > 0 && s[0] == '-';
    double value = 0;
    double scale = 1;

    at += is_negative;
    size_t first = at;

    for (; at < word->bytes && s[at] >= '0' && s[at] <= '9'; at++) {
        value = value * 10 + (s[at] - '0'); /* infinite, and so out of any range, when there are too many */
    }
    *used = at == first ? 0 : at;
    if (*used > 0 && at + 1 < word->bytes && s[at] == '.' && s[at + 1] >= '0' && s[at + 1] <= '9') {
        for (at++; at < word->bytes && s[at] >= '0' && s[at] <= '9'; at++) {
            if (scale < 1e15) { /* further digits are below what a double tells apart */
                value = value * 10 + (s[at] - '0');
                scale *= 10;
            }
        }
        *used = at;
    }
    return is_negative ? -(value / scale) : value / scale;
}

static int read_number(const struct text *text, const struct text_field *field, const struct text_word *word,
                       double *value)
{
    size_t used;

    *value = read_decimal(word, &used);
    if (word->is_quoted || used == 0 || used != word->bytes) {
        return text_fail(text, "%s '%s' is not a number", field->key, show(word).text);
    }
    if (field->kind != TEXT_F32 && memchr(word->at, '.', word->bytes) != NULL) {
        return text_fail(text, "%s '%s' is not a whole number", field->key, show(word).text);
    }
    if (!(*value >= field->least && *value <= field->most)) {
        return text_fail(text, "%s '%s' is not from %g to %.10g", field->key, show(word).text, field->least,
                         field->most);
    }
    return 0;
}

static int read_ms(const struct text *text, const struct text_field *field, const struct text_word *word,
                   double *value)
{
    static const struct {
        const char *text;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}};
    size_t used;
    double count = read_decimal(word, &used);
    struct text_word unit = {.at = word->at + used, .bytes = word->bytes - used};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && used > 0 && !word->is_quoted; i++) {
        if (!text_is(&unit, units[i].text)) {
            continue;
        }
        *value = count * units[i].ms;
        if (!(*value >= field->least && *value <= field->most)) {
            return text_fail(text, "%s '%s' is not from %.0fms to %.0fms", field->key, show(word).text,
                             field->least, field->most);
        }
        return 0;
    }
    return text_fail(text, "%s '%s' is not a time (write it like 250ms, 2s or 5m)", field->key,
                     show(word).text);
}

static int read_text(const struct text *text, const struct text_field *field, const struct text_word *word,
                     char *out)
{
    bool is_name = field->kind == TEXT_NAME;

    if (is_name && (word->is_quoted || memchr(word->at, '"', word->bytes) != NULL)) {
        return text_fail(text, "%s '%s': a name has no quotes", field->key, show(word).text);
    }
    if (!text_is_printable(word->at, word->bytes)) {
        return text_fail(text, "%s '%s' is not printable UTF-8", field->key, show(word).text);
    }
    if (word->bytes > (size_t)field->most) {
        return text_fail(text, "%s '%s' is longer than %.0f bytes", field->key, show(word).text, field->most);
    }
    memcpy(out, word->at, word->bytes);
    out[word->bytes] = '\0';
    return 0;
}

static int read_choice(const struct text *text, const struct text_field *field, const struct text_word *word,
                       uint8_t *out)
{
    char all[128] = "";
    size_t used = 0;

    for (uint8_t i = 0; field->choices[i] != NULL; i++) {
        if (text_is(word, field->choices[i])) {
            *out = i;
            return 0;
        }
        int more = snprintf(all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : ", ", field->choices[i]);

        used += more > 0 && (size_t)more < sizeof(all) - used ? (size_t)more : 0;
    }
    return text_fail(text, "%s '%s' is none of %s", field->key, show(word).text, all);
}

static const char *const yes_no[] = {"no", "yes", NULL};

/* Puts a number into its place by the type that its kind says. */
static void store(const struct text_field *field, char *place, double value)
{
    if (field->kind == TEXT_F32) {
        memcpy(place, &(float){(float)value}, sizeof(float));
    } else if (field->kind == TEXT_U16) {
        memcpy(place, &(uint16_t){(uint16_t)value}, sizeof(uint16_t));
    } else if (field->kind == TEXT_I32) {
        memcpy(place, &(int32_t){(int32_t)value}, sizeof(int32_t));
    } else {
        memcpy(place, &(uint32_t){(uint32_t)(value + 0.5)}, sizeof(uint32_t));
    }
}

int text_read_value(struct text *text, const struct text_field *field, void *object)
{
    char *place = (char *)object + field->offset;
    struct text_word word;
    bool has_word;
    double value = 0;
    uint8_t choice = 0;
    int result = text_next_word(text, &word, &has_word);

    if (result < 0) {
        return result;
    }
    if (!has_word) {
        return text_fail(text, "%s is missing", field->key);
    }
    switch (field->kind) {
    case TEXT_NAME:
    case TEXT_STRING:
        return read_text(text, field, &word, place);
    case TEXT_FLAG:
        result =
            read_choice(text, &(struct text_field){.key = field->key, .choices = yes_no}, &word, &choice);
        memcpy(place, &(bool){choice == 1}, sizeof(bool));
        return result;
    case TEXT_CHOICE:
        result = read_choice(text, field, &word, &choice);
        memcpy(place, &choice, sizeof(choice));
        return result;
    case TEXT_MS:
        result = read_ms(text, field, &word, &value);
        break;
    default:
        result = read_number(text, field, &word, &value);
    }
    if (result == 0) {
        store(field, place, value);
    }
    return result;
}

/* The field of that key: fields[i] with i < TEXT_FIELDS_MAX, or a negative number. */
static int find_field(const struct text_field *fields, const struct text_word *word)
{
    for (int i = 0; i < TEXT_FIELDS_MAX && fields[i].key != NULL; i++) {
        if (text_is(word, fields[i].key)) {
            return i;
        }
    }
    return -1;
}

int text_read_fields(struct text *text, const struct text_field *fields, void *object, uint32_t *seen)
{
    struct text_word word;
    bool has_word;
    uint32_t had = 0;

    for (;;) {
        int result = text_next_word(text, &word, &has_word);
        int place = has_word && result == 0 ? find_field(fields, &word) : -1;

        if (result < 0 || !has_word) {
            if (result < 0) {
                return result;
            }
            break;
        }
        if (place < 0) {
            return text_fail(text, "'%s' is not known here", show(&word).text);
        }
        if ((had & 1u << place) != 0) {
            return text_fail(text, "a second %s", fields[place].key);
        }
        had |= 1u << place;
        result = text_read_value(text, &fields[place], object);
        if (result < 0) {
            return result;
        }
    }
    for (int i = 0; i < TEXT_FIELDS_MAX && fields[i].key != NULL; i++) {
        if (fields[i].is_needed && (had & 1u << i) == 0) {
            return text_fail(text, "%s is missing", fields[i].key);
        }
    }
    if (seen != NULL) {
        *seen = had;
    }
    return 0;
}
