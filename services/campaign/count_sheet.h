/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of counts within a batch: gathered in memory and written once, since a batch changes the same few
 * counts again and again. */
#ifndef QY_CAMPAIGN_COUNT_SHEET_H
#define QY_CAMPAIGN_COUNT_SHEET_H

#include "services/campaign/campaign_store.h"

struct count_entry {
    uint32_t journey; /* 0: a free place */
    char step[STEP_ID_BYTES];
    int64_t change[COUNT_KINDS];
};

#define COUNT_SHEET_ENTRIES 256

/* Zeroed, it is empty. */
struct count_sheet {
    struct count_entry entries[COUNT_SHEET_ENTRIES];
    unsigned used;
};

/* Writes itself out when it is full. */
void count_sheet_add(struct count_sheet *sheet, struct store_txn *txn, uint32_t journey, const char *step,
    enum count count, int change);
/* Writes all, and is empty. */
void count_sheet_flush(struct count_sheet *sheet, struct store_txn *txn);
void count_sheet_clear(struct count_sheet *sheet);

#endif
