#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "gather/reader.h"

enum { CHUNK_BYTES = 64, CHUNKS_MAX = 200, BLOCKS_MAX = 200 };

struct fixture {
    struct gather gather;
    struct stream a;
    struct stream b;
    struct stream c;
    struct stream private_stream;
    struct reader reader;
    struct reader other;
};

static void setup_with(struct fixture *f, uint64_t chunks_max, uint32_t blocks_max)
{
    gather_init(&f->gather, CHUNK_BYTES, (sizeof(struct chunk) + CHUNK_BYTES) * chunks_max, blocks_max);
    stream_init(&f->a, &f->gather.chunks);
    stream_init(&f->b, &f->gather.chunks);
    stream_init(&f->c, &f->gather.chunks);
    stream_init(&f->private_stream, &f->gather.chunks);
    reader_init(&f->reader);
    reader_init(&f->other);
}

static void setup(struct fixture *f)
{
    setup_with(f, CHUNKS_MAX, BLOCKS_MAX);
}

static void teardown(struct fixture *f)
{
    reader_fini(&f->reader, &f->gather);
    reader_fini(&f->other, &f->gather);
    stream_fini(&f->a);
    stream_fini(&f->b);
    stream_fini(&f->c);
    stream_fini(&f->private_stream);
    assert_int_equal(f->gather.chunks.live, 0);
    assert_int_equal(f->gather.blocks.used, 0);
    gather_fini(&f->gather);
}

static void append(struct stream *stream, const char *text)
{
    assert_int_equal(stream_append(stream, text, strlen(text)), 0);
}

static int append_keyed(struct stream *stream, uint64_t key, const char *text)
{
    return stream_append_keyed(stream, key, text, strlen(text));
}

static void follow(struct reader *reader, struct stream *stream)
{
    assert_int_equal(reader_follow(reader, stream), 0);
}

static void pull(struct fixture *f, struct reader *reader)
{
    assert_int_equal(reader_pull(reader, &f->gather, 1), 0);
}

static void send_private(struct fixture *f, struct reader *reader, const char *text)
{
    assert_int_equal(reader_send(reader, &f->gather, &f->private_stream, text, strlen(text), 1), 0);
}

/* All that waits is this text; it is sent. */
static void assert_sends(struct fixture *f, struct reader *reader, const char *text)
{
    struct iovec iov[64];
    char sent[1024];
    size_t bytes = 0;
    int count = outbox_iovecs(&reader->outbox, iov, 64);

    for (int i = 0; i < count; i++) {
        assert_true(iov[i].iov_len < sizeof(sent) - bytes);
        memcpy(sent + bytes, iov[i].iov_base, iov[i].iov_len);
        bytes += iov[i].iov_len;
    }
    sent[bytes] = '\0';
    assert_string_equal(sent, text);
    assert_int_equal(reader->outbox.bytes, bytes);
    outbox_consume(&reader->outbox, &f->gather.blocks, bytes);
    assert_true(outbox_is_empty(&reader->outbox));
}

static void pull_and_assert(struct fixture *f, struct reader *reader, const char *text)
{
    pull(f, reader);
    assert_sends(f, reader, text);
}

static void a_reader_gets_what_is_appended_from_its_follow_to_its_unfollow(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    append(&f.a, "before ");
    follow(&f.reader, &f.a);
    pull_and_assert(&f, &f.reader, "");
    append(&f.a, "one ");
    append(&f.a, "two ");
    pull(&f, &f.reader);
    assert_int_equal(f.reader.outbox.slices, 1); /* one write for any number of packets */
    assert_sends(&f, &f.reader, "one two ");
    pull_and_assert(&f, &f.reader, "");
    append(&f.a, "three ");
    pull(&f, &f.reader);
    append(&f.a, "not pulled ");
    reader_unfollow(&f.reader, &f.a);
    append(&f.a, "after ");
    pull_and_assert(&f, &f.reader, "three ");
    assert_int_equal(f.gather.deliveries, 3);
    teardown(&f);
}

static void a_stream_is_followed_once(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.a);
    append(&f.a, "once");
    assert_int_equal(reader_follow(&f.reader, &f.a), -EALREADY); /* and its position stays */
    pull_and_assert(&f, &f.reader, "once");
    reader_unfollow(&f.reader, &f.b); /* not followed: nothing */
    reader_skip(&f.reader, &f.b);
    append(&f.a, "still");
    append(&f.b, "no");
    pull_and_assert(&f, &f.reader, "still");
    reader_unfollow(&f.reader, &f.a);
    reader_unfollow(&f.reader, &f.a);
    assert_int_equal(f.reader.count, 0);
    append(&f.a, "gap");
    follow(&f.reader, &f.a);
    append(&f.a, "again");
    pull_and_assert(&f, &f.reader, "again");
    teardown(&f);
}

