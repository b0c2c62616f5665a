/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes an event's identifiers are, how strong they are, and what the event says of them. */
#include "services/identity/resolve_internal.h"

const struct kind_rule *found_rule(const struct resolving *own, const struct found *found)
{
    return &own->graph->rules.kinds[found->kind->number];
}

unsigned found_flags(const struct resolving *own, const struct found *found)
{
    return node_index_flags(own->graph->index, found->node);
}

static void hash_identifier(
    struct graph *graph, const struct identifier *identifier, const struct kind *kind, struct found *found)
{
    *found = (struct found){.identifier = identifier, .kind = kind};
    vault_hash(graph->vault, kind->name, identifier->value, identifier->size, found->hash);
    node_index_prefetch(graph->index, found->hash);
}

/* A previousId is a user's id, unless it is known as an anonymous id alone. */
static void find_node(struct graph *graph, struct found *found)
{
    node_index_find(graph->index, found->hash, &found->node, &found->person);
    const struct kind *anonymous = found->identifier->previous ? graph->kinds->anonymous_id : NULL;
    if (found->node || !anonymous)
        return;
    struct found other;
    hash_identifier(graph, found->identifier, anonymous, &other);
    if (node_index_find(graph->index, other.hash, &other.node, &other.person))
        *found = other;
}

static bool is_verified(const struct resolving *own, const struct found *found, bool trusted)
{
    unsigned verification = found_rule(own, found)->verification;
    return trusted && (verification == VERIFICATION_ISSUED ||
                          (verification == VERIFICATION_STATED && found->identifier->verified));
}

/* New values that the rules block are left out; what is blocked and known stands for nobody, but is kept as evidence: it may not be
 * blocked for ever. */
static bool is_left_out(struct graph *graph, const struct found *found)
{
    return !found->node && blocklist_has(graph->rules.blocked, found->kind->number, found->identifier->value,
                               found->identifier->size);
}

bool found_is_nobodys(const struct resolving *own, const struct found *found)
{
    return found->node && node_index_flags(own->graph->index, found->node) & NODE_NOBODY;
}

uint8_t found_strength(const struct resolving *own, const struct found *found)
{
    return found_rule(own, found)->strength;
}

/* By the rules' order, which may be another than the one in which they were extracted. */
static void sort_found(struct resolving *own)
{
    for (unsigned i = 1; i < own->count; i++) {
        struct found moving = own->found[i];
        unsigned at = i;
        for (; at > 0 && found_strength(own, &own->found[at - 1]) > found_strength(own, &moving); at--)
            own->found[at] = own->found[at - 1];
        own->found[at] = moving;
    }
}

/* The usable ones, the strongest first. */
void resolving_find(struct resolving *own, struct identifiers *identifiers)
{
    struct graph *graph = own->graph;
    struct source_rule source = rules_source(&graph->rules, identifiers->source, identifiers->source_size);
    bool trusted = source.verifies && !own->sighting->browser;
    struct found all[IDENTIFIERS_MAX];
    for (unsigned i = 0; i < identifiers->count; i++) {
        const struct identifier *identifier = &identifiers->items[identifiers->order[i]];
        hash_identifier(graph, identifier, identifier->kind, &all[i]);
    }
    for (unsigned i = 0; i < identifiers->count; i++) {
        struct identifier *identifier = &identifiers->items[identifiers->order[i]];
        find_node(graph, &all[i]);
        bool left_out = is_left_out(graph, &all[i]);
        identifier->blocked = left_out || found_is_nobodys(own, &all[i]);
        if (left_out)
            continue;
        all[i].verified = is_verified(own, &all[i], trusted);
        own->found[own->count++] = all[i];
    }
    sort_found(own);
    while (own->lead < own->count && found_is_nobodys(own, &own->found[own->lead]))
        own->lead++;
    own->joins = source.joins;
    if (own->lead == own->count) {
        own->count = 0;
    } else if (!source.joins) {
        own->found[0] = own->found[own->lead];
        own->lead = 0;
        own->count = 1;
    }
}
