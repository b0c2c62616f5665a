/* SPDX-License-Identifier: Apache-2.0 */
/* The description of an HTTP API, as OpenAPI 3.1 for programs and as a page for people.
 *
 * It is made of a table of operations and of JSON files that stand beside the code: common/openapi/ for what all services say,
 * services/<name>/openapi/ for the rest. A file is an object of sections, "tags" a list, the others by name:
 * "schemas", "headers", "responses" and "securitySchemes" as in OpenAPI; "parameters", where one of a path is called after the piece
 * before it, too ("segments/{id}"), and one of a query that means something else in one operation than elsewhere after that ("search?from"); "security", the requirements; "outcomes", what a status below 300 means. A service's files come
 * before the common ones.
 *
 * A schema's "examples" become the request bodies' examples. */
#ifndef QY_COMMON_OPENAPI_H
#define QY_COMMON_OPENAPI_H

#include "common/buffer.h"
#include "common/embedded.h"

#include <stdbool.h>
#include <yyjson.h>

#define OPENAPI_STATUSES 8

/* One operation. Names refer to the files' sections. */
struct openapi_operation {
    const char *method;
    const char *pattern; /* "/api/v1/segments/{id}" */
    const char *id;      /* operationId */
    const char *tag;
    const char *summary;
    const char *takes;      /* schema of the body; NULL: it takes none */
    const char *takes_type; /* its media type where it is no JSON but a text; NULL: JSON */
    const char *gives;      /* schema of the answer; NULL: of no JSON */
    const char *type;       /* media type of the answer where it is no JSON; NULL: there is nothing in it */
    const char *const *other_types; /* that the answer may have where it is asked for, NULL-terminated */
    unsigned short status;          /* of success; 0: 200, or 204 where there is nothing in it */
    const char *security;           /* NULL: the description's own */
    bool open;                      /* for everybody: without a token */
    bool conditional;               /* takes If-Match, and answers 412 */
    const char *const *queries;     /* parameters, NULL-terminated: others are refused */
    const char *const *headers;     /* of the answer, NULL-terminated, besides X-Request-Id */
    /* Other statuses, 0 at the end. Below 300: another success. 401 comes with `open` not being set, 412 with `conditional`, 413 with
     * `takes`, and, where it is not open, 400 and 503. */
    unsigned short others[OPENAPI_STATUSES];
    const char
        *refuses; /* "event": the response "event_400" is meant by 400 where there is one; NULL: "400" */
};

/* What is asked of who calls an operation: "x-permission" and "x-scope"; NULL: it is enough to be known. And as what it is on record:
 * "x-record"; NULL: it touches nobody. */
struct openapi_rights {
    const char *permission, *scope, *record;
};

struct openapi_description {
    const char *title;
    const char *summary;
    const char *security;              /* of operations that do not say otherwise */
    const struct embedded_file *files; /* the service's */
    /* One after the other, NULL at the end. Those of one path need not stand together. */
    const struct openapi_operation *(*operation)(size_t index);
    /* False where nothing is asked. Else it is 404, too, for who has not what is asked, and 403 where it changes something. NULL: nothing is
     * asked of any. */
    bool (*rights)(size_t index, struct openapi_rights *ret_rights);
};

struct openapi;
/* -QY_ENOTFOUND where an operation names what no file has, -QY_ECORRUPT where a file is no JSON. Copies nothing of the description that
 * it would need later. */
int openapi_open(const struct openapi_description *description, struct openapi **ret_openapi);
void openapi_close(struct openapi **openapi);

/* Both live as long as `openapi`. */
struct bytes openapi_document(const struct openapi *openapi);
struct bytes openapi_page(const struct openapi *openapi);
/* What the page may load, as the header Content-Security-Policy: its own style and nothing else. */
const char *openapi_page_policy(const struct openapi *openapi);
#define OPENAPI_PAGE_TYPE "text/html; charset=utf-8"

/* The members that a body of this schema may have, by name; NULL: any. */
yyjson_val *openapi_members(const struct openapi *openapi, const char *schema);

/* Files of common/openapi. */
extern const struct embedded_file common_openapi_files[];

/* Of a whole document; the style is put in as it is. (openapi_page.c) */
void openapi_page_write(yyjson_val *document, struct bytes style, struct buffer *out);

#endif
