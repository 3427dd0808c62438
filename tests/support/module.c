#include "support/module.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/system.h"

enum { BUILD_MS = 60000 };

static char directory[64];

int module_setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/roomd-module-XXXXXX");
    return mkdtemp(directory) == NULL;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

int module_teardown(void **state)
{
    (void)state;
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *module_directory(void)
{
    return directory;
}

void module_build(const char *name, const char *text, char path[MODULE_PATH_BYTES])
{
    char source[MODULE_PATH_BYTES];
    struct process_result result;
    FILE *file;

    snprintf(source, sizeof(source), "%s/%s.c", directory, name);
    snprintf(path, MODULE_PATH_BYTES, "%s/%s.so", directory, name);
    file = fopen(source, "we");
    assert_non_null(file);
    assert_true(fputs("#define _GNU_SOURCE\n#include <roomd/content.h>\n", file) >= 0);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    process_run(&result,
                (const char *const[]){"/usr/bin/env", "cc", "-std=c11", "-shared", "-fPIC", "-I",
                                      ROOMD_SOURCE_DIR "/include", "-o", path, source, NULL},
                BUILD_MS);
    if (result.exit_status != 0) {
        fail_msg("the module %s does not compile: %s", name, result.err);
    }
    process_result_free(&result);
}
