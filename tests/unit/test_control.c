#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"
#include "wire/names.h"
#include "wire/utf8.h"

#define NAME_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The payload under test, on the heap at its exact size: one byte too many is seen by the address sanitizer.
 */
static uint8_t *held;

static int release(void **state)
{
    (void)state;
    free(held);
    held = NULL;
    return 0;
}

static struct frame frame_hold(uint16_t id, const void *payload, size_t size)
{
    release(NULL);
    held = malloc(size == 0 ? 1 : size);
    assert_non_null(held);
    if (size > 0) {
        memcpy(held, payload, size);
    }
    return (struct frame){.id = id, .payload_bytes = (uint16_t)size, .payload = held};
}

/* Decodes by whichever side the id is for; returns what that decoder does. */
static int decode(uint16_t id, const void *payload, size_t size)
{
    const struct frame frame = frame_hold(id, payload, size);
    struct control control;
    struct control_server server;

    return id < ROOMD_S_WELCOME ? control_decode(&frame, &control) : control_decode_server(&frame, &server);
}

static struct frame frame_of(const uint8_t *bytes, size_t size)
{
    struct frame_cursor cursor = {.data = bytes, .size = size};
    struct frame frame;

    assert_int_equal(frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame), FRAME_OK);
    assert_int_equal(cursor.pos, size);
    return frame_hold(frame.id, frame.payload, frame.payload_bytes);
}

static void assert_str(struct wire_str str, const char *expected)
{
    assert_int_equal(str.size, strlen(expected));
    assert_memory_equal(str.bytes, expected, str.size);
}

static size_t put_two_rooms(uint8_t *out)
{
    struct control_rooms rooms;

    control_rooms_init(&rooms, out, 256);
    assert_true(control_rooms_add(&rooms, "a", "chat", 7, 100));
    assert_true(control_rooms_add(&rooms, "b\xC3\xA9", "x", 0x01020304, UINT32_MAX));
    return control_rooms_finish(&rooms);
}

/* Every packet by its encoder, beside the bytes that it must be. */
static void packets_are_these_bytes(void **state)
{
    uint8_t out[CONTROL_FRAME_BYTES_MAX];

#define BYTES(call, literal)                                                                                 \
    do {                                                                                                     \
        assert_int_equal(call, sizeof(literal) - 1);                                                         \
        assert_memory_equal(out, literal, sizeof(literal) - 1);                                              \
    } while (0)
    (void)state;
    BYTES(control_put_hello(out, 1, 0x203, "tkt", 3), "\x0D\0\x01\xFF\x01\0\x03\x02\x03\0tkt");
    BYTES(control_put_join(out, "lobby"), "\x0B\0\x02\xFF\x05\0lobby");
    BYTES(control_put_leave(out), "\x04\0\x03\xFF");
    BYTES(control_put_rooms(out), "\x04\0\x04\xFF");
    BYTES(control_put_ping(out, 0x0102030405060708), "\x0C\0\x05\xFF\x08\x07\x06\x05\x04\x03\x02\x01");
    BYTES(control_put_create(out, "t", "nm"), "\x0B\0\x06\xFF\x01\0t\x02\0nm");
    BYTES(control_put_welcome(out, 0x0A0B0C0D, 0x0102030405060708),
          "\x12\0\x81\xFF\x01\0\x0D\x0C\x0B\x0A\x08\x07\x06\x05\x04\x03\x02\x01");
    BYTES(control_put_joined(out, 3, "lobby", "chat", 250),
          "\x17\0\x82\xFF\x03\0\0\0\x05\0lobby\x04\0chat\xFA\0");
    BYTES(control_put_left(out, ROOMD_LEAVE_MOVED), "\x06\0\x83\xFF\x02\0");
    BYTES(put_two_rooms(out), "\x27\0\x84\xFF\x02\0\x01\0a\x04\0chat\x07\0\0\0d\0\0\0"
                              "\x03\0b\xC3\xA9\x01\0x\x04\x03\x02\x01\xFF\xFF\xFF\xFF");
    BYTES(control_put_pong(out, 1, 2), "\x14\0\x85\xFF\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0");
    BYTES(control_put_error(out, ROOMD_ERROR_NO_SUCH_ROOM, NULL), "\x14\0\x86\xFF\x01\0\x0C\0no such room");
    BYTES(control_put_kick(out, ROOMD_CLOSE_SHUTDOWN, "bye"), "\x0B\0\x87\xFF\x01\0\x03\0bye");
    BYTES(control_put_client_pong(out, 0x0102030405060708), "\x0C\0\x07\xFF\x08\x07\x06\x05\x04\x03\x02\x01");
    BYTES(control_put_resync(out, 0x01020304, 5), "\x0C\0\x88\xFF\x04\x03\x02\x01\x05\0\0\0");
    BYTES(control_put_server_ping(out, 0x0102030405060708), "\x0C\0\x89\xFF\x08\x07\x06\x05\x04\x03\x02\x01");
#undef BYTES
}

