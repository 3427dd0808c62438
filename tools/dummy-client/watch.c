#include "dummy-client/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int watch_open(struct watch *watch, pid_t pid)
{
    watch->pid = 0;
    if (pid == 0) {
        return 0;
    }
    int error = clock_getcpuclockid(pid, &watch->clock);
    if (error) {
        return -error;
    }
    watch->pid = pid;
    return 0;
}

uint64_t watch_cpu_ns(const struct watch *watch)
{
    struct timespec used;

    if (watch->pid == 0 || clock_gettime(watch->clock, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static uint64_t status_kib(const char *status, const char *key)
{
    const char *line = strstr(status, key);

    return line ? strtoull(line + strlen(key), NULL, 10) : 0;
}

void watch_memory(const struct watch *watch, uint64_t *rss_kib, uint64_t *peak_kib)
{
    char path[64];
    char status[4096];

    *rss_kib = 0;
    *peak_kib = 0;
    if (watch->pid == 0) {
        return;
    }
    snprintf(path, sizeof(path), "/proc/%ld/status", (long)watch->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t size = read(fd, status, sizeof(status) - 1);
    close(fd);
    if (size > 0) {
        status[size] = '\0';
        *rss_kib = status_kib(status, "\nVmRSS:");
        *peak_kib = status_kib(status, "\nVmHWM:");
    }
}
