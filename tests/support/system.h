/* Everything a system test needs, in the order that cmocka wants it. */
#ifndef TESTS_SUPPORT_SYSTEM_H
#define TESTS_SUPPORT_SYSTEM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <roomd/wire.h>

#include "support/bystanders.h"
#include "support/daemon.h"
#include "support/expect.h"
#include "support/peer.h"
#include "support/process.h"
#include "support/wait.h"

/* A test whose peers are closed and whose servers are killed when it fails. */
#define SYSTEM_TEST(function) cmocka_unit_test_teardown(function, system_teardown)

int system_teardown(void **state);

/* The next bytes of both players are these. */
#define both_expect_hex(players, hex)                                                                        \
    (peer_expect_hex((players)[0], hex, WAIT_LONG_MS), peer_expect_hex((players)[1], hex, WAIT_LONG_MS))
/* Closes both, and stops the server. */
void both_close(struct daemon *daemon, struct peer *const players[2]);

#endif
