/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of personal data: what is stored is sealed under a key per node, and found through keyed hashes.
 *
 * Every key derives from one master key, which lies outside LMDB: freed pages and backups keep old bytes, and
 * without the master key they say nothing. A node's key is random, and is stored wrapped by the master's. A
 * sealed value is bound to its node and its purpose: moved elsewhere it does not open. Immutable once open:
 * any thread. */
#ifndef QY_IDENTITY_VAULT_H
#define QY_IDENTITY_VAULT_H

#include "common/buffer.h"
#include "services/identity/one_id.h"

#define VAULT_MASTER_BYTES 32
#define VAULT_HASH_BYTES 16
#define VAULT_WRAPPED_BYTES 73 /* version, nonce, key, tag */
#define VAULT_TOKEN_LETTERS 20 /* of 16 that there are: with digits one could look like a number */
#define VAULT_TOKEN_BYTES (2 + VAULT_TOKEN_LETTERS + 1) /* "h_", letters, NUL */

struct vault;
int vault_open(const uint8_t master[VAULT_MASTER_BYTES], struct vault **ret_vault);
void vault_close(struct vault **vault); /* wipes the keys */

/* Keyed hash by which an identifier is found. */
void vault_hash(const struct vault *vault, const char *kind, const char *value, size_t size,
    uint8_t ret_hash[VAULT_HASH_BYTES]);
/* Stands for a value in what leaves: the same value has the same token. */
void vault_token(
    const struct vault *vault, const char *value, size_t size, char ret_token[VAULT_TOKEN_BYTES]);
/* Stands for a message id, within its source. */
uint64_t vault_message_key(const struct vault *vault, uint32_t source, const char *id, size_t size);
const struct one_id_key *vault_one_id_key(const struct vault *vault);

struct vault_key {
    uint8_t bytes[32];
};

/* A fresh key for a node, and its wrapped form to be stored. */
void vault_make_key(const struct vault *vault, uint32_t node, struct vault_key *ret_key,
    uint8_t ret_wrapped[VAULT_WRAPPED_BYTES]);
/* -QY_ECORRUPT: not wrapped by this master for this node; -QY_EVERSION. */
int vault_unwrap(const struct vault *vault, uint32_t node, const uint8_t wrapped[VAULT_WRAPPED_BYTES],
    struct vault_key *ret_key);

enum vault_purpose { VAULT_IDENTIFIER = 1, VAULT_TRAITS = 2, VAULT_NAME = 3 };

/* Appends the sealed form. */
void vault_seal(const struct vault_key *key, enum vault_purpose purpose, uint32_t node, const void *data,
    size_t size, struct buffer *out);
/* Appends the plain form. -QY_ECORRUPT, -QY_ENOMEM. */
int vault_unseal(const struct vault_key *key, enum vault_purpose purpose, uint32_t node, struct bytes sealed,
    struct buffer *out);

#endif
