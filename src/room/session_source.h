/*
 * Where a session comes from, and what that address may: counted from its acceptance, or, behind a proxy, from the
 * proxy's word for it, until its socket is closed.
 *
 *     accepted --from proxy_from--> awaits_proxy --a PROXY header--> counted
 *     accepted --from anywhere else--> counted
 *     awaits_proxy --anything else, or its deadline--> closed: proxy
 */
#ifndef ROOMD_ROOM_SESSION_SOURCE_H
#define ROOMD_ROOM_SESSION_SOURCE_H

#include <stdbool.h>

#include "room/session.h"
#include "room/sources.h"
#include "wire/frame.h"

/* Whether such a peer speaks for others. */
bool source_is_proxy(const struct engine *engine, const struct endpoint *peer);
/*
 * Somebody comes from there. ROOMD_CLOSE_NONE: may come in, and *entry, if it is not NULL, counts the connection until
 * sources_leave. Otherwise why not, which is counted and logged.
 */
enum roomd_close_reason source_admit(struct engine *engine, const struct endpoint *peer,
                                     struct source_entry **entry);

/*
 * The first bytes of a session. True: what lies behind the cursor is the client's. False: there is more to come, or it is
 * being closed.
 */
bool session_take_first_bytes(struct session *session, struct frame_cursor *cursor);
/* It is being closed for that reason: what its address has to answer for is put to its account. */
void session_blame_source(struct session *session, enum roomd_close_reason reason);
/* Its socket is closed. Nothing happens the second time. */
void session_leave_source(struct session *session);

#endif
