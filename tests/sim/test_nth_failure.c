/*
 * Each scenario again and again: the first call of a kind fails in it, then the second, until it runs through without
 * reaching the one that was to fail. Whatever fails: no crash, no leak, one client lost at most, and the others are served
 * as before. SIM_SCENARIO=NAME runs that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "content/world_map.h"
#include "sim/sim_memory.h"
#include "sim/sim_run.h"

/* Who stands by, in a room of chat, and has nothing to do with it; behind them those who act. */
enum { BYSTANDERS = 3, ACTORS = 2, NUMBER_MAX = 20000, ERRORS_MAX = 4 };

struct stand {
    struct sim_run run;
    bool is_acting;         /* the actors do something of their own at each step */
    uint64_t deaf_until_ns; /* the first of them does not read */
};

struct scenario {
    const char *name;
    void (*prepare)(struct stand *stand); /* before anything fails; may be NULL */
    void (*act)(struct stand *stand);
    uint64_t for_ns;
};

static struct sim_client *actor_of(struct stand *stand, uint32_t number)
{
    return &stand->run.crowd.clients[BYSTANDERS + number];
}

static uint64_t stand_on_time(void *context, uint64_t now_ns)
{
    struct stand *stand = context;

    for (uint32_t i = 0; i < stand->run.crowd.count; i++) {
        struct sim_client *client = &stand->run.crowd.clients[i];

        if (client->socket == NULL || (i == BYSTANDERS && now_ns < stand->deaf_until_ns) ||
            !sim_client_read(client, SIZE_MAX)) {
            continue;
        }
        if (stand->is_acting && i >= BYSTANDERS && client->next_ns <= now_ns) {
            client->next_ns = now_ns + sim_world_act(client);
        }
        if (client->socket != NULL) {
            sim_client_flush(client);
        }
    }
    return now_ns + 5 * NS_PER_MS;
}

static void stand_turn_for(struct stand *stand, uint64_t for_ns)
{
    uint64_t until_ns = sim_kernel.now_ns + for_ns;

    while (sim_kernel.now_ns < until_ns && stand->run.server->phase != SERVER_DONE) {
        sim_mind_turn(++stand->run.turns);
        sim_memory_begin();
        server_turn(stand->run.server);
        sim_memory_end();
        sim_check_turn(&stand->run);
    }
}

static int stand_start(struct stand *stand)
{
    sigset_t before;
    int rc;

    sigprocmask(SIG_BLOCK, NULL, &before);
    stand->run.server = malloc(sizeof(*stand->run.server));
    assert_non_null(stand->run.server);
    sim_memory_begin();
    rc = server_init(stand->run.server, stand->run.path, NULL);
    sim_memory_end();
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void stand_open(struct stand *stand)
{
    const uint32_t counts[SIM_KIND_COUNT] = {[SIM_CHATTER] = BYSTANDERS, [SIM_SLOW] = ACTORS};

    *stand = (struct stand){.run = {.setting = {.seed = 1, .ping_s = 2}}};
    snprintf(stand->run.path, sizeof(stand->run.path), "%s/roomd-sim-%d.conf",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (int)getpid());
    sim_kernel_init(1);
    sim_config_write(&stand->run, false);
    sim_crowd_open(&stand->run.crowd, 1, counts);
}

static void bystanders_enter(struct stand *stand)
{
    for (uint32_t i = 0; i < BYSTANDERS; i++) {
        struct sim_client *client = &stand->run.crowd.clients[i];

        assert_true(sim_client_connect(client));
        sim_client_put_hello(client);
    }
    stand_turn_for(stand, 2 * NS_PER_S);
    for (uint32_t i = 0; i < BYSTANDERS; i++) {
        assert_int_equal(stand->run.crowd.clients[i].state, SIM_INSIDE);
    }
}

/* How many of those who stand by are lost; the rest hear each other. */
static uint32_t bystanders_check(struct stand *stand)
{
    uint32_t lost = 0;

    for (uint32_t i = 0; i < BYSTANDERS; i++) {
        struct sim_client *client = &stand->run.crowd.clients[i];

        if (client->socket == NULL) {
            lost++;
        } else {
            sim_chat_say(client);
        }
    }
    stand_turn_for(stand, 2 * NS_PER_S);
    stand->run.crowd.is_lossy = false; /* not in these two seconds */
    sim_crowd_check_complete(&stand->run.crowd);
    return lost;
}

static void stand_close(struct stand *stand)
{
    sim_kernel.on_time = NULL;
    if (stand->run.server != NULL) {
        server_fini(stand->run.server);
        free(stand->run.server);
    }
    unlink(stand->run.path);
    sim_crowd_close(&stand->run.crowd);
    sim_kernel_fini();
}

/* ---- scenarios ---- */

static void connect_actor(struct stand *stand)
{
    assert_true(sim_client_connect(actor_of(stand, 0)));
}

static void greet(struct stand *stand)
{
    sim_client_put_hello(actor_of(stand, 0));
}

static void prepare_greeted(struct stand *stand)
{
    for (uint32_t i = 0; i < ACTORS; i++) {
        assert_true(sim_client_connect(actor_of(stand, i)));
        sim_client_put_hello(actor_of(stand, i));
    }
    stand_turn_for(stand, NS_PER_S);
}

static void enter_hall(struct stand *stand)
{
    sim_client_put_join(actor_of(stand, 0), "hall");
}

static void enter_field(struct stand *stand)
{
    sim_client_put_join(actor_of(stand, 0), "field");
}

static void create_rooms(struct stand *stand)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    sim_client_put(actor_of(stand, 0), frame, control_put_create(frame, "party", "party-1"));
    sim_client_put(actor_of(stand, 1), frame, control_put_create(frame, "crypt", "crypt-1"));
}

