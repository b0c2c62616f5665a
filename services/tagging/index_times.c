/* SPDX-License-Identifier: Apache-2.0 */
/* Times of events: rows of a name, block of persons and day of UTC, numbered: a row that has become large is not written again when
 * more comes, so that a day's millionth event costs what its first did. In a row first all persons, then all times: whole days are
 * counted without looking at a time. */
#include "services/tagging/index.h"

#include <stdlib.h>
#include <string.h>

#define DAY_LENGTH_MS INT64_C(86400000)
/* Entries with which a row is large. */
#define ROW_LARGE 4096u

bool times_decode(struct bytes row, struct times_row *ret_row)
{
    uint32_t count;
    if (row.size < sizeof(count))
        return false;
    memcpy(&count, row.data, sizeof(count));
    if (row.size != sizeof(count) + (size_t)count * 6)
        return false;
    *ret_row = (struct times_row){
        .count = count,
        .persons = row.data + sizeof(count),
        .times = row.data + sizeof(count) + (size_t)count * 2,
    };
    return true;
}

static uint16_t person_at(const struct times_row *row, size_t place)
{
    uint16_t person;
    memcpy(&person, row->persons + place * 2, sizeof(person));
    return person;
}

static uint32_t time_at(const struct times_row *row, size_t place)
{
    uint32_t time;
    memcpy(&time, row->times + place * 4, sizeof(time));
    return time;
}

struct entry {
    uint16_t person;
    uint32_t time;
};

static uint32_t time_of_day(int64_t ms)
{
    return (uint32_t)(ms - DAY_OF(ms) * DAY_LENGTH_MS);
}

static void encode(const struct entry *entries, size_t count, struct buffer *out)
{
    uint32_t total = (uint32_t)count;
    uint8_t *room = buffer_reserve(out, sizeof(total) + count * 6);
    if (!room)
        return;
    memcpy(room, &total, sizeof(total));
    for (size_t i = 0; i < count; i++)
        memcpy(room + sizeof(total) + i * 2, &entries[i].person, 2);
    for (size_t i = 0; i < count; i++)
        memcpy(room + sizeof(total) + count * 2 + i * 4, &entries[i].time, 4);
    out->size += sizeof(total) + count * 6;
}

/* -- changing -- */

struct entries {
    struct entry *items;
    size_t count, capacity;
};

static void entries_free(struct entries *entries)
{
    free(entries->items);
}

static int entries_add(struct entries *entries, struct entry entry)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity ? entries->capacity * 2 : 64;
        struct entry *items = realloc(entries->items, capacity * sizeof(*items));
        if (!items)
            return -QY_ENOMEM;
        entries->items = items;
        entries->capacity = capacity;
    }
    entries->items[entries->count++] = entry;
    return 0;
}

static int entries_read(struct bytes stored, struct entries *entries)
{
    struct times_row row;
    if (!times_decode(stored, &row))
        return -QY_ECORRUPT;
    int error = 0;
    for (size_t i = 0; !error && i < row.count; i++)
        error = entries_add(entries, (struct entry){person_at(&row, i), time_at(&row, i)});
    return error;
}

static int put_row(
    struct store_txn *txn, const struct store_key *day, uint32_t number, const struct entries *entries)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    struct store_key key = *day;
    key_u32(&key, number);
    if (entries->count == 0) {
        store_delete(txn, TABLE_INDEX, &key);
        return store_error(txn);
    }
    encode(entries->items, entries->count, &row);
    if (!buffer_error(&row))
        store_put(txn, TABLE_INDEX, &key, row.data, row.size);
    return buffer_error(&row) ? buffer_error(&row) : store_error(txn);
}

static uint32_t row_number(struct bytes key)
{
    return get_be32(key.data + key.size - 4);
}

/* -- taking away: all of a day in one passage through its rows -- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    if (left->person != right->person)
        return left->person < right->person ? -1 : 1;
    return (left->time > right->time) - (left->time < right->time);
}

/* What is to go: sorted, and how often each; equal entries are one as good as the other. */
struct gone {
    struct entries entries;
    uint32_t *counts;
    size_t left; /* in all */
};

