/* SPDX-License-Identifier: Apache-2.0 */
/* Which events a dry run of a replay would have accepted so far: what comes later with the same id would be a duplicate of it, and
 * a letter that bears the id would be gone. */
#ifndef QY_GATEWAY_DEAD_LETTER_TRIED_H
#define QY_GATEWAY_DEAD_LETTER_TRIED_H

#include "services/gateway/ingest_parse.h"

struct tried {
    void *ids; /* a tree of search.h */
};

/* Remembers it. False: one with its id is there already; -QY_ENOMEM goes to `error`. */
bool tried_add(struct tried *tried, const struct ingest_event *event, int *error);
/* Whether one with this ingest_hash() is there. */
bool tried_has(const struct tried *tried, const uint8_t hash[INGEST_HASH_BYTES]);
void tried_free(struct tried *tried);

#endif
