/* SPDX-License-Identifier: Apache-2.0 */
/* Counting records that meet a filter: all of them, by hour, day or month, or by what they bear. Exact, from the indexes alone. */
#ifndef QY_AUDIT_HISTOGRAM_H
#define QY_AUDIT_HISTOGRAM_H

#include "services/audit/audit_filter.h"
#include "services/audit/audit_zone.h"

#define GROUPS_TOP_DEFAULT 20u
#define GROUPS_TOP_MAX 1000u
#define TIMES_MAX 10000u    /* hours, days or months of one histogram */
#define GROUPS_MAX 1000000u /* different values of one histogram */

struct audit_grouping {
    const char *by; /* "hour", "day", "month" or a filter's name */
    bool by_time;
    enum zone_unit unit;
    enum term_kind kind;
    unsigned top; /* so many values at most, those with the most records; 0: GROUPS_TOP_DEFAULT */
};
/* False where records cannot be counted by it. */
bool audit_grouping_find(const char *by, struct audit_grouping *ret_grouping);

struct audit_group {
    const char *value; /* the hour, day or month as the zone calls it */
    int64_t start_ms;  /* of the hour, day or month */
    uint64_t count;
};
struct audit_histogram {
    uint64_t total; /* records */
    struct audit_group *
        groups; /* in the arena: times ascending, without a gap (records from before time was heard of are in none); others by count descending */
    size_t count;
    size_t different; /* values that there are; more than `count` where `top` cut them off */
};

/* The filter must be resolved. -QY_ENOMEM, -QY_ECORRUPT, the transaction's error. */
int audit_count(struct audit_view *view, const struct audit_filter *filter, uint64_t *ret_count);
/* Besides, -QY_ETOOLARGE where there are more than TIMES_MAX or GROUPS_MAX. */
int audit_histogram(struct audit_view *view, const struct audit_filter *filter,
    const struct audit_grouping *grouping, const struct audit_zone *zone, struct arena *arena,
    struct audit_histogram *ret_histogram);

/* Calls back for each segment that holds records which meet the filter, with their places; ascending. */
typedef int segment_fn(void *context, const struct view_segment *segment, const struct place_set *places);
int audit_each_segment(
    struct audit_view *view, const struct audit_filter *filter, segment_fn *visit, void *context);

#endif
