/* Readers of several streams: the order in which they are pulled, and barriers across them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "gather/reader.h"

enum { CHUNK_BYTES = 64, STREAMS = 30, READERS = 4 };

struct fixture {
    struct gather gather;
    struct stream streams[STREAMS];
    struct stream private_stream;
    struct reader readers[READERS];
};

static void setup_with(struct fixture *f, uint32_t blocks_max)
{
    gather_init(&f->gather, CHUNK_BYTES, 1 << 20, blocks_max);
    for (uint64_t i = 0; i < STREAMS; i++) {
        stream_init(&f->streams[i], &f->gather.chunks);
        f->streams[i].order = i;
    }
    stream_init(&f->private_stream, &f->gather.chunks);
    for (int i = 0; i < READERS; i++) {
        reader_init(&f->readers[i]);
    }
}

static void setup(struct fixture *f)
{
    setup_with(f, 1000);
}

static void teardown(struct fixture *f)
{
    for (int i = 0; i < READERS; i++) {
        reader_fini(&f->readers[i], &f->gather);
    }
    for (int i = 0; i < STREAMS; i++) {
        assert_int_equal(f->streams[i].followers, 0);
        stream_fini(&f->streams[i]);
    }
    stream_fini(&f->private_stream);
    assert_int_equal(f->gather.chunks.live, 0);
    assert_int_equal(f->gather.blocks.used, 0);
    gather_fini(&f->gather);
}

static void append(struct fixture *f, int stream, const char *text)
{
    assert_int_equal(stream_append(&f->streams[stream], text, strlen(text)), 0);
}

static void follow(struct fixture *f, int reader, int stream)
{
    assert_int_equal(reader_follow(&f->readers[reader], &f->streams[stream]), 0);
}

static void barrier(struct fixture *f)
{
    for (int i = 0; i < STREAMS; i++) {
        stream_set_barrier(&f->streams[i]);
    }
}

static void mark(struct fixture *f)
{
    for (int i = 0; i < STREAMS; i++) {
        stream_mark(&f->streams[i], UINT64_MAX);
    }
}

/* All that waits is this text; it is sent. */
static void assert_sends(struct fixture *f, int reader, const char *text)
{
    struct outbox *outbox = &f->readers[reader].outbox;
    struct iovec iov[64];
    char sent[1024];
    size_t bytes = 0;
    int count = outbox_iovecs(outbox, iov, 64);

    for (int i = 0; i < count; i++) {
        assert_true(iov[i].iov_len < sizeof(sent) - bytes);
        memcpy(sent + bytes, iov[i].iov_base, iov[i].iov_len);
        bytes += iov[i].iov_len;
    }
    sent[bytes] = '\0';
    assert_string_equal(sent, text);
    outbox_consume(outbox, &f->gather.blocks, bytes);
    assert_true(outbox_is_empty(outbox));
}

static void pull_and_assert(struct fixture *f, int reader, const char *text)
{
    assert_int_equal(reader_pull(&f->readers[reader], &f->gather, 1), 0);
    assert_sends(f, reader, text);
}

static void pull_marked_and_assert(struct fixture *f, int reader, const char *text)
{
    assert_int_equal(reader_pull_marked(&f->readers[reader], &f->gather, 1), 0);
    assert_sends(f, reader, text);
}

static void streams_come_by_their_order_however_they_were_followed(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    f.streams[9].order = (uint64_t)UINT32_MAX + 1;
    f.streams[8].order = UINT32_MAX;
    for (int i = 0; i < 10; i++) {
        follow(&f, 0, i * 7 % 10); /* 0 7 4 1 8 5 2 9 6 3 */
    }
    for (int i = 9; i >= 0; i--) {
        append(&f, i, (char[]){(char)('0' + i), '\0'});
    }
    pull_and_assert(&f, 0, "0123456789");
    reader_unfollow(&f.readers[0], &f.streams[0]);
    reader_unfollow(&f.readers[0], &f.streams[4]);
    reader_unfollow(&f.readers[0], &f.streams[9]);
    for (int i = 9; i >= 0; i--) {
        append(&f, i, (char[]){(char)('0' + i), '\0'});
    }
    pull_and_assert(&f, 0, "1235678");
    follow(&f, 0, 4);
    append(&f, 7, "7");
    append(&f, 4, "4");
    append(&f, 3, "3");
    assert_int_equal(f.gather.deliveries, 17);
    pull_and_assert(&f, 0, "347");
    teardown(&f);
}

