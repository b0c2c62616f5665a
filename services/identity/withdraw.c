/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/withdraw.h"

#include "services/identity/same.h"

#include <string.h>

#define PAIRS_MAX (IDENTIFIERS_MAX * (IDENTIFIERS_MAX - 1) / 2)

struct pair {
    uint32_t node, other;
    struct link best;
};

struct search {
    struct graph *graph;
    struct pair pairs[PAIRS_MAX];
    unsigned count;
    unsigned settled; /* pairs that have verified evidence: later events cannot better it */
    uint64_t from;
};

static int item_of(const struct evidence *evidence, uint32_t node)
{
    for (unsigned i = 0; i < evidence->count; i++)
        if (evidence->items[i].node == node)
            return (int)i;
    return -1;
}

/* The first verified evidence is the best, else the first claimed. */
static void look_at(struct search *own, const struct evidence *evidence)
{
    for (unsigned i = 0; i < own->count; i++) {
        struct pair *pair = &own->pairs[i];
        int one = pair->best.verified ? -1 : item_of(evidence, pair->node);
        int other = one < 0 ? -1 : item_of(evidence, pair->other);
        if (other < 0)
            continue;
        bool verified = evidence->items[one].verified && evidence->items[other].verified;
        if (pair->best.has_evidence && !verified)
            continue;
        pair->best.has_evidence = true;
        pair->best.verified = verified;
        pair->best.alias = verified && own->graph->kinds->user_id &&
                           (evidence->items[one].alias || evidence->items[other].alias);
        pair->best.evidence = evidence->offset;
        pair->best.event_ms = evidence->event_ms;
        pair->best.source = evidence->source;
        own->settled += verified;
    }
}

/* With the nodes that have the links of those it names, each once. */
static void put_plain(struct search *own, struct store_txn *txn, struct evidence *evidence)
{
    unsigned count = 0;
    for (unsigned i = 0; i < evidence->count; i++) {
        uint32_t node = graph_plain(own->graph, txn, evidence->items[i].node);
        unsigned place = 0;
        while (place < count && evidence->items[place].node != node)
            place++;
        if (place < count) {
            evidence->items[place].verified |= evidence->items[i].verified;
            continue;
        }
        evidence->items[count] = evidence->items[i];
        evidence->items[count++].node = node;
    }
    evidence->count = count;
}

static int find_best(struct search *own, struct store_txn *txn)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_evidence(txn, own->from, &scan);
    struct evidence evidence;
    while (!error && own->settled < own->count && identity_store_next_evidence(txn, scan, &evidence))
        if (!evidence.withdrawn) {
            put_plain(own, txn, &evidence);
            look_at(own, &evidence);
        }
    return error ? error : store_error(txn);
}

static void make_pairs(struct search *own, struct store_txn *txn, const struct evidence *evidence)
{
    struct node_row row;
    own->from = evidence->offset;
    for (unsigned i = 0; i < evidence->count; i++) {
        if (identity_store_node(txn, evidence->items[i].node, &row) && row.evidence < own->from)
            own->from = row.evidence;
        for (unsigned k = 0; k < i; k++)
            own->pairs[own->count++] =
                (struct pair){.node = evidence->items[i].node, .other = evidence->items[k].node};
    }
}

static int put_pair(struct search *own, struct store_txn *txn, const struct pair *pair)
{
    struct link link = {0}, fresh = pair->best;
    bool there = identity_store_link(txn, pair->node, pair->other, &link);
    fresh.joined = link.joined;
    fresh.cut = link.cut;
    fresh.apart = link.apart;
    node_index_unlink(own->graph->index, pair->node, pair->other);
    if (fresh.has_evidence || fresh.joined || fresh.cut || fresh.apart)
        identity_store_put_link(txn, pair->node, pair->other, &fresh, !there);
    else
        identity_store_delete_link(txn, pair->node, pair->other);
    uint32_t low = pair->node < pair->other ? pair->node : pair->other;
    if (!fresh.has_evidence && identity_store_delete_conflict(txn, low, pair->node + pair->other - low))
        own->graph->counters.conflicts--;
    return store_error(txn);
}

/* Whether they are busy follows from the links, of which some may have said that two accounts are one. */
static int watch(struct search *own, struct store_txn *txn, const struct evidence *evidence)
{
    int error = 0;
    bool alias = false;
    for (unsigned i = 0; i < evidence->count; i++)
        alias |= evidence->items[i].alias;
    for (unsigned i = 0; !error && i < evidence->count; i++) {
        error = graph_watch(own->graph, txn, evidence->items[i].node);
        if (!error && alias)
            error = graph_watch_owned(own->graph, txn, evidence->items[i].node);
    }
    return error;
}

int withdraw(struct graph *graph, struct store_txn *txn, uint64_t offset, bool withdrawn)
{
    struct search search = {.graph = graph};
    struct evidence evidence;
    if (!identity_store_evidence(txn, offset, &evidence))
        return store_error(txn) ? store_error(txn) : -QY_ENOTFOUND;
    evidence.withdrawn = withdrawn;
    identity_store_put_evidence(txn, &evidence);
    put_plain(&search, txn, &evidence);
    make_pairs(&search, txn, &evidence);
    int error = find_best(&search, txn);
    for (unsigned i = 0; !error && i < search.count; i++)
        error = put_pair(&search, txn, &search.pairs[i]);
    if (!error)
        error = watch(&search, txn, &evidence);
    return error ? error : store_error(txn);
}
