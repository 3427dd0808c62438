#include "room/memory_pressure.h"

#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"

/* How many are shed in one turn at most: the turn's other work goes on between them. */
enum { SHED_PER_TURN = 16 };

/* Who makes the server keep no more than so much is left alone, whatever chunk it lies in. */
enum { SHED_OWED_BYTES_MIN = 4096 };

/* From so much on it is worth a look whether blocks make whole slabs. */
enum { FREE_BLOCKS_BYTES = 1024 * 1024 };

/* Larger caches are looked through at most so often. */
#define SETTLE_NS (1 * NS_PER_S)

/* A chunk that nobody needed for so long is on its way back to the system. Longer than most ticks. */
#define AGE_NS (10 * NS_PER_S)

/* When nobody was found, nobody is looked for so long. */
#define LOOK_NS (50 * NS_PER_MS)

/* Somebody who may be shed. */
struct suspect {
    struct session *session;
    uint64_t bytes; /* that it is held to pin */
};

void memory_pressure_set(struct memory_pressure *pressure, uint64_t bytes_max)
{
    uint64_t limit_bytes = bytes_max == 0 ? UINT64_MAX : bytes_max;

    memory_set_limit(limit_bytes);
    pressure->shed_bytes = limit_bytes - limit_bytes / 20;
    pressure->refuse_bytes = limit_bytes - limit_bytes / 50;
    pressure->shed_left = SHED_PER_TURN;
}

/*
 * What the slices of an outbox pin: of each chunk the part that falls to them when all who hold it are held to the same.
 * An estimate from the first slices, the oldest, which fewer others hold: nobody walks thousands of them for thousands of
 * sessions.
 */
static uint64_t outbox_pinned_bytes(const struct outbox *outbox)
{
    const struct outbox_block *block = outbox->first;
    uint64_t bytes = 0;
    uint32_t count = (uint32_t)(block->end - block->first);

    for (uint16_t i = block->first; i < block->end; i++) {
        bytes += block->slices[i].chunk->size / block->slices[i].chunk->refs;
    }
    return (bytes / count + sizeof(struct slice)) * outbox->slices;
}

/* What it is held to pin; 0: it is left alone. */
static uint64_t session_pinned_bytes(const struct session *session)
{
    const struct outbox *outbox = &session->conn.reader.outbox;
    bool is_behind = !outbox_is_empty(outbox) && session_is_held(session);
    uint64_t owed_bytes = session->conn.kept_bytes;

    if (is_behind) {
        owed_bytes += outbox->bytes + outbox->slices * sizeof(struct slice);
    }
    if (session->is_ended || owed_bytes < SHED_OWED_BYTES_MIN) {
        return 0;
    }
    return session->conn.kept_bytes + (is_behind ? outbox_pinned_bytes(outbox) : 0);
}

/* The fattest first. Returns how many there are, `max` (1 or more) at most. */
static uint32_t engine_find_fattest(const struct engine *engine, struct suspect *suspects, uint32_t max)
{
    struct session *session;
    uint32_t count = 0;
    uint32_t at = 0;

    while ((session = slots_next(&engine->sessions, &at)) != NULL) {
        uint64_t bytes = session_pinned_bytes(session);
        uint32_t place = count;

        if (bytes == 0 || (count == max && bytes <= suspects[max - 1].bytes)) {
            continue;
        }
        place -= count == max;
        for (; place > 0 && suspects[place - 1].bytes < bytes; place--) {
            suspects[place] = suspects[place - 1];
        }
        suspects[place] = (struct suspect){.session = session, .bytes = bytes};
        count += count < max;
    }
    return count;
}

/* It goes without a word: it would not read it, or memory is short for that too. */
static void session_shed(struct session *session)
{
    struct engine *engine = session->engine;
    bool is_slow = session->conn.reader.outbox.bytes > session->conn.kept_bytes;

    CHECK(engine->pressure.shed_left > 0);
    engine->pressure.shed_left--;
    engine->stats.sessions_shed++;
    session_cut(session, is_slow ? ROOMD_CLOSE_SLOW : ROOMD_CLOSE_NO_MEMORY);
    conn_drop(&session->conn, &engine->net);
    (void)chunk_pool_trim(&engine->net.gather.chunks); /* or it would only have changed hands */
}

/* What waits in outboxes' blocks is given back slab by slab, and later: whoever has been shed has given it up. */
static uint64_t free_block_bytes(const struct engine *engine)
{
    const struct pool *blocks = &engine->net.gather.blocks;

    return (uint64_t)(blocks->total - blocks->used) * blocks->object_bytes;
}

