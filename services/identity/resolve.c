/* SPDX-License-Identifier: Apache-2.0 */
/* What one event changes of who is who. */
#include "services/identity/resolve_internal.h"

/* In the order of their numbers. */
static int store_new_nodes(struct resolving *own)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->count; i++)
        if (own->found[i].is_new)
            error = found_store(own, &own->found[i]);
    return error;
}

/* -- parties -- */

/* Parties that became one have the same number. */
struct person_group *resolving_party(struct resolving *own, const struct found *found)
{
    for (unsigned i = 0; i < own->party_count; i++)
        if (own->parties[i].person == found->person)
            return &own->parties[i];
    return NULL;
}

static int gather_parties(struct resolving *own)
{
    for (unsigned i = 0; i < own->count; i++) {
        const struct found *found = &own->found[i];
        struct person_group *party = &own->parties[own->party_count];
        if (resolving_party(own, found))
            continue;
        if (!found->is_new && !groups_find(own->graph->groups, own->batch->txn, found->person, party))
            return store_error(own->batch->txn);
        if (found->is_new) {
            *party = (struct person_group){.person = found->person, .flags = found_flags(own, found)};
            group_add(&party->group, found->kind->number, found->verified);
        }
        own->party_count++;
    }
    return 0;
}

/* What is new of persons that others look at. */
static void keep_parties(struct resolving *own)
{
    for (unsigned i = 0; i < own->party_count; i++)
        if (own->parties[i].person)
            groups_put(own->graph->groups, &own->parties[i]);
}

static int gather_members(struct graph *graph, struct store_txn *txn, uint32_t person)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, person, &scan);
    if (error)
        return error;
    uint32_t node;
    buffer_clear(&graph->moved);
    while (identity_store_next_member(scan, &node))
        buffer_append(&graph->moved, &node, sizeof(node));
    return buffer_error(&graph->moved);
}

static int move_all(struct resolving *own, uint32_t from, uint32_t to)
{
    struct graph *graph = own->graph;
    int error = gather_members(graph, own->batch->txn, from);
    size_t count = graph->moved.size / sizeof(uint32_t);
    if (error || count == 0)
        return error;
    const struct cause cause = {.evidence = own->sighting->evidence};
    own->moved = true;
    graph->counters.joins++;
    return graph_move(
        graph, own->batch, (const uint32_t *)(const void *)graph->moved.data, count, from, to, &cause);
}

/* The lower number stays. */
static void unite(struct resolving *own, struct person_group *one, struct person_group *other)
{
    struct person_group *stays = one->person < other->person ? one : other;
    struct person_group *goes = stays == one ? other : one;
    uint32_t from = goes->person;
    group_merge(&stays->group, &goes->group);
    stays->flags |= goes->flags;
    goes->person = 0;
    for (unsigned i = 0; i < own->count; i++)
        if (own->found[i].person == from)
            own->found[i].person = stays->person;
    for (unsigned i = 0; i < own->union_count; i++)
        if (own->unions[i].to == from)
            own->unions[i].to = stays->person;
    own->unions[own->union_count].from = from;
    own->unions[own->union_count++].to = stays->person;
}

/* What is in the store already moves. */
static int follow_unions(struct resolving *own)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->union_count; i++) {
        own->graph->counters.persons--;
        groups_drop(own->graph->groups, own->unions[i].from);
        error = move_all(own, own->unions[i].from, own->unions[i].to);
    }
    return error;
}

/* All is to be solved anew: nobody is joined, for whom that might part again. */
static void forget_unions(struct resolving *own)
{
    for (unsigned i = 0; i < own->count; i++)
        if (own->found[i].is_new)
            own->found[i].person = own->found[i].node;
    own->union_count = 0;
}

/* -- links -- */

static int add_flag(struct resolving *own, const struct found *found, unsigned flags)
{
    return resolving_set_flags(own, found, found_flags(own, found) | flags);
}

static int refuse(
    struct resolving *own, const struct found *one, const struct found *other, struct verdict verdict)
{
    graph_note_conflict(own->graph, own->batch, one->node, other->node, verdict, own->sighting->evidence);
    int error = add_flag(own, one, NODE_REFUSED);
    return error ? error : add_flag(own, other, NODE_REFUSED);
}

static bool windows_matter(
    const struct resolving *own, const struct person_group *one, const struct person_group *other)
{
    for (unsigned kind = 1; kind <= KINDS_MAX; kind++)
        if (one->group.counts[kind] && other->group.counts[kind] &&
            rules_has_window(&own->graph->rules.kinds[kind]))
            return true;
    return false;
}

/* A claimed link counts after all others, so what holds now decides it. A verified one comes before all claimed ones: it is as
 * good as the last where nothing was refused so far, and nothing is now or would have been. */
