/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/node_cache.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN (UINT64_C(1) << 14)
#define SLOTS_MAX (UINT64_C(1) << 22) /* 96 MiB */

struct node_cache {
    uint64_t mask;
    struct cached_node *slots;
    bool exhausted; /* memory for more could not be had */
};

int node_cache_open(struct node_cache **ret_cache)
{
    struct node_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return -QY_ENOMEM;
    cache->mask = SLOTS_MIN - 1;
    cache->slots = calloc(SLOTS_MIN, sizeof(*cache->slots));
    if (!cache->slots)
        node_cache_close(&cache);
    *ret_cache = cache;
    return cache ? 0 : -QY_ENOMEM;
}

void node_cache_close(struct node_cache **cache)
{
    if (!*cache)
        return;
    free((*cache)->slots);
    free(*cache);
    *cache = NULL;
}

/* The hash is keyed and even: its first bytes are as good as any. */
static uint64_t short_hash(const uint8_t hash[VAULT_HASH_BYTES])
{
    return get_be64(hash);
}

struct cached_node *node_cache_find(struct node_cache *cache, const uint8_t hash[VAULT_HASH_BYTES])
{
    uint64_t wanted = short_hash(hash);
    struct cached_node *slot = &cache->slots[wanted & cache->mask];
    return slot->node && slot->hash == wanted ? slot : NULL;
}

static void grow(struct node_cache *cache)
{
    uint64_t count = (cache->mask + 1) * 4;
    struct cached_node *slots = calloc(count, sizeof(*slots));
    if (!slots) {
        cache->exhausted = true;
        return;
    }
    for (uint64_t i = 0; i <= cache->mask; i++)
        if (cache->slots[i].node)
            slots[cache->slots[i].hash & (count - 1)] = cache->slots[i];
    free(cache->slots);
    cache->slots = slots;
    cache->mask = count - 1;
}

struct cached_node *node_cache_put(struct node_cache *cache, const uint8_t hash[VAULT_HASH_BYTES],
    uint32_t node, uint32_t person, uint64_t nodes)
{
    if (nodes > cache->mask && cache->mask + 1 < SLOTS_MAX && !cache->exhausted)
        grow(cache);
    uint64_t kept = short_hash(hash);
    struct cached_node *slot = &cache->slots[kept & cache->mask];
    *slot = (struct cached_node){.hash = kept, .node = node, .person = person};
    return slot;
}

void node_cache_clear(struct node_cache *cache)
{
    memset(cache->slots, 0, (cache->mask + 1) * sizeof(*cache->slots));
}
