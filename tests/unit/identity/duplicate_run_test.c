/* SPDX-License-Identifier: Apache-2.0 */
/* The whole search over a state that events made, on people whose duplicates are known. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(most_duplicates_are_found_and_few_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
