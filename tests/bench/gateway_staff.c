/* SPDX-License-Identifier: Apache-2.0 */
/* The first page of a list of staff, picked and opened, under whatever filter and within whatever scope finds fewest, so that most are
 * looked at. Usage: bench_gateway_staff DIRECTORY STAFF UNITS. DIRECTORY must not hold state. Prints JSON. */
#include "services/gateway/role.h"
#include "services/gateway/staff_roster.h"
#include "services/gateway/staff_vault.h"
#include "tests/bench/measure.h"

#include <sodium.h>
#include <string.h>

#define PAGE 50u
#define PAGES ((size_t)200) /* of each list */

/* Stores below the root; the last tenth of them has no staff. */
static struct unit_tree *make_units(uint32_t count)
{
    Quanyu__Unit *units = calloc(count, sizeof(*units)), **rows = calloc(count, sizeof(*rows));
    struct unit_tree *tree = NULL;
    enum unit_fault fault;
    size_t row;
    check(units && rows ? 0 : -QY_ENOMEM, "memory");
    for (uint32_t i = 0; i < count; i++) {
        quanyu__unit__init(&units[i]);
        units[i].number = i + 1;
        units[i].parent = i ? UNIT_ROOT : 0;
        rows[i] = &units[i];
    }
    check(unit_tree_make(NULL, rows, count, &tree, &fault, &row), "units");
    free(units);
    free(rows);
    return tree;
}

/* All but the first are active guides, spread over the stores. */
static void put(struct store_txn *txn, const struct staff_vault *vault, struct arena *arena, uint32_t number,
    uint32_t units)
{
    Quanyu__Staff staff = QUANYU__STAFF__INIT;
    Quanyu__StaffPersonal personal = QUANYU__STAFF_PERSONAL__INIT;
    char code[STAFF_CODE_BYTES];
    snprintf(code, sizeof(code), "E-%u", number);
    personal.login = personal.name = personal.email = code;
    staff.number = number;
    staff.code = code;
    staff.role = (char *)(number == 1 ? ROLE_HQ_ADMIN : "guide");
    staff.unit = number == 1 ? UNIT_ROOT : 2 + number % (units / 10 * 9);
    staff.state = QUANYU__STAFF__STATE__ACTIVE;
    check(staff_seal_personal(vault, &staff, &personal, arena), "sealing");
    staff_put(txn, &staff, NULL);
    arena_reset(arena);
}

static struct store *fill(
    const char *directory, uint32_t staff, uint32_t units, struct staff_vault *vault, struct arena *arena)
{
    struct store *store;
    struct store_txn *txn;
    char key[4096];
    const struct store_options options = {.path = directory,
        .tables = gateway_tables,
        .table_count = GATEWAY_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 32,
        .schema_version = GATEWAY_SCHEMA_VERSION,
        .migrations = gateway_migrations,
        .migration_count = GATEWAY_MIGRATIONS};
    snprintf(key, sizeof(key), "%s/staff.key", directory);
    check(store_open(&options, &store), "state");
    check(store_begin(store, STORE_WRITE, &txn), "state");
    check(staff_vault_open(key, txn, vault), "the key");
    for (uint32_t number = 1; number <= staff; number++)
        put(txn, vault, arena, number, units);
    check(store_commit(&txn), "state");
    return store;
}

static double page(struct store *store, const struct staff_vault *vault, const struct staff_pick *pick,
    struct arena *arena, uint32_t *ret_shown)
{
    struct store_txn *txn;
    Quanyu__Staff *staff;
    Quanyu__StaffPersonal *personal;
    uint32_t shown = 0;
    double begun = now(CLOCK_MONOTONIC);
    check(store_begin(store, STORE_READ, &txn), "state");
    for (uint32_t at = 0; shown <= PAGE && (staff = staff_pick_next(txn, pick, at, arena_allocator(arena)));
        shown++) {
        at = staff->number;
        check(staff_open_personal(vault, staff, arena, &personal), "opening");
    }
    store_abort(&txn);
    *ret_shown = shown;
    double took = now(CLOCK_MONOTONIC) - begun;
    arena_reset(arena);
    return took;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* `ret_own_ms`: the mean of processor time, which other programs hardly change. */
static double p99_ms(struct store *store, const struct staff_vault *vault, const struct staff_pick *pick,
    struct arena *arena, uint32_t *ret_shown, double *ret_own_ms)
{
    static double seconds[PAGES];
    double begun = now(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < PAGES; i++)
        seconds[i] = page(store, vault, pick, arena, ret_shown);
    *ret_own_ms = (now(CLOCK_THREAD_CPUTIME_ID) - begun) / (double)PAGES * 1e3;
    qsort(seconds, PAGES, sizeof(*seconds), compare);
    return seconds[PAGES / 100 * 99] * 1e3;
}

int main(int argc, char **argv)
{
    uint32_t count = argc == 4 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0, shown;
    uint32_t units = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
    struct staff_vault vault;
    struct arena *arena;
    if (count == 0 || units < 20 || units > UNITS_MAX || sodium_init() < 0)
        return 2;
    check(arena_open(&arena), "memory");
    struct unit_tree *tree = make_units(units);
    struct store *store = fill(argv[1], count, units, &vault, arena);
    const int any = STAFF_ANY_STATE, active = QUANYU__STAFF__STATE__ACTIVE,
              invited = QUANYU__STAFF__STATE__INVITED;
    const struct {
        const char *name;
        struct staff_pick pick;
    } lists[] = {
        {"all", {tree, UNIT_ROOT, 0, "", any}},
        {"one store", {tree, 2 + units / 2, 0, "", any}},
        {"an empty store", {tree, units, 0, "guide", active}},
        {"a store of the brand", {tree, UNIT_ROOT, 2 + units / 2, "guide", active}},
        {"a role of nobody", {tree, UNIT_ROOT, 0, "auditor", any}},
        {"a state of nobody", {tree, UNIT_ROOT, 0, "guide", invited}},
    };
    printf("{");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        double own_ms, ms = p99_ms(store, &vault, &lists[i].pick, arena, &shown, &own_ms);
        printf("%s\"%s\":{\"p99_ms\":%.3f,\"own_ms\":%.3f,\"shown\":%" PRIu32 "}", i ? "," : "",
            lists[i].name, ms, own_ms, shown);
    }
    printf("}\n");
    unit_tree_release(&tree);
    store_close(&store);
    arena_close(&arena);
    return 0;
}
