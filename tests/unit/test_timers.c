#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/timers.h"
#include "support/alloc_count.h"

/* A timer that writes its number down when it fires, and then does one thing more. */
struct probe {
    struct timer timer;
    int number;
    void (*then)(struct probe *probe, uint64_t now_ns);
    struct probe *other;
    uint64_t rearm_ns;
};

static struct timers timers;
static int fired[64];
static uint32_t fired_count;

static void probe_fire(struct timer *timer, uint64_t now_ns)
{
    struct probe *probe = LIST_ENTRY(timer, struct probe, timer);

    assert_false(timer_is_armed(timer));
    fired[fired_count++] = probe->number;
    if (probe->then != NULL) {
        probe->then(probe, now_ns);
    }
}

static int set_up(void **state)
{
    (void)state;
    timers_init(&timers);
    fired_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    timers_fini(&timers);
    return 0;
}

static void probes_open(struct probe *probes, int count)
{
    for (int i = 0; i < count; i++) {
        probes[i] = (struct probe){.number = i};
        assert_int_equal(timer_open(&timers, &probes[i].timer, probe_fire), 0);
    }
}

static void probes_close(struct probe *probes, int count)
{
    for (int i = 0; i < count; i++) {
        timer_close(&timers, &probes[i].timer);
        timer_close(&timers, &probes[i].timer); /* the second has nothing to do */
    }
    assert_int_equal(timers.open, 0);
    assert_int_equal(timers.count, 0);
}

static void assert_fired(const int *numbers, uint32_t count)
{
    assert_int_equal(fired_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(fired[i], numbers[i]);
    }
    fired_count = 0;
}

static void timers_fire_when_due_and_in_order(void **state)
{
    struct probe probes[4];

    (void)state;
    assert_true(timers_next_ns(&timers) == UINT64_MAX);
    assert_int_equal(timers_fire(&timers, 1000), 0);
    probes_open(probes, 4);
    assert_true(timers_next_ns(&timers) == UINT64_MAX);
    timer_arm(&timers, &probes[0].timer, 300);
    timer_arm(&timers, &probes[1].timer, 100);
    timer_arm(&timers, &probes[2].timer, 200);
    timer_arm(&timers, &probes[3].timer, 101);
    assert_true(timers_next_ns(&timers) == 100);
    assert_int_equal(timers_fire(&timers, 99), 0);
    assert_int_equal(timers_fire(&timers, 100), 1);
    assert_fired((int[]){1}, 1);
    assert_int_equal(timers_fire(&timers, 1000), 3);
    assert_fired((int[]){3, 2, 0}, 3);
    assert_true(timers_next_ns(&timers) == UINT64_MAX);
    probes_close(probes, 4);
}

static void equal_due_times_fire_in_the_order_of_arming(void **state)
{
    struct probe probes[40];
    int expected[40];

    (void)state;
    probes_open(probes, 40);
    for (int i = 0; i < 40; i++) {
        timer_arm(&timers, &probes[i].timer, 500);
    }
    timer_arm(&timers, &probes[0].timer, 500); /* armed anew, so behind the others */
    for (int i = 0; i < 40; i++) {
        expected[i] = (i + 1) % 40;
    }
    assert_int_equal(timers_fire(&timers, 500), 40);
    assert_fired(expected, 40);
    probes_close(probes, 40);
}

static void arming_again_moves_a_timer_and_cancel_stops_it(void **state)
{
    struct probe probes[3];

    (void)state;
    probes_open(probes, 3);
    timer_arm(&timers, &probes[0].timer, 100);
    timer_arm(&timers, &probes[1].timer, 200);
    timer_arm(&timers, &probes[2].timer, 300);
    timer_arm(&timers, &probes[0].timer, 400);
    timer_arm(&timers, &probes[2].timer, 150);
    assert_int_equal(timers.count, 3);
    timer_cancel(&timers, &probes[1].timer);
    timer_cancel(&timers, &probes[1].timer);
    assert_false(timer_is_armed(&probes[1].timer));
    assert_int_equal(timers_fire(&timers, 1000), 2);
    assert_fired((int[]){2, 0}, 2);
    probes_close(probes, 3);
}

