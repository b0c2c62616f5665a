/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: the values of a metric, 1,024 persons a row, sliced by bits, as what they are above the least of them. */
#include "services/tagging/index.h"

#include <stdlib.h>
#include <string.h>

struct chunk_head {
    int64_t least, most;
    uint32_t count;
    uint32_t width; /* bits a value */
    uint64_t present[CHUNK_WORDS];
};

/* A slice holds one bit of each value; the highest slice comes first, as it is read. A query reads as many bits as the values differ in, and
 * compares 64 persons at a time. */
#define SLICE_BYTES (CHUNK_WORDS * sizeof(uint64_t))

static bool read_head(struct bytes row, struct chunk_head *head)
{
    if (row.size < sizeof(*head))
        return false;
    memcpy(head, row.data, sizeof(*head));
    return head->width <= 64 && row.size == sizeof(*head) + (size_t)head->width * SLICE_BYTES;
}

static size_t slice_place(uint32_t width, uint32_t bit, size_t word)
{
    return (width - 1 - bit) * SLICE_BYTES + word * sizeof(uint64_t);
}

static uint64_t slice_word(const uint8_t *slices, uint32_t width, uint32_t bit, size_t word)
{
    uint64_t value;
    memcpy(&value, slices + slice_place(width, bit, word), sizeof(value));
    return value;
}

/* Rows become columns: bit b of number i, bit i of number b. Halves of blocks of 64, 32, … 2 change places. */
static void transpose(uint64_t numbers[64])
{
    uint64_t mask = UINT64_C(0xffffffff);
    for (unsigned half = 32; half > 0; half >>= 1, mask ^= mask << half)
        for (unsigned i = 0; i < 64; i = ((i | half) + 1) & ~half) {
            uint64_t change = ((numbers[i] >> half) ^ numbers[i | half]) & mask;
            numbers[i] ^= change << half;
            numbers[i | half] ^= change;
        }
}

bool column_decode(struct bytes row, struct column_chunk *chunk)
{
    memset(chunk, 0, sizeof(*chunk));
    struct chunk_head head;
    if (row.size == 0)
        return true;
    if (!read_head(row, &head))
        return false;
    for (uint32_t word = 0; word < CHUNK_WORDS; word++) {
        uint64_t numbers[64] = {0};
        for (uint32_t bit = 0; bit < head.width; bit++)
            numbers[bit] = slice_word(row.data + sizeof(head), head.width, bit, word);
        transpose(numbers);
        for (uint32_t i = 0; i < 64; i++) {
            bool present = head.present[word] >> i & 1;
            chunk->present[word * 64 + i] = present;
            chunk->values[word * 64 + i] = present ? (int64_t)((uint64_t)head.least + numbers[i]) : 0;
        }
    }
    return true;
}

static void encode_slices(const struct column_chunk *chunk, const struct chunk_head *head, uint8_t *slices)
{
    for (uint32_t word = 0; word < CHUNK_WORDS; word++) {
        uint64_t numbers[64];
        for (uint32_t i = 0; i < 64; i++)
            numbers[i] = chunk->present[word * 64 + i]
                             ? (uint64_t)chunk->values[word * 64 + i] - (uint64_t)head->least
                             : 0;
        transpose(numbers);
        for (uint32_t bit = 0; bit < head->width; bit++)
            memcpy(slices + slice_place(head->width, bit, word), &numbers[bit], sizeof(uint64_t));
    }
}

void column_encode(const struct column_chunk *chunk, struct buffer *out)
{
    struct chunk_head head = {.least = INT64_MAX, .most = INT64_MIN};
    for (uint32_t i = 0; i < CHUNK_PERSONS; i++) {
        if (!chunk->present[i])
            continue;
        bit_put(head.present, i, true);
        head.count++;
        head.least = chunk->values[i] < head.least ? chunk->values[i] : head.least;
        head.most = chunk->values[i] > head.most ? chunk->values[i] : head.most;
    }
    if (head.count == 0)
        return;
    uint64_t span = (uint64_t)head.most - (uint64_t)head.least;
    head.width = span == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(span);
    size_t size = sizeof(head) + (size_t)head.width * SLICE_BYTES;
    uint8_t *room = buffer_reserve(out, size);
    if (!room)
        return;
    memcpy(room, &head, sizeof(head));
    encode_slices(chunk, &head, room + sizeof(head));
    out->size += size;
}

/* -- matching -- */

