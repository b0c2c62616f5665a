/* SPDX-License-Identifier: Apache-2.0 */
/* Records against leaves, tiles against those below, indexes against records: a segment at a time, on several threads. */
#include "services/audit/verify_private.h"

#include "common/error.h"
#include "common/exact_set.h"
#include "common/metrics.h"
#include "services/audit/audit_index.h"
#include "services/audit/audit_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TILES MERKLE_TILE_HASHES /* of level 0 in a segment */
#define SAY_SECONDS 1.0
_Static_assert(SEGMENT_RECORDS == MERKLE_TILE_HASHES * MERKLE_TILE_HASHES, "a segment is a tile of level 1");

/* One thread's. */
struct worker {
    struct verifying *verifying;
    void *reader;
    struct merkle_hasher *hasher;
    struct bytes *records;      /* of a segment; their bytes may be those of its last bundle alone */
    int64_t *times;             /* theirs; TIME_MISSING: it is not there */
    struct merkle_hash *stored; /* level 1 of this segment, as the log has it */
    bool has_stored;
    struct buffer index;
    struct arena *arena;    /* one record's */
    struct merkle_hash set; /* the last one that holds */
    double said;
};

static bool same(const struct merkle_hash *one, const struct merkle_hash *other)
{
    return memcmp(one, other, sizeof(*one)) == 0;
}

static const char *path_of(
    bool entries, unsigned level, uint64_t number, unsigned width, char path[TILE_PATH_BYTES])
{
    tile_path_format(&(struct tile_place){entries, level, number, width}, path);
    return path;
}

/* -- one tile of level 0 -- */

/* Which of the two is wrong, as far as what lies above tells. */
static void tell(struct worker *worker, uint64_t number, unsigned width, const struct merkle_hash *leaves,
    const struct merkle_hash *tile, const struct merkle_hash *above)
{
    char path[TILE_PATH_BYTES];
    struct merkle_hash from_leaves, from_tile;
    bool record_wrong = true, hash_wrong = true;
    if (width == MERKLE_TILE_HASHES && above) {
        merkle_fold(worker->hasher, leaves, &from_leaves);
        merkle_fold(worker->hasher, tile, &from_tile);
        record_wrong = !same(&from_leaves, above);
        hash_wrong = !same(&from_tile, above);
    }
    path_of(false, 0, number, width, path);
    for (unsigned i = 0; i < width; i++) {
        uint64_t index = number * MERKLE_TILE_HASHES + i;
        if (same(&leaves[i], &tile[i]))
            continue;
        if (!record_wrong)
            verify_problem(worker->verifying,
                "%s: hash %u was altered; record %" PRIu64 " is as it was put on record", path, i, index);
        else if (!hash_wrong)
            verify_problem(worker->verifying,
                "record %" PRIu64 " was altered: it is not what hash %u of %s was made of", index, i, path);
        else
            verify_problem(worker->verifying,
                "record %" PRIu64 " and hash %u of %s do not fit: one of them was altered", index, i, path);
    }
}

/* `root` is that of the leaves, where the tile is full. */
static void check_tile(struct worker *worker, uint64_t number, unsigned width,
    const struct merkle_hash *leaves, const struct merkle_hash *root)
{
    char path[TILE_PATH_BYTES], upper[TILE_PATH_BYTES];
    const struct merkle_hash *tile, *above = worker->has_stored ? &worker->stored[number % TILES] : NULL;
    const struct verify_source *source = worker->verifying->options->source;
    int error = source->tile(worker->reader, 0, number, width, &tile);
    if (error) {
        verify_problem(worker->verifying, "%s is missing (%s)", path_of(false, 0, number, width, path),
            error_text(error));
        return;
    }
    if (memcmp(tile, leaves, width * sizeof(*tile)) != 0)
        tell(worker, number, width, leaves, tile, above);
    if (width < MERKLE_TILE_HASHES || !above)
        return;
    uint64_t segment = number / TILES;
    if (memcmp(tile, leaves, width * sizeof(*tile)) == 0 && !same(root, above))
        verify_problem(worker->verifying, "%s: hash %u was altered: it is not that of %s",
            path_of(false, 1, segment, tile_width(worker->verifying->size, 1, segment), upper),
            (unsigned)(number % TILES), path_of(false, 0, number, width, path));
}

