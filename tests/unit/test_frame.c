#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

static struct frame_cursor cursor_over(const void *bytes, size_t size)
{
    return (struct frame_cursor){.data = bytes, .size = size};
}

/* A heap copy of exactly `size` bytes, so that the address sanitizer sees a read of one byte too many. */
static uint8_t *copy_exact(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    assert_non_null(copy);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

static void nothing_there_is_no_frame(void **state)
{
    struct frame_cursor cursor = cursor_over(NULL, 0);
    struct frame frame;

    (void)state;
    assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_MORE);
    assert_int_equal(cursor.pos, 0);
}

static void sizes_below_the_header_are_bad_at_once(void **state)
{
    (void)state;
    for (uint8_t size = 0; size < ROOMD_FRAME_HEADER_BYTES; size++) {
        const uint8_t bytes[8] = {size, 0, 1, 0, 0, 0, 0, 0};

        for (size_t have = 0; have <= sizeof bytes; have++) {
            uint8_t *copy = copy_exact(bytes, have);
            struct frame_cursor cursor = cursor_over(copy, have);
            struct frame frame = {.id = 77};

            assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame),
                             have < 2 ? FRAME_MORE : FRAME_BAD);
            /* It stays bad: a caller that asks again spins on nothing and gets nothing. */
            assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame),
                             have < 2 ? FRAME_MORE : FRAME_BAD);
            assert_int_equal(cursor.pos, 0);
            assert_int_equal(frame.id, 77);
            free(copy);
        }
    }
}

static void the_limit_is_the_last_good_size(void **state)
{
    static const uint32_t limits[] = {4, 5, 255, 256, 4096, 65534, 65535};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        uint8_t bytes[2];
        struct frame frame;
        struct frame_cursor cursor = cursor_over(bytes, sizeof bytes);

        roomd_put_u16(bytes, (uint16_t)limits[i]);
        assert_int_equal(frame_next(&cursor, limits[i], &frame), FRAME_MORE);
        assert_int_equal(frame_next(&cursor, limits[i] - 1, &frame), FRAME_BAD);
        assert_int_equal(cursor.pos, 0);
        if (limits[i] < UINT16_MAX) {
            roomd_put_u16(bytes, (uint16_t)(limits[i] + 1));
            assert_int_equal(frame_next(&cursor, limits[i], &frame), FRAME_BAD);
        }
    }
}

static void the_largest_frame_comes_whole(void **state)
{
    uint8_t *bytes = calloc(1, ROOMD_FRAME_BYTES_MAX);
    struct frame_cursor cursor = cursor_over(bytes, ROOMD_FRAME_BYTES_MAX - 1);
    struct frame frame;

    (void)state;
    assert_non_null(bytes);
    frame_put_header(bytes, 0xFEFF, ROOMD_PAYLOAD_BYTES_MAX);
    assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_MORE);
    cursor.size++;
    assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_OK);
    assert_int_equal(frame.id, 0xFEFF);
    assert_int_equal(frame.payload_bytes, ROOMD_PAYLOAD_BYTES_MAX);
    assert_ptr_equal(frame.payload, bytes + ROOMD_FRAME_HEADER_BYTES);
    assert_int_equal(cursor.pos, ROOMD_FRAME_BYTES_MAX);
    assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_MORE);
    free(bytes);
}

static void header_is_little_endian_and_holds_the_whole_size(void **state)
{
    static const uint8_t expected[] = {0x06, 0x02, 0x81, 0xFF};
    uint8_t header[ROOMD_FRAME_HEADER_BYTES];

    (void)state;
    frame_put_header(header, 0xFF81, 0x202);
    assert_memory_equal(header, expected, sizeof expected);
}

static void every_id_is_delivered(void **state)
{
    (void)state;
    for (uint32_t id = 0; id <= UINT16_MAX; id++) {
        uint8_t bytes[ROOMD_FRAME_HEADER_BYTES];
        struct frame_cursor cursor = cursor_over(bytes, sizeof bytes);
        struct frame frame;

        frame_put_header(bytes, (uint16_t)id, 0);
        assert_int_equal(frame_next(&cursor, ROOMD_FRAME_HEADER_BYTES, &frame), FRAME_OK);
        assert_int_equal(frame.id, id);
        assert_int_equal(frame.payload_bytes, 0);
        assert_int_equal(cursor.pos, sizeof bytes);
    }
}

static void a_bad_frame_behind_good_ones_stops_there(void **state)
{
    static const uint8_t bytes[] = {4, 0, 1, 0, 5, 0, 2, 0, 9, 3, 0, 4, 0, 3, 0};
    struct frame_cursor cursor = cursor_over(bytes, sizeof bytes);
    struct frame frame;

    (void)state;
    assert_int_equal(frame_next(&cursor, 64, &frame), FRAME_OK);
    assert_int_equal(frame_next(&cursor, 64, &frame), FRAME_OK);
    assert_int_equal(frame.id, 2);
    assert_int_equal(frame.payload[0], 9);
    assert_int_equal(frame_next(&cursor, 64, &frame), FRAME_BAD);
    assert_int_equal(cursor.pos, 9);
}

