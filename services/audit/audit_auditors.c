/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_auditors.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/service.h"
#include "common/utf8.h"
#include "services/audit/audit.h"
#include "services/audit/audit_token.h"

#include <string.h>

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
    auditor->role = (char *)(uintptr_t)audit_role_name(token->role);
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

static int record(struct audit *audit, struct batch *batch, const struct auditor_by *by, const char *action,
    const struct audit_token *token)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint64_t index;
    audit_token_describe(token, &detail);
    record.actor = (Quanyu__Actor *)(uintptr_t)by->actor;
    record.action = (char *)(uintptr_t)action;
    record.outcome = (char *)"ok";
    record.service = (char *)"audit";
    record.request_id = (char *)(uintptr_t)by->request_id;
    record.detail = (char *)(uintptr_t)buffer_c_str(&detail);
    return buffer_error(&detail) ? buffer_error(&detail) : audit_take(audit, batch, &record, &index);
}

const char *audit_auditors_problem(const struct new_auditor *asked, const char **ret_field)
{
    *ret_field = "name";
    if (!*asked->name || strlen(asked->name) >= sizeof(((struct audit_token *)0)->name))
        return "must have 1 to 63 bytes";
    if (!utf8_is_text(asked->name))
        return "must be text";
    *ret_field = "days";
    return asked->days > DAYS_MAX ? "must be at most 3650" : NULL;
}

int audit_auditors_make(struct audit *audit, struct batch *batch, const struct auditor_by *by,
    const struct new_auditor *asked, char ret_text[TOKEN_TEXT_BYTES], struct audit_token *ret_token)
{
    size_t there = 0;
    int64_t lifetime_ms = (int64_t)(asked->days ? asked->days : DAYS_STANDARD) * DAY_MS;
    audit_token_each(batch->txn, clock_wall_ms(), count, &there);
    if (there >= AUDITORS_MAX)
        return -QY_ECONFLICT;
    audit_token_make(batch->txn, asked->name, asked->role, clock_wall_ms(), lifetime_ms, ret_text, ret_token);
    audit_token_recorded(batch->txn, ret_text);
    return record(audit, batch, by, "token.create", ret_token);
}

int audit_auditors_revoke(struct audit *audit, struct batch *batch, const struct auditor_by *by,
    const char *id, struct audit_token *ret_token)
{
    int error = audit_token_revoke(batch->txn, id, ret_token);
    return error ? error : record(audit, batch, by, "token.revoke", ret_token);
}

static struct auditor_by asking(const struct rpc_context *context)
{
    return (struct auditor_by){context->header->actor, context->header->request_id};
}

static int make(struct rpc_context *context, const Quanyu__AuditorsRequest *asked, struct listing *listing)
{
    char text[TOKEN_TEXT_BYTES];
    struct audit_token token;
    struct new_auditor wanted = {.name = asked->name, .days = asked->days};
    const struct auditor_by by = asking(context);
    const char *field, *problem = audit_auditors_problem(&wanted, &field);
    if (problem)
        return rpc_refuse(context, -QY_EINVAL, field, "%s", problem);
    if (*asked->role && !audit_role_parse(asked->role, &wanted.role))
        return rpc_refuse(context, -QY_EINVAL, "role", "must be reader or administrator");
    int error = audit_auditors_make(context->self, context->batch, &by, &wanted, text, &token);
    if (error == -QY_ECONFLICT)
        return rpc_refuse(context, error, NULL, "there are %u; revoke one first", AUDITORS_MAX);
    if (error)
        return error;
    listing->reply->token = arena_text(context->arena, text, strlen(text));
    listing->failed |= !listing->reply->token;
    (void)add(listing, &token);
    return 0;
}

static int revoke(struct rpc_context *context, const Quanyu__AuditorsRequest *asked, struct listing *listing)
{
    struct audit_token token;
    const struct auditor_by by = asking(context);
    int error = audit_auditors_revoke(context->self, context->batch, &by, asked->id, &token);
    if (error == -QY_ENOTFOUND)
        return rpc_refuse(context, error, "id", "no auditor has this token");
    if (!error)
        (void)add(listing, &token);
    return error;
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
