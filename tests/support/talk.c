#include "support/talk.h"

#include "support/expect.h"
#include "support/wait.h"

#include <roomd/wire.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NUMBER_CHARS = 8 };

void talk_add(struct talk *talk, struct peer *peer)
{
    assert_true(talk->count < TALK_PEERS_MAX && talk->chars <= TALK_CHARS_MAX);
    talk->each[talk->count++] = peer;
}

static void talk_say_one(struct talk *talk, size_t speaker)
{
    size_t chars = talk->chars > NUMBER_CHARS ? talk->chars : NUMBER_CHARS;
    char text[TALK_CHARS_MAX + 1];
    char number[NUMBER_CHARS + 1];

    snprintf(number, sizeof(number), "%08u", talk->said[speaker]++);
    memset(text, '.', chars);
    text[chars] = '\0';
    memcpy(text, number, NUMBER_CHARS);
    peer_send_chat(talk->each[speaker], text);
}

void talk_say(struct talk *talk, size_t from, size_t to, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++) {
        for (size_t speaker = from; speaker < to; speaker++) {
            talk_say_one(talk, speaker);
        }
    }
}

static void talk_hear_one(struct talk *talk, size_t listener)
{
    struct packet packet = peer_expect_packet(talk->each[listener], ROOMD_S_CHAT);
    uint32_t player = 0;
    char text[TALK_CHARS_MAX + 8];
    char number[NUMBER_CHARS + 1];
    size_t speaker = 0;

    assert_true(chat_read(&packet, &player, text, sizeof(text)));
    while (speaker < talk->count && talk->each[speaker]->player != player) {
        speaker++;
    }
    assert_true(speaker < talk->count);
    snprintf(number, sizeof(number), "%08u", talk->heard[listener][speaker]++);
    if (memcmp(text, number, NUMBER_CHARS) != 0) {
        fail_msg("player %zu heard %.8s of player %zu, and not %s", listener, text, speaker, number);
    }
}

static bool talk_is_heard(const struct talk *talk, size_t listener)
{
    for (size_t speaker = 0; speaker < talk->count; speaker++) {
        if (talk->heard[listener][speaker] < talk->said[speaker]) {
            return false;
        }
    }
    return true;
}

void talk_hear(struct talk *talk, size_t from, size_t to)
{
    for (size_t listener = from; listener < to; listener++) {
        while (!talk_is_heard(talk, listener)) {
            talk_hear_one(talk, listener);
        }
    }
}
