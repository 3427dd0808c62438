/* What the server says of itself in the log: logfmt lines for people and programs. */
#ifndef ROOMD_DAEMON_REPORT_H
#define ROOMD_DAEMON_REPORT_H

struct engine;
struct server;

/* event=stats: the counters since the start. */
void report_stats(const struct engine *engine);
/* event=room_stats: one line for each room. */
void report_rooms(const struct engine *engine);
/* event=limits: what the config's limits add up to. */
void report_limits(const struct server *server);

#endif
