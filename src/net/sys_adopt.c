/* Of net/sys.h, in a file of its own: a simulated kernel has no descriptors from elsewhere and need not replace it. */
#include <errno.h>
#include <fcntl.h>

#include "net/sys.h"

static int get_option(int fd, int option, int *value)
{
    socklen_t bytes = sizeof(*value);

    return getsockopt(fd, SOL_SOCKET, option, value, &bytes) < 0 ? -errno : 0;
}

int sys_adopt_listening(int fd)
{
    int family;
    int type;
    int is_listening;
    int rc = get_option(fd, SO_DOMAIN, &family);

    rc = rc < 0 ? rc : get_option(fd, SO_TYPE, &type);
    rc = rc < 0 ? rc : get_option(fd, SO_ACCEPTCONN, &is_listening);
    if (rc < 0) {
        return rc;
    }
    if ((family != AF_INET && family != AF_INET6 && family != AF_UNIX) || type != SOCK_STREAM ||
        !is_listening) {
        return -EINVAL;
    }

    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return -errno;
    }
    return 0;
}
