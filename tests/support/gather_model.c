#include "support/gather_model.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/asan.h"
#include "base/hash.h"
#include "support/gather_bytes.h"
#include "support/gather_packet.h"

#if ASAN_IS_ON
#include <sanitizer/common_interface_defs.h>
#endif

#define EXPECT(condition) MODEL_EXPECT(model, condition)

/* Where a run that ends without a word of its own (a failed CHECK, a sanitizer's report) was. */
static const struct model *running;

static void running_print(void)
{
    char line[160];
    int size;

    if (running == NULL) {
        return;
    }
    size =
        snprintf(line, sizeof(line),
                 "failed at step %" PRIu64 "; to replay: GATHER_SEED=%" PRIu64 " GATHER_STEPS=%" PRIu64 "\n",
                 running->step, running->seed, running->step + 1);
    if (write(STDERR_FILENO, line, (size_t)size) < 0) {
        return; /* there is nowhere left to say it */
    }
}

static void abort_print(int signal_number)
{
    running_print();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void model_fail(const struct model *model, const char *condition, const char *file, int line)
{
    running = model;
    running_print();
    running = NULL;
    print_error("expected %s\n", condition);
    _fail(file, line);
    abort();
}

uint64_t model_draw(struct model *model, uint64_t below)
{
    model->random += 0x9E3779B97F4A7C15u;
    return hash_u64(model->random) % below;
}

struct model_follow *model_find(struct model *model, unsigned r, unsigned s)
{
    struct model_reader *reader = &model->model_readers[r];

    for (unsigned i = 0; i < reader->count; i++) {
        if (reader->follows[i].stream == s) {
            return &reader->follows[i];
        }
    }
    return NULL;
}

/* Several of the same order, too. */
static void open_stream(struct model *model, unsigned s)
{
    static const uint64_t tops[] = {0, UINT32_MAX, (uint64_t)UINT32_MAX + 1};

    stream_init(&model->streams[s], &model->gather.chunks);
    model->streams[s].order = model_draw(model, 8) == 0 ? tops[model_draw(model, 3)] : model_draw(model, 10);
    model->streams[s].starts_small = model_draw(model, 2) == 0;
}

void model_init(struct model *model, uint64_t seed)
{
    static const uint32_t chunk_bytes[] = {1, 16, 64, 200, MODEL_CHUNK_BYTES_MAX};
    static const uint32_t chunk_counts[] = {8, 40, 1000};
    static const uint32_t block_counts[] = {1, 3, 30, 100000};
    struct model_met met = model->met;
    uint32_t bytes;

    *model = (struct model){.seed = seed, .random = hash_u64(seed), .met = met};
    running = model;
    signal(SIGABRT, abort_print);
#if ASAN_IS_ON
    __sanitizer_set_death_callback(running_print);
#endif
    bytes = chunk_bytes[model_draw(model, 5)];
    gather_init(&model->gather, bytes,
                (sizeof(struct chunk) + bytes * 3) * chunk_counts[model_draw(model, 3)],
                block_counts[model_draw(model, 4)]);
    model->stream_count = 1 + (unsigned)model_draw(model, MODEL_STREAMS_MAX);
    model->reader_count = 1 + (unsigned)model_draw(model, MODEL_READERS_MAX);
    stream_init(&model->private_stream, &model->gather.chunks);
    model->gather.chunks.small_bytes = 1 + (uint32_t)model_draw(model, bytes);
    for (unsigned s = 0; s < model->stream_count; s++) {
        open_stream(model, s);
    }
    for (unsigned r = 0; r < model->reader_count; r++) {
        reader_init(&model->readers[r]);
    }
}

void model_fini(struct model *model)
{
    for (unsigned r = 0; r < model->reader_count; r++) {
        model_drop(model, r);
    }
    for (unsigned s = 0; s < model->stream_count; s++) {
        stream_fini(&model->streams[s]);
        bytes_free(&model->model_streams[s].borders);
    }
    stream_fini(&model->private_stream);
    EXPECT(model->gather.chunks.live == 0 && model->gather.blocks.used == 0);
    gather_fini(&model->gather);
    signal(SIGABRT, SIG_DFL);
    running = NULL;
}

static void draw_bytes(struct model *model, size_t bytes)
{
    EXPECT(bytes > 0 && bytes <= sizeof(model->packet));
    for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
        uint64_t word = model_draw(model, UINT64_MAX);

        memcpy(model->packet + i, &word, bytes - i < sizeof(word) ? bytes - i : sizeof(word));
    }
    packet_put_length(model->packet, bytes);
}

