/* What must hold between any two turns, whatever fails and whoever connects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "room/room.h"
#include "room/session.h"
#include "sim/sim_run.h"
#include "support/place_check.h"

/* A server that does so many turns in a second of its time does not wait for anything. */
enum { TURNS_A_SECOND_MAX = 100000, REFUSED_READ_BYTES_MAX = 1024 };

static void check_descriptor(const struct session *session)
{
    const struct conn *conn = &session->conn;
    const struct sim_fd *fd;

    if (conn->source.fd < 0) {
        assert_true(session->is_ended);
        return;
    }
    fd = &sim_kernel.fds[conn->source.fd - SIM_FD_FIRST];
    assert_int_equal(fd->kind, SIM_FD_SOCKET);
    if (!session->is_ended) {
        assert_int_equal(fd->is_watched, !conn->is_detached);
    }
    if (fd->is_watched) {
        assert_ptr_equal(fd->data.ptr, &conn->source);
        assert_int_equal(fd->events, conn->source.events);
    }
}

/* Who is not read from, and not written to, is not asked about: or the reactor would spin. */
static void check_debt(const struct session *session)
{
    const struct outbox *outbox = &session->conn.reader.outbox;
    const struct room *room = session->room;
    uint64_t round_bytes = room != NULL ? room->options.early_flush_bytes : 0;

    assert_int_equal(outbox_is_empty(outbox), outbox->bytes == 0);
    if (session->is_ended || session->close_reason != ROOMD_CLOSE_NONE) {
        return;
    }
    /* A packet for it alone has pulled all that its room had said before; it is judged when it is flushed. */
    uint64_t pulled_bytes = list_is_linked(&session->dirty_link) ? session->owed_max.bytes : 0;

    /* One round, or one answer, may go beyond what it is then found slow for. */
    assert_in_range(outbox->bytes, 0,
                    session->owed_max.bytes + pulled_bytes + 4 * round_bytes + 2 * ROOMD_FRAME_BYTES_MAX);
    if (session->conn.kept != NULL) {
        assert_in_range(session->conn.kept_bytes, 1, ROOMD_FRAME_BYTES_MAX + NET_READ_BYTES);
    }
}

static uint32_t check_sessions(struct engine *engine)
{
    struct session *session;
    uint32_t at = 0;
    uint32_t open = 0;
    uint32_t descriptors = 0;

    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        open += session->close_reason == ROOMD_CLOSE_NONE;
        descriptors += session->conn.source.fd >= 0;
        check_descriptor(session);
        check_debt(session);
    }
    assert_int_equal(descriptors, sim_kernel.socket_fds);
    return open;
}

/* What was read from and written to those who were refused at the door is not counted. */
static void check_bytes(const struct engine *engine)
{
    const struct net_stats *net = &engine->net.stats;
    uint64_t refused = engine->stats.opened - engine->next_player;

    assert_in_range(sim_kernel.totals.bytes_in - net->bytes_in, 0, refused * REFUSED_READ_BYTES_MAX);
    assert_in_range(sim_kernel.totals.bytes_out - net->bytes_out, 0, refused * CONTROL_FRAME_BYTES_MAX);
}

static void check_counters(struct sim_run *run, uint32_t open)
{
    const struct engine *engine = &run->server->engine;
    const struct engine_stats *stats = &engine->stats;
    uint64_t closes = 0;
    uint64_t members = 0;

    for (int i = 0; i < ROOMD_CLOSE_REASON_COUNT; i++) {
        closes += stats->closes[i];
    }
    assert_int_equal(stats->closes[ROOMD_CLOSE_NONE], 0);
    assert_int_equal(stats->opened - closes, open);
    assert_true(stats->opened >= run->opened && closes >= run->closes);
    run->opened = stats->opened;
    run->closes = closes;
    for (uint32_t i = 0; i < engine->lobby.count; i++) {
        members += engine->lobby.rooms[i]->member_count;
    }
    LIST_FOR_EACH (node, &engine->closing) {
        members += LIST_ENTRY(node, struct room, closing_link)->member_count;
    }
    assert_int_equal(stats->enters - stats->leaves, members);
    check_bytes(engine);
}

static void check_memory(const struct engine *engine)
{
    const struct gather *gather = &engine->net.gather;

    assert_true(gather->chunks.memory_bytes <= gather->chunks.memory_bytes_max);
    assert_true(gather->blocks.used <= gather->blocks.limit);
    assert_true(engine->sessions.used <= engine->limits.sessions_max);
    assert_int_equal(engine->session_pool.used, engine->sessions.used);
    assert_true(engine->lobby.count <= engine->limits.rooms_max);
    for (uint32_t i = 0; i < engine->lobby.count; i++) {
        const struct room *room = engine->lobby.rooms[i];

        assert_true(room->memory_bytes <= room->options.memory_bytes_max);
        assert_true(room->stream_count <= room->options.streams_max);
    }
}

static void check_spin(struct sim_run *run)
{
    if (sim_kernel.now_ns - run->second_ns >= NS_PER_S) {
        run->second_ns = sim_kernel.now_ns;
        run->second_turns = 0;
    }
    if (++run->second_turns > TURNS_A_SECOND_MAX) {
        fail_msg("the server spins: %llu turns in less than a second", (unsigned long long)run->second_turns);
    }
}

void sim_check_turn(struct sim_run *run)
{
    struct engine *engine = &run->server->engine;

    check_spin(run);
    check_counters(run, check_sessions(engine));
    check_memory(engine);
    places_check(engine);
    assert_int_equal(sim_mind_alerts(), 0);
    run->crowd.is_lossy |= sim_kernel.totals.failed[SIM_ALLOCATE] > 0 || engine->stats.appends_refused > 0 ||
                           engine->net.gather.outbox_refused > 0;
}
