/* Maps: what is read, the words of every error, what stands where, straight ways, sharing, the bundled files. */
#include "content/world_map.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define TEN(text)       text text text text text text text text text text
#define NAME_64         TEN("abcdef") "wxyz"
#define TEXT_127        TEN("abcdefghijkl") "uvwxyz!"
#define HEAD            "map m\ntile 2\nspawn s 1 1\n"
#define GRID            "grid\n####\n#..#\n#.~#\n####\n"

/* The text in a block of exactly its size: a read past its end is one past the block's, which the sanitizer sees. */
static int parse_bytes(const char *text, size_t bytes, struct map **map, char *error)
{
    char *exact = malloc(bytes > 0 ? bytes : 1);

    assert_non_null(exact);
    memcpy(exact, text, bytes);
    memset(error, 'x', MAP_ERROR_BYTES);
    int result = map_parse("t.map", exact, bytes, map, error);

    free(exact);
    return result;
}

static struct map *parse(const char *text)
{
    char error[MAP_ERROR_BYTES];
    struct map *map = NULL;

    if (parse_bytes(text, strlen(text), &map, error) != 0) {
        fail_msg("%s", error);
    }
    assert_int_equal(map->refs, 1);
    return map;
}

static void assert_refused(const char *text, size_t bytes, const char *expected)
{
    char error[MAP_ERROR_BYTES];
    struct map *map = (struct map *)&error;

    assert_int_equal(parse_bytes(text, bytes, &map, error), -EINVAL);
    assert_string_equal(error, expected);
    assert_null(map);
}

/* ---- what is read ---- */

static void a_whole_map_is_read_as_written(void **state)
{
    struct map *map = parse("# a comment\n"
                            "map   green_field # another\n"
                            "\n"
                            "tile 2.5\n"
                            "spawn south 1 1\n"
                            "\tspawn north 2 1\n"
                            "portal gate 1 2 to town spawn main\n"
                            "portal stairs 2 1 template crypt\n"
                            "camp wolves 1 2 respawn 1.5s type wolf radius 12.25 count 5\n"
                            "camp boss 2 2 type lich count 1\n"
                            "npc elder 1 1 name \"Elder # Mo\" says \"Hi.\" greets \"\"\n"
                            "npc mute 2 1 name Mute\n"
                            "grid\n#####\n#..~#\n#...#");

    (void)state;
    assert_string_equal(map->name, "green_field");
    assert_true(map->tile_m == 2.5f);
    assert_int_equal(map->columns, 5);
    assert_int_equal(map->rows, 3);
    assert_int_equal(map->spawn_count, 2);
    assert_string_equal(map->spawns[0].name, "south");
    assert_true(map->spawns[0].at.x == 3.75f && map->spawns[0].at.y == 0 && map->spawns[0].at.z == 3.75f);
    assert_true(map->spawns[1].at.x == 6.25f && map->spawns[1].at.z == 3.75f);
    assert_int_equal(map->portal_count, 2);
    assert_string_equal(map->portals[0].name, "gate");
    assert_string_equal(map->portals[0].to, "town");
    assert_string_equal(map->portals[0].spawn, "main");
    assert_false(map->portals[0].is_template);
    assert_string_equal(map->portals[1].to, "crypt");
    assert_string_equal(map->portals[1].spawn, "");
    assert_true(map->portals[1].is_template);
    assert_int_equal(map->camp_count, 2);
    assert_string_equal(map->camps[0].name, "wolves");
    assert_string_equal(map->camps[0].type, "wolf");
    assert_int_equal(map->camps[0].count, 5);
    assert_true(map->camps[0].radius_m == 12.25f && map->camps[0].at.z == 6.25f);
    assert_int_equal(map->camps[0].respawn_ms, 1500);
    assert_int_equal(map->camps[1].respawn_ms, 0);
    assert_true(map->camps[1].radius_m == 0);
    assert_int_equal(map->npc_count, 2);
    assert_string_equal(map->npcs[0].id, "elder");
    assert_string_equal(map->npcs[0].name, "Elder # Mo");
    assert_string_equal(map->npcs[0].says, "Hi.");
    assert_string_equal(map->npcs[0].greets, "");
    assert_string_equal(map->npcs[1].name, "Mute");
    map_unref(map);
}

