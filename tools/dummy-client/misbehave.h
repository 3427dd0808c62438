/* Clients that do not behave: --garbage and --dribble. (--slow is only a client that is not read.) */
#ifndef DUMMY_CLIENT_MISBEHAVE_H
#define DUMMY_CLIENT_MISBEHAVE_H

#include "dummy-client/client.h"

enum { GARBAGE_BYTES_MAX = 512 };

/*
 * Makes a piece of nonsense, up to GARBAGE_BYTES_MAX bytes, that no server takes for something said in a
 * room: random bytes, sizes 0 to 3, sizes beyond what is sent, engine packets cut short, chat whose length is
 * wrong. `random` is the generator's state. Returns the size.
 */
size_t garbage_make(uint8_t *out, uint64_t *random);

/* Lets every client of --garbage act that is due: connect again, or send another piece. */
void garbage_turn(struct load *load);

/* Lets every client of --dribble send one byte of what it has. */
void dribble_turn(struct load *load);

#endif
