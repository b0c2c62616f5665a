/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/span_evidence.h"

#include "services/identity/node_set.h"
#include "services/identity/span.h"
#include "services/identity/withdraw_name.h"

#include <stdlib.h>
#include <string.h>

#define OWNERS_MAX 64 /* of one value */

/* That an event shows a link, or a name where `other` is 0. */
struct shown {
    uint32_t node, other;
    uint64_t name;
    enum worth worth;
    struct link link;
};

/* One owner. */
struct owner {
    uint32_t node;
    bool verified, claimed;
    bool trusted, stated;
    uint64_t first; /* offset; 0: none */
    int64_t first_ms;
};

struct recomputing {
    struct graph *graph;
    struct store_txn *txn;
    uint32_t first;
    struct owner owners[OWNERS_MAX];
    unsigned count;
    struct node_set others;
    struct buffer keys, shown;
    uint64_t earliest; /* offset of an event that carries the value */
};

/* -- who -- */

static int gather_owners(struct recomputing *own, uint32_t former)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct span span;
    own->owners[own->count++].node = own->first;
    if (former)
        own->owners[own->count++].node = former;
    int error = identity_store_scan_spans(own->txn, own->first, &scan);
    while (!error && identity_store_next_span(own->txn, scan, &span)) {
        if (own->count == OWNERS_MAX)
            return -QY_EFULL;
        own->owners[own->count++].node = span.node;
    }
    return error ? error : store_error(own->txn);
}

static int gather_others(struct recomputing *own)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->count; i++) {
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        uint32_t other;
        error = identity_store_scan_neighbours(own->txn, own->owners[i].node, &scan);
        while (!error && identity_store_next_neighbour(scan, &other))
            if (!(node_index_flags(own->graph->index, other) & NODE_SAME))
                error = node_set_add(&own->others, other);
    }
    return error ? error : store_error(own->txn);
}

static void put_keys(struct recomputing *own, const struct buffer *forms, const struct buffer *others)
{
    const uint32_t *left = (const uint32_t *)(const void *)forms->data;
    const uint32_t *right = (const uint32_t *)(const void *)others->data;
    for (size_t i = 0; i < forms->size / sizeof(*left); i++)
        for (size_t k = 0; k < others->size / sizeof(*right); k++)
            for (enum worth worth = WORTH_CLAIMED; worth <= WORTH_ALIAS; worth++) {
                uint64_t key = evidence_key(left[i], right[k], worth);
                buffer_append(&own->keys, &key, sizeof(key));
            }
}

static int gather_keys(struct recomputing *own)
{
    _cleanup_(buffer_free) struct buffer forms = BUFFER_INIT, others = BUFFER_INIT;
    int error = withdraw_forms(own->graph, own->txn, own->first, &forms);
    for (size_t at = 0; !error && at < forms.size; at += sizeof(uint32_t)) {
        uint32_t node;
        memcpy(&node, forms.data + at, sizeof(node));
        uint64_t key = evidence_single_key(node);
        buffer_append(&own->keys, &key, sizeof(key));
    }
    for (size_t i = 0; !error && i < node_set_count(&own->others); i++) {
        buffer_clear(&others);
        error = withdraw_forms(own->graph, own->txn, node_set_items(&own->others)[i], &others);
        if (!error)
            put_keys(own, &forms, &others);
    }
    return error ? error : buffer_error(&own->keys);
}

/* -- what the events show -- */

static struct owner *owner_of(struct recomputing *own, uint32_t node)
{
    for (unsigned i = 0; i < own->count; i++)
        if (own->owners[i].node == node)
            return &own->owners[i];
    return NULL;
}

static void put_shown(
    struct recomputing *own, const struct evidence *evidence, unsigned item, struct owner *owner)
{
    struct shown shown = {.node = owner->node, .name = evidence->name};
    shown.link = (struct link){.has_evidence = true,
        .evidence = evidence->offset,
        .event_ms = evidence->event_ms,
        .source = evidence->source};
    if (shown.name)
        buffer_append(&own->shown, &shown, sizeof(shown));
    shown.name = 0;
    for (unsigned i = 0; i < evidence->count; i++) {
        if (i == item)
            continue;
        shown.other = evidence->items[i].node;
        shown.worth = evidence_worth(evidence, item, i);
        shown.link.verified = shown.worth >= WORTH_VERIFIED;
        shown.link.alias = shown.worth == WORTH_ALIAS;
        owner->claimed |= !shown.link.verified;
        buffer_append(&own->shown, &shown, sizeof(shown));
    }
}

