/* A room that tells which packets it was handed, of an engine that limits what its clients may send. */
#ifndef TESTS_COMPONENT_TALLY_ROOM_H
#define TESTS_COMPONENT_TALLY_ROOM_H

#include "support/component.h"

#include <string.h>

enum { TALLY_NOTE = 100, TALLY_MAX = 65536 };

/* Numbers of the packets that the content was handed, in its order. */
static uint32_t tally[TALLY_MAX];
static uint32_t tally_count;

static inline enum roomd_packet_result take_number(struct stage *stage, uint64_t session, uint16_t id,
                                                   const uint8_t *payload, size_t bytes)
{
    (void)stage;
    (void)session;
    (void)id;
    assert_true(bytes >= 4 && tally_count < TALLY_MAX);
    tally[tally_count++] = roomd_get_u32(payload);
    return ROOMD_PACKET_OK;
}

static inline struct fixture *open_limited(const struct input_limits *input, uint32_t flood_max)
{
    struct engine_limits limits = fixture_limits();

    limits.input = *input;
    limits.flood_max = flood_max;
    tally_count = 0;
    return fixture_open(&limits);
}

static inline struct room *counting_room(struct fixture *fixture, const struct room_options *options)
{
    struct room *room = fixture_room(fixture, "room", options);

    stage_of(room)->is_mute = true;
    stage_of(room)->on_packet = take_number;
    return room;
}

/* In the room without a word: nothing has been paid for yet. */
static inline struct player *connect_into(struct fixture *fixture, struct room *room)
{
    struct player *player = fixture_connect(fixture);

    assert_int_equal(session_join(fixture_session(fixture, player), room), ROOMD_ERROR_NONE);
    fixture_settle(fixture);
    return player;
}

/* A frame of that size, with its number. */
static inline size_t put_numbered(uint8_t *out, uint32_t number, uint32_t frame_bytes)
{
    memset(out, 0, frame_bytes);
    frame_put_header(out, TALLY_NOTE, frame_bytes - ROOMD_FRAME_HEADER_BYTES);
    roomd_put_u32(out + ROOMD_FRAME_HEADER_BYTES, number);
    return frame_bytes;
}

static inline void send_numbered(struct player *player, uint32_t number, uint32_t frame_bytes)
{
    uint8_t frame[ROOMD_FRAME_BYTES_MAX];

    player_send_bytes(player, frame, put_numbered(frame, number, frame_bytes));
}

#endif
