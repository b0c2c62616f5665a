/* SPDX-License-Identifier: Apache-2.0 */
/* One exposition while it is being put together: samples arrive in any order and leave grouped by name. */
#ifndef QY_COMMON_METRICS_PAGE_H
#define QY_COMMON_METRICS_PAGE_H

#include "common/metrics.h"

struct page_family {
    const char *name;
    const char *help;
    enum metric_type type;
    struct buffer lines;
};

struct metrics_page {
    struct page_family *families;
    size_t count;
    size_t capacity;
    int error; /* first error, 0 or -QY_ENOMEM */
};

/* One line; `suffix` ("_bucket", "") is put behind the family's name. */
void page_sample(struct metrics_page *page, enum metric_type type, const char *name, const char *suffix,
    const char *labels, const char *help, double value);
/* What every process shows of itself. Figures that the system does not give are left out. */
void page_process(struct metrics_page *page, const char *service);
/* Writes the page and frees it. */
void page_finish(struct metrics_page *page, struct buffer *out);

#endif
