/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_route.h"

#include "common/mem.h"

#include <string.h>

#define PIXEL "/v1/pixel/"
#define PROJECTS "/v1/projects/"

/* A piece of the path. */
struct part {
    const char *text;
    size_t size;
};

/* The letters are what analytics.js and the mobile SDKs send. */
static const struct {
    const char *name;
    const char *letter; /* NULL: there is none */
    enum ingest_call call;
} calls[] = {
    {"batch", "b", CALL_BATCH},
    {"track", "t", CALL_TRACK},
    {"identify", "i", CALL_IDENTIFY},
    {"page", "p", CALL_PAGE},
    {"screen", "s", CALL_SCREEN},
    {"group", "g", CALL_GROUP},
    {"alias", "a", CALL_ALIAS},
    {"import", NULL, CALL_IMPORT},
};

static bool equals(struct part part, const char *text)
{
    return text && strlen(text) == part.size && memcmp(part.text, text, part.size) == 0;
}

/* Takes `prefix` away where the part begins with it. */
static bool take(struct part *part, const char *prefix)
{
    size_t size = strlen(prefix);
    if (part->size < size || memcmp(part->text, prefix, size) != 0)
        return false;
    part->text += size;
    part->size -= size;
    return true;
}

static bool find_call(struct part name, enum ingest_call *ret_call)
{
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        if (!equals(name, calls[i].name) && !equals(name, calls[i].letter))
            continue;
        *ret_call = calls[i].call;
        return true;
    }
    return false;
}

/* A single event: there is no room for batches in an image's address. */
static bool find_pixel(struct part type, struct ingest_route *route)
{
    route->kind = ROUTE_PIXEL;
    route->known = find_call(type, &route->call) && route->call < CALL_BATCH;
    return true;
}

static bool find_settings(struct part path, struct ingest_route *route)
{
    const char *slash = memchr(path.text, '/', path.size);
    if (!slash || slash == path.text)
        return false;
    struct part key = {path.text, (size_t)(slash - path.text)};
    if (!equals((struct part){slash, path.size - key.size}, "/settings"))
        return false;
    route->kind = ROUTE_SETTINGS;
    route->key = key.text;
    route->key_size = key.size;
    return true;
}

bool ingest_route_is_pixel(const char *path)
{
    return strncmp(path, PIXEL, strlen(PIXEL)) == 0;
}

bool ingest_route_find(const char *path, struct ingest_route *ret_route)
{
    struct part rest = {path, strlen(path)};
    struct ingest_route route = {.kind = ROUTE_CALL, .known = true};
    bool found = false;
    if (rest.size > 1 && path[rest.size - 1] == '/')
        rest.size--;
    if (take(&rest, PIXEL)) {
        found = find_pixel(rest, &route);
    } else if (take(&rest, PROJECTS)) {
        found = find_settings(rest, &route);
    } else if (take(&rest, "/v1/")) {
        found = find_call(rest, &route.call);
    } else if (equals(rest, "/beacon/v1/batch")) {
        route.call = CALL_BATCH;
        found = true;
    } else if (equals(rest, "/sourceConfig")) {
        route.kind = ROUTE_SOURCE_CONFIG;
        found = true;
    }
    if (found)
        *ret_route = route;
    return found;
}

const char *ingest_route_methods(const struct ingest_route *route)
{
    return route->kind == ROUTE_CALL ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

bool ingest_route_allows(const struct ingest_route *route, const char *method)
{
    if (strcmp(method, "OPTIONS") == 0)
        return true;
    if (route->kind == ROUTE_CALL)
        return strcmp(method, "POST") == 0;
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}
