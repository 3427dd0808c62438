/* What the tool was told to do: one table of options in options.c is parsed, checked and printed by --help.
 */
#ifndef DUMMY_CLIENT_OPTIONS_H
#define DUMMY_CLIENT_OPTIONS_H

#include "dummy-client/address.h"
#include "dummy-client/play_kind.h"

#include <stdbool.h>
#include <stdint.h>

struct options {
    uint32_t clients;
    double rate; /* messages a second, of each client */
    uint32_t text_bytes;
    double window_s;
    const char *rooms_text;
    double ramp; /* connects a second */
    bool is_spread;
    bool is_burst;
    const char *connect_text;
    const char *source_text;
    bool is_anywhere;
    bool is_json;
    double drain_s;
    uint32_t pid;
    bool is_echo;
    uint32_t trunc_check;
    uint32_t rcvbuf_bytes;
    uint32_t slow;
    uint32_t dribble;
    double churn; /* leaves a second, of all clients together */
    uint32_t garbage;
    uint32_t flood;
    uint32_t mute;
    uint32_t pause;
    double pause_s;               /* how long who pauses does not read */
    const char *ticket_keys_text; /* a file; NULL: no tickets */
    const char *play_text;
    const char *data_text; /* a directory; NULL: no maps */
    double travel_s;       /* between two portals of a client; 0: it takes none */
    bool is_quiet;
    bool is_help;
    bool is_version;

    /* Made of the above. */
    enum play_kind play;
    struct address target;
    struct source_network source;
    uint64_t clients_per_source;
    char **rooms; /* NULL: each client stays where the server puts it */
    uint32_t room_count;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_DONE, /* --help or --version has been printed */
    OPTIONS_BAD   /* one line on stderr has said why */
};

/*
 * Fills `options`, defaults included. `options` refers to the strings of `argv`. options_fini in any case; it
 * may be called on options that are all zero.
 */
enum options_result options_parse(struct options *options, int argc, char **argv);
void options_fini(struct options *options);

#endif
