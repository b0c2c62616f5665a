/* SPDX-License-Identifier: Apache-2.0 */
/* The rule language: one JSON language wherever people are picked (README, "Rules").
 *
 * A rule is parsed once into an immutable tree; rule_matches() asks it of one person through a subject.
 * Whoever wants to ask it of everybody walks the same tree (rule_node is public) over indexes. Both must give
 * the same people.
 *
 * How values are compared, where the language could be read in two ways:
 * - Numbers and decimal strings are compared exactly, by their digits, also with each other; two texts are
 * equal only letter for letter.
 * - A list stands for its elements: an OP holds when it holds for any of them, each OP for itself ("gte" and
 * "lt" may hold for two different ones). "is_not" and "not_in" are then the negations. A list directly inside
 * a list is not entered.
 * - "contains" asks a text for a substring and a list for an element. "exists" asks for anything but null.
 * - "unit" is the home unit or whatever lies below it. Units and guides are named by their ids here ("u_7", "st_7"):
 * who takes rules from outside puts the id in the place of a code, and refuses what there is not.
 * - "gt" to "lte" take numbers, decimal strings, or times (RFC 3339 or a date), which are compared with
 * times. */
#ifndef QY_COMMON_RULE_H
#define QY_COMMON_RULE_H

#include "common/buffer.h"
#include "common/clock.h"

#include <yyjson.h>

#define RULE_DEPTH_MAX 16
#define RULE_NODES_MAX 1000 /* conditions in all, entries of "where" included */
#define RULE_LIST_MAX 1000  /* operands of one "in"; stages, units or guides of one condition */
#define RULE_NAME_MAX 255   /* bytes of a trait, tag, segment, event, kind or path */
#define RULE_PATH_MAX 16    /* parts of a dotted path */

enum rule_kind {
    RULE_ALL,
    RULE_ANY,
    RULE_NOT,
    RULE_EVERYONE,
    RULE_TRAIT,
    RULE_METRIC,
    RULE_TAG,
    RULE_STAGE,
    RULE_TIER,
    RULE_SEGMENT,
    RULE_IDENTIFIER,
    RULE_UNIT,
    RULE_GUIDE,
    RULE_EVENT,
};

enum rule_metric {
    METRIC_ORDERS,
    METRIC_REFUNDS,
    METRIC_GROSS,
    METRIC_REVENUE,
    METRIC_AVERAGE_ORDER,
    METRIC_FIRST_ORDER_AT,
    METRIC_LAST_ORDER_AT,
    METRIC_FIRST_SEEN_AT,
    METRIC_LAST_SEEN_AT,
    METRIC_EVENTS,
    METRIC_RECENCY_SCORE,
    METRIC_FREQUENCY_SCORE,
    METRIC_MONETARY_SCORE,
    RULE_METRIC_COUNT
};

enum metric_unit { UNIT_NUMBER, UNIT_AMOUNT, UNIT_TIME };
struct rule_metric_info {
    const char *name;
    enum metric_unit unit;
};
extern const struct rule_metric_info rule_metrics[RULE_METRIC_COUNT];

enum rule_operator {
    OP_IS,
    OP_IS_NOT,
    OP_IN,
    OP_NOT_IN,
    OP_EXISTS,
    OP_GT,
    OP_GTE,
    OP_LT,
    OP_LTE,
    OP_CONTAINS,
    OP_STARTS_WITH,
    OP_BEFORE,
    OP_AFTER,
    OP_OLDER_THAN,
    OP_NEWER_THAN,
};

/* An operand, or a value to be compared: what JSON can state. Numbers are kept as their digits and compared
 * exactly. */
