#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "dummy-client/misbehave.h"
#include "dummy-client/options.h"
#include "roomd/wire.h"
#include "wire/control.h"

enum { ARGUMENTS_MAX = 24 };

/* Parses a command line that is split at blanks; what it says on stderr is of no interest here. */
static enum options_result parse(struct options *options, const char *line)
{
    static char words[512];
    char *argv[ARGUMENTS_MAX] = {(char *)"dummy-client"};
    int argc = 1;

    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word && argc < ARGUMENTS_MAX; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    enum options_result result = options_parse(options, argc, argv);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(null);
    return result;
}

static void without_options_the_defaults_hold(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options, ""), OPTIONS_RUN);
    assert_int_equal(options.clients, 100);
    assert_true(options.rate == 4 && options.window_s == 10 && options.drain_s == 10 && options.ramp == 5000);
    assert_int_equal(options.text_bytes, 32);
    assert_int_equal(options.room_count, 1);
    assert_null(options.rooms);
    assert_false(options.is_burst || options.is_json || options.is_echo || options.is_quiet);
    assert_int_equal(options.flood + options.mute + options.pause, 0);
    assert_true(options.pause_s == 3);
    assert_null(options.ticket_keys_text);
    assert_int_equal(options.source.count, 0);
    const struct sockaddr_in *in = (const struct sockaddr_in *)&options.target.storage;
    assert_int_equal(in->sin_family, AF_INET);
    assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(ntohs(in->sin_port), 7777);
    options_fini(&options);
}

static void values_come_in_every_usual_form(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(
        parse(&options, "-n 7 -r0.5 --size=64 -d 1.5 --rooms a,bc,d --burst --json --pid 1 --churn 2.5"),
        OPTIONS_RUN);
    assert_int_equal(options.clients, 7);
    assert_true(options.rate == 0.5 && options.window_s == 1.5 && options.churn == 2.5);
    assert_int_equal(options.text_bytes, 64);
    assert_true(options.is_burst && options.is_json);
    assert_int_equal(options.pid, 1);
    assert_int_equal(options.room_count, 3);
    assert_string_equal(options.rooms[0], "a");
    assert_string_equal(options.rooms[1], "bc");
    assert_string_equal(options.rooms[2], "d");
    options_fini(&options);
}

