/* Rules: what is read, the words of every error, the limits, sharing. */
#include "content/world_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_31         "abcdefghijklmnopqrstuvwxyz01234"
#define SLASH           "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"
#define WOLF            "monster wolf hp 40 speed 4.5 sight 12 leash 30 range 2 damage 6 every 1200ms"

/* The text in a block of exactly its size: a read past its end is one past the block's, which the sanitizer sees. */
static int parse_bytes(const char *text, size_t bytes, struct rules **rules, char *error)
{
    char *exact = malloc(bytes > 0 ? bytes : 1);

    assert_non_null(exact);
    memcpy(exact, text, bytes);
    memset(error, 'x', RULES_ERROR_BYTES);
    int result = rules_parse("t.rules", exact, bytes, rules, error);

    free(exact);
    return result;
}

static struct rules *parse(const char *text)
{
    char error[RULES_ERROR_BYTES];
    struct rules *rules = NULL;

    if (parse_bytes(text, strlen(text), &rules, error) != 0) {
        fail_msg("%s", error);
    }
    assert_int_equal(rules->refs, 1);
    return rules;
}

static void assert_refused(const char *text, size_t bytes, const char *expected)
{
    char error[RULES_ERROR_BYTES];
    struct rules *rules = (struct rules *)&error;

    assert_int_equal(parse_bytes(text, bytes, &rules, error), -EINVAL);
    assert_string_equal(error, expected);
    assert_null(rules);
}

static void all_rules_are_read_as_written(void **state)
{
    struct rules *rules = parse(
        "# rules\r\n"
        "monster archer hp 30 speed 3 sight 16 leash 30.5 range 12 damage 5 every 2s xp 12 shoots "
        "arrow\r\n" SLASH "skill 2 arrow kind ranged range 18 cooldown 1.2s amount 10 speed 20 # flies\n"
        "skill 65535 blast kind area range 12 radius 4 cooldown 10m amount 100000\n"
        "skill 4 mend amount 1 cooldown 50ms range 0.5 kind heal\n" WOLF " xp 10 drop pelt pet no\n"
        "monster hound hp 60 speed 0 sight 0 leash 20 range 2 damage 0 every 100ms pet yes");
    const struct rules_skill *arrow = &rules->skills[1];
    const struct rules_monster *archer = &rules->monsters[0];
    const struct rules_monster *wolf = &rules->monsters[1];

    (void)state;
    assert_int_equal(rules->skill_count, 4);
    assert_int_equal(rules->monster_count, 3);
    assert_int_equal(rules->skills[0].kind, SKILL_MELEE);
    assert_true(rules->skills[0].range_m == 2.5f && rules->skills[0].speed_m_s == 0 &&
                rules->skills[0].radius_m == 0);
    assert_int_equal(rules->skills[0].cooldown_ms, 600);
    assert_int_equal(rules->skills[0].amount, 12);
    assert_string_equal(arrow->name, "arrow");
    assert_int_equal(arrow->number, 2);
    assert_int_equal(arrow->kind, SKILL_RANGED);
    assert_int_equal(arrow->cooldown_ms, 1200);
    assert_true(arrow->speed_m_s == 20);
    assert_int_equal(rules->skills[2].number, 65535);
    assert_int_equal(rules->skills[2].kind, SKILL_AREA);
    assert_int_equal(rules->skills[2].cooldown_ms, 600000);
    assert_true(rules->skills[2].radius_m == 4);
    assert_int_equal(rules->skills[3].kind, SKILL_HEAL);
    assert_string_equal(archer->name, "archer");
    assert_int_equal(archer->shoots, 2); /* the arrow's place + 1, though it stands behind */
    assert_true(archer->leash_m == 30.5f && archer->range_m == 12 && archer->sight_m == 16);
    assert_string_equal(archer->drop, "");
    assert_false(archer->is_pet);
    assert_int_equal(wolf->hp, 40);
    assert_true(wolf->speed_m_s == 4.5f);
    assert_int_equal(wolf->damage, 6);
    assert_int_equal(wolf->every_ms, 1200);
    assert_int_equal(wolf->xp, 10);
    assert_int_equal(wolf->shoots, 0);
    assert_string_equal(wolf->drop, "pelt");
    assert_true(rules->monsters[2].is_pet);
    assert_int_equal(rules->monsters[2].damage, 0);
    rules_unref(rules);
}

