#include "room/tickets.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/siphash.h"

static uint32_t chains_for(uint32_t sessions_max)
{
    uint32_t chains = 16;

    while (chains < sessions_max && chains < 1u << 20) {
        chains *= 2;
    }
    return chains;
}

uint64_t tickets_bytes_max(uint32_t sessions_max, uint32_t nonces_max)
{
    return ticket_nonces_bytes(nonces_max) + chains_for(sessions_max) * sizeof(struct session_identity *) +
           sessions_max * (uint64_t)sizeof(struct session_identity);
}

void tickets_fini(struct tickets *tickets)
{
    for (uint32_t i = 0; tickets->users != NULL && i <= tickets->user_mask; i++) {
        CHECK(tickets->users[i] == NULL);
    }
    memory_give(tickets->users);
    ticket_nonces_fini(&tickets->nonces);
    explicit_bzero(tickets, sizeof(*tickets));
}

int tickets_reserve(struct tickets *tickets, uint32_t sessions_max, uint32_t nonces_max)
{
    uint32_t chains = chains_for(sessions_max);

    if (tickets->users != NULL) {
        return 0;
    }
    if (getrandom(tickets->hash_key, sizeof(tickets->hash_key), 0) != (ssize_t)sizeof(tickets->hash_key)) {
        return -EIO;
    }

    int rc = ticket_nonces_init(&tickets->nonces, nonces_max);

    if (rc < 0) {
        return rc;
    }
    tickets->users = memory_take_zeroed(chains, sizeof(tickets->users[0]));
    if (tickets->users == NULL) {
        ticket_nonces_fini(&tickets->nonces);
        return -ENOMEM;
    }
    tickets->user_mask = chains - 1;
    return 0;
}

void tickets_set_policy(struct tickets *tickets, const struct ticket_policy *policy)
{
    CHECK(policy->keys.count == 0 || tickets->users != NULL);
    tickets->policy = *policy;
}

bool tickets_are_required(const struct tickets *tickets)
{
    return tickets->policy.keys.count > 0;
}

static uint32_t user_hash(const struct tickets *tickets, const char *user)
{
    return (uint32_t)siphash_2_4(tickets->hash_key, user, strlen(user));
}

struct session_identity *tickets_find_user(const struct tickets *tickets, const char *user)
{
    uint32_t hash = user_hash(tickets, user);
    struct session_identity *identity = tickets->users[hash & tickets->user_mask];

    while (identity != NULL && (identity->hash != hash || strcmp(identity->user, user) != 0)) {
        identity = identity->next;
    }
    return identity;
}

void tickets_list_user(struct tickets *tickets, struct session_identity *identity)
{
    CHECK(!identity->is_listed);
    identity->hash = user_hash(tickets, identity->user);

    struct session_identity **chain = &tickets->users[identity->hash & tickets->user_mask];

    identity->next = *chain;
    *chain = identity;
    identity->is_listed = true;
}

void tickets_unlist_user(struct tickets *tickets, struct session_identity *identity)
{
    if (!identity->is_listed) {
        return;
    }

    struct session_identity **at = &tickets->users[identity->hash & tickets->user_mask];

    while (*at != identity) {
        CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = identity->next;
    identity->next = NULL;
    identity->is_listed = false;
}