/* Every one of them. */
static void expect_refused(const char *const *lines, size_t count)
{
    struct options options;

    for (size_t i = 0; i < count; i++) {
        if (parse(&options, lines[i]) != OPTIONS_BAD) {
            fail_msg("accepted: %s", lines[i]);
        }
        options_fini(&options);
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    static const char *const lines[] = {
        "-n",
        "-n 0",
        "-n 1000001",
        "-n -5",
        "-n 1.5",
        "-n x",
        "-n 5x",
        "-n nan",
        "-r inf",
        "-r -1",
        "-d 0",
        "-s 30",
        "-s 33",
        "-s 65002",
        "--nonsense",
        "--nonsense=3",
        "-x",
        "nonsense",
        "-",
        "--",
        "--json=yes",
        "--spread --burst",
        "--rooms a,,b",
        "--rooms ,",
        "--rooms a,",
        "--connect nowhere",
        "--connect 127.0.0.1",
        "--connect 127.0.0.1:0",
        "--connect 127.0.0.1:65536",
        "--connect 127.0.0.1:7x",
        "--connect unix:",
        "--connect example.org:7777 --anywhere",
        "--source 127.0.0.0",
        "--source 127.0.0.0/33",
        "--source 127.0.0.0/0",
        "--source x/8",
        "--source 127.0.0.0/8 --connect unix:/tmp/x",
    };

    (void)state;
    expect_refused(lines, sizeof(lines) / sizeof(lines[0]));
}

static void what_does_not_go_together_is_refused(void **state)
{
    static const char *const lines[] = {
        "-n 10 --slow 5 --dribble 5 --garbage 1",
        "-n 10 --slow 5 --flood 6",
        "-n 10 --flood 5 --mute 6",
        "-n 10 --mute 5 --pause 6",
        "-n 10 --pause 11",
        "--pause 1 --pause-seconds 0",
        "--trunc-check 1 --pause 1",
        "--trunc-check 1 --flood 1",
        "--echo --mute 1",
        "--echo --pause 1",
        "--echo --ticket-keys keys",
        "--ticket-keys",
        "--trunc-check 1 --slow 1",
        "--trunc-check 1 --churn 1",
        "--echo --garbage 1",
        "--churn 1 -r 0",
        "-r 1000 -d 86400",
        "--play",
        "--play dance",
        "--play chat -s 30",
        "--play babble -s 1002",
        "--play babble -s 3",
        "--play roam --slow 1",
        "--play roam --dribble 1",
        "--play fight --garbage 1",
        "--play roam --flood 1",
        "--play babble --mute 1",
        "--play crowd --churn 1",
        "--play babble --echo",
        "--play roam --trunc-check 1",
        "--data /maps",
        "--play babble --data /maps",
    };

    (void)state;
    expect_refused(lines, sizeof(lines) / sizeof(lines[0]));
}

static void what_is_played_is_named(void **state)
{
    static const char *const names[] = {"chat", "roam", "fight", "crowd", "babble"};
    struct options options;
    char line[64];

    (void)state;
    assert_int_equal(parse(&options, ""), OPTIONS_RUN);
    assert_int_equal(options.play, PLAY_CHAT);
    assert_null(options.data_text);
    assert_true(options.travel_s == 60);
    options_fini(&options);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(line, sizeof(line), "--play %s", names[i]);
        assert_int_equal(parse(&options, line), OPTIONS_RUN);
        assert_string_equal(play_kind_name(options.play), names[i]);
        options_fini(&options);
    }
    assert_int_equal(
        parse(&options,
              "--play roam --data /maps --travel 0 -s 2 -r 1000 -d 86400 --pause 3 --ticket-keys k"),
        OPTIONS_RUN);
    assert_int_equal(options.pause, 3);
    assert_string_equal(options.ticket_keys_text, "k");
    assert_int_equal(options.play, PLAY_ROAM);
    assert_string_equal(options.data_text, "/maps");
    options_fini(&options);
    assert_int_equal(parse(&options, "--play babble -s 2"), OPTIONS_RUN);
    assert_int_equal(options.text_bytes, 2);
    options_fini(&options);
    assert_int_equal(parse(&options, "--play babble -s 1000"), OPTIONS_RUN);
    options_fini(&options);
}

static void a_stranger_is_never_hit_by_a_typo(void **state)
{
    static const struct {
        const char *address;
        bool is_local;
    } cases[] = {
        {"127.0.0.1:1", true},   {"127.255.3.4:7777", true},  {"localhost:80", true},
        {"[::1]:7777", true},    {"unix:/run/x", true},       {"128.0.0.1:7777", false},
        {"0.0.0.0:7777", false}, {"10.0.0.1:7777", false},    {"126.255.255.255:7777", false},
        {"[::]:7777", false},    {"[2001:db8::1]:80", false}, {"[::ffff:10.0.0.1]:80", false},
        {"192.0.2.1:80", false},
    };
    struct options options;
    char line[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(line, sizeof(line), "--connect %s", cases[i].address);
        assert_int_equal(parse(&options, line), cases[i].is_local ? OPTIONS_RUN : OPTIONS_BAD);
        options_fini(&options);
        snprintf(line, sizeof(line), "--anywhere --connect %s", cases[i].address);
        assert_int_equal(parse(&options, line), OPTIONS_RUN);
        options_fini(&options);
    }
}

static uint32_t host_of(const struct source_network *source, uint64_t i)
{
    struct address address = source_address(source, i);

    return ntohl(((struct sockaddr_in *)&address.storage)->sin_addr.s_addr);
}

