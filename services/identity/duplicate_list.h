/* SPDX-License-Identifier: Apache-2.0 */
/* The likeliest of many pairs, each once: in memory, and no more of it than the list may be long. */
#ifndef QY_IDENTITY_DUPLICATE_LIST_H
#define QY_IDENTITY_DUPLICATE_LIST_H

#include "services/identity/duplicate_store.h"

struct duplicate_list {
    size_t most;
    struct duplicate_pair *pairs;
    size_t count, room;
    bool overflowed; /* less likely ones were left out */
};
/* -QY_ENOMEM. The same pair may come again. */
int duplicate_list_add(struct duplicate_list *list, const struct duplicate_pair *pair);
/* The likeliest first; the caller frees them. NULL where there are none. */
struct duplicate_pair *duplicate_list_take(struct duplicate_list *list, size_t *ret_count);
void duplicate_list_free(struct duplicate_list *list);

#endif
