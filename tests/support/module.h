/* Content modules that a test writes in C and builds itself, against the contract alone. */
#ifndef TESTS_SUPPORT_MODULE_H
#define TESTS_SUPPORT_MODULE_H

enum { MODULE_PATH_BYTES = 256 };

/* cmocka's group setup and teardown: a directory to build in. */
int module_setup(void **state);
int module_teardown(void **state);
/* That directory; whatever lies in it goes with it. */
const char *module_directory(void);

/*
 * Builds NAME.so from `text`, which comes behind an include of roomd/content.h; fails the test with what the compiler
 * says. `path` is where it lies; no other module of the group may have the name.
 */
void module_build(const char *name, const char *text, char path[MODULE_PATH_BYTES]);

#endif
