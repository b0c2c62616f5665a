/* SPDX-License-Identifier: Apache-2.0 */
/* The rules as a JSON document. */
#include "common/error.h"
#include "common/json.h"
#include "services/identity/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const verification_names[] = {
    [VERIFICATION_NEVER] = "never", [VERIFICATION_STATED] = "stated", [VERIFICATION_ISSUED] = "issued"};
static const char *const limit_names[LIMIT_COUNT] = {
    [LIMIT_EVER] = "limit", [LIMIT_MONTH] = "limit_per_month", [LIMIT_WEEK] = "limit_per_week"};

struct reading {
    struct kinds *kinds;
    struct identity_rules rules;
    struct rules_problem *problem;
    bool named[KINDS_MAX + 1];
    bool whole; /* every kind must be named */
};

__attribute__((format(printf, 3, 4))) static int refuse(
    struct reading *own, const char *detail, const char *field, ...)
{
    va_list arguments;
    va_start(arguments, field);
    vsnprintf(own->problem->field, sizeof(own->problem->field), field, arguments);
    va_end(arguments);
    snprintf(own->problem->detail, sizeof(own->problem->detail), "%s", detail);
    return -QY_EINVAL;
}

static bool is_known(yyjson_val *name, const char *const *known)
{
    for (; *known; known++)
        if (yyjson_equals_str(name, *known))
            return true;
    return false;
}

/* `where`: "" or "kinds/2/". */
static int check_members(struct reading *own, yyjson_val *object, const char *where, const char *const *known)
{
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&iterator));)
        if (!is_known(name, known))
            return refuse(own, "is unknown", "%s%.40s", where, yyjson_get_str(name));
    return 0;
}

/* A whole number within bounds; null or nothing is 0. The document may keep numbers as their digits. */
static int read_number(struct reading *own, yyjson_val *object, const char *name, const char *where,
    uint32_t most, uint32_t *ret_number)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    char detail[80], *end = NULL;
    uint64_t number = 0;
    *ret_number = 0;
    if (!value || yyjson_is_null(value))
        return 0;
    bool whole = yyjson_is_uint(value);
    if (whole)
        number = yyjson_get_uint(value);
    if (yyjson_is_raw(value)) {
        const char *digits = yyjson_get_raw(value);
        number = strtoul(digits, &end, 10);
        whole = yyjson_get_len(value) <= 9 && end == digits + yyjson_get_len(value) && *digits != '-';
    }
    if (!whole || number == 0 || number > most) {
        snprintf(detail, sizeof(detail), "must be a whole number from 1 to %u, or null", most);
        return refuse(own, detail, "%s%s", where, name);
    }
    *ret_number = (uint32_t)number;
    return 0;
}

static int read_bool(struct reading *own, yyjson_val *object, const char *name, const char *where,
    bool otherwise, bool *ret_value)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    if (value && !yyjson_is_bool(value))
        return refuse(own, "must be true or false", "%s%s", where, name);
    *ret_value = value ? yyjson_get_bool(value) : otherwise;
    return 0;
}

/* -- kinds -- */

static int find_kind(struct reading *own, yyjson_val *object, const char *where, const struct kind **ret_kind)
{
    yyjson_val *name = yyjson_obj_get(object, "kind"), *form = yyjson_obj_get(object, "form");
    if (!yyjson_is_str(name))
        return refuse(own, "is required, a text", "%skind", where);
    if (form && !yyjson_is_str(form))
        return refuse(own, "must be text, digits or lower", "%sform", where);
    const struct kind *kind = kind_exact(own->kinds, yyjson_get_str(name), yyjson_get_len(name));
    if (kind && form && !yyjson_equals_str(form, kind_form_name(kind->form)))
        return refuse(own, "cannot change: values are kept in it", "%sform", where);
    if (kind && kind->form == FORM_DIGEST)
        return refuse(own, "follows the kind of which it is a digest, and is not stated", "%skind", where);
    if (!kind) {
        int error = kinds_add(own->kinds, yyjson_get_str(name), form ? yyjson_get_str(form) : "text", &kind);
        if (error)
            return refuse(own,
                "is no name ([a-z0-9_], 32 at most), or there are more than 32 kinds, or its form is none of "
                "text, digits and lower",
                "%skind", where);
    }
    *ret_kind = kind;
    return 0;
}

