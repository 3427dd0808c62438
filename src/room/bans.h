/*
 * Bans by hand: networks that the operator keeps out, from a file of lines
 *
 *     # a comment, also behind a network
 *     192.0.2.7
 *     203.0.113.0/24     2026-12-24              until that day begins, UTC
 *     2001:db8:5::/48    2026-12-24T18:00:00Z    until that second
 *     198.51.100.9       lift                    lets in who is turned away by penalty
 *
 * A file is taken whole or not at all. What it says is found in a time that hardly grows with its length.
 */
#ifndef ROOMD_ROOM_BANS_H
#define ROOMD_ROOM_BANS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "net/network.h"

enum { BANS_MAX = 65536, BANS_LINE_BYTES_MAX = 255, BAN_LENGTHS = 8 * HOST_BYTES + 1 };

#define BAN_FOR_EVER UINT64_MAX

struct ban {
    struct network network;
    uint64_t until_ns; /* of the monotonic clock */
};

/* Zero-filled: nobody. */
struct bans {
    struct ban *bans; /* by length, then by address; no network twice */
    uint32_t count;
    uint32_t first[BAN_LENGTHS + 1]; /* where those of each length begin */
    struct network *lifted;
    uint32_t lifted_count;
};

/*
 * Reads an open file to its end; `name` stands for it in errors. `wall_s` and `now_ns` are the same moment on both clocks:
 * what has passed by then is left out. 0; or -EINVAL (anything wrong in the text), -E2BIG, -ENOMEM, -EIO, and `bans` is
 * empty and `error` says why, with name and line.
 */
int bans_read(struct bans *bans, const char *name, FILE *file, uint64_t wall_s, uint64_t now_ns, char *error,
              size_t error_size);
void bans_fini(struct bans *bans);

/* A ban that holds for that host now: of several, the one of the largest network. NULL: none. */
const struct ban *bans_find(const struct bans *bans, const struct host *host, uint64_t now_ns);

#endif
