/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/withdraw.h"

#include "services/identity/span.h"
#include "services/identity/withdraw_name.h"

#include <string.h>

#define PAIRS_MAX (IDENTIFIERS_MAX * (IDENTIFIERS_MAX - 1) / 2)

/* A link that was shown by the event. */
struct pair {
    unsigned one, other; /* items of the event */
    struct link former, best;
    uint64_t from; /* what is looked for came then, or later */
};

/* What shows the links, where the event does not any more. */
struct search {
    struct graph *graph;
    struct store_txn *txn;
    const struct evidence *event;
    struct buffer forms
        [IDENTIFIERS_MAX]; /* of each item its node and that one's digests: events may have borne these */
    struct pair pairs[PAIRS_MAX];
    unsigned count;
    enum worth worth; /* of what is looked for */
    unsigned missing; /* pairs of which none was found so far */
    struct buffer keys;
};

/* -- one piece of evidence -- */

static int item_of(const struct evidence *evidence, uint32_t node)
{
    for (unsigned i = 0; i < evidence->count; i++)
        if (evidence->items[i].node == node)
            return (int)i;
    return -1;
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

static bool carries(const struct evidence *evidence, const struct buffer *forms)
{
    const uint32_t *nodes = (const uint32_t *)(const void *)forms->data;
    for (size_t i = 0; i < forms->size / sizeof(*nodes); i++)
        if (item_of(evidence, nodes[i]) >= 0)
            return true;
    return false;
}

static bool carries_two(const struct search *own, const struct evidence *evidence)
{
    unsigned count = 0;
    for (unsigned i = 0; count < 2 && i < own->event->count; i++)
        count += carries(evidence, &own->forms[i]);
    return count == 2;
}

/* Whether something worth as much as is looked for may show it. */
static bool is_missing(const struct search *own, const struct pair *pair)
{
    return !pair->best.has_evidence && link_worth(&pair->former) >= own->worth;
}

static void look_at(struct search *own, struct pair *pair, const struct evidence *evidence)
{
    int one = item_of(evidence, own->event->items[pair->one].node);
    int other = item_of(evidence, own->event->items[pair->other].node);
    if (one < 0 || other < 0 || evidence->offset < pair->from)
        return;
    enum worth worth = evidence_worth(evidence, (unsigned)one, (unsigned)other);
    if (worth < own->worth)
        return;
    show(&pair->best, evidence, worth);
    own->missing--;
}

static bool is_enough(void *self, const struct evidence *evidence)
{
    struct search *own = self;
    if (evidence->withdrawn || !carries_two(own, evidence))
        return false;
    struct evidence plain = *evidence;
    evidence_put_carried(own->graph, own->txn, &plain);
    for (unsigned i = 0; i < own->count; i++)
        if (is_missing(own, &own->pairs[i]))
            look_at(own, &own->pairs[i], &plain);
    return own->missing == 0;
}

static void put_keys(struct search *own, const struct pair *pair)
{
    const struct buffer *ones = &own->forms[pair->one], *others = &own->forms[pair->other];
    const uint32_t *left = (const uint32_t *)(const void *)ones->data;
    const uint32_t *right = (const uint32_t *)(const void *)others->data;
    for (size_t i = 0; i < ones->size / sizeof(*left); i++)
        for (size_t k = 0; k < others->size / sizeof(*right); k++) {
            uint64_t key = evidence_key(left[i], right[k], own->worth);
            buffer_append(&own->keys, &key, sizeof(key));
        }
}

static uint64_t first_of(const struct search *own, const struct pair *pair)
{
    struct node_row one, other;
    if (!identity_store_node(own->txn, own->event->items[pair->one].node, &one) ||
        !identity_store_node(own->txn, own->event->items[pair->other].node, &other))
        return 0;
    return one.evidence > other.evidence ? one.evidence : other.evidence;
}

/* Nothing was better than what showed a link before: what is worth as much came later, what is worth less at any time. */
static int find_worth(struct search *own)
{
    uint64_t from = UINT64_MAX;
    own->missing = 0;
    buffer_clear(&own->keys);
    for (unsigned i = 0; i < own->count; i++) {
        struct pair *pair = &own->pairs[i];
        if (!is_missing(own, pair))
            continue;
        bool same = link_worth(&pair->former) == own->worth;
        pair->from = same ? own->event->offset + 1 : first_of(own, pair);
        from = pair->from < from ? pair->from : from;
        put_keys(own, pair);
        own->missing++;
    }
    if (buffer_error(&own->keys))
        return buffer_error(&own->keys);
    return own->missing == 0 ? store_error(own->txn)
                             : evidence_index_search(own->graph->seen, own->txn,
                                   (const uint64_t *)(const void *)own->keys.data,
                                   own->keys.size / sizeof(uint64_t), from, is_enough, own);
}

static int find_best(struct search *own)
{
    int error = 0;
    for (unsigned i = 0; !error && own->count > 0 && i < own->event->count; i++)
        error = withdraw_forms(own->graph, own->txn, own->event->items[i].node, &own->forms[i]);
    for (own->worth = WORTH_ALIAS; !error && own->worth > WORTH_NOTHING; own->worth--)
        error = find_worth(own);
    return error;
}

/* -- the links -- */

static int put_link(struct search *own, const struct pair *pair, const struct link *link, bool there)
{
    uint32_t one = own->event->items[pair->one].node, other = own->event->items[pair->other].node;
    uint32_t low = one < other ? one : other, high = one < other ? other : one;
    node_index_unlink(own->graph->index, low, high);
    if (link->has_evidence || link->joined || link->cut || link->apart)
        identity_store_put_link(own->txn, low, high, link, !there);
    else
        identity_store_delete_link(own->txn, low, high);
    if (!link->has_evidence && identity_store_delete_conflict(own->txn, low, high))
        own->graph->counters.conflicts--;
    return store_error(own->txn);
}

/* It counts again: where nothing better does. */
static int give_back(struct search *own, struct pair *pair, bool there)
{
    enum worth worth = evidence_worth(own->event, pair->one, pair->other),
               present = link_worth(&pair->former);
    if (worth < present || (worth == present && own->event->offset >= pair->former.evidence))
        return store_error(own->txn);
    show(&pair->former, own->event, worth);
    return put_link(own, pair, &pair->former, there);
}

/* The links that the event shows are kept, to be shown by others; or it shows those that it may. */
static int look_at_pair(struct search *own, unsigned one, unsigned other)
{
    struct pair *pair = &own->pairs[own->count];
    *pair = (struct pair){.one = one, .other = other};
    bool there = identity_store_link(
        own->txn, own->event->items[one].node, own->event->items[other].node, &pair->former);
    if (!own->event->withdrawn)
        return give_back(own, pair, there);
    own->count += pair->former.has_evidence && pair->former.evidence == own->event->offset;
    return store_error(own->txn);
}

static int put_best(struct search *own, struct pair *pair)
{
    pair->best.joined = pair->former.joined;
    pair->best.cut = pair->former.cut;
    pair->best.apart = pair->former.apart;
    return put_link(own, pair, &pair->best, true);
}

static int look_at_pairs(struct search *own)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->event->count; i++)
        for (unsigned k = 0; !error && k < i; k++)
            error = look_at_pair(own, i, k);
    if (!error)
        error = find_best(own);
    for (unsigned i = 0; !error && i < own->count; i++)
        error = put_best(own, &own->pairs[i]);
    return error;
}

