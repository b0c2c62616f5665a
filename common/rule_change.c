/* SPDX-License-Identifier: Apache-2.0 */
/* When time alone could change an answer.
 *
 * Each part tells whether it holds now and how long at least that stays so. A conjunction that does not hold
 * stays so as long as any of the parts that do not hold: so whoever fails a rule for a reason that time
 * cannot mend needs no timer. */
#include "common/rule_internal.h"

struct outcome {
    bool holds;
    int64_t next_ms;
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A conjunction, part by part. Begins with ALL_HOLD. */
struct conjunction {
    bool fails;
    int64_t while_holds_ms; /* the earliest change of all */
    int64_t while_fails_ms; /* the latest change of those that fail */
};
#define ALL_HOLD ((struct conjunction){.while_holds_ms = TIME_NEVER, .while_fails_ms = INT64_MIN})

static void conjoin(struct conjunction *conjunction, struct outcome part)
{
    conjunction->while_holds_ms = earlier(conjunction->while_holds_ms, part.next_ms);
    if (part.holds)
        return;
    conjunction->fails = true;
    conjunction->while_fails_ms = later(conjunction->while_fails_ms, part.next_ms);
}

static struct outcome conclude(const struct conjunction *conjunction)
{
    return (struct outcome){
        !conjunction->fails, conjunction->fails ? conjunction->while_fails_ms : conjunction->while_holds_ms};
}

/* When an age passes its limit: the first millisecond at which it is more. */
static int64_t passes_at(int64_t since_ms, int64_t limit_ms, int64_t now_ms)
{
    int64_t at_ms = add_saturated(add_saturated(since_ms, limit_ms), 1);
    return at_ms > now_ms ? at_ms : TIME_NEVER;
}

bool test_depends_on_time(const struct rule_test *test)
{
    return test->op == OP_OLDER_THAN || test->op == OP_NEWER_THAN;
}

/* The earliest passing among the values that a path reaches. */
struct passing {
    int64_t limit_ms;
    int64_t now_ms;
    int64_t next_ms;
};

static bool look_at_passing(void *context, yyjson_val *value)
{
    struct passing *passing = context;
    int64_t ms;
    if (value_time(value, &ms))
        passing->next_ms = earlier(passing->next_ms, passes_at(ms, passing->limit_ms, passing->now_ms));
    return true;
}

static struct outcome value_outcome(
    const struct rule_test *test, yyjson_val *value, const char *path, int64_t now_ms)
{
    struct passing passing = {.limit_ms = test->value.units, .now_ms = now_ms, .next_ms = TIME_NEVER};
    if (value && test_depends_on_time(test))
        value_visit_elements(value, path, look_at_passing, &passing);
    return (struct outcome){value_test(test, value, path, now_ms), passing.next_ms};
}

static struct outcome trait_outcome(const struct rule_node *node, const struct rule_subject *subject)
{
    struct conjunction conjunction = ALL_HOLD;
    yyjson_val *value = subject->trait(subject->self, node->name);
    for (size_t i = 0; i < node->test_count; i++)
        conjoin(&conjunction, value_outcome(&node->tests[i], value, NULL, subject->now_ms));
    return conclude(&conjunction);
}

bool metric_is_score(enum rule_metric metric)
{
    return metric == METRIC_RECENCY_SCORE || metric == METRIC_FREQUENCY_SCORE ||
           metric == METRIC_MONETARY_SCORE;
}

static struct outcome metric_outcome(const struct rule_node *node, const struct rule_subject *subject)
{
    struct conjunction conjunction = ALL_HOLD;
    int64_t units = 0, orders = 0, always_ms = TIME_NEVER;
    bool present = subject->metric(subject->self, node->metric, &units);
    /* Scores are taken anew at midnight; who has no order has none before and after. */
    if (metric_is_score(node->metric) && subject->metric(subject->self, METRIC_ORDERS, &orders) && orders > 0)
        always_ms = clock_next_midnight(subject->now_ms);
    for (size_t i = 0; i < node->test_count; i++) {
        const struct rule_test *test = &node->tests[i];
        struct outcome outcome = {rule_units_match(test, 1, present, units, subject->now_ms), always_ms};
        if (present && test_depends_on_time(test))
            outcome.next_ms = passes_at(units, test->value.units, subject->now_ms);
        conjoin(&conjunction, outcome);
    }
    return conclude(&conjunction);
}

/* The events of a window, and when one of them begins or ceases to count. */
struct watching {
    struct tally tally;
    int64_t now_ms;
    int64_t loss_ms;
    int64_t gain_ms;
};

static struct outcome where_outcome(const struct rule_node *event, yyjson_val *properties, int64_t now_ms)
{
    struct conjunction conjunction = ALL_HOLD;
    for (size_t i = 0; i < event->where_count; i++) {
        const struct rule_where *where = &event->where[i];
        for (size_t j = 0; j < where->test_count; j++)
            conjoin(&conjunction, value_outcome(&where->tests[j], properties, where->path, now_ms));
    }
    return conclude(&conjunction);
}

static bool watch_event(void *context, const struct rule_event *event)
{
    struct watching *watching = context;
    const struct rule_node *node = watching->tally.node;
    int64_t leaves_ms =
        node->within_ms > 0 ? passes_at(event->time_ms, node->within_ms, watching->now_ms) : TIME_NEVER;
    struct outcome where = where_outcome(node, event->properties, watching->now_ms);
    if (where.holds) {
        tally_add(&watching->tally, event);
        watching->loss_ms = earlier(watching->loss_ms, earlier(leaves_ms, where.next_ms));
    } else if (where.next_ms < leaves_ms) {
        watching->gain_ms = earlier(watching->gain_ms, where.next_ms);
    }
    return true;
}

/* A count that falls cannot make "gte" hold, and so on; a sum may move either way. */
static int64_t next_of_test(const struct watching *watching, const struct rule_test *test, bool holds)
{
    bool loss_matters = true, gain_matters = true;
    if (watching->tally.node->aggregate != AGGREGATE_SUM) {
        bool least = test->op == OP_GT || test->op == OP_GTE;
        bool most = test->op == OP_LT || test->op == OP_LTE;
        loss_matters = least ? holds : most ? !holds : true;
        gain_matters = least ? !holds : most ? holds : true;
    }
    return earlier(
        loss_matters ? watching->loss_ms : TIME_NEVER, gain_matters ? watching->gain_ms : TIME_NEVER);
}

static struct outcome event_outcome(const struct rule_node *node, const struct rule_subject *subject)
{
    if (!node_depends_on_time(node))
        return (struct outcome){rule_node_matches(node, subject), TIME_NEVER};
    struct decimal_sum sum = {0};
    _cleanup_(distinct_free) struct distinct distinct = {0};
    struct watching watching = {.tally = {.node = node, .sum = &sum, .distinct = &distinct},
        .now_ms = subject->now_ms,
        .loss_ms = TIME_NEVER,
        .gain_ms = TIME_NEVER};
    int64_t from_ms, to_ms;
    rule_window(node, subject->now_ms, &from_ms, &to_ms);
    subject->events(
        subject->self, node->name, from_ms, to_ms, event_needs_properties(node), watch_event, &watching);
    if (node->aggregate == AGGREGATE_DISTINCT)
        watching.tally.count = distinct_count(&distinct);
    struct conjunction conjunction = ALL_HOLD;
    for (size_t i = 0; i < node->aggregate_test_count; i++) {
        const struct rule_test *test = &node->aggregate_tests[i];
        bool holds = tally_test(&watching.tally, test, subject->now_ms);
        conjoin(&conjunction, (struct outcome){holds, next_of_test(&watching, test, holds)});
    }
    return conclude(&conjunction);
}

static struct outcome outcome_of(const struct rule_node *node, const struct rule_subject *subject);

static struct outcome invert(struct outcome outcome)
{
    return (struct outcome){!outcome.holds, outcome.next_ms};
}

/* any(a, b) is not(all(not a, not b)). */
static struct outcome children_outcome(const struct rule_node *node, const struct rule_subject *subject)
{
    struct conjunction conjunction = ALL_HOLD;
    bool any = node->kind == RULE_ANY;
    for (size_t i = 0; i < node->child_count; i++) {
        struct outcome child = outcome_of(node->children[i], subject);
        conjoin(&conjunction, any ? invert(child) : child);
    }
    struct outcome outcome = conclude(&conjunction);
    return any ? invert(outcome) : outcome;
}

static struct outcome outcome_of(const struct rule_node *node, const struct rule_subject *subject)
{
    switch (node->kind) {
    case RULE_ALL:
    case RULE_ANY:
        return children_outcome(node, subject);
    case RULE_NOT:
        return invert(outcome_of(node->children[0], subject));
    case RULE_TRAIT:
        return trait_outcome(node, subject);
    case RULE_METRIC:
        return metric_outcome(node, subject);
    case RULE_EVENT:
        return event_outcome(node, subject);
    default:
        return (struct outcome){rule_node_matches(node, subject), TIME_NEVER};
    }
}

int64_t rule_next_change(const struct rule *rule, const struct rule_subject *subject)
{
    return rule->dependencies.time ? outcome_of(rule->root, subject).next_ms : TIME_NEVER;
}
