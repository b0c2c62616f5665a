/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler a request is for: a table of methods and path patterns.
 *
 * A pattern is a path whose segments are literal or a name in braces: "/api/v1/persons/{one_id}". A name
 * stands for one segment that is not empty, "." or "..", nor longer than ROUTE_VALUE_BYTES allows. Where
 * several patterns fit, the one with the fewest names counts. HEAD is served by GET's route; the server
 * leaves the body out. */
#ifndef QY_COMMON_ROUTER_H
#define QY_COMMON_ROUTER_H

#include "common/http.h"

#define ROUTE_PARAMETERS 5
#define ROUTE_NAME_BYTES 32
#define ROUTE_VALUE_BYTES 256

struct route_match;
typedef void route_handler_fn(void *self, struct http_request *request, const struct route_match *match);

struct route {
    const char *method;
    const char *pattern;
    route_handler_fn *handler; /* for the caller: the router calls nothing */
    const void *extra;         /* the caller's own: access, limits, a handler of another shape */
};

struct route_match {
    const struct route *route;
    unsigned parameter_count;
    struct {
        char name[ROUTE_NAME_BYTES];
        char value[ROUTE_VALUE_BYTES];
    } parameters[ROUTE_PARAMETERS];
    char allowed[64]; /* ROUTE_NO_METHOD: "GET, HEAD, POST" */
};

enum route_result {
    ROUTE_FOUND,
    ROUTE_NO_METHOD, /* 405: the path is there, for other methods */
    ROUTE_NO_PATH,   /* 404 */
};

/* `path` is decoded, as http_path() gives it. */
enum route_result router_find(const struct route *routes, size_t count, const char *method, const char *path,
    struct route_match *ret_match);
/* A parameter's value. Asking for a name that the pattern does not hold is a programmer's error (assert). */
const char *route_parameter(const struct route_match *match, const char *name);
/* Answers 404, or 405 with Allow. */
void route_refuse(struct http_request *request, enum route_result result, const struct route_match *match);

#endif
