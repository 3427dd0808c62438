#include "base/timers.h"

#include <errno.h>

#include "base/check.h"
#include "base/memory.h"

enum { TIMERS_CAPACITY_FIRST = 16 };

void timers_init(struct timers *timers)
{
    *timers = (struct timers){0};
}

void timers_fini(struct timers *timers)
{
    CHECK(timers->open == 0 && !timers->is_firing);
    memory_give(timers->heap);
    *timers = (struct timers){0};
}

static int timers_grow(struct timers *timers)
{
    uint32_t capacity = timers->capacity == 0 ? TIMERS_CAPACITY_FIRST : timers->capacity * 2;
    struct timer **heap;

    if (timers->capacity > UINT32_MAX / 2) {
        return -ENOMEM;
    }
    heap = memory_resize(timers->heap, capacity * sizeof(struct timer *));
    if (heap == NULL) {
        return -ENOMEM;
    }
    timers->heap = heap;
    timers->capacity = capacity;
    return 0;
}

int timer_open(struct timers *timers, struct timer *timer, void (*fire)(struct timer *, uint64_t now_ns))
{
    CHECK(!timer->is_open && fire != NULL);
    if (timers->open == timers->capacity) {
        int error = timers_grow(timers);

        if (error < 0) {
            return error;
        }
    }
    *timer = (struct timer){.fire = fire, .is_open = true};
    timers->open++;
    return 0;
}

void timer_close(struct timers *timers, struct timer *timer)
{
    if (!timer->is_open) {
        return;
    }
    timer_cancel(timers, timer);
    timer->is_open = false;
    timers->open--;
}

static bool timer_is_before(const struct timer *a, const struct timer *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->arm_number < b->arm_number;
}

static void timers_put(struct timers *timers, uint32_t place, struct timer *timer)
{
    timers->heap[place - 1] = timer;
    timer->place = place;
}

/* Puts a timer where it belongs, given a place that is free, and moves what lies in its way up or down. */
static void timers_sift(struct timers *timers, uint32_t place, struct timer *timer)
{
    while (place > 1 && timer_is_before(timer, timers->heap[place / 2 - 1])) {
        timers_put(timers, place, timers->heap[place / 2 - 1]);
        place /= 2;
    }
    while (place <= timers->count / 2) {
        uint32_t child = place * 2;

        if (child < timers->count && timer_is_before(timers->heap[child], timers->heap[child - 1])) {
            child++;
        }
        if (!timer_is_before(timers->heap[child - 1], timer)) {
            break;
        }
        timers_put(timers, place, timers->heap[child - 1]);
        place = child;
    }
    timers_put(timers, place, timer);
}

void timer_arm(struct timers *timers, struct timer *timer, uint64_t due_ns)
{
    CHECK(timer->is_open);
    timer_cancel(timers, timer);
    if (timers->is_firing && due_ns <= timers->firing_ns) {
        due_ns = timers->firing_ns + 1;
    }
    CHECK(timers->count < timers->open);
    timer->due_ns = due_ns;
    timer->arm_number = ++timers->arm_count;
    timers->count++;
    timers_sift(timers, timers->count, timer);
}

void timer_cancel(struct timers *timers, struct timer *timer)
{
    uint32_t place = timer->place;
    struct timer *last;

    if (place == 0) {
        return;
    }
    CHECK(place <= timers->count && timers->heap[place - 1] == timer);
    timer->place = 0;
    last = timers->heap[--timers->count];
    if (last != timer) {
        timers_sift(timers, place, last);
    }
}

uint64_t timers_next_ns(const struct timers *timers)
{
    return timers->count > 0 ? timers->heap[0]->due_ns : UINT64_MAX;
}

uint32_t timers_fire(struct timers *timers, uint64_t now_ns)
{
    uint32_t fired = 0;

    CHECK(!timers->is_firing && now_ns < UINT64_MAX);
    timers->is_firing = true;
    timers->firing_ns = now_ns;
    /* The heap is looked at anew each time round: a callback may have grown it, moved it or emptied it. */
    while (timers->count > 0 && timers->heap[0]->due_ns <= now_ns) {
        struct timer *timer = timers->heap[0];

        timer_cancel(timers, timer);
        fired++;
        timer->fire(timer, now_ns);
    }
    timers->is_firing = false;
    return fired;
}
