/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: the values of a metric, 1,024 persons a row, as narrow as they fit above the least of them. */
#include "services/tagging/index.h"

#include <stdlib.h>
#include <string.h>

struct chunk_head {
    int64_t least, most;
    uint32_t count;
    uint32_t width; /* bytes a value: 1, 2, 4 or 8 */
    uint64_t present[CHUNK_WORDS];
};

static bool read_head(struct bytes row, struct chunk_head *head)
{
    if (row.size < sizeof(*head))
        return false;
    memcpy(head, row.data, sizeof(*head));
    return (head->width == 1 || head->width == 2 || head->width == 4 || head->width == 8) &&
           row.size == sizeof(*head) + (size_t)head->width * CHUNK_PERSONS;
}

static uint64_t read_value(const uint8_t *values, uint32_t width, size_t place)
{
    uint64_t value = 0;
    memcpy(&value, values + place * width, width); /* little-endian, as all machines that this runs on */
    return value;
}

bool column_decode(struct bytes row, struct column_chunk *chunk)
{
    memset(chunk, 0, sizeof(*chunk));
    struct chunk_head head;
    if (row.size == 0)
        return true;
    if (!read_head(row, &head))
        return false;
    for (uint32_t i = 0; i < CHUNK_PERSONS; i++) {
        chunk->present[i] = bit_get(head.present, i);
        if (chunk->present[i])
            chunk->values[i] =
                (int64_t)((uint64_t)head.least + read_value(row.data + sizeof(head), head.width, i));
    }
    return true;
}

static uint32_t width_of(uint64_t span)
{
    return span <= UINT8_MAX ? 1 : span <= UINT16_MAX ? 2 : span <= UINT32_MAX ? 4 : 8;
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
    head.width = width_of((uint64_t)head.most - (uint64_t)head.least);
    size_t size = sizeof(head) + (size_t)head.width * CHUNK_PERSONS;
    uint8_t *room = buffer_reserve(out, size);
    if (!room)
        return;
    memcpy(room, &head, sizeof(head));
    for (size_t i = 0; i < CHUNK_PERSONS; i++) {
        uint64_t value = chunk->present[i] ? (uint64_t)chunk->values[i] - (uint64_t)head.least : 0;
        memcpy(room + sizeof(head) + i * head.width, &value, head.width);
    }
    out->size += size;
}

/* -- matching -- */

/* Loops over 64 numbers that must become vector code: the compiler's best for this machine and for the oldest one. Sanitizers and
 * other machines do with the plain form. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__)
#define VECTOR_CODE __attribute__((optimize("O3"), target_clones("avx2", "default")))
#else
#define VECTOR_CODE
#endif

/* Sixty-four flags of 0 or 1 to a word. */
static inline uint64_t pack_flags(const uint8_t flags[64])
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t eight;
        memcpy(&eight, flags + (size_t)i * 8, sizeof(eight));
        word |= (eight * UINT64_C(0x0102040810204080) >> 56) << (i * 8);
    }
    return word;
}

/* v is in [low, low + span] where v - low <= span, without sign: one comparison. Words whose `present` is 0 are left out. */
#define DEFINE_MATCH(type)                                                                                   \
    VECTOR_CODE static void match_##type(                                                                    \
        const uint8_t *values, uint64_t low, uint64_t span, const uint64_t *present, uint64_t *in)           \
    {                                                                                                        \
        type from = (type)low, width = (type)span;                                                           \
        for (size_t word = 0; word < CHUNK_WORDS; word++) {                                                  \
            type copies[64];                                                                                 \
            uint8_t flags[64];                                                                               \
            if (present[word] == 0)                                                                          \
                continue;                                                                                    \
            memcpy(copies, values + word * sizeof(copies), sizeof(copies));                                  \
            for (size_t i = 0; i < 64; i++)                                                                  \
                flags[i] = (type)(copies[i] - from) <= width;                                                \
            in[word] |= pack_flags(flags) & present[word];                                                   \
        }                                                                                                    \
    }
DEFINE_MATCH(uint8_t)
DEFINE_MATCH(uint16_t)
DEFINE_MATCH(uint32_t)
DEFINE_MATCH(uint64_t)

static void match_range(const struct chunk_head *head, const uint8_t *values, const struct value_range *range,
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
    switch (head->width) {
    case 1:
        match_uint8_t(values, low, high - low, head->present, in);
        break;
    case 2:
        match_uint16_t(values, low, high - low, head->present, in);
        break;
    case 4:
        match_uint32_t(values, low, high - low, head->present, in);
        break;
    default:
        match_uint64_t(values, low, high - low, head->present, in);
        break;
    }
}

bool column_match(struct bytes row, const struct value_range *ranges, size_t count, uint64_t in[CHUNK_WORDS],
    uint64_t present[CHUNK_WORDS])
{
    struct chunk_head head;
    if (!read_head(row, &head))
        return false;
    memset(in, 0, CHUNK_WORDS * sizeof(*in));
    memcpy(present, head.present, sizeof(head.present));
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

static bool in_ranges(const struct value_range *ranges, size_t count, int64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (value >= ranges[i].low && value <= ranges[i].high)
            return true;
    return false;
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
        if (chunk_of(reader) >= first && any_bit(candidates + word, CHUNK_WORDS)) {
            uint64_t in_chunk[CHUNK_WORDS], present_chunk[CHUNK_WORDS];
            if (!column_match(reader->row, ranges, count, in_chunk, present_chunk))
                return -QY_ECORRUPT;
            memcpy(in + word, in_chunk, sizeof(in_chunk));
            memcpy(present + word, present_chunk, sizeof(present_chunk));
        }
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
    struct index_log_place place = {0};
    struct index_op op;
    while (!error && index_log_next(&reader->log, &place, block, &op)) {
        bit_put(shown, op.person % BLOCK_PERSONS, op.on);
        bit_put(in, op.person % BLOCK_PERSONS, op.on && in_ranges(ranges, count, op.value));
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
    struct index_log_place place = {0};
    struct index_op op;
    while (index_log_next(&reader->log, &place, block, &op)) {
        struct column_chunk *chunk = &chunks[op.person % BLOCK_PERSONS / CHUNK_PERSONS];
        chunk->present[op.person % CHUNK_PERSONS] = op.on;
        chunk->values[op.person % CHUNK_PERSONS] = op.value;
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
