/* What a client of the attack goes through; attacker.h draws its states. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attacker.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/list.h"

/* Who is not in after this time has not got in. */
#define PATIENCE_NS (10 * NS_PER_S)

enum { SENDS_A_TURN = 4, READ_BYTES = 65536, GREETING_BYTES_MAX = 256, PROXY_HEADER_BYTES = 28 };

/* The timers know their client, and nothing above it. */
static struct attack *the_attack;

static const struct kind *kind_of(const struct client *client)
{
    return the_attack->options.kinds[client->kind];
}

static struct tally *tally_of(const struct client *client)
{
    return &the_attack->tallies[client->kind];
}

static uint64_t us_since(uint64_t begin_ns)
{
    uint64_t now_ns = clock_now_ns();

    return now_ns > begin_ns ? (now_ns - begin_ns) / NS_PER_US : 0;
}

static void client_arm(struct client *client)
{
    const struct stream_plan *plan = &the_attack->plans[client->kind];
    bool wants_out =
        client->state == CLIENT_CONNECTING ||
        (client->state == CLIENT_IN && plan->block != NULL && client->stream_at < client->stream_to);
    uint32_t wanted =
        (kind_of(client)->is_deaf ? 0 : (uint32_t)EPOLLIN) | (wants_out ? (uint32_t)EPOLLOUT : 0);
    struct epoll_event event = {.events = wanted, .data.u32 = client->index};

    if (wanted != client->armed && epoll_ctl(the_attack->epoll, EPOLL_CTL_MOD, client->fd, &event) == 0) {
        client->armed = wanted;
    }
}

/* Gives the socket up, by a reset where the client is not one that leaves in good order. */
static void client_end(struct client *client)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct attack *attack = the_attack;

    if (client->fd >= 0) {
        if (!kind_of(client)->ends_when_in) {
            setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        }
        close(client->fd);
        client->fd = -1;
        tally_of(client)->alive--;
    }
    timer_cancel(&attack->timers, &client->feed);
    timer_cancel(&attack->timers, &client->end);
    if (!attack->options.comes_back) {
        client->state = CLIENT_SPENT;
        attack->spent++;
        return;
    }
    client->state = CLIENT_IDLE;
    if (attack->options.pause_ns > 0) {
        timer_arm(&attack->timers, &client->end, attack->now_ns + attack->options.pause_ns);
    }
}

static void client_end_for_errno(struct client *client, int error)
{
    struct tally *tally = tally_of(client);

    if (client->state > CLIENT_CONNECTING && (error == ECONNRESET || error == EPIPE)) {
        tally->ended_by_server++;
        histogram_record(&tally->life_us, us_since(client->since_ns), 1);
    } else {
        tally->failed++;
    }
    client_end(client);
}

/* Sends what the stream is allowed to by now. */
static void client_feed(struct client *client)
{
    const struct stream_plan *plan = &the_attack->plans[client->kind];

    /* In pieces: a server that reads as fast as one client sends must not have the others wait for it. */
    for (int i = 0; i < SENDS_A_TURN && client->stream_at < client->stream_to; i++) {
        uint64_t at = client->stream_at % plan->block_bytes;
        uint64_t size = plan->block_bytes - at;

        size = size < client->stream_to - client->stream_at ? size : client->stream_to - client->stream_at;

        ssize_t sent = send(client->fd, plan->block + at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                client_end_for_errno(client, errno);
                return;
            }
            break;
        }
        client->stream_at += (uint64_t)sent;
        tally_of(client)->bytes += (uint64_t)sent;
    }
    client_arm(client);
}

static void client_on_feed(struct timer *timer, uint64_t now_ns)
{
    struct client *client = LIST_ENTRY(timer, struct client, feed);
    const struct stream_plan *plan = &the_attack->plans[client->kind];

    /* What the socket did not take is made up for later, so far as it is not too much. */
    if (client->stream_to - client->stream_at < BLOCK_BYTES) {
        client->stream_to += plan->more_bytes;
    }
    timer_arm(&the_attack->timers, timer,
              timer->due_ns + plan->interval_ns > now_ns ? timer->due_ns + plan->interval_ns
                                                         : now_ns + plan->interval_ns);
    client_feed(client);
}

static void client_on_end(struct timer *timer, uint64_t now_ns)
{
    struct client *client = LIST_ENTRY(timer, struct client, end);

    (void)now_ns;
    if (client->state == CLIENT_IDLE) {
        return; /* its pause is over */
    }
    if (client->state == CLIENT_IN) {
        tally_of(client)->ended_by_us++;
    } else {
        tally_of(client)->timeouts++;
    }
    client_end(client);
}

