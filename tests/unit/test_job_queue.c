/* The job queue against a model: a plain list of what was pushed, whose payload is told by its number. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "room/job_queue.h"

enum { RECORD_HEAD_BYTES_MAX = 64 };

static uint8_t popped_payload[JOB_PAYLOAD_BYTES_MAX];
static uint8_t pushed_payload[JOB_PAYLOAD_BYTES_MAX];

static void job_nothing(void *state, uint64_t session, const void *payload, size_t bytes)
{
    (void)state;
    (void)session;
    (void)payload;
    (void)bytes;
}

/* Every byte depends on the job's number and on its place, so that no shift goes unseen. */
static void payload_fill(uint8_t *payload, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        payload[i] = (uint8_t)(number * 131 + i * 7 + (i >> 8));
    }
}

static struct job job_of(uint64_t number, uint32_t bytes)
{
    return (struct job){.run = number % 3 == 0 ? job_nothing : NULL,
                        .session = number * 0x100000001ull,
                        .bytes = bytes,
                        .id = (uint16_t)(number * 17)};
}

static int push_numbered(struct job_queue *queue, uint64_t number, uint32_t bytes)
{
    struct job job = job_of(number, bytes);

    payload_fill(pushed_payload, number, bytes);
    return job_queue_push(queue, &job, bytes > 0 ? pushed_payload : NULL);
}

static void pop_numbered(struct job_queue *queue, uint64_t number, uint32_t bytes)
{
    struct job expected = job_of(number, bytes);
    struct job job;

    assert_int_equal(job_queue_pop(queue, &job, popped_payload), 0);
    assert_true(job.run == expected.run);
    assert_int_equal(job.session, expected.session);
    assert_int_equal(job.id, expected.id);
    assert_int_equal(job.bytes, bytes);
    payload_fill(pushed_payload, number, bytes);
    assert_memory_equal(popped_payload, pushed_payload, bytes);
}

static void an_empty_queue_owns_nothing(void **state)
{
    struct job_queue queue;
    struct job job;

    (void)state;
    job_queue_init(&queue, 1000);
    assert_null(queue.ring);
    assert_int_equal(job_queue_count(&queue), 0);
    assert_int_equal(job_queue_used_bytes(&queue), 0);
    assert_int_equal(job_queue_pop(&queue, &job, popped_payload), -ENOENT);
    job_queue_fini(&queue);
}

static void every_payload_size_comes_out_as_it_went_in(void **state)
{
    static const uint32_t sizes[] = {0, 1, 7, 8, 9, 255, 4095, 4096, 4097, 65530, JOB_PAYLOAD_BYTES_MAX};
    struct job_queue queue;
    uint64_t number = 0;

    (void)state;
    job_queue_init(&queue, 1024 * 1024);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(push_numbered(&queue, number++, sizes[i]), 0);
    }
    assert_int_equal(job_queue_count(&queue), number);
    for (uint64_t i = 0; i < number; i++) {
        pop_numbered(&queue, i, sizes[i]);
    }
    assert_int_equal(job_queue_count(&queue), 0);
    assert_int_equal(job_queue_used_bytes(&queue), 0);
    job_queue_fini(&queue);
}

/* A full queue refuses and nothing changes; it holds what bytes_max says, and takes more once one is out. */
static void a_full_queue_refuses(void **state)
{
    enum { BYTES_MAX = 64 * 1024, PAYLOAD = 100 };
    struct job_queue queue;
    uint64_t pushed = 0;

    (void)state;
    job_queue_init(&queue, BYTES_MAX);
    while (push_numbered(&queue, pushed, PAYLOAD) == 0) {
        pushed++;
        assert_true(pushed < BYTES_MAX);
    }
    assert_true(pushed >= BYTES_MAX / (PAYLOAD + RECORD_HEAD_BYTES_MAX));
    assert_true(pushed <= BYTES_MAX / PAYLOAD);
    assert_true(job_queue_used_bytes(&queue) <= BYTES_MAX);
    assert_int_equal(job_queue_count(&queue), pushed);
    assert_int_equal(push_numbered(&queue, pushed, PAYLOAD), -ENOBUFS);
    assert_int_equal(job_queue_count(&queue), pushed);
    pop_numbered(&queue, 0, PAYLOAD);
    assert_int_equal(push_numbered(&queue, pushed, PAYLOAD), 0);
    assert_int_equal(push_numbered(&queue, pushed + 1, PAYLOAD), -ENOBUFS);
    for (uint64_t i = 1; i <= pushed; i++) {
        pop_numbered(&queue, i, PAYLOAD);
    }
    assert_int_equal(job_queue_used_bytes(&queue), 0);
    job_queue_fini(&queue);
}

