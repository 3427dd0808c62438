/*
 * Players with a will of their own, seeded, over a whole engine with the bundled world in its rooms: they walk, fight,
 * talk, call their pets, go through portals. Every fifth is a pacifist, who walks up to monsters of its own choice,
 * neither strikes nor heals, and dies of it. Everything that they are sent is digested, so that two histories can be
 * compared to the last byte; what they were told is checked against what they know (who enters twice, or moves
 * without having come, fails the test).
 *
 *     actors_open -> actors_add ... -> actors_turn (one tick of the rooms) ... -> actors_close
 */
#ifndef TESTS_SUPPORT_ACTORS_H
#define TESTS_SUPPORT_ACTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/engine_fixture.h"

enum { ACTORS_MAX = 256, ACTOR_KNOWN_MAX = 512 };

/* What an actor has been told of and not yet been told the end of. */
struct known {
    uint32_t id;
    uint8_t kind; /* enum roomd_kind */
    float x, z;
    uint64_t moved_turn; /* the last turn in which it was told of a move of it */
};

struct actor {
    struct player *player;               /* NULL: not connected */
    char room[ROOMD_NAME_BYTES_MAX + 1]; /* "": in none */
    uint32_t id;
    float x, z;
    bool is_asleep; /* neither reads nor acts */
    bool is_late;   /* what it reads is of several ticks */
    bool is_pacifist;
    uint32_t quarry;       /* a pacifist's: the monster that it is on its way to; 0: none */
    float heading;         /* where it goes without one, in radians */
    uint64_t blocked_turn; /* the last turn in which it could not go where it wanted to */
    bool is_placed;        /* it knows where it is */
    bool is_dead;
    uint64_t died_turn;
    struct known known[ACTOR_KNOWN_MAX];
    uint32_t known_count;
    uint64_t digest; /* of every frame */
};

struct actors_totals {
    uint64_t frames, moves, corrected, hits, kills, deaths, respawns, errors, said, spawned, rooms_entered,
        hung_up;
};

struct actors {
    struct fixture *fixture;
    struct actor *list;
    uint32_t count;
    uint64_t random;
    uint64_t turn;
    bool is_restless; /* they go through portals, leave, hang up and come back */
    struct actors_totals totals;
};

/*
 * An engine with the rooms `town` and `field` and the template `crypt` of tools/world, rooms' seed `seed`; the actors
 * draw on it too.
 */
void actors_open(struct actors *actors, uint64_t seed);
/* Hangs everybody up; proves that nothing is left. */
void actors_close(struct actors *actors);

/* One more, who connects, says hello and joins `room`. */
void actors_add(struct actors *actors, const char *room);
/* Everybody reads and acts once, and the rooms' tick passes. */
void actors_turn(struct actors *actors);
/* All that everybody was ever sent, as one number. */
uint64_t actors_digest(const struct actors *actors);

#endif
