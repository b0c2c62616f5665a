/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a rule asks for money: told by names, as in what is shown (money.h). */
#include "common/money.h"
#include "common/rule.h"

#include <stdio.h>
#include <string.h>

/* Each part: what stands below a member that holds money is money, too. */
static bool names_money(const char *path)
{
    while (path && *path) {
        size_t size = strcspn(path, ".");
        if (money_key(path, size))
            return true;
        path += size + (path[size] == '.');
    }
    return false;
}

static bool event_asks(const struct rule_node *event)
{
    for (size_t i = 0; i < event->where_count; i++)
        if (names_money(event->where[i].path))
            return true;
    return names_money(event->aggregate_path);
}

static bool stages_ask(const struct rule_node *node, const struct rule_money *money)
{
    for (size_t i = 0; i < node->name_count; i++)
        if (money->named(money->self, RULE_STAGE, node->names[i]))
            return true;
    return false;
}

static bool condition_asks(const struct rule_node *node, const struct rule_money *money)
{
    switch (node->kind) {
    case RULE_METRIC:
        return rule_metric_is_money(node->metric);
    case RULE_TRAIT:
        return names_money(node->name);
    case RULE_EVENT:
        return event_asks(node);
    case RULE_SEGMENT:
    case RULE_TAG:
        return money->named(money->self, node->kind, node->name);
    case RULE_STAGE:
        return stages_ask(node, money);
    default:
        return false;
    }
}

static const struct rule_node *find(const struct rule_node *node, const struct rule_money *money)
{
    if (condition_asks(node, money))
        return node;
    for (size_t i = 0; i < node->child_count; i++) {
        const struct rule_node *found = find(node->children[i], money);
        if (found)
            return found;
    }
    return NULL;
}

bool rule_metric_is_money(enum rule_metric metric)
{
    return rule_metrics[metric].unit == UNIT_AMOUNT || metric == METRIC_MONETARY_SCORE;
}

bool rule_asks_for_money(
    const struct rule *rule, const struct rule_money *money, struct rule_problem *ret_where)
{
    const struct rule_node *node = find(rule_root(rule), money);
    if (node && ret_where) {
        snprintf(ret_where->pointer, sizeof(ret_where->pointer), "%s", node->pointer);
        snprintf(ret_where->message, sizeof(ret_where->message), "asks for money, which you may not see");
    }
    return node != NULL;
}
