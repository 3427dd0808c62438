/*
 * The system calls that roomd makes on descriptors, behind one header: thin, each returning a result or
 * -errno. The tests' simulated kernel replaces this file's functions at link time.
 */
#ifndef ROOMD_NET_SYS_H
#define ROOMD_NET_SYS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

int sys_epoll_create(void);
int sys_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
/*
 * Waits at most `timeout_ns` (UINT64_MAX: for ever); a kernel without epoll_pwait2 rounds up to milliseconds.
 */
int sys_epoll_wait(int epoll_fd, struct epoll_event *events, int events_max, uint64_t timeout_ns);

/* A non-blocking, close-on-exec stream socket that is bound and listens. */
int sys_listen(const struct sockaddr *address, socklen_t address_bytes, int backlog);
/*
 * (sys_adopt.c) Whether a descriptor from elsewhere is a stream socket of a known family that listens; if so it becomes
 * non-blocking and close-on-exec. 0, -ENOTSOCK, -EINVAL for another kind of socket, or -errno.
 */
int sys_adopt_listening(int fd);
/* Tries to connect to a unix socket and hangs up again: 0 when somebody listens there, or -errno. */
int sys_connect_unix(const struct sockaddr_storage *address, socklen_t address_bytes);
/* Whether the file at `path` is a socket; a link to one is not. */
bool sys_is_socket(const char *path);
int sys_unlink(const char *path);
/* A non-blocking, close-on-exec connection. */
int sys_accept(int fd);
/*
 * No delay for small writes, and a peer that is gone without a word is found within two minutes; sooner, when neither what
 * is sent to it nor what it is asked (SO_KEEPALIVE) is acknowledged for ack_timeout_ms. Each 0: what the kernel does by
 * itself. The send buffer is set of other stream sockets, too.
 */
int sys_tune_stream(int fd, uint32_t send_buffer_bytes, uint32_t unsent_bytes, uint32_t ack_timeout_ms);
int sys_getsockname(int fd, struct sockaddr *address, socklen_t *address_bytes);
int sys_getpeername(int fd, struct sockaddr *address, socklen_t *address_bytes);

ssize_t sys_recv(int fd, void *bytes, size_t size);
ssize_t sys_writev(int fd, const struct iovec *iov, int count);
/* Says FIN: no more is written. */
int sys_shutdown_write(int fd);
int sys_close(int fd);

/* A descriptor from which the signals of `set` are read; the caller has blocked them. */
int sys_signalfd(const sigset_t *set);
int sys_read_signal(int fd, struct signalfd_siginfo *info);

#endif