static void lines_may_end_as_on_windows_and_the_last_need_not(void **state)
{
    struct map *map = parse("map m\r\nspawn s 0 0\r\ngrid\r\n.#\r\n~.\r\n\r\n");

    (void)state;
    assert_string_equal(map->name, "m");
    assert_true(map->tile_m == 1);
    assert_int_equal(map->columns, 2);
    assert_int_equal(map->rows, 2);
    assert_int_equal(map->tiles[0], MAP_FLOOR);
    assert_int_equal(map->tiles[1], MAP_WALL);
    assert_int_equal(map->tiles[2], MAP_WATER);
    map_unref(map);
}

static void names_and_texts_may_be_as_long_as_they_may(void **state)
{
    struct map *map = parse("map " NAME_64 "\nspawn " NAME_64 " 0 0\nnpc n 0 0 name \"" NAME_64
                            "\" says \"" TEXT_127 "\"\ngrid\n.\n");

    (void)state;
    assert_string_equal(map->spawns[0].name, NAME_64);
    assert_string_equal(map->npcs[0].says, TEXT_127);
    assert_non_null(map_find_spawn(map, NAME_64));
    map_unref(map);
}

/* ---- what is refused ---- */

static const struct bad_map {
    const char *text;
    const char *error;
} bad_maps[] = {
    {"", "t.map:1: no name (write `map NAME`)"},
    {"# nothing\n\n", "t.map:2: no name (write `map NAME`)"},
    {"spawn s 0 0\ngrid\n.\n", "t.map:2: no name (write `map NAME`)"},
    {"map m\n", "t.map:1: no grid"},
    {"map m\ngrid\n.\n", "t.map:2: no spawn (write `spawn NAME COLUMN ROW`)"},
    {"map\n", "t.map:1: map is missing"},
    {"map m\nmap n\n", "t.map:2: a second map"},
    {"map m n\n", "t.map:1: 'n' is one word more than belongs here"},
    {"map \"m\"\n", "t.map:1: map 'm': a name has no quotes"},
    {"map a\x01z\n", "t.map:1: map 'a?z' is not printable UTF-8"},
    {"map a\xC0\xAFz\n", "t.map:1: map 'a??z' is not printable UTF-8"},
    {"map a\xED\xA0\x80z\n", "t.map:1: map 'a???z' is not printable UTF-8"},
    {"map a\xF4\x90\x80\x80z\n", "t.map:1: map 'a????z' is not printable UTF-8"},
    {"map a\xE2\x82z\n", "t.map:1: map 'a??z' is not printable UTF-8"},
    {"map \xC2\x85z\n", "t.map:1: map '??z' is not printable UTF-8"},
    {"map x" NAME_64 "\n", "t.map:1: map 'xabcdefabcdefabcdefabcdefabcdefabcdefabc' is longer than 64 bytes"},
    {"maap m\n", "t.map:1: a line begins with map, tile, spawn, portal, camp, npc or grid"},
    {"\"map\" m\n", "t.map:1: a line begins with map, tile, spawn, portal, camp, npc or grid"},
    {"tile 0.49\n", "t.map:1: tile '0.49' is not from 0.5 to 64"},
    {"tile 64.5\n", "t.map:1: tile '64.5' is not from 0.5 to 64"},
    {"tile nan\n", "t.map:1: tile 'nan' is not a number"},
    {"tile inf\n", "t.map:1: tile 'inf' is not a number"},
    {"tile 1e3\n", "t.map:1: tile '1e3' is not a number"},
    {"tile 2.\n", "t.map:1: tile '2.' is not a number"},
    {"tile .5\n", "t.map:1: tile '.5' is not a number"},
    {"tile 0x2\n", "t.map:1: tile '0x2' is not a number"},
    {"tile -1\n", "t.map:1: tile '-1' is not from 0.5 to 64"},
    {"tile \"2\"\n", "t.map:1: tile '2' is not a number"},
    {"tile " TEN(TEN("9999")) "\n",
     "t.map:1: tile '9999999999999999999999999999999999999999' is not from 0.5 to 64"},
    {"tile 2 m\n", "t.map:1: 'm' is one word more than belongs here"},
    {"tile\n", "t.map:1: tile is missing"},
    {"tile 2\ntile 2\n", "t.map:2: a second tile"},
    /* places */
    {"spawn\n", "t.map:1: name is missing"},
    {"spawn s\n", "t.map:1: column is missing"},
    {"spawn s 1\n", "t.map:1: row is missing"},
    {"spawn s 1 1 1\n", "t.map:1: '1' is not known here"},
    {"spawn s 1.5 1\n", "t.map:1: column '1.5' is not a whole number"},
    {"spawn s -1 1\n", "t.map:1: column '-1' is not from 0 to 2047"},
    {"spawn s 1 2048\n", "t.map:1: row '2048' is not from 0 to 2047"},
    {"spawn s 1 1\nspawn t 1 1\nspawn s 1 2\n", "t.map:3: a second spawn 's' (the first is in line 1)"},
    {HEAD "spawn far 4 1\n" GRID, "t.map:4: spawn 'far' is outside the grid (4 columns, 4 rows)"},
    {HEAD "spawn far 1 4\n" GRID, "t.map:4: spawn 'far' is outside the grid (4 columns, 4 rows)"},
    {HEAD "spawn walled 0 1\n" GRID, "t.map:4: spawn 'walled' is not on floor"},
    {HEAD "npc wet 2 2 name Wet\n" GRID, "t.map:4: npc 'wet' is not on floor"},
    {"portal p 1 1\n", "t.map:1: a portal leads either `to` a room or to a `template`"},
    {"portal p 1 1 spawn s\n", "t.map:1: a portal leads either `to` a room or to a `template`"},
    {"portal p 1 1 to a template b\n", "t.map:1: a portal leads either `to` a room or to a `template`"},
    {"portal p 1 1 to\n", "t.map:1: to is missing"},
    {"portal p 1 1 to a to b\n", "t.map:1: a second to"},
    {"portal p 1 1 to a spwan b\n", "t.map:1: 'spwan' is not known here"},
    {HEAD "portal out 3 1 to x\n" GRID, "t.map:4: portal 'out' is not on floor"},
    {"camp c 1 1 count 1\n", "t.map:1: type is missing"},
    {"camp c 1 1 type w\n", "t.map:1: count is missing"},
    {"camp c 1 1 type w count 0\n", "t.map:1: count '0' is not from 1 to 20000"},
    {"camp c 1 1 type w count 20001\n", "t.map:1: count '20001' is not from 1 to 20000"},
    {"camp c 1 1 type w count 20000\ncamp d 1 1 type w count 1\n",
     "t.map:2: more than 20000 monsters in all camps"},
    {"camp c 1 1 type w count 1 radius 1000.5\n", "t.map:1: radius '1000.5' is not from 0 to 1000"},
    {"camp c 1 1 type w count 1 respawn 20\n",
     "t.map:1: respawn '20' is not a time (write it like 250ms, 2s or 5m)"},
    {"camp c 1 1 type w count 1 respawn ms\n",
     "t.map:1: respawn 'ms' is not a time (write it like 250ms, 2s or 5m)"},
    {"camp c 1 1 type w count 1 respawn 1441m\n", "t.map:1: respawn '1441m' is not from 0ms to 86400000ms"},
    {"npc n 1 1\n", "t.map:1: name is missing"},
    {"npc n 1 1 name \"N\n", "t.map:1: a text in quotes does not end in this line"},
    {"npc n 1 1 name \"N\"x\n", "t.map:1: no blank behind the quote that ends a text"},
    {"npc n 1 1 name N says \"a\tb\"\n", "t.map:1: says 'a?b' is not printable UTF-8"},
    {"npc n 1 1 name N says \"x" TEXT_127 "\"\n",
     "t.map:1: says 'xabcdefghijklabcdefghijklabcdefghijklabc' is longer than 127 bytes"},
    /* the grid */
    {HEAD "grid 4\n", "t.map:4: '4' is one word more than belongs here"},
    {HEAD "grid\n", "t.map:4: the grid has no row"},
    {HEAD "grid\n\n....\n", "t.map:5: a row of 0 tiles (1 to 2048)"},
    {HEAD "grid\n....\n...\n", "t.map:6: a row of 3 tiles (the first one has 4)"},
    {HEAD "grid\n....\n.....\n", "t.map:6: a row of 5 tiles (the first one has 4)"},
    {HEAD "grid\n....\n..x.\n", "t.map:6: column 2 is no tile (write # . or ~)"},
    {HEAD "grid\n....\n..\t.\n", "t.map:6: column 2 is no tile (write # . or ~)"},
    {HEAD "grid\n....\n\n....\n", "t.map:7: an empty line within the grid, or something behind it"},
};

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_maps); i++) {
        assert_refused(bad_maps[i].text, strlen(bad_maps[i].text), bad_maps[i].error);
    }
}