static int consider(
    struct resolving *own, const struct found *one, const struct found *other, const struct link *link)
{
    struct person_group *left = resolving_party(own, one), *right = resolving_party(own, other);
    unsigned flags = left->flags | right->flags;
    enum rank rank = link->verified ? RANK_VERIFIED : RANK_CLAIMED;
    bool again = link->verified && flags & NODE_REFUSED;
    if (left == right || again) {
        own->unsettled |= again;
        return 0;
    }
    if (flags & NODE_DECIDED || windows_matter(own, left, right)) {
        own->unsettled = true;
        return 0;
    }
    unsigned alias_kind = link->alias ? own->graph->kinds->user_id->number : 0;
    struct verdict verdict =
        admission_check(&own->graph->rules, &left->group, &right->group, rank, alias_kind);
    struct group both = left->group;
    group_merge(&both, &right->group);
    bool pushes_out = flags & NODE_CLAIMED && group_repeats_verified(&both);
    if (rank == RANK_VERIFIED && (verdict.refusal || pushes_out)) {
        own->unsettled = true;
        return 0;
    }
    if (verdict.refusal)
        return refuse(own, one, other, verdict);
    unite(own, left, right);
    return 0;
}

static bool may_join(const struct resolving *own, const struct found *found)
{
    return found_rule(own, found)->joins && !(found_flags(own, found) & NODE_OUT);
}

/* What the event shows of two of its identifiers. */
static enum worth worth_of(const struct found *one, const struct found *other)
{
    if (!one->verified || !other->verified)
        return WORTH_CLAIMED;
    return one->identifier->previous || other->identifier->previous ? WORTH_ALIAS : WORTH_VERIFIED;
}

/* Whether it is remembered that as much is known; of aliases, which are few, nothing is. */
static bool is_remembered(
    const struct resolving *own, const struct found *one, const struct found *other, enum worth worth)
{
    return worth != WORTH_ALIAS &&
           node_index_linked(own->graph->index, one->node, other->node, worth == WORTH_VERIFIED);
}

/* Keeps the link, if the event shows more than was known. */
static int take_link(struct resolving *own, const struct found *one, const struct found *other)
{
    struct graph *graph = own->graph;
    struct store_txn *txn = own->batch->txn;
    enum worth worth = worth_of(one, other);
    if (is_remembered(own, one, other, worth))
        return 0;
    struct link link = {0};
    bool fresh = one->is_new || other->is_new, verified = worth != WORTH_CLAIMED;
    bool there = !fresh && identity_store_link(txn, one->node, other->node, &link);
    enum worth before = link_worth(&link);
    node_index_link(graph->index, one->node, other->node, verified || before >= WORTH_VERIFIED);
    if (before >= worth)
        return 0;
    /* It counts later than it did: what came in between may go before it. */
    own->unsettled |= before == WORTH_VERIFIED;
    link.has_evidence = true;
    link.verified = verified;
    link.alias = worth == WORTH_ALIAS;
    link.evidence = own->sighting->evidence;
    link.event_ms = own->sighting->event_ms;
    link.source = own->sighting->source;
    if (own->all_new)
        graph->links[own->link_count++] = (struct new_link){one->node, other->node, link};
    else
        identity_store_put_link(txn, one->node, other->node, &link, !there);
    int error = resolving_watch_link(own, one, other, before);
    if (!error && link.alias && one->kind == other->kind) {
        own->unsettled = true; /* what was two accounts' may be one's */
        error = graph_watch_around(graph, txn, one->node);
    }
    if (!error && !verified)
        error = add_flag(own, one, NODE_CLAIMED);
    if (!error && !verified)
        error = add_flag(own, other, NODE_CLAIMED);
    if (error || !may_join(own, one) || !may_join(own, other))
        return error;
    return consider(own, one, other, &link);
}

static bool is_stronger(const struct resolving *own, const struct found *one, const struct found *other)
{
    uint8_t strength = found_strength(own, one), others = found_strength(own, other);
    return strength != others ? strength < others : one->node < other->node;
}

