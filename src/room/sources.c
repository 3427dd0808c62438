#include "room/sources.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

static const uint32_t offence_tenths[SOURCE_OFFENCE_COUNT] = {
#define X(name, tenths) tenths,
    SOURCE_OFFENCES(X)
#undef X
};

enum { PENALTY_LEVEL_MAX = 32 };

int sources_init(struct sources *sources, struct timers *timers, const struct sources_limits *limits,
                 uint32_t connected_max, const uint8_t key[SIPHASH_KEY_BYTES], uint64_t now_ns)
{
    uint64_t entries_max = (uint64_t)connected_max + limits->remembered_max + 1;
    uint32_t buckets = 16;

    CHECK(entries_max <= UINT32_MAX / 2);
    while (buckets < entries_max) {
        buckets *= 2;
    }
    *sources =
        (struct sources){.timers = timers, .limits = *limits, .bucket_mask = buckets - 1, .start_ns = now_ns};
    memcpy(sources->key, key, SIPHASH_KEY_BYTES);
    list_init(&sources->idle);
    list_init(&sources->held);
    list_init(&sources->punished);
    pool_init(&sources->pool, "source", sizeof(struct source_entry), (uint32_t)entries_max);
    sources->buckets = memory_take_zeroed(buckets, sizeof(struct source_entry *));
    return sources->buckets == NULL ? -ENOMEM : 0;
}

void sources_set_limits(struct sources *sources, const struct sources_limits *limits)
{
    uint32_t remembered_max = sources->limits.remembered_max;

    sources->limits = *limits;
    sources->limits.remembered_max = remembered_max;
}

static struct network source_network(const struct host *host)
{
    return network_around(host, host_is_ipv4(host) ? 8 * HOST_BYTES : SOURCE_IPV6_BITS);
}

static struct source_entry **find_bucket(struct sources *sources, const struct host *host)
{
    uint64_t hash = siphash_2_4(sources->key, host->bytes, sizeof(host->bytes));

    return &sources->buckets[hash & sources->bucket_mask];
}

static void source_drop(struct sources *sources, struct source_entry *entry)
{
    struct source_entry **at = find_bucket(sources, &entry->host);

    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    if (list_is_linked(&entry->link)) {
        sources->remembered--;
    }
    list_remove(&entry->link);
    list_remove(&entry->punished);
    timer_close(sources->timers, &entry->penalty);
    pool_give(&sources->pool, entry);
}

void sources_fini(struct sources *sources)
{
    if (sources->timers == NULL) {
        return; /* it was never initialised */
    }
    while (!list_is_empty(&sources->idle)) {
        source_drop(sources, LIST_ENTRY(sources->idle.next, struct source_entry, link));
    }
    while (!list_is_empty(&sources->held)) {
        source_drop(sources, LIST_ENTRY(sources->held.next, struct source_entry, link));
    }
    bans_fini(&sources->bans);
    pool_fini(&sources->pool);
    memory_give(sources->buckets);
    sources->buckets = NULL;
}

/* It is not connected, and was heard of just now. */
static void source_remember(struct source_entry *entry)
{
    struct sources *sources = entry->sources;

    CHECK(entry->connected == 0);
    sources->remembered += !list_is_linked(&entry->link);
    list_remove(&entry->link);
    list_push(list_is_linked(&entry->punished) ? &sources->held : &sources->idle, &entry->link);
}

static void forget_some(struct sources *sources)
{
    while (sources->remembered > sources->limits.remembered_max) {
        struct list *list = list_is_empty(&sources->idle) ? &sources->held : &sources->idle;

        source_drop(sources, LIST_ENTRY(list->next, struct source_entry, link));
        sources->stats.forgotten++;
    }
}

static struct source_entry *source_find(struct sources *sources, const struct host *host)
{
    struct source_entry *entry = *find_bucket(sources, host);

    while (entry != NULL && memcmp(&entry->host, host, sizeof(*host)) != 0) {
        entry = entry->next;
    }
    return entry;
}

