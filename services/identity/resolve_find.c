/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes an event's identifiers are, how strong they are, and what the event says of them. */
#include "services/identity/resolve_internal.h"

#include "services/identity/span_store.h"

#include "proto/identity.pb-c.h"

#include <string.h>

const struct kind_rule *found_rule(const struct resolving *own, const struct found *found)
{
    return &own->graph->rules.kinds[found->kind->number];
}

unsigned found_flags(const struct resolving *own, const struct found *found)
{
    return node_index_flags(own->graph->index, found->node);
}

/* -- nodes -- */

int found_number(struct resolving *own, struct found *found)
{
    struct graph *graph = own->graph;
    if (graph->counters.nodes == UINT32_MAX)
        return -QY_EFULL;
    found->node = found->person = (uint32_t)++graph->counters.nodes;
    found->is_new = true;
    graph->counters.persons++;
    const struct node_entry entry = {.node = found->node,
        .person = found->person,
        .kind = (uint8_t)found->kind->number,
        .flags = (uint16_t)found->facts};
    return node_index_add(graph->index, found->hash, &entry);
}

/* Of a digest what is shown of it: it is as good as what it was made of, so it is kept nowhere but as a keyed hash. */
static int seal_value(struct graph *graph, const struct found *found, const struct vault_key *key)
{
    const struct identifier *identifier = found->identifier;
    char shown[DIGEST_SHOWN_BYTES];
    if (found->kind->form == FORM_DIGEST) {
        digest_show(found->kind, identifier->value, shown);
        vault_seal(key, VAULT_IDENTIFIER, found->node, shown, strlen(shown), &graph->sealed);
    } else {
        vault_seal(key, VAULT_IDENTIFIER, found->node, identifier->value, identifier->size, &graph->sealed);
    }
    return buffer_error(&graph->sealed);
}

int found_store(struct resolving *own, struct found *found)
{
    struct graph *graph = own->graph;
    bool founder = found->person == found->node;
    struct vault_key key;
    struct node_place place = {.person = found->person,
        .kind = (uint8_t)found->kind->number,
        .flags = (uint16_t)(found_flags(own, found) | (founder ? NODE_FOUNDER : 0))};
    struct node_row row = {.evidence = own->sighting->evidence, .event_ms = own->sighting->event_ms};
    memcpy(row.kind, found->kind->name, found->kind->name_size + 1);
    memcpy(place.hash, found->hash, sizeof(place.hash));
    vault_make_key(graph->vault, found->node, &key, row.wrapped);
    buffer_clear(&graph->sealed);
    int error = seal_value(graph, found, &key);
    if (!error)
        error = node_index_set_flags(graph->index, found->node, place.flags);
    if (!error)
        error = node_index_move(graph->index, found->hash, found->person);
    if (error)
        return error;
    row.sealed = (struct bytes){graph->sealed.data, graph->sealed.size};
    identity_store_add_node(own->batch->txn, found->node, &place, &row);
    if (place.flags & NODE_BUSY)
        identity_store_set_busy(own->batch->txn, found->node, true);
    found->is_new = false;
    if (found->kind->form == FORM_DIGEST)
        graph_note_digest(graph, own->batch->txn, found->kind);

    Quanyu__NodeCreated created = QUANYU__NODE_CREATED__INIT;
    created.node = found->node;
    created.person = found->person;
    created.kind = row.kind;
    batch_emit(own->batch, QUANYU__IDENTITY_RECORD__RECORD_NODE, &created.base);
    return 0;
}

/* -- finding -- */

static void hash_identifier(
    struct graph *graph, struct identifier *identifier, const struct kind *kind, struct found *found)
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

/* Whoever knows a digest need not have seen more of it. */
static unsigned facts_of(const struct resolving *own, const struct found *found)
{
    if (!own->trusted || found->identifier->kind->form == FORM_DIGEST)
        return 0;
    bool stated = found->identifier->verified;
    bool verified = rules_verify(found_rule(own, found), true, stated);
    return NODE_TRUSTED | (stated ? NODE_STATED : 0) | (verified ? NODE_VERIFIED : 0);
}

/* New values that the rules block are left out; what is blocked and known stands for nobody, but is kept as evidence: it may not be
 * blocked for ever. A digest is blocked with what it is known to be a digest of. */
static bool is_left_out(struct graph *graph, const struct found *found)
{
    return !found->node && found->kind->form != FORM_DIGEST &&
           blocklist_has(
               graph->rules.blocked, found->kind->number, found->identifier->value, found->identifier->size);
}

bool found_is_nobodys(const struct resolving *own, const struct found *found)
{
    return found->node && node_index_flags(own->graph->index, found->node) & NODE_NOBODY;
}

bool resolving_is_kept(const struct resolving *own)
{
    enum kind_form form = own->found[0].kind->form;
    return own->count > 1 || form == FORM_PHONE || form == FORM_EMAIL;
}

uint8_t found_strength(const struct resolving *own, const struct found *found)
{
    return found_rule(own, found)->strength;
}

