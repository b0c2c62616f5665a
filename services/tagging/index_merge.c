/* SPDX-License-Identifier: Apache-2.0 */
/* Merges logs into the index's rows. */
#include "common/rule.h"
#include "services/tagging/index.h"

#include <stdlib.h>
#include <string.h>

/* A trait with more values than this is asked person by person. */
#define TRAIT_TERMS_MAX 2000u

/* What decides the row that an operation belongs to: compared first by term, then by place. */
struct placed {
    uint32_t term;
    uint64_t place; /* block; chunk; block and day */
    size_t index;   /* in the log: keeps the order */
};

static uint64_t place_of(const struct index_class *class, const struct index_op *op)
{
    switch (class->sort) {
    case SORT_COLUMN:
        return op->person / CHUNK_PERSONS;
    case SORT_TIMES:
        return (uint64_t)(op->person / BLOCK_PERSONS) << 32 | (uint32_t)(DAY_OF(op->value) + DAY_BIAS);
    default:
        return op->person / BLOCK_PERSONS;
    }
}

static int compare(const void *a, const void *b)
{
    const struct placed *left = a, *right = b;
    if (left->term != right->term)
        return left->term < right->term ? -1 : 1;
    if (left->place != right->place)
        return left->place < right->place ? -1 : 1;
    return left->index < right->index ? -1 : 1;
}

static void row_key(const struct index_class *class, const struct text_set *terms,
    const struct placed *placed, struct store_key *key)
{
    index_class_key(class, key);
    switch (class->sort) {
    case SORT_COLUMN:
        key_u32(key, (uint32_t)placed->place);
        break;
    case SORT_TIMES:
        key_u16(key, (uint16_t)(placed->place >> 32));
        key_u32(key, (uint32_t)placed->place);
        break;
    default:
        key_text(key, (const char *)terms->items[placed->term].data);
        key_u16(key, (uint16_t)placed->place);
        break;
    }
}

/* `value` is empty where nothing is left. */
static int put_row(struct store_txn *txn, const struct store_key *key, const struct buffer *value)
{
    if (value->size > 0)
        store_put(txn, TABLE_INDEX, key, value->data, value->size);
    else
        store_delete(txn, TABLE_INDEX, key);
    return store_error(txn);
}

/* `ops` all belong to the row at `key`. */
static int merge_row(struct store_txn *txn, const struct index_class *class, const struct store_key *key,
    const struct index_op *ops, size_t count, struct buffer *out)
{
    struct bytes row = {0};
    buffer_clear(out);
    (void)store_get(txn, TABLE_INDEX, key, &row);
    int error =
        class->sort == SORT_COLUMN ? column_apply(row, ops, count, out) : bits_apply(row, ops, count, out);
    if (!error)
        error = buffer_error(out);
    return error ? error : put_row(txn, key, out);
}

int index_put_block(struct store_txn *txn, enum bits_kind kind, const char *term, uint32_t block,
    const uint64_t persons[BLOCK_WORDS], bool on)
{
    const struct index_class class = {SORT_BITS, (uint8_t)kind, ""};
    _cleanup_(buffer_free) struct buffer value = BUFFER_INIT;
    struct bytes row = {0};
    struct store_key key;
    index_class_key(&class, &key);
    key_text(&key, term);
    key_u16(&key, (uint16_t)block);
    (void)store_get(txn, TABLE_INDEX, &key, &row);
    int error = bits_put_block(row, persons, on, &value);
    return error ? error : put_row(txn, &key, &value);
}

static int merge_sorted(struct store_txn *txn, const struct index_class *class, const struct text_set *terms,
    const struct placed *placed, const struct index_op *sorted, size_t count)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    int error = 0;
    for (size_t i = 0, next; !error && i < count; i = next) {
        for (next = i + 1;
            next < count && placed[next].term == placed[i].term && placed[next].place == placed[i].place;)
            next++;
        struct store_key key;
        row_key(class, terms, &placed[i], &key);
        error = class->sort == SORT_TIMES ? times_apply(txn, &key, sorted + i, next - i)
                                          : merge_row(txn, class, &key, sorted + i, next - i, &row);
    }
    return error;
}

/* -- traits with too many values -- */

static void wide_key(struct store_key *key, const char *trait)
{
    key_reset(key);
    key_u8(key, 'w');
    key_text(key, trait);
}

bool index_trait_is_wide(struct store_txn *txn, const char *trait)
{
    struct store_key key;
    wide_key(&key, trait);
    return store_has(txn, TABLE_INDEX, &key);
}

static int widen(struct store_txn *txn, const struct index_class *class)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    struct index_log none = {0};
    int error = arena_open(&arena);
    if (error)
        return error;
    _cleanup_(text_set_close) struct text_set terms = {.arena = arena};
    error = index_terms(txn, class, &none, &terms);
    if (error || terms.count <= TRAIT_TERMS_MAX)
        return error;
    struct store_key key;
    index_class_key(class, &key);
    store_delete_prefix(txn, TABLE_INDEX, &key);
    wide_key(&key, class->name);
    store_put(txn, TABLE_INDEX, &key, "", 0);
    return store_error(txn);
}

int index_merge(struct store_txn *txn, const struct index_class *class, const struct text_set *terms,
    const struct index_op *ops, size_t count)
{
    _cleanup_(free_pointer) struct placed *placed = malloc((count + 1) * sizeof(*placed));
    _cleanup_(free_pointer) struct index_op *sorted = malloc((count + 1) * sizeof(*sorted));
    if (!placed || !sorted)
        return -QY_ENOMEM;
    for (size_t i = 0; i < count; i++)
        placed[i] = (struct placed){ops[i].term, place_of(class, &ops[i]), i};
    qsort(placed, count, sizeof(*placed), compare);
    for (size_t i = 0; i < count; i++)
        sorted[i] = ops[placed[i].index];
    int error = merge_sorted(txn, class, terms, placed, sorted, count);
    if (!error && class->sort == SORT_BITS && class->kind == BITS_TRAIT_VALUE)
        error = widen(txn, class);
    return error;
}
