/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/orders.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    struct purchase_key key; /* bytes[0] 0: free */
    struct purchase purchase;
};

struct purchase_set {
    struct slot *slots;
    size_t count, capacity; /* capacity: a power of two */
};

int purchase_set_open(struct purchase_set **ret_set)
{
    struct purchase_set *set = calloc(1, sizeof(*set));
    if (!set)
        return -QY_ENOMEM;
    *ret_set = set;
    return 0;
}

void purchase_set_close(struct purchase_set **set)
{
    if (!*set)
        return;
    free((*set)->slots);
    free(*set);
    *set = NULL;
}

void purchase_set_clear(struct purchase_set *set)
{
    if (set->count > 0)
        memset(set->slots, 0, set->capacity * sizeof(*set->slots));
    set->count = 0;
}

/* The keys are hashes already. */
static struct slot *slot_for(const struct purchase_set *set, const struct purchase_key *key)
{
    uint64_t hash;
    memcpy(&hash, key->bytes + 1, sizeof(hash));
    size_t at = (size_t)(hash * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (set->capacity - 1);
    while (set->slots[at].key.bytes[0] != 0 && memcmp(&set->slots[at].key, key, sizeof(*key)) != 0)
        at = (at + 1) & (set->capacity - 1);
    return &set->slots[at];
}

static int grow(struct purchase_set *set)
{
    struct purchase_set larger = {.capacity = set->capacity ? set->capacity * 2 : 16, .count = set->count};
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return -QY_ENOMEM;
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i].key.bytes[0] != 0)
            *slot_for(&larger, &set->slots[i].key) = set->slots[i];
    free(set->slots);
    *set = larger;
    return 0;
}

int purchase_set_add(
    struct purchase_set *set, const struct purchase_key *key, const struct purchase *purchase)
{
    if (set->count * 2 >= set->capacity) {
        int error = grow(set);
        if (error)
            return error;
    }
    struct slot *slot = slot_for(set, key);
    bool known = slot->key.bytes[0] != 0;
    if (known && !purchase_before(purchase, &slot->purchase))
        return 0;
    set->count += !known;
    *slot = (struct slot){.key = *key, .purchase = *purchase};
    return 0;
}

void purchase_set_sum_orders(const struct purchase_set *set, struct totals *totals)
{
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i].key.bytes[0] != 0)
            totals_add_order(totals, &set->slots[i].purchase);
}

void purchase_set_sum_refunds(const struct purchase_set *set, struct totals *totals)
{
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i].key.bytes[0] != 0)
            totals_add_refund(totals, &set->slots[i].purchase);
}
