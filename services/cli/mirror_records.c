/* SPDX-License-Identifier: Apache-2.0 */
/* A warm copy's records: taken bundle by bundle, and kept once the tree that they make is the one that was signed. */
#include "common/error.h"
#include "common/exact_set.h"
#include "services/audit/audit_index.h"
#include "services/audit/audit_record.h"
#include "services/cli/mirror.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* What one part is taken with. */
struct taking {
    struct mirror *mirror;
    const struct checkpoint *now;
    uint64_t end; /* of this part */
    struct buffer bundle;
    struct buffer set;
    struct arena *arena; /* one record's */
};

static void free_taking(struct taking *taking)
{
    buffer_free(&taking->bundle);
    buffer_free(&taking->set);
    arena_close(&taking->arena);
}

/* 500 is a log that cannot read its own records. */
static int cannot(struct mirror *mirror, long status, const char *path)
{
    if (status == 500)
        return alarm_raise(
            &mirror->watch.alarm, "the log can no longer give out /%s (500): it is damaged", path);
    return log_watch_cannot(&mirror->watch, status, path);
}

/* -- exact sets -- */

static int take_set(struct taking *taking, uint64_t index, const uint8_t hash[EXACT_SET_HASH_BYTES])
{
    struct mirror *mirror = taking->mirror;
    struct store_txn *txn = log_copy_txn(mirror->copy);
    struct bytes there;
    uint8_t really[EXACT_SET_HASH_BYTES];
    char path[128], hex[2 * EXACT_SET_HASH_BYTES + 1];
    if (audit_store_set(txn, hash, &there))
        return 0;
    snprintf(path, sizeof(path), "v1/sets/%s/bitmap",
        sodium_bin2hex(hex, sizeof(hex), hash, EXACT_SET_HASH_BYTES));
    long status = log_client_get(&mirror->watch.client, path, &taking->set, mirror->watch.error);
    if (status == 404) { /* it may have been pruned since, with the record */
        snprintf(mirror->watch.error, sizeof(mirror->watch.error),
            "the exact set of record %" PRIu64 " is not there", index);
        return 1;
    }
    if (status != 200)
        return cannot(mirror, status, path);
    struct bytes set = {taking->set.data, taking->set.size};
    exact_set_hash(set, really);
    if (memcmp(really, hash, sizeof(really)) != 0)
        return alarm_raise(&mirror->watch.alarm,
            "the exact set of record %" PRIu64 " was altered: its hash is not the one on record", index);
    audit_store_put_set(txn, hash, set);
    return 0;
}

static int take_record(struct taking *taking, uint64_t index, struct bytes stored)
{
    struct mirror *mirror = taking->mirror;
    log_copy_add(mirror->copy, stored);
    if (!audit_record_may_name_set(stored))
        return 0;
    arena_reset(taking->arena);
    const Quanyu__AuditRecord *record = audit_record_unpack(stored, taking->arena);
    return record && record->set_hash.len == EXACT_SET_HASH_BYTES
               ? take_set(taking, index, record->set_hash.data)
               : 0;
}

/* -- bundles -- */

/* A copy cannot be made of what is gone; one that had it before keeps it. */
static bool is_pruned(struct taking *taking, uint64_t number)
{
    struct mirror *mirror = taking->mirror;
    struct bytes records[MERKLE_TILE_HASHES];
    char path[64];
    bool gone = false;
    snprintf(path, sizeof(path), "v1/entries/%" PRIu64, number);
    if (log_client_get(&mirror->watch.client, path, &taking->bundle, mirror->watch.error) != 200 ||
        tile_entries_parse(
            (struct bytes){taking->bundle.data, taking->bundle.size}, MERKLE_TILE_HASHES, records))
        return false;
    for (unsigned i = 0; i < MERKLE_TILE_HASHES; i++)
        gone = gone || !records[i].data;
    if (!gone)
        return false;
    snprintf(mirror->watch.error, sizeof(mirror->watch.error),
        "records from %" PRIu64
        " on were pruned before this copy had them: begin it from a backup, with quanyu audit "
        "restore BACKUP --to DIR --as-copy",
        number * MERKLE_TILE_HASHES);
    return gone;
}

static int take_bundle(struct taking *taking, uint64_t *index)
{
    struct mirror *mirror = taking->mirror;
    struct bytes records[MERKLE_TILE_HASHES];
    char path[TILE_PATH_BYTES];
    uint64_t number = *index / MERKLE_TILE_HASHES;
    const struct tile_place place = {true, 0, number, tile_width(taking->now->size, 0, number)};
    int status = 0;
    tile_path_format(&place, path);
    long got = log_client_get(&mirror->watch.client, path, &taking->bundle, mirror->watch.error);
    if (got == 404 && is_pruned(taking, number))
        return 1;
    if (got != 200)
        return cannot(mirror, got, path);
    if (tile_entries_parse((struct bytes){taking->bundle.data, taking->bundle.size}, place.width, records))
        return alarm_raise(&mirror->watch.alarm,
            "/%s holds no %u records: it was altered, in the log or on its way", path, place.width);
    for (unsigned i = (unsigned)(*index % MERKLE_TILE_HASHES); i < place.width && !status; i++)
        status = take_record(taking, (*index)++, records[i]);
    return status;
}

