/*
 * Input that comes thick is gathered: behind a turn that found many sources ready the next one looks for more only when a
 * millisecond has passed since. The real server's turns, on the simulated kernel's clock: to the microsecond.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "room/room.h"
#include "sim/sim_run.h"

enum { CLIENTS = 16, THICK = 8, PIPE_BYTES = 1 << 20, TURNS_MAX = 1000 };

#define GATHER_NS (1 * NS_PER_MS)
#define EVERY_NS  (100 * NS_PER_US) /* between two packets of those who go on talking */
#define CALL_NS   (1 * NS_PER_US)
#define LITTLE_NS (20 * CALL_NS) /* a few calls, and nothing that is waited for */

#define LOBBY                                                                                                \
    "[server]\nlisten = 127.0.0.1:7777\n[room lobby]\ncontent = chat\nautojoin = yes\ntick = 250ms\n"

static struct yard {
    struct server *server;
    struct sim_socket *sockets[CLIENTS];
    uint64_t burst_ns; /* when the first `burst` of them say something, and what a call takes from then on */
    uint64_t burst_call_ns;
    uint32_t burst;
    uint64_t next_ns; /* when the last `talkers` of them say something next, and for how long they do */
    uint64_t end_ns;
    uint32_t talkers;
    uint64_t wait_ns; /* when the turn under way began to wait; 0: it has not yet */
} yard;

static void say(struct sim_socket *socket)
{
    static const uint8_t nothing[] = {6, 0, 1, 0, 0, 0};

    assert_int_equal(sim_send(socket, nothing, sizeof(nothing)), sizeof(nothing));
}

static uint64_t yard_on_time(void *context, uint64_t now_ns)
{
    (void)context;
    if (yard.wait_ns == 0) {
        yard.wait_ns = now_ns;
    }
    if (yard.burst_ns <= now_ns) {
        for (uint32_t i = 0; i < yard.burst; i++) {
            say(yard.sockets[i]);
        }
        yard.burst_ns = UINT64_MAX;
        sim_kernel.call_ns = yard.burst_call_ns;
    }
    for (; yard.next_ns <= now_ns && yard.next_ns < yard.end_ns; yard.next_ns += EVERY_NS) {
        for (uint32_t i = CLIENTS - yard.talkers; i < CLIENTS; i++) {
            say(yard.sockets[i]);
        }
    }

    uint64_t next_ns = yard.next_ns < yard.end_ns ? yard.next_ns : UINT64_MAX;

    return yard.burst_ns < next_ns ? yard.burst_ns : next_ns;
}

static void turn(void)
{
    yard.wait_ns = 0;
    server_turn(yard.server);
    assert_true(yard.wait_ns > 0);
}

static uint64_t packets(void)
{
    return yard.server->engine.stats.packets_in;
}

/* Returns how many turns it took until so many packets had been read in all. */
static uint32_t turn_until(uint64_t count)
{
    uint32_t turns = 0;

    for (; packets() < count; turns++) {
        assert_true(turns < TURNS_MAX);
        turn();
    }
    assert_int_equal(packets(), count);
    return turns;
}

/* The lobby's next tick, if anything is said by then. */
static uint64_t next_tick_ns(void)
{
    const struct room *room = yard.server->engine.lobby.rooms[0];

    return room->grid_ns +
           ((sim_kernel.now_ns - room->grid_ns) / room->options.tick_ns + 1) * room->options.tick_ns;
}

/* All are in the lobby and silent; the next tick is far. */
static void yard_open(const char *config)
{
    char path[64];
    sigset_t before;
    FILE *file;

    snprintf(path, sizeof(path), "/tmp/roomd-sim-gather-%d.conf", (int)getpid());
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(config, file) >= 0);
    assert_int_equal(fclose(file), 0);
    yard = (struct yard){
        .server = malloc(sizeof(*yard.server)), .burst_ns = UINT64_MAX, .burst_call_ns = CALL_NS};
    assert_non_null(yard.server);
    sim_mind_begin(0);
    sim_kernel_init(0);
    sim_kernel.call_ns = CALL_NS;
    sim_kernel.on_time = yard_on_time;
    sigprocmask(SIG_BLOCK, NULL, &before);
    assert_int_equal(server_init(yard.server, path, NULL), 0);
    sigprocmask(SIG_SETMASK, &before, NULL); /* of this process the signals are not meant */
    unlink(path);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        yard.sockets[i] = sim_connect(0, 0x0A000001u + 256 * i, PIPE_BYTES, PIPE_BYTES);
        assert_non_null(yard.sockets[i]);
    }
    for (int i = 0; i < TURNS_MAX && yard.server->engine.lobby.rooms[0]->member_count < CLIENTS; i++) {
        turn();
    }
    assert_int_equal(yard.server->engine.lobby.rooms[0]->member_count, CLIENTS);
    assert_int_equal(packets(), 0);
}

