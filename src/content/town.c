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
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(roomd_content_town),
    .name = "town",
    .open = town_open,
    .close = world_close,
    .enter = world_enter,
    .leave = world_leave,
    .packet = world_packet,
    .tick = world_tick,
    .options = world_options,
    .resync = world_resync,
    .announce = world_announce,
    .save = world_save,
    .restore = town_restore,
};
