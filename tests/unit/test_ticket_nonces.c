/* Used tickets are remembered until they expire, never longer, never shorter, and never more than may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "wire/ticket_nonces.h"

enum { STEPS = 60000, MODEL_MAX = 64, NONCES = 300 };

static void a_nonce_is_good_once_until_it_expires(void **state)
{
    struct ticket_nonces nonces;

    (void)state;
    assert_int_equal(ticket_nonces_init(&nonces, 8), 0);
    assert_int_equal(ticket_nonces_use(&nonces, 1000, 7, 1010), TICKET_OK);
    assert_int_equal(ticket_nonces_use(&nonces, 1000, 7, 1010), TICKET_USED);
    assert_int_equal(ticket_nonces_use(&nonces, 1009, 7, 1010), TICKET_USED);
    assert_int_equal(ticket_nonces_use(&nonces, 1009, 7, 2000),
                     TICKET_USED); /* another ticket of the same nonce */
    assert_int_equal(ticket_nonces_use(&nonces, 1010, 7, 2000), TICKET_OK);
    assert_int_equal(nonces.count, 1);
    ticket_nonces_fini(&nonces);
}

static void zero_is_a_nonce_like_any_other(void **state)
{
    struct ticket_nonces nonces;

    (void)state;
    assert_int_equal(ticket_nonces_init(&nonces, 1), 0);
    assert_int_equal(ticket_nonces_use(&nonces, 0, 0, 1), TICKET_OK);
    assert_int_equal(ticket_nonces_use(&nonces, 0, 0, 1), TICKET_USED);
    assert_int_equal(ticket_nonces_use(&nonces, 1, UINT64_MAX, UINT64_MAX), TICKET_OK);
    assert_int_equal(ticket_nonces_use(&nonces, 1, UINT64_MAX, UINT64_MAX), TICKET_USED);
    ticket_nonces_fini(&nonces);
}

/* When all places are taken the next is refused, and those remembered stay so; a place comes free by expiry alone. */
static void full_refuses_and_forgets_nothing(void **state)
{
    struct ticket_nonces nonces;

    (void)state;
    for (uint32_t max = 1; max <= 33; max++) {
        assert_int_equal(ticket_nonces_init(&nonces, max), 0);
        for (uint64_t i = 0; i < max; i++) {
            assert_int_equal(ticket_nonces_use(&nonces, 100, i, 200 + i), TICKET_OK);
        }
        for (uint64_t i = max; i < max + 10u; i++) {
            assert_int_equal(ticket_nonces_use(&nonces, 100, i, 300), TICKET_FULL);
        }
        for (uint64_t i = 0; i < max; i++) {
            assert_int_equal(ticket_nonces_use(&nonces, 199, i, 300), TICKET_USED);
        }
        assert_int_equal(ticket_nonces_use(&nonces, 200, 1000, 300), TICKET_OK);
        assert_int_equal(ticket_nonces_use(&nonces, 200, 1001, 300), TICKET_FULL);
        ticket_nonces_fini(&nonces);
    }
}

/* The clock is put back: what was used and forgotten is not good again. */
static void time_that_goes_back_brings_no_ticket_back(void **state)
{
    struct ticket_nonces nonces;

    (void)state;
    assert_int_equal(ticket_nonces_init(&nonces, 8), 0);
    assert_int_equal(ticket_nonces_use(&nonces, 1000, 1, 1060), TICKET_OK);
    assert_int_equal(ticket_nonces_use(&nonces, 5000, 2, 5060), TICKET_OK);
    assert_int_equal(ticket_nonces_use(&nonces, 1000, 1, 1060), TICKET_EXPIRED);
    assert_int_equal(ticket_nonces_use(&nonces, 1000, 3, 1060),
                     TICKET_EXPIRED); /* for all that is known, used */
    assert_int_equal(ticket_nonces_use(&nonces, 1001, 3, 1061), TICKET_OK);
    assert_int_equal(ticket_nonces_use(&nonces, 1001, 2, 5060), TICKET_USED);
    ticket_nonces_fini(&nonces);
}

/* The model: a list, searched from end to end. */
struct model {
    struct ticket_nonce list[MODEL_MAX];
    uint32_t count;
    uint64_t forgotten_s;
};

