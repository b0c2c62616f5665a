/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own limit for a durable commit: 4 KiB written over and over, each followed by fdatasync().
 * Usage: bench_disk_sync DIRECTORY SECONDS. Prints a JSON line: syncs a second, milliseconds each. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES 4096
#define BLOCKS 256
#define SAMPLES_MAX 1000000u

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(int failed, const char *what)
{
    if (!failed)
        return;
    perror(what);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static char block[BLOCK_BYTES];
    static double samples[SAMPLES_MAX];
    double seconds = argc == 3 ? strtod(argv[2], NULL) : 0, begun = now(), before = begun, after = begun;
    if (seconds <= 0) {
        fprintf(stderr, "usage: %s DIRECTORY SECONDS\n", argv[0]);
        return 2;
    }
    char path[4096];
    mkdir(argv[1], 0700);
    snprintf(path, sizeof(path), "%s/disk_sync", argv[1]);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(file < 0, path);
    check(posix_fallocate(file, 0, BLOCK_BYTES * BLOCKS) != 0, path);
    size_t count = 0;
    for (; after - begun < seconds && count < SAMPLES_MAX; before = after) {
        off_t place = (off_t)(count % BLOCKS * BLOCK_BYTES);
        check(pwrite(file, block, sizeof(block), place) != (ssize_t)sizeof(block), "write");
        check(fdatasync(file), "fdatasync");
        after = now();
        samples[count++] = after - before;
    }
    qsort(samples, count, sizeof(*samples), compare);
    printf("{\"per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n", (double)count / (after - begun),
        samples[count / 2] * 1e3, samples[count * 99 / 100] * 1e3);
    close(file);
    unlink(path);
    return 0;
}
