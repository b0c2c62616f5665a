/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_tried.h"

#include "common/error.h"
#include "common/store.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* By source and message id, or by import and position. */
struct tried_id {
    uint8_t positioned;
    uint8_t bytes[INGEST_HASH_BYTES];
    uint8_t position[4];
};

struct tried_letter {
    struct tried_id id; /* first: it is what is looked for */
    uint64_t number;
};

static int compare(const void *left, const void *right)
{
    return memcmp(left, right, sizeof(struct tried_id));
}

static struct tried_id id_of(const struct ingest_event *event)
{
    struct tried_id id = {.positioned = event->positioned};
    if (event->positioned) {
        memcpy(id.bytes, event->import_id, sizeof(event->import_id));
        put_be32(id.position, event->import_position);
    } else {
        memcpy(id.bytes, event->hash, sizeof(id.bytes));
    }
    return id;
}

uint64_t tried_find(const struct tried *tried, const struct ingest_event *event)
{
    const struct tried_id id = id_of(event);
    struct tried_letter *const *found = event->deduplicated ? tfind(&id, &tried->ids, compare) : NULL;
    return found ? (*found)->number : 0;
}

int tried_add(struct tried *tried, const struct ingest_event *event, uint64_t letter)
{
    if (!event->deduplicated)
        return 0;
    struct tried_letter *kept = malloc(sizeof(*kept));
    if (!kept)
        return -QY_ENOMEM;
    *kept = (struct tried_letter){.id = id_of(event), .number = letter};
    struct tried_letter *const *found = tsearch(kept, &tried->ids, compare);
    if (!found || *found != kept)
        free(kept);
    return found ? 0 : -QY_ENOMEM;
}

void tried_free(struct tried *tried)
{
    tdestroy(tried->ids, free);
    tried->ids = NULL;
}
