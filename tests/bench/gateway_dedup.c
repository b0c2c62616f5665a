/* SPDX-License-Identifier: Apache-2.0 */
/* What remembering message ids costs a commit, while they become many: ids that are all new, so many a commit, each commit durable; and
 * then how long it takes to know one again. Usage: bench_gateway_dedup DIRECTORY IDS IDS_A_COMMIT. DIRECTORY must not hold state. */
#include "services/gateway/dedup.h"
#include "tests/bench/measure.h"

#include <sodium.h>
#include <string.h>

#define BEGUN_MS INT64_C(3600000)
#define AGAIN UINT64_C(200000)

/* Of one commit, in seconds: of the clock, and of the processor without the store's own commit. */
struct cost {
    double all, own;
};

static void hash_of(uint64_t number, uint8_t ret_hash[HASH_BYTES])
{
    crypto_generichash(ret_hash, HASH_BYTES, (const uint8_t *)&number, sizeof(number), NULL, 0);
}

static struct cost take(struct store *store, struct dedup *dedup, const struct hash *hashes, size_t count)
{
    struct store_txn *txn;
    double begun = now(CLOCK_MONOTONIC), own_begun = now(CLOCK_THREAD_CPUTIME_ID);
    check(store_begin(store, STORE_WRITE, &txn), "state");
    for (size_t i = 0; i < count; i++) {
        if (i + 8 < count)
            dedup_expect(dedup, hashes[i + 8].bytes);
        check(dedup_check(dedup, txn, hashes[i].bytes) ? -QY_ECONFLICT : 0, "a new id");
    }
    dedup_finish(dedup, txn, BEGUN_MS);
    double own = now(CLOCK_THREAD_CPUTIME_ID) - own_begun;
    check(store_commit(&txn), "state");
    dedup_committed(dedup);
    return (struct cost){.all = now(CLOCK_MONOTONIC) - begun, .own = own};
}

static double again_us(struct store *store, struct dedup *dedup, uint64_t ids)
{
    uint8_t hash[HASH_BYTES];
    uint64_t seed = 7;
    struct store_txn *txn;
    double spent = 0;
    check(store_begin(store, STORE_WRITE, &txn), "state");
    for (uint64_t i = 0; i < AGAIN; i++) {
        hash_of(pick_below(&seed, ids), hash);
        double begun = now(CLOCK_THREAD_CPUTIME_ID);
        check(dedup_check(dedup, txn, hash) ? 0 : -QY_ENOTFOUND, "a known id");
        spent += now(CLOCK_THREAD_CPUTIME_ID) - begun;
    }
    store_abort(&txn);
    dedup_discard(dedup);
    return spent / (double)AGAIN * 1e6;
}

static void open_state(const char *directory, struct store **ret_store, struct dedup **ret_dedup)
{
    static const char *const tables[] = {"seen"};
    const struct store_options options = {.path = directory,
        .tables = tables,
        .table_count = 1,
        .map_bytes = UINT64_C(1) << 36,
        .schema_version = 1};
    struct store_txn *txn;
    check(store_open(&options, ret_store), "state");
    check(store_begin(*ret_store, STORE_WRITE, &txn), "state");
    check(dedup_open(txn, 0, ret_dedup), "state");
    check(store_commit(&txn), "state");
}

int main(int argc, char **argv)
{
    if (argc != 4 || sodium_init() < 0)
        return 2;
    uint64_t ids = strtoull(argv[2], NULL, 10), commits = 0, next = 0;
    size_t count = strtoull(argv[3], NULL, 10);
    struct hash *hashes = calloc(count, sizeof(*hashes));
    struct store *store;
    struct dedup *dedup;
    struct cost sum = {0}, worst = {0};
    open_state(argv[1], &store, &dedup);
    for (; hashes && next + count <= ids; commits++) {
        for (size_t i = 0; i < count; i++)
            hash_of(next++, hashes[i].bytes);
        struct cost cost = take(store, dedup, hashes, count);
        sum.all += cost.all;
        sum.own += cost.own;
        worst.all = cost.all > worst.all ? cost.all : worst.all;
        worst.own = cost.own > worst.own ? cost.own : worst.own;
    }
    printf(
        "{\"ids\":%" PRIu64
        ",\"mean_ms\":%.2f,\"worst_ms\":%.2f,\"own_mean_ms\":%.2f,\"own_worst_ms\":%.2f,\"again_us\":%.2f}\n",
        next, sum.all / (double)commits * 1e3, worst.all * 1e3, sum.own / (double)commits * 1e3,
        worst.own * 1e3, again_us(store, dedup, next));
    dedup_close(&dedup);
    store_close(&store);
    free(hashes);
    return 0;
}
