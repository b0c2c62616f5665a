/* SPDX-License-Identifier: Apache-2.0 */
/* The whole search over a state that events made, on people whose duplicates are known. */
#include "services/identity/duplicate_read.h"
#include "services/identity/duplicate_run.h"
#include "tests/support/people.h"
#include "tests/unit/identity/world.h"

#include <sodium.h>

#define ORIGINALS 8000u

static int snapshot(void *self, struct store_txn **ret_txn)
{
    struct world *world = self;
    return store_begin(world->store, STORE_READ, ret_txn);
}

static bool go_on(void *self, const struct duplicate_progress *progress)
{
    (void)self;
    return progress->phase != NULL;
}

static struct duplicate_job job_of(struct world *world)
{
    return (struct duplicate_job){.identity = &world->identity,
        .snapshot = snapshot,
        .go_on = go_on,
        .self = world,
        .directory = world->path,
        .comparisons_max = UINT64_C(1) << 40,
        .pairs_max = 100000,
        .least_probability = 0.5};
}

static void add_someone(struct world *world, const struct someone *one, uint32_t number)
{
    char body[1200];
    people_register(one, number, body, sizeof(body));
    add(world, IDENTIFY, 2000, body);
}

/* In the order in which they came. */
static uint32_t *persons_of(struct world *world, size_t count)
{
    uint32_t *persons = calloc(count, sizeof(*persons)), person = 0;
    struct store_txn *txn;
    size_t found = 0;
    assert_int_equal(store_begin(world->store, STORE_READ, &txn), 0);
    while (duplicate_store_person_after(txn, person, &person)) {
        assert_true(found < count);
        persons[found++] = person;
    }
    store_abort(&txn);
    assert_int_equal(found, count);
    return persons;
}

struct made {
    size_t count, pairs;
    uint32_t *humans; /* by place */
    uint32_t *persons;
};

static void make_people(struct world *world, uint64_t seed, struct made *ret_made)
{
    struct people people = {.seed = seed};
    struct someone *originals = calloc(ORIGINALS, sizeof(*originals));
    struct made made = {.humans = calloc(3 * ORIGINALS, sizeof(uint32_t))};
    begin(world);
    for (uint32_t i = 0; i < ORIGINALS; i++) {
        bool household = i > 0 && people_chance(&people, 15);
        people_original(&people, i, household ? &originals[i - 1] : NULL, &originals[i]);
        made.humans[made.count] = i;
        add_someone(world, &originals[i], (uint32_t)made.count++);
    }
    for (uint32_t i = 0; i < ORIGINALS; i++) {
        unsigned copies = people_chance(&people, 20) ? 1 + people_chance(&people, 20) : 0;
        made.pairs += copies == 2 ? 3 : copies;
        for (unsigned k = 0; k < copies; k++) {
            struct someone copy;
            people_duplicate(&people, &originals[i], &copy);
            made.humans[made.count] = i;
            add_someone(world, &copy, (uint32_t)made.count++);
        }
    }
    commit(world);
    made.persons = persons_of(world, made.count);
    free(originals);
    *ret_made = made;
}

static size_t place_of(const struct made *made, uint32_t person)
{
    size_t low = 0, high = made->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (made->persons[middle] <= person)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool is_right(const struct made *made, const struct duplicate_pair *pair)
{
    return made->humans[place_of(made, pair->low)] == made->humans[place_of(made, pair->high)];
}

/* Precision and recall of all that is at least so likely. */
static void measure(const struct made *made, const struct duplicate_result *result, double least,
    double *ret_precision, double *ret_recall)
{
    size_t listed = 0, right = 0;
    for (size_t i = 0; i < result->count; i++) {
        if (result->pairs[i].probability < least)
            continue;
        listed++;
        right += is_right(made, &result->pairs[i]);
    }
    *ret_precision = listed ? (double)right / (double)listed : 1;
    *ret_recall = (double)right / (double)made->pairs;
    print_message(
        "at %.3f: %zu listed, precision %.4f, recall %.4f\n", least, listed, *ret_precision, *ret_recall);
}

static void print_model(const struct duplicate_model *model)
{
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++) {
        print_message("%-9s", duplicate_field_name(field));
        for (unsigned level = LEVEL_DIFFERENT; level < duplicate_levels(field); level++)
            print_message(
                " %s %.1f", duplicate_level_name(field, level), duplicate_weight(model, field, level));
        print_message("\n");
    }
}

