/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about everybody, and checks of rules. */
#include "services/tagging/audience.h"
#include "services/tagging/tagging_handlers.h"

#define LISTED_MAX 10000u
#define RULE_BYTES_MAX ((size_t)64 * 1024)

static int parse(
    struct rpc_context *context, struct registry *registry, ProtobufCBinaryData text, struct rule **ret_rule)
{
    struct rule_problem problem = {0};
    struct rule_names names = registry_names(registry);
    if (text.len > RULE_BYTES_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "/rule", "a rule has at most 64 KiB");
    int error = rule_parse_text((const char *)text.data, text.len, &names, ret_rule, &problem);
    return error ? handler_refuse_rule(context, error, "/rule", &problem) : 0;
}

/* Of who may not see it: whether it asks for money is told where that was asked for, and refused elsewhere. */
static int check_money(struct rpc_context *context, const struct registry *registry, const struct rule *rule,
    bool tell, bool *ret_asks)
{
    struct money_view view;
    if (!tell || !handler_hides_money(context))
        return handler_check_money(context, registry, rule, "/rule");
    int error = money_view_make(registry, context->arena, &view);
    if (!error)
        *ret_asks = money_view_rule_asks(&view, rule, NULL);
    return error;
}

int handle_rule_check(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__RuleCheckRequest *check = ((const Quanyu__TaggingRequest *)request)->rule_check;
    _cleanup_(registry_close) struct registry *registry = NULL;
    _cleanup_(rule_free) struct rule *rule = NULL;
    bool asks = false;
    int error = handler_registry(context, &registry);
    if (!error)
        error = parse(context, registry, check->rule, &rule);
    if (!error)
        error = check_money(context, registry, rule, check->tell_money, &asks);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_RULE_CHECK;
    answer->rule_check = arena_alloc(context->arena, sizeof(*answer->rule_check));
    if (!answer->rule_check)
        return -QY_ENOMEM;
    quanyu__rule_check_reply__init(answer->rule_check);
    answer->rule_check->asks_for_money = asks;
    return error;
}

static int fill(struct rpc_context *context, const struct audience_answer *found, ProtobufCMessage *reply)
{
    Quanyu__AudienceReply *audience = arena_alloc(context->arena, sizeof(*audience));
    if (!audience)
        return -QY_ENOMEM;
    quanyu__audience_reply__init(audience);
    audience->count = found->count;
    audience->persons = found->persons;
    audience->n_persons = found->listed;
    audience->used_scan = found->asked;
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_AUDIENCE;
    answer->audience = audience;
    return 0;
}

int handler_audience(struct rpc_context *context, ProtobufCBinaryData text, int64_t as_of_ms,
    struct scope *scope, struct registry **ret_registry, struct rule **ret_rule,
    struct audience *ret_audience)
{
    const struct tagging *tagging = context->self;
    struct rule_problem problem = {0};
    int error = handler_registry(context, ret_registry);
    if (!error)
        error = parse(context, *ret_registry, text, ret_rule);
    if (!error)
        error = handler_check_money(context, *ret_registry, *ret_rule, "/rule");
    if (error)
        return error;
    *scope = handler_scope(context);
    *ret_audience = (struct audience){
        .scopes = scope,
        .scope_count = 1,
        .rule = *ret_rule,
        .txn = context->txn,
        .money = &tagging->money,
        .registry = *ret_registry,
        .now_ms = service_now_ms(context->service),
        .as_of_ms = as_of_ms,
        .arena = context->arena,
        .until = context->header->deadline_ms > 0
                     ? metrics_clock() + (double)context->header->deadline_ms / 1000
                     : 0,
    };
    error = as_of_ms != 0 ? audience_check_past(*ret_rule, *ret_registry, &problem) : 0;
    return error ? handler_refuse_rule(context, error, "/rule", &problem) : 0;
}

int handle_audience(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__AudienceRequest *question = ((const Quanyu__TaggingRequest *)request)->audience;
    _cleanup_(registry_close) struct registry *registry = NULL;
    _cleanup_(rule_free) struct rule *rule = NULL;
    struct scope scope;
    struct audience audience;
    if (question->list > LISTED_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "list", "at most %u persons are listed", LISTED_MAX);
    int error =
        handler_audience(context, question->rule, question->as_of_ms, &scope, &registry, &rule, &audience);
    if (error)
        return error;
    audience.list = question->list;
    audience.after = question->after;
    struct audience_answer answer = {0};
    bool by_scan = question->by_scan || question->as_of_ms != 0;
    error = (by_scan ? audience_scan : audience_find)(&audience, &answer);
    return error ? error : fill(context, &answer, reply);
}
