/* Readers that skip: what they miss, what reaches them all the same, and that the two add up to the packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "gather/reader.h"

enum { CHUNK_BYTES = 64, STREAMS = 4 };

struct fixture {
    struct gather gather;
    struct stream streams[STREAMS];
    struct stream private_stream;
    struct reader reader;
    struct reader other; /* never skips */
};

static void setup_with(struct fixture *f, uint32_t blocks_max)
{
    gather_init(&f->gather, CHUNK_BYTES, 1 << 20, blocks_max);
    for (uint64_t i = 0; i < STREAMS; i++) {
        stream_init(&f->streams[i], &f->gather.chunks);
        f->streams[i].order = i;
    }
    stream_init(&f->private_stream, &f->gather.chunks);
    reader_init(&f->reader);
    reader_init(&f->other);
}

static void setup(struct fixture *f)
{
    setup_with(f, 1000);
}

static void teardown(struct fixture *f)
{
    reader_fini(&f->reader, &f->gather);
    reader_fini(&f->other, &f->gather);
    for (int i = 0; i < STREAMS; i++) {
        stream_fini(&f->streams[i]);
    }
    stream_fini(&f->private_stream);
    assert_int_equal(f->gather.chunks.live, 0);
    assert_int_equal(f->gather.blocks.used, 0);
    gather_fini(&f->gather);
}

/* Packets here are words, each with the blank that ends it; those with a bang stay. */
static bool word_is_kept(const uint8_t *packet, uint32_t *bytes)
{
    const uint8_t *blank = memchr(packet, ' ', CHUNK_BYTES);

    assert_non_null(blank);
    *bytes = (uint32_t)(blank - packet) + 1;
    return packet[0] == '!';
}

static void append(struct fixture *f, int stream, const char *word)
{
    assert_int_equal(stream_append(&f->streams[stream], word, strlen(word)), 0);
}

static void follow(struct reader *reader, struct stream *stream)
{
    assert_int_equal(reader_follow(reader, stream), 0);
}

static void pull(struct fixture *f, struct reader *reader)
{
    assert_int_equal(reader_pull(reader, &f->gather, 1), 0);
}

static void send_private(struct fixture *f, struct reader *reader, const char *word)
{
    assert_int_equal(reader_send(reader, &f->gather, &f->private_stream, word, strlen(word), 1), 0);
}

static void start(struct fixture *f)
{
    assert_int_equal(reader_start_skipping(&f->reader, &f->gather, word_is_kept), 0);
}

static void stop(struct fixture *f, uint32_t packets, uint32_t bytes)
{
    struct skipped skipped = reader_stop_skipping(&f->reader, &f->gather);

    assert_int_equal(skipped.packets, packets);
    assert_int_equal(skipped.bytes, bytes);
    assert_false(f->reader.is_skipping);
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
}

static void pull_and_assert(struct fixture *f, struct reader *reader, const char *text)
{
    pull(f, reader);
    assert_sends(f, reader, text);
}

static void who_skips_is_handed_nothing(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.streams[0]);
    follow(&f.other, &f.streams[0]);
    append(&f, 0, "pulled ");
    pull(&f, &f.reader);
    append(&f, 0, "waits ");
    start(&f);
    append(&f, 0, "one ");
    pull_and_assert(&f, &f.reader, "");
    append(&f, 0, "two ");
    append(&f, 0, "three ");
    pull_and_assert(&f, &f.reader, "");
    append(&f, 0, "last ");
    stop(&f, 6, 7 + 6 + 4 + 4 + 6 + 5);
    append(&f, 0, "again ");
    pull_and_assert(&f, &f.reader, "again ");
    pull_and_assert(&f, &f.other, "pulled waits one two three last again ");
    assert_int_equal(f.gather.skipped, 6);
    assert_int_equal(f.gather.deliveries, 2 + 7); /* the first was pulled before it was dropped */
    teardown(&f);
}

/* Nothing is missed, nothing counted; and what an earlier time was is forgotten. */
static void each_time_is_counted_anew(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.streams[0]);
    start(&f);
    stop(&f, 0, 0);
    start(&f);
    append(&f, 0, "one ");
    append(&f, 0, "two ");
    stop(&f, 2, 8);
    append(&f, 0, "gets ");
    start(&f);
    append(&f, 0, "three ");
    pull(&f, &f.reader);
    send_private(&f, &f.reader, "private ");
    send_private(&f, &f.reader, "!stays ");
    start(&f); /* once more: it goes on */
    stop(&f, 3, 5 + 6 + 8);
    assert_int_equal(f.gather.skipped, 2 + 3);
    pull_and_assert(&f, &f.reader, "!stays ");
    teardown(&f);
}

