/*
 * Child processes of the tests: started, watched and ended by pid, always within a bound. A child dies with
 * its test.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0: none */
    bool is_over;
    int exit_status; /* once over: the exit status, or 128 + the signal that ended it */
};

/*
 * Starts argv[0] with stdin from /dev/null and stdout and stderr on the given descriptors (the caller keeps
 * them). `nofile` above 0 becomes both limits of RLIMIT_NOFILE. Fails the test when it cannot fork.
 */
void process_start(struct process *process, const char *const argv[], int out_fd, int err_fd, rlim_t nofile);

/* True once the process is over, and reaped; false when the time ran out. */
bool process_wait(struct process *process, int timeout_ms);

/* SIGKILL and reap; nothing happens when it is over. */
void process_kill(struct process *process);

struct process_result {
    int exit_status;
    char *out; /* NUL-terminated */
    char *err;
};

/* Runs a program to its end. One that outlives `timeout_ms` is killed and fails the test. */
void process_run(struct process_result *result, const char *const argv[], int timeout_ms);
void process_result_free(struct process_result *result);

/* All bytes of a file from `offset`, NUL-terminated; the caller frees. Empty when the file is shorter. */
char *file_read_from(const char *path, long offset);

#endif
