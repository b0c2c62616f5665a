/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_query.h"

#include "services/audit/audit_record.h"
#include "services/audit/audit_store.h"

/* A name that was given once has a text, else a list. */
static void add_given(struct json *json, const struct audit_filter *filter, size_t first)
{
    const char *name = filter->given[first].name;
    size_t count = 0;
    for (size_t i = 0; i < filter->given_count; i++)
        count += filter->given[i].name == name;
    json_name(json, name);
    if (count > 1)
        json_open(json, '[');
    for (size_t i = first; i < filter->given_count; i++)
        if (filter->given[i].name == name)
            json_text(json, filter->given[i].value);
    if (count > 1)
        json_close(json, ']');
}

static bool is_first(const struct audit_filter *filter, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (filter->given[i].name == filter->given[place].name)
            return false;
    return true;
}

void audit_query_filter(struct json *json, const struct audit_filter *filter)
{
    for (size_t i = 0; i < filter->given_count; i++)
        if (is_first(filter, i))
            add_given(json, filter, i);
    if (filter->from_ms)
        json_field_time(json, "from", filter->from_ms);
    if (filter->to_ms)
        json_field_time(json, "to", filter->to_ms);
}

void audit_query_search(struct json *json, const struct audit_search *search)
{
    audit_query_filter(json, &search->filter);
    if (search->oldest)
        json_field_text(json, "order", "oldest");
    if (search->bound)
        json_field_number(json, search->oldest ? "from_index" : "before", search->bound);
    json_field_unsigned(json, "limit", search->limit ? search->limit : SEARCH_ROWS_DEFAULT);
}

int audit_query_take(struct audit *audit, struct batch *batch, const struct audit_query *query)
{
    Quanyu__Actor operator= QUANYU__ACTOR__INIT;
    operator.kind = QUANYU__ACTOR__KIND__OPERATOR;
    operator.id =(char *) query->peer;
    bool named = query->actor && *query->actor->id;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.actor = named ? (Quanyu__Actor *)query->actor : &operator;
    record.action = (char *)(uintptr_t)query->action;
    record.outcome = query->outcome ? (char *)(uintptr_t)query->outcome : "ok";
    record.request_id = (char *)query->request_id;
    record.service = (char *)query->peer;
    record.detail = (char *)(uintptr_t)query->detail;
    uint64_t index;
    const char *field;
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
