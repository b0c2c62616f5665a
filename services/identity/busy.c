/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/busy.h"

#define OWNERS_MAX 8 /* names that one account has had; with more it is not one */

struct owners {
    uint32_t nodes[OWNERS_MAX];
    unsigned count;
};

/* Adds one that it is verified with, and says whether that is somebody else: not one account's former or later name. */
static bool add_owner(struct store_txn *txn, struct owners *owners, uint32_t node)
{
    struct link link;
    for (unsigned i = 0; i < owners->count; i++)
        if (!identity_store_link(txn, owners->nodes[i], node, &link) || !link.alias)
            return true;
    if (owners->count == OWNERS_MAX)
        return true;
    owners->nodes[owners->count++] = node;
    return false;
}

int busy_find(const struct identity_rules *rules, struct store_txn *txn, uint32_t node, node_kind_fn *kind_of,
    const void *self, bool *ret_busy)
{
    const struct kind_rule *rule = &rules->kinds[kind_of(self, node)];
    unsigned seen[KINDS_MAX + 1] = {0};
    struct owners owners[KINDS_MAX + 1] = {0};
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint32_t other;
    struct link link;
    *ret_busy = false;
    int error = rule->busy_after || rule->one_owner ? identity_store_scan_neighbours(txn, node, &scan) : 0;
    while (!error && !*ret_busy && scan && identity_store_next_neighbour(scan, &other)) {
        unsigned strong = kind_of(self, other);
        if (rules->kinds[strong].strength >= rule->strength)
            continue;
        if (!identity_store_link(txn, node, other, &link))
            return store_fail(txn, -QY_ECORRUPT);
        if (!link.has_evidence)
            continue;
        *ret_busy = rule->busy_after && ++seen[strong] > rule->busy_after;
        if (rule->one_owner && link.verified && add_owner(txn, &owners[strong], other))
            *ret_busy = true;
    }
    return error ? error : store_error(txn);
}