static int read_verification(
    struct reading *own, yyjson_val *object, const char *where, struct kind_rule *rule)
{
    yyjson_val *value = yyjson_obj_get(object, "verified");
    if (!value)
        return 0;
    for (unsigned i = 0; i < COUNT_OF(verification_names); i++)
        if (yyjson_equals_str(value, verification_names[i])) {
            rule->verification = (uint8_t)i;
            return 0;
        }
    return refuse(own, "must be never, stated or issued", "%sverified", where);
}

static int read_kind(struct reading *own, yyjson_val *object, size_t place)
{
    static const char *const members[] = {"kind", "form", "joins", "verified", "limit", "limit_per_month",
        "limit_per_week", "busy_after", "one_owner", "one_name", "handed_on", NULL};
    char where[32];
    const struct kind *kind = NULL;
    snprintf(where, sizeof(where), "kinds/%zu/", place);
    if (!yyjson_is_obj(object))
        return refuse(own, "must be an object", "kinds/%zu", place);
    int error = check_members(own, object, where, members);
    if (!error)
        error = find_kind(own, object, where, &kind);
    if (error)
        return error;
    if (own->named[kind->number])
        return refuse(own, "is there twice", "%skind", where);
    own->named[kind->number] = true;
    struct kind_rule rule = {.strength = (uint8_t)place, .verification = VERIFICATION_STATED};
    error = read_bool(own, object, "joins", where, true, &rule.joins);
    if (!error)
        error = read_verification(own, object, where, &rule);
    for (unsigned i = 0; !error && i < LIMIT_COUNT; i++) {
        uint32_t limit;
        error = read_number(own, object, limit_names[i], where, 1000, &limit);
        rule.limits[i] = error ? 0 : (uint16_t)limit;
    }
    uint32_t busy_after = 0;
    if (!error)
        error = read_number(own, object, "busy_after", where, 1000, &busy_after);
    rule.busy_after = (uint16_t)busy_after;
    if (!error)
        error = read_bool(own, object, "one_owner", where, false, &rule.one_owner);
    if (!error)
        error = read_bool(own, object, "one_name", where, false, &rule.one_name);
    if (!error)
        error = read_bool(own, object, "handed_on", where, false, &rule.handed_on);
    own->rules.kinds[kind->number] = rule;
    return error;
}

static int read_kinds(struct reading *own, yyjson_val *list)
{
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > KINDS_STATED_MAX)
        return refuse(own, "must be a list of 32 kinds at most, the strongest first", "kinds");
    yyjson_arr_iter iterator = yyjson_arr_iter_with(list);
    size_t place = 0;
    int error = 0;
    for (yyjson_val *one; !error && (one = yyjson_arr_iter_next(&iterator));)
        error = read_kind(own, one, place++);
    for (unsigned i = 0; !error && i < own->kinds->count; i++) {
        const struct kind *kind = &own->kinds->items[i];
        if (own->named[kind->number] || kind->form == FORM_DIGEST)
            continue;
        if (own->whole)
            return refuse(own,
                "must name every kind that there is: to make one describe only, state \"joins\": false",
                "kinds");
        own->rules.kinds[kind->number].strength = (uint8_t)place++;
    }
    if (!error)
        rules_follow(&own->rules, own->kinds);
    return error;
}

/* -- what is blocked -- */

