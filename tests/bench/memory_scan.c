/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own limit for an audience: five flat columns in memory, a row a person, gone through once on
 * one core. Usage: bench_memory_scan PERSONS. Prints milliseconds a pass, the median of many. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PASSES 21

struct columns {
    uint8_t *tag, *stage;
    uint16_t *trait;
    uint32_t *amount, *events;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static size_t scan(const struct columns *columns, size_t persons, uint16_t trait)
{
    size_t count = 0;
    for (size_t i = 0; i < persons; i++)
        count += (size_t)(columns->tag[i] == 1) & (size_t)(columns->trait[i] < trait) &
                 (size_t)(columns->amount[i] - 100u < 10000000u) & (size_t)(columns->events[i] >= 1) &
                 (size_t)(columns->stage[i] != 3);
    return count;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    size_t persons = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    struct columns columns = {.tag = malloc(persons),
        .stage = malloc(persons),
        .trait = malloc(persons * sizeof(uint16_t)),
        .amount = malloc(persons * sizeof(uint32_t)),
        .events = malloc(persons * sizeof(uint32_t))};
    if (persons == 0 || !columns.tag || !columns.stage || !columns.trait || !columns.amount ||
        !columns.events) {
        fprintf(stderr, "usage: %s PERSONS\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < persons; i++) {
        columns.tag[i] = i % 100 != 99;
        columns.stage[i] = (uint8_t)(i % 5);
        columns.trait[i] = (uint16_t)(i % 1000);
        columns.amount[i] = (uint32_t)(i * 2654435761u % 100000u);
        columns.events[i] = (uint32_t)(i % 7);
    }
    double passes[PASSES];
    volatile size_t count = 0;
    for (unsigned i = 0; i < PASSES; i++) {
        double begun = now();
        count += scan(&columns, persons, 100);
        passes[i] = now() - begun;
    }
    (void)count;
    qsort(passes, PASSES, sizeof(*passes), compare);
    printf("%.3f\n", passes[PASSES / 2]);
    return 0;
}
