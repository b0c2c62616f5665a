/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as verified, by other rules: of each event what it told is kept beside what followed from it (link_store.h), so it can be
 * asked again what follows. Goes through all evidence in its order: behind it the links are what the new rules make of the events so far. */
#include "services/identity/reverify.h"

#include "services/identity/withdraw.h"

bool verification_differs(const struct identity_rules *one, const struct identity_rules *other)
{
    for (unsigned kind = 0; kind <= KINDS_MAX; kind++)
        if (one->kinds[kind].verification != other->kinds[kind].verification)
            return true;
    return false;
}

bool evidence_reverify(
    const struct identity_rules *rules, struct evidence *evidence, node_kind_fn *kind_of, const void *self)
{
    bool changed = false;
    for (unsigned i = 0; i < evidence->count; i++) {
        const struct kind_rule *rule = &rules->kinds[kind_of(self, evidence->items[i].node)];
        bool verified = rules_verify(rule, evidence->items[i].trusted, evidence->items[i].stated);
        changed |= verified != evidence->items[i].verified;
        evidence->items[i].verified = verified;
    }
    return changed;
}

static unsigned kind_of(const void *self, uint32_t node)
{
    return node_index_kind(self, node);
}

/* A table is not written to while it is scanned. */
static int gather(struct store_txn *txn, uint64_t from, unsigned events, struct buffer *found)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct evidence evidence;
    int error = identity_store_scan_evidence(txn, from, &scan);
    for (unsigned i = 0; !error && i < events && identity_store_next_evidence(txn, scan, &evidence); i++)
        buffer_append(found, &evidence, sizeof(evidence));
    return error ? error : buffer_error(found);
}

static int reverify(struct graph *graph, struct store_txn *txn, struct evidence *evidence)
{
    int error = 0;
    if (evidence_reverify(&graph->rules, evidence, kind_of, graph->index)) {
        identity_store_put_evidence(txn, evidence);
        error = evidence_index_add_again(graph->seen, txn, evidence);
    }
    if (error || evidence->withdrawn || evidence->count < 2)
        return error;
    return withdraw_worth(graph, txn, evidence);
}

int graph_reverify(
    struct graph *graph, struct store_txn *txn, uint64_t from, unsigned events, uint64_t *ret_next)
{
    _cleanup_(buffer_free) struct buffer found = BUFFER_INIT;
    int error = gather(txn, from, events, &found);
    struct evidence *all = (struct evidence *)(void *)found.data;
    size_t count = found.size / sizeof(*all);
    for (size_t i = 0; !error && i < count; i++)
        error = reverify(graph, txn, &all[i]);
    if (!error)
        *ret_next = count < events ? UINT64_MAX : all[count - 1].offset + 1;
    return error ? error : store_error(txn);
}
