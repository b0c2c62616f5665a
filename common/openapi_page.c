/* SPDX-License-Identifier: Apache-2.0 */
/* The page for people: HTML alone, no script. */
#include "common/openapi_page.h"

#include "common/openapi.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const methods[] = {"get", "post", "put", "patch", "delete"};

/* -- text -- */

void page_html(struct page *page, const char *html)
{
    buffer_text(page->out, html);
}

static void write_letter(struct page *page, char letter)
{
    switch (letter) {
    case '<':
        page_html(page, "&lt;");
        break;
    case '>':
        page_html(page, "&gt;");
        break;
    case '&':
        page_html(page, "&amp;");
        break;
    case '"':
        page_html(page, "&quot;");
        break;
    default:
        buffer_byte(page->out, (uint8_t)letter);
    }
}

void page_text(struct page *page, const char *text)
{
    for (; text && *text; text++)
        write_letter(page, *text);
}

void page_prose(struct page *page, const char *text)
{
    bool code = false;
    for (; text && *text; text++) {
        if (*text != '`') {
            write_letter(page, *text);
            continue;
        }
        page_html(page, code ? "</code>" : "<code>");
        code = !code;
    }
}

void page_json(struct page *page, yyjson_val *value)
{
    char *text = yyjson_val_write(value, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
    page_text(page, text);
    free(text);
}

yyjson_val *page_resolve(struct page *page, yyjson_val *value)
{
    yyjson_val *reference = yyjson_obj_get(value, "$ref");
    if (!reference)
        return value;
    return yyjson_ptr_get(page->document, yyjson_get_str(reference) + 1);
}

static const char *text_of(yyjson_val *object, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text ? text : "";
}

/* -- each operation of a tag -- */

struct operation {
    const char *path;
    const char *method; /* "get" */
    yyjson_val *json;
};
typedef void operation_fn(struct page *page, const struct operation *operation);

static void each_operation(struct page *page, const char *tag, operation_fn *visit)
{
    yyjson_obj_iter paths = yyjson_obj_iter_with(yyjson_obj_get(page->document, "paths"));
    for (yyjson_val *path; (path = yyjson_obj_iter_next(&paths));) {
        for (size_t i = 0; i < COUNT_OF(methods); i++) {
            yyjson_val *json = yyjson_obj_get(yyjson_obj_iter_get_val(path), methods[i]);
            const struct operation operation = {yyjson_get_str(path), methods[i], json};
            if (json && yyjson_equals_str(yyjson_arr_get_first(yyjson_obj_get(json, "tags")), tag))
                visit(page, &operation);
        }
    }
}

static void write_upper(struct page *page, const char *text)
{
    for (; *text; text++)
        buffer_byte(page->out, (uint8_t)toupper((unsigned char)*text));
}

static void write_method(struct page *page, const char *method)
{
    page_html(page, "<span class=\"method ");
    page_html(page, method);
    page_html(page, "\">");
    write_upper(page, method);
    page_html(page, "</span>");
}

/* -- curl -- */

static void write_path_example(
    struct page *page, const struct operation *operation, const char *name, size_t size)
{
    size_t index, count;
    yyjson_val *parameter;
    yyjson_arr_foreach(yyjson_obj_get(operation->json, "parameters"), index, count, parameter)
    {
        yyjson_val *stated = yyjson_obj_get(parameter, "name");
        yyjson_val *schema = page_resolve(page, yyjson_obj_get(parameter, "schema"));
        yyjson_val *example = yyjson_arr_get_first(yyjson_obj_get(schema, "examples"));
        if (yyjson_get_len(stated) == size && memcmp(yyjson_get_str(stated), name, size) == 0 && example) {
            page_text(page, yyjson_get_str(example));
            return;
        }
    }
    page_html(page, "$");
    buffer_append(page->out, name, size);
}

static void write_url(struct page *page, const struct operation *operation)
{
    page_html(page, "\"$url");
    for (const char *at = operation->path; *at;) {
        size_t plain = strcspn(at, "{");
        buffer_append(page->out, at, plain);
        at += plain;
        if (*at == '{') {
            size_t name = strcspn(at, "}") - 1;
            write_path_example(page, operation, at + 1, name);
            at += name + 2;
        }
    }
    page_html(page, "\"");
}

static bool takes_write_key(yyjson_val *security)
{
    return yyjson_obj_get(yyjson_arr_get_first(security), "writeKey") != NULL;
}

static yyjson_val *example_of(const struct operation *operation)
{
    yyjson_val *content = yyjson_obj_get(yyjson_obj_get(operation->json, "requestBody"), "content");
    return yyjson_obj_get(yyjson_obj_get(content, "application/json"), "example");
}

static void write_curl(struct page *page, const struct operation *operation)
{
    yyjson_val *security = yyjson_obj_get(operation->json, "security"), *example = example_of(operation);
    page_html(page, "<pre class=\"curl\">curl ");
    if (takes_write_key(security))
        page_html(page, "-u \"$write_key:\" ");
    else if (!security)
        page_html(page, "-H \"Authorization: Bearer $token\" ");
    if (strcmp(operation->method, "get") != 0 && (strcmp(operation->method, "post") != 0 || !example)) {
        page_html(page, "-X ");
        write_upper(page, operation->method);
        page_html(page, " ");
    }
    write_url(page, operation);
    if (example) {
        page_html(page, " -d '");
        page_json(page, example);
        page_html(page, "'");
    }
    page_html(page, "</pre>");
}

/* -- one operation -- */

static void write_access(struct page *page, const struct operation *operation)
{
    yyjson_val *security = yyjson_obj_get(operation->json, "security");
    const char *permission = text_of(operation->json, "x-permission");
    const char *record = text_of(operation->json, "x-record");
    page_html(page, "<p class=\"note\">");
    if (takes_write_key(security))
        page_html(page, "With a write key.");
    else if (security && yyjson_arr_size(security) == 0)
        page_html(page, "For everybody, without a token.");
    else
        page_html(page, "With a token.");
    if (*permission) {
        page_html(page, " Permission: <code>");
        page_text(page, permission);
        page_html(page, "</code>.");
    }
    if (*record) {
        page_html(page, " On record as <code>");
        page_text(page, record);
        page_html(page, "</code>.");
    }
    page_html(page, "</p>");
}

static void write_parameters(struct page *page, const struct operation *operation)
{
    size_t index, count;
    yyjson_val *parameter, *parameters = yyjson_obj_get(operation->json, "parameters");
    if (yyjson_arr_size(parameters) == 0)
        return;
    page_html(page, "<h4>Parameters</h4><ul class=\"members\">");
    yyjson_arr_foreach(parameters, index, count, parameter)
    {
        page_html(page, "<li><code class=\"name\">");
        page_text(page, text_of(parameter, "name"));
        page_html(page, "</code> <span class=\"type\">in the ");
        page_text(page, text_of(parameter, "in"));
        page_html(page, ", ");
        page_schema_label(page, yyjson_obj_get(parameter, "schema"));
        page_html(page, "</span>");
        if (yyjson_is_true(yyjson_obj_get(parameter, "required")))
            page_html(page, " <span class=\"required\">required</span>");
        page_html(page, "<p>");
        page_prose(page, text_of(parameter, "description"));
        page_html(page, "</p></li>");
    }
    page_html(page, "</ul>");
}

static void write_body(struct page *page, const struct operation *operation)
{
    yyjson_val *content = yyjson_obj_get(yyjson_obj_get(operation->json, "requestBody"), "content");
    yyjson_val *schema = yyjson_obj_get(yyjson_obj_get(content, "application/json"), "schema");
    if (!schema)
        return;
    page_html(page, "<h4>Body: ");
    page_schema_label(page, schema);
    page_html(page, "</h4><p>");
    page_prose(page, text_of(page_resolve(page, schema), "description"));
    page_html(page, "</p>");
    page_schema_members(page, schema);
}

/* Each answer bears X-Request-Id: the page's head says so. */
static void write_headers(struct page *page, yyjson_val *response)
{
    yyjson_obj_iter headers = yyjson_obj_iter_with(yyjson_obj_get(response, "headers"));
    page_html(page, "<ul class=\"members\">");
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&headers));) {
        if (yyjson_equals_str(name, "X-Request-Id"))
            continue;
        page_html(page, "<li><code class=\"name\">");
        page_text(page, yyjson_get_str(name));
        page_html(page, "</code> <span class=\"type\">header</span><p>");
        page_prose(page, text_of(page_resolve(page, yyjson_obj_iter_get_val(name)), "description"));
        page_html(page, "</p></li>");
    }
    page_html(page, "</ul>");
}

