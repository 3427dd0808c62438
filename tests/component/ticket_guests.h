/* Players with tickets, for component tests: a secret, a wall clock that the test moves, and helloes with tickets. */
#ifndef TESTS_COMPONENT_TICKET_GUESTS_H
#define TESTS_COMPONENT_TICKET_GUESTS_H

#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "room/session_ticket.h"
#include "unit/ticket_maker.h"
#include "wire/control.h"

enum { GUEST_NONCES_MAX = 1024 };

static uint64_t guest_wall_s = MAKER_NOW_S;
static uint64_t guest_nonce;

uint64_t wall_clock_s(void)
{
    return guest_wall_s;
}

static inline struct ticket_policy guest_policy(enum ticket_duplicate duplicate)
{
    return (struct ticket_policy){.keys = maker_keys(), .ttl_max_s = MAKER_TTL_MAX_S, .duplicate = duplicate};
}

/* From now on tickets are required. */
static inline void guests_need_tickets(struct fixture *fixture, enum ticket_duplicate duplicate)
{
    struct ticket_policy policy = guest_policy(duplicate);

    guest_wall_s = MAKER_NOW_S;
    assert_int_equal(
        tickets_reserve(&fixture->engine.tickets, fixture->engine.limits.sessions_max, GUEST_NONCES_MAX), 0);
    tickets_set_policy(&fixture->engine.tickets, &policy);
}

static inline struct room *guest_lobby(struct fixture *fixture, uint32_t capacity)
{
    struct room_options options = fixture_room_options();

    options.is_autojoin = true;
    options.capacity = capacity;
    return fixture_room(fixture, "lobby", &options);
}

static inline void guest_show(struct player *player, const void *ticket, size_t size)
{
    uint8_t frame[ROOMD_FRAME_HEADER_BYTES + 6 + 4096];

    player_send_bytes(player, frame, control_put_hello(frame, ROOMD_WIRE_VERSION, 0, ticket, size));
}

/* A new ticket, good for a minute. Returns its size. */
static inline size_t guest_ticket(const char *user, const char *room, char out[TICKET_BYTES_MAX])
{
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket(user, user, room);

    snprintf(ticket.name, sizeof(ticket.name), "The %s", user);
    ticket.nonce = ++guest_nonce;
    ticket.expiry_s = guest_wall_s + 60;
    return ticket_mint(&keys.keys[0], &ticket, out);
}

/* Connects and says hello with a good ticket. Nothing is turned. */
static inline struct player *guest_connect(struct fixture *fixture, const char *user, const char *room)
{
    struct player *player = fixture_connect(fixture);
    char ticket[TICKET_BYTES_MAX];

    guest_show(player, ticket, guest_ticket(user, room, ticket));
    return player;
}

/* The same, settled and welcomed. */
static inline struct player *guest_welcome(struct fixture *fixture, const char *user, const char *room)
{
    struct player *player = guest_connect(fixture, user, room);

    fixture_settle(fixture);
    player_expect_welcome(player);
    return player;
}

#endif
