/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/log_copy.h"

#include "services/audit/audit_index.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_seal.h"
#include "services/audit/audit_segment.h"
#include "services/audit/audit_tail.h"
#include "services/audit/log_copy_lasting.h"

#include <stdio.h>
#include <stdlib.h>

#define MAP_BYTES (UINT64_C(1) << 42) /* address space; what is full lies in files */
#define SWEEP_ALL SIZE_MAX

struct log_copy {
    struct store *store;
    struct store_txn *txn;
    struct merkle *merkle; /* of the open transaction */
    struct merkle_hasher *hasher;
    struct bytes *records; /* of a segment */
    struct arena *arena;   /* one record's */
    uint64_t size;
};

static int read_size(struct log_copy *copy)
{
    struct store_txn *txn;
    int error = store_begin(copy->store, STORE_READ, &txn);
    if (error)
        return error;
    copy->size = audit_store_size(txn);
    error = store_error(txn);
    store_abort(&txn);
    return error;
}

int log_copy_open(const char *directory, struct log_copy **ret_copy)
{
    char path[4096];
    _cleanup_(log_copy_close) struct log_copy *copy = calloc(1, sizeof(*copy));
    if (!copy)
        return -QY_ENOMEM;
    snprintf(path, sizeof(path), "%s/state", directory);
    struct store_options options = {.path = path,
        .tables = audit_tables,
        .table_count = AUDIT_TABLE_COUNT,
        .map_bytes = MAP_BYTES,
        .schema_version = AUDIT_SCHEMA_VERSION};
    copy->records = calloc(SEGMENT_RECORDS, sizeof(*copy->records));
    int error = copy->records ? store_open(&options, &copy->store) : -QY_ENOMEM;
    if (!error)
        error = merkle_hasher_open(&copy->hasher);
    if (!error)
        error = arena_open(&copy->arena);
    if (!error)
        error = read_size(copy);
    if (!error)
        *ret_copy = TAKE(copy);
    return error;
}

void log_copy_close(struct log_copy **pointer)
{
    struct log_copy *copy = TAKE(*pointer);
    if (!copy)
        return;
    log_copy_abort(copy);
    merkle_hasher_close(&copy->hasher);
    arena_close(&copy->arena);
    store_close(&copy->store);
    free(copy->records);
    free(copy);
}

uint64_t log_copy_size(const struct log_copy *copy)
{
    return copy->size;
}

struct store *log_copy_store(struct log_copy *copy)
{
    return copy->store;
}

struct store_txn *log_copy_txn(struct log_copy *copy)
{
    return copy->txn;
}

/* -- sealing -- */

/* The first segment that is to be sealed, if there is one: it has an index, and a record behind it. */
static bool find_due(struct store_txn *txn, uint64_t *ret_number)
{
    uint64_t sealed = audit_store_sealed(txn);
    *ret_number = sealed;
    return audit_store_segments(txn) > sealed && audit_store_size(txn) > (sealed + 1) * SEGMENT_RECORDS;
}

/* Its file is durable before the transaction is that says so. */
static int seal_due(struct log_copy *copy)
{
    struct merkle_hash root;
    uint64_t number;
    int error = 0;
    while (!error && find_due(copy->txn, &number)) {
        error = audit_seal_write(copy->txn, copy->hasher, number, &root);
        if (error)
            return error;
        audit_store_seal(copy->txn, number, &root);
        (void)audit_store_sweep(copy->txn, SWEEP_ALL);
        error = store_error(copy->txn);
    }
    return error;
}

/* -- a transaction -- */

int log_copy_begin(struct log_copy *copy)
{
    int error = store_begin(copy->store, STORE_WRITE, &copy->txn);
    if (error)
        return error;
    struct merkle_tiles tiles = audit_store_tiles(copy->txn);
    error = merkle_open(&tiles, copy->size, &copy->merkle);
    if (!error)
        error = seal_due(copy);
    if (error)
        log_copy_abort(copy);
    return error;
}

/* The tables of who is who follow from the records. */
static void follow_move(struct log_copy *copy, struct bytes stored)
{
    if (!audit_record_may_move(stored))
        return;
    arena_reset(copy->arena);
    const Quanyu__AuditRecord *record = audit_record_unpack(stored, copy->arena);
    for (size_t i = 0; record && record->n_numbers > 0 && i < record->n_nodes; i++)
        audit_store_move(copy->txn, record->nodes[i], record->numbers[0]);
}

void log_copy_add(struct log_copy *copy, struct bytes record)
{
    struct merkle_tiles tiles = audit_store_tiles(copy->txn);
    audit_store_append(copy->txn, merkle_size(copy->merkle), record);
    uint64_t index = merkle_size(copy->merkle);
    merkle_add(copy->merkle, &tiles, record);
    follow_move(copy, record);
    int error = log_copy_lasting(copy->txn, index, record, copy->arena);
    if (error)
        store_fail(copy->txn, error);
}

int log_copy_root(struct log_copy *copy, struct merkle_hash *ret_root)
{
    return merkle_edge_root(copy->merkle, ret_root);
}

int log_copy_root_at(struct log_copy *copy, uint64_t size, struct merkle_hash *ret_root)
{
    struct merkle_tiles tiles = audit_store_tiles(copy->txn);
    if (size > merkle_size(copy->merkle))
        return -QY_EINVAL;
    int error = merkle_flush(copy->merkle, &tiles);
    return error ? error : merkle_root(copy->hasher, &tiles, size, ret_root);
}

static int put_index(struct log_copy *copy, uint64_t segment)
{
    _cleanup_(buffer_free) struct buffer index = BUFFER_INIT;
    for (unsigned i = 0; i < SEGMENT_BUNDLES; i++)
        if (!audit_store_bundle(copy->txn, segment * SEGMENT_BUNDLES + i, MERKLE_TILE_HASHES,
                copy->records + (size_t)i * MERKLE_TILE_HASHES))
            return store_error(copy->txn) ? store_error(copy->txn) : -QY_ECORRUPT;
    int error = audit_index_build(copy->records, SEGMENT_RECORDS, &index);
    if (!error)
        error = buffer_error(&index);
    if (!error)
        audit_store_put_segment(copy->txn, segment, (struct bytes){index.data, index.size});
    return error;
}

static int finish(struct log_copy *copy)
{
    struct merkle_tiles tiles = audit_store_tiles(copy->txn);
    int error = merkle_flush(copy->merkle, &tiles);
    uint64_t full = merkle_size(copy->merkle) / SEGMENT_RECORDS;
    for (uint64_t i = audit_store_segments(copy->txn); i < full && !error; i++)
        error = put_index(copy, i);
    return error ? error : store_error(copy->txn);
}

int log_copy_commit(struct log_copy *copy)
{
    int error = finish(copy);
    uint64_t size = merkle_size(copy->merkle);
    if (!error)
        error = store_commit(&copy->txn);
    if (!error)
        copy->size = size;
    log_copy_abort(copy);
    return error;
}

void log_copy_abort(struct log_copy *copy)
{
    merkle_close(&copy->merkle);
    store_abort(&copy->txn);
}

int log_copy_seal(struct log_copy *copy)
{
    struct store_txn *txn;
    uint64_t number;
    int error = store_begin(copy->store, STORE_READ, &txn);
    bool due = !error && find_due(txn, &number);
    store_abort(&txn);
    if (!due)
        return error;
    error = log_copy_begin(copy);
    return error ? error : log_copy_commit(copy);
}
