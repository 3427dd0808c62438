/*
 * A server that may have 64 MiB, and whose address space ends a fifth above that, beside 500 clients who want it to keep
 * more than it has: who never read, leave frames unfinished, ask for lists, come and go. It must live, and honest players
 * must lose no word.
 */
#include "support/system.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MIB = 1024 * 1024,
    MEMORY_MAX = 64 * MIB,
    HOSTILES = 500,
    NARROW_BYTES = 2048,
    LISTED_ROOMS = 60,
    PARTIAL_BYTES = 60000,
    NOISE_BYTES_PER_STEP = 64 * 1024,
    CONNECTED_STEPS = 20,
    SHED_LEAST = 100,
    CONFIG_BYTES = 8192
};

/* How long it lasts: at least so long, until enough were shed, and no longer than that. */
#define ATTACK_LEAST_NS 5000000000u
#define ATTACK_MOST_MS  20000

enum kind {
    NEVER_READS,    /* in a room where there is noise */
    MAKES_NOISE,    /* and does not read it */
    LEAVES_FRAMES,  /* unfinished */
    ASKS_FOR_LISTS, /* of rooms, and does not read them */
    COMES_AND_GOES, /* from room to room */
    CONNECTS,       /* and hangs up, again and again */
    KIND_COUNT
};

struct hostile {
    enum kind kind;
    int fd;      /* -1: it has been closed, or refused, and comes again */
    size_t sent; /* bytes, or steps */
};

struct crowd {
    struct hostile each[HOSTILES];
    struct pollfd polls[HOSTILES];
    uint64_t closed;
    size_t noise_bytes; /* in this step */
};

static uint8_t words[65536]; /* whole packets of chat, again and again */
static size_t word_bytes;

static void config_write(char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size,
                                   "[server]\n"
                                   "memory_max = 64MiB\n"
                                   "frame_max = 65535\n"
                                   "frame_timeout = 60s\n"
                                   "hello_timeout = 60s\n"
                                   "packet_rate = 100000\n"
                                   "packet_burst = 100000\n"
                                   "input_rate = 64MiB\n"
                                   "input_burst = 64MiB\n"
                                   "flood_max = 1000000\n"
                                   "send_rate = 256MiB\n"
                                   "send_burst = 256MiB\n"
                                   "strikes_max = 255\n"
                                   "[room quiet]\n"
                                   "tick = 10ms\n"
                                   "[room noise]\n"
                                   "tick = 10ms\n"
                                   "outbox_bytes_max = 1GiB\n"
                                   "outbox_slices_max = 65535\n"
                                   "outbox_age_max = 60s\n");

    for (int i = 0; i < LISTED_ROOMS; i++) {
        used +=
            (size_t)snprintf(text + used, size - used, "[room a_room_with_a_name_of_some_length_%d]\n", i);
    }
    assert_true(used < size);
}

/* A descriptor that never waits, or -1. */
static int hostile_connect(const struct daemon *daemon)
{
    int fd = socket_connect_to(daemon_address(daemon), NARROW_BYTES);

    if (fd >= 0) {
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    }
    return fd < 0 ? -1 : fd;
}

static void hostile_leave(struct crowd *crowd, struct hostile *hostile)
{
    close(hostile->fd);
    hostile->fd = -1;
    crowd->closed++;
}

