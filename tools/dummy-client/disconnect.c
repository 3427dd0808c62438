#include "dummy-client/client.h"

/*
 * The contract's names are in capitals; what the tool prints is what the server's log and counters say. The tool's own
 * must differ from those: the report's JSON has both in one object.
 */
static const char *const names[DISCONNECT_COUNT] = {
    [DISCONNECT_WANTED] = "wanted",
#define X(number, name, text) [number] = #name,
    ROOMD_CLOSE_REASONS(X)
#undef X
        [DISCONNECT_EOF] = "eof",
    [DISCONNECT_RESET] = "reset",
    [DISCONNECT_CONNECT_REFUSED] = "connect_refused",
    [DISCONNECT_TIMEOUT] = "no_answer",
    [DISCONNECT_BAD_FRAME] = "bad_frame",
    [DISCONNECT_REFUSED] = "refused",
    [DISCONNECT_ERROR] = "error",
};

void disconnect_name(uint32_t reason, char *out, size_t out_size)
{
    const char *name = reason < DISCONNECT_COUNT && names[reason] ? names[reason] : "unknown";
    size_t i = 0;

    for (; name[i] && i + 1 < out_size; i++) {
        out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
    }
    out[i] = '\0';
}