/* Where it wanted to be: in the room, or, for who does not ask for one, connected. */
static void client_become_in(struct client *client)
{
    struct attack *attack = the_attack;
    const struct stream_plan *plan = &attack->plans[client->kind];
    struct tally *tally = tally_of(client);

    client->state = CLIENT_IN;
    client->since_ns = clock_now_ns();
    if (kind_of(client)->greeting == GREETS_JOIN && !kind_of(client)->is_deaf) {
        tally->entered++;
        histogram_record(&tally->enter_us, us_since(client->begun_ns), 1);
    }
    if (kind_of(client)->ends_when_in) {
        tally->ended_by_us++;
        client_end(client);
        return;
    }
    timer_cancel(&attack->timers, &client->end);
    if (attack->options.hold_ns > 0) {
        timer_arm(&attack->timers, &client->end, attack->now_ns + attack->options.hold_ns);
    }
    if (plan->block == NULL) {
        client_arm(client);
        return;
    }
    client->stream_to = plan->first_bytes;
    if (plan->interval_ns > 0) {
        timer_arm(&attack->timers, &client->feed, attack->now_ns + plan->interval_ns);
    }
    client_feed(client);
}

/* PROXY version 2, TCP over IPv4: from one of 10.0.0.0 and up, which makes each a source of its own. */
static size_t put_proxy(uint8_t *out, uint32_t claimed)
{
    static const uint8_t head[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51,
                                   0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0,    12};
    uint32_t source = htonl(0x0A000001u + claimed);

    memset(out, 0, PROXY_HEADER_BYTES);
    memcpy(out, head, sizeof(head));
    memcpy(out + 16, &source, sizeof(source));
    memcpy(out + 20, (const uint8_t[]){127, 0, 0, 1}, 4);
    out[25] = 1; /* ports that are not 0 */
    out[27] = 1;
    return PROXY_HEADER_BYTES;
}

static size_t put_greeting(uint8_t *out, const struct client *client)
{
    const struct attack_options *options = &the_attack->options;
    size_t length = strlen(options->room);
    size_t size = 0;

    if (options->proxied > 0) {
        size = put_proxy(out, (uint32_t)(tally_of(client)->connected % options->proxied));
    }
    if (kind_of(client)->greeting != GREETS_NOT) {
        memset(out + size, 0, 10); /* no flags, no ticket */
        roomd_put_u16(out + size, 10);
        roomd_put_u16(out + size + 2, ROOMD_C_HELLO);
        roomd_put_u16(out + size + 4, ROOMD_WIRE_VERSION);
        size += 10;
    }
    if (kind_of(client)->greeting == GREETS_JOIN) {
        roomd_put_u16(out + size, (uint16_t)(6 + length));
        roomd_put_u16(out + size + 2, ROOMD_C_JOIN);
        roomd_put_u16(out + size + 4, (uint16_t)length);
        memcpy(out + size + 6, options->room, length);
        size += 6 + length;
    }
    return size;
}

static void client_on_connected(struct client *client)
{
    uint8_t greeting[GREETING_BYTES_MAX];
    int error = 0;
    socklen_t error_size = sizeof(error);

    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &error_size);
    if (error != 0) {
        client_end_for_errno(client, error);
        return;
    }

    size_t size = put_greeting(greeting, client);

    tally_of(client)->connected++;
    client->state = CLIENT_GREETING;
    client->since_ns = clock_now_ns();
    if (size > 0 && send(client->fd, greeting, size, MSG_NOSIGNAL) != (ssize_t)size) {
        client_end_for_errno(client, errno);
    } else if (kind_of(client)->greeting == GREETS_JOIN && !kind_of(client)->is_deaf) {
        client_arm(client);
    } else {
        client_become_in(client);
    }
}

/* The head of a frame is there, and of a kick its reason. False: the client has ended. */
static bool client_on_frame(struct client *client)
{
    uint16_t id = roomd_get_u16(client->head + 2);

    if (id == ROOMD_S_KICK) {
        uint16_t reason = roomd_get_u16(client->head + 4);

        tally_of(client)->kicks[reason < ROOMD_CLOSE_REASON_COUNT ? reason : 0]++;
    } else if (id == ROOMD_S_JOINED && client->state == CLIENT_GREETING) {
        client_become_in(client);
    }
    return client->fd >= 0;
}

