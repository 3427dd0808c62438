#include "support/system.h"

int system_teardown(void **state)
{
    (void)state;
    peer_close_all();
    daemon_abandon_all();
    return 0;
}
