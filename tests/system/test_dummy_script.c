/*
 * The load tool against a server that says what the test makes it say: what the tool answers, what it does not, and what
 * it makes of being told that it missed something.
 */
#include "support/system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "roomd/world.h"
#include "wire/control.h"

enum { SEATS_MAX = 2, ARGUMENTS_MAX = 32, SEAT_BYTES = 1 << 17, REPORT_BYTES = 8192, TICK_MS = 50 };
enum { RECEIVE_BYTES = 65536, FLOOD_READ = 600000 /* more than the sockets of both sides keep */ };

struct seat {
    int fd; /* -1: nobody */
    size_t size;
    size_t at;
    uint8_t bytes[SEAT_BYTES]; /* read and not taken: from `at` to `size` */
};

static struct script {
    bool is_open;
    int listen_fd;
    struct process tool;
    FILE *out;
    struct seat seats[SEATS_MAX];
} script;

/* Starts the tool with what `line` says, split at blanks. */
static void script_open(const char *line)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(in);
    int receive_bytes = RECEIVE_BYTES;
    char address[32];
    char words[256];
    const char *argv[ARGUMENTS_MAX] = {DUMMY_CLIENT_BINARY, "--json", "--connect", address};
    size_t count = 4;

    script.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(script.listen_fd >= 0);
    assert_int_equal(
        setsockopt(script.listen_fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)), 0);
    assert_int_equal(bind(script.listen_fd, (struct sockaddr *)&in, size), 0);
    assert_int_equal(listen(script.listen_fd, SEATS_MAX), 0);
    assert_int_equal(getsockname(script.listen_fd, (struct sockaddr *)&in, &size), 0);
    snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(in.sin_port));
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word != NULL && count + 1 < ARGUMENTS_MAX;
         word = strtok(NULL, " ")) {
        argv[count++] = word;
    }
    for (size_t i = 0; i < SEATS_MAX; i++) {
        script.seats[i].fd = -1;
    }
    script.out = tmpfile();
    assert_non_null(script.out);
    process_start(&script.tool, argv, fileno(script.out), STDERR_FILENO, 0);
    script.is_open = true;
}

static void seat_leave(struct seat *seat)
{
    if (seat->fd >= 0) {
        close(seat->fd);
    }
    seat->fd = -1;
}

/* Ends the tool if it has not ended. */
static void script_close(void)
{
    if (!script.is_open) {
        return;
    }
    script.is_open = false;
    process_kill(&script.tool);
    for (size_t i = 0; i < SEATS_MAX; i++) {
        seat_leave(&script.seats[i]);
    }
    close(script.listen_fd);
    fclose(script.out);
}

static int script_teardown(void **state)
{
    script_close();
    return system_teardown(state);
}

static void seat_take(struct seat *seat)
{
    assert_true(wait_fd(script.listen_fd, POLLIN, wait_deadline_ns(WAIT_LONG_MS)) != 0);
    seat->fd = accept4(script.listen_fd, NULL, NULL, SOCK_CLOEXEC);
    seat->size = seat->at = 0;
    assert_true(seat->fd >= 0);
}

