/* What is needed to see a failure again: the seed, the turn, and the end of the log. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sim/sim_run.h"

enum { LINES_KEPT = 30, LINE_BYTES = 400 };

static struct {
    bool is_on;
    uint64_t seed;
    uint64_t turn;
    uint64_t alerts;
    uint64_t lines;
    char kept[LINES_KEPT][LINE_BYTES];
} mind;

/* Of the sanitizers, where there is one. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void mind_keep(void *context, const char *line, size_t size)
{
    (void)context;
    snprintf(mind.kept[mind.lines++ % LINES_KEPT], LINE_BYTES, "%.*s", (int)size, line);
    mind.alerts += memmem(line, size, "level=alert", 11) != NULL;
}

void sim_mind_tell(void)
{
    uint64_t first = mind.lines > LINES_KEPT ? mind.lines - LINES_KEPT : 0;

    if (!mind.is_on) {
        return;
    }
    for (uint64_t i = first; i < mind.lines; i++) {
        fputs(mind.kept[i % LINES_KEPT], stderr);
    }
    fprintf(stderr, "sim: failed under seed %llu in turn %llu; SIM_SEED=%llu replays it\n",
            (unsigned long long)mind.seed, (unsigned long long)mind.turn, (unsigned long long)mind.seed);
    mind.is_on = false;
    log_set_sink(NULL, NULL);
}

/* Not for signal handlers by the book; the process is lost anyhow, and what is said is worth the risk. */
static void mind_on_signal(int signal_number)
{
    sim_mind_tell();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void sim_mind_begin(uint64_t seed)
{
    mind.is_on = true;
    mind.seed = seed;
    mind.turn = mind.alerts = mind.lines = 0;
    log_set_sink(mind_keep, NULL);
    signal(SIGABRT, mind_on_signal);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(sim_mind_tell);
    }
}

void sim_mind_turn(uint64_t turn)
{
    mind.turn = turn;
}

void sim_mind_end(void)
{
    mind.is_on = false;
    log_set_sink(NULL, NULL);
    signal(SIGABRT, SIG_DFL);
}

uint64_t sim_mind_alerts(void)
{
    return mind.alerts;
}
