/* SPDX-License-Identifier: Apache-2.0 */
/* Who is busy, or is not any more, by what one event shows. */
#include "services/identity/resolve_internal.h"

int resolving_set_flags(struct resolving *own, const struct found *found, unsigned flags)
{
    struct person_group *party = resolving_party(own, found);
    if (party)
        party->flags |= flags & ~(unsigned)NODE_FOUNDER;
    if (found->is_new)
        return node_index_set_flags(own->graph->index, found->node, flags);
    return graph_set_flags(own->graph, own->batch->txn, found->node, flags);
}

static int watch(struct resolving *own, const struct found *found)
{
    const struct busy_view view = graph_busy_view(own->graph, own->batch->txn);
    enum busy_reason reason;
    int error = busy_find(&view, found->node, &reason);
    unsigned flags = found_flags(own, found);
    if (error || !(flags & NODE_BUSY) == !reason)
        return error;
    own->unsettled = true;
    return resolving_set_flags(own, found, reason ? flags | NODE_BUSY : flags & ~(unsigned)NODE_BUSY);
}

/* -- a link -- */

static bool are_all_new(const struct resolving *own)
{
    for (unsigned i = 0; i < own->count; i++)
        if (!own->found[i].is_new)
            return false;
    return true;
}

/* Whether an event alone can be too much for an identifier that is new: mostly not, and there is nothing to read then. Where all are new
 * they have the one name that it states. */
static bool may_be_many(const struct resolving *own, const struct kind_rule *rule)
{
    bool named = rule->one_name && own->count > 2 && !are_all_new(own);
    bool many = (rule->busy_after && own->count > rule->busy_after + 1u) || named;
    for (unsigned i = 0; rule->one_owner && !many && i < own->count; i++)
        for (unsigned k = 0; !many && k < i; k++)
            many = own->found[i].kind == own->found[k].kind;
    return many;
}

bool resolving_is_new(const struct resolving *own)
{
    bool fresh = are_all_new(own);
    for (unsigned i = 0; fresh && i < own->count; i++)
        fresh = !own->found[i].identifier->previous && !may_be_many(own, found_rule(own, &own->found[i]));
    return fresh;
}

/* A new link with a stronger one, or one that is verified now, may be one too many; and what counts later than it did may be none. */
static int watch_weaker(
    struct resolving *own, const struct found *strong, const struct found *weak, enum worth before)
{
    const struct kind_rule *rule = found_rule(own, weak);
    bool busy = found_flags(own, weak) & NODE_BUSY;
    if (!busy_asks(rule) || (weak->is_new && !may_be_many(own, rule)) ||
        found_strength(own, weak) <= found_strength(own, strong) ||
        (busy && (before == WORTH_NOTHING || !rule->handed_on)))
        return 0;
    return watch(own, weak);
}

/* Who is verified with a number now may be outside of other people's time with it; and who was seen with one is no other person than whom
 * its other numbers are of. */
static int watch_number(
    struct resolving *own, const struct found *number, const struct found *with, bool verified)
{
    struct graph *graph = own->graph;
    size_t before = graph->touched.size;
    bool weaker = found_strength(own, number) > found_strength(own, with); /* watched already */
    if (!found_rule(own, number)->handed_on || with->is_new || number->kind == with->kind)
        return 0;
    int error = verified && !weaker && !number->is_new ? watch(own, number) : 0;
    if (!error)
        error = graph_watch_numbers(graph, own->batch->txn, with->node, number->kind->number);
    own->unsettled |= graph->touched.size != before;
    return error;
}

int resolving_watch_link(
    struct resolving *own, const struct found *one, const struct found *other, enum worth before)
{
    bool verified = one->verified && other->verified && before < WORTH_VERIFIED;
    bool news = verified || before == WORTH_NOTHING;
    int error = watch_weaker(own, one, other, before);
    if (!error && news)
        error = watch_number(own, one, other, verified);
    return error || !news ? error : watch_number(own, other, one, verified);
}

/* -- a name -- */

int resolving_watch_name(struct resolving *own)
{
    struct graph *graph = own->graph;
    size_t before = graph->touched.size;
    int error = 0;
    for (unsigned i = 0; !error && i < own->count; i++) {
        const struct found *found = &own->found[i];
        bool fresh = false;
        for (unsigned k = 0; k < graph->fresh.count; k++)
            fresh |= graph->fresh.nodes[k] == found->node;
        if (!fresh || found->is_new)
            continue; /* whom a new one was seen with has the name too */
        error = found_rule(own, found)->one_name ? watch(own, found) : 0;
        if (!error)
            error = graph_watch_around(graph, own->batch->txn, found->node);
    }
    own->unsettled |= graph->touched.size != before;
    return error;
}
