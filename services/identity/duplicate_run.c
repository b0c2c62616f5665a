/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_run.h"

#include "services/identity/duplicate_block.h"
#include "services/identity/duplicate_list.h"
#include "services/identity/duplicate_names.h"
#include "services/identity/duplicate_read.h"

#include <stdlib.h>
#include <string.h>

#define STEP 500u /* persons read, or blocks compared, in one snapshot */
#define KEYS_EXPECTED 12u
#define PART_BYTES ((size_t)32 << 20) /* of entries in memory */
#define SAMPLE_MAX 1200u              /* persons that are compared each with each, at random */
#define LEARN_PAIRS 300000u           /* from blocks */
#define CACHE_SLOTS 16384u

/* A person who was read lately. */
struct known_record {
    struct duplicate_record record;
    unsigned key_count;
    uint64_t keys[BLOCK_KEYS_MAX];
};

struct run {
    const struct duplicate_job *job;
    struct duplicate_result *result;
    struct duplicate_progress progress;
    struct block_secret secret;
    struct block_files *files;
    struct duplicate_counts *counts; /* while it learns */
    struct name_counts *names;
    struct duplicate_list list;
    struct duplicate_record *sample;
    uint32_t sampled;
    struct known_record *cache;
    struct known_record *block; /* DUPLICATE_BLOCK_MAX */
    struct store_txn *txn;
    unsigned steps;   /* in this snapshot */
    uint64_t entries; /* of blocks that were gone through */
    uint64_t learnt;  /* pairs of blocks */
};

/* -- snapshots -- */

/* A snapshot of now, from time to time: an old one keeps pages alive that are free. */
static int renew(struct run *run)
{
    if (run->txn && ++run->steps < STEP)
        return 0;
    store_abort(&run->txn);
    run->steps = 0;
    run->progress.found = run->list.count;
    if (!run->job->go_on(run->job->self, &run->progress))
        return -QY_ESTOPPED;
    return run->job->snapshot(run->job->self, &run->txn);
}

/* -- reading -- */

/* Each person has the same chance to be in the sample (Vitter's algorithm R). */
static void draw(struct run *run, const struct duplicate_record *record)
{
    uint64_t seen = run->progress.persons_read;
    if (run->sampled < SAMPLE_MAX) {
        run->sample[run->sampled++] = *record;
        return;
    }
    uint32_t place = randombytes_uniform((uint32_t)seen + 1);
    if (place < SAMPLE_MAX)
        run->sample[place] = *record;
}

static int take_person(struct run *run, uint32_t person)
{
    struct duplicate_record record;
    uint64_t keys[BLOCK_KEYS_MAX];
    int error = duplicate_read(run->job->identity, run->txn, person, &record);
    if (error)
        return error;
    draw(run, &record);
    name_counts_add(run->names, &record.sorted);
    unsigned count = block_keys(&run->secret, &record, keys);
    sodium_memzero(&record, sizeof(record));
    run->progress.persons_read++;
    return block_files_add(run->files, keys, count, person);
}

static int read_persons(struct run *run)
{
    uint32_t person = 0;
    int error = renew(run);
    run->progress.phase = "reading";
    while (!error && duplicate_store_person_after(run->txn, person, &person)) {
        error = take_person(run, person);
        if (!error)
            error = renew(run);
    }
    if (!error)
        error = store_error(run->txn);
    run->result->persons = run->progress.persons_read;
    return error ? error : block_files_finish(run->files);
}

/* -- blocks -- */

typedef int pair_fn(
    struct run *run, unsigned pass, const struct known_record *one, const struct known_record *other);

static int load(struct run *run, uint32_t person, struct known_record *ret_known)
{
    struct known_record *known = &run->cache[person % CACHE_SLOTS];
    if (known->record.person != person) {
        int error = duplicate_read(run->job->identity, run->txn, person, &known->record);
        if (error) {
            known->record.person = 0;
            return error;
        }
        known->key_count = block_keys(&run->secret, &known->record, known->keys);
    }
    *ret_known = *known;
    return 0;
}

