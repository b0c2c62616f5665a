/* SPDX-License-Identifier: Apache-2.0 */
/* Audiences: how many people a rule picks. */
#include "common/rule_shape.h"
#include "proto/tagging.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/guard.h"
#include "services/gateway/rule_names.h"

/* The shape of the rule, and no operand: those may be personal, and a hash of what may be personal is, too. */
static char *rule_on_record(struct api_call *call)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    rule_write_shape(&json, yyjson_obj_get(call->body, "rule"));
    return buffer_error(&text) ? NULL : arena_text(call->arena, (const char *)text.data, text.size);
}

/* A count is a use of personal data. */
static int record_count(struct api_call *call, uint64_t count, const char *outcome)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)"audience.count";
    record.outcome = (char *)(uintptr_t)outcome;
    record.count = count;
    record.rule = rule_on_record(call);
    return record.rule ? api_record(call, &record) : -QY_ENOMEM;
}

static int refuse_few(struct api_call *call, uint32_t least)
{
    int error = record_count(call, 0, "too_few");
    if (error)
        return error;
    const char *message = arena_printf(call->arena,
        "fewer than %u people, or all but so few, or it differs by so few from what was counted before: "
        "that is not told to who may not see single people",
        least);
    return message ? api_refuse_as(call, 403, "too_few", message) : -QY_ENOMEM;
}

/* For who may not see single people. */
static int count_guarded(struct api_call *call, struct bytes rule, int64_t as_of_ms, uint32_t least)
{
    struct guarded guarded;
    int error = guard_count(call, rule, as_of_ms, least, &guarded);
    if (!error)
        error = guarded.too_few ? refuse_few(call, least) : record_count(call, guarded.count, "ok");
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_unsigned(&json, "count", guarded.count);
    json_field_time(&json, "counted_at", guarded.counted_ms);
    json_close(&json, '}');
    return 0;
}

int audience_count(struct api_call *call)
{
    struct bytes rule;
    uint32_t least = guard_least(call);
    Quanyu__AudienceRequest audience = QUANYU__AUDIENCE_REQUEST__INIT;
    int error = rule_names_resolve(call, yyjson_obj_get(call->body, "rule"), "/rule");
    if (!error)
        error = api_raw(call, "rule", true, &rule);
    if (!error)
        error = api_time(call, "as_of", &audience.as_of_ms);
    if (error)
        return error;
    if (least)
        return count_guarded(call, rule, audience.as_of_ms, least);
    audience.rule = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)rule.data, .len = rule.size};
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_AUDIENCE;
    request.audience = &audience;
    ProtobufCMessage *reply;
    error = api_ask(call, "tagging", &request.base, &quanyu__tagging_reply__descriptor, &reply);
    if (error)
        return error;
    uint64_t count = ((Quanyu__TaggingReply *)reply)->audience->count;
    error = record_count(call, count, "ok");
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_unsigned(&json, "count", count);
    json_close(&json, '}');
    return 0;
}