/* What servers and clients of the lineage were seen to send: chat, as hex, one packet a line. */
static const struct {
    const char *hex;
    uint16_t id;
    uint16_t payload_bytes;
} vectors[] = {
    /* C_Chat "Hello Server!", and player 2's S_Chat of it with the suffix */
    {"20 00 01 00 1a 00 48 00 65 00 6c 00 6c 00 6f 00 20 00 53 00 65 00 72 00 76 00 65 00 72 00 21 00", 1,
     28},
    {"32 00 02 00 02 00 00 00 28 00 48 00 65 00 6c 00 6c 00 6f 00 20 00 53 00 65 00 72 00 76 00 65 00 72 00 "
     "21 00 20 00 49 00 20 00 61 00 6d 00 20 00 32 00",
     2, 46},
    /* two syllables of Hangul by player 1 */
    {"0a 00 01 00 04 00 48 c5 55 b1", 1, 6},
    {"1c 00 02 00 01 00 00 00 12 00 48 c5 55 b1 20 00 49 00 20 00 61 00 6d 00 20 00 31 00", 2, 24},
    /* an empty text by player 1 */
    {"06 00 01 00 00 00", 1, 2},
    {"18 00 02 00 01 00 00 00 0e 00 20 00 49 00 20 00 61 00 6d 00 20 00 31 00", 2, 20},
};
enum { VECTORS = sizeof vectors / sizeof *vectors };

/* Writes the vectors one behind the other; returns how many bytes they are. */
static size_t vectors_join(uint8_t *out, size_t out_bytes)
{
    size_t used = 0;

    for (size_t i = 0; i < VECTORS; i++) {
        for (const char *at = vectors[i].hex; *at != '\0';) {
            char *end;

            assert_true(used < out_bytes);
            out[used++] = (uint8_t)strtoul(at, &end, 16);
            at = end;
        }
    }
    return used;
}

static void vector_check(size_t index, const struct frame *frame, const uint8_t *start)
{
    assert_true(index < VECTORS);
    assert_int_equal(frame->id, vectors[index].id);
    assert_int_equal(frame->payload_bytes, vectors[index].payload_bytes);
    assert_memory_equal(frame->payload, start + ROOMD_FRAME_HEADER_BYTES, frame->payload_bytes);
    /* Both packets end in a wstr: its length in bytes, then the text and nothing more. */
    const size_t wstr_at = frame->id == ROOMD_C_CHAT ? 0 : 4;

    assert_int_equal(roomd_get_u16(frame->payload + wstr_at) + wstr_at + 2, frame->payload_bytes);
}

static void vectors_decode_into_their_frames(void **state)
{
    uint8_t stream[256];
    const size_t size = vectors_join(stream, sizeof stream);
    struct frame_cursor cursor = cursor_over(stream, size);
    struct frame frame;

    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        const size_t start = cursor.pos;

        assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_OK);
        assert_ptr_equal(frame.payload, stream + start + ROOMD_FRAME_HEADER_BYTES);
        vector_check(i, &frame, stream + start);
    }
    assert_int_equal(cursor.pos, size);
    assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_MORE);
}

/* The stream in two reads, cut at every byte: the rest of the first is kept and the second put behind it. */
static void vectors_cut_at_every_byte_decode_the_same(void **state)
{
    uint8_t stream[256];
    const size_t size = vectors_join(stream, sizeof stream);

    (void)state;
    for (size_t cut = 0; cut <= size; cut++) {
        uint8_t *first = copy_exact(stream, cut);
        struct frame_cursor cursor = cursor_over(first, cut);
        struct frame frame;
        size_t start = 0;
        size_t found = 0;

        for (; frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame) == FRAME_OK; start = cursor.pos) {
            vector_check(found++, &frame, stream + start);
        }
        assert_int_equal(cursor.pos, start);

        uint8_t *second = copy_exact(stream + start, size - start);

        memcpy(second, first + start, cut - start);
        cursor = cursor_over(second, size - start);
        for (size_t at = start; frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame) == FRAME_OK;
             at = start + cursor.pos) {
            vector_check(found++, &frame, stream + at);
        }
        assert_int_equal(found, VECTORS);
        assert_int_equal(cursor.pos, size - start);
        free(second);
        free(first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_there_is_no_frame),
        cmocka_unit_test(sizes_below_the_header_are_bad_at_once),
        cmocka_unit_test(the_limit_is_the_last_good_size),
        cmocka_unit_test(the_largest_frame_comes_whole),
        cmocka_unit_test(header_is_little_endian_and_holds_the_whole_size),
        cmocka_unit_test(every_id_is_delivered),
        cmocka_unit_test(a_bad_frame_behind_good_ones_stops_there),
        cmocka_unit_test(vectors_decode_into_their_frames),
        cmocka_unit_test(vectors_cut_at_every_byte_decode_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
