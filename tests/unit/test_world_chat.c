/* What is said, and who hears it. */
#include "yard.h"

#include <stdlib.h>
#include <string.h>

enum { SAY_HEAD_BYTES = 7 };

struct ears {
    struct fake_room *room;
    uint64_t near[2], far; /* a view of 20 on a ground from -100 to 100 */
};

static void ears_open(struct ears *ears)
{
    static const char *const options[] = {"view", "20", "extent", "100", NULL};

    ears->room = fake_room_open(&roomd_content_field, options);
    ears->near[0] = fake_enter(ears->room);
    ears->near[1] = fake_enter(ears->room);
    ears->far = fake_enter(ears->room);
    move_to(ears->room, ears->far, 90, 0, 90);
    fake_tick(ears->room, TICK_MS);
    fake_drop(ears->room, 0);
}

static enum roomd_packet_result say_bytes(struct ears *ears, uint8_t how, uint32_t to, const void *text,
                                          size_t bytes)
{
    uint8_t payload[SAY_HEAD_BYTES + 1024];

    assert_true(bytes <= 1024);
    payload[0] = how;
    roomd_put_u32(payload + 1, to);
    roomd_put_u16(payload + 5, (uint16_t)bytes);
    memcpy(payload + SAY_HEAD_BYTES, text, bytes);
    return fake_send(ears->room, ears->near[0], ROOMD_C_SAY, payload, SAY_HEAD_BYTES + bytes);
}

static void say(struct ears *ears, uint8_t how, uint32_t to, const char *text)
{
    assert_int_equal(say_bytes(ears, how, to, text, strlen(text)), ROOMD_PACKET_OK);
    fake_tick(ears->room, TICK_MS);
}

static void expect_said(struct fake_room *room, uint64_t session, uint32_t speaker, uint8_t how,
                        const char *text)
{
    struct fake_packet packet;

    assert_true(fake_next(room, session, &packet));
    assert_int_equal(packet.id, ROOMD_S_SAID);
    assert_int_equal(packet.bytes, SAY_HEAD_BYTES + strlen(text));
    assert_int_equal(roomd_get_u32(packet.payload), speaker);
    assert_int_equal(packet.payload[4], how);
    assert_int_equal(roomd_get_u16(packet.payload + 5), strlen(text));
    assert_memory_equal(packet.payload + SAY_HEAD_BYTES, text, strlen(text));
}

static void expect_silence(struct fake_room *room, uint64_t session)
{
    struct fake_packet packet;

    assert_false(fake_next(room, session, &packet));
}

static void those_in_view_hear_what_is_said(void **state)
{
    struct ears ears;

    (void)state;
    ears_open(&ears);
    say(&ears, ROOMD_SAY, 0, "an-nyeong \xEC\x95\x88\xEB\x85\x95");
    expect_said(ears.room, ears.near[0], 1, ROOMD_SAY, "an-nyeong \xEC\x95\x88\xEB\x85\x95");
    expect_said(ears.room, ears.near[1], 1, ROOMD_SAY, "an-nyeong \xEC\x95\x88\xEB\x85\x95");
    expect_silence(ears.room, ears.far);
    fake_room_close(ears.room);
}

static void the_room_hears_a_shout(void **state)
{
    struct ears ears;

    (void)state;
    ears_open(&ears);
    say(&ears, ROOMD_SHOUT, 0, "hey");
    expect_said(ears.room, ears.near[0], 1, ROOMD_SHOUT, "hey");
    expect_said(ears.room, ears.near[1], 1, ROOMD_SHOUT, "hey");
    expect_said(ears.room, ears.far, 1, ROOMD_SHOUT, "hey");
    fake_room_close(ears.room);
}

