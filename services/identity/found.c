/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/resolving.h"

#include "proto/identity.pb-c.h"

#include <string.h>

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
        .flags = found->verified ? NODE_VERIFIED : 0};
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
        .flags = (uint16_t)(flags_of(own, found) | (founder ? NODE_FOUNDER : 0))};
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
    unsigned verification = rule_of(own, found)->verification;
    if (found->identifier->kind->form == FORM_DIGEST)
        return false; /* whoever knows a digest need not have seen more of it */
    return trusted && (verification == VERIFICATION_ISSUED ||
                          (verification == VERIFICATION_STATED && found->identifier->verified));
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

/* A digest of what is known stands for it. One that is new has a node all the same, by which it is found from then on. Yields that
 * node, 0 where it stands for itself. */
static int find_plain(struct resolving *own, struct found *found, uint32_t *ret_digest)
{
    struct store_txn *txn = own->batch->txn;
    bool known = found->node;
    uint32_t plain =
        known ? graph_plain(own->graph, txn, found->node) : digest_find(txn, found->kind, found->hash);
    *ret_digest = 0;
    if (!plain || plain == found->node)
        return store_error(txn);
    int error = known ? 0 : found_number(own, found);
    if (!error && !known)
        error = found_store(own, found);
    if (!error && !known)
        error = graph_unify(own->graph, own->batch, found->node, plain);
    own->moved |= !known;
    *ret_digest = found->node;
    return error ? error : turn_to_plain(own, found, plain);
}

/* An event may bear an identifier in several forms. */
static void place_found(struct resolving *own, const struct found *found, uint32_t digest)
{
    unsigned place = digest ? 0 : own->count;
    while (place < own->count && own->found[place].node != found->node)
        place++;
    own->carried[own->carried_count++] = (struct carried){.digest = digest, .found = place};
    if (place == own->count)
        own->found[own->count++] = *found;
}

int found_gather(struct resolving *own, const struct identifiers *identifiers)
{
    struct graph *graph = own->graph;
    struct source_rule source = rules_source(&graph->rules, identifiers->source, identifiers->source_size);
    bool trusted = source.verifies && !own->sighting->browser;
    struct found all[IDENTIFIERS_MAX];
    for (unsigned i = 0; i < identifiers->count; i++) {
        const struct identifier *identifier = &identifiers->items[identifiers->order[i]];
        hash_identifier(graph, identifier, identifier->kind, &all[i]);
    }
    own->joins = source.joins;
    for (unsigned i = 0; i < identifiers->count && (source.joins || own->count == 0); i++) {
        uint32_t digest = 0;
        find_node(graph, &all[i]);
        int error = all[i].kind->form == FORM_DIGEST ? find_plain(own, &all[i], &digest) : 0;
        if (error)
            return error;
        if (all[i].node && node_index_flags(graph->index, all[i].node) & NODE_BLOCKED)
            continue;
        all[i].verified = is_verified(own, &all[i], trusted);
        place_found(own, &all[i], digest);
    }
    return 0;
}
