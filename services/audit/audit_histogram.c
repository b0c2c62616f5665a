/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_histogram.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

bool audit_grouping_find(const char *by, struct audit_grouping *ret_grouping)
{
    static const char *const times[] = {[ZONE_HOUR] = "hour", [ZONE_DAY] = "day", [ZONE_MONTH] = "month"};
    for (unsigned i = 0; i < COUNT_OF(times); i++)
        if (strcmp(times[i], by) == 0) {
            ret_grouping->by = times[i];
            ret_grouping->by_time = true;
            ret_grouping->unit = i;
            return true;
        }
    const struct filter_name *name = audit_filter_name(by);
    if (!name || !name->groups)
        return false;
    ret_grouping->by = name->name;
    ret_grouping->kind = name->kind;
    return true;
}

int audit_each_segment(
    struct audit_view *view, const struct audit_filter *filter, segment_fn *visit, void *context)
{
    uint64_t first, end;
    int error = audit_filter_range(filter, view, &first, &end);
    for (uint64_t number = first >> SEGMENT_BITS; !error && number << SEGMENT_BITS < end; number++) {
        struct view_segment segment;
        struct place_set places;
        error = view_segment(view, number, &segment);
        if (!error)
            error = audit_filter_places(filter, &segment, first, end, &places);
        if (!error && !place_set_is_empty(&places))
            error = visit(context, &segment, &places);
    }
    return error ? error : store_error(view->txn);
}

static int add_count(void *context, const struct view_segment *segment, const struct place_set *places)
{
    (void)segment;
    *(uint64_t *)context += place_set_count(places);
    return 0;
}

int audit_count(struct audit_view *view, const struct audit_filter *filter, uint64_t *ret_count)
{
    uint64_t count = 0;
    int error = audit_each_segment(view, filter, add_count, &count);
    if (!error)
        *ret_count = count;
    return error;
}

/* -- by time -- */

struct times {
    const struct audit_zone *zone;
    enum zone_unit unit;
    struct arena *arena;
    struct audit_histogram *histogram; /* its last group is the one that fills */
    int64_t next_ms;                   /* where that ends */
};

static int add_time(struct times *times, int64_t start_ms)
{
    struct audit_histogram *histogram = times->histogram;
    char label[ZONE_LABEL_BYTES];
    if (histogram->count == TIMES_MAX)
        return -QY_ETOOLARGE;
    audit_zone_label(times->zone, times->unit, start_ms, label);
    const char *value = arena_text(times->arena, label, strlen(label));
    if (!value)
        return -QY_ENOMEM;
    histogram->groups[histogram->count++] = (struct audit_group){.value = value, .start_ms = start_ms};
    times->next_ms = audit_zone_next(times->zone, times->unit, start_ms);
    return 0;
}

/* Groups up to the one that `ms` is in; those between have nothing. */
static int reach(struct times *times, int64_t ms)
{
    int error = 0;
    if (times->histogram->count == 0)
        error = add_time(times, audit_zone_floor(times->zone, times->unit, ms));
    while (!error && times->next_ms <= ms)
        error = add_time(times, times->next_ms);
    return error;
}

static int add_times(void *context, const struct view_segment *segment, const struct place_set *places)
{
    struct times *times = context;
    struct audit_histogram *histogram = times->histogram;
    unsigned place = view_place_at(segment, 1); /* what came before time was heard of has none */
    histogram->total += place_set_count_range(places, 0, place);
    while (place_set_from(places, place, &place)) {
        int error = reach(times, view_time(segment, place));
        if (error)
            return error;
        unsigned end = view_place_at(segment, times->next_ms);
        unsigned count = place_set_count_range(places, place, end);
        histogram->groups[histogram->count - 1].count += count;
        histogram->total += count;
        place = end;
    }
    return 0;
}

static int by_time(struct audit_view *view, const struct audit_filter *filter, struct times *times)
{
    struct audit_histogram *histogram = times->histogram;
    histogram->groups = arena_alloc(times->arena, TIMES_MAX * sizeof(*histogram->groups));
    if (!histogram->groups)
        return -QY_ENOMEM;
    int error = audit_each_segment(view, filter, add_times, times);
    histogram->different = histogram->count;
    return error;
}

/* -- by what records bear -- */