static void one_alone_hears_a_whisper(void **state)
{
    struct ears ears;

    (void)state;
    ears_open(&ears);
    say(&ears, ROOMD_WHISPER, fake_player_id(ears.room, ears.far), "psst");
    expect_said(ears.room, ears.near[0], 1, ROOMD_WHISPER, "psst");
    expect_said(ears.room, ears.far, 1, ROOMD_WHISPER, "psst");
    expect_silence(ears.room, ears.near[1]);
    say(&ears, ROOMD_WHISPER, 1, "to myself");
    expect_said(ears.room, ears.near[0], 1, ROOMD_WHISPER, "to myself");
    expect_silence(ears.room, ears.near[0]);
    say(&ears, ROOMD_WHISPER, 77, "anyone");
    assert_int_equal(fake_take_error(ears.room, ears.near[0]), ROOMD_ERROR_NO_SUCH_PLAYER);
    expect_silence(ears.room, ears.near[0]);
    fake_room_close(ears.room);
}

static void what_is_no_talk_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t bytes;
    } bad[] = {{"", 0},
               {"\xFF", 1},
               {"\xC0\x80", 2},         /* overlong */
               {"\xED\xA0\x80", 3},     /* a surrogate */
               {"\xF4\x90\x80\x80", 4}, /* beyond U+10FFFF */
               {"a\xEC\x95", 3},        /* cut short */
               {"a\0b", 3},
               {"a\nb", 3}};
    struct ears ears;
    char text[ROOMD_SAY_BYTES_MAX + 1];

    (void)state;
    ears_open(&ears);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(say_bytes(&ears, ROOMD_SAY, 0, bad[i].text, bad[i].bytes), ROOMD_PACKET_OK);
        assert_int_equal(fake_take_error(ears.room, ears.near[0]), ROOMD_ERROR_REFUSED);
    }
    say(&ears, ROOMD_ANNOUNCE, 0, "I am the server");
    assert_int_equal(fake_take_error(ears.room, ears.near[0]), ROOMD_ERROR_REFUSED);
    say(&ears, ROOMD_TELL, 0, "I am an NPC");
    assert_int_equal(fake_take_error(ears.room, ears.near[0]), ROOMD_ERROR_REFUSED);
    memset(text, 'x', sizeof(text));
    assert_int_equal(say_bytes(&ears, ROOMD_SAY, 0, text, sizeof(text)), ROOMD_PACKET_OK);
    assert_int_equal(fake_take_error(ears.room, ears.near[0]), ROOMD_ERROR_TOO_LONG);
    fake_tick(ears.room, TICK_MS);
    expect_silence(ears.room, ears.near[0]);
    expect_silence(ears.room, ears.near[1]);
    assert_int_equal(say_bytes(&ears, ROOMD_SAY, 0, text, ROOMD_SAY_BYTES_MAX), ROOMD_PACKET_OK);
    assert_int_equal(fake_take_error(ears.room, ears.near[0]), ROOMD_ERROR_NONE);
    fake_tick(ears.room, TICK_MS);
    assert_int_equal(fake_count(ears.room, ears.near[1], ROOMD_S_SAID), 1);
    fake_room_close(ears.room);
}

static void everyone_hears_an_announcement(void **state)
{
    struct ears ears;
    char *text = calloc(1, 1026);

    (void)state;
    assert_non_null(text);
    ears_open(&ears);
    roomd_content_field.announce(fake_state(ears.room), "down at noon");
    fake_tick(ears.room, TICK_MS);
    expect_said(ears.room, ears.near[1], 0, ROOMD_ANNOUNCE, "down at noon");
    expect_said(ears.room, ears.far, 0, ROOMD_ANNOUNCE, "down at noon");
    memset(text, 'x', 1025);
    roomd_content_field.announce(fake_state(ears.room), text);
    roomd_content_field.announce(fake_state(ears.room), "\xFF");
    roomd_content_field.announce(fake_state(ears.room), "");
    fake_tick(ears.room, TICK_MS);
    expect_silence(ears.room, ears.far);
    fake_room_close(ears.room);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        YARD_TEST(those_in_view_hear_what_is_said), YARD_TEST(the_room_hears_a_shout),
        YARD_TEST(one_alone_hears_a_whisper),       YARD_TEST(what_is_no_talk_is_refused),
        YARD_TEST(everyone_hears_an_announcement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
