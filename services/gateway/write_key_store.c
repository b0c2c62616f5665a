/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/write_key_store.h"

#include "common/buffer.h"

#include <stdio.h>
#include <string.h>

static void source_key(struct store_key *key, uint32_t source)
{
    key_reset(key);
    key_u32(key, source);
}

void write_key_secret_make(char ret_text[SECRET_TEXT_BYTES], uint8_t hash_room[SECRET_HASH_BYTES],
    char hint_room[WRITE_KEY_HINT_BYTES], Quanyu__WriteKey__Secret *ret_secret)
{
    secret_make("wk", ret_text);
    size_t size = strlen(ret_text);
    secret_hash(ret_text, size, hash_room);
    snprintf(hint_room, WRITE_KEY_HINT_BYTES, "%s", ret_text + size - (WRITE_KEY_HINT_BYTES - 1));
    quanyu__write_key__secret__init(ret_secret);
    ret_secret->hash = (ProtobufCBinaryData){.data = hash_room, .len = SECRET_HASH_BYTES};
    ret_secret->hint = hint_room;
}

void write_key_put(struct store_txn *txn, const Quanyu__WriteKey *key)
{
    struct store_key place;
    source_key(&place, key->source);
    size_t size = quanyu__write_key__get_packed_size(key);
    uint8_t *room = store_put_room(txn, TABLE_WRITE_KEYS, &place, size);
    if (room)
        quanyu__write_key__pack(key, room);
}

static Quanyu__WriteKey *unpack(struct store_txn *txn, struct bytes value, ProtobufCAllocator *allocator)
{
    Quanyu__WriteKey *key = quanyu__write_key__unpack(allocator, value.size, value.data);
    if (!key)
        store_fail(txn, -QY_ECORRUPT);
    return key;
}

Quanyu__WriteKey *write_key_get(struct store_txn *txn, uint32_t source, ProtobufCAllocator *allocator)
{
    struct store_key place;
    struct bytes value;
    source_key(&place, source);
    return store_get(txn, TABLE_WRITE_KEYS, &place, &value) ? unpack(txn, value, allocator) : NULL;
}

Quanyu__WriteKey *write_key_next(struct store_txn *txn, uint32_t after, ProtobufCAllocator *allocator)
{
    struct store_key all, from;
    struct bytes place, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    if (after == UINT32_MAX)
        return NULL;
    key_reset(&all);
    source_key(&from, after + 1);
    if (scan_open(txn, TABLE_WRITE_KEYS, &all, &from, &scan) || !scan_next(scan, &place, &value))
        return NULL;
    return unpack(txn, value, allocator);
}

uint32_t write_key_last(struct store_txn *txn)
{
    struct store_key all;
    struct bytes place, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    if (scan_open_reverse(txn, TABLE_WRITE_KEYS, &all, NULL, &scan) || !scan_next(scan, &place, &value))
        return 0;
    return place.size == 4 ? get_be32(place.data) : 0;
}

struct counts {
    uint32_t there, removed;
    uint32_t first_removed; /* the lowest number among them */
};

static struct counts count(struct store_txn *txn)
{
    struct counts counts = {0};
    Quanyu__WriteKey *key;
    for (uint32_t at = 0; (key = write_key_next(txn, at, NULL));) {
        at = key->source;
        if (key->removed_ms && counts.removed++ == 0)
            counts.first_removed = at;
        counts.there += key->removed_ms == 0;
        quanyu__write_key__free_unpacked(key, NULL);
    }
    return counts;
}

/* The highest number stays, so that the next one is new: it is not the lowest of many. */
void write_key_prune(struct store_txn *txn)
{
    struct counts counts = count(txn);
    struct store_key place;
    if (counts.removed <= WRITE_KEYS_REMOVED_MAX)
        return;
    source_key(&place, counts.first_removed);
    store_delete(txn, TABLE_WRITE_KEYS, &place);
}

bool write_key_has_room(struct store_txn *txn)
{
    return count(txn).there < WRITE_KEYS_MAX;
}
