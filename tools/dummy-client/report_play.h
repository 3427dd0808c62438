/* The part of the report that tells of a world: who has --play with anything but chat. */
#ifndef DUMMY_CLIENT_REPORT_PLAY_H
#define DUMMY_CLIENT_REPORT_PLAY_H

#include "dummy-client/load.h"

#include <stdio.h>

/* Lines of the summary. */
void report_play_text(const struct load *load, FILE *out);
/* A member of the JSON object, with the comma behind it. */
void report_play_json(const struct load *load, FILE *out);

#endif
