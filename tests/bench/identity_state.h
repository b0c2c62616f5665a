/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's state for a program of the benchmark, in a directory that holds none yet. */
#ifndef QY_BENCH_IDENTITY_STATE_H
#define QY_BENCH_IDENTITY_STATE_H

#include "services/identity/identity.h"
#include "tests/bench/measure.h"

#include <sys/stat.h>

/* Without the fold: identity_fold.open() is the caller's. */
static inline void identity_state_open(
    const char *directory, struct identity *identity, struct store **ret_store, struct journal **ret_journal)
{
    char path[512];
    uint8_t master[VAULT_MASTER_BYTES] = {1};
    mkdir(directory, 0700);
    snprintf(path, sizeof(path), "%s/state", directory);
    struct store_options options = {.path = path,
        .tables = identity_tables,
        .table_count = TABLE_COUNT,
        .map_bytes = UINT64_C(64) << 30,
        .schema_version = IDENTITY_SCHEMA_VERSION};
    check(store_open(&options, ret_store), "state");
    snprintf(path, sizeof(path), "%s/out", directory);
    struct journal_options journal = {.path = path, .compression = IDENTITY_COMPRESSION};
    check(journal_open(&journal, NULL, ret_journal), "identity's journal");
    check(identity_open(master, "", "CN", identity), "identity");
}

#endif