static void search_free(struct search *search)
{
    for (unsigned i = 0; i < IDENTIFIERS_MAX; i++)
        buffer_free(&search->forms[i]);
    buffer_free(&search->keys);
}

/* Whether they are busy follows from the links and the names, as it does for whoever was verified with them. */
static int watch(struct graph *graph, struct store_txn *txn, const struct evidence *evidence)
{
    int error = 0;
    for (unsigned i = 0; !error && i < evidence->count; i++) {
        uint32_t node = evidence->items[i].node;
        error = graph_watch(graph, txn, node);
        if (!error && node_index_flags(graph->index, node) & NODE_VERIFIED)
            error = graph_watch_around(graph, txn, node);
        for (unsigned k = 0; !error && k < evidence->count; k++) {
            unsigned kind = node_index_kind(graph->index, evidence->items[k].node);
            if (graph->rules.kinds[kind].handed_on)
                error = graph_watch_numbers(graph, txn, node, kind);
        }
    }
    return error;
}

int withdraw(struct graph *graph, struct store_txn *txn, uint64_t offset, bool withdrawn)
{
    struct evidence evidence;
    _cleanup_(search_free) struct search search = {.graph = graph, .txn = txn, .event = &evidence};
    if (!identity_store_evidence(txn, offset, &evidence))
        return store_error(txn) ? store_error(txn) : -QY_ENOTFOUND;
    evidence.withdrawn = withdrawn;
    identity_store_put_evidence(txn, &evidence);
    evidence_put_carried(graph, txn, &evidence);
    int error = look_at_pairs(&search);
    if (!error)
        error = withdraw_name(graph, txn, &evidence);
    if (!error)
        error = watch(graph, txn, &evidence);
    return error ? error : store_error(txn);
}

