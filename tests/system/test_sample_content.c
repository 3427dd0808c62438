/*
 * The sample module, built as its reader would build it: by its own CMakeLists.txt, against the installed headers
 * alone. Then it is played over bare sockets; and modules that are wrong are refused by name.
 */
#include "support/module.h"
#include "support/system.h"

#include <roomd/content.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { C_DIG = 1, S_DUG = 2, S_BURIED = 3, S_POINTS = 4, BUILD_MS = 60000, PATH_BYTES = 256 };

static char module_path[PATH_BYTES];

static void run(const char *const argv[])
{
    struct process_result result;

    process_run(&result, argv, BUILD_MS);
    if (result.exit_status != 0) {
        fail_msg("%s %s: %d\n%s%s", argv[1], argv[2], result.exit_status, result.out, result.err);
    }
    process_result_free(&result);
}

static void path_in(const char *name, char *out, size_t size)
{
    assert_in_range(snprintf(out, size, "%s/%s", module_directory(), name), 1, size - 1);
}

/* Of all of roomd it sees only what an installation has. */
static int setup(void **state)
{
    char prefix[PATH_BYTES];
    char build[PATH_BYTES];
    char source[PATH_BYTES];
    char define[PATH_BYTES + 32];
    char cache[PATH_BYTES];
    char wanted[2 * PATH_BYTES];
    char *text;

    if (module_setup(state) != 0) {
        return 1;
    }
    path_in("installed", prefix, sizeof(prefix));
    path_in("build", build, sizeof(build));
    path_in("build/treasure.so", module_path, sizeof(module_path));
    path_in("source", source, sizeof(source));
    path_in("build/CMakeCache.txt", cache, sizeof(cache));
    snprintf(define, sizeof(define), "-DCMAKE_PREFIX_PATH=%s", prefix);
    run((const char *const[]){"/usr/bin/env", "cmake", "--install", ROOMD_BUILD_DIR, "--prefix", prefix,
                              NULL});
    run((const char *const[]){"/usr/bin/env", "cp", "-R", ROOMD_SOURCE_DIR "/tools/sample-content", source,
                              NULL});
    run((const char *const[]){"/usr/bin/env", "cmake", "-S", source, "-B", build, define, NULL});
    run((const char *const[]){"/usr/bin/env", "cmake", "--build", build, NULL});
    text = file_read_from(cache, 0);
    snprintf(wanted, sizeof(wanted), "ROOMD_INCLUDE_DIR:PATH=%s/include\n", prefix);
    assert_non_null(strstr(text, wanted));
    free(text);
    return 0;
}

/* ---- it plays ---- */

static void dig(struct peer *peer, uint16_t spot)
{
    uint8_t payload[2];

    roomd_put_u16(payload, spot);
    peer_send_packet(peer, C_DIG, payload, sizeof(payload));
}

static void expect_buried(struct peer *peer)
{
    struct packet packet = peer_expect_packet(peer, S_BURIED);

    assert_int_equal(packet.payload_bytes, 2);
    assert_int_equal(roomd_get_u16(packet.payload), 3);
}

/* Returns whether it was there. */
static bool expect_dug(struct peer *peer, uint32_t player, uint16_t spot)
{
    struct packet packet = peer_expect_packet(peer, S_DUG);

    assert_int_equal(packet.payload_bytes, 7);
    assert_int_equal(roomd_get_u32(packet.payload), player);
    assert_int_equal(roomd_get_u16(packet.payload + 4), spot);
    return packet.payload[6] == 1;
}

static void expect_points(struct peer *peer, uint32_t player, uint32_t points)
{
    struct packet packet = peer_expect_packet(peer, S_POINTS);

    assert_int_equal(packet.payload_bytes, 8);
    assert_int_equal(roomd_get_u32(packet.payload), player);
    assert_int_equal(roomd_get_u32(packet.payload + 4), points);
}

/* One who has said hello and is in the room, which says what its content is. */
static struct peer *player_enter(struct daemon *daemon)
{
    struct peer *peer = peer_connect(daemon);
    struct packet packet;

    peer_hello(peer);
    peer_send_join(peer, "island");
    packet = peer_expect_packet(peer, ROOMD_S_JOINED);
    assert_non_null(memmem(packet.payload, packet.payload_bytes, "\x06\0island\x08\0treasure", 18));
    return peer;
}

