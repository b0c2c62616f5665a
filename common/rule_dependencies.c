/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule looks at. */
#include "common/rule_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns false to stop; then the walk returns false. */
typedef bool node_visit_fn(void *context, const struct rule_node *node);

static bool walk(const struct rule_node *node, node_visit_fn *visit, void *context)
{
    if (!visit(context, node))
        return false;
    for (size_t i = 0; i < node->child_count; i++)
        if (!walk(node->children[i], visit, context))
            return false;
    return true;
}

static bool tests_depend_on_time(const struct rule_test *tests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (test_depends_on_time(&tests[i]))
            return true;
    return false;
}

bool node_depends_on_time(const struct rule_node *node)
{
    if (node->within_ms > 0 || tests_depend_on_time(node->tests, node->test_count))
        return true;
    for (size_t i = 0; i < node->where_count; i++)
        if (tests_depend_on_time(node->where[i].tests, node->where[i].test_count))
            return true;
    return node->kind == RULE_METRIC && metric_is_score(node->metric);
}

struct name_set {
    const char **names;
    size_t count;
};

struct collecting {
    struct rule_dependencies *dependencies;
    struct name_set traits, tags, segments, events;
};

static bool collect(void *context, const struct rule_node *node)
{
    struct collecting *collecting = context;
    struct rule_dependencies *dependencies = collecting->dependencies;
    struct name_set *const sets[RULE_EVENT + 1] = {[RULE_TRAIT] = &collecting->traits,
        [RULE_TAG] = &collecting->tags,
        [RULE_SEGMENT] = &collecting->segments,
        [RULE_EVENT] = &collecting->events};
    struct name_set *set = sets[node->kind];
    if (set)
        set->names[set->count++] = node->name;
    if (node->kind == RULE_METRIC)
        dependencies->metrics |= UINT32_C(1) << node->metric;
    dependencies->stage |= node->kind == RULE_STAGE;
    dependencies->tier |= node->kind == RULE_TIER;
    dependencies->identifiers |= node->kind == RULE_IDENTIFIER;
    dependencies->unit |= node->kind == RULE_UNIT;
    dependencies->guide |= node->kind == RULE_GUIDE;
    dependencies->time |= node_depends_on_time(node);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void make_set(struct name_set *set, const char *const **ret_names, size_t *ret_count)
{
    size_t kept = 0;
    qsort(set->names, set->count, sizeof(*set->names), compare_names);
    for (size_t i = 0; i < set->count; i++)
        if (i == 0 || strcmp(set->names[i], set->names[i - 1]) != 0)
            set->names[kept++] = set->names[i];
    *ret_names = set->names;
    *ret_count = kept;
}

int rule_find_dependencies(struct rule *rule)
{
    struct rule_dependencies *dependencies = &rule->dependencies;
    struct collecting collecting = {.dependencies = dependencies};
    struct name_set *const sets[] = {
        &collecting.traits, &collecting.tags, &collecting.segments, &collecting.events};
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        sets[i]->names = arena_alloc(rule->arena, rule->node_count * sizeof(*sets[i]->names));
        if (!sets[i]->names)
            return -QY_ENOMEM;
    }
    walk(rule->root, collect, &collecting);
    make_set(&collecting.traits, &dependencies->traits, &dependencies->trait_count);
    make_set(&collecting.tags, &dependencies->tags, &dependencies->tag_count);
    make_set(&collecting.segments, &dependencies->segments, &dependencies->segment_count);
    make_set(&collecting.events, &dependencies->events, &dependencies->event_count);
    return 0;
}

const struct rule_dependencies *rule_dependencies(const struct rule *rule)
{
    return &rule->dependencies;
}

static void point_to(struct rule_problem *problem, const struct rule_node *node, const char *key)
{
    *problem = (struct rule_problem){0};
    snprintf(problem->pointer, sizeof(problem->pointer), "%s/%s", node->pointer, key);
}

static const char *const reference_keys[RULE_EVENT + 1] = {[RULE_TAG] = "tag",
    [RULE_STAGE] = "stage",
    [RULE_TIER] = "tier",
    [RULE_SEGMENT] = "segment",
    [RULE_UNIT] = "unit",
    [RULE_GUIDE] = "guide"};

/* Of stages all follows from events. */
static bool has_history(enum rule_kind kind)
{
    return kind == RULE_STAGE || !reference_keys[kind];
}

static bool check_history(void *context, const struct rule_node *node)
{
    struct rule_problem *problem = context;
    if (has_history(node->kind))
        return true;
    point_to(problem, node, reference_keys[node->kind]);
    snprintf(problem->message, sizeof(problem->message),
        "cannot be asked as of an earlier time: a %s has no history", reference_keys[node->kind]);
    return false;
}

bool rule_has_history(const struct rule *rule, struct rule_problem *problem)
{
    *problem = (struct rule_problem){0};
    return walk(rule->root, check_history, problem);
}

struct referring {
    enum rule_kind kind;
    const char *name;
    const struct rule_node *found;
};

static bool is_other(void *context, const struct rule_node *node)
{
    struct referring *referring = context;
    if (node->kind != referring->kind)
        return true;
    bool found = node->name && strcmp(node->name, referring->name) == 0;
    for (size_t i = 0; i < node->name_count && !found; i++)
        found = strcmp(node->names[i], referring->name) == 0;
    if (found)
        referring->found = node;
    return !found;
}

bool rule_refers_to(
    const struct rule *rule, enum rule_kind kind, const char *name, struct rule_problem *problem)
{
    struct referring referring = {.kind = kind, .name = name};
    walk(rule->root, is_other, &referring);
    if (referring.found)
        point_to(problem, referring.found, reference_keys[kind]);
    return referring.found != NULL;
}
