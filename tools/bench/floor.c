/*
 * floor: the least that any tick-gathered server can do, as the yardstick that tools/bench/run lays beside
 * roomd.
 *
 * What it does: one thread, level-triggered epoll. One recv a ready client, straight into the append-only
 * batch of the client's group; once a tick (or at the end of each turn with --tick 0) ONE write of the whole
 * batch to each client of the group. What a socket does not take is copied aside for that client alone and
 * goes out by EPOLLOUT, which is armed only meanwhile, so that nothing is lost. Connection k in the order of
 * accept is in group k % groups.
 *
 * What it does not do: no packet is looked at, rewritten, checked or queued, there are no rooms, sessions,
 * players, jobs, timers, limits or time-outs, and no message is copied in user space. It walks the u16 sizes
 * of what it has read, one load a frame, for one reason: a read that ends inside a frame must not let another
 * client's bytes into the middle of it. The tail of such a read is carried over to that client's next read;
 * only then is anything copied.
 *
 *     1. a group's batch holds whole frames only, whenever another client may append to it.
 *     2. a client has a rest if and only if EPOLLOUT is armed for it; then nothing else is written to it.
 *     3. clients[fd].fd == fd exactly while fd is a client's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/log.h"
#include "roomd/wire.h"

enum { MAXEVENTS = 1024, ACCEPTS_A_TURN = 64, BACKLOG = 4096 };

#define READ_BYTES      ((size_t)64 * 1024)
#define REST_BYTES_MAX  ((size_t)16 * 1024 * 1024) /* a client that is further behind is dropped */
#define DESCRIPTORS_MAX ((rlim_t)1024 * 1024)
#define TICK_MS_MAX     60000ul
#define GROUPS_MAX      100000ul

/* Bytes kept for one client: sent from `pos` on. */
struct rest {
    size_t pos;
    size_t size;
    size_t capacity;
    uint8_t data[];
};

struct client {
    int fd;
    uint32_t group;
    uint32_t place;     /* in the group's members */
    struct rest *carry; /* the begun frame that the last read ended in, or NULL */
    struct rest *rest;  /* what the socket did not take, or NULL */
};

struct group {
    uint8_t *batch;
    size_t size;
    size_t capacity;
    int *members; /* descriptors */
    uint32_t count;
    uint32_t members_capacity;
};

struct stats {
    uint64_t accepted, dropped;
    uint64_t reads, bytes_in, carries;
    uint64_t writes, short_writes, bytes_out;
    uint64_t ticks, ticks_skipped;
};

static struct floor {
    int epoll;
    int listener;
    int signals;
    uint64_t tick_ns; /* 0: at the end of each turn */
    uint32_t group_count;
    struct group *groups;
    uint32_t *dirty; /* groups with a batch to send */
    uint32_t dirty_count;
    struct client *clients; /* by descriptor */
    struct stats stats;
    struct histogram late_us;
} server;

static _Noreturn void die(const char *what)
{
    log_line(LOG_LEVEL_ERROR, "failed", "what=%s errno=%d error=\"%s\"", what, errno, strerror(errno));
    exit(1);
}

static void *grown(void *memory, size_t bytes)
{
    void *larger = realloc(memory, bytes);

    if (larger == NULL) {
        die("memory");
    }
    return larger;
}

static void rest_append(struct rest **slot, const uint8_t *data, size_t size)
{
    struct rest *rest = *slot;
    size_t pos = rest != NULL ? rest->pos : 0;
    size_t have = rest != NULL ? rest->size : 0;

    if (rest == NULL || rest->capacity - have < size) {
        size_t capacity = 2 * have + size;

        rest = grown(rest, sizeof *rest + capacity);
        rest->capacity = capacity;
        rest->pos = pos;
        *slot = rest;
    }
    memcpy(rest->data + have, data, size);
    rest->size = have + size;
}

