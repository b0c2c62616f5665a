/* SPDX-License-Identifier: Apache-2.0 */
/* Scans by prefix, in both directions. */
#include "common/store_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum scan_step {
    STEP_START,        /* go to the start key */
    STEP_ON,           /* the cursor stands on the row yielded last */
    STEP_AFTER_DELETE, /* the row yielded last is gone; its key is in `start` */
    STEP_END
};

struct store_scan {
    struct store_txn *txn;
    struct store_scan *next; /* of the transaction's open scans */
    MDB_cursor *cursor;      /* NULL once the transaction has ended */
    bool reverse;
    enum scan_step step;
    struct store_key prefix;
    struct store_key start; /* size 0: the table's first or last row */
    bool start_included;    /* in reverse, whether a row with exactly this key is in the range */
};

static int compare(const struct store_key *a, const struct store_key *b)
{
    size_t shorter = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->bytes, b->bytes, shorter);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static void copy_key(struct store_key *to, const struct store_key *from)
{
    key_reset(to);
    key_raw(to, from->bytes, from->size);
}

/* The first key above all that begin with `prefix`; empty when there is none. */
static void successor(const struct store_key *prefix, struct store_key *ret_key)
{
    copy_key(ret_key, prefix);
    while (ret_key->size > 0 && ret_key->bytes[ret_key->size - 1] == 0xff)
        ret_key->size--;
    if (ret_key->size > 0)
        ret_key->bytes[ret_key->size - 1]++;
}

static void set_start(struct store_scan *scan, const struct store_key *from)
{
    if (!scan->reverse) {
        copy_key(&scan->start, from && compare(from, &scan->prefix) > 0 ? from : &scan->prefix);
        return;
    }
    successor(&scan->prefix, &scan->start);
    if (from && (scan->start.size == 0 || compare(from, &scan->start) < 0)) {
        copy_key(&scan->start, from);
        scan->start_included = true;
    }
}

static int open_scan(struct store_txn *txn, unsigned table, const struct store_key *prefix,
    const struct store_key *from, bool reverse, struct store_scan **ret_scan)
{
    assert(table < txn->store->table_count);
    if (prefix->too_long || (from && from->too_long))
        store_fail(txn, -QY_ETOOLARGE);
    if (txn->error)
        return txn->error;
    struct store_scan *scan = malloc(sizeof(*scan));
    if (!scan)
        return store_fail(txn, -QY_ENOMEM);
    scan->txn = txn;
    scan->reverse = reverse;
    scan->step = STEP_START;
    scan->start_included = false;
    copy_key(&scan->prefix, prefix);
    set_start(scan, from);
    if (!store_check(txn, mdb_cursor_open(txn->txn, txn->store->tables[table], &scan->cursor))) {
        free(scan);
        return txn->error;
    }
    scan->next = txn->scans;
    txn->scans = scan;
    *ret_scan = scan;
    return 0;
}

int scan_open(struct store_txn *txn, unsigned table, const struct store_key *prefix,
    const struct store_key *from, struct store_scan **ret_scan)
{
    return open_scan(txn, table, prefix, from, false, ret_scan);
}

int scan_open_reverse(struct store_txn *txn, unsigned table, const struct store_key *prefix,
    const struct store_key *from, struct store_scan **ret_scan)
{
    return open_scan(txn, table, prefix, from, true, ret_scan);
}

/* The first row at or above `start`. */
static int seek(struct store_scan *scan, MDB_val *key, MDB_val *value)
{
    if (scan->start.size == 0)
        return mdb_cursor_get(scan->cursor, key, value, MDB_FIRST);
    *key = (MDB_val){.mv_size = scan->start.size, .mv_data = scan->start.bytes};
    return mdb_cursor_get(scan->cursor, key, value, MDB_SET_RANGE);
}

static int seek_reverse(struct store_scan *scan, MDB_val *key, MDB_val *value)
{
    if (scan->start.size == 0)
        return mdb_cursor_get(scan->cursor, key, value, MDB_LAST);
    int rc = seek(scan, key, value);
    if (rc == MDB_NOTFOUND)
        return mdb_cursor_get(scan->cursor, key, value, MDB_LAST);
    bool exact = rc == 0 && key->mv_size == scan->start.size &&
                 memcmp(key->mv_data, scan->start.bytes, key->mv_size) == 0;
    if (rc || (exact && scan->start_included))
        return rc;
    return mdb_cursor_get(scan->cursor, key, value, MDB_PREV);
}

static int step(struct store_scan *scan, MDB_val *key, MDB_val *value)
{
    if (scan->step == STEP_ON)
        return mdb_cursor_get(scan->cursor, key, value, scan->reverse ? MDB_PREV : MDB_NEXT);
    if (scan->step == STEP_END)
        return MDB_NOTFOUND;
    /* After a delete the cursor is sought anew from the key that is gone: that owes nothing to where LMDB
     * leaves it. */
    return scan->reverse ? seek_reverse(scan, key, value) : seek(scan, key, value);
}

bool scan_next(struct store_scan *scan, struct bytes *ret_key, struct bytes *ret_value)
{
    if (!scan->cursor || scan->txn->error)
        return false;
    MDB_val key, value;
    int rc = step(scan, &key, &value);
    if (rc == MDB_NOTFOUND || !store_check(scan->txn, rc) || key.mv_size < scan->prefix.size ||
        memcmp(key.mv_data, scan->prefix.bytes, scan->prefix.size) != 0) {
        scan->step = STEP_END;
        return false;
    }
    scan->step = STEP_ON;
    *ret_key = (struct bytes){.data = key.mv_data, .size = key.mv_size};
    *ret_value = (struct bytes){.data = value.mv_data, .size = value.mv_size};
    return true;
}

void scan_delete(struct store_scan *scan)
{
    assert(scan->cursor && scan->txn->mode == STORE_WRITE);
    if (scan->txn->error)
        return;
    assert(scan->step == STEP_ON);
    MDB_val key, value;
    if (!store_check(scan->txn, mdb_cursor_get(scan->cursor, &key, &value, MDB_GET_CURRENT)))
        return;
    key_reset(&scan->start);
    key_raw(&scan->start, key.mv_data, key.mv_size);
    scan->start_included = true;
    scan->step = STEP_AFTER_DELETE;
    scan->txn->deleted = true;
    store_check(scan->txn, mdb_cursor_del(scan->cursor, 0));
}

static void detach(struct store_scan *scan)
{
    struct store_scan **link = &scan->txn->scans;
    while (*link != scan)
        link = &(*link)->next;
    *link = scan->next;
    mdb_cursor_close(scan->cursor);
    scan->cursor = NULL;
}

/* LMDB frees the cursors of a write transaction with it, so none may outlive it. */
void store_end_scans(struct store_txn *txn)
{
    while (txn->scans)
        detach(txn->scans);
}

void scan_close(struct store_scan **scan)
{
    if (!*scan)
        return;
    if ((*scan)->cursor)
        detach(*scan);
    free(*scan);
    *scan = NULL;
}
