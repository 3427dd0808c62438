/* A queue of plain bytes: what the model of the gather floor keeps of everything. */
#ifndef TESTS_SUPPORT_GATHER_BYTES_H
#define TESTS_SUPPORT_GATHER_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct model_bytes {
    uint8_t *data;
    size_t first;
    size_t end;
    size_t capacity;
};

static inline size_t bytes_size(const struct model_bytes *bytes)
{
    return bytes->end - bytes->first;
}

static inline void bytes_add(struct model_bytes *bytes, const uint8_t *data, size_t size)
{
    size_t kept = bytes_size(bytes);

    if (size == 0) {
        return;
    }
    if (bytes->end + size > bytes->capacity) {
        struct model_bytes grown = {.end = kept, .capacity = (kept + size) * 2};

        grown.data = malloc(grown.capacity);
        if (grown.data == NULL) {
            abort();
        }
        if (kept > 0) {
            memcpy(grown.data, bytes->data + bytes->first, kept);
        }
        free(bytes->data);
        *bytes = grown;
    }
    memcpy(bytes->data + bytes->end, data, size);
    bytes->end += size;
}

/* Moves the first `size` bytes of `from` to the end of `to`; nowhere when `to` is NULL. */
static inline void bytes_move(struct model_bytes *to, struct model_bytes *from, size_t size)
{
    if (to != NULL && size > 0) {
        bytes_add(to, from->data + from->first, size);
    }
    from->first += size;
}

static inline void bytes_free(struct model_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct model_bytes){0};
}

#endif