static void keep_edges(
    struct verifying *verifying, uint64_t number, unsigned width, const struct merkle_hash *leaves)
{
    for (size_t i = 0; i < verifying->edge_count; i++)
        if (verifying->edges[i].number == number) {
            memcpy(verifying->edges[i].leaves, leaves, width * sizeof(*leaves));
            verifying->edges[i].width = width;
        }
}

static void check_set(struct worker *worker, uint64_t index, struct bytes record)
{
    const struct verify_source *source = worker->verifying->options->source;
    uint8_t hash[EXACT_SET_HASH_BYTES];
    struct bytes set;
    if (!source->set || !audit_record_may_name_set(record))
        return;
    arena_reset(worker->arena);
    const Quanyu__AuditRecord *read = audit_record_unpack(record, worker->arena);
    if (!read || read->set_hash.len != sizeof(hash) ||
        memcmp(&worker->set, read->set_hash.data, sizeof(hash)) == 0)
        return;
    int error = source->set(worker->reader, read->set_hash.data, &set);
    if (!error)
        exact_set_hash(set, hash);
    if (error)
        verify_problem(worker->verifying, "the exact set of record %" PRIu64 " is missing (%s)", index,
            error_text(error));
    else if (memcmp(hash, read->set_hash.data, sizeof(hash)) != 0)
        verify_problem(worker->verifying,
            "the exact set of record %" PRIu64 " was altered: its hash is not the one on record", index);
    else
        memcpy(&worker->set, hash, sizeof(hash));
}

/* Hashes of records that are not there, as the log has them. False: the tile went with the last of its records; its hash is then that of the level
 * above. */
static bool take_missing(struct worker *worker, uint64_t number, unsigned width, const struct bytes *records,
    struct merkle_hash leaves[MERKLE_TILE_HASHES])
{
    const struct merkle_hash *tile;
    unsigned missing = 0;
    for (unsigned i = 0; i < width; i++)
        missing += records[i].data == NULL;
    int error =
        missing ? worker->verifying->options->source->tile(worker->reader, 0, number, width, &tile) : 0;
    for (unsigned i = 0; i < width && missing; i++) {
        if (records[i].data)
            continue;
        if (error)
            memset(&leaves[i], 0, sizeof(leaves[i]));
        else
            leaves[i] = tile[i];
    }
    return !error || missing < MERKLE_TILE_HASHES || !worker->has_stored;
}

static int hash_records(struct worker *worker, uint64_t number, unsigned width, const struct bytes *records,
    struct merkle_hash leaves[MERKLE_TILE_HASHES])
{
    int error = 0;
    int64_t *times = worker->times + number % TILES * MERKLE_TILE_HASHES;
    for (unsigned i = 0; i < width && !error; i++) {
        uint64_t index = number * MERKLE_TILE_HASHES + i;
        times[i] = records[i].data ? audit_record_time(records[i]) : TIME_MISSING;
        if (!records[i].data)
            continue;
        merkle_leaf(worker->hasher, records[i], &leaves[i]);
        check_set(worker, index, records[i]);
        error = verify_lasting_keep(worker->verifying, index, records[i]);
        if (!error)
            error = verify_joins_keep(worker->verifying, index, records[i], worker->arena);
    }
    return error;
}

static int read_tile(struct worker *worker, uint64_t number, unsigned width, struct bytes *records)
{
    struct verifying *verifying = worker->verifying;
    struct merkle_hash leaves[MERKLE_TILE_HASHES];
    char path[TILE_PATH_BYTES];
    int error = verifying->options->source->entries(worker->reader, number, width, records);
    if (error == -QY_ENOTFOUND || error == -QY_ECORRUPT) {
        verify_problem(verifying, "%s: records are missing, or cannot be told apart",
            path_of(true, 0, number, width, path));
        memset(records, 0, width * sizeof(*records));
    } else if (error) {
        return error;
    }
    error = hash_records(worker, number, width, records, leaves);
    if (error)
        return error;
    struct merkle_hash *root = width == MERKLE_TILE_HASHES ? &verifying->nodes[1][number] : NULL;
    if (!take_missing(worker, number, width, records, leaves)) {
        *root = worker->stored[number % TILES];
        return 0;
    }
    if (root)
        merkle_fold(worker->hasher, leaves, root);
    check_tile(worker, number, width, leaves, root);
    keep_edges(verifying, number, width, leaves);
    return merkle_hasher_error(worker->hasher);
}

/* -- one segment -- */