/* A new entry, on no list; NULL when there is no memory. */
static struct source_entry *source_add(struct sources *sources, const struct host *host, uint64_t now_ns)
{
    struct source_entry *entry = pool_take(&sources->pool);
    struct source_entry **bucket = find_bucket(sources, host);

    if (entry != NULL) {
        *entry = (struct source_entry){
            .next = *bucket, .sources = sources, .host = *host, .full_ns = now_ns, .points_ns = now_ns};
        list_init(&entry->link);
        list_init(&entry->punished);
        *bucket = entry;
    }
    return entry;
}

/* What is left of the points: halved in each half-life, in a straight line within one. */
static uint32_t points_left(const struct source_entry *entry, uint64_t now_ns)
{
    uint64_t half_life_ns = entry->sources->limits.penalty_half_life_ns;
    uint64_t since_ns = now_ns - entry->points_ns;
    uint64_t halvings = since_ns / half_life_ns;
    uint32_t points = halvings >= 32 ? 0 : entry->points >> halvings;
    double part = (double)(since_ns % half_life_ns) / (double)half_life_ns;

    return points - (uint32_t)(points * part / 2);
}

static void source_let_in(struct source_entry *entry)
{
    list_remove(&entry->punished);
    entry->penalty_end_ns = entry->penalty.due_ns;
    if (entry->connected == 0) {
        source_remember(entry);
    }
}

static void source_on_penalty_end(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    source_let_in(LIST_ENTRY(timer, struct source_entry, penalty));
}

/* How often the next penalty doubles, after some time without. */
static uint8_t penalty_level(const struct source_entry *entry, uint64_t now_ns)
{
    uint64_t quiet_ns = now_ns > entry->penalty_end_ns ? now_ns - entry->penalty_end_ns : 0;
    uint64_t fewer = quiet_ns / entry->sources->limits.penalty_max_ns;

    return fewer >= entry->penalty_level ? 0 : (uint8_t)(entry->penalty_level - fewer);
}

static void source_punish(struct source_entry *entry, uint64_t now_ns)
{
    struct sources *sources = entry->sources;
    const struct sources_limits *limits = &sources->limits;
    uint8_t level = penalty_level(entry, now_ns);
    uint64_t span_ns = limits->penalty_ns;

    if (!entry->penalty.is_open && timer_open(sources->timers, &entry->penalty, source_on_penalty_end) < 0) {
        return; /* no memory: there will be another offence */
    }
    for (uint8_t i = 0; i < level && span_ns < limits->penalty_max_ns; i++) {
        span_ns *= 2;
    }
    span_ns = span_ns < limits->penalty_max_ns ? span_ns : limits->penalty_max_ns;
    timer_arm(sources->timers, &entry->penalty, now_ns + span_ns);
    entry->points = 0;
    entry->penalty_level = level < PENALTY_LEVEL_MAX ? (uint8_t)(level + 1) : level;
    entry->penalty_end_ns = now_ns + span_ns;
    if (!list_is_linked(&entry->punished)) {
        list_push(&sources->punished, &entry->punished);
    }
    if (entry->connected == 0) {
        source_remember(entry);
    }
    sources->stats.penalties++;
}

void sources_offend(struct sources *sources, struct source_entry *entry, enum source_offence offence,
                    uint64_t now_ns)
{
    uint32_t points = points_left(entry, now_ns);

    entry->points = points + offence_tenths[offence];
    entry->points_ns = now_ns;
    entry->hellos_failed += offence == SOURCE_OFFENCE_HELLO;
    entry->kicks += offence == SOURCE_OFFENCE_KICK || offence == SOURCE_OFFENCE_TIMEOUT;
    sources->stats.offences[offence]++;
    if (entry->points / SOURCE_POINT >= sources->limits.penalty_points) {
        source_punish(entry, now_ns);
    }
}

