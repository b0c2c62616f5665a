/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_places.h"

#include "common/mem.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One address in an open table, at its hash's slot or in one of those behind it without a gap. */
struct slot {
    uint64_t key; /* 0: free */
    uint32_t count;
};

struct http_places {
    _Atomic uint32_t taken;
    uint32_t most, per_address;
    pthread_mutex_t lock;                      /* of the slots */
    uint8_t secret[crypto_shorthash_KEYBYTES]; /* nobody can choose addresses that meet in one slot */
    size_t mask;
    struct slot *slots; /* twice as many as there are places, or more */
};

struct http_places *http_places_open(uint32_t most, uint32_t per_address)
{
    struct http_places *places = calloc(1, sizeof(*places));
    if (!places)
        return NULL;
    size_t count = 16;
    while (count < 2 * (size_t)most)
        count *= 2;
    places->most = most;
    places->per_address = per_address;
    places->mask = count - 1;
    places->slots = per_address ? calloc(count, sizeof(*places->slots)) : NULL;
    pthread_mutex_init(&places->lock, NULL);
    randombytes_buf(places->secret, sizeof(places->secret));
    if (per_address && !places->slots)
        http_places_close(&places);
    return places;
}

void http_places_close(struct http_places **places)
{
    if (!*places)
        return;
    pthread_mutex_destroy(&(*places)->lock);
    free((*places)->slots);
    free(*places);
    *places = NULL;
}

bool http_places_take(struct http_places *places)
{
    uint32_t taken = atomic_load(&places->taken);
    while (taken < places->most)
        if (atomic_compare_exchange_weak(&places->taken, &taken, taken + 1))
            return true;
    return false;
}

void http_places_give(struct http_places *places)
{
    atomic_fetch_sub(&places->taken, 1);
}

/* -- addresses -- */

static uint64_t key_of_v4(const uint8_t address[4])
{
    uint64_t key =
        UINT64_C(0xffff) << 32; /* ::ffff:0:0/96, as IPv6 writes them; no network begins like that */
    for (int i = 0; i < 4; i++)
        key |= (uint64_t)address[i] << (24 - 8 * i);
    return address[0] == 127 ? 0 : key;
}

static uint64_t key_of_v6(const struct in6_addr *address)
{
    if (IN6_IS_ADDR_V4MAPPED(address))
        return key_of_v4(address->s6_addr + 12);
    if (IN6_IS_ADDR_LOOPBACK(address))
        return 0;
    uint64_t key = 0;
    for (int i = 0; i < 8; i++)
        key = key << 8 | address->s6_addr[i];
    return key;
}

static uint64_t key_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return key_of_v6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    if (address->sa_family != AF_INET)
        return 0;
    return key_of_v4((const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr);
}

static size_t home_of(const struct http_places *places, uint64_t key)
{
    uint64_t hash;
    crypto_shorthash((uint8_t *)&hash, (const uint8_t *)&key, sizeof(key), places->secret);
    return hash & places->mask;
}

/* Where the address is, or would be. There are more slots than places, so one is free. */
static struct slot *find(const struct http_places *places, uint64_t key)
{
    size_t at = home_of(places, key);
    while (places->slots[at].key != 0 && places->slots[at].key != key)
        at = (at + 1) & places->mask;
    return &places->slots[at];
}

/* Frees a slot, and moves into the gap what stands behind it but belongs before. */
static void take_out(struct http_places *places, struct slot *slot)
{
    size_t gap = (size_t)(slot - places->slots);
    for (size_t at = (gap + 1) & places->mask; places->slots[at].key != 0; at = (at + 1) & places->mask) {
        size_t home = home_of(places, places->slots[at].key);
        if (((at - home) & places->mask) < ((at - gap) & places->mask))
            continue;
        places->slots[gap] = places->slots[at];
        gap = at;
    }
    places->slots[gap] = (struct slot){0};
}

bool http_places_admit(struct http_places *places, const struct sockaddr *address, uint64_t *ret_key)
{
    uint64_t key = places->slots ? key_of(address) : 0;
    *ret_key = key;
    if (key == 0)
        return true;
    pthread_mutex_lock(&places->lock);
    struct slot *slot = find(places, key);
    bool admitted = slot->count < places->per_address;
    if (admitted) {
        slot->key = key;
        slot->count++;
    }
    pthread_mutex_unlock(&places->lock);
    return admitted;
}

void http_places_dismiss(struct http_places *places, uint64_t key)
{
    if (key == 0)
        return;
    pthread_mutex_lock(&places->lock);
    struct slot *slot = find(places, key);
    if (--slot->count == 0)
        take_out(places, slot);
    pthread_mutex_unlock(&places->lock);
}
