/*
 * Runs a fuzz target on files, as an ordinary test: `fuzz_frame DIRECTORY|FILE...`. A directory that is
 * missing or holds no input fails, so that a corpus can't get lost without a word.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* Reads all of a file into exactly sized heap memory; NULL, and a word on stderr, when that fails. */
static uint8_t *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    uint8_t *bytes = NULL;

    if (file != NULL && fstat(fileno(file), &status) == 0) {
        *size = (size_t)status.st_size;
        bytes = malloc(*size == 0 ? 1 : *size);
        if (bytes != NULL && fread(bytes, 1, *size, file) != *size) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (bytes == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

static int file_replay(const char *path)
{
    size_t size;
    uint8_t *bytes = file_read(path, &size);

    if (bytes == NULL) {
        return -1;
    }
    fprintf(stderr, "%s (%zu bytes)\n", path,
            size); /* before the run: it is the last line when the run aborts */
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 0;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* How many inputs the directory gave, in the order of their names; -1 when there are none or one can't be
 * read. */
static int directory_replay(const char *path)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, is_shown, alphasort);
    int failed = count <= 0;

    if (count < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    if (count == 0) {
        fprintf(stderr, "%s: empty, nothing to replay\n", path);
    }
    for (int i = 0; i < count; i++) {
        char file[4096];
        const int length = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);

        if (length >= (int)sizeof file || file_replay(file) < 0) {
            failed = 1;
        }
        free(entries[i]);
    }
    free(entries);
    return failed ? -1 : count;
}

int main(int argc, char **argv)
{
    int inputs = 0;
    int failed = argc < 2;

    if (argc < 2) {
        fprintf(stderr, "usage: %s DIRECTORY|FILE...\n", argv[0]);
    }
    for (int i = 1; i < argc; i++) {
        struct stat status;
        const int is_file = stat(argv[i], &status) == 0 && S_ISREG(status.st_mode);
        const int count = is_file ? file_replay(argv[i]) + 1 : directory_replay(argv[i]);

        if (count <= 0) {
            failed = 1;
        } else {
            inputs += count;
        }
    }
    printf("replayed %d inputs\n", inputs);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
