/*
 * What a client may send, and what becomes of one that sends more, or nonsense. What is too much is thrown away, whole
 * packets of it, then the client is told, then it is out:
 *
 *     good --a packet that there are no tokens for--> dropping --flood_max/2 of them--> warned --flood_max--> closed
 *     dropping or warned --a packet that leaves both buckets half full--> good
 *
 * A packet is judged when it is first looked at. While a session is paused its buckets fill as ever, to the burst: of what
 * has waited in the kernel meanwhile no more than that passes at once.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "room/engine.h"
#include "room/room.h"
#include "room/session.h"

/* So long after a strike it counts no more; the one before it, as long again after that. */
enum { STRIKE_S = 60 };

/* Of so many packets thrown away just after a standstill one counts. */
enum { CATCH_UP_SHARE = 10 };

enum { FLOOD_TEXT_BYTES = 64 };

void session_fill_buckets(struct session *session)
{
    const struct input_limits *limits = &session->engine->limits.input;
    uint64_t now_ns = session->engine->now_ns;

    bucket_fill(&session->packet_bucket, &limits->packets, now_ns);
    bucket_fill(&session->input_bucket, &limits->bytes, now_ns);
}

const struct input_limits *session_input_limits(const struct session *session)
{
    return session->place == SESSION_IN_ROOM ? &session->room->input : &session->engine->limits.input;
}

/* Judged once the packet has paid: who always waits for the next token alone is forgiven nothing, however small the burst. */
static bool bucket_is_half_full(struct bucket *bucket, const struct rate *rate, uint64_t now_ns)
{
    return bucket_holds(bucket, rate, now_ns, rate->burst - rate->burst / 2);
}

static void session_end_flood(struct session *session, const struct rate *rate, const char *unit)
{
    char text[FLOOD_TEXT_BYTES];

    snprintf(text, sizeof(text), "flood: more than %" PRIu32 " %s a second", rate->per_s, unit);
    session_close(session, ROOMD_CLOSE_FLOOD, text);
}

/* `rate` is the one that it was too fast for. */
static void session_drop_frame(struct session *session, uint32_t bytes, const struct rate *rate,
                               const char *unit)
{
    struct engine *engine = session->engine;
    uint32_t flood_max = engine->limits.flood_max;

    engine->stats.packets_flooded++;
    engine->stats.bytes_flooded += bytes;
    if (flood_max == 0) {
        return;
    }
    /* What came while the server stood still is thrown away, and little of it held against the client. */
    if (engine->now_ns < engine->catch_up_ns && engine->stats.packets_flooded % CATCH_UP_SHARE != 0) {
        return;
    }
    session->flood_drops++;
    if (session->flood_drops == flood_max / 2) {
        engine->stats.flood_warnings += session->has_hello;
        session_send_error(session, ROOMD_ERROR_TOO_FAST, NULL);
    }
    if (session->flood_drops >= flood_max) {
        session_end_flood(session, rate, unit);
    }
}

bool session_admit_frame(struct session *session, uint32_t bytes)
{
    const struct input_limits *limits = session_input_limits(session);
    uint64_t now_ns = session->engine->now_ns;

    if (!bucket_holds(&session->packet_bucket, &limits->packets, now_ns, 1)) {
        session_drop_frame(session, bytes, &limits->packets, "packets");
        return false;
    }
    if (!bucket_holds(&session->input_bucket, &limits->bytes, now_ns, bytes)) {
        session_drop_frame(session, bytes, &limits->bytes, "bytes");
        return false;
    }
    bucket_take(&session->packet_bucket, &limits->packets, 1);
    bucket_take(&session->input_bucket, &limits->bytes, bytes);
    if (session->flood_drops > 0 && bucket_is_half_full(&session->packet_bucket, &limits->packets, now_ns) &&
        bucket_is_half_full(&session->input_bucket, &limits->bytes, now_ns)) {
        session->flood_drops = 0;
    }
    return true;
}

static void session_forget_strikes(struct session *session)
{
    uint32_t now_s = (uint32_t)(session->engine->now_ns / NS_PER_S);
    uint32_t forgotten = (now_s - session->strike_s) / STRIKE_S;

    if (forgotten < session->strikes) {
        session->strikes = (uint8_t)(session->strikes - forgotten);
        session->strike_s += forgotten * STRIKE_S;
    } else {
        session->strikes = 0;
        session->strike_s = now_s;
    }
}

static void session_strike_for(struct session *session, enum roomd_close_reason reason,
                               enum roomd_error error)
{
    struct engine *engine = session->engine;

    CHECK(reason == ROOMD_CLOSE_MALFORMED || reason == ROOMD_CLOSE_STATE);
    engine->stats.strikes[reason]++;
    session_forget_strikes(session);
    session->strikes++;
    if (session->strikes >= engine->limits.strikes_max) {
        session_close(session, reason, NULL);
        return;
    }
    session_send_error(session, error, NULL);
}

void session_strike(struct session *session, enum roomd_close_reason reason)
{
    session_strike_for(session, reason,
                       reason == ROOMD_CLOSE_STATE ? ROOMD_ERROR_NOT_NOW : ROOMD_ERROR_MALFORMED);
}

void session_strike_unknown(struct session *session)
{
    session_strike_for(session, ROOMD_CLOSE_MALFORMED, ROOMD_ERROR_UNKNOWN_PACKET);
}
