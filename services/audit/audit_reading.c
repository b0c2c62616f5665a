/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_reading.h"

#include "common/clock.h"

#define READING_MS INT64_C(3600000)
#define FNV_PRIME UINT64_C(1099511628211)

uint64_t audit_reading_mark(const char *token_id)
{
    uint64_t mark = (UINT64_C(14695981039346656037) ^ (uint64_t)(clock_wall_ms() / READING_MS)) * FNV_PRIME;
    for (const char *at = token_id; *at; at++)
        mark = (mark ^ (unsigned char)*at) * FNV_PRIME; /* FNV-1a */
    return mark ? mark : 1;
}

bool audit_reading_has(const struct audit_reading *reading, uint64_t mark)
{
    for (unsigned i = 0; i < READING_PLACES; i++)
        if (atomic_load_explicit(&reading->marks[i], memory_order_relaxed) == mark)
            return true;
    return false;
}

void audit_reading_add(struct audit_reading *reading, uint64_t mark)
{
    atomic_store(&reading->marks[atomic_fetch_add(&reading->next, 1) % READING_PLACES], mark);
}
