/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/evidence_index.h"

#include <stdlib.h>
#include <string.h>

/* 20 bits a pair, of which 7 are set: one part in four thousand is read in vain. With what LMDB puts before it, a filter fills eight
 * pages. */
#define LINE_BYTES 64
#define LINE_BITS (LINE_BYTES * 8u)
#define LINES 511
#define FILTER_BYTES (LINES * LINE_BYTES)
#define PAIRS_MAX 13000
#define BITS_SET 7

struct evidence_index {
    uint8_t filter[FILTER_BYTES]; /* of the part that goes on */
    unsigned pairs;
    bool stale; /* it is to be read anew */
};

int evidence_index_open(struct evidence_index **ret_index)
{
    struct evidence_index *index = calloc(1, sizeof(*index));
    if (!index)
        return -QY_ENOMEM;
    index->stale = true;
    *ret_index = index;
    return 0;
}

void evidence_index_close(struct evidence_index **index)
{
    free(*index);
    *index = NULL;
}

/* -- one filter -- */

/* Of a number that is not random: each bit of it tells in each bit (splitmix64). */
static uint64_t mix(uint64_t number)
{
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

uint64_t evidence_key(uint32_t node, uint32_t other, enum worth worth)
{
    uint32_t low = node < other ? node : other, high = node < other ? other : node;
    return mix(((uint64_t)low << 32 | high) + mix(worth));
}

uint64_t evidence_name_key(uint32_t node, uint64_t name)
{
    return mix(((uint64_t)node << 32 | (uint32_t)name) + mix(WORTH_ALIAS + 1));
}

uint64_t evidence_single_key(uint32_t node)
{
    return evidence_key(node, node, WORTH_NOTHING);
}

static size_t line_of(uint64_t key)
{
    return (key >> 32) % LINES * LINE_BYTES;
}

static void filter_add(uint8_t *filter, uint64_t key)
{
    uint8_t *line = filter + line_of(key);
    uint64_t bits = mix(key);
    for (unsigned i = 0; i < BITS_SET; i++, bits >>= 9)
        line[bits % LINE_BITS / 8] |= (uint8_t)(1u << (bits % 8));
}

static bool filter_has(const uint8_t *filter, uint64_t key)
{
    const uint8_t *line = filter + line_of(key);
    uint64_t bits = mix(key);
    for (unsigned i = 0; i < BITS_SET; i++, bits >>= 9)
        if (!(line[bits % LINE_BITS / 8] >> (bits % 8) & 1))
            return false;
    return true;
}

static bool filter_has_any(const uint8_t *filter, const uint64_t *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (filter_has(filter, keys[i]))
            return true;
    return false;
}

/* -- filling -- */

static void clear(struct evidence_index *index)
{
    memset(index->filter, 0, sizeof(index->filter));
    index->pairs = 0;
}

/* Yields how many. */
static unsigned add_pairs(uint8_t *filter, const struct evidence *evidence)
{
    for (unsigned i = 0; i < evidence->count; i++)
        for (unsigned k = 0; k < i; k++)
            filter_add(filter, evidence_key(evidence->items[i].node, evidence->items[k].node,
                                   evidence_worth(evidence, i, k)));
    return evidence->count * (evidence->count - 1) / 2;
}

/* True: the part is full. */
static bool take(struct evidence_index *index, const struct evidence *evidence)
{
    index->pairs += add_pairs(index->filter, evidence);
    if (evidence->count == 1) {
        filter_add(index->filter, evidence_single_key(evidence->items[0].node));
        index->pairs++;
    }
    for (unsigned i = 0; evidence->name && i < evidence->count; i++, index->pairs++)
        filter_add(index->filter, evidence_name_key(evidence->items[i].node, evidence->name));
    return index->pairs >= PAIRS_MAX;
}

static void write_part(struct evidence_index *index, struct store_txn *txn, uint64_t last)
{
    identity_store_add_evidence_filter(txn, last, index->filter, sizeof(index->filter));
    clear(index);
}

/* Up to the end of a part. True: there is more. */
static bool load_part(struct evidence_index *index, struct store_txn *txn, uint64_t from, uint64_t *ret_next)
{
    struct store_scan *scan = NULL;
    struct evidence evidence = {.offset = from};
    bool full = false;
    if (identity_store_scan_evidence(txn, from, &scan))
        return false;
    while (!full && identity_store_next_evidence(txn, scan, &evidence))
        full = take(index, &evidence);
    scan_close(&scan);
    if (full)
        write_part(index, txn, evidence.offset);
    *ret_next = evidence.offset + 1;
    return full && !store_error(txn);
}

int evidence_index_load(struct evidence_index *index, struct store_txn *txn)
{
    uint64_t next = identity_store_evidence_filtered(txn);
    clear(index);
    while (load_part(index, txn, next, &next)) {
    }
    index->stale = store_error(txn);
    return store_error(txn);
}

void evidence_index_add(struct evidence_index *index, struct store_txn *txn, const struct evidence *evidence)
{
    if (index->stale && evidence_index_load(index, txn))
        return;
    if (take(index, evidence))
        write_part(index, txn, evidence->offset);
}

/* What it was worth before stays in: a part may be read in vain. */
int evidence_index_add_again(
    struct evidence_index *index, struct store_txn *txn, const struct evidence *evidence)
{
    struct store_scan *scan = NULL;
    uint64_t last;
    struct bytes filter;
    uint8_t copy[FILTER_BYTES];
    int error = index->stale ? evidence_index_load(index, txn) : 0;
    if (!error)
        error = identity_store_scan_evidence_filters(txn, evidence->offset, &scan);
    if (error)
        return error;
    bool written = identity_store_next_evidence_filter(scan, &last, &filter);
    bool right = written && filter.size == sizeof(copy);
    if (right)
        memcpy(copy, filter.data, sizeof(copy)); /* a put ends what was borrowed */
    scan_close(&scan);
    if (written && !right)
        return store_fail(txn, -QY_ECORRUPT);
    add_pairs(written ? copy : index->filter, evidence);
    if (written)
        identity_store_put_evidence_filter(txn, last, copy, sizeof(copy));
    return store_error(txn);
}

void evidence_index_forget(struct evidence_index *index)
{
    index->stale = true;
}

/* -- looking -- */

/* The evidence from `from` up to `last`. True: that is enough. */
static bool visit_part(struct store_txn *txn, uint64_t from, uint64_t last, evidence_fn *visit, void *self)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct evidence evidence;
    bool found = identity_store_scan_evidence(txn, from, &scan) != 0;
    while (!found && identity_store_next_evidence(txn, scan, &evidence) && evidence.offset <= last)
        found = visit(self, &evidence);
    return found;
}

int evidence_index_search(struct evidence_index *index, struct store_txn *txn, const uint64_t *keys,
    size_t count, uint64_t from, evidence_fn *visit, void *self)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint64_t last;
    struct bytes filter;
    bool found = false;
    int error = index->stale ? evidence_index_load(index, txn) : 0;
    if (!error)
        error = identity_store_scan_evidence_filters(txn, from, &scan);
    for (; !error && !found && identity_store_next_evidence_filter(scan, &last, &filter); from = last + 1) {
        if (filter.size != FILTER_BYTES)
            return store_fail(txn, -QY_ECORRUPT);
        if (filter_has_any(filter.data, keys, count))
            found = visit_part(txn, from, last, visit, self);
    }
    if (!error && !found && filter_has_any(index->filter, keys, count))
        visit_part(txn, from, UINT64_MAX, visit, self);
    return error ? error : store_error(txn);
}
