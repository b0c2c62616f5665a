/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about everybody, by question instead of by person: who has a tag, a metric's values, who did
 * what when.
 *
 * Three sorts of index: bitmaps (CRoaring) by term and block of 65,536 persons; columns of numbers, a row a
 * chunk of 1,024 persons; times of events by name, block and day. Rows are large and updates small, so
 * updates go to a log first, one row a class and commit, and are merged into the rows when the log has grown;
 * readers take rows and log together. A class is what shares a log: a kind of bitmap (of one trait), a
 * metric, an event's name.
 *
 * Nothing of it is state of its own: all follows from nodes and persons. */
#ifndef QY_TAGGING_INDEX_H
#define QY_TAGGING_INDEX_H

#include "common/buffer.h"
#include "services/tagging/tagging_store.h"
#include "services/tagging/text_set.h"

#include <string.h>

#define BLOCK_PERSONS 65536u
#define BLOCK_WORDS (BLOCK_PERSONS / 64)
#define CHUNK_PERSONS 1024u
#define CHUNK_WORDS (CHUNK_PERSONS / 64)
#define INDEX_NAME_MAX 255u /* of a class: nobody can ask for a longer name */
#define INDEX_TERM_MAX 220u
#define VALUE_TERM_MAX 120u /* JSON of a trait's value; a longer one is a complex value */

enum index_sort { SORT_BITS = 'b', SORT_COLUMN = 'c', SORT_TIMES = 't' };

/* Kinds of bitmaps: of what the term says. */
enum bits_kind {
    BITS_PERSON = 'E',        /* "": persons that exist */
    BITS_TAG = 'T',           /* tag, of any origin */
    BITS_TAG_ORIGIN = 'O',    /* origin, 0x1f, tag */
    BITS_STAGE = 'S',         /* stage */
    BITS_SEGMENT = 'G',       /* segment id */
    BITS_IDENTIFIER = 'K',    /* kind of identifier */
    BITS_TRAIT = 'P',         /* name: has a value */
    BITS_TRAIT_COMPLEX = 'X', /* name: has a value that is no term: a list, an object, or long */
    BITS_TRAIT_VALUE = 'V',   /* JSON of the value; the class's name is the trait's */
    BITS_UNIT = 'U',          /* unit: its people, and those of all units below it; "": who has a home unit */
    BITS_GUIDE = 'D', /* member of staff: whose guide it is, or was until it left; "": who has a guide */
};

struct index_class {
    enum index_sort sort;
    uint8_t kind;     /* bits_kind, or rule_metric */
    const char *name; /* trait, event; else "" */
};

/* Loops over words or numbers that must become vector code: the compiler's best for this machine and for the oldest one.
 * Sanitizers and other machines do with the plain form. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__)
#define VECTOR_CODE __attribute__((optimize("O3"), target_clones("avx2", "default")))
#else
#define VECTOR_CODE
#endif

/* One change. Later ones win. */
struct index_op {
    uint32_t person;
    uint32_t term; /* place in the log's terms */
    int64_t value; /* column's value, event's time */
    bool on;       /* set, present, added */
};

/* -- writing: gathered in memory, written by index_flush() -- */

struct index_writer;
int index_writer_open(struct index_writer **ret_writer);
void index_writer_close(struct index_writer **writer);
void index_bit(struct index_writer *writer, enum bits_kind kind, const char *name, const char *term,
    uint32_t person, bool on);
void index_value(struct index_writer *writer, unsigned metric, uint32_t person, bool present, int64_t value);
/* Names longer than INDEX_NAME_MAX are left out. */
void index_time(struct index_writer *writer, const char *name, uint32_t person, int64_t time_ms, bool add);
/* Logs are merged from so many operations on, however few persons there are; it has a standard. */
void index_limit_log(struct index_writer *writer, uint64_t operations);
/* Writes what was gathered and forgets it; logs longer than the number of persons warrants are merged. */
int index_flush(struct index_writer *writer, struct store_txn *txn, uint64_t persons);
void index_discard(struct index_writer *writer);
/* Many at once. First the log of a kind is merged into its rows; nothing may be gathered of it. Then a term is given to a block's
 * persons, or taken from them. */
