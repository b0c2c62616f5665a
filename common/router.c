/* SPDX-License-Identifier: Apache-2.0 */
#include "common/router.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct segment {
    const char *text;
    size_t size;
};

/* Cuts the next "/segment" off; false at the end. */
static bool next_segment(const char **cursor, struct segment *segment)
{
    if (**cursor != '/')
        return false;
    segment->text = *cursor + 1;
    segment->size = strcspn(segment->text, "/");
    *cursor = segment->text + segment->size;
    return true;
}

static bool is_name(const struct segment *segment)
{
    return segment->size > 2 && segment->text[0] == '{' && segment->text[segment->size - 1] == '}';
}

static bool is_value(const struct segment *segment)
{
    bool dots =
        segment->text[0] == '.' && (segment->size == 1 || (segment->size == 2 && segment->text[1] == '.'));
    return segment->size > 0 && segment->size < ROUTE_VALUE_BYTES && !dots;
}

static void keep(struct route_match *match, const struct segment *name, const struct segment *value)
{
    assert(match->parameter_count < ROUTE_PARAMETERS && name->size - 2 < ROUTE_NAME_BYTES);
    unsigned index = match->parameter_count++;
    snprintf(match->parameters[index].name, ROUTE_NAME_BYTES, "%.*s", (int)name->size - 2, name->text + 1);
    memcpy(match->parameters[index].value, value->text, value->size);
    match->parameters[index].value[value->size] = 0;
}

/* How many names the pattern took to fit the path, -1 where it does not. `match` may be NULL. */
static int fit(const char *pattern, const char *path, struct route_match *match)
{
    struct segment wanted, given;
    int names = 0;
    while (next_segment(&pattern, &wanted)) {
        if (!next_segment(&path, &given))
            return -1;
        if (is_name(&wanted)) {
            if (!is_value(&given))
                return -1;
            if (match)
                keep(match, &wanted, &given);
            names++;
        } else if (wanted.size != given.size || memcmp(wanted.text, given.text, given.size) != 0) {
            return -1;
        }
    }
    return *path ? -1 : names;
}

static bool serves(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* Adds a method to the list unless it is there. Methods are few and short, so the list has room for all of
 * them. */
static void allow(struct route_match *match, const char *method)
{
    size_t size = strlen(method), used = strlen(match->allowed);
    for (const char *found = match->allowed; (found = strstr(found, method)); found += size)
        if (found[size] == ',' || found[size] == 0)
            return;
    snprintf(match->allowed + used, sizeof(match->allowed) - used, "%s%s", used ? ", " : "", method);
}

static void allow_route(struct route_match *match, const struct route *route)
{
    allow(match, route->method);
    if (strcmp(route->method, "GET") == 0)
        allow(match, "HEAD");
}

enum route_result router_find(const struct route *routes, size_t count, const char *method, const char *path,
    struct route_match *ret_match)
{
    int fewest = -1;
    ret_match->route = NULL;
    ret_match->parameter_count = 0;
    ret_match->allowed[0] = 0;
    for (size_t i = 0; i < count; i++) {
        int names = fit(routes[i].pattern, path, NULL);
        if (names < 0)
            continue;
        if (!serves(&routes[i], method)) {
            allow_route(ret_match, &routes[i]);
        } else if (fewest < 0 || names < fewest) {
            ret_match->route = &routes[i];
            fewest = names;
        }
    }
    if (!ret_match->route)
        return ret_match->allowed[0] ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
    fit(ret_match->route->pattern, path, ret_match);
    return ROUTE_FOUND;
}

const char *route_parameter(const struct route_match *match, const char *name)
{
    unsigned i = 0;
    while (i < match->parameter_count && strcmp(match->parameters[i].name, name) != 0)
        i++;
    assert(i < match->parameter_count);
    return match->parameters[i].value;
}

void route_refuse(struct http_request *request, enum route_result result, const struct route_match *match)
{
    if (result == ROUTE_NO_METHOD) {
        http_add_header(request, "Allow", match->allowed);
        http_problem(
            request, 405, NULL, NULL, "%s is not served here, but %s", http_method(request), match->allowed);
    } else {
        http_problem(request, 404, NULL, NULL, "there is nothing at %s", http_path(request));
    }
}