enum value_type { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_TEXT, VALUE_LIST };
struct rule_value {
    enum value_type type;
    bool boolean;
    const char *text; /* digits of a number, or the text; NUL-terminated */
    size_t size;
    struct decimal decimal; /* of a number or a decimal string; the digits are those of `text` */
    bool is_decimal;
    /* Metrics, counts and tiers: the largest number of units (minor units, the number, the rank) that is not
     * above the operand; has_units: it is exactly the operand. So x > operand is x > units, and x >= operand
     * is x >= units + (has_units ? 0 : 1). Times and durations: ms, with has_units set. */
    int64_t units;
    bool has_units;
    const struct rule_value *items; /* VALUE_LIST */
    size_t count;
};

struct rule_test {
    enum rule_operator op;
    struct rule_value value;
};

/* One entry of "where". */
struct rule_where {
    const char *path; /* dotted */
    const struct rule_test *tests;
    size_t test_count;
};

enum rule_aggregate { AGGREGATE_COUNT, AGGREGATE_SUM, AGGREGATE_DISTINCT };

struct rule_node {
    enum rule_kind kind;
    const char *pointer;                     /* where it stands in the rule, a JSON pointer */
    const struct rule_node *const *children; /* all, any: any number; not: one */
    size_t child_count;
    const char *name; /* trait, tag, segment, identifier kind, event name; NUL-terminated */
    enum rule_metric metric;
    const char *tag_origin;   /* RULE_TAG: NULL for any */
    const char *const *names; /* RULE_STAGE: the stages; RULE_TIER: not used */
    size_t name_count;
    const uint32_t
        *numbers; /* RULE_UNIT, RULE_GUIDE: one of these; none: the tests ask whether there is one */
    size_t number_count;
    const struct rule_test *tests; /* all must hold; RULE_TIER: operands are tier names, units their rank */
    size_t test_count;
    /* RULE_EVENT */
    const struct rule_where *where;
    size_t where_count;
    int64_t within_ms;      /* 0: no window */
    int64_t from_ms, to_ms; /* between; from INT64_MIN and to INT64_MAX where there is none */
    enum rule_aggregate aggregate;
    const char *aggregate_path;              /* sum, distinct */
    const struct rule_test *aggregate_tests; /* never empty: count gte 1 where the rule has none */
    size_t aggregate_test_count;
    unsigned amount_scale; /* of the deployment's currency: decimal places of units */
};

/* What names there are. NULL callbacks accept every name. */
struct rule_names {
    void *self;
    bool (*tag)(void *self, const char *name);
    bool (*segment)(void *self, const char *name);
    bool (*stage)(void *self, const char *name);
    int (*tier_rank)(void *self, const char *name); /* -1: no such tier */
    unsigned amount_scale;                          /* 2 for CNY, GBP */
};

struct rule;
struct rule_problem {
    char pointer[256]; /* JSON pointer into the rule, "" for the whole of it */
    char message[256];
};

/* -QY_EINVAL with the problem filled in; -QY_ENOMEM. Everything is copied out of `json`. Unknown keys and
 * operators, types that do not fit, empty lists of conditions, depth over RULE_DEPTH_MAX are refused. Read
 * JSON with YYJSON_READ_NUMBER_AS_RAW. */
int rule_parse(
    yyjson_val *json, const struct rule_names *names, struct rule **ret_rule, struct rule_problem *problem);
int rule_parse_text(const char *json, size_t size, const struct rule_names *names, struct rule **ret_rule,
    struct rule_problem *problem);
void rule_free(struct rule **rule);
const struct rule_node *rule_root(const struct rule *rule);

/* What a rule looks at; sets of names are sorted and without doubles. Lives as long as the rule. */
struct rule_dependencies {
    uint32_t metrics; /* bit per rule_metric */
    const char *const *traits;
    size_t trait_count;
    const char *const *tags;
    size_t tag_count;
    const char *const *segments;
    size_t segment_count;
    const char *const *events;
    size_t event_count;
    bool stage, tier, identifiers, unit, guide;
    bool time; /* its answer can change as time passes alone */
};
const struct rule_dependencies *rule_dependencies(const struct rule *rule);
/* Whether the rule can be asked as of an earlier time. False: it refers to a tag, a segment or a tier, which
 * have no history, or to a unit or a guide, for the tree of units has none; the problem points to it. */