static bool is_any_there(const struct worker *worker)
{
    unsigned i = 0;
    while (i < SEGMENT_RECORDS && !worker->records[i].data)
        i++;
    return i < SEGMENT_RECORDS;
}

static void check_index(struct worker *worker, uint64_t segment)
{
    struct verifying *verifying = worker->verifying;
    const struct verify_source *source = verifying->options->source;
    struct bytes stored;
    if (!source->has_indexes || verifying->options->without_indexes ||
        verifying->size < (segment + 1) * SEGMENT_RECORDS)
        return;
    int error = source->index(worker->reader, segment, &stored);
    if (error == -QY_ENOTFOUND)
        return; /* its records are read instead */
    buffer_clear(&worker->index);
    if (!error && is_any_there(worker))
        error = audit_index_build(worker->records, SEGMENT_RECORDS, &worker->index);
    atomic_fetch_add(&verifying->indexes, 1);
    if (error == -QY_ECORRUPT)
        verify_problem(verifying,
            "the index of segment %" PRIu64 " cannot be made again: some of its records cannot be read",
            segment);
    else if (error)
        verify_problem(
            verifying, "the index of segment %" PRIu64 " cannot be checked: %s", segment, error_text(error));
    else if (stored.size != worker->index.size ||
             (stored.size > 0 && memcmp(stored.data, worker->index.data, stored.size) != 0))
        verify_problem(verifying,
            "the index of segment %" PRIu64 " (records %" PRIu64 " to %" PRIu64
            ") was altered: its records make another one",
            segment, segment * SEGMENT_RECORDS, (segment + 1) * SEGMENT_RECORDS - 1);
}

/* What the log holds of the level above, if it does. */
static void read_above(struct worker *worker, uint64_t segment)
{
    struct verifying *verifying = worker->verifying;
    const struct merkle_hash *hashes;
    char path[TILE_PATH_BYTES];
    unsigned width = tile_width(verifying->size, 1, segment);
    int error = width ? verifying->options->source->tile(worker->reader, 1, segment, width, &hashes) : 0;
    worker->has_stored = width > 0 && !error;
    if (worker->has_stored)
        memcpy(worker->stored, hashes, width * sizeof(*hashes));
    if (error)
        verify_problem(
            verifying, "%s is missing (%s)", path_of(false, 1, segment, width, path), error_text(error));
}

static void check_file(struct worker *worker, uint64_t segment)
{
    const struct verify_source *source = worker->verifying->options->source;
    if (source->file && source->file(worker->reader, segment))
        verify_problem(worker->verifying,
            "the file of segment %" PRIu64 " holds something else than its records: it was altered", segment);
}

static void say_progress(struct worker *worker)
{
    struct verifying *verifying = worker->verifying;
    double now = metrics_clock();
    if (!verifying->options->progress || now - worker->said < SAY_SECONDS)
        return;
    worker->said = now;
    pthread_mutex_lock(&verifying->lock);
    verifying->options->progress(verifying->options->self, atomic_load(&verifying->done), verifying->size);
    pthread_mutex_unlock(&verifying->lock);
}

static int check_segment(struct worker *worker, uint64_t segment)
{
    struct verifying *verifying = worker->verifying;
    int error = 0;
    read_above(worker, segment);
    for (unsigned i = 0; i < TILES && !error; i++) {
        uint64_t number = segment * TILES + i;
        unsigned width = tile_width(verifying->size, 0, number);
        if (width == 0)
            break;
        error = read_tile(worker, number, width, worker->records + (size_t)i * MERKLE_TILE_HASHES);
        atomic_fetch_add(&verifying->done, width);
        say_progress(worker);
    }
    unsigned records = (unsigned)(verifying->size - segment * SEGMENT_RECORDS < SEGMENT_RECORDS
                                      ? verifying->size - segment * SEGMENT_RECORDS
                                      : SEGMENT_RECORDS);
    if (!error)
        error = verify_times_keep(verifying, segment, worker->times, records);
    if (!error)
        check_index(worker, segment);
    if (!error)
        check_file(worker, segment);
    return error;
}

/* -- threads -- */