static int go_through_block(struct run *run, const struct block_entry *entries, size_t count, pair_fn *pair)
{
    int error = renew(run);
    for (size_t i = 0; !error && i < count; i++)
        error = load(run, entries[i].person, &run->block[i]);
    for (size_t i = 0; !error && i < count; i++)
        for (size_t k = i + 1; !error && k < count; k++)
            error = pair(run, block_pass_of(entries[0].key), &run->block[i], &run->block[k]);
    return error;
}

/* All blocks of a part, until `most` comparisons were made in all. */
static int go_through_part(struct run *run, unsigned part, pair_fn *pair, uint64_t most, const uint64_t *made)
{
    const struct block_entry *entries;
    size_t count;
    int error = block_files_part(run->files, part, &entries, &count);
    for (size_t begin = 0, end; !error && begin < count && *made < most; begin = end) {
        for (end = begin + 1; end < count && entries[end].key == entries[begin].key;)
            end++;
        run->entries += end - begin;
        if (end - begin > DUPLICATE_BLOCK_MAX)
            run->result->passed_over++;
        else if (end - begin > 1)
            error = go_through_block(run, entries + begin, end - begin, pair);
    }
    return error;
}

/* -- learning -- */

static unsigned count_shared(const struct known_record *one, const struct known_record *other)
{
    unsigned shared = 0;
    for (unsigned i = 0; i < one->key_count; i++)
        for (unsigned k = 0; k < other->key_count; k++)
            shared += one->keys[i] == other->keys[k];
    return shared;
}

static int learn_pair(
    struct run *run, unsigned pass, const struct known_record *one, const struct known_record *other)
{
    struct agreement agreement;
    unsigned shared = count_shared(one, other);
    if (shared == 0)
        return 0; /* one of them has changed since */
    duplicate_compare(&one->record, &other->record, &agreement);
    duplicate_counts_add(run->counts, pass, &agreement);
    duplicate_counts_add_distinct(run->counts, &agreement, 1.0 / shared);
    run->learnt++;
    return 0;
}

static void learn_at_random(struct run *run)
{
    for (uint32_t i = 0; i < run->sampled; i++) {
        for (uint32_t k = i + 1; k < run->sampled; k++) {
            struct agreement agreement;
            duplicate_compare(&run->sample[i], &run->sample[k], &agreement);
            duplicate_counts_add(run->counts, PASS_RANDOM, &agreement);
        }
    }
}

static int learn(struct run *run)
{
    int error = 0;
    double persons = (double)run->result->persons;
    run->progress.phase = "learning";
    learn_at_random(run);
    for (unsigned part = 0; !error && part < block_files_parts(run->files) && run->learnt < LEARN_PAIRS;
        part++)
        error = go_through_part(run, part, learn_pair, LEARN_PAIRS, &run->learnt);
    uint64_t entries = block_files_entries(run->files);
    double share = entries ? (double)run->entries / (double)entries : 0;
    if (!error)
        duplicate_model_fit(&run->result->model, run->counts, share * persons * (persons - 1) / 2);
    run->entries = run->result->passed_over = 0;
    return error;
}

/* -- comparing -- */

static bool is_same_name(const struct agreement *agreement)
{
    return agreement->levels[FIELD_NAME] == duplicate_levels(FIELD_NAME) - 1;
}

