/* SPDX-License-Identifier: Apache-2.0 */
/* Standing reports: the same questions each month, as tables. */
#ifndef QY_AUDIT_REPORT_H
#define QY_AUDIT_REPORT_H

#include "services/audit/audit_histogram.h"
#include "services/audit/audit_retention.h"

#define REPORT_SECTIONS_MAX 6u
#define REPORT_ROWS_MAX 400u  /* days, or values with the most records */
#define REPORT_COLUMNS_MAX 9u /* all records, then values with the most records */
#define REPORT_DAYS_DEFAULT 30

/* One table: how many records there are by something, in all and for each of some values of something else. */
struct report_section {
    const char *title;
    const char *by;     /* what a row stands for: "day" or a filter's name */
    const char *across; /* what a column stands for; NULL: there is one only, with all records */
};

struct report_kind {
    const char *name; /* as in the path */
    const char *title;
    const char *summary;
    struct {
        const char *name, *value;
    } filters[12];                                       /* NULL at the end */
    struct report_section sections[REPORT_SECTIONS_MAX]; /* NULL at the end */
};
extern const struct report_kind audit_reports[];
extern const size_t audit_report_count;
const struct report_kind *audit_report_kind(const char *name); /* NULL: there is none */
/* Whether the report is about records with certain values of this name: then others cannot be asked for. */
bool audit_report_sets(const struct report_kind *kind, const char *name);

struct report_table {
    const struct report_section *section;
    const char *columns[REPORT_COLUMNS_MAX];
    size_t column_count;
    const char **rows; /* their values */
    size_t row_count;
    size_t different; /* values that there are; more than rows where those with few records were left off */
    uint64_t *counts; /* row after row */
};

struct audit_report {
    const struct report_kind *kind;
    int64_t from_ms, to_ms;
    uint64_t total;                    /* records that it is about */
    const Quanyu__AuditPruned *pruned; /* what is not there any more */
    struct report_table tables[REPORT_SECTIONS_MAX];
    size_t table_count;
};

/* The report over the records that meet `filter`, to which the report's own conditions are added; where it has no time it gets the
 * last REPORT_DAYS_DEFAULT days of the log. All is in the arena. Errors as audit_histogram(). */
int audit_report_make(struct audit_view *view, const struct report_kind *kind, struct audit_filter *filter,
    const struct audit_zone *zone, struct arena *arena, struct audit_report *ret_report);

/* In the three forms. (audit_report_write.c, audit_report_page.c) */
void audit_report_json(const struct audit_report *report, struct buffer *out);
void audit_report_csv(const struct audit_report *report, struct buffer *out);
void audit_report_page(const struct audit_report *report, struct buffer *out);
/* What the page may load, as the header Content-Security-Policy: its own style and nothing else. */
const char *audit_report_policy(struct arena *arena);

#endif
