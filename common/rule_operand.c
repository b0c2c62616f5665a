/* SPDX-License-Identifier: Apache-2.0 */
/* Operators and their operands: which operator fits what it is asked of, and what it may be given. */
#include "common/rule_internal.h"

#include <assert.h>

#define BIT(op) (1u << (op))
#define EQUALITY (BIT(OP_IS) | BIT(OP_IS_NOT) | BIT(OP_IN) | BIT(OP_NOT_IN))
#define ORDER (BIT(OP_GT) | BIT(OP_GTE) | BIT(OP_LT) | BIT(OP_LTE))
#define TIMES (BIT(OP_BEFORE) | BIT(OP_AFTER) | BIT(OP_OLDER_THAN) | BIT(OP_NEWER_THAN))
#define TEXTS (BIT(OP_CONTAINS) | BIT(OP_STARTS_WITH))

static const char *const operator_names[] = {
    [OP_IS] = "is",
    [OP_IS_NOT] = "is_not",
    [OP_IN] = "in",
    [OP_NOT_IN] = "not_in",
    [OP_EXISTS] = "exists",
    [OP_GT] = "gt",
    [OP_GTE] = "gte",
    [OP_LT] = "lt",
    [OP_LTE] = "lte",
    [OP_CONTAINS] = "contains",
    [OP_STARTS_WITH] = "starts_with",
    [OP_BEFORE] = "before",
    [OP_AFTER] = "after",
    [OP_OLDER_THAN] = "older_than",
    [OP_NEWER_THAN] = "newer_than",
};

static const struct {
    const char *what;
    unsigned operators;
} grounds[] = {
    [GROUND_VALUE] = {"a value", EQUALITY | ORDER | TIMES | TEXTS | BIT(OP_EXISTS)},
    [GROUND_NUMBER] = {"a number", EQUALITY | ORDER | BIT(OP_EXISTS)},
    [GROUND_AMOUNT] = {"an amount", EQUALITY | ORDER | BIT(OP_EXISTS)},
    [GROUND_TIME] = {"a time", EQUALITY | ORDER | TIMES | BIT(OP_EXISTS)},
    [GROUND_COUNT] = {"a count", EQUALITY | ORDER},
    [GROUND_SUM] = {"a sum", EQUALITY | ORDER},
    [GROUND_TIER] = {"a tier", EQUALITY | ORDER | BIT(OP_EXISTS)},
    [GROUND_BOUND] = {"a unit or a guide in this form", BIT(OP_EXISTS)},
};

static int copy_text(struct parser *parser, yyjson_val *json, struct rule_value *value)
{
    const char *text = yyjson_is_raw(json) ? yyjson_get_raw(json) : yyjson_get_str(json);
    value->size = yyjson_get_len(json);
    value->text = arena_text(parser->arena, text, value->size);
    return value->text ? 0 : -QY_ENOMEM;
}

/* A number, or a text that may be a decimal string. */
static int parse_digits(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    assert(!yyjson_is_num(json)); /* must be read raw */
    bool number = yyjson_is_raw(json);
    int error = copy_text(parser, json, value);
    if (error)
        return error;
    value->type = number ? VALUE_NUMBER : VALUE_TEXT;
    value->is_decimal =
        decimal_read(value->text, value->size, number ? DECIMAL_JSON : DECIMAL_PLAIN, &value->decimal);
    if (number && !value->is_decimal)
        return parser_refuse(parser, at, "is a number out of all bounds");
    return 0;
}

static int parse_scalar(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    if (yyjson_is_bool(json)) {
        value->type = VALUE_BOOL;
        value->boolean = yyjson_get_bool(json);
        return 0;
    }
    if (!yyjson_is_raw(json) && !yyjson_is_str(json))
        return parser_refuse(parser, at, "must be a text, a number, true or false");
    return parse_digits(parser, at, json, value);
}

static int parse_text(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    if (!yyjson_is_str(json))
        return parser_refuse(parser, at, "must be a text");
    return parse_digits(parser, at, json, value);
}

static int parse_truth(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    if (!yyjson_is_bool(json))
        return parser_refuse(parser, at, "must be true or false");
    value->type = VALUE_BOOL;
    value->boolean = yyjson_get_bool(json);
    return 0;
}

static int parse_number(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    bool right_type = yyjson_is_raw(json) || yyjson_is_str(json);
    int error = right_type ? parse_digits(parser, at, json, value) : 0;
    if (error)
        return error;
    if (!right_type || !value->is_decimal)
        return parser_refuse(parser, at, "must be a number, or one as a text such as \"99.90\"");
    value->has_units = decimal_floor(&value->decimal, 0, &value->units);
    return 0;
}

static int parse_amount(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    int error = parse_number(parser, at, json, value);
    if (error)
        return error;
    value->has_units = decimal_floor(&value->decimal, parser->names->amount_scale, &value->units);
    return 0;
}

static int parse_time(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    int error = parser_time(parser, at, json, &value->units);
    if (error)
        return error;
    value->type = VALUE_TEXT;
    value->has_units = true;
    return copy_text(parser, json, value);
}

static int parse_duration(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    int error = parser_duration(parser, at, json, &value->units);
    if (error)
        return error;
    value->type = VALUE_TEXT;
    value->has_units = true;
    return copy_text(parser, json, value);
}

