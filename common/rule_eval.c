/* SPDX-License-Identifier: Apache-2.0 */
/* A rule, asked of one person. */
#include "common/rule_internal.h"

#include <string.h>

static bool trait_matches(const struct rule_node *node, const struct rule_subject *subject)
{
    yyjson_val *value = subject->trait(subject->self, node->name);
    return rule_tests_match(node->tests, node->test_count, value, subject->now_ms);
}

static bool metric_matches(const struct rule_node *node, const struct rule_subject *subject)
{
    int64_t units = 0;
    bool present = subject->metric(subject->self, node->metric, &units);
    return rule_units_match(node->tests, node->test_count, present, units, subject->now_ms);
}

static bool stage_matches(const struct rule_node *node, const struct rule_subject *subject)
{
    const char *stage = subject->stage(subject->self);
    for (size_t i = 0; stage && i < node->name_count; i++)
        if (strcmp(stage, node->names[i]) == 0)
            return true;
    return false;
}

static bool tier_matches(const struct rule_node *node, const struct rule_subject *subject)
{
    int rank = subject->tier(subject->self);
    return rule_units_match(node->tests, node->test_count, rank >= 0, rank, subject->now_ms);
}

/* The tests are of "exists" alone. */
bool rule_bound_matches(const struct rule_node *node, bool bound)
{
    for (size_t i = 0; i < node->test_count; i++)
        if (node->tests[i].value.boolean != bound)
            return false;
    return true;
}

static bool unit_matches(const struct rule_node *node, const struct rule_subject *subject)
{
    bool holds = subject->unit(subject->self, node->numbers, node->number_count);
    return node->number_count > 0 ? holds : rule_bound_matches(node, holds);
}

static bool guide_matches(const struct rule_node *node, const struct rule_subject *subject)
{
    uint32_t guide = subject->guide(subject->self);
    for (size_t i = 0; guide && i < node->number_count; i++)
        if (node->numbers[i] == guide)
            return true;
    return node->number_count == 0 && rule_bound_matches(node, guide != 0);
}

static bool all_match(const struct rule_node *node, const struct rule_subject *subject)
{
    for (size_t i = 0; i < node->child_count; i++)
        if (!rule_node_matches(node->children[i], subject))
            return false;
    return true;
}

static bool any_matches(const struct rule_node *node, const struct rule_subject *subject)
{
    for (size_t i = 0; i < node->child_count; i++)
        if (rule_node_matches(node->children[i], subject))
            return true;
    return false;
}

bool rule_node_matches(const struct rule_node *node, const struct rule_subject *subject)
{
    switch (node->kind) {
    case RULE_ALL:
        return all_match(node, subject);
    case RULE_ANY:
        return any_matches(node, subject);
    case RULE_NOT:
        return !rule_node_matches(node->children[0], subject);
    case RULE_EVERYONE:
        return true;
    case RULE_TRAIT:
        return trait_matches(node, subject);
    case RULE_METRIC:
        return metric_matches(node, subject);
    case RULE_TAG:
        return subject->tag(subject->self, node->name, node->tag_origin);
    case RULE_STAGE:
        return stage_matches(node, subject);
    case RULE_TIER:
        return tier_matches(node, subject);
    case RULE_SEGMENT:
        return subject->segment(subject->self, node->name);
    case RULE_IDENTIFIER:
        return subject->identifier(subject->self, node->name);
    case RULE_UNIT:
        return unit_matches(node, subject);
    case RULE_GUIDE:
        return guide_matches(node, subject);
    case RULE_EVENT:
        return event_matches(node, subject);
    }
    return false;
}

bool rule_matches(const struct rule *rule, const struct rule_subject *subject)
{
    return rule_node_matches(rule->root, subject);
}
