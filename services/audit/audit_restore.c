/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_restore.h"

#include "common/directory.h"
#include "common/json.h"
#include "services/audit/audit.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_witnesses.h"
#include "services/audit/log_copy.h"
#include "services/audit/restore_source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096
_Static_assert((unsigned)AUDIT_INPUT_COUNT <= (unsigned)RESUME_INPUTS_MAX, "each input has its place");

struct restore {
    const struct restore_options *options;
    struct restore_result *result;
    struct restore_source from;
    struct restore_source more;
    struct log_copy *copy;
};

static int fail(struct restore *restore, int error, const char *what)
{
    if (error && !*restore->result->failed)
        snprintf(restore->result->failed, sizeof(restore->result->failed), "%s", what);
    return error;
}

static int join(char path[PATH_BYTES], const char *directory, const char *name)
{
    int size = snprintf(path, PATH_BYTES, "%s/%s", directory, name);
    return size < 0 || size >= PATH_BYTES ? -QY_ETOOLARGE : 0;
}

/* -- what it is put back from -- */

/* Both are of one log, and the smaller one is what the larger one began with. */
static int check_one_log(const struct restore *restore)
{
    const struct restore_source *from = &restore->from, *more = &restore->more;
    struct merkle_hash one, other;
    uint64_t size = from->size < more->size ? from->size : more->size;
    if (strcmp(from->origin, more->origin) != 0)
        return -QY_EDIVERGED;
    int error = restore_source_root(from, size, &one);
    if (!error)
        error = restore_source_root(more, size, &other);
    return !error && memcmp(&one, &other, sizeof(one)) != 0 ? -QY_EDIVERGED : error;
}

static int open_sources(struct restore *restore)
{
    const struct restore_options *options = restore->options;
    int error = restore_source_open(options, options->from, restore->result, &restore->from);
    if (!error && options->more && restore->result->problems == 0)
        error = restore_source_open(options, options->more, restore->result, &restore->more);
    if (!error && options->more && restore->result->problems == 0)
        error = fail(restore, check_one_log(restore), options->more);
    return error;
}

/* -- where it is put -- */

static bool is_empty(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return errno == ENOENT;
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(directory));)
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    closedir(directory);
    return empty;
}

/* What a restore that was cut short has left goes: all of it is in the source. */
static int clear(const char *to)
{
    static const char *const parts[] = {"state", "segments", "keys"};
    char path[PATH_BYTES];
    int error = 0;
    for (size_t i = 0; i < COUNT_OF(parts) && !error; i++) {
        error = join(path, to, parts[i]);
        if (!error)
            error = directory_remove(path);
    }
    return error;
}

static int prepare(struct restore *restore)
{
    static const char why[] = "A restore began here and has not ended: run it again.\n";
    const char *to = restore->options->to;
    char mark[PATH_BYTES];
    int error = join(mark, to, RESTORE_MARK);
    if (error)
        return error;
    bool unfinished = access(mark, F_OK) == 0;
    if (!unfinished && !is_empty(to))
        return fail(restore, -QY_EEXISTS, to);
    error = unfinished ? clear(to) : directory_make(to);
    if (!error)
        error = directory_replace_file(mark, why, sizeof(why) - 1);
    return fail(restore, error, to);
}

/* -- files -- */

static int copy_file(void *context, const char *name, const struct file_content *content)
{
    struct restore *restore = context;
    struct file_content copied;
    char from[PATH_BYTES], to[PATH_BYTES];
    int error = join(from, restore->from.directory, name);
    if (!error)
        error = join(to, restore->options->to, name);
    if (error)
        return error;
    char *slash = strrchr(to, '/');
    *slash = '\0';
    error = directory_make(to);
    *slash = '/';
    if (!error)
        error = file_copy(from, to, 0, &copied);
    if (!error && content && memcmp(&copied, content, sizeof(copied)) != 0)
        error = -QY_ECORRUPT;
    if (!error)
        error = directory_sync_parent(to);
    return fail(restore, error, name);
}

/* -- what the warm copy has beyond it -- */

