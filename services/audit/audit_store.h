/* SPDX-License-Identifier: Apache-2.0 */
/* Audit's tables: the records as they were taken, the tree's tiles, the segments' indexes, joined persons,
 * auditors' tokens, the keys and checkpoints that prove it.
 *
 * Records, full tiles and index segments are written once and never again, until they are pruned. What a read hands out is borrowed
 * from the transaction, as common/store.h says. */
#ifndef QY_AUDIT_STORE_H
#define QY_AUDIT_STORE_H

#include "common/buffer.h"
#include "common/store.h"
#include "services/audit/merkle.h"

#include "services/audit/place_set.h"
#include <protobuf-c/protobuf-c.h>

#define AUDIT_SCHEMA_VERSION 4

enum audit_table {
    TABLE_RECORDS,   /* index -> AuditRecord: the leaf's bytes */
    TABLE_TILES,     /* level, number -> hashes */
    TABLE_SEGMENTS,  /* number -> index, as audit_index.h says */
    TABLE_NODES,     /* node -> the person that it was moved to */
    TABLE_PERSONS,   /* person, node that was moved to it -> nothing */
    TABLE_TOKENS,    /* SHA-256 of the token -> struct audit_token, packed */
    TABLE_OWED,      /* SHA-256 of a token whose making is not on record yet -> nothing */
    TABLE_SIGNERS,   /* generation -> AuditSigner: keys that signed, or sign, the log */
    TABLE_NOTES,     /* enum audit_note -> a signed checkpoint, as it is given out */
    TABLE_WITNESSES, /* id of the key -> AuditWitness */
    TABLE_SEALED, /* segment -> its hash in the tree, and its file's generation where something was pruned: its records, tiles and
                     * index lie in a file (audit_segment.h) */
    TABLE_SETS,   /* SHA-256 -> exact set, as common/exact_set.h has it */
    TABLE_ALERTS, /* day, hash of actor and rule -> AuditAlert */
    TABLE_SETTINGS, /* name -> what auditors have set: JSON; "pruned": AuditPruned */
    TABLE_HOLDS,    /* number -> AuditHold, those in force */
    TABLE_PRUNINGS, /* segment, index of the record of it -> whether it is done */
    AUDIT_TABLE_COUNT
};
extern const char *const audit_tables[AUDIT_TABLE_COUNT];
extern const struct store_migration audit_migrations[AUDIT_SCHEMA_VERSION - 1];

/* A row's bytes, in `row`, which is empty; the transaction fails where memory is out, which is returned. */
int audit_store_pack(struct store_txn *txn, const ProtobufCMessage *message, struct buffer *row);

/* Number of records: the index that the next one gets. */
uint64_t audit_store_size(struct store_txn *txn);
/* `index` is the size. */
void audit_store_append(struct store_txn *txn, uint64_t index, struct bytes record);
bool audit_store_record(struct store_txn *txn, uint64_t index, struct bytes *ret_record);

/* The tree's tiles in this transaction, which must outlive it. */
struct merkle_tiles audit_store_tiles(struct store_txn *txn);

/* The index of the segment behind the last one that has one. */
void audit_store_put_segment(struct store_txn *txn, uint64_t number, struct bytes index);
bool audit_store_segment(struct store_txn *txn, uint64_t number, struct bytes *ret_index);
/* How many segments have one. */
uint64_t audit_store_segments(struct store_txn *txn);

/* -- segments that lie in files of their own: what is read of them is found there, wherever it is asked for -- */
/* How many are sealed, from the first on. */
uint64_t audit_store_sealed(struct store_txn *txn);
/* `number` is how many there are; its file is written. */
void audit_store_seal(struct store_txn *txn, uint64_t number, const struct merkle_hash *root);
/* Deletes rows that files replace, `most` at most; returns how many it has. There is a record behind the last sealed segment. */
size_t audit_store_sweep(struct store_txn *txn, size_t most);
/* Whether there are some: records, which go first, or indexes, which go last. */
bool audit_store_unswept(struct store_txn *txn);
/* All records of a bundle; false where one is missing. */
bool audit_store_bundle(struct store_txn *txn, uint64_t number, unsigned width, struct bytes *ret_records);

/* -- what was pruned: its bytes are gone, its hash may be, and the tiles from level 1 on are as they were -- */
/* The hash of a sealed segment, and of which generation its file is: 0, or the index of the last record of a pruning of it. False: it is not
 * sealed. */
bool audit_store_sealed_as(
    struct store_txn *txn, uint64_t number, struct merkle_hash *ret_root, uint64_t *ret_generation);
/* From the commit on the file of this generation is read, which is written; the one before is to be removed when nobody reads in it. */
void audit_store_take_over(struct store_txn *txn, uint64_t number, uint64_t generation);
/* The places of a segment whose records are there; NULL: all, or its file is missing. */
const struct place_set *audit_store_kept(struct store_txn *txn, uint64_t number);
bool audit_store_is_pruned(struct store_txn *txn, uint64_t index);
/* Whether a segment's file, where it is in one, holds what it says and nothing else. */
bool audit_store_is_sound(struct store_txn *txn, uint64_t number);
/* As audit_store_bundle(), but records that were pruned have no data. */
bool audit_store_rest(struct store_txn *txn, uint64_t number, unsigned width, struct bytes *ret_records);

