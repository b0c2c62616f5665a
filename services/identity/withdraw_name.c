/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/withdraw_name.h"

#include "services/identity/span.h"

/* Whether digests of its kind are in use at all. */
static bool may_have_digests(const struct graph *graph, uint32_t node)
{
    const struct kind *kind = kind_numbered(graph->kinds, node_index_kind(graph->index, node));
    return kind && (digest_index_is_stale(graph->digests) || digest_index_wants(graph->digests, kind));
}

int withdraw_forms(struct graph *graph, struct store_txn *txn, uint32_t node, struct buffer *forms)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = 0;
    uint32_t other;
    if (node_index_flags(graph->index, node) & NODE_LATER)
        node = identity_store_first(txn, node);
    buffer_append(forms, &node, sizeof(node));
    if (may_have_digests(graph, node) || node_index_flags(graph->index, node) & NODE_SPANNED)
        error = identity_store_scan_neighbours(txn, node, &scan);
    while (!error && scan && identity_store_next_neighbour(scan, &other))
        if (node_index_flags(graph->index, other) & NODE_SAME)
            buffer_append(forms, &other, sizeof(other));
    if (!error)
        error = buffer_error(forms);
    return error ? error : store_error(txn);
}

/* The next event that states the name with the node. */
struct search {
    struct graph *graph;
    struct store_txn *txn;
    uint32_t node;
    uint64_t name;
    uint64_t found; /* offset */
};

static bool states(void *self, const struct evidence *evidence)
{
    struct search *own = self;
    bool carried = false;
    for (unsigned i = 0; evidence->name == own->name && i < evidence->count; i++)
        carried |=
            graph_carried(own->graph, own->txn, evidence->items[i].node, evidence->event_ms) == own->node;
    if (evidence->withdrawn || !carried)
        return false;
    own->found = evidence->offset;
    return true;
}

static int find_next(struct search *own, uint64_t from, bool *ret_found)
{
    _cleanup_(buffer_free) struct buffer forms = BUFFER_INIT, keys = BUFFER_INIT;
    int error = withdraw_forms(own->graph, own->txn, own->node, &forms);
    const uint32_t *nodes = (const uint32_t *)(const void *)forms.data;
    for (size_t i = 0; i < forms.size / sizeof(*nodes); i++) {
        uint64_t key = evidence_name_key(nodes[i], own->name);
        buffer_append(&keys, &key, sizeof(key));
    }
    if (!error)
        error = buffer_error(&keys);
    own->found = 0;
    if (!error)
        error = evidence_index_search(own->graph->seen, own->txn, (const uint64_t *)(const void *)keys.data,
            keys.size / sizeof(uint64_t), from, states, own);
    *ret_found = own->found;
    return error;
}

/* Nothing states it before the event that is kept. */
static int take_back(struct graph *graph, struct store_txn *txn, uint32_t node, struct name_row *row)
{
    struct search own = {.graph = graph, .txn = txn, .node = node, .name = row->name};
    bool found;
    int error = find_next(&own, row->evidence + 1, &found);
    if (error)
        return error;
    row->withdrawn = !found;
    row->evidence = found ? own.found : row->evidence;
    identity_store_set_name(txn, node, row);
    return store_error(txn);
}

static int give_back(struct store_txn *txn, uint32_t node, struct name_row *row, uint64_t evidence)
{
    if (!row->withdrawn && row->evidence < evidence)
        return store_error(txn);
    row->withdrawn = false;
    row->evidence = evidence;
    identity_store_set_name(txn, node, row);
    return store_error(txn);
}

int withdraw_name(struct graph *graph, struct store_txn *txn, const struct evidence *evidence)
{
    struct name_row row;
    int error = 0;
    name_memo_clear(graph->memo);
    for (unsigned i = 0; !error && evidence->name && i < evidence->count; i++) {
        uint32_t node = evidence->items[i].node;
        if (!identity_store_name(txn, node, evidence->name, &row))
            continue; /* it had too many */
        if (!evidence->withdrawn)
            error = give_back(txn, node, &row, evidence->offset);
        else if (!row.lasting && !row.withdrawn && row.evidence == evidence->offset)
            error = take_back(graph, txn, node, &row);
    }
    return error ? error : store_error(txn);
}
