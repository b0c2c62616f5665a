/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/visible_page.h"

#define ROWS_AT_ONCE 500u
#define TIMES_MOST 200u

struct filling {
    uint32_t limit, taken;
    uint64_t cursor; /* with which the last row that was taken was asked for */
    uint32_t rows;   /* to and with that one */
    bool more;       /* a row follows that the caller may see */
};

int visible_page_rows(struct visible_page *page, size_t count, uint64_t next)
{
    page->count = count;
    page->next = next;
    page->seen = arena_alloc(page->call->arena, (count + 1) * sizeof(*page->seen));
    return page->seen ? 0 : -QY_ENOMEM;
}

static void take_seen(struct visible_page *page, uint64_t cursor, struct filling *filling)
{
    for (size_t row = 0; row < page->count && !filling->more; row++) {
        if (!page->seen[row])
            continue;
        filling->more = filling->taken == filling->limit;
        if (filling->more)
            return;
        page->take(page, row);
        filling->taken++;
        filling->cursor = cursor;
        filling->rows = (uint32_t)row + 1;
    }
}

int visible_page_fill(struct visible_page *page, uint64_t cursor, uint32_t limit, uint64_t *ret_next)
{
    struct filling filling = {.limit = limit};
    bool all = !page->call->actor.scope;
    int error = 0;
    *ret_next = 0;
    for (unsigned times = 0; !error && !filling.more && times < TIMES_MOST; times++) {
        error = page->ask(page, cursor, all ? limit : ROWS_AT_ONCE);
        if (!error)
            take_seen(page, cursor, &filling);
        cursor = error ? 0 : page->next;
        if (all || !cursor)
            break;
    }
    if (error || !filling.more) {
        *ret_next = cursor;
        return error;
    }
    error = page->ask(page, filling.cursor, filling.rows);
    *ret_next = error ? 0 : page->next;
    return error;
}
