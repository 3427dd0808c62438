/* What must hold of sessions and rooms between phases; see places_check. */
#ifndef TESTS_SUPPORT_PLACE_CHECK_H
#define TESTS_SUPPORT_PLACE_CHECK_H

#include "room/engine.h"

/*
 * Nobody is in two rooms or half in one, seats are those who are in and those on their way, nobody is paused who is
 * held by nothing, and what is counted is what there is. Fails the test (cmocka's) otherwise.
 */
void places_check(struct engine *engine);

#endif