static int read_blocked(struct reading *own, yyjson_val *object, size_t place)
{
    static const char *const members[] = {"kind", "value", "pattern", NULL};
    char where[32];
    snprintf(where, sizeof(where), "blocked/%zu/", place);
    if (!yyjson_is_obj(object))
        return refuse(own, "must be an object", "blocked/%zu", place);
    int error = check_members(own, object, where, members);
    if (error)
        return error;
    yyjson_val *kind = yyjson_obj_get(object, "kind"), *value = yyjson_obj_get(object, "value");
    yyjson_val *pattern = yyjson_obj_get(object, "pattern"), *text = value ? value : pattern;
    struct blocked *one = &own->rules.blocked->items[place];
    if (!value == !pattern)
        return refuse(own, "must have either a value or a pattern", "blocked/%zu", place);
    const char *member = value ? "value" : "pattern";
    if (!yyjson_is_str(text) || yyjson_get_len(text) == 0 || yyjson_get_len(text) > BLOCKED_BYTES)
        return refuse(own, "must be a text of 1 to 200 bytes", "%s%s", where, member);
    const struct kind *known =
        kind ? kind_exact(own->kinds, yyjson_get_str(kind), yyjson_get_len(kind)) : NULL;
    if (kind && !known)
        return refuse(own, "is no kind of identifier that there is", "%skind", where);
    if (known && known->form == FORM_DIGEST)
        return refuse(own, "is of digests: block what they are digests of", "%skind", where);
    one->kind = known ? known->number : 0;
    one->is_pattern = pattern;
    memcpy(one->text, yyjson_get_str(text), yyjson_get_len(text) + 1);
    struct identifier identifier;
    if (value && known &&
        identifier_normalise(own->kinds, known, one->text, strlen(one->text), &identifier) == USABLE &&
        identifier.size <= BLOCKED_BYTES)
        memcpy(one->text, identifier.value, identifier.size + 1);
    const char *problem = pattern ? pattern_problem(one->text) : NULL;
    if (problem)
        return refuse(own, problem, "%s%s", where, member);
    own->rules.blocked->count = place + 1;
    return 0;
}

static int read_blocklist(struct reading *own, yyjson_val *list)
{
    if (!list)
        return 0;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > BLOCKED_MAX)
        return refuse(own, "must be a list of 1,000 at most", "blocked");
    own->rules.blocked = blocklist_make(yyjson_arr_size(list));
    if (!own->rules.blocked)
        return -QY_ENOMEM;
    yyjson_arr_iter iterator = yyjson_arr_iter_with(list);
    size_t place = 0;
    int error = 0;
    for (yyjson_val *one; !error && (one = yyjson_arr_iter_next(&iterator));)
        error = read_blocked(own, one, place++);
    return error;
}

/* -- sources -- */

static int read_source(struct reading *own, yyjson_val *object, size_t place)
{
    static const char *const members[] = {"source", "joins", "verifies", NULL};
    char where[32];
    snprintf(where, sizeof(where), "sources/%zu/", place);
    if (!yyjson_is_obj(object))
        return refuse(own, "must be an object", "sources/%zu", place);
    yyjson_val *name = yyjson_obj_get(object, "source");
    struct source_rule *source = &own->rules.sources[place];
    int error = check_members(own, object, where, members);
    if (error)
        return error;
    if (!yyjson_is_str(name) || yyjson_get_len(name) == 0 || yyjson_get_len(name) >= RULE_SOURCE_BYTES)
        return refuse(
            own, "must be a text of 1 to 64 bytes, as events have it in context.source", "%ssource", where);
    memcpy(source->name, yyjson_get_str(name), yyjson_get_len(name) + 1);
    for (size_t i = 0; i < place; i++)
        if (strcmp(own->rules.sources[i].name, source->name) == 0)
            return refuse(own, "is there twice", "%ssource", where);
    error = read_bool(own, object, "joins", where, true, &source->joins);
    if (!error)
        error = read_bool(own, object, "verifies", where, true, &source->verifies);
    own->rules.source_count = (unsigned)place + 1;
    return error;
}

static int read_sources(struct reading *own, yyjson_val *list)
{
    if (!list)
        return 0;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > RULE_SOURCES_MAX)
        return refuse(own, "must be a list of 64 at most", "sources");
    yyjson_arr_iter iterator = yyjson_arr_iter_with(list);
    size_t place = 0;
    int error = 0;
    for (yyjson_val *one; !error && (one = yyjson_arr_iter_next(&iterator));)
        error = read_source(own, one, place++);
    return error;
}