static bool take_set(void *context, const uint8_t hash[SET_HASH_BYTES], struct bytes set)
{
    struct store_txn *txn = context;
    struct bytes there;
    if (!audit_store_set(txn, hash, &there))
        audit_store_put_set(txn, hash, set);
    return !store_error(txn);
}

/* The records up to `end`, which is not beyond the segment. */
static int take_records(struct restore *restore, uint64_t end)
{
    struct bytes records[MERKLE_TILE_HASHES];
    struct store_txn *txn = verify_files_txn(restore->more.files);
    int error = log_copy_begin(restore->copy);
    for (uint64_t index = log_copy_size(restore->copy); index < end && !error;) {
        uint64_t number = index / MERKLE_TILE_HASHES, last = (number + 1) * MERKLE_TILE_HASHES;
        last = last < end ? last : end;
        if (!audit_store_bundle(txn, number, (unsigned)(last - number * MERKLE_TILE_HASHES), records))
            error = store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
        for (; index < last && !error; index++)
            log_copy_add(restore->copy, records[index % MERKLE_TILE_HASHES]);
    }
    return error;
}

/* Keys, witnesses and checkpoints are those of the warm copy: it is the newer one. */
static int take_proofs(struct restore *restore)
{
    struct store_txn *from = verify_files_txn(restore->more.files), *to = log_copy_txn(restore->copy);
    _cleanup_(arena_close) struct arena *arena = NULL;
    Quanyu__AuditWitness **witnesses;
    struct bytes row;
    size_t count;
    int error = arena_open(&arena);
    if (!error)
        error = audit_witnesses_list(from, arena, &witnesses, &count);
    if (!error)
        error = audit_witnesses_replace(to, arena, witnesses, count);
    if (error)
        return error;
    for (uint32_t i = 0; i < audit_store_signers(from); i++)
        if (audit_store_signer(from, i, &row))
            audit_store_put_signer(to, i, row);
    if (audit_store_note(from, NOTE_NEWEST, &row))
        audit_store_put_note(to, NOTE_NEWEST, row);
    if (audit_store_note(from, NOTE_COSIGNED, &row))
        audit_store_put_note(to, NOTE_COSIGNED, row);
    audit_store_each_set(from, take_set, to);
    return store_error(from) ? store_error(from) : store_error(to);
}

/* The last part with all that belongs to it, held against the root of the whole. */
static int take_last(struct restore *restore)
{
    struct merkle_hash made, wanted;
    int error = log_copy_root(restore->copy, &made);
    if (!error)
        error = restore_source_root(&restore->more, restore->more.size, &wanted);
    if (!error && memcmp(&made, &wanted, sizeof(made)) != 0)
        error = -QY_EDIVERGED;
    return error ? error : take_proofs(restore);
}

static int take_more(struct restore *restore)
{
    uint64_t size = restore->options->more ? restore->more.size : 0;
    int error = 0;
    while (!error && log_copy_size(restore->copy) < size) {
        uint64_t end = (log_copy_size(restore->copy) / SEGMENT_RECORDS + 1) * SEGMENT_RECORDS;
        end = end < size ? end : size;
        error = take_records(restore, end);
        if (!error && end == size)
            error = take_last(restore);
        error = error ? (log_copy_abort(restore->copy), error) : log_copy_commit(restore->copy);
    }
    return error ? error : log_copy_seal(restore->copy);
}

/* -- what the service must know -- */

static int input_of(const char *service)
{
    for (int i = 0; i < AUDIT_INPUT_COUNT; i++)
        if (strcmp(audit_inputs[i].leader, service) == 0)
            return i;
    return -1;
}

/* Up to where each journal is on record: the newest record of each says it. */
static int find_offsets(struct store_txn *txn, uint64_t size, struct audit_resume *resume)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    unsigned found = 0;
    int error = arena_open(&arena);
    for (uint64_t index = size; index-- > 0 && found < AUDIT_INPUT_COUNT && !error;) {
        struct bytes stored;
        arena_reset(arena);
        if (audit_store_is_pruned(txn, index))
            continue;
        const Quanyu__AuditRecord *record =
            audit_store_record(txn, index, &stored) ? audit_record_unpack(stored, arena) : NULL;
        int input = record && record->offset > 0 ? input_of(record->service) : -1;
        if (!record)
            error = store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
        if (input < 0 || resume->next[input] > 0)
            continue;
        resume->next[input] = record->offset + 1;
        found++;
    }
    return error;
}

