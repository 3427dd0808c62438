/* What is said in a run of the skip model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/skip_model.h"

enum { SKIP_KEYED_BYTES = 40 };

struct skip_model skip_model;

uint32_t skip_model_random(uint32_t below)
{
    return (uint32_t)rand_r(&skip_model.random) % below;
}

/* ---- what is said ---- */

size_t skip_model_put(uint8_t *bytes, uint32_t number)
{
    size_t size = skip_model.packets[number].is_keyed ? SKIP_KEYED_BYTES : 4 + number * 29 % 150;

    memset(bytes, (int)number, size);
    roomd_put_u32(bytes, number);
    return size;
}

static uint32_t model_packet(uint8_t stream, bool is_keyed)
{
    assert_true(skip_model.next_number < SKIP_NUMBERS_MAX);
    skip_model.packets[skip_model.next_number] =
        (struct said){.epoch = skip_model.epoch, .stream = stream, .is_keyed = is_keyed};
    return skip_model.next_number++;
}

static bool model_is_open(const struct expected *one)
{
    const struct session *session = slots_find(&skip_model.fixture->engine.sessions, one->session);

    return one->is_in && session != NULL && session->close_reason == ROOMD_CLOSE_NONE;
}

static void model_expect(struct expected *one, uint32_t number)
{
    one->numbers[one->count++] = number;
}

/* It took the place of the last one of its key, which nobody has been handed. */
static void model_replace(uint32_t old, uint32_t number)
{
    skip_model.packets[number].epoch = skip_model.packets[old].epoch;
    for (uint32_t i = 1; i <= SKIP_PLAYERS; i++) {
        struct expected *one = &skip_model.players[i];

        for (uint32_t at = one->count; at > one->first; at--) {
            if (one->numbers[at - 1] == old) {
                assert_false(one->is_taken[at - 1]);
                one->numbers[at - 1] = number;
                break;
            }
        }
    }
    skip_model.overwritten++;
}

static unsigned draw_flags(void)
{
    return skip_model_random(25) == 0 ? ROOMD_URGENT : 0;
}

static void append(struct stage *stage, uint8_t stream, const struct expected *but)
{
    uint8_t bytes[256];
    uint32_t number = model_packet(stream, false);
    size_t size = skip_model_put(bytes, number);
    unsigned flags = draw_flags();

    assert_int_equal(
        but != NULL ? stage->host->broadcast_except(stage->room, but->session, SKIP_NOTE, bytes, size, flags)
        : stream == 0 ? stage->host->broadcast(stage->room, SKIP_NOTE, bytes, size, flags)
                      : stage->host->stream_append(stage->room, stream, SKIP_NOTE, bytes, size, flags),
        0);
    for (uint32_t i = 1; i <= SKIP_PLAYERS; i++) {
        struct expected *one = &skip_model.players[i];

        if (one != but && model_is_open(one) && (stream == 0 || one->follows[stream])) {
            model_expect(one, number);
        }
    }
}

static void append_keyed(struct stage *stage, uint8_t stream)
{
    const struct gather *gather = &skip_model.fixture->engine.net.gather;
    uint64_t overwritten = gather->overwritten;
    uint32_t key = skip_model_random(SKIP_KEYS);
    uint8_t bytes[256];
    uint32_t number = model_packet(stream, true);
    size_t size = skip_model_put(bytes, number);

    assert_int_equal(stream == 0 ? stage->host->broadcast_keyed(stage->room, key, SKIP_NOTE, bytes, size, 0)
                                 : stage->host->stream_append_keyed(stage->room, stream, key, SKIP_NOTE,
                                                                    bytes, size, draw_flags()),
                     0);
    if (gather->overwritten > overwritten) {
        model_replace(skip_model.last_keyed[stream][key], number);
    } else {
        for (uint32_t i = 1; i <= SKIP_PLAYERS; i++) {
            struct expected *one = &skip_model.players[i];

            if (model_is_open(one) && (stream == 0 || one->follows[stream])) {
                model_expect(one, number);
            }
        }
    }
    skip_model.last_keyed[stream][key] = number;
}

void skip_model_send(struct stage *stage, struct expected *one)
{
    uint8_t bytes[256];
    uint32_t number = model_packet(SKIP_PRIVATE, false);
    size_t size = skip_model_put(bytes, number);
    int rc = stage->host->send(stage->room, one->session, SKIP_NOTE, bytes, size, draw_flags());

    if (rc == 0) {
        model_expect(one, number);
    } else {
        assert_true(rc == -ENOENT || rc == -ENOBUFS);
    }
}

static void send_some(struct stage *stage)
{
    uint64_t sessions[SKIP_PLAYERS];
    uint32_t who[SKIP_PLAYERS];
    uint32_t missed[SKIP_PLAYERS + 1];
    uint8_t bytes[256];
    uint32_t number = model_packet(SKIP_PRIVATE, false);
    size_t size = skip_model_put(bytes, number);
    uint32_t count = 0;

    for (uint32_t i = 1; i <= SKIP_PLAYERS; i++) {
        if (skip_model_random(4) == 0) {
            who[count] = i;
            sessions[count++] = skip_model.players[i].session;
        }
    }

    int reached =
        stage->host->send_some(stage->room, sessions, count, SKIP_NOTE, bytes, size, draw_flags(), missed);

    assert_in_range(reached, 0, count);
    missed[count - (uint32_t)reached] = UINT32_MAX;
    for (uint32_t i = 0, next = 0; i < count; i++) {
        if (missed[next] == i) {
            next++;
        } else {
            model_expect(&skip_model.players[who[i]], number);
        }
    }
}

static struct expected *draw_member(void)
{
    for (uint32_t i = 0; i < 20; i++) {
        struct expected *one = &skip_model.players[1 + skip_model_random(SKIP_PLAYERS)];

        if (model_is_open(one)) {
            return one;
        }
    }
    return NULL;
}

void skip_model_follow(struct stage *stage, struct expected *one, uint8_t stream)
{
    int rc = one->follows[stream] ? stage->host->stream_unfollow(stage->room, one->session, stream)
                                  : stage->host->stream_follow(stage->room, one->session, stream);

    assert_int_equal(rc, 0);
    one->follows[stream] = !one->follows[stream];
}

void skip_model_emit(struct stage *stage, void *context)
{
    uint32_t kind = skip_model_random(100);
    uint8_t stream = (uint8_t)(1 + skip_model_random(SKIP_STREAMS));
    struct expected *one = draw_member();

    (void)context;
    if (kind < 40) {
        append(stage, stream, NULL);
    } else if (kind < 50) {
        append(stage, 0, NULL);
    } else if (kind < 60) {
        for (uint32_t i = skip_model_random(6); i > 0; i--) {
            append_keyed(stage, stream % 2 == 0 ? 0 : stream);
        }
    } else if (kind < 66) {
        stage->host->barrier(stage->room);
        skip_model.epoch++;
    } else if (kind < 72) {
        send_some(stage);
    } else if (one == NULL) {
        return;
    } else if (kind < 82) {
        skip_model_send(stage, one);
    } else if (kind < 86) {
        append(stage, 0, one);
    } else {
        skip_model_follow(stage, one, stream);
    }
}