bool rule_has_history(const struct rule *rule, struct rule_problem *problem);
/* Whether the rule refers to this tag, segment or stage (`kind` RULE_TAG, RULE_SEGMENT, RULE_STAGE), as a
 * cycle of references would; the problem's pointer is then that of the first reference, and the message is
 * left to the caller. */
bool rule_refers_to(
    const struct rule *rule, enum rule_kind kind, const char *name, struct rule_problem *problem);

/* Money, which some may not see: an amount, or what stands for one. */
bool rule_metric_is_money(enum rule_metric metric);
struct rule_money {
    void *self;
    bool (*named)(
        void *self, enum rule_kind kind, const char *name); /* of a tag, a segment, a stage: it does */
};
/* Whether the rule asks for any; by what stands for it, too. `ret_where` points to the first such condition; may be NULL. */
bool rule_asks_for_money(
    const struct rule *rule, const struct rule_money *money, struct rule_problem *ret_where);

/* One event of a person, as the subject shows it. */
struct rule_event {
    int64_t time_ms;        /* min(event time, arrival) */
    yyjson_val *properties; /* NULL: none; read with YYJSON_READ_NUMBER_AS_RAW */
};
/* Returns false to stop. */
typedef bool rule_event_fn(void *context, const struct rule_event *event);

/* One person, as at one time. All texts are NUL-terminated. */
struct rule_subject {
    void *self;
    int64_t now_ms; /* for a question as of an earlier time, that time: the callbacks then show what was
                       before it */
    /* Units as rule_metrics says; false: absent. */
    bool (*metric)(void *self, enum rule_metric metric, int64_t *ret_units);
    yyjson_val *(*trait)(void *self, const char *name); /* NULL: absent; numbers raw */
    bool (*tag)(void *self, const char *name, const char *origin);
    const char *(*stage)(void *self); /* NULL: none */
    int (*tier)(void *self);          /* rank, -1: none */
    bool (*segment)(void *self, const char *name);
    bool (*identifier)(void *self, const char *kind);
    /* Whether the home unit is one of these or lies below one; of none: whether there is a home unit. */
    bool (*unit)(void *self, const uint32_t *units, size_t count);
    uint32_t (*guide)(void *self); /* 0: none */
    /* Calls back for each event of this name with from_ms <= time < to_ms, any order, until the visitor
     * returns false. */
    void (*events)(void *self, const char *name, int64_t from_ms, int64_t to_ms, bool with_properties,
        rule_event_fn *visit, void *context);
};

bool rule_matches(const struct rule *rule, const struct rule_subject *subject);
bool rule_node_matches(const struct rule_node *node, const struct rule_subject *subject);
/* The earliest time after subject->now_ms at which the answer could become another by time alone; TIME_NEVER
 * when it cannot. May be too early, never too late. */
int64_t rule_next_change(const struct rule *rule, const struct rule_subject *subject);

/* The pieces, for those who ask of everybody. `value` NULL: absent. */
bool rule_tests_match(const struct rule_test *tests, size_t count, yyjson_val *value, int64_t now_ms);
bool rule_units_match(
    const struct rule_test *tests, size_t count, bool present, int64_t units, int64_t now_ms);
/* Of a unit or guide condition that asks whether there is one: its answer. */
bool rule_bound_matches(const struct rule_node *node, bool bound);
/* Whether an event's properties satisfy "where". */
bool rule_where_matches(const struct rule_node *event, yyjson_val *properties, int64_t now_ms);
/* The window of an event condition at `now_ms`: from_ms <= time < to_ms. */
void rule_window(const struct rule_node *event, int64_t now_ms, int64_t *ret_from_ms, int64_t *ret_to_ms);

#endif
