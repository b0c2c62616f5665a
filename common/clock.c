/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock, and local time in the process's zone. */
#include "common/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_SECONDS INT64_C(86400)

/* Counts changes of the zone, so that what threads remember of the old one is forgotten. */
static atomic_uint zone_generation = 1;

int64_t clock_event_ms(int64_t stated_ms, int64_t received_ms, bool lost)
{
    if (stated_ms > received_ms || (lost && stated_ms < CLOCK_EPOCH_MS))
        return received_ms;
    return stated_ms;
}

int64_t clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Names only: no absolute path, nothing that leaves the directory. */
static bool is_zone_name(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size < 64 && name[0] != '/' && !strstr(name, "..") &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == size;
}

static bool system_knows(const char *name)
{
    const char *directory = getenv("TZDIR");
    char path[512], magic[4];
    int size = snprintf(path, sizeof(path), "%s/%s", directory ? directory : "/usr/share/zoneinfo", name);
    if (size < 0 || (size_t)size >= sizeof(path))
        return false;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    bool known = fread(magic, 1, sizeof(magic), file) == sizeof(magic) && memcmp(magic, "TZif", 4) == 0;
    fclose(file);
    return known;
}

int clock_set_zone(const char *name)
{
    /* UTC needs no file: small images have none. */
    if (strcmp(name, "UTC") != 0 && (!is_zone_name(name) || !system_knows(name)))
        return -QY_EINVAL;
    if (setenv("TZ", name, 1) != 0)
        return -QY_ENOMEM;
    tzset();
    atomic_fetch_add(&zone_generation, 1);
    return 0;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Seconds east of Greenwich. */
static int64_t offset_at(int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm local;
    return localtime_r(&time, &local) ? local.tm_gmtoff : 0;
}

/* Where clocks jump between two instants that are not a day apart. */
static int64_t find_jump(int64_t before, int64_t after)
{
    int64_t offset = offset_at(after);
    while (after - before > 1) {
        int64_t middle = before + (after - before) / 2;
        if (offset_at(middle) == offset)
            after = middle;
        else
            before = middle;
    }
    return after;
}

enum gap { GAP_SHIFT, GAP_END }; /* a time that does not exist: as much later, or the end of the gap */

static int64_t local_to_utc(int64_t local, enum gap gap)
{
    int64_t before = offset_at(local - DAY_SECONDS), after = offset_at(local + DAY_SECONDS);
    int64_t early = local - before, late = local - after;
    if (before == after)
        return early;
    bool early_exists = offset_at(early) == before, late_exists = offset_at(late) == after;
    if (early_exists)
        return late_exists && late < early ? late : early;
    if (late_exists)
        return late;
    return gap == GAP_SHIFT ? early : find_jump(late, early);
}

int64_t clock_local_ms(int year, int month, int day, int hour, int minute, int second)
{
    int64_t local =
        time_days(year, month, day) * DAY_SECONDS + (int64_t)hour * 3600 + (int64_t)minute * 60 + second;
    return local_to_utc(local, GAP_SHIFT) * 1000;
}

/* Each thread remembers some midnights: dates are compared by the million. */
static int64_t day_start(int64_t day)
{
    static _Thread_local struct {
        int64_t day, ms;
        unsigned generation;
    } known[64];
    size_t slot = (size_t)day % COUNT_OF(known);
    unsigned generation = atomic_load_explicit(&zone_generation, memory_order_relaxed);
    if (known[slot].generation != generation || known[slot].day != day) {
        known[slot].ms = local_to_utc(day * DAY_SECONDS, GAP_END) * 1000;
        known[slot].day = day;
        known[slot].generation = generation;
    }
    return known[slot].ms;
}

int64_t clock_date_ms(int year, int month, int day)
{
    return day_start(time_days(year, month, day));
}

static int64_t local_day(int64_t ms)
{
    int64_t seconds = floor_divide(ms, 1000);
    return floor_divide(seconds + offset_at(seconds), DAY_SECONDS);
}

int64_t clock_midnight(int64_t ms)
{
    return day_start(local_day(ms));
}

int64_t clock_next_midnight(int64_t ms)
{
    /* Clocks set back over midnight see a date begin twice; the first beginning is the one. */
    int64_t day = local_day(ms) + 1;
    while (day_start(day) <= ms)
        day++;
    return day_start(day);
}
