/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes by the keyed hashes of their identifiers, in front of the store: most events are about somebody
 * known, and a lookup in memory costs a tenth of one in the tables. Holds what the store holds, or less;
 * grows with the number of nodes up to a limit. The writer thread's. */
#ifndef QY_IDENTITY_NODE_CACHE_H
#define QY_IDENTITY_NODE_CACHE_H

#include "services/identity/vault.h"

struct cached_node {
    uint64_t hash; /* eight bytes of the keyed hash: two nodes that share them in one slot do not happen */
    uint32_t node; /* 0: free */
    uint32_t person;
    uint32_t linked; /* a node to which this one is known to be linked; 0: none */
};

struct node_cache;
int node_cache_open(struct node_cache **ret_cache);
void node_cache_close(struct node_cache **cache);

/* The entry, which may be written to until the next call of any of these; NULL: not here. */
struct cached_node *node_cache_find(struct node_cache *cache, const uint8_t hash[VAULT_HASH_BYTES]);
/* Takes the place of whatever else was there. `nodes`: how many the store holds, for the size. */
struct cached_node *node_cache_put(struct node_cache *cache, const uint8_t hash[VAULT_HASH_BYTES],
    uint32_t node, uint32_t person, uint64_t nodes);
void node_cache_clear(struct node_cache *cache);

#endif
