#include "dummy-client/play_own.h"

void own_note_sent(struct own_moves *own, float x, float z, uint64_t now_ns)
{
    own->moves[own->next++ % OWN_MOVES] = (struct own_move){.x = x, .z = z, .sent_ns = now_ns};
}

bool own_take_back(struct own_moves *own, float x, float z, uint64_t *sent_ns)
{
    uint32_t found = 0;
    uint64_t last_ns = 0;

    for (uint32_t i = 0; i < OWN_MOVES; i++) {
        const struct own_move *move = &own->moves[i];

        if (move->sent_ns > 0 && move->x == x && move->z == z) {
            found++;
            last_ns = move->sent_ns > last_ns ? move->sent_ns : last_ns;
        }
    }
    for (uint32_t i = 0; i < OWN_MOVES; i++) {
        if (own->moves[i].sent_ns <= last_ns) {
            own->moves[i].sent_ns = 0;
        }
    }
    *sent_ns = last_ns;
    return found == 1;
}