/* Small, ordinary and outsize ones, and those that just fit what is left of the tail, or just don't. */
size_t model_draw_packet(struct model *model, const struct stream *stream)
{
    size_t chunk_bytes = model->gather.chunks.chunk_bytes;
    size_t left = stream->tail != NULL ? stream->tail->size - stream->tail->used : 0;
    size_t sizes[] = {1,
                      1 + model_draw(model, 8),
                      1 + model_draw(model, chunk_bytes),
                      1 + model_draw(model, (chunk_bytes + 3) / 4),
                      chunk_bytes,
                      left,
                      left + 1,
                      chunk_bytes + 1 + model_draw(model, 2 * chunk_bytes)};
    size_t bytes = sizes[model_draw(model, sizeof(sizes) / sizeof(sizes[0]))];

    bytes = bytes > 0 ? bytes : 1;
    draw_bytes(model, bytes);
    model->met.outsize += bytes > chunk_bytes;
    return bytes;
}

/* An append may be refused only when the pool, its cache given up, has no place for the chunk that it takes.
 */
void model_expect_no_chunk(struct model *model, size_t bytes, bool is_small)
{
    const struct chunk_pool *pool = &model->gather.chunks;
    uint64_t size = bytes > pool->chunk_bytes ? bytes : is_small ? pool->small_bytes : pool->chunk_bytes;

    EXPECT(pool->ordinary.first == NULL && pool->small.first == NULL);
    EXPECT(pool->memory_bytes + sizeof(struct chunk) + size > pool->memory_bytes_max);
    model->met.no_chunk++;
}

/* Whether a new chunk for a packet of stream `s` is to be a small one. */
static bool fits_small(const struct model *model, unsigned s, size_t bytes)
{
    const struct model_stream *stream = &model->model_streams[s];

    return model->streams[s].starts_small &&
           stream->end - stream->emptied + bytes <= model->gather.chunks.small_bytes;
}

static void appended(struct model *model, unsigned s, size_t bytes)
{
    bool is_small = model->streams[s].tail->size <= model->gather.chunks.small_bytes;

    for (unsigned r = 0; r < model->reader_count; r++) {
        struct model_follow *follow = model_find(model, r, s);

        if (follow != NULL) {
            bytes_add(&follow->pending, model->packet, bytes);
        }
    }
    model->model_streams[s].end += bytes;
    bytes_add(&model->model_streams[s].borders, (const uint8_t *)&model->model_streams[s].end,
              sizeof(uint64_t));
    model->met.appended++;
    model->met.small += is_small && model->streams[s].starts_small;
}

bool model_append(struct model *model, unsigned s)
{
    struct stream *stream = &model->streams[s];
    size_t bytes = model_draw_packet(model, stream);
    bool is_whole = true;
    int rc = 0;

    if (model_draw(model, 2) == 0) {
        rc = stream_append(stream, model->packet, bytes);
    } else {
        uint8_t *room = stream_reserve(stream, bytes);

        rc = room != NULL ? 0 : -ENOMEM;
        is_whole = room != NULL && model_draw(model, 8) > 0;
        if (room != NULL) {
            memcpy(room, model->packet, bytes);
        }
        if (is_whole) {
            stream_commit(stream, bytes);
        }
    }
    if (rc < 0) {
        EXPECT(rc == -ENOMEM);
        model_expect_no_chunk(model, bytes, fits_small(model, s, bytes));
        return false;
    }
    if (is_whole) {
        appended(model, s, bytes);
    }
    return true;
}

static void overwritten(struct model *model, unsigned s, const struct model_key *key)
{
    for (unsigned r = 0; r < model->reader_count; r++) {
        struct model_follow *follow = model_find(model, r, s);

        if (follow != NULL && key->position >= follow->start) {
            memcpy(follow->pending.data + follow->pending.first + (key->position - follow->start),
                   model->packet, key->bytes);
        } else if (follow != NULL) {
            EXPECT(key->position < follow->skipped_to);
        }
    }
    model->met.overwritten++;
}

bool model_append_keyed(struct model *model, unsigned s)
{
    struct model_stream *stream = &model->model_streams[s];
    uint64_t k = model_draw(model, model_draw(model, 2) == 0 ? 4 : MODEL_KEYS);
    struct model_key *key = &stream->keys[k];
    size_t bytes = key->is_there && model_draw(model, 8) > 0 ? key->bytes : 1 + model_draw(model, 12);
    int rc;

    draw_bytes(model, bytes);
    rc = stream_append_keyed(&model->streams[s], k << 40 | k, model->packet, bytes);
    if (rc < 0) {
        EXPECT(rc == -ENOMEM);
        EXPECT(!key->is_there || key->bytes != bytes || key->position < stream->open);
        model_expect_no_chunk(model, bytes, fits_small(model, s, bytes));
        return false;
    }
    if (rc == 1) {
        EXPECT(key->is_there && key->bytes == bytes && key->position >= stream->closed);
        overwritten(model, s, key);
        return true;
    }
    EXPECT(rc == 0);
    EXPECT(!key->is_there || key->bytes != bytes || key->position < stream->open);
    *key = (struct model_key){.is_there = true, .position = stream->end, .bytes = bytes};
    appended(model, s, bytes);
    model->met.keyed_appended++;
    return true;
}

