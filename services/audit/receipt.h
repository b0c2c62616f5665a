/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt: one record, its path to the root, and the signed checkpoint with that root, in one text that is checked without a network.
 *
 * It is C2SP's tlog-proof; the record's bytes are its extra data:
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64 of the record>
 *     index <number>
 *     <base64 of a hash>, a line each, from the leaf's sibling up
 *
 *     <the checkpoint> */
#ifndef QY_AUDIT_RECEIPT_H
#define QY_AUDIT_RECEIPT_H

#include "services/audit/checkpoint.h"

#define RECEIPT_TYPE "text/plain; charset=utf-8"

struct receipt {
    uint64_t index;
    struct bytes entry;
    struct merkle_hash path[MERKLE_PROOF_MAX];
    size_t count;
    struct bytes note; /* borrowed */
};

void receipt_format(const struct receipt *receipt, struct buffer *out);
/* The entry goes to `room`. -QY_EINVAL: that is no receipt. */
int receipt_parse(struct bytes text, struct buffer *room, struct receipt *ret_receipt);
/* NULL where the record is in the tree that the key has signed, as the receipt says; else what is wrong, a static text. */
const char *receipt_check(
    const struct receipt *receipt, const struct note_key *key, struct checkpoint *ret_checkpoint);

#endif
