/*
 * The hard limit on a content's callback: one that runs longer ends the process, which says first where it was, for the
 * supervisor to start it again.
 *
 * A callback costs nothing for it. A timer's signal comes four times within the limit, whatever runs, and looks at
 * engine->running: who is at work at five of them in a row has had the limit's time at least, and a quarter more at
 * most. A process that was stopped meanwhile is sent one signal when it goes on, so the stop is not counted.
 *
 * One a process, for a signal handler has no context.
 */
#ifndef ROOMD_DAEMON_CALLBACK_LIMIT_H
#define ROOMD_DAEMON_CALLBACK_LIMIT_H

#include <stdint.h>

struct engine;

/* Takes SIGALRM over. The engine must stay until callback_limit_close. 0 or -errno. */
int callback_limit_open(const struct engine *engine, uint64_t limit_ns);
/*
 * A new limit, from now on; the one that was is kept when the system says no (-errno). Nothing happens when it is closed.
 */
int callback_limit_set(uint64_t limit_ns);
/* Nothing happens when it is closed. */
void callback_limit_close(void);

#endif
