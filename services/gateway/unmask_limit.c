/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unmask_limit.h"

#include "common/error.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)

/* The times of the last day, oldest first. */
struct member {
    uint32_t staff;
    int64_t *times;
    size_t count, capacity;
};

struct unmask_limit {
    pthread_mutex_t lock;
    uint32_t hour, day;
    struct member *members; /* who did so within the last day */
    size_t count, capacity;
};

int unmask_limit_open(uint32_t hour, uint32_t day, struct unmask_limit **ret_limit)
{
    struct unmask_limit *limit = calloc(1, sizeof(*limit));
    if (!limit)
        return -QY_ENOMEM;
    pthread_mutex_init(&limit->lock, NULL);
    limit->hour = hour;
    limit->day = day;
    *ret_limit = limit;
    return 0;
}

void unmask_limit_close(struct unmask_limit **limit)
{
    if (!*limit)
        return;
    for (size_t i = 0; i < (*limit)->count; i++)
        free((*limit)->members[i].times);
    free((*limit)->members);
    pthread_mutex_destroy(&(*limit)->lock);
    free(*limit);
    *limit = NULL;
}

static void forget_old(struct member *member, int64_t now_ms)
{
    size_t old = 0;
    while (old < member->count && member->times[old] <= now_ms - DAY_MS)
        old++;
    member->count -= old;
    memmove(member->times, member->times + old, member->count * sizeof(*member->times));
}

/* Also lets go of those who have none left. */
static struct member *find(struct unmask_limit *limit, uint32_t staff, int64_t now_ms)
{
    struct member *found = NULL;
    for (size_t i = limit->count; i-- > 0;) {
        struct member *member = &limit->members[i];
        if (member->count > 0)
            forget_old(member, now_ms);
        if (member->count == 0) {
            free(member->times);
            *member = limit->members[--limit->count];
        }
    }
    for (size_t i = 0; i < limit->count && !found; i++)
        if (limit->members[i].staff == staff)
            found = &limit->members[i];
    return found;
}

static void *grown(void *array, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity)
        return array;
    size_t wanted = *capacity ? *capacity * 2 : 8;
    void *larger = realloc(array, wanted * item_size);
    if (larger)
        *capacity = wanted;
    return larger;
}

static struct member *add_member(struct unmask_limit *limit, uint32_t staff)
{
    struct member *members = grown(limit->members, &limit->capacity, limit->count, sizeof(*limit->members));
    if (!members)
        return NULL;
    limit->members = members;
    members[limit->count] = (struct member){.staff = staff};
    return &members[limit->count++];
}

static bool add_time(struct member *member, int64_t now_ms)
{
    int64_t *times = grown(member->times, &member->capacity, member->count, sizeof(*member->times));
    if (!times)
        return false;
    member->times = times;
    times[member->count++] = now_ms;
    return true;
}

/* How long until there are fewer than `most` within `span_ms`; 0: now. */
static int64_t wait_of(const struct member *member, uint32_t most, int64_t span_ms, int64_t now_ms)
{
    if (most == 0)
        return span_ms;
    if (!member || member->count < most)
        return 0;
    int64_t wait_ms = member->times[member->count - most] + span_ms - now_ms;
    return wait_ms > 0 ? wait_ms : 0;
}

bool unmask_limit_take(struct unmask_limit *limit, uint32_t staff, int64_t now_ms, int64_t *ret_wait_ms)
{
    pthread_mutex_lock(&limit->lock);
    struct member *member = find(limit, staff, now_ms);
    int64_t hour_ms = wait_of(member, limit->hour, HOUR_MS, now_ms);
    int64_t day_ms = wait_of(member, limit->day, DAY_MS, now_ms);
    *ret_wait_ms = hour_ms > day_ms ? hour_ms : day_ms;
    if (*ret_wait_ms == 0 && !member)
        member = add_member(limit, staff);
    bool taken = *ret_wait_ms == 0 && member && add_time(member, now_ms);
    pthread_mutex_unlock(&limit->lock);
    return taken;
}
