/* The system calls that the filter knows (sandbox.c), by group. */
#ifndef ROOMD_DAEMON_SANDBOX_CALLS_H
#define ROOMD_DAEMON_SANDBOX_CALLS_H

#include <stddef.h>
#include <stdint.h>

struct sandbox_group {
    const uint32_t *calls;
    size_t count;
};

/* Allowed where argument & mask == value, otherwise refused with EPERM. */
struct sandbox_checked {
    uint32_t call;
    uint32_t argument;
    uint32_t mask;
    uint32_t value;
};

extern const struct sandbox_group sandbox_allowed[]; /* the most frequent first */
extern const size_t sandbox_allowed_count;
extern const struct sandbox_checked sandbox_checked[];
extern const size_t sandbox_checked_count;
extern const struct sandbox_group sandbox_unlinking;
extern const struct sandbox_group sandbox_deadly;

#endif
