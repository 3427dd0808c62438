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

static struct model_follow *model_find(struct model *model, unsigned r, unsigned s)
{
    struct model_reader *reader = &model->model_readers[r];

    for (unsigned i = 0; i < reader->count; i++) {
        if (reader->follows[i].stream == s) {
            return &reader->follows[i];
        }
    }
    return NULL;
}

void model_init(struct model *model, uint64_t seed)
{
    static const uint32_t chunk_bytes[] = {1, 16, 64, 200, MODEL_CHUNK_BYTES_MAX};
    static const uint32_t chunk_counts[] = {8, 40, 1000};
    static const uint32_t block_counts[] = {3, 30, 100000};
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
                block_counts[model_draw(model, 3)]);
    model->stream_count = 1 + (unsigned)model_draw(model, MODEL_STREAMS_MAX);
    model->reader_count = 1 + (unsigned)model_draw(model, MODEL_READERS_MAX);
    stream_init(&model->private_stream, &model->gather.chunks);
    for (unsigned s = 0; s < model->stream_count; s++) {
        stream_init(&model->streams[s], &model->gather.chunks);
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
        model_close(model, s);
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
}

/* Small, ordinary and outsize ones, and those that just fit what is left of the tail, or just don't. */
static size_t draw_packet(struct model *model, const struct stream *stream)
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
static void expect_no_chunk(struct model *model, size_t bytes)
{
    const struct chunk_pool *pool = &model->gather.chunks;
    uint64_t size = bytes > pool->chunk_bytes ? bytes : pool->chunk_bytes;

    EXPECT(pool->cache == NULL);
    EXPECT(pool->memory_bytes + sizeof(struct chunk) + size > pool->memory_bytes_max);
    model->met.no_chunk++;
}

static void appended(struct model *model, unsigned s, size_t bytes)
{
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
}

