/* The bundled content `town`: the ground (content/world.h) without fighting: NPCs, portals, talk. */
#include "content/world.h"

extern const struct roomd_content roomd_content_town;

static const struct world_kind town_kind = {.name = "town"};

static int town_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    return world_open(host, room, &town_kind, state);
}

static int town_restore(const struct roomd_host *host, struct roomd_room *room, const void *bytes,
                        size_t size, void **state)
{
    return world_restore(host, room, &town_kind, bytes, size, state);
}

const struct roomd_content roomd_content_town = {
    .name = "town",
    .open = town_open,
    .packet = world_packet,
    .save = world_save,
    .restore = town_restore,
    WORLD_CALLBACKS,
};
