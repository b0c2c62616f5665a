/* SPDX-License-Identifier: Apache-2.0 */
/* Finding records: by any filter, newest or oldest first, page by page.
 *
 * Works in any transaction. A search looks into a bounded number of segments; where that is not enough the page ends early and says
 * from where to go on. */
#ifndef QY_AUDIT_SEARCH_H
#define QY_AUDIT_SEARCH_H

#include "services/audit/audit_filter.h"

#define SEARCH_ROWS_MAX 1000u  /* of a page */
#define EXPORT_ROWS_MAX 10000u /* of an export */
#define SEARCH_ROWS_DEFAULT 50u

struct audit_search {
    struct audit_filter filter; /* audit_search() resolves it */
    bool oldest;                /* first */
    uint64_t bound;             /* only indexes below, or with `oldest` from here on; 0: no bound */
    unsigned limit;             /* 0: SEARCH_ROWS_DEFAULT; at most EXPORT_ROWS_MAX */
};

struct audit_row {
    uint64_t index;
    struct bytes record; /* in the arena */
    bool intact;         /* the tree holds it as it is; where not, it is found whatever was asked for */
};

struct audit_found {
    struct audit_row *rows; /* in the arena, in the order asked for */
    size_t count;
    uint64_t next; /* `bound` of the next page; 0 at the end */
};

/* -QY_ENOMEM, -QY_ECORRUPT or the transaction's error. */
int audit_search(
    struct audit_view *view, struct audit_search *search, struct arena *arena, struct audit_found *ret_found);

#endif
