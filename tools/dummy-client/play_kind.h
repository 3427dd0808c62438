/* What clients may do: the values of --play. */
#ifndef DUMMY_CLIENT_PLAY_KIND_H
#define DUMMY_CLIENT_PLAY_KIND_H

#include <stdbool.h>

enum play_kind { PLAY_CHAT, PLAY_ROAM, PLAY_FIGHT, PLAY_CROWD, PLAY_BABBLE, PLAY_KIND_COUNT };

enum { PLAY_BABBLE_BYTES_LEAST = 2, PLAY_BABBLE_BYTES_MAX = 1000 /* of text */ };

/* The name as --play has it; play_kind_parse: false when there is no such play. */
const char *play_kind_name(enum play_kind kind);
bool play_kind_parse(const char *text, enum play_kind *kind);

#endif