static int turn_to_plain(struct resolving *own, struct found *found, uint32_t plain)
{
    struct graph *graph = own->graph;
    struct node_place place;
    if (!identity_store_place(own->batch->txn, plain, &place))
        return store_fail(own->batch->txn, -QY_ECORRUPT);
    memcpy(found->hash, place.hash, sizeof(place.hash));
    node_index_find(graph->index, found->hash, &found->node, &found->person);
    found->kind = kind_numbered(graph->kinds, place.kind);
    return found->kind && found->node == plain ? 0 : store_fail(own->batch->txn, -QY_ECORRUPT);
}

/* A digest of what is known stands for it. One that is new has a node all the same, by which it is found from then on, if it is
 * `carried`. Yields that node, 0 where it stands for itself. */
static int find_plain(struct resolving *own, struct found *found, bool carried, uint32_t *ret_digest)
{
    struct store_txn *txn = own->batch->txn;
    bool known = found->node;
    uint32_t plain =
        known ? graph_plain(own->graph, txn, found->node) : digest_find(txn, found->kind, found->hash);
    *ret_digest = 0;
    if (!plain || plain == found->node)
        return store_error(txn);
    bool make = !known && carried;
    int error = make ? found_number(own, found) : 0;
    if (!error && make)
        error = found_store(own, found);
    if (!error && make)
        error = graph_unify(own->graph, own->batch, found->node, plain);
    own->moved |= make;
    *ret_digest = found->node;
    return error ? error : turn_to_plain(own, found, plain);
}

/* Of a value that went to somebody else the node of whose it was when the event happened. Its digests are as good as it is then. */
static int find_owner(struct resolving *own, struct found *found, uint32_t *digest)
{
    if (!found->node || !(found_flags(own, found) & NODE_SPANNED))
        return 0;
    uint32_t first = found->node;
    uint32_t owner = identity_store_owner(own->batch->txn, first, own->sighting->event_ms);
    if (owner == first)
        return store_error(own->batch->txn);
    found->first = first;
    *digest = 0;
    return turn_to_plain(own, found, owner);
}

/* By the rules' order, which may be another than the one in which they were extracted; and whatever digests are found to be. */
static void sort_found(const struct resolving *own, struct found *found, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        struct found moving = found[i];
        unsigned at = i;
        for (; at > 0 && found_strength(own, &found[at - 1]) > found_strength(own, &moving); at--)
            found[at] = found[at - 1];
        found[at] = moving;
    }
}

/* An event may bear an identifier in several forms. */
static void place_found(struct resolving *own, const struct found *found, uint32_t digest)
{
    unsigned place = found->node ? 0 : own->count;
    while (place < own->count && own->found[place].node != found->node)
        place++;
    own->carried[own->carried_count++] = (struct carried){.digest = digest, .found = place};
    if (place == own->count)
        own->found[own->count++] = *found;
    else
        own->found[place].facts |= found->facts;
    own->found[place].verified = own->found[place].facts & NODE_VERIFIED;
}

/* Sources that join nobody show one identifier: the strongest that is somebody's. */
static bool is_to_carry(const struct resolving *own)
{
    return own->joins || own->lead == own->carried_count;
}

static int take_found(struct resolving *own, struct found *found)
{
    uint32_t digest = 0;
    bool carry = is_to_carry(own);
    int error = found->kind->form == FORM_DIGEST ? find_plain(own, found, carry, &digest) : 0;
    if (!error)
        error = find_owner(own, found, &digest);
    if (error)
        return error;
    bool left_out = is_left_out(own->graph, found), nobodys = found_is_nobodys(own, found);
    found->identifier->blocked = left_out || nobodys;
    if (left_out || !carry)
        return 0;
    if (!own->joins)
        own->carried_count = own->count = own->lead = 0;
    found->facts = facts_of(own, found);
    found->verified = found->facts & NODE_VERIFIED;
    place_found(own, found, digest);
    own->lead += nobodys && own->lead == own->carried_count - 1;
    return 0;
}

/* Where digests were found to be somebody's, persons may not be who they were. */
static void find_persons(struct resolving *own)
{
    uint32_t node;
    for (unsigned i = 0; own->moved && i < own->count; i++)
        if (own->found[i].node)
            node_index_find(own->graph->index, own->found[i].hash, &node, &own->found[i].person);
}

/* The usable ones, the strongest first. */
int resolving_find(struct resolving *own, struct identifiers *identifiers)
{
    struct graph *graph = own->graph;
    struct source_rule source = rules_source(&graph->rules, identifiers->source, identifiers->source_size);
    struct found all[IDENTIFIERS_MAX];
    int error = 0;
    for (unsigned i = 0; i < identifiers->count; i++) {
        struct identifier *identifier = &identifiers->items[identifiers->order[i]];
        hash_identifier(graph, identifier, identifier->kind, &all[i]);
    }
    for (unsigned i = 0; i < identifiers->count; i++)
        find_node(graph, &all[i]);
    sort_found(own, all, identifiers->count);
    own->joins = source.joins;
    own->trusted = source.verifies && !own->sighting->browser;
    for (unsigned i = 0; !error && i < identifiers->count; i++)
        error = take_found(own, &all[i]);
    find_persons(own);
    if (own->lead == own->carried_count)
        own->count = own->carried_count = 0;
    return error;
}
