/*
 * The shared ground of `field`, `town` and `dungeon`. What clients see of it is in roomd/world.h; the modules over it
 * (field.c, town.c, dungeon.c) are thin.
 *
 *     world.c             the callbacks: open, enter, leave, packet, tick; entities by id
 *     world_grid.c        cells: who stands where, who follows what, who is near
 *     world_area.c        areas of interest: coming and going, moves, who gains and loses sight
 *     world_view.c        what is said of an entity: enters, leaves, snapshots, moves
 *     world_player.c      coming and going, movement, parcel, death and respawn, levels
 *     world_chat.c        say, shout, whisper, announcement
 *     world_combat.c      skills, hits, healing, dying
 *     world_projectile.c  what flies
 *     world_monster.c     monsters: their jobs, ways and deaths
 *     world_camp.c        where they come from, and come back
 *     world_monster_mind.c   what a monster thinks
 *     world_pet.c         what follows its owner
 *     world_npc.c         NPCs and portals
 *     world_save.c        the whole of it as bytes, and back (world_pack.h)
 *     world_map.c, world_path.c, world_rules.c   see their headers
 *
 * Entities (struct entity) stand on the ground; players, monsters, pets, projectiles embed one as their first member.
 * All of them live in the room's memory.
 *
 *     1. `cell` is where an entity is registered. A player has been told of exactly the entities registered in the
 *        cells that it follows, itself included: everything said of an entity goes to its cell's stream.
 *     2. `cell` changes in world_update_view alone, once a tick, with whoever gains or loses sight of it told at that
 *        moment; where an entity stands may have left its cell before that (by less than a tick's way).
 *     3. a cell's stream is open exactly while players follow it (watchers > 0).
 *     4. without a view (view = 0) there is one cell.
 *     5. iteration is by lists in order of coming, never by address: the same inputs make the same bytes.
 */
#ifndef ROOMD_CONTENT_WORLD_H
#define ROOMD_CONTENT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "roomd/content.h"
#include "roomd/world.h"

#include "content/world_map.h"
#include "content/world_pack.h"
#include "content/world_path.h"
#include "content/world_rules.h"

#define WORLD_CELL_NONE   UINT32_MAX
#define WORLD_OPEN_HALF_M 2048.0f /* open ground without bounds of its own reaches so far from the origin */
#define WORLD_HEIGHT_M    1000.0f /* |y| on open ground; on a map y is 0 */

enum {
    WORLD_CELLS_MAX = 262144,
    WORLD_LEVEL_MAX = 100,
    WORLD_PLAYER_HP = 100,        /* of level 1 */
    WORLD_AROUND_MAX = 9,         /* cells that a player follows */
    WORLD_PROJECTILES_MAX = 4096, /* in a room at once */
    WORLD_SHORT_TEXT_BYTES = 128  /* of texts that the server makes up */
};

#define WORLD_BODY_RADIUS_MAX_M 2.0f /* of any entity */

struct world;

struct entity {
    uint32_t id;
    uint8_t kind;   /* enum roomd_kind */
    bool has_moved; /* on the list of world->moved_first: where it stands is to be told at the tick */
    struct point at;
    float radius;                         /* of its body, in m */
    int32_t hp;                           /* 0: dead */
    int32_t hp_max;                       /* 0: can't be hurt */
    uint32_t cell;                        /* WORLD_CELL_NONE: not on the ground */
    struct entity *cell_prev, *cell_next; /* in its cell's list */
    struct entity *next_by_id;
    struct entity *prev, *next;             /* in world->entities of its kind, in order of coming */
    struct entity *moved_prev, *moved_next; /* in world->moved_first, while has_moved */
};

struct entity_list {
    struct entity *first, *last;
    uint32_t count;
};

struct cell {
    struct entity *players_first, *players_last;
    struct entity *things_first, *things_last; /* everything that is no player */
    uint32_t watchers;                         /* players that follow it */
};