static void sources_are_the_hosts_of_the_network_in_turn(void **state)
{
    struct options options;
    struct source_network source;

    (void)state;
    assert_int_equal(source_parse(&source, "127.1.2.3/30"), 0);
    assert_int_equal(source.count, 2);
    assert_int_equal(host_of(&source, 0), 0x7F010201);
    assert_int_equal(host_of(&source, 1), 0x7F010202);
    assert_int_equal(host_of(&source, 2), 0x7F010201);
    assert_int_equal(source_parse(&source, "127.0.0.5/32"), 0);
    assert_int_equal(host_of(&source, 99), 0x7F000005);
    assert_int_equal(parse(&options, "-n 20001"),
                     OPTIONS_RUN); /* by itself, when one address has too few ports */
    assert_int_equal(host_of(&options.source, 19999 / options.clients_per_source), 0x7F000001);
    assert_int_equal(host_of(&options.source, 20000 / options.clients_per_source), 0x7F000002);
    options_fini(&options);
}

static void the_first_clients_are_the_odd_ones(void **state)
{
    static const enum client_kind kinds[] = {
        CLIENT_SLOW,  CLIENT_SLOW, CLIENT_GARBAGE, CLIENT_DRIBBLE, CLIENT_FLOOD,    CLIENT_FLOOD,
        CLIENT_FLOOD, CLIENT_MUTE, CLIENT_PAUSE,   CLIENT_PAUSE,   CLIENT_ORDINARY, CLIENT_ORDINARY,
    };
    struct options options;

    (void)state;
    assert_int_equal(parse(&options, "-n 12 --pause 2 --mute 1 --flood 3 --slow 2 --garbage 1 --dribble 1"),
                     OPTIONS_RUN);
    for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_int_equal(misbehave_kind(&options, i), kinds[i]);
    }
    assert_int_equal(misbehave_awaited(&options), 12 - 3 - 1);
    options_fini(&options);
}

/* Small, whole and harmless to the others: nobody is told of them. */
static void a_flood_is_made_of_small_packets(void **state)
{
    static uint8_t bytes[FLOOD_PACKETS * FLOOD_PACKET_BYTES];
    struct frame_cursor cursor = {.data = bytes, .size = sizeof(bytes)};
    struct control control;
    struct frame frame;

    (void)state;
    assert_int_equal(flood_make(bytes), sizeof(bytes));
    for (int i = 0; i < FLOOD_PACKETS; i++) {
        assert_int_equal(frame_next(&cursor, 64, &frame), FRAME_OK);
        assert_int_equal(control_decode(&frame, &control), 0);
        assert_int_equal(control.id, ROOMD_C_PING);
    }
    assert_int_equal(cursor.pos, sizeof(bytes));
}

/* Walks garbage as a server does: nothing in it may be taken for something said in a room. */
static void garbage_is_never_a_word(void **state)
{
    uint64_t random = 1;
    uint8_t bytes[GARBAGE_BYTES_MAX];
    uint32_t impossible_sizes = 0;
    uint32_t cut_requests = 0;
    uint32_t open_ends = 0;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        size_t size = garbage_make(bytes, &random);
        size_t at = 0;

        assert_true(size > 0 && size <= sizeof(bytes));
        while (at + 4 <= size) {
            uint32_t frame = roomd_get_u16(bytes + at);
            uint32_t id = roomd_get_u16(bytes + at + 2);

            if (frame < 4) {
                impossible_sizes++;
                break;
            }
            if (frame > size - at) {
                open_ends++;
                break;
            }
            if (id == ROOMD_C_CHAT) {
                assert_true(frame >= 6 && roomd_get_u16(bytes + at + 4) > frame - 6);
            }
            cut_requests += id >= ROOMD_ENGINE_ID_FIRST && frame < 8;
            at += frame;
        }
    }
    assert_true(impossible_sizes > 10000 && cut_requests > 10000 && open_ends > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_the_defaults_hold),
        cmocka_unit_test(values_come_in_every_usual_form),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(what_is_played_is_named),
        cmocka_unit_test(a_stranger_is_never_hit_by_a_typo),
        cmocka_unit_test(sources_are_the_hosts_of_the_network_in_turn),
        cmocka_unit_test(the_first_clients_are_the_odd_ones),
        cmocka_unit_test(a_flood_is_made_of_small_packets),
        cmocka_unit_test(garbage_is_never_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