static void what_has_begun_is_finished(void **state)
{
    struct fixture f;

    (void)state;
    for (size_t sent = 0; sent <= 13; sent++) {
        char expected[64] = "";

        setup(&f);
        follow(&f.reader, &f.streams[0]);
        append(&f, 0, "begun ");
        append(&f, 0, "!stays ");
        append(&f, 0, "goes ");
        send_private(&f, &f.reader, "too ");
        send_private(&f, &f.reader, "!but ");
        append(&f, 0, "!not ");
        pull(&f, &f.reader);
        outbox_consume(&f.reader.outbox, &f.gather.blocks, sent);
        start(&f);
        append(&f, 0, "!missed "); /* what is kept is asked of what waits, not of what comes */
        pull(&f, &f.reader);
        strcat(expected, sent > 0 ? &"begun !stays "[sent] : "!stays ");
        strcat(expected, "!but !not ");
        assert_sends(&f, &f.reader, expected);
        stop(&f, 3 + (sent == 0), 5 + 4 + 8 + (sent == 0 ? 6 : 0));
        teardown(&f);
    }
}

static void private_packets_reach_who_skips(void **state)
{
    struct fixture f;
    struct slice slice;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.streams[0]);
    follow(&f.other, &f.streams[0]);
    start(&f);
    append(&f, 0, "public ");
    send_private(&f, &f.reader, "private ");
    append(&f, 0, "more ");
    assert_int_equal(gather_write_private(&f.gather, &f.private_stream, "some ", 5, &slice), 0);
    assert_int_equal(reader_send_slice(&f.reader, &f.gather, &slice, 1), 0);
    assert_int_equal(reader_send_slice(&f.other, &f.gather, &slice, 1), 0);
    append(&f, 0, "third ");
    reader_count_skipped(&f.reader, &f.gather, 100);
    assert_int_equal(f.reader.skipped.packets, 4);
    assert_sends(&f, &f.reader, "private some ");
    assert_sends(&f, &f.other, "public more some ");
    append(&f, 0, "fourth ");
    stop(&f, 5, 7 + 5 + 6 + 100 + 7);
    assert_int_equal(f.gather.skipped, 5);
    assert_int_equal(f.gather.deliveries, 2 + 3);
    teardown(&f);
}

/* What is said to all but one is nothing that this one has missed; what was said before is, and once. */
static void who_is_passed_over_has_not_missed_it(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.streams[0]);
    follow(&f.reader, &f.streams[1]);
    follow(&f.other, &f.streams[0]);
    start(&f);
    append(&f, 0, "before ");
    append(&f, 1, "else ");
    pull(&f, &f.reader);
    append(&f, 0, "excepted ");
    reader_skip(&f.reader, &f.streams[0]);
    assert_int_equal(f.reader.skipped.packets, 2);
    append(&f, 0, "after ");
    stop(&f, 3, 7 + 5 + 6);
    append(&f, 0, "to-all ");
    pull_and_assert(&f, &f.reader, "to-all ");
    pull_and_assert(&f, &f.other, "before excepted after to-all ");
    teardown(&f);
}

static int append_keyed(struct fixture *f, const char *word)
{
    return stream_append_keyed(&f->streams[0], 1, word, strlen(word));
}

/* A snapshot that is made when it stops skipping is older than every state that comes after. */
static void newer_states_are_not_written_into_what_it_has_missed(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.streams[0]);
    follow(&f.other, &f.streams[0]);
    start(&f);
    assert_int_equal(append_keyed(&f, "x=1 "), 0);
    assert_int_equal(append_keyed(&f, "x=2 "), 1);
    assert_int_equal(append_keyed(&f, "x=3 "), 1);
    pull(&f, &f.reader); /* has passed it by: that counts as pulled */
    assert_int_equal(append_keyed(&f, "x=4 "), 0);
    assert_int_equal(append_keyed(&f, "x=5 "), 1);
    stop(&f, 2, 8);
    assert_int_equal(append_keyed(&f, "x=6 "), 0);
    assert_int_equal(append_keyed(&f, "x=7 "), 1);
    pull_and_assert(&f, &f.reader, "x=7 ");
    pull_and_assert(&f, &f.other, "x=3 x=5 x=7 ");
    teardown(&f);
}

