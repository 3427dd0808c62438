#include "net/sys.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define OR_ERRNO(call) ((call) < 0 ? -errno : 0)

int sys_epoll_create(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int sys_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    return OR_ERRNO(epoll_ctl(epoll_fd, operation, fd, event));
}

static int epoll_wait_ms(int epoll_fd, struct epoll_event *events, int events_max, uint64_t timeout_ns)
{
    int timeout_ms = -1;

    if (timeout_ns != UINT64_MAX) {
        uint64_t rounded_up = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);

        timeout_ms = rounded_up > INT32_MAX ? INT32_MAX : (int)rounded_up;
    }

    int count = epoll_wait(epoll_fd, events, events_max, timeout_ms);

    return count < 0 ? -errno : count;
}

int sys_epoll_wait(int epoll_fd, struct epoll_event *events, int events_max, uint64_t timeout_ns)
{
    static bool has_pwait2 = true;

    if (has_pwait2) {
        struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                                   .tv_nsec = (long)(timeout_ns % NS_PER_S)};
        int count =
            epoll_pwait2(epoll_fd, events, events_max, timeout_ns == UINT64_MAX ? NULL : &timeout, NULL);

        if (count >= 0) {
            return count;
        }
        if (errno != ENOSYS && errno != EPERM) { /* EPERM: a sandbox that does not know the call */
            return -errno;
        }
        has_pwait2 = false;
    }
    return epoll_wait_ms(epoll_fd, events, events_max, timeout_ns);
}

int sys_listen(const struct sockaddr *address, socklen_t address_bytes, int backlog)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0) {
        return -errno;
    }
    if ((address->sa_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
        (address->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
        bind(fd, address, address_bytes) < 0 || listen(fd, backlog) < 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    return fd;
}

int sys_connect_unix(const struct sockaddr_storage *address, socklen_t address_bytes)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }

    int rc = OR_ERRNO(connect(fd, (const struct sockaddr *)address, address_bytes));

    close(fd);
    return rc;
}

bool sys_is_socket(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

int sys_unlink(const char *path)
{
    return OR_ERRNO(unlink(path));
}

int sys_accept(int fd)
{
    int connection = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    return connection < 0 ? -errno : connection;
}

static int set_option(int fd, int level, int option, uint32_t value)
{
    int number = (int)value;

    return OR_ERRNO(setsockopt(fd, level, option, &number, sizeof(number)));
}

static uint32_t seconds_within(uint32_t seconds, uint32_t most)
{
    uint32_t limit = most > 0 ? most : 1;

    return seconds < limit ? seconds : limit;
}

int sys_tune_stream(int fd, uint32_t send_buffer_bytes, uint32_t unsent_bytes, uint32_t ack_timeout_ms)
{
    enum { IDLE_S = 60, INTERVAL_S = 15, PROBES = 4 };
    uint32_t ack_s = ack_timeout_ms > 0 ? ack_timeout_ms / 1000 : UINT32_MAX;
    int rc = 0;

    /* The kernel keeps as much again for its own accounts, and counts that in (socket(7)). */
    if (send_buffer_bytes > 0) {
        rc = set_option(fd, SOL_SOCKET, SO_SNDBUF, send_buffer_bytes / 2);
    }
    rc = rc < 0 ? rc : set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    rc = rc < 0 ? rc : set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    /* TCP_USER_TIMEOUT ends it instead of TCP_KEEPCNT, at one probe that is lost (tcp(7)): several are to come before. */
    rc = rc < 0 ? rc : set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds_within(IDLE_S, ack_s / 2));
    rc = rc < 0 ? rc
                : set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds_within(INTERVAL_S, ack_s / 2 / PROBES));
    rc = rc < 0 ? rc : set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    if (rc == 0 && unsent_bytes > 0) {
        rc = set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_bytes);
    }
    if (rc == 0 && ack_timeout_ms > 0) {
        rc = set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ack_timeout_ms);
    }
    return rc;
}

int sys_getsockname(int fd, struct sockaddr *address, socklen_t *address_bytes)
{
    return OR_ERRNO(getsockname(fd, address, address_bytes));
}

int sys_getpeername(int fd, struct sockaddr *address, socklen_t *address_bytes)
{
    return OR_ERRNO(getpeername(fd, address, address_bytes));
}

ssize_t sys_recv(int fd, void *bytes, size_t size)
{
    ssize_t got = recv(fd, bytes, size, 0);

    return got < 0 ? -errno : got;
}

ssize_t sys_writev(int fd, const struct iovec *iov, int count)
{
    ssize_t sent = count == 1 ? write(fd, iov->iov_base, iov->iov_len) : writev(fd, iov, count);

    return sent < 0 ? -errno : sent;
}

int sys_shutdown_write(int fd)
{
    return OR_ERRNO(shutdown(fd, SHUT_WR));
}

int sys_close(int fd)
{
    return OR_ERRNO(close(fd));
}

int sys_signalfd(const sigset_t *set)
{
    int fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int sys_read_signal(int fd, struct signalfd_siginfo *info)
{
    ssize_t got = read(fd, info, sizeof(*info));

    if (got < 0) {
        return -errno;
    }
    return got == sizeof(*info) ? 0 : -EIO;
}
