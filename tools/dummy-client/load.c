#include "dummy-client/load.h"

#include "dummy-client/churn.h"
#include "dummy-client/misbehave.h"
#include "dummy-client/phases.h"
#include "dummy-client/protocol.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 2048, SENDS_A_BATCH = 512, DESCRIPTORS_SPARE = 64 };

static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
    (void)number;
    signals_seen++;
}

void load_complain(struct load *load, const char *format, ...)
{
    va_list arguments;

    if (load->complaint[0] == '\0') {
        va_start(arguments, format);
        vsnprintf(load->complaint, sizeof(load->complaint), format, arguments);
        va_end(arguments);
    }
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "dummy-client: %s: %s\n", what, strerror(error));
    return -error;
}

/* Raises the limit of descriptors as far as the system lets us. */
static int raise_descriptors(uint32_t clients)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return fail("getrlimit", errno);
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return fail("setrlimit", errno);
    }
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < (rlim_t)clients + DESCRIPTORS_SPARE) {
        fprintf(stderr,
                "dummy-client: %u clients need %u descriptors, but the hard limit is %ju (ulimit -Hn)\n",
                clients, clients + DESCRIPTORS_SPARE, (uintmax_t)limit.rlim_max);
        return -EMFILE;
    }
    return 0;
}

static int take_memory(struct load *load)
{
    const struct options *options = load->options;

    load->clients = calloc(options->clients, sizeof(load->clients[0]));
    load->churning = calloc(options->clients, sizeof(load->churning[0]));
    load->scratch = malloc(VERIFY_HEADROOM_BYTES + LOAD_READ_BYTES);
    load->frame = malloc(ROOMD_FRAME_BYTES_MAX);
    if (!load->clients || !load->churning || !load->scratch || !load->frame ||
        verify_init(&load->verify, options->clients, options->room_count, options->text_bytes) != 0) {
        return fail("memory", ENOMEM);
    }
    for (uint32_t i = 0; i < options->clients; i++) {
        load->clients[i].fd = -1;
        load->clients[i].index = i;
        load->clients[i].kind = misbehave_kind(options, i);
    }
    load->verify.on_engine = protocol_on_engine;
    load->verify.context = load;
    return 0;
}

int load_init(struct load *load, const struct options *options)
{
    *load = (struct load){.options = options, .epoll_fd = -1};
    histogram_init(&load->connect_us);
    histogram_init(&load->send_lag_us);
    pace_stop(&load->pace);
    load->epoch_ns = clock_now_ns();
    load->now_ns = load->epoch_ns;

    int error = watch_open(&load->watch, (pid_t)options->pid);
    if (error) {
        return fail("--pid", -error);
    }
    error = raise_descriptors(options->clients);
    if (!error) {
        error = take_memory(load);
    }
    if (!error && options->ticket_keys_text) {
        error = tickets_open(&load->tickets, options->ticket_keys_text);
    }
    if (!error) {
        error = play_init(load);
    }
    if (error) {
        return error;
    }
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return load->epoll_fd < 0 ? fail("epoll_create1", errno) : 0;
}

void load_fini(struct load *load)
{
    for (uint32_t i = 0; load->clients && i < load->options->clients; i++) {
        if (load->clients[i].fd >= 0) {
            close(load->clients[i].fd);
        }
        free(load->clients[i].out);
    }
    if (load->epoll_fd >= 0) {
        close(load->epoll_fd);
    }
    verify_fini(&load->verify);
    play_fini(load);
    tickets_fini(&load->tickets);
    free(load->clients);
    free(load->churning);
    free(load->scratch);
    free(load->frame);
}

/* Sends what is due, one batch of it under one reading of the clock. */
static void send_due(struct load *load)
{
    uint32_t index;
    uint64_t due_ns;

    for (int i = 0; i < SENDS_A_BATCH && pace_take(&load->pace, load->now_ns, &index, &due_ns); i++) {
        struct client *client = &load->clients[index];

        if (client->state != CLIENT_IN || !client_takes_part(client)) {
            continue;
        }
        if (client_has_kept(client)) {
            /* Who dribbles says no more than it gets out: what is said by the end is to arrive. */
            load->backlogged += client->kind != CLIENT_DRIBBLE;
            continue;
        }
        histogram_record(&load->send_lag_us, (load->now_ns - due_ns) / NS_PER_US, 1);
        if (play_is_on(&load->play)) {
            play_act(load, client);
        } else {
            client_say(load, client);
        }
    }
}

/* Waits for events, at most until `due_ns`. Exact to the microsecond where the kernel can. */
static int wait_events(const struct load *load, struct epoll_event *events, uint64_t due_ns)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};

    int count = epoll_pwait2(load->epoll_fd, events, EVENTS_A_TURN, &left, NULL);
    if (count < 0 && errno == ENOSYS) {
        count =
            epoll_wait(load->epoll_fd, events, EVENTS_A_TURN, (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));
    }
    return count;
}

static void load_turn(struct load *load)
{
    static struct epoll_event events[EVENTS_A_TURN];
    uint64_t due_ns = load->pace.due_ns < load->housekeep_ns ? load->pace.due_ns : load->housekeep_ns;

    int count = wait_events(load, events, due_ns);
    load->now_ns = clock_now_ns();
    if (load->pace.due_ns <= load->now_ns) {
        send_due(load);
    }
    for (int i = 0; i < count; i++) {
        client_on_event(load, &load->clients[events[i].data.u32], events[i].events);
        if (load->pace.due_ns <= load->now_ns) {
            send_due(load);
        }
    }
    phases_turn(load);
}

void load_run(struct load *load)
{
    struct sigaction action = {.sa_handler = on_signal};

    signals_seen = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    phases_begin(load);
    while (load->phase != LOAD_DONE && signals_seen < 2) {
        load_turn(load);
        if (signals_seen > 0 && !load->is_interrupted) {
            phases_interrupt(load);
        }
    }
    phases_end(load);
}