/* `record` is the index of the record of it. */
void audit_store_put_pruning(struct store_txn *txn, uint64_t segment, uint64_t record, bool done);
/* Those of a segment, in their order, or of all (UINT64_MAX), until `visit` returns false. */
void audit_store_each_pruning(struct store_txn *txn, uint64_t segment,
    bool (*visit)(void *context, uint64_t segment, uint64_t record, bool done), void *context);

void audit_store_put_hold(struct store_txn *txn, uint32_t number, struct bytes hold);
bool audit_store_hold(struct store_txn *txn, uint32_t number, struct bytes *ret_hold);
bool audit_store_drop_hold(struct store_txn *txn, uint32_t number);
void audit_store_each_hold(
    struct store_txn *txn, bool (*visit)(void *context, uint32_t number, struct bytes hold), void *context);

/* Joins and splits, as identity reports them. */
void audit_store_move(struct store_txn *txn, uint32_t node, uint32_t person);
/* The person that a person of old is now part of: itself where it was never joined. */
uint32_t audit_store_person(struct store_txn *txn, uint32_t number);
/* Calls back for each identifier that went over to somebody, in the order of their numbers, or, by person, in that of theirs, until `visit`
 * returns false. */
void audit_store_each_moved(struct store_txn *txn, bool by_person,
    bool (*visit)(void *context, uint32_t node, uint32_t person), void *context);
/* Calls back for the person's own number and those of the identifiers that went over to it, until `visit` returns false. */
void audit_store_each_number(
    struct store_txn *txn, uint32_t person, bool (*visit)(void *context, uint32_t number), void *context);

/* -- exact sets, each once, as long as a record is there that names it by its hash -- */
#define SET_HASH_BYTES 32
bool audit_store_set(struct store_txn *txn, const uint8_t hash[SET_HASH_BYTES], struct bytes *ret_set);
void audit_store_put_set(struct store_txn *txn, const uint8_t hash[SET_HASH_BYTES], struct bytes set);
void audit_store_drop_set(struct store_txn *txn, const uint8_t hash[SET_HASH_BYTES]);
/* Calls back for each until `visit` returns false. */
void audit_store_each_set(struct store_txn *txn,
    bool (*visit)(void *context, const uint8_t hash[SET_HASH_BYTES], struct bytes set), void *context);

/* -- what proves the log to others -- */
/* How many keys there were so far. */
uint32_t audit_store_signers(struct store_txn *txn);
/* Generations count from 0, in the order in which they came into force. */
bool audit_store_signer(struct store_txn *txn, uint32_t generation, struct bytes *ret_signer);
void audit_store_put_signer(struct store_txn *txn, uint32_t generation, struct bytes signer);

enum audit_note {
    NOTE_NEWEST,   /* the last checkpoint that was signed */
    NOTE_COSIGNED, /* the last one that a witness has cosigned, with the lines of all who did */
};
bool audit_store_note(struct store_txn *txn, enum audit_note which, struct bytes *ret_note);
void audit_store_drop_note(struct store_txn *txn, enum audit_note which);
void audit_store_put_note(struct store_txn *txn, enum audit_note which, struct bytes note);

#define WITNESS_ID_BYTES 4
bool audit_store_witness(
    struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES], struct bytes *ret_witness);
void audit_store_put_witness(struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES], struct bytes witness);
bool audit_store_drop_witness(struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES]);
/* Calls back for each until `visit` returns false. */
void audit_store_each_witness(
    struct store_txn *txn, bool (*visit)(void *context, struct bytes witness), void *context);

#define TOKEN_HASH_BYTES 32
void audit_store_put_token(struct store_txn *txn, const uint8_t hash[TOKEN_HASH_BYTES], struct bytes token);
bool audit_store_token(struct store_txn *txn, const uint8_t hash[TOKEN_HASH_BYTES], struct bytes *ret_token);
/* Any token whose making is still to be put on record; false: there is none. */
bool audit_store_owed(struct store_txn *txn, uint8_t ret_hash[TOKEN_HASH_BYTES]);
void audit_store_owe(struct store_txn *txn, const uint8_t hash[TOKEN_HASH_BYTES]);
void audit_store_settle(struct store_txn *txn, const uint8_t hash[TOKEN_HASH_BYTES]);
/* Deletes those for which `drop` returns true. */
void audit_store_drop_tokens(
    struct store_txn *txn, bool (*drop)(void *context, struct bytes token), void *context);
/* Calls back for each token until `visit` returns false. */
void audit_store_each_token(
    struct store_txn *txn, bool (*visit)(void *context, struct bytes token), void *context);

/* -- alerts: by day, so that the newest are read first -- */
#define ALERT_KEY_BYTES 12
void audit_store_put_alert(struct store_txn *txn, const uint8_t key[ALERT_KEY_BYTES], struct bytes alert);
bool audit_store_alert(struct store_txn *txn, const uint8_t key[ALERT_KEY_BYTES], struct bytes *ret_alert);
/* Calls back from the last key on, or from the one before `before` (NULL: none), until `visit` returns false. */
void audit_store_each_alert(struct store_txn *txn, const uint8_t *before,
    bool (*visit)(void *context, const uint8_t key[ALERT_KEY_BYTES], struct bytes alert), void *context);

void audit_store_put_setting(struct store_txn *txn, const char *name, struct bytes value);
bool audit_store_setting(struct store_txn *txn, const char *name, struct bytes *ret_value);

#endif