struct grid {
    struct cell *cells;
    uint32_t columns, rows;
    float cell_m;       /* a cell's side; 0 without a view */
    float hysteresis_m; /* so far beyond its cell's border one must be to change cells */
    float x_min, z_min;
    float stray_m; /* so far at most is an entity from the cell that it is registered in */
};

struct player {
    struct entity entity;
    uint64_t session;
    uint64_t moved_ms; /* when move_left_m was reckoned */
    float move_left_m; /* how far it may go at once; grows with time */
    uint64_t died_ms;
    uint64_t ready_ms[RULES_SKILLS_MAX]; /* by the skill's place in the rules: when it may be used again */
    uint64_t said_ms;
    uint64_t say_ready_ms; /* when all that it has said is paid for: world_chat.c */
    uint32_t xp;
    uint16_t level;
    uint32_t kills, deaths, damage; /* in this room */
    uint32_t pet;                   /* entity id; 0: none is out */
    uint16_t pet_type;              /* place in the rules + 1; 0: owns none */
    uint64_t pet_ready_ms;          /* when it has rested: until then it can't be called */
    bool needs_snapshot;            /* something that it must know did not go out: told anew at the tick */
    bool is_following;              /* the cells around its own; not while it needs a snapshot */
    bool has_had_correction;        /* in this tick */
    bool is_leaving;                /* through a portal, or out: nothing more is done for it */
};

enum monster_state {
    MONSTER_ASLEEP, /* nobody near: no job waits */
    MONSTER_IDLE,
    MONSTER_WANDER,
    MONSTER_CHASE,
    MONSTER_ATTACK,
    MONSTER_HOME /* has lost interest: goes back, and can't be hurt */
};

struct monster {
    struct entity entity;
    uint16_t type; /* place in the rules */
    uint16_t camp; /* place in world->camps; UINT16_MAX: of no camp (a dungeon's wave) */
    uint8_t state; /* enum monster_state */
    struct point home;
    uint32_t target;                    /* entity id; 0: none */
    uint64_t think_ms;                  /* when its job is due; 0: none waits */
    uint64_t think_order;               /* of two that are due at once, the one that was armed first */
    uint64_t ready_ms;                  /* when it may strike again */
    struct point path[PATH_POINTS_MAX]; /* ways still to go */
    uint8_t path_at, path_count;
    uint32_t hurt_by[4]; /* who has hurt it most, entity ids */
    uint32_t hurt_amount[4];
    struct monster *awake_prev, *awake_next; /* in world->awake: not saved, follows from think_order */
};

struct camp { /* of the map, at run time */
    uint32_t alive;
    uint64_t respawn_ms; /* when the next one comes; 0: none waits */
    uint64_t respawn_order;
};

struct projectile {
    struct entity entity;
    uint32_t owner;    /* who shot it */
    uint32_t target;   /* 0: flies straight on */
    uint16_t skill;    /* place in the rules */
    bool by_player;    /* hits monsters, otherwise players and pets */
    struct point step; /* direction, of length 1 */
    float left_m;      /* of its reach */
    int32_t amount;    /* what it takes from whom it strikes: its owner's, when it was shot */
};

struct pet {
    struct entity entity;
    uint32_t owner; /* player's entity id */
    uint16_t type;  /* place in the rules' monsters */
    uint32_t target;
    uint64_t ready_ms;
};

struct thing { /* NPCs, portals and drops: what does nothing by itself */
    struct entity entity;
    uint16_t place;   /* of NPCs and portals: in the map; of drops: the monster's type */
    uint64_t gone_ms; /* drops: when it vanishes; 0: stays */
};

/* What sets the modules over the ground apart. */
struct world_kind {
    const char *name;
    bool has_fighting;
    int (*open)(struct world *world); /* each may be NULL */
    void (*close)(struct world *world);
    void (*enter)(struct world *world, struct player *player);
    void (*leave)(struct world *world, struct player *player);
    void (*tick)(struct world *world);
    void (*died)(struct world *world, struct entity *entity, uint32_t killer);
    void (*show)(struct world *world,
                 struct player *player); /* what it must know besides the view, behind a snapshot made anew */
    bool (*keeps_back)(
        const struct map_camp *camp); /* not placed at open, nor ever again but by the module */
    void (*save)(struct world *world, struct pack *pack);
    int (*restore)(struct world *world, struct unpack *unpack); /* 0 or -EINVAL */
};

