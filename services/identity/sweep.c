/* SPDX-License-Identifier: Apache-2.0 */
/* Other rules, applied to what was: first, where other things verify, each event is asked again what it shows; then each identifier is
 * looked at anew (is it verified, blocked, busy), then what is connected is solved anew, a part at a time while events go on. Events go by the new rules at once; whatever they change meanwhile is solved
 * by them, and solved once more when its turn comes: the outcome is what the new rules make of all evidence. */
#include "services/identity/reverify.h"

#include <stdlib.h>
#include <string.h>

static bool same_strengths(const struct identity_rules *one, const struct identity_rules *other)
{
    for (unsigned kind = 0; kind <= KINDS_MAX; kind++)
        if (one->kinds[kind].strength != other->kinds[kind].strength)
            return false;
    return true;
}

int graph_change_rules(struct graph *graph, struct batch *batch, struct identity_rules *rules)
{
    if (graph->rules_changed)
        rules_free(&graph->rules); /* changed twice in one batch: what holds was kept before */
    else
        graph->former = graph->rules;
    graph->rules_changed = true;
    rules->version = graph->rules.version + 1;
    if (!same_strengths(&graph->rules, rules))
        graph_reattribute(graph, batch->txn, 0);
    bool verifies = verification_differs(&graph->rules, rules) || graph->sweep.phase == SWEEP_EVIDENCE;
    graph->rules = *rules;
    graph->sweep = (struct sweep_place){
        .phase = verifies ? SWEEP_EVIDENCE : SWEEP_FLAGS, .next = !verifies, .events = verifies};
    rules_save(batch->txn, graph->kinds, &graph->rules);
    sweep_save(batch->txn, &graph->sweep);
    buffer_clear(&graph->swept);
    return store_error(batch->txn);
}

const struct identity_rules *graph_rules(const struct graph *graph)
{
    return &graph->rules;
}

bool graph_sweeps(const struct graph *graph, uint64_t *ret_done, uint64_t *ret_all)
{
    sweep_progress(&graph->sweep, &graph->counters, ret_done, ret_all);
    return graph->sweep.phase != SWEEP_NONE;
}

/* -- flags -- */

/* By its value, which is read only where something may be blocked. */
static int find_listed(struct graph *graph, struct store_txn *txn, uint32_t node, bool *ret_listed)
{
    struct node_row row;
    struct vault_key key;
    _cleanup_(buffer_free) struct buffer value = BUFFER_INIT;
    const struct kind *kind = kind_numbered(graph->kinds, node_index_kind(graph->index, node));
    *ret_listed = false;
    if (!graph->rules.blocked || graph->rules.blocked->count == 0 || (kind && kind->form == FORM_DIGEST))
        return 0;
    if (!identity_store_node(txn, node, &row))
        return store_error(txn); /* erased */
    int error = vault_unwrap(graph->vault, node, row.wrapped, &key);
    if (!error)
        error = vault_unseal(&key, VAULT_IDENTIFIER, node, row.sealed, &value);
    if (!error)
        *ret_listed = blocklist_has(
            graph->rules.blocked, node_index_kind(graph->index, node), (const char *)value.data, value.size);
    return error;
}

static int sweep_flags(struct graph *graph, struct batch *batch, uint32_t node)
{
    const struct busy_view view = graph_busy_view(graph, batch->txn);
    enum busy_reason busy;
    bool listed;
    unsigned flags = node_index_flags(graph->index, node);
    int error = find_listed(graph, batch->txn, node, &listed);
    if (!error)
        error = busy_find(&view, node, &busy);
    if (error)
        return error;
    bool verified = rules_verify_node(&graph->rules.kinds[node_index_kind(graph->index, node)], flags);
    if (flags & NODE_VERIFIED && !(flags & NODE_TRUSTED))
        flags |= NODE_TRUSTED | NODE_STATED; /* what is taken for granted of it must be known later too */
    flags &= ~(unsigned)(NODE_LISTED | NODE_BUSY | NODE_VERIFIED);
    error = graph_set_flags(graph, batch->txn, node,
        flags | (verified ? NODE_VERIFIED : 0) | (listed ? NODE_LISTED : 0) | (busy ? NODE_BUSY : 0));
    buffer_clear(&graph->touched); /* all are solved anew */
    return error;
}

/* -- persons -- */

static bool was_swept(struct graph *graph, uint32_t node)
{
    return node / 8 < graph->swept.size && graph->swept.data[node / 8] >> (node % 8) & 1;
}

void graph_mark_swept(struct graph *graph, uint32_t node)
{
    if (graph->sweep.phase != SWEEP_PERSONS)
        return;
    while (node / 8 >= graph->swept.size && !buffer_error(&graph->swept))
        buffer_byte(&graph->swept, 0);
    if (!buffer_error(&graph->swept))
        graph->swept.data[node / 8] |= (uint8_t)(1u << (node % 8));
}

static int sweep_person(struct graph *graph, struct batch *batch, uint32_t node)
{
    const struct cause cause = {.evidence = graph->counters.latest};
    return was_swept(graph, node) ? 0 : graph_solve(graph, batch, &node, 1, &cause);
}

/* To the next phase, where this one is through. */
static void step_on(struct graph *graph, struct sweep_place *place)
{
    switch (place->phase) {
    case SWEEP_EVIDENCE:
        *place = (struct sweep_place){SWEEP_FLAGS, 1, place->events};
        break;
    case SWEEP_FLAGS:
        *place = (struct sweep_place){SWEEP_PERSONS, 1, place->events};
        break;
    default:
        *place = (struct sweep_place){.phase = SWEEP_NONE};
    }
    buffer_clear(&graph->swept);
}

static int sweep_evidence(struct graph *graph, struct batch *batch, unsigned events)
{
    struct sweep_place *place = &graph->sweep;
    int error = graph_reverify(graph, batch->txn, place->next, events, &place->next);
    buffer_clear(&graph->touched); /* all are solved anew */
    if (!error && place->next == UINT64_MAX)
        step_on(graph, place);
    return error;
}

static int sweep_nodes(struct graph *graph, struct batch *batch, unsigned nodes)
{
    struct sweep_place *place = &graph->sweep;
    int error = 0;
    for (unsigned i = 0; !error && i < nodes && place->phase != SWEEP_NONE; i++) {
        if (place->next > graph->counters.nodes) {
            step_on(graph, place);
            continue;
        }
        uint32_t node = (uint32_t)place->next++;
        error =
            place->phase == SWEEP_FLAGS ? sweep_flags(graph, batch, node) : sweep_person(graph, batch, node);
    }
    return error;
}

int graph_sweep(struct graph *graph, struct batch *batch, unsigned nodes)
{
    int error = graph->sweep.phase == SWEEP_EVIDENCE ? sweep_evidence(graph, batch, nodes)
                                                     : sweep_nodes(graph, batch, nodes);
    sweep_save(batch->txn, &graph->sweep);
    return error ? error : store_error(batch->txn);
}
