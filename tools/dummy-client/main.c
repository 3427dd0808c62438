#include "dummy-client/load.h"
#include "dummy-client/options.h"
#include "dummy-client/report.h"

#include <stdio.h>

enum { EXIT_GOOD = 0, EXIT_LOST = 1, EXIT_USAGE = 2 };

int main(int argc, char **argv)
{
    struct options options = {0};
    struct load load;
    int status = EXIT_USAGE;

    enum options_result parsed = options_parse(&options, argc, argv);
    if (parsed == OPTIONS_DONE) {
        status = EXIT_GOOD;
    } else if (parsed == OPTIONS_RUN) {
        if (load_init(&load, &options) == 0) {
            load_run(&load);
            report_print(&load, stdout);
            status = report_is_good(&load) ? EXIT_GOOD : EXIT_LOST;
        }
        load_fini(&load);
    }
    options_fini(&options);
    return status;
}
