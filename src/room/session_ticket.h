/*
 * A session's ticket: shown with C_HELLO, it says who the session is and where it may go. One session a user:
 *
 *     shown --the user is not here--> in
 *     shown --duplicate = refuse, the user is here--> closed: duplicate
 *     shown --duplicate = replace, the user is here--> the old one closed: replaced; then:
 *     shown --an old one is still on its way out of a room--> paused --session_settle of the old one--> in
 *
 * so that no content ever has the same user twice, and a full room takes back who was in it.
 */
#ifndef ROOMD_ROOM_SESSION_TICKET_H
#define ROOMD_ROOM_SESSION_TICKET_H

#include <stdbool.h>
#include <stddef.h>

#include "room/session.h"

/*
 * C_HELLO came with these `bytes` of ticket. True: it may come in, as whom the ticket says; or nobody asks for tickets.
 * False: it is being closed, and the log says why.
 */
bool session_show_ticket(struct session *session, const void *ticket, size_t bytes);
/* It has been welcomed: into the autojoin room if it was to show a ticket first, or it waits for the one before it. */
void session_let_in(struct session *session);

/* Whether it may be in the room, and whether in any room that has that name or is made of a template of that name. */
bool session_may_join(const struct session *session, const struct room *room);
bool session_may_create(const struct session *session, const char *template_name, const char *name);

/*
 * It has been closed, or has settled: if both, and it is in no room any more, the user is not here, and who waited for
 * that goes in.
 */
void session_leave_users(struct session *session);
/* With the session. */
void session_free_identity(struct session *session);

#endif
