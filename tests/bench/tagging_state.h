/* SPDX-License-Identifier: Apache-2.0 */
/* Tagging's state for a program of the benchmark, in a directory that holds none yet. */
#ifndef QY_BENCH_TAGGING_STATE_H
#define QY_BENCH_TAGGING_STATE_H

#include "services/tagging/tagging.h"
#include "tests/bench/measure.h"

static inline void tagging_state_begin(
    struct tagging *tagging, struct store *store, int64_t now_ms, struct batch *batch)
{
    check(store_begin(store, STORE_WRITE, &batch->txn), "state");
    batch->now_ms = now_ms;
    if (tagging->registry)
        check(tagging_begin(tagging, batch), "begin");
}

static inline void tagging_state_commit(struct tagging *tagging, struct batch *batch)
{
    check(tagging_fold.finish(tagging, batch), "finish");
    check(store_commit(&batch->txn), "state");
}

/* The fold is open, in a batch that has begun. */
static inline void tagging_state_open(const char *directory, int64_t now_ms, struct tagging *tagging,
    struct store **ret_store, struct batch *batch)
{
    struct store_options options = {.path = directory,
        .tables = tagging_tables,
        .table_count = TAGGING_TABLES,
        .map_bytes = UINT64_C(64) << 30,
        .schema_version = TAGGING_SCHEMA};
    check(store_open(&options, ret_store), "state");
    tagging_set_currency(tagging, "CNY");
    tagging_state_begin(tagging, *ret_store, now_ms, batch);
    check(tagging_fold.open(tagging, batch), "open");
}

#endif
