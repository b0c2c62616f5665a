/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of what proves the log to others: keys, signed notes, witnesses. */
#include "services/audit/audit_store.h"

static void ordinal_key(struct store_key *key, uint32_t ordinal)
{
    key_reset(key);
    key_u32(key, ordinal);
}

uint32_t audit_store_signers(struct store_txn *txn)
{
    return (uint32_t)store_count(txn, TABLE_SIGNERS);
}

bool audit_store_signer(struct store_txn *txn, uint32_t generation, struct bytes *ret_signer)
{
    struct store_key key;
    ordinal_key(&key, generation);
    return store_get(txn, TABLE_SIGNERS, &key, ret_signer);
}

void audit_store_put_signer(struct store_txn *txn, uint32_t generation, struct bytes signer)
{
    struct store_key key;
    ordinal_key(&key, generation);
    store_put(txn, TABLE_SIGNERS, &key, signer.data, signer.size);
}

bool audit_store_note(struct store_txn *txn, enum audit_note which, struct bytes *ret_note)
{
    struct store_key key;
    ordinal_key(&key, which);
    return store_get(txn, TABLE_NOTES, &key, ret_note);
}

void audit_store_drop_note(struct store_txn *txn, enum audit_note which)
{
    struct store_key key;
    ordinal_key(&key, which);
    store_delete(txn, TABLE_NOTES, &key);
}

void audit_store_put_note(struct store_txn *txn, enum audit_note which, struct bytes note)
{
    struct store_key key;
    ordinal_key(&key, which);
    store_put(txn, TABLE_NOTES, &key, note.data, note.size);
}

static void witness_key(struct store_key *key, const uint8_t id[WITNESS_ID_BYTES])
{
    key_reset(key);
    key_raw(key, id, WITNESS_ID_BYTES);
}

bool audit_store_witness(struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES], struct bytes *ret_witness)
{
    struct store_key key;
    witness_key(&key, id);
    return store_get(txn, TABLE_WITNESSES, &key, ret_witness);
}

void audit_store_put_witness(struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES], struct bytes witness)
{
    struct store_key key;
    witness_key(&key, id);
    store_put(txn, TABLE_WITNESSES, &key, witness.data, witness.size);
}

bool audit_store_drop_witness(struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES])
{
    struct store_key key;
    witness_key(&key, id);
    return store_delete(txn, TABLE_WITNESSES, &key);
}

static struct store_scan *scan_witnesses(struct store_txn *txn)
{
    struct store_scan *scan = NULL;
    struct store_key all;
    key_reset(&all);
    return scan_open(txn, TABLE_WITNESSES, &all, NULL, &scan) ? NULL : scan;
}

void audit_store_each_witness(
    struct store_txn *txn, bool (*visit)(void *context, struct bytes witness), void *context)
{
    _cleanup_(scan_close) struct store_scan *scan = scan_witnesses(txn);
    struct bytes key, value;
    while (scan && scan_next(scan, &key, &value) && visit(context, value))
        ;
}
