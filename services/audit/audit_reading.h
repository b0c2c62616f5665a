/* SPDX-License-Identifier: Apache-2.0 */
/* Whose reading of the entries is on record for this hour: who follows the log bundle by bundle makes it grow by one record an hour. */
#ifndef QY_AUDIT_READING_H
#define QY_AUDIT_READING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define READING_PLACES 256u

/* Zeros are an empty one. Any thread. With more readers than places in an hour, those who came first leave a record more. */
struct audit_reading {
    atomic_uint_fast64_t marks[READING_PLACES]; /* of token and hour */
    atomic_uint next;
};
/* What stands for this token in this hour; never 0. */
uint64_t audit_reading_mark(const char *token_id);
bool audit_reading_has(const struct audit_reading *reading, uint64_t mark);
void audit_reading_add(struct audit_reading *reading, uint64_t mark);

#endif
