#include "dummy-client/pace.h"

#include "base/clock.h"

static void pace_settle_due(struct pace *pace)
{
    double offset_ns = (double)pace->turn * pace->period_ns;

    if (offset_ns >= pace->window_ns) {
        pace_stop(pace);
        return;
    }
    if (!pace->is_burst) {
        offset_ns += pace->period_ns * pace->client / pace->clients;
    }
    pace->due_ns = pace->start_ns + (uint64_t)offset_ns / NS_PER_MS * NS_PER_MS;
}

void pace_init(struct pace *pace, uint64_t start_ns, double rate, double window_s, uint32_t clients,
               bool is_burst)
{
    *pace = (struct pace){.start_ns = start_ns,
                          .window_ns = window_s * (double)NS_PER_S,
                          .clients = clients,
                          .is_burst = is_burst};
    if (rate <= 0 || clients == 0) {
        pace_stop(pace);
        return;
    }
    pace->period_ns = (double)NS_PER_S / rate;
    pace_settle_due(pace);
}

bool pace_take(struct pace *pace, uint64_t now_ns, uint32_t *client, uint64_t *due_ns)
{
    if (pace->due_ns > now_ns) {
        return false;
    }
    *client = pace->client;
    *due_ns = pace->due_ns;
    if (++pace->client == pace->clients) {
        pace->client = 0;
        pace->turn++;
    }
    pace_settle_due(pace);
    return true;
}

void pace_stop(struct pace *pace)
{
    pace->due_ns = UINT64_MAX;
}