/* What has an order, where the other side's type is not known. */
static int parse_ordered(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    bool right_type = yyjson_is_raw(json) || yyjson_is_str(json);
    int error = right_type ? parse_digits(parser, at, json, value) : 0;
    if (error)
        return error;
    if (right_type && !value->is_decimal)
        value->has_units = time_parse(value->text, value->size, true, &value->units);
    if (!value->is_decimal && !value->has_units)
        return parser_refuse(parser, at, "must be a number, one as a text such as \"99.90\", or a time");
    return 0;
}

static int parse_tier(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value)
{
    int error = parser_name(parser, at, json, &value->text);
    if (error)
        return error;
    int rank = parser->names->tier_rank ? parser->names->tier_rank(parser->names->self, value->text) : 0;
    if (rank < 0)
        return parser_refuse(parser, at, "no such tier");
    value->type = VALUE_TEXT;
    value->size = yyjson_get_len(json);
    value->units = rank;
    value->has_units = true;
    return 0;
}

typedef int operand_parse_fn(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_value *value);

static operand_parse_fn *operand_of(enum rule_operator op, enum rule_ground ground)
{
    static operand_parse_fn *const by_ground[] = {
        [GROUND_VALUE] = parse_scalar,
        [GROUND_NUMBER] = parse_number,
        [GROUND_AMOUNT] = parse_amount,
        [GROUND_TIME] = parse_time,
        [GROUND_COUNT] = parse_number,
        [GROUND_SUM] = parse_number,
        [GROUND_TIER] = parse_tier,
    };
    switch (op) {
    case OP_EXISTS:
        return parse_truth;
    case OP_STARTS_WITH:
        return parse_text;
    case OP_BEFORE:
    case OP_AFTER:
        return parse_time;
    case OP_OLDER_THAN:
    case OP_NEWER_THAN:
        return parse_duration;
    case OP_GT:
    case OP_GTE:
    case OP_LT:
    case OP_LTE:
        return ground == GROUND_VALUE ? parse_ordered : by_ground[ground];
    default:
        return by_ground[ground];
    }
}

static int parse_list(struct parser *parser, const struct place *at, yyjson_val *json,
    operand_parse_fn *parse_item, struct rule_value *value)
{
    if (!yyjson_is_arr(json))
        return parser_refuse(parser, at, "must be a list");
    size_t count = yyjson_arr_size(json);
    if (count > RULE_LIST_MAX)
        return parser_refuse(parser, at, "must have at most %d elements", RULE_LIST_MAX);
    struct rule_value *items = arena_alloc(parser->arena, count * sizeof(*items));
    if (!items)
        return -QY_ENOMEM;
    size_t index, size;
    yyjson_val *item;
    yyjson_arr_foreach(json, index, size, item)
    {
        struct place here = place_index(at, index);
        int error = parse_item(parser, &here, item, &items[index]);
        if (error)
            return error;
    }
    value->type = VALUE_LIST;
    value->items = items;
    value->count = count;
    return 0;
}

static bool find_operator(yyjson_val *key, enum rule_operator *ret_operator)
{
    for (unsigned i = 0; i < COUNT_OF(operator_names); i++)
        if (yyjson_equals_str(key, operator_names[i])) {
            *ret_operator = (enum rule_operator)i;
            return true;
        }
    return false;
}

static int parse_test(struct parser *parser, const struct place *at, yyjson_val *key, yyjson_val *json,
    enum rule_ground ground, struct rule_test *test)
{
    if (!find_operator(key, &test->op))
        return parser_refuse(parser, at, "unknown key");
    if (!(grounds[ground].operators & BIT(test->op)))
        return parser_refuse(
            parser, at, "\"%s\" cannot be asked of %s", operator_names[test->op], grounds[ground].what);
    operand_parse_fn *parse = operand_of(test->op, ground);
    if (test->op == OP_IN || test->op == OP_NOT_IN)
        return parse_list(parser, at, json, parse, &test->value);
    return parse(parser, at, json, &test->value);
}

static const char *example_of(enum rule_ground ground)
{
    return ground == GROUND_VALUE ? "is" : ground == GROUND_BOUND ? "exists" : "gte";
}

int parser_tests(struct parser *parser, const struct place *at, yyjson_val *object, const char *beside,
    enum rule_ground ground, const struct rule_test **ret_tests, size_t *ret_count)
{
    struct rule_test *tests = arena_alloc(parser->arena, COUNT_OF(operator_names) * sizeof(*tests));
    if (!tests)
        return -QY_ENOMEM;
    unsigned seen = 0;
    size_t count = 0, index, size;
    yyjson_val *key, *json;
    yyjson_obj_foreach(object, index, size, key, json)
    {
        struct place here = place_key(at, key);
        if (beside && yyjson_equals_str(key, beside)) {
            if (json != yyjson_obj_get(object, beside))
                return parser_refuse(parser, &here, "is given twice");
            continue;
        }
        struct rule_test test = {0};
        int error = parse_test(parser, &here, key, json, ground, &test);
        if (error)
            return error;
        if (seen & BIT(test.op))
            return parser_refuse(parser, &here, "is given twice");
        seen |= BIT(test.op);
        tests[count++] = test;
    }
    if (count == 0)
        return parser_refuse(parser, at, "an operator is missing, such as \"%s\"", example_of(ground));
    *ret_tests = tests;
    *ret_count = count;
    return 0;
}
