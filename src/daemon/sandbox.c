#include "daemon/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/check.h"
#include "daemon/last_words.h"
#include "daemon/sandbox_calls.h"

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#define X32_BIT          0x40000000u /* of a call's number: another ABI of the same architecture */
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#if defined(__SANITIZE_THREAD__)
#define OTHER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OTHER_SANITIZER 1
#endif
#endif

int sandbox_begin(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Whether all of the process's ids are the user's, and root's can't be had back. */
static bool is_dropped(const struct passwd *user)
{
    uid_t uid[3];
    gid_t gid[3];

    if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        if (uid[i] != user->pw_uid || gid[i] != user->pw_gid) {
            return false;
        }
    }
    return user->pw_uid == 0 || (setresuid((uid_t)-1, 0, (uid_t)-1) < 0 && setuid(0) < 0);
}

int sandbox_drop(const char *name)
{
    const struct passwd *user;

    errno = 0;
    user = getpwnam(name);
    if (user == NULL) {
        return errno != 0 ? -errno : -ENOENT;
    }
    if (geteuid() != 0) {
        return geteuid() == user->pw_uid ? 0 : -EPERM;
    }
    /* The groups first: who is no longer root may not change them. */
    if (initgroups(name, user->pw_gid) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0) {
        return -errno;
    }
    return is_dropped(user) ? 0 : -EPERM;
}

#ifdef OWN_ARCHITECTURE

enum { PROGRAM_MAX = 1024 };

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short count;
};

#define DATA(member) ((uint32_t)offsetof(struct seccomp_data, member))
/* The half that the kernel reads of an argument that is an int: what follows it is not part of it. */
#define ARGUMENT(n) ((uint32_t)(offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t)))

static const struct running *sandboxed;

static void emit(struct program *program, uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false)
{
    CHECK(program->count < PROGRAM_MAX);
    program->code[program->count++] =
        (struct sock_filter){.code = code, .k = value, .jt = if_true, .jf = if_false};
}

static void emit_load(struct program *program, uint32_t offset)
{
    emit(program, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void emit_return(struct program *program, uint32_t what)
{
    emit(program, BPF_RET | BPF_K, what, 0, 0);
}

/* Falls through to what follows when it is this call, else leaves out `instructions` of that. */
static void emit_if_call(struct program *program, uint32_t number, uint8_t instructions)
{
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, number, 0, instructions);
}

static void emit_group(struct program *program, const struct sandbox_group *group, uint32_t what)
{
    for (size_t i = 0; i < group->count; i++) {
        emit_if_call(program, group->calls[i], 1);
        emit_return(program, what);
    }
}

/* The call only where `argument` and `mask` are `value`; otherwise it is refused. */
static void emit_checked(struct program *program, uint32_t call, uint32_t argument, uint32_t mask,
                         uint32_t value)
{
    emit_if_call(program, call, 5);
    emit_load(program, ARGUMENT(argument));
    emit(program, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    emit_return(program, SECCOMP_RET_ALLOW);
    emit_return(program, SECCOMP_RET_ERRNO | EPERM);
}

/* Another architecture's numbers mean other calls. */
static void emit_head(struct program *program)
{
    emit_load(program, DATA(arch));
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0);
    emit_return(program, SECCOMP_RET_KILL_PROCESS);
    emit_load(program, DATA(nr));
#ifdef X32_BIT
    emit(program, BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 0, 1);
    emit_return(program, SECCOMP_RET_KILL_PROCESS);
#endif
}

static void program_make(struct program *program, const struct sandbox_needs *needs)
{
    program->count = 0;
    emit_head(program);
    for (size_t i = 0; i < sandbox_allowed_count; i++) {
        emit_group(program, &sandbox_allowed[i], SECCOMP_RET_ALLOW);
    }
    for (size_t i = 0; i < sandbox_checked_count; i++) {
        const struct sandbox_checked *checked = &sandbox_checked[i];

        emit_checked(program, checked->call, checked->argument, checked->mask, checked->value);
    }
    emit_checked(program, SYS_tgkill, 0, UINT32_MAX, (uint32_t)getpid());
    if (needs->notify_fd >= 0) {
        emit_checked(program, SYS_sendto, 0, UINT32_MAX, (uint32_t)needs->notify_fd);
    }
    if (needs->is_unlinking) {
        emit_group(program, &sandbox_unlinking, SECCOMP_RET_ALLOW);
    }
    emit_group(program, &sandbox_deadly, SECCOMP_RET_TRAP);
    emit_return(program, SECCOMP_RET_ERRNO | EPERM);
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
    struct last_words words;

    (void)signal;
    (void)context;
    last_words_begin(&words, "call_forbidden", sandboxed);
    last_words_add_number(&words, "syscall", (uint64_t)info->si_syscall);
    last_words_say(&words);
}

bool sandbox_is_possible(void)
{
#ifdef OTHER_SANITIZER
    return false;
#else
    return ASAN_IS_ON == 0;
#endif
}

int sandbox_enter(const struct sandbox_needs *needs)
{
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    struct program program;
    struct sock_fprog filter = {.filter = program.code};
    /*
     * SPEC_ALLOW: the filter is against calls. The old kernels' habit of turning off the processor's speculation with
     * it would slow down the whole game, against code that runs in this process anyway.
     */
    unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;

    if (!sandbox_is_possible()) {
        return -ENOTSUP;
    }
    program_make(&program, needs);
    filter.len = program.count;
    sandboxed = needs->running;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGSYS, &action, NULL) < 0) {
        return -errno;
    }

    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);

    if (rc < 0) {
        return -errno;
    }
    return rc == 0 ? 0 : -EBUSY; /* a thread that can't be brought along */
}

#else

bool sandbox_is_possible(void)
{
    return false;
}

int sandbox_enter(const struct sandbox_needs *needs)
{
    (void)needs;
    return -ENOTSUP;
}

#endif
