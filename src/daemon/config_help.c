/* The table of keys, and those of the bundled contents, as text: for `--help`, and as the README's lists. */
#include "daemon/config_internal.h"

#include "content/host.h"

#include <string.h>

enum { RANGE_BYTES = 128, HELP_COLUMN = 24, HELP_WIDTH = 76 };

static const char *const content_names[] = {"chat", "field", "town", "dungeon"};

enum { CONTENT_COUNT = sizeof(content_names) / sizeof(content_names[0]) };

/* A key as it is printed, wherever it comes from. */
struct help_row {
    const char *name;
    const char *default_text;
    const char *help;
    char range[RANGE_BYTES];
    bool is_reloadable;
};

/* What may stand behind the `=`, in a few words. */
static void print_range(const struct config_key *key, char out[RANGE_BYTES])
{
    char least[RANGE_BYTES / 4];
    char most[RANGE_BYTES / 4];

    out[0] = '\0';
    switch (key->type) {
    case CONFIG_ADDRESSES:
        snprintf(out, RANGE_BYTES, "addresses");
        break;
    case CONFIG_NETWORKS:
        snprintf(out, RANGE_BYTES, "networks");
        break;
    case CONFIG_TEXT:
        snprintf(out, RANGE_BYTES, "a name");
        break;
    case CONFIG_PATH:
        snprintf(out, RANGE_BYTES, "a path");
        break;
    case CONFIG_LINE:
        snprintf(out, RANGE_BYTES, "one line");
        break;
    case CONFIG_CHOICE:
        for (size_t i = 0; key->choices[i] != NULL; i++) {
            size_t used = strlen(out);

            snprintf(out + used, RANGE_BYTES - used, "%s%s", i == 0 ? "" : ", ", key->choices[i]);
        }
        break;
    case CONFIG_FLAG:
        snprintf(out, RANGE_BYTES, "yes, no");
        break;
    case CONFIG_NUMBER:
        config_number_print(key->unit, key->least, least, sizeof(least));
        config_number_print(key->unit, key->most, most, sizeof(most));
        snprintf(out, RANGE_BYTES, "%s%s to %s", key->is_zero_allowed ? "0, or " : "", least, most);
        break;
    }
}

static void row_of_key(const struct config_key *key, struct help_row *row)
{
    *row = (struct help_row){.name = key->name,
                             .default_text = key->default_text,
                             .help = key->help,
                             .is_reloadable = key->is_reloadable};
    print_range(key, row->range);
}

static void row_of_option(const struct roomd_option *option, struct help_row *row)
{
    *row = (struct help_row){.name = option->key,
                             .default_text = option->default_text == NULL ? "" : option->default_text,
                             .help = option->help == NULL ? "" : option->help,
                             .is_reloadable = option->is_reloadable != 0};
    switch ((enum roomd_option_kind)option->kind) {
    case ROOMD_OPTION_TEXT:
        snprintf(row->range, RANGE_BYTES, "a text");
        break;
    case ROOMD_OPTION_FLAG:
        snprintf(row->range, RANGE_BYTES, "yes, no");
        break;
    case ROOMD_OPTION_NUMBER:
        snprintf(row->range, RANGE_BYTES, "%.10g to %.10g", option->least, option->most);
        break;
    }
}

/* Words in lines of at most HELP_WIDTH, each line behind HELP_COLUMN spaces. */
static void print_wrapped(FILE *out, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t size = strcspn(text, " ");

        if (column > 0 && column + 1 + size > HELP_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%*s%.*s", column == 0 ? HELP_COLUMN : 1, "", (int)size, text);
        column += size + (column == 0 ? 0 : 1);
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_help_row(FILE *out, const struct help_row *row)
{
    fprintf(out, "  %c %-*s%s (%s)\n", row->is_reloadable ? '*' : ' ', HELP_COLUMN - 4, row->name,
            row->default_text[0] == '\0' ? "empty" : row->default_text, row->range);
    print_wrapped(out, row->help);
}

static void print_markdown_row(FILE *out, const struct help_row *row)
{
    const char *quote = row->default_text[0] == '\0' ? "" : "`";

    fprintf(out, "| `%s` | %s%s%s | %s | %s | %s |\n", row->name, quote,
            row->default_text[0] == '\0' ? "empty" : row->default_text, quote, row->range,
            row->is_reloadable ? "yes" : "no", row->help);
}

/* Gives every row of a section to `print`. */
static void print_section(FILE *out, enum config_section section,
                          void (*print)(FILE *out, const struct help_row *row))
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].section == section) {
            struct help_row row;

            row_of_key(&config_keys[i], &row);
            print(out, &row);
        }
    }
}

static void print_options(FILE *out, const struct roomd_option *options,
                          void (*print)(FILE *out, const struct help_row *row))
{
    for (; options->key != NULL; options++) {
        struct help_row row;

        row_of_option(options, &row);
        print(out, &row);
    }
}

/*
 * The keys of the bundled contents from *at on that have a key of their own, told once for all that share them. False
 * when there are no more; otherwise `title` names them and *at stands behind the first.
 */
static bool next_options(size_t *at, const struct roomd_option **options, char *title, size_t title_size)
{
    for (; *at < CONTENT_COUNT; ++*at) {
        bool is_told = false;

        *options = config_content_options(content_find(content_names[*at]));
        for (size_t i = 0; i < *at; i++) {
            is_told |= config_content_options(content_find(content_names[i])) == *options;
        }
        if ((*options)->key == NULL || is_told) {
            continue;
        }
        snprintf(title, title_size, "content = %s", content_names[(*at)++]);
        for (size_t i = *at; i < CONTENT_COUNT; i++) {
            if (config_content_options(content_find(content_names[i])) == *options) {
                size_t used = strlen(title);

                snprintf(title + used, title_size - used, ", %s", content_names[i]);
            }
        }
        return true;
    }
    return false;
}

void config_print_help(FILE *out)
{
    const struct roomd_option *options;
    char title[CONFIG_SHOWN_BYTES];

    fprintf(out,
            "The configuration file: key = value in sections, # begins a comment. Each key with its default\n"
            "and what it may be. Durations have a unit (ms, s, m, h), sizes may have one (KiB, MiB, GiB).\n"
            "SIGHUP reads the file again; keys marked * may change then, rooms may be added, and templates\n"
            "may change, come and go for the rooms that are made from then on.\n");
    for (int section = 0; section < CONFIG_SECTION_COUNT; section++) {
        fprintf(out, "\n%s%s\n", config_section_heads[section],
                section == CONFIG_TEMPLATE ? ": the keys of [room NAME] but autojoin, and" : "");
        print_section(out, (enum config_section)section, print_help_row);
    }
    for (size_t at = 0; next_options(&at, &options, title, sizeof(title));) {
        fprintf(out, "\n[room NAME] and [template NAME] with %s\n", title);
        print_options(out, options, print_help_row);
    }
}

void config_print_markdown(FILE *out)
{
    static const char head[] =
        "| `%s` | default | range | SIGHUP | what it is |\n| --- | --- | --- | --- | --- |\n";
    const struct roomd_option *options;
    char title[CONFIG_SHOWN_BYTES];

    for (int section = 0; section < CONFIG_SECTION_COUNT; section++) {
        fputs(section == 0 ? "" : "\n", out);
        fprintf(out, head, config_section_heads[section]);
        print_section(out, (enum config_section)section, print_markdown_row);
    }
    for (size_t at = 0; next_options(&at, &options, title, sizeof(title));) {
        fputs("\n", out);
        fprintf(out, head, title);
        print_options(out, options, print_markdown_row);
    }
}
