/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/groups.h"

#include <stdlib.h>

#define SLOT_BITS 12
#define SLOTS (1u << SLOT_BITS)

struct groups {
    const struct node_index *index;
    struct person_group slots[SLOTS];
};

int groups_open(const struct node_index *index, struct groups **ret_groups)
{
    struct groups *groups = calloc(1, sizeof(*groups));
    if (!groups)
        return -QY_ENOMEM;
    groups->index = index;
    *ret_groups = groups;
    return 0;
}

void groups_close(struct groups **groups)
{
    free(*groups);
    *groups = NULL;
}

static struct person_group *slot_of(struct groups *groups, uint32_t person)
{
    return &groups->slots[(person * 2654435761u) >> (32 - SLOT_BITS)];
}

static int count_members(struct groups *groups, struct store_txn *txn, struct person_group *person)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, person->person, &scan);
    uint32_t node;
    while (!error && identity_store_next_member(scan, &node)) {
        unsigned flags = node_index_flags(groups->index, node);
        if (flags & NODE_SAME)
            continue; /* the one that it is a digest of counts */
        group_add(&person->group, node_index_kind(groups->index, node), flags & NODE_VERIFIED);
        person->flags |= flags;
    }
    return error ? error : store_error(txn);
}

bool groups_find(
    struct groups *groups, struct store_txn *txn, uint32_t person, struct person_group *ret_group)
{
    struct person_group *slot = slot_of(groups, person);
    if (slot->person != person) {
        struct person_group counted = {.person = person};
        if (count_members(groups, txn, &counted))
            return false;
        *slot = counted;
    }
    *ret_group = *slot;
    return true;
}

void groups_put(struct groups *groups, const struct person_group *group)
{
    *slot_of(groups, group->person) = *group;
}

void groups_drop(struct groups *groups, uint32_t person)
{
    struct person_group *slot = slot_of(groups, person);
    if (slot->person == person)
        slot->person = 0;
}

void groups_clear(struct groups *groups)
{
    for (unsigned i = 0; i < SLOTS; i++)
        groups->slots[i].person = 0;
}