static void client_packets_round_trip(void **state)
{
    uint8_t out[CONTROL_FRAME_BYTES_MAX];
    struct control control;
    struct frame frame;

    (void)state;
    frame = frame_of(out, control_put_hello(out, ROOMD_WIRE_VERSION, 0xABCD, "secret", 6));
    assert_int_equal(control_decode(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_C_HELLO);
    assert_int_equal(control.hello.version, ROOMD_WIRE_VERSION);
    assert_int_equal(control.hello.flags, 0xABCD);
    assert_int_equal(control.hello.ticket_bytes, 6);
    assert_ptr_equal(control.hello.ticket, frame.payload + 6);

    frame = frame_of(out, control_put_hello(out, ROOMD_WIRE_VERSION, 0, NULL, 0));
    assert_int_equal(control_decode(&frame, &control), 0);
    assert_int_equal(control.hello.ticket_bytes, 0);
    assert_null(control.hello.ticket);

    frame = frame_of(out, control_put_join(out, NAME_64));
    assert_int_equal(control_decode(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_C_JOIN);
    assert_str(control.join.room, NAME_64);

    frame = frame_of(out, control_put_leave(out));
    assert_int_equal(control_decode(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_C_LEAVE);

    frame = frame_of(out, control_put_rooms(out));
    assert_int_equal(control_decode(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_C_ROOMS);

    frame = frame_of(out, control_put_ping(out, UINT64_MAX - 1));
    assert_int_equal(control_decode(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_C_PING);
    assert_true(control.ping.token == UINT64_MAX - 1);

    frame = frame_of(out, control_put_create(out, NAME_64, "\xEC\x95\x88\xEB\x85\x95"));
    assert_int_equal(control_decode(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_C_CREATE);
    assert_str(control.create.template_name, NAME_64);
    assert_str(control.create.name, "\xEC\x95\x88\xEB\x85\x95");
}

static void server_packets_round_trip(void **state)
{
    uint8_t out[CONTROL_FRAME_BYTES_MAX];
    struct control_server control;
    struct frame frame;

    (void)state;
    frame = frame_of(out, control_put_welcome(out, UINT32_MAX, UINT64_MAX));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_WELCOME);
    assert_int_equal(control.welcome.version, ROOMD_WIRE_VERSION);
    assert_int_equal(control.welcome.player, UINT32_MAX);
    assert_true(control.welcome.now_ms == UINT64_MAX);

    frame = frame_of(out, control_put_joined(out, 9, NAME_64, NAME_64, 70000));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_JOINED);
    assert_int_equal(control.joined.room_id, 9);
    assert_str(control.joined.room, NAME_64);
    assert_str(control.joined.content, NAME_64);
    assert_int_equal(control.joined.tick_ms, UINT16_MAX);

    frame = frame_of(out, control_put_left(out, ROOMD_LEAVE_ROOM_CLOSED));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_LEFT);
    assert_int_equal(control.left.reason, ROOMD_LEAVE_ROOM_CLOSED);

    frame = frame_of(out, control_put_pong(out, 5, UINT64_MAX));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_PONG);
    assert_true(control.pong.token == 5 && control.pong.now_ms == UINT64_MAX);

    frame = frame_of(out, control_put_error(out, ROOMD_ERROR_TOO_LONG, "no"));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_ERROR);
    assert_int_equal(control.error.code, ROOMD_ERROR_TOO_LONG);
    assert_str(control.error.text, "no");

    frame = frame_of(out, control_put_kick(out, ROOMD_CLOSE_SLOW, ""));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_KICK);
    assert_int_equal(control.kick.reason, ROOMD_CLOSE_SLOW);
    assert_int_equal(control.kick.text.size, 0);
}

/* A sound payload cut anywhere, or with any byte behind it, is malformed. */
static void assert_exact(const uint8_t *bytes, size_t size)
{
    const uint16_t id = roomd_get_u16(bytes + 2);
    const size_t payload_bytes = size - ROOMD_FRAME_HEADER_BYTES;
    uint8_t longer[CONTROL_FRAME_BYTES_MAX + 1];

    memcpy(longer, bytes + ROOMD_FRAME_HEADER_BYTES, payload_bytes);
    assert_int_equal(decode(id, longer, payload_bytes), 0);
    for (size_t cut = 0; cut < payload_bytes; cut++) {
        assert_int_equal(decode(id, longer, cut), -EBADMSG);
    }
    for (unsigned int byte = 0; byte <= UINT8_MAX; byte++) {
        longer[payload_bytes] = (uint8_t)byte;
        assert_int_equal(decode(id, longer, payload_bytes + 1), -EBADMSG);
    }
}

