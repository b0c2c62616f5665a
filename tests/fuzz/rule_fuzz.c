/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a rule and a person: {"rule":…,"subject":{…}}. Nothing may crash, and what the parts promise
 * each other must hold. */
#include "tests/support/json_subject.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
    if (!promise)
        abort();
}

static void ask(const struct rule *rule, yyjson_val *person)
{
    struct rule_subject subject = json_subject(person);
    bool matches = rule_matches(rule, &subject);
    int64_t next_ms = rule_next_change(rule, &subject);
    check(next_ms > subject.now_ms);
    check(rule_dependencies(rule)->time || next_ms == TIME_NEVER);
    if (next_ms == TIME_NEVER)
        next_ms = subject.now_ms + 400 * DAY_MS;
    subject.now_ms += (next_ms - 1 - subject.now_ms) / 2;
    check(rule_matches(rule, &subject) == matches);
    subject.now_ms = next_ms - 1;
    check(rule_matches(rule, &subject) == matches);
}

static void try_texts(const char *text, size_t size)
{
    int64_t number;
    char written[TIME_TEXT_BYTES];
    if (time_parse(text, size, true, &number)) {
        int64_t again;
        time_format(number, written);
        check(time_parse(written, strlen(written), false, &again) && again == number);
    }
    int64_t stated;
    if (time_parse(text, size, false, &number))
        check(time_parse_stated(text, size, &stated) && stated == number);
    if (time_parse_stated(text, size, &number)) {
        time_format(number, written);
        check(time_parse(written, strlen(written), false, &stated) && stated == number);
    }
    (void)duration_parse(text, size, &number);
    if (decimal_parse(text, size, 2, false, &number)) {
        int64_t again;
        char digits[DECIMAL_TEXT_BYTES];
        decimal_format(number, 2, digits);
        check(decimal_parse_json(digits, strlen(digits), 2, true, &again) && again == number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rule_names names = {.tier_rank = json_tier_rank, .amount_scale = 2};
    struct rule_problem problem;
    struct rule *rule = NULL;
    yyjson_doc *document = yyjson_read((const char *)data, size, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *root = yyjson_doc_get_root(document);
    yyjson_val *person = yyjson_obj_get(root, "subject");
    try_texts((const char *)data, size);
    int64_t now_ms = json_integer(yyjson_obj_get(person, "now_ms"), 0, 0);
    bool sane_time = now_ms > -INT64_C(100000000000000) && now_ms < INT64_C(100000000000000);
    if (rule_parse(yyjson_obj_get(root, "rule"), &names, &rule, &problem) == 0) {
        if (sane_time)
            ask(rule, person);
    } else {
        check(problem.message[0] != '\0' && (problem.pointer[0] == '\0' || problem.pointer[0] == '/'));
    }
    rule_free(&rule);
    yyjson_doc_free(document);
    return 0;
}
