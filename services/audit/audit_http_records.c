/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's records: searched, and one by one with its proof. */
#include "common/json.h"
#include "services/audit/audit_json.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_retention.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_watch.h"

/* An altered record is shown as such: a reader that is answered nothing would not learn which one it is. */
static int add_record(struct look *look, struct json *json, uint64_t index, struct bytes stored, bool intact)
{
    const Quanyu__AuditRecord *record = audit_record_unpack(stored, look->arena);
    if (!record && intact)
        return -QY_ECORRUPT;
    if (!intact)
        audit_watch_report(look->audit->http->service, index);
    audit_json_record(json, index, intact, record);
    return 0;
}

static int write_found(struct look *look, const struct audit_search *search, const struct audit_found *found)
{
    struct json json = json_to(&look->body);
    char cursor[CURSOR_BYTES];
    int error = 0;
    const Quanyu__AuditPruned *pruned = retention_pruned(look->txn, look->arena);
    if (!pruned)
        return -QY_ECORRUPT;
    json_open(&json, '{');
    retention_write_pruned(&json, pruned, search->filter.from_ms);
    json_name(&json, "records");
    json_open(&json, '[');
    for (size_t i = 0; i < found->count && !error; i++) {
        const struct audit_row *row = &found->rows[i];
        json_open(&json, '{');
        error = add_record(look, &json, row->index, row->record, row->intact);
        json_close(&json, '}');
    }
    json_close_page(&json, found->next ? audit_cursor_format(search->oldest, found->next, cursor) : "");
    return error;
}

static void describe_search(struct look *look, const struct audit_search *search, size_t count)
{
    struct json json = json_to(&look->detail);
    json_open(&json, '{');
    audit_query_search(&json, search);
    json_field_unsigned(&json, "records", count);
    json_close(&json, '}');
    look->action = "audit.search";
}

int get_records(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct audit_asked asked;
    char field[PARAMETER_NAME_BYTES];
    const char *problem = audit_parameters((*look)->request, PARAMETERS_PAGE, (*look)->arena, &asked, field);
    if (problem) {
        look_refuse_parameter((*look)->request, field, problem);
        return 0;
    }
    struct audit_found found;
    int error = audit_search(look_view(*look), &asked.search, (*look)->arena, &found);
    if (!error)
        error = write_found(*look, &asked.search, &found);
    if (error)
        return error;
    describe_search(*look, &asked.search, found.count);
    return look_submit(http, look);
}

static int write_one(struct look *look, uint64_t index, struct bytes stored)
{
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    struct audit_proof proof;
    struct json json = json_to(&look->body);
    int error = audit_check_open(look->txn, &check);
    if (!error)
        error = audit_check_prove(check, index, stored, &proof);
    json_open(&json, '{');
    if (!error)
        error = add_record(look, &json, index, stored, audit_check_is_intact(check, index, stored));
    if (!error)
        error = audit_json_proof(&json, stored, &proof);
    json_close(&json, '}');
    look_describe_record(look, "audit.show", index);
    return error;
}

int get_record(struct audit_http *http, struct look **look, const struct route_match *match)
{
    struct http_request *request = (*look)->request;
    struct bytes stored;
    uint64_t index = UINT64_MAX;
    if (!look_asks_nothing(request))
        return 0;
    if (!audit_parameter_number(route_parameter(match, "index"), &index) ||
        !audit_store_record((*look)->txn, index, &stored)) {
        if (store_error((*look)->txn))
            return store_error((*look)->txn);
        if (look_refuse_pruned(*look, index))
            return 0;
        http_problem(request, 404, "not_found", "index", "there is no record with this index");
        return 0;
    }
    int error = write_one(*look, index, stored);
    return error ? error : look_submit(http, look);
}