/* Values and their counts, by hash. */
struct values {
    struct arena *arena;
    struct audit_histogram *histogram;
    enum term_kind kind;
    struct audit_group *groups;
    uint64_t *hashes;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* place in `groups` + 1; 0: free */
    size_t slot_count;
};

static bool grow_values(struct values *values)
{
    size_t capacity = values->capacity ? 2 * values->capacity : 1024, slot_count = 2 * capacity;
    struct audit_group *groups = realloc(values->groups, capacity * sizeof(*groups));
    values->groups = groups ? groups : values->groups;
    uint64_t *hashes = realloc(values->hashes, capacity * sizeof(*hashes));
    values->hashes = hashes ? hashes : values->hashes;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    if (!groups || !hashes || !slots) {
        free(slots);
        return false;
    }
    for (size_t i = 0; i < values->count; i++) {
        size_t slot = values->hashes[i] & (slot_count - 1);
        while (slots[slot])
            slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)i + 1;
    }
    free(values->slots);
    values->slots = slots;
    values->slot_count = slot_count;
    values->capacity = capacity;
    return true;
}

static bool is_value(const struct audit_group *group, struct bytes text)
{
    return strncmp(group->value, (const char *)text.data, text.size) == 0 && !group->value[text.size];
}

static int add_value(void *context, struct bytes text, unsigned count)
{
    struct values *values = context;
    if (values->count == values->capacity && !grow_values(values))
        return -QY_ENOMEM;
    uint64_t hash = term_hash(text.data, text.size);
    size_t slot = hash & (values->slot_count - 1);
    for (; values->slots[slot]; slot = (slot + 1) & (values->slot_count - 1)) {
        size_t at = values->slots[slot] - 1;
        if (values->hashes[at] == hash && is_value(&values->groups[at], text)) {
            values->groups[at].count += count;
            return 0;
        }
    }
    const char *value = arena_text(values->arena, (const char *)text.data, text.size);
    if (values->count == GROUPS_MAX || !value)
        return value ? -QY_ETOOLARGE : -QY_ENOMEM;
    values->hashes[values->count] = hash;
    values->groups[values->count++] = (struct audit_group){.value = value, .count = count};
    values->slots[slot] = (uint32_t)values->count;
    return 0;
}

static int add_values(void *context, const struct view_segment *segment, const struct place_set *places)
{
    struct values *values = context;
    values->histogram->total += place_set_count(places);
    return view_each(segment, values->kind, places, add_value, values);
}

static int compare_groups(const void *a, const void *b)
{
    const struct audit_group *left = a, *right = b;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return strcmp(left->value, right->value);
}

static int take_top(struct values *values, unsigned top)
{
    struct audit_histogram *histogram = values->histogram;
    histogram->different = values->count;
    histogram->count = values->count < top ? values->count : top;
    if (values->count > 1)
        qsort(values->groups, values->count, sizeof(*values->groups), compare_groups);
    histogram->groups = arena_alloc(values->arena, (histogram->count + 1) * sizeof(*histogram->groups));
    if (histogram->groups && histogram->count)
        memcpy(histogram->groups, values->groups, histogram->count * sizeof(*histogram->groups));
    return histogram->groups ? 0 : -QY_ENOMEM;
}

static int by_value(
    struct audit_view *view, const struct audit_filter *filter, struct values *values, unsigned top)
{
    int error = audit_each_segment(view, filter, add_values, values);
    if (!error)
        error = take_top(values, top);
    free(values->groups);
    free(values->hashes);
    free(values->slots);
    return error;
}

int audit_histogram(struct audit_view *view, const struct audit_filter *filter,
    const struct audit_grouping *grouping, const struct audit_zone *zone, struct arena *arena,
    struct audit_histogram *ret_histogram)
{
    struct audit_histogram histogram = {0};
    struct times times = {.zone = zone, .unit = grouping->unit, .arena = arena, .histogram = &histogram};
    struct values values = {.arena = arena, .histogram = &histogram, .kind = grouping->kind};
    int error = grouping->by_time
                    ? by_time(view, filter, &times)
                    : by_value(view, filter, &values, grouping->top ? grouping->top : GROUPS_TOP_DEFAULT);
    if (!error)
        *ret_histogram = histogram;
    return error;
}