/* Cuts what was read into frames, however it comes. False: the client has ended. */
static bool client_parse(struct client *client, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        if (client->skip_bytes > 0) {
            size_t skipped = size - at < client->skip_bytes ? size - at : client->skip_bytes;

            client->skip_bytes -= (uint32_t)skipped;
            at += skipped;
            continue;
        }
        client->head[client->head_bytes++] = bytes[at++];
        if (client->head_bytes < ROOMD_FRAME_HEADER_BYTES) {
            continue;
        }

        bool is_kick = roomd_get_u16(client->head + 2) == ROOMD_S_KICK;
        uint8_t wanted = is_kick ? HEAD_BYTES : ROOMD_FRAME_HEADER_BYTES;

        if (client->head_bytes < wanted) {
            continue;
        }

        uint32_t frame_bytes = roomd_get_u16(client->head);

        client->skip_bytes = frame_bytes > wanted ? frame_bytes - wanted : 0;
        client->head_bytes = 0;
        if (!client_on_frame(client)) {
            return false;
        }
    }
    return true;
}

static void client_read(struct client *client)
{
    static uint8_t bytes[READ_BYTES];
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got > 0) {
        client_parse(client, bytes, (size_t)got);
    } else if (got == 0) {
        client_end_for_errno(client, EPIPE);
    } else if (errno != EAGAIN && errno != EINTR) {
        client_end_for_errno(client, errno);
    }
}

void client_on_event(struct attack *attack, struct client *client, uint32_t events)
{
    the_attack = attack;
    if (client->fd < 0) {
        return; /* ended earlier in this turn */
    }
    if (client->state == CLIENT_CONNECTING) {
        client_on_connected(client);
        return;
    }
    if ((events & (uint32_t)EPOLLOUT) != 0) {
        client_feed(client);
    }
    if (client->fd < 0) {
        return;
    }
    if ((events & (uint32_t)EPOLLIN) != 0) {
        client_read(client);
    } else if ((events & (uint32_t)(EPOLLERR | EPOLLHUP)) != 0) {
        client_end_for_errno(client, ECONNRESET); /* the deaf learn no more than that */
    }
}

static void client_set_socket(const struct client *client)
{
    const struct attack_options *options = &the_attack->options;
    int on = 1;

    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (options->rcvbuf_bytes > 0) {
        int bytes = (int)options->rcvbuf_bytes;

        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
    if (options->sources > 0) {
        struct sockaddr_in source = {.sin_family = AF_INET};

        source.sin_addr.s_addr = htonl(options->first_source + client->index % options->sources);
        setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        (void)bind(client->fd, (const struct sockaddr *)&source, sizeof(source));
    }
}

static void client_open(struct client *client)
{
    struct attack *attack = the_attack;
    const struct sockaddr_in *target = &attack->options.target;
    struct epoll_event event = {.events = (uint32_t)EPOLLOUT, .data.u32 = client->index};
    struct tally *tally = tally_of(client);

    client->state = CLIENT_CONNECTING;
    client->armed = event.events;
    client->head_bytes = 0;
    client->skip_bytes = 0;
    client->stream_at = 0;
    client->stream_to = 0;
    client->begun_ns = clock_now_ns();
    tally->opened++;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        client_end_for_errno(client, errno);
        return;
    }
    tally->alive++;
    client_set_socket(client);
    timer_arm(&attack->timers, &client->end, client->begun_ns + PATIENCE_NS);
    if ((connect(client->fd, (const struct sockaddr *)target, sizeof(*target)) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(attack->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0) {
        client_end_for_errno(client, errno);
    }
}

bool client_open_next(struct attack *attack)
{
    the_attack = attack;
    for (uint32_t tries = 0; tries < attack->options.clients; tries++) {
        struct client *client = &attack->clients[attack->next];

        attack->next = (attack->next + 1) % attack->options.clients;
        if (client->state == CLIENT_IDLE && !timer_is_armed(&client->end)) {
            client_open(client);
            return true;
        }
    }
    return false;
}

int clients_init(struct attack *attack)
{
    the_attack = attack;
    for (uint32_t i = 0; i < attack->options.clients; i++) {
        struct client *client = &attack->clients[i];

        client->fd = -1;
        client->index = i;
        client->kind = (uint8_t)(i % attack->options.kind_count);
        if (timer_open(&attack->timers, &client->feed, client_on_feed) < 0 ||
            timer_open(&attack->timers, &client->end, client_on_end) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

void clients_fini(struct attack *attack)
{
    for (uint32_t i = 0; i < attack->options.clients; i++) {
        if (attack->clients[i].fd >= 0) {
            close(attack->clients[i].fd);
        }
        timer_close(&attack->timers, &attack->clients[i].feed);
        timer_close(&attack->timers, &attack->clients[i].end);
    }
}