static void ask_for_rooms(struct stand *stand)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    sim_client_put(actor_of(stand, 0), frame, control_put_rooms(frame));
    sim_client_put(actor_of(stand, 0), frame, control_put_ping(frame, ++actor_of(stand, 0)->pings));
}

static void say(struct stand *stand)
{
    for (uint32_t i = 0; i < 30; i++) {
        sim_chat_say(actor_of(stand, i % ACTORS));
    }
}

static void prepare_field(struct stand *stand)
{
    prepare_greeted(stand);
    sim_client_put_join(actor_of(stand, 0), "field");
    sim_client_put_join(actor_of(stand, 1), "field");
    stand_turn_for(stand, NS_PER_S);
}

static void fight(struct stand *stand)
{
    stand->is_acting = true;
}

/* Short writes, in a connection that takes 128 bytes or so. */
static void flush(struct stand *stand)
{
    sim_kernel.weather = (struct sim_weather){.short_io = 40000, .interrupt = 4000};
    say(stand);
}

static void leave(struct stand *stand)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    sim_client_put(actor_of(stand, 0), frame, control_put_leave(frame));
    sim_client_hang_up(actor_of(stand, 1));
}

static void reload(struct stand *stand)
{
    sim_config_write(&stand->run, true);
    sim_kernel_raise(SIGHUP);
}

static void load_module(struct stand *stand)
{
    stand->run.more = "[room beach]\ncontent = " SIM_MODULE "\n";
    reload(stand);
}

static void prepare_hall(struct stand *stand)
{
    prepare_greeted(stand);
    sim_client_put_join(actor_of(stand, 0), "hall");
    sim_client_put_join(actor_of(stand, 1), "hall");
    stand_turn_for(stand, NS_PER_S);
}

/* The first falls behind what the second says, is skipped, reads again, and is told so. */
static void fall_behind(struct stand *stand)
{
    stand->deaf_until_ns = sim_kernel.now_ns + 2 * NS_PER_S;
    for (uint32_t i = 0; i < 150; i++) {
        sim_chat_say(actor_of(stand, 1));
    }
}

/* For so long that all are asked whether they are still there. */
static void say_nothing(struct stand *stand)
{
    (void)stand;
}

static void say_nonsense(struct stand *stand)
{
    for (uint32_t i = 0; i < 700; i++) {
        sim_client_put_packet(actor_of(stand, 0), i % 100 == 0 ? ROOMD_C_JOIN : ROOMD_C_PONG, "12345678", 8);
    }
}

