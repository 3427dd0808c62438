/*
 * One client's view of a world, kept from nothing but the packets that it is sent; and what it must be, from the
 * world's own state. Whatever breaks the promises of roomd/world.h fails the test.
 */
#ifndef TESTS_SUPPORT_VIEW_MODEL_H
#define TESTS_SUPPORT_VIEW_MODEL_H

#include "content/world.h"
#include "support/fake_host.h"

enum { VIEW_KNOWN_MAX = 512 };

struct view_known {
    uint32_t id;
    uint8_t kind;
    bool has_moved; /* since the last flush */
    struct point at;
};

struct view_model {
    uint64_t session;
    uint32_t id;
    bool is_listed;   /* the list has named itself */
    bool has_entered; /* S_BroadcastEnterGame of itself has come */
    uint32_t resets, comings, goings, moves, corrections;
    uint32_t count;
    struct view_known known[VIEW_KNOWN_MAX];
};

void view_begin(struct view_model *view, struct fake_room *room, uint64_t session);
/* Takes all that has been flushed. */
void view_read(struct view_model *view, struct fake_room *room);
struct view_known *view_find(struct view_model *view, uint32_t id);
/* What it knows is what is registered in the cells that it follows, each where it is. Skips one that has lost sight. */
void view_check(struct view_model *view, const struct world *world);
/* Invariants of the world itself: watchers, streams, lists. */
void view_check_world(const struct world *world, const struct fake_room *room);

#endif