/* Whether the rate lets one more in now; then it is counted. */
static bool take_connect(struct sources *sources, struct source_entry *entry, uint64_t now_ns)
{
    const struct sources_limits *limits = &sources->limits;
    uint64_t interval_ns = NS_PER_S / limits->connect_rate;
    uint64_t full_ns = entry->full_ns > now_ns ? entry->full_ns : now_ns;

    if (now_ns - sources->start_ns < limits->grace_ns) {
        return true;
    }
    if (full_ns - now_ns > (limits->connect_burst - 1) * interval_ns) {
        return false;
    }
    entry->full_ns = full_ns + interval_ns;
    return true;
}

static enum source_verdict source_judge(struct sources *sources, struct source_entry *entry, uint64_t now_ns)
{
    if (list_is_linked(&entry->punished)) {
        return SOURCE_PUNISHED;
    }
    if (entry->connected >= sources->limits.conns_per_address) {
        return SOURCE_TOO_MANY;
    }
    return take_connect(sources, entry, now_ns) ? SOURCE_WELCOME : SOURCE_TOO_FAST;
}

/* The entry of a host that is neither banned nor exempt; NULL when there is no memory for one. */
static struct source_entry *source_of(struct sources *sources, const struct host *host, uint64_t now_ns)
{
    struct network network = source_network(host);
    struct source_entry *entry = source_find(sources, &network.first);

    return entry != NULL ? entry : source_add(sources, &network.first, now_ns);
}

enum source_verdict sources_enter(struct sources *sources, const struct host *host, uint64_t now_ns,
                                  struct source_entry **entry)
{
    enum source_verdict verdict = SOURCE_WELCOME;

    *entry = NULL;
    if (bans_find(&sources->bans, host, now_ns) != NULL) {
        verdict = SOURCE_BANNED;
    } else if (!network_list_contains(&sources->limits.exempt, host)) {
        *entry = source_of(sources, host, now_ns);
    }
    if (*entry != NULL) {
        verdict = source_judge(sources, *entry, now_ns);
        if (verdict == SOURCE_WELCOME) {
            (*entry)->connected++;
            sources->remembered -= list_is_linked(&(*entry)->link);
            list_remove(&(*entry)->link);
        } else {
            (*entry)->refused++;
            if ((*entry)->connected == 0) {
                source_remember(*entry);
            }
        }
    }
    sources->stats.verdicts[verdict]++;
    if (verdict == SOURCE_TOO_FAST) {
        sources_offend(sources, *entry, SOURCE_OFFENCE_RATE, now_ns);
    }
    return verdict;
}

void sources_leave(struct sources *sources, struct source_entry *entry)
{
    CHECK(entry->connected > 0);
    if (--entry->connected == 0) {
        source_remember(entry);
        forget_some(sources);
    }
}

void sources_set_bans(struct sources *sources, struct bans *bans)
{
    bans_fini(&sources->bans);
    sources->bans = *bans;
    *bans = (struct bans){0};
    LIST_FOR_EACH_SAFE (node, after, &sources->punished) {
        struct source_entry *entry = LIST_ENTRY(node, struct source_entry, punished);
        bool is_lifted = false;

        for (uint32_t i = 0; i < sources->bans.lifted_count && !is_lifted; i++) {
            const struct network *lifted = &sources->bans.lifted[i];
            struct network own = source_network(&entry->host);

            /* One address of an IPv6 network that is turned away stands for all of it. */
            is_lifted = network_contains(lifted, &entry->host) || network_contains(&own, &lifted->first);
        }
        if (is_lifted) {
            timer_cancel(sources->timers, &entry->penalty);
            source_let_in(entry);
            entry->penalty_level = 0;
            entry->points = 0;
            sources->stats.lifted++;
        }
    }
}

uint64_t source_penalty_left_ns(const struct source_entry *entry, uint64_t now_ns)
{
    return list_is_linked(&entry->punished) && entry->penalty.due_ns > now_ns ? entry->penalty.due_ns - now_ns
                                                                              : 0;
}

const char *source_format(const struct source_entry *entry, char *text)
{
    struct network network = source_network(&entry->host);

    return network_format(&network, text);
}