static void then_rearm(struct probe *probe, uint64_t now_ns)
{
    (void)now_ns;
    timer_arm(&timers, &probe->timer, probe->rearm_ns);
}

/* Armed for the past, for now, and for just after now: none of them fires twice in one call. */
static void a_timer_armed_from_its_callback_waits_for_the_next_turn(void **state)
{
    struct probe probes[3];

    (void)state;
    probes_open(probes, 3);
    for (int i = 0; i < 3; i++) {
        probes[i].then = then_rearm;
        probes[i].rearm_ns = (uint64_t)(i * 500); /* 0, 500, 1000 */
        timer_arm(&timers, &probes[i].timer, 500);
    }
    assert_int_equal(timers_fire(&timers, 500), 3);
    assert_fired((int[]){0, 1, 2}, 3);
    assert_true(probes[0].timer.due_ns == 501);
    assert_true(probes[1].timer.due_ns == 501);
    assert_true(probes[2].timer.due_ns == 1000);
    assert_int_equal(timers_fire(&timers, 500), 0);
    assert_int_equal(timers_fire(&timers, 501), 2);
    assert_fired((int[]){0, 1}, 2);
    timer_arm(&timers, &probes[2].timer, 3); /* outside of a callback the past is just due */
    assert_true(timers_next_ns(&timers) == 3);
    probes_close(probes, 3);
}

static void then_cancel_other(struct probe *probe, uint64_t now_ns)
{
    (void)now_ns;
    timer_cancel(&timers, &probe->other->timer);
}

static void a_callback_can_cancel_one_that_is_due_too(void **state)
{
    struct probe probes[4];

    (void)state;
    probes_open(probes, 4);
    for (int i = 0; i < 4; i++) {
        timer_arm(&timers, &probes[i].timer, 100);
    }
    probes[0].then = then_cancel_other;
    probes[0].other = &probes[2];
    probes[3].then = then_cancel_other; /* of itself, which is disarmed already */
    probes[3].other = &probes[3];
    assert_int_equal(timers_fire(&timers, 200), 3);
    assert_fired((int[]){0, 1, 3}, 3);
    probes_close(probes, 4);
}

static void then_free_both(struct probe *probe, uint64_t now_ns)
{
    (void)now_ns;
    timer_close(&timers, &probe->other->timer);
    free(probe->other);
    timer_close(&timers, &probe->timer);
    free(probe);
}

/* The address sanitizer sees it if the loop comes back to either of them. */
static void a_callback_can_free_itself_and_one_that_is_due_too(void **state)
{
    struct probe *probes[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        probes[i] = calloc(1, sizeof(*probes[i]));
        assert_non_null(probes[i]);
        probes[i]->number = i;
        assert_int_equal(timer_open(&timers, &probes[i]->timer, probe_fire), 0);
        timer_arm(&timers, &probes[i]->timer, 100);
    }
    probes[0]->then = then_free_both;
    probes[0]->other = probes[1];
    assert_int_equal(timers_fire(&timers, 100), 2);
    assert_fired((int[]){0, 2}, 2);
    assert_int_equal(timers.open, 1);
    timer_close(&timers, &probes[2]->timer);
    free(probes[2]);
}

static struct probe opened_in_callback[100];

static void then_open_many(struct probe *probe, uint64_t now_ns)
{
    (void)probe;
    for (int i = 0; i < 100; i++) {
        opened_in_callback[i] = (struct probe){.number = i};
        assert_int_equal(timer_open(&timers, &opened_in_callback[i].timer, probe_fire), 0);
        timer_arm(&timers, &opened_in_callback[i].timer, now_ns);
    }
}

