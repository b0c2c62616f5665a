/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/questions.h"

#include "services/tagging/codec.h"

#define ROW_VERSION 1

/* How many there are, what they take, and the next one's number. */
struct totals_row {
    uint64_t count, bytes, next;
};

/* What is known of one without its sets. */
struct head {
    uint64_t key;
    int64_t asked_ms;
    uint64_t picked, others; /* how many */
};

void asked_question_close(struct asked_question *question)
{
    person_set_close(&question->persons);
    person_set_close(&question->population);
}

/* -- rows -- */

static void read_totals(struct store_txn *txn, struct totals_row *totals)
{
    struct store_key key;
    struct row_reader row = {0};
    *totals = (struct totals_row){.next = 1};
    key_question(&key, QUESTION_TOTALS);
    if (!store_get(txn, TABLE_QUESTIONS, &key, &row.rest))
        return;
    totals->count = read_unsigned(&row);
    totals->bytes = read_unsigned(&row);
    totals->next = read_unsigned(&row);
}

static void write_totals(struct store_txn *txn, const struct totals_row *totals)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    struct store_key key;
    buffer_varint(&row, totals->count);
    buffer_varint(&row, totals->bytes);
    buffer_varint(&row, totals->next);
    key_question(&key, QUESTION_TOTALS);
    if (buffer_error(&row))
        store_fail(txn, buffer_error(&row));
    else
        store_put(txn, TABLE_QUESTIONS, &key, row.data, row.size);
}

static void row_key(struct store_key *key, uint64_t number)
{
    key_question(key, QUESTION_ROW);
    key_u64(key, number);
}

/* A size of one of its halves, or its key, then its number. */
static void place_key(struct store_key *key, enum question_part part, uint64_t value, uint64_t number)
{
    key_question(key, part);
    key_u64(key, value);
    key_u64(key, number);
}

static bool read_place(struct bytes key, uint64_t *ret_value, uint64_t *ret_number)
{
    if (key.size != 17)
        return false;
    *ret_value = get_be64(key.data + 1);
    *ret_number = get_be64(key.data + 9);
    return true;
}

static bool read_head(struct row_reader *row, struct head *ret_head)
{
    bool known = read_unsigned(row) == ROW_VERSION;
    ret_head->key = read_unsigned(row);
    ret_head->asked_ms = read_signed(row);
    ret_head->picked = read_unsigned(row);
    ret_head->others = read_unsigned(row);
    return known && !row->failed;
}

/* A row's parts, in place. */
struct parts {
    struct head head;
    struct bytes persons_sample, population_sample, persons, population;
};

static int read_parts(struct store_txn *txn, uint64_t number, struct parts *ret_parts)
{
    struct store_key key;
    struct row_reader row = {0};
    row_key(&key, number);
    if (!store_get(txn, TABLE_QUESTIONS, &key, &row.rest))
        return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    if (!read_head(&row, &ret_parts->head))
        return -QY_ECORRUPT;
    ret_parts->persons_sample = read_bytes(&row);
    ret_parts->population_sample = read_bytes(&row);
    ret_parts->persons = read_bytes(&row);
    ret_parts->population = read_bytes(&row);
    return row.failed ? -QY_ECORRUPT : 0;
}

static int unpack(const struct parts *parts, struct asked_question *ret_question)
{
    struct asked_question question = {.key = parts->head.key, .asked_ms = parts->head.asked_ms};
    int error = person_set_unpack(parts->persons, &question.persons);
    if (!error)
        error = person_set_unpack(parts->population, &question.population);
    if (error)
        asked_question_close(&question);
    else
        *ret_question = question;
    return error;
}

/* -- asking -- */

uint64_t questions_next(struct store_txn *txn)
{
    struct totals_row totals;
    read_totals(txn, &totals);
    return totals.next;
}

int questions_latest(struct store_txn *txn, uint64_t key, struct asked_question *ret_question)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key prefix;
    struct bytes place, value;
    uint64_t found, number;
    *ret_question = (struct asked_question){0};
    key_question(&prefix, QUESTION_KEY);
    key_u64(&prefix, key);
    int error = scan_open_reverse(txn, TABLE_QUESTIONS, &prefix, NULL, &scan);
    if (error || !scan_next(scan, &place, &value))
        return error ? error : store_error(txn);
    if (!read_place(place, &found, &number))
        return -QY_ECORRUPT;
    struct parts parts = {.head = {.key = 0}};
    error = read_parts(txn, number, &parts);
    return error ? error : unpack(&parts, ret_question);
}

static int compare(
    struct store_txn *txn, const struct picked *picked, uint64_t number, uint64_t least, bool *ret_near)
{
    _cleanup_(asked_question_close) struct asked_question earlier = {0};
    struct parts parts = {.head = {.key = 0}};
    int error = read_parts(txn, number, &parts);
    if (error || picked_far_by_samples(picked, parts.persons_sample, parts.population_sample, least))
        return error;
    error = unpack(&parts, &earlier);
    if (error)
        return error;
    const struct picked other = {&earlier.persons, &earlier.population};
    uint64_t difference = picked_difference(picked, &other, least);
    *ret_near |= difference > 0 && difference < least;
    return 0;
}

