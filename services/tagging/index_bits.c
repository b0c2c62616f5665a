/* SPDX-License-Identifier: Apache-2.0 */
/* Bitmaps: CRoaring's portable form, a row a term and block of 65,536 persons. */
#include "services/tagging/index.h"

#include <roaring/roaring.h>
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

/* Nothing where nobody is in it. */
static int write_row(roaring_bitmap_t *bitmap, struct buffer *out)
{
    if (roaring_bitmap_is_empty(bitmap))
        return 0;
    roaring_bitmap_run_optimize(bitmap);
    uint8_t *room = buffer_reserve(out, roaring_bitmap_portable_size_in_bytes(bitmap));
    if (room)
        out->size += roaring_bitmap_portable_serialize(bitmap, (char *)room);
    return buffer_error(out);
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
    return write_row(bitmap, out);
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

VECTOR_CODE static void or_words(const uint8_t *values, uint64_t *block)
{
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        uint64_t word;
        memcpy(&word, values + i * sizeof(word), sizeof(word));
        block[i] |= word;
    }
}

VECTOR_CODE size_t bits_count(const uint64_t *words, size_t count)
{
    size_t bits = 0;
    for (size_t i = 0; i < count; i++)
        bits += (size_t)__builtin_popcountll(words[i]);
    return bits;
}

struct plain_head {
    uint32_t cookie, containers;
    uint16_t key, most;
    uint32_t offset;
};

