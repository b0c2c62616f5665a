/* SPDX-License-Identifier: Apache-2.0 */
/* Times never fall in the log: so what is there on both sides of what is missing says when that was. */
#include "services/audit/verify_private.h"

#include "common/error.h"

#include <inttypes.h>
#include <stdlib.h>

/* -- one segment, while its records are read -- */

static void say_fall(struct verifying *verifying, uint64_t index)
{
    verify_problem(verifying,
        "record %" PRIu64 " bears an earlier time than one before it: the log's time never falls", index);
}

/* The first and the last time in it, and where it falls. A record that bears no time was altered, which is said elsewhere. */
static void keep_span(struct verifying *verifying, uint64_t segment, const int64_t *times, unsigned count)
{
    struct span *span = &verifying->spans[segment];
    bool fell = false;
    for (unsigned i = 0; i < count; i++) {
        if (times[i] <= 0)
            continue;
        if (times[i] < span->last_ms && !fell)
            say_fall(verifying, segment * SEGMENT_RECORDS + i);
        fell = fell || times[i] < span->last_ms;
        span->first_ms = span->first_ms ? span->first_ms : times[i];
        span->last_ms = times[i];
    }
}

static bool begins_run(const int64_t *times, unsigned place)
{
    return times[place] == TIME_MISSING && (place == 0 || times[place - 1] != TIME_MISSING);
}

static void keep_missing(struct gap *gap, const int64_t *times, unsigned count)
{
    struct missing_run *run = NULL;
    int64_t newest_ms = 0;
    for (unsigned i = 0; i < count; i++) {
        if (begins_run(times, i))
            *(run = &gap->runs[gap->run_count++]) = (struct missing_run){.after_ms = newest_ms};
        if (times[i] == TIME_MISSING)
            place_set_add(&gap->missing, i);
        else if (run && times[i - 1] == TIME_MISSING)
            run->before_ms = times[i];
        newest_ms = times[i] > 0 ? times[i] : newest_ms;
    }
}

int verify_times_keep(struct verifying *verifying, uint64_t segment, const int64_t *times, unsigned count)
{
    size_t runs = 0;
    keep_span(verifying, segment, times, count);
    for (unsigned i = 0; i < count; i++)
        runs += begins_run(times, i);
    if (runs == 0)
        return 0;
    struct gap *gap = calloc(1, sizeof(*gap));
    if (gap)
        gap->runs = calloc(runs, sizeof(*gap->runs));
    verifying->gaps[segment] = gap;
    if (!gap || !gap->runs)
        return -QY_ENOMEM;
    keep_missing(gap, times, count);
    return 0;
}

/* -- all of them, afterwards -- */

void verify_times(struct verifying *verifying)
{
    int64_t newest_ms = 0, oldest_ms = 0;
    for (uint64_t i = 0; i < verifying->segments; i++) {
        const struct span *span = &verifying->spans[i];
        struct gap *gap = verifying->gaps[i];
        if (span->first_ms && span->first_ms < newest_ms)
            say_fall(verifying, i * SEGMENT_RECORDS);
        if (gap && !gap->runs[0].after_ms)
            gap->runs[0].after_ms = newest_ms;
        newest_ms = span->last_ms ? span->last_ms : newest_ms;
    }
    for (uint64_t i = verifying->segments; i-- > 0;) {
        const struct span *span = &verifying->spans[i];
        struct gap *gap = verifying->gaps[i];
        if (gap && !gap->runs[gap->run_count - 1].before_ms)
            gap->runs[gap->run_count - 1].before_ms = oldest_ms;
        oldest_ms = span->first_ms ? span->first_ms : oldest_ms;
    }
}
