/* The window of a play: what is sampled in it, and what is judged when it ends. */
#include "dummy-client/load.h"
#include "dummy-client/play.h"

#include <string.h>

static const uint64_t sample_ns = NS_PER_S;
static const uint64_t placed_limit_ns = NS_PER_S; /* and two ticks: so long a room may keep silent */

void play_begin(struct load *load)
{
    struct play *play = &load->play;
    uint64_t wrong[VIEW_WRONG_COUNT];

    if (!play_is_on(play)) {
        return;
    }
    memcpy(wrong, play->counts.views.wrong, sizeof(wrong));
    play->counts = (struct play_counts){.received = 0};
    memcpy(play->counts.views.wrong, wrong, sizeof(wrong));
    play->sample_ns = load->now_ns + sample_ns;
}

static void ask_time(struct load *load)
{
    uint8_t payload[8];

    roomd_put_u64(payload, load->now_ns);
    for (uint32_t i = 0; i < load->play.observer_count; i++) {
        struct client *client = &load->clients[load->play.observers[i]];

        if (client->state == CLIENT_IN) {
            play_send(load, client, ROOMD_C_PING, payload, sizeof(payload));
        }
    }
}

/* How many are known, who should be, and the question for the server's time by which their moves are judged. */
void play_turn(struct load *load)
{
    struct play *play = &load->play;

    if (!play_is_on(play) || load->phase != LOAD_SENDING || load->now_ns < play->sample_ns ||
        play->kind == PLAY_BABBLE) {
        return;
    }
    play->sample_ns += sample_ns;
    for (uint32_t i = 0; i < play->client_count; i++) {
        const struct view *view = &play->clients[i].view;

        if (load->clients[i].state == CLIENT_IN && view->is_listed) {
            histogram_record(&play->players_known, view->players > 0 ? view->players - 1 : 0, 1);
            histogram_record(&play->things_known, view->known.count - view->players, 1);
        }
    }
    play_sight_sample(play);
    ask_time(load);
}

/* Who is long in a room and nowhere in it: the room is none of a world, or has forgotten it. */
static void judge_unplaced(struct load *load)
{
    struct play *play = &load->play;

    for (uint32_t i = 0; i < play->client_count; i++) {
        const struct play_client *player = &play->clients[i];
        uint64_t limit_ns = placed_limit_ns + 2 * player->view.tick_ms * NS_PER_MS;

        if (load->clients[i].state == CLIENT_IN && !player->view.is_listed &&
            load->now_ns - player->joined_ns > limit_ns) {
            play->counts.views.wrong[VIEW_NEVER_PLACED]++;
            load_complain(load, "client %u was never told where it is: is its room one of a world?", i);
        }
    }
}

void play_end(struct load *load)
{
    if (play_is_on(&load->play) && load->play.kind != PLAY_BABBLE) {
        judge_unplaced(load);
    }
    load->play.at_end = load->play.counts;
    load->play.is_over = true;
}

struct play_counts play_sum(const struct play *play)
{
    struct play_counts counts = play->is_over ? play->at_end : play->counts;

    memcpy(counts.views.wrong, play->counts.views.wrong, sizeof(counts.views.wrong));
    return counts;
}

uint64_t play_wrong_total(const struct play_counts *counts)
{
    uint64_t total = 0;

    for (int i = 0; i < VIEW_WRONG_COUNT; i++) {
        total += counts->views.wrong[i];
    }
    return total;
}
