/* SPDX-License-Identifier: Apache-2.0 */
/* Which records are asked for: conditions that all must be met, each by any of its values; a time; a person with all that were joined
 * with it. */
#ifndef QY_AUDIT_FILTER_H
#define QY_AUDIT_FILTER_H

#include "services/audit/audit_view.h"

#define FILTER_CONDITIONS_MAX 24u
#define FILTER_VALUES_MAX 100u /* of one name */

struct audit_condition {
    enum term_kind kind;
    bool without; /* records that bear none of them */
    bool subject; /* persons: One IDs, and numbers when they are known */
    struct term_values values;
};

/* What was given, for the record of it. */
struct audit_given {
    const char *name, *value;
};

struct audit_filter {
    struct audit_condition conditions[FILTER_CONDITIONS_MAX];
    size_t condition_count;
    struct audit_given given[FILTER_CONDITIONS_MAX * 4];
    size_t given_count;
    int64_t from_ms;
    int64_t to_ms; /* not included; 0: no end */
};

/* By these names filters are given, and most of them are what can be counted by. */
struct filter_name {
    const char *name;
    enum term_kind kind;
    bool groups; /* records can be grouped by it */
};
extern const struct filter_name audit_filter_names[];
extern const size_t audit_filter_name_count;
const struct filter_name *audit_filter_name(const char *name);

/* Adds a value of a name; several of one name: any of them. A text that ends in '*' is any that begins so. Texts are copied into the
 * arena. Returns NULL, or what is wrong with the value (a static text). */
const char *audit_filter_add(
    struct audit_filter *filter, struct arena *arena, const struct filter_name *name, const char *value);

/* Before the filter is used: finds out which numbers the persons have, from what is on record of their One IDs. -QY_ENOMEM, -QY_ECORRUPT,
 * the transaction's error. */
int audit_filter_resolve(struct audit_filter *filter, struct audit_view *view, struct arena *arena);

/* The places of the segment's records that meet it, between two indexes. */
int audit_filter_places(const struct audit_filter *filter, const struct view_segment *segment, uint64_t first,
    uint64_t end, struct place_set *ret_places);
/* The same of one record, but for its time. */
bool audit_filter_fits(const struct audit_filter *filter, const Quanyu__AuditRecord *record);
/* The indexes between which times are as asked. */
int audit_filter_range(
    const struct audit_filter *filter, struct audit_view *view, uint64_t *ret_first, uint64_t *ret_end);

#endif
