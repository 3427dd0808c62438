#include "dummy-client/play_kind.h"

#include <string.h>

static const char *const kind_names[PLAY_KIND_COUNT] = {
    [PLAY_CHAT] = "chat",   [PLAY_ROAM] = "roam",     [PLAY_FIGHT] = "fight",
    [PLAY_CROWD] = "crowd", [PLAY_BABBLE] = "babble",
};

const char *play_kind_name(enum play_kind kind)
{
    return kind_names[kind];
}

bool play_kind_parse(const char *text, enum play_kind *kind)
{
    for (int i = 0; i < PLAY_KIND_COUNT; i++) {
        if (strcmp(kind_names[i], text) == 0) {
            *kind = (enum play_kind)i;
            return true;
        }
    }
    return false;
}
