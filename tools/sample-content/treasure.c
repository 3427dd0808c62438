/*
 * A treasure is buried under one of the room's spots. Everyone digs; who finds it gets a point, and after a while the
 * next one is buried. The packets (little-endian, see roomd/wire.h):
 *
 *     1 C_Dig     { u16 spot }                  from 1 to the room's `spots`
 *     2 S_Dug     { u32 player, u16 spot, u8 found }
 *     3 S_Buried  { u16 spots }                 there is one to be found
 *     4 S_Points  { u32 player, u32 points }    to the player alone
 */
#include <errno.h>
#include <roomd/content.h>
#include <stdlib.h>

enum { C_DIG = 1, S_DUG = 2, S_BURIED = 3, S_POINTS = 4, BURY_DELAY_MS = 500 };

struct treasure {
    const struct roomd_host *host; /* the services */
    struct roomd_room *room;       /* whom they are asked for */
    uint16_t spots;
    uint16_t spot; /* where it lies; 0: not buried yet */
};

/* What may stand in a room's section of the config. The host checks it, so that atoi is enough below (2.5 is 2). */
static const struct roomd_option options[] = {
    {.key = "spots",
     .default_text = "10",
     .help = "spots at which players may dig",
     .kind = ROOMD_OPTION_NUMBER,
     .least = 1,
     .most = 1000},
    {.key = NULL},
};

/* To everyone (session 0), or to one. */
static void tell_buried(struct treasure *treasure, uint64_t session)
{
    uint8_t payload[2];

    roomd_put_u16(payload, treasure->spots);
    if (session == 0) {
        treasure->host->broadcast(treasure->room, S_BURIED, payload, sizeof(payload), 0);
    } else {
        treasure->host->send(treasure->room, session, S_BURIED, payload, sizeof(payload), 0);
    }
}

/* A job: push_after below has it run in the room's queue, between the players' packets. */
static void bury(void *state, uint64_t session, const void *payload, size_t bytes)
{
    struct treasure *treasure = state;

    (void)session;
    (void)payload;
    (void)bytes;
    treasure->spot = (uint16_t)(1 + treasure->host->random(treasure->room) % treasure->spots);
    tell_buried(treasure, 0);
}

static int treasure_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    struct treasure *treasure = host->alloc(room, sizeof(*treasure)); /* goes with the room, by itself */
    uint64_t timer;

    if (treasure == NULL) {
        return -ENOMEM;
    }
    treasure->host = host;
    treasure->room = room;
    treasure->spots = (uint16_t)atoi(host->option(room, "spots"));
    *state = treasure;
    return host->push_after(room, BURY_DELAY_MS, bury, 0, NULL, 0, &timer);
}

static void treasure_close(void *state)
{
    (void)state;
}

static void treasure_enter(void *state, uint64_t session)
{
    struct treasure *treasure = state;
    uint32_t *points = treasure->host->alloc(treasure->room, sizeof(*points));

    if (points == NULL) {
        treasure->host->kick(treasure->room, session, "no memory for one more player");
        return;
    }
    treasure->host->set_user(treasure->room, session, points); /* one pointer a player is ours */
    if (treasure->spot != 0) {
        tell_buried(treasure, session);
    }
}

static void treasure_leave(void *state, uint64_t session, enum roomd_leave_reason reason)
{
    struct treasure *treasure = state;

    (void)reason;
    treasure->host->free(treasure->room, treasure->host->user(treasure->room, session));
}

static void found(struct treasure *treasure, uint64_t session, uint32_t player)
{
    uint32_t *points = treasure->host->user(treasure->room, session);
    uint8_t payload[8];
    uint64_t timer;

    roomd_put_u32(payload, player);
    roomd_put_u32(payload + 4, points == NULL ? 0 : ++*points);
    treasure->host->send(treasure->room, session, S_POINTS, payload, sizeof(payload), 0);
    treasure->host->count(treasure->room, "treasures_found", 1); /* stands in the server's statistics */
    treasure->spot = 0;
    if (treasure->host->push_after(treasure->room, BURY_DELAY_MS, bury, 0, NULL, 0, &timer) < 0) {
        bury(treasure, 0, NULL, 0); /* no timer is left in the server: rather at once than never */
    }
}

static enum roomd_packet_result treasure_packet(void *state, uint64_t session, uint16_t id,
                                                const uint8_t *payload, size_t bytes)
{
    struct treasure *treasure = state;
    uint32_t player = treasure->host->player_id(treasure->room, session);
    uint8_t dug[7];

    if (id != C_DIG) {
        return ROOMD_PACKET_UNKNOWN; /* the host answers S_ERROR */
    }
    if (bytes != 2) {
        return ROOMD_PACKET_MALFORMED; /* the host kicks: no honest client sends that */
    }

    uint16_t spot = roomd_get_u16(payload);

    if (spot == 0 || spot > treasure->spots) {
        treasure->host->refuse(treasure->room, session, ROOMD_ERROR_REFUSED, "nobody digs there");
        return ROOMD_PACKET_OK;
    }
    roomd_put_u32(dug, player);
    roomd_put_u16(dug + 4, spot);
    dug[6] = spot == treasure->spot;
    treasure->host->broadcast(treasure->room, S_DUG, dug, sizeof(dug), 0); /* leaves with the room's flush */
    if (dug[6]) {
        found(treasure, session, player);
    }
    return ROOMD_PACKET_OK;
}

static const struct roomd_content content = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(content),
    .name = "treasure",
    .open = treasure_open,
    .close = treasure_close,
    .enter = treasure_enter,
    .leave = treasure_leave,
    .packet = treasure_packet,
    .options = options,
};

/* The one symbol that roomd looks for. */
const struct roomd_content *roomd_module(void)
{
    return &content;
}