static void most_duplicates_are_found_and_few_others(void **state)
{
    struct world *world = *state;
    struct made made;
    struct duplicate_result result;
    double precision, recall;
    uint64_t seed;
    randombytes_buf(&seed, sizeof(seed));
    print_message("seed %llu\n", (unsigned long long)seed);
    make_people(world, seed, &made);
    const struct duplicate_job job = job_of(world);
    assert_int_equal(duplicate_run(&job, &result), 0);
    print_message("%zu persons, %zu pairs, %llu comparisons, prior %.2e\n", made.count, made.pairs,
        (unsigned long long)result.comparisons, result.model.prior);
    print_model(&result.model);
    for (double least = 0.5; least < 1; least += 0.1)
        measure(&made, &result, least, &precision, &recall);
    measure(&made, &result, 0.9, &precision, &recall);
    assert_true(result.complete);
    assert_int_equal(result.persons, made.count);
    assert_true(precision >= 0.95);
    assert_true(recall >= 0.85);
    duplicate_result_free(&result);
    free(made.humans);
    free(made.persons);
}

/* Two who are one beyond doubt, and somebody else. */
static void add_twins(struct world *world)
{
    begin(world);
    add(world, IDENTIFY, 2000,
        "{\"type\":\"identify\",\"userId\":\"a\",\"traits\":{\"name\":\"王小明\",\"birthday\":\"1990-05-12\","
        "\"email\":\"xiaoming90@a.com\"}}");
    add(world, IDENTIFY, 2000,
        "{\"type\":\"identify\",\"userId\":\"b\",\"traits\":{\"name\":\"王小明\",\"birthday\":\"1990-05-12\","
        "\"email\":\"xiaoming90@b.com\"}}");
    add(world, IDENTIFY, 2000,
        "{\"type\":\"identify\",\"userId\":\"c\",\"traits\":{\"name\":\"李伟\",\"birthday\":\"1980-01-02\"}"
        "}");
    commit(world);
}

static void few_people_are_judged_by_defaults(void **state)
{
    struct world *world = *state;
    struct duplicate_result result;
    const struct duplicate_job job = job_of(world);
    add_twins(world);
    assert_int_equal(duplicate_run(&job, &result), 0);
    assert_int_equal(result.persons, 3);
    assert_int_equal(result.count, 1);
    assert_true(result.pairs[0].low == look_up(world, "user_id", "a")->person);
    assert_true(result.pairs[0].high == look_up(world, "user_id", "b")->person);
    duplicate_result_free(&result);
}

/* Traits that others have as well are compared, but not shown twice. */
static void gender_and_city_count_and_are_shown_elsewhere(void **state)
{
    struct world *world = *state;
    struct duplicate_record record;
    struct store_txn *txn;
    fold(world, IDENTIFY, 2000,
        "{\"type\":\"identify\",\"userId\":\"a\",\"traits\":{\"gender\":\"女\",\"city\":\"上海市\",\"name\":"
        "\"王芳\"}}");
    assert_int_equal(store_begin(world->store, STORE_READ, &txn), 0);
    assert_int_equal(
        duplicate_read(&world->identity, txn, look_up(world, "user_id", "a")->person, &record), 0);
    store_abort(&txn);
    assert_int_equal(record.gender, 'f');
    assert_int_equal(record.city.size, 2);
    assert_bytes_equal(look_up(world, "user_id", "a")->traits, "{\"name\":\"王*\"}");
    assert_bytes_equal(last_event(world)->traits, "{\"gender\":\"女\",\"city\":\"上海市\"}");
}

