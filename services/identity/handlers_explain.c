/* SPDX-License-Identifier: Apache-2.0 */
/* Why two identifiers are one person, or are not: a search for the shortest chain of links. */
#include "services/identity/link_view.h"
#include "services/identity/node_set.h"
#include "services/identity/span_store.h"
#include "services/identity/view.h"

#include <string.h>

#define STEPS_MAX 200000 /* links that are looked at: beyond it there is no explanation */

/* A node to look at, and from where. */
struct step {
    uint32_t node;
    uint32_t from; /* place of the node from which it is reached; of the first its own */
};

/* Links that join cost nothing, others one: of two persons the chain is found that fails in the fewest places. Layers of one cost, each
 * in the order of hops. */
struct search {
    struct link_viewer viewer;
    uint32_t target;
    bool joined_only;
    struct node_set reached;
    struct buffer parents; /* uint32_t, by place */
    struct buffer layer, next_layer;
    size_t looked_at;
};

static int look_around(struct search *own, uint32_t node, uint32_t place)
{
    struct store_txn *txn = own->viewer.context->txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(txn, node, &scan);
    uint32_t person = person_of(txn, node);
    struct step step = {.from = place};
    struct link link;
    while (!error && own->looked_at < STEPS_MAX &&
           identity_store_next_link_of(txn, scan, node, &step.node, &link)) {
        own->looked_at++;
        bool free = person == person_of(txn, step.node) && link_joins(&own->viewer, node, step.node, &link);
        if (free)
            buffer_append(&own->layer, &step, sizeof(step));
        else if (!own->joined_only)
            buffer_append(&own->next_layer, &step, sizeof(step));
        error = buffer_error(&own->layer) ? buffer_error(&own->layer) : buffer_error(&own->next_layer);
    }
    return error ? error : store_error(txn);
}

/* Who had its value before it, and who has it after: what leads from one to the other is that it was reassigned. */
static int look_at_owners(struct search *own, uint32_t node, uint32_t place)
{
    struct store_txn *txn = own->viewer.context->txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct node_place is;
    struct span span;
    if (own->joined_only || !identity_store_place(txn, node, &is) ||
        !(is.flags & (NODE_SPANNED | NODE_LATER)))
        return store_error(txn);
    struct step step = {.from = place};
    uint32_t owner = identity_store_first(txn, node);
    int error = identity_store_scan_spans(txn, owner, &scan);
    for (; !error && identity_store_next_span(txn, scan, &span); owner = span.node) {
        step.node = owner == node ? span.node : owner;
        if (owner == node || span.node == node)
            buffer_append(&own->next_layer, &step, sizeof(step));
        error = buffer_error(&own->next_layer);
    }
    return error ? error : store_error(txn);
}

/* True when the target is reached. */
static int take_step(struct search *own, const struct step *step, bool *ret_found)
{
    if (node_set_has(&own->reached, step->node))
        return 0;
    int error = node_set_add(&own->reached, step->node);
    uint32_t place = (uint32_t)node_set_count(&own->reached) - 1;
    uint32_t from = place ? step->from : 0;
    buffer_append(&own->parents, &from, sizeof(from));
    *ret_found = step->node == own->target;
    if (!error)
        error = buffer_error(&own->parents);
    if (error || *ret_found)
        return error;
    error = look_around(own, step->node, place);
    return error ? error : look_at_owners(own, step->node, place);
}

static int search(struct search *own, uint32_t start, bool *ret_found)
{
    struct step step = {.node = start};
    int error = 0;
    *ret_found = false;
    buffer_append(&own->layer, &step, sizeof(step));
    while (!error && !*ret_found && own->layer.size > 0) {
        for (size_t at = 0; !error && !*ret_found && at < own->layer.size; at += sizeof(step)) {
            memcpy(&step, own->layer.data + at, sizeof(step));
            error = take_step(own, &step, ret_found);
        }
        struct buffer done = own->layer;
        own->layer = own->next_layer;
        own->next_layer = done;
        buffer_clear(&own->next_layer);
    }
    return error;
}

/* From the target back to the start, put in the order of the question. */
static int view_chain(struct search *own, Quanyu__ExplainReply *answer)
{
    const uint32_t *nodes = node_set_items(&own->reached);
    const uint32_t *parents = (const uint32_t *)(const void *)own->parents.data;
    uint32_t last = (uint32_t)node_set_count(&own->reached) - 1;
    size_t hops = 0;
    for (uint32_t place = last; place; place = parents[place])
        hops++;
    answer->links = arena_alloc(own->viewer.context->arena, (hops + 1) * sizeof(void *));
    if (!answer->links)
        return -QY_ENOMEM;
    answer->n_links = hops;
    int error = 0;
    for (uint32_t place = last; !error && place; place = parents[place]) {
        struct link link;
        uint32_t from = nodes[parents[place]], to = nodes[place];
        Quanyu__LinkView **view = &answer->links[--hops];
        error = identity_store_link(own->viewer.context->txn, from, to, &link)
                    ? link_view(&own->viewer, from, to, &link, view)
                    : link_view_owners(&own->viewer, from, to, view);
    }
    return error;
}

static void close_search(struct search *own)
{
    node_set_free(&own->reached);
    buffer_free(&own->parents);
    buffer_free(&own->layer);
    buffer_free(&own->next_layer);
    link_viewer_close(&own->viewer);
}

static int explain(struct rpc_context *context, const Quanyu__ExplainRequest *asked, uint32_t one,
    uint32_t other, Quanyu__ExplainReply *answer)
{
    struct search own = {.target = other};
    bool found = false;
    int error = link_viewer_open(context, asked->personal, &own.viewer);
    if (error)
        return error;
    answer->one_person = person_of(context->txn, one);
    answer->other_person = person_of(context->txn, other);
    answer->one_one_id = view_one_id(context->self, answer->one_person, context->arena);
    answer->other_one_id = view_one_id(context->self, answer->other_person, context->arena);
    own.joined_only = answer->one_person == answer->other_person;
    error = answer->one_one_id && answer->other_one_id ? search(&own, one, &found) : -QY_ENOMEM;
    if (!error && found)
        error = view_chain(&own, answer);
    close_search(&own);
    return error ? error : store_error(context->txn);
}

int handle_explain(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__ExplainRequest *asked = request_of(request)->explain;
    uint32_t one, other;
    if (!asked->one || !asked->other)
        return rpc_refuse(context, -QY_EINVAL, asked->one ? "other" : "one", "is required");
    int error = reference_find(context, asked->one, "one", &one);
    if (!error)
        error = reference_find(context, asked->other, "other", &other);
    Quanyu__ExplainReply *answer = error ? NULL : arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return error ? error : -QY_ENOMEM;
    quanyu__explain_reply__init(answer);
    error = explain(context, asked, one, other, answer);
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_EXPLAIN;
    reply_of(reply)->explain = answer;
    return error;
}
