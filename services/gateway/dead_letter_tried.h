/* SPDX-License-Identifier: Apache-2.0 */
/* Under which ids a replay, or a dry run of one, has accepted letters so far: what comes later in it with the same id is no duplicate of what
 * was known before, but another letter. */
#ifndef QY_GATEWAY_DEAD_LETTER_TRIED_H
#define QY_GATEWAY_DEAD_LETTER_TRIED_H

#include "services/gateway/ingest_parse.h"

struct tried {
    void *ids; /* a tree of search.h */
};

/* The letter that was accepted under the event's id; 0 where none was. */
uint64_t tried_find(const struct tried *tried, const struct ingest_event *event);
/* Remembers that this one was. The first one of an id stays. */
int tried_add(struct tried *tried, const struct ingest_event *event, uint64_t letter);
void tried_free(struct tried *tried);

#endif
