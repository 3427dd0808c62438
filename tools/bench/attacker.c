#include "attacker.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_A_TURN = 1024, OPENS_A_TURN = 64, REASON_BYTES = 32 };

static volatile sig_atomic_t is_ended;

static void on_signal(int number)
{
    (void)number;
    is_ended = 1;
}

static _Noreturn void usage(void)
{
    fputs("usage: attacker KIND[,KIND...] --connect IPV4:PORT [OPTION VALUE]...\n\n"
          "  --clients N     at once, of the kinds in turn (1)\n"
          "  --rate N        connects a second (1000)\n"
          "  --seconds S     then it ends, or when all are gone for good (10)\n"
          "  --again MS      who is gone comes back after this time; without it, for good\n"
          "  --hold MS       who is in goes again after this time (0: never)\n"
          "  --interval MS   between two pieces of a dribble or of garbage (1000)\n"
          "  --source IPV4   the first address that clients come from (127.1.0.1)\n"
          "  --sources N     so many addresses from there on, in turn (0: the kernel's choice)\n"
          "  --proxied N     say by PROXY headers to speak for so many addresses, in turn (0: no headers)\n"
          "  --room NAME     the room to come into (lobby)\n"
          "  --rcvbuf BYTES  receive buffer of each socket (0: the kernel's choice)\n"
          "  --frame BYTES   size of the frame that is never completed (4096)\n"
          "  --flood N       packets a second of who floods (100000)\n\n"
          "kinds:\n",
          stderr);
    for (const struct kind *kind = kinds; kind->name != NULL; kind++) {
        fprintf(stderr, "  %-16s%s\n", kind->name, kind->about);
    }
    exit(2);
}

static double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);

    if ((text[0] < '0' || text[0] > '9') || *end != '\0' || !(value >= least && value <= most)) {
        usage();
    }
    return value;
}

static uint32_t count(const char *text, uint32_t least, uint32_t most)
{
    return (uint32_t)number(text, least, most);
}

static uint64_t milliseconds(const char *text)
{
    return (uint64_t)(number(text, 0, 86400000) * (double)NS_PER_MS);
}

static struct sockaddr_in parse_target(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strchr(text, ':');
    char host[INET_ADDRSTRLEN] = "";

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
        usage();
    }
    memcpy(host, text, (size_t)(colon - text));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        ntohl(address.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) {
        fputs("attacker: only this machine's own loopback is attacked\n", stderr);
        exit(2);
    }
    address.sin_port = htons((uint16_t)count(colon + 1, 1, 65535));
    return address;
}

static uint32_t parse_source(const char *text)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1) {
        usage();
    }
    return ntohl(address.s_addr);
}

static void parse_kinds(struct attack_options *options, const char *text)
{
    for (;;) {
        size_t size = strcspn(text, ",");
        const struct kind *kind = kind_find(text, size);

        if (kind == NULL || options->kind_count == KINDS_MAX) {
            usage();
        }
        options->kinds[options->kind_count++] = kind;
        if (text[size] == '\0') {
            return;
        }
        text += size + 1;
    }
}

static void take_option(struct attack_options *options, const char *name, const char *value)
{
    if (strcmp(name, "--connect") == 0) {
        options->target = parse_target(value);
    } else if (strcmp(name, "--clients") == 0) {
        options->clients = count(value, 1, 100000);
    } else if (strcmp(name, "--rate") == 0) {
        options->rate = number(value, 0.001, 1000000);
    } else if (strcmp(name, "--seconds") == 0) {
        options->seconds = number(value, 0.001, 1000000);
    } else if (strcmp(name, "--again") == 0) {
        options->comes_back = true;
        options->pause_ns = milliseconds(value);
    } else if (strcmp(name, "--hold") == 0) {
        options->hold_ns = milliseconds(value);
    } else if (strcmp(name, "--interval") == 0) {
        options->interval_ns = milliseconds(value);
    } else if (strcmp(name, "--source") == 0) {
        options->first_source = parse_source(value);
    } else if (strcmp(name, "--sources") == 0) {
        options->sources = count(value, 0, 65534);
    } else if (strcmp(name, "--proxied") == 0) {
        options->proxied = count(value, 0, 16000000);
    } else if (strcmp(name, "--room") == 0 && strlen(value) <= ROOMD_NAME_BYTES_MAX) {
        options->room = value;
    } else if (strcmp(name, "--rcvbuf") == 0) {
        options->rcvbuf_bytes = count(value, 0, 1 << 30);
    } else if (strcmp(name, "--frame") == 0) {
        options->frame_bytes = count(value, ROOMD_FRAME_HEADER_BYTES + 2, ROOMD_FRAME_BYTES_MAX);
    } else if (strcmp(name, "--flood") == 0) {
        options->flood = count(value, 1000, 10000000);
    } else {
        usage();
    }
}

static struct attack_options parse(int argc, char **argv)
{
    struct attack_options options = {.first_source = 0x7F010001,
                                     .clients = 1,
                                     .rate = 1000,
                                     .seconds = 10,
                                     .interval_ns = NS_PER_S,
                                     .frame_bytes = 4096,
                                     .flood = 100000,
                                     .room = "lobby"};

