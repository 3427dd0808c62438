#include "dummy-client/options.h"

#include "dummy-client/message.h"

#include "roomd/wire.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOMS_MAX = 100000 };
static const uint32_t clients_without_source = 20000; /* one address has some 28,000 ports to connect from */

enum option_type { OPTION_COUNT, OPTION_REAL, OPTION_TEXT, OPTION_FLAG };

struct option_row {
    const char *name;
    char letter; /* 0: none */
    enum option_type type;
    size_t offset;
    const char *value; /* what --help calls it */
    const char *preset;
    double least;
    double most;
    const char *help;
};

#define FIELD(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    {"clients", 'n', OPTION_COUNT, FIELD(clients), "N", "100", 1, 1000000, "clients to bring"},
    {"rate", 'r', OPTION_REAL, FIELD(rate), "N", "4", 0, 1000,
     "messages, or moves, a second of each client; 0: the clients only stay"},
    {"size", 's', OPTION_COUNT, FIELD(text_bytes), "BYTES", "32", PLAY_BABBLE_BYTES_LEAST,
     MESSAGE_TEXT_BYTES_MAX, "of a message's text, an even number from 32; for --play babble from 2 to 1000"},
    {"duration", 'd', OPTION_REAL, FIELD(window_s), "SECONDS", "10", 0.1, 86400,
     "how long to send once all are in"},
    {"rooms", 0, OPTION_TEXT, FIELD(rooms_text), "A,B,C", NULL, 0, 0,
     "client i goes to the i-th of them, counted round; without it, the server's own choice"},
    {"ramp", 0, OPTION_REAL, FIELD(ramp), "N", "5000", 1, 1000000, "clients to connect a second"},
    {"spread", 0, OPTION_FLAG, FIELD(is_spread), NULL, NULL, 0, 0,
     "the clients' turns lie evenly over the period (this is the default)"},
    {"burst", 0, OPTION_FLAG, FIELD(is_burst), NULL, NULL, 0, 0, "all clients send at the period's start"},
    {"connect", 0, OPTION_TEXT, FIELD(connect_text), "ADDR", "127.0.0.1:7777", 0, 0,
     "HOST:PORT, [IPV6]:PORT or unix:PATH"},
    {"anywhere", 0, OPTION_FLAG, FIELD(is_anywhere), NULL, NULL, 0, 0,
     "allow an address that is not this machine's own"},
    {"source", 0, OPTION_TEXT, FIELD(source_text), "NETWORK", NULL, 0, 0,
     "bind the clients to successive addresses, for instance of 127.0.0.0/8"},
    {"rcvbuf", 0, OPTION_COUNT, FIELD(rcvbuf_bytes), "BYTES", "0", 0, 1 << 30,
     "receive buffer of each socket; 0: the kernel tunes it"},
    {"drain", 0, OPTION_REAL, FIELD(drain_s), "SECONDS", "10", 0, 3600,
     "how long to wait at the end for what is missing"},
    {"pid", 0, OPTION_COUNT, FIELD(pid), "PID", "0", 0, 1 << 30,
     "report this process's CPU time and memory too"},
    {"json", 0, OPTION_FLAG, FIELD(is_json), NULL, NULL, 0, 0,
     "print one JSON object instead of the summary"},
    {"quiet", 'q', OPTION_FLAG, FIELD(is_quiet), NULL, NULL, 0, 0, "no progress line, no summary"},
    {"trunc-check", 0, OPTION_COUNT, FIELD(trunc_check), "K", "0", 0, 1000000,
     "verify K clients a room by bytes; the others' bytes are only counted (0: verify all)"},
    {"echo", 0, OPTION_FLAG, FIELD(is_echo), NULL, NULL, 0, 0,
     "the peer parses nothing and returns each group's bytes to the group"},
    {"slow", 0, OPTION_COUNT, FIELD(slow), "K", "0", 0, 1000000,
     "K clients stop reading once they are in (and say nothing)"},
    {"dribble", 0, OPTION_COUNT, FIELD(dribble), "K", "0", 0, 1000000, "K clients send byte by byte"},
    {"churn", 0, OPTION_REAL, FIELD(churn), "N", "0", 0, 100000,
     "so many clients a second leave and come back, by turns by C_LEAVE and by closing"},
    {"garbage", 0, OPTION_COUNT, FIELD(garbage), "K", "0", 0, 1000000,
     "K clients send nonsense, and come back when they are thrown out"},
    {"flood", 0, OPTION_COUNT, FIELD(flood), "K", "0", 0, 1000000,
     "K clients send as many small packets as their sockets take, and come back as well"},
    {"mute", 0, OPTION_COUNT, FIELD(mute), "K", "0", 0, 1000000,
     "K clients come in and never send anything again, no answer to S_PING either"},
    {"pause", 0, OPTION_COUNT, FIELD(pause), "K", "0", 0, 1000000,
     "K clients stop reading now and then, and read on; for rooms with slow = skip"},
    {"pause-seconds", 0, OPTION_REAL, FIELD(pause_s), "S", "3", 0.1, 3600,
     "how long who pauses does not read, and then reads for twice as long"},
    {"ticket-keys", 0, OPTION_TEXT, FIELD(ticket_keys_text), "FILE", NULL, 0, 0,
     "the server's secret_file: each client makes a ticket, as user dummy-0, dummy-1 and so on"},
    {"play", 0, OPTION_TEXT, FIELD(play_text), "KIND", "chat", 0, 0,
     "chat; babble (the same, not verified); in a world: roam, crowd, fight"},
    {"data", 0, OPTION_TEXT, FIELD(data_text), "DIR", NULL, 0, 0,
     "where the maps (*.map) are; without it, players walk into walls and are put back"},
    {"travel", 0, OPTION_REAL, FIELD(travel_s), "SECONDS", "60", 0, 86400,
     "about how long who roams stays in a room before it seeks a portal; 0: for good"},
    {"help", 'h', OPTION_FLAG, FIELD(is_help), NULL, NULL, 0, 0, "print this"},
    {"version", 'V', OPTION_FLAG, FIELD(is_version), NULL, NULL, 0, 0, "print the version"},
};
static const size_t row_count = sizeof(rows) / sizeof(rows[0]);