static void shut_down(struct stand *stand)
{
    stand->run.crowd.is_ending = true;
    sim_kernel_raise(SIGTERM);
}

static const struct scenario scenarios[] = {
    {"accept", NULL, connect_actor, 500 * NS_PER_MS},
    {"hello", connect_actor, greet, 500 * NS_PER_MS},
    {"enter", prepare_greeted, enter_hall, NS_PER_S},
    {"enter-world", prepare_greeted, enter_field, NS_PER_S},
    {"create", prepare_greeted, create_rooms, NS_PER_S},
    {"rooms", prepare_greeted, ask_for_rooms, 500 * NS_PER_MS},
    {"chat", prepare_greeted, say, NS_PER_S},
    {"fight", prepare_field, fight, 2 * NS_PER_S},
    {"flush", prepare_greeted, flush, NS_PER_S},
    {"leave", prepare_field, leave, NS_PER_S},
    {"skip", prepare_hall, fall_behind, 5 * NS_PER_S},
    {"ping", prepare_greeted, say_nothing, 5 * NS_PER_S},
    {"flood", prepare_greeted, say_nonsense, NS_PER_S},
    {"reload", prepare_greeted, reload, NS_PER_S},
    {"module", prepare_greeted, load_module, NS_PER_S},
    {"shutdown", prepare_greeted, shut_down, 20 * NS_PER_S},
};

/* True: the call that was to fail was reached. */
static bool stand_run(const struct scenario *scenario, enum sim_call call, uint64_t number, int error)
{
    uint64_t blocks = sim_memory_blocks();
    struct stand *stand = calloc(1, sizeof(*stand));
    bool is_reached;

    assert_non_null(stand);
    sim_mind_begin(number);
    stand_open(stand);
    assert_int_equal(stand_start(stand), 0);
    sim_kernel.on_time = stand_on_time;
    sim_kernel.context = stand;
    bystanders_enter(stand);
    if (scenario->prepare != NULL) {
        scenario->prepare(stand);
    }
    stand->run.crowd.is_strict = true;
    stand->run.crowd.excused = 1;
    scenario->act(stand);
    sim_kernel_plan(call, number, error);
    stand_turn_for(stand, scenario->for_ns);
    is_reached = sim_kernel.plan_is_done;
    sim_kernel_plan(call, 0, 0);
    sim_kernel.weather = (struct sim_weather){0};
    stand->is_acting = false;
    if (stand->run.server->phase == SERVER_RUNNING) {
        assert_in_range(bystanders_check(stand), 0, 1);
    } else {
        assert_int_equal(stand->run.server->phase, SERVER_DONE);
    }
    stand_close(stand);
    free(stand);
    assert_int_equal(sim_memory_blocks(), blocks);
    assert_int_equal(sim_mind_alerts(), 0);
    sim_mind_end();
    return is_reached;
}

/* What each call may fail with; a list ends with 0. */
static const int errors[SIM_CALL_COUNT][ERRORS_MAX] = {
    [SIM_EPOLL_CREATE] = {EMFILE},
    [SIM_EPOLL_CTL] = {ENOMEM},
    [SIM_EPOLL_WAIT] = {EINTR},
    [SIM_LISTEN] = {EADDRINUSE, EACCES},
    [SIM_ACCEPT] = {EMFILE, ECONNABORTED, EINTR},
    [SIM_TUNE] = {ENOBUFS},
    [SIM_GETSOCKNAME] = {ENOBUFS},
    [SIM_GETPEERNAME] = {ENOTCONN},
    [SIM_RECV] = {ECONNRESET, EINTR, EAGAIN},
    [SIM_WRITEV] = {EPIPE, EINTR, EAGAIN},
    [SIM_SHUTDOWN] = {ENOTCONN},
    [SIM_SIGNALFD] = {EMFILE},
    [SIM_READ_SIGNAL] = {EINTR},
    [SIM_ALLOCATE] = {ENOMEM},
};

static const char *told_scenario;
static enum sim_call told_call;
static uint64_t told_number;

