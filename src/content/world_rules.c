/* Skills and monsters from a text file, and sharing them. */
#include "content/world_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "content/world_text.h"

enum { REACH_MAX_M = 1000 };

/* Of a monster, before all skills are known. */
struct draft {
    struct rules_monster monster;
    char shoots[RULES_NAME_BYTES_MAX + 1];
};

struct parser {
    struct text text;
    struct rules *rules;
    char shoots[RULES_MONSTERS_MAX][RULES_NAME_BYTES_MAX + 1]; /* by the monster's place; "": nothing */
    uint32_t lines[RULES_MONSTERS_MAX];
};

static const char *const skill_kinds[] = {
    [SKILL_MELEE] = "melee", [SKILL_RANGED] = "ranged", [SKILL_AREA] = "area", [SKILL_HEAL] = "heal", NULL};

#define SKILL(member)   .offset = offsetof(struct rules_skill, member)
#define MONSTER(member) .offset = offsetof(struct draft, monster.member)

static const struct text_field skill_number = {
    .key = "number", .kind = TEXT_U16, SKILL(number), .least = 1, .most = UINT16_MAX};
static const struct text_field skill_name = {
    .key = "name", .kind = TEXT_NAME, SKILL(name), .most = RULES_NAME_BYTES_MAX};

enum { SKILL_RADIUS, SKILL_SPEED }; /* places of the fields that not every kind has */

static const struct text_field skill_fields[] = {
    [SKILL_RADIUS] = {.key = "radius", .kind = TEXT_F32, SKILL(radius_m), .least = 0.5, .most = 50},
    [SKILL_SPEED] = {.key = "speed", .kind = TEXT_F32, SKILL(speed_m_s), .least = 1, .most = 200},
    {.key = "kind", .kind = TEXT_CHOICE, SKILL(kind), .is_needed = true, .choices = skill_kinds},
    {.key = "range", .kind = TEXT_F32, SKILL(range_m), .least = 0.5, .most = 200, .is_needed = true},
    {.key = "cooldown", .kind = TEXT_MS, SKILL(cooldown_ms), .least = 50, .most = 600000, .is_needed = true},
    {.key = "amount", .kind = TEXT_I32, SKILL(amount), .least = 1, .most = 100000, .is_needed = true},
    {.key = NULL},
};

static const struct text_field monster_name = {
    .key = "name", .kind = TEXT_NAME, MONSTER(name), .most = RULES_NAME_BYTES_MAX};

static const struct text_field monster_fields[] = {
    {.key = "hp", .kind = TEXT_I32, MONSTER(hp), .least = 1, .most = 10000000, .is_needed = true},
    {.key = "speed", .kind = TEXT_F32, MONSTER(speed_m_s), .least = 0, .most = 50, .is_needed = true},
    {.key = "sight", .kind = TEXT_F32, MONSTER(sight_m), .least = 0, .most = REACH_MAX_M, .is_needed = true},
    {.key = "leash", .kind = TEXT_F32, MONSTER(leash_m), .least = 0, .most = REACH_MAX_M, .is_needed = true},
    {.key = "range", .kind = TEXT_F32, MONSTER(range_m), .least = 0.5, .most = 200, .is_needed = true},
    {.key = "damage", .kind = TEXT_I32, MONSTER(damage), .least = 0, .most = 100000, .is_needed = true},
    {.key = "every", .kind = TEXT_MS, MONSTER(every_ms), .least = 100, .most = 600000, .is_needed = true},
    {.key = "xp", .kind = TEXT_U32, MONSTER(xp), .least = 0, .most = 1000000},
    {.key = "drop", .kind = TEXT_NAME, MONSTER(drop), .most = RULES_NAME_BYTES_MAX},
    {.key = "shoots",
     .kind = TEXT_NAME,
     .offset = offsetof(struct draft, shoots),
     .most = RULES_NAME_BYTES_MAX},
    {.key = "pet", .kind = TEXT_FLAG, MONSTER(is_pet)},
    {.key = NULL},
};

/* ---- reading ---- */

