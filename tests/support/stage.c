#include "support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room/room.h"
#include "support/engine_fixture.h"

static int open_result;
static uint32_t closed_count;

void stage_set_open_result(int result)
{
    open_result = result;
}

uint32_t stage_closed_count(void)
{
    return closed_count;
}

struct stage *stage_of(const struct room *room)
{
    return room->content_state;
}

void stage_note(struct stage *stage, const char *format, ...)
{
    size_t used = strlen(stage->notes);
    va_list arguments;

    if (stage->is_mute) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(stage->notes + used, sizeof(stage->notes) - used, format, arguments);
    va_end(arguments);
}

void stage_expect_notes(struct stage *stage, const char *text)
{
    assert_string_equal(stage->notes, text);
    stage->notes[0] = '\0';
}

static const char *reason_name(enum roomd_leave_reason reason)
{
    static const char *const names[] = {"?", "asked", "moved", "disconnected", "room_closed"};

    return (size_t)reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "?";
}

static int stage_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    struct stage *stage;

    if (open_result < 0) {
        return open_result;
    }
    stage = calloc(1, sizeof(*stage));
    if (stage == NULL) {
        return -ENOMEM;
    }
    stage->host = host;
    stage->room = room;
    *state = stage;
    return 0;
}

static void stage_close(void *state)
{
    closed_count++;
    free(state);
}

static void stage_enter(void *state, uint64_t session)
{
    struct stage *stage = state;

    stage->enters++;
    stage_note(stage, "enter %u; ", stage->host->player_id(stage->room, session));
    if (stage->on_enter != NULL) {
        stage->on_enter(stage, session);
    }
}

static void stage_leave(void *state, uint64_t session, enum roomd_leave_reason reason)
{
    struct stage *stage = state;

    stage->leaves++;
    stage_note(stage, "leave %u %s; ", stage->host->player_id(stage->room, session), reason_name(reason));
    if (stage->on_leave != NULL) {
        stage->on_leave(stage, session, reason);
    }
}

static enum roomd_packet_result stage_packet(void *state, uint64_t session, uint16_t id,
                                             const uint8_t *payload, size_t bytes)
{
    struct stage *stage = state;

    stage->packets++;
    stage_note(stage, "packet %u %u %.*s; ", stage->host->player_id(stage->room, session), id,
               bytes < 64 ? (int)bytes : 64, (const char *)payload);
    if (stage->on_packet != NULL) {
        return stage->on_packet(stage, session, id, payload, bytes);
    }
    assert_int_equal(stage->host->broadcast(stage->room, id, payload, bytes, 0), 0);
    return ROOMD_PACKET_OK;
}

static void stage_tick(void *state)
{
    struct stage *stage = state;

    stage->ticks++;
    stage_note(stage, "tick; ");
    if (stage->on_tick != NULL) {
        stage->on_tick(stage);
    }
}

const struct roomd_content stage_content = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(stage_content),
    .name = "stage",
    .open = stage_open,
    .close = stage_close,
    .enter = stage_enter,
    .leave = stage_leave,
    .packet = stage_packet,
};

const struct roomd_content stage_ticking_content = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(stage_ticking_content),
    .name = "ticking",
    .open = stage_open,
    .close = stage_close,
    .enter = stage_enter,
    .leave = stage_leave,
    .packet = stage_packet,
    .tick = stage_tick,
};

struct stage_call {
    void (*run)(struct stage *stage, void *context);
    void *context;
};

static void stage_call_run(void *state, uint64_t session, const void *payload, size_t bytes)
{
    struct stage_call call;

    assert_int_equal(session, 0);
    assert_int_equal(bytes, sizeof(call));
    memcpy(&call, payload, sizeof(call));
    call.run(state, call.context);
}

void stage_run_play(struct fixture *fixture, struct room *room,
                    void (*run)(struct stage *stage, void *context), void *context)
{
    struct stage_call call = {.run = run, .context = context};

    assert_int_equal(room_push(room, stage_call_run, 0, &call, sizeof(call)), 0);
    fixture_play(fixture);
}

void stage_run(struct fixture *fixture, struct room *room, void (*run)(struct stage *stage, void *context),
               void *context)
{
    stage_run_play(fixture, room, run, context);
    fixture_settle(fixture);
}

struct stage_text {
    uint16_t id;
    const char *text;
};

static void stage_broadcast_text(struct stage *stage, void *context)
{
    const struct stage_text *text = context;

    assert_int_equal(stage->host->broadcast(stage->room, text->id, text->text, strlen(text->text), 0), 0);
}

void stage_broadcast(struct fixture *fixture, struct room *room, uint16_t id, const char *text)
{
    struct stage_text what = {.id = id, .text = text};

    stage_run_play(fixture, room, stage_broadcast_text, &what);
}
