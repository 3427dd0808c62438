/* Everything a component test needs, in the order that cmocka wants it. */
#ifndef TESTS_SUPPORT_COMPONENT_H
#define TESTS_SUPPORT_COMPONENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "room/engine.h"
#include "room/room.h"
#include "room/scheduler.h"
#include "room/session.h"
#include "support/engine_fixture.h"
#include "support/fake_clock.h"
#include "support/player.h"
#include "support/stage.h"

#endif
