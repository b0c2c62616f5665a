/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a plan of a rule. */
#include "services/tagging/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- bitmaps -- */

struct term_list {
    struct text_set terms;
    int error;
};

static void term_add(struct term_list *list, const char *term)
{
    uint32_t place;
    if (!list->error)
        list->error = text_set_add(&list->terms, term, strlen(term), &place, NULL);
}

static int open_terms(struct planner *planner, enum bits_kind kind, const char *name,
    const struct text_set *terms, struct bits_reader *ret_reader)
{
    const struct index_class class = {SORT_BITS, (uint8_t)kind, name};
    return bits_open(planner->audience->txn, &class, terms, planner->blocks, planner->arena, ret_reader);
}

int plan_open_term(
    struct planner *planner, enum bits_kind kind, const char *term, struct bits_reader *ret_reader)
{
    struct term_list list = {.terms.arena = planner->arena};
    term_add(&list, term);
    int error = list.error ? list.error : open_terms(planner, kind, "", &list.terms, ret_reader);
    text_set_close(&list.terms);
    return error;
}

static int plan_tag(struct planner *planner, struct plan *plan)
{
    const struct definition *tag =
        registry_find(planner->audience->registry, DEFINITION_TAG, plan->node->name);
    char term[INDEX_TERM_MAX + 1];
    if (!tag)
        return 0;
    plan->kind = PLAN_BITS;
    snprintf(term, sizeof(term), "%u", tag->number);
    if (!plan->node->tag_origin)
        return plan_open_term(planner, BITS_TAG, term, &plan->bits);
    snprintf(term, sizeof(term), "%.100s\x1f%u", plan->node->tag_origin, tag->number);
    return plan_open_term(planner, BITS_TAG_ORIGIN, term, &plan->bits);
}

static int plan_stage(struct planner *planner, struct plan *plan)
{
    struct term_list list = {.terms.arena = planner->arena};
    for (size_t i = 0; i < plan->node->name_count; i++)
        term_add(&list, plan->node->names[i]);
    plan->kind = PLAN_BITS;
    int error = list.error ? list.error : open_terms(planner, BITS_STAGE, "", &list.terms, &plan->bits);
    text_set_close(&list.terms);
    return error;
}

/* -- whose people -- */

/* Who has any is a bitmap of its own. */
static int plan_any_bound(struct planner *planner, struct plan *plan, enum bits_kind kind)
{
    plan->kind = PLAN_BITS;
    plan->inverted = !rule_bound_matches(plan->node, true);
    return plan_open_term(planner, kind, "", &plan->bits);
}

static int plan_one_unit(struct planner *planner, struct plan *plan, uint32_t unit)
{
    char term[16];
    snprintf(term, sizeof(term), "%u", unit);
    plan->kind = PLAN_BITS;
    return plan_open_term(planner, BITS_UNIT, term, &plan->bits);
}

/* One may lie below another, and somebody may leave the one and stay in the other: a bitmap each. */
static int plan_unit(struct planner *planner, struct plan *plan)
{
    const struct rule_node *node = plan->node;
    if (node->number_count == 0)
        return plan_any_bound(planner, plan, BITS_UNIT);
    if (node->number_count == 1)
        return plan_one_unit(planner, plan, node->numbers[0]);
    plan->kind = PLAN_ANY;
    plan->children = arena_alloc(planner->arena, node->number_count * sizeof(struct plan *));
    struct plan *children = arena_alloc(planner->arena, node->number_count * sizeof(*children));
    if (!plan->children || !children)
        return -QY_ENOMEM;
    int error = 0;
    for (size_t i = 0; !error && i < node->number_count; i++) {
        children[i].cost = PLAN_BITS;
        plan->children[plan->child_count++] = &children[i];
        error = plan_one_unit(planner, &children[i], node->numbers[i]);
    }
    return error;
}

/* Those whose guide has left stand under the guide, too. */
static int plan_guide(struct planner *planner, struct plan *plan)
{
    const struct rule_node *node = plan->node;
    struct term_list list = {.terms.arena = planner->arena};
    if (node->number_count == 0)
        return plan_any_bound(planner, plan, BITS_GUIDE);
    for (size_t i = 0; i < node->number_count; i++) {
        char term[16];
        snprintf(term, sizeof(term), "%u", node->numbers[i]);
        term_add(&list, term);
    }
    plan->kind = PLAN_BITS;
    int error = list.error ? list.error : open_terms(planner, BITS_GUIDE, "", &list.terms, &plan->bits);
    text_set_close(&list.terms);
    return error ? error : plan_open_term(planner, BITS_GUIDE, "", &plan->present);
}

