#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/list.h"

enum { ITEMS = 12 };

struct item {
    int before; /* so that the node does not lie at the start and LIST_ENTRY has something to subtract */
    int number;
    struct list node;
};

static void items_init(struct item *items, int count)
{
    for (int i = 0; i < count; i++) {
        items[i] = (struct item){.before = -1, .number = i};
        list_init(&items[i].node);
    }
}

/* The list holds exactly these numbers in this order, read in both directions. */
static void assert_holds(const struct list *head, const int *numbers, int count)
{
    const struct list *node = head->next;

    for (int i = 0; i < count; i++, node = node->next) {
        assert_ptr_not_equal(node, head);
        assert_int_equal(LIST_ENTRY(node, struct item, node)->number, numbers[i]);
    }
    assert_ptr_equal(node, head);
    node = head->prev;
    for (int i = count; i > 0; i--, node = node->prev) {
        assert_ptr_not_equal(node, head);
        assert_int_equal(LIST_ENTRY(node, struct item, node)->number, numbers[i - 1]);
    }
    assert_ptr_equal(node, head);
}

static void an_empty_list_holds_nothing(void **state)
{
    struct list head;
    int visited = 0;

    (void)state;
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_pop(&head));
    LIST_FOR_EACH (node, &head) {
        visited++;
    }
    assert_int_equal(visited, 0);
}

static void push_and_pop_keep_the_order(void **state)
{
    struct item items[3];
    struct list head;

    (void)state;
    items_init(items, 3);
    list_init(&head);
    for (int i = 0; i < 3; i++) {
        assert_false(list_is_linked(&items[i].node));
        list_push(&head, &items[i].node);
        assert_true(list_is_linked(&items[i].node));
    }
    assert_holds(&head, (int[]){0, 1, 2}, 3);
    for (int i = 0; i < 3; i++) {
        struct list *node = list_pop(&head);

        assert_ptr_equal(node, &items[i].node);
        assert_false(list_is_linked(node));
    }
    assert_true(list_is_empty(&head));
}

static void remove_is_idempotent(void **state)
{
    struct item items[3];
    struct list head;

    (void)state;
    items_init(items, 3);
    list_init(&head);
    for (int i = 0; i < 3; i++) {
        list_push(&head, &items[i].node);
    }
    list_remove(&items[1].node);
    list_remove(&items[1].node);
    assert_false(list_is_linked(&items[1].node));
    assert_holds(&head, (int[]){0, 2}, 2);
    list_push(&head, &items[1].node);
    assert_holds(&head, (int[]){0, 2, 1}, 3);
}

static void the_safe_loop_survives_removal_of_the_current_node(void **state)
{
    struct item items[5];
    struct list head;
    int visited = 0;

    (void)state;
    items_init(items, 5);
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        list_push(&head, &items[i].node);
    }
    LIST_FOR_EACH_SAFE (node, after, &head) {
        assert_int_equal(LIST_ENTRY(node, struct item, node)->number, visited);
        if (visited % 2 == 0) {
            list_remove(node);
        }
        visited++;
    }
    assert_int_equal(visited, 5);
    assert_holds(&head, (int[]){1, 3}, 2);
}

static void splice_moves_all_to_the_tail(void **state)
{
    struct item items[4];
    struct list to;
    struct list from;

    (void)state;
    items_init(items, 4);
    list_init(&to);
    list_init(&from);
    list_splice(&to, &from);
    assert_true(list_is_empty(&to));
    list_push(&from, &items[0].node);
    list_push(&from, &items[1].node);
    list_splice(&to, &from);
    assert_true(list_is_empty(&from));
    assert_holds(&to, (int[]){0, 1}, 2);
    list_push(&from, &items[2].node);
    list_push(&from, &items[3].node);
    list_splice(&to, &from);
    assert_true(list_is_empty(&from));
    assert_holds(&to, (int[]){0, 1, 2, 3}, 4);
}

/* Two lists and the same two as plain arrays. */
struct model {
    struct item items[ITEMS];
    struct list heads[2];
    int numbers[2][ITEMS];
    int counts[2];
};

static void model_remove(struct model *model, int number)
{
    for (int side = 0; side < 2; side++) {
        int kept = 0;

        for (int i = 0; i < model->counts[side]; i++) {
            if (model->numbers[side][i] != number) {
                model->numbers[side][kept++] = model->numbers[side][i];
            }
        }
        model->counts[side] = kept;
    }
}

static void model_step(struct model *model, uint64_t random)
{
    int number = (int)(random >> 8 & 0xFF) % ITEMS;
    int side = (int)(random >> 16 & 1);

    switch (random & 7) {
    case 0:
        list_splice(&model->heads[side], &model->heads[!side]);
        for (int i = 0; i < model->counts[!side]; i++) {
            model->numbers[side][model->counts[side]++] = model->numbers[!side][i];
        }
        model->counts[!side] = 0;
        break;
    case 1: {
        struct list *node = list_pop(&model->heads[side]);

        assert_int_equal(node != NULL, model->counts[side] > 0);
        if (node != NULL) {
            assert_int_equal(LIST_ENTRY(node, struct item, node)->number, model->numbers[side][0]);
            model_remove(model, model->numbers[side][0]);
        }
        break;
    }
    case 2:
    case 3:
        list_remove(&model->items[number].node);
        model_remove(model, number);
        break;
    default:
        if (!list_is_linked(&model->items[number].node)) {
            list_push(&model->heads[side], &model->items[number].node);
            model->numbers[side][model->counts[side]++] = number;
        }
    }
}

static void random_steps_equal_the_model(void **state)
{
    static struct model model;

    (void)state;
    items_init(model.items, ITEMS);
    list_init(&model.heads[0]);
    list_init(&model.heads[1]);
    for (uint64_t step = 0; step < 20000; step++) {
        model_step(&model, hash_u64(step + 1));
        assert_holds(&model.heads[0], model.numbers[0], model.counts[0]);
        assert_holds(&model.heads[1], model.numbers[1], model.counts[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_list_holds_nothing),
        cmocka_unit_test(push_and_pop_keep_the_order),
        cmocka_unit_test(remove_is_idempotent),
        cmocka_unit_test(the_safe_loop_survives_removal_of_the_current_node),
        cmocka_unit_test(splice_moves_all_to_the_tail),
        cmocka_unit_test(random_steps_equal_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
