/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_filter.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

const struct filter_name audit_filter_names[] = {
    {"actor", TERM_ACTOR, true},
    {"actor_kind", TERM_ACTOR_KIND, true},
    {"role", TERM_ROLE, true},
    {"unit", TERM_UNIT, true},
    {"token", TERM_TOKEN, true},
    {"address", TERM_ADDRESS, true},
    {"operation", TERM_ACTION, true},
    {"action", TERM_ACTION, true}, /* as the record calls it */
    {"field", TERM_FIELD, true},
    {"purpose", TERM_PURPOSE, true},
    {"outcome", TERM_OUTCOME, true},
    {"service", TERM_SERVICE, true},
    {"journey", TERM_JOURNEY, true},
    {"task", TERM_TASK, true},
    {"subject", TERM_PERSON, true},
    {"rule", TERM_RULE, true},
    {"set", TERM_SET, true},
    {"missed_kind", TERM_MISSED_KIND, true},
    {"missed", TERM_MISSED, false},
    {"has", TERM_HAS, true},
    {"unmasked", TERM_HAS, false},
};
const size_t audit_filter_name_count = COUNT_OF(audit_filter_names);

const struct filter_name *audit_filter_name(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(audit_filter_names); i++)
        if (strcmp(audit_filter_names[i].name, name) == 0)
            return &audit_filter_names[i];
    return NULL;
}

/* -- what is given -- */

static struct audit_condition *condition_of(struct audit_filter *filter, enum term_kind kind, bool without)
{
    for (size_t i = 0; i < filter->condition_count; i++)
        if (filter->conditions[i].kind == kind && filter->conditions[i].without == without)
            return &filter->conditions[i];
    if (filter->condition_count == FILTER_CONDITIONS_MAX)
        return NULL;
    struct audit_condition *condition = &filter->conditions[filter->condition_count++];
    *condition = (struct audit_condition){.kind = kind, .without = without, .subject = kind == TERM_PERSON};
    return condition;
}

static struct term_key *add_value(struct term_value **values, size_t *count, struct arena *arena)
{
    if (!*values)
        *values = arena_alloc(arena, FILTER_VALUES_MAX * sizeof(**values));
    return *values && *count < FILTER_VALUES_MAX ? &(*values)[(*count)++].key : NULL;
}

/* A number in digits; One IDs are never digits alone. */
static bool parse_number(const char *text, uint32_t *ret_number)
{
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 10)
        return false;
    unsigned long long number = strtoull(text, NULL, 10);
    *ret_number = (uint32_t)number;
    return number <= UINT32_MAX;
}

static const char *add_text(struct audit_condition *condition, struct arena *arena, const char *value)
{
    size_t size = strlen(value);
    struct term_values *values = &condition->values;
    bool prefix = size > 0 && value[size - 1] == '*' && !condition->subject && condition->kind != TERM_HAS;
    struct term_key *key = prefix ? add_value(&values->prefixes, &values->prefix_count, arena)
                                  : add_value(&values->whole, &values->whole_count, arena);
    if (!key)
        return "is given too often: 100 values of one name at most";
    uint32_t number;
    if (condition->subject && parse_number(value, &number)) {
        term_of_number(number, key);
        return NULL;
    }
    const char *text = prefix ? arena_text(arena, value, size - 1) : value;
    if (!text)
        return "cannot be taken: out of memory";
    if (prefix && size - 1 > TERM_TEXT_BEGINNING)
        return "is too long for the beginning of a text: 320 bytes at most";
    term_of_text(condition->kind, text, key);
    return NULL;
}

_Static_assert(FILTER_VALUES_MAX == 100 && TERM_TEXT_BEGINNING == 320, "the messages above say so");

static bool is_one_of(const char *const *texts, const char *value)
{
    while (*texts && strcmp(*texts, value) != 0)
        texts++;
    return *texts;
}

