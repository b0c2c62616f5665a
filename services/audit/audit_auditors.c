/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_auditors.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/service.h"
#include "services/audit/audit.h"
#include "services/audit/audit_token.h"

#include <string.h>

#define AUDITORS_MAX 100u
#define DAYS_STANDARD 365u
#define DAYS_MAX 3650u

struct listing {
    struct rpc_context *context;
    Quanyu__AuditorsReply *reply;
    bool failed;
};

static bool add(void *context, const struct audit_token *token)
{
    struct listing *listing = context;
    struct arena *arena = listing->context->arena;
    Quanyu__AuditorsReply__Auditor *auditor = arena_alloc(arena, sizeof(*auditor));
    listing->failed |= !auditor;
    if (!auditor || listing->reply->n_auditors == AUDITORS_MAX)
        return false;
    quanyu__auditors_reply__auditor__init(auditor);
    auditor->id = arena_text(arena, token->id, strlen(token->id));
    auditor->name = arena_text(arena, token->name, strlen(token->name));
    auditor->created_ms = token->created_ms;
    auditor->expires_ms = token->expires_ms;
    listing->failed |= !auditor->id || !auditor->name;
    listing->reply->auditors[listing->reply->n_auditors++] = auditor;
    return true;
}

static bool count(void *context, const struct audit_token *token)
{
    (void)token;
    ++*(size_t *)context;
    return true;
}

static int record(struct rpc_context *context, const char *action, const struct audit_token *token)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint64_t index;
    struct json json = json_to(&detail);
    json_open(&json, '{');
    json_field_text(&json, "token_id", token->id);
    json_field_text(&json, "name", token->name);
    json_field_time(&json, "expires_at", token->expires_ms);
    json_close(&json, '}');
    record.actor = context->header->actor;
    record.action = (char *)(uintptr_t)action;
    record.outcome = (char *)"ok";
    record.service = (char *)"audit";
    record.request_id = context->header->request_id;
    record.detail = (char *)(uintptr_t)buffer_c_str(&detail);
    return buffer_error(&detail) ? buffer_error(&detail)
                                 : audit_take(context->self, context->batch, &record, &index);
}

static int make(struct rpc_context *context, const Quanyu__AuditorsRequest *asked, struct listing *listing)
{
    char text[TOKEN_TEXT_BYTES];
    struct audit_token token;
    size_t there = 0;
    uint32_t days = asked->days ? asked->days : DAYS_STANDARD;
    if (!*asked->name || strlen(asked->name) >= sizeof(token.name))
        return rpc_refuse(context, -QY_EINVAL, "name", "must have 1 to %zu bytes", sizeof(token.name) - 1);
    if (days > DAYS_MAX)
        return rpc_refuse(context, -QY_EINVAL, "days", "must be at most %u", DAYS_MAX);
    audit_token_each(context->txn, clock_wall_ms(), count, &there);
    if (there >= AUDITORS_MAX)
        return rpc_refuse(context, -QY_ECONFLICT, NULL, "there are %u; revoke one first", AUDITORS_MAX);
    audit_token_make(context->txn, asked->name, clock_wall_ms(), (int64_t)days * DAY_MS, text, &token);
    audit_token_recorded(context->txn, text);
    listing->reply->token = arena_text(context->arena, text, strlen(text));
    listing->failed |= !listing->reply->token;
    (void)add(listing, &token);
    return record(context, "token.create", &token);
}

static int revoke(struct rpc_context *context, const Quanyu__AuditorsRequest *asked, struct listing *listing)
{
    struct audit_token token;
    int error = audit_token_revoke(context->txn, asked->id, &token);
    if (error == -QY_ENOTFOUND)
        return rpc_refuse(context, error, "id", "no auditor has this token");
    if (error)
        return error;
    (void)add(listing, &token);
    return record(context, "token.revoke", &token);
}

static int act(struct rpc_context *context, const Quanyu__AuditorsRequest *asked, struct listing *listing)
{
    switch (asked->act) {
    case QUANYU__AUDITORS_REQUEST__ACT__MAKE:
        return make(context, asked, listing);
    case QUANYU__AUDITORS_REQUEST__ACT__REVOKE:
        return revoke(context, asked, listing);
    default:
        audit_token_each(context->txn, clock_wall_ms(), add, listing);
        return 0;
    }
}

int audit_auditors(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__AuditorsRequest *asked = ((const Quanyu__AuditRequest *)request)->auditors;
    Quanyu__AuditorsReply *answer = arena_alloc(context->arena, sizeof(*answer));
    Quanyu__AuditorsReply__Auditor **list = arena_alloc(context->arena, AUDITORS_MAX * sizeof(*list));
    struct listing listing = {.context = context, .reply = answer};
    if (!answer || !list || !context->header->actor)
        return answer && list ? -QY_EINVAL : -QY_ENOMEM;
    quanyu__auditors_reply__init(answer);
    answer->auditors = list;
    int error = act(context, asked, &listing);
    if (error == -QY_EUNAVAILABLE) /* what was made is taken back with the batch */
        return store_fail(
            context->txn, rpc_refuse(context, error, NULL, "the suite's clock has not been heard of yet"));
    if (!error && listing.failed)
        error = store_fail(context->txn, -QY_ENOMEM);
    ((Quanyu__AuditReply *)reply)->result_case = QUANYU__AUDIT_REPLY__RESULT_AUDITORS;
    ((Quanyu__AuditReply *)reply)->auditors = answer;
    return error;
}
