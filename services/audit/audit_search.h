/* SPDX-License-Identifier: Apache-2.0 */
/* Finding records: by actor, person, action and time in any combination, newest first.
 *
 * Works in any transaction. A search looks into a bounded number of records; where that is not enough it ends
 * early and says from where to go on, so that one page costs milliseconds whatever is asked. */
#ifndef QY_AUDIT_SEARCH_H
#define QY_AUDIT_SEARCH_H

#include "common/store.h"
#include "proto/audit.pb-c.h"

#define SEARCH_ROWS_MAX 1000u
#define SEARCH_ROWS_DEFAULT 50u

struct audit_search {
    const char *actor;   /* an actor's id; "" or NULL: any, as in the other two */
    const char *subject; /* a One ID, or a person's number in digits: records about all that are now the same
                            person */
    const char *action;
    int64_t from_ms;
    int64_t to_ms;   /* not included; 0: no end */
    uint64_t before; /* only indexes below; 0: no bound */
    unsigned limit;  /* 0: SEARCH_ROWS_DEFAULT; at most SEARCH_ROWS_MAX */
};

struct audit_row {
    uint64_t index;
    struct bytes record; /* in the arena */
    bool intact;         /* the tree holds it as it is; where not, it is found whatever was asked for */
};

struct audit_found {
    struct audit_row *rows; /* in the arena, newest first */
    size_t count;
    uint64_t next; /* `before` of the next page; 0 at the end */
};

/* -QY_ENOMEM, -QY_ECORRUPT or the transaction's error. */
int audit_search(struct store_txn *txn, const struct audit_search *search, struct arena *arena,
    struct audit_found *ret_found);

#endif
