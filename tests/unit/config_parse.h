/* How the tests of the configuration read a text as the file `t.conf`. */
#ifndef ROOMD_TESTS_UNIT_CONFIG_PARSE_H
#define ROOMD_TESTS_UNIT_CONFIG_PARSE_H

#include "daemon/config.h"
#include "daemon/config_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 1024 };

static inline int parse_bytes(struct config *config, const char *bytes, size_t size,
                              char error[CONFIG_ERROR_BYTES])
{
    FILE *file = size == 0 ? fopen("/dev/null", "r") : fmemopen((void *)(uintptr_t)bytes, size, "r");

    assert_non_null(file);
    error[0] = '\0';
    int result = config_parse(config, "t.conf", file, error, CONFIG_ERROR_BYTES);
    fclose(file);
    return result;
}

/* `config` must be given to config_fini. */
static inline void parse_good(struct config *config, const char *text)
{
    char error[CONFIG_ERROR_BYTES];
    int result = parse_bytes(config, text, strlen(text), error);

    assert_string_equal(error, "");
    assert_int_equal(result, 0);
}

/* A file in which line 2 gives `key` that value. */
static inline void write_file(char out[TEXT_BYTES], const struct config_key *key, const char *value)
{
    static const char *const formats[] = {
        [CONFIG_SERVER] = "[server]\n%s = %s\n[room a]\n",
        [CONFIG_ROOM] = "[room a]\n%s = %s\n",
        [CONFIG_TEMPLATE] = "[template t]\n%s = %s\n[room a]\n",
    };

    snprintf(out, TEXT_BYTES, formats[key->section], key->name, value);
}

#endif
