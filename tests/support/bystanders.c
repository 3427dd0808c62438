#include "support/bystanders.h"

#include "support/expect.h"
#include "support/wait.h"

#include <roomd/wire.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void word_check(struct bystanders *bystanders, size_t me, const struct packet *packet)
{
    struct bystander *self = &bystanders->each[me];
    uint32_t player = 0;
    char text[64];
    char wanted[64];

    if (packet->id == ROOMD_S_PING) { /* where the machine holds this program up it has been silent */
        peer_send_packet(self->peer, ROOMD_C_PONG, packet->payload, packet->payload_bytes);
        return;
    }
    if (!chat_read(packet, &player, text, sizeof(text))) {
        fail_msg("bystander %zu got a packet of id 0x%04x and %u bytes", me, packet->id, packet->size);
    }
    for (size_t i = 0; i < 2; i++) {
        if (player != bystanders->each[i].peer->player) {
            continue;
        }
        snprintf(wanted, sizeof(wanted), "word %zu.%u", i, self->seen[i]);
        if (strcmp(text, wanted) != 0) {
            fail_msg("bystander %zu wanted '%s' and got '%s'", me, wanted, text);
        }
        self->seen[i]++;
        if (i == me && self->seen[i] == self->sent && self->asked_ns != 0) {
            uint64_t took_ns = wait_now_ns() - self->asked_ns;

            bystanders->worst_ns = took_ns > bystanders->worst_ns ? took_ns : bystanders->worst_ns;
            self->asked_ns = 0;
        }
        return;
    }
    bystanders->foreign++;
}

static void words_take(struct bystanders *bystanders, size_t me, uint64_t deadline_ns)
{
    struct peer *peer = bystanders->each[me].peer;
    struct packet packet;

    long n = peer_read(peer, deadline_ns);
    while (peer_take_packet(peer, &packet)) {
        word_check(bystanders, me, &packet);
    }
    if (n == 0) {
        fail_msg("bystander %zu lost its connection", me);
    }
}

void bystanders_start(struct bystanders *bystanders, const struct daemon *daemon, const char *room)
{
    memset(bystanders, 0, sizeof(*bystanders));
    for (size_t i = 0; i < 2; i++) {
        struct peer *peer = peer_connect(daemon);

        bystanders->each[i].peer = peer;
        peer_hello(peer);
        if (room != NULL) {
            peer_join(peer, room);
        } else {
            peer_await_packet(peer, ROOMD_S_JOINED);
        }
    }
}

void bystanders_step(struct bystanders *bystanders)
{
    for (size_t i = 0; i < 2; i++) {
        struct bystander *self = &bystanders->each[i];
        char text[64];

        if (self->asked_ns == 0) {
            self->asked_ns = wait_now_ns();
            snprintf(text, sizeof(text), "word %zu.%u", i, self->sent++);
            peer_send_chat(self->peer, text);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        words_take(bystanders, i, 0);
    }
}

void bystanders_run(struct bystanders *bystanders, int ms, int interval_ms)
{
    uint64_t deadline_ns = wait_deadline_ns(ms);

    while (wait_left_ms(deadline_ns) > 0) {
        bystanders_step(bystanders);
        wait_sleep_ms(interval_ms);
    }
}

static bool bystanders_are_done(const struct bystanders *bystanders)
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 2; j++) {
            if (bystanders->each[i].seen[j] < bystanders->each[j].sent) {
                return false;
            }
        }
    }
    return true;
}

void bystanders_finish(struct bystanders *bystanders)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    bystanders_step(bystanders);
    while (!bystanders_are_done(bystanders)) {
        for (size_t i = 0; i < 2; i++) {
            words_take(bystanders, i, wait_deadline_ns(5));
        }
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("the bystanders said %u and %u words; they saw %u, %u and %u, %u",
                     bystanders->each[0].sent, bystanders->each[1].sent, bystanders->each[0].seen[0],
                     bystanders->each[0].seen[1], bystanders->each[1].seen[0], bystanders->each[1].seen[1]);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        peer_close(bystanders->each[i].peer);
    }
}