static void payloads_are_exact(void **state)
{
    uint8_t out[CONTROL_FRAME_BYTES_MAX];

    (void)state;
    assert_exact(out, control_put_hello(out, ROOMD_WIRE_VERSION, 0, NULL, 0));
    assert_exact(out, control_put_hello(out, ROOMD_WIRE_VERSION, 0, "\0\0\0\0", 4));
    assert_exact(out, control_put_join(out, "lobby"));
    assert_exact(out, control_put_join(out, NAME_64));
    assert_exact(out, control_put_leave(out));
    assert_exact(out, control_put_rooms(out));
    assert_exact(out, control_put_ping(out, 1));
    assert_exact(out, control_put_create(out, "dungeon", "mine"));
    assert_exact(out, control_put_welcome(out, 1, 2));
    assert_exact(out, control_put_joined(out, 1, "lobby", "chat", 250));
    assert_exact(out, control_put_left(out, ROOMD_LEAVE_ASKED));
    assert_exact(out, put_two_rooms(out));
    assert_exact(out, control_put_pong(out, 1, 2));
    assert_exact(out, control_put_error(out, ROOMD_ERROR_ROOM_FULL, NULL));
    assert_exact(out, control_put_kick(out, ROOMD_CLOSE_FULL, NULL));
    assert_exact(out, control_put_client_pong(out, 1));
    assert_exact(out, control_put_server_ping(out, 1));
    assert_exact(out, control_put_resync(out, 1, 2));
}

static void only_the_sides_own_ids_are_known(void **state)
{
    (void)state;
    for (uint32_t id = 0; id <= UINT16_MAX; id++) {
        const struct frame frame = {.id = (uint16_t)id};
        struct control control;
        struct control_server server;
        const int from_client = control_decode(&frame, &control);
        const int from_server = control_decode_server(&frame, &server);

        assert_int_equal(from_client == -ENOENT, id < ROOMD_C_HELLO || id > ROOMD_C_PONG);
        assert_int_equal(from_server == -ENOENT, id < ROOMD_S_WELCOME || id > ROOMD_S_PING);
    }
}

/* A client of a later version is told so, whatever its C_HELLO has grown to. */
static void another_version_decodes_up_to_the_version(void **state)
{
    static const uint8_t payloads[][5] = {{2, 0}, {2, 0, 1}, {2, 0, 0, 0, 0}, {0, 0, 9, 9, 9}};
    static const size_t sizes[] = {2, 3, 5, 5};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct frame frame = frame_hold(ROOMD_C_HELLO, payloads[i], sizes[i]);
        struct control control;

        assert_int_equal(control_decode(&frame, &control), 0);
        assert_int_equal(control.hello.version, payloads[i][0]);
        assert_int_equal(control.hello.flags, 0);
        assert_int_equal(control.hello.ticket_bytes, 0);
    }
    assert_int_equal(decode(ROOMD_C_HELLO, "\x02", 1), -EBADMSG);
}

/* A length that points past the end, by one and by as much as a u16 can say. */
static void lengths_past_the_end_are_malformed(void **state)
{
    (void)state;
    assert_int_equal(decode(ROOMD_C_JOIN, "\x02\0a", 3), -EBADMSG);
    assert_int_equal(decode(ROOMD_C_JOIN,
                            "\xFF\xFF"
                            "a",
                            3),
                     -EBADMSG);
    assert_int_equal(decode(ROOMD_C_HELLO, "\x01\0\0\0\xFF\xFFtick", 10), -EBADMSG);
    assert_int_equal(decode(ROOMD_C_CREATE,
                            "\x01\0a\xFF\xFF"
                            "b",
                            6),
                     -EBADMSG);
    assert_int_equal(decode(ROOMD_S_ERROR, "\x01\0\xFF\xFFtext", 8), -EBADMSG);
    assert_int_equal(decode(ROOMD_S_ROOMS, "\xFF\xFF", 2), -EBADMSG);
}

static void texts_are_valid_utf8_of_any_size(void **state)
{
    uint8_t payload[4 + 1000];

    (void)state;
    assert_int_equal(decode(ROOMD_S_ERROR, "\x01\0\x01\0\xFF", 5), -EBADMSG);
    assert_int_equal(decode(ROOMD_S_KICK, "\x01\0\x02\0\xE2\x82", 6), -EBADMSG);
    assert_int_equal(decode(ROOMD_S_KICK, "\x01\0\x03\0a\nb", 7), 0);
    roomd_put_u16(payload, 1);
    roomd_put_u16(payload + 2, 1000);
    memset(payload + 4, 't', 1000);
    assert_int_equal(decode(ROOMD_S_ERROR, payload, sizeof payload), 0);
}