static void the_sample_is_played(void **state)
{
    char config[4 * PATH_BYTES];
    struct daemon *daemon;
    struct peer *one;
    struct peer *two;

    (void)state;
    snprintf(config, sizeof(config),
             "[room island]\ncontent = %s\ntick = 20ms\nspots = 3\nseed = 5\n"
             "[room second]\ncontent = %s\n",
             module_path, module_path);
    daemon = daemon_start(config);
    one = player_enter(daemon);
    two = player_enter(daemon);
    expect_buried(one); /* half a second after the server's start, or at once for one who comes later */
    expect_buried(two);
    for (uint32_t points = 1; points <= 3; points++) {
        uint16_t spot = 0;
        bool is_found = false;

        while (!is_found) {
            assert_true(++spot <= 3);
            dig(two, spot);
            is_found = expect_dug(two, two->player, spot);
            assert_int_equal(expect_dug(one, two->player, spot), is_found);
        }
        expect_points(two, two->player, points);
        expect_buried(one);
        expect_buried(two);
    }
    dig(one, 0);
    peer_expect_error(one, ROOMD_ERROR_REFUSED);
    dig(one, 4);
    peer_expect_error(one, ROOMD_ERROR_REFUSED);
    peer_send_packet(one, 99, NULL, 0);
    peer_expect_error(one, ROOMD_ERROR_UNKNOWN_PACKET);
    peer_send_packet(one, C_DIG, "abc", 3);
    peer_expect_error(one, ROOMD_ERROR_MALFORMED);
    daemon_signal(daemon, SIGUSR1);
    daemon_expect_log(daemon, "event=counters", " treasures_found=3");
    peer_close(one);
    peer_close(two);
    daemon_stop(daemon);
}

/* ---- what is refused ---- */

/* roomd -t of this config's text. */
static struct process_result check_config(const char *text)
{
    char path[PATH_BYTES];
    struct process_result result;
    FILE *file;

    path_in("roomd.conf", path, sizeof(path));
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    process_run(&result, (const char *const[]){ROOMD_BINARY, "-t", "-c", path, NULL}, WAIT_LONG_MS);
    return result;
}

static void expect_refused(const char *text, const char *first, const char *second)
{
    struct process_result result = check_config(text);

    assert_int_equal(result.exit_status, 1);
    if (strstr(result.err, first) == NULL || strstr(result.err, second) == NULL) {
        fail_msg("\"%s\" does not say %s and %s", result.err, first, second);
    }
    process_result_free(&result);
}

static void its_options_are_checked(void **state)
{
    static const struct {
        const char *line;
        const char *why;
    } wrong[] = {
        {"spots = 0", "spots"}, {"spots = 1001", "spots"}, {"spots = many", "spots"}, {"spot = 3", "spots"}};
    char text[4 * PATH_BYTES];
    struct process_result result;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(text, sizeof(text), "[room island]\ncontent = %s\n%s\n", module_path, wrong[i].line);
        expect_refused(text, "roomd.conf:3:", wrong[i].why);
    }
    /* From the config's directory, and from module_dir. */
    result = check_config("[room island]\ncontent = build/treasure.so\nspots = 1000\n");
    assert_string_equal(result.err, "");
    assert_int_equal(result.exit_status, 0);
    process_result_free(&result);
    result = check_config("[server]\nmodule_dir = build\n[room island]\ncontent = treasure\nspots = 1\n");
    assert_string_equal(result.err, "");
    assert_int_equal(result.exit_status, 0);
    process_result_free(&result);
}

static void modules_of_another_kind_are_refused(void **state)
{
    char path[MODULE_PATH_BYTES];

    (void)state;
    module_build("later",
                 "static const struct roomd_content table = {.abi = 2, .size = sizeof(table)};\n"
                 "const struct roomd_content *roomd_module(void) { return &table; }\n",
                 path);
    expect_refused("[room a]\ncontent = ./later.so\n",
                   "later.so: ", "made for version 2 of the content ABI, this server has version 1");
    module_build("other", "int something_else(void);\nint something_else(void) { return 0; }\n", path);
    expect_refused("[room a]\ncontent = ./other.so\n", "other.so: ", "does not export roomd_module");
    module_build("lost",
                 "int not_there(void);\n"
                 "const struct roomd_content *roomd_module(void) { not_there(); return NULL; }\n",
                 path);
    expect_refused("[room a]\ncontent = ./lost.so\n", "lost.so", "not_there");
    expect_refused("[room a]\ncontent = ./missing.so\n", "roomd.conf:2:", "missing.so");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(the_sample_is_played),
        SYSTEM_TEST(its_options_are_checked),
        SYSTEM_TEST(modules_of_another_kind_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, module_teardown);
}
