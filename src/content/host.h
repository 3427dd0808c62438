/* The content host: finds content modules and gives them their services. */
#ifndef ROOMD_CONTENT_HOST_H
#define ROOMD_CONTENT_HOST_H

#include "roomd/content.h"

/* The bundled module of that name, or NULL. */
const struct roomd_content *content_find(const char *name);

/* The services, the same for every module. */
const struct roomd_host *content_host(void);

#endif