struct world {
    const struct roomd_host *host;
    struct roomd_room *room;
    const struct world_kind *kind;
    void *kind_state;          /* the module's own, from the room's memory */
    const struct map *map;     /* NULL: open ground */
    const struct rules *rules; /* NULL: no skills, no monsters */
    struct grid grid;
    float view_m;    /* 0: everyone sees all */
    float speed_m_s; /* 0: no limit */
    float x_min, z_min, x_max, z_max;
    float spawn_radius_m;
    bool has_bounds; /* of a map, or set: told by S_Here */
    bool has_fighting;
    uint64_t now_ms;  /* of the callback under way */
    uint64_t tick_ms; /* when the last tick was */
    float tick_s;     /* since the one before, at most WORLD_TICK_S_MAX */
    uint32_t next_entity;
    uint64_t next_order;
    struct entity_list entities[ROOMD_KIND_COUNT]; /* by kind */
    struct entity **by_id;
    uint32_t by_id_mask, by_id_count;
    struct entity *moved_first, *moved_last; /* who has moved since the last tick, in order */
    uint32_t *left;                          /* players that left since the last barrier */
    uint32_t left_count, left_capacity;
    uint64_t *sessions; /* scratch for send_some, as large as there are players */
    uint32_t *missed;   /* whom it did not reach: as large */
    uint32_t sessions_capacity;
    struct camp *camps;                       /* as many as the map has */
    struct monster *awake_first, *awake_last; /* monsters that don't sleep, by think_order */
    bool has_unarmed;                         /* a monster or a camp waits for a job that could not be had */
    uint32_t ai_left;                         /* thoughts that may still be had in this tick */
    uint32_t path_left;                       /* nodes that path finding may still open in this tick */
    uint32_t ai_budget;                       /* a tick */
    char exit[ROOMD_NAME_BYTES_MAX + 1];      /* where a dungeon's players go afterwards */
    bool has_pets;
    uint64_t beat_ms; /* when the job is due that stands in for ticks in a room without; 0: none waits */
    uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX]; /* scratch for one packet */
};

#define WORLD_TICK_S_MAX 1.0f /* a longer stall moves nobody further than this */

/* ---- world.c ---- */

/* Fills in the callbacks of a module over `kind`: see field.c. */
int world_open(const struct roomd_host *host, struct roomd_room *room, const struct world_kind *kind,
               void **state);
void world_close(void *state);
void world_enter(void *state, uint64_t session);
void world_leave(void *state, uint64_t session, enum roomd_leave_reason reason);
enum roomd_packet_result world_packet(void *state, uint64_t session, uint16_t id, const uint8_t *payload,
                                      size_t bytes);
void world_tick(void *state);
/* After a restore: the job that stands in for ticks, where it was waiting. */
void world_beat_rearm(struct world *world);
void world_resync(void *state, uint64_t session);
void world_announce(void *state, const char *text);
int world_save(void *state, void *out, size_t size, size_t *bytes); /* world_save.c */
int world_restore(const struct roomd_host *host, struct roomd_room *room, const struct world_kind *kind,
                  const void *bytes, size_t size, void **state); /* world_save.c */
extern const struct roomd_option world_options[];
/* What the modules' tables have alike; packet is not of it, which a module may look at first. */
#define WORLD_CALLBACKS                                                                                      \
    .abi = ROOMD_CONTENT_ABI, .size = sizeof(struct roomd_content), .close = world_close,                    \
    .enter = world_enter, .leave = world_leave, .tick = world_tick, .options = world_options,                \
    .resync = world_resync, .announce = world_announce

/*
 * open without entities: options, map, rules, grid. world_open goes on to place NPCs, portals and camps;
 * world_restore takes them from the bytes. NULL and *error (-errno) when it can't be; the log says why.
 */
