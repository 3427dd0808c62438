#include "support/engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "content/host.h"
#include "room/scheduler.h"
#include "support/fake_clock.h"
#include "support/place_check.h"
#include "support/stage.h"

enum { LOG_BYTES = 256 * 1024, SETTLE_TURNS_MAX = 2000 };

static char log_text[LOG_BYTES];
static size_t log_bytes;
static uint32_t log_alerts;

/* What does not fit is not kept, but for the count of alerts. */
static void log_keep(void *context, const char *line, size_t size)
{
    (void)context;
    if (memmem(line, size, "level=alert", 11) != NULL) {
        log_alerts++;
        (void)!write(STDERR_FILENO, line, size);
    }
    if (size < sizeof(log_text) - log_bytes) {
        memcpy(log_text + log_bytes, line, size);
        log_bytes += size;
        log_text[log_bytes] = '\0';
    }
}

uint32_t fixture_log_count(const char *text)
{
    uint32_t count = 0;

    for (const char *at = log_text; (at = strstr(at, text)) != NULL; count++) {
        at = strchr(at, '\n');
    }
    return count;
}

void fixture_raise_descriptors(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

uint32_t fixture_count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint32_t count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

struct engine_limits fixture_limits(void)
{
    return (struct engine_limits){
        .sessions_max = 4096,
        .rooms_max = 64,
        .job_timers_max = 1024,
        .chunk_bytes = 16 * 1024,
        .chunk_memory_bytes_max = 256 * 1024 * 1024,
        .frame_bytes_max = ROOMD_FRAME_BYTES_MAX,
        .frame_timeout_ns = 10 * NS_PER_S,
        .linger_ns = 1 * NS_PER_S,
        .sources = {.remembered_max = 64,
                    .conns_per_address = 8,
                    .connect_rate = 10,
                    .connect_burst = 16,
                    .penalty_points = 20,
                    .penalty_half_life_ns = 60 * NS_PER_S,
                    .penalty_ns = 10 * NS_PER_S,
                    .penalty_max_ns = 600 * NS_PER_S},
    };
}

struct fixture *fixture_open(const struct engine_limits *limits)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    fake_clock_set(FIXTURE_START_NS);
    log_bytes = 0;
    log_alerts = 0;
    log_text[0] = '\0';
    log_set_level(LOG_LEVEL_DEBUG);
    log_set_sink(log_keep, NULL);
    fixture->descriptors = fixture_count_descriptors();
    assert_int_equal(engine_init(&fixture->engine, limits, clock_now_ns()), 0);
    fixture->engine.host = content_host();
    return fixture;
}

static void fixture_drop_players(struct fixture *fixture)
{
    while (fixture->players != NULL) {
        struct player *player = fixture->players;

        fixture->players = player->next;
        player_fini(player);
        free(player);
    }
}

/* What was read is freed, and its sender told so, a moment later where another processor does it: no clock here knows. */
static void fixture_await_kernel(struct fixture *fixture)
{
    enum { LOOKS_MAX = 200, LOOK_MS = 5 };

    for (int i = 0; i < LOOKS_MAX && fixture->engine.sessions.used > 0; i++) {
        (void)poll(NULL, 0, LOOK_MS);
        fixture_settle(fixture);
    }
}

void fixture_close(struct fixture *fixture)
{
    struct engine *engine = &fixture->engine;

    /* First the ordinary way, which must leave the rooms empty; then engine_fini, whose own checks (pools,
     * chunks, timers) end the process when anything is left. */
    fake_clock_set_step(0);
    engine->is_stopping = false;
    fixture_drop_players(fixture);
    fixture_settle(fixture);
    fixture_advance(fixture, engine->limits.linger_ns + 1);
    fixture_await_kernel(fixture);
    assert_int_equal(engine->sessions.used, 0);
    assert_int_equal(engine->session_pool.used, 0);
    assert_int_equal(engine->net.gather.blocks.used, 0);
    assert_true(list_is_empty(&engine->closing));
    assert_int_equal(engine->lobby.closing, 0);
    for (uint32_t i = 0; i < engine->lobby.count; i++) {
        assert_int_equal(engine->lobby.rooms[i]->seats, 0);
        assert_int_equal(engine->lobby.rooms[i]->member_count, 0);
    }
    engine_fini(engine);
    assert_int_equal(fixture_count_descriptors(), fixture->descriptors);
    assert_int_equal(log_alerts, 0);
    free(fixture);
    fake_clock_release();
    log_set_sink(NULL, NULL);
}

