/* SPDX-License-Identifier: Apache-2.0 */
/* A journal keeps a record until the state and every registered follower are past it, what they say of it is folded, and its retention is
 * over. */
#include "common/service_internal.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>

#define LOOK_EVERY_MS 10000

/* The offset below which every follower has folded; 0 where one of them has not been heard of since the
 * start. */
static uint64_t followed_by_all(struct service *service)
{
    uint64_t least = UINT64_MAX;
    for (const char *const *name = service->spec->followers; name && *name; name++) {
        uint64_t position = feed_follower_position(service->feed, *name);
        if (position < least)
            least = position;
    }
    return least;
}

/* The offset below which all that echoes of this journal is folded. */
static uint64_t echoed_by_all(const struct service *service)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        if (service->spec->inputs[i].echoes && service->inputs[i].echoed < least)
            least = service->inputs[i].echoed;
    return least;
}

void retention_run(struct service *service)
{
    int64_t wall = clock_wall_ms();
    if (wall - service->trimmed_ms < LOOK_EVERY_MS)
        return;
    service->trimmed_ms = wall;
    char name[64];
    snprintf(name, sizeof(name), "%s.retention", service->spec->name);
    int64_t before = atomic_load(&service->now_ms) - config_number(service->config, name);
    uint64_t least = service->checkpoint;
    const uint64_t bounds[] = {followed_by_all(service), echoed_by_all(service)};
    for (size_t i = 0; i < COUNT_OF(bounds); i++)
        if (bounds[i] < least)
            least = bounds[i];
    int error = journal_trim(service->journal, least, before);
    if (error)
        log_line(LOG_ERROR, "journal could not be trimmed", "error=%s", error_name(error));
}
