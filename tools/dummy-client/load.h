/*
 * The load: all clients, one epoll, one thread.
 *
 * One turn: wait for events until something is due; read one piece for each client that has some, sending
 * what falls due in between; then the phase's own work. The clock is read after each piece of reading, and
 * once for each batch of sends.
 */
#ifndef DUMMY_CLIENT_LOAD_H
#define DUMMY_CLIENT_LOAD_H

#include "dummy-client/client.h"
#include "dummy-client/options.h"
#include "dummy-client/pace.h"
#include "dummy-client/play.h"
#include "dummy-client/tickets.h"
#include "dummy-client/verify.h"
#include "dummy-client/watch.h"

#include "base/clock.h"
#include "base/histogram.h"

#include <stdbool.h>
#include <stdint.h>

#define LOAD_READ_BYTES     VERIFY_READ_BYTES_MAX
#define LOAD_JOIN_LIMIT_NS  (10 * NS_PER_S)
#define LOAD_PAUSE_NS       (50 * NS_PER_MS) /* between leaving and coming back */
#define LOAD_KEPT_BYTES_MAX (4u * 65536)

enum load_phase {
    LOAD_CONNECTING, /* until everybody is in, or has failed to be */
    LOAD_SETTLING,   /* echo only: the peer may still be accepting */
    LOAD_SENDING,
    LOAD_DRAINING,  /* until everything has arrived, or the patience ends */
    LOAD_LINGERING, /* for what should not come: doubled messages */
    LOAD_DONE
};

struct load {
    const struct options *options;
    struct verify verify; /* of those who chat; with another play it has the latencies alone */
    struct play play;
    struct tickets tickets;
    struct client *clients;
    int epoll_fd;
    uint8_t *scratch;  /* headroom, then LOAD_READ_BYTES */
    uint8_t *frame;    /* to encode one */
    uint64_t epoch_ns; /* the messages' times count from here */
    uint64_t now_ns;   /* the last reading of the clock */

    enum load_phase phase;
    uint64_t phase_ns;     /* when it began */
    uint64_t housekeep_ns; /* when the phase's work is due */
    uint64_t trim_ns;
    uint64_t limits_ns;
    uint64_t progress_ns;
    uint64_t progress_received;
    bool is_interrupted;

    uint32_t opened;                     /* clients that were opened in the ramp */
    uint32_t connecting;                 /* connections on their way */
    uint32_t settled;                    /* clients that are in, or have failed */
    uint32_t joined;                     /* clients that have ever been in */
    uint32_t verified;                   /* clients that are verified by bytes */
    uint32_t missed;                     /* clients that were to stay and did not */
    char room[ROOMD_NAME_BYTES_MAX + 1]; /* where the server puts clients by itself */
    char complaint[128];                 /* the first thing that went wrong, in words; empty: nothing */

    struct pace pace;
    uint64_t window_ns;       /* when sending began */
    uint64_t last_arrival_ns; /* of something that was expected */
    uint64_t sampled_ns;      /* the last arrival for which the CPU times were taken */
    uint64_t sent;
    uint64_t backlogged; /* turns that were skipped because the socket was full */
    uint64_t bytes;      /* read since sending began */
    uint64_t disconnects[DISCONNECT_COUNT];
    struct histogram connect_us;
    struct histogram send_lag_us;

    uint32_t *churning; /* clients that are between two stays */
    uint32_t churning_count;
    uint32_t churn_next;  /* where to look for the next one */
    uint64_t churn_turns; /* leaves begun */
    uint64_t random;      /* state of the garbage's generator */
    uint64_t flooded;     /* packets of --flood that were sent whole */
    uint64_t pauses;      /* of --pause, begun */

    uint64_t resyncs;         /* S_RESYNC that were read, by whomever */
    uint64_t packets_skipped; /* what they told of */
    uint64_t bytes_skipped;
    uint64_t pongs_sent; /* answers to S_PING */

    struct watch watch;
    uint64_t cpu_begin_ns; /* the tool's own */
    uint64_t cpu_end_ns;
    uint64_t server_cpu_begin_ns;
    uint64_t server_cpu_end_ns;
    uint64_t rss_before_kib;
    uint64_t rss_joined_kib;
    uint64_t rss_end_kib;
    uint64_t rss_peak_kib;
};

/*
 * Prepares the load: memory, descriptors. 0, or -errno and one line on stderr has said why. load_fini in any
 * case.
 */
int load_init(struct load *load, const struct options *options);
void load_fini(struct load *load);
/* Runs it to the end. SIGINT and SIGTERM end it early, a second one at once. */
void load_run(struct load *load);

/* Notes the first thing that went wrong. */
void load_complain(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Microseconds since the epoch. */
static inline uint64_t load_us(const struct load *load, uint64_t now_ns)
{
    return (now_ns - load->epoch_ns) / NS_PER_US;
}

#endif
