/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions as answers show them. */
#include "services/identity/handlers.h"
#include "services/identity/node_set.h"
#include "services/identity/view.h"

static int view_nodes(struct rpc_context *context, const uint32_t *nodes, size_t count, bool personal,
    Quanyu__Identifier ***ret_identifiers, size_t *ret_count)
{
    *ret_identifiers = arena_alloc(context->arena, (count + 1) * sizeof(void *));
    for (size_t i = 0; *ret_identifiers && i < count; i++) {
        (*ret_identifiers)[i] =
            view_identifier(context->self, context->txn, nodes[i], personal, context->arena);
        if (!(*ret_identifiers)[i])
            return store_error(context->txn) ? store_error(context->txn) : -QY_ENOMEM;
    }
    *ret_count = count;
    return *ret_identifiers ? 0 : -QY_ENOMEM;
}

static int gather_persons(
    struct rpc_context *context, const Quanyu__Decision *decision, struct node_set *persons)
{
    int error = 0;
    for (size_t i = 0; !error && i < decision->n_nodes; i++)
        error = node_set_add(persons, person_of(context->txn, decision->nodes[i]));
    for (size_t i = 0; !error && i < decision->n_others; i++)
        error = node_set_add(persons, person_of(context->txn, decision->others[i]));
    return error;
}

static int view_persons(
    struct rpc_context *context, const Quanyu__Decision *decision, Quanyu__DecisionReply *reply)
{
    _cleanup_(node_set_free) struct node_set persons = {0};
    int error = gather_persons(context, decision, &persons);
    size_t count = node_set_count(&persons);
    reply->persons = arena_alloc(context->arena, (count + 1) * sizeof(uint32_t));
    reply->one_ids = arena_alloc(context->arena, (count + 1) * sizeof(char *));
    if (error || !reply->persons || !reply->one_ids)
        return error ? error : -QY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        reply->persons[i] = node_set_items(&persons)[i];
        reply->one_ids[i] = view_one_id(context->self, reply->persons[i], context->arena);
        if (!reply->one_ids[i])
            return -QY_ENOMEM;
    }
    reply->n_persons = reply->n_one_ids = count;
    return 0;
}

int decision_view(
    struct rpc_context *context, Quanyu__Decision *decision, bool personal, Quanyu__DecisionReply **ret_reply)
{
    Quanyu__DecisionReply *reply = arena_alloc(context->arena, sizeof(*reply));
    if (!reply)
        return -QY_ENOMEM;
    quanyu__decision_reply__init(reply);
    reply->decision = decision;
    int error = view_persons(context, decision, reply);
    if (!error)
        error =
            view_nodes(context, decision->nodes, decision->n_nodes, personal, &reply->nodes, &reply->n_nodes);
    if (!error)
        error = view_nodes(
            context, decision->others, decision->n_others, personal, &reply->others, &reply->n_others);
    *ret_reply = reply;
    return error;
}