static int tell_failure(void **state)
{
    (void)state;
    if (told_scenario != NULL) {
        sim_mind_tell();
        fprintf(stderr, "sim: it was %s with failure %llu of %s; SIM_SCENARIO=%s repeats it\n", told_scenario,
                (unsigned long long)told_number, sim_call_names[told_call], told_scenario);
    }
    return 0;
}

/* Every failure of every call, of `run` until it is not reached any more. Returns how many there were. */
static uint64_t fail_each(const char *name,
                          bool (*run)(const struct scenario *, enum sim_call, uint64_t, int),
                          const struct scenario *scenario)
{
    const char *only = getenv("SIM_SCENARIO");
    uint64_t reached = 0;

    if (only != NULL && strcmp(only, name) != 0) {
        return 1;
    }
    told_scenario = name;
    for (int call = 0; call < SIM_CALL_COUNT; call++) {
        uint64_t before = reached;

        told_call = (enum sim_call)call;
        for (int i = 0; i < ERRORS_MAX && errors[call][i] != 0; i++) {
            told_number = 1;
            while (run(scenario, told_call, told_number, errors[call][i])) {
                reached++;
                assert_true(++told_number < NUMBER_MAX);
            }
        }
        if (reached > before) {
            printf("%-12s %-14s %llu\n", name, sim_call_names[call], (unsigned long long)(reached - before));
        }
    }
    told_scenario = NULL;
    return reached;
}

static void test_one_failure_costs_one_client_at_most(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        assert_true(fail_each(scenarios[i].name, stand_run, &scenarios[i]) > 0);
    }
}

/* Start-up, modules and maps and all: it comes up, or says why not and leaves nothing. */
static bool start_run(const struct scenario *scenario, enum sim_call call, uint64_t number, int error)
{
    uint64_t blocks = sim_memory_blocks();
    struct stand *stand = calloc(1, sizeof(*stand));
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int loud = dup(STDERR_FILENO);
    bool is_reached;

    (void)scenario;
    assert_non_null(stand);
    assert_true(quiet >= 0 && loud >= 0);
    sim_mind_begin(number);
    stand_open(stand);
    sim_kernel_plan(call, number, error);
    dup2(quiet, STDERR_FILENO);
    int rc = stand_start(stand);
    dup2(loud, STDERR_FILENO);
    close(quiet);
    close(loud);
    is_reached = sim_kernel.plan_is_done;
    sim_kernel_plan(call, 0, 0);
    if (rc < 0) {
        assert_true(is_reached);
        free(stand->run.server);
        stand->run.server = NULL;
    } else {
        sim_kernel.on_time = stand_on_time;
        sim_kernel.context = stand;
        bystanders_enter(stand);
    }
    stand_close(stand);
    free(stand);
    assert_int_equal(sim_memory_blocks(), blocks);
    assert_int_equal(sim_mind_alerts(), 0);
    sim_mind_end();
    return is_reached;
}

static void test_a_start_that_fails_leaves_nothing(void **state)
{
    (void)state;
    assert_true(fail_each("start", start_run, NULL) > 0);
}

/* The map was there, the parser was not, and the map stayed for ever: nobody held it yet. */
static void test_a_map_whose_parser_finds_no_memory_is_given_back(void **state)
{
    static const char text[] = "map small\ntile 2\nspawn south 1 1\ngrid\n....\n....\n";
    char error[MAP_ERROR_BYTES];
    struct map *map = NULL;

    (void)state;
    sim_kernel_init(1);
    for (uint64_t number = 1; map == NULL; number++) {
        uint64_t blocks = sim_memory_blocks();

        sim_kernel_plan(SIM_ALLOCATE, number, ENOMEM);
        sim_memory_begin();
        int rc = map_parse("small", text, sizeof(text) - 1, &map, error);
        sim_memory_end();
        assert_int_equal(rc, sim_kernel.plan_is_done ? -ENOMEM : 0);
        assert_true(map != NULL || sim_memory_blocks() == blocks);
    }
    map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_map_whose_parser_finds_no_memory_is_given_back),
        cmocka_unit_test_teardown(test_one_failure_costs_one_client_at_most, tell_failure),
        cmocka_unit_test_teardown(test_a_start_that_fails_leaves_nothing, tell_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
