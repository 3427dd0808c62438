#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slots.h"

static void an_id_finds_its_object_and_no_other(void **state)
{
    struct slots slots;
    int objects[3];

    (void)state;
    assert_int_equal(slots_init(&slots, 3), 0);

    uint64_t ids[3];

    for (int i = 0; i < 3; i++) {
        ids[i] = slots_add(&slots, &objects[i]);
        assert_true(ids[i] != 0);
    }
    assert_true(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    assert_int_equal(slots.used, 3);
    assert_int_equal(slots_add(&slots, &objects[0]), 0);
    assert_int_equal(slots.used, 3);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(slots_find(&slots, ids[i]), &objects[i]);
        slots_remove(&slots, ids[i]);
        assert_null(slots_find(&slots, ids[i]));
    }
    assert_int_equal(slots.used, 0);
    slots_fini(&slots);
}

static void any_number_may_be_asked_for(void **state)
{
    static const uint64_t strange[] = {0,          1,          2,         UINT32_MAX, UINT64_MAX,
                                       1ull << 32, 3ull << 32, INT64_MAX, 1ull << 63};
    struct slots slots;
    int object;

    (void)state;
    assert_int_equal(slots_init(&slots, 4), 0);
    for (int round = 0; round < 2; round++) {
        uint64_t id = round == 0 ? 0 : slots_add(&slots, &object);

        for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
            if (strange[i] != id) {
                assert_null(slots_find(&slots, strange[i]));
            }
        }
        for (int bit = 0; id != 0 && bit < 64; bit++) {
            assert_null(slots_find(&slots, id ^ 1ull << bit));
        }
        if (id != 0) {
            slots_remove(&slots, id);
        }
    }
    slots_fini(&slots);
}

/* Also when the slot has been taken again, however often. */
static void a_stale_id_reaches_no_stranger(void **state)
{
    enum { ROUNDS = 2000 };
    struct slots slots;
    uint64_t *old = calloc(ROUNDS, sizeof(old[0]));
    int objects[2];

    (void)state;
    assert_non_null(old);
    assert_int_equal(slots_init(&slots, 1), 0);
    for (int i = 0; i < ROUNDS; i++) {
        old[i] = slots_add(&slots, &objects[i % 2]);
        assert_true(old[i] != 0);
        for (int j = 0; j < i; j++) {
            assert_null(slots_find(&slots, old[j]));
        }
        assert_ptr_equal(slots_find(&slots, old[i]), &objects[i % 2]);
        slots_remove(&slots, old[i]);
    }
    free(old);
    slots_fini(&slots);
}

static void slots_are_used_again_last_in_first_out(void **state)
{
    struct slots slots;
    int objects[8];
    uint64_t ids[8];

    (void)state;
    assert_int_equal(slots_init(&slots, 100), 0);
    for (int i = 0; i < 8; i++) {
        ids[i] = slots_add(&slots, &objects[i]);
    }
    slots_remove(&slots, ids[2]);
    slots_remove(&slots, ids[6]);
    slots_remove(&slots, ids[4]);
    assert_int_equal((uint32_t)slots_add(&slots, &objects[4]), (uint32_t)ids[4]);
    assert_int_equal((uint32_t)slots_add(&slots, &objects[6]), (uint32_t)ids[6]);
    assert_int_equal((uint32_t)slots_add(&slots, &objects[2]), (uint32_t)ids[2]);
    assert_int_equal(slots.touched, 8);

    struct slots all = slots;
    uint32_t at = 0;
    int seen = 0;

    while (slots_next(&all, &at) != NULL) {
        seen++;
    }
    assert_int_equal(seen, 8);
    at = 0;
    for (int i = 0; i < 8; i++) {
        void *object = slots_next(&slots, &at);
        uint64_t id = 0;

        assert_ptr_equal(object, &objects[i]);
        for (uint64_t generation = 1; generation < 4 && id == 0; generation++) {
            uint64_t guess = generation << 32 | (at - 1);

            id = slots_find(&slots, guess) == object ? guess : 0;
        }
        assert_true(id != 0);
        slots_remove(&slots, id); /* a walk survives the removal of where it stands */
    }
    assert_null(slots_next(&slots, &at));
    slots_fini(&slots);
}

enum { MODEL_LIMIT = 300, MODEL_STEPS = 200000 };

struct model_entry {
    uint64_t id;
    int object;
    int is_in;
};

static void model_walk(const struct slots *slots, const struct model_entry *entries, uint32_t used)
{
    uint32_t at = 0;
    uint32_t seen = 0;
    const struct model_entry *entry;

    while ((entry = slots_next(slots, &at)) != NULL) {
        assert_true(entry >= entries && entry < entries + MODEL_LIMIT);
        assert_true(entry->is_in);
        assert_ptr_equal(slots_find(slots, entry->id), entry);
        seen++;
    }
    assert_int_equal(seen, used);
}

static void random_use_equals_the_model(void **state)
{
    struct model_entry *entries = calloc(MODEL_LIMIT, sizeof(entries[0]));
    struct slots slots;
    uint32_t used = 0;
    unsigned random = 20260101;

    (void)state;
    assert_non_null(entries);
    assert_int_equal(slots_init(&slots, MODEL_LIMIT - 20), 0);
    for (int step = 0; step < MODEL_STEPS; step++) {
        struct model_entry *entry = &entries[(unsigned)rand_r(&random) % MODEL_LIMIT];

        if (entry->is_in) {
            assert_ptr_equal(slots_find(&slots, entry->id), entry);
            slots_remove(&slots, entry->id);
            entry->is_in = 0;
            used--;
        } else {
            uint64_t id = slots_add(&slots, entry);

            assert_null(slots_find(&slots, entry->id)); /* what it was called before */
            assert_true((id == 0) == (used == MODEL_LIMIT - 20));
            entry->id = id != 0 ? id : entry->id;
            entry->is_in = id != 0;
            used += id != 0;
        }
        assert_int_equal(slots.used, used);
        if (step % 1000 == 0) {
            model_walk(&slots, entries, used);
        }
    }
    for (int i = 0; i < MODEL_LIMIT; i++) {
        if (entries[i].is_in) {
            slots_remove(&slots, entries[i].id);
        }
    }
    slots_fini(&slots);
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_finds_its_object_and_no_other),
        cmocka_unit_test(any_number_may_be_asked_for),
        cmocka_unit_test(a_stale_id_reaches_no_stranger),
        cmocka_unit_test(slots_are_used_again_last_in_first_out),
        cmocka_unit_test(random_use_equals_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
