/*
 * The gather floor against its model (support/gather_model.h): random appends, keyed appends, private
 * packets, all-but-ones, enters and leaves in mid-tick, moves between streams, rounds of flushing with all of
 * that in between, short writes, receivers that stop for long, others that skip, and memory that runs out. Everything
 * is compared after every step.
 *
 * A failure says the seed and the step. GATHER_SEED=n begins at that seed and runs it alone, GATHER_STEPS=n
 * sets the length of each run, GATHER_SEEDS=n how many seeds there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/gather_model.h"

#define EXPECT(condition) MODEL_EXPECT(model, condition)

enum { SEEDS = 60, STEPS = 3000 };

static struct model world;

/* A round of flushing, one member a step: what a room does at its tick, and what may come between two
 * members. */
struct round {
    bool is_on;
    bool is_marked;  /* to the streams' marks, or all that there is */
    bool is_refused; /* a pull found no memory, so that its member is behind */
    unsigned next;
    uint64_t ends[MODEL_STREAMS_MAX];
    uint64_t appended_before;
    uint64_t finished;
    uint64_t mixed; /* finished ones that saw appends between two members */
};

static struct round flush_round;

static void round_finish(struct model *model, struct round *round)
{
    for (unsigned r = 0; r < model->reader_count && !round->is_refused; r++) {
        for (unsigned i = 0; i < model->model_readers[r].count; i++) {
            const struct model_follow *follow = &model->model_readers[r].follows[i];

            EXPECT(follow->start >= round->ends[follow->stream]);
        }
    }
    for (unsigned s = 0; s < model->stream_count; s++) {
        model_trim(model, s, round->ends[s]);
    }
    round->finished++;
    round->mixed += model->met.appended > round->appended_before;
    round->is_on = false;
}

static void round_step(struct model *model, struct round *round)
{
    if (!round->is_on) {
        uint64_t bytes_max = model_draw(model, model_draw(model, 2) == 0 ? 8 : 4096);

        round->is_on = true;
        round->is_marked = model_draw(model, 2) == 0;
        round->is_refused = false;
        round->next = 0;
        round->appended_before = model->met.appended;
        for (unsigned s = 0; s < model->stream_count; s++) {
            round->ends[s] = round->is_marked ? model_mark(model, s, bytes_max) : model->streams[s].end;
        }
    } else if (round->next < model->reader_count) {
        round->is_refused |= !model_pull(model, round->next, round->is_marked);
        model_write(model, round->next);
        round->next++;
    } else {
        round_finish(model, round);
    }
}

/* The snapshot goes out as private packets, then the positions start at the end. */
static void enter(struct model *model, unsigned r)
{
    for (uint64_t packets = model_draw(model, 4); packets > 0; packets--) {
        model_send(model, r);
    }
    for (uint64_t follows = 1 + model_draw(model, MODEL_FOLLOWS_MAX); follows > 0; follows--) {
        model_follow(model, r, (unsigned)model_draw(model, model->stream_count));
    }
}

static void leave(struct model *model, unsigned r)
{
    model_pull(model, r, false);
    model_write(model, r);
    if (model_draw(model, 2) == 0) {
        model_unfollow_all(model, r);
    }
    while (model->model_readers[r].count > 0) {
        model_unfollow(model, r, model->model_readers[r].follows[0].stream);
    }
}

static void move(struct model *model, unsigned r)
{
    unsigned from = (unsigned)model_draw(model, model->stream_count);

    if (model_draw(model, 4) > 0) {
        model_pull(model, r, false);
    }
    model_follow(model, r, (unsigned)model_draw(model, model->stream_count));
    model_unfollow(model, r, from);
}

/* Of one stream, or of all, as a room's is. */
static void barrier(struct model *model, unsigned s)
{
    bool is_common = model_draw(model, 2) == 0;

    for (unsigned i = 0; i < model->stream_count; i++) {
        if (is_common || i == s) {
            model_set_barrier(model, i);
        }
    }
}

static void keyed_burst(struct model *model, unsigned s)
{
    for (int i = 0; i < MODEL_KEYS; i++) {
        model_append_keyed(model, s);
    }
}

/* It begins to skip with whatever waits, now and then with very much, and stops with whatever has come since. */
static void skip_some(struct model *model, unsigned r)
{
    const struct model_reader *reader = &model->model_readers[r];
    uint64_t what = model_draw(model, 8);

    if (!reader->is_skipping || what == 0) {
        for (uint64_t bursts = what % 2 == 0 ? 4 : 0; bursts > 0 && reader->count > 0; bursts--) {
            keyed_burst(model, reader->follows[reader->count - 1].stream);
            model_pull(model, r, false);
            model_write(model, r);
        }
        model_start_skipping(model, r);
    } else if (what < 4) {
        model_stop_skipping(model, r);
    } else {
        model_count_skipped(model, r);
    }
}

