/* SPDX-License-Identifier: Apache-2.0 */
#include "common/openapi_page.h"

#include <string.h>

#define DEPTH_MAX 4 /* of members within members; what lies deeper is linked */

static void write_members(struct page *page, yyjson_val *schema, unsigned depth);

/* -- what it is, in a few words -- */

static void write_link(struct page *page, const char *reference)
{
    const char *name = strrchr(reference, '/');
    name = name ? name + 1 : reference;
    page_html(page, "<a href=\"#schema-");
    page_text(page, name);
    page_html(page, "\">");
    page_text(page, name);
    page_html(page, "</a>");
}

static void write_value(struct page *page, yyjson_val *value)
{
    page_html(page, "<code>");
    if (yyjson_is_str(value))
        page_text(page, yyjson_get_str(value));
    else
        page_json(page, value);
    page_html(page, "</code>");
}

static void write_enum(struct page *page, yyjson_val *values)
{
    size_t index, count;
    yyjson_val *value;
    yyjson_arr_foreach(values, index, count, value)
    {
        if (index > 0)
            page_html(page, index + 1 == count ? " or " : ", ");
        write_value(page, value);
    }
}

static const char *type_word(const char *type)
{
    static const struct {
        const char *type, *word;
    } words[] = {{"string", "text"}, {"integer", "whole number"}, {"number", "number"},
        {"boolean", "true or false"}, {"null", "null"}, {"array", "list"}, {"object", "object"}};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(words[i].type, type) == 0)
            return words[i].word;
    return type;
}

static void write_type(struct page *page, yyjson_val *type)
{
    size_t index, count;
    yyjson_val *one;
    if (yyjson_is_str(type))
        page_html(page, type_word(yyjson_get_str(type)));
    yyjson_arr_foreach(type, index, count, one)
    {
        page_html(page, index == 0 ? "" : " or ");
        page_html(page, type_word(yyjson_get_str(one)));
    }
}

static void write_limit(struct page *page, yyjson_val *schema, const char *name, const char *before)
{
    yyjson_val *limit = yyjson_obj_get(schema, name);
    if (!limit)
        return;
    page_html(page, before);
    write_value(page, limit);
}

static void write_limits(struct page *page, yyjson_val *schema)
{
    static const struct {
        const char *name, *before;
    } limits[] = {{"format", ", format "}, {"pattern", ", pattern "}, {"minLength", ", length from "},
        {"maxLength", ", length to "}, {"minimum", ", from "}, {"maximum", ", to "},
        {"minItems", ", items from "}, {"maxItems", ", items to "}, {"minProperties", ", members from "},
        {"default", ", else "}};
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        write_limit(page, schema, limits[i].name, limits[i].before);
}

static void write_alternatives_label(struct page *page, yyjson_val *alternatives)
{
    size_t index, count;
    yyjson_val *one;
    yyjson_arr_foreach(alternatives, index, count, one)
    {
        if (index > 0)
            page_html(page, " or ");
        page_schema_label(page, one);
    }
}

static bool is_simple(yyjson_val *schema)
{
    return !yyjson_obj_get(schema, "properties") && !yyjson_obj_get(schema, "oneOf") &&
           !yyjson_obj_get(schema, "items");
}

/* "oneOf" of what must be there, not of what it is. */
static bool has_alternatives(yyjson_val *schema)
{
    yyjson_val *alternatives = yyjson_obj_get(schema, "oneOf");
    return alternatives && !yyjson_obj_get(schema, "properties");
}

void page_schema_label(struct page *page, yyjson_val *schema)
{
    const char *reference = yyjson_get_str(yyjson_obj_get(schema, "$ref"));
    yyjson_val *target = page_resolve(page, schema);
    if (reference && !is_simple(target)) {
        write_link(page, reference);
        return;
    }
    if (yyjson_obj_get(target, "enum")) {
        write_enum(page, yyjson_obj_get(target, "enum"));
    } else if (yyjson_obj_get(target, "const")) {
        write_value(page, yyjson_obj_get(target, "const"));
    } else if (has_alternatives(target) && !yyjson_obj_get(target, "type")) {
        write_alternatives_label(page, yyjson_obj_get(target, "oneOf"));
    } else if (yyjson_obj_get(target, "items")) {
        write_type(page, yyjson_obj_get(target, "type"));
        page_html(page, " of ");
        page_schema_label(page, yyjson_obj_get(target, "items"));
    } else if (yyjson_obj_get(target, "type")) {
        write_type(page, yyjson_obj_get(target, "type"));
    } else {
        page_html(page, "any JSON");
    }
    write_limits(page, target);
}

