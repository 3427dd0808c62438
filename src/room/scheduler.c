#include "room/scheduler.h"

#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"

/* Those whose turn did not come are first in the next one. */
static void scheduler_put_first(struct list *list, struct list *left_over)
{
    list_splice(left_over, list);
    list_splice(list, left_over);
}

static void scheduler_create(struct engine *engine)
{
    struct list turn;
    struct list *node;
    uint64_t until_ns;

    if (list_is_empty(&engine->creating)) {
        return;
    }
    until_ns = clock_now_ns() + CREATE_TURN_NS;
    list_init(&turn);
    list_splice(&turn, &engine->creating);
    while ((node = list_pop(&turn)) != NULL) {
        session_create_room(LIST_ENTRY(node, struct session, wait_link));
        if (clock_now_ns() >= until_ns) {
            break;
        }
    }
    scheduler_put_first(&engine->creating, &turn);
}

/* Each is told all that its content has to tell: the first of them in any case. */
static void scheduler_resync(struct engine *engine)
{
    uint64_t until_ns;

    if (list_is_empty(&engine->resyncing)) {
        return;
    }
    until_ns = clock_now_ns() + RESYNC_TURN_NS;
    do {
        session_resync(LIST_ENTRY(engine->resyncing.next, struct session, blocked_link));
    } while (!list_is_empty(&engine->resyncing) && clock_now_ns() < until_ns);
}

void scheduler_run(struct engine *engine)
{
    struct list turn;
    struct list *node;

    scheduler_create(engine);
    scheduler_resync(engine);
    list_init(&turn);
    list_splice(&turn, &engine->runnable);
    while ((node = list_pop(&turn)) != NULL) {
        struct room *room = LIST_ENTRY(node, struct room, runnable_link);

        if (room_run(room) && !list_is_linked(node)) {
            list_push(&engine->runnable, node);
        }
    }
}

static void scheduler_flush_dirty(struct engine *engine)
{
    uint64_t until_ns;
    struct list turn;
    struct list *node;

    if (list_is_empty(&engine->dirty)) {
        return;
    }
    until_ns = clock_now_ns() + FLUSH_PIECE_NS;
    list_init(&turn);
    list_splice(&turn, &engine->dirty);
    for (uint32_t i = 1; (node = list_pop(&turn)) != NULL; i++) {
        session_flush(LIST_ENTRY(node, struct session, dirty_link));
        if (i % FLUSH_SESSIONS_PER_LOOK == 0 && clock_now_ns() >= until_ns) {
            break;
        }
    }
    scheduler_put_first(&engine->dirty, &turn);
}

static void scheduler_flush_rooms(struct engine *engine)
{
    if (list_is_empty(&engine->flushing)) {
        return;
    }

    uint64_t now_ns = clock_now_ns();
    uint64_t turn_until_ns = now_ns + FLUSH_TURN_NS;
    struct list turn;

    list_init(&turn);
    list_splice(&turn, &engine->flushing);
    while (!list_is_empty(&turn) && now_ns < turn_until_ns) {
        struct list *node = list_pop(&turn);
        struct room *room = LIST_ENTRY(node, struct room, flushing_link);

        if (!room_flush_piece(room, now_ns + FLUSH_PIECE_NS)) {
            list_push(&engine->flushing, node);
        }
        now_ns = clock_now_ns();
    }
    scheduler_put_first(&engine->flushing, &turn);
}

void scheduler_flush(struct engine *engine)
{
    scheduler_flush_dirty(engine);
    scheduler_flush_rooms(engine);
    session_allow_drops(engine);
}

uint64_t scheduler_timeout_ns(const struct engine *engine, uint64_t now_ns)
{
    uint64_t next_ns = timers_next_ns(&engine->timers);

    if (!list_is_empty(&engine->runnable) || !list_is_empty(&engine->flushing) ||
        !list_is_empty(&engine->dirty) || !list_is_empty(&engine->resumable) ||
        !list_is_empty(&engine->creating) || !list_is_empty(&engine->resyncing) ||
        !list_is_empty(&engine->ended) || !list_is_empty(&engine->closing)) {
        return 0;
    }
    if (next_ns == UINT64_MAX) {
        return UINT64_MAX;
    }
    return next_ns > now_ns ? next_ns - now_ns : 0;
}
