#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "dummy-client/tape.h"

enum { FRAMES = 4000, FRAME_BYTES_MAX = 300 };

/* A tape and beside it, in plain memory, what must be on it. */
struct model {
    struct tape tape;
    uint8_t *bytes;
    size_t ends[FRAMES + 1]; /* of frame i - 1, counted from the tape's start */
    uint64_t sent_us[FRAMES];
    uint32_t frames;
};

static void model_append(struct model *model, uint32_t size, uint64_t sent_us)
{
    size_t at = model->ends[model->frames];

    for (uint32_t i = 0; i < size; i++) {
        model->bytes[at + i] = (uint8_t)hash_u64(at + i);
    }
    assert_int_equal(tape_append(&model->tape, model->bytes + at, size, sent_us), 0);
    model->sent_us[model->frames] = sent_us;
    model->ends[++model->frames] = at + size;
}

static void model_open(struct model *model)
{
    *model = (struct model){.bytes = malloc((size_t)FRAMES * FRAME_BYTES_MAX)};
    assert_non_null(model->bytes);
    tape_init(&model->tape);
}

static void model_close(struct model *model)
{
    free(model->bytes);
    tape_fini(&model->tape);
}

/* Runs of 1 to 20 frames of one size and one time, up to `frames`. */
static void model_fill(struct model *model, uint32_t frames, uint64_t seed)
{
    while (model->frames < frames) {
        uint64_t random = hash_u64(seed++);
        uint32_t size = 42 + (uint32_t)(random % (FRAME_BYTES_MAX - 42));
        uint32_t count = 1 + (uint32_t)(random >> 20) % 20;

        for (uint32_t i = 0; i < count && model->frames < frames; i++) {
            model_append(model, size, (random >> 30) % 1000);
        }
    }
}

static void what_was_put_on_it_is_what_matches(void **state)
{
    struct model *model = malloc(sizeof(*model));

    (void)state;
    assert_non_null(model);
    model_open(model);
    model_fill(model, FRAMES, 1);
    size_t end = model->ends[FRAMES];
    assert_true(model->tape.end == end && end > 4 * (size_t)TAPE_BLOCK_BYTES);
    assert_int_equal(tape_match(&model->tape, 0, model->bytes, end), end);
    for (uint64_t i = 0; i < 500; i++) {
        size_t at = hash_u64(i) % end;
        size_t size = hash_u64(i + 1000) % (end - at) + 1;
        size_t wrong = hash_u64(i + 2000) % size;
        uint8_t bit = (uint8_t)(1u << i % 8);

        assert_int_equal(tape_match(&model->tape, at, model->bytes + at, size), size);
        model->bytes[at + wrong] ^= bit;
        assert_int_equal(tape_match(&model->tape, at, model->bytes + at, size), wrong);
        model->bytes[at + wrong] ^= bit;
    }
    model_close(model);
    free(model);
}

static void a_cursor_counts_whole_frames_in_any_steps(void **state)
{
    struct model *model = malloc(sizeof(*model));
    struct histogram latency_us;

    (void)state;
    assert_non_null(model);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct tape_cursor cursor = {0};
        uint32_t seen = 0;
        uint64_t sum = 0;

        model_open(model);
        histogram_init(&latency_us);
        for (uint32_t step = 0; seen < 1000; step++) {
            uint64_t random = hash_u64(seed * 100000 + step);

            if (random % 3 == 0 && model->frames < 1000) {
                model_fill(model, model->frames + (uint32_t)(random >> 8) % 30 + 1, random);
            }
            if (random % 17 == 0) {
                tape_trim(&model->tape, cursor.at);
            }
            uint64_t left = model->tape.end - cursor.at;
            uint64_t bytes = (random >> 32) % (left + 1);
            uint64_t frames = tape_advance(&model->tape, &cursor, bytes, 1000000000000, &latency_us);
            for (uint64_t i = 0; i < frames; i++) {
                sum += 1000000000000 - model->sent_us[seen++];
            }
            assert_true(model->ends[seen] <= cursor.at);
            assert_true(seen == model->frames || model->ends[seen + 1] > cursor.at);
            assert_int_equal(cursor.frame, seen);
            assert_int_equal(tape_bytes_into_frame(&model->tape, &cursor), cursor.at - model->ends[seen]);
        }
        assert_int_equal(latency_us.count, seen);
        assert_int_equal(latency_us.sum, sum);
        model_close(model);
    }
    free(model);
}

