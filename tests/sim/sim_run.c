#include "sim/sim_run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "sim/sim_memory.h"

#define CALM_NS   (8 * NS_PER_S)
#define ENDING_NS (60 * NS_PER_S) /* far beyond shutdown_timeout */

static const char config_text[] =
    "[server]\n"
    "listen = 127.0.0.1:7777\n"
    "listen = unix:sim.sock\n"
    "log = info\n"
    "stats = 5s\n"
    "sessions_max = %u\n"
    "rooms_max = 32\n"
    "frame_timeout = 10s\n"
    "hello_timeout = 5s\nping_after = %us\npong_timeout = 8s\n" /* longer than the longest stall */
    "packet_rate = %u\npacket_burst = %u\ninput_rate = %uKiB\ninput_burst = %uKiB\nsend_rate = "
    "%uKiB\nsend_burst = %uKiB\n"
    "memory_max = %uMiB\n"
    "linger = %ums\n"
    "shutdown_timeout = 5s\n"
    "chunk_size = %uKiB\n"
    "chunk_memory_max = %uMiB\n"
    "accept_backlog = 64\n"
    "data_dir = " ROOMD_SOURCE_DIR "/tools/world\n"
    "announcement = %s\n"
    "[room lobby]\ncontent = chat\nautojoin = yes\ntick = %ums\nseed = 1\n"
    "job_bytes_max = %uKiB\njobs_per_turn = %u\nearly_flush = %uKiB\n"
    "[room hall]\ncontent = chat\nsuffix = yes\ntick = %ums\nseed = 2\ncapacity = %u\n"
    "slow = skip\nskip_max = 3s\noutbox_age_max = 500ms\n"
    "[room town]\ncontent = town\nmap = town.map\nrules = world.rules\nview = 40\n"
    "tick = 100ms\nseed = 3\nslow = skip\noutbox_age_max = 500ms\noutbox_slices_max = %u\n"
    "[room field]\ncontent = field\nmap = field.map\nrules = world.rules\nview = 40\n"
    "seed = 4\n"
    "[template party]\ncontent = chat\nseed = 5\ncapacity = 4\nidle_close = 1s\n"
    "instances_max = 6\n"
    "[template crypt]\ncontent = dungeon\nmap = crypt.map\nrules = world.rules\n"
    "view = 40\nexit = town\ncapacity = 4\nidle_close = 2s\ninstances_max = 4\nseed = 6\n"
    "%s";

void sim_config_write(struct sim_run *run, bool is_second)
{
    const struct sim_setting *setting = &run->setting;
    uint64_t random = setting->seed ^ 0xC0FFEEu;
    static const uint32_t ticks_ms[] = {0, 10, 50, 250};
    uint32_t linger_ms = sim_draw(&random, 4) == 0 ? 0 : 1000;
    uint32_t chunk_kib = 4u << sim_draw(&random, 5);
    uint32_t jobs = sim_draw(&random, 2) == 0 ? 1 + (uint32_t)sim_draw(&random, 16) : 4096;
    uint32_t job_kib = jobs < 4096 ? 64 : 64u << sim_draw(&random, 4);
    uint32_t slices = 48u << sim_draw(&random, 5);
    uint32_t early_kib = 1u << sim_draw(&random, 9);
    uint32_t lobby_tick = ticks_ms[sim_draw(&random, 4)];
    uint32_t hall_tick = ticks_ms[sim_draw(&random, 4)];
    bool is_tolerant = sim_draw(&random, 2) == 0; /* of floods: as much as comes */
    bool is_paced = sim_draw(&random, 3) == 0;
    FILE *file = fopen(run->path, "we");

    assert_non_null(file);
    fprintf(file, config_text, setting->is_cramped ? 60 : 1024, setting->ping_s, is_tolerant ? 1000000 : 200,
            is_tolerant ? 1000000 : 400, is_tolerant ? 1048576 : 64, is_tolerant ? 1048576 : 128,
            is_paced ? 2048 : 65536, is_paced ? 64 : 65536, setting->is_cramped ? 24 : 2048, linger_ms,
            chunk_kib, setting->is_cramped ? 2 : 256, is_second ? "a reload" : "",
            is_second ? 20 : lobby_tick, job_kib, jobs, early_kib, hall_tick, is_second ? 40 : 24, slices,
            is_second ? "[room cellar]\ncontent = chat\nseed = 7\n" : "");
    fputs(run->more == NULL ? "" : run->more, file);
    assert_int_equal(fclose(file), 0);
}

struct sim_setting sim_setting_of(uint64_t seed)
{
    struct sim_setting setting = {.seed = seed};
    uint64_t random = hash_u64(seed ^ 0x73657474u);
    uint32_t *weather[] = {&setting.weather.short_io, &setting.weather.interrupt, &setting.weather.reset,
                           &setting.weather.accept,   &setting.weather.watch,     &setting.weather.small,
                           &setting.weather.stall,    &setting.weather.late};
    static const uint32_t strengths[] = {60000, 12000, 150, 8000, 150, 8000, 40, 8000};
    uint32_t size = (uint32_t)sim_draw(&random, 8) == 0 ? 24 : 8;

    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        setting.counts[kind] = (uint32_t)sim_draw(&random, size + 1);
    }
    setting.counts[SIM_CHATTER] += 6;
    setting.counts[SIM_MOVER] += 4;
    setting.counts[SIM_ROAMER] += 4;
    for (size_t i = 0; i < sizeof(weather) / sizeof(weather[0]); i++) {
        *weather[i] = sim_draw(&random, 2) == 0 ? 0 : 1 + (uint32_t)sim_draw(&random, strengths[i]);
    }
    setting.weather.no_memory = sim_draw(&random, 6) == 0 ? 1 + (uint32_t)sim_draw(&random, 600) : 0;
    setting.storm_ns = (4 + sim_draw(&random, 16)) * NS_PER_S;
    setting.call_ns = sim_draw(&random, 4) == 0 ? 50 * NS_PER_US : NS_PER_US;
    setting.stall_ns_max = (sim_draw(&random, 3) == 0 ? 3000 : 200) * NS_PER_MS;
    setting.fds_max = sim_draw(&random, 4) == 0 ? 40 : SIM_FDS_MAX;
    setting.ping_s = sim_draw(&random, 2) == 0 ? 1 : 30;
    setting.is_abrupt = sim_draw(&random, 4) == 0;
    setting.reloads = sim_draw(&random, 2) == 0;
    setting.is_cramped = sim_draw(&random, 6) == 0;
    return setting;
}

