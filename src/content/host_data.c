#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "content/host_internal.h"
#include "room/engine.h"
#include "room/room_content.h"

/* Whether it names something below the directory that it is looked for in. */
static bool is_inside(const char *name)
{
    if (name == NULL || name[0] == '\0' || name[0] == '/') {
        return false;
    }
    for (const char *part = name; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '\0' || part[2] == '/')) {
            return false;
        }
    }
    return true;
}

/* All that `file` holds, which is `bytes` or, as it may have been cut since, less. */
static int read_file(struct room *room, FILE *file, size_t bytes, char **data, size_t *read_bytes)
{
    char *text = room_content_alloc(room, bytes + 1);

    if (text == NULL) {
        return -ENOMEM;
    }
    errno = 0;
    *read_bytes = fread(text, 1, bytes, file);
    if (ferror(file)) {
        int error = errno != 0 ? errno : EIO;

        room_content_free(room, text);
        return -error;
    }
    text[*read_bytes] = '\0';
    *data = text;
    return 0;
}

int host_read_data(struct roomd_room *handle, const char *name, char **data, size_t *bytes)
{
    struct room *room = room_of(handle);
    char path[PATH_MAX];
    struct stat info;

    if (!is_inside(name)) {
        return -EINVAL;
    }
    if (room->engine->data_dir == NULL) {
        return -ENOENT;
    }
    if (snprintf(path, sizeof(path), "%s/%s", room->engine->data_dir, name) >= (int)sizeof(path)) {
        return -ENAMETOOLONG;
    }
    if (stat(path, &info) < 0) {
        return -errno;
    }
    if (!S_ISREG(info.st_mode)) {
        return -EINVAL; /* opening a pipe would wait for its writer */
    }
    if (info.st_size > HOST_DATA_BYTES_MAX) {
        return -EFBIG;
    }

    FILE *file = fopen(path, "rbe");

    if (file == NULL) {
        return -errno;
    }

    int rc = read_file(room, file, (size_t)info.st_size, data, bytes);

    fclose(file);
    return rc;
}

/* It stands in a logfmt line as a key. */
static bool is_counter_name(const char *name)
{
    size_t bytes = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return bytes > 0 && bytes <= ROOMD_COUNTER_NAME_BYTES_MAX && name[bytes] == '\0';
}

void host_count(struct roomd_room *handle, const char *name, uint64_t add)
{
    struct engine *engine = room_of(handle)->engine;

    for (uint32_t i = 0; i < engine->counter_count; i++) {
        if (strcmp(engine->counters[i].name, name) == 0) {
            engine->counters[i].value += add;
            return;
        }
    }
    if (engine->counter_count < ROOMD_COUNTERS_MAX && is_counter_name(name)) {
        struct content_counter *counter = &engine->counters[engine->counter_count++];

        memcpy(counter->name, name, strlen(name) + 1);
        counter->value = add;
    }
}