static int join_with(const char *name, size_t size)
{
    uint8_t payload[2 + 256];

    assert_true(size <= 256);
    roomd_put_u16(payload, (uint16_t)size);
    memcpy(payload + 2, name, size);
    return decode(ROOMD_C_JOIN, payload, 2 + size);
}

static void names_have_1_to_64_bytes(void **state)
{
    char name[256];

    (void)state;
    memset(name, 'n', sizeof name);
    for (size_t size = 0; size <= sizeof name; size++) {
        const bool is_good = size >= 1 && size <= 64;

        assert_int_equal(join_with(name, size), is_good ? 0 : -EBADMSG);
    }
    /* The other places where a name stands. */
    assert_int_equal(decode(ROOMD_C_CREATE, "\0\0\x01\0a", 5), -EBADMSG);
    assert_int_equal(decode(ROOMD_C_CREATE, "\x01\0a\0\0", 5), -EBADMSG);
    assert_int_equal(decode(ROOMD_S_JOINED, "\0\0\0\0\x01\0a\0\0\0\0", 11), -EBADMSG);
    assert_int_equal(decode(ROOMD_S_ROOMS, "\x01\0\0\0\x01\0a\0\0\0\0\0\0\0\0", 15), -EBADMSG);
}

/* Each row a kind of offence. */
static const struct {
    const char *what;
    const char *names[8];
} bad_names[] = {
    {"control characters", {"\x01", "\n", "\x1F", "\x7F", "a\x7F", "\xC2\x80", "\xC2\x9F"}},
    {"a continuation alone", {"\x80", "\xBF", "a\x80", "\xC3\xA9\xA9"}},
    {"overlong in two bytes", {"\xC0\x80", "\xC0\xAF", "\xC1\xBF"}},
    {"overlong in three", {"\xE0\x80\x80", "\xE0\x9F\xBF"}},
    {"overlong in four", {"\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF"}},
    {"surrogates", {"\xED\xA0\x80", "\xED\xBF\xBF", "\xED\xA0\xBD\xED\xB8\x80"}},
    {"above U+10FFFF", {"\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF7\xBF\xBF\xBF"}},
    {"no UTF-8 at all", {"\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80", "\xFE", "\xFF"}},
    {"cut by the end", {"\xC3", "\xE2\x82", "\xE2", "\xF0\x9F\x98", "\xF0\x9F", "\xF0", "a\xC3"}},
    {"cut by a character", {"\xC3z", "\xE2\x82z", "\xE2z\x82", "\xF0\x9F\x98z", "\xC3\xC3"}},
};

static const char *const good_names[] = {" ",
                                         "~",
                                         "\xC2\xA0",
                                         "\xDF\xBF",
                                         "\xE0\xA0\x80",
                                         "\xED\x9F\xBF",
                                         "\xEE\x80\x80",
                                         "\xEF\xBF\xBF",
                                         "\xF0\x90\x80\x80",
                                         "\xF4\x8F\xBF\xBF",
                                         "caf\xC3\xA9 1"};

static void names_are_valid_utf8_without_control_characters(void **state)
{
    char hangul[66];

    (void)state;
    for (size_t i = 0; i < sizeof good_names / sizeof *good_names; i++) {
        assert_int_equal(join_with(good_names[i], strlen(good_names[i])), 0);
    }
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        for (size_t k = 0; k < 8 && bad_names[i].names[k] != NULL; k++) {
            const char *name = bad_names[i].names[k];

            if (join_with(name, strlen(name)) != -EBADMSG) {
                fail_msg("%s: number %zu was let through", bad_names[i].what, k);
            }
        }
    }
    assert_int_equal(join_with("a\0b", 3), -EBADMSG);
    /* The limit counts bytes, and what it cuts in half is no name. */
    for (size_t i = 0; i < 66; i += 3) {
        memcpy(hangul + i, "\xED\x95\x9C", 3);
    }
    assert_int_equal(join_with(hangul, 63), 0);
    assert_int_equal(join_with(hangul, 64), -EBADMSG);
    assert_int_equal(join_with(hangul, 66), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(packets_are_these_bytes, release),
        cmocka_unit_test_teardown(client_packets_round_trip, release),
        cmocka_unit_test_teardown(server_packets_round_trip, release),
        cmocka_unit_test_teardown(payloads_are_exact, release),
        cmocka_unit_test_teardown(only_the_sides_own_ids_are_known, release),
        cmocka_unit_test_teardown(another_version_decodes_up_to_the_version, release),
        cmocka_unit_test_teardown(lengths_past_the_end_are_malformed, release),
        cmocka_unit_test_teardown(texts_are_valid_utf8_of_any_size, release),
        cmocka_unit_test_teardown(names_have_1_to_64_bytes, release),
        cmocka_unit_test_teardown(names_are_valid_utf8_without_control_characters, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
