/*
 * A room's content as bytes. Around what the module writes lies an envelope, little-endian:
 *
 *     4 bytes "RMDC", u16 version, u16 bytes of the module's name, u64 room time in ns, u64 state of the random
 *     numbers, u64 bytes of the module's own; the name; the module's own; u32 checksum of all before it
 *
 * The bytes may come from a file: nothing in them is believed before it is checked.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "room/engine.h"
#include "room/job_timer.h"
#include "room/room_content.h"
#include "room/session.h"

enum {
    SAVE_VERSION = 1,
    SAVE_AT_VERSION = 4,
    SAVE_AT_NAME_BYTES = 6,
    SAVE_AT_TIME_NS = 8,
    SAVE_AT_RANDOM = 16,
    SAVE_AT_BYTES = 24,
    SAVE_HEAD_BYTES = 32,
    SAVE_CHECKSUM_BYTES = 4,
    SAVE_OWN_BYTES_MAX = 1 << 30
};

static const uint8_t save_magic[4] = {'R', 'M', 'D', 'C'};

/* A save that was found sound. */
struct save {
    uint64_t time_ns;
    uint64_t random;
    const uint8_t *own; /* the module's */
    size_t own_bytes;
};

/* What a room has whose content would not be restored, until it is closed: nothing happens in it. */
static void nothing_close(void *state)
{
    (void)state;
}

static enum roomd_packet_result nothing_packet(void *state, uint64_t session, uint16_t id,
                                               const uint8_t *payload, size_t bytes)
{
    (void)state;
    (void)session;
    (void)id;
    (void)payload;
    (void)bytes;
    return ROOMD_PACKET_OK;
}

static const struct roomd_content nothing = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(nothing),
    .name = "nothing",
    .close = nothing_close,
    .packet = nothing_packet,
};

/* How much the module would write; 0 or -errno. */
static int room_measure(struct room *room, size_t *own_bytes)
{
    uint8_t none;

    *own_bytes = 0;

    int rc = room_content_call_save(room, &none, 0, own_bytes);

    if (rc == 0) {
        return *own_bytes == 0 ? 0 : -EIO;
    }
    if (rc != -ENOSPC) {
        return rc;
    }
    return *own_bytes == 0 || *own_bytes > SAVE_OWN_BYTES_MAX ? -EIO : 0;
}

int room_content_save(struct room *room, uint8_t **bytes, size_t *size)
{
    size_t own_bytes;
    size_t name_bytes = strlen(room->content->name);

    if (room->content->save == NULL || room->content->restore == NULL) {
        return -ENOTSUP;
    }

    int rc = room_measure(room, &own_bytes);

    if (rc < 0) {
        return rc;
    }

    size_t before = SAVE_HEAD_BYTES + name_bytes;
    uint8_t *out = memory_take(before + own_bytes + SAVE_CHECKSUM_BYTES);
    size_t written = own_bytes;

    if (out == NULL) {
        return -ENOMEM;
    }
    rc = own_bytes == 0 ? 0 : room_content_call_save(room, out + before, own_bytes, &written);
    if (rc == 0 && written > own_bytes) {
        rc = -EIO; /* it has written where it may not, or says so */
    }
    if (rc < 0) {
        memory_give(out);
        return rc;
    }
    memcpy(out, save_magic, sizeof(save_magic));
    roomd_put_u16(out + SAVE_AT_VERSION, SAVE_VERSION);
    roomd_put_u16(out + SAVE_AT_NAME_BYTES, (uint16_t)name_bytes);
    roomd_put_u64(out + SAVE_AT_TIME_NS, room->engine->now_ns - room->epoch_ns);
    roomd_put_u64(out + SAVE_AT_RANDOM, room->random);
    roomd_put_u64(out + SAVE_AT_BYTES, written);
    memcpy(out + SAVE_HEAD_BYTES, room->content->name, name_bytes);
    roomd_put_u32(out + before + written, hash_bytes(out, before + written));
    *bytes = out;
    *size = before + written + SAVE_CHECKSUM_BYTES;
    return 0;
}

static bool save_read(const struct room *room, const uint8_t *bytes, size_t size, struct save *save)
{
    const char *name = room->content->name;

    if (size < SAVE_HEAD_BYTES + SAVE_CHECKSUM_BYTES || memcmp(bytes, save_magic, sizeof(save_magic)) != 0 ||
        roomd_get_u16(bytes + SAVE_AT_VERSION) != SAVE_VERSION) {
        return false;
    }

    size_t name_bytes = roomd_get_u16(bytes + SAVE_AT_NAME_BYTES);
    size_t rest = size - SAVE_HEAD_BYTES - SAVE_CHECKSUM_BYTES;

    if (name_bytes > rest || name_bytes != strlen(name) ||
        memcmp(bytes + SAVE_HEAD_BYTES, name, name_bytes) != 0 ||
        roomd_get_u64(bytes + SAVE_AT_BYTES) != rest - name_bytes ||
        roomd_get_u32(bytes + size - SAVE_CHECKSUM_BYTES) != hash_bytes(bytes, size - SAVE_CHECKSUM_BYTES)) {
        return false;
    }
    *save = (struct save){.time_ns = roomd_get_u64(bytes + SAVE_AT_TIME_NS),
                          .random = roomd_get_u64(bytes + SAVE_AT_RANDOM),
                          .own = bytes + SAVE_HEAD_BYTES + name_bytes,
                          .own_bytes = rest - name_bytes};
    return save->time_ns <= UINT64_MAX / 2;
}

/* Everything that the content has of the room goes; its packets wait on, and its players stay. */
static void room_clear(struct room *room)
{
    for (uint32_t i = 0; i < room->member_count; i++) {
        room->members[i]->user = NULL;
    }
    room_content_clear(room);
}

int room_content_restore(struct room *room, const struct roomd_host *host, const uint8_t *bytes, size_t size)
{
    struct save save;

    CHECK(!room->engine->is_playing);
    if (room->content->save == NULL || room->content->restore == NULL) {
        return -ENOTSUP;
    }
    if (!save_read(room, bytes, size, &save)) {
        return -EINVAL;
    }
    room_content_call_close(room);
    room_clear(room);
    room->epoch_ns = room->engine->now_ns - save.time_ns;
    room->random = save.random;

    int rc = room_content_call_restore(room, host, save.own, save.own_bytes);

    if (rc < 0) {
        LOG(LOG_LEVEL_ERROR, "restore_failed", "room=%s content=%s error=\"%s\"", room->log_name,
            room->content->name, strerror(-rc));
        room_clear(room);
        room->content = &nothing;
        room->content_state = NULL;
        room_retire(room);
    }
    return rc;
}
