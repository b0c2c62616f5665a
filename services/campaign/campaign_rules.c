/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules a definition holds: the gateway asks, and has tagging check them before the definition is taken in. */
#include "services/campaign/campaign_handlers.h"

#include <string.h>

static int list_rules(struct rpc_context *context, struct journey *journey, Quanyu__JourneyRulesReply *list)
{
    size_t most = (size_t)journey_rule_count(journey);
    list->rules = arena_alloc(context->arena, sizeof(Quanyu__JourneyRulesReply__Rule *) * most);
    Quanyu__JourneyRulesReply__Rule *rows = arena_alloc(context->arena, sizeof(*rows) * most);
    if (!list->rules || !rows)
        return -QY_ENOMEM;
    for (size_t i = 0; i < most; i++) {
        const struct watch_rule *rule = journey_rule(journey, (int)i);
        if (!rule->json)
            continue;
        quanyu__journey_rules_reply__rule__init(&rows[i]);
        rows[i].pointer = arena_text(context->arena, rule->pointer, strlen(rule->pointer));
        rows[i].rule.data = arena_copy(context->arena, rule->json, rule->size);
        rows[i].rule.len = rule->size;
        if (!rows[i].pointer || !rows[i].rule.data)
            return -QY_ENOMEM;
        list->rules[list->n_rules++] = &rows[i];
    }
    return 0;
}

int campaign_handle_rules(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__JourneyRulesRequest *asked = ((const Quanyu__CampaignRequest *)request)->rules;
    Quanyu__CampaignReply *answer = (Quanyu__CampaignReply *)reply;
    _cleanup_(journey_free) struct journey *journey = NULL;
    struct journey_problem problem = {0};
    Quanyu__Journey *row = NULL;
    const ProtobufCBinaryData *given = &asked->definition;
    int error = *asked->id ? campaign_find_journey(context, asked->id, &row) : 0;
    if (error)
        return error;
    if (row && given->len == 0)
        error = journey_parse_stored(row->definition.data, row->definition.len, &journey);
    else
        error = journey_parse(given->data, given->len, &journey, &problem);
    if (error == -QY_EINVAL || error == -QY_ETOOLARGE)
        return rpc_refuse(context, error, problem.pointer, "%s", problem.message);
    answer->result_case = QUANYU__CAMPAIGN_REPLY__RESULT_RULES;
    answer->rules = arena_alloc(context->arena, sizeof(*answer->rules));
    if (error || !answer->rules)
        return error ? error : -QY_ENOMEM;
    quanyu__journey_rules_reply__init(answer->rules);
    return list_rules(context, journey, answer->rules);
}
