/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/span_store.h"

#include "services/identity/link_store.h"

#define SPAN_BYTES 12
#define SIGN (UINT64_C(1) << 63)

/* No node has number 0: behind it stand the later nodes, with their first one. */
static struct store_key key_of_later(uint32_t node)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, 0);
    key_u32(&key, node);
    return key;
}

static struct store_key key_of(uint32_t first, int64_t since_ms)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, first);
    key_u64(&key, (uint64_t)since_ms ^ SIGN);
    return key;
}

void identity_store_put_span(struct store_txn *txn, uint32_t first, const struct span *span)
{
    struct store_key key = key_of(first, span->since_ms), later = key_of_later(span->node);
    uint8_t value[SPAN_BYTES], number[sizeof(uint32_t)];
    put_be32(value, span->node);
    put_be64(value + 4, span->decision);
    store_put(txn, TABLE_SPANS, &key, value, sizeof(value));
    put_be32(number, first);
    store_put(txn, TABLE_SPANS, &later, number, sizeof(number));
}

void identity_store_delete_span(struct store_txn *txn, uint32_t first, int64_t since_ms)
{
    struct store_key key = key_of(first, since_ms);
    store_delete(txn, TABLE_SPANS, &key);
}

int identity_store_scan_spans(struct store_txn *txn, uint32_t first, struct store_scan **ret_scan)
{
    struct store_key prefix;
    key_reset(&prefix);
    key_u32(&prefix, first);
    return scan_open(txn, TABLE_SPANS, &prefix, NULL, ret_scan);
}

bool identity_store_next_span(struct store_txn *txn, struct store_scan *scan, struct span *ret_span)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    if (key.size != 12 || value.size != SPAN_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    ret_span->since_ms = (int64_t)(get_be64(key.data + 4) ^ SIGN);
    ret_span->node = get_be32(value.data);
    ret_span->decision = get_be64(value.data + 4);
    return true;
}

uint32_t identity_store_first(struct store_txn *txn, uint32_t node)
{
    struct store_key key = key_of_later(node);
    struct bytes value;
    return store_get(txn, TABLE_SPANS, &key, &value) && value.size == sizeof(uint32_t) ? get_be32(value.data)
                                                                                       : node;
}

uint32_t identity_store_owner(struct store_txn *txn, uint32_t first, int64_t event_ms)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct span span;
    uint32_t owner = first;
    if (identity_store_scan_spans(txn, first, &scan))
        return first;
    while (identity_store_next_span(txn, scan, &span) && span.since_ms <= event_ms)
        owner = span.node;
    return owner;
}

uint32_t identity_store_carried(struct store_txn *txn, uint32_t node, int64_t event_ms)
{
    struct node_place place;
    node = identity_store_plain(txn, node);
    bool spanned = identity_store_place(txn, node, &place) && place.flags & NODE_SPANNED;
    return spanned ? identity_store_owner(txn, node, event_ms) : node;
}

bool identity_store_is_present(struct store_txn *txn, uint32_t node)
{
    struct node_place place;
    if (!identity_store_place(txn, node, &place) || !(place.flags & (NODE_SPANNED | NODE_LATER)))
        return true;
    return identity_store_owner(txn, identity_store_first(txn, node), INT64_MAX) == node;
}
