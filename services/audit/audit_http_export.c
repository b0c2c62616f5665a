/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's export for other systems, as JSON lines. */
#include "common/error.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_ocsf.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_watch.h"

#include <inttypes.h>
#include <stdio.h>

static int write_events(struct look *look, const struct audit_found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct audit_row *row = &found->rows[i];
        const Quanyu__AuditRecord *record = audit_record_unpack(row->record, look->arena);
        if (!record && row->intact)
            return -QY_ECORRUPT;
        if (!row->intact)
            audit_watch_report(look->audit->http->service, row->index);
        struct json json = json_to(&look->body);
        audit_ocsf_event(&json, row->index, row->intact, record);
        buffer_byte(&look->body, '\n');
    }
    return 0;
}

static void describe_export(
    struct look *look, const struct audit_search *search, const struct audit_found *found)
{
    struct json detail = json_to(&look->detail);
    json_open(&detail, '{');
    json_field_text(&detail, "format", "ocsf");
    audit_query_search(&detail, search);
    json_field_unsigned(&detail, "records", found->count);
    json_close(&detail, '}');
    look->action = "audit.export";
    look->type = OCSF_TYPE;
}

int get_ocsf(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct http_request *request = (*look)->request;
    struct audit_asked asked;
    struct audit_found found;
    char field[PARAMETER_NAME_BYTES], next[24];
    const char *problem = audit_parameters(request, PARAMETERS_EXPORT, (*look)->arena, &asked, field);
    if (problem) {
        look_refuse_parameter(request, field, problem);
        return 0;
    }
    asked.search.oldest = true;
    uint64_t first, end; /* where it ends, the next one goes on from there, with another `to` */
    int error = audit_search(look_view(*look), &asked.search, (*look)->arena, &found);
    if (!error)
        error = write_events(*look, &found);
    if (!error)
        error = audit_filter_range(&asked.search.filter, look_view(*look), &first, &end);
    if (error)
        return error;
    snprintf(next, sizeof(next), "%" PRIu64,
        found.next                 ? found.next
        : end > asked.search.bound ? end
                                   : asked.search.bound);
    http_add_header(request, "X-Next-Index", next);
    describe_export(*look, &asked.search, &found);
    return look_submit(http, look);
}
