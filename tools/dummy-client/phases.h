/*
 * The phases of a run, and what is due in each of them.
 *
 *     CONNECTING -> (echo: SETTLING) -> SENDING -> DRAINING -> LINGERING -> DONE
 */
#ifndef DUMMY_CLIENT_PHASES_H
#define DUMMY_CLIENT_PHASES_H

#include "dummy-client/load.h"

void phases_begin(struct load *load);
/* Once a turn, after the events: does the phase's work if it is due, and goes on to the next phase. */
void phases_turn(struct load *load);
/* The user wants it to end: no more sending, a brief drain. */
void phases_interrupt(struct load *load);
/* Takes the last figures. */
void phases_end(struct load *load);

#endif