static void a_nul_byte_is_no_tile_and_in_no_name(void **state)
{
    static const char in_name[] = "map a\0b\n";
    static const char in_grid[] = HEAD "grid\n..\0.\n";

    (void)state;
    assert_refused(in_name, sizeof(in_name) - 1, "t.map:1: map 'a?b' is not printable UTF-8");
    assert_refused(in_grid, sizeof(in_grid) - 1, "t.map:5: column 2 is no tile (write # . or ~)");
}

/* Every prefix of a good file is good or refused; none is read past its end. */
static void no_prefix_is_read_past_its_end(void **state)
{
    static const char text[] = HEAD "camp c 1 1 type w count 2 respawn 2s\nnpc n 1 1 name \"N n\"\n" GRID;
    int good = 0;

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(text); bytes++) {
        char error[MAP_ERROR_BYTES];
        struct map *map;
        int result = parse_bytes(text, bytes, &map, error);

        assert_true(result == 0 || (result == -EINVAL && strncmp(error, "t.map:", 6) == 0));
        good += result == 0;
        map_unref(map);
    }
    assert_in_range(good, 4, 12); /* those that end with a whole row, from the second one on */
}

/* `count` lines of `line` (with one %zu), or rows, then what follows; freed by the caller. */
static char *repeat(const char *head, const char *line, size_t count, const char *tail)
{
    size_t room = strlen(head) + count * (strlen(line) + 20) + strlen(tail) + 1;
    char *text = malloc(room);
    size_t used;

    assert_non_null(text);
    used = (size_t)snprintf(text, room, "%s", head);
    for (size_t i = 0; i < count; i++) {
        const char *number = strstr(line, "%zu");

        used += (size_t)snprintf(text + used, room - used, "%.*s",
                                 (int)(number ? number - line : (long)strlen(line)), line);
        if (number != NULL) {
            used += (size_t)snprintf(text + used, room - used, "%zu%s", i, number + 3);
        }
    }
    snprintf(text + used, room - used, "%s", tail);
    return text;
}

