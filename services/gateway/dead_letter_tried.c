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

static int compare(const void *left, const void *right)
{
    return memcmp(left, right, sizeof(struct tried_id));
}

static struct tried_id by_hash(const uint8_t hash[INGEST_HASH_BYTES])
{
    struct tried_id id = {0};
    memcpy(id.bytes, hash, sizeof(id.bytes));
    return id;
}

static struct tried_id by_position(const struct ingest_event *event)
{
    struct tried_id id = {.positioned = 1};
    memcpy(id.bytes, event->import_id, sizeof(event->import_id));
    put_be32(id.position, event->import_position);
    return id;
}

/* False where it is there, or cannot be. */
static bool add(struct tried *tried, struct tried_id id, int *error)
{
    struct tried_id *kept = malloc(sizeof(*kept));
    void *const *found = NULL;
    if (kept) {
        *kept = id;
        found = tsearch(kept, &tried->ids, compare);
    }
    if (!found)
        *error = -QY_ENOMEM;
    if (!found || *found != kept)
        free(kept);
    return found && *found == kept;
}

bool tried_add(struct tried *tried, const struct ingest_event *event, int *error)
{
    if (!event->deduplicated)
        return true;
    if (!event->positioned)
        return add(tried, by_hash(event->hash), error);
    if (!add(tried, by_position(event), error))
        return false;
    (void)add(tried, by_hash(event->hash), error); /* letters know it by that one alone */
    return true;
}

bool tried_has(const struct tried *tried, const uint8_t hash[INGEST_HASH_BYTES])
{
    const struct tried_id id = by_hash(hash);
    return tfind(&id, &tried->ids, compare) != NULL;
}

void tried_free(struct tried *tried)
{
    tdestroy(tried->ids, free);
    tried->ids = NULL;
}