static void describe(const struct restore *restore, uint64_t size, struct audit_resume *resume)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    const struct manifest *manifest = restore->from.manifest;
    struct json json = json_to(&detail);
    json_open(&json, '{');
    json_field_text(&json, "from", manifest ? "backup" : "copy");
    if (manifest) {
        json_field_time(&json, "taken_at", manifest->taken_ms);
        json_field_unsigned(&json, "backup_size", manifest->size);
    }
    json_field_unsigned(&json, "size", size);
    json_field_unsigned(&json, "signed_size", restore->result->signed_size);
    json_close(&json, '}');
    snprintf(resume->detail, sizeof(resume->detail), "%s", buffer_c_str(&detail));
}

/* A backup knows up to where it had followed the journals; whose records came from elsewhere does not. */
static int leave_word(struct restore *restore)
{
    struct audit_resume resume = {.owed = true, .anew = !restore->from.manifest || restore->result->more > 0};
    struct note_key key;
    struct note_signer secret;
    _cleanup_(arena_close) struct arena *arena = NULL;
    int error = arena_open(&arena);
    if (!error)
        error = log_copy_begin(restore->copy);
    if (error)
        return error;
    struct store_txn *txn = log_copy_txn(restore->copy);
    uint64_t size = log_copy_size(restore->copy);
    if (resume.anew)
        error = find_offsets(txn, size, &resume);
    describe(restore, size, &resume);
    const Quanyu__AuditSigner *signer = audit_keys_signer(txn, audit_keys_in_force(txn, arena), arena);
    restore->result->signs = signer && note_key_parse(signer->verifier_key, &key) == 0 &&
                             audit_keys_secret(txn, &key, &secret) == 0;
    explicit_bzero(&secret, sizeof(secret));
    if (!error)
        audit_resume_write(txn, &resume);
    return error ? (log_copy_abort(restore->copy), error) : log_copy_commit(restore->copy);
}

/* The mark of a warm copy in the place of a word to a service. */
static int leave_mark(const struct restore *restore)
{
    static const char text[] = "{\"begun_from\":\"backup\"}\n";
    char mark[PATH_BYTES];
    int error = join(mark, restore->options->to, MIRROR_MARK);
    return error ? error : directory_replace_file(mark, text, sizeof(text) - 1);
}

/* -- the whole -- */

static int put_back(struct restore *restore)
{
    const char *to = restore->options->to;
    struct restore_result *result = restore->result;
    char mark[PATH_BYTES];
    int error = prepare(restore);
    if (!error)
        error = restore_source_each_file(&restore->from, copy_file, restore);
    if (!error)
        error = log_copy_open(to, &restore->copy);
    if (!error)
        error = take_more(restore);
    result->size = error ? 0 : log_copy_size(restore->copy);
    result->more = error ? 0 : result->size - restore->from.size;
    result->signed_size = result->more > 0 ? restore->more.signed_size : restore->from.signed_size;
    if (!error)
        error = restore->options->as_copy ? leave_mark(restore) : leave_word(restore);
    log_copy_close(&restore->copy);
    if (!error)
        error = join(mark, to, RESTORE_MARK);
    if (!error && unlink(mark))
        error = error_from_errno(errno);
    if (!error)
        error = directory_sync(to);
    return fail(restore, error, to);
}

int restore_put_back(const struct restore_options *options, struct restore_result *ret_result)
{
    struct restore restore = {.options = options, .result = ret_result};
    *ret_result = (struct restore_result){.size = 0};
    int error = open_sources(&restore);
    if (!error && ret_result->problems == 0)
        error = put_back(&restore);
    restore_source_close(&restore.from);
    restore_source_close(&restore.more);
    return error;
}