/* Streams of the same order, follow by follow. */
static void streams_come_in_the_order_of_following(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.b);
    follow(&f.reader, &f.a);
    follow(&f.reader, &f.c);
    append(&f.a, "a1 ");
    append(&f.b, "b1 ");
    append(&f.c, "c1 ");
    append(&f.a, "a2 ");
    pull_and_assert(&f, &f.reader, "b1 a1 a2 c1 ");
    append(&f.a, "a3 ");
    append(&f.c, "c3 ");
    append(&f.b, "b3 ");
    reader_unfollow(&f.reader, &f.b);
    pull_and_assert(&f, &f.reader, "a3 c3 ");
    append(&f.a, "a4 ");
    append(&f.c, "c4 ");
    reader_unfollow(&f.reader, &f.a); /* the last one */
    follow(&f.reader, &f.b);
    append(&f.b, "b4 ");
    pull_and_assert(&f, &f.reader, "c4 b4 ");
    teardown(&f);
}

static void a_private_packet_comes_after_all_that_was_appended_before_it(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.a);
    follow(&f.reader, &f.b);
    follow(&f.other, &f.a);
    append(&f.b, "b1 ");
    append(&f.a, "a1 ");
    send_private(&f, &f.reader, "p1 ");
    send_private(&f, &f.reader, "p2 ");
    append(&f.a, "a2 ");
    send_private(&f, &f.other, "q1 ");
    append(&f.b, "b2 ");
    send_private(&f, &f.reader, "p3 ");
    append(&f.b, "b3 ");
    pull_and_assert(&f, &f.reader, "a1 b1 p1 p2 a2 b2 p3 b3 ");
    pull_and_assert(&f, &f.other, "a1 a2 q1 ");
    assert_int_equal(f.gather.deliveries, 8 + 3);
    teardown(&f);
}

static void all_but_the_sender_get_it(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.a);
    follow(&f.other, &f.a);
    append(&f.a, "to all ");
    pull(&f, &f.reader);
    append(&f.a, "to all but one ");
    reader_skip(&f.reader, &f.a);
    append(&f.a, "to all again ");
    pull_and_assert(&f, &f.reader, "to all to all again ");
    pull_and_assert(&f, &f.other, "to all to all but one to all again ");
    assert_int_equal(f.gather.deliveries, 2 + 3);
    teardown(&f);
}

/* The snapshot holds what was before; the position starts at the end: nothing twice, nothing missed. */
static void entering_in_mid_tick_misses_nothing(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.other, &f.a);
    append(&f.a, "early ");
    send_private(&f, &f.reader, "snapshot ");
    follow(&f.reader, &f.a);
    append(&f.a, "late ");
    pull_and_assert(&f, &f.reader, "snapshot late ");
    pull_and_assert(&f, &f.other, "early late ");
    stream_trim(&f.a, f.a.end);
    assert_int_equal(f.a.tail->used, 0);
    teardown(&f);
}

/*
 * A round of flushing is cut into pieces: what is appended between two members reaches the first of them in
 * the next round, and the stream is trimmed to where it ended when the round began.
 */
static void a_round_may_be_cut_between_two_members(void **state)
{
    struct fixture f;
    uint64_t end;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.a);
    follow(&f.other, &f.a);
    for (int round = 0; round < 50; round++) {
        append(&f.a, "A twenty-byte packet");
        end = f.a.end;
        pull_and_assert(&f, &f.reader,
                        round == 0 ? "A twenty-byte packet" : "in between A twenty-byte packet");
        append(&f.a, "in between ");
        pull_and_assert(&f, &f.other, "A twenty-byte packetin between ");
        stream_trim(&f.a, end);
        assert_true(f.gather.chunks.live <= 2);
    }
    pull_and_assert(&f, &f.reader, "in between ");
    teardown(&f);
}

/* One reader's share of a round: up to the mark, wherever the stream goes on meanwhile. */
static void a_marked_pull_goes_to_the_mark(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.a);
    append(&f.a, "one ");
    append(&f.a, "two ");
    stream_mark(&f.a, 1000);
    append(&f.a, "three ");
    follow(&f.other, &f.a); /* beyond the mark already */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(reader_pull_marked(&f.reader, &f.gather, 1), 0);
        assert_int_equal(reader_pull_marked(&f.other, &f.gather, 1), 0);
    }
    assert_int_equal(f.gather.deliveries, 2);
    assert_sends(&f, &f.reader, "one two ");
    assert_sends(&f, &f.other, "");
    stream_trim(&f.a, f.a.mark);
    append(&f.a, "four ");
    stream_mark(&f.a, 1000);
    pull_and_assert(&f, &f.other, "four ");
    assert_int_equal(reader_pull_marked(&f.other, &f.gather, 1), 0);
    assert_int_equal(reader_pull_marked(&f.reader, &f.gather, 1), 0);
    assert_sends(&f, &f.reader, "three four ");
    assert_int_equal(f.gather.deliveries, 5);
    teardown(&f);
}

