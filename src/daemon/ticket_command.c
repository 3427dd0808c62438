#include "daemon/ticket_command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/wall_clock.h"
#include "daemon/config_internal.h"
#include "daemon/door.h"

struct ticket_options {
    const char *user;
    const char *name; /* NULL: the user's id */
    const char *room; /* NULL: any */
    const char *kid;  /* NULL: the first of the file */
    const char *secret_file;
    uint64_t ttl_ns;
};

/* Read as the config's durations are. */
static const struct config_key ttl_key = {.name = "ttl",
                                          .type = CONFIG_NUMBER,
                                          .unit = CONFIG_NS,
                                          .default_text = "60s",
                                          .least = NS_PER_S,
                                          .most = 8760 * 3600 * NS_PER_S,
                                          .offset = offsetof(struct ticket_options, ttl_ns),
                                          .size = sizeof(uint64_t)};

static void print_usage(FILE *out)
{
    fputs(
        "roomd ticket: makes a ticket, with which a player comes in where secret_file is set.\n"
        "\n"
        "usage: roomd ticket --user USER --secret-file FILE [--name NAME] [--room ROOM] [--ttl TIME] [--kid "
        "KID]\n"
        "\n"
        "  --user USER          who it is, 1 to 64 bytes; one session each\n"
        "  --secret-file FILE   the file that secret_file names: lines `kid secret`\n"
        "  --name NAME          what others call the user (without it: USER)\n"
        "  --room ROOM          the one room, or the template whose rooms, it is good for (without it: any)\n"
        "  --ttl TIME           how long it is good for, 1s to 8760h (without it: 60s)\n"
        "  --kid KID            the key to sign it with (without it: the first in the file)\n"
        "\n"
        "It is good once. Exit status: 0, 1 when it can't be made, 2 for wrong usage.\n",
        out);
}

/* -1: go on; otherwise the exit status. */
static int options_parse(struct ticket_options *options, int argc, char **argv)
{
    static const struct option long_options[] = {
        {"user", required_argument, NULL, 'u'}, {"secret-file", required_argument, NULL, 's'},
        {"name", required_argument, NULL, 'n'}, {"room", required_argument, NULL, 'r'},
        {"ttl", required_argument, NULL, 't'},  {"kid", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    char why[CONFIG_VALUE_TEXT_BYTES];
    const char *ttl = ttl_key.default_text;
    int option;

    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case 'u':
            options->user = optarg;
            break;
        case 's':
            options->secret_file = optarg;
            break;
        case 'n':
            options->name = optarg;
            break;
        case 'r':
            options->room = optarg;
            break;
        case 't':
            ttl = optarg;
            break;
        case 'k':
            options->kid = optarg;
            break;
        case 'h':
            print_usage(stdout);
            return 0;
        default:
            print_usage(stderr);
            return 2;
        }
    }
    if (optind < argc || options->user == NULL || options->secret_file == NULL) {
        print_usage(stderr);
        return 2;
    }
    if (config_value_read(&ttl_key, options, ttl, why, sizeof(why)) < 0) {
        fprintf(stderr, "roomd ticket: --ttl %s: %s\n", ttl, why);
        return 2;
    }
    return -1;
}

/* An option's text into a ticket's field. False: it is too long for any ticket. */
static bool take_text(char out[TICKET_TEXT_BYTES_MAX + 1], const char *text)
{
    size_t size = strlen(text);

    if (size > TICKET_TEXT_BYTES_MAX) {
        return false;
    }
    memcpy(out, text, size + 1);
    return true;
}

/* 0 or the exit status. */
static int ticket_fill(struct ticket *ticket, const struct ticket_options *options)
{
    const char *name = options->name == NULL ? options->user : options->name;

    ticket->expiry_s = wall_clock_s() + (options->ttl_ns + NS_PER_S - 1) / NS_PER_S;
    if (getrandom(&ticket->nonce, sizeof(ticket->nonce), 0) != (ssize_t)sizeof(ticket->nonce)) {
        fprintf(stderr, "roomd ticket: no random number: %s\n", strerror(errno));
        return 1;
    }
    if (!take_text(ticket->user, options->user) || !take_text(ticket->name, name) ||
        !take_text(ticket->room, options->room == NULL ? "" : options->room)) {
        fprintf(stderr, "roomd ticket: a text is longer than %d bytes\n", TICKET_TEXT_BYTES_MAX);
        return 2;
    }
    return 0;
}

static int ticket_print(const struct ticket_keys *keys, const struct ticket_options *options)
{
    const struct ticket_key *key =
        options->kid == NULL ? &keys->keys[0] : ticket_keys_find(keys, options->kid, strlen(options->kid));
    char text[TICKET_BYTES_MAX];
    struct ticket ticket;
    int status = ticket_fill(&ticket, options);

    if (status != 0) {
        return status;
    }
    if (key == NULL) {
        fprintf(stderr, "roomd ticket: %s holds no key of the id %s\n", options->secret_file, options->kid);
        return 1;
    }

    size_t size = ticket_mint(key, &ticket, text);

    if (size == 0) {
        fputs(
            "roomd ticket: a user and a name are 1 to 64 bytes of UTF-8, a room at most 64, without control "
            "characters\n",
            stderr);
        return 2;
    }
    return printf("%.*s\n", (int)size, text) < 0 || fflush(stdout) != 0 ? 1 : 0;
}

int ticket_command(int argc, char **argv)
{
    struct ticket_options options = {0};
    struct ticket_keys keys;
    char error[CONFIG_ERROR_BYTES];
    int status = options_parse(&options, argc, argv);

    if (status >= 0) {
        return status;
    }
    if (door_read_keys(&keys, options.secret_file, error) < 0) {
        fprintf(stderr, "roomd ticket: %s\n", error);
        return 1;
    }
    status = ticket_print(&keys, &options);
    explicit_bzero(&keys, sizeof(keys));
    return status;
}
