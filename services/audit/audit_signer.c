/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_signer.h"

#include "common/log.h"
#include "common/waiting_work.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_rounds.h"
#include "services/audit/audit_signed.h"
#include "services/audit/audit_store.h"
#include "services/audit/checkpoint.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MS 200
#define RECORDS_AT_ONCE 65536u /* in one snapshot: a long one keeps the pages that are freed meanwhile */

struct audit_signer {
    struct audit *audit;
    struct service *service;
    struct merkle *merkle; /* of what it has hashed */
    struct merkle_hasher *hasher;
    struct arena *arena;
    uint32_t generation;
    struct note_key key;
    struct note_signer secret;
    bool has_secret;
    uint64_t signed_size;
    const char *halted; /* why it signs nothing any more */
    struct rounds rounds;
};

static void halt(struct audit_signer *signer, const char *reason)
{
    signer->halted = reason;
    log_line(LOG_ERROR, "no more checkpoints are signed", "reason=%s", reason);
    service_part(signer->service, "signer", reason);
}

/* -- what a signature leaves in the store -- */

struct signing {
    struct waiting_work waiting; /* the first member */
    struct audit_signer *signer;
    struct bytes note;
    bool handover;
};

static int put_handover(struct signing *signing, struct batch *batch)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    uint32_t next = signing->signer->generation + 1;
    int error = arena_open(&arena);
    Quanyu__AuditSigner *row = error ? NULL : audit_keys_signer(batch->txn, next, arena);
    if (!row)
        return error ? error : -QY_ECORRUPT;
    row->handover =
        (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)signing->note.data, .len = signing->note.size};
    return audit_keys_put(batch->txn, next, row);
}

static int apply_signing(struct work *work, struct batch *batch)
{
    struct signing *signing = (struct signing *)work;
    int error = signing->handover ? put_handover(signing, batch) : 0;
    if (!error)
        audit_store_put_note(batch->txn, NOTE_NEWEST, signing->note);
    return error ? error : store_error(batch->txn);
}

/* Given out only once it is durable: what is signed is never taken back. */
static int keep(struct audit_signer *signer, struct bytes note, bool handover)
{
    struct signing signing = {.signer = signer, .note = note, .handover = handover};
    signing.waiting.bytes = note.size;
    return waiting_work_run(signer->service, &signing.waiting, apply_signing);
}

/* -- hashing what is new -- */

static void write_nothing(
    void *self, unsigned level, uint64_t number, const struct merkle_hash *hashes, unsigned width)
{
    (void)self, (void)level, (void)number, (void)hashes, (void)width;
}

/* Hashes records up to `size`, or as many as go into one snapshot. */
static int take_in(struct audit_signer *signer, struct store_txn *txn, uint64_t size)
{
    const struct merkle_tiles nowhere = {.write = write_nothing};
    uint64_t end = merkle_size(signer->merkle) + RECORDS_AT_ONCE;
    for (uint64_t index = merkle_size(signer->merkle); index < size && index < end; index++) {
        struct bytes record;
        if (!audit_store_record(txn, index, &record))
            return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
        merkle_add(signer->merkle, &nowhere, record);
    }
    return 0;
}

/* The root of what was hashed, when it is the one that the stored tiles have. */
static int agreed_root(struct audit_signer *signer, struct store_txn *txn, struct merkle_hash *ret_root)
{
    struct merkle_tiles tiles = audit_store_tiles(txn);
    struct merkle_hash stored;
    int error = merkle_edge_root(signer->merkle, ret_root);
    if (!error)
        error = merkle_root(signer->hasher, &tiles, merkle_size(signer->merkle), &stored);
    return !error && memcmp(ret_root, &stored, sizeof(stored)) != 0 ? -QY_ECORRUPT : error;
}

/* -- signing -- */

static void write_note(struct audit_signer *signer, const struct merkle_hash *root,
    const struct note_signer *next, bool lost, struct buffer *note)
{
    struct checkpoint checkpoint = {.size = merkle_size(signer->merkle), .root = *root};
    memcpy(checkpoint.origin, signer->key.name, sizeof(checkpoint.origin));
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    checkpoint_format(&checkpoint, &text);
    struct bytes signed_text = {text.data, text.size};
    note->error = buffer_error(&text);
    buffer_append(note, text.data, text.size);
    buffer_byte(note, '\n');
    if (!lost)
        note_sign(&signer->secret, signed_text, note);
    if (next)
        note_sign(next, signed_text, note);
}

