/* SPDX-License-Identifier: Apache-2.0 */
/* The index's logs: rows of operations, not merged yet. In a row operations stand by person, so that who reads block by block
 * walks through each row once; nothing is copied. */
#include "services/tagging/index.h"

#include <stdlib.h>
#include <string.h>

/* A row: this, the terms (size, bytes, NUL), the persons, the values (columns and times: 8 bytes; bitmaps: the term's place, 4),
 * the marks. In the machine's own order: little-endian on all that this runs on. */
struct row_head {
    uint64_t total; /* operations in the log up to and with this row */
    uint32_t count, term_count, term_bytes, unused;
};

void index_class_key(const struct index_class *class, struct store_key *key)
{
    key_reset(key);
    key_u8(key, (uint8_t)class->sort);
    key_u8(key, class->kind);
    key_text(key, class->name);
}

static size_t value_bytes(enum index_sort sort)
{
    return sort == SORT_BITS ? sizeof(uint32_t) : sizeof(int64_t);
}

/* -- writing -- */

static int compare_person(const void *a, const void *b)
{
    const struct index_op *const *left = a, *const *right = b;
    if ((*left)->person != (*right)->person)
        return (*left)->person < (*right)->person ? -1 : 1;
    return *left < *right ? -1 : 1; /* as they came */
}

static void put_terms(const struct text_set *terms, struct buffer *out)
{
    for (size_t i = 0; i < terms->count; i++) {
        uint32_t size = (uint32_t)terms->items[i].size;
        buffer_append(out, &size, sizeof(size));
        buffer_append(out, terms->items[i].data, size);
        buffer_byte(out, 0);
    }
}

static void put_ops(
    const struct index_op *const *sorted, size_t count, enum index_sort sort, struct buffer *out)
{
    for (size_t i = 0; i < count; i++)
        buffer_append(out, &sorted[i]->person, sizeof(sorted[i]->person));
    for (size_t i = 0; i < count; i++)
        if (sort == SORT_BITS)
            buffer_append(out, &sorted[i]->term, sizeof(sorted[i]->term));
        else
            buffer_append(out, &sorted[i]->value, sizeof(sorted[i]->value));
    for (size_t i = 0; i < count; i++)
        buffer_byte(out, sorted[i]->on);
}

void index_log_encode(const struct index_op *ops, size_t count, const struct text_set *terms,
    enum index_sort sort, uint64_t total, struct buffer *out)
{
    const struct index_op **sorted = malloc((count + 1) * sizeof(*sorted));
    if (!sorted) {
        out->error = -QY_ENOMEM;
        return;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &ops[i];
    qsort(sorted, count, sizeof(*sorted), compare_person);
    struct row_head head = {.total = total, .count = (uint32_t)count, .term_count = (uint32_t)terms->count};
    for (size_t i = 0; i < terms->count; i++)
        head.term_bytes += (uint32_t)(sizeof(uint32_t) + terms->items[i].size + 1);
    buffer_append(out, &head, sizeof(head));
    put_terms(terms, out);
    put_ops(sorted, count, sort, out);
    free(sorted);
}

/* -- reading -- */

static bool read_head(struct bytes row, struct row_head *head)
{
    if (row.size < sizeof(*head))
        return false;
    memcpy(head, row.data, sizeof(*head));
    return true;
}

bool index_log_total(struct bytes row, uint64_t *ret_total)
{
    struct row_head head;
    if (!read_head(row, &head))
        return false;
    *ret_total = head.total;
    return true;
}

/* Places of the row's terms among those of the whole log. */
static int read_terms(
    struct bytes terms, const struct row_head *head, struct text_set *all, uint32_t **ret_places)
{
    uint32_t *places = arena_alloc(all->arena, (head->term_count + 1) * sizeof(*places));
    if (!places)
        return -QY_ENOMEM;
    for (uint32_t i = 0; i < head->term_count; i++) {
        uint32_t size;
        if (terms.size < sizeof(size))
            return -QY_ECORRUPT;
        memcpy(&size, terms.data, sizeof(size));
        if (terms.size - sizeof(size) <= size)
            return -QY_ECORRUPT;
        int error = text_set_add(all, terms.data + sizeof(size), size, &places[i], NULL);
        if (error)
            return error;
        terms.data += sizeof(size) + size + 1;
        terms.size -= sizeof(size) + size + 1;
    }
    *ret_places = places;
    return 0;
}

static struct index_log_row *new_row(struct index_log *log)
{
    if (log->row_count == log->row_capacity) {
        size_t capacity = log->row_capacity ? log->row_capacity * 2 : 16;
        struct index_log_row *rows = realloc(log->rows, capacity * sizeof(*rows));
        if (!rows)
            return NULL;
        log->rows = rows;
        log->row_capacity = capacity;
    }
    return &log->rows[log->row_count++];
}

int index_log_add_row(struct index_log *log, enum index_sort sort, struct bytes stored)
{
    struct row_head head;
    if (!read_head(stored, &head))
        return -QY_ECORRUPT;
    size_t persons_at = sizeof(head) + head.term_bytes, values_at = persons_at + (size_t)head.count * 4;
    size_t marks_at = values_at + head.count * value_bytes(sort);
    if (stored.size != marks_at + head.count)
        return -QY_ECORRUPT;
    uint32_t *places = NULL;
    int error = sort == SORT_BITS ? read_terms((struct bytes){stored.data + sizeof(head), head.term_bytes},
                                        &head, &log->terms, &places)
                                  : 0;
    struct index_log_row *row = error ? NULL : new_row(log);
    if (!row)
        return error ? error : -QY_ENOMEM;
    *row = (struct index_log_row){
        .persons = stored.data + persons_at,
        .values = stored.data + values_at,
        .marks = stored.data + marks_at,
        .count = head.count,
        .places = places,
        .place_count = head.term_count,
    };
    log->count += head.count;
    return 0;
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
        error = index_log_add_row(&log, class->sort, row);
    if (error)
        index_log_close(&log);
    else
        *ret_log = log;
    return error;
}

void index_log_close(struct index_log *log)
{
    free(TAKE(log->rows));
    text_set_close(&log->terms);
    log->row_count = log->row_capacity = log->count = 0;
}

static struct index_op op_at(const struct index_log_row *row, uint32_t place)
{
    struct index_op op = {.person = index_log_person(row, place), .on = row->marks[place] != 0};
    if (row->places)
        op.term = index_log_term(row, place);
    else
        op.value = index_log_value(row, place);
    return op;
}

int index_log_copy(const struct index_log *log, struct index_op **ret_ops)
{
    struct index_op *ops = malloc((log->count + 1) * sizeof(*ops));
    if (!ops)
        return -QY_ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < log->row_count; i++)
        for (uint32_t j = 0; j < log->rows[i].count; j++)
            ops[count++] = op_at(&log->rows[i], j);
    *ret_ops = ops;
    return 0;
}
