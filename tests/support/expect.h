/*
 * What a client expects to see next. Each macro fails the test at the line that used it, with what came
 * instead. Where "content passes" is said, packets of the room (ids below 0xFF00) that come before are taken
 * and dropped.
 */
#ifndef TESTS_SUPPORT_EXPECT_H
#define TESTS_SUPPORT_EXPECT_H

#include "support/client.h"

/* The next bytes are exactly these. */
#define client_expect_hex(client, hex, timeout_ms) expect_hex_at(client, hex, timeout_ms, __FILE__, __LINE__)
/* The next frame has this id; returns it. */
#define client_expect_frame(client, id) expect_frame_at(client, id, false, __FILE__, __LINE__)
/* The next frame of the engine has this id; content passes. */
#define client_await_frame(client, id) expect_frame_at(client, id, true, __FILE__, __LINE__)
/* The next frame is S_Chat of this player (0: of anyone) with this ASCII text. */
#define client_expect_chat(client, player, text) expect_chat_at(client, player, text, __FILE__, __LINE__)
/* S_ERROR with this code and a text, S_LEFT with this reason; content passes. */
#define client_expect_error(client, code)  expect_error_at(client, code, __FILE__, __LINE__)
#define client_expect_left(client, reason) expect_left_at(client, reason, __FILE__, __LINE__)
/* S_JOINED of this room with content chat; content passes. Returns the room's tick in ms. */
#define client_expect_joined(client, room) expect_joined_at(client, room, __FILE__, __LINE__)
/* S_KICK with this reason and a text that begins with its name, then the end; content passes. */
#define client_expect_kick(client, reason) expect_kick_at(client, reason, __FILE__, __LINE__)
/* The connection ends and nothing comes before; with bytes allowed, whatever came before is dropped. */
#define client_expect_closed(client) expect_closed_at(client, false, __FILE__, __LINE__)
#define client_await_closed(client)  expect_closed_at(client, true, __FILE__, __LINE__)
/* Nothing comes for so long, and the connection stays. */
#define client_expect_silence(client, ms) expect_silence_at(client, ms, __FILE__, __LINE__)
/* Says C_HELLO and takes S_WELCOME; returns the player's id, which is kept in the client too. */
#define client_hello(client) client_hello_at(client, __FILE__, __LINE__)
/* Says C_JOIN and takes S_JOINED of that room; what it was in, and leaving it, may come first. */
#define client_join(client, room) client_join_at(client, room, __FILE__, __LINE__)

void expect_hex_at(struct client *client, const char *hex, int timeout_ms, const char *file, int line);
struct frame expect_frame_at(struct client *client, uint16_t id, bool content_passes, const char *file,
                             int line);
void expect_chat_at(struct client *client, uint32_t player, const char *text, const char *file, int line);
void expect_error_at(struct client *client, uint16_t code, const char *file, int line);
void expect_left_at(struct client *client, uint16_t reason, const char *file, int line);
unsigned expect_joined_at(struct client *client, const char *room, const char *file, int line);
void expect_kick_at(struct client *client, uint16_t reason, const char *file, int line);
void expect_closed_at(struct client *client, bool bytes_pass, const char *file, int line);
void expect_silence_at(struct client *client, int ms, const char *file, int line);
uint32_t client_hello_at(struct client *client, const char *file, int line);
void client_join_at(struct client *client, const char *room, const char *file, int line);

/* The text of an S_Chat frame as ASCII (other units become '?'). False when the frame is no well-formed
 * S_Chat. */
bool chat_read(const struct frame *frame, uint32_t *player, char *text, size_t text_size);
/* The lower-case name of a reason, as the kick's text, the log and the counters say it. */
const char *close_reason_text(uint16_t reason);

#endif