static void followers_are_counted(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    follow(&f, 0, 1);
    follow(&f, 1, 1);
    follow(&f, 1, 2);
    assert_int_equal(reader_follow(&f.readers[1], &f.streams[1]), -EALREADY);
    assert_int_equal(f.streams[1].followers, 2);
    assert_int_equal(f.streams[2].followers, 1);
    reader_unfollow(&f.readers[0], &f.streams[2]); /* it does not */
    assert_int_equal(f.streams[2].followers, 1);
    reader_unfollow(&f.readers[0], &f.streams[1]);
    assert_int_equal(f.streams[1].followers, 1);
    reader_fini(&f.readers[1], &f.gather);
    assert_int_equal(f.streams[1].followers, 0);
    assert_int_equal(f.streams[2].followers, 0);
    teardown(&f);
}

static void who_forgets_all_is_told_of_nothing_more(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    reader_unfollow_all(&f.readers[0]);
    for (int i = 0; i < STREAMS; i++) {
        follow(&f, 0, i);
    }
    append(&f, 3, "pulled ");
    assert_int_equal(reader_pull(&f.readers[0], &f.gather, 1), 0);
    append(&f, 4, "not pulled ");
    reader_unfollow_all(&f.readers[0]);
    append(&f, 5, "after ");
    for (int i = 0; i < STREAMS; i++) {
        assert_int_equal(f.streams[i].followers, 0);
        assert_null(reader_find(&f.readers[0], &f.streams[i]));
    }
    pull_and_assert(&f, 0, "pulled ");
    follow(&f, 0, 7);
    assert_int_equal(reader_find(&f.readers[0], &f.streams[7])->seen, f.streams[7].end);
    append(&f, 7, "again");
    pull_and_assert(&f, 0, "again");
    teardown(&f);
}

static void nothing_overtakes_a_barrier(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (int i = 0; i < 3; i++) {
        follow(&f, 0, i);
        follow(&f, 1, i);
    }
    append(&f, 2, "c1 ");
    append(&f, 1, "b1 ");
    barrier(&f);
    append(&f, 0, "a2 ");
    append(&f, 2, "c2 ");
    append(&f, 1, "b2 ");
    pull_and_assert(&f, 0, "b1 c1 a2 b2 c2 ");
    assert_int_equal(f.gather.deliveries, 5);
    append(&f, 0, "a3 ");
    pull_and_assert(&f, 0, "a3 "); /* it is behind */
    pull_and_assert(&f, 1, "b1 c1 a2 a3 b2 c2 ");
    assert_int_equal(f.gather.deliveries, 12);
    for (int i = 0; i < 3; i++) {
        stream_trim(&f.streams[i], f.streams[i].end);
    }
    append(&f, 1, "b4 ");
    append(&f, 0, "a4 ");
    pull_and_assert(&f, 0, "a4 b4 "); /* rewound memory, and the barrier stays where it was */
    teardown(&f);
}

static void nor_in_a_round(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (int i = 0; i < 3; i++) {
        for (int reader = 0; reader < READERS; reader++) {
            follow(&f, reader, i);
        }
    }
    append(&f, 1, "b1 ");
    append(&f, 0, "a1 ");
    barrier(&f);
    append(&f, 0, "a2 ");
    append(&f, 1, "b2 ");
    mark(&f);
    append(&f, 2, "c3 ");
    append(&f, 0, "a3 ");
    pull_marked_and_assert(&f, 0, "a1 b1 a2 b2 ");
    pull_and_assert(&f, 1, "a1 b1 a2 a3 b2 c3 "); /* a private packet, say */
    pull_marked_and_assert(&f, 1, "");

    /* A barrier that lies behind the marks cuts nothing short, and holds in the next round. */
    reader_pull(&f.readers[2], &f.gather, 1);
    reader_pull(&f.readers[3], &f.gather, 1);
    assert_sends(&f, 2, "a1 b1 a2 a3 b2 c3 ");
    barrier(&f);
    append(&f, 0, "a4 ");
    pull_marked_and_assert(&f, 0, "");
    mark(&f);
    pull_marked_and_assert(&f, 0, "a3 c3 a4 ");
    pull_marked_and_assert(&f, 2, "a4 ");
    assert_int_equal(f.gather.deliveries, 4 + 3 * 6 + 3 + 1);
    teardown(&f);
}

