#include "dummy-client/play_maps.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *path, const char *what)
{
    fprintf(stderr, "dummy-client: %s: %s\n", path, what);
    return -EINVAL;
}

static int is_map(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && strcmp(entry->d_name + length - 4, ".map") == 0;
}

static int read_map(struct play *play, const char *folder, const char *name)
{
    char error[MAP_ERROR_BYTES] = "";
    char path[4096];
    struct map *map = NULL;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
        return fail(folder, strerror(ENAMETOOLONG));
    }
    FILE *file = fopen(path, "rb");
    if (!file) {
        return fail(path, strerror(errno));
    }
    char *text = malloc(MAP_BYTES_MAX + 1);
    size_t bytes = text ? fread(text, 1, MAP_BYTES_MAX + 1, file) : 0;
    int rc =
        !text || ferror(file) || bytes > MAP_BYTES_MAX ? -EIO : map_parse(name, text, bytes, &map, error);
    fclose(file);
    free(text);
    if (rc) {
        return fail(path, error[0] ? error : "it can't be read, or is too large");
    }
    struct map **maps = realloc(play->maps, (play->map_count + 1) * sizeof(maps[0]));
    if (!maps) {
        map_unref(map);
        return fail(path, strerror(ENOMEM));
    }
    play->maps = maps;
    play->maps[play->map_count++] = map;
    return 0;
}

int play_maps_read(struct play *play, const char *folder)
{
    struct dirent **names;
    int rc = 0;

    int count = scandir(folder, &names, is_map, alphasort);
    if (count < 0) {
        return fail(folder, strerror(errno));
    }
    rc = count > 0 ? 0 : fail(folder, "no *.map is there");
    for (int i = 0; i < count; i++) {
        if (rc == 0) {
            rc = read_map(play, folder, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    return rc;
}

void play_maps_free(struct play *play)
{
    for (uint32_t i = 0; i < play->map_count; i++) {
        map_unref(play->maps[i]);
    }
    free(play->maps);
    play->maps = NULL;
    play->map_count = 0;
}

const struct map *play_maps_find(const struct play *play, const char *name)
{
    for (uint32_t i = 0; i < play->map_count; i++) {
        if (strcmp(play->maps[i]->name, name) == 0) {
            return play->maps[i];
        }
    }
    return NULL;
}
