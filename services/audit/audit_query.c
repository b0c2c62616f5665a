/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_query.h"

#include "common/json.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_store.h"

static void add_search(struct json *json, const struct audit_search *search)
{
    json_field_optional(json, "actor", search->actor);
    json_field_optional(json, "subject", search->subject);
    json_field_optional(json, "action", search->action);
    if (search->from_ms)
        json_field_time(json, "from", search->from_ms);
    if (search->to_ms)
        json_field_time(json, "to", search->to_ms);
    if (search->before)
        json_field_number(json, "before", search->before);
    json_field_unsigned(json, "limit", search->limit ? search->limit : SEARCH_ROWS_DEFAULT);
}

static void describe(const struct audit_query *query, struct buffer *out)
{
    struct json json = json_to(out);
    json_open(&json, '{');
    if (query->search)
        add_search(&json, query->search);
    else
        json_field_number(&json, "index", query->index);
    json_field_unsigned(&json, "records", query->count);
    json_close(&json, '}');
}

int audit_query_take(struct audit *audit, struct batch *batch, const struct audit_query *query)
{
    Quanyu__Actor operator= QUANYU__ACTOR__INIT;
    operator.kind = QUANYU__ACTOR__KIND__OPERATOR;
    operator.id =(char *) query->peer;
    bool named = query->actor && *query->actor->id;
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    describe(query, &detail);
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.actor = named ? (Quanyu__Actor *)query->actor : &operator;
    record.action = query->search ? "audit.search" : "audit.show";
    record.outcome = "ok";
    record.request_id = (char *)query->request_id;
    record.service = (char *)query->peer;
    record.detail = (char *)buffer_c_str(&detail);
    uint64_t index;
    const char *field;
    if (buffer_error(&detail))
        return buffer_error(&detail);
    return audit_record_check(&record, &field) ? -QY_EINVAL : audit_take(audit, batch, &record, &index);
}

int audit_query_tree(struct store_txn *txn, uint64_t *ret_size, struct merkle_hash *ret_root)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct merkle_tiles tiles = audit_store_tiles(txn);
    uint64_t size = audit_store_size(txn);
    int error = merkle_hasher_open(&hasher);
    if (!error)
        error = merkle_root(hasher, &tiles, size, ret_root);
    if (!error)
        *ret_size = size;
    return error;
}
