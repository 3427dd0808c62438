/*
 * What the server calls between its first turn and its last, as strace -f shows it over the system tests, and what the C
 * library may call in its place on another version or processor. To see it again:
 *
 *     strace -f -ff -o trace build/tests/system_lifecycle     (and the others; from the first epoll_pwait2 on)
 *
 * What is allowed is allowed by the call's number alone wherever that is enough: the kernel remembers such verdicts, and
 * the frequent calls cost next to nothing.
 *
 * What is not allowed comes in two kinds. Calls with which whoever has taken the process over would reach beyond it (run
 * a program, open a connection, trace another) end it, with a line in the log: no version of the C library has a reason
 * to try them. Everything else is refused with EPERM: a C library that tries a newer call than this list knows falls back
 * to an older one, and the game goes on.
 */
#include "daemon/sandbox_calls.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Turns: waiting for what is ready, and signals, which come by a descriptor that is read. */
static const uint32_t waiting[] = {
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_epoll_pwait,  SYS_epoll_ctl, SYS_nanosleep, SYS_clock_nanosleep,
};

/* Connections, from accept to close; the log is written by write, when poll says that it takes a line. */
static const uint32_t connections[] = {
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_ppoll
    SYS_ppoll,
#endif
    SYS_write,      SYS_writev,     SYS_recvfrom,    SYS_accept4,     SYS_close,
    SYS_setsockopt, SYS_getsockopt, SYS_getpeername, SYS_getsockname, SYS_shutdown,
};

/* Time, where the kernel does not answer without a call. */
static const uint32_t clocks[] = {SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday};

/* Memory; futex is malloc's lock. mmap and mprotect are among the checked ones. */
static const uint32_t memory[] = {SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex};

/* Files that are read: the config on SIGHUP, maps and rules when rooms are made. openat is among the checked ones. */
static const uint32_t files[] = {
    SYS_read,       SYS_pread64, SYS_lseek, SYS_fstat, SYS_fcntl,
#ifdef SYS_newfstatat
    SYS_newfstatat,
#endif
#ifdef SYS_stat
    SYS_stat,       SYS_lstat,
#endif
#ifdef SYS_statx
    SYS_statx,
#endif
};

/* Seeds of the rooms' random numbers. */
static const uint32_t chance[] = {SYS_getrandom};

/* The hard limit on callbacks; how a signal's handler returns, and how a sleep goes on behind it. */
static const uint32_t timers[] = {SYS_timer_settime, SYS_timer_delete, SYS_rt_sigreturn, SYS_restart_syscall};

/* The end: exit, and abort with what it asks first. tgkill, of oneself, is allowed by sandbox.c. */
static const uint32_t ends[] = {
    SYS_exit_group, SYS_exit, SYS_getpid, SYS_gettid, SYS_rt_sigprocmask, SYS_rt_sigaction,
};

static const uint32_t unlinking[] = {
#ifdef SYS_unlink
    SYS_unlink,
#endif
    SYS_unlinkat,
};

static const uint32_t deadly[] = {
    /* other programs and processes */
    SYS_execve,
    SYS_execveat,
    SYS_clone,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
#ifdef SYS_clone3
    SYS_clone3,
#endif
    SYS_kill,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
#ifdef SYS_pidfd_open
    SYS_pidfd_open,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
    /* connections that nobody accepted */
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    /* other people */
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    /* the kernel and the machine */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_reboot,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
#endif
};

#define GROUP(calls_of_it)                                                                                   \
    {                                                                                                        \
        .calls = (calls_of_it), .count = sizeof(calls_of_it) / sizeof((calls_of_it)[0])                      \
    }

const struct sandbox_group sandbox_allowed[] = {
    GROUP(connections), GROUP(waiting), GROUP(clocks), GROUP(memory),
    GROUP(files),       GROUP(chance),  GROUP(timers), GROUP(ends),
};
const size_t sandbox_allowed_count = sizeof(sandbox_allowed) / sizeof(sandbox_allowed[0]);

const struct sandbox_checked sandbox_checked[] = {
    /* Nothing is written but what is open: reading alone, and nothing is made. */
    {SYS_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), O_RDONLY},
#ifdef SYS_open
    {SYS_open, 1, O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), O_RDONLY},
#endif
    /* No new code: a module that a reload brings in needs a restart. */
    {SYS_mmap, 2, PROT_EXEC, 0},
    {SYS_mprotect, 2, PROT_EXEC, 0},
};
const size_t sandbox_checked_count = sizeof(sandbox_checked) / sizeof(sandbox_checked[0]);

const struct sandbox_group sandbox_unlinking = GROUP(unlinking);
const struct sandbox_group sandbox_deadly = GROUP(deadly);