static void a_frame_is_found_where_it_stands(void **state)
{
    struct model *model = malloc(sizeof(*model));
    struct tape_cursor found;
    uint64_t later;

    (void)state;
    assert_non_null(model);
    model_open(model);
    model_fill(model, 1000, 5);
    struct tape_cursor from = {0};
    tape_advance(&model->tape, &from, model->ends[100], 0, NULL);
    uint64_t after_us = model->sent_us[500];
    for (uint32_t frame = 0; frame < 1000; frame++) {
        uint32_t size = (uint32_t)(model->ends[frame + 1] - model->ends[frame]);
        uint64_t sent_after = 0;

        for (uint32_t i = 100; i < frame; i++) {
            sent_after += model->sent_us[i] > after_us;
        }
        bool is_found = tape_find(&model->tape, from, model->bytes + model->ends[frame], size,
                                  model->sent_us[frame], after_us, &found, &later);
        assert_int_equal(is_found, frame >= 100);
        if (is_found) {
            assert_int_equal(found.at, model->ends[frame]);
            assert_int_equal(found.frame, frame);
            assert_int_equal(later, sent_after);
            /* The found cursor is as good as one that walked there. */
            assert_int_equal(tape_advance(&model->tape, &found, model->ends[1000] - found.at, 0, NULL),
                             1000 - frame);
        }
    }
    model_close(model);
    free(model);
}

static void trimming_gives_memory_back_and_keeps_the_rest(void **state)
{
    struct model *model = malloc(sizeof(*model));

    (void)state;
    assert_non_null(model);
    model_open(model);
    model_fill(model, FRAMES, 9);
    struct tape_cursor cursor = {0};
    while (cursor.at < model->tape.end) {
        uint64_t left = model->tape.end - cursor.at;
        uint8_t copy[64];

        tape_advance(&model->tape, &cursor, left < 10007 ? left : 10007, 0, NULL);
        tape_trim(&model->tape, cursor.at);
        assert_true(model->tape.first_block == cursor.at / TAPE_BLOCK_BYTES);
        left = model->tape.end - cursor.at;
        assert_int_equal(tape_match(&model->tape, cursor.at, model->bytes + cursor.at, left), left);
        size_t size = left < sizeof(copy) ? left : sizeof(copy);
        tape_copy(&model->tape, cursor.at, copy, size);
        assert_memory_equal(copy, model->bytes + cursor.at, size);
    }
    assert_int_equal(model->tape.run_count, 1);
    assert_true(model->tape.block_count <= 1);
    assert_int_equal(cursor.frame, FRAMES);
    assert_int_equal(tape_end(&model->tape).frame, FRAMES);
    model_close(model);
    free(model);
}

static void frames_of_one_time_and_size_share_a_run(void **state)
{
    struct model *model = malloc(sizeof(*model));

    (void)state;
    assert_non_null(model);
    model_open(model);
    for (int i = 0; i < 100; i++) {
        model_append(model, 42, 7);
    }
    assert_int_equal(model->tape.run_count, 1);
    model_append(model, 43, 7);
    model_append(model, 43, 8);
    assert_int_equal(model->tape.run_count, 3);
    model_close(model);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_on_it_is_what_matches),
        cmocka_unit_test(a_cursor_counts_whole_frames_in_any_steps),
        cmocka_unit_test(a_frame_is_found_where_it_stands),
        cmocka_unit_test(trimming_gives_memory_back_and_keeps_the_rest),
        cmocka_unit_test(frames_of_one_time_and_size_share_a_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