/* With memory for half of it only, what comes later is the rest, in the same order. */
static void a_pull_that_stops_before_the_barrier_goes_on_before_it(void **state)
{
    struct fixture f;
    char expected[128] = "";

    (void)state;
    setup_with(&f, 1);
    for (int i = 0; i < STREAMS; i++) {
        follow(&f, 0, i);
        append(&f, i, (char[]){(char)('a' + i % 26), '\0'});
        strcat(expected, (char[]){(char)('a' + i % 26), '\0'});
    }
    barrier(&f);
    for (int i = STREAMS - 1; i >= 0; i--) {
        append(&f, i, "|"); /* on the same chunk: no slice more, once it is that chunk's turn */
    }
    assert_int_equal(reader_pull(&f.readers[0], &f.gather, 1), -ENOMEM);
    assert_int_equal(f.readers[0].outbox.slices, OUTBOX_BLOCK_SLICES);
    expected[OUTBOX_BLOCK_SLICES] = '\0';
    assert_sends(&f, 0, expected);
    assert_int_equal(reader_pull(&f.readers[0], &f.gather, 1), -ENOMEM);
    assert_sends(&f, 0, "pqrstuvwxyzabcd");
    assert_int_equal(reader_pull(&f.readers[0], &f.gather, 1), -ENOMEM);
    assert_int_equal(f.gather.deliveries, STREAMS + OUTBOX_BLOCK_SLICES);
    assert_sends(&f, 0, "|||||||||||||||");
    pull_and_assert(&f, 0, "|||||||||||||||");
    teardown(&f);
}

static void a_packet_for_some_is_written_once(void **state)
{
    struct fixture f;
    struct slice slice;

    (void)state;
    setup(&f);
    for (int i = 0; i < READERS; i++) {
        follow(&f, i, 0);
        follow(&f, i, 1 + i);
        append(&f, 1 + i, "own ");
    }
    append(&f, 0, "all ");
    assert_int_equal(gather_write_private(&f.gather, &f.private_stream, "for three of four ", 18, &slice), 0);
    for (int i = 1; i < READERS; i++) {
        assert_int_equal(reader_send_slice(&f.readers[i], &f.gather, &slice, 1), 0);
    }
    append(&f, 0, "more ");
    assert_int_equal(f.private_stream.end, 18);
    assert_int_equal(f.private_stream.tail->refs, 1 + 3);
    assert_int_equal(f.gather.deliveries, 3 * 3);
    pull_and_assert(&f, 0, "all more own ");
    for (int i = 1; i < READERS; i++) {
        pull_and_assert(&f, i, "all own for three of four more ");
    }
    assert_int_equal(f.private_stream.tail->refs, 1);
    teardown(&f);
}

static void a_packet_for_some_that_finds_no_memory_is_nobodys(void **state)
{
    struct fixture f;
    struct slice slice;
    uint8_t packet[200] = {0};

    (void)state;
    setup_with(&f, 1);
    f.gather.chunks.memory_bytes_max = 200;
    assert_int_equal(gather_write_private(&f.gather, &f.private_stream, packet, sizeof(packet), &slice),
                     -ENOMEM);
    assert_int_equal(gather_write_private(&f.gather, &f.private_stream, "x", 1, &slice), 0);
    assert_int_equal(reader_send_slice(&f.readers[0], &f.gather, &slice, 1), 0);
    assert_int_equal(reader_send_slice(&f.readers[1], &f.gather, &slice, 1), -ENOMEM);
    assert_int_equal(f.gather.outbox_refused, 2);
    assert_int_equal(f.gather.deliveries, 1);
    assert_int_equal(slice.chunk->refs, 2);
    assert_sends(&f, 0, "x");
    assert_sends(&f, 1, "");
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_come_by_their_order_however_they_were_followed),
        cmocka_unit_test(followers_are_counted),
        cmocka_unit_test(who_forgets_all_is_told_of_nothing_more),
        cmocka_unit_test(nothing_overtakes_a_barrier),
        cmocka_unit_test(nor_in_a_round),
        cmocka_unit_test(a_pull_that_stops_before_the_barrier_goes_on_before_it),
        cmocka_unit_test(a_packet_for_some_is_written_once),
        cmocka_unit_test(a_packet_for_some_that_finds_no_memory_is_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