static void watch(int fd, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (epoll_ctl(server.epoll, operation, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

static void client_open(int fd)
{
    struct client *client;
    struct group *group;
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client = &server.clients[fd];
    client->fd = fd;
    client->group = (uint32_t)(server.stats.accepted++ % server.group_count);
    group = &server.groups[client->group];
    if (group->count == group->members_capacity) {
        group->members_capacity = group->members_capacity == 0 ? 16 : 2 * group->members_capacity;
        group->members = grown(group->members, group->members_capacity * sizeof *group->members);
    }
    client->place = group->count++;
    group->members[client->place] = fd;
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
}

/* Moves the group's last member to the place that becomes free: a loop over members must run downwards. */
static void client_close(struct client *client)
{
    struct group *group = &server.groups[client->group];
    int last = group->members[--group->count];

    group->members[client->place] = last;
    server.clients[last].place = client->place;
    close(client->fd);
    free(client->carry);
    free(client->rest);
    *client = (struct client){0};
}

static void accept_clients(void)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            client_open(fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            die("accept"); /* a figure got with half of the clients would be worth nothing */
        }
    }
}

/* How many of the bytes are whole frames; more than `size` when a size field cannot be one. */
static size_t whole_frames(const uint8_t *data, size_t size)
{
    size_t pos = 0;

    while (size - pos >= sizeof(uint16_t) && roomd_get_u16(data + pos) <= size - pos) {
        if (roomd_get_u16(data + pos) < ROOMD_FRAME_HEADER_BYTES) {
            return SIZE_MAX;
        }
        pos += roomd_get_u16(data + pos);
    }
    return pos;
}

static void client_read(struct client *client)
{
    struct group *group = &server.groups[client->group];
    size_t carried = client->carry != NULL ? client->carry->size : 0;
    size_t whole, got;
    uint8_t *tail;
    ssize_t n;

    if (group->capacity - group->size < carried + READ_BYTES) {
        group->capacity = 2 * group->capacity + carried + READ_BYTES;
        group->batch = grown(group->batch, group->capacity);
    }
    tail = group->batch + group->size;
    n = recv(client->fd, tail + carried, READ_BYTES, 0);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            client_close(client);
        }
        return;
    }
    server.stats.reads++;
    server.stats.bytes_in += (uint64_t)n;
    got = carried + (size_t)n;
    if (carried != 0) {
        memcpy(tail, client->carry->data, carried);
        free(client->carry);
        client->carry = NULL;
    }
    whole = whole_frames(tail, got);
    if (whole > got) {
        server.stats.dropped++;
        client_close(client);
        return;
    }
    if (whole < got) {
        server.stats.carries++;
        rest_append(&client->carry, tail + whole, got - whole);
    }
    if (whole != 0 && group->size == 0) {
        server.dirty[server.dirty_count++] = client->group;
    }
    group->size += whole;
}

/* Writes what the socket takes. Returns how much that was, or -1 and the client is closed. */
static ssize_t client_write(struct client *client, const uint8_t *data, size_t size)
{
    ssize_t n = send(client->fd, data, size, MSG_NOSIGNAL);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            client_close(client);
            return -1;
        }
        n = 0;
    }
    server.stats.writes++;
    server.stats.bytes_out += (uint64_t)n;
    server.stats.short_writes += (size_t)n < size;
    return n;
}

