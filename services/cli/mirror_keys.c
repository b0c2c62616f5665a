/* SPDX-License-Identifier: Apache-2.0 */
/* A warm copy's keys, witnesses and checkpoints. */
#include "common/clock.h"
#include "common/error.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_witnesses.h"
#include "services/cli/mirror.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- as the log lists them -- */

static char *text_of(struct mirror *mirror, yyjson_val *item, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(item, name));
    return arena_text(mirror->arena, text ? text : "", text ? strlen(text) : 0);
}

static int64_t time_of(yyjson_val *item, const char *name)
{
    yyjson_val *value = yyjson_obj_get(item, name);
    int64_t ms = 0;
    const char *text = yyjson_get_str(value);
    return text && time_parse(text, yyjson_get_len(value), false, &ms) ? ms : 0;
}

static Quanyu__AuditSigner *read_signer(struct mirror *mirror, yyjson_val *item)
{
    Quanyu__AuditSigner *signer = arena_alloc(mirror->arena, sizeof(*signer));
    if (!signer)
        return NULL;
    quanyu__audit_signer__init(signer);
    signer->verifier_key = text_of(mirror, item, "verifier_key");
    signer->from_size = yyjson_get_uint(yyjson_obj_get(item, "from_size"));
    signer->handover.data = (uint8_t *)text_of(mirror, item, "handover");
    signer->handover.len = signer->handover.data ? strlen((char *)signer->handover.data) : 0;
    signer->lost = yyjson_get_bool(yyjson_obj_get(item, "lost_before"));
    signer->time_ms = time_of(item, "created_at");
    return signer->verifier_key && signer->handover.data ? signer : NULL;
}

static Quanyu__AuditWitness *read_witness(struct mirror *mirror, yyjson_val *item, uint64_t most)
{
    Quanyu__AuditWitness *witness = arena_alloc(mirror->arena, sizeof(*witness));
    if (!witness)
        return NULL;
    quanyu__audit_witness__init(witness);
    witness->verifier_key = text_of(mirror, item, "verifier_key");
    witness->size = yyjson_get_uint(yyjson_obj_get(item, "size"));
    witness->size = witness->size < most ? witness->size : most; /* it may have seen more meanwhile */
    witness->time_s = (uint64_t)(time_of(item, "time") / 1000);
    witness->added_ms = time_of(item, "added_at");
    return witness->verifier_key ? witness : NULL;
}

static int read_lists(struct mirror *mirror, yyjson_val *root, uint64_t size)
{
    yyjson_val *keys = yyjson_obj_get(root, "keys"), *witnesses = yyjson_obj_get(root, "witnesses"), *item;
    size_t index, count;
    mirror->signer_count = mirror->witness_count = 0;
    mirror->signers = arena_alloc(mirror->arena, (yyjson_arr_size(keys) + 1) * sizeof(void *));
    mirror->witnesses = arena_alloc(mirror->arena, (yyjson_arr_size(witnesses) + 1) * sizeof(void *));
    if (!mirror->signers || !mirror->witnesses)
        return -QY_ENOMEM;
    yyjson_arr_foreach(keys, index, count, item)
    {
        Quanyu__AuditSigner *signer = read_signer(mirror, item);
        if (!signer)
            return -QY_ENOMEM;
        if (signer->from_size > size) /* it took over behind this checkpoint, and so did those after it */
            break;
        mirror->signers[mirror->signer_count++] = signer;
    }
    yyjson_arr_foreach(witnesses, index, count, item)
    {
        Quanyu__AuditWitness *witness = read_witness(mirror, item, size);
        if (!witness)
            return -QY_ENOMEM;
        mirror->witnesses[mirror->witness_count++] = witness;
    }
    return mirror->signer_count > 0 ? 0 : -QY_ECORRUPT;
}

/* -- whom to believe -- */

/* From which key on the list is to be followed: those before it are known, or lie before the one that was named. */
static int find_believed(struct mirror *mirror, struct store_txn *txn, size_t *ret_next)
{
    /* one that waits for the key before to hand over is not listed */
    size_t known = audit_store_signers(txn) > 0 ? audit_keys_in_force(txn, mirror->arena) + 1u : 0, i;
    struct note_key named;
    for (i = 0; i < known; i++) {
        const Quanyu__AuditSigner *row = audit_keys_signer(txn, (uint32_t)i, mirror->arena);
        if (!row || i >= mirror->signer_count ||
            strcmp(row->verifier_key, mirror->signers[i]->verifier_key) != 0)
            return alarm_raise(
                &mirror->watch.alarm, "the log names other keys than those that it was signed by before");
    }
    if (known > 0) {
        *ret_next = known;
        return note_key_parse(mirror->signers[known - 1]->verifier_key, &mirror->log) ? 1 : 0;
    }
    for (i = 0; i < mirror->signer_count; i++)
        if (mirror->key && note_key_parse(mirror->key, &named) == 0 &&
            note_key_parse(mirror->signers[i]->verifier_key, &mirror->log) == 0 &&
            note_key_equal(&named, &mirror->log)) {
            *ret_next = i + 1;
            return 0;
        }
    snprintf(mirror->watch.error, sizeof(mirror->watch.error),
        "the log is not signed by the key that you name with --key: it is another log, or forged");
    return 1;
}