bool model_append(struct model *model, unsigned s)
{
    struct stream *stream = &model->streams[s];
    size_t bytes = draw_packet(model, stream);
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
        expect_no_chunk(model, bytes);
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
        expect_no_chunk(model, bytes);
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

/* Packets that end behind `from`, up to and with `to`. */
static uint64_t packets_between(const struct model_stream *stream, uint64_t from, uint64_t to)
{
    uint64_t packets = 0;

    for (size_t at = stream->borders.end; at > stream->borders.first; at -= sizeof(uint64_t)) {
        uint64_t border;

        memcpy(&border, stream->borders.data + at - sizeof(border), sizeof(border));
        if (border <= from) {
            break;
        }
        packets += border <= to;
    }
    return packets;
}

/* Does to the model what a pull did to the code; how far it came is read off the positions. */
static bool pulled(struct model *model, unsigned r, bool is_marked)
{
    struct model_reader *reader = &model->model_readers[r];
    const struct reader *real = &model->readers[r];
    const struct follow *real_follows = real->many != NULL ? real->many : &real->one;
    bool is_whole = true;

    for (unsigned i = 0; i < reader->count; i++) {
        struct model_follow *follow = &reader->follows[i];
        struct model_stream *stream = &model->model_streams[follow->stream];
        uint64_t to = is_marked ? stream->mark : stream->end;
        uint64_t due = follow->start < to ? to - follow->start : 0;
        uint64_t moved = real_follows[i].seen - follow->start;

        EXPECT(moved <= due && (is_whole || moved == 0));
        if (due == 0 || !is_whole) {
            continue;
        }
        stream->open = is_marked ? stream->open : stream->end;
        bytes_move(&reader->unsent, &follow->pending, moved);
        follow->start += moved;
        if (moved > 0 && stream->closed < follow->start) {
            stream->closed = follow->start;
        }
        is_whole = moved == due;
        if (is_whole) {
            model->deliveries += packets_between(stream, follow->counted, to);
            follow->counted = to;
        } else {
            model->met.half_pulled += moved > 0;
        }
    }
    model->met.many_follows += reader->count > 1;
    return is_whole;
}

bool model_pull(struct model *model, unsigned r, bool is_marked)
{
    uint64_t refused = model->gather.outbox_refused;
    int rc = is_marked ? reader_pull_marked(&model->readers[r], &model->gather, model->step)
                       : reader_pull(&model->readers[r], &model->gather, model->step);
    bool is_whole = pulled(model, r, is_marked);

    EXPECT(is_whole == (rc == 0) && model->gather.outbox_refused - refused == !is_whole);
    if (rc < 0) {
        EXPECT(rc == -ENOMEM && model->gather.blocks.used == model->gather.blocks.limit);
        model->met.no_block++;
    }
    return is_whole;
}

uint64_t model_mark(struct model *model, unsigned s, uint64_t bytes_max)
{
    struct stream *stream = &model->streams[s];
    struct model_stream *expected = &model->model_streams[s];
    uint64_t mark = 0; /* nothing yet */

    for (const struct chunk *chunk = stream->head; chunk != NULL; chunk = chunk->next) {
        uint64_t end = chunk->base + chunk->used;

        if (end > expected->mark && (mark == 0 || end - expected->mark <= bytes_max)) {
            mark = end;
        }
    }
    if (mark == 0 || expected->end - expected->mark <= bytes_max) {
        mark = expected->end;
    }
    model->met.marked_short += mark < expected->end;
    expected->open = expected->end;
    expected->mark = mark;
    EXPECT(stream_mark(stream, bytes_max) == mark && stream->mark == mark && mark <= stream->pulled);
    return mark;
}

void model_send(struct model *model, unsigned r)
{
    size_t bytes = draw_packet(model, &model->private_stream);
    uint64_t refused = model->gather.outbox_refused;
    int rc = reader_send(&model->readers[r], &model->gather, &model->private_stream, model->packet, bytes,
                         model->step);
    bool is_whole = pulled(model, r, false);

    EXPECT(model->gather.outbox_refused - refused == (rc < 0));
    if (rc == 0) {
        EXPECT(is_whole);
        bytes_add(&model->model_readers[r].unsent, model->packet, bytes);
        model->deliveries++;
        model->met.private_packets++;
        return;
    }
    EXPECT(rc == -ENOMEM);
    if (model->gather.blocks.used == model->gather.blocks.limit) {
        model->met.no_block++;
    } else {
        EXPECT(is_whole);
        expect_no_chunk(model, bytes);
    }
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
        follow->counted = follow->start;
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
    bytes_move(NULL, unsent, sent);
    model->met.short_writes += sent < total;
}

void model_follow(struct model *model, unsigned r, unsigned s)
{
    struct model_reader *reader = &model->model_readers[r];
    struct model_stream *stream = &model->model_streams[s];

    if (model_find(model, r, s) != NULL) {
        EXPECT(reader_follow(&model->readers[r], &model->streams[s]) == -EALREADY);
    } else if (reader->count < MODEL_FOLLOWS_MAX) {
        EXPECT(reader_follow(&model->readers[r], &model->streams[s]) == 0);
        reader->follows[reader->count++] =
            (struct model_follow){.stream = s, .start = stream->end, .counted = stream->end};
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
        bytes_free(&follow->pending);
        *follow = reader->follows[--reader->count];
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
    *reader = (struct model_reader){0};
}

void model_trim(struct model *model, unsigned s, uint64_t position)
{
    struct stream *stream = &model->streams[s];
    struct model_stream *expected = &model->model_streams[s];
    bool was_tail_shared = stream->tail != NULL && stream->tail->refs > 1;

    for (unsigned r = 0; r < model->reader_count; r++) {
        const struct model_follow *follow = model_find(model, r, s);

        if (follow != NULL && follow->start < position) {
            position = follow->start;
        }
    }
    if (expected->closed < position) {
        expected->closed = position;
        expected->open = expected->end;
    }
    stream_trim(stream, position);
    EXPECT(stream->head == stream->tail || stream->head->base + stream->head->used > position);
    if (position == expected->end && !was_tail_shared) {
        EXPECT(stream->head == stream->tail && (stream->tail == NULL || stream->tail->used == 0));
        model->met.rewound++;
    }
}

void model_close(struct model *model, unsigned s)
{
    for (unsigned r = 0; r < model->reader_count; r++) {
        model_unfollow(model, r, s);
    }
    stream_fini(&model->streams[s]);
    stream_init(&model->streams[s], &model->gather.chunks);
    bytes_free(&model->model_streams[s].borders);
    model->model_streams[s] = (struct model_stream){0};
}
