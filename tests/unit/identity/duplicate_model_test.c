/* SPDX-License-Identifier: Apache-2.0 */
/* Weights, what they are learnt from, and the list of the likeliest. */
#include "services/identity/duplicate_list.h"
#include "services/identity/duplicate_model.h"
#include "tests/support/people.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_near(double value, double expected, double within)
{
    assert_true(fabs(value - expected) <= within);
}

static void weights_are_logarithms_of_m_over_u(void **state)
{
    (void)state;
    struct duplicate_model model;
    duplicate_model_reset(&model);
    model.m[FIELD_NAME][2] = 0.8;
    model.u[FIELD_NAME][2] = 0.1;
    assert_near(duplicate_weight(&model, FIELD_NAME, 2), 3, 1e-9);
    assert_near(duplicate_weight(&model, FIELD_NAME, LEVEL_MISSING), 0, 1e-9);
    const struct agreement nothing = {.levels = {0}}, name = {.levels = {[FIELD_NAME] = 2}};
    assert_near(duplicate_score(&model, &nothing), 0, 1e-9);
    assert_near(duplicate_score(&model, &name), 3, 1e-9);
    model.prior = 0.2; /* odds of 1 to 4; three bits make them 2 to 1 */
    assert_near(duplicate_probability(&model, 0), 0.2, 1e-9);
    assert_near(duplicate_probability(&model, 3), 2.0 / 3, 1e-9);
    assert_true(duplicate_probability(&model, 5000) <= 1 && duplicate_probability(&model, -5000) >= 0);
}

static void defaults_are_distributions(void **state)
{
    (void)state;
    struct duplicate_model model;
    duplicate_model_reset(&model);
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++) {
        double m = 0, u = 0;
        for (unsigned level = LEVEL_DIFFERENT; level < duplicate_levels(field); level++) {
            assert_true(model.m[field][level] > 0 && model.u[field][level] > 0);
            m += model.m[field][level];
            u += model.u[field][level];
        }
        assert_near(m, 1, 1e-6);
        assert_near(u, 1, 1e-6);
    }
}

/* A pair's agreement in each field, drawn after a distribution. */
static struct agreement draw(struct people *people, double distribution[FIELD_COUNT][LEVELS_MAX])
{
    struct agreement agreement;
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++) {
        double left = (double)people_draw(people, 1000000) / 1e6;
        unsigned level = LEVEL_DIFFERENT;
        while (level + 1 < duplicate_levels(field) && left >= distribution[field][level])
            left -= distribution[field][level++];
        agreement.levels[field] = (uint8_t)level;
    }
    return agreement;
}

static void what_pairs_were_drawn_after_is_learnt_again(void **state)
{
    (void)state;
    static const unsigned fixed[PASSES_MAX] = {[1] = 1u << FIELD_EMAIL, [2] = 1u << FIELD_BIRTHDAY};
    struct people people = {.seed = 7};
    struct duplicate_model truth, model;
    struct duplicate_counts *counts;
    duplicate_model_reset(&truth);
    duplicate_model_reset(&model);
    truth.m[FIELD_NAME][1] = 0.30;
    truth.m[FIELD_NAME][5] = 0.49;
    truth.u[FIELD_NAME][1] = 0.8935;
    truth.u[FIELD_NAME][2] = 0.10;
    assert_int_equal(duplicate_counts_open(fixed, &counts), 0);
    for (unsigned i = 0; i < 400000; i++) {
        struct agreement agreement = draw(&people, truth.u);
        duplicate_counts_add(counts, PASS_RANDOM, &agreement);
    }
    for (unsigned i = 0; i < 40000; i++) {
        bool one = i % 4 == 0;
        struct agreement agreement = draw(&people, one ? truth.m : truth.u);
        duplicate_counts_add(counts, 1 + i % 2, &agreement);
        duplicate_counts_add_distinct(counts, &agreement, 1);
    }
    duplicate_model_fit(&model, counts, 1e9);
    duplicate_counts_close(&counts);
    assert_near(model.m[FIELD_NAME][1], 0.30, 0.03);
    assert_near(model.m[FIELD_NAME][5], 0.49, 0.03);
    assert_near(model.u[FIELD_NAME][2], 0.10, 0.01);
    assert_near(model.prior, 1e4 / 1e9, 0.2 * 1e-5);
    assert_int_equal(model.pairs, 40000);
}

static void nothing_to_learn_from_leaves_the_defaults(void **state)
{
    (void)state;
    static const unsigned fixed[PASSES_MAX];
    struct duplicate_model model, defaults;
    struct duplicate_counts *counts;
    duplicate_model_reset(&defaults);
    duplicate_model_reset(&model);
    assert_int_equal(duplicate_counts_open(fixed, &counts), 0);
    duplicate_model_fit(&model, counts, 0);
    duplicate_counts_close(&counts);
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++)
        for (unsigned level = LEVEL_DIFFERENT; level < duplicate_levels(field); level++)
            assert_near(
                duplicate_weight(&model, field, level), duplicate_weight(&defaults, field, level), 0.01);
    assert_true(isfinite(model.prior) && model.prior > 0);
    assert_int_equal(model.pairs, 0);
}

static void add(struct duplicate_list *list, uint32_t low, uint32_t high, float score)
{
    const struct duplicate_pair pair = {.low = low, .high = high, .score = score};
    assert_int_equal(duplicate_list_add(list, &pair), 0);
}

static void the_list_holds_the_likeliest_each_once(void **state)
{
    (void)state;
    struct duplicate_list list = {.most = 100};
    for (uint32_t i = 0; i < 20000; i++)
        add(&list, i % 5000 + 1, i % 5000 + 2, (float)(i % 5000));
    size_t count;
    struct duplicate_pair *pairs = duplicate_list_take(&list, &count);
    assert_int_equal(count, 100);
    assert_true(list.overflowed);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(pairs[i].low, 5000 - i);
    free(pairs);
    duplicate_list_free(&list);
}

static void an_empty_list_is_one(void **state)
{
    (void)state;
    struct duplicate_list list = {.most = 100};
    size_t count;
    assert_null(duplicate_list_take(&list, &count));
    assert_int_equal(count, 0);
    assert_false(list.overflowed);
    duplicate_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_logarithms_of_m_over_u),
        cmocka_unit_test(defaults_are_distributions),
        cmocka_unit_test(what_pairs_were_drawn_after_is_learnt_again),
        cmocka_unit_test(nothing_to_learn_from_leaves_the_defaults),
        cmocka_unit_test(the_list_holds_the_likeliest_each_once),
        cmocka_unit_test(an_empty_list_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
