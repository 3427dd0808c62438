/*
 * Listening sockets that the service manager opened, by the protocol of sd_listen_fds(3): LISTEN_FDS of them from
 * descriptor 3 on, for the process of LISTEN_PID.
 */
#ifndef ROOMD_DAEMON_ACTIVATION_H
#define ROOMD_DAEMON_ACTIVATION_H

#include <stdint.h>

enum { ACTIVATION_FD_FIRST = 3 };

/*
 * Takes LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES out of the environment. 0 and *count, which is 0 when none are
 * handed over, or not to this process: they are ACTIVATION_FD_FIRST and those behind it, closed on exec from now on. -EINVAL: the
 * variables are wrong; -E2BIG: more than `count_max`; -EBADF: one of them is not open.
 */
int activation_take(uint32_t count_max, uint32_t *count);

#endif
