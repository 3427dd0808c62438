/*
 * Rules: skills and monsters from a text file, checked as a whole, shared as maps are.
 *
 *     skill 1 slash kind melee range 2.5 cooldown 600ms amount 12
 *     skill 2 arrow kind ranged range 18 cooldown 1200ms amount 10 speed 20
 *     skill 3 blast kind area range 12 radius 4 cooldown 5s amount 15
 *     skill 4 mend kind heal range 10 cooldown 4s amount 25
 *     monster wolf hp 40 speed 4.5 sight 12 leash 30 range 2 damage 6 every 1200ms xp 10 drop pelt
 *     monster archer hp 30 speed 3 sight 16 leash 30 range 12 damage 5 every 2s xp 12 shoots arrow
 *     monster hound hp 60 speed 7 sight 10 leash 20 range 2 damage 5 every 1s pet yes
 *
 * Numbers of skills are what clients send; distances in m, speeds in m/s, times in ms, s or m. What follows the name
 * comes in any order. Only area skills have a radius, only ranged ones a speed; of monsters xp (0), drop, shoots and pet
 * (no) may be left out. A monster shoots what some line of the file says is a ranged skill. Numbers differ, and so do
 * names among skills and among monsters. Whatever is wrong is an error that names its line. Only ISO C.
 */
#ifndef ROOMD_CONTENT_WORLD_RULES_H
#define ROOMD_CONTENT_WORLD_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RULES_SKILLS_MAX = 32,
    RULES_MONSTERS_MAX = 64,
    RULES_NAME_BYTES_MAX = 31,
    RULES_BYTES_MAX = 1024 * 1024,
    RULES_ERROR_BYTES = 256
};

enum rules_skill_kind { SKILL_MELEE, SKILL_RANGED, SKILL_AREA, SKILL_HEAL };

struct rules_skill {
    uint16_t number;
    char name[RULES_NAME_BYTES_MAX + 1];
    uint8_t kind;         /* enum rules_skill_kind */
    float range_m;        /* 0.5 to 200 */
    float radius_m;       /* area: 0.5 to 50 */
    float speed_m_s;      /* ranged: of the projectile, 1 to 200 */
    uint32_t cooldown_ms; /* 50 to 600,000 */
    int32_t amount;       /* 1 to 100,000 */
};

struct rules_monster {
    char name[RULES_NAME_BYTES_MAX + 1];
    char drop[RULES_NAME_BYTES_MAX + 1]; /* "": leaves nothing */
    int32_t hp;                          /* 1 to 10,000,000 */
    int32_t damage;                      /* 0 to 100,000 */
    float speed_m_s;                     /* 0 to 50 */
    float sight_m, leash_m;              /* 0 to 1,000 */
    float range_m;                       /* 0.5 to 200 */
    uint32_t every_ms;                   /* between two blows: 100 to 600,000 */
    uint32_t xp;                         /* to 1,000,000 */
    uint16_t shoots;                     /* place of a ranged skill + 1; 0: strikes by itself */
    bool is_pet; /* may be called by players; the first of them is what every player owns */
};

struct rules {
    struct rules_skill skills[RULES_SKILLS_MAX];
    struct rules_monster monsters[RULES_MONSTERS_MAX];
    uint32_t skill_count, monster_count;
    uint32_t refs;
    struct rules *next;
    char key[64 + 1];
};

/* As map_parse, map_share, map_add_shared, map_unref. `error`: RULES_ERROR_BYTES. */
int rules_parse(const char *name, const char *text, size_t bytes, struct rules **out, char *error);
struct rules *rules_share(const char *name);
void rules_add_shared(struct rules *rules, const char *name);
void rules_unref(struct rules *rules);

/* The place of a skill's number, or of a monster's name; -1: there is none. */
int rules_find_skill(const struct rules *rules, uint16_t number);
int rules_find_monster(const struct rules *rules, const char *name);

#endif
