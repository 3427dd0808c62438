/*
 * The bytes of a saved room, around those of its content. Whatever is refused leaves the room as it was; whatever is
 * taken hands the content its own, bit by bit, and saves as the same bytes again. A content that refuses its own ends
 * the room.
 *
 * Input: u8 how, then the bytes. how: bit 0: their checksum is not among them, but put behind them; bit 1: the room's
 * content can't be saved.
 */
#include "fuzz.h"

#include "base/hash.h"
#include "base/memory.h"
#include "room/room_content.h"
#include "support/engine_fixture.h"

#include <errno.h>

enum { CHECKSUM_BYTES = 4 };

/* A content whose state is its bytes, as many as it was restored from. It refuses those that begin with a !. */
struct echo {
    size_t size;
    uint8_t bytes[];
};

static int echo_restore(const struct roomd_host *host, struct roomd_room *room, const void *bytes,
                        size_t size, void **state)
{
    struct echo *echo = host->alloc(room, sizeof(*echo) + size);

    if (echo == NULL) {
        return -ENOMEM;
    }
    echo->size = size;
    if (size > 0) {
        memcpy(echo->bytes, bytes, size);
    }
    *state = echo;
    return size > 0 && echo->bytes[0] == '!' ? -EBADMSG : 0;
}

static int echo_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    return echo_restore(host, room, "as it was", 9, state);
}

static void echo_close(void *state)
{
    (void)state;
}

static int echo_save(void *state, void *out, size_t size, size_t *bytes)
{
    const struct echo *echo = state;

    *bytes = echo->size;
    if (echo->size > size) {
        return -ENOSPC;
    }
    if (echo->size > 0) {
        memcpy(out, echo->bytes, echo->size);
    }
    return 0;
}

static enum roomd_packet_result echo_packet(void *state, uint64_t session, uint16_t id,
                                            const uint8_t *payload, size_t bytes)
{
    (void)state;
    (void)session;
    (void)id;
    (void)payload;
    (void)bytes;
    return ROOMD_PACKET_OK;
}

#define ECHO                                                                                                 \
    .abi = ROOMD_CONTENT_ABI, .size = sizeof(struct roomd_content), .name = "echo", .open = echo_open,       \
    .close = echo_close, .packet = echo_packet

static const struct roomd_content echo_content = {ECHO, .save = echo_save, .restore = echo_restore};
static const struct roomd_content mute_content = {ECHO};

static void check_saves_as(struct room *room, const uint8_t *wanted, size_t wanted_size)
{
    uint8_t *bytes;
    size_t size;

    CHECK(room_content_save(room, &bytes, &size) == 0);
    CHECK(size == wanted_size && memcmp(bytes, wanted, size) == 0);
    memory_give(bytes);
}

static void check_restore(struct room *room, const struct roomd_host *host, const uint8_t *bytes, size_t size)
{
    uint8_t *before;
    size_t before_size;

    CHECK(room_content_save(room, &before, &before_size) == 0);
    const int rc = room_content_restore(room, host, bytes, size);

    if (rc == 0) {
        check_saves_as(room, bytes, size);
    } else if (rc == -EINVAL) {
        check_saves_as(room, before, before_size);
    } else {
        CHECK(rc == -EBADMSG || (rc == -ENOMEM && size > room->options.memory_bytes_max / 2));
        CHECK(room->is_closing && room_content_save(room, &(uint8_t *){NULL}, &(size_t){0}) == -ENOTSUP);
    }
    memory_give(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture *fixture;

    if (size < 1) {
        return 0;
    }
    if (fixture == NULL) { /* it lives as long as the process */
        const struct engine_limits limits = fixture_limits();

        fixture = fixture_open(&limits);
    }
    size_t bytes_size = size - 1;
    uint8_t *bytes = malloc(bytes_size + CHECKSUM_BYTES);

    CHECK(bytes != NULL);
    memcpy(bytes, data + 1, bytes_size);
    if (data[0] & 1) {
        roomd_put_u32(bytes + bytes_size, hash_bytes(bytes, bytes_size));
        bytes_size += CHECKSUM_BYTES;
    }
    uint8_t *exact = fuzz_copy(bytes, bytes_size);
    struct room *room = fixture_room_of(fixture, "r", NULL, data[0] & 2 ? &mute_content : &echo_content);

    free(bytes);
    if (data[0] & 2) {
        CHECK(room_content_restore(room, fixture->engine.host, exact, bytes_size) == -ENOTSUP);
    } else {
        check_restore(room, fixture->engine.host, exact, bytes_size);
    }
    room_retire(room);
    fixture_reap(fixture);
    CHECK(fixture->engine.lobby.count == 0 && fixture->engine.lobby.closing == 0);
    free(exact);
    return 0;
}