static void a_callback_can_make_the_heap_grow(void **state)
{
    struct probe probes[2];

    (void)state;
    probes_open(probes, 2);
    probes[0].then = then_open_many;
    timer_arm(&timers, &probes[0].timer, 10);
    timer_arm(&timers, &probes[1].timer, 11);
    assert_int_equal(timers_fire(&timers, 20), 2);
    assert_fired((int[]){0, 1}, 2);
    assert_int_equal(timers.count, 100);
    assert_true(timers.capacity >= timers.open);
    assert_true(timers_next_ns(&timers) == 21);
    for (int i = 0; i < 100; i++) {
        timer_close(&timers, &opened_in_callback[i].timer);
    }
    probes_close(probes, 2);
}

static void only_opening_allocates(void **state)
{
    struct probe probes[50];
    uint64_t calls_before;
    uint64_t calls_after;

    (void)state;
    if (!alloc_count_is_available()) {
        skip();
    }
    calls_before = alloc_count_calls();
    probes_open(probes, 50);
    calls_after = alloc_count_calls();
    assert_int_equal(calls_after - calls_before, 3); /* 16, 32, 64 */
    calls_before = calls_after;
    for (uint64_t turn = 1; turn <= 100; turn++) {
        for (int i = 0; i < 50; i++) {
            timer_arm(&timers, &probes[i].timer, turn * 100 + hash_u64(turn) % 10);
        }
        timer_cancel(&timers, &probes[turn % 50].timer);
        fired_count = 0;
        timers_fire(&timers, turn * 100 + 10);
    }
    calls_after = alloc_count_calls();
    assert_int_equal(calls_after - calls_before, 0);
    probes_close(probes, 50);
    calls_after = alloc_count_calls();
    assert_int_equal(calls_after - calls_before, 0);
}

/*
 * The model: the same timers in a plain array that is searched from end to end. Every act is done to both,
 * from outside and from callbacks; whatever fires must be what the model would fire next.
 */
enum { MODEL_TIMERS = 80, MODEL_STEPS = 60000 };

struct modelled {
    struct timer timer;
    bool is_open;
    bool is_armed;
    uint64_t due_ns;
    uint64_t arm_number;
    uint64_t fired_in_call;
};

static struct {
    struct modelled entries[MODEL_TIMERS];
    uint64_t random_calls;
    uint64_t arm_count;
    uint64_t now_ns;
    uint64_t call; /* the number of the timers_fire call under way or last made */
    bool is_firing;
    uint32_t fired;
    uint32_t acts_in_callbacks;
    uint32_t due_ones_stopped; /* cancelled or closed by a callback while they were due */
} model;

static uint64_t model_random(uint64_t below)
{
    return hash_u64(0x5EED + ++model.random_calls) % below;
}

static struct modelled *model_next(void)
{
    struct modelled *next = NULL;

    for (int i = 0; i < MODEL_TIMERS; i++) {
        struct modelled *entry = &model.entries[i];

        if (entry->is_armed && (next == NULL || entry->due_ns < next->due_ns ||
                                (entry->due_ns == next->due_ns && entry->arm_number < next->arm_number))) {
            next = entry;
        }
    }
    return next;
}

static void model_act(struct modelled *entry);

static void modelled_fire(struct timer *timer, uint64_t now_ns)
{
    struct modelled *entry = LIST_ENTRY(timer, struct modelled, timer);

    assert_true(model.is_firing);
    assert_true(now_ns == model.now_ns);
    assert_ptr_equal(entry, model_next());
    assert_true(entry->due_ns <= now_ns);
    assert_true(entry->fired_in_call != model.call);
    assert_false(timer_is_armed(timer));
    entry->is_armed = false;
    entry->fired_in_call = model.call;
    model.fired++;
    for (uint64_t acts = model_random(4); acts > 0; acts--) {
        /* Itself every third time: that is what most callbacks do. */
        model_act(model_random(3) == 0 ? entry : &model.entries[model_random(MODEL_TIMERS)]);
        model.acts_in_callbacks++;
    }
}