static void write_response(struct page *page, const char *status, yyjson_val *response)
{
    yyjson_val *described = page_resolve(page, response);
    yyjson_obj_iter content = yyjson_obj_iter_with(yyjson_obj_get(described, "content"));
    yyjson_val *media = yyjson_obj_iter_next(&content);
    yyjson_val *schema = yyjson_obj_get(yyjson_obj_iter_get_val(media), "schema");
    bool success = *status == '2';
    page_html(page, success ? "<details open class=\"good\"><summary><b>" : "<details><summary><b>");
    page_text(page, status);
    page_html(page, "</b> ");
    page_prose(page, text_of(described, "description"));
    page_html(page, "</summary>");
    if (media) {
        page_html(page, "<p class=\"note\">");
        page_text(page, yyjson_get_str(media));
        if (schema) {
            page_html(page, ": ");
            page_schema_label(page, schema);
        }
        page_html(page, "</p>");
    }
    page->answer = true;
    if (success && schema)
        page_schema_members(page, schema);
    page->answer = false;
    write_headers(page, described);
    page_html(page, "</details>");
}

static void write_responses(struct page *page, const struct operation *operation)
{
    yyjson_obj_iter responses = yyjson_obj_iter_with(yyjson_obj_get(operation->json, "responses"));
    page_html(page, "<h4>Answers</h4>");
    for (yyjson_val *status; (status = yyjson_obj_iter_next(&responses));)
        write_response(page, yyjson_get_str(status), yyjson_obj_iter_get_val(status));
}

