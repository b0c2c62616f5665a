/* SPDX-License-Identifier: Apache-2.0 */
/* Audiences: how many people a rule picks. */
#include "proto/tagging.pb-c.h"
#include "services/gateway/api.h"

#include <sodium.h>
#include <string.h>

/* -- what is on record of a rule: its shape, and a hash by which it can be recognised; no operand, for those
 * may be personal -- */

static void write_shape(struct json *json, yyjson_val *value, bool operand);

static bool is_operand(const char *name)
{
    static const char *const kept[] = {"all", "any", "not", "trait", "metric", "tag", "stage", "tier",
        "segment", "identifier", "event", "property", "where", "count", "sum", "distinct", "within",
        "between"};
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (strcmp(name, kept[i]) == 0)
            return false;
    return true;
}

static void write_members(struct json *json, yyjson_val *value)
{
    size_t index, count;
    yyjson_val *key, *member;
    json_open(json, '{');
    yyjson_obj_foreach(value, index, count, key, member)
    {
        json_name(json, yyjson_get_str(key));
        write_shape(json, member, is_operand(yyjson_get_str(key)));
    }
    json_close(json, '}');
}

/* The rule was accepted, so its depth is bounded. */
static void write_shape(struct json *json, yyjson_val *value, bool operand)
{
    size_t index, count;
    yyjson_val *item;
    if (yyjson_is_obj(value)) {
        write_members(json, value);
    } else if (yyjson_is_arr(value)) {
        json_open(json, '[');
        yyjson_arr_foreach(value, index, count, item)
        {
            write_shape(json, item, operand);
        }
        json_close(json, ']');
    } else if (yyjson_is_str(value) && !operand) {
        json_text_n(json, yyjson_get_str(value), yyjson_get_len(value));
    } else if (yyjson_is_bool(value)) {
        json_bool(json, yyjson_get_bool(value));
    } else {
        json_text(json, "…");
    }
}

static char *rule_on_record(struct api_call *call, struct bytes rule)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char hex[sizeof(hash) * 2 + 1];
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    crypto_hash_sha256(hash, rule.data, rule.size);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_field_text(&json, "rule_sha256", hex);
    json_name(&json, "shape");
    write_shape(&json, yyjson_obj_get(call->body, "rule"), false);
    json_close(&json, '}');
    return buffer_error(&text) ? NULL : arena_text(call->arena, (const char *)text.data, text.size);
}

/* A count is a use of personal data. */
static int record_count(struct api_call *call, struct bytes rule, uint64_t count)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)"audience.count";
    record.count = count;
    record.detail = rule_on_record(call, rule);
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
    error = record_count(call, rule, count);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_unsigned(&json, "count", count);
    json_close(&json, '}');
    return 0;
}