int fixture_setup(void **state)
{
    struct engine_limits limits = fixture_limits();

    *state = fixture_open(&limits);
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_close(*state);
    return 0;
}

struct room_options fixture_room_options(void)
{
    return (struct room_options){
        .tick_ns = FIXTURE_TICK_NS,
        .capacity = 4096,
        .early_flush_bytes = 1024 * 1024,
        .job_bytes_max = 1024 * 1024,
        .jobs_per_turn = 4096,
        .outbox_bytes_max = 64 * 1024 * 1024,
        .outbox_slices_max = 65535,
        .outbox_age_max_ns = 10 * NS_PER_S,
        .streams_max = 4096,
        .memory_bytes_max = 16 * 1024 * 1024,
        .seed = 1,
    };
}

struct room *fixture_room_of(struct fixture *fixture, const char *name, const struct room_options *options,
                             const struct roomd_content *content)
{
    struct room_options ordinary = fixture_room_options();
    struct room *room = NULL;

    assert_int_equal(room_open(&fixture->engine, name, options != NULL ? options : &ordinary, content,
                               content_host(), &room),
                     0);
    return room;
}

struct room *fixture_room(struct fixture *fixture, const char *name, const struct room_options *options)
{
    return fixture_room_of(fixture, name, options, &stage_content);
}

struct room *fixture_autojoin_room(struct fixture *fixture, const char *name)
{
    struct room_options options = fixture_room_options();

    options.is_autojoin = true;
    return fixture_room(fixture, name, &options);
}

struct room_template fixture_template(const char *name)
{
    struct room_template template = {
        .options = fixture_room_options(),
        .content = &stage_content,
        .idle_close_ns = FIXTURE_IDLE_NS,
        .instances_max = FIXTURE_INSTANCES,
    };

    assert_true(strlen(name) < sizeof(template.name));
    memcpy(template.name, name, strlen(name) + 1);
    return template;
}

void fixture_set_template(struct fixture *fixture, const struct room_template *template)
{
    assert_int_equal(lobby_set_templates(&fixture->engine.lobby, template, 1), 0);
}

struct room *fixture_make_room(struct fixture *fixture, const char *template_name, const char *name)
{
    struct room *room = NULL;

    assert_int_equal(lobby_create(&fixture->engine, template_name, name, &room), 0);
    return room;
}

struct room *fixture_find_room(struct fixture *fixture, const char *name)
{
    return lobby_find(&fixture->engine.lobby, name, strlen(name));
}

static struct player *fixture_connect_as(struct fixture *fixture, int send_buffer_bytes,
                                         const struct endpoint *peer)
{
    struct player *player = malloc(sizeof(*player));
    int ends[2];

    assert_non_null(player);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    if (send_buffer_bytes > 0) {
        assert_int_equal(
            setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof(send_buffer_bytes)), 0);
    }
    player_init(player, ends[1]);
    player->next = fixture->players;
    fixture->players = player;

    uint32_t before = fixture->engine.next_player;

    session_accept_from(&fixture->engine, ends[0], peer);
    if (fixture->engine.next_player != before) {
        uint32_t at = 0;
        struct session *session;

        player->number = before + 1;
        while ((session = slots_next(&fixture->engine.sessions, &at)) != NULL) {
            if (session->player == player->number) {
                player->session = session->id;
            }
        }
    }
    return player;
}

struct player *fixture_connect_narrow(struct fixture *fixture, int send_buffer_bytes)
{
    struct endpoint nobody = {.is_known = false};

    return fixture_connect_as(fixture, send_buffer_bytes, &nobody);
}

struct player *fixture_connect_from(struct fixture *fixture, const char *host)
{
    struct endpoint peer = {.port = FIXTURE_PORT, .is_known = true};
    struct network network;

