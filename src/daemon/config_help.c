/* The table of keys as text: for `--help`, and as the README's lists. */
#include "daemon/config_internal.h"

#include <string.h>

enum { RANGE_BYTES = 128, HELP_COLUMN = 24, HELP_WIDTH = 76 };

static const char *const section_heads[CONFIG_SECTION_COUNT] = {"[server]", "[room NAME]"};

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
    case CONFIG_TEXT:
        snprintf(out, RANGE_BYTES, "a name");
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

static void print_help_key(FILE *out, const struct config_key *key)
{
    char range[RANGE_BYTES];

    print_range(key, range);
    fprintf(out, "  %c %-*s%s (%s)\n", key->is_reloadable ? '*' : ' ', HELP_COLUMN - 4, key->name,
            key->default_text, range);
    print_wrapped(out, key->help);
}

void config_print_help(FILE *out)
{
    fprintf(out,
            "The configuration file: key = value in sections, # begins a comment. Each key with its default\n"
            "and what it may be. Durations have a unit (ms, s, m, h), sizes may have one (KiB, MiB, GiB).\n"
            "SIGHUP reads the file again; keys marked * may change then, and rooms may be added.\n");
    for (int section = 0; section < CONFIG_SECTION_COUNT; section++) {
        fprintf(out, "\n%s\n", section_heads[section]);
        for (size_t i = 0; i < config_key_count; i++) {
            if ((int)config_keys[i].section == section) {
                print_help_key(out, &config_keys[i]);
            }
        }
    }
}

static void print_markdown_key(FILE *out, const struct config_key *key)
{
    char range[RANGE_BYTES];

    print_range(key, range);
    fprintf(out, "| `%s` | `%s` | %s | %s | %s |\n", key->name, key->default_text, range,
            key->is_reloadable ? "yes" : "no", key->help);
}

void config_print_markdown(FILE *out)
{
    for (int section = 0; section < CONFIG_SECTION_COUNT; section++) {
        fprintf(out, "%s| `%s` | default | range | SIGHUP | what it is |\n| --- | --- | --- | --- | --- |\n",
                section == 0 ? "" : "\n", section_heads[section]);
        for (size_t i = 0; i < config_key_count; i++) {
            if ((int)config_keys[i].section == section) {
                print_markdown_key(out, &config_keys[i]);
            }
        }
    }
}
