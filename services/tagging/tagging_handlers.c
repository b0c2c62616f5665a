/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/tagging_handlers.h"

#include <string.h>

static const char *const from_gateway[] = {"gateway", "cli", NULL};
static const char *const from_rule_users[] = {"gateway", "campaign", "cli", NULL};

static const struct rpc_handler handlers[] = {
    [QUANYU__TAGGING_REQUEST__CALL_PROFILE] = {"profile", handle_profile, RPC_QUERY, from_rule_users},
    [QUANYU__TAGGING_REQUEST__CALL_AUDIENCE] = {"audience", handle_audience, RPC_QUERY, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_RULE_CHECK] = {"rule_check", handle_rule_check, RPC_QUERY,
        from_rule_users},
    [QUANYU__TAGGING_REQUEST__CALL_DEFINE] = {"define", handle_define, RPC_COMMAND, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_DEFINITIONS] = {"definitions", handle_definitions, RPC_QUERY,
        from_rule_users},
    [QUANYU__TAGGING_REQUEST__CALL_REMOVE] = {"remove", handle_remove, RPC_COMMAND, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_CHANGES] = {"changes", handle_changes, RPC_QUERY, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_TAG_PERSON] = {"tag_person", handle_tag_person, RPC_COMMAND, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_COUNTS] = {"counts", handle_counts, RPC_QUERY, from_gateway},
};

const struct rpc_service tagging_rpc = {
    .request = &quanyu__tagging_request__descriptor,
    .reply = &quanyu__tagging_reply__descriptor,
    .handlers = handlers,
    .handler_count = COUNT_OF(handlers),
};

char *reply_text(struct rpc_context *context, const char *text)
{
    return arena_text(context->arena, text, strlen(text));
}

int handler_registry(struct rpc_context *context, struct registry **ret_registry)
{
    const struct tagging *tagging = context->self;
    int error = registry_open(tagging->money.scale, ret_registry);
    return error ? error : registry_load(*ret_registry, context->txn, false);
}

int handler_refuse_rule(
    struct rpc_context *context, int code, const char *member, const struct rule_problem *problem)
{
    if (code != -QY_EINVAL && code != -QY_ECONFLICT && code != -QY_ETOOLARGE)
        return code;
    const char *field = arena_printf(context->arena, "%s%s", member, problem->pointer);
    return rpc_refuse(context, code, field ? field : member, "%s", problem->message);
}

int handler_check(struct rpc_context *context, int error)
{
    static const int callers[] = {
        -QY_EINVAL, -QY_ENOTFOUND, -QY_EEXISTS, -QY_ECONFLICT, -QY_EDENIED, -QY_ETOOLARGE, -QY_EOVERTAKEN};
    for (size_t i = 0; i < COUNT_OF(callers); i++)
        if (error == callers[i])
            return error;
    return error ? store_fail(context->batch->txn, error) : 0;
}

void handler_act(struct rpc_context *context, const char *action, const char *detail, uint32_t person)
{
    Quanyu__TaggingAct act = QUANYU__TAGGING_ACT__INIT;
    act.actor = context->header->actor;
    act.action = (char *)action;
    act.detail = (char *)detail;
    act.person = person;
    act.request_id = context->header->request_id;
    batch_emit(context->batch, QUANYU__TAGGING_RECORD__RECORD_ACT, &act.base);
}

int handle_counts(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    struct tagging_state state;
    struct stage_count *stages;
    size_t count;
    tagging_read_state(context->txn, &state);
    int error = tagging_read_stages(context->txn, context->arena, &stages, &count);
    Quanyu__TaggingCounts *counts = arena_alloc(context->arena, sizeof(*counts));
    Quanyu__TaggingCounts__Stage *rows = arena_alloc(context->arena, count * sizeof(*rows) + 1);
    Quanyu__TaggingCounts__Stage **list = arena_alloc(context->arena, count * sizeof(*list) + 1);
    if (error || !counts || !rows || !list)
        return error ? error : -QY_ENOMEM;
    quanyu__tagging_counts__init(counts);
    counts->persons = state.persons;
    counts->events = state.events;
    counts->orders = state.orders;
    for (size_t i = 0; i < count; i++) {
        quanyu__tagging_counts__stage__init(&rows[i]);
        rows[i].stage = stages[i].stage;
        rows[i].persons = stages[i].persons;
        list[i] = &rows[i];
    }
    counts->stages = list;
    counts->n_stages = count;
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_COUNTS;
    answer->counts = counts;
    return 0;
}