static bool take_event(void *self, const struct evidence *raw)
{
    struct recomputing *own = self;
    struct evidence evidence = *raw;
    evidence_put_carried(own->graph, own->txn, &evidence);
    for (unsigned i = 0; i < evidence.count; i++) {
        struct owner *owner = owner_of(own, evidence.items[i].node);
        if (!owner)
            continue;
        if (!own->earliest)
            own->earliest = evidence.offset;
        if (!owner->first) {
            owner->first = evidence.offset;
            owner->first_ms = evidence.event_ms;
        }
        owner->verified |= evidence.items[i].verified;
        owner->trusted |= evidence.items[i].trusted;
        owner->stated |= evidence.items[i].stated;
        if (!evidence.withdrawn)
            put_shown(own, &evidence, i, owner);
    }
    return false;
}

#define COMPARE(one, other)                                                                                  \
    if ((one) != (other))                                                                                    \
    return (one) < (other) ? -1 : 1

static int compare_shown(const void *left, const void *right)
{
    const struct shown *one = left, *other = right;
    COMPARE(one->node, other->node);
    COMPARE(one->other, other->other);
    COMPARE(one->name, other->name);
    COMPARE(other->worth, one->worth);
    COMPARE(one->link.evidence, other->link.evidence);
    return 0;
}

static const struct shown *find_shown(
    const struct recomputing *own, uint32_t node, uint32_t other, uint64_t name)
{
    const struct shown *all = (const struct shown *)(const void *)own->shown.data;
    size_t low = 0, high = own->shown.size / sizeof(*all);
    const struct shown least = {.node = node, .other = other, .name = name, .worth = WORTH_ALIAS};
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_shown(&all[middle], &least) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < own->shown.size / sizeof(*all) && all[low].node == node && all[low].other == other &&
                 all[low].name == name;
    return found ? &all[low] : NULL;
}

/* -- links -- */

static int put_link(struct recomputing *own, uint32_t node, uint32_t other)
{
    const struct shown *shown = find_shown(own, node, other, 0);
    uint32_t low = node < other ? node : other, high = node < other ? other : node;
    struct link link = {0};
    bool there = identity_store_link(own->txn, node, other, &link);
    if (!there && !shown)
        return store_error(own->txn);
    struct link fresh = shown ? shown->link : (struct link){.event_ms = 0};
    fresh.same = link.same;
    fresh.joined = link.joined;
    fresh.cut = link.cut;
    fresh.apart = link.apart;
    node_index_unlink(own->graph->index, node, other);
    if (fresh.has_evidence || fresh.same || fresh.joined || fresh.cut || fresh.apart)
        identity_store_put_link(own->txn, node, other, &fresh, !there);
    else
        identity_store_delete_link(own->txn, node, other);
    if (!fresh.has_evidence && identity_store_delete_conflict(own->txn, low, high))
        own->graph->counters.conflicts--;
    return store_error(own->txn);
}

static int put_links(struct recomputing *own)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->count; i++)
        for (size_t k = 0; !error && k < node_set_count(&own->others); k++)
            error = put_link(own, own->owners[i].node, node_set_items(&own->others)[k]);
    return error;
}

/* -- names -- */

static int put_name(
    struct recomputing *own, const struct owner *owner, const struct name_row *known, const struct text *text)
{
    const struct shown *shown = find_shown(own, owner->node, 0, known->name);
    struct name_row row;
    bool there = identity_store_name(own->txn, owner->node, known->name, &row);
    if (!there && !shown)
        return store_error(own->txn);
    if (!there)
        row = (struct name_row){.name = known->name};
    row.withdrawn = !shown && !row.lasting;
    row.evidence = shown ? shown->link.evidence : row.evidence;
    if (!there)
        return name_keep(own->graph->vault, own->txn, owner->node, text, &row);
    identity_store_set_name(own->txn, owner->node, &row);
    return store_error(own->txn);
}

/* All names of the value are kept with its first node and with whoever had it, whether or not they count there. */
static int put_names(struct recomputing *own)
{
    struct name_rows rows;
    int error = 0;
    name_memo_clear(own->graph->memo);
    for (unsigned i = 0; !error && i < own->count; i++) {
        error = name_rows_read(own->graph->vault, own->txn, own->owners[i].node, &rows);
        for (unsigned k = 0; !error && k < rows.count; k++)
            for (unsigned o = 0; !error && o < own->count; o++)
                error = put_name(own, &own->owners[o], &rows.rows[k], &rows.texts[k]);
        name_rows_wipe(&rows);
    }
    return error;
}