/* From the highest bit on: who is still equal to the limit, and who has come to lie below or above it. */
VECTOR_CODE static void match_slices(
    const uint8_t *slices, uint32_t width, uint64_t low, uint64_t high, uint64_t *out)
{
    uint64_t at_low[CHUNK_WORDS], at_high[CHUNK_WORDS], above[CHUNK_WORDS], below[CHUNK_WORDS],
        slice[CHUNK_WORDS];
    for (size_t i = 0; i < CHUNK_WORDS; i++) {
        at_low[i] = at_high[i] = ~UINT64_C(0);
        above[i] = below[i] = 0;
    }
    for (uint32_t bit = width; bit-- > 0;) {
        uint64_t low_bit = low >> bit & 1 ? ~UINT64_C(0) : 0, high_bit = high >> bit & 1 ? ~UINT64_C(0) : 0;
        memcpy(slice, slices + slice_place(width, bit, 0), sizeof(slice));
        for (size_t i = 0; i < CHUNK_WORDS; i++) {
            above[i] |= at_low[i] & slice[i] & ~low_bit;
            at_low[i] &= ~(slice[i] ^ low_bit);
            below[i] |= at_high[i] & ~slice[i] & high_bit;
            at_high[i] &= ~(slice[i] ^ high_bit);
        }
    }
    for (size_t i = 0; i < CHUNK_WORDS; i++)
        out[i] = (above[i] | at_low[i]) & (below[i] | at_high[i]);
}

static void match_range(const struct chunk_head *head, const uint8_t *slices, const struct value_range *range,
    uint64_t in[CHUNK_WORDS])
{
    if (range->high < head->least || range->low > head->most || range->low > range->high)
        return;
    if (range->low <= head->least && range->high >= head->most) {
        memcpy(in, head->present, sizeof(head->present));
        return;
    }
    uint64_t low = range->low <= head->least ? 0 : (uint64_t)range->low - (uint64_t)head->least;
    uint64_t high = (uint64_t)(range->high < head->most ? range->high : head->most) - (uint64_t)head->least;
    uint64_t matched[CHUNK_WORDS];
    match_slices(slices, head->width, low, high, matched);
    for (size_t i = 0; i < CHUNK_WORDS; i++)
        in[i] |= matched[i] & head->present[i];
}

static uint64_t read_value(const uint8_t *slices, uint32_t width, size_t place)
{
    uint64_t value = 0;
    for (uint32_t bit = 0; bit < width; bit++)
        value |= (slice_word(slices, width, bit, place / 64) >> place % 64 & 1) << bit;
    return value;
}

static bool in_ranges(const struct value_range *ranges, size_t count, int64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (value >= ranges[i].low && value <= ranges[i].high)
            return true;
    return false;
}

/* So few candidates in a chunk are looked at one by one. */
#define FEW 24u

static void match_few(const struct chunk_head *head, const uint8_t *values, const struct value_range *ranges,
    size_t count, const uint64_t *candidates, uint64_t *in)
{
    for (size_t word = 0; word < CHUNK_WORDS; word++)
        for (uint64_t rest = candidates[word] & head->present[word]; rest != 0; rest &= rest - 1) {
            size_t place = word * 64 + (size_t)__builtin_ctzll(rest);
            int64_t value = (int64_t)((uint64_t)head->least + read_value(values, head->width, place));
            if (in_ranges(ranges, count, value))
                in[word] |= rest & -rest;
        }
}

