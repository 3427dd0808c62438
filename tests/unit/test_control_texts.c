/* The texts and names of notices, and the list of rooms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"
#include "wire/names.h"
#include "wire/utf8.h"

/* The text of the S_ERROR that `text` makes, terminated, in `out`; its length. */
static size_t text_of_error(const char *text, char out[CONTROL_TEXT_BYTES_MAX + 1])
{
    uint8_t bytes[CONTROL_FRAME_BYTES_MAX];
    struct frame_cursor cursor = {.data = bytes};
    struct frame frame;
    struct control_server control;

    cursor.size = control_put_error(bytes, ROOMD_ERROR_REFUSED, text);
    assert_true(cursor.size <= sizeof bytes);
    assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_OK);
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.error.code, ROOMD_ERROR_REFUSED);
    assert_true(control.error.text.size <= CONTROL_TEXT_BYTES_MAX);
    if (control.error.text.size > 0) {
        memcpy(out, control.error.text.bytes, control.error.text.size);
    }
    out[control.error.text.size] = '\0';
    return control.error.text.size;
}

static void texts_are_cut_between_characters(void **state)
{
    static const char *const characters[] = {"\xC3\xA9", "\xED\x95\x9C", "\xF0\x9F\x98\x80"};
    char out[CONTROL_TEXT_BYTES_MAX + 1];
    char text[CONTROL_TEXT_BYTES_MAX + 32];

    (void)state;
    memset(text, 't', sizeof text);
    text[CONTROL_TEXT_BYTES_MAX] = '\0';
    assert_int_equal(text_of_error(text, out), CONTROL_TEXT_BYTES_MAX);
    assert_string_equal(out, text);
    text[CONTROL_TEXT_BYTES_MAX] = 't';
    text[CONTROL_TEXT_BYTES_MAX + 1] = '\0';
    assert_int_equal(text_of_error(text, out), CONTROL_TEXT_BYTES_MAX);

    /* A character that begins at any place before the border is there whole or not at all. */
    for (size_t i = 0; i < 3; i++) {
        const size_t length = strlen(characters[i]);

        for (size_t at = CONTROL_TEXT_BYTES_MAX - 6; at <= CONTROL_TEXT_BYTES_MAX; at++) {
            memset(text, 't', at);
            snprintf(text + at, sizeof text - at, "%send", characters[i]);
            const size_t whole = at + length <= CONTROL_TEXT_BYTES_MAX ? at + length : at;
            const size_t size = text_of_error(text, out);

            assert_memory_equal(out, text, size);
            assert_true(size >= whole);
            assert_true(whole == at ? size == at : size <= CONTROL_TEXT_BYTES_MAX);
        }
    }
}

static void texts_that_are_no_utf8_are_mended(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"caf\xE9", "caf?"},
        {"\xC3\xA9\xA9!", "\xC3\xA9?!"},
        {"\xED\xA0\x80", "???"},
        {"\xC0\xAF", "??"},
        {"a\xF0\x9F\x98", "a???"},
        {"two\nlines", "two\nlines"},
    };
    char out[CONTROL_TEXT_BYTES_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        text_of_error(pairs[i][0], out);
        assert_string_equal(out, pairs[i][1]);
    }
}

static void texts_default_to_the_tables(void **state)
{
    uint8_t bytes[CONTROL_FRAME_BYTES_MAX];
    char expected[CONTROL_TEXT_BYTES_MAX + 1];

    (void)state;
    for (int reason = 0; reason <= ROOMD_CLOSE_REASON_COUNT; reason++) {
        const enum roomd_close_reason close = (enum roomd_close_reason)reason;
        const int text_bytes =
            snprintf(expected, sizeof expected, "%s: %s", close_reason_name(close), close_reason_text(close));

        assert_in_range(text_bytes, 1, CONTROL_TEXT_BYTES_MAX);
        assert_int_equal(control_put_kick(bytes, close, NULL), 8 + text_bytes);
        assert_int_equal(roomd_get_u16(bytes + 4), reason);
        assert_memory_equal(bytes + 8, expected, (size_t)text_bytes);
    }
    for (int code = 0; code <= ROOMD_ERROR_COUNT; code++) {
        const char *text = error_text((enum roomd_error)code);

        assert_int_equal(control_put_error(bytes, (enum roomd_error)code, NULL), 8 + strlen(text));
        assert_memory_equal(bytes + 8, text, strlen(text));
    }
}

static void assert_lower(const char *lower, const char *upper)
{
    assert_int_equal(strlen(lower), strlen(upper));
    for (size_t i = 0; upper[i] != '\0'; i++) {
        assert_int_equal(lower[i], tolower((unsigned char)upper[i]));
    }
}