    assert_int_equal(network_parse(&network, host), 0);
    peer.host = network.first;
    return fixture_connect_as(fixture, 0, &peer);
}

struct player *fixture_connect(struct fixture *fixture)
{
    return fixture_connect_narrow(fixture, 0);
}

struct player *fixture_welcome(struct fixture *fixture)
{
    struct player *player = fixture_connect(fixture);

    player_hello(player);
    fixture_settle(fixture);
    player_expect_welcome(player);
    return player;
}

struct player *fixture_enter_narrow(struct fixture *fixture, const char *room, int send_buffer_bytes)
{
    struct player *player = fixture_connect_narrow(fixture, send_buffer_bytes);
    const struct session *session = fixture_session(fixture, player);

    player_hello(player);
    fixture_settle(fixture);
    if (session->room == NULL) {
        player_join(player, room);
        fixture_settle(fixture);
    }
    player_expect_welcome(player);
    player_expect_joined(player, room);
    assert_int_equal(session->place, SESSION_IN_ROOM);
    return player;
}

struct player *fixture_enter(struct fixture *fixture, const char *room)
{
    return fixture_enter_narrow(fixture, room, 0);
}

struct session *fixture_session(struct fixture *fixture, const struct player *player)
{
    return slots_find(&fixture->engine.sessions, player->session);
}

void fixture_check_places(struct fixture *fixture)
{
    places_check(&fixture->engine);
}

void fixture_read(struct fixture *fixture)
{
    struct engine *engine = &fixture->engine;

    assert_int_equal(reactor_wait(&engine->net.reactor, 0), 0);
    engine->now_ns = clock_now_ns();
    reactor_dispatch(&engine->net.reactor);
    session_run_resumable(engine);
}

void fixture_play(struct fixture *fixture)
{
    timers_fire(&fixture->engine.timers, fixture->engine.now_ns);
    scheduler_run(&fixture->engine);
}

void fixture_flush(struct fixture *fixture)
{
    scheduler_flush(&fixture->engine);
}

void fixture_reap(struct fixture *fixture)
{
    engine_relieve_memory(&fixture->engine);
    session_reap(&fixture->engine);
    room_reap(&fixture->engine);
}

void fixture_turn(struct fixture *fixture)
{
    fixture_read(fixture);
    fixture_play(fixture);
    fixture_flush(fixture);
    fixture_reap(fixture);
}

void fixture_turn_checked(struct fixture *fixture)
{
    fixture_read(fixture);
    fixture_check_places(fixture);
    fixture_play(fixture);
    fixture_check_places(fixture);
    fixture_flush(fixture);
    fixture_check_places(fixture);
    fixture_reap(fixture);
    fixture_check_places(fixture);
}

void fixture_expect_room_gone(struct fixture *fixture, uint32_t closed_before)
{
    assert_true(list_is_empty(&fixture->engine.closing));
    assert_int_equal(stage_closed_count(), closed_before + 1);
    fixture_check_places(fixture);
}

uint32_t fixture_settle(struct fixture *fixture)
{
    for (uint32_t turns = 1; turns <= SETTLE_TURNS_MAX; turns++) {
        struct pollfd ready = {.fd = fixture->engine.net.reactor.epoll_fd, .events = POLLIN};

        fixture_turn(fixture);
        if (scheduler_timeout_ns(&fixture->engine, clock_now_ns()) != 0 && poll(&ready, 1, 0) == 0) {
            return turns;
        }
    }
    fail_msg("the engine does not come to rest");
    return 0;
}

void fixture_advance(struct fixture *fixture, uint64_t by_ns)
{
    fake_clock_advance(by_ns);
    fixture_settle(fixture);
}

void fixture_pass(struct fixture *fixture, uint64_t by_ns)
{
    while (by_ns > 0) {
        uint64_t step_ns = by_ns < NS_PER_S / 2 ? by_ns : NS_PER_S / 2;

        fixture_advance(fixture, step_ns);
        by_ns -= step_ns;
    }
}

void fixture_tick(struct fixture *fixture, const struct room *room)
{
    assert_true(timer_is_armed(&room->tick));
    fixture_advance(fixture, room->tick.due_ns - clock_now_ns());
}
