#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "content/host.h"
#include "daemon/sandbox.h"
#include "daemon/server.h"
#include "daemon/ticket_command.h"

struct options {
    const char *config_path;
    const char *listen;
    bool only_checks;
};

static void print_usage(FILE *out)
{
    fputs(
        "roomd: a game room server. Players' clients connect by TCP and enter rooms; what each does reaches\n"
        "everyone in the room in one gathered flush a tick.\n"
        "\n"
        "usage: roomd [-c FILE] [-t] [-l LISTEN] [--help] [--version]\n"
        "       roomd ticket --user USER --secret-file FILE [...]   (roomd ticket --help says more)\n"
        "\n"
        "  -c, --config FILE    read the config from FILE (without it: one room `lobby` on 127.0.0.1:7777)\n"
        "  -t, --test           check the config, say OK or the line and what is wrong, and end\n"
        "  -l, --listen ADDR    listen there instead of where the config says: HOST:PORT, [IPV6]:PORT or\n"
        "                       unix:PATH; port 0 is any free one; the address in use is logged\n"
        "  -h, --help           this, and every key of the config\n"
        "  -V, --version        the version\n"
        "\n"
        "SIGTERM and SIGINT end it gently, a second one at once. SIGHUP reads the config again. SIGUSR1 "
        "logs\n"
        "the counters. Exit status: 0, 1 when it can't start or was forced, 2 for wrong usage.\n"
        "\n",
        out);
}

/* -1: go on; otherwise the exit status. */
static int options_parse(struct options *options, int argc, char **argv)
{
    enum { HELP_MARKDOWN = 256 };
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"test", no_argument, NULL, 't'},
        {"listen", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"help-markdown", no_argument, NULL, HELP_MARKDOWN}, /* the README's list of keys */
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:tl:hV", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config_path = optarg;
            break;
        case 't':
            options->only_checks = true;
            break;
        case 'l':
            options->listen = optarg;
            break;
        case 'h':
            print_usage(stdout);
            config_print_help(stdout);
            return 0;
        case 'V':
            puts("roomd " ROOMD_VERSION);
            return 0;
        case HELP_MARKDOWN:
            config_print_markdown(stdout);
            return 0;
        default:
            print_usage(stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "roomd: unexpected argument: %s\n", argv[optind]);
        return 2;
    }
    return -1;
}

static int check_config(const struct options *options)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];

    if (server_load_config(&config, options->config_path, options->listen, error) < 0) {
        fprintf(stderr, "roomd: %s\n", error);
        content_unload_all();
        return 1;
    }
    printf("OK: %u room%s, %u template%s\n", config.room_count, config.room_count == 1 ? "" : "s",
           config.template_count, config.template_count == 1 ? "" : "s");
    config_fini(&config);
    content_unload_all();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "ticket") == 0) {
        return ticket_command(argc - 1, argv + 1);
    }

    struct options options = {0};
    int status = options_parse(&options, argc, argv);

    if (status >= 0) {
        return status;
    }
    if (options.only_checks) {
        return check_config(&options);
    }

    memory_tune();

    struct server *server = memory_take(sizeof(*server));

    if (server == NULL) {
        fputs("roomd: no memory\n", stderr);
        return 1;
    }
    if (sandbox_begin() < 0) {
        perror("roomd: no_new_privs");
        memory_give(server);
        return 1;
    }
    if (server_init(server, options.config_path, options.listen) < 0) {
        memory_give(server);
        return 1;
    }
    status = server_run(server);
    server_fini(server);
    memory_give(server);
    return status;
}
