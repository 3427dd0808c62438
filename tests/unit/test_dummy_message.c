#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "dummy-client/message.h"
#include "roomd/wire.h"

static size_t add_suffix(uint8_t *frame, size_t size, const char *suffix)
{
    for (; *suffix; suffix++) {
        frame[size++] = (uint8_t)*suffix;
        frame[size++] = 0;
    }
    roomd_put_u16(frame, (uint16_t)size);
    roomd_put_u16(frame + 8, (uint16_t)(size - 10));
    return size;
}

static void what_is_encoded_is_what_is_parsed(void **state)
{
    static const uint32_t sizes[] = {32, 34, 40, 512, 4096, MESSAGE_TEXT_BYTES_MAX};
    static const struct message messages[] = {
        {.sender = 0, .sequence = 1, .sent_us = 0, .player = 1},
        {.sender = 19999, .sequence = 4711, .sent_us = 123456789, .player = 20000},
        {.sender = MESSAGE_SENDERS_MAX - 1,
         .sequence = MESSAGE_SEQUENCE_MAX,
         .sent_us = MESSAGE_SENT_US_MAX,
         .player = INT32_MAX},
        {.sender = 64, .sequence = 64, .sent_us = 64, .player = INT32_MIN},
    };
    uint8_t *frame = malloc(ROOMD_FRAME_BYTES_MAX);
    struct message parsed;
    char suffix[32];

    (void)state;
    assert_non_null(frame);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (size_t m = 0; m < sizeof(messages) / sizeof(messages[0]); m++) {
            size_t size = message_encode(frame, &messages[m], sizes[s], true);

            assert_int_equal(size, message_frame_bytes(sizes[s], true));
            assert_int_equal(size, 10 + sizes[s]);
            for (int with_suffix = 0; with_suffix < 2; with_suffix++) {
                if (with_suffix) {
                    snprintf(suffix, sizeof(suffix), " I am %d", (int)messages[m].player);
                    size = add_suffix(frame, size, suffix);
                    assert_true(size <= ROOMD_FRAME_BYTES_MAX);
                }
                assert_true(message_parse(&parsed, frame, size, sizes[s]));
                assert_int_equal(parsed.has_suffix, with_suffix);
                struct message head = message_head(frame);
                assert_true(parsed.sender == messages[m].sender && head.sender == parsed.sender);
                assert_true(parsed.sequence == messages[m].sequence && head.sequence == parsed.sequence);
                assert_true(parsed.sent_us == messages[m].sent_us && head.sent_us == parsed.sent_us);
                assert_true(parsed.player == messages[m].player && head.player == parsed.player);
            }
        }
    }
    free(frame);
}

static void a_client_says_it_as_the_contract_has_it(void **state)
{
    static const struct message message = {.sender = 1, .sequence = 65, .sent_us = 63};
    /* '~' 0001 0011 000000o, each character followed by a 0 */
    static const char text[] = "~00010011000000o";
    uint8_t frame[64];

    (void)state;
    assert_int_equal(message_encode(frame, &message, 32, false), 38);
    assert_int_equal(roomd_get_u16(frame), 38);
    assert_int_equal(roomd_get_u16(frame + 2), ROOMD_C_CHAT);
    assert_int_equal(roomd_get_u16(frame + 4), 32);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(roomd_get_u16(frame + 6 + 2 * i), text[i]);
    }
}

/* No single bit can be turned so that the same three numbers are read again; only the player id stands alone.
 */
static void a_turned_bit_is_refused_or_changes_the_numbers(void **state)
{
    static const struct message message = {.sender = 77, .sequence = 1234, .sent_us = 987654, .player = 9};
    uint8_t frame[128];
    struct message parsed;

    (void)state;
    for (int with_suffix = 0; with_suffix < 2; with_suffix++) {
        size_t size = message_encode(frame, &message, 64, true);
        size = with_suffix ? add_suffix(frame, size, " I am 9") : size;
        for (size_t bit = 0; bit < 8 * size; bit++) {
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
            bool is_same = message_parse(&parsed, frame, size, 64) && parsed.sender == message.sender &&
                           parsed.sequence == message.sequence && parsed.sent_us == message.sent_us &&
                           parsed.player == message.player;
            assert_false(is_same);
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void a_suffix_must_be_exactly_the_player(void **state)
{
    static const char *const wrong[] = {" I am 8", " I am 99", " I am",   " I am 9 ",
                                        "I am 9",  " I AM 9",  " I am 09"};
    static const struct message message = {.sender = 1, .sequence = 1, .sent_us = 1, .player = 9};
    uint8_t frame[128];
    struct message parsed;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t size = add_suffix(frame, message_encode(frame, &message, 32, true), wrong[i]);
        assert_false(message_parse(&parsed, frame, size, 32));
    }
    size_t size = add_suffix(frame, message_encode(frame, &message, 32, true), " I am 9");
    assert_true(message_parse(&parsed, frame, size, 32));
}

static void what_is_cut_or_of_another_size_is_refused(void **state)
{
    static const struct message message = {.sender = 1, .sequence = 1, .sent_us = 1, .player = 9};
    uint8_t frame[128] = {0};
    struct message parsed;

    (void)state;
    size_t size = message_encode(frame, &message, 40, true);
    for (size_t cut = 4; cut < size; cut++) {
        uint8_t *copy = malloc(cut); /* exactly so long, for the address sanitizer */

        assert_non_null(copy);
        memcpy(copy, frame, cut);
        roomd_put_u16(copy, (uint16_t)cut);
        assert_false(message_parse(&parsed, copy, cut, 40));
        free(copy);
    }
    assert_false(message_parse(&parsed, frame, size, 38));
    assert_false(message_parse(&parsed, frame, size, 42));
    assert_true(message_parse(&parsed, frame, size, 40));
    message_encode(frame, &message, 40, false);
    assert_false(message_parse(&parsed, frame, size, 40)); /* C_Chat is not for clients */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_what_is_parsed),
        cmocka_unit_test(a_client_says_it_as_the_contract_has_it),
        cmocka_unit_test(a_turned_bit_is_refused_or_changes_the_numbers),
        cmocka_unit_test(a_suffix_must_be_exactly_the_player),
        cmocka_unit_test(what_is_cut_or_of_another_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