/* ---- what happens when ---- */

static void run_calm(struct sim_run *run)
{
    run->phase = SIM_CALM;
    run->phase_ns = sim_kernel.now_ns + CALM_NS;
    run->crowd.is_quiet = true;
    sim_kernel.weather = (struct sim_weather){0};
}

static void run_end(struct sim_run *run)
{
    run->phase = SIM_ENDING;
    run->phase_ns = sim_kernel.now_ns + ENDING_NS;
    run->crowd.is_ending = true;
    sim_kernel_raise(SIGTERM);
}

static void run_advance(struct sim_run *run, uint64_t now_ns)
{
    if (run->reload_ns <= now_ns) {
        run->reload_ns = UINT64_MAX;
        sim_config_write(run, true);
        sim_kernel_raise(SIGHUP);
    }
    if (run->report_ns <= now_ns) {
        run->report_ns = UINT64_MAX;
        sim_kernel_raise(SIGUSR1);
    }
    if (run->phase_ns > now_ns) {
        return;
    }
    if (run->phase == SIM_STORM && !run->setting.is_abrupt) {
        run_calm(run);
    } else if (run->phase != SIM_ENDING) {
        if (run->phase == SIM_CALM) {
            sim_crowd_check_complete(&run->crowd);
        }
        run_end(run);
    } else {
        fail_msg("the server has been told to end, and does not");
    }
}

static uint64_t run_on_time(void *context, uint64_t now_ns)
{
    struct sim_run *run = context;
    uint64_t next_ns;

    run_advance(run, now_ns);
    next_ns = sim_crowd_act(&run->crowd, now_ns);
    next_ns = run->phase_ns < next_ns ? run->phase_ns : next_ns;
    return run->reload_ns < next_ns ? run->reload_ns : next_ns;
}

static void run_open(struct sim_run *run, const struct sim_setting *setting)
{
    sigset_t before;

    *run = (struct sim_run){.setting = *setting, .reload_ns = UINT64_MAX, .report_ns = UINT64_MAX};
    snprintf(run->path, sizeof(run->path), "%s/roomd-sim-%d.conf",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (int)getpid());
    sim_mind_begin(setting->seed);
    sim_kernel_init(setting->seed);
    sim_kernel.call_ns = setting->call_ns;
    sim_kernel.stall_ns_max = setting->stall_ns_max;
    sim_kernel.fds_max = setting->fds_max;
    sim_config_write(run, false);
    run->server = malloc(sizeof(*run->server));
    assert_non_null(run->server);
    sigprocmask(SIG_BLOCK, NULL, &before);
    assert_int_equal(server_init(run->server, run->path, NULL), 0);
    sigprocmask(SIG_SETMASK, &before, NULL); /* of this process the signals are not meant */
    sim_crowd_open(&run->crowd, setting->seed, setting->counts);
    run->crowd.is_crowded = setting->is_cramped;
    run->phase_ns = sim_kernel.now_ns + setting->storm_ns;
    run->report_ns = sim_kernel.now_ns + setting->storm_ns / 3;
    if (setting->reloads) {
        run->reload_ns = sim_kernel.now_ns + setting->storm_ns / 2;
    }
    run->second_ns = sim_kernel.now_ns;
    sim_kernel.weather = setting->weather;
    sim_kernel.on_time = run_on_time;
    sim_kernel.context = run;
}

static void run_close(struct sim_run *run)
{
    sim_kernel.weather = (struct sim_weather){0};
    sim_kernel.on_time = NULL;
    server_fini(run->server);
    free(run->server);
    unlink(run->path);
    sim_crowd_close(&run->crowd);
    assert_int_equal(sim_mind_alerts(), 0);
    sim_kernel_fini();
}

struct sim_result sim_run(const struct sim_setting *setting)
{
    uint64_t blocks = sim_memory_blocks();
    struct sim_run *run = calloc(1, sizeof(*run));
    struct sim_result result;

    assert_non_null(run);
    run_open(run, setting);
    while (run->server->phase != SERVER_DONE) {
        sim_mind_turn(++run->turns);
        sim_memory_begin();
        server_turn(run->server);
        sim_memory_end();
        sim_check_turn(run);
    }
    result = (struct sim_result){.turns = run->turns,
                                 .opened = run->server->engine.stats.opened,
                                 .enters = run->server->engine.stats.enters,
                                 .jobs_refused = run->server->engine.stats.jobs_refused,
                                 .slow = run->server->engine.stats.closes[ROOMD_CLOSE_SLOW],
                                 .crowd = run->crowd.totals,
                                 .kernel = sim_kernel.totals};
    result.digest =
        hash_u64(run->crowd.digest ^ hash_u64(sim_kernel.digest ^ run->turns) ^ sim_kernel.now_ns);
    run_close(run);
    free(run);
    assert_int_equal(sim_memory_blocks(), blocks);
    sim_mind_end();
    return result;
}