static enum ticket_result model_use(struct model *model, uint32_t max, uint64_t now_s, uint64_t nonce,
                                    uint64_t expiry_s)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < model->count; i++) {
        if (model->list[i].expiry_s > now_s) {
            model->list[kept++] = model->list[i];
        } else if (model->list[i].expiry_s > model->forgotten_s) {
            model->forgotten_s = model->list[i].expiry_s;
        }
    }
    model->count = kept;
    if (expiry_s <= model->forgotten_s) {
        return TICKET_EXPIRED;
    }
    for (uint32_t i = 0; i < kept; i++) {
        if (model->list[i].nonce == nonce) {
            return TICKET_USED;
        }
    }
    if (kept == max) {
        return TICKET_FULL;
    }
    model->list[model->count++] = (struct ticket_nonce){.nonce = nonce, .expiry_s = expiry_s};
    return TICKET_OK;
}

/* Random tickets under a clock that mostly goes on, jumps, and now and then goes back. */
static void it_does_what_the_model_does(void **state)
{
    uint64_t results[TICKET_RESULT_COUNT] = {0};

    (void)state;
    for (uint32_t max = 1; max <= MODEL_MAX; max = max * 2 + 1) {
        struct ticket_nonces nonces;
        struct model model = {.count = 0};
        uint64_t now_s = 1000000;

        srand(max);
        assert_int_equal(ticket_nonces_init(&nonces, max), 0);
        for (int step = 0; step < STEPS; step++) {
            uint64_t nonce = (uint64_t)rand() % NONCES * 0x100000001u;
            uint64_t expiry_s = now_s + 1 + (uint64_t)rand() % (rand() % 4 == 0 ? 60 : 8);
            enum ticket_result expected = model_use(&model, max, now_s, nonce, expiry_s);

            assert_int_equal(ticket_nonces_use(&nonces, now_s, nonce, expiry_s), expected);
            assert_int_equal(nonces.count, model.count);
            results[expected]++;
            now_s += rand() % 8 == 0;
            now_s += rand() % 2000 == 0 ? 500 : 0;
            now_s -= rand() % 1000 == 0 ? 30 : 0;
        }
        ticket_nonces_fini(&nonces);
    }
    assert_true(results[TICKET_OK] > 10000 && results[TICKET_USED] > 1000 && results[TICKET_FULL] > 1000 &&
                results[TICKET_EXPIRED] > 100);
}

/* As many as there may be, all expiring at once: none is lost on the way, and all places come free. */
static void many_expire_at_once(void **state)
{
    enum { MANY = 65536 };
    struct ticket_nonces nonces;

    (void)state;
    assert_int_equal(ticket_nonces_init(&nonces, MANY), 0);
    for (int round = 0; round < 2; round++) {
        uint64_t now_s = 1000 + 100 * (uint64_t)round;

        for (uint64_t i = 0; i < MANY; i++) {
            assert_int_equal(ticket_nonces_use(&nonces, now_s, i << 40 | i, now_s + 1 + i % 60), TICKET_OK);
        }
        for (uint64_t i = 0; i < MANY; i += 97) {
            assert_int_equal(ticket_nonces_use(&nonces, now_s, i << 40 | i, now_s + 50), TICKET_USED);
        }
        assert_int_equal(ticket_nonces_use(&nonces, now_s, 1, now_s + 60), TICKET_FULL);
    }
    ticket_nonces_fini(&nonces);
}

/* The tables are what is said, and a server without tickets has none. */
static void memory_is_bounded(void **state)
{
    struct ticket_nonces nonces = {0};

    (void)state;
    ticket_nonces_fini(&nonces);
    assert_int_equal(ticket_nonces_bytes(65536), (131072 + 65536) * 16);
    assert_true(ticket_nonces_bytes(1) <= 5 * 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nonce_is_good_once_until_it_expires),
        cmocka_unit_test(zero_is_a_nonce_like_any_other),
        cmocka_unit_test(full_refuses_and_forgets_nothing),
        cmocka_unit_test(time_that_goes_back_brings_no_ticket_back),
        cmocka_unit_test(it_does_what_the_model_does),
        cmocka_unit_test(many_expire_at_once),
        cmocka_unit_test(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