struct world *world_make(const struct roomd_host *host, struct roomd_room *room,
                         const struct world_kind *kind, int *error);
/* Gives back what the room's memory does not: shared map and rules. */
void world_unmake(struct world *world);

/*
 * Every callback and job begins with this: the time. A job of the world's own is a roomd_job whose state is the
 * world.
 */
static inline void world_begin(struct world *world)
{
    world->now_ms = world->host->now_ms(world->room);
}

/* The entity of that id, or NULL; of that kind, or NULL. */
struct entity *world_find(const struct world *world, uint32_t id);
struct player *world_find_player(const struct world *world, uint32_t id);
/* The player of a session, or NULL. */
struct player *world_player_of(const struct world *world, uint64_t session);

/*
 * A zeroed entity of `bytes` (its struct's) with `id`, or the next number for id 0; listed by id and kind, and not yet
 * on the ground. NULL without memory.
 */
struct entity *world_entity_make(struct world *world, enum roomd_kind kind, uint32_t id, size_t bytes);
/* It must be off the ground. Frees it. */
void world_entity_free(struct world *world, struct entity *entity);

/* A number from 0 to below 1, and one from 0 to below `below`, from the room's random numbers. */
float world_random_unit(struct world *world);
uint32_t world_random_below(struct world *world, uint32_t below);
/* Ground distance, squared and plain. */
static inline float point_distance2(const struct point *a, const struct point *b)
{
    return (a->x - b->x) * (a->x - b->x) + (a->z - b->z) * (a->z - b->z);
}
float point_distance(const struct point *a, const struct point *b);
/* Within the bounds, and (on a map) on open floor. */
bool world_can_stand(const struct world *world, const struct point *at);
/* Whether the straight way is open: always, on open ground. */
bool world_is_clear(const struct world *world, const struct point *from, const struct point *to);
/* A place to stand within `radius_m` of `centre`, at random; `centre` itself when none is found. */
struct point world_place_near(struct world *world, const struct point *centre, float radius_m);

/* ---- world_grid.c ---- */

/* 0, -EINVAL (the view is too small for the ground) or -ENOMEM. */
int world_grid_open(struct world *world);
/* The cell of a place within the bounds. */
uint32_t world_grid_cell(const struct world *world, const struct point *at);
/* The cells around `cell`, itself included, in ascending order. Returns how many (WORLD_AROUND_MAX at most). */
uint32_t world_grid_around(const struct world *world, uint32_t cell, uint32_t out[WORLD_AROUND_MAX]);
/*
 * The entity comes onto the ground where it stands (entity->at): those in view are told, and a player gets its
 * snapshot and follows the cells around it first.
 */
void world_place(struct world *world, struct entity *entity);
/*
 * It leaves the ground; those in view are told why. A player that is still in the room unfollows; one that has left it
 * is followed by nobody any more as it is.
 */
void world_remove(struct world *world, struct entity *entity, enum roomd_despawn why);
/* It stands somewhere else now (entity->at has been changed): told at the tick, once. */
void world_moved(struct world *world, struct entity *entity);
/*
 * The same without a way in between, as by respawning or a portal in the room; told at once. Who sees it before and
 * after sees it go and come again when its cell has changed, and move at the tick when it has not; a player is told
 * its new place by S_Correct. Whatever is said of it from now on comes behind what was said before.
 */
void world_jump(struct world *world, struct entity *entity, const struct point *to);
/* Once a tick: barrier; cells of those who moved, whoever gains or loses sight told; then the moves. */
void world_update_view(struct world *world);
/* A snapshot now; when it does not go out, again at the tick. */
void world_view_again(struct world *world, struct player *player);
/*
 * After a restore: registered in `cell`, behind those who are there already, and a player follows the cells around it;
 * nobody is told. 0, or what following returned.
 */
int world_put_back(struct world *world, struct entity *entity, uint32_t cell);
/* Whether some player follows the cell that the entity is in. */
bool world_is_watched(const struct world *world, const struct entity *entity);
/*
 * The player follows the cells around its own, or none any more. 0, or what stream_open or stream_follow returned: then
 * it follows none.
 */