/* -- worth something else -- */

static int set_claimed(struct search *own, const struct pair *pair)
{
    const unsigned items[] = {pair->one, pair->other};
    int error = 0;
    for (size_t i = 0; !error && i < COUNT_OF(items); i++) {
        uint32_t node = own->event->items[items[i]].node;
        unsigned flags = node_index_flags(own->graph->index, node);
        error = graph_set_flags(own->graph, own->txn, node, flags | NODE_CLAIMED);
    }
    return error;
}

static int put_worth(struct search *own, struct pair *pair, enum worth worth)
{
    show(&pair->former, own->event, worth);
    int error = put_link(own, pair, &pair->former, true);
    return error || worth > WORTH_CLAIMED ? error : set_claimed(own, pair);
}

/* What is worth less may be less than what another event shows. Of the first event that can show it nothing came before. */
static int reweigh(struct search *own, unsigned one, unsigned other)
{
    struct pair *pair = &own->pairs[own->count];
    *pair = (struct pair){.one = one, .other = other};
    if (!identity_store_link(
            own->txn, own->event->items[one].node, own->event->items[other].node, &pair->former))
        return store_error(own->txn); /* of an event that was taken back it may be gone */
    enum worth worth = evidence_worth(own->event, one, other);
    bool shows = pair->former.has_evidence && pair->former.evidence == own->event->offset;
    if (!shows)
        return give_back(own, pair, true);
    if (worth == link_worth(&pair->former))
        return store_error(own->txn);
    if (worth > link_worth(&pair->former) || first_of(own, pair) == own->event->offset)
        return put_worth(own, pair, worth);
    own->count++;
    return store_error(own->txn);
}

static int put_best_of(struct search *own, struct pair *pair)
{
    int error = put_best(own, pair);
    return error || pair->best.verified ? error : set_claimed(own, pair);
}

int withdraw_worth(struct graph *graph, struct store_txn *txn, const struct evidence *evidence)
{
    struct evidence event = *evidence;
    _cleanup_(search_free) struct search search = {.graph = graph, .txn = txn, .event = &event};
    int error = 0;
    evidence_put_carried(graph, txn, &event);
    for (unsigned i = 0; !error && i < event.count; i++)
        for (unsigned k = 0; !error && k < i; k++)
            error = reweigh(&search, i, k);
    if (!error)
        error = find_best(&search);
    for (unsigned i = 0; !error && i < search.count; i++)
        error = put_best_of(&search, &search.pairs[i]);
    return error ? error : store_error(txn);
}
