/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters a call means. */
#ifndef QY_GATEWAY_DEAD_LETTER_SELECT_H
#define QY_GATEWAY_DEAD_LETTER_SELECT_H

#include "services/gateway/api.h"
#include "services/gateway/dead_letters.h"

#define SELECT_IDS_MAX 1000

struct letter_filter {
    char reason[LETTER_REASON_BYTES]; /* "": any */
    bool has_source;
    uint32_t source;
    int64_t from_ms, to_ms; /* of the arrival; not included; 0: open */
};
bool letter_fits(const struct letter_filter *filter, const struct letter_row *row);
/* Of the query: reason, source, from, to. `ret_any` (may be NULL): whether there was one of them. */
int select_read_query(struct api_call *call, struct letter_filter *ret_filter, bool *ret_any);
/* For records: the filter as JSON in the call's arena, without personal values; NULL when memory is out. */
char *select_text(struct api_call *call, const struct letter_filter *filter);

/* Of the body: "ids" or "filter", one of them. Appends the letters' numbers (uint64_t), ascending where by filter; `ret_what` as
 * select_text(). */
int select_read_body(struct api_call *call, struct store_txn *txn, struct buffer *numbers, char **ret_what);
/* All that fit. */
int select_all(struct store_txn *txn, const struct letter_filter *filter, struct buffer *numbers);

#endif
