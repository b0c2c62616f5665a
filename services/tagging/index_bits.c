/* SPDX-License-Identifier: Apache-2.0 */
/* Bitmaps: CRoaring's portable form, a row a term and block of 65,536 persons. */
#include "services/tagging/index.h"

#include <roaring/roaring.h>
#include <stdlib.h>
#include <string.h>

static void free_bitmap(roaring_bitmap_t **bitmap)
{
    if (*bitmap)
        roaring_bitmap_free(*bitmap);
}

static roaring_bitmap_t *read_row(struct bytes row)
{
    if (row.size == 0)
        return roaring_bitmap_create();
    return roaring_bitmap_portable_deserialize_safe((const char *)row.data, row.size);
}

int bits_apply(struct bytes row, const struct index_op *ops, size_t count, struct buffer *out)
{
    _cleanup_(free_bitmap) roaring_bitmap_t *bitmap = read_row(row);
    if (!bitmap)
        return -QY_ECORRUPT;
    for (size_t i = 0; i < count; i++)
        if (ops[i].on)
            roaring_bitmap_add(bitmap, ops[i].person % BLOCK_PERSONS);
        else
            roaring_bitmap_remove(bitmap, ops[i].person % BLOCK_PERSONS);
    if (roaring_bitmap_is_empty(bitmap))
        return 0;
    roaring_bitmap_run_optimize(bitmap);
    uint8_t *room = buffer_reserve(out, roaring_bitmap_portable_size_in_bytes(bitmap));
    if (room)
        out->size += roaring_bitmap_portable_serialize(bitmap, (char *)room);
    return buffer_error(out);
}

static void set_range(uint64_t block[BLOCK_WORDS], uint32_t first, uint32_t last)
{
    uint64_t head = ~UINT64_C(0) << first % 64, tail = ~UINT64_C(0) >> (63 - last % 64);
    if (first / 64 == last / 64) {
        block[first / 64] |= head & tail;
        return;
    }
    block[first / 64] |= head;
    for (uint32_t word = first / 64 + 1; word < last / 64; word++)
        block[word] = ~UINT64_C(0);
    block[last / 64] |= tail;
}

/* A bitmap of one container, keyed 0, in the portable form without runs: cookie, count of containers, (key, cardinality - 1),
 * offset, then the container. Up to 4,096 values stand as a list, more as a set. */
#define COOKIE_WITHOUT_RUNS 12346u
#define PLAIN_HEAD_BYTES 16u
#define LISTED_MOST 4096u

/* Reads it where it stands; false where it is in another form. */
static bool or_plain(struct bytes row, uint64_t block[BLOCK_WORDS])
{
    struct {
        uint32_t cookie, containers;
        uint16_t key, most;
        uint32_t offset;
    } head;
    if (row.size < PLAIN_HEAD_BYTES)
        return false;
    memcpy(&head, row.data, PLAIN_HEAD_BYTES);
    if (head.cookie != COOKIE_WITHOUT_RUNS || head.containers != 1 || head.key != 0 ||
        head.offset != PLAIN_HEAD_BYTES)
        return false;
    const uint8_t *values = row.data + PLAIN_HEAD_BYTES;
    uint32_t count = (uint32_t)head.most + 1;
    if (count > LISTED_MOST) {
        if (row.size != PLAIN_HEAD_BYTES + BLOCK_WORDS * sizeof(uint64_t))
            return false;
        for (size_t i = 0; i < BLOCK_WORDS; i++) {
            uint64_t word;
            memcpy(&word, values + i * sizeof(word), sizeof(word));
            block[i] |= word;
        }
        return true;
    }
    if (row.size != PLAIN_HEAD_BYTES + count * sizeof(uint16_t))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t value;
        memcpy(&value, values + i * sizeof(value), sizeof(value));
        block[value / 64] |= UINT64_C(1) << value % 64;
    }
    return true;
}

struct target {
    uint64_t *block;
};

static bool set_value(uint32_t value, void *context)
{
    const struct target *target = context;
    if (value < BLOCK_PERSONS)
        target->block[value / 64] |= UINT64_C(1) << value % 64;
    return true;
}

