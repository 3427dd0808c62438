/*
 * What the process gives up for good before anybody talks to it: new privileges, root, and the system calls that it has
 * no use for.
 *
 *     started --sandbox_begin--> no_new_privs --it listens: sandbox_drop--> its user's --all is open: sandbox_enter--> filtered
 */
#ifndef ROOMD_DAEMON_SANDBOX_H
#define ROOMD_DAEMON_SANDBOX_H

#include <stdbool.h>

struct running;

/* No program that is run from here on gets more privileges than this one has. 0 or -errno. */
int sandbox_begin(void);

/*
 * Becomes `user`, with its groups and no other's, and makes sure that there is no way back. 0; -ENOENT: no such user;
 * -EPERM: not started by root, and not that user; or -errno. Nothing may be assumed of who it is then: end.
 */
int sandbox_drop(const char *user);

/* What the filter depends on. */
struct sandbox_needs {
    int notify_fd;                 /* the one descriptor that is written to by address; -1: none */
    bool is_unlinking;             /* a unix socket's file is removed when it is closed */
    const struct running *running; /* for the log, when a call ends the process */
};

/*
 * Whether this build can: not under a sanitizer, whose run time makes calls of its own, nor on a processor that the
 * filter does not know.
 */
bool sandbox_is_possible(void);
/*
 * The filter is on, for all threads and for good. 0, or -errno and it is off (-ENOSYS, -EINVAL: the kernel has none).
 */
int sandbox_enter(const struct sandbox_needs *needs);

#endif