static void yard_close(void)
{
    sim_kernel.on_time = NULL;
    server_fini(yard.server);
    free(yard.server);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        sim_close(yard.sockets[i]);
    }
    assert_int_equal(sim_mind_alerts(), 0);
    sim_mind_end();
    sim_kernel_fini();
}

/* At `at_ns` so many say something at once; one turn reads it, and is the last. From then on one goes on talking. */
static void burst_at(uint64_t at_ns, uint32_t count)
{
    yard.burst_ns = at_ns;
    yard.burst = count;
    yard.talkers = 1;
    yard.next_ns = at_ns + EVERY_NS;
    yard.end_ns = at_ns + 10 * NS_PER_MS;
    turn_until(count);
    assert_int_equal(yard.server->engine.net.reactor.found, count);
    assert_in_range(yard.server->engine.now_ns, at_ns, at_ns + 5 * sim_kernel.call_ns);
}

static void expect_no_pause(void)
{
    uint64_t end_ns = sim_kernel.now_ns; /* of the turn before */
    uint64_t before = packets();

    turn();
    assert_in_range(yard.wait_ns, end_ns, end_ns + 5 * sim_kernel.call_ns);
    assert_true(packets() > before);
}

static void a_turn_that_found_many_is_followed_a_millisecond_later(void **state)
{
    uint64_t read_ns;

    (void)state;
    yard_open(LOBBY);
    burst_at(next_tick_ns() + 10 * NS_PER_MS, THICK);
    read_ns = yard.server->engine.now_ns;
    turn();
    assert_in_range(yard.wait_ns, read_ns + GATHER_NS, read_ns + GATHER_NS + LITTLE_NS);
    assert_int_equal(packets(), THICK + GATHER_NS / EVERY_NS); /* all that was said meanwhile */

    expect_no_pause(); /* that one found one source alone */
    assert_int_equal(packets(), THICK + GATHER_NS / EVERY_NS + 1);
    yard_close();
}

static void a_turn_that_found_few_is_followed_at_once(void **state)
{
    (void)state;
    yard_open(LOBBY);
    burst_at(next_tick_ns() + 10 * NS_PER_MS, THICK - 1);
    expect_no_pause();
    assert_int_equal(packets(), THICK);
    yard_close();
}

static void where_any_room_flushes_at_the_end_of_turns_all_are_followed_at_once(void **state)
{
    (void)state;
    yard_open(LOBBY "[room quick]\ncontent = chat\ntick = 0\n");
    burst_at(next_tick_ns() + 10 * NS_PER_MS, CLIENTS - 1);
    expect_no_pause();
    assert_int_equal(packets(), CLIENTS);
    yard_close();
}

static void a_tick_that_is_due_sooner_is_on_time(void **state)
{
    uint64_t due_ns;

    (void)state;
    yard_open(LOBBY);
    due_ns = next_tick_ns();
    burst_at(due_ns - 300 * NS_PER_US, THICK);
    turn();
    assert_in_range(yard.wait_ns, due_ns, due_ns + LITTLE_NS);
    assert_int_equal(packets(), THICK + 3);
    assert_int_equal(yard.server->engine.lobby.rooms[0]->ticks, 1);
    assert_int_equal(yard.server->engine.net.stats.writevs, CLIENTS);
    yard_close();
}

/* The millisecond is over by the time that it ends. */
static void a_turn_that_took_long_is_followed_at_once(void **state)
{
    (void)state;
    yard_open(LOBBY);
    yard.burst_call_ns = GATHER_NS / 4;
    burst_at(next_tick_ns() + 10 * NS_PER_MS, THICK);
    assert_true(sim_kernel.now_ns - yard.server->engine.now_ns > GATHER_NS);
    expect_no_pause();
    yard_close();
}

/* However much comes: nothing waits for longer, and all of it is read. */
static void thick_input_makes_a_turn_a_millisecond(void **state)
{
    enum { FOR_MS = 20 };
    uint32_t turns;

    (void)state;
    yard_open(LOBBY);
    yard.talkers = CLIENTS;
    yard.next_ns = next_tick_ns() + 10 * NS_PER_MS;
    yard.end_ns = yard.next_ns + FOR_MS * NS_PER_MS;
    turns = turn_until(CLIENTS * FOR_MS * (NS_PER_MS / EVERY_NS));
    assert_in_range(turns, FOR_MS, FOR_MS + 2);
    yard_close();
}

static int tell_failure(void **state)
{
    (void)state;
    sim_mind_tell();
    return 0;
}

#define GATHER_TEST(function) cmocka_unit_test_teardown(function, tell_failure)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATHER_TEST(a_turn_that_found_many_is_followed_a_millisecond_later),
        GATHER_TEST(a_turn_that_found_few_is_followed_at_once),
        GATHER_TEST(where_any_room_flushes_at_the_end_of_turns_all_are_followed_at_once),
        GATHER_TEST(a_tick_that_is_due_sooner_is_on_time),
        GATHER_TEST(a_turn_that_took_long_is_followed_at_once),
        GATHER_TEST(thick_input_makes_a_turn_a_millisecond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
