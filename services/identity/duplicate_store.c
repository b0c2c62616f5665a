/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_store.h"

#include "common/buffer.h"
#include "services/identity/decision_store.h"
#include "services/identity/link_store.h"

#include <math.h>
#include <string.h>

#define PAIR_HEAD_BYTES 20
#define PAIR_BYTES (PAIR_HEAD_BYTES + FIELD_COUNT)
#define SCORE_SCALE 1000.0f
#define PROBABILITY_SCALE 1e9f
#define MEMBERS_MAX 64 /* of a person that are looked at */

/* -- searches -- */

static void make_state_key(struct store_key *key)
{
    key_reset(key);
    key_text(key, "duplicates");
}

Quanyu__DuplicateState *duplicate_store_state(struct store_txn *txn, struct arena *arena)
{
    struct store_key key;
    struct bytes value = {0};
    make_state_key(&key);
    (void)store_get(txn, TABLE_META, &key, &value);
    if (store_error(txn))
        return NULL;
    return quanyu__duplicate_state__unpack(arena_allocator(arena), value.size, value.data);
}

void duplicate_store_put_state(struct store_txn *txn, const Quanyu__DuplicateState *state)
{
    struct store_key key;
    make_state_key(&key);
    uint8_t *room = store_put_room(txn, TABLE_META, &key, quanyu__duplicate_state__get_packed_size(state));
    if (room)
        quanyu__duplicate_state__pack(state, room);
}

/* -- pairs -- */

static void make_pair_key(struct store_key *key, uint64_t search, uint32_t rank)
{
    key_reset(key);
    key_u64(key, search);
    key_u32(key, rank);
}

void duplicate_store_add_pairs(
    struct store_txn *txn, uint64_t search, uint32_t rank, const struct duplicate_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct duplicate_pair *pair = &pairs[i];
        struct store_key key;
        uint8_t value[PAIR_BYTES];
        make_pair_key(&key, search, rank + (uint32_t)i);
        put_be32(value, pair->low);
        put_be32(value + 4, pair->high);
        put_be32(value + 8, (uint32_t)lrintf(pair->score * SCORE_SCALE));
        put_be32(value + 12, (uint32_t)lrintf(pair->probability * PROBABILITY_SCALE));
        put_be32(value + 16, (uint32_t)lrintf(pair->rarity * SCORE_SCALE));
        memcpy(value + PAIR_HEAD_BYTES, pair->agreement.levels, FIELD_COUNT);
        store_put(txn, TABLE_DUPLICATES, &key, value, sizeof(value));
    }
}

int duplicate_store_scan_pairs(
    struct store_txn *txn, uint64_t search, uint32_t rank, struct store_scan **ret_scan)
{
    struct store_key prefix, from;
    key_reset(&prefix);
    key_u64(&prefix, search);
    make_pair_key(&from, search, rank);
    return scan_open(txn, TABLE_DUPLICATES, &prefix, &from, ret_scan);
}

bool duplicate_store_next_pair(
    struct store_txn *txn, struct store_scan *scan, uint32_t *ret_rank, struct duplicate_pair *ret_pair)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    if (value.size != PAIR_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    *ret_rank = get_be32(key.data + 8);
    ret_pair->low = get_be32(value.data);
    ret_pair->high = get_be32(value.data + 4);
    ret_pair->score = (float)(int32_t)get_be32(value.data + 8) / SCORE_SCALE;
    ret_pair->probability = (float)get_be32(value.data + 12) / PROBABILITY_SCALE;
    ret_pair->rarity = (float)(int32_t)get_be32(value.data + 16) / SCORE_SCALE;
    memcpy(ret_pair->agreement.levels, value.data + PAIR_HEAD_BYTES, FIELD_COUNT);
    return true;
}