int world_follow(struct world *world, struct player *player);
void world_unfollow(struct world *world, struct player *player);
/*
 * Calls `visit` for everything of `kind` whose place is within `radius_m`, in order of cells and coming, until it
 * returns false. `visit` must not place, move or remove anything but the one that it is called for.
 */
void world_visit_near(struct world *world, enum roomd_kind kind, const struct point *at, float radius_m,
                      bool (*visit)(struct world *world, struct entity *entity, void *context),
                      void *context);

/* ---- world_view.c ---- */

/* A packet about the entity to whoever follows its cell. */
void world_tell(struct world *world, const struct entity *entity, uint16_t id, const void *payload,
                size_t bytes);
/* To one player. One that can't be told now gets a snapshot at the tick. */
void world_tell_one(struct world *world, struct player *player, uint16_t id, const void *payload,
                    size_t bytes);
/* S_ERROR. */
void world_refuse(struct world *world, const struct player *player, enum roomd_error code);
void world_tell_vitals(struct world *world, const struct entity *entity); /* S_Vitals */
size_t world_put_str(uint8_t *out, const char *text); /* str; at most WORLD_SHORT_TEXT_BYTES of it */
size_t world_put_point(uint8_t *out, const struct point *at);

/* ---- world_player.c ---- */

void world_player_enter(struct world *world, uint64_t session);
void world_player_leave(struct world *world, struct player *player, enum roomd_leave_reason reason);
enum roomd_packet_result world_player_move(struct world *world, struct player *player, const uint8_t *payload,
                                           size_t bytes);
enum roomd_packet_result world_player_respawn(struct world *world, struct player *player, size_t bytes);
/* hp_max and the damage's factor of a level. */
int32_t world_player_hp_max(uint16_t level);
void world_player_gain_xp(struct world *world, struct player *player, uint32_t xp);
/* Has died: world_hurt calls this. */
void world_player_died(struct world *world, struct player *player, uint32_t killer);
/* Where to come in: the map's spawn point of that name (NULL or unknown: the default one). */
struct point world_spawn_point(struct world *world, const char *name);
/* Sends it to another room, where it comes in at `spawn` (may be NULL); hp, level, pet go with it. 0 or host->move's. */
int world_player_send_to(struct world *world, struct player *player, const char *room, const char *spawn);

/* ---- world_chat.c ---- */

enum roomd_packet_result world_chat_say(struct world *world, struct player *player, const uint8_t *payload,
                                        size_t bytes);
void world_chat_announce(struct world *world, const char *text);
/* An NPC tells one player. */
void world_chat_tell(struct world *world, struct player *player, uint32_t npc, const char *text);

/* ---- world_combat.c ---- */

enum roomd_packet_result world_combat_skill(struct world *world, struct player *player,
                                            const uint8_t *payload, size_t bytes);
/* Whether `attacker` may hurt `target`: players and pets hurt monsters, monsters hurt players and pets. */
bool world_is_foe(const struct world *world, const struct entity *attacker, const struct entity *target);
/* Whether the player has been told of it: it is registered in a cell that the player follows. */
bool world_is_in_view(const struct world *world, const struct player *player, const struct entity *entity);
/* It is on the ground, lives, and is neither on its way home nor on its way out. */
bool world_can_be_hurt(const struct entity *entity);
/* Whether nothing stops what flies between the two: walls do, water doesn't. */
bool world_has_sight(const struct world *world, const struct point *from, const struct point *to);
/* What one use of a skill comes to: a player's grows with its level, a monster or a pet does its own damage. */
int32_t world_skill_amount(const struct world *world, const struct entity *user, uint16_t skill_place);
/* S_Skill to those in view of the user. */
void world_tell_skill(struct world *world, const struct entity *user, uint16_t number, uint32_t target,
                      const struct point *at);
/*
 * Hurts what can be hurt and lives: told to those in view; dying is dealt with. `source` is an entity's id, which may
 * be gone by now; `skill` the number that clients know (0: a monster's or pet's bite). `target` is gone when this
 * returns true (a monster, a pet: freed).
 */
