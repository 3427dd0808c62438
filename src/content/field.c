/* The bundled content `field`: fighting on the ground (content/world.h), whatever its map and rules say. */
#include "content/world.h"

extern const struct roomd_content roomd_content_field;

static const struct world_kind field_kind = {.name = "field", .has_fighting = true};

static int field_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    return world_open(host, room, &field_kind, state);
}

static int field_restore(const struct roomd_host *host, struct roomd_room *room, const void *bytes,
                         size_t size, void **state)
{
    return world_restore(host, room, &field_kind, bytes, size, state);
}

const struct roomd_content roomd_content_field = {
    .name = "field",
    .open = field_open,
    .packet = world_packet,
    .save = world_save,
    .restore = field_restore,
    WORLD_CALLBACKS,
};
