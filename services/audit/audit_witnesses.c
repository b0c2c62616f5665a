/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_witnesses.h"

#include "common/clock.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_store.h"
#include "services/audit/checkpoint.h"

#include <string.h>

/* -- rows -- */

struct listing {
    struct arena *arena;
    Quanyu__AuditWitness **rows;
    size_t count;
    bool failed;
};

static bool add_row(void *context, struct bytes row)
{
    struct listing *listing = context;
    Quanyu__AuditWitness *witness =
        quanyu__audit_witness__unpack(arena_allocator(listing->arena), row.size, row.data);
    listing->failed |= !witness;
    if (witness && listing->count < WITNESSES_MAX)
        listing->rows[listing->count++] = witness;
    return !listing->failed;
}

int audit_witnesses_list(
    struct store_txn *txn, struct arena *arena, Quanyu__AuditWitness ***ret_witnesses, size_t *ret_count)
{
    struct listing listing = {.arena = arena, .rows = arena_alloc(arena, WITNESSES_MAX * sizeof(void *))};
    if (!listing.rows)
        return -QY_ENOMEM;
    audit_store_each_witness(txn, add_row, &listing);
    if (listing.failed)
        return -QY_ECORRUPT;
    *ret_witnesses = listing.rows;
    *ret_count = listing.count;
    return store_error(txn);
}

static int put_row(struct store_txn *txn, const struct note_key *key, const Quanyu__AuditWitness *witness)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    if (audit_store_pack(txn, &witness->base, &row) == 0)
        audit_store_put_witness(txn, key->id, (struct bytes){row.data, row.size});
    return store_error(txn);
}

int audit_witnesses_replace(
    struct store_txn *txn, struct arena *arena, Quanyu__AuditWitness *const *witnesses, size_t count)
{
    Quanyu__AuditWitness **former;
    struct note_key key;
    size_t former_count;
    int error = audit_witnesses_list(txn, arena, &former, &former_count);
    for (size_t i = 0; !error && i < former_count; i++)
        if (note_key_parse(former[i]->verifier_key, &key) == 0)
            (void)audit_store_drop_witness(txn, key.id);
    for (size_t i = 0; !error && i < count; i++)
        error = note_key_parse(witnesses[i]->verifier_key, &key) || key.type != NOTE_COSIGNATURE
                    ? -QY_ECORRUPT
                    : put_row(txn, &key, witnesses[i]);
    return error ? error : store_error(txn);
}

/* Appends the signatures of others than this witness. */
static void add_others(const struct note *note, const struct note_key *witness, struct buffer *out)
{
    struct bytes own = {NULL, 0};
    (void)note_line(note, witness, &own);
    for (size_t at = 0, size; at < note->signatures.size; at += size) {
        const uint8_t *line = note->signatures.data + at;
        size = (size_t)((const uint8_t *)memchr(line, '\n', note->signatures.size - at) - line) + 1;
        if (line != own.data)
            buffer_append(out, line, size);
    }
}

/* -- who is one -- */

static int parse_witness(struct rpc_context *context, const char *text, struct note_key *ret_key)
{
    return note_key_parse(text, ret_key) || ret_key->type != NOTE_COSIGNATURE
               ? rpc_refuse(context, -QY_EINVAL, "witness",
                     "is no witness's verifier key: name+id+base64, of type 4, as quanyu audit witness shows "
                     "it")
               : 0;
}

int audit_witnesses_add(struct rpc_context *context, const char *text)
{
    Quanyu__AuditWitness witness = QUANYU__AUDIT_WITNESS__INIT, **others;
    struct note_key key;
    struct bytes there;
    uint64_t index;
    size_t count = 0;
    int error = parse_witness(context, text, &key);
    if (!error)
        error = audit_witnesses_list(context->txn, context->arena, &others, &count);
    if (error)
        return error;
    if (audit_store_witness(context->txn, key.id, &there))
        return rpc_refuse(context, -QY_EEXISTS, "witness", "is a witness already");
    if (count >= WITNESSES_MAX)
        return rpc_refuse(context, -QY_ECONFLICT, NULL, "there are %u; remove one first", WITNESSES_MAX);
    error = audit_keys_record(context, "witness.add", text, NULL, &index);
    witness.verifier_key = (char *)(uintptr_t)text;
    witness.added_ms = clock_wall_ms();
    return error ? error : put_row(context->txn, &key, &witness);
}

/* The cosigned checkpoint without its line; where it was the only one there is none any more. */
static int drop_line(struct store_txn *txn, const struct note_key *witness)
{
    _cleanup_(buffer_free) struct buffer rest = BUFFER_INIT;
    struct note note;
    struct bytes stored, line;
    if (!audit_store_note(txn, NOTE_COSIGNED, &stored) || note_open(stored, &note) ||
        !note_line(&note, witness, &line))
        return store_error(txn);
    buffer_append(&rest, note.text.data, note.text.size);
    buffer_byte(&rest, '\n');
    size_t bare = rest.size;
    add_others(&note, witness, &rest);
    bool alone = !memchr(rest.data + bare, '\n', rest.size - bare - 1);
    if (buffer_error(&rest))
        return store_fail(txn, buffer_error(&rest));
    if (alone)
        audit_store_drop_note(txn, NOTE_COSIGNED);
    else
        audit_store_put_note(txn, NOTE_COSIGNED, (struct bytes){rest.data, rest.size});
    return store_error(txn);
}

int audit_witnesses_remove(struct rpc_context *context, const char *text)
{
    struct note_key key;
    struct bytes there;
    uint64_t index;
    int error = parse_witness(context, text, &key);
    if (error)
        return error;
    if (!audit_store_witness(context->txn, key.id, &there))
        return rpc_refuse(context, -QY_ENOTFOUND, "witness", "is no witness of this log");
    error = audit_keys_record(context, "witness.remove", text, NULL, &index);
    if (error)
        return error;
    audit_store_drop_witness(context->txn, key.id);
    return drop_line(context->txn, &key);
}

