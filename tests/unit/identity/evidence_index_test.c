/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen together is found wherever it lies in the evidence: as who reads all of it finds it. */
#include "services/identity/evidence_index.h"
#include "tests/unit/identity/world.h"

#define PIECES 3000u /* 16 identifiers each: more pairs than some parts hold */
#define NODES 1000u

static uint32_t draw(uint32_t *state, uint32_t count)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)*state * count) >> 32);
}

static struct evidence make_evidence(uint32_t *state, uint64_t offset)
{
    struct evidence evidence = {.offset = offset, .count = 2 + draw(state, 15)};
    for (unsigned i = 0; i < evidence.count; i++) {
        evidence.items[i].node = 1 + draw(state, NODES);
        evidence.items[i].verified = draw(state, 3) == 0;
        evidence.items[i].alias = draw(state, 9) == 0;
    }
    return evidence;
}

static void add_some(
    struct world *world, struct evidence_index *index, uint32_t *state, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct evidence evidence = make_evidence(state, 10 * (i + 1));
        evidence_index_add(index, world->batch.txn, &evidence);
        identity_store_add_evidence(world->batch.txn, &evidence);
    }
}

struct wanted {
    uint32_t node, other;
    enum worth worth;
    uint64_t found;
    unsigned visited;
};

static bool shows(const struct evidence *evidence, const struct wanted *wanted)
{
    for (unsigned i = 0; i < evidence->count; i++)
        for (unsigned k = 0; k < evidence->count; k++)
            if (i != k && evidence->items[i].node == wanted->node &&
                evidence->items[k].node == wanted->other && evidence_worth(evidence, i, k) == wanted->worth)
                return true;
    return false;
}

static bool is_wanted(void *self, const struct evidence *evidence)
{
    struct wanted *wanted = self;
    wanted->visited++;
    if (shows(evidence, wanted))
        wanted->found = evidence->offset;
    return wanted->found;
}

static uint64_t find_by_reading_all(struct store_txn *txn, const struct wanted *wanted, uint64_t from)
{
    struct store_scan *scan = NULL;
    struct evidence evidence;
    uint64_t found = 0;
    assert_int_equal(identity_store_scan_evidence(txn, from, &scan), 0);
    while (!found && identity_store_next_evidence(txn, scan, &evidence))
        found = shows(&evidence, wanted) ? evidence.offset : 0;
    scan_close(&scan);
    return found;
}

static unsigned look_for_some(
    struct world *world, struct evidence_index *index, uint32_t *state, unsigned looks)
{
    unsigned visited = 0;
    for (unsigned i = 0; i < looks; i++) {
        struct wanted wanted = {.node = 1 + draw(state, NODES),
            .other = 1 + draw(state, NODES),
            .worth = WORTH_CLAIMED + draw(state, 3)};
        uint64_t from = draw(state, 4) ? draw(state, 10 * PIECES) : 0;
        uint64_t key = evidence_key(wanted.node, wanted.other, wanted.worth);
        assert_int_equal(
            evidence_index_search(index, world->batch.txn, &key, 1, from, is_wanted, &wanted), 0);
        assert_int_equal(wanted.found, find_by_reading_all(world->batch.txn, &wanted, from));
        visited += wanted.visited;
    }
    return visited;
}

static void what_reads_all_of_it_finds_is_found_by_reading_little(void **state)
{
    struct world *world = *state;
    struct evidence_index *index;
    uint32_t seed = (uint32_t)getpid();
    print_message("seed %u\n", seed);
    assert_int_equal(evidence_index_open(&index), 0);
    begin(world);
    add_some(world, index, &seed, 0, PIECES);
    unsigned looks = 500;
    assert_true(look_for_some(world, index, &seed, looks) < looks * PIECES / 4);
    store_abort(&world->batch.txn);
    assert_int_equal(journal_revert(world->journal), 0);
    evidence_index_close(&index);
}

