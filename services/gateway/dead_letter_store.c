/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_store.h"

#include "common/buffer.h"

#include <string.h>

#define ROW_VERSION 1

/* Of rows in TABLE_LETTER_NOTES. Never renumber. */
enum note { NOTE_NEXT = 1, NOTE_CHECK = 2, NOTE_SPENT = 3 };

static void number_key(struct store_key *key, uint64_t letter)
{
    key_reset(key);
    key_u64(key, letter);
}

static void mark_key(struct store_key *key, const uint8_t mark[LETTER_MARK_BYTES])
{
    key_reset(key);
    key_raw(key, mark, LETTER_MARK_BYTES);
}

static void note_key(struct store_key *key, enum note note)
{
    key_reset(key);
    key_u8(key, (uint8_t)note);
}

/* -- letters -- */

void letter_put(struct store_txn *txn, uint64_t letter, const struct letter_row *row)
{
    struct store_key key;
    struct letter_row stored = *row;
    stored.version = ROW_VERSION;
    number_key(&key, letter);
    store_put(txn, TABLE_LETTERS, &key, &stored, sizeof(stored));
}

static bool read_row(struct store_txn *txn, struct bytes value, struct letter_row *ret_row)
{
    if (value.size == sizeof(*ret_row))
        memcpy(ret_row, value.data, sizeof(*ret_row));
    if (value.size == sizeof(*ret_row) && ret_row->version == ROW_VERSION &&
        memchr(ret_row->reason, 0, sizeof(ret_row->reason)))
        return true;
    store_fail(txn, -QY_ECORRUPT);
    return false;
}

bool letter_get(struct store_txn *txn, uint64_t letter, struct letter_row *ret_row)
{
    struct store_key key;
    struct bytes value;
    number_key(&key, letter);
    return store_get(txn, TABLE_LETTERS, &key, &value) && read_row(txn, value, ret_row);
}

void letter_put_content(struct store_txn *txn, uint64_t letter, struct bytes sealed)
{
    struct store_key key;
    number_key(&key, letter);
    store_put(txn, TABLE_LETTER_CONTENTS, &key, sealed.data, sealed.size);
}

bool letter_get_content(struct store_txn *txn, uint64_t letter, struct bytes *ret_sealed)
{
    struct store_key key;
    number_key(&key, letter);
    return store_get(txn, TABLE_LETTER_CONTENTS, &key, ret_sealed);
}

uint64_t letter_by_mark(struct store_txn *txn, const uint8_t mark[LETTER_MARK_BYTES])
{
    struct store_key key;
    struct bytes value;
    mark_key(&key, mark);
    return store_get(txn, TABLE_LETTER_MARKS, &key, &value) && value.size == 8 ? get_be64(value.data) : 0;
}

void letter_put_mark(struct store_txn *txn, const uint8_t mark[LETTER_MARK_BYTES], uint64_t letter)
{
    struct store_key key;
    uint8_t value[8];
    mark_key(&key, mark);
    put_be64(value, letter);
    store_put(txn, TABLE_LETTER_MARKS, &key, value, sizeof(value));
}

void letter_delete(struct store_txn *txn, uint64_t letter, const struct letter_row *row)
{
    struct store_key key;
    if (row->marked) {
        mark_key(&key, row->mark);
        store_delete(txn, TABLE_LETTER_MARKS, &key);
    }
    number_key(&key, letter);
    store_delete(txn, TABLE_LETTER_CONTENTS, &key);
    store_delete(txn, TABLE_LETTERS, &key);
}

int letters_walk(struct store_txn *txn, uint64_t from, bool newest_first, letter_fn *visit, void *self)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key all, start;
    struct bytes key, value;
    key_reset(&all);
    number_key(&start, from);
    int error = (newest_first ? scan_open_reverse : scan_open)(txn, TABLE_LETTERS, &all, &start, &scan);
    while (!error && scan_next(scan, &key, &value)) {
        struct letter_row row;
        if (key.size != 8 || !read_row(txn, value, &row))
            return store_fail(txn, -QY_ECORRUPT);
        if (!visit(self, get_be64(key.data), &row))
            break;
    }
    return error ? error : store_error(txn);
}

/* -- notes -- */

uint64_t letter_next(struct store_txn *txn)
{
    struct store_key key;
    struct bytes value;
    note_key(&key, NOTE_NEXT);
    return store_get(txn, TABLE_LETTER_NOTES, &key, &value) && value.size == 8 ? get_be64(value.data) : 1;
}

void letter_put_next(struct store_txn *txn, uint64_t next)
{
    struct store_key key;
    uint8_t value[8];
    note_key(&key, NOTE_NEXT);
    put_be64(value, next);
    store_put(txn, TABLE_LETTER_NOTES, &key, value, sizeof(value));
}

bool letter_get_check(struct store_txn *txn, uint8_t ret_check[LETTER_CHECK_BYTES])
{
    struct store_key key;
    struct bytes value;
    note_key(&key, NOTE_CHECK);
    if (!store_get(txn, TABLE_LETTER_NOTES, &key, &value) || value.size != LETTER_CHECK_BYTES)
        return false;
    memcpy(ret_check, value.data, LETTER_CHECK_BYTES);
    return true;
}

void letter_put_check(struct store_txn *txn, const uint8_t check[LETTER_CHECK_BYTES])
{
    struct store_key key;
    note_key(&key, NOTE_CHECK);
    store_put(txn, TABLE_LETTER_NOTES, &key, check, LETTER_CHECK_BYTES);
}

static void spent_key(struct store_key *key, uint32_t slot)
{
    note_key(key, NOTE_SPENT);
    key_u32(key, slot);
}

void letter_put_spent(struct store_txn *txn, uint32_t slot)
{
    struct store_key key;
    spent_key(&key, slot);
    store_put(txn, TABLE_LETTER_NOTES, &key, "", 0);
}

void letter_delete_spent(struct store_txn *txn, uint32_t slot)
{
    struct store_key key;
    spent_key(&key, slot);
    store_delete(txn, TABLE_LETTER_NOTES, &key);
}

int letter_walk_spent(struct store_txn *txn, bool (*visit)(void *self, uint32_t slot), void *self)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key prefix;
    struct bytes key, value;
    note_key(&prefix, NOTE_SPENT);
    int error = scan_open(txn, TABLE_LETTER_NOTES, &prefix, NULL, &scan);
    while (!error && scan_next(scan, &key, &value))
        if (key.size != 5 || !visit(self, get_be32(key.data + 1)))
            return store_fail(txn, -QY_ECORRUPT);
    return error ? error : store_error(txn);
}
