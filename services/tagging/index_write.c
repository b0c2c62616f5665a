/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what changes in the index during a batch. */
#include "services/tagging/index.h"

#include <stdlib.h>
#include <string.h>

/* A log is merged when it holds more operations than a query may pass over in a millisecond or so, or than a
 * part of the persons that makes a merge worth its writes. */
#define LOG_OPS_LEAST 20000u
#define LOG_PERSONS_SHARE 64u

struct gathered {
    struct index_class class;
    struct store_key prefix;
    struct index_op *ops;
    size_t count, capacity;
    struct text_set terms;
};

struct index_writer {
    struct arena *arena;
    struct text_set keys; /* of classes */
    struct gathered **classes;
    size_t capacity;
    uint64_t log_least;
    int error;
};

int index_writer_open(struct index_writer **ret_writer)
{
    struct index_writer *writer = calloc(1, sizeof(*writer));
    if (!writer || arena_open(&writer->arena)) {
        free(writer);
        return -QY_ENOMEM;
    }
    writer->keys.arena = writer->arena;
    writer->log_least = LOG_OPS_LEAST;
    *ret_writer = writer;
    return 0;
}

static void forget_class(struct gathered *gathered)
{
    free(TAKE(gathered->ops));
    text_set_close(&gathered->terms);
}

void index_discard(struct index_writer *writer)
{
    for (size_t i = 0; i < writer->keys.count; i++)
        forget_class(writer->classes[i]);
    text_set_close(&writer->keys);
    arena_reset(writer->arena);
    writer->error = 0;
}

void index_writer_close(struct index_writer **writer)
{
    struct index_writer *closed = *writer;
    *writer = NULL;
    if (!closed)
        return;
    index_discard(closed);
    free(closed->classes);
    arena_close(&closed->arena);
    free(closed);
}

static bool new_class(struct index_writer *writer, const struct index_class *class,
    const struct store_key *prefix, uint32_t place)
{
    if (place >= writer->capacity) {
        size_t capacity = writer->capacity ? writer->capacity * 2 : 64;
        struct gathered **classes = realloc(writer->classes, capacity * sizeof(*classes));
        if (!classes)
            return false;
        writer->classes = classes;
        writer->capacity = capacity;
    }
    struct gathered *made = arena_alloc(writer->arena, sizeof(*made));
    if (!made)
        return false;
    made->class = *class;
    made->class.name = arena_text(writer->arena, class->name, strlen(class->name));
    made->prefix = *prefix;
    made->terms.arena = writer->arena;
    writer->classes[place] = made;
    return made->class.name != NULL;
}

static struct gathered *class_of(struct index_writer *writer, const struct index_class *class)
{
    struct store_key prefix;
    uint32_t place;
    bool new;
    index_class_key(class, &prefix);
    int error = text_set_add(&writer->keys, prefix.bytes, prefix.size, &place, &new);
    if (!error && new && !new_class(writer, class, &prefix, place)) {
        writer->keys.count = place; /* as if it had not been added: all is discarded on an error */
        error = -QY_ENOMEM;
    }
    if (error) {
        writer->error = error;
        return NULL;
    }
    return writer->classes[place];
}

static void add_op(
    struct index_writer *writer, const struct index_class *class, const char *term, struct index_op op)
{
    if (writer->error)
        return;
    struct gathered *gathered = class_of(writer, class);
    if (!gathered)
        return;
    if (term)
        writer->error = text_set_add(&gathered->terms, term, strlen(term), &op.term, NULL);
    if (gathered->count == gathered->capacity) {
        size_t capacity = gathered->capacity ? gathered->capacity * 2 : 64;
        struct index_op *ops = realloc(gathered->ops, capacity * sizeof(*ops));
        if (!ops) {
            writer->error = -QY_ENOMEM;
            return;
        }
        gathered->ops = ops;
        gathered->capacity = capacity;
    }
    gathered->ops[gathered->count++] = op;
}

void index_bit(struct index_writer *writer, enum bits_kind kind, const char *name, const char *term,
    uint32_t person, bool on)
{
    const struct index_class class = {SORT_BITS, (uint8_t)kind, name};
    add_op(writer, &class, term, (struct index_op){.person = person, .on = on});
}

