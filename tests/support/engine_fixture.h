/*
 * A whole engine in the test's process, under a clock that the test moves. The test turns it phase by phase
 * as daemon/server.c does; players are socket pairs (or any descriptor) given to session_accept.
 *
 * fixture_teardown hangs every player up and proves that nothing is left: no session, no slice, no chunk, no
 * timer, no descriptor, and no alert in the log.
 */
#ifndef TESTS_SUPPORT_ENGINE_FIXTURE_H
#define TESTS_SUPPORT_ENGINE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"
#include "support/player.h"

#define FIXTURE_START_NS (1000 * NS_PER_S)
#define FIXTURE_TICK_NS  (250 * NS_PER_MS)
#define FIXTURE_IDLE_NS  (10 * NS_PER_S)

enum { FIXTURE_INSTANCES = 4, FIXTURE_PORT = 40000 };

struct fixture {
    struct engine engine;
    struct player *players;
    uint32_t descriptors; /* open before the engine was */
};

#define FIXTURE_TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

/* cmocka's setup and teardown: *state is the fixture, with ordinary limits. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* For tests that want other limits. The fixture must be finished by fixture_close. */
struct engine_limits fixture_limits(void);
struct fixture *fixture_open(const struct engine_limits *limits);
void fixture_close(struct fixture *fixture);

/* Ordinary options: a tick of FIXTURE_TICK_NS, and limits that nobody meets by accident. */
struct room_options fixture_room_options(void);
/* A room of stage content (support/stage.h), or, with _of, of any. */
struct room *fixture_room(struct fixture *fixture, const char *name, const struct room_options *options);
struct room *fixture_room_of(struct fixture *fixture, const char *name, const struct room_options *options,
                             const struct roomd_content *content);

/* A room of stage content with ordinary options that takes everyone who comes. */
struct room *fixture_autojoin_room(struct fixture *fixture, const char *name);

/* A template of stage content, with ordinary options: FIXTURE_INSTANCES rooms of it, idle for FIXTURE_IDLE_NS. */
struct room_template fixture_template(const char *name);
/* That template is the lobby's only one from now on. */
void fixture_set_template(struct fixture *fixture, const struct room_template *template);
/* A room of a template, which must be made. */
struct room *fixture_make_room(struct fixture *fixture, const char *template_name, const char *name);
/* NULL when there is none of that name. */
struct room *fixture_find_room(struct fixture *fixture, const char *name);

/* A new player. With `send_buffer_bytes` above 0 that is what the kernel takes from the server (about). */
struct player *fixture_connect(struct fixture *fixture);
struct player *fixture_connect_narrow(struct fixture *fixture, int send_buffer_bytes);
/* A new player whose connection comes from that address, and FIXTURE_PORT; others come from nowhere in particular. */
struct player *fixture_connect_from(struct fixture *fixture, const char *host);
/* A new player who has said hello and is in no room. */
struct player *fixture_welcome(struct fixture *fixture);
/* A new player who has said hello, is in `room`, and has read what was said to it so far; _narrow as above. */
struct player *fixture_enter(struct fixture *fixture, const char *room);
struct player *fixture_enter_narrow(struct fixture *fixture, const char *room, int send_buffer_bytes);
/* NULL when the session is gone. */
struct session *fixture_session(struct fixture *fixture, const struct player *player);

/* The four phases, and all of them. Reading never waits. */
void fixture_read(struct fixture *fixture);
void fixture_play(struct fixture *fixture);
void fixture_flush(struct fixture *fixture);
void fixture_reap(struct fixture *fixture);
void fixture_turn(struct fixture *fixture);
/* Turns until there is nothing to do before the clock moves; fails when it never comes to that. Returns how
 * many turns it took. */
uint32_t fixture_settle(struct fixture *fixture);
/* Moves the clock and settles. By more than a second that is, to the engine, a process that was stopped meanwhile. */
void fixture_advance(struct fixture *fixture, uint64_t by_ns);
/* The same in steps of half a second: an engine that runs all the time. */
void fixture_pass(struct fixture *fixture, uint64_t by_ns);
/* Moves the clock to the room's next tick, which must be armed, and settles. */
void fixture_tick(struct fixture *fixture, const struct room *room);

/*
 * What must hold of sessions and rooms between phases: nobody is in two rooms or half in one, seats are those who are
 * in and those on their way, nobody is paused who is held by nothing, and what is counted is what there is.
 */
void fixture_check_places(struct fixture *fixture);
/* The four phases, with that check behind each. */
void fixture_turn_checked(struct fixture *fixture);
/* One room of stage content has gone for good since `closed_before`, a stage_closed_count(), and none is going. */
void fixture_expect_room_gone(struct fixture *fixture, uint32_t closed_before);

/* How many lines of the log since the test began hold `text`. */
uint32_t fixture_log_count(const char *text);
/* As many descriptors as the system lets this process have: a player takes two. */
void fixture_raise_descriptors(void);
/* Open descriptors of this process. */
uint32_t fixture_count_descriptors(void);

#endif
