/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers use: refusals, questions to the services, members and parameters. */
#include "common/clock.h"
#include "proto/identity.pb-c.h"
#include "proto/tagging.pb-c.h"
#include "services/gateway/api.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEARD_TIMEOUT_S 1.0
#define LOOK_AGAIN_NS_MAX 16000000
#define LIMIT_STANDARD 50u
#define LIMIT_MOST 500u

const char *api_scope_name(enum api_scope scope)
{
    static const char *const names[] = {
        [SCOPE_NONE] = "none",
        [SCOPE_PEOPLE] = "people",
        [SCOPE_UNITS] = "units",
        [SCOPE_BRAND] = "brand",
    };
    return names[scope];
}

int api_refuse(struct api_call *call, int code, const char *field, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    call->error_message = arena_text(call->arena, message, strlen(message));
    call->error_field = field && *field ? arena_text(call->arena, field, strlen(field)) : NULL;
    return code;
}

int api_refuse_as(struct api_call *call, int status, const char *kind, const char *message)
{
    call->error_status = status;
    call->error_kind = kind;
    return api_refuse(call, -QY_EDENIED, NULL, "%s", message);
}

static bool has_not_heard(int code, const struct rpc_error *error)
{
    return code == -QY_EOVERTAKEN && error->field && strcmp(error->field, RPC_FIELD_SCOPE) == 0;
}

/* What the caller's scope has lost, or a unit or somebody who is new, is on its way to who is asked, through the journals: some
 * milliseconds, or longer where there is a backlog. Nothing tells when it is there. */
static int ask_until_heard(struct api_call *call, const char *peer, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *reply_type, ProtobufCMessage **ret_reply, struct rpc_error *ret_error)
{
    struct rpc_call options = {.request_id = http_request_id(call->request), .actor = &call->actor};
    double deadline = metrics_clock() + HEARD_TIMEOUT_S;
    struct timespec look_again = {.tv_nsec = 1000000};
    for (;;) {
        *ret_error = (struct rpc_error){0};
        int code =
            rpc_call(call->client, peer, &options, request, reply_type, call->arena, ret_reply, ret_error);
        if (!has_not_heard(code, ret_error))
            return code;
        if (metrics_clock() > deadline)
            return api_refuse(call, -QY_EUNAVAILABLE, NULL,
                "what was just changed of units and staff has not come everywhere yet; ask again");
        nanosleep(&look_again, NULL);
        if (look_again.tv_nsec < LOOK_AGAIN_NS_MAX)
            look_again.tv_nsec *= 2;
    }
}

int api_ask(struct api_call *call, const char *peer, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *reply_type, ProtobufCMessage **ret_reply)
{
    struct rpc_error error;
    int code = ask_until_heard(call, peer, request, reply_type, ret_reply, &error);
    if (has_not_heard(-QY_EOVERTAKEN, &error))
        return code;
    if (code == -QY_EUNAVAILABLE || code == -QY_ETIMEOUT)
        return api_refuse(call, code, NULL, "the %s service %s", peer,
            code == -QY_ETIMEOUT ? "did not answer in time; whether it happened is not known"
                                 : "is not available now");
    if (code && error.message && *error.message)
        return api_refuse(call, code, error.field, "%s", error.message);
    return code;
}

int api_ask_identity(
    struct api_call *call, const Quanyu__IdentityRequest *request, const Quanyu__IdentityReply **ret_reply)
{
    ProtobufCMessage *reply;
    int error = api_ask(call, "identity", &request->base, &quanyu__identity_reply__descriptor, &reply);
    if (!error)
        *ret_reply = (const Quanyu__IdentityReply *)reply;
    return error;
}

int api_text(struct api_call *call, const char *name, bool required, const char **ret_text)
{
    yyjson_val *value = yyjson_obj_get(call->body, name);
    *ret_text = NULL;
    if (!value)
        return required ? api_refuse(call, -QY_EINVAL, name, "is required") : 0;
    if (!yyjson_is_str(value))
        return api_refuse(call, -QY_EINVAL, name, "must be a string");
    if (strlen(yyjson_get_str(value)) != yyjson_get_len(value))
        return api_refuse(call, -QY_EINVAL, name, "must not hold a NUL character");
    if (required && yyjson_get_len(value) == 0)
        return api_refuse(call, -QY_EINVAL, name, "must not be empty");
    *ret_text = yyjson_get_str(value);
    return 0;
}

int api_boolean(struct api_call *call, const char *name, bool standard, bool *ret_value)
{
    yyjson_val *value = yyjson_obj_get(call->body, name);
    *ret_value = value ? yyjson_get_bool(value) : standard;
    return value && !yyjson_is_bool(value) ? api_refuse(call, -QY_EINVAL, name, "must be true or false") : 0;
}

int api_time(struct api_call *call, const char *name, int64_t *ret_ms)
{
    yyjson_val *value = yyjson_obj_get(call->body, name);
    *ret_ms = 0;
    if (!value || yyjson_is_null(value))
        return 0;
    if (yyjson_is_str(value) && time_parse(yyjson_get_str(value), yyjson_get_len(value), true, ret_ms))
        return 0;
    return api_refuse(call, -QY_EINVAL, name, "must be a time, 2026-03-01T08:30:00Z, or a date");
}