static void client_flush(struct client *client, const uint8_t *data, size_t size)
{
    ssize_t n;

    if (client->rest != NULL) {
        if (client->rest->size - client->rest->pos > REST_BYTES_MAX) {
            server.stats.dropped++;
            client_close(client);
        } else {
            rest_append(&client->rest, data, size);
        }
        return;
    }
    n = client_write(client, data, size);
    if (n >= 0 && (size_t)n < size) {
        rest_append(&client->rest, data + n, size - (size_t)n);
        watch(client->fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
}

static void client_write_rest(struct client *client)
{
    struct rest *rest = client->rest;
    ssize_t n = client_write(client, rest->data + rest->pos, rest->size - rest->pos);

    if (n < 0) {
        return;
    }
    rest->pos += (size_t)n;
    if (rest->pos == rest->size) {
        free(rest);
        client->rest = NULL;
        watch(client->fd, EPOLL_CTL_MOD, EPOLLIN);
    } else if (rest->pos >= rest->size / 2) { /* what was sent is at most as much as what waits */
        rest->size -= rest->pos;
        memmove(rest->data, rest->data + rest->pos, rest->size);
        rest->pos = 0;
    }
}

static void flush(void)
{
    for (uint32_t i = 0; i < server.dirty_count; i++) {
        struct group *group = &server.groups[server.dirty[i]];

        for (uint32_t at = group->count; at-- > 0;) {
            client_flush(&server.clients[group->members[at]], group->batch, group->size);
        }
        group->size = 0;
    }
    server.dirty_count = 0;
}

/* Flushes for the grid's point `due_ns`; returns the next one, skipping those that have passed meanwhile. */
static uint64_t tick(uint64_t due_ns, uint64_t now_ns)
{
    uint64_t passed;

    server.stats.ticks++;
    histogram_record(&server.late_us, (now_ns - due_ns) / NS_PER_US, 1);
    flush();
    passed = (clock_now_ns() - due_ns) / server.tick_ns;
    server.stats.ticks_skipped += passed;
    return due_ns + (passed + 1) * server.tick_ns;
}

static void log_stats(void)
{
    const struct stats *s = &server.stats;

    log_line(LOG_LEVEL_INFO, "stats",
             "sessions=%" PRIu64 " dropped=%" PRIu64 " reads=%" PRIu64 " carries=%" PRIu64
             " bytes_in=%" PRIu64 " bytes_out=%" PRIu64 " writes=%" PRIu64 " short_writes=%" PRIu64
             " ticks=%" PRIu64 " ticks_skipped=%" PRIu64 " late_p50_us=%" PRIu64 " late_p99_us=%" PRIu64
             " late_max_us=%" PRIu64 " cpu_s=%.6f",
             s->accepted, s->dropped, s->reads, s->carries, s->bytes_in, s->bytes_out, s->writes,
             s->short_writes, s->ticks, s->ticks_skipped, histogram_quantile(&server.late_us, 0.5),
             histogram_quantile(&server.late_us, 0.99), server.late_us.max,
             (double)clock_cpu_ns() / (double)NS_PER_S);
}

/* The milliseconds until `due_ns`, rounded up: a tick that starts early would find itself not yet due. */
static int timeout_ms(uint64_t due_ns, uint64_t now_ns)
{
    if (server.tick_ns == 0) {
        return -1;
    }
    return due_ns > now_ns ? (int)((due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

static void serve(void)
{
    static struct epoll_event events[MAXEVENTS];
    uint64_t now_ns = clock_now_ns();
    uint64_t due_ns = now_ns + server.tick_ns;
    bool is_running = true;

    while (is_running) {
        int count = epoll_wait(server.epoll, events, MAXEVENTS, timeout_ms(due_ns, now_ns));

        if (count < 0 && errno != EINTR) {
            die("epoll_wait");
        }
        for (int i = 0; i < count; i++) {
            struct client *client = &server.clients[events[i].data.fd];

            if (events[i].data.fd == server.listener) {
                accept_clients();
            } else if (events[i].data.fd == server.signals) {
                is_running = false;
            } else {
                if ((events[i].events & EPOLLOUT) != 0) {
                    client_write_rest(client);
                }
                if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0 && client->fd == events[i].data.fd) {
                    client_read(client);
                }
            }
        }
        if (server.tick_ns == 0) {
            flush();
            continue;
        }
        now_ns = clock_now_ns();
        if (now_ns >= due_ns) {
            due_ns = tick(due_ns, now_ns);
            now_ns = clock_now_ns();
        }
    }
}

/* Returns how many descriptors there may be. */
static size_t raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        die("getrlimit");
    }
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)limit.rlim_cur;
}

static void start(struct sockaddr_in address)
{
    socklen_t size = sizeof address;
    char text[INET_ADDRSTRLEN];
    sigset_t signals;
    int on = 1;

    server.clients =
        calloc(raise_descriptor_limit(), sizeof *server.clients); /* untouched pages cost nothing */
    server.groups = calloc(server.group_count, sizeof *server.groups);
    server.dirty = calloc(server.group_count, sizeof *server.dirty);
    if (server.clients == NULL || server.groups == NULL || server.dirty == NULL) {
        die("memory");
    }
    histogram_init(&server.late_us);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    server.signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server.epoll < 0 || server.signals < 0 || server.listener < 0) {
        die("start");
    }
    (void)setsockopt(server.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server.listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server.listener, BACKLOG) != 0 ||
        getsockname(server.listener, (struct sockaddr *)&address, &size) != 0) {
        die("listen");
    }
    watch(server.listener, EPOLL_CTL_ADD, EPOLLIN);
    watch(server.signals, EPOLL_CTL_ADD, EPOLLIN);
    log_line(LOG_LEVEL_INFO, "listen", "addr=%s:%u", inet_ntop(AF_INET, &address.sin_addr, text, sizeof text),
             (unsigned)ntohs(address.sin_port));
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: floor [--listen IPV4:PORT] [--tick MS] [--groups COUNT]\n"
                    "defaults: 127.0.0.1:0 (a free port), 250 ms (0: at the end of each turn), 1 group\n");
    exit(2);
}

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value < least || value > most) {
        usage();
    }
    return value;
}

/* Cuts `text` in two at the colon. */
static struct sockaddr_in parse_address(char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char *host = strsep(&text, ":");

    if (text == NULL || inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        usage();
    }
    address.sin_port = htons((uint16_t)number(text, 0, 65535));
    return address;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    server.tick_ns = 250 * NS_PER_MS;
    server.group_count = 1;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            usage();
        } else if (strcmp(argv[i], "--listen") == 0) {
            address = parse_address(argv[i + 1]);
        } else if (strcmp(argv[i], "--tick") == 0) {
            server.tick_ns = number(argv[i + 1], 0, TICK_MS_MAX) * NS_PER_MS;
        } else if (strcmp(argv[i], "--groups") == 0) {
            server.group_count = (uint32_t)number(argv[i + 1], 1, GROUPS_MAX);
        } else {
            usage();
        }
    }
    start(address);
    serve();
    log_stats();
    return 0;
}
