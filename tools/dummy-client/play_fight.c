/* Fighting: towards the nearest monster, with what reaches it; mending oneself. */
#include "dummy-client/load.h"

/* The skills of tools/world/world.rules, as honest clients know them. */
enum skill { SLASH, ARROW, BLAST, MEND };
static const struct {
    uint16_t number;
    float range_m; /* within which it is used: less than it reaches, because the target moves */
    uint64_t pause_ns;
} skills[PLAY_SKILLS] = {
    [SLASH] = {1, 2, 700 * NS_PER_MS},
    [ARROW] = {2, 15, 1300 * NS_PER_MS},
    [BLAST] = {3, 10, 5100 * NS_PER_MS},
    [MEND] = {4, 0, 4100 * NS_PER_MS},
};

static const float close_m = 1.5f; /* as near as one goes to a monster */
enum { PET_EVERY = 4, HURT_PART = 2 /* mended when less than 1/HURT_PART is left */ };

static bool is_ready(const struct load *load, const struct play_client *player, enum skill skill)
{
    return load->now_ns >= player->ready_ns[skill];
}

static void use_skill(struct load *load, struct client *client, enum skill skill, uint32_t target, float x,
                      float z)
{
    struct play_client *player = play_client_of(load, client);
    uint8_t payload[18];

    roomd_put_u16(payload, skills[skill].number);
    roomd_put_u32(payload + 2, target);
    roomd_put_f32(payload + 6, x);
    roomd_put_f32(payload + 10, 0);
    roomd_put_f32(payload + 14, z);
    player->ready_ns[skill] = load->now_ns + skills[skill].pause_ns;
    play_send(load, client, ROOMD_C_SKILL, payload, sizeof(payload));
}

static const struct known *nearest_monster(const struct play_client *player, float *way_m)
{
    const struct known_set *all = &player->view.known;
    const struct known *nearest = NULL;

    *way_m = INFINITY;
    for (const struct known *known = known_next(all, NULL); known; known = known_next(all, known)) {
        if (known->kind == ROOMD_KIND_MONSTER && known->hp > 0) {
            float m = walk_distance(known->x, known->z, player->walker.at.x, player->walker.at.z);

            if (m < *way_m) {
                *way_m = m;
                nearest = known;
            }
        }
    }
    return nearest;
}

/* True: it has done something for itself, and the turn is over. */
static bool mend(struct load *load, struct client *client, struct play_client *player)
{
    const struct known *self = view_find(&player->view, player->view.self);

    if (!self || self->hp >= self->hp_max / HURT_PART || !is_ready(load, player, MEND)) {
        return false;
    }
    use_skill(load, client, MEND, 0, player->walker.at.x, player->walker.at.z);
    return true;
}

static void strike(struct load *load, struct client *client, struct play_client *player,
                   const struct known *target, float way_m)
{
    struct point to = {.x = target->x, .z = target->z};

    if (player->ground.map && !map_is_clear(player->ground.map, &player->walker.at, &to, false)) {
        return;
    }
    if (way_m <= skills[SLASH].range_m && is_ready(load, player, SLASH)) {
        use_skill(load, client, SLASH, target->id, to.x, to.z);
    } else if (way_m <= skills[BLAST].range_m && is_ready(load, player, BLAST)) {
        use_skill(load, client, BLAST, 0, to.x, to.z);
    } else if (way_m <= skills[ARROW].range_m && is_ready(load, player, ARROW)) {
        use_skill(load, client, ARROW, target->id, to.x, to.z);
    }
}

static void approach(struct load *load, struct play_client *player, const struct known *target, float seconds)
{
    struct walker *walker = &player->walker;

    if (!target && !walker_is_on_its_way(walker)) {
        walker_roam(walker, &player->ground, &load->play.random);
    } else if (target && !walker_go(walker, &player->ground, target->x, target->z) &&
               !walker_go_around(walker, &player->ground, target->x, target->z)) {
        walker_roam(walker, &player->ground, &load->play.random);
    }
    walker_step(walker, &player->ground, seconds, target ? close_m : 0);
}

void play_fight(struct load *load, struct client *client, float seconds)
{
    struct play_client *player = play_client_of(load, client);
    const struct known *target;
    uint8_t call = 1;
    float way_m;

    if (!player->has_called_pet && client->index % PET_EVERY == 0) {
        player->has_called_pet = true;
        play_send(load, client, ROOMD_C_PET, &call, sizeof(call));
    }
    target = nearest_monster(player, &way_m);
    approach(load, player, target, seconds);
    play_send_move(load, client);
    if (client->fd >= 0 && !mend(load, client, player) && target) {
        strike(load, client, player, target,
               walk_distance(target->x, target->z, player->walker.at.x, player->walker.at.z));
    }
}
