/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/verify_files.h"

#include "services/audit/audit_keys.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_witnesses.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MAP_BYTES                                                                                            \
    (UINT64_C(1) << 44) /* address space, as large as any state; two of them are open where one is put back */

struct verify_files {
    struct store *store;
    struct store_txn *txn; /* notes and keys */
    struct arena *arena;
    struct verify_source source;
};

/* -- one thread's -- */

static int open_reader(void *self, void **ret_reader)
{
    const struct verify_files *files = self;
    struct store_txn *txn;
    int error = store_begin(files->store, STORE_READ, &txn);
    if (!error)
        *ret_reader = txn;
    return error;
}

static void close_reader(void *reader)
{
    struct store_txn *txn = reader;
    store_abort(&txn);
}

static int read_tile(
    void *reader, unsigned level, uint64_t number, unsigned width, const struct merkle_hash **ret_hashes)
{
    struct merkle_tiles tiles = audit_store_tiles(reader);
    const struct merkle_hash *hashes = tiles.read(reader, level, number, width);
    if (!hashes)
        return store_error(reader) ? store_error(reader) : -QY_ENOTFOUND;
    *ret_hashes = hashes;
    return 0;
}

static int read_entries(
    void *reader, uint64_t number, unsigned width, struct bytes ret_entries[MERKLE_TILE_HASHES])
{
    if (audit_store_rest(reader, number, width, ret_entries))
        return 0;
    return store_error(reader) ? store_error(reader) : -QY_ENOTFOUND;
}

static int read_index(void *reader, uint64_t segment, struct bytes *ret_index)
{
    if (audit_store_segment(reader, segment, ret_index))
        return 0;
    return store_error(reader) ? store_error(reader) : -QY_ENOTFOUND;
}

static int check_file(void *reader, uint64_t segment)
{
    return audit_store_is_sound(reader, segment) ? 0 : -QY_ECORRUPT;
}

static int read_set(void *reader, const uint8_t hash[MERKLE_HASH_BYTES], struct bytes *ret_set)
{
    if (audit_store_set(reader, hash, ret_set))
        return 0;
    return store_error(reader) ? store_error(reader) : -QY_ENOTFOUND;
}

static int read_moved(
    void *reader, bool by_person, bool (*visit)(void *context, uint32_t node, uint32_t person), void *context)
{
    audit_store_each_moved(reader, by_person, visit, context);
    return store_error(reader);
}

/* -- the whole -- */

int verify_files_open(const char *directory, struct verify_files **ret_files)
{
    char path[4096];
    struct stat status;
    _cleanup_(verify_files_close) struct verify_files *files = calloc(1, sizeof(*files));
    if (!files)
        return -QY_ENOMEM;
    snprintf(path, sizeof(path), "%s/state", directory);
    struct store_options options = {.path = path,
        .tables = audit_tables,
        .table_count = AUDIT_TABLE_COUNT,
        .schema_version = AUDIT_SCHEMA_VERSION};
    options.map_bytes = MAP_BYTES;
    int error = stat(path, &status) ? -QY_ENOTFOUND : store_open_copy(&options, &files->store);
    if (!error)
        error = store_begin(files->store, STORE_READ, &files->txn);
    if (!error)
        error = arena_open(&files->arena);
    if (!error)
        *ret_files = TAKE(files);
    return error;
}

void verify_files_close(struct verify_files **files)
{
    if (!*files)
        return;
    store_abort(&(*files)->txn);
    store_close(&(*files)->store);
    arena_close(&(*files)->arena);
    free(*files);
    *files = NULL;
}

struct store_txn *verify_files_txn(const struct verify_files *files)
{
    return files->txn;
}

static int describe_keys(struct verify_files *files, struct verify_options *options)
{
    size_t count = audit_store_signers(files->txn);
    struct verify_key *keys = arena_alloc(files->arena, count * sizeof(*keys));
    if (!keys)
        return -QY_ENOMEM;
    size_t in_force = audit_keys_in_force(files->txn, files->arena) + 1u;
    for (size_t i = 0; i < in_force; i++) {
        const Quanyu__AuditSigner *row = audit_keys_signer(files->txn, (uint32_t)i, files->arena);
        if (!row)
            return -QY_ECORRUPT;
        keys[i] = (struct verify_key){.verifier_key = row->verifier_key,
            .from_size = row->from_size,
            .handover = {row->handover.data, row->handover.len},
            .lost = row->lost};
    }
    options->keys = keys;
    options->key_count = in_force;
    return 0;
}

static int describe_witnesses(struct verify_files *files, struct verify_options *options)
{
    Quanyu__AuditWitness **rows;
    size_t count = 0;
    int error = audit_witnesses_list(files->txn, files->arena, &rows, &count);
    const char **keys = error ? NULL : arena_alloc(files->arena, (count + 1) * sizeof(*keys));
    if (!keys)
        return error ? error : -QY_ENOMEM;
    for (size_t i = 0; i < count; i++)
        keys[i] = rows[i]->verifier_key;
    options->witnesses = keys;
    options->witness_count = count;
    return 0;
}

int verify_files_describe(struct verify_files *files, struct verify_options *options)
{
    files->source = (struct verify_source){.self = files,
        .has_indexes = true,
        .open = open_reader,
        .close = close_reader,
        .tile = read_tile,
        .entries = read_entries,
        .index = read_index,
        .file = check_file,
        .set = read_set,
        .moved = read_moved};
    options->source = &files->source;
    options->size = audit_store_size(files->txn);
    (void)audit_store_note(files->txn, NOTE_NEWEST, &options->newest);
    (void)audit_store_note(files->txn, NOTE_COSIGNED, &options->cosigned);
    int error = describe_keys(files, options);
    if (!error)
        error = describe_witnesses(files, options);
    if (!error)
        error = audit_signed_before(files->txn, files->arena, &options->before);
    return error ? error : store_error(files->txn);
}