static void the_newest_state_is_for_those_who_had_not_pulled(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.a);
    follow(&f.other, &f.a);
    assert_int_equal(append_keyed(&f.a, 1, "x=1 "), 0);
    assert_int_equal(append_keyed(&f.a, 2, "y=1 "), 0);
    assert_int_equal(append_keyed(&f.a, 1, "x=2 "), 1);
    pull(&f, &f.reader);
    assert_int_equal(append_keyed(&f.a, 1, "x=3 "), 0); /* one has pulled it, though it is not sent */
    assert_int_equal(append_keyed(&f.a, 1, "x=4 "), 1);
    assert_sends(&f, &f.reader, "x=2 y=1 ");
    pull_and_assert(&f, &f.reader, "x=4 ");
    pull_and_assert(&f, &f.other, "x=2 y=1 x=4 ");
    teardown(&f);
}

/* Its snapshot tells the state as it was when it came; the newer state lies behind, and must not go into the
 * past. */
static void who_enters_between_two_states_gets_the_newer_one(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.other, &f.a);
    assert_int_equal(append_keyed(&f.a, 1, "x=1 "), 0);
    send_private(&f, &f.reader, "snapshot x=1 ");
    follow(&f.reader, &f.a);
    assert_true(append_keyed(&f.a, 1, "x=2 ") >= 0);
    pull_and_assert(&f, &f.reader, "snapshot x=1 x=2 ");
    teardown(&f);
}

static void a_pull_that_finds_no_block_goes_on_later(void **state)
{
    enum { PACKETS = OUTBOX_BLOCK_SLICES * 3 };
    struct fixture f;
    char expected[PACKETS * 4 + 1] = "";
    char packet[8];

    (void)state;
    setup_with(&f, CHUNKS_MAX, 2);
    follow(&f.reader, &f.a);
    follow(&f.other, &f.a);
    for (int i = 0; i < PACKETS; i++) {
        /* A chunk each, so that each is a slice. */
        packet[0] = (char)('a' + i % 26);
        packet[1] = (char)('a' + i / 26);
        packet[2] = '\0';
        append(&f.a, packet);
        strcat(expected, packet);
        assert_non_null(stream_reserve(&f.a, CHUNK_BYTES));
    }
    assert_int_equal(reader_pull(&f.reader, &f.gather, 1), -ENOMEM);
    assert_int_equal(f.reader.outbox.slices, OUTBOX_BLOCK_SLICES * 2);
    assert_int_equal(reader_pull(&f.reader, &f.gather, 1), -ENOMEM);
    assert_int_equal(reader_send(&f.reader, &f.gather, &f.private_stream, "p", 1, 1), -ENOMEM);
    assert_int_equal(reader_pull(&f.other, &f.gather, 1), -ENOMEM);
    assert_int_equal(f.gather.outbox_refused, 4);
    assert_int_equal(f.gather.deliveries, OUTBOX_BLOCK_SLICES * 2);
    assert_true(outbox_is_empty(&f.other.outbox));
    outbox_consume(&f.reader.outbox, &f.gather.blocks, OUTBOX_BLOCK_SLICES * 4);
    pull_and_assert(&f, &f.reader, expected + OUTBOX_BLOCK_SLICES * 4);
    assert_int_equal(f.gather.deliveries, PACKETS);
    assert_int_equal(reader_pull(&f.other, &f.gather, 1), -ENOMEM);
    assert_int_equal(f.gather.deliveries, PACKETS + OUTBOX_BLOCK_SLICES * 2);
    outbox_consume(&f.other.outbox, &f.gather.blocks, OUTBOX_BLOCK_SLICES * 4);
    pull_and_assert(&f, &f.other, expected + OUTBOX_BLOCK_SLICES * 4);
    assert_int_equal(f.gather.deliveries, PACKETS * 2);
    teardown(&f);
}

