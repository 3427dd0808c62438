#include "support/process.h"

#include "support/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A small quarantine, so that memory of the sanitizer is not taken for memory of the server. */
static void sanitizer_configure(void)
{
    const char *given = getenv("ASAN_OPTIONS");
    char options[512];

    snprintf(options, sizeof(options), "quarantine_size_mb=4%s%s", given ? ":" : "", given ? given : "");
    setenv("ASAN_OPTIONS", options, 1);
}

static _Noreturn void child_run(const char *const argv[], int out_fd, int err_fd, rlim_t nofile)
{
    struct rlimit limit = {.rlim_cur = nofile, .rlim_max = nofile};
    sigset_t none;
    int in_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(in_fd, STDIN_FILENO);
    dup2(out_fd, STDOUT_FILENO);
    dup2(err_fd, STDERR_FILENO);
    if (nofile > 0) {
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    sanitizer_configure();
    execv(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void process_start(struct process *process, const char *const argv[], int out_fd, int err_fd, rlim_t nofile)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        child_run(argv, out_fd, err_fd, nofile);
    }
    *process = (struct process){.pid = pid};
}

bool process_wait(struct process *process, int timeout_ms)
{
    uint64_t deadline_ns = wait_deadline_ns(timeout_ms);

    while (!process->is_over) {
        int status = 0;
        pid_t pid = waitpid(process->pid, &status, WNOHANG);

        if (pid == process->pid) {
            process->is_over = true;
            process->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        } else if (wait_left_ms(deadline_ns) == 0) {
            return false;
        } else {
            wait_sleep_ms(1);
        }
    }
    return true;
}

void process_kill(struct process *process)
{
    if (process->pid > 0 && !process->is_over) {
        kill(process->pid, SIGKILL);
        process_wait(process, WAIT_LONG_MS);
    }
}

char *file_read_from(const char *path, long offset)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 1);
    size_t used = 0;

    assert_non_null(text);
    if (file == NULL) {
        return text;
    }
    fseek(file, offset, SEEK_SET);
    for (;;) {
        char *grown = realloc(text, used + 65536 + 1);

        assert_non_null(grown);
        text = grown;
        size_t n = fread(text + used, 1, 65536, file);
        used += n;
        text[used] = '\0';
        if (n == 0) {
            break;
        }
    }
    fclose(file);
    return text;
}

static char *descriptor_read(int fd)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return file_read_from(path, 0);
}

static int temporary_open(void)
{
    char path[] = "/tmp/roomd-test-output-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

void process_run(struct process_result *result, const char *const argv[], int timeout_ms)
{
    struct process process;
    int out_fd = temporary_open();
    int err_fd = temporary_open();

    process_start(&process, argv, out_fd, err_fd, 0);
    bool is_over = process_wait(&process, timeout_ms);
    process_kill(&process);
    result->exit_status = process.exit_status;
    result->out = descriptor_read(out_fd);
    result->err = descriptor_read(err_fd);
    close(out_fd);
    close(err_fd);
    if (!is_over) {
        print_error("%s did not end within %d ms; stdout:\n%s\nstderr:\n%s\n", argv[0], timeout_ms,
                    result->out, result->err);
        fail();
    }
}

void process_result_free(struct process_result *result)
{
    free(result->out);
    free(result->err);
    result->out = NULL;
    result->err = NULL;
}
