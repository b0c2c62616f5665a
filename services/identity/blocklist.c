/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/blocklist.h"

#include "common/ascii.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct blocklist *blocklist_make(size_t room)
{
    return calloc(1, sizeof(struct blocklist) + room * sizeof(struct blocked));
}

bool blocked_by_default(const char *value, size_t size)
{
    static const char *const blocked[] = {"-1", "null", "none", "nan", "nil", "undefined", "anonymous",
        "guest", "unknown", "true", "false", "id", "email", "distinctid", "distinct_id", "not_authenticated",
        "[object object]"};
    while (size >= 2 && (*value == '"' || *value == '\'' || *value == '`') && value[size - 1] == *value) {
        value++;
        size -= 2;
    }
    size_t idle = 0;
    while (idle < size && (value[idle] == '0' || value[idle] == '-'))
        idle++;
    if (idle == size)
        return true;
    char text[20];
    if (size >= sizeof(text))
        return false;
    for (size_t i = 0; i < size; i++)
        text[i] = ascii_lower(value[i]);
    text[size] = '\0';
    for (size_t i = 0; i < COUNT_OF(blocked); i++)
        if (text[0] == blocked[i][0] && strcmp(text, blocked[i]) == 0)
            return true;
    return false;
}

/* -- patterns -- */

/* The end of "[…]" that begins at `pattern`; NULL: there is none. */
static const char *end_of_set(const char *pattern)
{
    const char *end =
        pattern[1] ? strchr(pattern + 2, ']') : NULL; /* a ] in the first place is one of the set */
    return end;
}

static bool set_has(const char *pattern, const char *end, char c)
{
    for (const char *at = pattern + 1; at < end; at++) {
        if (at + 2 < end && at[1] == '-') {
            if (c >= ascii_lower(at[0]) && c <= ascii_lower(at[2]))
                return true;
            at += 2;
        } else if (ascii_lower(*at) == c) {
            return true;
        }
    }
    return false;
}

/* One step of the pattern against a character; yields what is behind the step. */
static bool step_matches(const char *pattern, char c, const char **ret_behind)
{
    const char *end = *pattern == '[' ? end_of_set(pattern) : NULL;
    *ret_behind = (end ? end : pattern) + 1;
    if (end)
        return set_has(pattern, end, c);
    return *pattern == '?' || ascii_lower(*pattern) == c;
}

/* On a mismatch the last * takes one character more: at most size times the pattern's length. */
static bool matches(const char *pattern, const char *value, size_t size)
{
    const char *star = NULL, *behind;
    size_t at = 0, from_star = 0;
    while (at < size) {
        if (*pattern == '*') {
            star = ++pattern;
            from_star = at;
        } else if (*pattern && step_matches(pattern, ascii_lower(value[at]), &behind)) {
            pattern = behind;
            at++;
        } else if (star) {
            pattern = star;
            at = ++from_star;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool equals(const char *text, const char *value, size_t size)
{
    if (strlen(text) != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (ascii_lower(text[i]) != ascii_lower(value[i]))
            return false;
    return true;
}

bool blocklist_has(const struct blocklist *list, unsigned kind, const char *value, size_t size)
{
    for (size_t i = 0; list && i < list->count; i++) {
        const struct blocked *one = &list->items[i];
        if (one->kind && one->kind != kind)
            continue;
        if (one->is_pattern ? matches(one->text, value, size) : equals(one->text, value, size))
            return true;
    }
    return false;
}

const char *pattern_problem(const char *pattern)
{
    size_t wild = 0;
    for (const char *at = pattern; *at; at++) {
        const char *end = *at == '[' ? end_of_set(at) : at;
        if (!end)
            return "has a [ without its ]";
        wild += *at == '*' || *at == '?';
        at = end;
    }
    return *pattern && wild == strlen(pattern) ? "would block everything" : NULL;
}
