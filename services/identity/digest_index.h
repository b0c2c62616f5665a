/* SPDX-License-Identifier: Apache-2.0 */
/* From digests to the known phones and emails whose they are: sorted runs in the store (hash_tiers.h) of keyed hashes of digests, with
 * the node each.
 *
 * A kind of digest has its index from the first identifier of that kind on; until then it costs nothing. It takes in the nodes in the order
 * of their numbers, those that are there at first as well, some each batch, and keeps how far it is with them: a crash costs nothing,
 * and an entry is appended, not put at random. The writer thread's, but for digest_find(). */
#ifndef QY_IDENTITY_DIGEST_INDEX_H
#define QY_IDENTITY_DIGEST_INDEX_H

#include "services/identity/identity_store.h"

struct digest_index;
int digest_index_open(const struct kinds *kinds, struct digest_index **ret_index);
void digest_index_close(struct digest_index **index);
/* How far it is, from the store. */
void digest_index_load(struct digest_index *index, struct store_txn *txn);
/* The batch was rolled back: digest_index_load() again before it is used. */
void digest_index_forget(struct digest_index *index);
bool digest_index_is_stale(const struct digest_index *index);

/* An identifier of this kind of digest is there. */
void digest_index_begin(struct digest_index *index, const struct kind *digest);
/* Whether there is any index of digests of this kind of identifier. */
bool digest_index_wants(const struct digest_index *index, const struct kind *plain);
/* The next node to take in; 0: no kind of digest is in use. */
uint32_t digest_index_next(const struct digest_index *index);
/* Whether this node is to be taken into that kind's index. */
bool digest_index_lacks(const struct digest_index *index, const struct kind *digest, uint32_t node);
/* Adds one; -QY_ENOMEM. */
int digest_index_add(struct digest_index *index, const struct kind *digest,
    const uint8_t hash[VAULT_HASH_BYTES], uint32_t node);
/* All nodes below `next` are taken in: writes what was added, and goes on with merging. */
void digest_index_save(struct digest_index *index, struct store_txn *txn, uint32_t next);

/* The node that has this digest; 0: none, as far as the transaction can see. Any thread. */
uint32_t digest_find(struct store_txn *txn, const struct kind *digest, const uint8_t hash[VAULT_HASH_BYTES]);

#endif