/* What does not fit an empty queue never will; all that does, does at every place of the ring. */
static void an_empty_queue_takes_the_largest_job_anywhere(void **state)
{
    enum { BYTES_MAX = JOB_PAYLOAD_BYTES_MAX + RECORD_HEAD_BYTES_MAX };
    struct job_queue queue;

    (void)state;
    job_queue_init(&queue, BYTES_MAX);
    for (uint64_t number = 0; number < 400; number++) {
        uint32_t bytes = number % 2 == 0 ? (uint32_t)number * 37 % 9001 : JOB_PAYLOAD_BYTES_MAX;

        assert_int_equal(push_numbered(&queue, number, bytes), 0);
        pop_numbered(&queue, number, bytes);
    }
    assert_true(queue.size <= 4 * 65536);
    job_queue_fini(&queue);
    job_queue_init(&queue, 1000);
    assert_int_equal(push_numbered(&queue, 0, 1000), -ENOBUFS);
    assert_int_equal(push_numbered(&queue, 0, 1000 - RECORD_HEAD_BYTES_MAX), 0);
    job_queue_fini(&queue);
}

/* The limit may be lowered while jobs wait: they are kept, and more are refused until they fit. */
static void a_lowered_limit_keeps_what_waits(void **state)
{
    struct job_queue queue;

    (void)state;
    job_queue_init(&queue, 64 * 1024);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(push_numbered(&queue, i, 400), 0);
    }
    queue.bytes_max = 4096;
    for (uint64_t i = 0; i < 100; i++) {
        if (job_queue_used_bytes(&queue) > 4096) {
            assert_int_equal(push_numbered(&queue, 100, 400), -ENOBUFS);
        }
        pop_numbered(&queue, i, 400);
    }
    assert_int_equal(push_numbered(&queue, 100, 400), 0);
    pop_numbered(&queue, 100, 400);
    job_queue_fini(&queue);
}

enum { MODEL_JOBS_MAX = 8192 };

struct model {
    struct job_queue queue;
    uint32_t sizes[MODEL_JOBS_MAX]; /* of jobs popped .. pushed, by number */
    uint64_t pushed;
    uint64_t popped;
    uint64_t refused;
    unsigned random;
};

static uint32_t model_random(struct model *model, uint32_t below)
{
    return (uint32_t)rand_r(&model->random) % below;
}

/* Sizes of all magnitudes; the largest are rare, so that the queue holds many as well. */
static uint32_t model_payload_bytes(struct model *model)
{
    uint32_t magnitude = model_random(model, 20);

    if (magnitude == 19) {
        return JOB_PAYLOAD_BYTES_MAX - model_random(model, 16);
    }
    if (magnitude == 18) {
        return model_random(model, JOB_PAYLOAD_BYTES_MAX + 1);
    }
    return model_random(model, 1u << (magnitude / 2 + 1));
}

static void model_push(struct model *model)
{
    uint32_t bytes = model_payload_bytes(model);
    size_t used = job_queue_used_bytes(&model->queue);
    int rc = push_numbered(&model->queue, model->pushed, bytes);

    if (rc < 0) {
        /* It refuses only what could not lie beside the rest. */
        assert_int_equal(rc, -ENOBUFS);
        assert_true(used + bytes + RECORD_HEAD_BYTES_MAX > model->queue.bytes_max);
        assert_int_equal(job_queue_used_bytes(&model->queue), used);
        model->refused++;
        return;
    }
    model->sizes[model->pushed++ % MODEL_JOBS_MAX] = bytes;
    assert_true(model->pushed - model->popped <= MODEL_JOBS_MAX);
}

static void model_pop(struct model *model)
{
    struct job job;

    if (model->pushed == model->popped) {
        assert_int_equal(job_queue_pop(&model->queue, &job, popped_payload), -ENOENT);
        return;
    }
    pop_numbered(&model->queue, model->popped, model->sizes[model->popped % MODEL_JOBS_MAX]);
    model->popped++;
}

static void model_check(const struct model *model)
{
    const struct job_queue *queue = &model->queue;

    assert_int_equal(queue->pushed, model->pushed);
    assert_int_equal(queue->popped, model->popped);
    assert_true(job_queue_used_bytes(queue) <= queue->size);
    assert_int_equal(queue->size & (queue->size - 1), 0);
    /* One filler aside, and a filler is smaller than the record that it makes way for. */
    assert_true(job_queue_used_bytes(queue) <=
                queue->bytes_max + JOB_PAYLOAD_BYTES_MAX + RECORD_HEAD_BYTES_MAX);
}