static enum options_result complain(const char *what, const char *name, const char *value)
{
    fprintf(stderr, "dummy-client: %s: %s%s%s\n", what, name, value ? " " : "", value ? value : "");
    return OPTIONS_BAD;
}

static bool set_value(struct options *options, const struct option_row *row, const char *text)
{
    void *field = (char *)options + row->offset;
    char *end;

    if (row->type == OPTION_FLAG) {
        *(bool *)field = true;
        return true;
    }
    if (row->type == OPTION_TEXT) {
        *(const char **)field = text;
        return true;
    }
    bool begins_as_number = (text[0] >= '0' && text[0] <= '9') || text[0] == '.';
    double number = strtod(text, &end);
    if (!begins_as_number || end == text || *end || !isfinite(number) || number < row->least ||
        number > row->most) {
        return false;
    }
    if (row->type == OPTION_COUNT) {
        *(uint32_t *)field = (uint32_t)number;
        return number == (double)(uint32_t)number;
    }
    *(double *)field = number;
    return true;
}

static const struct option_row *find_long(const char *name, size_t length)
{
    for (size_t i = 0; i < row_count; i++) {
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static const struct option_row *find_letter(char letter)
{
    for (size_t i = 0; letter && i < row_count; i++) {
        if (rows[i].letter == letter) {
            return &rows[i];
        }
    }
    return NULL;
}

static enum options_result parse_arguments(struct options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        const struct option_row *row;
        const char *value = NULL;

        if (argument[0] == '-' && argument[1] == '-') {
            const char *equals = strchr(argument, '=');
            row = find_long(argument + 2, equals ? (size_t)(equals - argument - 2) : strlen(argument + 2));
            value = equals ? equals + 1 : NULL;
        } else {
            row = argument[0] == '-' ? find_letter(argument[1]) : NULL;
            value = row && argument[2] ? argument + 2 : NULL;
        }
        if (!row) {
            return complain("unknown option (see --help)", argument, NULL);
        }
        if (row->type == OPTION_FLAG && value) {
            return complain("option takes no value", argument, NULL);
        }
        if (row->type != OPTION_FLAG && !value) {
            if (++i == argc) {
                return complain("option needs a value", argument, NULL);
            }
            value = argv[i];
        }
        if (!set_value(options, row, value)) {
            return complain("value not allowed", argument, value);
        }
    }
    return OPTIONS_RUN;
}

/* Splits A,B,C into `rooms`. */
static enum options_result split_rooms(struct options *options)
{
    const char *text = options->rooms_text;
    size_t count = 1;

    if (!text) {
        options->room_count = 1;
        return OPTIONS_RUN;
    }
    for (const char *comma = strchr(text, ','); comma; comma = strchr(comma + 1, ',')) {
        count++;
    }
    if (count > ROOMS_MAX) {
        return complain("too many rooms", "--rooms", NULL);
    }
    options->rooms = calloc(count, sizeof(options->rooms[0]));
    while (options->rooms && options->room_count < count) {
        size_t length = strcspn(text, ",");
        if (length == 0 || length > ROOMD_NAME_BYTES_MAX) {
            return complain("a room's name has 1 to 64 bytes", "--rooms", options->rooms_text);
        }
        char *name = strndup(text, length);
        if (!name) {
            break;
        }
        options->rooms[options->room_count++] = name;
        text += length + (text[length] == ',');
    }
    return options->room_count == count ? OPTIONS_RUN : complain("out of memory", "--rooms", NULL);
}

static enum options_result settle_addresses(struct options *options)
{
    if (address_parse(&options->target, options->connect_text) != 0) {
        return complain("not HOST:PORT, [IPV6]:PORT or unix:PATH", "--connect", options->connect_text);
    }
    if (!options->is_anywhere && !address_is_local(&options->target)) {
        return complain("not an address of this machine; if it is meant, say --anywhere", "--connect",
                        options->connect_text);
    }
    bool is_ipv4 = options->target.storage.ss_family == AF_INET;
    options->clients_per_source = 1;
    if (options->source_text) {
        if (source_parse(&options->source, options->source_text) != 0) {
            return complain("not A.B.C.D/BITS", "--source", options->source_text);
        }
        return is_ipv4 ? OPTIONS_RUN : complain("--connect is not an IPv4 address", "--source", NULL);
    }
    if (options->clients > clients_without_source && is_ipv4 && address_is_local(&options->target)) {
        options->clients_per_source = clients_without_source;
        return source_parse(&options->source, "127.0.0.0/8") == 0 ? OPTIONS_RUN : OPTIONS_BAD;
    }
    return OPTIONS_RUN;
}

/* Who plays behaves, but that it may pause; and its server's packets are those of a world. */
static enum options_result check_play(struct options *options)
{
    bool is_odd = options->slow > 0 || options->dribble > 0 || options->garbage > 0 || options->flood > 0 ||
                  options->mute > 0 || options->churn > 0;

    if (!play_kind_parse(options->play_text, &options->play)) {
        return complain("not chat, babble, roam, crowd or fight", "--play", options->play_text);
    }
    if (options->play == PLAY_CHAT && options->text_bytes < MESSAGE_TEXT_BYTES_LEAST) {
        return complain("too small for a message that can be verified", "--size", NULL);
    }
    if (options->play == PLAY_BABBLE && options->text_bytes > PLAY_BABBLE_BYTES_MAX) {
        return complain("too large to babble", "--size", NULL);
    }
    if (options->play != PLAY_CHAT && (is_odd || options->is_echo || options->trunc_check > 0)) {
        return complain(
            "cannot be had together with --slow, --dribble, --garbage, --flood, --mute, --churn, --echo, "
            "--trunc-check",
            "--play", options->play_text);
    }
    if (options->data_text && (options->play == PLAY_CHAT || options->play == PLAY_BABBLE)) {
        return complain("who talks needs no map", "--data", NULL);
    }
    return OPTIONS_RUN;
}

static enum options_result check_together(const struct options *options)
{
    if (options->text_bytes % 2 != 0) {
        return complain("must be even: the text is UTF-16", "--size", NULL);
    }
    if (options->is_spread && options->is_burst) {
        return complain("cannot be had together", "--spread --burst", NULL);
    }
    uint64_t odd = (uint64_t)options->slow + options->dribble + options->garbage + options->flood +
                   options->mute + options->pause;
    if (odd > options->clients) {
        return complain("more than there are clients", "--slow --dribble --garbage --flood --mute --pause",
                        NULL);
    }
    if (options->is_echo && (odd > 0 || options->churn > 0 || options->ticket_keys_text)) {
        return complain("an echoing peer has no rooms to misbehave in, and takes no tickets", "--echo", NULL);
    }
    if (options->trunc_check > 0 && (odd > 0 || options->churn > 0)) {
        return complain("counting bytes needs clients that stay and behave", "--trunc-check", NULL);
    }
    if (options->churn > 0 && options->rate <= 0) {
        return complain("needs a rate above 0", "--churn", NULL);
    }
    if (options->play == PLAY_CHAT && options->rate * options->window_s >= MESSAGE_SEQUENCE_MAX) {
        return complain("more messages of one client than can be numbered", "--rate x --duration", NULL);
    }
    return OPTIONS_RUN;
}

static void print_help(void)
{
    printf(
        "Usage: dummy-client [OPTION]...\n"
        "Brings clients into the rooms of a roomd server, lets each of them talk, and verifies that every\n"
        "message reaches everybody in the room, in order, once; or lets them play in a world, and verifies\n"
        "that what each is told of it fits together. The exit status is 0 only then; 1 if it does not, 2\n"
        "for options that make no sense.\n\n");
    for (size_t i = 0; i < row_count; i++) {
        char left[64];
        const char *preset = rows[i].preset;

        if (rows[i].letter) {
            snprintf(left, sizeof(left), "-%c, --%s %s", rows[i].letter, rows[i].name,
                     rows[i].value ? rows[i].value : "");
        } else {
            snprintf(left, sizeof(left), "    --%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
        }
        printf("  %-24s %s", left, rows[i].help);
        if (preset && strcmp(preset, "0") != 0) {
            printf(" (%s)", preset);
        }
        printf("\n");
    }
}

enum options_result options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){0};
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].preset && !set_value(options, &rows[i], rows[i].preset)) {
            return complain("default not allowed", rows[i].name, rows[i].preset);
        }
    }
    enum options_result result = parse_arguments(options, argc, argv);
    if (result == OPTIONS_RUN && options->is_help) {
        print_help();
        return OPTIONS_DONE;
    }
    if (result == OPTIONS_RUN && options->is_version) {
        printf("dummy-client %s, wire version %u\n", ROOMD_VERSION, ROOMD_WIRE_VERSION);
        return OPTIONS_DONE;
    }
    if (result == OPTIONS_RUN) {
        result = check_play(options);
    }
    if (result == OPTIONS_RUN) {
        result = check_together(options);
    }
    if (result == OPTIONS_RUN) {
        result = split_rooms(options);
    }
    return result == OPTIONS_RUN ? settle_addresses(options) : result;
}

void options_fini(struct options *options)
{
    for (uint32_t i = 0; options->rooms && i < options->room_count; i++) {
        free(options->rooms[i]);
    }
    free(options->rooms);
    options->rooms = NULL;
}
