/* SPDX-License-Identifier: Apache-2.0 */
/* What a process shows of itself, under the names that Prometheus' own client libraries use. Read from /proc.
 */
#include "common/metrics_page.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = 0;
    return length > 0;
}

static double open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        return -1;
    double count = -1; /* the directory's own descriptor */
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            count++;
    closedir(directory);
    return count;
}

/* Seconds since 1970 at boot: /proc counts a process's start from there. */
static double boot_time(void)
{
    FILE *file = fopen("/proc/stat", "re");
    if (!file)
        return -1;
    double seconds = -1;
    _cleanup_(free_pointer) char *line = NULL;
    size_t capacity = 0;
    while (seconds < 0 && getline(&line, &capacity, file) > 0)
        if (strncmp(line, "btime ", 6) == 0)
            seconds = strtod(line + 6, NULL);
    fclose(file);
    return seconds;
}

/* Field `number` of /proc/self/stat, counted from 1 as in proc(5); the second one, in brackets, may hold
 * blanks. */
static double stat_field(const char *text, int number)
{
    const char *cursor = strrchr(text, ')');
    for (int i = 2; cursor && i < number; i++)
        cursor = strchr(cursor + 1, ' ');
    return cursor ? strtod(cursor, NULL) : -1;
}

static void gauge(struct metrics_page *page, const char *name, const char *help, double value)
{
    if (value >= 0)
        page_metric(page, METRIC_GAUGE, name, NULL, help, value);
}

void page_process(struct metrics_page *page, const char *service)
{
    char labels[160];
    snprintf(labels, sizeof(labels), "service=\"%s\",version=\"%s\"", service, QUANYU_VERSION);
    page_metric(page, METRIC_GAUGE, "quanyu_build_info", labels,
        "Always 1; the labels say which program this is.", 1);

    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        gauge(page, "process_max_fds", "Maximum number of open file descriptors.", (double)files.rlim_cur);
    gauge(page, "process_open_fds", "Number of open file descriptors.", open_files());

    char stat[1024];
    if (!read_file("/proc/self/stat", stat, sizeof(stat)))
        return;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    page_metric(page, METRIC_COUNTER, "process_cpu_seconds_total", NULL,
        "Total user and system CPU time spent in seconds.",
        (stat_field(stat, 14) + stat_field(stat, 15)) / ticks);
    gauge(page, "process_virtual_memory_bytes", "Virtual memory size in bytes.", stat_field(stat, 23));
    gauge(page, "process_resident_memory_bytes", "Resident memory size in bytes.",
        stat_field(stat, 24) * (double)sysconf(_SC_PAGESIZE));
    double boot = boot_time();
    if (boot >= 0)
        gauge(page, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            boot + stat_field(stat, 22) / ticks);
}
