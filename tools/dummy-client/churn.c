#include "dummy-client/churn.h"

#include "dummy-client/load.h"
#include "dummy-client/protocol.h"

static bool may_leave(const struct load *load, const struct client *client)
{
    enum receiver_state state = load->verify.receivers[client->index].state;

    return client->kind == CLIENT_ORDINARY && client->state == CLIENT_IN && !client->is_churning &&
           (state == RECEIVER_ON_TAPE || state == RECEIVER_OFF_TAPE);
}

/* Sends the next one that can on its way; false when nobody can. */
static bool begin_leave(struct load *load)
{
    for (uint32_t tries = 0; tries < load->options->clients; tries++) {
        struct client *client = &load->clients[load->churn_next];

        load->churn_next = (load->churn_next + 1) % load->options->clients;
        if (may_leave(load, client)) {
            client->state = CLIENT_FINISHING;
            client->is_churning = true;
            client->leaves_by_closing = load->churn_turns % 2 == 1;
            load->churning[load->churning_count++] = client->index;
            return true;
        }
    }
    return false;
}

void churn_note_away(struct load *load, struct client *client)
{
    client->wake_ns = load->now_ns + LOAD_PAUSE_NS;
}

/* Takes the client one step further. False when it is back, or gone for good: it is off the list then. */
static bool move_on(struct load *load, struct client *client)
{
    struct receiver *receiver = &load->verify.receivers[client->index];
    bool is_over = load->phase != LOAD_SENDING;

    switch (client->state) {
    case CLIENT_FINISHING:
        if (!verify_has_own_last(&load->verify, receiver)) {
            return true;
        }
        if (client->leaves_by_closing) {
            client_close(load, client, DISCONNECT_WANTED);
        } else {
            protocol_ask_leave(load, client);
        }
        return true;
    case CLIENT_AWAY:
        if (!is_over && load->now_ns >= client->wake_ns) {
            verify_pin(&load->verify, receiver);
            protocol_ask_join(load, client);
        }
        return !is_over;
    case CLIENT_IDLE:
        if (!is_over && load->now_ns >= client->wake_ns) {
            client_open(load, client);
        }
        return !is_over;
    case CLIENT_IN:
        if (receiver->is_waiting) {
            client_look_again(load, client);
        }
        return receiver->state == RECEIVER_SEEKING;
    case CLIENT_DEAD:
        return false;
    default:
        return true;
    }
}

void churn_turn(struct load *load)
{
    uint64_t since_ns = load->now_ns - load->window_ns;
    double due = load->options->churn * (double)since_ns / (double)NS_PER_S;
    uint32_t kept = 0;

    while (load->phase == LOAD_SENDING && (double)load->churn_turns + 1 <= due) {
        begin_leave(load); /* when nobody can, the turn passes */
        load->churn_turns++;
    }
    for (uint32_t i = 0; i < load->churning_count; i++) {
        struct client *client = &load->clients[load->churning[i]];

        if (move_on(load, client)) {
            load->churning[kept++] = client->index;
        } else {
            client->is_churning = false;
        }
    }
    load->churning_count = kept;
}

void churn_stop(struct load *load)
{
    for (uint32_t i = 0; i < load->churning_count; i++) {
        struct client *client = &load->clients[load->churning[i]];

        if (client->state == CLIENT_FINISHING) {
            client->state = CLIENT_IN;
        }
    }
}
