#include "room/session_ticket.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/wall_clock.h"
#include "room/engine.h"
#include "room/room.h"

static void session_refuse_ticket(struct session *session, enum ticket_result result)
{
    struct engine *engine = session->engine;
    char peer[ADDRESS_TEXT_BYTES];
    uint64_t held;

    engine->stats.tickets[result]++;
    if (log_gate_pass(&engine->tickets.gate, engine->now_ns, NS_PER_S, &held)) {
        LOG(LOG_LEVEL_WARN, "ticket_refused", "reason=%s session=%llx peer=%s held=%llu",
            ticket_result_name(result), (unsigned long long)session->id, conn_peer(&session->conn, peer),
            (unsigned long long)held);
    }
    if (result == TICKET_FULL) { /* nobody's fault: no more used tickets can be remembered */
        session_close(session, ROOMD_CLOSE_FULL, "full: too many tickets at once");
    } else {
        session_close(session, ROOMD_CLOSE_TICKET, NULL);
    }
}

/* Good, and used up from now on; or why not. */
static enum ticket_result use_ticket(struct tickets *tickets, const void *text, size_t bytes,
                                     struct ticket *ticket)
{
    uint64_t now_s = wall_clock_s();

    if (bytes == 0) {
        return TICKET_MISSING;
    }

    enum ticket_result result =
        ticket_verify(&tickets->policy.keys, now_s, tickets->policy.ttl_max_s, text, bytes, ticket);

    return result != TICKET_OK ? result
                               : ticket_nonces_use(&tickets->nonces, now_s, ticket->nonce, ticket->expiry_s);
}

/* The user's session that is open; NULL: none is. */
static struct session *find_open(const struct tickets *tickets, const char *user)
{
    const struct session_identity *identity = tickets_find_user(tickets, user);

    return identity == NULL || identity->session->close_reason != ROOMD_CLOSE_NONE ? NULL : identity->session;
}

/* `identity`, not listed yet, is the session's or was freed. False: it is being closed. */
static bool session_become(struct session *session, struct session_identity *identity)
{
    struct tickets *tickets = &session->engine->tickets;
    struct session *other = find_open(tickets, identity->user);

    if (other != NULL && tickets->policy.duplicate == TICKET_DUPLICATE_REFUSE) {
        memory_give(identity);
        session_close(session, ROOMD_CLOSE_DUPLICATE, NULL);
        return false;
    }
    if (other != NULL) {
        session_close(other, ROOMD_CLOSE_REPLACED, NULL);
    }

    struct session_identity *leaving = tickets_find_user(tickets, identity->user);

    if (leaving != NULL) {
        leaving->successor = session->id;
        session->is_replacing = true;
    }
    session->identity = identity;
    tickets_list_user(tickets, identity);
    return true;
}

bool session_show_ticket(struct session *session, const void *text, size_t bytes)
{
    struct engine *engine = session->engine;
    struct session_identity *identity;
    struct ticket ticket;

    if (!tickets_are_required(&engine->tickets)) {
        return true;
    }
    identity = memory_take(sizeof(*identity)); /* before the ticket is used up */
    if (identity == NULL) {
        session_close(session, ROOMD_CLOSE_NO_MEMORY, NULL);
        return false;
    }

    enum ticket_result result = use_ticket(&engine->tickets, text, bytes, &ticket);

    if (result != TICKET_OK) {
        memory_give(identity);
        session_refuse_ticket(session, result);
        return false;
    }
    engine->stats.tickets[TICKET_OK]++;
    *identity = (struct session_identity){.session = session};
    memcpy(identity->user, ticket.user, sizeof(identity->user));
    memcpy(identity->name, ticket.name, sizeof(identity->name));
    memcpy(identity->room, ticket.room, sizeof(identity->room));
    return session_become(session, identity);
}

void session_let_in(struct session *session)
{
    if (session->is_replacing) {
        session_pause(session);
        return;
    }
    if (session->awaits_ticket) {
        session->awaits_ticket = false;
        session_autojoin(session);
    }
}

static bool is_allowed(const struct session_identity *identity, const char *name)
{
    return strcmp(identity->room, name) == 0;
}

bool session_may_join(const struct session *session, const struct room *room)
{
    const struct session_identity *identity = session->identity;

    return identity == NULL || identity->room[0] == '\0' || is_allowed(identity, room->name) ||
           (room->template != NULL && is_allowed(identity, room->template->name));
}

bool session_may_create(const struct session *session, const char *template_name, const char *name)
{
    const struct session_identity *identity = session->identity;

    return identity == NULL || identity->room[0] == '\0' || is_allowed(identity, template_name) ||
           is_allowed(identity, name);
}

/* The one that it waited for is out. */
static void session_succeed(struct session *session)
{
    session->is_replacing = false;
    if (session->close_reason != ROOMD_CLOSE_NONE) {
        return;
    }
    session_let_in(session);
    session_resume(session);
}

void session_leave_users(struct session *session)
{
    struct session_identity *identity = session->identity;
    struct engine *engine = session->engine;

    if (identity == NULL || !identity->is_listed || session->close_reason == ROOMD_CLOSE_NONE ||
        session->place != SESSION_NOWHERE) {
        return;
    }
    tickets_unlist_user(&engine->tickets, identity);

    struct session *successor = slots_find(&engine->sessions, identity->successor);

    if (successor != NULL && successor->is_replacing) {
        session_succeed(successor);
    }
}

void session_free_identity(struct session *session)
{
    if (session->identity != NULL) {
        tickets_unlist_user(&session->engine->tickets, session->identity);
        memory_give(session->identity);
        session->identity = NULL;
    }
}