/* -- whether it is what was signed -- */

/* Says which record it is that does not fit the log's own tree; where all do it is the tree that does not go on from this one. */
static int tell(struct taking *taking, uint64_t from)
{
    struct mirror *mirror = taking->mirror;
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct merkle_hash leaf;
    struct bytes record;
    char path[TILE_PATH_BYTES];
    int error = merkle_hasher_open(&hasher);
    for (uint64_t index = from; index < taking->end && !error; index++) {
        uint64_t number = index / MERKLE_TILE_HASHES;
        const struct tile_place place = {false, 0, number, tile_width(taking->now->size, 0, number)};
        size_t at = (size_t)(index % MERKLE_TILE_HASHES) * sizeof(leaf);
        tile_path_format(&place, path);
        if (index == from || at == 0) {
            long got = log_client_get(&mirror->watch.client, path, &taking->bundle, mirror->watch.error);
            if (got != 200)
                return cannot(mirror, got, path);
        }
        if (!audit_store_record(log_copy_txn(mirror->copy), index, &record))
            break;
        merkle_leaf(hasher, record, &leaf);
        if (taking->bundle.size < at + sizeof(leaf) ||
            memcmp(taking->bundle.data + at, &leaf, sizeof(leaf)) != 0)
            return alarm_raise(&mirror->watch.alarm,
                "record %" PRIu64
                " is not what was put into the tree (/%s): it was altered, in the log or on its way",
                index, path);
    }
    return alarm_raise(&mirror->watch.alarm,
        "the log is forked: its tree of %" PRIu64
        " records, which it has signed, does not go on from the %" PRIu64 " that this copy holds",
        taking->now->size, from);
}

/* The last part must be the signed tree itself, one before it what that goes on from. */
static int check(struct taking *taking, uint64_t from)
{
    struct mirror *mirror = taking->mirror;
    struct checkpoint made = {.size = taking->end};
    char path[128];
    int error = log_copy_root(mirror->copy, &made.root);
    if (error)
        return mirror_fail(mirror, error, "the copy's tree");
    if (made.size == taking->now->size)
        return memcmp(&made.root, &taking->now->root, sizeof(made.root)) == 0 ? 0 : tell(taking, from);
    snprintf(path, sizeof(path), "v1/proofs/consistency?from=%" PRIu64 "&to=%" PRIu64, made.size,
        taking->now->size);
    long got = log_client_get(&mirror->watch.client, path, &taking->bundle, mirror->watch.error);
    if (got >= 400 && got < 503 && got != 429)
        return alarm_raise(&mirror->watch.alarm,
            "the log does not prove that its tree of %" PRIu64 " records goes on from that of %" PRIu64
            ": it answers %ld",
            taking->now->size, made.size, got);
    if (got != 200)
        return log_watch_cannot(&mirror->watch, got, "no proof of consistency");
    return log_watch_proves(&taking->bundle, &made, taking->now) ? 0 : tell(taking, from);
}

/* -- the parts -- */

static int take_part(struct mirror *mirror, const struct checkpoint *now, uint64_t end)
{
    _cleanup_(free_taking) struct taking taking = {.mirror = mirror, .now = now, .end = end};
    uint64_t from = log_copy_size(mirror->copy), index = from;
    int error = arena_open(&taking.arena);
    if (!error)
        error = log_copy_begin(mirror->copy);
    if (error)
        return mirror_fail(mirror, error, "the copy");
    int status = 0;
    while (index < end && !status)
        status = take_bundle(&taking, &index);
    if (!status)
        status = check(&taking, from);
    if (!status && end == now->size)
        status = mirror_put_proofs(mirror);
    if (status)
        log_copy_abort(mirror->copy);
    else
        error = log_copy_commit(mirror->copy);
    return status ? status : error ? mirror_fail(mirror, error, "the copy") : 0;
}

int mirror_take(struct mirror *mirror, const struct checkpoint *now)
{
    int status = 0;
    bool whole = false;
    while (!status && !whole) {
        uint64_t size = log_copy_size(mirror->copy);
        uint64_t end = (size / SEGMENT_RECORDS + 1) * SEGMENT_RECORDS;
        end = end < now->size ? end : now->size;
        status = take_part(mirror, now, end);
        whole = end == now->size;
    }
    int error = status ? 0 : log_copy_seal(mirror->copy);
    return error ? mirror_fail(mirror, error, "a segment of the copy") : status;
}
