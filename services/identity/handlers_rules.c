/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which identifiers become persons: shown, changed, tried out. */
#include "common/json.h"
#include "services/identity/dry_run.h"
#include "services/identity/handlers.h"
#include "services/identity/worker.h"

#include <string.h>

/* The document of a request, with the kinds that it knows or adds. */
static int read_rules(struct rpc_context *context, ProtobufCBinaryData document, struct kinds *kinds,
    struct identity_rules *ret_rules)
{
    const struct identity *identity = context->self;
    struct rules_problem problem = {0};
    *kinds = identity->kinds;
    yyjson_doc *parsed = yyjson_read((const char *)document.data, document.len, 0);
    int error =
        parsed ? rules_read(yyjson_doc_get_root(parsed), true, kinds, ret_rules, &problem) : -QY_EINVAL;
    yyjson_doc_free(parsed);
    if (error != -QY_EINVAL)
        return error;
    char *field = arena_text(context->arena, problem.field, strlen(problem.field));
    return rpc_refuse(context, error, field, "%s", parsed ? problem.detail : "is no JSON");
}

static int view_rules(
    struct rpc_context *context, const struct identity_rules *rules, Quanyu__RulesReply **ret_reply)
{
    const struct identity *identity = context->self;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    Quanyu__RulesReply *reply = arena_alloc(context->arena, sizeof(*reply));
    if (!reply)
        return -QY_ENOMEM;
    quanyu__rules_reply__init(reply);
    rules_write(rules, &identity->kinds, &out);
    if (buffer_error(&out))
        return buffer_error(&out);
    reply->document.data = arena_copy(context->arena, out.data, out.size);
    reply->document.len = out.size;
    reply->version = rules->version + 1; /* the defaults are a version too */
    *ret_reply = reply;
    return reply->document.data ? 0 : -QY_ENOMEM;
}

static int view_progress(struct rpc_context *context, Quanyu__RulesReply *reply)
{
    struct identity_counters counters;
    struct sweep_place place;
    identity_store_counters(context->txn, &counters);
    sweep_load(context->txn, &place);
    reply->applying = place.phase != SWEEP_NONE;
    sweep_progress(&place, &counters, &reply->done, &reply->all);
    return store_error(context->txn);
}

int handle_rules(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    struct identity_rules rules;
    (void)request;
    int error = rules_load(context->txn, &identity->kinds, &rules);
    if (error)
        return error;
    error = view_rules(context, &rules, &reply_of(reply)->rules);
    rules_free(&rules);
    if (!error)
        error = view_progress(context, reply_of(reply)->rules);
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_RULES;
    return error;
}

/* Whether two sets of rules are the same document. */
static bool are_same(
    const struct identity_rules *one, const struct identity_rules *other, const struct kinds *kinds)
{
    _cleanup_(buffer_free) struct buffer left = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer right = BUFFER_INIT;
    rules_write(one, kinds, &left);
    rules_write(other, kinds, &right);
    return !buffer_error(&left) && !buffer_error(&right) && left.size == right.size &&
           memcmp(left.data, right.data, left.size) == 0;
}

/* Not what is blocked: those are values that somebody may bear. */
static int act_on(struct rpc_context *context, const struct identity_rules *rules)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    const struct identity *identity = context->self;
    struct json json = json_to(&detail);
    json_open(&json, '{');
    json_field_unsigned(&json, "version", rules->version + 1);
    json_field_unsigned(&json, "kinds", identity->kinds.count);
    json_field_unsigned(&json, "identifiers_of_person", rules->identifiers_max);
    json_field_unsigned(&json, "blocked", rules->blocked ? rules->blocked->count : 0);
    json_field_unsigned(&json, "sources", rules->source_count);
    json_close(&json, '}');
    if (buffer_error(&detail))
        return buffer_error(&detail);
    identity_act(context, "identity_rules.change", "", buffer_c_str(&detail), NULL, 0);
    return 0;
}

int handle_change_rules(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    struct identity *identity = context->self;
    const Quanyu__RulesRequest *asked = request_of(request)->change_rules;
    const struct identity_rules *present = worker_rules(identity->worker);
    struct identity_rules rules;
    struct kinds kinds;
    if (!asked->whichever && asked->version != present->version + 1)
        return rpc_refuse(context, -QY_EOVERTAKEN, "version", "they have been changed meanwhile");
    int error = read_rules(context, asked->document, &kinds, &rules);
    if (error)
        return error;
    bool same = are_same(present, &rules, &kinds);
    if (same)
        rules_free(&rules);
    else
        error = worker_change_rules(identity->worker, context->batch, &kinds, &rules);
    if (!error)
        error = act_on(context, worker_rules(identity->worker));
    if (!error)
        error = view_rules(context, worker_rules(identity->worker), &reply_of(reply)->change_rules);
    if (!error)
        error = view_progress(context, reply_of(reply)->change_rules);
    if (!error)
        reply_of(reply)->change_rules->unchanged = same;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_CHANGE_RULES;
    return error;
}

static int begin_dry_run(struct rpc_context *context, const Quanyu__DryRunRequest *asked)
{
    const struct identity *identity = context->self;
    struct identity_rules rules;
    struct kinds kinds;
    int error = read_rules(context, asked->document, &kinds, &rules);
    if (error)
        return error;
    error = dry_run_begin(identity->dry_run, &kinds, &rules);
    if (error)
        rules_free(&rules);
    return error == -QY_ECONFLICT ? rpc_refuse(context, error, "", "another dry run is going on") : error;
}

int handle_dry_run(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    const Quanyu__DryRunRequest *asked = request_of(request)->dry_run;
    Quanyu__DryRunReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__dry_run_reply__init(answer);
    int error = asked->document.len > 0 ? begin_dry_run(context, asked) : 0;
    if (!error && asked->cancel)
        dry_run_cancel(identity->dry_run);
    if (!error)
        error = dry_run_view(identity->dry_run, context->arena, answer);
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DRY_RUN;
    reply_of(reply)->dry_run = answer;
    return error;
}