/* -- the rest -- */

/* Whether some event shows that it was verified, or by whom it was sent: else one did that was taken back, of the first owner. */
static bool is_explained(const struct recomputing *own)
{
    bool told = false;
    for (unsigned i = 0; i < own->count; i++)
        told |= own->owners[i].verified || own->owners[i].trusted;
    return told;
}

static unsigned facts_of(const struct owner *owner)
{
    return (owner->verified ? NODE_VERIFIED : 0u) | (owner->trusted ? NODE_TRUSTED : 0u) |
           (owner->trusted && owner->stated ? NODE_STATED : 0u);
}

static int put_owner(struct recomputing *own, const struct owner *owner)
{
    unsigned flags = node_index_flags(own->graph->index, owner->node);
    if (is_explained(own))
        flags &= ~(unsigned)(NODE_VERIFIED | NODE_TRUSTED | NODE_STATED);
    if (owner->node != own->first && owner->first)
        identity_store_set_first(own->txn, owner->node, owner->first, owner->first_ms);
    return graph_set_flags(
        own->graph, own->txn, owner->node, flags | facts_of(owner) | (owner->claimed ? NODE_CLAIMED : 0));
}

static int watch_other(struct recomputing *own, uint32_t other)
{
    struct graph *graph = own->graph;
    unsigned kind = node_index_kind(graph->index, own->first);
    int error = graph_watch(graph, own->txn, other);
    if (!error && node_index_flags(graph->index, other) & NODE_VERIFIED)
        error = graph_watch_around(graph, own->txn, other);
    bool numbers = graph->rules.kinds[kind].handed_on;
    return error || !numbers ? error : graph_watch_numbers(graph, own->txn, other, kind);
}

static int watch(struct recomputing *own)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->count; i++) {
        error = graph_watch(own->graph, own->txn, own->owners[i].node);
        if (!error)
            error = graph_watch_around(own->graph, own->txn, own->owners[i].node);
    }
    for (size_t i = 0; !error && i < node_set_count(&own->others); i++)
        error = watch_other(own, node_set_items(&own->others)[i]);
    return error;
}

static int solve(struct recomputing *own, struct batch *batch, const struct cause *cause)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->count; i++)
        error = node_set_add(&own->others, own->owners[i].node);
    return error ? error
                 : graph_solve(
                       own->graph, batch, node_set_items(&own->others), node_set_count(&own->others), cause);
}

static int read_evidence(struct recomputing *own)
{
    struct node_row row;
    if (!identity_store_node(own->txn, own->first, &row))
        return store_fail(own->txn, -QY_ECORRUPT);
    int error = gather_keys(own);
    if (!error)
        error =
            evidence_index_search(own->graph->seen, own->txn, (const uint64_t *)(const void *)own->keys.data,
                own->keys.size / sizeof(uint64_t), row.evidence, take_event, own);
    if (!error)
        error = buffer_error(&own->shown);
    if (!error && own->shown.size > 0)
        qsort(own->shown.data, own->shown.size / sizeof(struct shown), sizeof(struct shown), compare_shown);
    return error;
}

static int recompute(struct recomputing *own, uint32_t former)
{
    int error = gather_owners(own, former);
    if (!error)
        error = gather_others(own);
    if (!error)
        error = read_evidence(own);
    if (!error)
        error = put_links(own);
    if (!error)
        error = put_names(own);
    for (unsigned i = 0; !error && i < own->count; i++)
        error = put_owner(own, &own->owners[i]);
    return error ? error : watch(own);
}

int span_recompute(
    struct graph *graph, struct batch *batch, uint32_t first, uint32_t former, const struct cause *cause)
{
    struct recomputing own = {.graph = graph, .txn = batch->txn, .first = first};
    int error = recompute(&own, former);
    if (!error)
        error = solve(&own, batch, cause);
    if (!error && own.earliest)
        graph_reattribute(graph, batch->txn, own.earliest);
    node_set_free(&own.others);
    buffer_free(&own.keys);
    buffer_free(&own.shown);
    return error ? error : store_error(batch->txn);
}