int bits_or_row(struct bytes row, uint64_t block[BLOCK_WORDS])
{
    if (or_plain(row, block))
        return 0;
    _cleanup_(free_bitmap) roaring_bitmap_t *bitmap = read_row(row);
    if (!bitmap)
        return -QY_ECORRUPT;
    uint32_t least = roaring_bitmap_minimum(bitmap), most = roaring_bitmap_maximum(bitmap);
    if (most < BLOCK_PERSONS && roaring_bitmap_get_cardinality(bitmap) == (uint64_t)most - least + 1)
        set_range(block, least, most); /* one run, as of persons that exist */
    else
        roaring_iterate(bitmap, set_value, &(struct target){block});
    return 0;
}

/* -- reading -- */

/* Terms stand in key order, blocks within: after a term's first row, the next term is sought. */
int index_terms(struct store_txn *txn, const struct index_class *class, const struct index_log *log,
    struct text_set *ret_terms)
{
    struct store_key prefix, from;
    index_class_key(class, &prefix);
    from = prefix;
    int error = 0;
    for (;;) {
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        struct bytes key, row;
        error = scan_open(txn, TABLE_INDEX, &prefix, &from, &scan);
        if (error || !scan_next(scan, &key, &row))
            break;
        const uint8_t *term = key.data + prefix.size;
        size_t size = strnlen((const char *)term, key.size - prefix.size);
        uint32_t place;
        error = text_set_add(ret_terms, term, size, &place, NULL);
        if (error)
            break;
        from = prefix;
        key_raw(&from, ret_terms->items[place].data, size);
        key_u8(&from, 1); /* above the term's NUL, below all that is longer */
    }
    for (size_t i = 0; !error && i < log->terms.count; i++)
        error =
            text_set_add(ret_terms, log->terms.items[i].data, log->terms.items[i].size, &(uint32_t){0}, NULL);
    return error;
}

static int or_term(
    struct store_txn *txn, const struct index_class *class, struct bytes term, uint64_t *bits, size_t blocks)
{
    struct store_key prefix;
    index_class_key(class, &prefix);
    key_text(&prefix, (const char *)term.data);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(txn, TABLE_INDEX, &prefix, NULL, &scan);
    struct bytes key, row;
    while (!error && scan_next(scan, &key, &row)) {
        if (key.size != (size_t)prefix.size + 2)
            return -QY_ECORRUPT;
        size_t block = (size_t)key.data[key.size - 2] << 8 | key.data[key.size - 1];
        if (block < blocks)
            error = bits_or_row(row, bits + block * BLOCK_WORDS);
    }
    return error;
}

bool index_has_any(struct store_txn *txn, const struct index_class *class, const struct index_log *log,
    const struct text_set *terms)
{
    bool any = log->count > 0;
    for (size_t i = 0; !any && i < terms->count; i++) {
        struct store_key prefix;
        index_class_key(class, &prefix);
        key_text(&prefix, (const char *)terms->items[i].data);
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        struct bytes key, row;
        any = scan_open(txn, TABLE_INDEX, &prefix, NULL, &scan) == 0 && scan_next(scan, &key, &row);
    }
    return any;
}

int index_read_bits(struct store_txn *txn, const struct index_class *class, const struct index_log *log,
    const struct text_set *terms, uint64_t *bits, size_t blocks)
{
    int error = 0;
    for (size_t i = 0; !error && i < terms->count; i++)
        error = or_term(txn, class, terms->items[i], bits, blocks);
    if (error || log->count == 0)
        return error;
    /* Which of the log's terms are meant. */
    _cleanup_(free_pointer) bool *meant = calloc(log->terms.count + 1, sizeof(*meant));
    if (!meant)
        return -QY_ENOMEM;
    for (size_t i = 0; i < log->terms.count; i++)
        for (size_t j = 0; j < terms->count && !meant[i]; j++)
            meant[i] = terms->items[j].size == log->terms.items[i].size &&
                       memcmp(terms->items[j].data, log->terms.items[i].data, terms->items[j].size) == 0;
    for (size_t i = 0; i < log->row_count; i++)
        for (uint32_t j = 0; j < log->rows[i].count; j++) {
            struct index_op op = index_log_op(&log->rows[i], j);
            if (meant[op.term] && op.person / BLOCK_PERSONS < blocks)
                bit_put(bits, op.person, op.on);
        }
    return 0;
}
