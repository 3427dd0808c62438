#include "room/session_source.h"

#include "base/log.h"
#include "room/engine.h"
#include "wire/names.h"
#include "wire/proxy.h"

/* Lines of event=abuse in a second, of all addresses together; of one address there is one, and so of all not remembered. */
enum { ABUSE_LINES_MAX = 50 };

/*
 * One shape for all, since other programs read it (fail2ban): event=abuse addr=ADDRESS reason=WORD. What was held back is
 * in a line of its own.
 */
static void log_abuse(struct engine *engine, const struct host *host, struct source_entry *entry,
                      enum roomd_close_reason reason)
{
    struct close_log *log = &engine->abuse_log;
    char text[HOST_TEXT_BYTES];
    uint64_t held;

    if (engine->now_ns - log->since_ns >= NS_PER_S) {
        if (log->held > 0) {
            LOG(LOG_LEVEL_WARN, "abuse_held", "held=%llu", (unsigned long long)log->held);
        }
        *log = (struct close_log){.since_ns = engine->now_ns};
    }
    struct log_gate *gate = entry != NULL ? &entry->log_gate : &engine->stranger_gate;

    if (!log_gate_pass(gate, engine->now_ns, NS_PER_S, &held) || log->lines == ABUSE_LINES_MAX) {
        log->held++;
        return;
    }
    log->lines++;
    LOG(LOG_LEVEL_WARN, "abuse", "addr=%s reason=%s", host_format(host, text), close_reason_name(reason));
}

bool source_is_proxy(const struct engine *engine, const struct endpoint *peer)
{
    return peer->is_known && network_list_contains(&engine->limits.proxy_from, &peer->host);
}

enum roomd_close_reason source_admit(struct engine *engine, const struct endpoint *peer,
                                     struct source_entry **entry)
{
    enum roomd_close_reason reason = ROOMD_CLOSE_NONE;

    *entry = NULL;
    if (!peer->is_known) {
        return ROOMD_CLOSE_NONE; /* a unix socket: whoever may open its file */
    }
    switch (sources_enter(&engine->sources, &peer->host, engine->now_ns, entry)) {
    case SOURCE_WELCOME:
    case SOURCE_VERDICT_COUNT:
        return ROOMD_CLOSE_NONE;
    case SOURCE_BANNED:
    case SOURCE_PUNISHED:
        reason = ROOMD_CLOSE_BANNED;
        break;
    case SOURCE_TOO_MANY:
    case SOURCE_TOO_FAST:
        reason = ROOMD_CLOSE_TOO_MANY;
        break;
    }
    log_abuse(engine, &peer->host, *entry, reason);
    *entry = NULL;
    return reason;
}

/* The proxy has said whom it speaks for. False: that one may not come in. */
static bool session_take_source(struct session *session, const struct endpoint *source)
{
    if (source->is_known) {
        session->conn.peer = *source;
    } else {
        return true; /* the proxy itself, or somebody behind a unix socket: as trusted as the proxy is */
    }

    enum roomd_close_reason reason = source_admit(session->engine, source, &session->source);

    if (reason != ROOMD_CLOSE_NONE) {
        session_close(session, reason, NULL);
    }
    return reason == ROOMD_CLOSE_NONE;
}

static bool session_take_proxy(struct session *session, struct frame_cursor *cursor)
{
    struct proxy_header header;

    switch (proxy_next(cursor, &header)) {
    case PROXY_MORE:
        return false;
    case PROXY_BAD:
        session_close(session, ROOMD_CLOSE_PROXY, NULL);
        return false;
    case PROXY_OK:
        break;
    }
    session->awaits_proxy = false;
    session->has_begun = true; /* a proxy behind the proxy is a client's bytes */
    if (!session_take_source(session, &header.source)) {
        return false;
    }
    session_begin(session);
    return true;
}

bool session_take_first_bytes(struct session *session, struct frame_cursor *cursor)
{
    if (session->awaits_proxy) {
        return session_take_proxy(session, cursor);
    }
    if (proxy_is_begun(cursor->data, cursor->size)) {
        session_close(session, ROOMD_CLOSE_FRAME_SIZE,
                      "frame_size: a PROXY header, from an address that is none of proxy_from's");
        return false;
    }
    return true;
}

void session_blame_source(struct session *session, enum roomd_close_reason reason)
{
    struct engine *engine = session->engine;
    enum source_offence offence;

    switch (reason) {
    case ROOMD_CLOSE_FRAME_SIZE:
    case ROOMD_CLOSE_MALFORMED:
    case ROOMD_CLOSE_STATE:
    case ROOMD_CLOSE_FLOOD:
        offence = SOURCE_OFFENCE_KICK;
        break;
    case ROOMD_CLOSE_VERSION:
    case ROOMD_CLOSE_TICKET:
        offence = SOURCE_OFFENCE_HELLO;
        break;
    case ROOMD_CLOSE_FRAME_TIMEOUT:
    case ROOMD_CLOSE_HELLO_TIMEOUT:
        offence = SOURCE_OFFENCE_TIMEOUT;
        break;
    default:
        return;
    }
    if (session->source != NULL) {
        log_abuse(engine, &session->conn.peer.host, session->source, reason);
        sources_offend(&engine->sources, session->source, offence, engine->now_ns);
    }
}

void session_leave_source(struct session *session)
{
    if (session->source != NULL) {
        sources_leave(&session->engine->sources, session->source);
        session->source = NULL;
    }
}
