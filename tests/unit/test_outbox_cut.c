/* Outboxes that are cut: whatever has been sent of them, what is left is the rest of the packet that has begun. */
#include "unit/outbox_yard.h"

static void cut(struct fixture *f)
{
    outbox_cut(&f->outbox, &f->blocks, packet_stays);
    if (f->begun == 0) {
        f->count = 0;
    } else {
        f->count = 1;
        if (f->waiting[0].number < f->sample_number) {
            f->sample_number = f->waiting[0].number; /* it is as old as the one that was watched */
        }
    }
    assert_int_equal(f->blocks.used, f->count);
    assert_waits(f);
}

static void push_many(struct fixture *f)
{
    for (unsigned i = 0; i < 40; i++) {
        assert_true(push(f, i % CHUNKS, i % 30, 1 + i % 3));
    }
    assert_true(f->blocks.used > 2);
}

static void an_empty_one_stays_empty(void **state)
{
    static struct fixture f;

    (void)state;
    setup(&f);
    cut(&f);
    assert_true(push(&f, 0, 0, 3));
    consume(&f, f.outbox.bytes);
    cut(&f);
    teardown(&f);
}

static void every_cut_leaves_the_packet_that_has_begun(void **state)
{
    static struct fixture f;

    (void)state;
    setup(&f);
    push_many(&f);
    for (uint32_t sent = 0, total = f.outbox.bytes; sent <= total; sent++) {
        empty(&f);
        push_many(&f);
        consume(&f, sent);
        cut(&f);
        assert_true(push(&f, 2, 0, 2)); /* it goes on behind it */
        assert_waits(&f);
        consume(&f, (uint32_t)draw(&f, f.outbox.bytes + 1));
        cut(&f);
    }
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_stays_empty),
        cmocka_unit_test(every_cut_leaves_the_packet_that_has_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
