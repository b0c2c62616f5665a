/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a list of the whole brand's of which the caller may see some rows alone. Pages are filled with those, and neither a short page
 * nor a cursor tells of the others. */
#ifndef QY_GATEWAY_VISIBLE_PAGE_H
#define QY_GATEWAY_VISIBLE_PAGE_H

#include "services/gateway/api.h"

struct visible_page {
    /* Has the rows behind `cursor`, `limit` at most, and sets the three members below. */
    int (*ask)(struct visible_page *page, uint64_t cursor, uint32_t limit);
    /* The caller is shown this one of the rows that were asked for last. */
    void (*take)(struct visible_page *page, size_t row);
    struct api_call *call;
    size_t count; /* of rows */
    bool *seen;   /* of each whether the caller may see it; the call's */
    uint64_t next;
};

/* Takes `limit` rows at most from `cursor` on. `ret_next`: the cursor behind them; 0: none follows that the caller may see. A list so long
 * that it is not gone through at once has one all the same. */
int visible_page_fill(struct visible_page *page, uint64_t cursor, uint32_t limit, uint64_t *ret_next);
/* Room for `count` of them; -QY_ENOMEM. */
int visible_page_rows(struct visible_page *page, size_t count, uint64_t next);

#endif