static void seat_send(const struct seat *seat, const uint8_t *bytes, size_t size)
{
    assert_int_equal(send(seat->fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void seat_put(const struct seat *seat, uint16_t id, const void *payload, size_t size)
{
    uint8_t bytes[ROOMD_FRAME_BYTES_MAX];

    frame_put_header(bytes, id, size);
    if (size > 0) {
        memcpy(bytes + ROOMD_FRAME_HEADER_BYTES, payload, size);
    }
    seat_send(seat, bytes, ROOMD_FRAME_HEADER_BYTES + size);
}

/* Reads once, at most `most` bytes. False: the client has gone. */
static bool seat_read(struct seat *seat, size_t most)
{
    memmove(seat->bytes, seat->bytes + seat->at, seat->size - seat->at);
    seat->size -= seat->at;
    seat->at = 0;
    size_t room = SEAT_BYTES - seat->size;
    assert_true(wait_fd(seat->fd, POLLIN, wait_deadline_ns(WAIT_LONG_MS)) != 0);
    ssize_t got = recv(seat->fd, seat->bytes + seat->size, most < room ? most : room, 0);
    assert_true(got >= 0 || errno == ECONNRESET);
    seat->size += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Takes the next whole frame that was read; false: there is none. Valid until the seat is read again. */
static bool seat_next(struct seat *seat, struct frame *frame)
{
    struct frame_cursor cursor = {.data = seat->bytes, .size = seat->size, .pos = seat->at};
    enum frame_result result = frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, frame);

    assert_int_not_equal(result, FRAME_BAD);
    seat->at = cursor.pos;
    return result == FRAME_OK;
}

/* The next packet is this one. */
static struct control seat_expect(struct seat *seat, uint16_t id)
{
    struct control control;
    struct frame frame;

    while (!seat_next(seat, &frame)) {
        assert_true(seat_read(seat, SEAT_BYTES));
    }
    assert_int_equal(frame.id, id);
    assert_int_equal(control_decode(&frame, &control), 0);
    return control;
}

static void seat_tell_joined(const struct seat *seat, const char *content)
{
    uint8_t bytes[CONTROL_FRAME_BYTES_MAX];

    seat_send(seat, bytes, control_put_joined(bytes, 1, "lobby", content, TICK_MS));
}

static void seat_welcome(struct seat *seat)
{
    uint8_t bytes[CONTROL_FRAME_BYTES_MAX];

    seat_take(seat);
    seat_expect(seat, ROOMD_C_HELLO);
    seat_send(seat, bytes, control_put_welcome(bytes, (uint32_t)(1 + seat - script.seats), 1000));
}

static void seat_ping(const struct seat *seat, uint64_t token)
{
    uint8_t bytes[CONTROL_FRAME_BYTES_MAX];

    seat_send(seat, bytes, control_put_server_ping(bytes, token));
}

static void seat_resync(const struct seat *seat, uint32_t packets, uint32_t bytes_dropped)
{
    uint8_t bytes[CONTROL_FRAME_BYTES_MAX];

    seat_send(seat, bytes, control_put_resync(bytes, packets, bytes_dropped));
}

/* Waits for the tool's end with that status. Returns its report, until the next call. */
static const char *script_report(int status)
{
    static char report[REPORT_BYTES];

    assert_true(process_wait(&script.tool, 3 * WAIT_LONG_MS));
    rewind(script.out);
    size_t size = fread(report, 1, sizeof(report) - 1, script.out);
    report[size] = '\0';
    if (script.tool.exit_status != status) {
        fail_msg("ended with %d and said: %s", script.tool.exit_status, report);
    }
    return report;
}

static void expect_figure(const char *report, const char *key, uint64_t expected)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = strstr(report, quoted);
    assert_non_null(at);
    if (strtoull(at + strlen(quoted), NULL, 10) != expected) {
        fail_msg("%s is not %d: %s", key, (int)expected, report);
    }
}

static void a_ping_is_answered_with_its_number(void **state)
{
    static const char *const lines[] = {
        "-n 1 -r 0 -d 30",
        "-n 1 -r 0 -d 30 --dribble 1",
        "-n 1 -r 0 -d 30 --pause 1 --pause-seconds 0.1",
        "-n 1 -r 0 -d 30 --play babble",
        "-n 1 -r 0 -d 30 --play roam --pause 1 --pause-seconds 0.1",
    };
    struct seat *seat = &script.seats[0];

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        script_open(lines[i]);
        seat_welcome(seat);
        seat_ping(seat, 1); /* not in a room yet */
        assert_true(seat_expect(seat, ROOMD_C_PONG).ping.token == 1);
        seat_tell_joined(seat, "chat");
        for (uint64_t n = 2; n < 5; n++) {
            seat_ping(seat, n << 56 | n);
            assert_true(seat_expect(seat, ROOMD_C_PONG).ping.token == (n << 56 | n));
        }
        seat_ping(seat, 10);
        seat_ping(seat, 11);
        assert_true(seat_expect(seat, ROOMD_C_PONG).ping.token == 10);
        assert_true(seat_expect(seat, ROOMD_C_PONG).ping.token == 11);
        script_close();
    }
}

/* It has read the question when it reads the end. Being closed is what it asked for. */
static void who_is_mute_says_nothing(void **state)
{
    struct seat *seat = &script.seats[0];

    (void)state;
    script_open("-n 1 -r 50 -d 30 --mute 1");
    seat_welcome(seat);
    seat_tell_joined(seat, "chat");
    for (uint64_t n = 0; n < 10; n++) {
        seat_ping(seat, n);
        wait_sleep_ms(50);
    }
    shutdown(seat->fd, SHUT_WR);
    assert_false(seat_read(seat, SEAT_BYTES));
    const char *report = script_report(0);
    expect_figure(report, "connected", 1);
    expect_figure(report, "eof", 1);
    expect_figure(report, "sent", 0);
}

/* Whatever it is told it goes on, in whole packets however they are cut, and it comes back. */
static void who_floods_goes_on_and_comes_back(void **state)
{
    struct seat *seat = &script.seats[0];
    struct control control;
    struct frame frame;

    (void)state;
    script_open("-n 1 -d 30 --flood 1");
    for (int times = 0; times < 3; times++) {
        uint32_t packets = 0;
        size_t most = 1;

        seat_welcome(seat);
        seat_tell_joined(seat, "chat");
        wait_sleep_ms(200); /* until its socket takes no more */
        while (packets < FLOOD_READ) {
            most = most % 65536 + 777;
            assert_true(seat_read(seat, most));
            while (seat_next(seat, &frame)) {
                assert_int_equal(control_decode(&frame, &control), 0);
                assert_int_equal(frame.id, ROOMD_C_PING);
                packets++;
            }
            if (packets < 1000) {
                seat_ping(seat, packets);
            }
        }
        seat_leave(seat);
    }
}

/*
 * Echoes what the clients say to all, but for the 10th to the 19th message, which `missing` of them don't get. Each of
 * these is told of `told` messages too many. Returns when all have gone.
 */
static void chat_with_a_gap(size_t clients, size_t missing, int told)
{
    uint8_t said[256];
    uint32_t count = 0;
    uint32_t bytes = 0;
    struct frame frame;
    size_t left = clients;

    for (size_t i = 0; i < clients; i++) {
        seat_welcome(&script.seats[i]);
    }
    for (size_t i = 0; i < clients; i++) {
        seat_tell_joined(&script.seats[i], "chat");
    }
    while (left > 0) {
        struct pollfd fds[SEATS_MAX];

        for (size_t i = 0; i < clients; i++) {
            fds[i] = (struct pollfd){.fd = script.seats[i].fd, .events = POLLIN};
        }
        assert_true(poll(fds, clients, WAIT_LONG_MS) > 0);
        for (size_t i = 0; i < clients; i++) {
            if (fds[i].revents != 0 && !seat_read(&script.seats[i], SEAT_BYTES)) {
                seat_leave(&script.seats[i]);
                left--;
            }
            while (script.seats[i].fd >= 0 && seat_next(&script.seats[i], &frame)) {
                bool is_left_out = ++count >= 10 && count < 20;

                assert_int_equal(frame.id, ROOMD_C_CHAT);
                roomd_put_u32(said, (uint32_t)(i + 1));
                memcpy(said + 4, frame.payload, frame.payload_bytes);
                bytes = 10 * (ROOMD_FRAME_HEADER_BYTES + 4u + frame.payload_bytes);
                for (size_t to = 0; to < clients; to++) {
                    if (count == 20 && to < missing) {
                        seat_resync(&script.seats[to], (uint32_t)(10 + told),
                                    (uint32_t)((int)bytes / 10 * (10 + told)));
                    }
                    if (script.seats[to].fd >= 0 && !(is_left_out && to < missing)) {
                        seat_put(&script.seats[to], ROOMD_S_CHAT, said, 4u + frame.payload_bytes);
                    }
                }
            }
        }
    }
    assert_true(count > 20);
}

static void what_was_left_out_is_not_lost(void **state)
{
    (void)state;
    for (size_t missing = 1; missing <= 2; missing++) { /* with both of them, nobody has what they missed */
        script_open("-n 2 -r 20 -d 1");
        chat_with_a_gap(2, missing, 0);
        const char *report = script_report(0);
        expect_figure(report, "resyncs", missing);
        expect_figure(report, "packets_skipped", 10 * missing);
        expect_figure(report, "lost", 0);
        expect_figure(report, "miscounted", 0);
        script_close();
    }
}

static void what_is_not_as_told_fails_the_run(void **state)
{
    (void)state;
    for (int told = -1; told <= 1; told += 2) {
        for (size_t missing = 1; missing <= 2; missing++) {
            script_open("-n 2 -r 20 -d 1 --drain 3");
            chat_with_a_gap(2, missing, told);
            const char *report = script_report(1);
            expect_figure(report, "lost", told < 0 ? missing : 0);
            expect_figure(report, "doubled", 0);
            expect_figure(report, "miscounted", missing == 1 ? 1 : told > 0 ? 2 : 0);
            script_close();
        }
    }
}

static void seat_tell_list(const struct seat *seat)
{
    uint8_t list[2 + 17] = {1, 0, 1, 1, 0, 0, 0}; /* itself alone, in the middle */

    seat_put(seat, ROOMD_S_PLAYER_LIST, list, sizeof(list));
}

/* With `is_told`, as a world does it. */
static const char *miss_something_in_a_world(bool is_told, int status)
{
    struct seat *seat = &script.seats[0];
    struct frame frame;

    script_open("-n 1 -r 10 -d 2 --play roam");
    seat_welcome(seat);
    seat_tell_joined(seat, "field");
    seat_tell_list(seat);
    while (!seat_next(seat, &frame)) {
        assert_true(seat_read(seat, SEAT_BYTES)); /* it walks: its window has begun */
    }
    seat_resync(seat, 1234, 56789);
    if (is_told) {
        seat_put(seat, ROOMD_S_VIEW_RESET, NULL, 0);
        seat_tell_list(seat);
    }
    while (seat_read(seat, SEAT_BYTES)) {
        seat->size = 0;
    }
    const char *report = script_report(status);
    expect_figure(report, "resyncs", 1);
    expect_figure(report, "packets_skipped", 1234);
    expect_figure(report, "bytes_skipped", 56789);
    return report;
}

static void a_world_is_told_anew_after_a_gap(void **state)
{
    (void)state;
    expect_figure(miss_something_in_a_world(true, 0), "wrong_total", 0);
    script_close();
    expect_figure(miss_something_in_a_world(false, 1), "never_placed", 1);
}

#define SCRIPT_TEST(function) cmocka_unit_test_teardown(function, script_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(a_ping_is_answered_with_its_number), SCRIPT_TEST(who_is_mute_says_nothing),
        SCRIPT_TEST(who_floods_goes_on_and_comes_back),  SCRIPT_TEST(what_was_left_out_is_not_lost),
        SCRIPT_TEST(what_is_not_as_told_fails_the_run),  SCRIPT_TEST(a_world_is_told_anew_after_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
