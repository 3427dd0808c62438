#include "gather/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

/*
 * Where the last packet of each key lies: open addressing with linear probing. An entry whose packet has been
 * pulled is as good as empty. All of them become so at the same moment, since pulling always goes to the end;
 * that is why probing past such entries is never needed.
 */
struct stream_key {
    uint64_t key;
    uint64_t position;
    uint8_t *packet;
    size_t bytes; /* 0: never used */
};

struct stream_keys {
    size_t mask; /* entries - 1; a power of two */
    size_t live; /* entries whose packets lie at or after `live_from` */
    uint64_t live_from;
    struct stream_key entries[];
};

enum { STREAM_KEYS_MIN = 64 };

void stream_init(struct stream *stream, struct chunk_pool *chunks)
{
    *stream = (struct stream){.chunks = chunks};
    list_init(&stream->link);
}

static void stream_drop_chunks(struct stream *stream)
{
    while (stream->head != NULL) {
        struct chunk *chunk = stream->head;

        stream->head = chunk->next;
        chunk_unref(chunk);
    }
    stream->tail = NULL;
}

void stream_fini(struct stream *stream)
{
    CHECK(stream->followers == 0);
    list_remove(&stream->link);
    stream_drop_chunks(stream);
    memory_give(stream->keys);
    stream_init(stream, stream->chunks);
}

void stream_clear(struct stream *stream)
{
    CHECK(stream->followers == 0);
    stream_drop_chunks(stream);
    if (stream->keys != NULL && stream->keys->mask >= STREAM_KEYS_MIN) {
        memory_give(stream->keys); /* it had many once: that is no reason to have as many again */
        stream->keys = NULL;
    }
    stream_set_barrier(stream);
    stream->mark = stream->end;
    stream->mark_packets = stream->packets;
    stream->emptied = stream->end;
}

/* Whether `bytes` more, with all that was written since everything was last read, fit a small chunk. */
static bool stream_fits_small(const struct stream *stream, size_t bytes)
{
    return stream->starts_small && stream->end - stream->emptied + bytes <= stream->chunks->small_bytes;
}

uint8_t *stream_reserve(struct stream *stream, size_t bytes)
{
    CHECK(bytes > 0);
    if (stream->tail == NULL || bytes > stream->tail->size - stream->tail->used) {
        struct chunk *chunk = stream_fits_small(stream, bytes) ? chunk_open_small(stream->chunks, bytes)
                                                               : chunk_open(stream->chunks, bytes);

        if (chunk == NULL) {
            return NULL;
        }
        chunk->base = stream->end;
        chunk->packets = stream->packets;
        if (stream->tail != NULL) {
            stream->tail->next = chunk;
        } else {
            stream->head = chunk;
        }
        stream->tail = chunk;
    }
    return stream->tail->bytes + stream->tail->used;
}

void stream_commit(struct stream *stream, size_t bytes)
{
    CHECK(stream->tail != NULL && bytes <= stream->tail->size - stream->tail->used);
    stream->tail->used += (uint32_t)bytes;
    stream->end += bytes;
    stream->packets++;
    stream->tail->packets = stream->packets;
}

int stream_append(struct stream *stream, const void *packet, size_t bytes)
{
    uint8_t *room = stream_reserve(stream, bytes);

    if (room == NULL) {
        return -ENOMEM;
    }
    memcpy(room, packet, bytes);
    stream_commit(stream, bytes);
    return 0;
}

/* The entry of `key`, or the free one where it would go. The table always has a free one. */
static struct stream_key *stream_keys_find(struct stream_keys *keys, uint64_t key, uint64_t pulled)
{
    for (size_t at = hash_u64(key) & keys->mask;; at = (at + 1) & keys->mask) {
        struct stream_key *entry = &keys->entries[at];

        if (entry->bytes == 0 || entry->position < pulled || entry->key == key) {
            return entry;
        }
    }
}