static int open_worker(struct verifying *verifying, struct worker *worker)
{
    *worker = (struct worker){.verifying = verifying, .said = metrics_clock()};
    uint64_t most =
        verifying->size < SEGMENT_RECORDS ? verifying->size + MERKLE_TILE_HASHES : SEGMENT_RECORDS;
    worker->records = calloc(most, sizeof(*worker->records));
    worker->times = calloc(most, sizeof(*worker->times));
    worker->stored = calloc(TILES, sizeof(*worker->stored));
    int error =
        worker->records && worker->times && worker->stored ? merkle_hasher_open(&worker->hasher) : -QY_ENOMEM;
    if (!error)
        error = arena_open(&worker->arena);
    return error ? error
                 : verifying->options->source->open(verifying->options->source->self, &worker->reader);
}

static void close_worker(struct worker *worker)
{
    if (worker->reader)
        worker->verifying->options->source->close(worker->reader);
    merkle_hasher_close(&worker->hasher);
    buffer_free(&worker->index);
    arena_close(&worker->arena);
    free(worker->records);
    free(worker->times);
    free(worker->stored);
}

static void *work(void *self)
{
    struct verifying *verifying = self;
    struct worker worker;
    int error = open_worker(verifying, &worker);
    while (!error && !atomic_load(&verifying->error)) {
        uint64_t segment = atomic_fetch_add(&verifying->next, 1);
        if (segment >= verifying->segments)
            break;
        error = check_segment(&worker, segment);
    }
    if (error)
        atomic_store(&verifying->error, error);
    close_worker(&worker);
    return NULL;
}

static void run_threads(struct verifying *verifying)
{
    pthread_t threads[64];
    unsigned wanted = verifying->options->threads < 64 ? verifying->options->threads : 64, started = 0;
    while (started + 1 < wanted && started + 1 < verifying->segments &&
           pthread_create(&threads[started], NULL, work, verifying) == 0)
        started++;
    work(verifying);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

/* -- the levels above: few, on this thread -- */

/* The hash of a full tile as the log holds it. False: it is not there, which was said, or will be, of the tile itself. */
static bool fold_stored(struct verifying *verifying, void *reader, struct merkle_hasher *hasher,
    unsigned level, uint64_t number, struct merkle_hash *ret_hash)
{
    const struct merkle_hash *tile;
    if (verifying->options->source->tile(reader, level, number, MERKLE_TILE_HASHES, &tile))
        return false;
    merkle_fold(hasher, tile, ret_hash);
    return true;
}

static void check_upper_tile(
    struct verifying *verifying, void *reader, struct merkle_hasher *hasher, unsigned level, uint64_t number)
{
    const struct merkle_hash *tile;
    struct merkle_hash held[MERKLE_TILE_HASHES], made;
    unsigned width = tile_width(verifying->size, level, number);
    char path[TILE_PATH_BYTES], lower[TILE_PATH_BYTES];
    int error = verifying->options->source->tile(reader, level, number, width, &tile);
    path_of(false, level, number, width, path);
    if (error)
        verify_problem(verifying, "%s is missing (%s)", path, error_text(error));
    else
        memcpy(held, tile, width * sizeof(*tile));
    for (unsigned i = 0; i < width && !error; i++) {
        uint64_t below = number * MERKLE_TILE_HASHES + i;
        if (fold_stored(verifying, reader, hasher, level - 1, below, &made) && !same(&held[i], &made))
            verify_problem(verifying, "%s: hash %u is not that of %s: one of them was altered", path, i,
                path_of(false, level - 1, below, MERKLE_TILE_HASHES, lower));
    }
}

static int check_upper(struct verifying *verifying)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    void *reader = NULL;
    int error = merkle_hasher_open(&hasher);
    if (!error)
        error = verifying->options->source->open(verifying->options->source->self, &reader);
    for (unsigned level = 2; level < MERKLE_LEVELS && !error; level++) {
        uint64_t count = verifying->size >> (8 * level);
        for (uint64_t i = 0; i < count; i++)
            merkle_fold(
                hasher, verifying->nodes[level - 1] + i * MERKLE_TILE_HASHES, &verifying->nodes[level][i]);
        for (uint64_t number = 0; number * MERKLE_TILE_HASHES < count; number++)
            check_upper_tile(verifying, reader, hasher, level, number);
    }
    if (reader)
        verifying->options->source->close(reader);
    return error ? error : merkle_hasher_error(hasher);
}

int verify_tiles(struct verifying *verifying)
{
    if (verifying->segments > 0)
        run_threads(verifying);
    int error = atomic_load(&verifying->error);
    return error ? error : check_upper(verifying);
}
