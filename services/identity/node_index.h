/* SPDX-License-Identifier: Apache-2.0 */
/* Every node and its person by the keyed hash of its identifier, in memory: a table of random keys in the store would cost each new
 * identifier a page, and each known one a walk down the tree. About 40 bytes a node; built from the store at start.
 *
 * The writer thread alone changes it, and looks without a lock. Other threads look too, and must compare what they find with their own
 * snapshot: the index may be ahead of it. */
#ifndef QY_IDENTITY_NODE_INDEX_H
#define QY_IDENTITY_NODE_INDEX_H

#include "services/identity/vault.h"

struct node_index;
int node_index_open(struct node_index **ret_index);
void node_index_close(struct node_index **index);

/* Brings the place of a hash near before it is looked at: it is hardly ever in a cache. */
void node_index_prefetch(const struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES]);
/* Writer. False: there is no such node. */
bool node_index_find(const struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES], uint32_t *ret_node,
    uint32_t *ret_person);
/* Any thread. 0: there is no such node. */
uint32_t node_index_peek(struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES]);

/* Writer. Room for so many nodes, so that it need not grow up to there. -QY_ENOMEM. */
int node_index_expect(struct node_index *index, uint64_t nodes);
/* Writer. A new one, numbered one above the last. -QY_ENOMEM. */
struct node_entry {
    uint32_t node;
    uint32_t person;
    uint8_t kind;   /* its number */
    uint16_t flags; /* enum node_flag */
};
int node_index_add(
    struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES], const struct node_entry *entry);
/* Writer. Of a node that is there. -QY_ENOMEM. */
int node_index_move(struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES], uint32_t person);

/* Writer. Of a node that is there. */
unsigned node_index_kind(const struct node_index *index, uint32_t node);
unsigned node_index_flags(const struct node_index *index, uint32_t node);
int node_index_set_flags(struct node_index *index, uint32_t node, unsigned flags); /* -QY_ENOMEM */

/* Writer. Whether the link of two nodes is remembered, with evidence as good as asked; of each node a few are. False says
 * nothing: the store knows. */
bool node_index_linked(const struct node_index *index, uint32_t node, uint32_t other, bool verified);
/* In place of another one where there is no room. */
void node_index_link(struct node_index *index, uint32_t node, uint32_t other, bool verified);
/* What is remembered of the two, and perhaps more, is forgotten. */
void node_index_unlink(struct node_index *index, uint32_t node, uint32_t other);

/* Writer. What was added and moved since the last of these calls stays, or is taken back. */
void node_index_keep(struct node_index *index);
void node_index_revert(struct node_index *index);

#endif
