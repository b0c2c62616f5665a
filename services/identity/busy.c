/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/busy.h"

int busy_find(const struct identity_rules *rules, struct store_txn *txn, uint32_t node, node_kind_fn *kind_of,
    const void *self, bool *ret_busy)
{
    const struct kind_rule *rule = &rules->kinds[kind_of(self, node)];
    unsigned seen[KINDS_MAX + 1] = {0};
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint32_t other;
    struct link link;
    *ret_busy = false;
    int error = rule->busy_after ? identity_store_scan_neighbours(txn, node, &scan) : 0;
    while (!error && !*ret_busy && scan && identity_store_next_neighbour(txn, scan, node, &other, &link)) {
        unsigned strong = kind_of(self, other);
        if (rules->kinds[strong].strength >= rule->strength)
            continue;
        if (other < node && !identity_store_link(txn, other, node, &link))
            return store_fail(txn, -QY_ECORRUPT);
        *ret_busy = link.has_evidence && ++seen[strong] > rule->busy_after;
    }
    return error ? error : store_error(txn);
}