static bool is_named(const struct mirror *mirror, const Quanyu__AuditSigner *signer, struct note_key *ret_key)
{
    struct note_key named;
    return signer->lost && mirror->key && note_key_parse(mirror->key, &named) == 0 &&
           note_key_parse(signer->verifier_key, ret_key) == 0 && note_key_equal(&named, ret_key);
}

static int follow(struct mirror *mirror, yyjson_val *keys, size_t next)
{
    for (; next < mirror->signer_count; next++) {
        const Quanyu__AuditSigner *signer = mirror->signers[next];
        struct note_key key;
        if (!log_watch_takes_over(&mirror->log, mirror->seen.size, yyjson_arr_get(keys, next), &key) &&
            !is_named(mirror, signer, &key))
            return alarm_raise(&mirror->watch.alarm,
                "the log is signed by another key, and the one before does not vouch for it: %s (where that "
                "was lost, "
                "--key names the new one that you know)",
                signer->verifier_key);
        mirror->log = key;
    }
    return 0;
}

int mirror_read_keys(struct mirror *mirror, uint64_t size)
{
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    struct store_txn *txn = NULL;
    size_t next = 0;
    long got = log_client_get(&mirror->watch.client, "v1/keys", &answer, mirror->watch.error);
    if (got != 200)
        return log_watch_cannot(&mirror->watch, got, "no keys");
    yyjson_doc *doc = yyjson_read((const char *)answer.data, answer.size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    int error = read_lists(mirror, root, size);
    if (!error)
        error = store_begin(log_copy_store(mirror->copy), STORE_READ, &txn);
    int status = error ? mirror_fail(mirror, error, "the log's keys") : find_believed(mirror, txn, &next);
    store_abort(&txn);
    if (!status)
        status = follow(mirror, yyjson_obj_get(root, "keys"), next);
    yyjson_doc_free(doc);
    return status;
}

/* -- into the copy -- */

/* What is signed of some size must be of this tree. */
static int check_root(struct mirror *mirror, struct bytes text, const char *what)
{
    struct note note;
    struct checkpoint checkpoint;
    struct merkle_hash root;
    if (note_open(text, &note) || checkpoint_parse(note.text, &checkpoint))
        return alarm_raise(&mirror->watch.alarm, "%s is no signed checkpoint", what);
    int error = log_copy_root_at(mirror->copy, checkpoint.size, &root);
    if (error && error != -QY_EINVAL)
        return mirror_fail(mirror, error, "the copy's tree");
    if (error || memcmp(&root, &checkpoint.root, sizeof(root)) != 0)
        return alarm_raise(&mirror->watch.alarm,
            "the log is forked: %s, of %" PRIu64 " records, is not of the tree that is signed now", what,
            checkpoint.size);
    return 0;
}

static int check_notes(struct mirror *mirror)
{
    int status = 0;
    for (size_t i = 1; i < mirror->signer_count && !status; i++)
        status = check_root(mirror,
            (struct bytes){mirror->signers[i]->handover.data, mirror->signers[i]->handover.len},
            "the checkpoint at which a key took over");
    if (!status && mirror->cosigned.size > 0)
        status = check_root(
            mirror, (struct bytes){mirror->cosigned.data, mirror->cosigned.size}, "the cosigned checkpoint");
    return status;
}

int mirror_put_proofs(struct mirror *mirror)
{
    struct store_txn *txn = log_copy_txn(mirror->copy);
    int status = check_notes(mirror), error = 0;
    if (status)
        return status;
    for (size_t i = 0; i < mirror->signer_count && !error; i++)
        error = audit_keys_put(txn, (uint32_t)i, mirror->signers[i]);
    if (!error)
        error = audit_witnesses_replace(txn, mirror->arena, mirror->witnesses, mirror->witness_count);
    audit_store_put_note(txn, NOTE_NEWEST, (struct bytes){mirror->checkpoint.data, mirror->checkpoint.size});
    if (mirror->cosigned.size > 0)
        audit_store_put_note(
            txn, NOTE_COSIGNED, (struct bytes){mirror->cosigned.data, mirror->cosigned.size});
    else
        audit_store_drop_note(txn, NOTE_COSIGNED);
    if (!error)
        error = store_error(txn);
    return error ? mirror_fail(mirror, error, "the copy") : 0;
}