/* Marks and barriers cut what it passes by as they cut what it pulls. */
static void in_mid_round_it_has_missed_what_lies_before_the_marks(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (int i = 0; i < 3; i++) {
        follow(&f.reader, &f.streams[i]);
        follow(&f.other, &f.streams[i]);
    }
    append(&f, 2, "c1 ");
    for (int i = 0; i < STREAMS; i++) {
        stream_set_barrier(&f.streams[i]);
    }
    append(&f, 0, "a2 ");
    append(&f, 1, "b2 ");
    start(&f);
    for (int i = 0; i < STREAMS; i++) {
        stream_mark(&f.streams[i], UINT64_MAX);
    }
    append(&f, 0, "a3 ");
    append(&f, 2, "c3 ");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(reader_pull_marked(&f.reader, &f.gather, 1), 0);
        assert_int_equal(f.reader.skipped.packets, 3);
        assert_int_equal(f.reader.skipped.bytes, 9);
        assert_int_equal(reader_find(&f.reader, &f.streams[0])->seen, f.streams[0].mark);
    }
    assert_int_equal(reader_pull_marked(&f.other, &f.gather, 1), 0);
    assert_sends(&f, &f.other, "c1 a2 b2 ");
    assert_true(f.streams[0].pulled < f.streams[0].end); /* a marked pull leaves open what lies behind */
    for (int i = 0; i < 3; i++) {
        stream_trim(&f.streams[i], f.streams[i].mark);
    }
    stop(&f, 5, 15); /* beyond the marks */
    assert_int_equal(reader_pull_marked(&f.reader, &f.gather, 1), 0);
    append(&f, 1, "b4 ");
    append(&f, 0, "a4 ");
    pull_and_assert(&f, &f.reader, "a4 b4 ");
    pull_and_assert(&f, &f.other, "a3 a4 b4 c3 ");
    assert_int_equal(f.gather.deliveries, 2 + 3 + 4);
    assert_int_equal(f.gather.skipped, 5);
    teardown(&f);
}

/* A stream that it leaves or comes to while it skips: from its follow to its unfollow, no more. */
static void only_what_it_follows_is_missed(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.streams[0]);
    append(&f, 1, "too-early ");
    start(&f);
    append(&f, 0, "one ");
    pull(&f, &f.reader);
    append(&f, 0, "not-pulled ");
    reader_unfollow(&f.reader, &f.streams[0]);
    follow(&f.reader, &f.streams[1]);
    append(&f, 0, "too-late ");
    append(&f, 1, "two ");
    pull(&f, &f.reader);
    append(&f, 1, "not-pulled ");
    reader_unfollow_all(&f.reader);
    follow(&f.reader, &f.streams[2]);
    append(&f, 2, "three ");
    stop(&f, 3, 4 + 4 + 6);
    append(&f, 2, "four ");
    pull_and_assert(&f, &f.reader, "four ");
    teardown(&f);
}

/* Who skips pins nothing but what has begun. */
static void memory_comes_back_while_it_skips(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f.reader, &f.streams[0]);
    for (int i = 0; i < 50; i++) {
        append(&f, 0, "a-packet-of-thirty-bytes-in-all ");
        pull(&f, &f.reader);
    }
    assert_true(f.gather.chunks.live >= 25);
    outbox_consume(&f.reader.outbox, &f.gather.blocks, 1);
    start(&f);
    assert_int_equal(f.gather.blocks.used, 1);
    for (int i = 0; i < 50; i++) {
        append(&f, 0, "a-packet-of-thirty-bytes-in-all ");
        pull(&f, &f.reader);
        stream_trim(&f.streams[0], f.streams[0].end);
        assert_true(f.gather.chunks.live <= 2);
    }
    assert_sends(&f, &f.reader, "-packet-of-thirty-bytes-in-all ");
    stop(&f, 49 + 50, 32 * 99);
    teardown(&f);
}

