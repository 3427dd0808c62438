/*
 * How many instructions it takes to refuse a ticket says nothing of where its signature first differs: counted by
 * callgrind, which runs this program with an argument. Where there is no valgrind, or one that can't read what the compiler
 * wrote (clang's DWARF 5), or the build is sanitized, it is passed over with a word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/asan.h"
#include "support/process.h"
#include "unit/ticket_maker.h"

enum { VALGRIND_MS = 60000, PATH_BYTES = 128 };

static const char *program;

/* What callgrind counts: one dump for each call. */
__attribute__((noinline)) static enum ticket_result probe_verify(const struct ticket_keys *keys,
                                                                 const char *text, size_t size)
{
    struct ticket ticket;
    enum ticket_result result = ticket_verify(keys, MAKER_NOW_S, MAKER_TTL_MAX_S, text, size, &ticket);

    __asm__ volatile("" ::: "memory"); /* not a tail call: it must be left before the next begins */
    return result;
}

/* The first is thrown away: it may bind names, and warm what a real server has warm. */
static int probe(void)
{
    struct ticket_keys keys = maker_keys();
    struct ticket ticket = maker_ticket("4711", "Kim", "lobby");
    char text[TICKET_BYTES_MAX];
    size_t size = ticket_mint(&keys.keys[0], &ticket, text);

    text[size - 1] = text[size - 1] == 'A' ? 'E' : 'A';
    if (probe_verify(&keys, text, size) != TICKET_BAD_SIGNATURE) {
        return 1;
    }
    for (size_t at = 0; at < TICKET_SIGNATURE_SIZE; at++) {
        char *byte = &text[size - TICKET_SIGNATURE_SIZE + at];
        char was = *byte;

        *byte = was == '!' ? '?' : '!'; /* all behind it is right, but for the last */
        if (probe_verify(&keys, text, size) != TICKET_BAD_SIGNATURE) {
            return 1;
        }
        *byte = was;
    }
    return 0;
}

/* What the n-th dump counted. */
static uint64_t count_of(const char *prefix, size_t n)
{
    char path[PATH_BYTES];
    unsigned long long count = 0;

    snprintf(path, sizeof(path), "%s.%zu", prefix, n);

    char *dump = file_read_from(path, 0);
    const char *totals = strstr(dump, "\ntotals: ");

    if (totals == NULL || sscanf(totals, "\ntotals: %llu", &count) != 1) {
        fail_msg("%s holds no totals", path);
    }
    free(dump);
    unlink(path);
    return count;
}

static void a_wrong_byte_does_not_tell_where_it_is(void **state)
{
    char directory[] = "/tmp/roomd-callgrind-XXXXXX";
    char prefix[PATH_BYTES / 2];
    char out_option[PATH_BYTES];
    struct process_result result;

    (void)state;
    if (ASAN_IS_ON) {
        print_message("a sanitized program does not run under valgrind: passed over\n");
        skip();
    }
    if (access("/usr/bin/valgrind", X_OK) != 0) {
        print_message("no valgrind here: passed over\n");
        skip();
    }
    assert_non_null(mkdtemp(directory));
    snprintf(prefix, sizeof(prefix), "%s/out", directory);
    snprintf(out_option, sizeof(out_option), "--callgrind-out-file=%s", prefix);

    const char *const argv[] = {"/usr/bin/valgrind",
                                "-q",
                                "--tool=callgrind",
                                "--toggle-collect=probe_verify",
                                "--dump-after=probe_verify",
                                out_option,
                                program,
                                "probe",
                                NULL};

    process_run(&result, argv, VALGRIND_MS);
    if (strstr(result.err, "debuginfo reader: Possibly corrupted") != NULL) {
        print_message("this valgrind does not read this compiler's DWARF: passed over\n");
        rmdir(directory);
        skip();
    }
    if (result.exit_status != 0) {
        fail_msg("valgrind ended with %d: %s", result.exit_status, result.err);
    }
    process_result_free(&result);
    count_of(prefix, 1);

    uint64_t first = count_of(prefix, 2);

    assert_in_range(first, 1000, 100000);
    for (size_t at = 1; at < TICKET_SIGNATURE_SIZE; at++) {
        assert_int_equal(count_of(prefix, 2 + at), first);
    }
    print_message("%llu instructions, wherever the first wrong byte is\n", (unsigned long long)first);
    unlink(prefix);
    assert_int_equal(rmdir(directory), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_byte_does_not_tell_where_it_is),
    };

    program = argv[0];
    return argc > 1 ? probe() : cmocka_run_group_tests(tests, NULL, NULL);
}
