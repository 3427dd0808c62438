#include "daemon/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A decimal number up to INT32_MAX and nothing else, or -EINVAL. */
static long read_number(const char *text)
{
    char *end;
    long value;

    if (text[0] < '0' || text[0] > '9') {
        return -EINVAL;
    }
    errno = 0;
    value = strtol(text, &end, 10);
    return *end != '\0' || errno != 0 || value > INT32_MAX ? -EINVAL : value;
}

static int read_count(uint32_t count_max, uint32_t *count)
{
    const char *pid_text = getenv("LISTEN_PID");
    const char *count_text = getenv("LISTEN_FDS");

    if (pid_text == NULL || count_text == NULL) {
        return 0;
    }

    long pid = read_number(pid_text);
    long given = read_number(count_text);

    if (pid < 0 || given < 0) {
        return -EINVAL;
    }
    if (pid != getpid()) {
        return 0; /* they were our parent's */
    }
    if (given > (long)count_max) {
        return -E2BIG;
    }
    *count = (uint32_t)given;
    return 0;
}

int activation_take(uint32_t count_max, uint32_t *count)
{
    *count = 0;

    int rc = read_count(count_max, count);

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    for (uint32_t i = 0; rc == 0 && i < *count; i++) {
        if (fcntl(ACTIVATION_FD_FIRST + (int)i, F_SETFD, FD_CLOEXEC) < 0) {
            rc = -errno;
        }
    }
    if (rc < 0) {
        *count = 0;
    }
    return rc;
}
