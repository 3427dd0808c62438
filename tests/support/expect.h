/*
 * What a client expects to see next. Each macro fails the test at the line that used it, with what came
 * instead. Where "content passes" is said, packets of the room (ids below 0xFF00) that come before are taken
 * and dropped.
 */
#ifndef TESTS_SUPPORT_EXPECT_H
#define TESTS_SUPPORT_EXPECT_H

#include "support/peer.h"

/* The next bytes are exactly these. */
#define peer_expect_hex(peer, hex, timeout_ms) expect_hex_at(peer, hex, timeout_ms, __FILE__, __LINE__)
/* The next frame has this id; returns it. */
#define peer_expect_packet(peer, id) expect_packet_at(peer, id, false, __FILE__, __LINE__)
/* The next frame of the engine has this id; content passes. */
#define peer_await_packet(peer, id) expect_packet_at(peer, id, true, __FILE__, __LINE__)
/* The next frame is S_Chat of this player (0: of anyone) with this ASCII text. */
#define peer_expect_chat(peer, player, text) expect_chat_at(peer, player, text, __FILE__, __LINE__)
/* S_ERROR with this code and a text, S_LEFT with this reason; content passes. */
#define peer_expect_error(peer, code)  expect_error_at(peer, code, __FILE__, __LINE__)
#define peer_expect_left(peer, reason) expect_left_at(peer, reason, __FILE__, __LINE__)
/* S_JOINED of this room with content chat; content passes. Returns the room's tick in ms. */
#define peer_expect_joined(peer, room) expect_joined_at(peer, room, __FILE__, __LINE__)
/* S_KICK with this reason and a text that begins with its name, then the end; content passes. */
#define peer_expect_kick(peer, reason) expect_kick_at(peer, reason, __FILE__, __LINE__)
/* The connection ends and nothing comes before; with bytes allowed, whatever came before is dropped. */
#define peer_expect_closed(peer) expect_closed_at(peer, false, __FILE__, __LINE__)
#define peer_await_closed(peer)  expect_closed_at(peer, true, __FILE__, __LINE__)
/* Nothing comes for so long, and the connection stays. */
#define peer_expect_silence(peer, ms) expect_silence_at(peer, ms, __FILE__, __LINE__)
/* Says C_HELLO and takes S_WELCOME; returns the player's id, which is kept in the peer too. */
#define peer_hello(peer) peer_hello_at(peer, __FILE__, __LINE__)
/* Says C_JOIN and takes S_JOINED of that room, of whatever content; what it was in, and leaving it, may come first. */
#define peer_join(peer, room) peer_join_at(peer, room, __FILE__, __LINE__)
/* A new peer that has said hello and joined that room; or that says hello where that room, of content chat, takes all. */
#define peer_enter(daemon, room)    peer_enter_at(daemon, room, __FILE__, __LINE__)
#define peer_autojoin(daemon, room) peer_autojoin_at(daemon, room, __FILE__, __LINE__)

void expect_hex_at(struct peer *peer, const char *hex, int timeout_ms, const char *file, int line);
struct packet expect_packet_at(struct peer *peer, uint16_t id, bool content_passes, const char *file,
                               int line);
void expect_chat_at(struct peer *peer, uint32_t player, const char *text, const char *file, int line);
void expect_error_at(struct peer *peer, uint16_t code, const char *file, int line);
void expect_left_at(struct peer *peer, uint16_t reason, const char *file, int line);
unsigned expect_joined_at(struct peer *peer, const char *room, const char *file, int line);
void expect_kick_at(struct peer *peer, uint16_t reason, const char *file, int line);
void expect_closed_at(struct peer *peer, bool bytes_pass, const char *file, int line);
void expect_silence_at(struct peer *peer, int ms, const char *file, int line);
uint32_t peer_hello_at(struct peer *peer, const char *file, int line);
void peer_join_at(struct peer *peer, const char *room, const char *file, int line);
struct peer *peer_enter_at(const struct daemon *daemon, const char *room, const char *file, int line);
struct peer *peer_autojoin_at(const struct daemon *daemon, const char *room, const char *file, int line);

/* The text of an S_Chat frame as ASCII (other units become '?'). False when the frame is no well-formed
 * S_Chat. */
bool chat_read(const struct packet *packet, uint32_t *player, char *text, size_t text_size);
/* The lower-case name of a reason, as the kick's text, the log and the counters say it. */
const char *wire_reason_name(uint16_t reason);

#endif
