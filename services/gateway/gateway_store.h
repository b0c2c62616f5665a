/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's tables: write keys, staff and their credentials, seen message ids, imported positions. */
#ifndef QY_GATEWAY_STORE_H
#define QY_GATEWAY_STORE_H

#include "common/store.h"

enum gateway_table {
    TABLE_WRITE_KEYS,   /* write_key_store.h */
    TABLE_TOKENS,       /* credential_store.h */
    TABLE_SEEN,         /* dedup.h */
    TABLE_IMPORTS,      /* (import id, block of positions) -> bitmap of those that were taken */
    TABLE_IMPORT_MARKS, /* what an import is known again by, hashed -> its id, when it began */
    TABLE_LETTERS,      /* dead_letter_store.h, as the next three */
    TABLE_LETTER_CONTENTS,
    TABLE_LETTER_MARKS,
    TABLE_LETTER_NOTES,
    TABLE_STAFF, /* staff_store.h, as the next two */
    TABLE_STAFF_SECRETS,
    TABLE_STAFF_INDEX,
    TABLE_ROLES,            /* role_store.h */
    TABLE_SIGN_IN_FAILURES, /* sign_in_store.h */
    TABLE_UNITS,            /* unit_store.h */
    GATEWAY_TABLE_COUNT
};
extern const char *const gateway_tables[GATEWAY_TABLE_COUNT];
#define GATEWAY_SCHEMA_VERSION 5
#define GATEWAY_MIGRATIONS (GATEWAY_SCHEMA_VERSION - 1)
extern const struct store_migration gateway_migrations[GATEWAY_MIGRATIONS];

#define SECRET_HASH_BYTES 32
#define SECRET_TEXT_BYTES 48

/* A fresh secret, "<prefix>_" and 32 characters: 160 random bits in lower-case base32. */
void secret_make(const char *prefix, char ret_text[SECRET_TEXT_BYTES]);
/* Secrets are stored as BLAKE2b-256 hashes: they are random and long, so that no slow hash is needed. */
void secret_hash(const char *text, size_t size, uint8_t ret_hash[SECRET_HASH_BYTES]);

/* Marks a position of an import as taken; false when it was already. */
bool import_take(struct store_txn *txn, const uint8_t import_id[16], uint32_t position);
/* Whether this one is taken. */
bool import_has_position(struct store_txn *txn, const uint8_t import_id[16], uint32_t position);
/* Whether any was. */
bool import_has_taken(struct store_txn *txn, const uint8_t import_id[16]);

/* What imports are known again by. Only hashes are kept: names of files may be personal. */
enum import_mark { IMPORT_ID, IMPORT_NAME, IMPORT_BEGINNING, IMPORT_MARKS };
struct import_row {
    uint8_t id[16];
    int64_t begun_ms;
};
void import_mark_put(
    struct store_txn *txn, enum import_mark mark, const char *text, const struct import_row *row);
bool import_mark_get(
    struct store_txn *txn, enum import_mark mark, const char *text, struct import_row *ret_row);

#endif
