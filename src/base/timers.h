/*
 * Timers: a binary heap ordered by due time, with each timer's place in the heap kept in the timer. Room in
 * the heap is reserved when a timer is opened, so arming never fails and never allocates.
 *
 *     closed --timer_open--> idle --timer_arm--> armed --timer_arm--> armed (new due time)
 *     armed --timer_cancel or fired--> idle --timer_close--> closed
 */
#ifndef ROOMD_BASE_TIMERS_H
#define ROOMD_BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
    uint64_t due_ns;
    uint64_t arm_number; /* of two that are due at the same time, the one armed first fires first */
    void (*fire)(struct timer *timer, uint64_t now_ns);
    uint32_t place; /* in the heap, from 1; 0 while not armed */
    bool is_open;
};

struct timers {
    struct timer **heap;
    uint32_t count;    /* armed */
    uint32_t open;     /* reserved: opened and not yet closed */
    uint32_t capacity; /* of `heap`; at least `open` */
    uint64_t arm_count;
    uint64_t firing_ns; /* the time given to timers_fire; counts while is_firing */
    bool is_firing;
};

void timers_init(struct timers *timers);
/* Every timer must have been closed. */
void timers_fini(struct timers *timers);

/* Readies a timer, zero-filled or closed before. 0, or -ENOMEM and the timer stays closed. */
int timer_open(struct timers *timers, struct timer *timer, void (*fire)(struct timer *, uint64_t now_ns));
/* Cancels and gives the reserved room back; nothing happens to a timer that is closed. */
void timer_close(struct timers *timers, struct timer *timer);

/*
 * Arms an open timer for `due_ns`, or moves it there. Within a callback a due time that has passed means the
 * next turn: it becomes the firing time + 1.
 */
void timer_arm(struct timers *timers, struct timer *timer, uint64_t due_ns);
void timer_cancel(struct timers *timers, struct timer *timer);
static inline bool timer_is_armed(const struct timer *timer)
{
    return timer->place != 0;
}

/* When the first timer is due, or UINT64_MAX. */
uint64_t timers_next_ns(const struct timers *timers);
/*
 * Fires what is due at `now_ns`, in order of due time, and of arming where that is equal; each is disarmed
 * before its callback. A callback may open, arm, cancel and close any timer, its own included, and free what
 * holds it; it may not call timers_fire. A timer fires at most once in a call. Returns how many fired.
 */
uint32_t timers_fire(struct timers *timers, uint64_t now_ns);

#endif