int index_settle(struct store_txn *txn, enum bits_kind kind);
int index_put_block(struct store_txn *txn, enum bits_kind kind, const char *term, uint32_t block,
    const uint64_t persons[BLOCK_WORDS], bool on);

/* -- reading, in a snapshot -- */

/* The log of a class: rows where they stand in the snapshot, so they die with it (and, in a write transaction, with the next
 * put). Terms point into the arena. */
struct index_log_row {
    const uint8_t *persons; /* u32 each, ascending; of one person, as they came */
    const uint8_t *values;  /* i64 each; bitmaps: u32, places of terms in this row */
    const uint8_t *marks;   /* on */
    const uint32_t *places; /* bitmaps: of this row's terms among all */
    uint32_t place_count;
    uint32_t count, at;
};
struct index_log {
    struct index_log_row *rows;
    size_t row_count, row_capacity;
    size_t count; /* operations in all */
    struct text_set terms;
};
int index_log_read(
    struct store_txn *txn, const struct index_class *class, struct arena *arena, struct index_log *ret_log);
void index_log_close(struct index_log *log);
/* All operations, in the order in which they apply: malloc()ed. */
int index_log_copy(const struct index_log *log, struct index_op **ret_ops);
/* A row's operations in a block: places from `ret_begin` to before `ret_end`. Blocks must be asked for upwards. */
static inline void index_log_range(
    struct index_log_row *row, uint32_t block, uint32_t *ret_begin, uint32_t *ret_end);

/* The terms of a class, from rows and log, each once. */
int index_terms(struct store_txn *txn, const struct index_class *class, const struct index_log *log,
    struct text_set *ret_terms);
/* Persons that have one of some terms, read block after block, upwards. With more than one term, the class must be one of which a
 * person has one term at most. */
struct bits_reader {
    struct store_txn *txn;
    struct bits_scan *scans; /* a term's rows each */
    size_t scan_count;
    struct index_log log;
    bool *meant;    /* by the log's terms */
    uint64_t *bits; /* many terms: all blocks at once, instead of scans */
    bool any;       /* false: there is nobody; as in one that was never opened */
};
int bits_open(struct store_txn *txn, const struct index_class *class, const struct text_set *terms,
    size_t blocks, struct arena *arena, struct bits_reader *ret_reader);
void bits_close(struct bits_reader *reader);
/* `out` gets them. */
int bits_read(struct bits_reader *reader, uint32_t block, uint64_t out[BLOCK_WORDS]);

/* True when the trait has too many values: its values are not in the index. */
bool index_trait_is_wide(struct store_txn *txn, const char *trait);

/* A range of values, both ends included. */
struct value_range {
    int64_t low, high;
};

/* Columns, read chunk after chunk, upwards. */
struct column_reader {
    struct store_txn *txn;
    struct store_scan *scan;
    struct bytes key, row;
    bool has_row;
    struct index_log log;
    size_t blocks;
};
int column_open(struct store_txn *txn, unsigned metric, size_t blocks, struct arena *arena,
    struct column_reader *ret_reader);
void column_close(struct column_reader *reader);
/* For one block, which must not be before the last one asked for: `in` gets those of `candidates` with a
 * value in one of the ranges, `present` (may be NULL) those with any value. */
int column_read(struct column_reader *reader, uint32_t block, const struct value_range *ranges, size_t count,
    const uint64_t *candidates, uint64_t *in, uint64_t *present);
/* All values, in any order: malloc()ed. */
int column_values(struct column_reader *reader, int64_t **ret_values, size_t *ret_count);

