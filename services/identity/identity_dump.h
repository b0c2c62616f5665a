/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's part of `quanyu dump --canonical`: nodes, personal traits by their hashes, links. */
#ifndef QY_IDENTITY_DUMP_H
#define QY_IDENTITY_DUMP_H

#include "common/buffer.h"
#include "common/store.h"

/* As fold_ops.dump; `self` is struct identity. */
int identity_dump(
    void *self, struct store_txn *txn, const char *cursor, struct buffer *lines, char ret_cursor[128]);

#endif
