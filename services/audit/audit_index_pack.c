/* SPDX-License-Identifier: Apache-2.0 */
/* Making a segment's index. */
#include "services/audit/audit_index_layout.h"

#include "common/error.h"
#include "services/audit/audit_record.h"

#include <stdlib.h>
#include <string.h>

/* What is known while an index is made. */
struct packing {
    const struct audit_tail *tail;
    const struct tail_term **sorted;
    size_t *first; /* by a term's number: where its places begin in `places` */
    uint16_t *places;
    uint32_t *counts; /* of places, by number */
};

static void packing_free(struct packing *packing)
{
    free(packing->sorted);
    free(packing->first);
    free(packing->places);
    free(packing->counts);
}

static int compare_keys(const void *a, const void *b)
{
    const struct tail_term *left = *(const struct tail_term *const *)a,
                           *right = *(const struct tail_term *const *)b;
    size_t size = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->key, right->key, size);
    return order ? order : (left->size > right->size) - (left->size < right->size);
}

static int packing_open(struct packing *packing)
{
    const struct audit_tail *tail = packing->tail;
    packing->sorted = calloc(tail->term_count + 1, sizeof(*packing->sorted));
    packing->first = calloc(tail->term_count + 1, sizeof(*packing->first));
    packing->counts = calloc(tail->term_count + 1, sizeof(*packing->counts));
    packing->places = calloc(tail->id_count + 1, sizeof(*packing->places));
    return packing->sorted && packing->first && packing->counts && packing->places ? 0 : -QY_ENOMEM;
}

/* Puts each term's places together: their number first, then where they begin, then themselves. */
static void gather(struct packing *packing)
{
    const struct audit_tail *tail = packing->tail;
    for (size_t at = 0; at < tail->id_count; at++)
        packing->first[*(const uint32_t *)stable_at(&tail->ids, at) + 1]++;
    for (uint32_t id = 0; id < tail->term_count; id++)
        packing->first[id + 1] += packing->first[id];
    size_t at = 0;
    for (unsigned place = 0; place < tail->count; place++)
        for (; at < tail->ends[place]; at++) {
            uint32_t id = *(const uint32_t *)stable_at(&tail->ids, at);
            uint16_t *places = packing->places + packing->first[id];
            if (packing->counts[id] == 0 || places[packing->counts[id] - 1] != place)
                places[packing->counts[id]++] = (uint16_t)place;
        }
}

static void sort(struct packing *packing)
{
    for (uint32_t id = 0; id < packing->tail->term_count; id++)
        packing->sorted[id] = tail_term(packing->tail, id);
    if (packing->tail->term_count > 1)
        qsort(packing->sorted, packing->tail->term_count, sizeof(*packing->sorted), compare_keys);
}

static size_t shared_bytes(const struct tail_term *before, const struct tail_term *term)
{
    size_t shared = 0, most = before->size < term->size ? before->size : term->size;
    while (shared < most && before->key[shared] == term->key[shared])
        shared++;
    return shared;
}

static void write_places(struct buffer *out, const uint16_t *places, size_t count)
{
    _cleanup_(buffer_free) struct buffer stored = BUFFER_INIT;
    buffer_varint(out, count);
    if (count > PLACES_INLINE) {
        places_write(&stored, places, count);
        buffer_varint(out, stored.size);
        buffer_append(out, stored.data, stored.size);
        out->error = out->error ? out->error : buffer_error(&stored);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        buffer_byte(out, (uint8_t)(places[i] >> 8));
        buffer_byte(out, (uint8_t)places[i]);
    }
}

static void write_entries(const struct packing *packing, struct buffer *groups, struct buffer *entries)
{
    for (uint32_t i = 0; i < packing->tail->term_count; i++) {
        const struct tail_term *term = packing->sorted[i];
        size_t shared = i % GROUP_TERMS ? shared_bytes(packing->sorted[i - 1], term) : 0;
        if (i % GROUP_TERMS == 0)
            layout_put_u32(groups, (uint32_t)entries->size);
        buffer_varint(entries, shared);
        buffer_varint(entries, term->size - shared);
        buffer_append(entries, term->key + shared, term->size - shared);
        write_places(entries, packing->places + packing->first[term->number], packing->counts[term->number]);
    }
}

/* Keys of altered records come last. */
static bool is_altered(const struct packing *packing)
{
    uint32_t count = packing->tail->term_count;
    return count > 0 && packing->sorted[count - 1]->key[0] == TERM_ALTERED;
}

static void write_head(const struct packing *packing, struct buffer *out, size_t groups, size_t entries)
{
    const struct audit_tail *tail = packing->tail;
    int64_t first_ms = tail->count ? tail->times[0] : 0;
    int64_t last_ms = tail->count ? tail->times[tail->count - 1] : 0;
    bool is_short = last_ms - first_ms <= UINT32_MAX;
    const uint8_t version[] = {INDEX_VERSION, is_short ? 4 : 8, is_altered(packing), 0};
    uint8_t number[8];
    buffer_text(out, INDEX_MAGIC);
    buffer_append(out, version, sizeof(version));
    layout_put_u32(out, tail->count);
    layout_put_u32(out, (uint32_t)groups);
    layout_put_u32(out, (uint32_t)entries);
    put_be64(number, (uint64_t)first_ms);
    buffer_append(out, number, sizeof(number));
    for (unsigned place = 0; place < tail->count; place++) {
        put_be64(number, (uint64_t)(tail->times[place] - first_ms));
        buffer_append(out, is_short ? number + 4 : number, is_short ? 4 : 8);
    }
}

int audit_index_pack(const struct audit_tail *tail, struct buffer *out)
{
    _cleanup_(packing_free) struct packing packing = {.tail = tail};
    _cleanup_(buffer_free) struct buffer groups = BUFFER_INIT, entries = BUFFER_INIT;
    int error = tail->error ? tail->error : packing_open(&packing);
    if (error)
        return error;
    gather(&packing);
    sort(&packing);
    write_entries(&packing, &groups, &entries);
    if (entries.size > UINT32_MAX)
        return -QY_ETOOLARGE;
    write_head(&packing, out, groups.size / 4, entries.size);
    buffer_append(out, groups.data, groups.size);
    buffer_append(out, entries.data, entries.size);
    error = buffer_error(&groups) ? buffer_error(&groups) : buffer_error(&entries);
    return error ? error : buffer_error(out);
}

/* The time of the first record that is left; 0: there is none. */
static int64_t first_time(const struct bytes *records, size_t count)
{
    size_t first = 0;
    while (first < count && !records[first].data)
        first++;
    return first < count ? audit_record_time(records[first]) : 0;
}

static int add_record(struct audit_tail *tail, struct bytes stored, struct arena *arena)
{
    arena_reset(arena);
    const Quanyu__AuditRecord *record = audit_record_unpack(stored, arena);
    if (!record)
        return -QY_ECORRUPT;
    audit_tail_add(tail, record);
    return 0;
}

int audit_index_build(const struct bytes *records, size_t count, struct buffer *out)
{
    _cleanup_(audit_tail_close) struct audit_tail *tail = NULL;
    _cleanup_(arena_close) struct arena *arena = NULL;
    if (count > SEGMENT_RECORDS)
        return -QY_EINVAL;
    int error = arena_open(&arena);
    if (!error)
        error = audit_tail_open(0, &tail);
    int64_t first_ms = first_time(records, count);
    for (size_t i = 0; i < count && !error; i++)
        if (records[i].data)
            error = add_record(tail, records[i], arena);
        else
            audit_tail_add_pruned(tail, first_ms);
    return error ? error : audit_index_pack(tail, out);
}
