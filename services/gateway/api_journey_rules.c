/* SPDX-License-Identifier: Apache-2.0 */
/* A journey's rules, checked by tagging, which will evaluate them, before campaign takes the journey in: what they refer
 * to is known there alone. */
#include "proto/campaign.pb-c.h"
#include "proto/tagging.pb-c.h"
#include "services/gateway/rule_names.h"

#include <string.h>

static int fetch_rules(struct api_call *call, const char *id, ProtobufCBinaryData definition,
    const Quanyu__JourneyRulesReply **ret_rules)
{
    Quanyu__JourneyRulesRequest question = QUANYU__JOURNEY_RULES_REQUEST__INIT;
    question.id = (char *)(uintptr_t)id;
    question.definition = definition;
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_RULES;
    request.rules = &question;
    ProtobufCMessage *reply;
    int error = api_ask(call, "campaign", &request.base, &quanyu__campaign_reply__descriptor, &reply);
    if (!error)
        *ret_rules = ((Quanyu__CampaignReply *)reply)->rules;
    return error;
}

static int ask_tagging(struct api_call *call, Quanyu__RuleCheckRequest *check, bool *ret_asks_for_money)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_RULE_CHECK;
    request.rule_check = check;
    ProtobufCMessage *reply;
    int error = api_ask(call, "tagging", &request.base, &quanyu__tagging_reply__descriptor, &reply);
    if (!error)
        *ret_asks_for_money = ((Quanyu__TaggingReply *)reply)->rule_check->asks_for_money;
    return error;
}

/* Tagging points into its request's member "rule", the caller wants to be pointed into the journey. `stored`: it is somebody's who might
 * ask for money. */
static int check_rule(struct api_call *call, const Quanyu__JourneyRulesReply__Rule *rule, bool stored)
{
    static const char member[] = "/rule";
    bool asks;
    int error = rule_names_check(call, (struct bytes){rule->rule.data, rule->rule.len}, rule->pointer);
    if (error)
        return error;
    Quanyu__RuleCheckRequest check = QUANYU__RULE_CHECK_REQUEST__INIT;
    check.rule = rule->rule;
    check.tell_money = stored;
    error = ask_tagging(call, &check, &asks);
    const char *field = call->error_field;
    if (!error || !field || strncmp(field, member, sizeof(member) - 1) != 0)
        return error;
    char pointer[400];
    snprintf(pointer, sizeof(pointer), "%s%s", rule->pointer, field + sizeof(member) - 1);
    return api_refuse(call, error, pointer, "%s", call->error_message);
}

int journey_rules_check(struct api_call *call, const char *id, ProtobufCBinaryData definition)
{
    const Quanyu__JourneyRulesReply *rules;
    int error = fetch_rules(call, id, definition, &rules);
    for (size_t i = 0; !error && i < rules->n_rules; i++)
        error = check_rule(call, rules->rules[i], definition.len == 0);
    return error;
}

/* What cannot be looked into any more may have asked for it. */
int journey_is_withheld(struct api_call *call, const char *id, bool *ret_withheld)
{
    const Quanyu__JourneyRulesReply *rules;
    *ret_withheld = false;
    if (!call->actor.without_amounts)
        return 0;
    int error = fetch_rules(call, id, (ProtobufCBinaryData){0}, &rules);
    for (size_t i = 0; !error && !*ret_withheld && i < rules->n_rules; i++) {
        Quanyu__RuleCheckRequest check = QUANYU__RULE_CHECK_REQUEST__INIT;
        check.rule = rules->rules[i]->rule;
        check.tell_money = true;
        error = ask_tagging(call, &check, ret_withheld);
    }
    if (error == -QY_EUNAVAILABLE || error == -QY_ETIMEOUT || error == -QY_ENOMEM)
        return error;
    *ret_withheld |= error != 0;
    call->error_field = call->error_message = NULL;
    return 0;
}
