/*
 * The table of sources against a simple model: random connections, closes, offences and pauses, and after each what the
 * table says and holds is what the model says and holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "room/sources.h"

enum { HOSTS = 24, REMEMBERED = 6, CONNS = 3, RATE = 1, BURST = 4, POINTS = 10, STEPS = 40000, SEEDS = 8 };

#define START_NS  (77 * NS_PER_S)
#define HALF_LIFE (20 * NS_PER_S)
#define PENALTY   (4 * NS_PER_S)
#define LONGEST   (30 * NS_PER_S)
#define GRACE     (15 * NS_PER_S)

/* What the model knows of one address; is_known: the table has an entry of it. */
struct known {
    bool is_known;
    uint32_t connected;
    uint64_t heard; /* a step's number: when it was remembered last */
    uint64_t credit_ns;
    uint64_t credit_at_ns;
    uint32_t tenths;
    uint64_t tenths_at_ns;
    uint64_t away_until_ns; /* 0: never was */
    bool has_ended;         /* its last penalty */
    uint64_t away_order;    /* of two that end at once, who was turned away first comes first */
    uint32_t penalties;     /* that count for the next one */
};

struct model {
    struct known hosts[HOSTS];
    struct source_entry *entries[HOSTS]; /* the table's, while connected */
    struct timers timers;
    struct sources sources;
    uint64_t now_ns;
    uint64_t step;
    uint64_t penalties;
};

/* The last ones are of IPv6; each has a network of its own. */
static struct host numbered_host(uint32_t number)
{
    uint8_t bytes[4] = {192, 0, 2, (uint8_t)number};
    struct host host = host_of_ipv4(bytes);

    if (number >= HOSTS / 2) {
        host = (struct host){.bytes = {0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, (uint8_t)number, 0, 0, 0, 0, 0, 0, 0,
                                       (uint8_t)random()}};
    }
    return host;
}

static bool is_away(const struct model *model, const struct known *known)
{
    return known->is_known && known->away_until_ns > model->now_ns;
}

static uint32_t model_remembered(const struct model *model)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < HOSTS; i++) {
        count += model->hosts[i].is_known && model->hosts[i].connected == 0;
    }
    return count;
}

/* The one heard of the longest time ago, of those that are not turned away while there are any. */
static void model_forget(struct model *model)
{
    while (model_remembered(model) > REMEMBERED) {
        struct known *oldest = NULL;

        for (uint32_t i = 0; i < HOSTS; i++) {
            struct known *known = &model->hosts[i];
            bool is_candidate = known->is_known && known->connected == 0;

            if (is_candidate &&
                (oldest == NULL || (is_away(model, oldest) && !is_away(model, known)) ||
                 (is_away(model, oldest) == is_away(model, known) && known->heard < oldest->heard))) {
                oldest = known;
            }
        }
        *oldest = (struct known){0};
    }
}

static void model_offend(struct model *model, struct known *known, uint32_t tenths)
{
    uint64_t since_ns = model->now_ns - known->tenths_at_ns;
    uint64_t span_ns = PENALTY;

    for (; since_ns >= HALF_LIFE && known->tenths > 0; since_ns -= HALF_LIFE) {
        known->tenths /= 2;
    }
    since_ns %= HALF_LIFE;
    known->tenths -= (uint32_t)(known->tenths * ((double)since_ns / (double)HALF_LIFE) / 2);
    known->tenths += tenths;
    known->tenths_at_ns = model->now_ns;
    if (known->tenths < POINTS * SOURCE_POINT) {
        return;
    }
    for (uint64_t at = known->away_until_ns; known->penalties > 0 && at + LONGEST <= model->now_ns;
         at += LONGEST) {
        known->penalties--;
    }
    for (uint32_t i = 0; i < known->penalties; i++) {
        span_ns = 2 * span_ns > LONGEST ? LONGEST : 2 * span_ns;
    }
    known->penalties++;
    known->away_until_ns = model->now_ns + span_ns;
    known->away_order = ++model->penalties;
    known->has_ended = false;
    known->tenths = 0;
    known->heard = model->step;
}

static enum source_verdict model_enter(struct model *model, struct known *known)
{
    uint64_t interval_ns = NS_PER_S / RATE;

    if (!known->is_known) {
        *known = (struct known){.is_known = true,
                                .credit_ns = BURST * interval_ns,
                                .credit_at_ns = model->now_ns,
                                .tenths_at_ns = model->now_ns};
    }
    known->heard = model->step;
    if (is_away(model, known)) {
        return SOURCE_PUNISHED;
    }
    if (known->connected == CONNS) {
        return SOURCE_TOO_MANY;
    }
    if (model->now_ns - START_NS >= GRACE) {
        known->credit_ns += model->now_ns - known->credit_at_ns;
        known->credit_ns = known->credit_ns > BURST * interval_ns ? BURST * interval_ns : known->credit_ns;
        known->credit_at_ns = model->now_ns;
        if (known->credit_ns < interval_ns) {
            model_offend(model, known, 1);
            return SOURCE_TOO_FAST;
        }
        known->credit_ns -= interval_ns;
    }
    known->connected++;
    return SOURCE_WELCOME;
}

static bool ends_before(const struct known *a, const struct known *b)
{
    return a->away_until_ns != b->away_until_ns ? a->away_until_ns < b->away_until_ns
                                                : a->away_order < b->away_order;
}

