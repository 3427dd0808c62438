/* The content host: finds content modules and gives them their services. */
#ifndef ROOMD_CONTENT_HOST_H
#define ROOMD_CONTENT_HOST_H

#include <stddef.h>

#include "roomd/content.h"

/* The bundled module of that name, or NULL. */
const struct roomd_content *content_find(const char *name);
/*
 * The module that a config means by `name`: with a '/' a file's path (from config_dir unless it begins with '/';
 * NULL: the working directory), otherwise a bundled one, otherwise module_dir/NAME.so (NULL: there is none). A file is
 * loaded once, however often it is asked for, and stays loaded; the table is good until content_unload_all. NULL, and
 * `error` is a line that names the file and what is wrong: for a wrong version, the one found and the one wanted.
 */
const struct roomd_content *content_load(const char *name, const char *config_dir, const char *module_dir,
                                         char *error, size_t error_size);
/* No room may have any of them any more. */
void content_unload_all(void);

/* The services, the same for every module. */
const struct roomd_host *content_host(void);

#endif
