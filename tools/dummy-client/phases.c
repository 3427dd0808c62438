#include "dummy-client/phases.h"

#include "dummy-client/churn.h"
#include "dummy-client/misbehave.h"
#include "dummy-client/report.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

static const uint64_t housekeep_ns = 10 * NS_PER_MS;
static const uint64_t housekeep_often_ns = NS_PER_MS; /* while connecting, dribbling, flooding or churning */
static const uint64_t settle_ns = 200 * NS_PER_MS;
static const uint64_t linger_ns = 300 * NS_PER_MS;
static const uint64_t trim_ns = 50 * NS_PER_MS;
static const uint64_t limits_ns = 250 * NS_PER_MS;
static const uint64_t behind_ns = NS_PER_S; /* how long late turns are still taken after the window */
static const double interrupted_drain_s = 2;
enum { OPENS_A_TURN = 256, ECHO_CONNECT_MS = 1000 };

static void enter_phase(struct load *load, enum load_phase phase)
{
    load->phase = phase;
    load->phase_ns = load->now_ns;
}

void phases_begin(struct load *load)
{
    uint64_t peak_kib;

    watch_memory(&load->watch, &load->rss_before_kib, &peak_kib);
    load->now_ns = clock_now_ns();
    load->progress_ns = load->now_ns + NS_PER_S;
    enter_phase(load, LOAD_CONNECTING);
}

/* An echoing peer sorts clients into groups by the order in which it accepts: each stands before the next one
 * begins. */
static void await_connected(struct load *load, struct client *client)
{
    struct pollfd pollfd = {.fd = client->fd, .events = POLLOUT};

    if (poll(&pollfd, 1, ECHO_CONNECT_MS) == 1) {
        load->now_ns = clock_now_ns();
        client_on_event(load, client, EPOLLOUT);
    }
}

static void open_due(struct load *load)
{
    const struct options *options = load->options;
    double due = options->ramp * (double)(load->now_ns - load->phase_ns) / (double)NS_PER_S + 1;

    for (int i = 0; i < OPENS_A_TURN && load->opened < options->clients && load->opened < due; i++) {
        struct client *client = &load->clients[load->opened];

        if (options->is_echo && load->connecting > 0) {
            return;
        }
        load->now_ns = clock_now_ns();
        int error = client_open(load, client);
        if (error == -EAGAIN) {
            return;
        }
        load->opened++;
        if (!error && options->is_echo) {
            await_connected(load, client);
        }
    }
}

/* The figures that end with the last arrival: taken anew whenever something has arrived. */
static void take_end_figures(struct load *load)
{
    load->cpu_end_ns = clock_cpu_ns();
    load->server_cpu_end_ns = watch_cpu_ns(&load->watch);
}

static void begin_sending(struct load *load)
{
    const struct options *options = load->options;
    uint64_t peak_kib;

    watch_memory(&load->watch, &load->rss_joined_kib, &peak_kib);
    load->verified = 0;
    for (uint32_t i = 0; i < options->clients; i++) {
        struct receiver *receiver = &load->verify.receivers[i];

        if (options->trunc_check > 0 && receiver->state == RECEIVER_ON_TAPE &&
            i / options->room_count >= options->trunc_check) {
            verify_count_bytes(&load->verify, receiver);
        }
        load->verified += receiver->state == RECEIVER_ON_TAPE;
    }
    load->bytes = 0;
    load->now_ns = clock_now_ns();
    load->window_ns = load->now_ns;
    load->last_arrival_ns = load->now_ns;
    load->trim_ns = load->now_ns + trim_ns;
    load->limits_ns = load->now_ns + limits_ns;
    load->cpu_begin_ns = clock_cpu_ns();
    load->server_cpu_begin_ns = watch_cpu_ns(&load->watch);
    pace_init(&load->pace, load->now_ns, options->rate, options->window_s, options->clients,
              options->is_burst);
    play_begin(load);
    misbehave_begin_pauses(load);
    enter_phase(load, LOAD_SENDING);
}

static void begin_draining(struct load *load)
{
    pace_stop(&load->pace);
    churn_stop(load);
    play_end(load);
    take_end_figures(load);
    enter_phase(load, LOAD_DRAINING);
}

void phases_interrupt(struct load *load)
{
    load->is_interrupted = true;
    if (load->phase < LOAD_SENDING) {
        enter_phase(load, LOAD_DONE);
    } else if (load->phase == LOAD_SENDING) {
        begin_draining(load);
    }
}