static int load_key(struct audit_signer *signer, struct store_txn *txn, uint32_t generation)
{
    const Quanyu__AuditSigner *row = audit_keys_signer(txn, generation, signer->arena);
    if (!row || note_key_parse(row->verifier_key, &signer->key))
        return -QY_ECORRUPT;
    signer->generation = generation;
    int error = audit_keys_secret(txn, &signer->key, &signer->secret);
    signer->has_secret = !error;
    service_part(signer->service, "signer",
        error ? "the key that signs the log cannot be read: put its file back, or quanyu audit rotate-key "
                "--lost"
              : NULL);
    if (error)
        log_line(LOG_ERROR, "the key that signs the log cannot be read", "error=%s", error_name(error));
    return 0;
}

/* The key in force signs for the next one, which signs from here on. */
static int hand_over(struct audit_signer *signer, struct store_txn *txn, const struct merkle_hash *root,
    const Quanyu__AuditSigner *row)
{
    _cleanup_(buffer_free) struct buffer note = BUFFER_INIT;
    struct note_signer next;
    struct note_key key;
    int error = note_key_parse(row->verifier_key, &key) ? -QY_ECORRUPT : audit_keys_secret(txn, &key, &next);
    if (!error) {
        write_note(signer, root, &next, row->lost, &note);
        sodium_memzero(&next, sizeof(next));
        error = buffer_error(&note) ? buffer_error(&note)
                                    : keep(signer, (struct bytes){note.data, note.size}, true);
    }
    if (error)
        return error;
    if (!row->lost && audit_keys_forget(txn, &signer->key))
        log_line(LOG_WARNING, "the secret of the key before cannot be removed", NULL);
    signer->signed_size = merkle_size(signer->merkle);
    log_line(LOG_INFO, "another key signs the log", "key=%s", row->verifier_key);
    return load_key(signer, txn, signer->generation + 1);
}

static int sign(struct audit_signer *signer, const struct merkle_hash *root)
{
    _cleanup_(buffer_free) struct buffer note = BUFFER_INIT;
    write_note(signer, root, NULL, false, &note);
    int error =
        buffer_error(&note) ? buffer_error(&note) : keep(signer, (struct bytes){note.data, note.size}, false);
    if (!error)
        signer->signed_size = merkle_size(signer->merkle);
    return error;
}

/* The key that waits for the one in force to hand over; NULL: there is none. */
static const Quanyu__AuditSigner *next_key(struct audit_signer *signer, struct store_txn *txn)
{
    return signer->generation + 1 < audit_store_signers(txn)
               ? audit_keys_signer(txn, signer->generation + 1, signer->arena)
               : NULL;
}

static int step(struct audit_signer *signer, struct store_txn *txn, bool *ret_more)
{
    struct merkle_hash root;
    uint64_t size = audit_store_size(txn);
    const Quanyu__AuditSigner *next = next_key(signer, txn);
    bool hands_over = next && (signer->has_secret || next->lost);
    *ret_more = false;
    if (hands_over && next->from_size < size)
        size = next->from_size;
    if ((!signer->has_secret && !hands_over) || (size == signer->signed_size && !hands_over))
        return 0;
    int error = take_in(signer, txn, size);
    *ret_more = !error && (merkle_size(signer->merkle) < size || hands_over);
    if (error || merkle_size(signer->merkle) < size)
        return error;
    error = agreed_root(signer, txn, &root);
    if (error)
        return error;
    return hands_over && size == next->from_size ? hand_over(signer, txn, &root, next) : sign(signer, &root);
}

int audit_signer_step(struct audit_signer *signer, bool *ret_more)
{
    struct store_txn *txn = NULL;
    *ret_more = false;
    if (signer->halted)
        return 0;
    arena_reset(signer->arena);
    int error = service_read(signer->service, &txn);
    if (!error)
        error = step(signer, txn, ret_more);
    store_abort(&txn);
    atomic_store(&signer->audit->signed_size, signer->signed_size);
    if (error == -QY_ECORRUPT)
        halt(signer, "records and their tree say different things: run quanyu audit verify");
    return error;
}

