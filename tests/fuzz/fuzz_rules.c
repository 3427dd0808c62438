/*
 * Rules. Whatever is taken must hold what world_rules.h says of them; whatever is refused must be so in words.
 *
 * Input: the file.
 */
#include "fuzz.h"

#include "content/world_rules.h"

#include <errno.h>

static void check_skill(const struct rules *rules, uint32_t place)
{
    const struct rules_skill *skill = &rules->skills[place];

    CHECK(rules_find_skill(rules, skill->number) == (int)place); /* numbers differ */
    CHECK(skill->kind <= SKILL_HEAL);
    CHECK(skill->range_m >= 0.5f && skill->range_m <= 200.0f);
    CHECK(skill->cooldown_ms >= 50 && skill->cooldown_ms <= 600000);
    CHECK(skill->amount >= 1 && skill->amount <= 100000);
    CHECK((skill->kind == SKILL_AREA) == (skill->radius_m > 0) && skill->radius_m <= 50.0f);
    CHECK((skill->kind == SKILL_RANGED) == (skill->speed_m_s > 0) && skill->speed_m_s <= 200.0f);
}

static void check_monster(const struct rules *rules, uint32_t place)
{
    const struct rules_monster *monster = &rules->monsters[place];

    CHECK(memchr(monster->drop, '\0', sizeof(monster->drop)) != NULL);
    CHECK(rules_find_monster(rules, monster->name) == (int)place);
    CHECK(monster->hp >= 1 && monster->hp <= 10000000);
    CHECK(monster->damage >= 0 && monster->damage <= 100000);
    CHECK(monster->speed_m_s >= 0 && monster->speed_m_s <= 50.0f);
    CHECK(monster->sight_m >= 0 && monster->leash_m >= 0 && monster->range_m >= 0.5f);
    CHECK(monster->every_ms >= 100 && monster->every_ms <= 600000);
    CHECK(monster->shoots <= rules->skill_count);
    CHECK(monster->shoots == 0 || rules->skills[monster->shoots - 1].kind == SKILL_RANGED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[RULES_ERROR_BYTES];
    uint8_t *text = fuzz_copy(data, size);
    struct rules *rules;
    int result = rules_parse("f", (const char *)text, size, &rules, error);

    free(text); /* nothing of it is kept */
    if (result < 0) {
        CHECK(result == -EINVAL && rules == NULL);
        CHECK(strncmp(error, "f:", 2) == 0 && strlen(error) < sizeof(error));
        return 0;
    }
    CHECK(rules->skill_count <= RULES_SKILLS_MAX && rules->monster_count <= RULES_MONSTERS_MAX);
    CHECK(rules->skill_count + rules->monster_count > 0);
    for (uint32_t i = 0; i < rules->skill_count; i++) {
        check_skill(rules, i);
    }
    for (uint32_t i = 0; i < rules->monster_count; i++) {
        check_monster(rules, i);
    }
    rules_unref(rules);
    return 0;
}
