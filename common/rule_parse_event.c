/* SPDX-License-Identifier: Apache-2.0 */
/* The event condition: where, window, and what is counted. */
#include "common/rule_internal.h"

/* {"property":path, operators…} of "where" and "sum". */
static int parse_property(struct parser *parser, const struct place *at, yyjson_val *json,
    enum rule_ground ground, struct rule_where *where)
{
    if (!yyjson_is_obj(json))
        return parser_refuse(parser, at, "must be an object with \"property\" and an operator");
    yyjson_val *property = yyjson_obj_get(json, "property");
    if (!property)
        return parser_refuse(parser, at, "\"property\" is missing");
    struct place here = place_named(at, "property");
    int error = parser_path(parser, &here, property, &where->path);
    if (error)
        return error;
    return parser_tests(parser, at, json, "property", ground, &where->tests, &where->test_count);
}

static int parse_where(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_node *node)
{
    if (!yyjson_is_arr(json))
        return parser_refuse(parser, at, "must be a list");
    size_t count = yyjson_arr_size(json);
    if (count > RULE_NODES_MAX - parser->nodes)
        return parser_refuse(parser, at, "the rule has more than %d conditions", RULE_NODES_MAX);
    parser->nodes += count;
    struct rule_where *where = arena_alloc(parser->arena, count * sizeof(*where));
    if (!where)
        return -QY_ENOMEM;
    size_t index, size;
    yyjson_val *entry;
    yyjson_arr_foreach(json, index, size, entry)
    {
        struct place here = place_index(at, index);
        int error = parse_property(parser, &here, entry, GROUND_VALUE, &where[index]);
        if (error)
            return error;
    }
    node->where = where;
    node->where_count = count;
    return 0;
}

static int parse_within(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_node *node)
{
    int error = parser_duration(parser, at, json, &node->within_ms);
    if (!error && node->within_ms == 0)
        return parser_refuse(parser, at, "must be longer than 0");
    return error;
}

static int parse_between(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_node *node)
{
    if (!yyjson_is_arr(json) || yyjson_arr_size(json) != 2)
        return parser_refuse(parser, at, "must be a list of two times");
    if (node->within_ms > 0)
        return parser_refuse(parser, at, "cannot stand beside \"within\"");
    struct place first = place_index(at, 0), second = place_index(at, 1);
    int error = parser_time(parser, &first, yyjson_arr_get(json, 0), &node->from_ms);
    return error ? error : parser_time(parser, &second, yyjson_arr_get(json, 1), &node->to_ms);
}

static int parse_count(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_node *node)
{
    node->aggregate = AGGREGATE_COUNT;
    if (!yyjson_is_obj(json))
        return parser_refuse(parser, at, "must be an object, such as {\"gte\":2}");
    return parser_tests(
        parser, at, json, NULL, GROUND_COUNT, &node->aggregate_tests, &node->aggregate_test_count);
}

static int parse_aggregate(struct parser *parser, const struct place *at, yyjson_val *json,
    enum rule_aggregate aggregate, struct rule_node *node)
{
    struct rule_where where = {0};
    int error =
        parse_property(parser, at, json, aggregate == AGGREGATE_SUM ? GROUND_SUM : GROUND_COUNT, &where);
    if (error)
        return error;
    node->aggregate = aggregate;
    node->aggregate_path = where.path;
    node->aggregate_tests = where.tests;
    node->aggregate_test_count = where.test_count;
    return 0;
}

static int parse_sum(struct parser *parser, const struct place *at, yyjson_val *json, struct rule_node *node)
{
    return parse_aggregate(parser, at, json, AGGREGATE_SUM, node);
}

static int parse_distinct(
    struct parser *parser, const struct place *at, yyjson_val *json, struct rule_node *node)
{
    return parse_aggregate(parser, at, json, AGGREGATE_DISTINCT, node);
}

/* What stands beside "event"; "within" before "between", which looks at it. */
static const struct {
    const char *key;
    bool aggregate;
    int (*parse)(struct parser *parser, const struct place *at, yyjson_val *json, struct rule_node *node);
} event_parts[] = {
    {"where", false, parse_where},
    {"within", false, parse_within},
    {"between", false, parse_between},
    {"count", true, parse_count},
    {"sum", true, parse_sum},
    {"distinct", true, parse_distinct},
};

static int parse_event_part(
    struct parser *parser, const struct reading *reading, size_t part, struct rule_node *node)
{
    yyjson_val *json = yyjson_obj_get(reading->object, event_parts[part].key);
    if (!json)
        return 0;
    struct place here = place_named(reading->at, event_parts[part].key);
    if (event_parts[part].aggregate && node->aggregate_tests)
        return parser_refuse(parser, &here, "only one of \"count\", \"sum\" and \"distinct\" is possible");
    return event_parts[part].parse(parser, &here, json, node);
}

int parser_event(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    static const char *const others[] = {"where", "within", "between", "count", "sum", "distinct", NULL};
    static const struct rule_test at_least_one = {.op = OP_GTE,
        .value = {.type = VALUE_NUMBER,
            .text = "1",
            .size = 1,
            .decimal = {.digits = "1", .size = 1, .magnitude = 1},
            .is_decimal = true,
            .units = 1,
            .has_units = true}};
    int error = parser_keys(parser, reading, others);
    if (!error)
        error = parser_name(parser, &reading->here, reading->json, &node->name);
    node->from_ms = INT64_MIN;
    node->to_ms = INT64_MAX;
    for (size_t i = 0; i < COUNT_OF(event_parts) && !error; i++)
        error = parse_event_part(parser, reading, i, node);
    if (!error && !node->aggregate_tests) {
        node->aggregate = AGGREGATE_COUNT;
        node->aggregate_tests = &at_least_one;
        node->aggregate_test_count = 1;
    }
    return error;
}
