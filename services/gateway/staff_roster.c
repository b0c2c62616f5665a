/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_roster.h"

#include "common/buffer.h"

#include <string.h>

#define ENTRY_BYTES ((size_t)8)
#define BLOCK_MEMBERS 128u /* a kilobyte: several to a page, and little to write for one change */
#define BLOCK_BYTES (BLOCK_MEMBERS * ENTRY_BYTES)

/* An entry is the unit (4 bytes; 0: there is no such member), the state (1), the role's mark (3). */
#define MARK_MASK 0xffffffu
#define STATE_SHIFT 24u

static void roster_prefix(struct store_key *key)
{
    key_reset(key);
    key_u8(key, STAFF_INDEX_ROSTER);
}

static void block_key(struct store_key *key, uint32_t number)
{
    roster_prefix(key);
    key_u32(key, number / BLOCK_MEMBERS);
}

/* FNV-1a. Roles may share a mark: the row says which it is. */
static uint32_t mark_of(const char *role)
{
    uint32_t hash = 2166136261u;
    for (; *role; role++)
        hash = (hash ^ (uint8_t)*role) * 16777619u;
    return (hash ^ hash >> STATE_SHIFT) & MARK_MASK;
}

void staff_roster_put(struct store_txn *txn, const Quanyu__Staff *staff)
{
    struct store_key key;
    struct bytes value;
    uint8_t block[BLOCK_BYTES] = {0};
    block_key(&key, staff->number);
    if (store_get(txn, TABLE_STAFF_INDEX, &key, &value) && value.size == sizeof(block))
        memcpy(block, value.data, sizeof(block));
    uint8_t *entry = block + staff->number % BLOCK_MEMBERS * ENTRY_BYTES;
    put_be32(entry, staff->unit);
    put_be32(entry + 4, (uint32_t)staff->state << STATE_SHIFT | mark_of(staff->role));
    store_put(txn, TABLE_STAFF_INDEX, &key, block, sizeof(block));
}

/* A pick as entries show it. */
struct sieve {
    const struct unit_tree *units;
    uint32_t first, places; /* of units: a run of them */
    uint32_t mask, wanted;  /* of state and mark */
};

/* False where it lets nobody through: a unit that is outside the scope. */
static bool sieve_of(const struct staff_pick *pick, struct sieve *ret_sieve)
{
    uint32_t top = pick->scope;
    struct sieve sieve = {.units = pick->units};
    if (pick->unit && !unit_tree_within(pick->units, top, pick->unit))
        top = unit_tree_within(pick->units, pick->unit, top) ? pick->unit : 0;
    if (!unit_tree_has(pick->units, top))
        return false;
    sieve.first = unit_tree_place(pick->units, top);
    sieve.places = unit_tree_below(pick->units, top) + 1;
    if (*pick->role) {
        sieve.mask |= MARK_MASK;
        sieve.wanted |= mark_of(pick->role);
    }
    if (pick->state != STAFF_ANY_STATE) {
        sieve.mask |= ~MARK_MASK;
        sieve.wanted |= (uint32_t)pick->state << STATE_SHIFT;
    }
    *ret_sieve = sieve;
    return true;
}

static bool lets_through(const struct sieve *sieve, const uint8_t *entry)
{
    uint32_t unit = get_be32(entry);
    if (unit == 0 || (get_be32(entry + 4) & sieve->mask) != sieve->wanted)
        return false;
    uint32_t place = unit_tree_place(sieve->units, unit_tree_heir(sieve->units, unit));
    return place - sieve->first < sieve->places;
}

/* The number of the first one from `from` on; 0 behind the last. */
static uint32_t sift(struct store_txn *txn, const struct sieve *sieve, uint32_t from)
{
    struct store_key prefix, begin;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    roster_prefix(&prefix);
    block_key(&begin, from);
    if (scan_open(txn, TABLE_STAFF_INDEX, &prefix, &begin, &scan))
        return 0;
    while (scan_next(scan, &key, &value)) {
        if (key.size < 4 || value.size != BLOCK_BYTES) {
            store_fail(txn, -QY_ECORRUPT);
            return 0;
        }
        uint32_t block = get_be32(key.data + key.size - 4) * BLOCK_MEMBERS;
        for (uint32_t i = from > block ? from - block : 0; i < BLOCK_MEMBERS; i++)
            if (lets_through(sieve, value.data + i * ENTRY_BYTES))
                return block + i;
    }
    return 0;
}

Quanyu__Staff *staff_pick_next(
    struct store_txn *txn, const struct staff_pick *pick, uint32_t after, ProtobufCAllocator *allocator)
{
    struct sieve sieve;
    if (!sieve_of(pick, &sieve))
        return NULL;
    while (after < UINT32_MAX && (after = sift(txn, &sieve, after + 1))) {
        Quanyu__Staff *staff = staff_get(txn, after, allocator);
        if (!staff || !*pick->role || strcmp(staff->role, pick->role) == 0)
            return staff;
        if (!allocator)
            quanyu__staff__free_unpacked(staff, NULL);
    }
    return NULL;
}