void model_append_but_one(struct model *model, unsigned s, unsigned r)
{
    struct model_follow *follow = model_find(model, r, s);
    bool is_keyed = model_draw(model, 4) == 0;

    if (!model_pull(model, r, false) || !(is_keyed ? model_append_keyed(model, s) : model_append(model, s))) {
        return;
    }
    reader_skip(&model->readers[r], &model->streams[s]);
    if (follow != NULL) {
        bytes_move(NULL, &follow->pending, bytes_size(&follow->pending));
        follow->start = model->model_streams[s].end;
        follow->skipped_to = follow->start;
        model->model_streams[s].open = follow->start;
        model->met.skipped++;
    }
}

void model_write(struct model *model, unsigned r)
{
    struct outbox *outbox = &model->readers[r].outbox;
    struct model_bytes *unsent = &model->model_readers[r].unsent;
    struct iovec iov[20];
    int iov_max = (int)model_draw(model, 21);
    int count = outbox_iovecs(outbox, iov, iov_max);
    size_t total = 0;

    EXPECT(count <= iov_max && (count == iov_max || (uint32_t)count == outbox->slices));
    for (int i = 0; i < count; i++) {
        EXPECT(iov[i].iov_len > 0 && total + iov[i].iov_len <= bytes_size(unsent));
        EXPECT(memcmp(iov[i].iov_base, unsent->data + unsent->first + total, iov[i].iov_len) == 0);
        total += iov[i].iov_len;
    }
    if (model->step < model->model_readers[r].slow_until) {
        return;
    }

    size_t cuts[] = {
        0, total > 0, total, total, count > 0 ? iov[0].iov_len : 0, model_draw(model, total + 1)};
    size_t sent = cuts[model_draw(model, sizeof(cuts) / sizeof(cuts[0]))];

    outbox_consume(outbox, &model->gather.blocks, sent);
    model_sent(model, r, sent);
    model->met.short_writes += sent < total;
}

/* Behind those of its order and of lower ones. */
static void insert_follow(struct model *model, struct model_reader *reader, unsigned s)
{
    uint64_t end = model->model_streams[s].end;
    unsigned at = reader->count++;

    for (; at > 0 && model->streams[reader->follows[at - 1].stream].order > model->streams[s].order; at--) {
        reader->follows[at] = reader->follows[at - 1];
        model->met.sorted++;
    }
    reader->follows[at] = (struct model_follow){.stream = s, .start = end};
}

void model_follow(struct model *model, unsigned r, unsigned s)
{
    struct model_reader *reader = &model->model_readers[r];
    struct model_stream *stream = &model->model_streams[s];

    if (model_find(model, r, s) != NULL) {
        EXPECT(reader_follow(&model->readers[r], &model->streams[s]) == -EALREADY);
    } else if (reader->count < MODEL_FOLLOWS_MAX) {
        EXPECT(reader_follow(&model->readers[r], &model->streams[s]) == 0);
        insert_follow(model, reader, s);
        stream->closed = stream->end;
        stream->open = stream->end;
    }
}

void model_unfollow(struct model *model, unsigned r, unsigned s)
{
    struct model_reader *reader = &model->model_readers[r];
    struct model_follow *follow = model_find(model, r, s);

    reader_unfollow(&model->readers[r], &model->streams[s]);
    if (follow != NULL) {
        unsigned at = (unsigned)(follow - reader->follows);

        bytes_free(&follow->pending);
        for (reader->count--; at < reader->count; at++) {
            reader->follows[at] = reader->follows[at + 1];
        }
    }
}

void model_unfollow_all(struct model *model, unsigned r)
{
    struct model_reader *reader = &model->model_readers[r];

    reader_unfollow_all(&model->readers[r]);
    while (reader->count > 0) {
        bytes_free(&reader->follows[--reader->count].pending);
    }
}

void model_drop(struct model *model, unsigned r)
{
    struct model_reader *reader = &model->model_readers[r];

    reader_fini(&model->readers[r], &model->gather);
    for (unsigned i = 0; i < reader->count; i++) {
        bytes_free(&reader->follows[i].pending);
    }
    bytes_free(&reader->unsent);
    bytes_free(&reader->waiting);
    *reader = (struct model_reader){0};
}

/* Put aside and taken up again, at the position that it had come to. */
static void clear_stream(struct model *model, unsigned s)
{
    struct model_stream *stream = &model->model_streams[s];

    stream_clear(&model->streams[s]);
    EXPECT(model->streams[s].head == NULL && model->streams[s].end == stream->end);
    stream->closed = stream->end;
    stream->open = stream->end;
    stream->mark = stream->end;
    stream->barrier = stream->end;
    stream->emptied = stream->end;
    model->met.cleared++;
}

void model_close(struct model *model, unsigned s)
{
    for (unsigned r = 0; r < model->reader_count; r++) {
        model_unfollow(model, r, s);
    }
    if (model_draw(model, 2) == 0) {
        clear_stream(model, s);
        return;
    }
    stream_fini(&model->streams[s]);
    open_stream(model, s);
    bytes_free(&model->model_streams[s].borders);
    model->model_streams[s] = (struct model_stream){0};
}