static int compare_pair(
    struct run *run, unsigned pass, const struct known_record *one, const struct known_record *other)
{
    (void)pass;
    struct duplicate_pair pair;
    duplicate_compare(&one->record, &other->record, &pair.agreement);
    run->progress.comparisons++;
    double rarity = is_same_name(&pair.agreement)
                        ? name_counts_rarity(run->names, &run->result->model, &one->record.sorted)
                        : 0;
    double score = duplicate_score(&run->result->model, &pair.agreement) + rarity;
    double probability = duplicate_probability(&run->result->model, score);
    if (probability < run->job->least_probability)
        return 0;
    bool ascending = one->record.person < other->record.person;
    pair.low = ascending ? one->record.person : other->record.person;
    pair.high = ascending ? other->record.person : one->record.person;
    pair.score = (float)score;
    pair.rarity = (float)rarity;
    pair.probability = (float)probability;
    if (duplicate_store_is_dismissed(run->txn, pair.low, pair.high) ||
        duplicate_store_are_apart(run->txn, pair.low, pair.high))
        return store_error(run->txn);
    return duplicate_list_add(&run->list, &pair);
}

static int compare(struct run *run)
{
    int error = 0;
    unsigned parts = block_files_parts(run->files), part = 0;
    uint64_t most = run->job->comparisons_max, entries = block_files_entries(run->files);
    run->progress.phase = "comparing";
    for (; !error && part < parts && run->progress.comparisons < most; part++) {
        error = go_through_part(run, part, compare_pair, most, &run->progress.comparisons);
        run->progress.share = entries ? (double)run->entries / (double)entries : 1;
    }
    run->result->comparisons = run->progress.comparisons;
    run->result->complete = run->entries == entries && !run->list.overflowed;
    return error;
}

/* -- the whole -- */

static int open_run(struct run *run, uint64_t persons)
{
    randombytes_buf(run->secret.bytes, sizeof(run->secret.bytes));
    run->sample = calloc(SAMPLE_MAX, sizeof(*run->sample));
    run->cache = calloc(CACHE_SLOTS, sizeof(*run->cache));
    run->block = calloc(DUPLICATE_BLOCK_MAX, sizeof(*run->block));
    if (!run->sample || !run->cache || !run->block)
        return -QY_ENOMEM;
    duplicate_model_reset(&run->result->model);
    run->list = (struct duplicate_list){.most = run->job->pairs_max};
    int error = duplicate_counts_open(block_fixed, &run->counts);
    if (!error)
        error = name_counts_open(&run->secret, persons, &run->names);
    return error ? error
                 : block_files_open(run->job->directory, persons * KEYS_EXPECTED, PART_BYTES, &run->files);
}

static void free_wiped(void *memory, size_t size)
{
    if (memory)
        sodium_memzero(memory, size);
    free(memory);
}

static void close_run(struct run *run)
{
    store_abort(&run->txn);
    free_wiped(run->sample, SAMPLE_MAX * sizeof(*run->sample));
    free_wiped(run->cache, CACHE_SLOTS * sizeof(*run->cache));
    free_wiped(run->block, DUPLICATE_BLOCK_MAX * sizeof(*run->block));
    duplicate_counts_close(&run->counts);
    name_counts_close(&run->names);
    block_files_close(&run->files);
    duplicate_list_free(&run->list);
    sodium_memzero(&run->secret, sizeof(run->secret));
}

int duplicate_run(const struct duplicate_job *job, struct duplicate_result *ret_result)
{
    *ret_result = (struct duplicate_result){.pairs = NULL};
    struct run run = {.job = job, .result = ret_result, .progress = {.phase = "reading"}};
    struct identity_counters counters = {0};
    int error = renew(&run);
    if (!error)
        identity_store_counters(run.txn, &counters);
    ret_result->moves = counters.moves;
    if (!error)
        error = open_run(&run, counters.persons);
    if (!error)
        error = read_persons(&run);
    if (!error)
        error = learn(&run);
    if (!error)
        error = compare(&run);
    if (!error)
        ret_result->pairs = duplicate_list_take(&run.list, &ret_result->count);
    close_run(&run);
    return error;
}

void duplicate_result_free(struct duplicate_result *result)
{
    free(result->pairs);
    *result = (struct duplicate_result){.pairs = NULL};
}
