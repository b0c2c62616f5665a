/* SPDX-License-Identifier: Apache-2.0 */
/* From JSON to the tree of a rule. */
#include "common/id.h"
#include "common/rule_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct rule_metric_info rule_metrics[RULE_METRIC_COUNT] = {
    [METRIC_ORDERS] = {"orders", UNIT_NUMBER},
    [METRIC_REFUNDS] = {"refunds", UNIT_NUMBER},
    [METRIC_GROSS] = {"gross", UNIT_AMOUNT},
    [METRIC_REVENUE] = {"revenue", UNIT_AMOUNT},
    [METRIC_AVERAGE_ORDER] = {"average_order", UNIT_AMOUNT},
    [METRIC_FIRST_ORDER_AT] = {"first_order_at", UNIT_TIME},
    [METRIC_LAST_ORDER_AT] = {"last_order_at", UNIT_TIME},
    [METRIC_FIRST_SEEN_AT] = {"first_seen_at", UNIT_TIME},
    [METRIC_LAST_SEEN_AT] = {"last_seen_at", UNIT_TIME},
    [METRIC_EVENTS] = {"events", UNIT_NUMBER},
    [METRIC_RECENCY_SCORE] = {"recency_score", UNIT_NUMBER},
    [METRIC_FREQUENCY_SCORE] = {"frequency_score", UNIT_NUMBER},
    [METRIC_MONETARY_SCORE] = {"monetary_score", UNIT_NUMBER},
};

static int parse_node(struct parser *parser, const struct place *at, yyjson_val *json, unsigned depth,
    const struct rule_node **ret_node);

static const char *const no_others[] = {NULL};

static int parse_children(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    int error = parser_keys(parser, reading, no_others);
    if (error)
        return error;
    if (!yyjson_is_arr(reading->json) || yyjson_arr_size(reading->json) == 0)
        return parser_refuse(parser, &reading->here, "must be a list of at least one rule");
    size_t count = yyjson_arr_size(reading->json);
    if (count > RULE_NODES_MAX)
        return parser_refuse(parser, &reading->here, "must have at most %d rules", RULE_NODES_MAX);
    const struct rule_node **children = arena_alloc(parser->arena, count * sizeof(const struct rule_node *));
    if (!children)
        return -QY_ENOMEM;
    size_t index, size;
    yyjson_val *json;
    yyjson_arr_foreach(reading->json, index, size, json)
    {
        struct place here = place_index(&reading->here, index);
        error = parse_node(parser, &here, json, reading->depth + 1, &children[index]);
        if (error)
            return error;
    }
    node->children = children;
    node->child_count = count;
    return 0;
}

static int parse_not(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    int error = parser_keys(parser, reading, no_others);
    if (error)
        return error;
    const struct rule_node **child = arena_alloc(parser->arena, sizeof(const struct rule_node *));
    if (!child)
        return -QY_ENOMEM;
    node->children = child;
    node->child_count = 1;
    return parse_node(parser, &reading->here, reading->json, reading->depth + 1, child);
}

static int parse_everyone(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    (void)node;
    if (!yyjson_is_true(reading->json))
        return parser_refuse(parser, &reading->here, "must be true");
    return parser_keys(parser, reading, no_others);
}

static int parse_trait(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    int error = parser_name(parser, &reading->here, reading->json, &node->name);
    if (error)
        return error;
    return parser_tests(
        parser, reading->at, reading->object, reading->key, GROUND_VALUE, &node->tests, &node->test_count);
}

static int parse_metric(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    static const enum rule_ground grounds[] = {
        [UNIT_NUMBER] = GROUND_NUMBER, [UNIT_AMOUNT] = GROUND_AMOUNT, [UNIT_TIME] = GROUND_TIME};
    unsigned metric = 0;
    while (metric < RULE_METRIC_COUNT && !yyjson_equals_str(reading->json, rule_metrics[metric].name))
        metric++;
    if (metric == RULE_METRIC_COUNT)
        return parser_refuse(parser, &reading->here, "no such metric");
    node->metric = (enum rule_metric)metric;
    node->name = rule_metrics[metric].name;
    return parser_tests(parser, reading->at, reading->object, reading->key,
        grounds[rule_metrics[metric].unit], &node->tests, &node->test_count);
}

static int parse_tag(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    static const char *const others[] = {"origin", NULL};
    static const char *const origins[] = {"rule", "guide", "import", "model"};
    int error = parser_keys(parser, reading, others);
    if (!error)
        error = parser_name(parser, &reading->here, reading->json, &node->name);
    if (error)
        return error;
    if (parser->names->tag && !parser->names->tag(parser->names->self, node->name))
        return parser_refuse(parser, &reading->here, "no such tag");
    yyjson_val *origin = yyjson_obj_get(reading->object, "origin");
    for (size_t i = 0; i < COUNT_OF(origins); i++)
        if (yyjson_equals_str(origin, origins[i]))
            node->tag_origin = origins[i];
    struct place here = place_named(reading->at, "origin");
    if (origin && !node->tag_origin)
        return parser_refuse(parser, &here, "must be \"rule\", \"guide\", \"import\" or \"model\"");
    return 0;
}

