/*
 * A run: the whole server over the simulated kernel, with a crowd, from its start to its end, under one seed.
 *
 *     storm: everybody acts, everything may fail -> calm: nobody says anything new, nothing fails
 *     -> (checked: nobody is short of a text) -> SIGTERM -> every object is given back
 *
 * After every turn sim_check_turn holds the server to what must always be so (sim_check.c).
 */
#ifndef TESTS_SIM_SIM_RUN_H
#define TESTS_SIM_SIM_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/server.h"
#include "sim/sim_clients.h"
#include "sim/sim_kernel.h"

enum sim_phase { SIM_STORM, SIM_CALM, SIM_ENDING };

struct sim_setting {
    uint64_t seed;
    uint32_t counts[SIM_KIND_COUNT];
    struct sim_weather weather;
    uint64_t storm_ns;
    uint64_t call_ns;
    uint64_t stall_ns_max;
    uint32_t fds_max;
    uint32_t ping_s; /* ping_after */
    bool is_abrupt;  /* SIGTERM comes in the storm */
    bool reloads;    /* SIGHUP comes in the storm, with another config */
    bool is_cramped; /* memory for chunks, and sessions, are scarce */
};

struct sim_run {
    struct sim_setting setting;
    struct server *server;
    struct sim_crowd crowd;
    enum sim_phase phase;
    uint64_t phase_ns; /* when the next one begins */
    uint64_t reload_ns;
    uint64_t report_ns;
    uint64_t turns;
    uint64_t second_turns; /* in the second that began at second_ns */
    uint64_t second_ns;
    uint64_t opened, closes;
    char path[PATH_MAX]; /* of the config */
    const char *more;    /* of its text, at the end; NULL: nothing */
};

/* What a run came to. */
struct sim_result {
    uint64_t digest;
    uint64_t turns;
    uint64_t opened, enters, jobs_refused, slow;
    struct sim_crowd_totals crowd;
    struct sim_totals kernel;
};

/* A setting for a seed: the kinds, the weather and the config are drawn from it. */
struct sim_setting sim_setting_of(uint64_t seed);
/* Fails the test, naming seed and turn, when anything is not as it must be. */
struct sim_result sim_run(const struct sim_setting *setting);

/* For who turns a server by hand: a config's text of that setting, in a file at run->path. */
void sim_config_write(struct sim_run *run, bool is_second);
void sim_check_turn(struct sim_run *run);

/*
 * Until sim_mind_end, says which seed and turn it was when the process dies or the test fails, and keeps the log: what is
 * said then ends with its last lines.
 */
void sim_mind_begin(uint64_t seed);
void sim_mind_turn(uint64_t turn);
void sim_mind_end(void);
/* For a teardown: says it now, when a run has not come to its end. */
void sim_mind_tell(void);
uint64_t sim_mind_alerts(void);

#endif
