#include "base/check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

_Noreturn void check_failed(const char *expression, const char *file, int line)
{
    static bool is_failing; /* a log sink that fails a CHECK itself must not bring us back here for ever */
    char expression_quoted[512];
    char file_quoted[256];

    if (!is_failing) {
        is_failing = true;
        log_quote(expression_quoted, sizeof(expression_quoted), expression, strlen(expression));
        log_quote(file_quoted, sizeof(file_quoted), file, strlen(file));
        log_line(LOG_LEVEL_ALERT, "check_failed", "expression=%s file=%s line=%d", expression_quoted,
                 file_quoted, line);
    }
    abort();
}