/* Reads one of them into place `index` of `items`. */
typedef int item_parse_fn(
    struct parser *parser, const struct place *at, yyjson_val *json, void *items, size_t index);

static size_t item_count(yyjson_val *json)
{
    return yyjson_is_arr(json) ? yyjson_arr_size(json) : 1;
}

/* One, or a list of 1 to RULE_LIST_MAX. */
static int check_items(struct parser *parser, const struct reading *reading)
{
    size_t count = item_count(reading->json);
    if (count > 0 && count <= RULE_LIST_MAX)
        return 0;
    return parser_refuse(
        parser, &reading->here, "must be a %s or a list of 1 to %d of them", reading->key, RULE_LIST_MAX);
}

static int parse_items(
    struct parser *parser, const struct reading *reading, item_parse_fn *parse, void *items)
{
    if (!yyjson_is_arr(reading->json))
        return parse(parser, &reading->here, reading->json, items, 0);
    size_t index, size;
    yyjson_val *json;
    yyjson_arr_foreach(reading->json, index, size, json)
    {
        struct place here = place_index(&reading->here, index);
        int error = parse(parser, &here, json, items, index);
        if (error)
            return error;
    }
    return 0;
}

static int parse_stage_name(
    struct parser *parser, const struct place *at, yyjson_val *json, void *items, size_t index)
{
    const char **names = items;
    int error = parser_name(parser, at, json, &names[index]);
    if (error)
        return error;
    if (parser->names->stage && !parser->names->stage(parser->names->self, names[index]))
        return parser_refuse(parser, at, "no such stage");
    return 0;
}

static int parse_stage(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    int error = parser_keys(parser, reading, no_others);
    if (!error)
        error = check_items(parser, reading);
    if (error)
        return error;
    size_t count = item_count(reading->json);
    const char **names = arena_alloc(parser->arena, count * sizeof(*names));
    node->names = names;
    node->name_count = count;
    return names ? parse_items(parser, reading, parse_stage_name, names) : -QY_ENOMEM;
}

/* -- whose people -- */

static int parse_unit_id(
    struct parser *parser, const struct place *at, yyjson_val *json, void *items, size_t index)
{
    uint32_t *numbers = items;
    if (!yyjson_is_str(json))
        return parser_refuse(parser, at, "must be a unit's id or code");
    numbers[index] = id_number("u_", yyjson_get_str(json), yyjson_get_len(json));
    return numbers[index] ? 0 : parser_refuse(parser, at, "no such unit");
}

static int parse_staff_id(
    struct parser *parser, const struct place *at, yyjson_val *json, void *items, size_t index)
{
    uint32_t *numbers = items;
    if (!yyjson_is_str(json))
        return parser_refuse(parser, at, "must be the id or code of a member of staff");
    numbers[index] = id_number("st_", yyjson_get_str(json), yyjson_get_len(json));
    return numbers[index] ? 0 : parser_refuse(parser, at, "no such member of staff");
}

/* One, some, or {"exists":…}. */
static int parse_bound(
    struct parser *parser, const struct reading *reading, item_parse_fn *parse, struct rule_node *node)
{
    int error = parser_keys(parser, reading, no_others);
    if (!error && yyjson_is_obj(reading->json))
        return parser_tests(
            parser, &reading->here, reading->json, NULL, GROUND_BOUND, &node->tests, &node->test_count);
    if (!error)
        error = check_items(parser, reading);
    if (error)
        return error;
    size_t count = item_count(reading->json);
    uint32_t *numbers = arena_alloc(parser->arena, count * sizeof(*numbers));
    node->numbers = numbers;
    node->number_count = count;
    return numbers ? parse_items(parser, reading, parse, numbers) : -QY_ENOMEM;
}

static int parse_unit(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    return parse_bound(parser, reading, parse_unit_id, node);
}

static int parse_guide(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    return parse_bound(parser, reading, parse_staff_id, node);
}

static int parse_tier(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    int error = parser_keys(parser, reading, no_others);
    if (error)
        return error;
    if (!yyjson_is_obj(reading->json))
        return parser_refuse(parser, &reading->here, "must be an object, such as {\"gte\":\"gold\"}");
    return parser_tests(
        parser, &reading->here, reading->json, NULL, GROUND_TIER, &node->tests, &node->test_count);
}

static int parse_segment(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    int error = parser_keys(parser, reading, no_others);
    if (!error)
        error = parser_name(parser, &reading->here, reading->json, &node->name);
    if (error)
        return error;
    if (parser->names->segment && !parser->names->segment(parser->names->self, node->name))
        return parser_refuse(parser, &reading->here, "no such segment");
    return 0;
}

static int parse_identifier(struct parser *parser, const struct reading *reading, struct rule_node *node)
{
    int error = parser_keys(parser, reading, no_others);
    return error ? error : parser_name(parser, &reading->here, reading->json, &node->name);
}

