/* SPDX-License-Identifier: Apache-2.0 */
/* Bloom filters that grow with what is added: what was never added is most often not had. */
#ifndef QY_GATEWAY_DEDUP_FILTER_H
#define QY_GATEWAY_DEDUP_FILTER_H

#include "common/hash_run.h"

#define FILTERS_MAX 16

struct filter {
    void *memory;
    uint64_t *lines; /* 8 words each */
    size_t line_count;
    size_t keys;
};

/* All zero: empty. */
struct filters {
    struct filter list[FILTERS_MAX];
    unsigned count;
};

/* False when memory is out. */
bool filters_add(struct filters *filters, const uint8_t hash[HASH_BYTES]);
bool filters_may_have(const struct filters *filters, const uint8_t hash[HASH_BYTES]);
void filters_free(struct filters *filters);

/* It is going to be added, or looked for: has the memory fetched. */
void filters_expect_add(const struct filters *filters, const uint8_t hash[HASH_BYTES]);
void filters_expect(const struct filters *filters, const uint8_t hash[HASH_BYTES]);

#endif