static void limits_are_where_they_are_said_to_be(void **state)
{
    char *wide = repeat("map m\nspawn s 0 0\ngrid\n", ".", MAP_SIDE_MAX, "\n");
    char *too_wide = repeat("map m\nspawn s 0 0\ngrid\n", ".", MAP_SIDE_MAX + 1, "\n");
    char *high = repeat("map m\nspawn s 0 2047\ngrid\n", ".\n", MAP_SIDE_MAX, "");
    char *too_high = repeat("map m\nspawn s 0 0\ngrid\n", ".\n", MAP_SIDE_MAX + 1, "");
    char *many = repeat("map m\n", "spawn s%zu 0 0\n", MAP_PLACES_MAX, "grid\n.\n");
    char *too_many = repeat("map m\n", "spawn s%zu 0 0\n", MAP_PLACES_MAX + 1, "grid\n.\n");
    char *too_long = repeat("", "#\n", MAP_BYTES_MAX / 2, "#");
    struct map *map;

    (void)state;
    map = parse(wide);
    assert_int_equal(map->columns, MAP_SIDE_MAX);
    map_unref(map);
    map = parse(high);
    assert_int_equal(map->rows, MAP_SIDE_MAX);
    map_unref(map);
    map = parse(many);
    assert_int_equal(map->spawn_count, MAP_PLACES_MAX);
    assert_string_equal(map_find_spawn(map, "s4095")->name, "s4095");
    map_unref(map);
    assert_refused(too_wide, strlen(too_wide), "t.map:4: a row of 2049 tiles (1 to 2048)");
    assert_refused(too_high, strlen(too_high), "t.map:2052: more than 2048 rows");
    assert_refused(too_many, strlen(too_many), "t.map:4098: more than 4096 places of this kind");
    assert_refused(too_long, strlen(too_long), "t.map:1: longer than 8388608 bytes");
    free(wide);
    free(too_wide);
    free(high);
    free(too_high);
    free(many);
    free(too_many);
    free(too_long);
}