static void sort_by_strength(const struct resolving *own, unsigned order[IDENTIFIERS_MAX])
{
    for (unsigned i = 0; i < own->count; i++) {
        unsigned at = i;
        for (; at > 0 && is_stronger(own, &own->found[i], &own->found[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* By rank, then by strength, as component_solve() does. */
static int take_links(struct resolving *own)
{
    unsigned order[IDENTIFIERS_MAX] = {0};
    int error = 0;
    own->all_new = resolving_is_new(own);
    sort_by_strength(own, order);
    for (int claimed = 0; claimed < 2; claimed++)
        for (unsigned i = 0; i < own->count; i++)
            for (unsigned k = i + 1; !error && k < own->count; k++) {
                const struct found *one = &own->found[order[i]], *other = &own->found[order[k]];
                if ((one->verified && other->verified) != claimed)
                    error = take_link(own, one, other);
            }
    if (!error && own->all_new)
        identity_store_add_links(own->batch->txn, own->graph->links, own->link_count);
    return error;
}

/* -- the event as a whole -- */

/* The event shows no more of the two than is known. */
static bool knows_link(const struct resolving *own, const struct found *one, const struct found *other)
{
    enum worth worth = worth_of(one, other);
    struct link link;
    if (is_remembered(own, one, other, worth))
        return true;
    if (!identity_store_link(own->batch->txn, one->node, other->node, &link) || link_worth(&link) < worth)
        return false;
    node_index_link(own->graph->index, one->node, other->node, link.verified);
    return true;
}

static bool says_nothing_new(const struct resolving *own)
{
    for (unsigned i = 0; i < own->count; i++) {
        const struct found *found = &own->found[i];
        if (!found->node || found->facts & ~found_flags(own, found))
            return false;
        for (unsigned k = 0; k < i; k++)
            if (!knows_link(own, &own->found[k], found))
                return false;
    }
    return true;
}

static uint32_t carried_node(const struct resolving *own, const struct carried *carried)
{
    return carried->digest ? carried->digest : own->found[carried->found].node;
}

static void keep_evidence(struct resolving *own)
{
    struct evidence evidence = {.offset = own->sighting->evidence,
        .event_ms = own->sighting->event_ms,
        .source = own->sighting->source,
        .attributed = carried_node(own, &own->carried[own->lead]),
        .name = own->name,
        .count = own->carried_count};
    for (unsigned i = 0; i < own->carried_count; i++) {
        const struct found *found = &own->found[own->carried[i].found];
        evidence.items[i].node = found->first ? found->first : carried_node(own, &own->carried[i]);
        evidence.items[i].verified = found->verified;
        evidence.items[i].alias = found->identifier->previous;
        evidence.items[i].trusted = found->facts & NODE_TRUSTED;
        evidence.items[i].stated = found->facts & NODE_STATED;
    }
    if (!resolving_is_kept(own))
        return;
    evidence_index_add(own->graph->seen, own->batch->txn, &evidence);
    identity_store_add_evidence(own->batch->txn, &evidence);
}

/* Two verified ones of a kind in one person: claimed links between them may not have been worth it. */
static int verify(struct resolving *own, const struct found *found)
{
    struct person_group *party = resolving_party(own, found);
    unsigned fresh = found->is_new ? 0 : found->facts & ~found_flags(own, found);
    if (!(fresh & NODE_VERIFIED))
        return fresh ? add_flag(own, found, fresh) : 0;
    party->group.verified[found->kind->number]++;
    bool twice = party->flags & NODE_CLAIMED && party->group.verified[found->kind->number] > 1;
    own->unsettled |= twice || party->flags & NODE_REFUSED; /* which may be refused for another reason now */
    return add_flag(own, found, fresh);
}

static int settle(struct resolving *own)
{
    uint32_t nodes[IDENTIFIERS_MAX];
    const struct cause cause = {.evidence = own->sighting->evidence};
    size_t changed, before;
    for (unsigned i = 0; i < own->count; i++)
        nodes[i] = own->found[i].node;
    graph_changed(own->graph, &before);
    int error = graph_solve(own->graph, own->batch, nodes, own->count, &cause);
    graph_changed(own->graph, &changed);
    own->moved |= changed != before;
    for (unsigned i = 0; i < own->count; i++)
        node_index_find(own->graph->index, own->found[i].hash, &nodes[i], &own->found[i].person);
    return error;
}

static int take_in(struct resolving *own)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->count; i++)
        if (!own->found[i].node)
            error = found_number(own, &own->found[i]);
    if (!error)
        error = gather_parties(own);
    for (unsigned i = 0; !error && i < own->count; i++)
        error = verify(own, &own->found[i]);
    resolving_note_name(own);
    if (!error)
        error = take_links(own);
    if (!error)
        error = resolving_watch_name(own);
    if (own->unsettled)
        forget_unions(own);
    if (!error)
        error = follow_unions(own);
    if (!error)
        error = store_new_nodes(own);
    if (!error)
        error = resolving_keep_name(own);
    if (!error && own->unsettled)
        return settle(own);
    if (!error)
        keep_parties(own);
    return error;
}

static void write_carried(const struct resolving *own, struct resolution *resolution)
{
    for (unsigned i = own->lead; i < own->carried_count; i++) {
        const struct carried *carried = &own->carried[i];
        const struct found *found = &own->found[carried->found];
        uint32_t node = carried_node(own, carried);
        if (i == own->lead) {
            resolution->node = node;
            resolution->person = found->person;
        } else if (!found_is_nobodys(own, found)) {
            resolution->linked[resolution->linked_count++] = node;
        }
    }
}

int graph_resolve(struct graph *graph, struct batch *batch, struct identifiers *identifiers,
    const struct sighting *sighting, struct resolution *ret_resolution)
{
    struct resolving own = {.graph = graph, .batch = batch, .sighting = sighting};
    struct resolution resolution = {0};
    graph->counters.latest = sighting->evidence;
    int error = resolving_find(&own, identifiers);
    if (!error && own.count > 0) {
        bool name = resolving_name(&own); /* looked at in any case: the evidence bears it */
        if (name || !says_nothing_new(&own))
            error = take_in(&own);
    }
    if (error)
        return error;
    if (own.count > 0) {
        keep_evidence(&own);
        write_carried(&own, &resolution);
    }
    resolution.moved = own.moved;
    *ret_resolution = resolution;
    return store_error(batch->txn);
}
