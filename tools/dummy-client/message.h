/*
 * The tool's messages: chat packets whose text names its sender, its sequence and the time it was sent, so
 * that a receiver can judge every single delivery.
 *
 * The text is UTF-16LE, but only characters of ASCII. Its first 16 units are the head:
 *
 *     '~'  sender (4 digits)  sequence (4 digits)  microseconds since the tool's start (7 digits)
 *
 * with digits of base 64, '0' to 'o', the highest first. Padding follows up to the text's size, drawn from
 * sender and sequence: every byte of a message can be told from these three numbers. A room with `suffix =
 * yes` puts " I am <player>" behind it.
 */
#ifndef DUMMY_CLIENT_MESSAGE_H
#define DUMMY_CLIENT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_TEXT_BYTES_LEAST 32u
#define MESSAGE_TEXT_BYTES_MAX   65000u     /* so that the server's packet with a suffix still fits a frame */
#define MESSAGE_FRAME_HEAD_BYTES 42u        /* of S_Chat: all that comes before the padding */
#define MESSAGE_SENDERS_MAX      (1u << 24) /* what 4 digits can name */
#define MESSAGE_SEQUENCE_MAX     0xFFFFFFu  /* sequences count from 1 */
#define MESSAGE_SENT_US_MAX      0x3FFFFFFFFFF /* what 7 digits can name: 50 days */

struct message {
    uint32_t sender;   /* the tool's index of the client */
    uint32_t sequence; /* from 1 */
    uint64_t sent_us;  /* since the tool's start */
    int32_t player;    /* in what the server sends only */
    bool has_suffix;   /* in what the server sends only */
};

/* The bytes of the frame that message_encode makes. */
size_t message_frame_bytes(uint32_t text_bytes, bool is_from_server);

/*
 * Writes one frame: C_Chat, or S_Chat without a suffix (which an echoing peer returns as it is). `text_bytes`
 * is even and between MESSAGE_TEXT_BYTES_LEAST and _MAX. Returns the bytes written.
 */
size_t message_encode(uint8_t *out, const struct message *message, uint32_t text_bytes, bool is_from_server);

/*
 * Reads one whole frame of `size` bytes as S_Chat. True only if every byte is as message_encode (and the
 * server's suffix) would have made it for the numbers it carries; `message` is undefined otherwise.
 */
bool message_parse(struct message *message, const uint8_t *frame, size_t size, uint32_t text_bytes);

/* Reads only the numbers, from the first MESSAGE_FRAME_HEAD_BYTES of a frame that message_parse accepted
 * before. */
struct message message_head(const uint8_t *frame);

#endif