/* ---- what stands where ---- */

static void a_tile_is_where_its_bounds_say(void **state)
{
    struct map *map = parse(HEAD GRID);

    (void)state;
    assert_int_equal(map_tile_at(map, 2, 2), MAP_FLOOR);
    assert_int_equal(map_tile_at(map, 5.999f, 2), MAP_FLOOR);
    assert_int_equal(map_tile_at(map, 6, 2), MAP_WALL);
    assert_int_equal(map_tile_at(map, 1.999f, 2), MAP_WALL);
    assert_int_equal(map_tile_at(map, 5, 5), MAP_WATER);
    map_unref(map);
}

static void what_is_outside_or_not_finite_is_wall(void **state)
{
    static const float beyond[] = {-0.001f, 2.0f, 2.5f, 1e30f, -1e30f, INFINITY, -INFINITY, NAN};
    struct map *map = parse("map m\nspawn s 0 0\ngrid\n..\n..\n");
    const struct point inside = {0.5f, 0, 0.5f};

    (void)state;
    assert_int_equal(map_tile_at(map, 0, 0), MAP_FLOOR);
    for (size_t i = 0; i < COUNT_OF(beyond); i++) {
        const struct point x = {beyond[i], 0, 0.5f};
        const struct point z = {0.5f, 0, beyond[i]};

        assert_int_equal(map_tile_at(map, beyond[i], 1), MAP_WALL);
        assert_int_equal(map_tile_at(map, 1, beyond[i]), MAP_WALL);
        assert_false(map_is_clear(map, &inside, &x, true));
        assert_false(map_is_clear(map, &x, &inside, true));
        assert_false(map_is_clear(map, &inside, &z, false));
        assert_false(map_is_clear(map, &z, &inside, false));
    }
    map_unref(map);
}

/* ---- straight ways ---- */

static bool is_clear(const struct map *map, float x0, float z0, float x1, float z1, bool is_walk)
{
    const struct point from = {x0, 0, z0};
    const struct point to = {x1, 0, z1};
    bool there = map_is_clear(map, &from, &to, is_walk);

    assert_int_equal(map_is_clear(map, &to, &from, is_walk),
                     there); /* the way back is as open as the way there */
    return there;
}

static void walls_stop_all_and_water_stops_feet(void **state)
{
    struct map *map = parse("map m\nspawn s 0 0\ngrid\n.....\n..#..\n.~...\n");

    (void)state;
    assert_true(is_clear(map, 0.5f, 0.5f, 4.5f, 0.5f, true));
    assert_true(is_clear(map, 0.5f, 0.5f, 0.5f, 0.5f, true));
    assert_false(is_clear(map, 0.5f, 1.5f, 4.5f, 1.5f, true));
    assert_false(is_clear(map, 0.5f, 1.5f, 4.5f, 1.5f, false));
    assert_false(is_clear(map, 0.5f, 2.5f, 4.5f, 2.5f, true));
    assert_true(is_clear(map, 0.5f, 2.5f, 4.5f, 2.5f, false));
    assert_false(is_clear(map, 2.5f, 1.5f, 2.5f, 1.5f, false)); /* in the wall itself */
    assert_false(is_clear(map, 0.1f, 0.9f, 4.9f, 2.9f, true));
    map_unref(map);
}

static void no_way_leads_through_a_corner(void **state)
{
    struct map *touching = parse("map m\nspawn s 0 0\ngrid\n.#\n#.\n");
    struct map *one = parse("map m\nspawn s 0 0\ngrid\n..\n#.\n");
    struct map *open = parse("map m\nspawn s 0 0\ngrid\n..\n..\n");

    (void)state;
    assert_false(is_clear(touching, 0.5f, 0.5f, 1.5f, 1.5f, false));
    assert_false(is_clear(touching, 0.9999f, 0.9999f, 1.0001f, 1.0001f, false));
    assert_false(is_clear(one, 0.5f, 0.5f, 1.5f, 1.5f, false));
    assert_true(is_clear(one, 0.7f, 0.5f, 1.5f, 1.3f, false));
    assert_true(is_clear(open, 0.5f, 0.5f, 1.5f, 1.5f, false));
    map_unref(touching);
    map_unref(one);
    map_unref(open);
}

