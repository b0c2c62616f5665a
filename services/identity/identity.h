/* SPDX-License-Identifier: Apache-2.0 */
/* Identity: folds the gateway's events into persons, keeps what is personal, and passes on the rest. */
#ifndef QY_IDENTITY_IDENTITY_H
#define QY_IDENTITY_IDENTITY_H

#include "services/identity/graph.h"
#include "services/identity/profile.h"

/* Classes of the gateway's journal. */
#define IDENTITY_INPUT_EVENT 2
#define IDENTITY_INPUT_ORGANISATION 4
#define IDENTITY_COMPRESSION (-1) /* zstd level of the journal: as small as 1, and quicker */

struct identity {
    struct kinds kinds;
    struct vault *vault;
    struct node_index *index;
    struct service *service;
    struct work first;     /* asks for a batch at the start */
    struct work more;      /* asks for another one while something is left to be done in the background */
    bool asked;            /* for it; the writer thread's */
    _Atomic uint64_t left; /* to be done in the background */
    struct worker *worker; /* the writer thread's */
    struct dry_run *dry_run;
    struct duplicate_search *duplicates; /* NULL where no service runs */
    bool search_asked;                   /* in this batch: the writer thread's */
};

/* `extra_kinds`: further kinds of identifiers, with commas between, weaker than all but anonymous_id.
 * -QY_EINVAL: a kind is named twice, or the region is not known. */
int identity_open(const uint8_t master[VAULT_MASTER_BYTES], const char *extra_kinds, const char *region,
    struct identity *ret_identity);
void identity_close(struct identity *identity);

extern const struct fold_ops identity_fold;
/* What is left to be done in the background goes on (service_spec.start), and rests. */
int identity_start(void *self, struct service *service);
void identity_stop(void *self, struct service *service);
extern const struct rpc_service identity_rpc;

/* Appends a node's personal traits in their plain form (profile_read()). */
int identity_open_traits(
    const struct identity *identity, uint32_t node, const struct sealed_traits *sealed, struct buffer *out);
/* All personal traits of a person, the latest of each; they point into `texts`. */
int identity_person_profile(const struct identity *identity, struct store_txn *txn, uint32_t person,
    struct buffer *texts, struct profile *ret_profile);
/* A node's value as it was given; appended. */
int identity_node_value(
    const struct identity *identity, uint32_t node, const struct node_row *row, struct buffer *out);
/* The node of an identifier, as of a snapshot. Any thread. */
bool identity_find(const struct identity *identity, struct store_txn *txn, const struct kind *kind,
    const uint8_t hash[VAULT_HASH_BYTES], uint32_t *ret_node, uint32_t *ret_person);

#endif