static void names_are_the_tables_in_lower_case(void **state)
{
    (void)state;
#define CLOSE(number, upper, what)                                                                           \
    assert_lower(close_reason_name(ROOMD_CLOSE_##upper), #upper);                                            \
    assert_string_equal(close_reason_text(ROOMD_CLOSE_##upper), what);
#define ERROR(number, upper, what) assert_string_equal(error_text(ROOMD_ERROR_##upper), what);
    ROOMD_CLOSE_REASONS(CLOSE)
    ROOMD_ERRORS(ERROR)
#undef CLOSE
#undef ERROR
    assert_string_equal(close_reason_name(ROOMD_CLOSE_FRAME_SIZE), "frame_size");
}

static void numbers_outside_the_tables_have_names_too(void **state)
{
    static const int outside[] = {-1, 999, UINT16_MAX, INT32_MIN, INT32_MAX};

    (void)state;
    assert_string_equal(close_reason_name(ROOMD_CLOSE_NONE), "none");
    assert_string_equal(close_reason_text(ROOMD_CLOSE_NONE), "none");
    assert_string_equal(error_text(ROOMD_ERROR_NONE), "none");
    assert_string_equal(error_text(ROOMD_ERROR_COUNT), "unknown");
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        assert_string_equal(close_reason_name((enum roomd_close_reason)outside[i]), "unknown");
        assert_string_equal(close_reason_text((enum roomd_close_reason)outside[i]), "unknown");
        assert_string_equal(error_text((enum roomd_error)outside[i]), "unknown");
    }
}

/* Decodes an S_ROOMS and asserts that it lists "r0", "r1" and so on, `count` of them. */
static void assert_rooms(const uint8_t *bytes, size_t size, uint16_t count)
{
    struct frame_cursor cursor = {.data = bytes, .size = size};
    struct frame frame;
    struct control_server control;
    struct control_room room;
    char name[16];

    assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_OK);
    assert_int_equal(cursor.pos, size);
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_ROOMS);
    assert_int_equal(control.rooms.count, count);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "r%u", i);
        assert_int_equal(control_rooms_next(&control.rooms.cursor, &room), 1);
        assert_int_equal(room.room.size, strlen(name));
        assert_memory_equal(room.room.bytes, name, room.room.size);
        assert_int_equal(room.content.size, 4);
        assert_memory_equal(room.content.bytes, "chat", 4);
        assert_int_equal(room.players, i);
        assert_int_equal(room.capacity, UINT32_MAX - i);
    }
    assert_int_equal(control_rooms_next(&control.rooms.cursor, &room), 0);
    assert_int_equal(control_rooms_next(&control.rooms.cursor, &room), 0);
}

/* For every space from none to enough, on a heap block of just that size: what fits is listed, the rest
 * refused. */
static void rooms_fill_the_space_and_no_more(void **state)
{
    enum { ROOM_BYTES = 2 + 2 + 2 + 4 + 4 + 4 };

    (void)state;
    for (size_t space = CONTROL_ROOMS_BYTES_MIN; space <= CONTROL_ROOMS_BYTES_MIN + 3 * ROOM_BYTES; space++) {
        uint8_t *out = malloc(space);
        const size_t fit = (space - CONTROL_ROOMS_BYTES_MIN) / ROOM_BYTES;
        struct control_rooms rooms;
        char name[16];

        assert_non_null(out);
        control_rooms_init(&rooms, out, space);
        for (uint32_t i = 0; i < 4; i++) {
            const struct control_rooms before = rooms;

            snprintf(name, sizeof name, "r%u", i);
            assert_int_equal(control_rooms_add(&rooms, name, "chat", i, UINT32_MAX - i), i < fit);
            if (i >= fit) {
                assert_int_equal(rooms.used, before.used);
                assert_int_equal(rooms.count, before.count);
            }
        }
        assert_rooms(out, control_rooms_finish(&rooms), (uint16_t)fit);
        free(out);
    }
}

static void rooms_never_outgrow_a_frame(void **state)
{
    enum { SPACE = 100000 };
    uint8_t *out = malloc(SPACE);
    struct control_rooms rooms;
    char name[16];
    uint32_t count = 0;

    (void)state;
    assert_non_null(out);
    control_rooms_init(&rooms, out, SPACE);
    do {
        snprintf(name, sizeof name, "r%u", count);
    } while (control_rooms_add(&rooms, name, "chat", count, UINT32_MAX - count) && ++count < SPACE);
    const size_t size = control_rooms_finish(&rooms);

    assert_in_range(size, ROOMD_FRAME_BYTES_MAX - 22, ROOMD_FRAME_BYTES_MAX);
    assert_rooms(out, size, (uint16_t)count);
    free(out);
}

static void a_broken_list_says_so_for_ever(void **state)
{
    static const uint8_t cut[] = {1, 0, 'a', 1, 0, 'c', 1, 0, 0, 0, 2, 0, 0};
    static const uint8_t longer[] = {7};
    struct control_rooms_cursor short_list = {.data = cut, .size = sizeof cut, .left = 1};
    struct control_rooms_cursor long_list = {.data = longer, .size = sizeof longer, .left = 0};
    struct control_room room;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(control_rooms_next(&short_list, &room), -EBADMSG);
        assert_int_equal(control_rooms_next(&long_list, &room), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(texts_that_are_no_utf8_are_mended),
        cmocka_unit_test(texts_default_to_the_tables),
        cmocka_unit_test(names_are_the_tables_in_lower_case),
        cmocka_unit_test(numbers_outside_the_tables_have_names_too),
        cmocka_unit_test(rooms_fill_the_space_and_no_more),
        cmocka_unit_test(rooms_never_outgrow_a_frame),
        cmocka_unit_test(a_broken_list_says_so_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
