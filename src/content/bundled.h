/* The content modules that come with roomd. */
#ifndef ROOMD_CONTENT_BUNDLED_H
#define ROOMD_CONTENT_BUNDLED_H

#include "roomd/content.h"

extern const struct roomd_content roomd_content_chat;
extern const struct roomd_content roomd_content_field;
extern const struct roomd_content roomd_content_town;
extern const struct roomd_content roomd_content_dungeon;

#endif