static void what_was_rolled_back_is_not_found_and_what_was_kept_is(void **state)
{
    struct world *world = *state;
    struct evidence_index *index;
    uint32_t seed = 5, again;
    assert_int_equal(evidence_index_open(&index), 0);
    begin(world);
    add_some(world, index, &seed, 0, 1000);
    assert_int_equal(store_commit(&world->batch.txn), 0);
    again = seed;
    begin(world);
    add_some(world, index, &seed, 1000, 2000);
    store_abort(&world->batch.txn);
    evidence_index_forget(index);
    begin(world);
    again++;
    add_some(world, index, &again, 1000, 1700);
    (void)look_for_some(world, index, &again, 300);
    evidence_index_close(&index);
    assert_int_equal(evidence_index_open(&index), 0); /* as after a restart */
    (void)look_for_some(world, index, &again, 300);
    store_abort(&world->batch.txn);
    assert_int_equal(journal_revert(world->journal), 0);
    evidence_index_close(&index);
}

/* In parts that are closed, and in the one that goes on. */
static void what_is_worth_something_else_is_found(void **state)
{
    struct world *world = *state;
    struct evidence_index *index;
    uint32_t seed = 11;
    assert_int_equal(evidence_index_open(&index), 0);
    begin(world);
    add_some(world, index, &seed, 0, PIECES);
    for (uint64_t offset = 10; offset <= 10 * PIECES; offset += 10 * (1 + draw(&seed, 9))) {
        struct evidence evidence;
        assert_true(identity_store_evidence(world->batch.txn, offset, &evidence));
        for (unsigned i = 0; i < evidence.count; i++)
            evidence.items[i].verified = draw(&seed, 2);
        identity_store_put_evidence(world->batch.txn, &evidence);
        assert_int_equal(evidence_index_add_again(index, world->batch.txn, &evidence), 0);
    }
    assert_true(look_for_some(world, index, &seed, 500) < 500 * PIECES / 4);
    store_abort(&world->batch.txn);
    assert_int_equal(journal_revert(world->journal), 0);
    evidence_index_close(&index);
}

static void what_was_told_is_kept_with_what_followed(void **state)
{
    struct world *world = *state;
    begin(world);
    const struct evidence told = {.offset = 7,
        .count = 3,
        .attributed = 1,
        .items = {{.node = 1, .verified = true, .trusted = true},
            {.node = 2, .trusted = true, .stated = true},
            {.node = 3, .verified = true}}}; /* as it was kept before what was told was */
    struct evidence read;
    identity_store_add_evidence(world->batch.txn, &told);
    assert_true(identity_store_evidence(world->batch.txn, 7, &read));
    assert_true(read.items[0].verified && read.items[0].trusted && !read.items[0].stated);
    assert_true(!read.items[1].verified && read.items[1].trusted && read.items[1].stated);
    assert_true(read.items[2].verified && read.items[2].trusted && read.items[2].stated);
    store_abort(&world->batch.txn);
    assert_int_equal(journal_revert(world->journal), 0);
}

static void evidence_of_before_there_were_filters_gets_some(void **state)
{
    struct world *world = *state;
    struct evidence_index *index;
    uint32_t seed = 7;
    assert_int_equal(evidence_index_open(&index), 0);
    begin(world);
    for (unsigned i = 0; i < PIECES; i++) {
        struct evidence evidence = make_evidence(&seed, 10 * (i + 1));
        identity_store_add_evidence(world->batch.txn, &evidence);
    }
    assert_int_equal(identity_store_evidence_filtered(world->batch.txn), 0);
    assert_int_equal(evidence_index_load(index, world->batch.txn), 0);
    assert_true(identity_store_evidence_filtered(world->batch.txn) > 10 * PIECES / 2);
    assert_true(look_for_some(world, index, &seed, 300) < 300 * PIECES / 4);
    store_abort(&world->batch.txn);
    assert_int_equal(journal_revert(world->journal), 0);
    evidence_index_close(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_reads_all_of_it_finds_is_found_by_reading_little),
        TEST(what_was_rolled_back_is_not_found_and_what_was_kept_is),
        TEST(what_is_worth_something_else_is_found),
        TEST(what_was_told_is_kept_with_what_followed),
        TEST(evidence_of_before_there_were_filters_gets_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
