/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions by hand: taken, undone, listed. */
#include "services/identity/decision_prepare.h"
#include "services/identity/link_store.h"
#include "services/identity/rules.h"
#include "services/identity/worker.h"

#include <stdlib.h>
#include <string.h>

/* -- handlers -- */

/* What was decided before, or nothing: what is asked for is so already. */
static int answer_unchanged(struct asked *asked, Quanyu__Decision *decision, Quanyu__IdentityReply *reply)
{
    Quanyu__Decision *before;
    int error = decision_find(asked, &before);
    if (!error)
        error = decision_view(asked->context, before ? before : decision, true, &reply->decide);
    if (!error)
        reply->decide->unchanged = true;
    return error;
}

int handle_decide(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    struct asked asked = {.context = context, .request = request_of(request)->decide};
    Quanyu__Decision *decision = arena_alloc(context->arena, sizeof(*decision));
    bool unchanged = false;
    if (!decision)
        return -QY_ENOMEM;
    quanyu__decision__init(decision);
    int error = decision_read(&asked);
    if (!error)
        error = decision_prepare(&asked, decision, &unchanged);
    if (error)
        return error;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DECIDE;
    if (unchanged)
        return answer_unchanged(&asked, decision, reply_of(reply));
    decision->reason = asked.request->reason;
    decision->actor = context->header->actor;
    decision->at_ms = asked.request->at_ms ? asked.request->at_ms : context->batch->now_ms;
    error = worker_decide(identity->worker, context->batch, decision);
    if (!error)
        error = decision_view(context, decision, true, &reply_of(reply)->decide);
    return error ? error
                 : identity_act_decision(context, "decision.take", decision->reason, reply_of(reply)->decide);
}

int handle_undo(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    const Quanyu__UndoRequest *asked = request_of(request)->undo;
    Quanyu__Decision *decision = identity_store_decision(context->txn, asked->number, context->arena);
    if (!decision)
        return store_error(context->txn)
                   ? store_error(context->txn)
                   : rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such decision");
    bool unchanged = decision->undone_ms != 0;
    int error = 0;
    if (!unchanged) {
        decision->undone_ms = asked->at_ms ? asked->at_ms : context->batch->now_ms;
        decision->undone_by = context->header->actor;
        decision->undone_reason = asked->reason;
        error = worker_undo(identity->worker, context->batch, decision, context->arena);
    }
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_UNDO;
    if (!error)
        error = decision_view(context, decision, true, &reply_of(reply)->undo);
    if (!error)
        reply_of(reply)->undo->unchanged = unchanged;
    if (!error && !unchanged)
        error = identity_act_decision(context, "decision.undo", asked->reason, reply_of(reply)->undo);
    return error;
}

static int list_decisions(
    struct rpc_context *context, const Quanyu__DecisionsRequest *asked, Quanyu__DecisionsReply *answer)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    size_t limit = page_of(asked->limit);
    uint64_t from = asked->number ? asked->number : asked->before ? asked->before - 1 : UINT64_MAX;
    int error = identity_store_scan_decisions(context->txn, from, &scan);
    answer->decisions = arena_alloc(context->arena, limit * sizeof(void *));
    while (!error && answer->decisions) {
        Quanyu__Decision *decision = identity_store_next_decision(context->txn, scan, context->arena);
        if (!decision || (asked->number && decision->number != asked->number))
            break;
        if (answer->n_decisions == limit) {
            answer->next = decision->number + 1;
            break;
        }
        error = decision_view(context, decision, asked->personal, &answer->decisions[answer->n_decisions]);
        answer->n_decisions += !error;
    }
    return error ? error : answer->decisions ? store_error(context->txn) : -QY_ENOMEM;
}

int handle_decisions(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__DecisionsRequest *asked = request_of(request)->decisions;
    Quanyu__DecisionsReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__decisions_reply__init(answer);
    int error = list_decisions(context, asked, answer);
    if (!error && asked->number && answer->n_decisions == 0)
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such decision");
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DECISIONS;
    reply_of(reply)->decisions = answer;
    return error;
}
