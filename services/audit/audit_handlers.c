/* SPDX-License-Identifier: Apache-2.0 */
/* The request endpoint: records are handed in here, by whoever is about to show what they tell of. */
#include "common/exact_set.h"
#include "common/json.h"
#include "services/audit/audit.h"
#include "services/audit/audit_auditors.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_kind.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_search.h"
#include "services/audit/audit_store.h"

#include <stdio.h>

#define APPEND_RECORDS_MAX 10000u

/* What only the log itself says: a hold that somebody else releases, or a pruning that somebody else announces, would be taken for its own
 * word by whoever looks at the action alone. */
static bool is_own(const Quanyu__AuditRecord *record)
{
    enum record_kind kind = record_kind_of(record->action);
    return kind == KIND_LOG || kind == KIND_AUDITOR || kind == KIND_ALERT;
}

static int check_records(struct rpc_context *context, const Quanyu__AppendRequest *append)
{
    if (append->n_records == 0 || append->n_records > APPEND_RECORDS_MAX)
        return rpc_refuse(context, -QY_EINVAL, "records", "must be 1 to %u records, not %zu",
            APPEND_RECORDS_MAX, append->n_records);
    for (size_t i = 0; i < append->n_records; i++) {
        const char *field, *problem = audit_record_check(append->records[i], &field);
        if (!problem && is_own(append->records[i])) {
            field = "action";
            problem = "is one that only the log itself puts on record";
        }
        if (problem) {
            char path[64];
            snprintf(path, sizeof(path), "records/%zu/%s", i, field);
            return rpc_refuse(context, -QY_EINVAL, path, "%s", problem);
        }
    }
    return 0;
}

/* Stored before the record that names them, in the same commit; what is there already is left alone. */
static int take_sets(struct rpc_context *context, const Quanyu__AppendRequest *append)
{
    for (size_t i = 0; i < append->n_sets; i++) {
        struct bytes set = {append->sets[i].data, append->sets[i].len}, there;
        uint8_t hash[SET_HASH_BYTES];
        uint64_t count;
        exact_set_hash(set, hash);
        if (audit_store_set(context->batch->txn, hash, &there))
            continue;
        if (exact_set_check(set, &count)) {
            char path[32];
            snprintf(path, sizeof(path), "sets/%zu", i);
            return rpc_refuse(context, -QY_EINVAL, path, "is no exact set");
        }
        audit_store_put_set(context->batch->txn, hash, set);
    }
    return store_error(context->batch->txn);
}

static int check_named_sets(struct rpc_context *context, const Quanyu__AppendRequest *append)
{
    struct bytes set;
    for (size_t i = 0; i < append->n_records; i++)
        if (append->records[i]->set_hash.len &&
            !audit_store_set(context->batch->txn, append->records[i]->set_hash.data, &set)) {
            char path[48];
            snprintf(path, sizeof(path), "records/%zu/set_hash", i);
            return rpc_refuse(context, -QY_EINVAL, path, "names a set that is not there");
        }
    return store_error(context->batch->txn);
}

static int refuse_without_time(struct rpc_context *context)
{
    return rpc_refuse(context, -QY_EUNAVAILABLE, NULL, "the suite's clock has not been heard of yet");
}

/* Who hands a record over is known by key: nobody can put it down to another service, or say that it is from
 * a journal. */
static void complete(const struct rpc_context *context, const Quanyu__AppendRequest *append)
{
    for (size_t i = 0; i < append->n_records; i++) {
        Quanyu__AuditRecord *record = append->records[i];
        record->service = (char *)context->peer;
        record->offset = 0;
        if (!*record->request_id && context->header->request_id)
            record->request_id = context->header->request_id;
    }
}

static int append(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__AppendRequest *append = ((const Quanyu__AuditRequest *)request)->append;
    Quanyu__AppendReply *answer = arena_alloc(context->arena, sizeof(*answer));
    complete(context, append);
    int error = answer ? check_records(context, append) : -QY_ENOMEM;
    if (!error)
        error = take_sets(context, append);
    if (!error)
        error = check_named_sets(context, append);
    if (error)
        return error;
    quanyu__append_reply__init(answer);
    uint64_t index = 0;
    for (size_t i = 0; i < append->n_records && !error; i++) {
        Quanyu__AuditRecord *record = append->records[i];
        error = audit_take(context->self, context->batch, record, &index);
        if (i == 0)
            answer->first_index = index;
    }
    if (error == -QY_EUNAVAILABLE)
        return refuse_without_time(context);
    answer->size = index + 1;
    ((Quanyu__AuditReply *)reply)->result_case = QUANYU__AUDIT_REPLY__RESULT_APPEND;
    ((Quanyu__AuditReply *)reply)->append = answer;
    return error;
}

static int tree(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    Quanyu__TreeReply *answer = arena_alloc(context->arena, sizeof(*answer));
    struct merkle_hash *root = arena_alloc(context->arena, sizeof(*root));
    if (!answer || !root)
        return -QY_ENOMEM;
    quanyu__tree_reply__init(answer);
    int error = audit_query_tree(context->txn, &answer->size, root);
    answer->root = (ProtobufCBinaryData){.data = root->bytes, .len = sizeof(root->bytes)};
    ((Quanyu__AuditReply *)reply)->result_case = QUANYU__AUDIT_REPLY__RESULT_TREE;
    ((Quanyu__AuditReply *)reply)->tree = answer;
    return error;
}

static const char *const operators[] = {"cli", NULL};

static const struct rpc_handler handlers[] = {
    [QUANYU__AUDIT_REQUEST__CALL_APPEND] = {"append", append, RPC_COMMAND, NULL},
    [QUANYU__AUDIT_REQUEST__CALL_TREE] = {"tree", tree, RPC_QUERY, NULL},
    [QUANYU__AUDIT_REQUEST__CALL_AUDITORS] = {"auditors", audit_auditors, RPC_COMMAND, operators},
    [QUANYU__AUDIT_REQUEST__CALL_KEYS] = {"keys", audit_keys, RPC_COMMAND, operators},
};

const struct rpc_service audit_rpc = {
    .request = &quanyu__audit_request__descriptor,
    .reply = &quanyu__audit_reply__descriptor,
    .handlers = handlers,
    .handler_count = COUNT_OF(handlers),
};
