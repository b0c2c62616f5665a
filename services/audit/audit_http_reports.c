/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's standing reports. */
#include "common/error.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_report.h"

#include <string.h>

static void write_report(struct look *look, const struct audit_report *report, enum audit_format format)
{
    switch (format) {
    case FORMAT_CSV:
        audit_report_csv(report, &look->body);
        look->type = "text/csv; charset=utf-8";
        break;
    case FORMAT_HTML:
        audit_report_page(report, &look->body);
        look->type = "text/html; charset=utf-8";
        break;
    default:
        audit_report_json(report, &look->body);
    }
}

static void describe_report(
    struct look *look, const struct audit_report *report, const struct audit_filter *asked)
{
    struct json detail = json_to(&look->detail);
    json_open(&detail, '{');
    json_field_text(&detail, "report", report->kind->name);
    audit_query_filter(&detail, asked);
    json_field_unsigned(&detail, "count", report->total);
    json_close(&detail, '}');
    look->action = "audit.report";
}

/* Answers where something is asked for that the report itself says. */
static bool is_free(struct look *look, const struct report_kind *kind, const struct audit_filter *filter)
{
    for (size_t i = 0; i < filter->given_count; i++)
        if (audit_report_sets(kind, filter->given[i].name)) {
            look_refuse_parameter(
                look->request, filter->given[i].name, "is what this report is about: it cannot be chosen");
            return false;
        }
    return true;
}

int get_report(struct audit_http *http, struct look **look, const struct route_match *match)
{
    struct http_request *request = (*look)->request;
    const struct report_kind *kind = audit_report_kind(route_parameter(match, "name"));
    struct audit_asked asked;
    char field[PARAMETER_NAME_BYTES];
    const char *problem = audit_parameters(request, PARAMETERS_REPORT, (*look)->arena, &asked, field);
    if (problem) {
        look_refuse_parameter(request, field, problem);
        return 0;
    }
    if (!kind) {
        http_problem(request, 404, "not_found", "name",
            "there is no such report; there are daily-use, unmasking, exports and refused");
        return 0;
    }
    if (!is_free(*look, kind, &asked.search.filter))
        return 0;
    struct audit_filter filter = asked.search.filter;
    struct audit_report report;
    int error = audit_report_make(look_view(*look), kind, &filter, &asked.zone, (*look)->arena, &report);
    if (error == -QY_ETOOLARGE) {
        look_refuse_parameter(request, "from", "gives too many days for one report: 10,000 at most");
        return 0;
    }
    if (error)
        return error;
    asked.search.filter.from_ms = report.from_ms;
    asked.search.filter.to_ms = report.to_ms;
    describe_report(*look, &report, &asked.search.filter);
    write_report(*look, &report, asked.format);
    http_add_header(request, "Content-Security-Policy", audit_report_policy((*look)->arena));
    return look_submit(http, look);
}
