/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of persons (admission.h), kept for those that were looked at last: somebody with a thousand identifiers costs no
 * more than others. The writer thread's. */
#ifndef QY_IDENTITY_GROUPS_H
#define QY_IDENTITY_GROUPS_H

#include "services/identity/admission.h"
#include "services/identity/identity_store.h"
#include "services/identity/node_index.h"

struct person_group {
    uint32_t person; /* 0: free */
    unsigned flags;  /* of any of the nodes */
    struct group group;
};

struct groups;
int groups_open(const struct node_index *index, struct groups **ret_groups);
void groups_close(struct groups **groups);
/* False when the transaction has failed. */
bool groups_find(
    struct groups *groups, struct store_txn *txn, uint32_t person, struct person_group *ret_group);
/* What it is by now. */
void groups_put(struct groups *groups, const struct person_group *group);
/* Something about the person has changed. */
void groups_drop(struct groups *groups, uint32_t person);
void groups_clear(struct groups *groups);

#endif