size_t duplicate_store_sweep(struct store_txn *txn, uint64_t search, size_t most)
{
    static const struct store_key everything;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key from;
    struct bytes key, value;
    size_t count = 0;
    if (scan_open(txn, TABLE_DUPLICATES, &everything, NULL, &scan))
        return 0;
    while (count < most && scan_next(scan, &key, &value)) {
        if (get_be64(key.data) != search) {
            scan_delete(scan);
            count++;
            continue;
        }
        scan_close(&scan); /* on behind its own */
        make_pair_key(&from, search + 1, 0);
        if (scan_open(txn, TABLE_DUPLICATES, &everything, &from, &scan))
            break;
    }
    return count;
}

/* -- who is not one -- */

static void make_dismissed_key(struct store_key *key, uint32_t low, uint32_t high)
{
    key_reset(key);
    key_u32(key, low);
    key_u32(key, high);
}

Quanyu__DuplicateDismissal *duplicate_store_dismissal(
    struct store_txn *txn, uint32_t low, uint32_t high, struct arena *arena)
{
    struct store_key key;
    struct bytes value;
    make_dismissed_key(&key, low, high);
    if (!store_get(txn, TABLE_DISMISSED, &key, &value))
        return NULL;
    Quanyu__DuplicateDismissal *dismissal =
        quanyu__duplicate_dismissal__unpack(arena_allocator(arena), value.size, value.data);
    if (!dismissal)
        store_fail(txn, -QY_ECORRUPT);
    return dismissal;
}

bool duplicate_store_is_dismissed(struct store_txn *txn, uint32_t low, uint32_t high)
{
    struct store_key key;
    make_dismissed_key(&key, low, high);
    return store_has(txn, TABLE_DISMISSED, &key);
}

void duplicate_store_dismiss(
    struct store_txn *txn, uint32_t low, uint32_t high, const Quanyu__DuplicateDismissal *dismissal)
{
    struct store_key key;
    make_dismissed_key(&key, low, high);
    uint8_t *room =
        store_put_room(txn, TABLE_DISMISSED, &key, quanyu__duplicate_dismissal__get_packed_size(dismissal));
    if (room)
        quanyu__duplicate_dismissal__pack(dismissal, room);
}

static bool is_apart_from(struct store_txn *txn, uint32_t node, uint32_t person)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint32_t other;
    struct link link;
    struct node_place place;
    if (identity_store_scan_neighbours(txn, node, &scan))
        return false;
    while (identity_store_next_link_of(txn, scan, node, &other, &link))
        if (link.apart && identity_store_place(txn, other, &place) && place.person == person)
            return true;
    return false;
}

bool duplicate_store_are_apart(struct store_txn *txn, uint32_t low, uint32_t high)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint32_t node;
    struct node_place place;
    if (identity_store_scan_members(txn, low, &scan))
        return false;
    for (unsigned i = 0; i < MEMBERS_MAX && identity_store_next_member(scan, &node); i++)
        if (identity_store_place(txn, node, &place) && (place.flags & NODE_DECIDED) &&
            is_apart_from(txn, node, high))
            return true;
    return false;
}

/* -- persons -- */

bool duplicate_store_person_after(struct store_txn *txn, uint32_t after, uint32_t *ret_person)
{
    static const struct store_key everything;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key from;
    struct bytes key, value;
    if (after == UINT32_MAX)
        return false;
    key_reset(&from);
    key_u32(&from, after + 1);
    if (scan_open(txn, TABLE_TRAITS, &everything, &from, &scan) || !scan_next(scan, &key, &value))
        return false;
    *ret_person = get_be32(key.data);
    return true;
}

bool duplicate_store_is_unmoved(struct store_txn *txn, uint32_t person, uint64_t moves)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct node_place place;
    struct store_key prefix;
    struct bytes key, value;
    if (!identity_store_place(txn, person, &place) || place.person != person)
        return false;
    key_reset(&prefix);
    key_u32(&prefix, person);
    if (scan_open_reverse(txn, TABLE_HISTORY, &prefix, NULL, &scan))
        return false;
    return !scan_next(scan, &key, &value) || get_be64(key.data + 4) <= moves;
}
