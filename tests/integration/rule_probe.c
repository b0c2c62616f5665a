/* SPDX-License-Identifier: Apache-2.0 */
/* Asks rules of made-up persons, for the tests that hold the rule language against a model of it.
 *
 * Reads lines of JSON {"rule":…, "subject":{…}, "names":{"tags":[…],"segments":[…],"stages":[…]}} (subject as
 * in json_subject.h; without names all are known), and answers each with a line: {"answer":bool,"next":ms or
 * null,"time":bool,"history":bool}, or
 * {"pointer":…,"message":…} where the rule is refused. The argument is the time zone. */
#include "tests/support/json_subject.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_known(void *self, const char *kind, const char *name)
{
    yyjson_val *list = yyjson_obj_get(self, kind);
    return !list || json_list_has(list, name);
}

static bool is_tag(void *self, const char *name)
{
    return is_known(self, "tags", name);
}

static bool is_segment(void *self, const char *name)
{
    return is_known(self, "segments", name);
}

static bool is_stage(void *self, const char *name)
{
    return is_known(self, "stages", name);
}

static void write_refusal(struct buffer *out, const struct rule_problem *problem)
{
    buffer_text(out, "{\"pointer\":");
    buffer_json_string(out, problem->pointer, strlen(problem->pointer));
    buffer_text(out, ",\"message\":");
    buffer_json_string(out, problem->message, strlen(problem->message));
    buffer_text(out, "}\n");
}

static void write_answer(struct buffer *out, const struct rule *rule, yyjson_val *person)
{
    struct rule_subject subject = json_subject(person);
    struct rule_problem problem;
    int64_t next_ms = rule_next_change(rule, &subject);
    buffer_printf(out, "{\"answer\":%s,\"next\":", rule_matches(rule, &subject) ? "true" : "false");
    if (next_ms == TIME_NEVER)
        buffer_text(out, "null");
    else
        buffer_printf(out, "%lld", (long long)next_ms);
    buffer_printf(out, ",\"time\":%s,\"history\":%s}\n", rule_dependencies(rule)->time ? "true" : "false",
        rule_has_history(rule, &problem) ? "true" : "false");
}

static void answer(struct buffer *out, yyjson_val *question)
{
    _cleanup_(rule_free) struct rule *rule = NULL;
    struct rule_problem problem = {0};
    struct rule_names names = {.self = yyjson_obj_get(question, "names"),
        .tag = is_tag,
        .segment = is_segment,
        .stage = is_stage,
        .tier_rank = json_tier_rank,
        .amount_scale = 2};
    if (rule_parse(yyjson_obj_get(question, "rule"), &names, &rule, &problem) == 0)
        write_answer(out, rule, yyjson_obj_get(question, "subject"));
    else
        write_refusal(out, &problem);
}

int main(int count, char **arguments)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    if (count != 2 || clock_set_zone(arguments[1]) != 0) {
        fprintf(stderr, "usage: rule_probe ZONE\n");
        return 2;
    }
    while ((size = getline(&line, &room, stdin)) > 0) {
        yyjson_doc *document = yyjson_read(line, (size_t)size, YYJSON_READ_NUMBER_AS_RAW);
        buffer_clear(&out);
        answer(&out, yyjson_doc_get_root(document));
        yyjson_doc_free(document);
        fputs(buffer_c_str(&out), stdout);
    }
    free(line);
    return 0;
}