int rules_read(yyjson_val *document, bool whole, struct kinds *kinds, struct identity_rules *ret_rules,
    struct rules_problem *ret_problem)
{
    static const char *const members[] = {"kinds", "identifiers_of_person", "blocked", "sources", NULL};
    struct reading own = {.kinds = kinds, .problem = ret_problem, .whole = whole};
    rules_reset(&own.rules, kinds);
    if (!yyjson_is_obj(document))
        return refuse(&own, "must be an object", "%s", "");
    int error = check_members(&own, document, "", members);
    if (!error)
        error = read_kinds(&own, yyjson_obj_get(document, "kinds"));
    if (!error)
        error = read_number(&own, document, "identifiers_of_person", "", 10000, &own.rules.identifiers_max);
    if (!error && own.rules.identifiers_max == 0)
        own.rules.identifiers_max = IDENTIFIERS_OF_PERSON;
    if (!error)
        error = read_blocklist(&own, yyjson_obj_get(document, "blocked"));
    if (!error)
        error = read_sources(&own, yyjson_obj_get(document, "sources"));
    if (error)
        rules_free(&own.rules);
    else
        *ret_rules = own.rules;
    return error;
}

/* -- writing -- */

static void write_limit(struct json *json, const char *name, unsigned number)
{
    json_name(json, name);
    if (number)
        json_unsigned(json, number);
    else
        json_null(json);
}

static void write_kind(struct json *json, const struct identity_rules *rules, const struct kind *kind)
{
    const struct kind_rule *rule = &rules->kinds[kind->number];
    json_open(json, '{');
    json_field_text(json, "kind", kind->name);
    json_field_text(json, "form", kind_form_name(kind->form));
    json_field_bool(json, "joins", rule->joins);
    json_field_text(json, "verified", verification_names[rule->verification]);
    for (unsigned i = 0; i < LIMIT_COUNT; i++)
        write_limit(json, limit_names[i], rule->limits[i]);
    write_limit(json, "busy_after", rule->busy_after);
    json_field_bool(json, "one_owner", rule->one_owner);
    json_field_bool(json, "one_name", rule->one_name);
    json_field_bool(json, "handed_on", rule->handed_on);
    json_close(json, '}');
}

static void write_kinds(struct json *json, const struct identity_rules *rules, const struct kinds *kinds)
{
    json_name(json, "kinds");
    json_open(json, '[');
    for (unsigned strength = 0; strength <= KINDS_MAX; strength++)
        for (unsigned i = 0; i < kinds->count; i++)
            if (kinds->items[i].form != FORM_DIGEST &&
                rules->kinds[kinds->items[i].number].strength == strength)
                write_kind(json, rules, &kinds->items[i]);
    json_close(json, ']');
}

static void write_blocked(struct json *json, const struct identity_rules *rules, const struct kinds *kinds)
{
    json_name(json, "blocked");
    json_open(json, '[');
    for (size_t i = 0; rules->blocked && i < rules->blocked->count; i++) {
        const struct blocked *one = &rules->blocked->items[i];
        const struct kind *kind = one->kind ? kind_numbered(kinds, one->kind) : NULL;
        json_open(json, '{');
        json_field_optional(json, "kind", kind ? kind->name : NULL);
        json_field_text(json, one->is_pattern ? "pattern" : "value", one->text);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void rules_write(const struct identity_rules *rules, const struct kinds *kinds, struct buffer *out)
{
    struct json json = json_to(out);
    json_open(&json, '{');
    write_kinds(&json, rules, kinds);
    json_field_unsigned(&json, "identifiers_of_person", rules->identifiers_max);
    write_blocked(&json, rules, kinds);
    json_name(&json, "sources");
    json_open(&json, '[');
    for (unsigned i = 0; i < rules->source_count; i++) {
        json_open(&json, '{');
        json_field_text(&json, "source", rules->sources[i].name);
        json_field_bool(&json, "joins", rules->sources[i].joins);
        json_field_bool(&json, "verifies", rules->sources[i].verifies);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
}
