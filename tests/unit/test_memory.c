#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

enum { BLOCK = 4096 };

static void what_is_taken_is_counted_until_it_is_given_back(void **state)
{
    uint64_t before = memory_used_bytes();
    void *one = memory_take(BLOCK);
    void *two = memory_take_zeroed(4, BLOCK / 4);

    (void)state;
    assert_non_null(one);
    assert_non_null(two);
    assert_in_range(memory_used_bytes() - before, 2 * BLOCK, 2 * BLOCK + 64);
    one = memory_resize(one, 4 * BLOCK);
    assert_non_null(one);
    assert_in_range(memory_used_bytes() - before, 5 * BLOCK, 5 * BLOCK + 64);
    one = memory_resize(one, BLOCK);
    assert_non_null(one);
    assert_in_range(memory_used_bytes() - before, 2 * BLOCK, 2 * BLOCK + 64);
    memory_give(one);
    memory_give(two);
    memory_give(NULL);
    assert_int_equal(memory_used_bytes(), before);
}

static void beyond_the_limit_there_is_none(void **state)
{
    uint64_t before = memory_used_bytes();
    char *held;

    (void)state;
    memory_set_limit(before + 2 * BLOCK);
    held = memory_take(BLOCK);
    assert_non_null(held);
    memset(held, 'x', BLOCK);
    assert_null(memory_take(BLOCK + 1));
    assert_null(memory_take_zeroed(2, BLOCK));
    assert_null(memory_resize(held, 2 * BLOCK + 1));
    assert_int_equal(held[BLOCK - 1], 'x'); /* it is what it was */
    memory_give(held);
    held = memory_take(BLOCK);
    assert_non_null(held); /* and there is room again */
    memory_give(held);
    memory_set_limit(UINT64_MAX);
    assert_int_equal(memory_used_bytes(), before);
}

static void a_limit_below_what_is_in_use_takes_nothing_away(void **state)
{
    void *held = memory_take(BLOCK);

    (void)state;
    assert_non_null(held);
    memory_set_limit(1);
    assert_null(memory_take(1));
    held = memory_resize(held, BLOCK / 2); /* less is always fine */
    assert_non_null(held);
    memory_set_limit(UINT64_MAX);
    memory_give(held);
}

static void a_product_that_wraps_is_refused(void **state)
{
    (void)state;
    assert_null(memory_take_zeroed(SIZE_MAX / 2, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_counted_until_it_is_given_back),
        cmocka_unit_test(beyond_the_limit_there_is_none),
        cmocka_unit_test(a_limit_below_what_is_in_use_takes_nothing_away),
        cmocka_unit_test(a_product_that_wraps_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