static void nobody_is_no_error(void **state)
{
    struct world *world = *state;
    struct duplicate_result result;
    const struct duplicate_job job = job_of(world);
    assert_int_equal(duplicate_run(&job, &result), 0);
    assert_int_equal(result.count, 0);
    assert_true(result.complete);
    duplicate_result_free(&result);
}

static void who_was_dismissed_is_not_found_again(void **state)
{
    struct world *world = *state;
    struct duplicate_result result;
    struct store_txn *txn;
    Quanyu__DuplicateDismissal dismissal = QUANYU__DUPLICATE_DISMISSAL__INIT;
    const struct duplicate_job job = job_of(world);
    add_twins(world);
    assert_int_equal(store_begin(world->store, STORE_WRITE, &txn), 0);
    duplicate_store_dismiss(
        txn, look_up(world, "user_id", "a")->person, look_up(world, "user_id", "b")->person, &dismissal);
    assert_int_equal(store_commit(&txn), 0);
    assert_int_equal(duplicate_run(&job, &result), 0);
    assert_int_equal(result.count, 0);
    duplicate_result_free(&result);
}

static bool stop_at_once(void *self, const struct duplicate_progress *progress)
{
    (void)self;
    (void)progress;
    return false;
}

static void who_is_told_to_stop_stops(void **state)
{
    struct world *world = *state;
    struct duplicate_result result;
    struct duplicate_job job = job_of(world);
    job.go_on = stop_at_once;
    assert_int_equal(duplicate_run(&job, &result), -QY_ESTOPPED);
    duplicate_result_free(&result);
}

static void a_budget_that_is_spent_is_told(void **state)
{
    struct world *world = *state;
    struct duplicate_result result;
    struct duplicate_job job = job_of(world);
    job.comparisons_max = 1;
    add_twins(world);
    assert_int_equal(duplicate_run(&job, &result), 0);
    assert_int_equal(result.comparisons, 1);
    assert_false(result.complete);
    duplicate_result_free(&result);
}

/* Of two searches, one that was cut off. */
static void pairs_of_other_searches_are_swept(void **state)
{
    struct world *world = *state;
    struct store_txn *txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct duplicate_pair pair = {.low = 1, .high = 2, .score = -3.5f, .probability = 0.25f, .rarity = -1.5f},
                          read;
    uint32_t rank;
    pair.agreement.levels[FIELD_NAME] = 3;
    assert_int_equal(store_begin(world->store, STORE_WRITE, &txn), 0);
    for (uint64_t search = 1; search <= 3; search++)
        for (uint32_t i = 0; i < 10; i++)
            duplicate_store_add_pairs(txn, search, i, &pair, 1);
    assert_int_equal(duplicate_store_sweep(txn, 2, 15), 15);
    assert_int_equal(duplicate_store_sweep(txn, 2, 15), 5);
    assert_int_equal(duplicate_store_sweep(txn, 2, 15), 0);
    assert_int_equal(duplicate_store_scan_pairs(txn, 2, 4, &scan), 0);
    assert_true(duplicate_store_next_pair(txn, scan, &rank, &read));
    assert_int_equal(rank, 4);
    assert_true(read.score <= -3.499f && read.score >= -3.501f);
    assert_true(read.rarity <= -1.499f && read.rarity >= -1.501f);
    assert_true(read.probability > 0.249f && read.probability < 0.251f);
    assert_memory_equal(&read.agreement, &pair.agreement, sizeof(read.agreement));
    scan_close(&scan);
    store_abort(&txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(most_duplicates_are_found_and_few_others),
        TEST(few_people_are_judged_by_defaults),
        TEST(gender_and_city_count_and_are_shown_elsewhere),
        TEST(nobody_is_no_error),
        TEST(who_was_dismissed_is_not_found_again),
        TEST(who_is_told_to_stop_stops),
        TEST(a_budget_that_is_spent_is_told),
        TEST(pairs_of_other_searches_are_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
