/*
 * Assertions about our own state. They stay on in release: a broken invariant ends the process where it
 * broke, for the supervisor to restart it. Never used on bytes, counts or ids that came from a peer.
 */
#ifndef ROOMD_BASE_CHECK_H
#define ROOMD_BASE_CHECK_H

/* Logs `level=alert event=check_failed` with the expression and where it stands, then aborts. */
_Noreturn void check_failed(const char *expression, const char *file, int line);

#define CHECK(expression)                                                                                    \
    do {                                                                                                     \
        if (__builtin_expect(!(expression), 0)) {                                                            \
            check_failed(#expression, __FILE__, __LINE__);                                                   \
        }                                                                                                    \
    } while (0)

#endif
