/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"
#include "services/identity/personal.h"

#include <stdlib.h>
#include <string.h>

#define SETS 512      /* of two entries each */
#define TEXT_BYTES 40 /* longer names are looked up each time */

struct entry {
    size_t size; /* 0: free */
    char text[TEXT_BYTES];
    struct key_info info;
};

struct key_cache {
    const struct kinds *kinds;
    struct key_info last;          /* of a name that has no entry */
    struct entry entries[SETS][2]; /* the one used last comes first */
};

int key_cache_open(const struct kinds *kinds, struct key_cache **ret_cache)
{
    struct key_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return -QY_ENOMEM;
    cache->kinds = kinds;
    *ret_cache = cache;
    return 0;
}

void key_cache_close(struct key_cache **cache)
{
    free(*cache);
    *cache = NULL;
}

void key_cache_clear(struct key_cache *cache)
{
    memset(cache->entries, 0, sizeof(cache->entries));
}

static struct key_info find_out(const struct kinds *kinds, const char *key, size_t size)
{
    return (struct key_info){
        .class = key_classify(key, size),
        .looks = key_looks(key, size),
        .is_thing = key_is_thing(key, size),
        .is_amounts = key_is_amounts(key, size),
        .is_part = key_is_part(key, size),
        .kind = kind_find(kinds, key, size),
    };
}

static bool is_of(const struct entry *entry, const char *key, size_t size)
{
    return entry->size == size && memcmp(entry->text, key, size) == 0;
}

const struct key_info *key_info(struct key_cache *cache, const char *key, size_t size)
{
    if (size == 0 || size > TEXT_BYTES) {
        cache->last = find_out(cache->kinds, key, size);
        return &cache->last;
    }
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    struct entry *set = cache->entries[(hash ^ hash >> 16) % SETS];
    if (is_of(&set[0], key, size))
        return &set[0].info;
    struct entry second = set[1];
    set[1] = set[0];
    set[0] = second;
    if (!is_of(&set[0], key, size)) {
        set[0].info = find_out(cache->kinds, key, size);
        set[0].size = size;
        memcpy(set[0].text, key, size);
    }
    return &set[0].info;
}
