/* The rest of net/sys.h, on sockets and signals, and base/clock.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/hash.h"
#include "sim/sim_kernel.h"

static struct sim_socket *socket_of(int fd)
{
    if (fd < SIM_FD_FIRST || fd >= SIM_FD_FIRST + SIM_FDS_MAX ||
        sim_kernel.fds[fd - SIM_FD_FIRST].kind != SIM_FD_SOCKET) {
        fail_msg("descriptor %d is no socket", fd);
    }
    return sim_kernel.fds[fd - SIM_FD_FIRST].socket;
}

/* One byte, all, or anything between, small ones as often as large ones. */
static size_t some_of(size_t size)
{
    uint64_t *random = &sim_kernel.random;

    if (size < 2 || !sim_chance(random, sim_kernel.weather.short_io)) {
        return size;
    }

    size_t below = (size_t)2 << sim_draw(random, 17);

    return 1 + (size_t)sim_draw(random, below < size ? below : size);
}

int sys_tune_stream(int fd, uint32_t send_buffer_bytes, uint32_t unsent_bytes, uint32_t ack_timeout_ms)
{
    const struct sim_socket *socket = socket_of(fd);
    int error = sim_kernel_fault(SIM_TUNE);

    (void)send_buffer_bytes;
    (void)unsent_bytes;
    (void)ack_timeout_ms;
    return error != 0 ? -error : socket->is_unix ? -EOPNOTSUPP : 0;
}

int sys_getpeername(int fd, struct sockaddr *address, socklen_t *address_bytes)
{
    struct sim_socket *socket = socket_of(fd);
    int error = sim_kernel_fault(SIM_GETPEERNAME);

    if (error != 0) {
        socket->is_hurt = true; /* which is why it fails */
        return -error;
    }
    if (socket->is_unix) {
        address->sa_family = AF_UNIX;
        *address_bytes = sizeof(address->sa_family);
        return 0;
    }
    if (socket->is_reset) {
        return -ENOTCONN;
    }
    *(struct sockaddr_in *)address = (struct sockaddr_in){.sin_family = AF_INET,
                                                          .sin_port = htons((uint16_t)(1024 + fd)),
                                                          .sin_addr.s_addr = htonl(socket->address)};
    *address_bytes = sizeof(struct sockaddr_in);
    return 0;
}

/* What a call on a socket meets with before it does anything: 0 or -errno. */
static int socket_fault(struct sim_socket *socket, enum sim_call call)
{
    int error = sim_kernel_fault(call);

    sim_kernel_pass();
    if (error == EAGAIN || error == EINTR) {
        return -error;
    }
    if (error != 0) {
        sim_socket_lose(socket);
        return -error;
    }
    if (sim_chance(&sim_kernel.random, sim_kernel.weather.interrupt)) {
        return sim_draw(&sim_kernel.random, 2) == 0 ? -EINTR : -EAGAIN;
    }
    return 0;
}

ssize_t sys_recv(int fd, void *bytes, size_t size)
{
    struct sim_socket *socket = socket_of(fd);
    int error = socket_fault(socket, SIM_RECV);
    long got;

    if (error != 0) {
        return error;
    }
    got = sim_socket_read(socket, bytes, some_of(size));
    if (got > 0) {
        sim_kernel.totals.bytes_in += (uint64_t)got;
    }
    return got;
}

static long socket_write_all(struct sim_socket *socket, const struct iovec *iov, int count, size_t limit)
{
    long sent = 0;

    for (int i = 0; i < count && limit > 0; i++) {
        size_t size = iov[i].iov_len < limit ? iov[i].iov_len : limit;
        long taken = size == 0 ? 0 : sim_socket_write(socket, iov[i].iov_base, size);

        if (taken < 0) {
            return sent > 0 ? sent : taken;
        }
        sent += taken;
        limit -= (size_t)taken;
        if ((size_t)taken < size) {
            break;
        }
    }
    return sent;
}

ssize_t sys_writev(int fd, const struct iovec *iov, int count)
{
    struct sim_socket *socket = socket_of(fd);
    int error = socket_fault(socket, SIM_WRITEV);
    size_t size = 0;
    long sent;

    if (error != 0) {
        return error;
    }
    assert_in_range(count, 1, 1024);
    for (int i = 0; i < count; i++) {
        size += iov[i].iov_len;
    }
    sent = socket_write_all(socket, iov, count, some_of(size));
    if (sent > 0) {
        sim_kernel.totals.bytes_out += (uint64_t)sent;
        for (int i = 0; i < count; i++) {
            sim_kernel.digest = hash_u64(sim_kernel.digest ^ hash_bytes(iov[i].iov_base, iov[i].iov_len));
        }
    }
    return sent;
}

int sys_shutdown_write(int fd)
{
    struct sim_socket *socket = socket_of(fd);
    int error = sim_kernel_fault(SIM_SHUTDOWN);

    if (error != 0) {
        socket->is_hurt = true;
        return -error;
    }
    if (socket->is_reset) {
        return -ENOTCONN;
    }
    socket->server_is_done = true;
    return 0;
}

int sys_close(int fd)
{
    struct sim_fd *closed;

    if (fd < SIM_FD_FIRST || fd >= SIM_FD_FIRST + SIM_FDS_MAX ||
        sim_kernel.fds[fd - SIM_FD_FIRST].kind == SIM_FD_FREE) {
        fail_msg("descriptor %d is closed, and is not open", fd);
    }
    sim_kernel_pass();
    closed = &sim_kernel.fds[fd - SIM_FD_FIRST];
    if (closed->kind == SIM_FD_SOCKET) {
        sim_socket_leave(closed->socket);
        sim_kernel.socket_fds--;
    } else if (closed->kind == SIM_FD_LISTENER) {
        sim_listener_leave(closed->listener);
    }
    *closed = (struct sim_fd){0};
    sim_kernel.fds_open--;
    return 0;
}

int sys_read_signal(int fd, struct signalfd_siginfo *info)
{
    int error = sim_kernel_fault(SIM_READ_SIGNAL);

    assert_int_equal(sim_kernel.fds[fd - SIM_FD_FIRST].kind, SIM_FD_SIGNALS);
    if (error != 0) {
        return -error;
    }
    for (uint32_t signal = 1; signal < 32; signal++) {
        if (sim_kernel.signals & 1u << signal) {
            sim_kernel.signals &= ~(1u << signal);
            *info = (struct signalfd_siginfo){.ssi_signo = signal};
            return 0;
        }
    }
    return -EAGAIN;
}

/* ---- base/clock.h ---- */

uint64_t clock_now_ns(void)
{
    sim_kernel_pass();
    return sim_kernel.now_ns;
}

/* Runs behind the other one by up to 4 ms, as the kernel's tick does. */
uint64_t clock_coarse_ns(void)
{
    sim_kernel.now_ns += sim_kernel.call_ns;
    return sim_kernel.now_ns - sim_kernel.now_ns % (4 * NS_PER_MS);
}

void clock_sleep_ns(uint64_t duration_ns)
{
    sim_kernel.now_ns += duration_ns;
}

uint64_t clock_cpu_ns(void)
{
    return sim_kernel.now_ns;
}
