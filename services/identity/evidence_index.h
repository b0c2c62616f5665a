/* SPDX-License-Identifier: Apache-2.0 */
/* Where in the evidence two identifiers were seen together, or one with a name. The evidence is only ever appended to, so that an event about somebody known
 * writes nothing at random; of each part of it a filter (Bloom's, a cache line a pair) says which pairs it may hold. Whoever looks for
 * one reads the parts that do, and of each other part a line. The writer thread's. */
#ifndef QY_IDENTITY_EVIDENCE_INDEX_H
#define QY_IDENTITY_EVIDENCE_INDEX_H

#include "services/identity/link_store.h"

struct evidence_index;
int evidence_index_open(struct evidence_index **ret_index);
void evidence_index_close(struct evidence_index **index);

/* Takes in what no filter holds yet: of a state that was written without filters, all of it. */
int evidence_index_load(struct evidence_index *index, struct store_txn *txn);
/* One that is about to be added to the store. */
void evidence_index_add(struct evidence_index *index, struct store_txn *txn, const struct evidence *evidence);
/* One of the store that is worth something else now. */
int evidence_index_add_again(
    struct evidence_index *index, struct store_txn *txn, const struct evidence *evidence);
/* The batch was rolled back. */
void evidence_index_forget(struct evidence_index *index);

/* What evidence of two nodes that is worth so much is looked for by. */
uint64_t evidence_key(uint32_t node, uint32_t other, enum worth worth);
/* The same of an event that carries the node alone. */
uint64_t evidence_single_key(uint32_t node);
/* The same of a node and a name that was stated with it. */
uint64_t evidence_name_key(uint32_t node, uint64_t name);
/* True: it is the one. */
typedef bool evidence_fn(void *self, const struct evidence *evidence);
/* Visits evidence from `from` on, all that has one of the keys and some that has none, until one is the one. */
int evidence_index_search(struct evidence_index *index, struct store_txn *txn, const uint64_t *keys,
    size_t count, uint64_t from, evidence_fn *visit, void *self);

#endif
