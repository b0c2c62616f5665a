/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_tails.h"

#include "common/error.h"
#include "services/audit/audit_check.h"
#include "services/audit/audit_index.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_store.h"

/* -- who holds what -- */

static void let_go(struct audit_tail *tail)
{
    if (--tail->holders == 0)
        audit_tail_close(&tail);
}

void audit_tails_hold(struct audit_tails *tails, struct tails_held *ret_held)
{
    pthread_mutex_lock(&tails->lock);
    *ret_held = tails->list;
    for (size_t i = 0; i < ret_held->count; i++)
        ret_held->tails[i]->holders++;
    pthread_mutex_unlock(&tails->lock);
}

void audit_tails_release(struct audit_tails *tails, struct tails_held *held)
{
    pthread_mutex_lock(&tails->lock);
    for (size_t i = 0; i < held->count; i++)
        let_go(held->tails[i]);
    held->count = 0;
    pthread_mutex_unlock(&tails->lock);
}

void audit_tails_clear(struct audit_tails *tails)
{
    audit_tails_release(tails, &tails->list);
}

static void append_tail(struct audit_tails *tails, struct audit_tail *tail)
{
    pthread_mutex_lock(&tails->lock);
    tail->holders = 1;
    tails->list.tails[tails->list.count++] = tail;
    pthread_mutex_unlock(&tails->lock);
}

/* Keeps the last one that is stored: a reader may have come before that. */
static void drop_stored(struct audit_tails *tails)
{
    struct tails_held *list = &tails->list;
    pthread_mutex_lock(&tails->lock);
    while (list->count > 0 && list->tails[0]->segment + 1 < tails->stored) {
        let_go(list->tails[0]);
        list->count--;
        for (size_t i = 0; i < list->count; i++)
            list->tails[i] = list->tails[i + 1];
    }
    pthread_mutex_unlock(&tails->lock);
}

/* -- the writer -- */

/* The oldest one that has no index stored. */
static struct audit_tail *oldest(const struct audit_tails *tails)
{
    for (size_t i = 0; i < tails->list.count; i++)
        if (tails->list.tails[i]->segment == tails->stored)
            return tails->list.tails[i];
    return NULL;
}

bool audit_tails_wait(const struct audit_tails *tails)
{
    const struct audit_tail *tail = oldest(tails);
    return tail && tail->count == SEGMENT_RECORDS;
}

void audit_tails_put(struct audit_tails *tails, struct store_txn *txn, uint64_t segment, struct bytes index)
{
    if (segment != tails->stored || !audit_tails_wait(tails))
        return;
    audit_store_put_segment(txn, segment, index);
    tails->stored++;
    drop_stored(tails);
}

static int store_oldest(struct audit_tails *tails, struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer index = BUFFER_INIT;
    int error = audit_index_pack(oldest(tails), &index);
    if (!error)
        audit_tails_put(tails, txn, tails->stored, (struct bytes){index.data, index.size});
    return error;
}

static size_t count_waiting(const struct audit_tails *tails)
{
    size_t count = 0;
    for (size_t i = 0; i < tails->list.count; i++)
        count +=
            tails->list.tails[i]->segment >= tails->stored && tails->list.tails[i]->count == SEGMENT_RECORDS;
    return count;
}

/* Where nobody else does it, or too slowly. */
static int store_waiting(struct audit_tails *tails, struct store_txn *txn)
{
    size_t most = tails->helped ? TAILS_WAITING_MAX : 0;
    int error = 0;
    while (!error && count_waiting(tails) > most)
        error = store_oldest(tails, txn);
    return error;
}

int audit_tails_add(
    struct audit_tails *tails, struct store_txn *txn, uint64_t index, const Quanyu__AuditRecord *record)
{
    struct audit_tail *tail = NULL;
    if (index % SEGMENT_RECORDS == 0) {
        int error = audit_tail_open(index >> SEGMENT_BITS, &tail);
        if (error)
            return error;
        append_tail(tails, tail);
    }
    tail = tails->list.tails[tails->list.count - 1];
    audit_tail_add(tail, record);
    if (tail->error)
        return tail->error;
    return tail->count == SEGMENT_RECORDS ? store_waiting(tails, txn) : 0;
}

void audit_tails_publish(struct audit_tails *tails)
{
    for (size_t i = 0; i < tails->list.count; i++)
        audit_tail_publish(tails->list.tails[i]);
}

/* -- from what is stored -- */

static int read_record(struct store_txn *txn, struct audit_check *check, uint64_t index, struct arena *arena,
    struct audit_tail *tail)
{
    struct bytes stored;
    if (!audit_store_record(txn, index, &stored))
        return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    arena_reset(arena);
    bool intact = audit_check_is_intact(check, index, stored);
    const Quanyu__AuditRecord *record = intact ? audit_record_unpack(stored, arena) : NULL;
    if (intact && !record)
        return -QY_ECORRUPT;
    if (record)
        audit_tail_add(tail, record);
    else
        audit_tail_add_altered(tail);
    return tail->error;
}

int audit_tail_read(struct store_txn *txn, uint64_t segment, uint64_t size, struct audit_tail **ret_tail)
{
    _cleanup_(audit_tail_close) struct audit_tail *tail = NULL;
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    uint64_t index = segment << SEGMENT_BITS, end = index + SEGMENT_RECORDS;
    int error = arena_open(&arena);
    if (!error)
        error = audit_check_open(txn, &check);
    if (!error)
        error = audit_tail_open(segment, &tail);
    for (; !error && index < size && index < end; index++)
        error = read_record(txn, check, index, arena, tail);
    if (error)
        return error;
    audit_tail_publish(tail);
    *ret_tail = TAKE(tail);
    return 0;
}

int audit_tails_load(struct audit_tails *tails, struct store_txn *txn, uint64_t size)
{
    int error = 0;
    tails->stored = audit_store_segments(txn);
    for (uint64_t segment = tails->stored; !error && segment << SEGMENT_BITS < size; segment++) {
        struct audit_tail *tail;
        error = audit_tail_read(txn, segment, size, &tail);
        if (!error)
            append_tail(tails, tail);
        if (!error)
            error = store_waiting(tails, txn);
    }
    return error;
}
