/*
 * What a ticket costs who lets in: the time of a verification, in batches; every single-bit flip of the tickets, of which
 * none may pass; and, with the argument `probe`, one call for each place that a first wrong byte may have, for callgrind
 * to count (--toggle-collect=probe_verify --dump-after=probe_verify; the first dump is of warming up).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/histogram.h"
#include "wire/ticket.h"

enum { TICKETS = 1000, BATCHES = 200 };

#define NOW_S     UINT64_C(1900000000)
#define TTL_MAX_S UINT64_C(86400)

struct minted {
    char text[TICKET_BYTES_MAX];
    size_t size;
};

static struct ticket_keys keys;
static struct minted tickets[TICKETS];

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "ticket-cost: %s\n", what);
    exit(1);
}

/* Texts of all lengths that there may be. */
static void mint_all(void)
{
    static const char file[] = "old AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                               "new BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA\n";
    char why[128];

    if (ticket_keys_parse(&keys, file, sizeof(file) - 1, why, sizeof(why)) < 0) {
        die(why);
    }
    for (uint32_t i = 0; i < TICKETS; i++) {
        struct ticket ticket = {.expiry_s = NOW_S + 1 + i, .nonce = hash_u64(i)};

        memset(ticket.user, 'u', 1 + i % TICKET_TEXT_BYTES_MAX);
        memset(ticket.name, 'n', 1 + i / 7 % TICKET_TEXT_BYTES_MAX);
        memset(ticket.room, 'r', i / 3 % (TICKET_TEXT_BYTES_MAX + 1));
        tickets[i].size = ticket_mint(&keys.keys[i % 2], &ticket, tickets[i].text);
        if (tickets[i].size == 0) {
            die("a ticket that cannot be minted");
        }
    }
}

/* What callgrind counts, one dump for each call. */
__attribute__((noinline)) static enum ticket_result probe_verify(const struct minted *minted)
{
    struct ticket ticket;
    enum ticket_result result = ticket_verify(&keys, NOW_S, TTL_MAX_S, minted->text, minted->size, &ticket);

    __asm__ volatile("" ::: "memory"); /* not a tail call: it must be left before the next begins */
    return result;
}

static int probe(void)
{
    struct minted *minted = &tickets[0];
    char *last = &minted->text[minted->size - 1];

    *last = *last == 'A' ? 'E' : 'A';
    if (probe_verify(minted) != TICKET_BAD_SIGNATURE) {
        return 1;
    }
    for (char *at = last + 1 - TICKET_SIGNATURE_SIZE; at <= last; at++) {
        char was = *at;

        *at = was == '!' ? '?' : '!';
        if (probe_verify(minted) != TICKET_BAD_SIGNATURE) {
            return 1;
        }
        *at = was;
    }
    return 0;
}

static uint32_t longest(void)
{
    uint32_t found = 0;

    for (uint32_t i = 1; i < TICKETS; i++) {
        found = tickets[i].size > tickets[found].size ? i : found;
    }
    return found;
}

/* Of `count` tickets from `first` on, in turn: CPU time, since other processes may have the core in between. */
static void time_batches(struct histogram *each_ns, uint32_t first, uint32_t count)
{
    histogram_init(each_ns);
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t begin_ns = clock_cpu_ns();

        for (uint32_t i = 0; i < TICKETS; i++) {
            if (probe_verify(&tickets[first + i % count]) != TICKET_OK) {
                die("a good ticket is refused");
            }
        }
        histogram_record(each_ns, (clock_cpu_ns() - begin_ns) / TICKETS, 1);
    }
}

/* Returns how many flips there were; *accepted: of them, those that passed. */
static uint64_t flip_all(uint64_t *accepted)
{
    uint64_t flips = 0;

    *accepted = 0;
    for (uint32_t i = 0; i < TICKETS; i++) {
        for (size_t bit = 0; bit < tickets[i].size * 8; bit++) {
            char mask = (char)(1 << bit % 8);

            tickets[i].text[bit / 8] ^= mask;
            *accepted += probe_verify(&tickets[i]) == TICKET_OK;
            tickets[i].text[bit / 8] ^= mask;
            flips++;
        }
    }
    return flips;
}

static void print_batches(const char *name, const struct histogram *each_ns)
{
    printf("\"%s\":{\"least\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 "},", name, each_ns->min,
           histogram_quantile(each_ns, 0.5), histogram_quantile(each_ns, 0.99));
}

int main(int argc, char **argv)
{
    struct histogram all_ns, longest_ns;
    uint64_t accepted;

    mint_all();
    if (argc > 1) {
        return strcmp(argv[1], "probe") == 0 ? probe() : 2;
    }
    time_batches(&all_ns, 0, TICKETS);
    time_batches(&longest_ns, longest(), 1);

    uint64_t flips = flip_all(&accepted);

    printf("{");
    print_batches("verify_ns", &all_ns);
    print_batches("longest_ns", &longest_ns);
    printf("\"longest_bytes\":%zu,\"tickets\":%d,\"flips\":%" PRIu64 ",\"accepted\":%" PRIu64 "}\n",
           tickets[longest()].size, TICKETS, flips, accepted);
    return 0;
}