/* -- traits -- */

static bool value_matches(struct planner *planner, const struct rule_node *node, struct bytes json)
{
    yyjson_val *value = arena_json(planner->arena, (const char *)json.data, json.size);
    return rule_tests_match(node->tests, node->test_count, value, planner->audience->now_ms);
}

/* Asks the rule of each value that there is, instead of each person. Where most of them match, the others are fewer to read. */
static int read_values(struct planner *planner, struct plan *plan)
{
    const struct rule_node *node = plan->node;
    const struct index_class class = {SORT_BITS, BITS_TRAIT_VALUE, node->name};
    _cleanup_(index_log_close) struct index_log log = {0};
    _cleanup_(text_set_close) struct text_set all = {.arena = planner->arena},
                                              meant = {.arena = planner->arena},
                                              others = {.arena = planner->arena};
    int error = index_log_read(planner->audience->txn, &class, planner->arena, &log);
    if (!error)
        error = index_terms(planner->audience->txn, &class, &log, &all);
    for (size_t i = 0; !error && i < all.count; i++) {
        struct text_set *side = value_matches(planner, node, all.items[i]) ? &meant : &others;
        error = text_set_add(side, all.items[i].data, all.items[i].size, &(uint32_t){0}, NULL);
    }
    plan->inverted = meant.count > others.count + 1; /* who has a value is one more to read */
    return error ? error
                 : open_terms(
                       planner, BITS_TRAIT_VALUE, node->name, plan->inverted ? &others : &meant, &plan->bits);
}

static int plan_trait(struct planner *planner, struct plan *plan)
{
    const struct rule_node *node = plan->node;
    plan->kind = PLAN_TRAIT;
    plan->wide = index_trait_is_wide(planner->audience->txn, node->name);
    plan->missing = rule_tests_match(node->tests, node->test_count, NULL, planner->audience->now_ms);
    int error = plan->wide ? 0 : read_values(planner, plan);
    if (!error && (plan->wide || plan->missing || plan->inverted))
        error = plan_open_term(planner, BITS_TRAIT, node->name, &plan->present);
    if (!error && !plan->wide)
        error = plan_open_term(planner, BITS_TRAIT_COMPLEX, node->name, &plan->complex);
    return error;
}

/* -- metrics -- */

static int plan_score(struct planner *planner, struct plan *plan, enum score score, unsigned column)
{
    const struct score_borders *borders = &planner->state.borders;
    int64_t now_ms = planner->audience->now_ms;
    plan->missing = rule_units_match(plan->node->tests, plan->node->test_count, false, 0, now_ms);
    if (borders->people > 0)
        ranges_of_score(plan->node->tests, plan->node->test_count, now_ms, borders->borders[score],
            plan->ranges, &plan->range_count);
    else if (plan->missing) /* nobody has a score yet */
        plan->ranges[plan->range_count++] = (struct value_range){INT64_MIN, INT64_MAX};
    plan->kind = PLAN_METRIC;
    return column_open(planner->audience->txn, column, planner->blocks, planner->arena, &plan->column);
}

static int plan_metric(struct planner *planner, struct plan *plan)
{
    static const uint32_t zero_when_absent = 1u << METRIC_ORDERS | 1u << METRIC_REFUNDS | 1u << METRIC_GROSS |
                                             1u << METRIC_REVENUE | 1u << METRIC_EVENTS;
    const struct rule_node *node = plan->node;
    int64_t now_ms = planner->audience->now_ms;
    if (node->metric == METRIC_RECENCY_SCORE)
        return plan_score(planner, plan, SCORE_RECENCY, METRIC_LAST_ORDER_AT);
    if (node->metric == METRIC_FREQUENCY_SCORE)
        return plan_score(planner, plan, SCORE_FREQUENCY, METRIC_ORDERS);
    if (node->metric == METRIC_MONETARY_SCORE)
        return plan_score(planner, plan, SCORE_MONETARY, METRIC_MONETARY_SCORE);
    if (!ranges_of_tests(node->tests, node->test_count, now_ms, plan->ranges, &plan->range_count)) {
        plan->kind = PLAN_PERSON;
        return 0;
    }
    bool zero = zero_when_absent & 1u << node->metric;
    plan->missing = rule_units_match(node->tests, node->test_count, zero, 0, now_ms);
    plan->kind = PLAN_METRIC;
    return column_open(planner->audience->txn, node->metric, planner->blocks, planner->arena, &plan->column);
}

