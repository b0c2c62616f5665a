/* SPDX-License-Identifier: Apache-2.0 */
/* What one event says that somebody is called. */
#include "services/identity/resolve_internal.h"

/* A browser is whoever sits before it. */
static bool bears_names(const struct resolving *own, const struct found *found)
{
    return found->kind != own->graph->kinds->anonymous_id;
}

/* False: it may be new to some of them. */
static bool gather_nodes(const struct resolving *own, uint32_t nodes[IDENTIFIERS_MAX])
{
    for (unsigned i = 0; i < own->count; i++) {
        nodes[i] = own->found[i].node;
        if (!nodes[i])
            return false;
    }
    return true;
}

/* It cannot be taken back. */
static bool is_lasting(const struct resolving *own)
{
    return !resolving_is_kept(own);
}

static bool is_known(const struct resolving *own, const struct found *found)
{
    struct name_row row;
    return identity_store_name(own->batch->txn, found->node, own->name, &row) && !row.withdrawn &&
           (row.lasting || !is_lasting(own));
}

static bool is_known_of_all(const struct resolving *own)
{
    for (unsigned i = 0; i < own->count; i++)
        if (bears_names(own, &own->found[i]) && (!own->found[i].node || !is_known(own, &own->found[i])))
            return false;
    return true;
}

static bool find_stated(const struct resolving *own, struct stated_name *ret_name)
{
    return stated_name_find(own->sighting->traits[0], ret_name) ||
           stated_name_find(own->sighting->traits[1], ret_name);
}

bool resolving_name(struct resolving *own)
{
    struct graph *graph = own->graph;
    struct stated_name stated;
    uint32_t nodes[IDENTIFIERS_MAX];
    uint64_t key = 0;
    graph->fresh.count = 0;
    if (!own->trusted || !find_stated(own, &stated))
        return false;
    if (gather_nodes(own, nodes)) {
        key = name_memo_key(graph->memo, &stated, nodes, own->count);
        if (name_memo_find(graph->memo, key, &own->name))
            return false;
    }
    stated_name_read(&stated, &graph->fresh.text);
    own->name = graph->fresh.text.size ? name_hash(graph->vault, &graph->fresh.text) : 0;
    graph->fresh.name = own->name;
    bool known = !own->name || is_known_of_all(own);
    if (known && key)
        name_memo_put(graph->memo, key, own->name);
    if (known)
        fresh_name_forget(&graph->fresh);
    return !known;
}

static unsigned count_names(struct store_txn *txn, uint32_t node)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct name_row row;
    unsigned count = 0;
    if (!identity_store_scan_names(txn, node, &scan))
        while (identity_store_next_name(txn, scan, &row))
            count++;
    return count;
}

static bool has_room(const struct resolving *own, const struct found *found)
{
    struct name_row row;
    return found->is_new || identity_store_name(own->batch->txn, found->node, own->name, &row) ||
           count_names(own->batch->txn, found->node) < NAMES_OF_NODE;
}

void resolving_note_name(struct resolving *own)
{
    struct fresh_name *fresh = &own->graph->fresh;
    fresh->count = 0;
    for (unsigned i = 0; own->name && fresh->name == own->name && i < own->count; i++) {
        const struct found *found = &own->found[i];
        if (bears_names(own, found) && (found->is_new || !is_known(own, found)) && has_room(own, found))
            fresh->nodes[fresh->count++] = found->node;
    }
}

static int keep(struct resolving *own, uint32_t node)
{
    struct store_txn *txn = own->batch->txn;
    struct name_row row;
    bool there = identity_store_name(txn, node, own->name, &row);
    if (!there || row.withdrawn)
        row = (struct name_row){.name = own->name, .evidence = own->sighting->evidence};
    row.lasting |= is_lasting(own);
    if (there) {
        identity_store_set_name(txn, node, &row);
        return store_error(txn);
    }
    return name_keep(own->graph->vault, txn, node, &own->graph->fresh.text, &row);
}

int resolving_keep_name(struct resolving *own)
{
    struct fresh_name *fresh = &own->graph->fresh;
    int error = 0;
    for (unsigned i = 0; !error && i < fresh->count; i++)
        error = keep(own, fresh->nodes[i]);
    fresh_name_forget(fresh);
    return error;
}
