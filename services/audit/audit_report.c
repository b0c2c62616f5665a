/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_report.h"

#include "common/clock.h"
#include "common/error.h"

#include <string.h>

const struct report_kind audit_reports[] = {
    {"daily-use", "Daily use", "What staff did with people's data, day by day, by role and unit.",
        .filters = {{"actor_kind", "staff"}},
        .sections = {{"By day and role", "day", "role"}, {"By unit and role", "unit", "role"},
            {"By day and unit", "day", "unit"}, {"By operation and role", "operation", "role"},
            {"By member of staff", "actor", NULL}}},
    {"unmasking", "Unmasking", "Who saw personal values in the clear.", .filters = {{"unmasked", "true"}},
        .sections = {{"By day", "day", "role"}, {"By member of staff", "actor", NULL},
            {"By unit", "unit", "role"}, {"By field", "field", "role"}, {"By operation", "operation", NULL},
            {"By purpose", "purpose", NULL}}},
    {"exports", "Exports",
        "What left the system: lists of people, feeds to other systems, deliveries, dumps of the state.",
        .filters = {{"operation", "export.*"}, {"operation", "delivery"}, {"operation", "segment.changes"},
            {"operation", "unit.people"}, {"operation", "staff.people"}, {"operation", "journey.deliveries"},
            {"operation", "state.dump"}, {"operation", "audit.export"}},
        .sections = {{"By day", "day", "operation"}, {"By whom", "actor", "operation"},
            {"To which address", "address", "operation"}, {"By journey", "journey", "outcome"},
            {"By outcome", "operation", "outcome"}}},
    {"refused", "Refused attempts", "What was asked for and not given.",
        .filters = {{"outcome", "denied"}, {"outcome", "refused"}, {"outcome", "not_found"},
            {"outcome", "conflict"}, {"outcome", "invalid"}, {"outcome", "limited"},
            {"outcome", "unavailable"}, {"outcome", "unknown"}, {"outcome", "failed"}, {"outcome", "too_few"},
            {"outcome", "overtaken"}},
        .sections = {{"By day", "day", "outcome"}, {"By whom", "actor", "outcome"},
            {"By role", "role", "outcome"}, {"By unit", "unit", "outcome"},
            {"By operation", "operation", "outcome"}, {"From which address", "address", "outcome"}}},
};
const size_t audit_report_count = COUNT_OF(audit_reports);

const struct report_kind *audit_report_kind(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(audit_reports); i++)
        if (strcmp(audit_reports[i].name, name) == 0)
            return &audit_reports[i];
    return NULL;
}

bool audit_report_sets(const struct report_kind *kind, const char *name)
{
    const struct filter_name *asked = audit_filter_name(name);
    for (size_t i = 0; asked && kind->filters[i].name; i++)
        if (audit_filter_name(kind->filters[i].name)->kind == asked->kind)
            return true;
    return false;
}

/* A report while it is made. */
struct making {
    struct audit_view *view;
    const struct audit_filter *filter; /* resolved */
    const struct audit_zone *zone;
    struct arena *arena;
};

static int count_by(const struct making *making, const struct audit_filter *filter, const char *by,
    unsigned top, struct audit_histogram *ret_histogram)
{
    struct audit_grouping grouping = {.top = top};
    if (!audit_grouping_find(by, &grouping))
        return -QY_EINVAL;
    return audit_histogram(making->view, filter, &grouping, making->zone, making->arena, ret_histogram);
}

static const struct audit_group *find_group(const struct audit_histogram *histogram, const char *value)
{
    for (size_t i = 0; i < histogram->count; i++)
        if (strcmp(histogram->groups[i].value, value) == 0)
            return &histogram->groups[i];
    return NULL;
}

static int open_table(struct report_table *table, const struct audit_histogram *rows,
    const struct audit_histogram *columns, struct arena *arena)
{
    table->row_count = rows->count < REPORT_ROWS_MAX ? rows->count : REPORT_ROWS_MAX;
    table->different = rows->different;
    table->column_count = 1 + columns->count;
    table->columns[0] = "all";
    for (size_t i = 0; i < columns->count; i++)
        table->columns[1 + i] = columns->groups[i].value;
    table->rows = arena_alloc(arena, (table->row_count + 1) * sizeof(*table->rows));
    table->counts = arena_alloc(arena, (table->row_count + 1) * table->column_count * sizeof(*table->counts));
    if (!table->rows || !table->counts)
        return -QY_ENOMEM;
    for (size_t row = 0; row < table->row_count; row++) {
        table->rows[row] = rows->groups[row].value;
        table->counts[row * table->column_count] = rows->groups[row].count;
    }
    return 0;
}

