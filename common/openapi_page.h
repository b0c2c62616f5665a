/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of the page that shows a description to people (openapi_page.c). */
#ifndef QY_COMMON_OPENAPI_PAGE_H
#define QY_COMMON_OPENAPI_PAGE_H

#include "common/buffer.h"

#include <stdbool.h>
#include <yyjson.h>

struct page {
    yyjson_val *document;
    struct buffer *out;
    bool answer; /* what is written is an answer: what is not always in it is marked, else what is required */
};

/* As it is. */
void page_html(struct page *page, const char *html);
/* What HTML would take for its own is escaped. NULL is "". */
void page_text(struct page *page, const char *text);
/* The same, and what stands between backticks is code. */
void page_prose(struct page *page, const char *text);
/* JSON as people write it. */
void page_json(struct page *page, yyjson_val *value);

/* What a "$ref" stands for; else the value itself. */
yyjson_val *page_resolve(struct page *page, yyjson_val *value);

/* -- schemas (openapi_page_schema.c) -- */

/* In a few words: "text, 1 to 100 characters", "list of Segment". */
void page_schema_label(struct page *page, yyjson_val *schema);
/* Its members or alternatives, and theirs; those with alternatives of their own are linked. Nothing where it has none. */
void page_schema_members(struct page *page, yyjson_val *schema);
/* All of them, each under its name. */
void page_schemas(struct page *page);

#endif