/* `in` gets who has a value within the ranges, `present` who has any; at least of the candidates. */
static bool match_chunk(struct bytes row, const struct value_range *ranges, size_t count,
    const uint64_t *candidates, uint64_t in[CHUNK_WORDS], uint64_t present[CHUNK_WORDS])
{
    struct chunk_head head;
    if (!read_head(row, &head))
        return false;
    memcpy(present, head.present, sizeof(head.present));
    if (bits_count(candidates, CHUNK_WORDS) <= FEW) {
        match_few(&head, row.data + sizeof(head), ranges, count, candidates, in);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        match_range(&head, row.data + sizeof(head), &ranges[i], in);
    return true;
}

/* -- reading -- */

int column_open(struct store_txn *txn, unsigned metric, size_t blocks, struct arena *arena,
    struct column_reader *ret_reader)
{
    const struct index_class class = {SORT_COLUMN, (uint8_t)metric, ""};
    struct column_reader reader = {.txn = txn, .blocks = blocks};
    int error = index_log_read(txn, &class, arena, &reader.log);
    struct store_key prefix;
    index_class_key(&class, &prefix);
    if (!error)
        error = scan_open(txn, TABLE_INDEX, &prefix, NULL, &reader.scan);
    if (!error)
        reader.has_row = scan_next(reader.scan, &reader.key, &reader.row);
    *ret_reader = reader;
    if (error)
        column_close(ret_reader);
    return error;
}

void column_close(struct column_reader *reader)
{
    scan_close(&reader->scan);
    index_log_close(&reader->log);
}

static uint32_t chunk_of(const struct column_reader *reader)
{
    return get_be32(reader->key.data + reader->key.size - 4);
}

static bool any_bit(const uint64_t *words, size_t count)
{
    uint64_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= words[i];
    return any != 0;
}

static int read_chunks(struct column_reader *reader, uint32_t block, const struct value_range *ranges,
    size_t count, const uint64_t *candidates, uint64_t *in, uint64_t *present)
{
    const uint32_t first = block * (BLOCK_PERSONS / CHUNK_PERSONS),
                   end = first + BLOCK_PERSONS / CHUNK_PERSONS;
    while (reader->has_row && chunk_of(reader) < end) {
        size_t word = (size_t)(chunk_of(reader) - first) * CHUNK_WORDS;
        if (chunk_of(reader) >= first && any_bit(candidates + word, CHUNK_WORDS) &&
            !match_chunk(reader->row, ranges, count, candidates + word, in + word, present + word))
            return -QY_ECORRUPT;
        reader->has_row = scan_next(reader->scan, &reader->key, &reader->row);
    }
    return store_error(reader->txn);
}

int column_read(struct column_reader *reader, uint32_t block, const struct value_range *ranges, size_t count,
    const uint64_t *candidates, uint64_t *in, uint64_t *present)
{
    uint64_t unasked[BLOCK_WORDS];
    uint64_t *shown = present ? present : unasked;
    memset(in, 0, BLOCK_WORDS * sizeof(*in));
    memset(shown, 0, BLOCK_WORDS * sizeof(*shown));
    int error = read_chunks(reader, block, ranges, count, candidates, in, shown);
    for (size_t i = 0; !error && i < reader->log.row_count; i++) {
        struct index_log_row *row = &reader->log.rows[i];
        uint32_t place, end;
        for (index_log_range(row, block, &place, &end); place < end; place++) {
            uint32_t person = index_log_person(row, place) % BLOCK_PERSONS;
            if (!bit_get(candidates, person))
                continue;
            bit_put(shown, person, row->marks[place] != 0);
            bit_put(in, person, row->marks[place] && in_ranges(ranges, count, index_log_value(row, place)));
        }
    }
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        in[i] &= candidates[i];
        shown[i] &= candidates[i];
    }
    return error;
}

/* -- all values -- */

struct value_list {
    int64_t *values;
    size_t count, capacity;
};

static int add_value(struct value_list *list, int64_t value)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4096;
        int64_t *values = realloc(list->values, capacity * sizeof(*values));
        if (!values)
            return -QY_ENOMEM;
        list->values = values;
        list->capacity = capacity;
    }
    list->values[list->count++] = value;
    return 0;
}

static int add_block(
    struct column_reader *reader, uint32_t block, struct column_chunk *chunks, struct value_list *list)
{
    const uint32_t per_block = BLOCK_PERSONS / CHUNK_PERSONS, first = block * per_block;
    memset(chunks, 0, per_block * sizeof(*chunks));
    while (reader->has_row && chunk_of(reader) < first + per_block) {
        if (chunk_of(reader) >= first && !column_decode(reader->row, &chunks[chunk_of(reader) - first]))
            return -QY_ECORRUPT;
        reader->has_row = scan_next(reader->scan, &reader->key, &reader->row);
    }
    for (size_t i = 0; i < reader->log.row_count; i++) {
        struct index_log_row *row = &reader->log.rows[i];
        uint32_t place, end;
        for (index_log_range(row, block, &place, &end); place < end; place++) {
            uint32_t person = index_log_person(row, place);
            struct column_chunk *chunk = &chunks[person % BLOCK_PERSONS / CHUNK_PERSONS];
            chunk->present[person % CHUNK_PERSONS] = row->marks[place] != 0;
            chunk->values[person % CHUNK_PERSONS] = index_log_value(row, place);
        }
    }
    int error = 0;
    for (size_t i = 0; !error && i < BLOCK_PERSONS; i++)
        if (chunks[i / CHUNK_PERSONS].present[i % CHUNK_PERSONS])
            error = add_value(list, chunks[i / CHUNK_PERSONS].values[i % CHUNK_PERSONS]);
    return error;
}

int column_values(struct column_reader *reader, int64_t **ret_values, size_t *ret_count)
{
    struct value_list list = {0};
    struct column_chunk *chunks = malloc(BLOCK_PERSONS / CHUNK_PERSONS * sizeof(*chunks));
    int error = chunks ? 0 : -QY_ENOMEM;
    for (uint32_t block = 0; !error && block < reader->blocks; block++)
        error = add_block(reader, block, chunks, &list);
    free(chunks);
    if (error) {
        free(list.values);
        return error;
    }
    *ret_values = list.values;
    *ret_count = list.count;
    return 0;
}