    if (argc < 2 || argc % 2 != 0) {
        usage();
    }
    parse_kinds(&options, argv[1]);
    for (int i = 2; i < argc; i += 2) {
        take_option(&options, argv[i], argv[i + 1]);
    }
    if (options.target.sin_port == 0 || options.interval_ns == 0) {
        usage();
    }
    return options;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "attacker: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void attack_init(struct attack *attack)
{
    raise_descriptor_limit();
    timers_init(&attack->timers);
    attack->random = clock_now_ns();
    attack->clients = calloc(attack->options.clients, sizeof(attack->clients[0]));
    attack->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (attack->clients == NULL || attack->epoll < 0) {
        die("start");
    }
    for (uint32_t i = 0; i < attack->options.kind_count; i++) {
        histogram_init(&attack->tallies[i].enter_us);
        histogram_init(&attack->tallies[i].life_us);
        if (attack->options.kinds[i]->prepare != NULL) {
            attack->plans[i].block = calloc(1, BLOCK_BYTES);
            if (attack->plans[i].block == NULL) {
                die("memory");
            }
            attack->options.kinds[i]->prepare(attack, &attack->plans[i]);
        }
    }
    if (clients_init(attack) < 0) {
        die("memory");
    }
}

static void attack_fini(struct attack *attack)
{
    clients_fini(attack);
    timers_fini(&attack->timers);
    close(attack->epoll);
    free(attack->clients);
    for (uint32_t i = 0; i < attack->options.kind_count; i++) {
        free(attack->plans[i].block);
    }
}

/* As many as are due by now. What could not be opened because all clients are there is not made up for. */
static void open_due(struct attack *attack)
{
    double elapsed_s = (double)(attack->now_ns - attack->began_ns) / (double)NS_PER_S;
    uint64_t due = (uint64_t)(elapsed_s * attack->options.rate) + 1;

    for (int i = 0; i < OPENS_A_TURN && attack->opened < due; i++) {
        attack->opened = client_open_next(attack) ? attack->opened + 1 : due;
    }
}

static uint64_t next_open_ns(const struct attack *attack)
{
    return attack->began_ns + (uint64_t)((double)attack->opened / attack->options.rate * (double)NS_PER_S);
}

static void attack_turn(struct attack *attack, uint64_t until_ns)
{
    static struct epoll_event events[EVENTS_A_TURN];
    bool is_all_spent = attack->opened >= attack->options.clients && !attack->options.comes_back;
    uint64_t next_ns = is_all_spent ? until_ns : next_open_ns(attack);
    uint64_t timer_ns = timers_next_ns(&attack->timers);
    uint64_t wake_ns = next_ns < timer_ns ? next_ns : timer_ns;
    uint64_t now_ns = clock_now_ns();

    wake_ns = wake_ns < until_ns ? wake_ns : until_ns;

    uint64_t left_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
    struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
    int found = epoll_pwait2(attack->epoll, events, EVENTS_A_TURN, &left, NULL);

    attack->now_ns = clock_now_ns();
    for (int i = 0; i < found; i++) {
        client_on_event(attack, &attack->clients[events[i].data.u32], events[i].events);
    }
    timers_fire(&attack->timers, attack->now_ns);
    if (!is_all_spent) {
        open_due(attack);
    }
}

static void attack_run(struct attack *attack)
{
    struct sigaction action = {.sa_handler = on_signal};
    uint64_t until_ns;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    attack->began_ns = clock_now_ns();
    attack->now_ns = attack->began_ns;
    until_ns = attack->began_ns + (uint64_t)(attack->options.seconds * (double)NS_PER_S);
    while (!is_ended && attack->now_ns < until_ns && attack->spent < attack->options.clients) {
        attack_turn(attack, until_ns);
    }
}

static void print_histogram(const char *name, const struct histogram *us)
{
    printf("\"%s\":{\"count\":%" PRIu64 ",\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},", name, us->count,
           (double)histogram_quantile(us, 0.5) / 1000, (double)histogram_quantile(us, 0.99) / 1000,
           (double)us->max / 1000);
}

static void print_kicks(const struct tally *tally)
{
    static const char *const names[ROOMD_CLOSE_REASON_COUNT] = {[0] = "UNKNOWN",
#define X(number, name, text) [number] = #name,
                                                                ROOMD_CLOSE_REASONS(X)
#undef X
    };
    const char *separator = "";

    printf("\"kicks\":{");
    for (uint32_t reason = 0; reason < ROOMD_CLOSE_REASON_COUNT; reason++) {
        if (tally->kicks[reason] > 0) {
            printf("%s\"", separator);
            for (const char *at = names[reason]; *at != '\0'; at++) {
                putchar(tolower((unsigned char)*at));
            }
            printf("\":%" PRIu64, tally->kicks[reason]);
            separator = ",";
        }
    }
    printf("}");
}

static void attack_report(const struct attack *attack)
{
    printf("{\"seconds\":%.3f,\"kinds\":{", (double)(attack->now_ns - attack->began_ns) / (double)NS_PER_S);
    for (uint32_t i = 0; i < attack->options.kind_count; i++) {
        const struct tally *tally = &attack->tallies[i];

        printf("%s\"%s\":{\"opened\":%" PRIu64 ",\"connected\":%" PRIu64 ",\"entered\":%" PRIu64
               ",\"ended_by_server\":%" PRIu64 ",\"ended_by_us\":%" PRIu64 ",\"failed\":%" PRIu64
               ",\"timeouts\":%" PRIu64 ",\"alive\":%" PRIu64 ",\"bytes\":%" PRIu64 ",",
               i > 0 ? "," : "", attack->options.kinds[i]->name, tally->opened, tally->connected,
               tally->entered, tally->ended_by_server, tally->ended_by_us, tally->failed, tally->timeouts,
               tally->alive, tally->bytes);
        print_histogram("enter_ms", &tally->enter_us);
        print_histogram("life_ms", &tally->life_us);
        print_kicks(tally);
        printf("}");
    }
    printf("}}\n");
}

int main(int argc, char **argv)
{
    static struct attack attack;

    attack.options = parse(argc, argv);
    attack_init(&attack);
    attack_run(&attack);
    attack_report(&attack);
    attack_fini(&attack);
    return 0;
}
