/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the staff: number -> Staff, number -> StaffSecrets, and what a member is found by: login, code, unit, role. Who has left
 * is found by number alone. */
#ifndef QY_GATEWAY_STAFF_STORE_H
#define QY_GATEWAY_STAFF_STORE_H

#include "proto/staff.pb-c.h"
#include "services/gateway/gateway_store.h"

#define STAFF_MAX 1000000u /* that have not left or have: rows stay */
#define STAFF_CODE_BYTES 32u

/* Kinds of rows in TABLE_STAFF_INDEX. */
enum staff_index {
    STAFF_INDEX_NUMBERS = 1, /* which -> the last that was given away */
    STAFF_INDEX_LOGIN,       /* keyed hash -> number */
    STAFF_INDEX_CODE,        /* code -> number */
    STAFF_INDEX_UNIT,        /* (unit, number) */
    STAFF_INDEX_ROLE,        /* (role, number) */
    STAFF_INDEX_CREDENTIAL,  /* (staff, number) -> hash of its secret */
    STAFF_INDEX_KEY,         /* -> what the key of the sealed values is known by */
    STAFF_INDEX_ROSTER,      /* staff_roster.h */
    STAFF_INDEX_UNMASKED,    /* unmask_store.h */
    STAFF_INDEX_MADE,        /* (who made it for another, number) -> hash of its secret */
    STAFF_INDEX_LOOK,        /* keyed hash of what a login looks like -> number */
};

/* Numbers are dense, from 1, and never reused. */
enum staff_number { STAFF_NUMBER, CREDENTIAL_NUMBER, MOVE_NUMBER /* of commits that move units */ };
/* 0: none yet. */
uint32_t staff_number_last(struct store_txn *txn, enum staff_number which);
uint32_t staff_number_next(struct store_txn *txn, enum staff_number which);
/* Says that this one is taken. */
void staff_number_take(struct store_txn *txn, enum staff_number which, uint32_t number);

/* Stores it, and what it is found by; `before` is what is stored now, NULL for a new one. The login is its own matter. */
void staff_put(struct store_txn *txn, const Quanyu__Staff *staff, const Quanyu__Staff *before);
/* NULL where there is none; -QY_ECORRUPT and -QY_ENOMEM are the transaction's. */
Quanyu__Staff *staff_get(struct store_txn *txn, uint32_t number, ProtobufCAllocator *allocator);
/* The first one whose number is above `after`; NULL behind the last. */
Quanyu__Staff *staff_next(struct store_txn *txn, uint32_t after, ProtobufCAllocator *allocator);
bool staff_is_empty(struct store_txn *txn);

/* What a login is found by: itself, and what looks the same (login.h). Keyed hashes. */
struct staff_login {
    uint8_t exact[SECRET_HASH_BYTES], look[SECRET_HASH_BYTES];
};
/* 0 where nobody has it. */
uint32_t staff_by_login(struct store_txn *txn, const struct staff_login *login);
uint32_t staff_by_look(struct store_txn *txn, const struct staff_login *login);
uint32_t staff_by_code(struct store_txn *txn, const char *code);
void staff_login_put(struct store_txn *txn, const struct staff_login *login, uint32_t number);
void staff_login_delete(struct store_txn *txn, const struct staff_login *login, uint32_t number);
/* Whether any look is known: none is in a state from before they were kept. */
bool staff_looks_known(struct store_txn *txn);
/* The next one above `after` who has this role, or is in this unit itself, and has not left; 0 behind the last. */
uint32_t staff_next_of_role(struct store_txn *txn, const char *role, uint32_t after);
uint32_t staff_next_of_unit(struct store_txn *txn, uint32_t unit, uint32_t after);

void staff_secrets_put(struct store_txn *txn, uint32_t number, const Quanyu__StaffSecrets *secrets);
/* NULL where there are none. */
Quanyu__StaffSecrets *staff_secrets_get(
    struct store_txn *txn, uint32_t number, ProtobufCAllocator *allocator);
void staff_secrets_delete(struct store_txn *txn, uint32_t number);

/* What the key is known by that seals the personal values of this state: true when it is this, or none was known. */
bool staff_key_check(struct store_txn *txn, const uint8_t mark[SECRET_HASH_BYTES]);
void staff_key_put(struct store_txn *txn, const uint8_t mark[SECRET_HASH_BYTES]);

#endif