static bool engine_is_above(const struct engine *engine)
{
    return memory_used_bytes() > engine->pressure.shed_bytes;
}

/* Whether there is somebody to be shed for it. */
static bool engine_must_shed(const struct engine *engine)
{
    return engine_is_above(engine) &&
           memory_used_bytes() - free_block_bytes(engine) > engine->pressure.shed_bytes;
}

static void engine_shed(struct engine *engine)
{
    struct suspect suspects[SHED_PER_TURN];
    uint32_t count = 0;

    if (engine->pressure.shed_left > 0 && engine->now_ns >= engine->pressure.look_ns) {
        count = engine_find_fattest(engine, suspects, engine->pressure.shed_left);
        engine->pressure.look_ns = count > 0 ? 0 : engine->now_ns + LOOK_NS;
    }
    for (uint32_t i = 0; i < count && engine_must_shed(engine); i++) {
        if (!suspects[i].session->is_ended) {
            session_shed(suspects[i].session);
        }
    }
}

static void room_give_reserves_back(struct room *room)
{
    job_queue_trim(&room->jobs);
    room_stream_free_spare(room);
}

/* What was reserved in a busier hour and nobody uses now. */
static void engine_give_reserves_back(struct engine *engine)
{
    (void)pool_trim(&engine->net.gather.blocks);
    (void)pool_trim(&engine->net.kept_small);
    (void)pool_trim(&engine->session_pool);
    (void)pool_trim(&engine->job_timer_pool);
    (void)pool_trim(&engine->sources.pool);
    for (uint32_t i = 0; i < engine->lobby.count; i++) {
        room_give_reserves_back(engine->lobby.rooms[i]);
    }
}

static void engine_log_memory(struct engine *engine)
{
    uint64_t held;

    if (log_gate_pass(&engine->pressure.gate, engine->now_ns, NS_PER_S, &held)) {
        LOG(LOG_LEVEL_WARN, "memory", "used_bytes=%llu max_bytes=%llu shed=%llu held=%llu",
            (unsigned long long)memory_used_bytes(), (unsigned long long)memory_limit_bytes(),
            (unsigned long long)engine->stats.sessions_shed, (unsigned long long)held);
    }
}

static void engine_relieve(struct engine *engine)
{
    (void)chunk_pool_trim(&engine->net.gather.chunks);
    if (engine_is_above(engine) && engine->now_ns >= engine->pressure.settle_ns) {
        engine->pressure.settle_ns = engine->now_ns + SETTLE_NS;
        engine_give_reserves_back(engine);
    }
    if (engine_must_shed(engine)) {
        engine_shed(engine);
        engine_log_memory(engine);
    }
}

void engine_relieve_memory(struct engine *engine)
{
    if (engine->now_ns >= engine->pressure.age_ns) {
        engine->pressure.age_ns = engine->now_ns + AGE_NS;
        chunk_pool_age(&engine->net.gather.chunks);
    }
    if (engine_is_above(engine)) {
        engine_relieve(engine);
    }
    engine->pressure.shed_left = SHED_PER_TURN;
}

bool engine_on_no_memory(struct engine *engine)
{
    struct suspect fattest = {.session = NULL};
    uint64_t held;

    if (chunk_pool_trim(&engine->net.gather.chunks) > 0 ||
        (free_block_bytes(engine) >= FREE_BLOCKS_BYTES && pool_trim(&engine->net.gather.blocks) > 0)) {
        return true;
    }
    if (engine->pressure.shed_left > 0 && engine_find_fattest(engine, &fattest, 1) == 0) {
        engine->pressure.shed_left = 0; /* nobody need be looked for again in this turn */
    }
    if (log_gate_pass(&engine->memory_gate, engine->now_ns, NS_PER_S, &held)) {
        LOG(LOG_LEVEL_WARN, "no_memory",
            "used_bytes=%llu chunk_bytes=%llu outbox_blocks=%u fattest_bytes=%llu held=%llu",
            (unsigned long long)memory_used_bytes(),
            (unsigned long long)engine->net.gather.chunks.memory_bytes, engine->net.gather.blocks.used,
            (unsigned long long)fattest.bytes, (unsigned long long)held);
    }
    if (fattest.session == NULL) {
        return false;
    }
    session_shed(fattest.session);
    return true;
}
