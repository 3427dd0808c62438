/* The content's memory: blocks from malloc, each on its room's list, so that all goes when the room goes. */
#include "room/room_content.h"

#include <stdalign.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

/* What lies before what the content was given. */
struct block {
    struct list link; /* room->memory */
    struct room *room;
    size_t bytes; /* as asked for */
};

/* From a block's beginning to the content's bytes. */
#define BLOCK_HEAD_BYTES                                                                                     \
    ((sizeof(struct block) + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t))

/* What a block counts for against memory_bytes_max. */
static uint64_t block_cost(size_t bytes)
{
    return (uint64_t)bytes + BLOCK_HEAD_BYTES;
}

static struct block *block_of(const struct room *room, void *memory)
{
    struct block *block = (struct block *)(void *)((char *)memory - BLOCK_HEAD_BYTES);

    CHECK(block->room == room); /* not another room's, nor given back already */
    return block;
}

static void *block_content(struct block *block)
{
    return (char *)block + BLOCK_HEAD_BYTES;
}

/* Whether `more` bytes on top of `used` stay within the room's limit. */
static bool room_has_memory(const struct room *room, uint64_t used, size_t more)
{
    return more <= SIZE_MAX - BLOCK_HEAD_BYTES && block_cost(more) <= room->options.memory_bytes_max &&
           used <= room->options.memory_bytes_max - block_cost(more);
}

void *room_content_alloc(struct room *room, size_t bytes)
{
    if (!room_has_memory(room, room->memory_bytes, bytes)) {
        return NULL;
    }

    struct block *block = memory_take_zeroed(1, BLOCK_HEAD_BYTES + bytes);

    if (block == NULL) {
        return NULL;
    }
    block->room = room;
    block->bytes = bytes;
    list_init(&block->link);
    list_push(&room->memory, &block->link);
    room->memory_bytes += block_cost(bytes);
    return block_content(block);
}

void *room_content_resize(struct room *room, void *memory, size_t bytes)
{
    if (memory == NULL) {
        return room_content_alloc(room, bytes);
    }

    struct block *block = block_of(room, memory);
    uint64_t others = room->memory_bytes - block_cost(block->bytes);

    /* What shrinks may do so even when a reload has left the limit below what is used. */
    if (bytes > block->bytes && !room_has_memory(room, others, bytes)) {
        return NULL;
    }
    list_remove(&block->link);

    struct block *moved = memory_resize(block, BLOCK_HEAD_BYTES + bytes);

    if (moved == NULL) {
        list_push(&room->memory, &block->link);
        return NULL;
    }
    moved->bytes = bytes;
    list_init(&moved->link);
    list_push(&room->memory, &moved->link);
    room->memory_bytes = others + block_cost(bytes);
    return block_content(moved);
}

static void block_free(struct room *room, struct block *block)
{
    list_remove(&block->link);
    room->memory_bytes -= block_cost(block->bytes);
    block->room = NULL;
    memory_give(block);
}

void room_content_free(struct room *room, void *memory)
{
    if (memory != NULL) {
        block_free(room, block_of(room, memory));
    }
}

void room_content_free_memory(struct room *room)
{
    while (!list_is_empty(&room->memory)) {
        block_free(room, LIST_ENTRY(room->memory.next, struct block, link));
    }
    CHECK(room->memory_bytes == 0);
}