/* -- what it is made of -- */

static const char *description_of(struct page *page, yyjson_val *schema)
{
    const char *own = yyjson_get_str(yyjson_obj_get(schema, "description"));
    return own ? own : yyjson_get_str(yyjson_obj_get(page_resolve(page, schema), "description"));
}

static bool is_required(yyjson_val *schema, const char *name)
{
    size_t index, count;
    yyjson_val *one;
    yyjson_arr_foreach(
        yyjson_obj_get(schema, "required"), index, count, one) if (yyjson_equals_str(one, name)) return true;
    return false;
}

static void write_member(
    struct page *page, yyjson_val *owner, const char *name, yyjson_val *schema, unsigned depth)
{
    const char *description = description_of(page, schema);
    page_html(page, "<li><code class=\"name\">");
    page_text(page, name);
    page_html(page, "</code> <span class=\"type\">");
    page_schema_label(page, schema);
    page_html(page, "</span>");
    if (is_required(owner, name) != page->answer)
        page_html(page, page->answer ? " <span class=\"note\">(not always)</span>"
                                     : " <span class=\"required\">required</span>");
    if (description) {
        page_html(page, "<p>");
        page_prose(page, description);
        page_html(page, "</p>");
    }
    write_members(page, schema, depth + 1);
    page_html(page, "</li>");
}

static void write_properties(struct page *page, yyjson_val *schema, unsigned depth)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(yyjson_obj_get(schema, "properties"));
    page_html(page, "<ul class=\"members\">");
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&members));)
        write_member(page, schema, yyjson_get_str(name), yyjson_obj_iter_get_val(name), depth);
    page_html(page, "</ul>");
}

static void write_alternatives(struct page *page, yyjson_val *schema, unsigned depth)
{
    size_t index, count;
    yyjson_val *one;
    page_html(page, "<p class=\"note\">One of:</p><ul class=\"members\">");
    yyjson_arr_foreach(yyjson_obj_get(schema, "oneOf"), index, count, one)
    {
        const char *description = description_of(page, one);
        page_html(page, "<li><span class=\"type\">");
        page_schema_label(page, one);
        page_html(page, "</span>");
        if (description) {
            page_html(page, "<p>");
            page_prose(page, description);
            page_html(page, "</p>");
        }
        if (!yyjson_obj_get(one, "$ref"))
            write_members(page, one, depth + 1);
        page_html(page, "</li>");
    }
    page_html(page, "</ul>");
}

static void write_members(struct page *page, yyjson_val *schema, unsigned depth)
{
    yyjson_val *target = page_resolve(page, schema), *items = yyjson_obj_get(target, "items");
    if (depth > DEPTH_MAX)
        return;
    if (items)
        write_members(page, items, depth);
    else if (yyjson_obj_size(yyjson_obj_get(target, "properties")) > 0)
        write_properties(page, target, depth);
    else if (has_alternatives(target) && (depth == 0 || !yyjson_obj_get(schema, "$ref")))
        write_alternatives(page, target, depth);
}

void page_schema_members(struct page *page, yyjson_val *schema)
{
    write_members(page, schema, 0);
}

static void write_schema(struct page *page, const char *name, yyjson_val *schema)
{
    page_html(page, "<article class=\"schema\" id=\"schema-");
    page_text(page, name);
    page_html(page, "\"><h3><a href=\"#schema-");
    page_text(page, name);
    page_html(page, "\">");
    page_text(page, name);
    page_html(page, "</a> <span class=\"type\">");
    page_schema_label(page, schema);
    page_html(page, "</span></h3><p>");
    page_prose(page, yyjson_get_str(yyjson_obj_get(schema, "description")));
    page_html(page, "</p>");
    page_schema_members(page, schema);
    yyjson_val *example = yyjson_arr_get_first(yyjson_obj_get(schema, "examples"));
    if (example && !is_simple(schema)) {
        page_html(page, "<pre>");
        page_json(page, example);
        page_html(page, "</pre>");
    }
    page_html(page, "</article>");
}

void page_schemas(struct page *page)
{
    yyjson_val *components = yyjson_obj_get(page->document, "components");
    yyjson_obj_iter schemas = yyjson_obj_iter_with(yyjson_obj_get(components, "schemas"));
    page_html(page, "<section id=\"schemas\"><h2>Schemas</h2><p>What bodies and answers are made of.</p>");
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&schemas));)
        write_schema(page, yyjson_get_str(name), yyjson_obj_iter_get_val(name));
    page_html(page, "</section>");
}
