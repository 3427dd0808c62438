/* Between actors.c, where actors do something, and actors_read.c, where they learn something. */
#ifndef TESTS_SUPPORT_ACTORS_READ_H
#define TESTS_SUPPORT_ACTORS_READ_H

#include "support/actors.h"

/* It is in no room: it knows nothing. */
void actor_forget(struct actor *actor);
/* What it knows of that id; NULL: nothing. Good until it reads on. */
struct known *actor_find(struct actor *actor, uint32_t id);
/* Takes in one frame; fails the test when it can't be. */
void actor_read_frame(struct actors *actors, struct actor *actor, const struct frame *frame);

#endif
