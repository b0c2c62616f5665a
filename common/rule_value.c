/* SPDX-License-Identifier: Apache-2.0 */
/* One value against one operator: traits and properties as JSON, metrics as units. */
#include "common/rule_internal.h"

#include <assert.h>
#include <string.h>

bool value_decimal(yyjson_val *value, struct decimal *ret_decimal)
{
    assert(!yyjson_is_num(value)); /* must be read raw */
    if (yyjson_is_raw(value))
        return decimal_read(yyjson_get_raw(value), yyjson_get_len(value), DECIMAL_JSON, ret_decimal);
    if (yyjson_is_str(value))
        return decimal_read(yyjson_get_str(value), yyjson_get_len(value), DECIMAL_PLAIN, ret_decimal);
    return false;
}

bool value_time(yyjson_val *value, int64_t *ret_ms)
{
    return yyjson_is_str(value) && time_parse(yyjson_get_str(value), yyjson_get_len(value), true, ret_ms);
}

bool value_visit(yyjson_val *value, const char *path, value_visit_fn *visit, void *context)
{
    if (!path)
        return visit(context, value);
    const char *dot = strchrnul(path, '.');
    if (yyjson_is_obj(value)) {
        yyjson_val *child = yyjson_obj_getn(value, path, (size_t)(dot - path));
        return !child || value_visit(child, *dot ? dot + 1 : NULL, visit, context);
    }
    if (!yyjson_is_arr(value))
        return true;
    size_t index, size;
    yyjson_val *element;
    yyjson_arr_foreach(value, index, size, element)
    {
        if (yyjson_is_obj(element) && !value_visit(element, path, visit, context))
            return false;
    }
    return true;
}

struct elements {
    value_visit_fn *visit;
    void *context;
};

static bool visit_elements(void *self, yyjson_val *value)
{
    const struct elements *elements = self;
    if (!yyjson_is_arr(value))
        return elements->visit(elements->context, value);
    size_t index, size;
    yyjson_val *element;
    yyjson_arr_foreach(value, index, size, element)
    {
        if (!yyjson_is_arr(element) && !elements->visit(elements->context, element))
            return false;
    }
    return true;
}

bool value_visit_elements(yyjson_val *value, const char *path, value_visit_fn *visit, void *context)
{
    struct elements elements = {visit, context};
    return value_visit(value, path, visit_elements, &elements);
}

static bool is_text(const struct rule_value *operand, yyjson_val *value)
{
    return yyjson_get_len(value) == operand->size &&
           memcmp(yyjson_get_str(value), operand->text, operand->size) == 0;
}

static bool is_scalar(const struct rule_value *operand, yyjson_val *value)
{
    struct decimal decimal;
    if (operand->type == VALUE_BOOL)
        return yyjson_is_bool(value) && yyjson_get_bool(value) == operand->boolean;
    if (operand->type == VALUE_TEXT && yyjson_is_str(value))
        return is_text(operand, value);
    return operand->is_decimal && value_decimal(value, &decimal) &&
           decimal_compare(&decimal, &operand->decimal) == 0;
}

static bool is_in(const struct rule_value *operand, yyjson_val *value)
{
    for (size_t i = 0; i < operand->count; i++)
        if (is_scalar(&operand->items[i], value))
            return true;
    return false;
}

static bool holds_order(enum rule_operator op, int order)
{
    switch (op) {
    case OP_GT:
    case OP_AFTER:
        return order > 0;
    case OP_GTE:
        return order >= 0;
    case OP_LT:
    case OP_BEFORE:
        return order < 0;
    case OP_LTE:
        return order <= 0;
    default:
        return order == 0;
    }
}

static bool holds_comparison(const struct rule_test *test, yyjson_val *value)
{
    struct decimal decimal;
    int64_t ms;
    if (test->value.is_decimal)
        return value_decimal(value, &decimal) &&
               holds_order(test->op, decimal_compare(&decimal, &test->value.decimal));
    return value_time(value, &ms) &&
           holds_order(test->op, (ms > test->value.units) - (ms < test->value.units));
}

static bool holds_age(enum rule_operator op, int64_t age_ms, int64_t limit_ms)
{
    return op == OP_OLDER_THAN ? age_ms > limit_ms : age_ms <= limit_ms;
}

