/* SPDX-License-Identifier: Apache-2.0 */
/* Event conditions: which events count, and what they come to. */
#include "common/rule_internal.h"

void rule_window(const struct rule_node *event, int64_t now_ms, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
    if (event->within_ms == 0) {
        *ret_from_ms = event->from_ms;
        *ret_to_ms = event->to_ms;
        return;
    }
    *ret_from_ms = subtract_saturated(now_ms, event->within_ms);
    *ret_to_ms = INT64_MAX;
}

bool rule_where_matches(const struct rule_node *event, yyjson_val *properties, int64_t now_ms)
{
    for (size_t i = 0; i < event->where_count; i++) {
        const struct rule_where *where = &event->where[i];
        for (size_t j = 0; j < where->test_count; j++)
            if (!value_test(&where->tests[j], properties, where->path, now_ms))
                return false;
    }
    return true;
}

bool event_needs_properties(const struct rule_node *event)
{
    return event->where_count > 0 || event->aggregate != AGGREGATE_COUNT;
}

static bool add_to_sum(void *context, yyjson_val *value)
{
    struct decimal decimal;
    if (value_decimal(value, &decimal))
        (void)decimal_sum_add(context, &decimal); /* one out of all bounds is no number */
    return true;
}

static bool add_to_distinct(void *context, yyjson_val *value)
{
    distinct_add(context, value);
    return true;
}

void tally_add(struct tally *tally, const struct rule_event *event)
{
    const char *path = tally->node->aggregate_path;
    if (tally->node->aggregate == AGGREGATE_COUNT)
        tally->count++;
    else if (!event->properties)
        return;
    else if (tally->node->aggregate == AGGREGATE_SUM)
        value_visit_elements(event->properties, path, add_to_sum, tally->sum);
    else
        value_visit_elements(event->properties, path, add_to_distinct, tally->distinct);
}

static bool sum_test(struct decimal_sum *sum, const struct rule_test *test)
{
    char text[DECIMAL_SUM_TEXT_BYTES];
    struct decimal total = decimal_sum_read(sum, text);
    const struct rule_value *operands = test->value.type == VALUE_LIST ? test->value.items : &test->value;
    size_t count = test->value.type == VALUE_LIST ? test->value.count : 1;
    bool equal = false;
    int order = 0;
    for (size_t i = 0; i < count && !equal; i++) {
        order = decimal_compare(&total, &operands[i].decimal);
        equal = order == 0;
    }
    switch (test->op) {
    case OP_GT:
        return order > 0;
    case OP_GTE:
        return order >= 0;
    case OP_LT:
        return order < 0;
    case OP_LTE:
        return order <= 0;
    case OP_IS_NOT:
    case OP_NOT_IN:
        return !equal;
    default:
        return equal;
    }
}

bool tally_test(struct tally *tally, const struct rule_test *test, int64_t now_ms)
{
    if (tally->node->aggregate == AGGREGATE_SUM)
        return sum_test(tally->sum, test);
    return rule_units_match(test, 1, true, tally->count, now_ms);
}

/* The count from which on the operand makes no difference any more. */
static int64_t enough_for(const struct rule_value *operand, enum rule_operator op)
{
    bool inclusive = operand->has_units && (op == OP_GTE || op == OP_LT);
    return add_saturated(operand->units, inclusive ? 0 : 1);
}

static int64_t enough_events(const struct rule_node *event)
{
    int64_t enough = 0;
    for (size_t i = 0; i < event->aggregate_test_count; i++) {
        const struct rule_test *test = &event->aggregate_tests[i];
        bool list = test->value.type == VALUE_LIST;
        const struct rule_value *operands = list ? test->value.items : &test->value;
        for (size_t j = 0; j < (list ? test->value.count : 1); j++) {
            int64_t needed = enough_for(&operands[j], test->op);
            enough = needed > enough ? needed : enough;
        }
    }
    return enough;
}

struct counting {
    struct tally tally;
    int64_t now_ms;
    int64_t enough;
};

static bool count_event(void *context, const struct rule_event *event)
{
    struct counting *counting = context;
    if (rule_where_matches(counting->tally.node, event->properties, counting->now_ms))
        tally_add(&counting->tally, event);
    return counting->tally.count < counting->enough;
}

static bool count_and_test(struct counting *counting, const struct rule_subject *subject)
{
    const struct rule_node *node = counting->tally.node;
    int64_t from_ms, to_ms;
    rule_window(node, subject->now_ms, &from_ms, &to_ms);
    if (counting->enough > 0 && from_ms < to_ms)
        subject->events(
            subject->self, node->name, from_ms, to_ms, event_needs_properties(node), count_event, counting);
    if (node->aggregate == AGGREGATE_DISTINCT)
        counting->tally.count = distinct_count(counting->tally.distinct);
    for (size_t i = 0; i < node->aggregate_test_count; i++)
        if (!tally_test(&counting->tally, &node->aggregate_tests[i], subject->now_ms))
            return false;
    return true;
}

static bool count_matches(const struct rule_node *event, const struct rule_subject *subject)
{
    struct counting counting = {
        .tally = {.node = event}, .now_ms = subject->now_ms, .enough = enough_events(event)};
    return count_and_test(&counting, subject);
}

static bool sum_matches(const struct rule_node *event, const struct rule_subject *subject)
{
    struct decimal_sum sum = {0};
    struct counting counting = {
        .tally = {.node = event, .sum = &sum}, .now_ms = subject->now_ms, .enough = INT64_MAX};
    return count_and_test(&counting, subject);
}

static bool distinct_matches(const struct rule_node *event, const struct rule_subject *subject)
{
    _cleanup_(distinct_free) struct distinct distinct = {0};
    struct counting counting = {
        .tally = {.node = event, .distinct = &distinct}, .now_ms = subject->now_ms, .enough = INT64_MAX};
    return count_and_test(&counting, subject);
}

bool event_matches(const struct rule_node *event, const struct rule_subject *subject)
{
    switch (event->aggregate) {
    case AGGREGATE_SUM:
        return sum_matches(event, subject);
    case AGGREGATE_DISTINCT:
        return distinct_matches(event, subject);
    default:
        return count_matches(event, subject);
    }
}
