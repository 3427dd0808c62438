/* A look at another process of this machine, the server: what CPU time it has used and what memory it holds.
 */
#ifndef DUMMY_CLIENT_WATCH_H
#define DUMMY_CLIENT_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct watch {
    pid_t pid; /* 0: nobody */
    clockid_t clock;
};

/* 0, or -errno when there is no such process. A pid of 0 watches nobody: all figures are 0. */
int watch_open(struct watch *watch, pid_t pid);
/* CPU time, user and system; 0 once the process has ended. */
uint64_t watch_cpu_ns(const struct watch *watch);
/* Resident memory now and at its highest; 0 once the process has ended. */
void watch_memory(const struct watch *watch, uint64_t *rss_kib, uint64_t *peak_kib);

#endif