static void model_arm(struct modelled *entry)
{
    /* Close together, so that many fall on the same time; some in the past, some exactly now. */
    uint64_t due_ns = model.now_ns + model_random(60) - 20;

    timer_arm(&timers, &entry->timer, due_ns);
    if (model.is_firing && due_ns <= model.now_ns) {
        due_ns = model.now_ns + 1;
    }
    entry->is_armed = true;
    entry->due_ns = due_ns;
    entry->arm_number = ++model.arm_count;
}

static void model_act(struct modelled *entry)
{
    uint64_t act = model_random(10);

    if (!entry->is_open) {
        assert_int_equal(timer_open(&timers, &entry->timer, modelled_fire), 0);
        entry->is_open = true;
        return;
    }
    if (act < 6) {
        model_arm(entry);
        return;
    }
    if (model.is_firing && entry->is_armed && entry->due_ns <= model.now_ns) {
        model.due_ones_stopped++;
    }
    entry->is_armed = false;
    if (act < 9) {
        timer_cancel(&timers, &entry->timer);
    } else {
        timer_close(&timers, &entry->timer);
        entry->is_open = false;
    }
}

static void model_fire(void)
{
    uint32_t returned;

    model.now_ns += model_random(40);
    model.call++;
    model.fired = 0;
    model.is_firing = true;
    returned = timers_fire(&timers, model.now_ns);
    model.is_firing = false;
    assert_int_equal(returned, model.fired);
    if (model_next() != NULL) {
        assert_true(model_next()->due_ns > model.now_ns);
    }
}

static void assert_equals_model(void)
{
    const struct modelled *next = model_next();
    uint32_t open = 0;
    uint32_t armed = 0;

    for (int i = 0; i < MODEL_TIMERS; i++) {
        const struct modelled *entry = &model.entries[i];

        open += entry->is_open;
        armed += entry->is_armed;
        assert_int_equal(timer_is_armed(&entry->timer), entry->is_armed);
        if (entry->is_armed) {
            assert_true(entry->timer.due_ns == entry->due_ns);
        }
    }
    assert_int_equal(timers.open, open);
    assert_int_equal(timers.count, armed);
    assert_true(timers_next_ns(&timers) == (next != NULL ? next->due_ns : UINT64_MAX));
}

static void random_acts_equal_the_model(void **state)
{
    uint64_t fired_in_all = 0;

    (void)state;
    model.now_ns = 1000;
    for (int step = 0; step < MODEL_STEPS; step++) {
        if (model_random(8) == 0) {
            model_fire();
            fired_in_all += model.fired;
        } else {
            model_act(&model.entries[model_random(MODEL_TIMERS)]);
        }
        assert_equals_model();
    }
    /* The run is worth something only if it went everywhere. */
    assert_true(fired_in_all > 5000);
    assert_true(model.acts_in_callbacks > 5000);
    assert_true(model.due_ones_stopped > 500);
    for (int i = 0; i < MODEL_TIMERS; i++) {
        timer_close(&timers, &model.entries[i].timer);
    }
}

#define TIMERS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIMERS_TEST(timers_fire_when_due_and_in_order),
        TIMERS_TEST(equal_due_times_fire_in_the_order_of_arming),
        TIMERS_TEST(arming_again_moves_a_timer_and_cancel_stops_it),
        TIMERS_TEST(a_timer_armed_from_its_callback_waits_for_the_next_turn),
        TIMERS_TEST(a_callback_can_cancel_one_that_is_due_too),
        TIMERS_TEST(a_callback_can_free_itself_and_one_that_is_due_too),
        TIMERS_TEST(a_callback_can_make_the_heap_grow),
        TIMERS_TEST(only_opening_allocates),
        TIMERS_TEST(random_acts_equal_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