bool world_hurt(struct world *world, uint32_t source, struct entity *target, uint16_t skill, int32_t amount);
void world_heal(struct world *world, uint32_t source, struct entity *target, uint16_t skill, int32_t amount);

/* ---- world_projectile.c ---- */

/*
 * Something sets out from the owner towards a place; with a target it follows that while it can be hurt. 0, -ENOSPC
 * beyond WORLD_PROJECTILES_MAX or -ENOMEM: nothing was shot.
 */
int world_projectile_shoot(struct world *world, const struct entity *owner, uint32_t target,
                           const struct point *towards, uint16_t skill_place);
void world_projectile_tick(struct world *world);

/* ---- world_monster.c ---- */

/* A monster of a type at a place, on the ground, and awake if it is in view; NULL without memory. */
struct monster *world_monster_make(struct world *world, uint16_t type, uint16_t camp, const struct point *at);
/* What may be thought and searched until the next tick begins anew. */
void world_monster_budget(struct world *world);
void world_monster_tick(struct world *world); /* those on their way go on; budgets begin anew */
/* A cell is followed from now on: those in it wake. */
void world_monster_wake(struct world *world, struct cell *cell);
void world_monster_hurt(struct world *world, struct monster *monster, uint32_t by, int32_t amount);
/* It dies: what it leaves, who gets its xp, its camp's next one; frees it. */
void world_monster_died(struct world *world, struct monster *monster, uint32_t killer);
/* It is no more, with nobody the richer for it: frees it. */
void world_monster_vanish(struct world *world, struct monster *monster);
/*
 * After a restore, with all entities and camps as they were: those that don't sleep are listed, and there are jobs for
 * those that were waiting, in the order in which they waited.
 */
void world_monster_rearm(struct world *world);
/* Its next thought comes in `delay_ms`; one that slept is awake from now on. */
void world_monster_arm(struct world *world, struct monster *monster, uint32_t delay_ms);
/* Nobody near: at home, well, and no thought waits. It must have been awake. */
void world_monster_sleep(struct world *world, struct monster *monster);
const struct rules_monster *world_monster_rules(const struct world *world, const struct monster *monster);

/* ---- world_camp.c ---- */

/* Places the map's camps, whose types the rules know (world_make). 0 or -ENOMEM. */
int world_monster_open(struct world *world);
/* Whether there are fewer than there should be, and they come by themselves. */
bool world_camp_lacks_some(const struct world *world, uint32_t place);
/* The next one comes once its time is up, if the camp lacks some and none is on the way. */
void world_camp_arm(struct world *world, uint32_t place);
/* The job for a camp whose respawn_ms and respawn_order are set. */
void world_camp_push(struct world *world, uint32_t place);

/* ---- world_monster_mind.c ---- */

/* One thought: looks about, decides, strikes, and arms the next. The monster may be gone behind it. */
void world_monster_think(struct world *world, struct monster *monster);

/* ---- world_pet.c ---- */

enum roomd_packet_result world_pet_command(struct world *world, struct player *player, const uint8_t *payload,
                                           size_t bytes);
void world_pet_call(struct world *world, struct player *player); /* beside its owner */
void world_pet_dismiss(struct world *world, struct player *player);
/* `foe` has hurt the player or its pet, or was hurt by them: a pet that has nothing better to do turns on it. */
void world_pet_owner_hurt(struct world *world, struct player *player, uint32_t foe);
void world_pet_died(struct world *world, struct pet *pet);
void world_pet_tick(struct world *world);

/* ---- world_npc.c ---- */

/* Places the map's NPCs and portals. 0 or -ENOMEM. */
int world_npc_open(struct world *world);
enum roomd_packet_result world_npc_interact(struct world *world, struct player *player,
                                            const uint8_t *payload, size_t bytes);
void world_npc_tick(struct world *world); /* greetings; drops that vanish */
void world_drop_make(struct world *world, const struct point *at, uint16_t monster_type);

#endif