static bool holds_text(const struct rule_test *test, yyjson_val *value)
{
    const struct rule_value *operand = &test->value;
    if (operand->type != VALUE_TEXT || !yyjson_is_str(value))
        return false;
    const char *text = yyjson_get_str(value);
    size_t size = yyjson_get_len(value);
    if (test->op == OP_STARTS_WITH)
        return size >= operand->size && memcmp(text, operand->text, operand->size) == 0;
    return memmem(text, size, operand->text, operand->size) != NULL;
}

/* What "any element" is asked. */
struct asked {
    const struct rule_test *test;
    int64_t now_ms;
    bool holds;
};

static bool ask_scalar(void *context, yyjson_val *value)
{
    struct asked *asked = context;
    const struct rule_test *test = asked->test;
    int64_t ms;
    switch (test->op) {
    case OP_IS:
    case OP_IS_NOT:
        asked->holds = is_scalar(&test->value, value);
        break;
    case OP_IN:
    case OP_NOT_IN:
        asked->holds = is_in(&test->value, value);
        break;
    case OP_OLDER_THAN:
    case OP_NEWER_THAN:
        asked->holds = value_time(value, &ms) &&
                       holds_age(test->op, subtract_saturated(asked->now_ms, ms), test->value.units);
        break;
    case OP_CONTAINS:
    case OP_STARTS_WITH:
        asked->holds = holds_text(test, value);
        break;
    default:
        asked->holds = holds_comparison(test, value);
        break;
    }
    return !asked->holds;
}

/* Substring of a text, element of a list. */
static bool ask_contains(void *context, yyjson_val *value)
{
    struct asked *asked = context;
    if (!yyjson_is_arr(value))
        return ask_scalar(context, value);
    size_t index, size;
    yyjson_val *element;
    yyjson_arr_foreach(value, index, size, element)
    {
        asked->holds = asked->holds || is_scalar(&asked->test->value, element);
    }
    return !asked->holds;
}

static bool ask_exists(void *context, yyjson_val *value)
{
    struct asked *asked = context;
    asked->holds = !yyjson_is_null(value);
    return !asked->holds;
}

bool value_test(const struct rule_test *test, yyjson_val *value, const char *path, int64_t now_ms)
{
    struct asked asked = {.test = test, .now_ms = now_ms};
    if (test->op == OP_EXISTS) {
        if (value)
            value_visit(value, path, ask_exists, &asked);
        return asked.holds == test->value.boolean;
    }
    if (value && test->op == OP_CONTAINS)
        value_visit(value, path, ask_contains, &asked);
    else if (value)
        value_visit_elements(value, path, ask_scalar, &asked);
    bool negated = test->op == OP_IS_NOT || test->op == OP_NOT_IN;
    return asked.holds != negated;
}

bool rule_tests_match(const struct rule_test *tests, size_t count, yyjson_val *value, int64_t now_ms)
{
    for (size_t i = 0; i < count; i++)
        if (!value_test(&tests[i], value, NULL, now_ms))
            return false;
    return true;
}

static int compare_units(int64_t units, const struct rule_value *operand)
{
    if (units != operand->units)
        return units > operand->units ? 1 : -1;
    return operand->has_units ? 0 : -1;
}

static bool units_in(int64_t units, const struct rule_value *operand)
{
    for (size_t i = 0; i < operand->count; i++)
        if (compare_units(units, &operand->items[i]) == 0)
            return true;
    return false;
}

static bool units_test(const struct rule_test *test, bool present, int64_t units, int64_t now_ms)
{
    switch (test->op) {
    case OP_EXISTS:
        return present == test->value.boolean;
    case OP_IS_NOT:
        return !present || compare_units(units, &test->value) != 0;
    case OP_IN:
        return present && units_in(units, &test->value);
    case OP_NOT_IN:
        return !present || !units_in(units, &test->value);
    case OP_OLDER_THAN:
    case OP_NEWER_THAN:
        return present && holds_age(test->op, subtract_saturated(now_ms, units), test->value.units);
    default:
        return present && holds_order(test->op, compare_units(units, &test->value));
    }
}

bool rule_units_match(
    const struct rule_test *tests, size_t count, bool present, int64_t units, int64_t now_ms)
{
    for (size_t i = 0; i < count; i++)
        if (!units_test(&tests[i], present, units, now_ms))
            return false;
    return true;
}
