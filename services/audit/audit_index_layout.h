/* SPDX-License-Identifier: Apache-2.0 */
/* What writing and reading a segment's index share; see audit_index.h. */
#ifndef QY_AUDIT_INDEX_LAYOUT_H
#define QY_AUDIT_INDEX_LAYOUT_H

#include "services/audit/audit_index.h"

#define INDEX_MAGIC "QYIX"
#define INDEX_VERSION 1u
#define INDEX_HEAD_BYTES 28u
#define GROUP_TERMS 16u
#define PLACES_INLINE 8u

static inline void layout_put_u32(struct buffer *out, uint32_t number)
{
    uint8_t bytes[4];
    put_be32(bytes, number);
    buffer_append(out, bytes, sizeof(bytes));
}

#endif
