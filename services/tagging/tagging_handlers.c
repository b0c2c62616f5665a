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
    [QUANYU__TAGGING_REQUEST__CALL_WEIGH] = {"weigh", handle_weigh, RPC_QUERY, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_KEEP_QUESTION] = {"keep_question", handle_keep_question, RPC_COMMAND,
        from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_REFERRER] = {"referrer", handle_referrer, RPC_QUERY, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_OPEN_WORK] = {"open_work", handle_open_work, RPC_QUERY, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_IN_SCOPE] = {"in_scope", handle_in_scope, RPC_QUERY, from_rule_users},
    [QUANYU__TAGGING_REQUEST__CALL_PEOPLE] = {"people", handle_people, RPC_QUERY, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_BIND] = {"bind", handle_bind, RPC_COMMAND, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_BINDINGS] = {"bindings", handle_bindings, RPC_QUERY, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_BINDING_RULES] = {"binding_rules", handle_binding_rules, RPC_QUERY,
        from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_SET_BINDING_RULES] = {"set_binding_rules", handle_set_binding_rules,
        RPC_COMMAND, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_TRANSFER] = {"transfer", handle_transfer, RPC_COMMAND, from_gateway},
    [QUANYU__TAGGING_REQUEST__CALL_SHOW_TRANSFER] = {"show_transfer", handle_show_transfer, RPC_QUERY,
        from_gateway},
};

/* Whose scope has lost units is answered by the tree that has them elsewhere, or not at all. */
static int check_moves(struct rpc_context *context)
{
    const Quanyu__Actor *actor = context->header->actor;
    uint64_t moves = actor && actor->scope ? actor->scope->moves : 0;
    if (moves == 0 || organisation_moves(context->txn) >= moves)
        return 0;
    return rpc_refuse(
        context, -QY_EOVERTAKEN, RPC_FIELD_SCOPE, "units have been moved that stand where they were here");
}

const struct rpc_service tagging_rpc = {
    .request = &quanyu__tagging_request__descriptor,
    .reply = &quanyu__tagging_reply__descriptor,
    .handlers = handlers,
    .handler_count = COUNT_OF(handlers),
    .check = check_moves,
};

char *reply_text(struct rpc_context *context, const char *text)
{
    return arena_text(context->arena, text, strlen(text));
}

struct scope handler_scope(const struct rpc_context *context)
{
    return scope_of(context->header->actor);
}

int handler_check_scope(struct rpc_context *context, const struct person *person)
{
    const struct scope scope = handler_scope(context);
    struct store_txn *txn = context->batch ? context->batch->txn : context->txn;
    if (scope_holds(txn, &scope, &person->binding))
        return 0;
    return rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
}

Quanyu__Binding *handler_binding(struct rpc_context *context, const struct binding *binding)
{
    Quanyu__Binding *shown = arena_alloc(context->arena, sizeof(*shown));
    if (!shown)
        return NULL;
    quanyu__binding__init(shown);
    shown->unit = binding->unit;
    shown->unit_since_ms = binding->unit ? binding->unit_since.ms : 0;
    shown->guide = binding_guide(binding);
    shown->guide_since_ms = shown->guide ? binding->guide_since.ms : 0;
    return shown;
}

int handler_registry(struct rpc_context *context, struct registry **ret_registry)
{
    const struct tagging *tagging = context->self;
    int error = registry_open(tagging->money.scale, ret_registry);
    return error ? error : registry_load(*ret_registry, context->txn, handler_hides_money(context));
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