/* A pull that came half-way: what it handed over is dropped, what it did not is passed by, and each counts once. */
static void half_a_pull_counts_once(void **state)
{
    enum { PACKETS = 50, CUT = OUTBOX_BLOCK_SLICES };
    struct fixture f;

    (void)state;
    for (int cut = 0; cut < 3; cut++) {
        setup_with(&f, 1);
        follow(&f.reader, &f.streams[0]);
        follow(&f.reader, &f.streams[1]);
        append(&f, 1, "other ");
        for (int i = 0; i < PACKETS; i++) {
            append(&f, 0, i % 2 == 0 ? "a-packet-of-forty-bytes-or-so-and-a-chunk " : "tail ");
        }
        if (cut == 1) {
            stream_set_barrier(&f.streams[0]);
        }
        stream_mark(&f.streams[0], UINT64_MAX);
        append(&f, 0, "behind ");
        assert_int_equal(cut == 2 ? reader_pull_marked(&f.reader, &f.gather, 1)
                                  : reader_pull(&f.reader, &f.gather, 1),
                         -ENOMEM);
        assert_int_equal(f.gather.deliveries, CUT * 2);
        outbox_consume(&f.reader.outbox, &f.gather.blocks, 42);
        start(&f);
        assert_int_equal(f.reader.skipped.packets, CUT * 2 - 1);
        stop(&f, PACKETS - 1 + 2, PACKETS / 2 * (42 + 5) - 42 + 6 + 7);
        append(&f, 0, "next ");
        pull_and_assert(&f, &f.reader, "next ");
        teardown(&f);
    }
}

/* No place for all that is to stay: it skips nonetheless, and what was cut off is counted. */
static void it_skips_though_memory_is_out(void **state)
{
    enum { PAIRS = OUTBOX_BLOCK_SLICES + 3 };
    struct fixture f;

    (void)state;
    setup_with(&f, 1);
    f.gather.chunks.chunk_bytes = 1000;
    follow(&f.reader, &f.streams[0]);
    for (int i = 0; i < PAIRS; i++) {
        append(&f, 0, "!stays ");
        append(&f, 0, "goes ");
    }
    pull(&f, &f.reader);
    assert_int_equal(f.reader.outbox.slices, 1);
    assert_int_equal(reader_start_skipping(&f.reader, &f.gather, word_is_kept), -ENOMEM);
    assert_true(f.reader.is_skipping);
    assert_int_equal(f.reader.outbox.slices, OUTBOX_BLOCK_SLICES);
    assert_int_equal(f.reader.outbox.bytes, 7 * OUTBOX_BLOCK_SLICES);
    append(&f, 0, "missed ");
    pull(&f, &f.reader);
    outbox_consume(&f.reader.outbox, &f.gather.blocks, f.reader.outbox.bytes);
    stop(&f, PAIRS + 3 + 1, 5 * PAIRS + 7 * 3 + 7);
    append(&f, 0, "gets ");
    pull_and_assert(&f, &f.reader, "gets ");
    teardown(&f);
}

/* Counts that have come to their ends: those of a stream go round, those of what was missed stay. */
static void counts_at_their_ends(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    f.streams[0].packets = UINT32_MAX - 1;
    follow(&f.reader, &f.streams[0]);
    start(&f);
    for (int i = 0; i < 4; i++) {
        append(&f, 0, "one ");
    }
    pull(&f, &f.reader);
    assert_int_equal(f.streams[0].packets, 2);
    assert_int_equal(f.reader.skipped.packets, 4);
    f.reader.skipped = (struct skipped){.packets = UINT32_MAX - 2, .bytes = UINT32_MAX - 9};
    append(&f, 0, "one ");
    append(&f, 0, "one ");
    pull(&f, &f.reader);
    assert_true(f.reader.skipped.packets == UINT32_MAX && f.reader.skipped.bytes == UINT32_MAX - 1);
    append(&f, 0, "one ");
    reader_count_skipped(&f.reader, &f.gather, UINT32_MAX);
    stop(&f, UINT32_MAX, UINT32_MAX);
    assert_int_equal(f.gather.skipped, 4 + 2 + 2); /* that one goes on */
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_skips_is_handed_nothing),
        cmocka_unit_test(each_time_is_counted_anew),
        cmocka_unit_test(what_has_begun_is_finished),
        cmocka_unit_test(private_packets_reach_who_skips),
        cmocka_unit_test(who_is_passed_over_has_not_missed_it),
        cmocka_unit_test(newer_states_are_not_written_into_what_it_has_missed),
        cmocka_unit_test(in_mid_round_it_has_missed_what_lies_before_the_marks),
        cmocka_unit_test(only_what_it_follows_is_missed),
        cmocka_unit_test(memory_comes_back_while_it_skips),
        cmocka_unit_test(half_a_pull_counts_once),
        cmocka_unit_test(it_skips_though_memory_is_out),
        cmocka_unit_test(counts_at_their_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