/* The same question once more, of the records with the column's value alone. */
static int fill_column(const struct making *making, struct report_table *table, size_t column)
{
    struct audit_filter filter = *making->filter;
    struct audit_histogram histogram;
    struct term_value value;
    if (filter.condition_count == FILTER_CONDITIONS_MAX)
        return -QY_ETOOLARGE;
    struct audit_condition *condition = &filter.conditions[filter.condition_count++];
    enum term_kind kind = audit_filter_name(table->section->across)->kind;
    *condition = (struct audit_condition){.kind = kind, .values = {.whole = &value, .whole_count = 1}};
    term_of_text(kind, table->columns[column], &value.key);
    term_values_sort(&condition->values);
    int error = count_by(making, &filter, table->section->by, GROUPS_TOP_MAX, &histogram);
    for (size_t row = 0; row < table->row_count && !error; row++) {
        const struct audit_group *group = find_group(&histogram, table->rows[row]);
        table->counts[row * table->column_count + column] = group ? group->count : 0;
    }
    return error;
}

static int make_table(
    const struct making *making, const struct report_section *section, struct report_table *table)
{
    struct audit_histogram rows, columns = {0};
    table->section = section;
    int error = count_by(making, making->filter, section->by, 50, &rows);
    if (!error && section->across)
        error = count_by(making, making->filter, section->across, REPORT_COLUMNS_MAX - 1, &columns);
    if (!error)
        error = open_table(table, &rows, &columns, making->arena);
    for (size_t column = 1; column < table->column_count && !error; column++)
        error = fill_column(making, table, column);
    return error;
}

static int newest_ms(struct audit_view *view, int64_t *ret_ms)
{
    struct view_segment segment;
    *ret_ms = 0;
    if (view->size == 0)
        return 0;
    int error = view_segment(view, view_segments(view) - 1, &segment);
    if (!error)
        *ret_ms = view_time(&segment, segment.count - 1);
    return error;
}

static int set_time(struct audit_view *view, const struct audit_zone *zone, struct audit_filter *filter)
{
    int64_t newest = 0;
    int error = filter->to_ms ? 0 : newest_ms(view, &newest);
    if (!error && !filter->to_ms)
        filter->to_ms = audit_zone_next(zone, ZONE_DAY, audit_zone_floor(zone, ZONE_DAY, newest));
    if (!filter->from_ms)
        filter->from_ms = audit_zone_floor(zone, ZONE_DAY, filter->to_ms - REPORT_DAYS_DEFAULT * DAY_MS);
    return error;
}

static int set_filter(const struct report_kind *kind, struct arena *arena, struct audit_filter *filter)
{
    for (size_t i = 0; kind->filters[i].name; i++)
        if (audit_filter_add(filter, arena, audit_filter_name(kind->filters[i].name), kind->filters[i].value))
            return -QY_ENOMEM;
    return 0;
}

int audit_report_make(struct audit_view *view, const struct report_kind *kind, struct audit_filter *filter,
    const struct audit_zone *zone, struct arena *arena, struct audit_report *ret_report)
{
    const struct making making = {.view = view, .filter = filter, .zone = zone, .arena = arena};
    struct audit_report report = {.kind = kind};
    int error = set_filter(kind, arena, filter);
    if (!error)
        error = set_time(view, zone, filter);
    if (!error)
        error = audit_filter_resolve(filter, view, arena);
    if (!error)
        error = audit_count(view, filter, &report.total);
    report.pruned = error ? NULL : retention_pruned(view->txn, arena);
    if (!error && !report.pruned)
        error = -QY_ECORRUPT;
    report.from_ms = filter->from_ms;
    report.to_ms = filter->to_ms;
    while (!error && report.table_count < REPORT_SECTIONS_MAX && kind->sections[report.table_count].title) {
        error = make_table(&making, &kind->sections[report.table_count], &report.tables[report.table_count]);
        report.table_count++;
    }
    if (!error)
        *ret_report = report;
    return error;
}
