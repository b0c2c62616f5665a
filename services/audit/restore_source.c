/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/restore_source.h"

#include "services/audit/audit_resume.h"
#include "services/audit/audit_segment.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define STATE_NAME "state/data.mdb"

void restore_source_close(struct restore_source *source)
{
    verify_files_close(&source->files);
    manifest_close(&source->manifest);
}

static int fail(struct restore_result *result, int error, const char *what)
{
    if (error && !*result->failed)
        snprintf(result->failed, sizeof(result->failed), "%s", what);
    return error;
}

/* A backup by its manifest, a warm copy by its mark: anything else may be part of one. */
static int find_kind(
    const struct restore_options *options, struct restore_result *result, struct restore_source *source)
{
    char mark[PATH_BYTES];
    uint64_t problems = 0;
    int error = manifest_read(source->directory, &source->manifest);
    if (error == -QY_ENOTFOUND) {
        snprintf(mark, sizeof(mark), "%s/" MIRROR_MARK, source->directory);
        return access(mark, F_OK) == 0 ? 0 : -QY_ENOTFOUND;
    }
    if (!error)
        error =
            manifest_check(source->manifest, source->directory, options->problem, options->self, &problems);
    result->problems += problems;
    return error;
}

static int name_log(struct restore_source *source)
{
    struct note_key key;
    if (source->log.key_count == 0 || note_key_parse(source->log.keys[0].verifier_key, &key))
        return -QY_ECORRUPT;
    memcpy(source->origin, key.name, sizeof(source->origin));
    return 0;
}

/* The files that the log is made of, less its keys. */
static int each_needed(const struct restore_source *source,
    int (*visit)(void *context, const char *name, const struct file_content *content), void *context)
{
    char name[SEGMENT_NAME_BYTES];
    struct merkle_hash root;
    uint64_t generation = 0;
    struct store_txn *txn = verify_files_txn(source->files);
    uint64_t sealed = audit_store_sealed(txn);
    int error = store_error(txn);
    for (uint64_t number = 0; number < sealed && !error; number++) {
        if (!audit_store_sealed_as(txn, number, &root, &generation))
            return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
        segment_name(number, generation, name);
        error = visit(context, name, NULL);
    }
    return error ? error : visit(context, STATE_NAME, NULL);
}

/* A manifest while it is held against what is needed. */
struct listing {
    const struct restore_options *options;
    struct restore_result *result;
    const struct manifest *manifest;
    size_t needed;
};

static int find_file(void *context, const char *name, const struct file_content *content)
{
    (void)content;
    struct listing *listing = context;
    char text[512];
    listing->needed++;
    if (manifest_find(listing->manifest, name))
        return 0;
    snprintf(
        text, sizeof(text), MANIFEST_NAME " does not list %.300s, which the log needs: it was altered", name);
    listing->options->problem(listing->options->self, text);
    listing->result->problems++;
    return 0;
}

/* It lists what is needed, and besides that keys alone: what else lay there would be put beside a state that does not know it. */
static int check_files(
    const struct restore_options *options, struct restore_result *result, const struct restore_source *source)
{
    struct listing listing = {options, result, source->manifest, 0};
    size_t keys = 0;
    int error = each_needed(source, find_file, &listing);
    for (size_t i = 0; i < source->manifest->count; i++)
        keys += strncmp(source->manifest->files[i].name, "keys/", 5) == 0;
    if (error || listing.needed + keys >= source->manifest->count)
        return error;
    options->problem(options->self, MANIFEST_NAME " lists files that are no part of the log: it was altered");
    result->problems++;
    return 0;
}

/* What the manifest says of the log is so. */
static int check_manifest(
    const struct restore_options *options, struct restore_result *result, const struct restore_source *source)
{
    struct merkle_hash root;
    int error = restore_source_root(source, source->size, &root);
    if (error ||
        (source->manifest->size == source->size && memcmp(&root, &source->manifest->root, sizeof(root)) == 0))
        return error;
    options->problem(options->self, MANIFEST_NAME " is of other records: it was altered");
    result->problems++;
    return 0;
}

static int verify_all(
    const struct restore_options *options, struct restore_result *result, struct restore_source *source)
{
    struct verify_result found;
    source->log.trusted = options->trusted;
    source->log.trusted_count = options->trusted_count;
    source->log.threads = options->threads;
    source->log.self = options->self;
    source->log.problem = options->problem;
    source->log.progress = options->progress;
    int error = verify_log(&source->log, &found);
    source->size = found.size;
    source->signed_size = found.signed_size;
    result->problems += error ? 0 : found.problems;
    if (!error && source->manifest)
        error = check_files(options, result, source);
    return error || !source->manifest ? error : check_manifest(options, result, source);
}

int restore_source_open(const struct restore_options *options, const char *directory,
    struct restore_result *result, struct restore_source *ret_source)
{
    struct restore_source source = {.directory = directory};
    int error = find_kind(options, result, &source);
    if (!error && result->problems == 0) {
        error = verify_files_open(directory, &source.files);
        if (!error)
            error = verify_files_describe(source.files, &source.log);
        if (!error)
            error = name_log(&source);
        if (!error)
            error = verify_all(options, result, &source);
    }
    *ret_source = source;
    return fail(result, error, directory);
}

int restore_source_each_file(const struct restore_source *source,
    int (*visit)(void *context, const char *name, const struct file_content *content), void *context)
{
    int error = 0;
    if (!source->manifest)
        return each_needed(source, visit, context);
    for (size_t i = 0; i < source->manifest->count && !error; i++)
        error = visit(context, source->manifest->files[i].name, &source->manifest->files[i].content);
    return error;
}

int restore_source_root(const struct restore_source *source, uint64_t size, struct merkle_hash *ret_root)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct merkle_tiles tiles = audit_store_tiles(verify_files_txn(source->files));
    int error = merkle_hasher_open(&hasher);
    return error ? error : merkle_root(hasher, &tiles, size, ret_root);
}
