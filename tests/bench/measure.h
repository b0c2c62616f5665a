/* SPDX-License-Identifier: Apache-2.0 */
/* What programs of the benchmark share that measure a part of the suite from inside. */
#ifndef QY_BENCH_MEASURE_H
#define QY_BENCH_MEASURE_H

#include "common/error.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Ends the program where something failed. */
static inline void check(int code, const char *what)
{
    if (!code)
        return;
    fprintf(stderr, "%s: %s\n", what, error_text(code));
    exit(1);
}

/* Bytes of memory that are the process's own (RssAnon). */
static inline double memory_of_process(void)
{
    char line[256];
    double kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, "RssAnon:", strlen("RssAnon:")) == 0)
            kilobytes = strtod(line + strlen("RssAnon:"), NULL);
    if (status)
        fclose(status);
    return kilobytes * 1024;
}

/* The same numbers in every run. */
static inline uint64_t pick_below(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 24) % below;
}

/* Seconds spent on folding, in several stretches, and on the commits among them. */
struct spent {
    double wall, processor, commits;
    double wall_began, processor_began, commit_began;
};

static inline void spent_begin(struct spent *spent)
{
    spent->wall_began = now(CLOCK_MONOTONIC);
    spent->processor_began = now(CLOCK_THREAD_CPUTIME_ID);
}

static inline void spent_end(struct spent *spent)
{
    spent->wall += now(CLOCK_MONOTONIC) - spent->wall_began;
    spent->processor += now(CLOCK_THREAD_CPUTIME_ID) - spent->processor_began;
}

static inline void spent_begin_commit(struct spent *spent)
{
    spent->commit_began = now(CLOCK_MONOTONIC);
}

static inline void spent_end_commit(struct spent *spent)
{
    spent->commits += now(CLOCK_MONOTONIC) - spent->commit_began;
}

/* Prints the line that rows.py reads, and begins anew. */
static inline void spent_report(struct spent *spent, const char *what, uint64_t events)
{
    double count = (double)events;
    printf("%s: %" PRIu64
           " events, %.0f/s, %.0f/s of processor time, %.2f us each, %.0f %% of the time in commits\n",
        what, events, count / spent->wall, count / spent->processor, spent->wall / count * 1e6,
        100 * spent->commits / spent->wall);
    fflush(stdout);
    *spent = (struct spent){0};
}

#endif
