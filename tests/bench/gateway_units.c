/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of units: how long one more change takes, and to ask whether a unit is below another one.
 * Usage: bench_gateway_units UNITS. Prints JSON. */
#include "services/gateway/units.h"
#include "tests/bench/measure.h"

#define CHANGES 20u
#define QUESTIONS 10000000u

static struct unit_tree *change(struct unit_tree *tree, Quanyu__Unit *const *rows, size_t count)
{
    struct unit_tree *next = NULL;
    enum unit_fault fault;
    size_t row;
    check(unit_tree_make(tree, rows, count, &next, &fault, &row), "making the tree");
    unit_tree_release(&tree);
    return next;
}

/* Each below one of the hundred before it: as deep as a tree may be. */
static struct unit_tree *grow(uint32_t units, uint64_t *seed)
{
    Quanyu__Unit *unit = calloc(units, sizeof(*unit)), **rows = calloc(units, sizeof(*rows));
    uint8_t *depth = calloc(units + 1, 1);
    char(*codes)[16] = calloc(units, sizeof(*codes));
    check(unit && rows && depth && codes ? 0 : -QY_ENOMEM, "memory");
    for (uint32_t i = 0; i < units; i++) {
        uint32_t back = i ? (uint32_t)pick_below(seed, i < 100 ? i : 100) : 0;
        quanyu__unit__init(&unit[i]);
        snprintf(codes[i], sizeof(codes[i]), "S-%u", i);
        unit[i].number = i + 1;
        unit[i].code = codes[i];
        unit[i].parent = i == 0 ? 0 : depth[i - back] < UNIT_DEPTH_MAX ? i - back : UNIT_ROOT;
        depth[i + 1] = (uint8_t)(i ? depth[unit[i].parent] + 1 : 0);
        rows[i] = &unit[i];
    }
    struct unit_tree *tree = change(NULL, rows, units);
    free(unit);
    free(rows);
    free(depth);
    free(codes);
    return tree;
}

int main(int argc, char **argv)
{
    uint32_t units = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0, within = 0;
    uint64_t seed = 7;
    if (units < 2 || units > UNITS_MAX)
        return 2;
    struct unit_tree *tree = grow(units, &seed);
    Quanyu__Unit moved = QUANYU__UNIT__INIT, *rows[] = {&moved};
    moved.number = units;
    double begun = now(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < CHANGES; i++) {
        moved.parent = UNIT_ROOT + (i & 1);
        tree = change(tree, rows, 1);
    }
    double changed = now(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < QUESTIONS; i++)
        within += unit_tree_within(
            tree, 1 + (uint32_t)pick_below(&seed, units), 1 + (uint32_t)pick_below(&seed, units));
    double asked = now(CLOCK_MONOTONIC);
    printf("{\"change_ms\":%.3f,\"within_ns\":%.2f,\"within\":%" PRIu32 "}\n",
        (changed - begun) / CHANGES * 1e3, (asked - changed) / QUESTIONS * 1e9, within);
    unit_tree_release(&tree);
    return 0;
}
