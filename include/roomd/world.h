/*
 * roomd/world.h: the packets of the bundled contents `field`, `town` and `dungeon`, for who writes a client.
 *
 * Little-endian and packed, as roomd/wire.h says; f32 is IEEE 754 binary32, in metres; the ground is the plane
 * of x and z, and y is height. `str` is a u16 length in bytes + UTF-8.
 *
 * What lives on the ground is named by a u32: players by their player id (below ROOMD_ENTITY_FIRST), everything
 * else by a number from ROOMD_ENTITY_FIRST up, which no other thing in the room ever has again.
 *
 * What a client is told of:
 *
 *     S_Here, then S_PlayerList       when it enters: who is in view, itself last (the list may come in several packets)
 *     S_BroadcastEnterGame, S_Spawn   a player, or anything else, has come into view
 *     S_BroadcastLeaveGame, S_Despawn it has gone out of view, or is no more
 *     everything else                 is said only of what is in view; an attacker may be out of it
 *     S_ViewReset                     forget everyone: what follows is all there is in view
 *
 * Who is put somewhere else at once (S_Respawned, a portal within the room) is told S_Correct; others may see it go and
 * come again there. A shout may come from out of view.
 *
 * So between its coming and its going each is told of exactly once, and never outside; oneself alone one is told of
 * twice, in the list and as the others are. In a tick there is at most one move of each.
 *
 * S_Here is sent where there is something to tell: a map, or bounds that the config has set. Open ground without
 * either is what clients of the lineage know: ids 1 to 6 alone.
 */
#ifndef ROOMD_WORLD_H
#define ROOMD_WORLD_H

#include "roomd/wire.h"

#define ROOMD_ENTITY_FIRST 0x40000000u

/* Of the lineage: ids 1 to 6. */
enum roomd_field_packet {
    ROOMD_S_BROADCAST_ENTER_GAME = 1, /* i32 player, f32 x y z */
    ROOMD_C_LEAVE_GAME = 2,           /* -: out of the room, as C_LEAVE */
    ROOMD_S_BROADCAST_LEAVE_GAME = 3, /* i32 player */
    ROOMD_S_PLAYER_LIST = 4,          /* u16 n, n x { u8 is_self, i32 player, f32 x y z } */
    ROOMD_C_MOVE = 5,                 /* f32 x y z: where the client has itself */
    ROOMD_S_BROADCAST_MOVE = 6        /* i32 player, f32 x y z */
};

/* What a client sends. */
enum roomd_world_client_packet {
    ROOMD_C_SKILL =
        16, /* u16 skill, u32 target (0: none), f32 x y z (where, for skills that are aimed at the ground) */
    ROOMD_C_SAY =
        17, /* u8 enum roomd_say, u32 player (whispers only, else 0), str text (1 to ROOMD_SAY_BYTES_MAX); 20 at
               once, and 4 a second from then on */
    ROOMD_C_INTERACT = 18, /* u32 entity: talk to an NPC, go through a portal; within ROOMD_REACH_M */
    ROOMD_C_RESPAWN = 19,  /* -: the dead get up again at a spawn point */
    ROOMD_C_PET = 20       /* u8: 1 calls one's pet (once a second at most), 0 sends it away */
};

/* What the server sends. */
enum roomd_world_server_packet {
    ROOMD_S_HERE =
        32, /* str map ("": open ground), f32 view (0: all), f32 speed in m/s (0: no limit), f32 x_min
                                z_min x_max z_max, u8 has_fighting */
    ROOMD_S_SPAWN =
        33, /* u32 entity, u8 enum roomd_kind, str type, u32 owner (0: none), f32 x y z, i32 hp, i32
                                hp_max (both 0: can't be hurt) */
    ROOMD_S_DESPAWN = 34, /* u32 entity, u8 enum roomd_despawn */
    ROOMD_S_MOVE = 35,    /* u32 entity, f32 x y z */
    ROOMD_S_CORRECT = 36, /* f32 x y z: to one player alone: this is where you are */
    ROOMD_S_VITALS =
        37, /* u32 entity, i32 hp, i32 hp_max, u16 level; players: 100, 100, 1 until it says otherwise */
    ROOMD_S_SKILL = 38, /* u32 source, u16 skill, u32 target, f32 x y z: it has been used */
    ROOMD_S_HIT = 39,   /* u32 source, u32 target, u16 skill, i32 amount (above 0), u8 is_heal, i32 hp left */
    ROOMD_S_DIED = 40,  /* u32 entity, u32 killer */
    ROOMD_S_RESPAWNED = 41,  /* u32 player, f32 x y z, i32 hp, i32 hp_max */
    ROOMD_S_SAID = 42,       /* u32 entity (0: the server), u8 enum roomd_say, str text */
    ROOMD_S_VIEW_RESET = 43, /* - */
    ROOMD_S_STAGE = 44,      /* u8 enum roomd_stage, u16 wave (from 1), u16 waves, u16 monsters left */
    ROOMD_S_RESULT = 45 /* u8 has_won, u32 ms, u16 n, n x { u32 player, u32 kills, u32 damage, u32 deaths } */
};

enum roomd_kind {
    ROOMD_KIND_PLAYER = 0, /* never in S_SPAWN */
    ROOMD_KIND_MONSTER = 1,
    ROOMD_KIND_NPC = 2,
    ROOMD_KIND_PORTAL = 3,
    ROOMD_KIND_PET = 4,
    ROOMD_KIND_PROJECTILE = 5,
    ROOMD_KIND_DROP = 6, /* what a monster left: to be seen, and gone after a while */
    ROOMD_KIND_COUNT
};

enum roomd_despawn {
    ROOMD_DESPAWN_OUT_OF_VIEW = 0,
    ROOMD_DESPAWN_GONE = 1, /* it is no more: time is up, or its owner left */
    ROOMD_DESPAWN_DIED = 2,
    ROOMD_DESPAWN_STRUCK = 3 /* a projectile: it has hit someone or something */
};

enum roomd_say {
    ROOMD_SAY = 0,      /* those in view */
    ROOMD_SHOUT = 1,    /* the room */
    ROOMD_WHISPER = 2,  /* one player of the room, and back to the speaker */
    ROOMD_ANNOUNCE = 3, /* from the server alone: entity 0 */
    ROOMD_TELL = 4      /* from an NPC alone: to one player */
};

enum roomd_stage {
    ROOMD_STAGE_WAITING = 0,
    ROOMD_STAGE_WAVE = 1,
    ROOMD_STAGE_BOSS = 2,
    ROOMD_STAGE_WON = 3,
    ROOMD_STAGE_LOST = 4
};

enum { ROOMD_SAY_BYTES_MAX = 400 };
#define ROOMD_REACH_M 4.0f /* how near one must stand to talk, or to go through a portal */

/* Floats on the wire. What comes from a client may be NaN or infinite. */
static inline float roomd_get_f32(const uint8_t *p)
{
    uint32_t bits = roomd_get_u32(p);
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline void roomd_put_f32(uint8_t *p, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    roomd_put_u32(p, bits);
}

#endif