static void numbers_and_names_are_found(void **state)
{
    struct rules *rules = parse("skill 7 a kind heal range 1 cooldown 1s amount 1\n" SLASH WOLF "\n");

    (void)state;
    assert_int_equal(rules_find_skill(rules, 7), 0);
    assert_int_equal(rules_find_skill(rules, 1), 1);
    assert_int_equal(rules_find_skill(rules, 0), -1);
    assert_int_equal(rules_find_skill(rules, 2), -1);
    assert_int_equal(rules_find_monster(rules, "wolf"), 0);
    assert_int_equal(rules_find_monster(rules, "wol"), -1);
    assert_int_equal(rules_find_monster(rules, ""), -1);
    rules_unref(rules);
}

static const struct bad_rules {
    const char *text;
    const char *error;
} bad_rules[] = {
    {"", "t.rules:1: neither a skill nor a monster"},
    {"# nothing\n", "t.rules:1: neither a skill nor a monster"},
    {"skil 1\n", "t.rules:1: a line begins with skill or monster"},
    {SLASH "wolf\n", "t.rules:2: a line begins with skill or monster"},
    /* skills */
    {"skill\n", "t.rules:1: number is missing"},
    {"skill 0 a\n", "t.rules:1: number '0' is not from 1 to 65535"},
    {"skill 65536 a\n", "t.rules:1: number '65536' is not from 1 to 65535"},
    {"skill one a\n", "t.rules:1: number 'one' is not a number"},
    {"skill 1\n", "t.rules:1: name is missing"},
    {"skill 1 x" NAME_31 "\n", "t.rules:1: name 'x" NAME_31 "' is longer than 31 bytes"},
    {"skill 1 a range 2 cooldown 1s amount 1\n", "t.rules:1: kind is missing"},
    {"skill 1 a kind melee cooldown 1s amount 1\n", "t.rules:1: range is missing"},
    {"skill 1 a kind melee range 2 amount 1\n", "t.rules:1: cooldown is missing"},
    {"skill 1 a kind melee range 2 cooldown 1s\n", "t.rules:1: amount is missing"},
    {"skill 1 a kind sword\n", "t.rules:1: kind 'sword' is none of melee, ranged, area, heal"},
    {"skill 1 a kind \"melee\"\n", "t.rules:1: kind 'melee' is none of melee, ranged, area, heal"},
    {"skill 1 a range 0.4\n", "t.rules:1: range '0.4' is not from 0.5 to 200"},
    {"skill 1 a range 200.1\n", "t.rules:1: range '200.1' is not from 0.5 to 200"},
    {"skill 1 a range\n", "t.rules:1: range is missing"},
    {"skill 1 a radius 0.1\n", "t.rules:1: radius '0.1' is not from 0.5 to 50"},
    {"skill 1 a speed 201\n", "t.rules:1: speed '201' is not from 1 to 200"},
    {"skill 1 a cooldown 49ms\n", "t.rules:1: cooldown '49ms' is not from 50ms to 600000ms"},
    {"skill 1 a cooldown 11m\n", "t.rules:1: cooldown '11m' is not from 50ms to 600000ms"},
    {"skill 1 a cooldown 600\n", "t.rules:1: cooldown '600' is not a time (write it like 250ms, 2s or 5m)"},
    {"skill 1 a cooldown 1h\n", "t.rules:1: cooldown '1h' is not a time (write it like 250ms, 2s or 5m)"},
    {"skill 1 a amount 0\n", "t.rules:1: amount '0' is not from 1 to 100000"},
    {"skill 1 a amount -5\n", "t.rules:1: amount '-5' is not from 1 to 100000"},
    {"skill 1 a amount 1.5\n", "t.rules:1: amount '1.5' is not a whole number"},
    {"skill 1 a range 2 range 3\n", "t.rules:1: a second range"},
    {"skill 1 a hp 3\n", "t.rules:1: 'hp' is not known here"},
    {"skill 1 a kind area range 2 cooldown 1s amount 1\n", "t.rules:1: radius is missing"},
    {"skill 1 a kind ranged range 2 cooldown 1s amount 1\n", "t.rules:1: speed is missing"},
    {"skill 1 a kind heal range 2 cooldown 1s amount 1 radius 2\n",
     "t.rules:1: only area skills have a radius"},
    {"skill 1 a kind melee range 2 cooldown 1s amount 1 speed 2\n",
     "t.rules:1: only ranged skills have a speed"},
    {SLASH "skill 1 b kind heal range 2 cooldown 1s amount 1\n", "t.rules:2: a second skill 1"},
    {SLASH "skill 2 slash kind heal range 2 cooldown 1s amount 1\n", "t.rules:2: a second skill 'slash'"},
    /* monsters */
    {"monster\n", "t.rules:1: name is missing"},
    {"monster \"a wolf\"\n", "t.rules:1: name 'a wolf': a name has no quotes"},
    {"monster a hp 0\n", "t.rules:1: hp '0' is not from 1 to 10000000"},
    {"monster a speed 50.5\n", "t.rules:1: speed '50.5' is not from 0 to 50"},
    {"monster a sight 1001\n", "t.rules:1: sight '1001' is not from 0 to 1000"},
    {"monster a leash -1\n", "t.rules:1: leash '-1' is not from 0 to 1000"},
    {"monster a range 0\n", "t.rules:1: range '0' is not from 0.5 to 200"},
    {"monster a damage 100001\n", "t.rules:1: damage '100001' is not from 0 to 100000"},
    {"monster a every 99ms\n", "t.rules:1: every '99ms' is not from 100ms to 600000ms"},
    {"monster a xp 1000001\n", "t.rules:1: xp '1000001' is not from 0 to 1000000"},
    {"monster a pet maybe\n", "t.rules:1: pet 'maybe' is none of no, yes"},
    {"monster a hp 1 speed 1 sight 1 leash 1 range 1 damage 1\n", "t.rules:1: every is missing"},
    {WOLF "\n" WOLF "\n", "t.rules:2: a second monster 'wolf'"},
    {WOLF " shoots arrow\n" SLASH, "t.rules:1: shoots 'arrow', which is no ranged skill"},
    {SLASH WOLF " shoots slash\n", "t.rules:2: shoots 'slash', which is no ranged skill"},
};

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_rules); i++) {
        assert_refused(bad_rules[i].text, strlen(bad_rules[i].text), bad_rules[i].error);
    }
}

