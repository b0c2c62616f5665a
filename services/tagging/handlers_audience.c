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

int handle_rule_check(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__RuleCheckRequest *check = ((const Quanyu__TaggingRequest *)request)->rule_check;
    _cleanup_(registry_close) struct registry *registry = NULL;
    _cleanup_(rule_free) struct rule *rule = NULL;
    int error = handler_registry(context, &registry);
    if (!error)
        error = parse(context, registry, check->rule, &rule);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_RULE_CHECK;
    answer->rule_check = arena_alloc(context->arena, sizeof(*answer->rule_check));
    if (!answer->rule_check)
        return -QY_ENOMEM;
    quanyu__rule_check_reply__init(answer->rule_check);
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

int handle_audience(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__AudienceRequest *question = ((const Quanyu__TaggingRequest *)request)->audience;
    const struct tagging *tagging = context->self;
    _cleanup_(registry_close) struct registry *registry = NULL;
    _cleanup_(rule_free) struct rule *rule = NULL;
    if (question->list > LISTED_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "list", "at most %u persons are listed", LISTED_MAX);
    int error = handler_registry(context, &registry);
    if (!error)
        error = parse(context, registry, question->rule, &rule);
    if (error)
        return error;
    const struct scope scope = handler_scope(context);
    struct audience audience = {
        .scopes = &scope,
        .scope_count = 1,
        .rule = rule,
        .txn = context->txn,
        .money = &tagging->money,
        .registry = registry,
        .now_ms = service_now_ms(context->service),
        .as_of_ms = question->as_of_ms,
        .list = question->list,
        .after = question->after,
        .arena = context->arena,
        .until = context->header->deadline_ms > 0
                     ? metrics_clock() + (double)context->header->deadline_ms / 1000
                     : 0,
    };
    struct rule_problem problem = {0};
    error = question->as_of_ms != 0 ? audience_check_past(rule, registry, &problem) : 0;
    if (error)
        return handler_refuse_rule(context, error, "/rule", &problem);
    struct audience_answer answer = {0};
    bool by_scan = question->by_scan || question->as_of_ms != 0;
    error = (by_scan ? audience_scan : audience_find)(&audience, &answer);
    return error ? error : fill(context, &answer, reply);
}