static int find_skill_name(const struct rules *rules, const char *name)
{
    for (uint32_t i = 0; i < rules->skill_count; i++) {
        if (strcmp(rules->skills[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int parse_skill(struct parser *parser)
{
    struct text *text = &parser->text;
    struct rules *rules = parser->rules;
    struct rules_skill skill;
    uint32_t seen = 0;

    memset(&skill, 0, sizeof(skill));
    int result = text_read_value(text, &skill_number, &skill);

    if (result == 0) {
        result = text_read_value(text, &skill_name, &skill);
    }
    if (result == 0) {
        result = text_read_fields(text, skill_fields, &skill, &seen);
    }
    if (result < 0) {
        return result;
    }
    bool has_radius = (seen & 1u << SKILL_RADIUS) != 0;
    bool has_speed = (seen & 1u << SKILL_SPEED) != 0;

    if (has_radius != (skill.kind == SKILL_AREA)) {
        return text_fail(text, has_radius ? "only area skills have a radius" : "radius is missing");
    }
    if (has_speed != (skill.kind == SKILL_RANGED)) {
        return text_fail(text, has_speed ? "only ranged skills have a speed" : "speed is missing");
    }
    if (rules_find_skill(rules, skill.number) >= 0) {
        return text_fail(text, "a second skill %u", (unsigned)skill.number);
    }
    if (find_skill_name(rules, skill.name) >= 0) {
        return text_fail(text, "a second skill '%s'", skill.name);
    }
    if (rules->skill_count == RULES_SKILLS_MAX) {
        return text_fail(text, "more than %d skills", RULES_SKILLS_MAX);
    }
    rules->skills[rules->skill_count++] = skill;
    return 0;
}

static int parse_monster(struct parser *parser)
{
    struct text *text = &parser->text;
    struct rules *rules = parser->rules;
    struct draft draft;

    memset(&draft, 0, sizeof(draft));
    int result = text_read_value(text, &monster_name, &draft);

    if (result == 0) {
        result = text_read_fields(text, monster_fields, &draft, NULL);
    }
    if (result < 0) {
        return result;
    }
    if (rules_find_monster(rules, draft.monster.name) >= 0) {
        return text_fail(text, "a second monster '%s'", draft.monster.name);
    }
    if (rules->monster_count == RULES_MONSTERS_MAX) {
        return text_fail(text, "more than %d monsters", RULES_MONSTERS_MAX);
    }
    memcpy(parser->shoots[rules->monster_count], draft.shoots, sizeof(draft.shoots));
    parser->lines[rules->monster_count] = text->line;
    rules->monsters[rules->monster_count++] = draft.monster;
    return 0;
}

/* What monsters shoot may stand behind them in the file. */
static int settle_shoots(struct parser *parser)
{
    struct rules *rules = parser->rules;

    for (uint32_t i = 0; i < rules->monster_count; i++) {
        if (parser->shoots[i][0] == '\0') {
            continue;
        }
        int place = find_skill_name(rules, parser->shoots[i]);

        if (place < 0 || rules->skills[place].kind != SKILL_RANGED) {
            return text_fail_at(&parser->text, parser->lines[i], "shoots '%s', which is no ranged skill",
                                parser->shoots[i]);
        }
        rules->monsters[i].shoots = (uint16_t)(place + 1);
    }
    return 0;
}

static int parse_file(struct parser *parser)
{
    struct text *text = &parser->text;

    while (text_next_line(text)) {
        struct text_word word;
        bool has_word;
        int result = text_next_word(text, &word, &has_word);

        if (result == 0 && text_is(&word, "skill")) {
            result = parse_skill(parser);
        } else if (result == 0 && text_is(&word, "monster")) {
            result = parse_monster(parser);
        } else if (result == 0) {
            result = text_fail(text, "a line begins with skill or monster");
        }
        if (result < 0) {
            return result;
        }
    }
    if (parser->rules->skill_count == 0 && parser->rules->monster_count == 0) {
        return text_fail(text, "neither a skill nor a monster");
    }
    return settle_shoots(parser);
}

int rules_parse(const char *name, const char *text, size_t bytes, struct rules **out, char *error)
{
    struct parser *parser = calloc(1, sizeof(*parser));
    struct rules *rules = calloc(1, sizeof(*rules));
    int result = -ENOMEM;

    *out = NULL;
    error[0] = '\0';
    if (parser != NULL && rules != NULL) {
        rules->refs = 1;
        parser->rules = rules;
        text_begin(&parser->text, name, text, bytes, error, RULES_ERROR_BYTES);
        result = bytes > RULES_BYTES_MAX ? text_fail(&parser->text, "longer than %d bytes", RULES_BYTES_MAX)
                                         : parse_file(parser);
    }
    free(parser);
    if (result < 0) {
        free(rules);
        return result;
    }
    *out = rules;
    return 0;
}

/* ---- in use ---- */

/* Those that rules_share finds. */
static struct rules *shared_rules;

struct rules *rules_share(const char *name)
{
    for (struct rules *rules = shared_rules; rules != NULL; rules = rules->next) {
        if (strcmp(rules->key, name) == 0) {
            rules->refs++;
            return rules;
        }
    }
    return NULL;
}

void rules_add_shared(struct rules *rules, const char *name)
{
    size_t bytes = strlen(name);

    if (bytes > sizeof(rules->key) - 1) {
        bytes = sizeof(rules->key) - 1;
    }
    memcpy(rules->key, name, bytes);
    rules->key[bytes] = '\0';
    rules->next = shared_rules;
    shared_rules = rules;
}

void rules_unref(struct rules *rules)
{
    if (rules == NULL || --rules->refs > 0) {
        return;
    }
    for (struct rules **link = &shared_rules; *link != NULL; link = &(*link)->next) {
        if (*link == rules) {
            *link = rules->next;
            break;
        }
    }
    free(rules);
}

int rules_find_skill(const struct rules *rules, uint16_t number)
{
    for (uint32_t i = 0; i < rules->skill_count; i++) {
        if (rules->skills[i].number == number) {
            return (int)i;
        }
    }
    return -1;
}

int rules_find_monster(const struct rules *rules, const char *name)
{
    for (uint32_t i = 0; i < rules->monster_count; i++) {
        if (strcmp(rules->monsters[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
