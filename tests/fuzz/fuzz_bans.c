/*
 * Ban files. Whatever is taken must hold what bans.h says, must be what is found for a host, and must come out the same
 * when it is written down and read again; whatever is refused must be so in words, and leave nothing.
 *
 * Input: the file.
 */
#include "fuzz_file.h"

#include "base/clock.h"
#include "room/bans.h"

#include <stdbool.h>
#include <time.h>

/* The same moment on both clocks: 2026-11-22T00:00:00Z. */
#define WALL_S 1795305600u
#define NOW_NS (500 * NS_PER_S)

enum { ERROR_BYTES = 256, LOOKED_UP_MAX = 128 };

static int read_bytes(struct bans *bans, struct fuzz_file file, char error[ERROR_BYTES])
{
    FILE *stream = fuzz_file_open(&file);
    const int rc = bans_read(bans, "f", stream, WALL_S, NOW_NS, error, ERROR_BYTES);

    fclose(stream);
    return rc;
}

static void check_refused(const struct bans *bans, const char *error)
{
    static const struct bans nobody;

    CHECK(memcmp(bans, &nobody, sizeof(nobody)) == 0);
    CHECK(strncmp(error, "f:", 2) == 0 && strlen(error) < ERROR_BYTES - 1);
}

static int compare(const struct ban *a, const struct ban *b)
{
    return a->network.bits != b->network.bits
               ? a->network.bits - b->network.bits
               : memcmp(&a->network.first, &b->network.first, sizeof(a->network.first));
}

static void check_order(const struct bans *bans)
{
    CHECK(bans->count + bans->lifted_count <= BANS_MAX && bans->first[BAN_LENGTHS] == bans->count);
    for (uint32_t i = 0; i < bans->count; i++) {
        const struct ban *ban = &bans->bans[i];

        CHECK(ban->until_ns > NOW_NS && ban->network.bits < BAN_LENGTHS);
        CHECK(i == 0 || compare(ban - 1, ban) < 0);
        CHECK(bans->first[ban->network.bits] <= i && i < bans->first[ban->network.bits + 1]);
    }
}

/* By looking at all of them: the largest network that holds the host, of those whose time has not come. */
static const struct ban *find_slowly(const struct bans *bans, const struct host *host, uint64_t now_ns)
{
    const struct ban *largest = NULL;

    for (uint32_t i = 0; i < bans->count; i++) {
        const struct ban *ban = &bans->bans[i];

        if (ban->until_ns > now_ns && network_contains(&ban->network, host) &&
            (largest == NULL || ban->network.bits < largest->network.bits)) {
            largest = ban;
        }
    }
    return largest;
}

/* The first host of each network, the last one, and those beside it; now, and when the network's own time is over. */
static void check_found(const struct bans *bans)
{
    for (uint32_t i = 0; i < bans->count && i < LOOKED_UP_MAX; i++) {
        const struct ban *ban = &bans->bans[i];
        const uint64_t over_ns = ban->until_ns;
        struct host host = ban->network.first;

        CHECK(bans_find(bans, &host, NOW_NS) != NULL);
        for (int change = 0; change < 4; change++) {
            CHECK(bans_find(bans, &host, NOW_NS) == find_slowly(bans, &host, NOW_NS));
            CHECK(bans_find(bans, &host, over_ns) == find_slowly(bans, &host, over_ns));
            host.bytes[(ban->network.bits / 8u + (unsigned)change) % HOST_BYTES] ^=
                (uint8_t)(1u << change * 2);
        }
    }
}

static char *write_bans(const struct bans *bans, size_t *size)
{
    char network[NETWORK_TEXT_BYTES];
    char *text = NULL;
    FILE *out = open_memstream(&text, size);

    CHECK(out != NULL);
    for (uint32_t i = 0; i < bans->count; i++) {
        char until[64] = "";

        if (bans->bans[i].until_ns != BAN_FOR_EVER) {
            const time_t wall_s = (time_t)(WALL_S + (bans->bans[i].until_ns - NOW_NS) / NS_PER_S);
            struct tm broken;

            CHECK(strftime(until, sizeof(until), " %Y-%m-%dT%H:%M:%SZ", gmtime_r(&wall_s, &broken)) > 0);
        }
        fprintf(out, "%s%s\n", network_format(&bans->bans[i].network, network), until);
    }
    for (uint32_t i = 0; i < bans->lifted_count; i++) {
        fprintf(out, "%s lift\n", network_format(&bans->lifted[i], network));
    }
    CHECK(fclose(out) == 0);
    return text;
}

static void check_rewritten(const struct bans *bans)
{
    char error[ERROR_BYTES] = "";
    size_t size;
    char *text = write_bans(bans, &size);
    struct bans again;

    CHECK(read_bytes(&again, (struct fuzz_file){.bytes = (const uint8_t *)text, .size = size}, error) == 0);
    CHECK(again.count == bans->count && again.lifted_count == bans->lifted_count);
    for (uint32_t i = 0; i < bans->count; i++) {
        CHECK(compare(&again.bans[i], &bans->bans[i]) == 0 &&
              again.bans[i].until_ns == bans->bans[i].until_ns);
    }
    for (uint32_t i = 0; i < bans->lifted_count; i++) {
        CHECK(memcmp(&again.lifted[i].first, &bans->lifted[i].first, HOST_BYTES) == 0 &&
              again.lifted[i].bits == bans->lifted[i].bits);
    }
    bans_fini(&again);
    free(text);
}

/* A file of which only a part can be read is not taken, however good that part is. */
static void check_unreadable(const uint8_t *data, size_t size, int rc)
{
    char error[ERROR_BYTES] = "";
    struct bans bans;
    const struct fuzz_file half = {.bytes = data, .size = size / 2, .fails = 1};
    const int half_rc = read_bytes(&bans, half, error);

    CHECK(half_rc == -EIO || (half_rc < 0 && half_rc == rc));
    check_refused(&bans, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[ERROR_BYTES] = "";
    struct bans bans;
    const int rc = read_bytes(&bans, (struct fuzz_file){.bytes = data, .size = size}, error);

    if (rc == 0) {
        check_order(&bans);
        check_found(&bans);
        check_rewritten(&bans);
        bans_fini(&bans);
    } else {
        CHECK(rc == -EINVAL || rc == -E2BIG);
        check_refused(&bans, error);
    }
    check_unreadable(data, size, rc);
    return 0;
}