/* A line is walked in small steps: where one of them is in a wall, the way must not be open. */
static void an_open_way_meets_no_wall_anywhere(void **state)
{
    enum { SIDE = 24, STEPS = 2000, WAYS = 3000 };
    char text[64 + SIDE * (SIDE + 1) + 1];
    uint32_t seed = 1;
    int open = 0;

    (void)state;
    size_t used = (size_t)snprintf(text, sizeof(text), "map m\ntile 1.7\nspawn s 0 0\ngrid\n");

    for (int i = 0; i < SIDE * (SIDE + 1); i++) {
        seed = seed * 1664525u + 1013904223u;
        text[used++] = i % (SIDE + 1) == SIDE ? '\n' : i == 0 || seed >> 28 < 14 ? '.' : '#';
    }
    text[used] = '\0';
    struct map *map = parse(text);

    for (int way = 0; way < WAYS; way++) {
        float end[4];

        for (int i = 0; i < 4; i++) {
            seed = seed * 1664525u + 1013904223u;
            end[i] = (float)(seed >> 8) / (float)(1 << 24) * SIDE * 1.7f;
        }
        bool meets_wall = false;

        for (int step = 0; step <= STEPS; step++) {
            float part = (float)step / STEPS;

            meets_wall = meets_wall || map_tile_at(map, end[0] + (end[2] - end[0]) * part,
                                                   end[1] + (end[3] - end[1]) * part) == MAP_WALL;
        }
        bool is_open = is_clear(map, end[0], end[1], end[2], end[3], true);

        assert_false(is_open && meets_wall);
        open += is_open;
    }
    assert_in_range(open, WAYS / 10, WAYS); /* and it is not closed for fear of walls */
    map_unref(map);
}

/* ---- sharing ---- */

static void a_shared_map_is_found_until_its_last_reference_goes(void **state)
{
    struct map *one = parse(HEAD GRID);
    struct map *other = parse(HEAD GRID);

    (void)state;
    assert_null(map_share("a.map"));
    map_add_shared(one, "a.map");
    map_add_shared(other, "b.map");
    assert_ptr_equal(map_share("a.map"), one);
    assert_ptr_equal(map_share("b.map"), other);
    assert_null(map_share("c.map"));
    map_unref(one);
    assert_ptr_equal(map_share("a.map"), one);
    map_unref(one);
    map_unref(one);
    assert_null(map_share("a.map"));
    map_unref(other);
    map_unref(other);
    assert_null(map_share("b.map"));
    map_unref(NULL);
}

static void spawns_are_found_by_name(void **state)
{
    struct map *map = parse(HEAD "spawn t 2 1\n" GRID);

    (void)state;
    assert_ptr_equal(map_find_spawn(map, "t"), &map->spawns[1]);
    assert_null(map_find_spawn(map, "T"));
    assert_null(map_find_spawn(map, ""));
    map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_map_is_read_as_written),
        cmocka_unit_test(lines_may_end_as_on_windows_and_the_last_need_not),
        cmocka_unit_test(names_and_texts_may_be_as_long_as_they_may),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(a_nul_byte_is_no_tile_and_in_no_name),
        cmocka_unit_test(no_prefix_is_read_past_its_end),
        cmocka_unit_test(limits_are_where_they_are_said_to_be),
        cmocka_unit_test(a_tile_is_where_its_bounds_say),
        cmocka_unit_test(what_is_outside_or_not_finite_is_wall),
        cmocka_unit_test(walls_stop_all_and_water_stops_feet),
        cmocka_unit_test(no_way_leads_through_a_corner),
        cmocka_unit_test(an_open_way_meets_no_wall_anywhere),
        cmocka_unit_test(a_shared_map_is_found_until_its_last_reference_goes),
        cmocka_unit_test(spawns_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