static void gone_free(struct gone *gone)
{
    entries_free(&gone->entries);
    free(gone->counts);
}

static int gone_close(struct gone *gone)
{
    struct entries *entries = &gone->entries;
    gone->left = entries->count;
    gone->counts = calloc(entries->count, sizeof(*gone->counts));
    if (!gone->counts)
        return -QY_ENOMEM;
    qsort(entries->items, entries->count, sizeof(*entries->items), compare_entries);
    size_t count = 0;
    for (size_t i = 0; i < entries->count; i++) {
        if (count == 0 || compare_entries(&entries->items[count - 1], &entries->items[i]) != 0)
            entries->items[count++] = entries->items[i];
        gone->counts[count - 1]++;
    }
    entries->count = count;
    return 0;
}

static bool gone_takes(struct gone *gone, const struct entry *entry)
{
    const struct entry *found =
        bsearch(entry, gone->entries.items, gone->entries.count, sizeof(*entry), compare_entries);
    uint32_t *count = found ? &gone->counts[found - gone->entries.items] : NULL;
    if (!count || *count == 0)
        return false;
    (*count)--;
    gone->left--;
    return true;
}

static bool entries_take_away(struct entries *entries, struct gone *gone)
{
    size_t kept = 0, before = entries->count;
    for (size_t i = 0; i < before; i++)
        if (!gone_takes(gone, &entries->items[i]))
            entries->items[kept++] = entries->items[i];
    entries->count = kept;
    return kept < before;
}

/* Numbers of the day's rows before `number`, in order. */
static int earlier_rows(
    struct store_txn *txn, const struct store_key *day, uint32_t number, struct buffer *ret_numbers)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(txn, TABLE_INDEX, day, NULL, &scan);
    struct bytes key, stored;
    while (!error && scan_next(scan, &key, &stored)) {
        uint32_t at = row_number(key);
        if (at < number)
            buffer_append(ret_numbers, &at, sizeof(at));
        error = buffer_error(ret_numbers);
    }
    return error ? error : store_error(txn);
}

static int take_from_row(
    struct store_txn *txn, const struct store_key *day, uint32_t number, struct gone *gone)
{
    _cleanup_(entries_free) struct entries entries = {0};
    struct store_key key = *day;
    struct bytes stored;
    key_u32(&key, number);
    if (!store_get(txn, TABLE_INDEX, &key, &stored))
        return store_error(txn);
    int error = entries_read(stored, &entries);
    return error || !entries_take_away(&entries, gone) ? error : put_row(txn, day, number, &entries);
}

/* From the rows before `number`, the latest first. */
static int take_from_rows(
    struct store_txn *txn, const struct store_key *day, uint32_t number, struct gone *gone)
{
    _cleanup_(buffer_free) struct buffer numbers = BUFFER_INIT;
    int error = earlier_rows(txn, day, number, &numbers);
    for (size_t i = numbers.size / sizeof(uint32_t); !error && i > 0 && gone->left > 0; i--) {
        uint32_t at;
        memcpy(&at, numbers.data + (i - 1) * sizeof(at), sizeof(at));
        error = take_from_row(txn, day, at, gone);
    }
    return error;
}

/* -- adding -- */

/* The row that is added to: the last one, or an empty one behind it. */
static int open_last(
    struct store_txn *txn, const struct store_key *day, struct entries *entries, uint32_t *ret_number)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, stored;
    struct times_row row;
    *ret_number = 0;
    int error = scan_open_reverse(txn, TABLE_INDEX, day, NULL, &scan);
    if (error || !scan_next(scan, &key, &stored))
        return error ? error : store_error(txn);
    *ret_number = row_number(key);
    if (!times_decode(stored, &row))
        return -QY_ECORRUPT;
    if (row.count < ROW_LARGE)
        return entries_read(stored, entries);
    (*ret_number)++;
    return 0;
}

