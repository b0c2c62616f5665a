/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the rule language share. */
#ifndef QY_COMMON_RULE_INTERNAL_H
#define QY_COMMON_RULE_INTERNAL_H

#include "common/rule.h"

struct rule {
    struct arena *arena; /* holds everything below */
    const struct rule_node *root;
    size_t node_count;
    struct rule_dependencies dependencies;
};

/* Where the parser is, as a chain up to the rule's root; a key, or an index where `key` is NULL. */
struct place {
    const struct place *parent;
    const char *key;
    size_t size;
    size_t index;
};

struct parser {
    struct arena *arena;
    const struct rule_names *names;
    struct rule_problem *problem;
    size_t nodes;
};

/* One rule object, while it is read. */
struct reading {
    const struct place *at;
    yyjson_val *object;
    const char *key;   /* the key that says what it is */
    struct place here; /* of that key */
    yyjson_val *json;  /* its value */
    unsigned depth;
};

/* Fills the problem in and returns -QY_EINVAL. `at` NULL: the rule as a whole. */
int parser_refuse(struct parser *parser, const struct place *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct place place_key(const struct place *parent, yyjson_val *key);
struct place place_named(const struct place *parent, const char *key);
struct place place_index(const struct place *parent, size_t index);
const char *place_pointer(struct arena *arena, const struct place *at);

/* Refuses every key but the rule's own and `others` (NULL-terminated), and one that is given twice. */
int parser_keys(struct parser *parser, const struct reading *reading, const char *const *others);
/* A name: text that is not empty, not too long and has no NUL inside. */
int parser_name(struct parser *parser, const struct place *at, yyjson_val *json, const char **ret_name);
/* A dotted path of names. */
int parser_path(struct parser *parser, const struct place *at, yyjson_val *json, const char **ret_path);
int parser_time(struct parser *parser, const struct place *at, yyjson_val *json, int64_t *ret_ms);
int parser_duration(struct parser *parser, const struct place *at, yyjson_val *json, int64_t *ret_ms);

/* What operators are asked of. */
enum rule_ground {
    GROUND_VALUE,
    GROUND_NUMBER,
    GROUND_AMOUNT,
    GROUND_TIME,
    GROUND_COUNT,
    GROUND_SUM,
    GROUND_TIER,
    GROUND_BOUND /* to a unit, to a guide */
};
/* All operators of `object`, which may have the key `beside` too and no other; at least one. */
int parser_tests(struct parser *parser, const struct place *at, yyjson_val *object, const char *beside,
    enum rule_ground ground, const struct rule_test **ret_tests, size_t *ret_count);

int parser_event(struct parser *parser, const struct reading *reading, struct rule_node *node);

/* Fills in rule->dependencies. */
int rule_find_dependencies(struct rule *rule);

/* Values that a path reaches, lists on the way entered; the visitor returns false to stop. False when it was
 * stopped. */
typedef bool value_visit_fn(void *context, yyjson_val *value);
bool value_visit(yyjson_val *value, const char *path, value_visit_fn *visit, void *context);
/* As above, and the elements of a list at the path's end instead of the list. */
bool value_visit_elements(yyjson_val *value, const char *path, value_visit_fn *visit, void *context);
/* A number or a decimal string. */
bool value_decimal(yyjson_val *value, struct decimal *ret_decimal);
bool value_time(yyjson_val *value, int64_t *ret_ms);
/* One operator, asked of what the path reaches in `value`; `path` NULL: of the value itself, which may be
 * NULL. */
bool value_test(const struct rule_test *test, yyjson_val *value, const char *path, int64_t now_ms);

/* The values that were met, one of each: numbers that are equal are one, a text is never equal to a number.
 */
struct distinct {
    struct buffer bytes;
    struct buffer entries;
};
void distinct_add(
    struct distinct *distinct, yyjson_val *value); /* what is no text, number or boolean is left out */
int64_t distinct_count(struct distinct *distinct);
void distinct_free(struct distinct *distinct);

/* What an event condition counts. */
struct tally {
    const struct rule_node *node;
    int64_t count;
    struct decimal_sum *sum;
    struct distinct *distinct;
};
/* Adds one event that satisfies "where". */
void tally_add(struct tally *tally, const struct rule_event *event);
bool tally_test(struct tally *tally, const struct rule_test *test, int64_t now_ms);
bool event_needs_properties(const struct rule_node *event);
bool event_matches(const struct rule_node *event, const struct rule_subject *subject);

/* Whether the answer of this node alone can become another as time passes. */
bool node_depends_on_time(const struct rule_node *node);
bool test_depends_on_time(const struct rule_test *test);
bool metric_is_score(enum rule_metric metric);

/* a + b and a - b, at the ends of int64_t the end. */
static inline int64_t add_saturated(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b < 0 ? INT64_MIN : INT64_MAX;
}

static inline int64_t subtract_saturated(int64_t a, int64_t b)
{
    int64_t difference;
    if (!__builtin_sub_overflow(a, b, &difference))
        return difference;
    return b < 0 ? INT64_MAX : INT64_MIN;
}

#endif
