#include "daemon/callback_limit.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/last_words.h"
#include "room/engine.h"

enum { SIGNALS_A_LIMIT = 4 };

static struct {
    timer_t timer;
    const struct running *running; /* NULL: closed */
    _Atomic uint64_t limit_ns;
    /* The handler's own. */
    uint64_t number; /* of the callback that it saw last */
    uint32_t seen;   /* times in a row */
} limit;

static uint64_t since_ms(uint64_t begin_ns)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) < 0) {
        return 0;
    }
    return ((uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec - begin_ns) / NS_PER_MS;
}

static void end_stuck(const struct running *running)
{
    struct last_words words;
    uint64_t begin_ns = atomic_load_explicit(&running->begin_ns, memory_order_relaxed);
    uint64_t limit_ns = atomic_load_explicit(&limit.limit_ns, memory_order_relaxed);

    last_words_begin(&words, "callback_stuck", running);
    last_words_add_number(&words, "took_ms", since_ms(begin_ns));
    last_words_add_number(&words, "limit_ms", limit_ns / NS_PER_MS);
    last_words_say(&words);
}

static void on_signal(int signal)
{
    int errno_before = errno;
    const struct running *running = limit.running;

    (void)signal;
    if (running == NULL || atomic_load_explicit(&running->room, memory_order_relaxed) == NULL) {
        limit.seen = 0;
    } else {
        uint64_t number = atomic_load_explicit(&running->number, memory_order_relaxed);

        limit.seen = limit.seen > 0 && limit.number == number ? limit.seen + 1 : 1;
        limit.number = number;
        if (limit.seen > SIGNALS_A_LIMIT) {
            end_stuck(running);
        }
    }
    errno = errno_before;
}

int callback_limit_set(uint64_t limit_ns)
{
    uint64_t interval_ns = limit_ns / SIGNALS_A_LIMIT;
    struct itimerspec setting;

    if (limit.running == NULL) {
        return 0;
    }
    setting.it_interval.tv_sec = (time_t)(interval_ns / NS_PER_S);
    setting.it_interval.tv_nsec = (long)(interval_ns % NS_PER_S);
    setting.it_value = setting.it_interval;
    if (timer_settime(limit.timer, 0, &setting, NULL) < 0) {
        return -errno;
    }
    atomic_store_explicit(&limit.limit_ns, limit_ns, memory_order_relaxed);
    return 0;
}

int callback_limit_open(const struct engine *engine, uint64_t limit_ns)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    sigset_t set;

    sigemptyset(&action.sa_mask);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    if (sigaction(SIGALRM, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &set, NULL) < 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &limit.timer) < 0) {
        return -errno;
    }
    limit.seen = 0;
    limit.running = &engine->running;

    int rc = callback_limit_set(limit_ns);

    if (rc < 0) {
        callback_limit_close();
    }
    return rc;
}

void callback_limit_close(void)
{
    if (limit.running != NULL) {
        limit.running = NULL;
        timer_delete(limit.timer);
    }
}
