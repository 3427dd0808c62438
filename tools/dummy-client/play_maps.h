/* The maps of --data, by the names that rooms tell of. */
#ifndef DUMMY_CLIENT_PLAY_MAPS_H
#define DUMMY_CLIENT_PLAY_MAPS_H

#include "dummy-client/play.h"

/* Reads every *.map of a directory. 0, or -errno and a line on stderr has said why. play_maps_free in any case. */
int play_maps_read(struct play *play, const char *folder);
void play_maps_free(struct play *play);
/* NULL: open ground, or a map that was not read. Of two with one name, the one whose file comes first. */
const struct map *play_maps_find(const struct play *play, const char *name);

#endif
