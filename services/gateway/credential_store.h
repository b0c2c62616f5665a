/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, sessions and invitations: hash of the secret -> Credential; each is also found by its owner and number. */
#ifndef QY_GATEWAY_CREDENTIAL_STORE_H
#define QY_GATEWAY_CREDENTIAL_STORE_H

#include "services/gateway/staff_store.h"

/* Of one member of staff at a time. */
#define CREDENTIALS_MAX 100u

/* Members of staff other than its owner who have seen a secret: it ends when one of them leaves. */
#define MAKERS_MAX 8u
struct makers {
    uint32_t staff[MAKERS_MAX];
    unsigned count;
};
struct makers credential_makers(const Quanyu__Credential *credential);
/* They must live as long as the credential. */
void credential_set_makers(Quanyu__Credential *credential, struct makers *makers);

void credential_put(
    struct store_txn *txn, const uint8_t hash[SECRET_HASH_BYTES], const Quanyu__Credential *credential);
/* NULL where there is none. */
Quanyu__Credential *credential_get(
    struct store_txn *txn, const uint8_t hash[SECRET_HASH_BYTES], ProtobufCAllocator *allocator);
/* The one with that number of this member of staff, and under which hash. */
Quanyu__Credential *credential_of(struct store_txn *txn, uint32_t staff, uint32_t number,
    ProtobufCAllocator *allocator, uint8_t ret_hash[SECRET_HASH_BYTES]);
/* The first one of this member of staff whose number is above `after`; NULL behind the last. */
Quanyu__Credential *credential_next(struct store_txn *txn, uint32_t staff, uint32_t after,
    ProtobufCAllocator *allocator, uint8_t ret_hash[SECRET_HASH_BYTES]);
/* The first one above `after` that this member of staff made for another. */
Quanyu__Credential *credential_made_next(struct store_txn *txn, uint32_t maker, uint32_t after,
    ProtobufCAllocator *allocator, uint8_t ret_hash[SECRET_HASH_BYTES]);
void credential_delete(
    struct store_txn *txn, const uint8_t hash[SECRET_HASH_BYTES], const Quanyu__Credential *credential);

/* Deletes those whose kind's bit (1 << kind) is in `kinds`, but for the one numbered `kept` (0: none is). */
#define CREDENTIALS_ALL (~0u)
void credentials_end(struct store_txn *txn, uint32_t staff, unsigned kinds, uint32_t kept);
/* Deletes what has expired, so that it takes no room; yields how many are left. */
uint32_t credentials_prune(struct store_txn *txn, uint32_t staff, int64_t now_ms);

static inline bool credential_expired(const Quanyu__Credential *credential, int64_t now_ms)
{
    return credential->expires_ms != 0 && credential->expires_ms <= now_ms;
}

/* Before there was staff, a token stood under its hash as this. Calls `each` for every one, and lets go of them. */
struct first_token {
    char id[24];
    char name[64];
    char role[32];
    int64_t expires_ms; /* 0: never */
};
typedef void first_token_fn(
    void *self, const uint8_t hash[SECRET_HASH_BYTES], const struct first_token *token);
int first_tokens_take(struct store_txn *txn, first_token_fn *each, void *self);

#endif
