#include "support/system.h"

int system_teardown(void **state)
{
    (void)state;
    peer_close_all();
    daemon_abandon_all();
    return 0;
}

void both_close(struct daemon *daemon, struct peer *const players[2])
{
    peer_close(players[0]);
    peer_close(players[1]);
    daemon_stop(daemon);
}