/* Reads it where it stands; false where it is in another form. */
static bool or_plain(struct bytes row, uint64_t block[BLOCK_WORDS])
{
    struct plain_head head;
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
        or_words(values, block);
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

/* -- a block at once -- */

/* The plain form of a set. */
static int write_plain(const uint64_t block[BLOCK_WORDS], size_t count, struct buffer *out)
{
    const struct plain_head head = {COOKIE_WITHOUT_RUNS, 1, 0, (uint16_t)(count - 1), PLAIN_HEAD_BYTES};
    buffer_append(out, &head, PLAIN_HEAD_BYTES);
    if (count > LISTED_MOST) {
        buffer_append(out, block, BLOCK_WORDS * sizeof(*block));
        return buffer_error(out);
    }
    for (uint32_t word = 0; word < BLOCK_WORDS; word++)
        for (uint64_t rest = block[word]; rest != 0; rest &= rest - 1) {
            uint16_t value = (uint16_t)(word * 64 + (uint32_t)__builtin_ctzll(rest));
            buffer_append(out, &value, sizeof(value));
        }
    return buffer_error(out);
}

int bits_put_block(struct bytes row, const uint64_t persons[BLOCK_WORDS], bool on, struct buffer *out)
{
    _cleanup_(buffer_free) struct buffer plain = BUFFER_INIT;
    uint64_t block[BLOCK_WORDS] = {0};
    int error = row.size > 0 ? bits_or_row(row, block) : 0;
    if (error)
        return error;
    for (size_t i = 0; i < BLOCK_WORDS; i++)
        block[i] = on ? block[i] | persons[i] : block[i] & ~persons[i];
    size_t count = bits_count(block, BLOCK_WORDS);
    if (count == 0)
        return 0;
    error = write_plain(block, count, &plain);
    if (error)
        return error;
    _cleanup_(free_bitmap) roaring_bitmap_t *bitmap = read_row((struct bytes){plain.data, plain.size});
    return bitmap ? write_row(bitmap, out) : -QY_ENOMEM;
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

/* -- block by block -- */

/* So many cursors at most; with more terms than that, all blocks are read at once. */
#define SCANS_MAX 32u

struct bits_scan {
    struct store_scan *scan;
    struct bytes row;
    uint32_t block; /* of the row; UINT32_MAX: at the end */
};

static void step(struct bits_scan *scan)
{
    struct bytes key;
    scan->block = UINT32_MAX;
    if (scan_next(scan->scan, &key, &scan->row) && key.size > 2)
        scan->block = (uint32_t)key.data[key.size - 2] << 8 | key.data[key.size - 1];
}

static int open_term(
    struct store_txn *txn, const struct index_class *class, struct bytes term, struct bits_scan *scan)
{
    struct store_key prefix;
    index_class_key(class, &prefix);
    key_text(&prefix, (const char *)term.data);
    int error = scan_open(txn, TABLE_INDEX, &prefix, NULL, &scan->scan);
    if (!error)
        step(scan);
    return error;
}

static int read_all(struct bits_reader *reader, const struct index_class *class, const struct text_set *terms,
    size_t blocks, struct arena *arena)
{
    reader->bits = arena_alloc(arena, blocks * BLOCK_WORDS * sizeof(uint64_t));
    int error = reader->bits ? 0 : -QY_ENOMEM;
    for (size_t i = 0; !error && i < terms->count; i++) {
        struct bits_scan scan = {0};
        error = open_term(reader->txn, class, terms->items[i], &scan);
        for (; !error && scan.block < blocks; step(&scan))
            error = bits_or_row(scan.row, reader->bits + (size_t)scan.block * BLOCK_WORDS);
        scan_close(&scan.scan);
    }
    return error;
}

static int open_all(struct bits_reader *reader, const struct index_class *class, const struct text_set *terms,
    struct arena *arena)
{
    reader->scans = arena_alloc(arena, (terms->count + 1) * sizeof(*reader->scans));
    int error = reader->scans ? 0 : -QY_ENOMEM;
    for (size_t i = 0; !error && i < terms->count; i++) {
        error = open_term(reader->txn, class, terms->items[i], &reader->scans[i]);
        reader->scan_count += !error;
        reader->any |= !error && reader->scans[i].block != UINT32_MAX;
    }
    return error;
}

static int find_meant(struct bits_reader *reader, const struct text_set *terms, struct arena *arena)
{
    const struct text_set *logged = &reader->log.terms;
    reader->meant = arena_alloc(arena, logged->count + 1);
    for (size_t i = 0; reader->meant && i < logged->count; i++)
        for (size_t j = 0; j < terms->count && !reader->meant[i]; j++)
            reader->meant[i] = terms->items[j].size == logged->items[i].size &&
                               memcmp(terms->items[j].data, logged->items[i].data, terms->items[j].size) == 0;
    return reader->meant ? 0 : -QY_ENOMEM;
}

int bits_open(struct store_txn *txn, const struct index_class *class, const struct text_set *terms,
    size_t blocks, struct arena *arena, struct bits_reader *ret_reader)
{
    struct bits_reader reader = {.txn = txn};
    int error = index_log_read(txn, class, arena, &reader.log);
    if (!error)
        error = find_meant(&reader, terms, arena);
    reader.any = reader.log.count > 0 || terms->count > SCANS_MAX;
    if (!error)
        error = terms->count > SCANS_MAX ? read_all(&reader, class, terms, blocks, arena)
                                         : open_all(&reader, class, terms, arena);
    *ret_reader = reader;
    if (error)
        bits_close(ret_reader);
    return error;
}

void bits_close(struct bits_reader *reader)
{
    for (size_t i = 0; i < reader->scan_count; i++)
        scan_close(&reader->scans[i].scan);
    reader->scan_count = 0;
    index_log_close(&reader->log);
}

int bits_read(struct bits_reader *reader, uint32_t block, uint64_t out[BLOCK_WORDS])
{
    if (reader->bits)
        memcpy(out, reader->bits + (size_t)block * BLOCK_WORDS, BLOCK_WORDS * sizeof(*out));
    else
        memset(out, 0, BLOCK_WORDS * sizeof(*out));
    if (!reader->any)
        return 0;
    for (size_t i = 0; i < reader->scan_count; i++) {
        struct bits_scan *scan = &reader->scans[i];
        while (scan->block < block)
            step(scan);
        int error = scan->block == block ? bits_or_row(scan->row, out) : 0;
        if (error)
            return error;
    }
    for (size_t i = 0; i < reader->log.row_count; i++) {
        struct index_log_row *row = &reader->log.rows[i];
        uint32_t place, end;
        for (index_log_range(row, block, &place, &end); place < end; place++)
            if (reader->meant[index_log_term(row, place)])
                bit_put(out, index_log_person(row, place) % BLOCK_PERSONS, row->marks[place] != 0);
    }
    return store_error(reader->txn);
}