static void no_prefix_is_read_past_its_end(void **state)
{
    static const char text[] = SLASH WOLF " drop \"pelt\n";

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(text); bytes++) {
        char error[RULES_ERROR_BYTES];
        struct rules *rules;
        int result = parse_bytes(text, bytes, &rules, error);

        assert_true(result == 0 || (result == -EINVAL && strncmp(error, "t.rules:", 8) == 0));
        rules_unref(rules);
    }
}

/* `most` lines of that kind are good, and one more is refused. */
static void assert_limit(bool is_skill, uint32_t most, const char *refusal)
{
    static char text[RULES_BYTES_MAX];
    size_t used = 0;

    for (uint32_t i = 1; i <= most + 1; i++) {
        const char *format = is_skill
                                 ? "skill %1$u n%1$u kind heal range 1 cooldown 1s amount 1\n"
                                 : "monster n%1$u hp 1 speed 1 sight 1 leash 1 range 1 damage 1 every 1s\n";

        used += (size_t)snprintf(text + used, sizeof(text) - used, format, i);
        if (i == most) {
            rules_unref(parse(text));
        }
    }
    assert_refused(text, used, refusal);
}

static void limits_are_where_they_are_said_to_be(void **state)
{
    char *comment = malloc(RULES_BYTES_MAX + 1);

    (void)state;
    assert_limit(true, RULES_SKILLS_MAX, "t.rules:33: more than 32 skills");
    assert_limit(false, RULES_MONSTERS_MAX, "t.rules:65: more than 64 monsters");
    assert_non_null(comment);
    memset(comment, '#', RULES_BYTES_MAX + 1);
    assert_refused(comment, RULES_BYTES_MAX + 1, "t.rules:1: longer than 1048576 bytes");
    free(comment);
}

static void shared_rules_are_found_until_their_last_reference_goes(void **state)
{
    struct rules *one = parse(SLASH);
    struct rules *other = parse(SLASH);

    (void)state;
    assert_null(rules_share("a"));
    rules_add_shared(one, "a");
    rules_add_shared(other, "b");
    assert_ptr_equal(rules_share("a"), one);
    rules_unref(one);
    rules_unref(one);
    assert_null(rules_share("a"));
    assert_ptr_equal(rules_share("b"), other);
    rules_unref(other);
    rules_unref(other);
    assert_null(rules_share("b"));
    rules_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rules_are_read_as_written),
        cmocka_unit_test(numbers_and_names_are_found),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(no_prefix_is_read_past_its_end),
        cmocka_unit_test(limits_are_where_they_are_said_to_be),
        cmocka_unit_test(shared_rules_are_found_until_their_last_reference_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