/* As much as the socket takes. */
static size_t hostile_send(const struct hostile *hostile, const void *bytes, size_t size)
{
    ssize_t sent = send(hostile->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    return sent > 0 ? (size_t)sent : 0;
}

static void hostile_begin(struct hostile *hostile, const struct daemon *daemon)
{
    uint8_t bytes[512];
    size_t size = packet_put_hello(bytes, ROOMD_WIRE_VERSION);

    hostile->fd = hostile_connect(daemon);
    hostile->sent = 0;
    if (hostile->fd < 0 || hostile->kind == CONNECTS) {
        return;
    }
    if (hostile->kind != LEAVES_FRAMES || rand() % 2 == 0) {
        size += packet_put_join(bytes + size, "noise");
    }
    (void)hostile_send(hostile, bytes, size);
}

static void hostile_make_noise(struct crowd *crowd, struct hostile *hostile)
{
    size_t at = hostile->sent % word_bytes; /* where a packet was cut */
    size_t left = NOISE_BYTES_PER_STEP - crowd->noise_bytes;
    size_t size = word_bytes - at < left ? word_bytes - at : left;
    size_t sent = size > 0 ? hostile_send(hostile, words + at, size) : 0;

    hostile->sent += sent;
    crowd->noise_bytes += sent;
}

static void hostile_leave_frame(struct hostile *hostile)
{
    static uint8_t frame[PARTIAL_BYTES] = {0xff, 0xff, 0x01, 0x00};

    if (hostile->sent < sizeof(frame)) {
        hostile->sent += hostile_send(hostile, frame + hostile->sent, sizeof(frame) - hostile->sent);
    }
}

static void hostile_ask(const struct hostile *hostile)
{
    uint8_t bytes[16 * ROOMD_FRAME_HEADER_BYTES];
    size_t size = 0;

    while (size < sizeof(bytes)) {
        size += packet_put(bytes + size, ROOMD_C_ROOMS, NULL, 0);
    }
    (void)hostile_send(hostile, bytes, size);
}

static void hostile_come_and_go(const struct hostile *hostile)
{
    uint8_t bytes[256];
    size_t size = packet_put(bytes, ROOMD_C_LEAVE, NULL, 0);

    size += packet_put_join(bytes + size, rand() % 2 == 0 ? "noise" : "a_room_with_a_name_of_some_length_0");
    (void)hostile_send(hostile, bytes, size);
}

static void hostile_act(struct crowd *crowd, struct hostile *hostile)
{
    switch (hostile->kind) {
    case MAKES_NOISE:
        hostile_make_noise(crowd, hostile);
        break;
    case LEAVES_FRAMES:
        hostile_leave_frame(hostile);
        break;
    case ASKS_FOR_LISTS:
        hostile_ask(hostile);
        break;
    case COMES_AND_GOES:
        hostile_come_and_go(hostile);
        break;
    case CONNECTS:
        if (++hostile->sent > CONNECTED_STEPS) {
            hostile_leave(crowd, hostile);
        }
        break;
    case NEVER_READS:
    case KIND_COUNT:
        break;
    }
}

static void crowd_start(struct crowd *crowd)
{
    char text[701];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    word_bytes = 0;
    while (word_bytes + 2 * sizeof(text) + 16 < sizeof(words)) {
        word_bytes += packet_put_chat(words + word_bytes, text);
    }
    memset(crowd, 0, sizeof(*crowd));
    srand(1);
    for (size_t i = 0; i < HOSTILES; i++) {
        crowd->each[i] = (struct hostile){.kind = (enum kind)(i % KIND_COUNT), .fd = -1};
    }
}

/* Whose connection has been ended by the server comes again: at most some of them in a step. */
static void crowd_step(struct crowd *crowd, const struct daemon *daemon)
{
    size_t comers = 0;

    for (size_t i = 0; i < HOSTILES; i++) {
        crowd->polls[i] = (struct pollfd){.fd = crowd->each[i].fd, .events = POLLRDHUP};
    }
    assert_true(poll(crowd->polls, HOSTILES, 0) >= 0);
    crowd->noise_bytes = 0;
    for (size_t i = 0; i < HOSTILES; i++) {
        struct hostile *hostile = &crowd->each[i];

        if (hostile->fd >= 0 && (crowd->polls[i].revents & (POLLRDHUP | POLLHUP | POLLERR))) {
            hostile_leave(crowd, hostile);
        } else if (hostile->fd >= 0) {
            hostile_act(crowd, hostile);
        } else if (comers++ < 10) {
            hostile_begin(hostile, daemon);
        }
    }
}

static void crowd_finish(struct crowd *crowd)
{
    for (size_t i = 0; i < HOSTILES; i++) {
        if (crowd->each[i].fd >= 0) {
            hostile_leave(crowd, &crowd->each[i]);
        }
    }
}

/* A figure of /proc/PID/status in bytes. */
static uint64_t daemon_status_bytes(const struct daemon *daemon, const char *field)
{
    char path[64];
    unsigned long kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid(daemon));
    char *text = file_read_from(path, 0);
    const char *line = strstr(text, field);

    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(field), ": %lu kB", &kib), 1);
    free(text);
    return (uint64_t)kib * 1024;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* With an address space that ends a fifth above what it may have. */
static struct daemon *daemon_start_in_little_space(void)
{
    char config[CONFIG_BYTES];
    struct rlimit limit = {.rlim_cur = MEMORY_MAX + MEMORY_MAX / 5, .rlim_max = MEMORY_MAX + MEMORY_MAX / 5};

    config_write(config, sizeof(config));

    struct daemon *daemon = daemon_start(config);

    assert_int_equal(prlimit(daemon_pid(daemon), RLIMIT_AS, &limit, NULL), 0);
    return daemon;
}