/* Sets differ at least by as many as their sizes do: only those of nearly this size can be near. */
static int look_around(struct store_txn *txn, const struct picked *picked, uint64_t size, uint64_t first,
    uint64_t least, bool *ret_near)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key prefix, from;
    struct bytes place, row;
    uint64_t value, number;
    key_question(&prefix, QUESTION_NUMBER);
    place_key(&from, QUESTION_NUMBER, size < least ? 0 : size - least + 1, 0);
    int error = scan_open(txn, TABLE_QUESTIONS, &prefix, &from, &scan);
    while (!error && !*ret_near && scan_next(scan, &place, &row)) {
        if (!read_place(place, &value, &number))
            return -QY_ECORRUPT;
        if (value >= size + least)
            break;
        if (number >= first)
            error = compare(txn, picked, number, least, ret_near);
    }
    return error ? error : store_error(txn);
}

int questions_near(
    struct store_txn *txn, const struct picked *picked, uint64_t first, uint64_t least, bool *ret_near)
{
    uint64_t size = picked->persons->count, others = picked->population->count - size;
    *ret_near = false;
    int error = look_around(txn, picked, size, first, least, ret_near);
    if (error || *ret_near || others == size)
        return error;
    return look_around(txn, picked, others, first, least, ret_near);
}

/* -- keeping -- */

static void place_all(struct store_txn *txn, const struct head *head, uint64_t number, bool there)
{
    const struct {
        enum question_part part;
        uint64_t value;
    } places[] = {
        {QUESTION_NUMBER, head->picked}, {QUESTION_NUMBER, head->others}, {QUESTION_KEY, head->key}};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct store_key key;
        place_key(&key, places[i].part, places[i].value, number);
        if (there)
            store_put(txn, TABLE_QUESTIONS, &key, "", 1);
        else
            store_delete(txn, TABLE_QUESTIONS, &key);
    }
}

/* The oldest; false where there is none. */
static bool find_oldest(struct store_txn *txn, uint64_t *ret_number, size_t *ret_size, struct head *ret_head)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key prefix;
    struct bytes key, value;
    key_question(&prefix, QUESTION_ROW);
    int error = scan_open(txn, TABLE_QUESTIONS, &prefix, NULL, &scan);
    if (error || !scan_next(scan, &key, &value) || key.size != 9)
        return false;
    struct row_reader row = {.rest = value};
    *ret_number = get_be64(key.data + 1);
    *ret_size = value.size;
    if (read_head(&row, ret_head))
        return true;
    store_fail(txn, -QY_ECORRUPT);
    return false;
}

static void let_go(
    struct store_txn *txn, const struct question_limits *limits, int64_t now_ms, struct totals_row *totals)
{
    uint64_t number;
    size_t size;
    struct head head;
    while (find_oldest(txn, &number, &size, &head)) {
        bool many = (limits->count && totals->count > limits->count) ||
                    (limits->bytes && totals->bytes > limits->bytes);
        bool old = limits->age_ms && head.asked_ms < now_ms - limits->age_ms;
        if (!many && !old)
            return;
        struct store_key key;
        row_key(&key, number);
        store_delete(txn, TABLE_QUESTIONS, &key);
        place_all(txn, &head, number, false);
        totals->count--;
        totals->bytes -= size;
    }
}

static void put_set(struct buffer *row, void (*write)(const struct person_set *set, struct buffer *out),
    const struct person_set *set)
{
    _cleanup_(buffer_free) struct buffer part = BUFFER_INIT;
    write(set, &part);
    put_bytes(row, part.data, part.size);
    if (buffer_error(&part) && !row->error)
        row->error = buffer_error(&part);
}

static void write_row(const struct asked_question *question, const struct head *head, struct buffer *row)
{
    buffer_byte(row, ROW_VERSION);
    buffer_varint(row, head->key);
    put_signed(row, head->asked_ms);
    buffer_varint(row, head->picked);
    buffer_varint(row, head->others);
    put_set(row, person_set_sample, &question->persons);
    put_set(row, person_set_sample, &question->population);
    put_set(row, person_set_pack, &question->persons);
    put_set(row, person_set_pack, &question->population);
}

int questions_add(
    struct store_txn *txn, const struct question_limits *limits, const struct asked_question *question)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    const struct head head = {.key = question->key,
        .asked_ms = question->asked_ms,
        .picked = question->persons.count,
        .others = question->population.count - question->persons.count};
    struct totals_row totals;
    struct store_key key;
    write_row(question, &head, &row);
    if (buffer_error(&row))
        return buffer_error(&row);
    read_totals(txn, &totals);
    row_key(&key, totals.next);
    store_put(txn, TABLE_QUESTIONS, &key, row.data, row.size);
    place_all(txn, &head, totals.next, true);
    totals.next++;
    totals.count++;
    totals.bytes += row.size;
    let_go(txn, limits, question->asked_ms, &totals);
    write_totals(txn, &totals);
    return store_error(txn);
}