static const char *check_value(const struct filter_name *name, const char *value)
{
    static const char *const kinds[] = {"service", "staff", "auditor", "operator", "source", NULL};
    static const char *const truths[] = {"true", "false", NULL};
    if (!*value)
        return "must not be empty";
    if (name->kind == TERM_ACTOR_KIND && !is_one_of(kinds, value))
        return "must be service, staff, auditor, operator or source";
    if (strcmp(name->name, "unmasked") == 0 && !is_one_of(truths, value))
        return "must be true or false";
    if (strcmp(name->name, "has") == 0 && !is_one_of(audit_has, value))
        return "must be missed, purpose, rule, set or unmasked";
    return NULL;
}

const char *audit_filter_add(
    struct audit_filter *filter, struct arena *arena, const struct filter_name *name, const char *value)
{
    const char *problem = check_value(name, value);
    if (problem)
        return problem;
    if (filter->given_count == COUNT_OF(filter->given))
        return "is one value too many";
    const char *copy = arena_text(arena, value, strlen(value));
    bool unmasked = strcmp(name->name, "unmasked") == 0;
    struct audit_condition *condition =
        condition_of(filter, name->kind, unmasked && strcmp(value, "false") == 0);
    if (!copy || !condition)
        return "cannot be taken: out of memory";
    filter->given[filter->given_count++] = (struct audit_given){name->name, copy};
    return add_text(condition, arena, unmasked ? "unmasked" : copy);
}

/* -- which records -- */

int audit_filter_range(
    const struct audit_filter *filter, struct audit_view *view, uint64_t *ret_first, uint64_t *ret_end)
{
    uint64_t first = 0, end = view->size;
    int error = filter->from_ms ? view_index_at(view, filter->from_ms, &first) : 0;
    if (!error && filter->to_ms)
        error = view_index_at(view, filter->to_ms, &end);
    *ret_first = first;
    *ret_end = end;
    return error;
}

static int apply(
    const struct audit_condition *condition, const struct view_segment *segment, struct place_set *places)
{
    static const struct term_values none;
    struct place_set bearing = {{0}}, altered = {{0}};
    int error = view_find(segment, &condition->values, &bearing);
    if (!error && condition->without)
        error = view_find(segment, &none, &altered);
    if (error)
        return error;
    if (!condition->without) {
        place_set_and(places, &bearing);
        return 0;
    }
    place_set_remove(&bearing, &altered);
    place_set_remove(places, &bearing);
    return 0;
}

int audit_filter_places(const struct audit_filter *filter, const struct view_segment *segment, uint64_t first,
    uint64_t end, struct place_set *ret_places)
{
    uint64_t last = segment->first + segment->count;
    first = first > segment->first ? first : segment->first;
    end = end < last ? end : last;
    place_set_range(
        ret_places, (unsigned)(first - segment->first), end > first ? (unsigned)(end - segment->first) : 0);
    if (segment->kept)
        place_set_and(ret_places, segment->kept);
    int error = 0;
    for (size_t i = 0; i < filter->condition_count && !error && !place_set_is_empty(ret_places); i++)
        error = apply(&filter->conditions[i], segment, ret_places);
    return error;
}

struct meeting {
    const struct audit_filter *filter;
    uint32_t met; /* bit by condition */
};

static void meet(void *context, const struct term_key *key)
{
    struct meeting *meeting = context;
    uint64_t hash = term_hash(key->bytes, key->size);
    for (size_t i = 0; i < meeting->filter->condition_count; i++)
        if (term_values_hold(&meeting->filter->conditions[i].values, key->bytes, key->size, hash))
            meeting->met |= 1u << i;
}

bool audit_filter_fits(const struct audit_filter *filter, const Quanyu__AuditRecord *record)
{
    struct meeting meeting = {.filter = filter};
    if (filter->condition_count > 0)
        audit_terms(record, meet, &meeting);
    for (size_t i = 0; i < filter->condition_count; i++)
        if ((meeting.met >> i & 1) == filter->conditions[i].without)
            return false;
    return true;
}
