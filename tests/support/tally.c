#include "support/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "room/room.h"
#include "room/session.h"
#include "support/fake_clock.h"
#include "support/stage.h"
#include "wire/control.h"

static uint64_t resync_took_ns;

void tally_set_resync_ns(uint64_t took_ns)
{
    resync_took_ns = took_ns;
}

static void tell_anew(void *state, uint64_t session)
{
    struct stage *stage = state;

    stage_note(stage, "resync %u; ", stage->host->player_id(stage->room, session));
    assert_int_equal(stage->host->send(stage->room, session, TALLY_SNAPSHOT, "all of it", 9, 0), 0);
    fake_clock_advance(resync_took_ns);
}

struct room_options tally_options(void)
{
    struct room_options options = fixture_room_options();

    options.slow = ROOM_SLOW_SKIP;
    options.skip_max_ns = 30 * NS_PER_S;
    options.outbox_bytes_max = 64 * 1024;
    options.outbox_age_max_ns = 600 * NS_PER_S;
    return options;
}

struct room *tally_room(struct fixture *fixture, const char *name, const struct room_options *options)
{
    static struct roomd_content content;
    struct room_options ordinary = tally_options();
    struct room *room;

    resync_took_ns = 0;
    content = stage_content;
    content.resync = tell_anew;
    room = fixture_room_of(fixture, name, options != NULL ? options : &ordinary, &content);
    stage_of(room)->is_mute = true;
    return room;
}

void tally_say(struct tally *tally, uint32_t payload_bytes)
{
    if (tally != NULL) {
        tally->said++;
        tally->said_bytes += ROOMD_FRAME_HEADER_BYTES + payload_bytes;
    }
}

void tally_broadcast(struct room *room, struct tally *tally, uint32_t payload_bytes)
{
    static const uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];

    assert_int_equal(room_broadcast(room, TALLY_NOTE, payload, payload_bytes, 0), 0);
    tally_say(tally, payload_bytes);
}

bool tally_is_skipping(struct fixture *fixture, const struct player *player)
{
    const struct session *session = fixture_session(fixture, player);

    return session != NULL && session->conn.reader.is_skipping;
}

void tally_leave_behind(struct fixture *fixture, struct room *room, const struct player *player,
                        struct tally *tally)
{
    for (int i = 0; i < 200 && !tally_is_skipping(fixture, player); i++) {
        tally_broadcast(room, tally, 1000);
        fixture_tick(fixture, room);
    }
    assert_true(tally_is_skipping(fixture, player));
    assert_true(session_is_held(fixture_session(fixture, player)));
}

static void take_frame(struct tally *tally, const struct frame *frame)
{
    struct control_server control;

    if (tally->last == ROOMD_S_RESYNC && frame->id != ROOMD_S_LEFT) {
        assert_int_equal(frame->id, TALLY_SNAPSHOT);
    }
    tally->last = frame->id;
    switch (frame->id) {
    case TALLY_NOTE:
        tally->got++;
        tally->got_bytes += ROOMD_FRAME_HEADER_BYTES + (uint32_t)frame->payload_bytes;
        break;
    case TALLY_SNAPSHOT:
        tally->snapshots++;
        break;
    case ROOMD_S_RESYNC:
        assert_int_equal(control_decode_server(frame, &control), 0);
        assert_true(control.resync.packets > 0);
        tally->missed += control.resync.packets;
        tally->missed_bytes += control.resync.bytes;
        tally->resyncs++;
        break;
    case ROOMD_S_PONG:
        tally->pongs++;
        break;
    case ROOMD_S_LEFT:
        tally->lefts++;
        break;
    default:
        break;
    }
}

void tally_take(struct tally *tally, struct player *player)
{
    struct frame frame;

    while (player_next(player, &frame)) {
        take_frame(tally, &frame);
    }
}

void tally_read(struct fixture *fixture, struct player *player, struct tally *tally)
{
    for (int quiet = 0; quiet < 3; quiet++) {
        if (player_receive(player, SIZE_MAX) > 0) {
            quiet = 0;
        }
        tally_take(tally, player);
        fixture_settle(fixture);
    }
}

void tally_check(const struct tally *tally)
{
    assert_int_equal(tally->got + tally->missed, tally->said);
    assert_int_equal(tally->got_bytes + tally->missed_bytes, tally->said_bytes);
}
