/*
 * This one descriptor is not behind net/sys.h: nothing of the game goes through it, and the simulated kernel has no
 * service manager.
 */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * What must arrive waits for a manager that is busy, but not for ever: the game goes on. What comes again, the
 * watchdog's food and the status, does not wait.
 */
enum { SEND_TIMEOUT_MS = 500 };

/* A decimal number and nothing else. */
static int read_number(const char *text, uint64_t *value)
{
    char *end;

    if (text[0] < '0' || text[0] > '9') {
        return -EINVAL;
    }
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *end != '\0' || errno != 0 ? -EINVAL : 0;
}

static int read_watchdog(struct notify *notify)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *for_pid = getenv("WATCHDOG_PID");
    uint64_t pid = (uint64_t)getpid();
    uint64_t us = 0;

    if (usec == NULL) {
        return 0;
    }
    if (read_number(usec, &us) < 0 || us == 0 || us > UINT64_MAX / NS_PER_US ||
        (for_pid != NULL && read_number(for_pid, &pid) < 0)) {
        return -EINVAL;
    }
    if (pid == (uint64_t)getpid()) {
        notify->period_ns = us * NS_PER_US / 2;
    }
    return 0;
}

static int read_address(struct notify *notify, const char *name)
{
    size_t bytes = strlen(name);

    if (name[0] != '/' && name[0] != '@') {
        return -EAFNOSUPPORT;
    }
    if (bytes < 2 || bytes >= sizeof(notify->address.sun_path)) {
        return -EINVAL;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, bytes);
    notify->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
    if (name[0] == '@') {
        notify->address.sun_path[0] = '\0'; /* its length is its end */
    } else {
        notify->address_bytes++;
    }
    return 0;
}

static int open_socket(struct notify *notify)
{
    struct timeval timeout = {.tv_usec = SEND_TIMEOUT_MS * 1000};

    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->fd < 0) {
        return -errno;
    }
    if (setsockopt(notify->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0) {
        int error = errno;

        notify_close(notify);
        return -error;
    }
    return 0;
}

int notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    int rc = 0;

    *notify = (struct notify){.fd = -1};
    if (name != NULL) {
        rc = read_address(notify, name);
        rc = rc < 0 ? rc : read_watchdog(notify);
        rc = rc < 0 ? rc : open_socket(notify);
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return rc;
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
        notify->fd = -1;
    }
}

/* A manager that does not listen any more is no reason to stop serving. */
static void notify_send(struct notify *notify, const char *text, int flags)
{
    ssize_t sent;

    if (notify->fd < 0) {
        return;
    }
    do {
        sent = sendto(notify->fd, text, strlen(text), flags | MSG_NOSIGNAL,
                      (const struct sockaddr *)&notify->address, notify->address_bytes);
    } while (sent < 0 && errno == EINTR);
}

static void notify_say(struct notify *notify, const char *state, const char *status, int flags)
{
    char text[64 + NOTIFY_STATUS_BYTES_MAX];

    snprintf(text, sizeof(text), "%sSTATUS=%.*s", state, NOTIFY_STATUS_BYTES_MAX, status);
    notify_send(notify, text, flags);
}

void notify_ready(struct notify *notify, const char *status)
{
    notify_say(notify, "READY=1\n", status, 0);
}

void notify_reloading(struct notify *notify, uint64_t now_ns)
{
    char text[96];

    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
             (unsigned long long)(now_ns / NS_PER_US));
    notify_say(notify, text, "reading the config", 0);
}

void notify_stopping(struct notify *notify, const char *status)
{
    notify_say(notify, "STOPPING=1\n", status, 0);
}

void notify_status(struct notify *notify, const char *status)
{
    notify_say(notify, "", status, MSG_DONTWAIT);
}

void notify_turn(struct notify *notify, uint64_t now_ns)
{
    if (notify->period_ns == 0 || (notify->fed_ns != 0 && now_ns - notify->fed_ns < notify->period_ns)) {
        return;
    }
    notify->fed_ns = now_ns;
    notify_send(notify, "WATCHDOG=1", MSG_DONTWAIT);
}
