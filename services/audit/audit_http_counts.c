/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's counts and histograms. */
#include "common/error.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_retention.h"

/* What is asked, with the filter resolved; false when it was refused, or *ret_error says what is still to be told. */
static bool take_question(struct look *look, unsigned sets, struct audit_asked *ret_asked, int *ret_error)
{
    char field[PARAMETER_NAME_BYTES];
    const char *problem = audit_parameters(look->request, sets, look->arena, ret_asked, field);
    *ret_error = 0;
    if (problem) {
        look_refuse_parameter(look->request, field, problem);
        return false;
    }
    *ret_error = audit_filter_resolve(&ret_asked->search.filter, look_view(look), look->arena);
    return !*ret_error;
}

/* What is no more: what it would have counted is not known. */
static int write_pruned(struct look *look, struct json *json, const struct audit_asked *asked)
{
    const Quanyu__AuditPruned *pruned = retention_pruned(look->txn, look->arena);
    if (pruned)
        retention_write_pruned(json, pruned, asked->search.filter.from_ms);
    return pruned ? 0 : -QY_ECORRUPT;
}

int get_count(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct audit_asked asked;
    uint64_t count;
    int error;
    if (!take_question(*look, 0, &asked, &error))
        return error;
    error = audit_count(look_view(*look), &asked.search.filter, &count);
    if (error)
        return error;
    struct json json = json_to(&(*look)->body), detail = json_to(&(*look)->detail);
    json_open(&json, '{');
    json_field_unsigned(&json, "count", count);
    error = write_pruned(*look, &json, &asked);
    json_close(&json, '}');
    if (error)
        return error;
    json_open(&detail, '{');
    audit_query_filter(&detail, &asked.search.filter);
    json_field_unsigned(&detail, "count", count);
    json_close(&detail, '}');
    (*look)->action = "audit.count";
    return look_submit(http, look);
}

static void write_groups(
    struct json *json, const struct audit_grouping *grouping, const struct audit_histogram *histogram)
{
    json_name(json, "groups");
    json_open(json, '[');
    for (size_t i = 0; i < histogram->count; i++) {
        const struct audit_group *group = &histogram->groups[i];
        json_open(json, '{');
        json_field_text(json, "value", group->value);
        if (grouping->by_time)
            json_field_time(json, "start", group->start_ms);
        json_field_unsigned(json, "count", group->count);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static int write_histogram(
    struct look *look, const struct audit_asked *asked, const struct audit_histogram *histogram)
{
    struct json json = json_to(&look->body), detail = json_to(&look->detail);
    json_open(&json, '{');
    json_field_text(&json, "by", asked->grouping.by);
    json_field_unsigned(&json, "total", histogram->total);
    json_field_unsigned(&json, "different", histogram->different);
    write_groups(&json, &asked->grouping, histogram);
    int error = write_pruned(look, &json, asked);
    json_close(&json, '}');
    json_open(&detail, '{');
    audit_query_filter(&detail, &asked->search.filter);
    json_field_text(&detail, "by", asked->grouping.by);
    json_field_unsigned(&detail, "count", histogram->total);
    json_field_unsigned(&detail, "groups", histogram->count);
    json_close(&detail, '}');
    look->action = "audit.histogram";
    return error;
}

int get_histogram(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct audit_asked asked;
    struct audit_histogram histogram;
    int error;
    if (!take_question(*look, PARAMETERS_GROUPS, &asked, &error))
        return error;
    error = audit_histogram(
        look_view(*look), &asked.search.filter, &asked.grouping, &asked.zone, (*look)->arena, &histogram);
    if (error == -QY_ETOOLARGE) {
        look_refuse_parameter((*look)->request, "by",
            "gives too many groups: 10,000 hours, days or months and 1,000,000 values at most; narrow the "
            "time or the filters");
        return 0;
    }
    if (error)
        return error;
    error = write_histogram(*look, &asked, &histogram);
    return error ? error : look_submit(http, look);
}
