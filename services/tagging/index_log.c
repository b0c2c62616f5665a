/* SPDX-License-Identifier: Apache-2.0 */
/* The index's logs: rows of operations, not merged yet. */
#include "services/tagging/codec.h"
#include "services/tagging/index.h"

#include <stdlib.h>

void index_class_key(const struct index_class *class, struct store_key *key)
{
    key_reset(key);
    key_u8(key, (uint8_t) class->sort);
    key_u8(key, class->kind);
    key_text(key, class->name);
}

void index_log_encode(const struct index_op *ops, size_t count, const struct text_set *terms,
    enum index_sort sort, uint64_t total, struct buffer *out)
{
    buffer_varint(out, total);
    buffer_varint(out, terms->count);
    for (size_t i = 0; i < terms->count; i++)
        put_bytes(out, terms->items[i].data, terms->items[i].size);
    buffer_varint(out, count);
    int64_t former = 0;
    for (size_t i = 0; i < count; i++) {
        buffer_varint(out, (uint64_t)ops[i].person << 1 | ops[i].on);
        if (sort == SORT_BITS) {
            buffer_varint(out, ops[i].term);
        } else {
            put_signed(out, (int64_t)((uint64_t)ops[i].value - (uint64_t)former));
            former = ops[i].value;
        }
    }
}

bool index_log_total(struct bytes row, uint64_t *ret_total)
{
    return bytes_varint(&row, ret_total);
}

/* Places of a row's terms among those of the whole log. */
static int read_terms(
    struct row_reader *row, struct text_set *terms, uint32_t **ret_places, size_t *ret_count)
{
    size_t count = read_count(row);
    uint32_t *places = malloc((count + 1) * sizeof(*places));
    int error = places ? 0 : -QY_ENOMEM;
    for (size_t i = 0; !error && i < count; i++) {
        struct bytes term = read_bytes(row);
        error = text_set_add(terms, term.data, term.size, &places[i], NULL);
    }
    *ret_places = places;
    *ret_count = count;
    return error;
}

static int reserve(struct index_log *log, size_t more)
{
    if (log->count + more <= log->capacity)
        return 0;
    size_t capacity = log->capacity ? log->capacity * 2 : 1024;
    while (capacity < log->count + more)
        capacity *= 2;
    struct index_op *ops = realloc(log->ops, capacity * sizeof(*ops));
    if (!ops)
        return -QY_ENOMEM;
    log->ops = ops;
    log->capacity = capacity;
    return 0;
}

static void read_op(struct row_reader *row, enum index_sort sort, const uint32_t *places, size_t place_count,
    int64_t *former, struct index_op *ret_op)
{
    uint64_t person = read_unsigned(row);
    *ret_op = (struct index_op){.person = (uint32_t)(person >> 1), .on = person & 1};
    if (sort == SORT_BITS) {
        uint64_t term = read_unsigned(row);
        row->failed |= term >= place_count;
        ret_op->term = row->failed ? 0 : places[term];
    } else {
        *former = (int64_t)((uint64_t)*former + (uint64_t)read_signed(row));
        ret_op->value = *former;
    }
}

int index_log_decode(struct bytes stored, enum index_sort sort, struct index_log *log)
{
    struct row_reader row = {.rest = stored};
    _cleanup_(free_pointer) uint32_t *places = NULL;
    size_t place_count;
    read_unsigned(&row);
    int error = read_terms(&row, &log->terms, &places, &place_count);
    size_t count = read_count(&row);
    if (!error)
        error = reserve(log, count);
    if (error)
        return error;
    int64_t former = 0;
    for (size_t i = 0; i < count; i++)
        read_op(&row, sort, places, place_count, &former, &log->ops[log->count++]);
    return row.failed ? -QY_ECORRUPT : 0;
}

int index_log_read(
    struct store_txn *txn, const struct index_class *class, struct arena *arena, struct index_log *ret_log)
{
    struct index_log log = {.terms.arena = arena};
    struct store_key prefix;
    index_class_key(class, &prefix);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(txn, TABLE_INDEX_LOG, &prefix, NULL, &scan);
    struct bytes key, row;
    while (!error && scan_next(scan, &key, &row))
        error = index_log_decode(row, class->sort, &log);
    if (error)
        index_log_close(&log);
    else
        *ret_log = log;
    return error;
}

void index_log_close(struct index_log *log)
{
    free(TAKE(log->ops));
    text_set_close(&log->terms);
    log->count = log->capacity = 0;
}

int index_log_by_block(struct index_log *log, size_t blocks, size_t *ret_starts)
{
    struct index_op *sorted = malloc((log->count + 1) * sizeof(*sorted));
    if (!sorted)
        return -QY_ENOMEM;
    for (size_t i = 0; i <= blocks; i++)
        ret_starts[i] = 0;
    size_t kept = 0;
    for (size_t i = 0; i < log->count; i++)
        if (log->ops[i].person / BLOCK_PERSONS < blocks) {
            ret_starts[log->ops[i].person / BLOCK_PERSONS + 1]++;
            kept++;
        }
    for (size_t i = 0; i < blocks; i++)
        ret_starts[i + 1] += ret_starts[i];
    for (size_t i = 0; i < log->count; i++)
        if (log->ops[i].person / BLOCK_PERSONS < blocks)
            sorted[ret_starts[log->ops[i].person / BLOCK_PERSONS]++] = log->ops[i];
    /* Each start has moved to the next one's place. */
    for (size_t i = blocks; i > 0; i--)
        ret_starts[i] = ret_starts[i - 1];
    ret_starts[0] = 0;
    free(log->ops);
    log->ops = sorted;
    log->count = kept;
    log->capacity = log->count + 1;
    return 0;
}
