/* Maps from their text: see world_map.h for what one looks like. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "content/world_map.h"
#include "content/world_text.h"

enum { NAMES_SLOTS = 2 * MAP_PLACES_MAX /* a power of two */ };

/* Spawns, portals, camps and NPCs begin alike: a name, then where. */
#define PLACE_BEGINS_ALIKE(type, first)                                                                      \
    _Static_assert(offsetof(struct type, first) == 0 && offsetof(struct type, at) == sizeof(struct place),   \
                   #type " does not begin as a place")

struct place {
    char name[MAP_NAME_BYTES_MAX + 1];
    char pad[3];
};

PLACE_BEGINS_ALIKE(map_spawn, name);
PLACE_BEGINS_ALIKE(map_portal, name);
PLACE_BEGINS_ALIKE(map_camp, name);
PLACE_BEGINS_ALIKE(map_npc, id);

/* All places of one kind as they are read. Until the grid is known, `at` holds column and row. */
struct places {
    const char *kind;
    size_t item_bytes;
    char *items;
    uint32_t *lines;
    uint32_t count, capacity;
    uint16_t names[NAMES_SLOTS]; /* hash table: place + 1 */
};

enum { SPAWNS, PORTALS, CAMPS, NPCS, PLACE_KINDS };

struct parser {
    struct text text;
    struct map *map;
    struct places places[PLACE_KINDS];
    uint32_t monsters;
    bool has_name, has_tile;
};

/* Of one place, before it is known to be good. */
struct draft {
    union {
        struct map_spawn spawn;
        struct map_portal portal;
        struct map_camp camp;
        struct map_npc npc;
    } item;
    char template_name[MAP_NAME_BYTES_MAX + 1];
    uint32_t column, row;
};

static const struct text_field place_name = {.key = "name", .kind = TEXT_NAME, .most = MAP_NAME_BYTES_MAX};
static const struct text_field place_column = {
    .key = "column", .kind = TEXT_U32, .offset = offsetof(struct draft, column), .most = MAP_SIDE_MAX - 1};
static const struct text_field place_row = {
    .key = "row", .kind = TEXT_U32, .offset = offsetof(struct draft, row), .most = MAP_SIDE_MAX - 1};

static const struct text_field map_fields[] = {
    {.key = "map", .kind = TEXT_NAME, .offset = offsetof(struct map, name), .most = MAP_NAME_BYTES_MAX},
    {.key = "tile", .kind = TEXT_F32, .offset = offsetof(struct map, tile_m), .least = 0.5, .most = 64},
};

static const struct text_field no_fields[] = {{.key = NULL}};

static const struct text_field portal_fields[] = {
    {.key = "to",
     .kind = TEXT_NAME,
     .offset = offsetof(struct draft, item.portal.to),
     .most = MAP_NAME_BYTES_MAX},
    {.key = "template",
     .kind = TEXT_NAME,
     .offset = offsetof(struct draft, template_name),
     .most = MAP_NAME_BYTES_MAX},
    {.key = "spawn",
     .kind = TEXT_NAME,
     .offset = offsetof(struct draft, item.portal.spawn),
     .most = MAP_NAME_BYTES_MAX},
    {.key = NULL},
};

static const struct text_field camp_fields[] = {
    {.key = "type",
     .kind = TEXT_NAME,
     .offset = offsetof(struct draft, item.camp.type),
     .most = MAP_NAME_BYTES_MAX,
     .is_needed = true},
    {.key = "count",
     .kind = TEXT_U32,
     .offset = offsetof(struct draft, item.camp.count),
     .least = 1,
     .most = MAP_CAMP_MONSTERS_MAX,
     .is_needed = true},
    {.key = "radius", .kind = TEXT_F32, .offset = offsetof(struct draft, item.camp.radius_m), .most = 1000},
    {.key = "respawn",
     .kind = TEXT_MS,
     .offset = offsetof(struct draft, item.camp.respawn_ms),
     .most = 24 * 3600 * 1000},
    {.key = NULL},
};

static const struct text_field npc_fields[] = {
    {.key = "name",
     .kind = TEXT_STRING,
     .offset = offsetof(struct draft, item.npc.name),
     .most = MAP_NAME_BYTES_MAX,
     .is_needed = true},
    {.key = "says",
     .kind = TEXT_STRING,
     .offset = offsetof(struct draft, item.npc.says),
     .most = MAP_TEXT_BYTES_MAX},
    {.key = "greets",
     .kind = TEXT_STRING,
     .offset = offsetof(struct draft, item.npc.greets),
     .most = MAP_TEXT_BYTES_MAX},
    {.key = NULL},
};

static const struct {
    const char *kind;
    size_t item_bytes;
    const struct text_field *fields;
} place_kinds[PLACE_KINDS] = {
    [SPAWNS] = {"spawn", sizeof(struct map_spawn), no_fields},
    [PORTALS] = {"portal", sizeof(struct map_portal), portal_fields},
    [CAMPS] = {"camp", sizeof(struct map_camp), camp_fields},
    [NPCS] = {"npc", sizeof(struct map_npc), npc_fields},
};

/* ---- places ---- */

static char *places_item(const struct places *places, uint32_t i)
{
    return places->items + i * places->item_bytes;
}

/* Where `name` is in the table of names, or belongs: FNV-1a, then the next free slot. At most half are taken. */
static uint32_t places_slot(const struct places *places, const char *name)
{
    uint32_t hash = 0x811C9DC5u;

    for (const char *s = name; *s != '\0'; s++) {
        hash = (hash ^ (uint8_t)*s) * 16777619u;
    }
    uint32_t slot = hash & (NAMES_SLOTS - 1);

    while (places->names[slot] != 0 && strcmp(places_item(places, places->names[slot] - 1u), name) != 0) {
        slot = (slot + 1) & (NAMES_SLOTS - 1);
    }
    return slot;
}

static int places_grow(struct places *places)
{
    uint32_t capacity = places->capacity == 0 ? 16 : 2 * places->capacity;
    char *items = realloc(places->items, capacity * places->item_bytes);

    if (items == NULL) {
        return -ENOMEM;
    }
    places->items = items;
    uint32_t *lines = realloc(places->lines, capacity * sizeof(*lines));

    if (lines == NULL) {
        return -ENOMEM;
    }
    places->lines = lines;
    places->capacity = capacity;
    return 0;
}

static int places_add(struct parser *parser, struct places *places, const struct draft *draft)
{
    const char *name = (const char *)&draft->item;
    uint32_t slot = places_slot(places, name);

    if (places->names[slot] != 0) {
        return text_fail(&parser->text, "a second %s '%s' (the first is in line %u)", places->kind, name,
                         (unsigned)places->lines[places->names[slot] - 1u]);
    }
    if (places->count == MAP_PLACES_MAX) {
        return text_fail(&parser->text, "more than %d places of this kind", MAP_PLACES_MAX);
    }
    if (places->count == places->capacity) {
        int result = places_grow(places);

        if (result < 0) {
            return result;
        }
    }
    memcpy(places_item(places, places->count), &draft->item, places->item_bytes);
    places->lines[places->count] = parser->text.line;
    places->count++;
    places->names[slot] = (uint16_t)places->count;
    return 0;
}

/* What the tables can't say of one place. */
static int check_draft(struct parser *parser, int kind, struct draft *draft)
{
    struct map_portal *portal = &draft->item.portal;

    if (kind == CAMPS) {
        parser->monsters += draft->item.camp.count; /* both are MAP_CAMP_MONSTERS_MAX at most */
        if (parser->monsters > MAP_CAMP_MONSTERS_MAX) {
            return text_fail(&parser->text, "more than %d monsters in all camps", MAP_CAMP_MONSTERS_MAX);
        }
    } else if (kind == PORTALS) {
        portal->is_template = draft->template_name[0] != '\0';
        if (portal->is_template == (portal->to[0] != '\0')) {
            return text_fail(&parser->text, "a portal leads either `to` a room or to a `template`");
        }
        if (portal->is_template) {
            memcpy(portal->to, draft->template_name, sizeof(portal->to));
        }
    }
    return 0;
}

static int parse_place(struct parser *parser, int kind)
{
    struct draft draft;

    memset(&draft, 0, sizeof(draft));
    int result = text_read_value(&parser->text, &place_name, &draft);

    if (result == 0) {
        result = text_read_value(&parser->text, &place_column, &draft);
    }
    if (result == 0) {
        result = text_read_value(&parser->text, &place_row, &draft);
    }
    if (result == 0) {
        result = text_read_fields(&parser->text, place_kinds[kind].fields, &draft, NULL);
    }
    if (result == 0) {
        result = check_draft(parser, kind, &draft);
    }
    if (result < 0) {
        return result;
    }
    draft.item.spawn.at =
        (struct point){(float)draft.column, 0, (float)draft.row}; /* the same place in all four */
    return places_add(parser, &parser->places[kind], &draft);
}

/* ---- the grid ---- */

static int parse_row(struct parser *parser, const char *row, size_t bytes)
{
    struct map *map = parser->map;
    uint8_t *tiles = map->tiles + (size_t)map->rows * map->columns;

    if (bytes != map->columns) {
        return text_fail(&parser->text, "a row of %zu tiles (the first one has %u)", bytes,
                         (unsigned)map->columns);
    }
    if (map->rows == MAP_SIDE_MAX) {
        return text_fail(&parser->text, "more than %d rows", MAP_SIDE_MAX);
    }
    for (size_t i = 0; i < bytes; i++) {
        switch (row[i]) {
        case '.':
            tiles[i] = MAP_FLOOR;
            break;
        case '~':
            tiles[i] = MAP_WATER;
            break;
        case '#':
            tiles[i] = MAP_WALL;
            break;
        default:
            return text_fail(&parser->text, "column %zu is no tile (write # . or ~)", i);
        }
    }
    map->rows++;
    return 0;
}

/* Everything behind the line `grid`. Empty lines may follow the last row. */
static int parse_grid(struct parser *parser)
{
    struct text *text = &parser->text;
    struct map *map = parser->map;
    const char *row;
    size_t bytes;
    bool has_ended = false;

    map->tiles = malloc((size_t)(text->end - text->at) + 1); /* a tile is a byte of the text */
    if (map->tiles == NULL) {
        return -ENOMEM;
    }
    while (text_next_row(text, &row, &bytes)) {
        if (map->rows == 0) {
            if (bytes == 0 || bytes > MAP_SIDE_MAX) {
                return text_fail(text, "a row of %zu tiles (1 to %d)", bytes, MAP_SIDE_MAX);
            }
            map->columns = (uint32_t)bytes;
        } else if (bytes == 0) {
            has_ended = true;
            continue;
        }
        if (has_ended) {
            return text_fail(text, "an empty line within the grid, or something behind it");
        }
        int result = parse_row(parser, row, bytes);

        if (result < 0) {
            return result;
        }
    }
    if (map->rows == 0) {
        return text_fail(text, "the grid has no row");
    }
    return 0;
}

/* Turns columns and rows into metres; all places must be on floor. */
static int settle_places(struct parser *parser, const struct places *places)
{
    const struct map *map = parser->map;

    for (uint32_t i = 0; i < places->count; i++) {
        char *item = places_item(places, i);
        struct point at;

        memcpy(&at, item + sizeof(struct place), sizeof(at));
        uint32_t column = (uint32_t)at.x;
        uint32_t row = (uint32_t)at.z;

        if (column >= map->columns || row >= map->rows) {
            return text_fail_at(&parser->text, places->lines[i],
                                "%s '%s' is outside the grid (%u columns, %u rows)", places->kind, item,
                                (unsigned)map->columns, (unsigned)map->rows);
        }
        if (map->tiles[(size_t)row * map->columns + column] != MAP_FLOOR) {
            return text_fail_at(&parser->text, places->lines[i], "%s '%s' is not on floor", places->kind,
                                item);
        }
        at = (struct point){((float)column + 0.5f) * map->tile_m, 0, ((float)row + 0.5f) * map->tile_m};
        memcpy(item + sizeof(struct place), &at, sizeof(at));
    }
    return 0;
}

/* ---- the file ---- */

static int parse_map_field(struct parser *parser, const struct text_field *field, bool *had)
{
    if (*had) {
        return text_fail(&parser->text, "a second %s", field->key);
    }
    *had = true;
    int result = text_read_value(&parser->text, field, parser->map);

    return result < 0 ? result : text_read_end(&parser->text);
}

/* One line above the grid; *is_grid says that it follows. */
static int parse_line(struct parser *parser, bool *is_grid)
{
    struct text_word word;
    bool has_word;
    int result = text_next_word(&parser->text, &word, &has_word);

    if (result < 0) {
        return result;
    }
    if (text_is(&word, "grid")) {
        *is_grid = true;
        return text_read_end(&parser->text);
    }
    if (text_is(&word, "map")) {
        return parse_map_field(parser, &map_fields[0], &parser->has_name);
    }
    if (text_is(&word, "tile")) {
        return parse_map_field(parser, &map_fields[1], &parser->has_tile);
    }
    for (int kind = 0; kind < PLACE_KINDS; kind++) {
        if (text_is(&word, place_kinds[kind].kind)) {
            return parse_place(parser, kind);
        }
    }
    return text_fail(&parser->text, "a line begins with map, tile, spawn, portal, camp, npc or grid");
}

static int parse_file(struct parser *parser)
{
    struct text *text = &parser->text;
    bool is_grid = false;
    int result = 0;

    while (result == 0 && !is_grid && text_next_line(text)) {
        result = parse_line(parser, &is_grid);
    }
    if (result < 0) {
        return result;
    }
    if (!parser->has_name || !is_grid) {
        return text_fail(text, !parser->has_name ? "no name (write `map NAME`)" : "no grid");
    }
    if (parser->places[SPAWNS].count == 0) {
        return text_fail(text, "no spawn (write `spawn NAME COLUMN ROW`)");
    }
    result = parse_grid(parser);
    for (int kind = 0; kind < PLACE_KINDS && result == 0; kind++) {
        result = settle_places(parser, &parser->places[kind]);
    }
    return result;
}

/* The map takes over what was read. */
static void hand_over(struct parser *parser)
{
    struct map *map = parser->map;
    struct places *places = parser->places;

    map->spawns = (struct map_spawn *)(void *)places[SPAWNS].items;
    map->portals = (struct map_portal *)(void *)places[PORTALS].items;
    map->camps = (struct map_camp *)(void *)places[CAMPS].items;
    map->npcs = (struct map_npc *)(void *)places[NPCS].items;
    map->spawn_count = places[SPAWNS].count;
    map->portal_count = places[PORTALS].count;
    map->camp_count = places[CAMPS].count;
    map->npc_count = places[NPCS].count;
    for (int kind = 0; kind < PLACE_KINDS; kind++) {
        free(places[kind].lines);
    }
}

int map_parse(const char *name, const char *text, size_t bytes, struct map **out, char *error)
{
    struct parser *parser = calloc(1, sizeof(*parser));
    struct map *map = calloc(1, sizeof(*map));
    int result = -ENOMEM;

    *out = NULL;
    if (map != NULL) {
        map->refs = 1; /* whatever comes of it, map_unref frees it */
    }
    if (parser != NULL && map != NULL) {
        map->tile_m = 1;
        parser->map = map;
        for (int kind = 0; kind < PLACE_KINDS; kind++) {
            parser->places[kind].kind = place_kinds[kind].kind;
            parser->places[kind].item_bytes = place_kinds[kind].item_bytes;
        }
        text_begin(&parser->text, name, text, bytes, error, MAP_ERROR_BYTES);
        result = bytes > MAP_BYTES_MAX ? text_fail(&parser->text, "longer than %d bytes", MAP_BYTES_MAX)
                                       : parse_file(parser);
        hand_over(parser);
    } else {
        error[0] = '\0';
    }
    free(parser);
    if (result < 0) {
        if (map != NULL) {
            map_unref(map);
        }
        return result;
    }
    *out = map;
    return 0;
}
