/*
 * --churn: clients that leave and come back while the rest of the room talks, by turns through C_LEAVE and by
 * closing. A client stops talking first and waits until its own last message has come back to it, so that
 * nothing it said is on its way when it goes; everything is still verified exactly.
 */
#ifndef DUMMY_CLIENT_CHURN_H
#define DUMMY_CLIENT_CHURN_H

#include "dummy-client/client.h"

/* Begins the leaves that are due, and moves on those who have begun. Call it once a turn. */
void churn_turn(struct load *load);
/* The client read that it is out (state AWAY). */
void churn_note_away(struct load *load, struct client *client);
/* No more leaves: who has not asked to leave yet stays; who is away stays away. */
void churn_stop(struct load *load);

#endif
