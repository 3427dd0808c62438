/* What the tool says: the progress line, the summary for people, the JSON object for programs. */
#ifndef DUMMY_CLIENT_REPORT_H
#define DUMMY_CLIENT_REPORT_H

#include "dummy-client/load.h"

#include <stdbool.h>
#include <stdio.h>

/* One line on stderr that overwrites itself; only on a terminal, and not with --quiet. */
void report_progress(struct load *load);
void report_progress_end(const struct load *load);

/*
 * True only if every client that was to come came and stayed, and everything that was sent arrived
 * everywhere, in order, once.
 */
bool report_is_good(const struct load *load);

/* The summary, or the JSON object, or with --quiet nothing, as the options say. */
void report_print(const struct load *load, FILE *out);

#endif