/* -- where it stands -- */

static bool is_signed(struct store_txn *txn, const struct note *note, struct arena *arena)
{
    struct note_key key;
    for (uint32_t i = audit_store_signers(txn); i-- > 0;) {
        const Quanyu__AuditSigner *row = audit_keys_signer(txn, i, arena);
        if (row && !note_key_parse(row->verifier_key, &key) && note_verify(note, &key, NULL))
            return true;
    }
    return false;
}

/* The edge as the last checkpoint has it: what was signed vouches for what is read. */
static int resume(struct audit_signer *signer, struct store_txn *txn)
{
    struct merkle_tiles tiles = audit_store_tiles(txn);
    struct checkpoint last = {.size = 0};
    struct merkle_hash root;
    struct bytes stored;
    struct note note;
    bool there = audit_store_note(txn, NOTE_NEWEST, &stored);
    if (there && (note_open(stored, &note) || checkpoint_parse(note.text, &last) ||
                     !is_signed(txn, &note, signer->arena)))
        return -QY_ECORRUPT;
    int error = merkle_open(&tiles, last.size, &signer->merkle);
    if (!error && there)
        error = merkle_edge_root(signer->merkle, &root);
    if (!error && there && memcmp(&root, &last.root, sizeof(root)) != 0)
        error = -QY_ECORRUPT;
    struct signed_before before;
    if (!error)
        error = audit_signed_before(txn, signer->arena, &before);
    if (!error && last.size < before.size)
        error = -QY_ECORRUPT; /* an older checkpoint was put back: what follows it may be anything */
    signer->signed_size = last.size;
    return error;
}

/* What a crash kept from being removed when the key after it took over. */
static void forget_former(struct audit_signer *signer, struct store_txn *txn)
{
    struct note_key key;
    for (uint32_t generation = 0; generation < signer->generation; generation++) {
        const Quanyu__AuditSigner *row = audit_keys_signer(txn, generation, signer->arena);
        if (row && note_key_parse(row->verifier_key, &key) == 0 && audit_keys_forget(txn, &key))
            log_line(
                LOG_WARNING, "the secret of an earlier key cannot be removed", "key=%s", row->verifier_key);
    }
}

int audit_signer_open(struct audit *audit, struct service *service, struct audit_signer **ret_signer)
{
    struct store_txn *txn = NULL;
    _cleanup_(audit_signer_close) struct audit_signer *signer = calloc(1, sizeof(*signer));
    if (!signer)
        return -QY_ENOMEM;
    signer->audit = audit;
    signer->service = service;
    int error = arena_open(&signer->arena);
    if (!error)
        error = merkle_hasher_open(&signer->hasher);
    if (!error)
        error = service_read(service, &txn);
    if (!error)
        error = load_key(signer, txn, audit_keys_in_force(txn, signer->arena));
    if (!error)
        forget_former(signer, txn);
    if (!error)
        error = resume(signer, txn);
    store_abort(&txn);
    if (error == -QY_ECORRUPT) {
        halt(signer, "the log is not the one that was signed: it was altered or is damaged");
        error = 0;
    }
    atomic_store(&audit->signed_size, signer->signed_size);
    if (!error)
        *ret_signer = TAKE(signer);
    return error;
}

/* -- the thread -- */

static int work_round(void *self, bool *ret_more)
{
    return audit_signer_step(self, ret_more);
}

int audit_signer_start(struct audit_signer *signer)
{
    signer->rounds = (struct rounds){
        .round = work_round, .self = signer, .failed = "a checkpoint was not signed", .pause_ms = PAUSE_MS};
    return rounds_start(&signer->rounds);
}

void audit_signer_close(struct audit_signer **pointer)
{
    struct audit_signer *signer = TAKE(*pointer);
    if (!signer)
        return;
    rounds_stop(&signer->rounds);
    merkle_close(&signer->merkle);
    merkle_hasher_close(&signer->hasher);
    arena_close(&signer->arena);
    sodium_memzero(&signer->secret, sizeof(signer->secret));
    free(signer);
}