/* -- cosignatures -- */

/* Which of the log's keys has signed it. */
static bool find_log_key(struct store_txn *txn, const struct note *note, uint64_t size, struct arena *arena,
    struct note_key *ret_key)
{
    for (uint32_t i = audit_store_signers(txn); i-- > 0;) {
        const Quanyu__AuditSigner *signer = audit_keys_signer(txn, i, arena);
        if (signer && signer->from_size <= size && !note_key_parse(signer->verifier_key, ret_key) &&
            note_verify(note, ret_key, NULL))
            return true;
    }
    return false;
}

/* Who hands it back: the last line is its own. */
static bool find_witness(struct store_txn *txn, struct arena *arena, struct cosigned *cosigned)
{
    Quanyu__AuditWitness **witnesses;
    struct bytes lines = cosigned->note.signatures, line;
    size_t count = 0;
    if (audit_witnesses_list(txn, arena, &witnesses, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!note_key_parse(witnesses[i]->verifier_key, &cosigned->witness) &&
            note_line(&cosigned->note, &cosigned->witness, &line) &&
            line.data + line.size == lines.data + lines.size)
            return note_verify(&cosigned->note, &cosigned->witness, &cosigned->time_s);
    return false;
}

static bool is_of_this_tree(struct store_txn *txn, const struct checkpoint *checkpoint)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct merkle_tiles tiles = audit_store_tiles(txn);
    struct merkle_hash root;
    return checkpoint->size <= audit_store_size(txn) && merkle_hasher_open(&hasher) == 0 &&
           merkle_root(hasher, &tiles, checkpoint->size, &root) == 0 &&
           memcmp(&root, &checkpoint->root, sizeof(root)) == 0;
}

int audit_witnesses_check(struct store_txn *txn, struct bytes note, struct arena *arena,
    struct cosigned *ret_cosigned, const char **ret_problem)
{
    struct checkpoint checkpoint;
    struct cosigned cosigned = {.size = 0};
    *ret_problem = "is no signed checkpoint";
    if (note_open(note, &cosigned.note) || checkpoint_parse(cosigned.note.text, &checkpoint))
        return -QY_EINVAL;
    cosigned.size = checkpoint.size;
    *ret_problem = "is not signed with a key of this log";
    if (!find_log_key(txn, &cosigned.note, checkpoint.size, arena, &cosigned.log) ||
        strcmp(checkpoint.origin, cosigned.log.name) != 0)
        return -QY_EDENIED;
    *ret_problem = "is signed with a key of this log and is not of its tree";
    if (!is_of_this_tree(txn, &checkpoint))
        return store_error(txn) ? store_error(txn) : -QY_ECONFLICT;
    *ret_problem = "does not end with the signature of a witness of this log";
    if (!find_witness(txn, arena, &cosigned))
        return store_error(txn) ? store_error(txn) : -QY_EDENIED;
    *ret_cosigned = cosigned;
    return 0;
}

static bool same_text(struct bytes one, struct bytes other)
{
    return one.size == other.size && memcmp(one.data, other.data, one.size) == 0;
}

/* The checkpoint with the log's line, those of witnesses that it had, and this one's. */
static void compose(const struct cosigned *cosigned, struct bytes kept, struct buffer *out)
{
    struct note before;
    struct bytes line;
    buffer_append(out, cosigned->note.text.data, cosigned->note.text.size);
    buffer_byte(out, '\n');
    if (kept.size > 0 && note_open(kept, &before) == 0 && same_text(before.text, cosigned->note.text))
        add_others(&before, &cosigned->witness, out);
    else if (note_line(&cosigned->note, &cosigned->log, &line))
        buffer_append(out, line.data, line.size);
    if (note_line(&cosigned->note, &cosigned->witness, &line))
        buffer_append(out, line.data, line.size);
}

static uint64_t size_of(struct bytes kept)
{
    struct note note;
    struct checkpoint checkpoint;
    return kept.size > 0 && note_open(kept, &note) == 0 && checkpoint_parse(note.text, &checkpoint) == 0
               ? checkpoint.size
               : 0;
}

int audit_witnesses_keep(struct batch *batch, const struct cosigned *cosigned)
{
    _cleanup_(buffer_free) struct buffer note = BUFFER_INIT;
    char text[NOTE_KEY_BYTES];
    Quanyu__AuditWitness witness = QUANYU__AUDIT_WITNESS__INIT;
    struct bytes row, kept = {NULL, 0};
    if (!audit_store_witness(batch->txn, cosigned->witness.id, &row))
        return store_error(batch->txn) ? store_error(batch->txn) : -QY_ENOTFOUND;
    Quanyu__AuditWitness *before = quanyu__audit_witness__unpack(NULL, row.size, row.data);
    note_key_format(&cosigned->witness, text);
    witness.verifier_key = text;
    witness.added_ms = before ? before->added_ms : 0;
    witness.size = before && before->size > cosigned->size ? before->size : cosigned->size;
    witness.time_s = cosigned->time_s;
    quanyu__audit_witness__free_unpacked(before, NULL);
    if (audit_store_note(batch->txn, NOTE_COSIGNED, &kept) && size_of(kept) > cosigned->size)
        return put_row(batch->txn, &cosigned->witness, &witness);
    compose(cosigned, kept, &note);
    if (buffer_error(&note))
        return store_fail(batch->txn, buffer_error(&note));
    audit_store_put_note(batch->txn, NOTE_COSIGNED, (struct bytes){note.data, note.size});
    return put_row(batch->txn, &cosigned->witness, &witness);
}