/* Penalties that end: who is not connected then is as if heard of, in the order of their ends. */
static void model_advance(struct model *model, uint64_t to_ns)
{
    for (;;) {
        struct known *next = NULL;

        for (uint32_t i = 0; i < HOSTS; i++) {
            struct known *known = &model->hosts[i];

            if (is_away(model, known) && known->away_until_ns <= to_ns && !known->has_ended &&
                (next == NULL || ends_before(known, next))) {
                next = known;
            }
        }
        if (next == NULL) {
            break;
        }
        next->has_ended = true;
        next->heard = model->step++;
    }
    model->now_ns = to_ns;
}

static void enter(struct model *model, uint32_t number)
{
    struct host host = numbered_host(number);
    struct source_entry *entry;
    enum source_verdict wanted = model_enter(model, &model->hosts[number]);

    assert_int_equal(sources_enter(&model->sources, &host, model->now_ns, &entry), wanted);
    assert_non_null(entry);
    assert_int_equal(entry->connected, model->hosts[number].connected);
    if (wanted == SOURCE_WELCOME) {
        model->entries[number] = entry;
    }
}

static void leave(struct model *model, uint32_t number)
{
    struct known *known = &model->hosts[number];

    sources_leave(&model->sources, model->entries[number]);
    if (--known->connected == 0) {
        known->heard = model->step;
        model_forget(model);
    }
}

static uint32_t any_of(uint32_t count)
{
    return (uint32_t)random() % count;
}

static void step(struct model *model)
{
    static const uint32_t tenths[SOURCE_OFFENCE_COUNT] = {1, 10, 30, 40};
    uint32_t number = any_of(any_of(2) == 0 ? 4 : HOSTS); /* some come often */
    struct known *known = &model->hosts[number];
    enum source_offence offence = (enum source_offence)any_of(SOURCE_OFFENCE_COUNT);

    uint64_t span_ns;

    model->step++;
    switch (any_of(8)) {
    case 0:
    case 1:
    case 2:
        enter(model, number);
        break;
    case 3:
    case 4:
        if (known->connected > 0) {
            leave(model, number);
        }
        break;
    case 5:
        if (known->connected > 0) {
            sources_offend(&model->sources, model->entries[number], offence, model->now_ns);
            model_offend(model, known, tenths[offence]);
        }
        break;
    default:
        span_ns = any_of(50) == 0 ? LONGEST : NS_PER_S / 4;
        model_advance(model, model->now_ns + (uint64_t)random() % span_ns);
        timers_fire(&model->timers, model->now_ns);
        break;
    }
}

static void check(const struct model *model)
{
    uint32_t known = 0;
    uint32_t away = 0;
    uint32_t punished = 0;

    for (uint32_t i = 0; i < HOSTS; i++) {
        known += model->hosts[i].is_known;
        away += is_away(model, &model->hosts[i]);
        if (model->hosts[i].connected > 0) {
            const struct source_entry *entry = model->entries[i];
            uint64_t left_ns =
                is_away(model, &model->hosts[i]) ? model->hosts[i].away_until_ns - model->now_ns : 0;

            assert_int_equal(entry->connected, model->hosts[i].connected);
            assert_int_equal(source_penalty_left_ns(entry, model->now_ns), left_ns);
        }
    }
    LIST_FOR_EACH (node, &model->sources.punished) {
        punished++;
    }
    assert_int_equal(model->sources.pool.used, known);
    assert_int_equal(model->sources.remembered, model_remembered(model));
    assert_int_equal(punished, away);
    assert_true(model->sources.remembered <= REMEMBERED);
}

static void the_table_is_what_the_model_is(void **state)
{
    static struct model model;
    const struct sources_limits limits = {.remembered_max = REMEMBERED,
                                          .conns_per_address = CONNS,
                                          .connect_rate = RATE,
                                          .connect_burst = BURST,
                                          .penalty_points = POINTS,
                                          .penalty_half_life_ns = HALF_LIFE,
                                          .penalty_ns = PENALTY,
                                          .penalty_max_ns = LONGEST,
                                          .grace_ns = GRACE};
    uint64_t verdicts[SOURCE_VERDICT_COUNT] = {0};
    uint64_t forgotten = 0;

    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        uint8_t key[SIPHASH_KEY_BYTES] = {(uint8_t)seed};

        srandom(seed);
        model = (struct model){.now_ns = START_NS};
        timers_init(&model.timers);
        assert_int_equal(sources_init(&model.sources, &model.timers, &limits, HOSTS * CONNS, key, START_NS),
                         0);
        for (int i = 0; i < STEPS; i++) {
            step(&model);
            check(&model);
        }
        for (uint32_t i = 0; i < HOSTS; i++) {
            while (model.hosts[i].connected > 0) {
                leave(&model, i);
            }
        }
        check(&model);
        for (int i = 0; i < SOURCE_VERDICT_COUNT; i++) {
            verdicts[i] += model.sources.stats.verdicts[i];
        }
        forgotten += model.sources.stats.forgotten;
        sources_fini(&model.sources);
        timers_fini(&model.timers);
    }
    /* All of it has happened, and often. */
    assert_in_range(verdicts[SOURCE_WELCOME], 1000, SEEDS * STEPS);
    assert_in_range(verdicts[SOURCE_PUNISHED], 1000, SEEDS * STEPS);
    assert_in_range(verdicts[SOURCE_TOO_MANY], 1000, SEEDS * STEPS);
    assert_in_range(verdicts[SOURCE_TOO_FAST], 100, SEEDS * STEPS);
    assert_in_range(forgotten, 1000, SEEDS * STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_what_the_model_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
