/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_signed.h"

#include "common/error.h"
#include "services/audit/audit_index.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_witnesses.h"
#include "services/audit/checkpoint.h"

static void raise_to(struct signed_before *before, uint64_t size, const char *witness)
{
    if (size > before->size)
        *before = (struct signed_before){size, witness};
}

static int raise_by_keys(struct store_txn *txn, struct arena *arena, struct signed_before *before)
{
    uint32_t in_force = audit_keys_in_force(txn, arena);
    const Quanyu__AuditSigner *row = audit_keys_signer(txn, in_force, arena);
    if (!row)
        return -QY_ECORRUPT;
    if (in_force > 0)
        raise_to(before, row->from_size, "the key that signs now took over there");
    return 0;
}

static int raise_by_witnesses(struct store_txn *txn, struct arena *arena, struct signed_before *before)
{
    Quanyu__AuditWitness **rows;
    size_t count = 0;
    int error = audit_witnesses_list(txn, arena, &rows, &count);
    for (size_t i = 0; i < count && !error; i++)
        raise_to(before, rows[i]->size, "a witness has cosigned them");
    return error;
}

static void raise_by_cosigned(struct store_txn *txn, struct signed_before *before)
{
    struct bytes stored;
    struct note note;
    struct checkpoint checkpoint;
    if (audit_store_note(txn, NOTE_COSIGNED, &stored) && note_open(stored, &note) == 0 &&
        checkpoint_parse(note.text, &checkpoint) == 0)
        raise_to(before, checkpoint.size, "a cosigned checkpoint is of them");
}

int audit_signed_before(struct store_txn *txn, struct arena *arena, struct signed_before *ret_before)
{
    *ret_before = (struct signed_before){.size = 0};
    raise_to(ret_before, audit_store_sealed(txn) * SEGMENT_RECORDS, "so many are sealed into files");
    raise_by_cosigned(txn, ret_before);
    int error = raise_by_keys(txn, arena, ret_before);
    if (!error)
        error = raise_by_witnesses(txn, arena, ret_before);
    return error ? error : store_error(txn);
}
