/*
 * --play: clients that live in a world (roomd/world.h) and do not talk about it.
 *
 *     roam    walk about, and now and then through a portal
 *     fight   look for monsters, fight them, die, get up again
 *     crowd   stand in one spot and fidget
 *     babble  say short things in a chat room; deliveries are counted and not verified: the yardstick of a crowd
 *
 * Everything that they are told is judged by their views (play_view.h), from their coming on. The figures are those
 * of the window: what comes after it is judged, and not counted.
 */
#ifndef DUMMY_CLIENT_PLAY_H
#define DUMMY_CLIENT_PLAY_H

#include "dummy-client/client.h"
#include "dummy-client/play_kind.h"
#include "dummy-client/play_own.h"
#include "dummy-client/play_sight.h"
#include "dummy-client/play_view.h"
#include "dummy-client/play_walk.h"

#include "base/histogram.h"

#include <stdbool.h>
#include <stdint.h>

enum { PLAY_SKILLS = 4 };

struct play_client {
    struct view view;
    struct walker walker;
    struct ground ground;
    char room[ROOMD_NAME_BYTES_MAX + 1];
    uint64_t stepped_ns; /* when the walker's place was reckoned last; 0: it has none */
    uint64_t travel_ns;  /* when it goes to a portal */
    uint64_t arrive_ns;  /* it is on its way to one, and gives up then; 0: it is not */
    struct point portal; /* where that one is */
    struct own_moves own;
    struct sighting sighting;
    uint32_t rooms;                 /* that it came into */
    uint32_t placed;                /* how often it was put somewhere */
    uint64_t joined_ns;             /* when it came into its room, or was told that all is told anew */
    uint64_t ready_ns[PLAY_SKILLS]; /* when each skill may be used again */
    uint64_t rise_ns;               /* when the dead ask to get up */
    bool has_called_pet;
    uint8_t *tail; /* what was read of a frame that is not whole */
    uint32_t tail_size;
    uint32_t tail_capacity;
};

/* Where the crowd of a room stands: where the first one was put. */
struct play_spot {
    char room[ROOMD_NAME_BYTES_MAX + 1];
    struct point at;
};

struct play_counts {
    struct view_totals views;
    uint64_t received; /* packets of the content */
    uint64_t corrected;
    uint64_t rooms_changed;
    uint64_t refused[ROOMD_ERROR_COUNT]; /* by code; at 0 those that the contract does not hold */
};

struct play {
    enum play_kind kind;
    struct play_client *clients;
    uint32_t client_count;
    struct map **maps;
    uint32_t map_count;
    struct play_spot *spots;
    uint32_t spot_count;
    uint32_t *observers; /* clients that ask for the server's time, and are compared; of each room some */
    uint32_t observer_count;
    uint64_t random;
    uint64_t sample_ns; /* when the views are looked at next; 0: not in the window */
    struct play_counts counts;
    struct histogram players_known; /* besides itself, of each client, once a second */
    struct histogram things_known;
    struct play_counts at_end; /* counts when the window ended, but for what was wrong */
    bool is_over;
};

/* 0, or -errno and a line on stderr has said why; play_fini in any case. For PLAY_CHAT there is nothing to do. */
int play_init(struct load *load);
void play_fini(struct load *load);

static inline bool play_is_on(const struct play *play)
{
    return play->kind != PLAY_CHAT;
}

/*
 * Takes what was read: `data` lies behind PLAY_HEADROOM_BYTES that may be overwritten. False when the stream can't be
 * followed; true also when the client was closed by what it read.
 */
#define PLAY_HEADROOM_BYTES 65536u
bool play_read(struct load *load, struct client *client, uint8_t *data, size_t size);
/* The client's turn to do something. */
void play_act(struct load *load, struct client *client);
/* The client's connection is gone. */
void play_lose(struct load *load, struct client *client);

/* The window begins, something may be due in it, it ends. */
void play_begin(struct load *load);
void play_turn(struct load *load);
void play_end(struct load *load);

/* The counts to report: those of the window, and all that was wrong. */
struct play_counts play_sum(const struct play *play);
uint64_t play_wrong_total(const struct play_counts *counts);

/* ---- shared by the plays ---- */

/* Sends one packet of the content; false when the connection ended by it. */
bool play_send(struct load *load, struct client *client, uint16_t id, const void *payload, size_t size);
/* Sends where the client is now. */
void play_send_move(struct load *load, struct client *client);
struct play_client *play_client_of(struct load *load, const struct client *client);

/* One turn of each play: play_roam.c, play_fight.c. `seconds` have passed since the last one. */
void play_roam(struct load *load, struct client *client, float seconds);
void play_crowd(struct load *load, struct client *client, float seconds);
void play_fight(struct load *load, struct client *client, float seconds);

#endif
