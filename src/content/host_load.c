/*
 * Modules from shared objects. What is loaded stays loaded, under the handle that dlopen gave: the same file is the
 * same handle. Rooms are given a copy of the module's table, of this server's size: what an older module's table lacks
 * is NULL there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"
#include "content/host.h"
#include "roomd/content.h"

enum {
    OPTIONS_MAX = 256,
    OPTION_KEY_BYTES_MAX = 63,
    FIRST_SIZE = offsetof(struct roomd_content, options) /* of the first release's table */
};

struct module {
    struct list link;
    void *handle;
    struct roomd_content content;
};

static struct list modules = {.next = &modules, .prev = &modules};

/* It stands in log lines and in S_JOINED. */
static bool is_name(const char *name)
{
    size_t bytes = strnlen(name, ROOMD_NAME_BYTES_MAX + 1);

    for (size_t i = 0; i < bytes; i++) {
        if (name[i] <= ' ' || name[i] > '~' || strchr("\"\\=", name[i]) != NULL) {
            return false;
        }
    }
    return bytes > 0 && bytes <= ROOMD_NAME_BYTES_MAX;
}

static bool is_key(const char *key)
{
    size_t bytes = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return bytes > 0 && bytes <= OPTION_KEY_BYTES_MAX && key[bytes] == '\0';
}

/* Whether the text is a value of the option's kind. */
static bool is_value(const struct roomd_option *option, const char *text)
{
    char *end;
    double number;

    switch (option->kind) {
    case ROOMD_OPTION_TEXT:
        return true;
    case ROOMD_OPTION_FLAG:
        return strcmp(text, "yes") == 0 || strcmp(text, "no") == 0;
    default:
        number = strtod(text, &end);
        return text[0] != '\0' && strspn(text, "-0123456789.") == strlen(text) && *end == '\0' &&
               number >= option->least && number <= option->most;
    }
}

/* NULL, or what is wrong with a module's option at `at`. */
static const char *check_option(const struct roomd_option *options, uint32_t at)
{
    const struct roomd_option *option = &options[at];

    if (!is_key(option->key)) {
        return "has an option whose key is not of a-z, 0-9 and _";
    }
    for (uint32_t i = 0; i < at; i++) {
        if (strcmp(options[i].key, option->key) == 0) {
            return "has two options of one key";
        }
    }
    if (option->kind > ROOMD_OPTION_NUMBER) {
        return "has an option of a kind that this server does not know";
    }
    if (option->default_text == NULL || option->help == NULL) {
        return "has an option without a default or a help text";
    }
    if (option->kind == ROOMD_OPTION_NUMBER &&
        !(isfinite(option->least) && isfinite(option->most) && option->least <= option->most)) {
        return "has a number option without a least and a most";
    }
    return is_value(option, option->default_text) ? NULL : "has an option whose default is not of its kind";
}