/* -- events -- */

static void no_events(void *self, const char *name, int64_t from_ms, int64_t to_ms, bool with_properties,
    rule_event_fn *visit, void *context)
{
    (void)self;
    (void)name;
    (void)from_ms;
    (void)to_ms;
    (void)with_properties;
    (void)visit;
    (void)context;
}

static int plan_event(struct planner *planner, struct plan *plan)
{
    const struct rule_node *node = plan->node;
    const struct rule_subject nobody = {.now_ms = planner->audience->now_ms, .events = no_events};
    if (strlen(node->name) > INDEX_NAME_MAX) {
        plan->kind = PLAN_PERSON;
        return 0;
    }
    bool counted = node->where_count == 0 && node->aggregate == AGGREGATE_COUNT &&
                   ranges_of_tests(node->aggregate_tests, node->aggregate_test_count,
                       planner->audience->now_ms, plan->ranges, &plan->range_count);
    plan->kind = counted ? PLAN_COUNT : PLAN_EVENT;
    plan->missing = rule_node_matches(node, &nobody);
    rule_window(node, planner->audience->now_ms, &plan->from_ms, &plan->to_ms);
    return times_open(planner->audience->txn, node->name, planner->blocks, planner->arena, &plan->times);
}

/* -- the tree -- */

static int compare_cost(const void *a, const void *b)
{
    const struct plan *const *left = a, *const *right = b;
    return (*left)->cost<(*right)->cost ? -1 : (*left)->cost>(*right)->cost;
}

static int plan_children(struct planner *planner, struct plan *plan)
{
    const struct rule_node *node = plan->node;
    plan->kind = node->kind == RULE_ALL ? PLAN_ALL : node->kind == RULE_ANY ? PLAN_ANY : PLAN_NOT;
    plan->children = arena_alloc(planner->arena, (node->child_count + 1) * sizeof(struct plan *));
    if (!plan->children)
        return -QY_ENOMEM;
    int error = 0;
    for (size_t i = 0; !error && i < node->child_count; i++) {
        error = plan_make(planner, node->children[i], &plan->children[i]);
        plan->child_count += plan->children[i] != NULL;
    }
    for (size_t i = 0; i < plan->child_count; i++)
        if (plan->children[i] && plan->children[i]->cost > plan->cost)
            plan->cost = plan->children[i]->cost;
    if (plan->child_count > 0)
        qsort(plan->children, plan->child_count, sizeof(struct plan *), compare_cost);
    return error;
}

static int plan_leaf(struct planner *planner, struct plan *plan)
{
    switch (plan->node->kind) {
    case RULE_EVERYONE:
        plan->kind = PLAN_EVERYONE;
        return 0;
    case RULE_TRAIT:
        return plan_trait(planner, plan);
    case RULE_METRIC:
        return plan_metric(planner, plan);
    case RULE_TAG:
        return plan_tag(planner, plan);
    case RULE_STAGE:
        return plan_stage(planner, plan);
    case RULE_SEGMENT:
        plan->kind = PLAN_BITS;
        return plan_open_term(planner, BITS_SEGMENT, plan->node->name, &plan->bits);
    case RULE_IDENTIFIER:
        plan->kind = PLAN_BITS;
        return plan_open_term(planner, BITS_IDENTIFIER, plan->node->name, &plan->bits);
    case RULE_UNIT:
        return plan_unit(planner, plan);
    case RULE_GUIDE:
        return plan_guide(planner, plan);
    case RULE_EVENT:
        return plan_event(planner, plan);
    default:
        plan->kind = PLAN_PERSON;
        return 0;
    }
}

int plan_make(struct planner *planner, const struct rule_node *node, struct plan **ret_plan)
{
    struct plan *plan = arena_alloc(planner->arena, sizeof(*plan));
    if (!plan)
        return -QY_ENOMEM;
    plan->node = node;
    *ret_plan = plan;
    if (node->kind == RULE_ALL || node->kind == RULE_ANY || node->kind == RULE_NOT)
        return plan_children(planner, plan);
    int error = plan_leaf(planner, plan);
    plan->cost = plan->child_count > 0 ? plan->children[0]->cost : (unsigned)plan->kind;
    return error;
}

void plan_close(struct plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->child_count; i++)
        plan_close(plan->children[i]);
    bits_close(&plan->bits);
    bits_close(&plan->present);
    bits_close(&plan->complex);
    column_close(&plan->column);
    times_close(&plan->times);
}
