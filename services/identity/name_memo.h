/* SPDX-License-Identifier: Apache-2.0 */
/* What events stated last, so that a name that is stated again, as most are, costs no look at the store. The writer thread's. */
#ifndef QY_IDENTITY_NAME_MEMO_H
#define QY_IDENTITY_NAME_MEMO_H

#include "services/identity/stated_name.h"

struct name_memo;
int name_memo_open(struct name_memo **ret_memo);
void name_memo_close(struct name_memo **memo);

/* What stands for the name, as it is written, with the nodes of the event; never 0. */
uint64_t name_memo_key(
    const struct name_memo *memo, const struct stated_name *name, const uint32_t *nodes, unsigned count);
/* True: all of this is kept. Yields the name's hash, 0 where it is nobody's. */
bool name_memo_find(const struct name_memo *memo, uint64_t key, uint64_t *ret_name);
void name_memo_put(struct name_memo *memo, uint64_t key, uint64_t name);
/* The batch was rolled back, or what is kept has changed. */
void name_memo_clear(struct name_memo *memo);

#endif