static const char *check_options(const struct roomd_option *options)
{
    for (uint32_t at = 0; options != NULL && options[at].key != NULL; at++) {
        const char *why = at < OPTIONS_MAX ? check_option(options, at) : "has more than 256 options";

        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

/* NULL, or what is wrong with a table of this server's size. */
static const char *check_content(const struct roomd_content *content)
{
    if (content->name == NULL || content->open == NULL || content->close == NULL || content->packet == NULL) {
        return "lacks name, open, close or packet";
    }
    if (!is_name(content->name)) {
        return "has a name that is none: 1 to 64 printable ASCII characters without space, \", \\ and =";
    }
    if ((content->save == NULL) != (content->restore == NULL)) {
        return "has one of save and restore without the other";
    }
    return check_options(content->options);
}

/* The table of a module that was just loaded, checked and copied. False, and why not in `error`. */
static bool read_table(void *handle, const char *path, struct roomd_content *out, char *error,
                       size_t error_size)
{
    const struct roomd_content *(*entry)(void);
    void *symbol = dlsym(handle, ROOMD_MODULE_ENTRY);
    const struct roomd_content *table;
    const char *why;

    if (symbol == NULL) {
        snprintf(error, error_size, "%s: no module: it does not export %s", path, ROOMD_MODULE_ENTRY);
        return false;
    }
    memcpy(&entry, &symbol, sizeof(entry));
    table = entry();
    if (table == NULL) {
        snprintf(error, error_size, "%s: %s gives nothing", path, ROOMD_MODULE_ENTRY);
        return false;
    }
    if (table->abi != ROOMD_CONTENT_ABI) {
        snprintf(error, error_size, "%s: made for version %u of the content ABI, this server has version %u",
                 path, table->abi, ROOMD_CONTENT_ABI);
        return false;
    }
    if (table->size < FIRST_SIZE) {
        snprintf(error, error_size,
                 "%s: its table has %u bytes, version %u of the content ABI at least %zu bytes", path,
                 table->size, ROOMD_CONTENT_ABI, (size_t)FIRST_SIZE);
        return false;
    }
    *out = (struct roomd_content){0};
    memcpy(out, table, table->size < sizeof(*out) ? table->size : sizeof(*out));
    out->size = sizeof(*out);
    why = check_content(out);
    if (why != NULL) {
        snprintf(error, error_size, "%s: the module %s", path, why);
        return false;
    }
    return true;
}

static const struct roomd_content *load_file(const char *path, char *error, size_t error_size)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL) {
        const char *why = dlerror();

        /* It begins with the path, as a rule. */
        snprintf(error, error_size, "%s%s%s", strstr(why, path) != NULL ? "" : path,
                 strstr(why, path) != NULL ? "" : ": ", why);
        return NULL;
    }
    LIST_FOR_EACH (node, &modules) {
        struct module *module = LIST_ENTRY(node, struct module, link);

        if (module->handle == handle) {
            dlclose(handle);
            return &module->content;
        }
    }

    struct module *module = memory_take_zeroed(1, sizeof(*module));

    if (module == NULL) {
        snprintf(error, error_size, "%s: %s", path, strerror(ENOMEM));
        dlclose(handle);
        return NULL;
    }
    if (!read_table(handle, path, &module->content, error, error_size)) {
        memory_give(module);
        dlclose(handle);
        return NULL;
    }
    module->handle = handle;
    list_init(&module->link);
    list_push(&modules, &module->link);
    return &module->content;
}

/* The path always holds a '/', so that dlopen looks nowhere else. */
static bool find_path(const char *name, const char *config_dir, const char *module_dir, char *path,
                      size_t path_size)
{
    int length;

    if (name[0] == '/') {
        length = snprintf(path, path_size, "%s", name);
    } else if (strchr(name, '/') != NULL) {
        length = snprintf(path, path_size, "%s/%s",
                          config_dir != NULL && config_dir[0] != '\0' ? config_dir : ".", name);
    } else {
        length = snprintf(path, path_size, "%s/%s.so", module_dir, name);
    }
    return length >= 0 && (size_t)length < path_size;
}

const struct roomd_content *content_load(const char *name, const char *config_dir, const char *module_dir,
                                         char *error, size_t error_size)
{
    char path[PATH_MAX];
    const struct roomd_content *content = content_find(name);

    if (content != NULL) {
        return content;
    }
    if (name[0] == '\0' || (strchr(name, '/') == NULL && (module_dir == NULL || module_dir[0] == '\0'))) {
        snprintf(error, error_size, "%s: no such content, and no module_dir to look for it in",
                 name[0] == '\0' ? "\"\"" : name);
        return NULL;
    }
    if (!find_path(name, config_dir, module_dir, path, sizeof(path))) {
        snprintf(error, error_size, "the path of the module is too long");
        return NULL;
    }
    return load_file(path, error, error_size);
}

void content_unload_all(void)
{
    struct list *node;

    while ((node = list_pop(&modules)) != NULL) {
        struct module *module = LIST_ENTRY(node, struct module, link);

        dlclose(module->handle);
        memory_give(module);
    }
}