static void a_private_packet_that_finds_no_memory_leaves_the_rest(void **state)
{
    struct fixture f;

    (void)state;
    setup_with(&f, 1, BLOCKS_MAX);
    follow(&f.reader, &f.a);
    append(&f.a, "public ");
    assert_int_equal(reader_send(&f.reader, &f.gather, &f.private_stream, "p", 1, 1), -ENOMEM);
    assert_int_equal(f.gather.outbox_refused, 1);
    assert_int_equal(f.gather.deliveries, 1);
    append(&f.a, "more ");
    pull_and_assert(&f, &f.reader, "public more ");
    reader_unfollow(&f.reader, &f.a);
    stream_fini(&f.a);
    send_private(&f, &f.reader, "private");
    assert_sends(&f, &f.reader, "private");
    teardown(&f);
}

static void what_was_pulled_outlives_its_stream(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.a);
    append(&f.a, "pulled in time");
    pull(&f, &f.reader);
    reader_unfollow(&f.reader, &f.a);
    stream_fini(&f.a);
    append(&f.b, "other bytes elsewhere");
    assert_sends(&f, &f.reader, "pulled in time");
    teardown(&f);
}

/* Private packets take turns in chunks that readers may hold for long; the stream itself keeps no more than
 * its tail. */
static void private_packets_pin_what_their_readers_hold_and_no_more(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (int i = 0; i < 100; i++) {
        send_private(&f, &f.reader, "A twenty-byte packet");
        send_private(&f, &f.other, "for the other");
        assert_sends(&f, &f.reader, "A twenty-byte packet");
        outbox_clear(&f.other.outbox, &f.gather.blocks);
        assert_int_equal(f.gather.chunks.live, 1);
    }
    send_private(&f, &f.other, "held");
    for (int i = 0; i < 100; i++) {
        send_private(&f, &f.reader, "A twenty-byte packet");
        assert_sends(&f, &f.reader, "A twenty-byte packet");
        assert_true(f.gather.chunks.live <= 2);
    }
    assert_sends(&f, &f.other, "held");
    teardown(&f);
}

static void as_many_streams_are_followed_as_may_be(void **state)
{
    static struct stream streams[READER_FOLLOWS_MAX + 1];
    struct fixture f;

    (void)state;
    setup_with(&f, READER_FOLLOWS_MAX, READER_FOLLOWS_MAX);
    for (int i = 0; i <= READER_FOLLOWS_MAX; i++) {
        stream_init(&streams[i], &f.gather.chunks);
    }
    for (int i = 0; i < READER_FOLLOWS_MAX; i++) {
        follow(&f.reader, &streams[i]);
    }
    assert_int_equal(reader_follow(&f.reader, &streams[READER_FOLLOWS_MAX]), -ENOSPC);
    append(&streams[0], "first ");
    append(&streams[READER_FOLLOWS_MAX - 1], "last ");
    append(&streams[READER_FOLLOWS_MAX], "none ");
    append(&streams[17], "middle ");
    pull_and_assert(&f, &f.reader, "first middle last ");
    reader_unfollow(&f.reader, &streams[0]);
    append(&streams[1], "second ");
    follow(&f.reader, &streams[READER_FOLLOWS_MAX]);
    append(&streams[READER_FOLLOWS_MAX], "now ");
    append(&streams[18], "middle ");
    pull_and_assert(&f, &f.reader, "second middle now ");
    while (f.reader.count > 0) {
        reader_unfollow(&f.reader, &streams[READER_FOLLOWS_MAX + 1 - f.reader.count]);
        assert_true(f.reader.count < READER_FOLLOWS_MAX);
    }
    for (int i = 0; i <= READER_FOLLOWS_MAX; i++) {
        stream_fini(&streams[i]);
    }
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_gets_what_is_appended_from_its_follow_to_its_unfollow),
        cmocka_unit_test(a_stream_is_followed_once),
        cmocka_unit_test(streams_come_in_the_order_of_following),
        cmocka_unit_test(a_private_packet_comes_after_all_that_was_appended_before_it),
        cmocka_unit_test(all_but_the_sender_get_it),
        cmocka_unit_test(entering_in_mid_tick_misses_nothing),
        cmocka_unit_test(a_round_may_be_cut_between_two_members),
        cmocka_unit_test(a_marked_pull_goes_to_the_mark),
        cmocka_unit_test(the_newest_state_is_for_those_who_had_not_pulled),
        cmocka_unit_test(who_enters_between_two_states_gets_the_newer_one),
        cmocka_unit_test(a_pull_that_finds_no_block_goes_on_later),
        cmocka_unit_test(a_private_packet_that_finds_no_memory_leaves_the_rest),
        cmocka_unit_test(what_was_pulled_outlives_its_stream),
        cmocka_unit_test(private_packets_pin_what_their_readers_hold_and_no_more),
        cmocka_unit_test(as_many_streams_are_followed_as_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
