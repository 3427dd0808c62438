/*
 * Clients that do not behave. The first ones are of these kinds, in the order of enum client_kind; others are ordinary.
 *
 *     slow     comes in, and reads nothing from then on           (client_arm)
 *     garbage  never says C_HELLO, but nonsense
 *     dribble  takes part, and sends byte by byte
 *     flood    comes in, and sends small packets without end
 *     mute     comes in, reads, and sends nothing from then on    (protocol_on_engine)
 *     pause    takes part, and now and then reads nothing for a while
 */
#ifndef DUMMY_CLIENT_MISBEHAVE_H
#define DUMMY_CLIENT_MISBEHAVE_H

#include "dummy-client/client.h"
#include "dummy-client/options.h"

enum { GARBAGE_BYTES_MAX = 512 };
enum { FLOOD_PACKET_BYTES = ROOMD_FRAME_HEADER_BYTES + 8, FLOOD_PACKETS = 1024, FLOOD_SENDS_A_TURN = 8 };

/* What the client of that index is. */
enum client_kind misbehave_kind(const struct options *options, uint32_t index);
/* How many clients are to come in, each once. */
uint32_t misbehave_awaited(const struct options *options);

/* Lets every client act that is due, of all kinds but --dribble. Call it every housekeeping. */
void misbehave_turn(struct load *load);
/* The window begins, in which those of --pause do: spread over the first pause. */
void misbehave_begin_pauses(struct load *load);

/*
 * Makes a piece of nonsense, up to GARBAGE_BYTES_MAX bytes, that no server takes for something said in a
 * room: random bytes, sizes 0 to 3, sizes beyond what is sent, engine packets cut short, chat whose length is
 * wrong. `random` is the generator's state. Returns the size.
 */
size_t garbage_make(uint8_t *out, uint64_t *random);

/*
 * What a flooder sends: FLOOD_PACKETS packets one after another, which every server has to answer or to count: C_PING.
 * Returns their bytes.
 */
size_t flood_make(uint8_t out[FLOOD_PACKETS * FLOOD_PACKET_BYTES]);

/* Lets every client of --dribble send one byte of what it has. */
void dribble_turn(struct load *load);

#endif
