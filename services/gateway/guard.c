/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/guard.h"

#include "proto/tagging.pb-c.h"
#include "services/gateway/disclosure.h"

#include <string.h>

uint32_t guard_least(const struct api_call *call)
{
    if (disclosure_of(call->permissions).persons)
        return 0;
    return (uint32_t)config_number(service_config(call->gateway->service), "gateway.least_people");
}

static int ask(struct api_call *call, Quanyu__TaggingRequest *request, Quanyu__TaggingReply **ret_reply)
{
    ProtobufCMessage *reply;
    int error = api_ask(call, "tagging", &request->base, &quanyu__tagging_reply__descriptor, &reply);
    if (!error)
        *ret_reply = (Quanyu__TaggingReply *)reply;
    return error;
}

/* Durable before it is told: later questions are held against it. */
static int keep(struct api_call *call, Quanyu__Question *question, uint32_t least, bool *ret_too_few)
{
    Quanyu__KeepQuestionRequest change = QUANYU__KEEP_QUESTION_REQUEST__INIT;
    change.question = question;
    change.least = least;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_KEEP_QUESTION;
    request.keep_question = &change;
    Quanyu__TaggingReply *reply;
    int error = ask(call, &request, &reply);
    if (!error)
        *ret_too_few = reply->keep_question->too_few;
    return error;
}

int guard_count(
    struct api_call *call, struct bytes rule, int64_t as_of_ms, uint32_t least, struct guarded *ret_guarded)
{
    Quanyu__WeighRequest question = QUANYU__WEIGH_REQUEST__INIT;
    question.rule = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)rule.data, .len = rule.size};
    question.as_of_ms = as_of_ms;
    question.least = least;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_WEIGH;
    request.weigh = &question;
    Quanyu__TaggingReply *reply;
    int error = ask(call, &request, &reply);
    if (error)
        return error;
    const Quanyu__WeighReply *weighed = reply->weigh;
    bool too_few = weighed->too_few;
    if (weighed->keep)
        error = keep(call, weighed->keep, least, &too_few);
    if (error)
        return error;
    *ret_guarded = (struct guarded){.too_few = too_few};
    if (!too_few) {
        ret_guarded->count = weighed->count;
        ret_guarded->counted_ms = weighed->counted_ms;
    }
    return 0;
}

int guard_count_named(
    struct api_call *call, const char *member, const char *name, uint32_t least, struct guarded *ret_guarded)
{
    _cleanup_(buffer_free) struct buffer rule = BUFFER_INIT;
    struct json json = json_to(&rule);
    json_open(&json, '{');
    json_field_text(&json, member, name);
    json_close(&json, '}');
    if (buffer_error(&rule))
        return buffer_error(&rule);
    return guard_count(call, (struct bytes){rule.data, rule.size}, 0, least, ret_guarded);
}
