/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/withdraw.h"

#include "services/identity/same.h"

#include <string.h>

/* What shows a link, where one event does not any more. */
struct search {
    struct graph *graph;
    struct store_txn *txn;
    uint32_t node, other;
    struct buffer keys; /* of evidence that is worth as much as is looked for, of the two and their digests */
    enum worth worth;
    struct link best;
};

/* -- one piece of evidence -- */

static int item_of(const struct evidence *evidence, uint32_t node)
{
    for (unsigned i = 0; i < evidence->count; i++)
        if (evidence->items[i].node == node)
            return (int)i;
    return -1;
}

/* With the nodes that have the links of those it names, each once. */
static void put_plain(struct graph *graph, struct store_txn *txn, struct evidence *evidence)
{
    unsigned count = 0;
    for (unsigned i = 0; i < evidence->count; i++) {
        uint32_t node = graph_plain(graph, txn, evidence->items[i].node);
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

static void show(struct link *link, const struct evidence *evidence, enum worth worth)
{
    link->has_evidence = true;
    link->verified = worth >= WORTH_VERIFIED;
    link->alias = worth == WORTH_ALIAS;
    link->evidence = evidence->offset;
    link->event_ms = evidence->event_ms;
    link->source = evidence->source;
}

/* -- the next best -- */

static bool is_the_one(void *self, const struct evidence *evidence)
{
    struct search *own = self;
    struct evidence plain = *evidence;
    if (evidence->withdrawn)
        return false;
    put_plain(own->graph, own->txn, &plain);
    int one = item_of(&plain, own->node), other = item_of(&plain, own->other);
    enum worth worth =
        one < 0 || other < 0 ? WORTH_NOTHING : evidence_worth(&plain, (unsigned)one, (unsigned)other);
    if (worth >= own->worth)
        show(&own->best, evidence, worth);
    return worth >= own->worth;
}

/* The node, and its digests: events may have borne these. */
static int gather_forms(struct search *own, uint32_t node, struct buffer *forms)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = 0;
    uint32_t other;
    buffer_append(forms, &node, sizeof(node));
    const struct kind *kind = kind_numbered(own->graph->kinds, node_index_kind(own->graph->index, node));
    if (kind && (kind->form == FORM_PHONE || kind->form == FORM_EMAIL))
        error = identity_store_scan_neighbours(own->txn, node, &scan);
    while (!error && scan && identity_store_next_neighbour(scan, &other))
        if (node_index_flags(own->graph->index, other) & NODE_SAME)
            buffer_append(forms, &other, sizeof(other));
    if (!error)
        error = buffer_error(forms);
    return error ? error : store_error(own->txn);
}

static void put_keys(struct search *own, const struct buffer *ones, const struct buffer *others)
{
    const uint32_t *left = (const uint32_t *)(const void *)ones->data;
    const uint32_t *right = (const uint32_t *)(const void *)others->data;
    buffer_clear(&own->keys);
    for (size_t i = 0; i < ones->size / sizeof(*left); i++)
        for (size_t k = 0; k < others->size / sizeof(*right); k++) {
            uint64_t key = evidence_key(left[i], right[k], own->worth);
            buffer_append(&own->keys, &key, sizeof(key));
        }
}

static uint64_t first_of(const struct search *own)
{
    struct node_row node, other;
    if (!identity_store_node(own->txn, own->node, &node) ||
        !identity_store_node(own->txn, own->other, &other))
        return 0;
    return node.evidence > other.evidence ? node.evidence : other.evidence;
}

/* Nothing was better than `former`: what is worth as much came later, what is worth less at any time. */
static int find_best(struct search *own, const struct link *former)
{
    _cleanup_(buffer_free) struct buffer ones = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer others = BUFFER_INIT;
    int error = gather_forms(own, own->node, &ones);
    if (!error)
        error = gather_forms(own, own->other, &others);
    uint64_t from = former->evidence + 1;
    for (own->worth = link_worth(former); !error && own->worth && !own->best.has_evidence; own->worth--) {
        put_keys(own, &ones, &others);
        error = buffer_error(&own->keys);
        if (!error)
            error = evidence_index_search(own->graph->seen, own->txn,
                (const uint64_t *)(const void *)own->keys.data, own->keys.size / sizeof(uint64_t), from,
                is_the_one, own);
        from = first_of(own);
    }
    return error;
}

/* -- one pair -- */

static int put_pair(struct search *own, const struct link *link, bool there)
{
    uint32_t low = own->node < own->other ? own->node : own->other;
    node_index_unlink(own->graph->index, own->node, own->other);
    if (link->has_evidence || link->joined || link->cut || link->apart)
        identity_store_put_link(own->txn, own->node, own->other, link, !there);
    else
        identity_store_delete_link(own->txn, own->node, own->other);
    if (!link->has_evidence && identity_store_delete_conflict(own->txn, low, own->node + own->other - low))
        own->graph->counters.conflicts--;
    return store_error(own->txn);
}

/* It was what the link was shown by. */
static int take_back(struct search *own, struct link *link)
{
    int error = find_best(own, link);
    own->best.joined = link->joined;
    own->best.cut = link->cut;
    own->best.apart = link->apart;
    return error ? error : put_pair(own, &own->best, true);
}

static int look_at_pair(struct search *own, const struct evidence *evidence, enum worth worth)
{
    struct link link = {0};
    bool there = identity_store_link(own->txn, own->node, own->other, &link);
    if (evidence->withdrawn)
        return link.has_evidence && link.evidence == evidence->offset ? take_back(own, &link)
                                                                      : store_error(own->txn);
    enum worth present = link_worth(&link);
    if (worth < present || (worth == present && evidence->offset >= link.evidence))
        return store_error(own->txn);
    show(&link, evidence, worth);
    return put_pair(own, &link, there);
}

static int look_at_pairs(struct search *own, const struct evidence *evidence)
{
    int error = 0;
    for (unsigned i = 0; !error && i < evidence->count; i++)
        for (unsigned k = 0; !error && k < i; k++) {
            own->node = evidence->items[i].node;
            own->other = evidence->items[k].node;
            own->best = (struct link){0};
            error = look_at_pair(own, evidence, evidence_worth(evidence, i, k));
        }
    return error;
}

/* Whether they are busy follows from the links, of which some may have said that two accounts are one. */
static int watch(struct graph *graph, struct store_txn *txn, const struct evidence *evidence)
{
    int error = 0;
    bool alias = false;
    for (unsigned i = 0; i < evidence->count; i++)
        alias |= evidence->items[i].alias;
    for (unsigned i = 0; !error && i < evidence->count; i++) {
        error = graph_watch(graph, txn, evidence->items[i].node);
        if (!error && alias)
            error = graph_watch_owned(graph, txn, evidence->items[i].node);
    }
    return error;
}

int withdraw(struct graph *graph, struct store_txn *txn, uint64_t offset, bool withdrawn)
{
    struct search search = {.graph = graph, .txn = txn};
    struct evidence evidence;
    if (!identity_store_evidence(txn, offset, &evidence))
        return store_error(txn) ? store_error(txn) : -QY_ENOTFOUND;
    evidence.withdrawn = withdrawn;
    identity_store_put_evidence(txn, &evidence);
    put_plain(graph, txn, &evidence);
    int error = look_at_pairs(&search, &evidence);
    buffer_free(&search.keys);
    if (!error)
        error = watch(graph, txn, &evidence);
    return error ? error : store_error(txn);
}
