/* SPDX-License-Identifier: Apache-2.0 */
/* Audiences: how many people a rule picks. */
#include "common/rule_shape.h"
#include "proto/tagging.pb-c.h"
#include "services/gateway/api.h"

/* The shape of the rule, and no operand: those may be personal, and a hash of what may be personal is, too. */
static char *rule_on_record(struct api_call *call)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_name(&json, "shape");
    rule_write_shape(&json, yyjson_obj_get(call->body, "rule"));
    json_close(&json, '}');
    return buffer_error(&text) ? NULL : arena_text(call->arena, (const char *)text.data, text.size);
}

/* A count is a use of personal data. */
static int record_count(struct api_call *call, uint64_t count)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)"audience.count";
    record.count = count;
    record.detail = rule_on_record(call);
    return record.detail ? api_record(call, &record) : -QY_ENOMEM;
}

int audience_count(struct api_call *call)
{
    struct bytes rule;
    Quanyu__AudienceRequest audience = QUANYU__AUDIENCE_REQUEST__INIT;
    int error = api_raw(call, "rule", true, &rule);
    if (!error)
        error = api_time(call, "as_of", &audience.as_of_ms);
    if (error)
        return error;
    audience.rule = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)rule.data, .len = rule.size};
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_AUDIENCE;
    request.audience = &audience;
    ProtobufCMessage *reply;
    error = api_ask(call, "tagging", &request.base, &quanyu__tagging_reply__descriptor, &reply);
    if (error)
        return error;
    uint64_t count = ((Quanyu__TaggingReply *)reply)->audience->count;
    error = record_count(call, count);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_unsigned(&json, "count", count);
    json_close(&json, '}');
    return 0;
}
