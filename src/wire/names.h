/*
 * The names and texts of the tables in roomd/wire.h, for the kick, the refusals, the log and the counters. A
 * name is the table's own in lower case ("frame_size"). All of it is constant data that lives for ever;
 * nothing here returns NULL.
 *
 * 0 is "none"; a number that no table holds is "unknown", so a number from the wire may be asked for after a
 * cast.
 */
#ifndef ROOMD_WIRE_NAMES_H
#define ROOMD_WIRE_NAMES_H

#include "roomd/wire.h"

const char *close_reason_name(enum roomd_close_reason reason);
const char *close_reason_text(enum roomd_close_reason reason);

const char *error_text(enum roomd_error code);

#endif