static const struct {
    const char *key;
    int (*parse)(struct parser *parser, const struct reading *reading, struct rule_node *node);
} kinds[] = {
    [RULE_ALL] = {"all", parse_children},
    [RULE_ANY] = {"any", parse_children},
    [RULE_NOT] = {"not", parse_not},
    [RULE_EVERYONE] = {"everyone", parse_everyone},
    [RULE_TRAIT] = {"trait", parse_trait},
    [RULE_METRIC] = {"metric", parse_metric},
    [RULE_TAG] = {"tag", parse_tag},
    [RULE_STAGE] = {"stage", parse_stage},
    [RULE_TIER] = {"tier", parse_tier},
    [RULE_SEGMENT] = {"segment", parse_segment},
    [RULE_IDENTIFIER] = {"identifier", parse_identifier},
    [RULE_UNIT] = {"unit", parse_unit},
    [RULE_GUIDE] = {"guide", parse_guide},
    [RULE_EVENT] = {"event", parser_event},
};

static int find_kind(
    struct parser *parser, const struct place *at, yyjson_val *object, enum rule_kind *ret_kind)
{
    for (unsigned i = 0; i < COUNT_OF(kinds); i++)
        if (yyjson_obj_get(object, kinds[i].key)) {
            *ret_kind = (enum rule_kind)i;
            return 0;
        }
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    yyjson_val *key = yyjson_obj_iter_next(&iterator);
    struct place here = key ? place_key(at, key) : (struct place){0};
    return parser_refuse(parser, key ? &here : at,
        "%s: a rule is \"all\", \"any\", \"not\", \"everyone\" or a condition (\"trait\", \"metric\", "
        "\"tag\", \"stage\", "
        "\"tier\", \"segment\", \"identifier\", \"unit\", \"guide\", \"event\")",
        key ? "unknown key" : "is empty");
}

static int parse_node(struct parser *parser, const struct place *at, yyjson_val *json, unsigned depth,
    const struct rule_node **ret_node)
{
    enum rule_kind kind = RULE_ALL;
    if (depth > RULE_DEPTH_MAX)
        return parser_refuse(parser, at, "is nested deeper than %d", RULE_DEPTH_MAX);
    if (++parser->nodes > RULE_NODES_MAX)
        return parser_refuse(parser, at, "the rule has more than %d conditions", RULE_NODES_MAX);
    if (!yyjson_is_obj(json))
        return parser_refuse(parser, at, "a rule must be an object");
    int error = find_kind(parser, at, json, &kind);
    if (error)
        return error;
    struct rule_node *node = arena_alloc(parser->arena, sizeof(*node));
    const char *pointer = place_pointer(parser->arena, at);
    if (!node || !pointer)
        return -QY_ENOMEM;
    node->kind = kind;
    node->pointer = pointer;
    node->amount_scale = parser->names->amount_scale;
    struct reading reading = {.at = at,
        .object = json,
        .key = kinds[kind].key,
        .here = place_named(at, kinds[kind].key),
        .json = yyjson_obj_get(json, kinds[kind].key),
        .depth = depth};
    *ret_node = node;
    return kinds[kind].parse(parser, &reading, node);
}

int rule_parse(
    yyjson_val *json, const struct rule_names *names, struct rule **ret_rule, struct rule_problem *problem)
{
    *problem = (struct rule_problem){0};
    _cleanup_(rule_free) struct rule *rule = calloc(1, sizeof(*rule));
    if (!rule || arena_open(&rule->arena) != 0)
        return -QY_ENOMEM;
    struct parser parser = {.arena = rule->arena, .names = names, .problem = problem};
    int error = parse_node(&parser, NULL, json, 0, &rule->root);
    if (error)
        return error;
    rule->node_count = parser.nodes;
    error = rule_find_dependencies(rule);
    if (error)
        return error;
    *ret_rule = TAKE(rule);
    return 0;
}

static void free_document(yyjson_doc **document)
{
    yyjson_doc_free(*document);
}

int rule_parse_text(const char *json, size_t size, const struct rule_names *names, struct rule **ret_rule,
    struct rule_problem *problem)
{
    yyjson_read_err error;
    _cleanup_(free_document) yyjson_doc *document =
        yyjson_read_opts((char *)json, size, YYJSON_READ_NUMBER_AS_RAW, NULL, &error);
    if (!document) {
        *problem = (struct rule_problem){0};
        snprintf(
            problem->message, sizeof(problem->message), "is not JSON: %s at byte %zu", error.msg, error.pos);
        return error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? -QY_ENOMEM : -QY_EINVAL;
    }
    return rule_parse(yyjson_doc_get_root(document), names, ret_rule, problem);
}

void rule_free(struct rule **rule)
{
    if (!*rule)
        return;
    arena_close(&(*rule)->arena);
    free(*rule);
    *rule = NULL;
}

const struct rule_node *rule_root(const struct rule *rule)
{
    return rule->root;
}