/* Makes sure that one more live entry leaves the table at most half full. 0 or -ENOMEM. */
static int stream_keys_grow(struct stream *stream)
{
    struct stream_keys *old = stream->keys;

    if (old != NULL && old->live_from != stream->pulled) {
        old->live = 0;
        old->live_from = stream->pulled;
    }
    if (old != NULL && (old->live + 1) * 2 <= old->mask + 1) {
        return 0;
    }

    size_t count = old == NULL ? STREAM_KEYS_MIN : (old->mask + 1) * 2;
    struct stream_keys *keys = memory_take_zeroed(1, sizeof(*keys) + count * sizeof(keys->entries[0]));

    if (keys == NULL) {
        return -ENOMEM;
    }
    keys->mask = count - 1;
    keys->live_from = stream->pulled;
    for (size_t i = 0; old != NULL && i <= old->mask; i++) {
        const struct stream_key *entry = &old->entries[i];

        if (entry->bytes != 0 && entry->position >= stream->pulled) {
            *stream_keys_find(keys, entry->key, stream->pulled) = *entry;
            keys->live++;
        }
    }
    memory_give(old);
    stream->keys = keys;
    return 0;
}

int stream_append_keyed(struct stream *stream, uint64_t key, const void *packet, size_t bytes)
{
    if (stream_keys_grow(stream) < 0) {
        return -ENOMEM;
    }

    struct stream_key *entry = stream_keys_find(stream->keys, key, stream->pulled);
    bool is_live = entry->bytes != 0 && entry->position >= stream->pulled;

    if (is_live && entry->bytes == bytes) {
        memcpy(entry->packet, packet, bytes);
        return 1;
    }

    uint64_t position = stream->end;
    int rc = stream_append(stream, packet, bytes);

    if (rc < 0) {
        return rc;
    }
    stream->keys->live += is_live ? 0 : 1;
    *entry = (struct stream_key){
        .key = key,
        .position = position,
        .packet = stream->tail->bytes + stream->tail->used - bytes,
        .bytes = bytes,
    };
    return 0;
}

uint64_t stream_mark(struct stream *stream, uint64_t bytes_max)
{
    uint64_t from = stream->mark;

    stream->pulled = stream->end;
    stream->mark = stream->end;
    stream->mark_packets = stream->packets;
    if (stream->end - from <= bytes_max) {
        return stream->mark;
    }
    for (const struct chunk *chunk = stream->head; chunk != NULL; chunk = chunk->next) {
        uint64_t chunk_end = chunk->base + chunk->used;

        if (chunk_end <= from) {
            continue;
        }
        if (stream->mark != stream->end && chunk_end - from > bytes_max) {
            break;
        }
        stream->mark = chunk_end;
        stream->mark_packets = chunk->packets;
        if (chunk_end - from >= bytes_max) {
            break;
        }
    }
    return stream->mark;
}

void stream_set_barrier(struct stream *stream)
{
    stream->pulled = stream->end;
    stream->barrier = stream->end;
    stream->barrier_packets = stream->packets;
}

/* All that is in the tail has been read, and nobody else holds it. */
static void stream_rewind(struct stream *stream)
{
    struct chunk *tail = stream->tail;
    const struct chunk_pool *pool = stream->chunks;

    if (tail->size > pool->chunk_bytes || (tail->size > pool->small_bytes && stream_fits_small(stream, 0))) {
        stream_drop_chunks(stream);
        return;
    }
    tail->base = stream->end;
    tail->used = 0;
}

void stream_trim(struct stream *stream, uint64_t position)
{
    struct chunk *tail = stream->tail;

    CHECK(position <= stream->end);
    if (stream->pulled < position) {
        stream->pulled = stream->end;
    }
    while (stream->head != tail && stream->head->base + stream->head->used <= position) {
        struct chunk *chunk = stream->head;

        stream->head = chunk->next;
        chunk_unref(chunk);
    }
    if (position < stream->end) {
        return;
    }
    if (tail != NULL && tail->refs == 1) {
        stream_rewind(stream);
    }
    stream->emptied = stream->end;
}
