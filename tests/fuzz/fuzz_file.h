/* Streams over bytes in memory, for the decoders that read files: empty ones too, and ones that fail half-way. */
#ifndef TESTS_FUZZ_FUZZ_FILE_H
#define TESTS_FUZZ_FUZZ_FILE_H

#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <sys/types.h>

struct fuzz_file {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    int fails; /* in place of the end of the file */
};

static inline ssize_t fuzz_file_read(void *cookie, char *out, size_t size)
{
    struct fuzz_file *file = cookie;
    const size_t left = file->size - file->at;
    const size_t taken = left < size ? left : size;

    if (taken == 0 && file->fails) {
        errno = EIO;
        return -1;
    }
    if (taken > 0) {
        memcpy(out, file->bytes + file->at, taken);
    }
    file->at += taken;
    return (ssize_t)taken;
}

/* A stream that reads `file` from its `at` on, which must outlive it. fclose() it. */
static inline FILE *fuzz_file_open(struct fuzz_file *file)
{
    FILE *stream = fopencookie(file, "r", (cookie_io_functions_t){.read = fuzz_file_read});

    CHECK(stream != NULL);
    return stream;
}

#endif