static void attack(struct daemon *daemon, struct crowd *crowd, struct bystanders *quiet,
                   struct bystanders *noisy)
{
    uint64_t deadline_ns = wait_deadline_ns(ATTACK_MOST_MS);
    uint64_t from_ns = wait_now_ns();
    uint64_t shed = 0;

    for (unsigned step = 1; shed < SHED_LEAST || wait_now_ns() - from_ns < ATTACK_LEAST_NS; step++) {
        crowd_step(crowd, daemon);
        bystanders_step(quiet);
        bystanders_step(noisy);
        if (step % 256 == 0) {
            shed = daemon_stat(daemon, "shed");
        }
        if (wait_left_ms(deadline_ns) == 0) {
            fail_msg("only %llu were shed", (unsigned long long)shed);
        }
    }
}

/* What the log says that may be taken: that is without the program itself. */
static uint64_t limit_in_log(const struct daemon *daemon)
{
    char *log = daemon_log_from(daemon, 0);
    size_t line_bytes = 0;
    size_t value_bytes = 0;
    const char *line = log_line_find(log, "event=memory used_bytes=", NULL, 0, &line_bytes);

    assert_non_null(line);

    const char *value = log_field_find(line, line_bytes, "max_bytes", &value_bytes);
    uint64_t bytes = value == NULL ? 0 : strtoull(value, NULL, 10);

    free(log);
    return bytes;
}

/* It has never had more than it may have, but for a little that the C library takes for itself. */
static void expect_bounded(const struct daemon *daemon)
{
    assert_in_range(daemon_status_bytes(daemon, "VmHWM"), MEMORY_MAX / 2, MEMORY_MAX + MEMORY_MAX / 20);
    assert_in_range(daemon_log_count(daemon, "event=memory used_bytes=", NULL), 1, 2 * ATTACK_MOST_MS / 1000);
    assert_in_range(limit_in_log(daemon), MEMORY_MAX - 8 * MIB, MEMORY_MAX - MIB / 2);
}

/* What the hostile had it keep has gone back to the system, and it serves whoever comes. */
static void expect_as_before(struct daemon *daemon)
{
    struct bystanders bystanders;
    uint64_t used_bytes;

    daemon_expect_stat_equal(daemon, "sessions", 0);
    used_bytes = daemon_stat(daemon, "memory_bytes");
    assert_in_range(used_bytes, 0, MEMORY_MAX / 2); /* chunks are kept for the next burst */
    assert_in_range((uint64_t)daemon_rss_kib(daemon) * 1024, 0, used_bytes + 8 * MIB);
    bystanders_start(&bystanders, daemon, "noise");
    bystanders_run(&bystanders, 200, 5);
    bystanders_finish(&bystanders);
    assert_int_equal(bystanders.foreign, 0);
}

static void hostile_clients_are_shed_and_nobody_else_notices(void **state)
{
    static struct crowd crowd;
    struct bystanders quiet;
    struct bystanders noisy;
    struct daemon *daemon;

    (void)state;
    if (daemon_is_sanitized()) {
        skip(); /* its shadow is larger than any limit */
    }
    raise_descriptor_limit();
    daemon = daemon_start_in_little_space();
    bystanders_start(&quiet, daemon, "quiet");
    bystanders_start(&noisy, daemon, "noise");
    crowd_start(&crowd);
    attack(daemon, &crowd, &quiet, &noisy);
    crowd_finish(&crowd);
    bystanders_finish(&quiet);
    bystanders_finish(&noisy);
    assert_int_equal(quiet.foreign, 0);
    assert_true(noisy.foreign > 0);
    assert_true(daemon_stat(daemon, "close_slow") > 0);
    expect_bounded(daemon);
    expect_as_before(daemon);
    daemon_stop(daemon);
}

static void a_limit_that_is_too_small_for_the_others_is_named(void **state)
{
    static const char config[] = "[server]\nmemory_max = 16MiB\nsessions_max = 1000000\n[room lobby]\n";
    char path[] = "/tmp/roomd-memory-XXXXXX";
    const char *const argv[] = {ROOMD_BINARY, "-c", path, "-l", "127.0.0.1:0", NULL};
    struct process_result result;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, config, sizeof(config) - 1), sizeof(config) - 1);
    close(fd);
    process_run(&result, argv, WAIT_LONG_MS);
    unlink(path);
    assert_int_equal(result.exit_status, 1);
    assert_non_null(strstr(result.err, "memory_max"));
    process_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(hostile_clients_are_shed_and_nobody_else_notices),
        SYSTEM_TEST(a_limit_that_is_too_small_for_the_others_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