static void write_operation(struct page *page, const struct operation *operation)
{
    const char *id = text_of(operation->json, "operationId");
    page_html(page, "<article id=\"");
    page_text(page, id);
    page_html(page, "\"><h3>");
    write_method(page, operation->method);
    page_html(page, " <a href=\"#");
    page_text(page, id);
    page_html(page, "\"><code>");
    page_text(page, operation->path);
    page_html(page, "</code></a></h3><p>");
    page_prose(page, text_of(operation->json, "summary"));
    page_html(page, ".</p>");
    write_access(page, operation);
    write_curl(page, operation);
    write_parameters(page, operation);
    write_body(page, operation);
    write_responses(page, operation);
    page_html(page, "</article>");
}

static void write_line(struct page *page, const struct operation *operation)
{
    page_html(page, "<li><a href=\"#");
    page_text(page, text_of(operation->json, "operationId"));
    page_html(page, "\">");
    write_method(page, operation->method);
    page_html(page, " <span>");
    page_text(page, operation->path);
    page_html(page, "</span></a></li>");
}

/* -- the whole -- */

static void write_contents(struct page *page)
{
    size_t index, count;
    yyjson_val *tag;
    page_html(page, "<nav aria-label=\"Operations\">");
    yyjson_arr_foreach(yyjson_obj_get(page->document, "tags"), index, count, tag)
    {
        page_html(page, "<details><summary>");
        page_text(page, text_of(tag, "name"));
        page_html(page, "</summary><ul>");
        each_operation(page, text_of(tag, "name"), write_line);
        page_html(page, "</ul></details>");
    }
    page_html(page, "<p><a href=\"#schemas\">Schemas</a></p></nav>");
}

static void write_sections(struct page *page)
{
    size_t index, count;
    yyjson_val *tag;
    yyjson_arr_foreach(yyjson_obj_get(page->document, "tags"), index, count, tag)
    {
        page_html(page, "<section><h2>");
        page_text(page, text_of(tag, "name"));
        page_html(page, "</h2><p>");
        page_prose(page, text_of(tag, "description"));
        page_html(page, "</p>");
        each_operation(page, text_of(tag, "name"), write_operation);
        page_html(page, "</section>");
    }
}

static void write_head(struct page *page, struct bytes style)
{
    yyjson_val *info = yyjson_obj_get(page->document, "info");
    page_html(page, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                    "content=\"width=device-width, initial-scale=1\"><title>");
    page_text(page, text_of(info, "title"));
    page_html(page, "</title><style>");
    buffer_append(page->out, style.data, style.size);
    page_html(page, "</style></head><body><header><h1>");
    page_text(page, text_of(info, "title"));
    page_html(page, " <small>");
    page_text(page, text_of(info, "version"));
    page_html(page, "</small></h1><p>");
    page_prose(page, text_of(info, "description"));
    page_html(page, "</p><p>For programs: <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI 3.1). Every "
                    "answer bears <code>X-Request-Id</code>.</p></header>");
}

void openapi_page_write(yyjson_val *document, struct bytes style, struct buffer *out)
{
    struct page page = {.document = document, .out = out};
    write_head(&page, style);
    page_html(&page, "<div class=\"columns\">");
    write_contents(&page);
    page_html(&page, "<main>");
    write_sections(&page);
    page_schemas(&page);
    page_html(&page, "</main></div></body></html>\n");
}