static void random_use_equals_the_model(void **state)
{
    static const size_t bytes_max[] = {70000, 65536 * 2, 1024 * 1024};
    uint32_t trimmed = 0;

    (void)state;
    for (unsigned seed = 0; seed < 9; seed++) {
        struct model *model = calloc(1, sizeof(*model));

        assert_non_null(model);
        model->random = seed + 1;
        job_queue_init(&model->queue, bytes_max[seed % 3]);
        for (int phase = 0; phase < 60; phase++) {
            /* Some phases fill, some drain, some hold the level, so that it wraps at every level. */
            uint32_t push_share = (uint32_t[]){80, 50, 20}[phase % 3];

            for (int step = 0; step < 150; step++) {
                if (model_random(model, 100) < push_share) {
                    model_push(model);
                } else {
                    model_pop(model);
                }
                model_check(model);
            }
            job_queue_trim(&model->queue);
            assert_int_equal(model->queue.ring == NULL, model->pushed == model->popped);
            trimmed += model->queue.ring == NULL;
        }
        assert_true(model->pushed > 1000);
        assert_true(model->refused > 0 || seed % 3 == 2);
        while (model->popped < model->pushed) {
            model_pop(model);
        }
        assert_int_equal(job_queue_used_bytes(&model->queue), 0);
        job_queue_fini(&model->queue);
        free(model);
    }
    assert_true(trimmed > 0);
}

/* While it holds something it is as good as full: its senders wait. Empty, there is nothing to wait for. */
static void a_queue_that_can_not_grow_is_full(void **state)
{
    enum { BYTES = 1000 };
    struct job_queue queue;
    uint64_t pushed = 0;

    (void)state;
    job_queue_init(&queue, 1024 * 1024);
    memory_set_limit(memory_used_bytes());
    assert_int_equal(push_numbered(&queue, 0, BYTES), -ENOMEM);
    memory_set_limit(UINT64_MAX);
    assert_int_equal(push_numbered(&queue, pushed++, BYTES), 0);
    memory_set_limit(memory_used_bytes());
    while (push_numbered(&queue, pushed, BYTES) == 0) {
        pushed++;
    }
    assert_in_range(pushed, 2, 4);
    assert_int_equal(push_numbered(&queue, pushed, BYTES), -ENOBUFS);
    for (uint64_t popped = 0; popped < pushed; popped++) {
        pop_numbered(&queue, popped, BYTES);
    }
    assert_int_equal(push_numbered(&queue, 0, BYTES), 0); /* in the ring that it has */
    pop_numbered(&queue, 0, BYTES);
    memory_set_limit(UINT64_MAX);
    job_queue_fini(&queue);
}

/* Jobs do nothing any more and keep their turn; packets come out as they went in, wherever they lie in the ring. */
static void dropped_jobs_keep_their_turn(void **state)
{
    enum { ROUNDS = 200, AT_ONCE = 30 };
    struct job_queue queue;
    uint64_t pushed = 0;
    uint64_t popped = 0;

    (void)state;
    job_queue_init(&queue, 64 * 1024);
    job_queue_drop_jobs(&queue); /* before there is a ring */
    for (uint32_t round = 0; round < ROUNDS; round++) {
        while (pushed - popped < AT_ONCE) {
            assert_int_equal(push_numbered(&queue, pushed, (uint32_t)(pushed * 37 % 300)), 0);
            pushed++;
        }
        job_queue_drop_jobs(&queue);
        assert_int_equal(job_queue_count(&queue), AT_ONCE);
        for (uint32_t i = 0; i < AT_ONCE - round % 7; i++, popped++) {
            struct job job;

            if (popped % 3 != 0) {
                pop_numbered(&queue, popped, (uint32_t)(popped * 37 % 300));
                continue;
            }
            assert_int_equal(job_queue_pop(&queue, &job, popped_payload), 0);
            assert_true(job.run != NULL && job.run != job_nothing);
            job.run(NULL, job.session, popped_payload, job.bytes);
        }
    }
    job_queue_fini(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_owns_nothing),
        cmocka_unit_test(every_payload_size_comes_out_as_it_went_in),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(an_empty_queue_takes_the_largest_job_anywhere),
        cmocka_unit_test(a_lowered_limit_keeps_what_waits),
        cmocka_unit_test(random_use_equals_the_model),
        cmocka_unit_test(a_queue_that_can_not_grow_is_full),
        cmocka_unit_test(dropped_jobs_keep_their_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