/* Events of one name. */
struct times_reader {
    struct store_txn *txn;
    const char *name;
    struct index_log log;
    size_t blocks;
};
int times_open(struct store_txn *txn, const char *name, size_t blocks, struct arena *arena,
    struct times_reader *ret_reader);
void times_close(struct times_reader *reader);
/* Adds to `counts` (a number a person of the block) how many events have from_ms <= time < to_ms. */
int times_count(struct times_reader *reader, uint32_t block, int64_t from_ms, int64_t to_ms,
    uint32_t counts[BLOCK_PERSONS]);

/* -- shared by the index's own files -- */

void index_class_key(const struct index_class *class, struct store_key *key);
/* Log rows: `total` operations in the log up to and with this one. */
void index_log_encode(const struct index_op *ops, size_t count, const struct text_set *terms,
    enum index_sort sort, uint64_t total, struct buffer *out);
int index_log_add_row(struct index_log *log, enum index_sort sort, struct bytes stored);
bool index_log_total(struct bytes row, uint64_t *ret_total);
/* Merges operations into the rows of their class. */
int index_merge(struct store_txn *txn, const struct index_class *class, const struct text_set *terms,
    const struct index_op *ops, size_t count);

static inline uint32_t index_log_person(const struct index_log_row *row, uint32_t place)
{
    uint32_t person;
    memcpy(&person, row->persons + (size_t)place * sizeof(person), sizeof(person));
    return person;
}

static inline int64_t index_log_value(const struct index_log_row *row, uint32_t place)
{
    int64_t value;
    memcpy(&value, row->values + (size_t)place * sizeof(value), sizeof(value));
    return value;
}

static inline void index_log_range(
    struct index_log_row *row, uint32_t block, uint32_t *ret_begin, uint32_t *ret_end)
{
    while (row->at < row->count && index_log_person(row, row->at) / BLOCK_PERSONS < block)
        row->at++;
    *ret_begin = row->at;
    while (row->at < row->count && index_log_person(row, row->at) / BLOCK_PERSONS == block)
        row->at++;
    *ret_end = row->at;
}

static inline uint32_t index_log_term(const struct index_log_row *row, uint32_t place)
{
    uint32_t term;
    memcpy(&term, row->values + (size_t)place * sizeof(term), sizeof(term));
    return term < row->place_count ? row->places[term] : 0;
}

int bits_or_row(struct bytes row, uint64_t block[BLOCK_WORDS]);
/* An empty result means that the row must go. */
int bits_apply(struct bytes row, const struct index_op *ops, size_t count, struct buffer *out);
/* The row with a block's persons in it, or without them: into `out`, which stays empty where nobody is left. */
int bits_put_block(struct bytes row, const uint64_t persons[BLOCK_WORDS], bool on, struct buffer *out);

int column_apply(struct bytes row, const struct index_op *ops, size_t count, struct buffer *out);

/* A row of times: so many events of a block and a day, whose other events stand in further rows. */
#define DAY_OF(ms) ((ms) >= 0 ? (ms) / INT64_C(86400000) : -((-(ms) + INT64_C(86399999)) / INT64_C(86400000)))
#define DAY_BIAS (INT64_C(1) << 31)
struct times_row {
    size_t count;
    const uint8_t *persons; /* u16 each */
    const uint8_t *times;   /* u32 each: ms of the day */
};
bool times_decode(struct bytes row, struct times_row *ret_row);
/* All of one name, block and day, which is what the rows' keys begin with. */
int times_apply(
    struct store_txn *txn, const struct store_key *day, const struct index_op *ops, size_t op_count);

size_t bits_count(const uint64_t *words, size_t count);

static inline bool bit_get(const uint64_t *bits, uint32_t number)
{
    return bits[number / 64] >> number % 64 & 1;
}

static inline void bit_put(uint64_t *bits, uint32_t number, bool on)
{
    uint64_t bit = UINT64_C(1) << number % 64;
    bits[number / 64] = on ? bits[number / 64] | bit : bits[number / 64] & ~bit;
}

#endif
