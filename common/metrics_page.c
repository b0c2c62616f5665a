/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics_page.h"

#include "common/error.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct page_family *family_of(
    struct metrics_page *page, enum metric_type type, const char *name, const char *help)
{
    for (size_t i = page->count; i-- > 0;)
        if (strcmp(page->families[i].name, name) == 0)
            return &page->families[i];
    if (page->count == page->capacity) {
        size_t capacity = page->capacity ? page->capacity * 2 : 64;
        struct page_family *families = realloc(page->families, capacity * sizeof(*families));
        if (!families) {
            page->error = -QY_ENOMEM;
            return NULL;
        }
        page->families = families;
        page->capacity = capacity;
    }
    page->families[page->count] = (struct page_family){.name = name, .help = help, .type = type};
    return &page->families[page->count++];
}

/* The shortest form that reads back as the same number. */
static void append_number(struct buffer *out, double value)
{
    if (isnan(value)) {
        buffer_text(out, "NaN");
        return;
    }
    if (isinf(value)) {
        buffer_text(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    char text[32];
    snprintf(text, sizeof(text), "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof(text), "%.17g", value);
    buffer_text(out, text);
}

void page_sample(struct metrics_page *page, enum metric_type type, const char *name, const char *suffix,
    const char *labels, const char *help, double value)
{
    struct page_family *family = family_of(page, type, name, help);
    if (!family)
        return;
    assert(family->type == type);
    if (labels && *labels)
        buffer_printf(&family->lines, "%s%s{%s} ", name, suffix, labels);
    else
        buffer_printf(&family->lines, "%s%s ", name, suffix);
    append_number(&family->lines, value);
    buffer_byte(&family->lines, '\n');
}

void page_metric(struct metrics_page *page, enum metric_type type, const char *name, const char *labels,
    const char *help, double value)
{
    assert(type != METRIC_HISTOGRAM);
    page_sample(page, type, name, "", labels, help, value);
}

static int by_name(const void *a, const void *b)
{
    const struct page_family *left = a, *right = b;
    return strcmp(left->name, right->name);
}

void page_finish(struct metrics_page *page, struct buffer *out)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    if (page->count > 1)
        qsort(page->families, page->count, sizeof(*page->families), by_name);
    for (size_t i = 0; i < page->count; i++) {
        struct page_family *family = &page->families[i];
        buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
            types[family->type]);
        buffer_append(out, family->lines.data, family->lines.size);
        if (buffer_error(&family->lines))
            out->error = buffer_error(&family->lines);
        buffer_free(&family->lines);
    }
    if (page->error)
        out->error = page->error;
    free(page->families);
    *page = (struct metrics_page){0};
}
