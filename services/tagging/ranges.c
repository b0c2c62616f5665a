/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of numbers as ranges of values. */
#include "services/tagging/plan.h"

#include <string.h>

struct range_list {
    struct value_range ranges[PLAN_RANGES_MAX]; /* ascending, apart from each other */
    size_t count;
    bool overflow;
};

static void add(struct range_list *list, int64_t low, int64_t high)
{
    if (low > high)
        return;
    if (list->count == PLAN_RANGES_MAX) {
        list->overflow = true;
        return;
    }
    list->ranges[list->count++] = (struct value_range){low, high};
}

static void intersect(struct range_list *list, const struct range_list *other)
{
    struct range_list both = {.overflow = list->overflow || other->overflow};
    for (size_t i = 0, j = 0; i < list->count && j < other->count;) {
        const struct value_range *a = &list->ranges[i], *b = &other->ranges[j];
        add(&both, a->low > b->low ? a->low : b->low, a->high < b->high ? a->high : b->high);
        if (a->high < b->high)
            i++;
        else
            j++;
    }
    *list = both;
}

static void complement(struct range_list *list)
{
    struct range_list rest = {.overflow = list->overflow};
    int64_t low = INT64_MIN;
    for (size_t i = 0; i < list->count; i++) {
        if (list->ranges[i].low > INT64_MIN)
            add(&rest, low, list->ranges[i].low - 1);
        if (list->ranges[i].high == INT64_MAX) {
            *list = rest;
            return;
        }
        low = list->ranges[i].high + 1;
    }
    add(&rest, low, INT64_MAX);
    *list = rest;
}

/* Units at most what is below the operand, and those that are at least it: the operand may lie between two
 * units. */
static void below(struct range_list *list, const struct rule_value *operand, bool inclusive)
{
    bool itself = !operand->has_units || inclusive; /* units is then below the operand, or the operand */
    if (itself || operand->units > INT64_MIN)
        add(list, INT64_MIN, operand->units - !itself);
}

static void above(struct range_list *list, const struct rule_value *operand, bool inclusive)
{
    bool itself = operand->has_units && inclusive;
    if (itself || operand->units < INT64_MAX)
        add(list, operand->units + !itself, INT64_MAX);
}

static void point(struct range_list *list, const struct rule_value *operand)
{
    if (operand->has_units)
        add(list, operand->units, operand->units);
}

/* In order, each once. */
static void points(struct range_list *list, const struct rule_value *operand)
{
    struct range_list found = {0};
    for (size_t i = 0; i < operand->count; i++)
        point(&found, &operand->items[i]);
    for (size_t i = 0; i < found.count; i++) {
        const struct value_range *least = NULL;
        for (size_t j = 0; j < found.count; j++) {
            bool done = list->count > 0 && found.ranges[j].low <= list->ranges[list->count - 1].low;
            if (!done && (!least || found.ranges[j].low < least->low))
                least = &found.ranges[j];
        }
        if (least)
            add(list, least->low, least->high);
    }
    list->overflow |= found.overflow;
}

static int64_t moment_before(int64_t now_ms, int64_t age_ms)
{
    int64_t moment;
    return __builtin_sub_overflow(now_ms, age_ms, &moment) ? (age_ms > 0 ? INT64_MIN : INT64_MAX) : moment;
}

static bool range_of_test(const struct rule_test *test, int64_t now_ms, struct range_list *ret_list)
{
    const struct rule_value *operand = &test->value;
    int64_t moment_ms = moment_before(now_ms, operand->units);
    *ret_list = (struct range_list){0};
    switch (test->op) {
    case OP_IS:
    case OP_IS_NOT:
        point(ret_list, operand);
        break;
    case OP_IN:
    case OP_NOT_IN:
        points(ret_list, operand);
        break;
    case OP_EXISTS:
        if (operand->boolean)
            add(ret_list, INT64_MIN, INT64_MAX);
        break;
    case OP_GT:
    case OP_GTE:
    case OP_AFTER:
        above(ret_list, operand, test->op == OP_GTE);
        break;
    case OP_LT:
    case OP_LTE:
    case OP_BEFORE:
        below(ret_list, operand, test->op == OP_LTE);
        break;
    case OP_OLDER_THAN:
        if (moment_ms > INT64_MIN)
            add(ret_list, INT64_MIN, moment_ms - 1);
        break;
    case OP_NEWER_THAN:
        add(ret_list, moment_ms, INT64_MAX);
        break;
    default:
        return false;
    }
    if (test->op == OP_IS_NOT || test->op == OP_NOT_IN)
        complement(ret_list);
    return !ret_list->overflow;
}

bool ranges_of_tests(const struct rule_test *tests, size_t count, int64_t now_ms,
    struct value_range *ret_ranges, size_t *ret_count)
{
    struct range_list all = {.ranges = {{INT64_MIN, INT64_MAX}}, .count = 1};
    for (size_t i = 0; i < count; i++) {
        struct range_list one;
        if (!range_of_test(&tests[i], now_ms, &one))
            return false;
        intersect(&all, &one);
        if (all.overflow)
            return false;
    }
    memcpy(ret_ranges, all.ranges, all.count * sizeof(*ret_ranges));
    *ret_count = all.count;
    return true;
}

void ranges_of_score(const struct rule_test *tests, size_t count, int64_t now_ms,
    const int64_t borders[SCORE_BORDERS], struct value_range *ret_ranges, size_t *ret_count)
{
    *ret_count = 0;
    for (int64_t score = 1; score <= 5; score++) {
        if (!rule_units_match(tests, count, true, score, now_ms))
            continue;
        int64_t low = score == 1 ? INT64_MIN : borders[5 - score];
        int64_t high = INT64_MAX;
        if (score < 5 && borders[4 - score] == INT64_MIN)
            continue;
        if (score < 5)
            high = borders[4 - score] - 1;
        if (low <= high)
            ret_ranges[(*ret_count)++] = (struct value_range){low, high};
    }
}