int times_apply(
    struct store_txn *txn, const struct store_key *day, const struct index_op *ops, size_t op_count)
{
    _cleanup_(entries_free) struct entries entries = {0};
    _cleanup_(gone_free) struct gone gone = {0};
    uint32_t number;
    int error = open_last(txn, day, &entries, &number);
    for (size_t i = 0; !error && i < op_count; i++) {
        struct entry entry = {(uint16_t)(ops[i].person % BLOCK_PERSONS), time_of_day(ops[i].value)};
        error = entries_add(ops[i].on ? &entries : &gone.entries, entry);
    }
    if (!error && gone.entries.count > 0) {
        error = gone_close(&gone);
        (void)(error || entries_take_away(&entries, &gone));
        if (!error && gone.left > 0)
            error = take_from_rows(txn, day, number, &gone);
    }
    return error ? error : put_row(txn, day, number, &entries);
}

/* -- reading -- */

int times_open(struct store_txn *txn, const char *name, size_t blocks, struct arena *arena,
    struct times_reader *ret_reader)
{
    const struct index_class class = {SORT_TIMES, 0, name};
    struct times_reader reader = {.txn = txn, .name = name, .blocks = blocks};
    int error = index_log_read(txn, &class, arena, &reader.log);
    *ret_reader = reader;
    if (error)
        times_close(ret_reader);
    return error;
}

void times_close(struct times_reader *reader)
{
    index_log_close(&reader->log);
}

static void count_row(
    const struct times_row *row, int64_t day_ms, int64_t from_ms, int64_t to_ms, uint32_t *counts)
{
    if (from_ms <= day_ms && to_ms - day_ms >= DAY_LENGTH_MS) {
        for (size_t i = 0; i < row->count; i++)
            counts[person_at(row, i)]++;
        return;
    }
    int64_t low = from_ms > day_ms ? from_ms - day_ms : 0;
    int64_t high = to_ms - day_ms < DAY_LENGTH_MS ? to_ms - day_ms : DAY_LENGTH_MS;
    for (size_t i = 0; i < row->count; i++) {
        int64_t time = time_at(row, i);
        counts[person_at(row, i)] += time >= low && time < high;
    }
}

/* Days outside of this are nobody's: keys hold 32 bits, and sums must not overflow. */
#define FAR_MS (INT64_C(1) << 55)

int times_count(struct times_reader *reader, uint32_t block, int64_t from_ms, int64_t to_ms,
    uint32_t counts[BLOCK_PERSONS])
{
    int64_t low_ms = from_ms > -FAR_MS ? from_ms : -FAR_MS, high_ms = to_ms < FAR_MS ? to_ms : FAR_MS;
    const struct index_class class = {SORT_TIMES, 0, reader->name};
    struct store_key prefix, from;
    index_class_key(&class, &prefix);
    key_u16(&prefix, (uint16_t)block);
    from = prefix;
    key_u32(&from, (uint32_t)(DAY_OF(low_ms) + DAY_BIAS));
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(reader->txn, TABLE_INDEX, &prefix, &from, &scan);
    struct bytes key, stored;
    while (!error && scan_next(scan, &key, &stored)) {
        struct times_row row;
        int64_t day_ms = ((int64_t)get_be32(key.data + key.size - 8) - DAY_BIAS) * DAY_LENGTH_MS;
        if (day_ms >= high_ms)
            break;
        if (!times_decode(stored, &row))
            return -QY_ECORRUPT;
        count_row(&row, day_ms, low_ms, high_ms, counts);
    }
    for (size_t i = 0; !error && i < reader->log.row_count; i++) {
        struct index_log_row *row = &reader->log.rows[i];
        uint32_t place, end;
        for (index_log_range(row, block, &place, &end); place < end; place++) {
            int64_t time_ms = index_log_value(row, place);
            if (time_ms >= from_ms && time_ms < to_ms)
                counts[index_log_person(row, place) % BLOCK_PERSONS] += row->marks[place] ? 1u : UINT32_MAX;
        }
    }
    return error ? error : store_error(reader->txn);
}