static void step(struct model *model)
{
    unsigned s = (unsigned)model_draw(model, model->stream_count);
    unsigned r = (unsigned)model_draw(model, model->reader_count);
    uint64_t what = model_draw(model, 1000);

    if (what < 200) {
        model_append(model, s);
    } else if (what < 350) {
        model_append_keyed(model, s);
    } else if (what < 430) {
        model_send(model, r);
    } else if (what < 440) {
        model_send_some(model);
    } else if (what < 460) {
        barrier(model, s);
    } else if (what < 510) {
        model_append_but_one(model, s, r);
    } else if (what < 540) {
        enter(model, r);
    } else if (what < 560) {
        leave(model, r);
    } else if (what < 610) {
        move(model, r);
    } else if (what < 630) {
        model_pull(model, r, false);
    } else if (what < 660) {
        skip_some(model, r);
    } else if (what < 760) {
        model_write(model, r);
    } else if (what < 970) {
        round_step(model, &flush_round);
    } else if (what < 980) {
        model_trim(model, s, model_draw(model, model->streams[s].end + 1));
    } else if (what < 985) {
        model_drop(model, r);
    } else if (what < 990) {
        model->model_readers[r].slow_until = model->step + model_draw(model, 400);
    } else if (what < 993) {
        model_close(model, s);
        flush_round.ends[s] = model->streams[s].end;
    } else if (what < 996) {
        keyed_burst(model, s);
    } else {
        model_trim(model, s, model->streams[s].end);
    }
}

/* Nobody is slow any more: all that was appended for them reaches them. In turns, as one may hold what
 * another needs. */
static void drain(struct model *model)
{
    for (bool is_done = false; !is_done;) {
        is_done = true;
        for (unsigned r = 0; r < model->reader_count; r++) {
            model->model_readers[r].slow_until = 0;
            if (model->model_readers[r].is_skipping) {
                model_stop_skipping(model, r);
            }
            is_done &= model_pull(model, r, false);
            model_write(model, r);
            is_done &= outbox_is_empty(&model->readers[r].outbox);
        }
    }
    model_check(model);
    for (unsigned s = 0; s < model->stream_count; s++) {
        model_trim(model, s, model->streams[s].end);
        EXPECT(model->streams[s].tail == NULL || model->streams[s].tail->used == 0);
    }
    model_check(model);
}

static uint64_t environment_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void receivers_get_what_the_model_says(void **state)
{
    struct model *model = &world;
    uint64_t seed = environment_number("GATHER_SEED", 1);
    uint64_t seeds = environment_number("GATHER_SEEDS", getenv("GATHER_SEED") != NULL ? 1 : SEEDS);
    uint64_t steps = environment_number("GATHER_STEPS", STEPS);

    (void)state;
    for (uint64_t end = seed + seeds; seed < end; seed++) {
        flush_round.is_on = false;
        model_init(model, seed);
        for (; model->step < steps; model->step++) {
            step(model);
            model_check(model);
        }
        if (seed % 2 == 0) {
            drain(model);
        }
        model_fini(model);
    }
}

/* The runs above were worth something: each of these came up, and not once or twice only. */
static void the_runs_met_every_case(void **state)
{
    const struct model_met *met = &world.met;

    (void)state;
    if (getenv("GATHER_SEED") != NULL || getenv("GATHER_STEPS") != NULL || getenv("GATHER_SEEDS") != NULL) {
        skip();
    }
    assert_true(met->appended > 5000 && met->outsize > 1000);
    assert_true(met->keyed_appended > 1000 && met->overwritten > 1000);
    assert_true(met->skipped > 200 && met->private_packets > 1000);
    assert_true(met->no_chunk > 200 && met->no_block > 200 && met->half_pulled > 20);
    assert_true(met->many_follows > 1000 && met->many_blocks > 200);
    assert_true(met->short_writes > 1000 && met->rewound > 50 && met->marked_short > 200);
    assert_true(met->small > 1000 && met->let_go > 20 && met->sorted > 200 && met->cleared > 20);
    assert_true(met->barriers_passed > 200 && met->sent_to_some > 200);
    assert_true(met->started > 200 && met->started_begun > 100 && met->started_cut > 10);
    assert_true(met->restarted > 100 && met->stopped > 200 && met->not_sent > 200);
    assert_true(met->dropped > 1000 && met->kept > 1000 && met->passed_by > 1000 && met->passed_marked > 200);
    assert_true(flush_round.finished > 200 && flush_round.mixed > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receivers_get_what_the_model_says),
        cmocka_unit_test(the_runs_met_every_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