static void send_phase(struct load *load)
{
    uint64_t window_ns = (uint64_t)(load->options->window_s * (double)NS_PER_S);
    uint64_t since_ns = load->now_ns - load->window_ns;
    bool is_over = since_ns >= window_ns && load->pace.due_ns == UINT64_MAX;

    if (!is_over && since_ns >= window_ns + behind_ns) {
        load_complain(load, "the tool fell behind its schedule by more than a second and left turns out");
        is_over = true;
    }
    if (is_over) {
        begin_draining(load);
    }
}

static void drain_phase(struct load *load)
{
    double patience_s = load->options->drain_s;

    if (load->is_interrupted && patience_s > interrupted_drain_s) {
        patience_s = interrupted_drain_s;
    }
    if (load->churning_count == 0 && verify_is_complete(&load->verify)) {
        enter_phase(load, LOAD_LINGERING);
    } else if ((double)(load->now_ns - load->phase_ns) >= patience_s * (double)NS_PER_S) {
        enter_phase(load, LOAD_DONE);
    }
}

/* Ends connections that have not got where they want in time. Returns how many there are. */
static uint32_t check_limits(struct load *load)
{
    uint32_t alive = 0;

    for (uint32_t i = 0; i < load->opened; i++) {
        struct client *client = &load->clients[i];
        bool is_on_its_way = client->state == CLIENT_CONNECTING || client->state == CLIENT_GREETING ||
                             client->state == CLIENT_JOINING || client->state == CLIENT_LEAVING;

        if (is_on_its_way && load->now_ns - client->since_ns > LOAD_JOIN_LIMIT_NS) {
            client_close(load, client, DISCONNECT_TIMEOUT);
        }
        alive += client->state != CLIENT_DEAD;
    }
    return alive;
}

static void phase_work(struct load *load)
{
    switch (load->phase) {
    case LOAD_CONNECTING:
        open_due(load);
        if (load->opened == load->options->clients && load->settled == load->options->clients) {
            enter_phase(load, LOAD_SETTLING);
        }
        break;
    case LOAD_SETTLING:
        if (!load->options->is_echo || load->now_ns - load->phase_ns >= settle_ns) {
            begin_sending(load);
        }
        break;
    case LOAD_SENDING:
        send_phase(load);
        break;
    case LOAD_DRAINING:
        drain_phase(load);
        break;
    case LOAD_LINGERING:
        if (load->now_ns - load->phase_ns >= linger_ns) {
            enter_phase(load, LOAD_DONE);
        }
        break;
    case LOAD_DONE:
        break;
    }
}

/* Those who were told of a gap, and wait for the tape to hold what they missed. */
static void look_again(struct load *load)
{
    for (uint32_t i = 0; load->resyncs > 0 && i < load->opened; i++) {
        if (load->verify.receivers[i].is_waiting) {
            client_look_again(load, &load->clients[i]);
        }
    }
}

/* What is done now and then in every phase. */
static void side_work(struct load *load)
{
    misbehave_turn(load);
    look_again(load);
    if (load->now_ns >= load->trim_ns) {
        load->trim_ns = load->now_ns + trim_ns;
        verify_trim(&load->verify);
    }
    if (load->now_ns >= load->limits_ns) {
        load->limits_ns = load->now_ns + limits_ns;
        uint32_t alive = check_limits(load);
        if (alive == 0 && load->phase > LOAD_CONNECTING) {
            pace_stop(&load->pace);
            enter_phase(load, LOAD_DONE); /* there is nobody left to send or to receive */
        }
    }
    play_turn(load);
    if (load->now_ns >= load->progress_ns) {
        load->progress_ns = load->now_ns + NS_PER_S;
        report_progress(load);
    }
}

void phases_turn(struct load *load)
{
    const struct options *options = load->options;
    bool is_busy = load->phase == LOAD_CONNECTING || load->churning_count > 0 || options->dribble > 0 ||
                   options->flood > 0;

    if (load->phase == LOAD_DRAINING && load->sampled_ns != load->last_arrival_ns) {
        load->sampled_ns = load->last_arrival_ns;
        take_end_figures(load);
    }
    if (options->churn > 0 && load->phase >= LOAD_SENDING) {
        churn_turn(load);
    }
    if (load->now_ns < load->housekeep_ns) {
        return;
    }
    if (options->dribble > 0) {
        dribble_turn(load);
    }
    side_work(load);
    if (load->phase != LOAD_DONE) {
        phase_work(load);
    }
    load->housekeep_ns = load->now_ns + (is_busy ? housekeep_often_ns : housekeep_ns);
}

void phases_end(struct load *load)
{
    watch_memory(&load->watch, &load->rss_end_kib, &load->rss_peak_kib);
    if (load->window_ns > 0 && load->cpu_end_ns == 0) { /* it ended before there was anything to drain */
        take_end_figures(load);
    }
    enter_phase(load, LOAD_DONE);
    report_progress_end(load);
}
