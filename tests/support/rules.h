/* SPDX-License-Identifier: Apache-2.0 */
/* Short words for unit tests about rules. JSON is written with ' for ". Include after cmocka.h. */
#ifndef QY_TESTS_RULES_H
#define QY_TESTS_RULES_H

#include "tests/support/json_subject.h"

#include <stdio.h>

static inline void quoted(char out[4096], const char *text)
{
    size_t size = strlen(text);
    assert_true(size < 4096);
    for (size_t i = 0; i <= size; i++)
        out[i] = (char)(text[i] == '\'' ? '"' : text[i]);
}

static inline yyjson_doc *read_json(const char *text)
{
    char json[4096];
    quoted(json, text);
    yyjson_doc *document = yyjson_read(json, strlen(json), YYJSON_READ_NUMBER_AS_RAW);
    if (!document)
        fail_msg("no JSON: %s", json);
    return document;
}

static const struct rule_names any_names = {.tier_rank = json_tier_rank, .amount_scale = 2};

static inline struct rule *parse_rule(const char *text)
{
    char json[4096];
    struct rule *rule = NULL;
    struct rule_problem problem;
    quoted(json, text);
    if (rule_parse_text(json, strlen(json), &any_names, &rule, &problem) != 0)
        fail_msg("%s: at %s: %s", json, problem.pointer, problem.message);
    return rule;
}

static inline bool matches(const char *rule_text, const char *person_text)
{
    struct rule *rule = parse_rule(rule_text);
    yyjson_doc *person = read_json(person_text);
    struct rule_subject subject = json_subject(yyjson_doc_get_root(person));
    bool matches = rule_matches(rule, &subject);
    yyjson_doc_free(person);
    rule_free(&rule);
    return matches;
}

static inline int64_t next_change(const char *rule_text, const char *person_text)
{
    struct rule *rule = parse_rule(rule_text);
    yyjson_doc *person = read_json(person_text);
    struct rule_subject subject = json_subject(yyjson_doc_get_root(person));
    int64_t next_ms = rule_next_change(rule, &subject);
    yyjson_doc_free(person);
    rule_free(&rule);
    return next_ms;
}

/* The rule is refused at this pointer. */
static inline void refused(const char *text, const char *pointer)
{
    char json[4096];
    struct rule *rule = NULL;
    struct rule_problem problem;
    quoted(json, text);
    int error = rule_parse_text(json, strlen(json), &any_names, &rule, &problem);
    if (error != -QY_EINVAL)
        fail_msg("%s is taken", json);
    assert_string_equal(problem.pointer, pointer);
    assert_true(problem.message[0] != '\0');
    assert_null(rule);
}

#endif