void index_value(struct index_writer *writer, unsigned metric, uint32_t person, bool present, int64_t value)
{
    const struct index_class class = {SORT_COLUMN, (uint8_t)metric, ""};
    add_op(writer, &class, NULL,
        (struct index_op){.person = person, .value = present ? value : 0, .on = present});
}

void index_time(struct index_writer *writer, const char *name, uint32_t person, int64_t time_ms, bool add)
{
    const struct index_class class = {SORT_TIMES, 0, name};
    if (strlen(name) <= INDEX_NAME_MAX)
        add_op(writer, &class, NULL, (struct index_op){.person = person, .value = time_ms, .on = add});
}

/* -- writing -- */

/* The number of the next log row, and how many operations are logged. */
static int log_end(
    struct store_txn *txn, const struct store_key *prefix, uint64_t *ret_sequence, uint64_t *ret_total)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, row;
    *ret_sequence = *ret_total = 0;
    int error = scan_open_reverse(txn, TABLE_INDEX_LOG, prefix, NULL, &scan);
    if (error || !scan_next(scan, &key, &row))
        return error;
    if (key.size != (size_t)prefix->size + 8 || !index_log_total(row, ret_total))
        return -QY_ECORRUPT;
    *ret_sequence = get_be64(key.data + prefix->size) + 1;
    return 0;
}

static int append(struct store_txn *txn, const struct gathered *gathered, uint64_t sequence, uint64_t total)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    struct store_key key = gathered->prefix;
    key_u64(&key, sequence);
    index_log_encode(gathered->ops, gathered->count, &gathered->terms, gathered->class.sort, total, &row);
    if (buffer_error(&row))
        return buffer_error(&row);
    store_put(txn, TABLE_INDEX_LOG, &key, row.data, row.size);
    return store_error(txn);
}

/* All of the log, and what this batch adds, goes into the rows. */
static int merge(struct store_txn *txn, struct gathered *gathered)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(index_log_close) struct index_log log = {0};
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    _cleanup_(free_pointer) struct index_op *ops = NULL;
    int error = arena_open(&arena);
    if (!error)
        error = index_log_read(txn, &gathered->class, arena, &log);
    if (error)
        return error;
    index_log_encode(gathered->ops, gathered->count, &gathered->terms, gathered->class.sort, 0, &row);
    error = buffer_error(&row);
    if (!error)
        error = index_log_add_row(&log, gathered->class.sort, (struct bytes){row.data, row.size});
    if (!error)
        error = index_log_copy(&log, &ops);
    if (!error)
        error = index_merge(txn, &gathered->class, &log.terms, ops, log.count);
    store_delete_prefix(txn, TABLE_INDEX_LOG, &gathered->prefix);
    return error ? error : store_error(txn);
}

int index_settle(struct store_txn *txn, enum bits_kind kind)
{
    struct gathered nothing = {.class = {SORT_BITS, (uint8_t)kind, ""}};
    index_class_key(&nothing.class, &nothing.prefix);
    return merge(txn, &nothing);
}

static int flush_class(struct store_txn *txn, struct gathered *gathered, uint64_t limit)
{
    uint64_t sequence, total;
    if (gathered->class.sort == SORT_BITS && gathered->class.kind == BITS_TRAIT_VALUE &&
        index_trait_is_wide(txn, gathered->class.name))
        return 0;
    int error = log_end(txn, &gathered->prefix, &sequence, &total);
    if (error)
        return error;
    total += gathered->count;
    return total > limit ? merge(txn, gathered) : append(txn, gathered, sequence, total);
}

void index_limit_log(struct index_writer *writer, uint64_t operations)
{
    writer->log_least = operations;
}

int index_flush(struct index_writer *writer, struct store_txn *txn, uint64_t persons)
{
    uint64_t share = persons / LOG_PERSONS_SHARE,
             limit = share > writer->log_least ? share : writer->log_least;
    int error = writer->error;
    for (size_t i = 0; !error && i < writer->keys.count; i++)
        if (writer->classes[i]->count > 0)
            error = flush_class(txn, writer->classes[i], limit);
    index_discard(writer);
    return error;
}