/* Empty when absent; refused when it cannot be taken. */
int api_parameter(struct api_call *call, const char *name, char *value, size_t size, bool *ret_present)
{
    int error = http_parameter(call->request, name, value, size);
    *ret_present = error == 0;
    if (error == -QY_ENOTFOUND)
        *value = '\0';
    if (!error || error == -QY_ENOTFOUND)
        return 0;
    return api_refuse(call, -QY_EINVAL, name,
        error == -QY_ETOOLARGE ? "is longer than any that can be right" : "is malformed");
}

int api_switch(struct api_call *call, const char *name, bool *ret_stated, bool *ret_value)
{
    char text[8];
    bool present;
    int error = api_parameter(call, name, text, sizeof(text), &present);
    *ret_stated = *text != '\0';
    *ret_value = strcmp(text, "true") == 0;
    if (!error && *text && !*ret_value && strcmp(text, "false") != 0)
        error = api_refuse(call, -QY_EINVAL, name, "must be true or false");
    return error;
}

/* Digits alone. */
static bool parse_digits(const char *text, uint64_t *ret_number)
{
    size_t size = strlen(text);
    if (size == 0 || size > 19 || strspn(text, "0123456789") != size)
        return false;
    *ret_number = strtoull(text, NULL, 10);
    return true;
}

int api_limit(struct api_call *call, uint32_t *ret_limit)
{
    char text[24];
    bool present;
    uint64_t value = LIMIT_STANDARD;
    int error = api_parameter(call, "limit", text, sizeof(text), &present);
    if (error)
        return error;
    if (present && (!parse_digits(text, &value) || value < 1 || value > LIMIT_MOST))
        return api_refuse(call, -QY_EINVAL, "limit", "must be a number from 1 to %u", LIMIT_MOST);
    *ret_limit = (uint32_t)value;
    return 0;
}

static int refuse_cursor(struct api_call *call)
{
    return api_refuse(call, -QY_EINVAL, "cursor", "must be a next_cursor of an earlier answer");
}

int api_cursor(struct api_call *call, uint64_t *ret_cursor)
{
    char text[API_CURSOR_BYTES];
    bool present;
    *ret_cursor = 0;
    int error = api_parameter(call, "cursor", text, sizeof(text), &present);
    return error || !present || parse_digits(text, ret_cursor) ? error : refuse_cursor(call);
}

int api_id_cursor(struct api_call *call, const char *prefix, char ret_cursor[API_ID_BYTES])
{
    bool present;
    uint64_t number;
    size_t length = strlen(prefix);
    ret_cursor[0] = '\0';
    int error = api_parameter(call, "cursor", ret_cursor, API_ID_BYTES, &present);
    if (!error && !present)
        ret_cursor[0] = '\0';
    if (error || !present)
        return error;
    bool fits = *ret_cursor && strncmp(ret_cursor, prefix, length) == 0 &&
                (length == 0 || parse_digits(ret_cursor + length, &number));
    return fits ? 0 : refuse_cursor(call);
}

const char *api_next_cursor(uint64_t next, char text[API_CURSOR_BYTES])
{
    text[0] = '\0';
    if (next)
        snprintf(text, API_CURSOR_BYTES, "%" PRIu64, next);
    return text;
}

int api_one_ids(struct api_call *call, const uint32_t *persons, size_t count, char ***ret_one_ids)
{
    Quanyu__OneIdsRequest question = QUANYU__ONE_IDS_REQUEST__INIT;
    question.persons = (uint32_t *)persons;
    question.n_persons = count;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_ONE_IDS;
    request.one_ids = &question;
    const Quanyu__IdentityReply *reply;
    int error = api_ask_identity(call, &request, &reply);
    if (error)
        return error;
    const Quanyu__OneIdsReply *answer = reply->one_ids;
    *ret_one_ids = answer->one_ids;
    return answer->n_one_ids == count ? 0 : -QY_ECORRUPT;
}

int api_in_scope(struct api_call *call, uint32_t *persons, size_t *count)
{
    if (!call->actor.scope || *count == 0)
        return 0;
    Quanyu__InScopeRequest question = QUANYU__IN_SCOPE_REQUEST__INIT;
    question.persons = persons;
    question.n_persons = *count;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_IN_SCOPE;
    request.in_scope = &question;
    ProtobufCMessage *reply;
    int error = api_ask(call, "tagging", &request.base, &quanyu__tagging_reply__descriptor, &reply);
    if (error)
        return error;
    const Quanyu__InScopeReply *answer = ((Quanyu__TaggingReply *)reply)->in_scope;
    if (answer->n_persons > *count)
        return -QY_ECORRUPT;
    if (answer->n_persons > 0)
        memcpy(persons, answer->persons, answer->n_persons * sizeof(*persons));
    *count = answer->n_persons;
    return 0;
}

int api_raw(struct api_call *call, const char *name, bool required, struct bytes *ret_json)
{
    *ret_json = (struct bytes){0};
    yyjson_val *value = yyjson_obj_get(call->body, name);
    if (!value || yyjson_is_null(value))
        return required ? api_refuse(call, -QY_EINVAL, name, "is required") : 0;
    size_t size;
    _cleanup_(free_pointer) char *text = yyjson_val_write(value, 0, &size);
    uint8_t *copy = text ? arena_copy(call->arena, text, size) : NULL;
    if (!copy)
        return -QY_ENOMEM;
    *ret_json = (struct bytes){copy, size};
    return 0;
}
