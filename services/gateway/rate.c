/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/rate.h"

#define SECOND_NS INT64_C(1000000000)
#define BURST_SECONDS 10u
#define BURST_MAX 1000000000u

static uint32_t burst_of(const struct rate_limit *limit)
{
    if (limit->burst > 0)
        return limit->burst;
    uint64_t burst = (uint64_t)limit->per_second * BURST_SECONDS;
    return burst < BURST_MAX ? (uint32_t)burst : BURST_MAX;
}

/* How long so many events take to flow in; never less than it is. */
static int64_t time_of(const struct rate_limit *limit, uint64_t events)
{
    __extension__ unsigned __int128 time = (unsigned __int128)events * (uint64_t)SECOND_NS;
    time = (time + limit->per_second - 1) / limit->per_second;
    return time < (uint64_t)INT64_MAX / 4 ? (int64_t)time : INT64_MAX / 4;
}

static uint32_t remaining(const struct rate_limit *limit, uint32_t burst, int64_t full_at, int64_t now_ns)
{
    if (full_at <= now_ns)
        return burst;
    __extension__ unsigned __int128 missing = (unsigned __int128)(uint64_t)(full_at - now_ns);
    missing = (missing * limit->per_second + (uint64_t)SECOND_NS - 1) / (uint64_t)SECOND_NS;
    return missing < burst ? burst - (uint32_t)missing : 0;
}

struct rate_answer rate_take(
    struct rate_bucket *bucket, const struct rate_limit *limit, uint64_t events, int64_t now_ns)
{
    if (limit->per_second == 0)
        return (struct rate_answer){.taken = true};
    uint32_t burst = burst_of(limit);
    int64_t cost = time_of(limit, events);
    int64_t needed = time_of(limit, events < burst ? events : burst), whole = time_of(limit, burst);
    int64_t full_at = atomic_load_explicit(&bucket->full_at, memory_order_relaxed), next;
    do {
        int64_t from = full_at > now_ns ? full_at : now_ns;
        int64_t wait_ns = from + needed - whole - now_ns;
        if (wait_ns > 0)
            return (struct rate_answer){
                .limit = burst, .remaining = remaining(limit, burst, full_at, now_ns), .wait_ns = wait_ns};
        next = from + cost;
    } while (!atomic_compare_exchange_weak_explicit(
        &bucket->full_at, &full_at, next, memory_order_relaxed, memory_order_relaxed));
    return (struct rate_answer){
        .taken = true, .limit = burst, .remaining = remaining(limit, burst, next, now_ns)};
}

void rate_give_back(struct rate_bucket *bucket, const struct rate_limit *limit, uint64_t events)
{
    if (limit->per_second > 0)
        atomic_fetch_sub_explicit(&bucket->full_at, time_of(limit, events), memory_order_relaxed);
}

void rate_reset(struct rate_bucket *bucket)
{
    atomic_store_explicit(&bucket->full_at, 0, memory_order_relaxed);
}
