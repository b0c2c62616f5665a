/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/totals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static const struct score_borders no_borders;

static void average_is_rounded_half_away_from_zero(void **state)
{
    (void)state;
    struct totals totals = {0};
    int64_t units;
    assert_false(totals_metric(&totals, &no_borders, METRIC_AVERAGE_ORDER, &units));
    totals_add_order(&totals, &(struct purchase){.time_ms = 1, .amount = 100, .own = true});
    totals_add_order(&totals, &(struct purchase){.time_ms = 2, .amount = 101, .own = true});
    assert_true(totals_metric(&totals, &no_borders, METRIC_AVERAGE_ORDER, &units));
    assert_int_equal(units, 101);
    totals_add_order(&totals, &(struct purchase){.time_ms = 3, .own = false});
    assert_true(totals_metric(&totals, &no_borders, METRIC_AVERAGE_ORDER, &units));
    assert_int_equal(units, 101); /* the foreign one is no divisor */
    assert_true(totals_metric(&totals, &no_borders, METRIC_ORDERS, &units));
    assert_int_equal(units, 3);
}

static void foreign_orders_alone_have_no_average(void **state)
{
    (void)state;
    struct totals totals = {0};
    int64_t units;
    totals_add_order(&totals, &(struct purchase){.time_ms = 3, .own = false});
    assert_false(totals_metric(&totals, &no_borders, METRIC_AVERAGE_ORDER, &units));
    assert_true(totals_metric(&totals, &no_borders, METRIC_LAST_ORDER_AT, &units));
}

static void sums_beyond_64_bits_stay_exact(void **state)
{
    (void)state;
    const struct purchase largest = {.time_ms = 1, .amount = AMOUNT_MAX, .own = true};
    _cleanup_(buffer_free) struct buffer shown = BUFFER_INIT;
    struct totals totals = {0};
    int64_t units;
    for (int i = 0; i < 20000; i++)
        totals_add_order(&totals, &largest);
    assert_true(totals_metric(&totals, &no_borders, METRIC_GROSS, &units));
    assert_true(units == INT64_MAX); /* as rules and scores see it */
    assert_true(totals_metric(&totals, &no_borders, METRIC_AVERAGE_ORDER, &units));
    assert_true(units == AMOUNT_MAX);
    totals_json(&totals, &no_borders, 2, true, &shown);
    assert_non_null(strstr(
        buffer_c_str(&shown), "\"gross\":\"200000000000000000.00\",\"revenue\":\"200000000000000000.00\""));
    for (int i = 0; i < 19999; i++)
        totals_add_refund(&totals, &largest);
    assert_true(totals_revenue(&totals) == AMOUNT_MAX);
    for (int i = 0; i < 20000; i++)
        totals_remove_order(&totals, &largest);
    assert_true(totals_revenue(&totals) == INT64_MIN);
    assert_true(totals.gross == 0);
}

static void difference_names_what_changed(void **state)
{
    (void)state;
    struct totals before = {0}, after = {0};
    totals_seen(&after, 10);
    assert_int_equal(totals_difference(&before, &after),
        1u << METRIC_EVENTS | 1u << METRIC_FIRST_SEEN_AT | 1u << METRIC_LAST_SEEN_AT);
    before = after;
    totals_seen(&after, 5);
    assert_int_equal(totals_difference(&before, &after), 1u << METRIC_EVENTS | 1u << METRIC_FIRST_SEEN_AT);
    assert_int_equal(totals_difference(&after, &after), 0);
}

static int64_t naive_score(const int64_t *values, int64_t count, int64_t value)
{
    int64_t better = 0;
    for (int64_t i = 0; i < count; i++)
        better += values[i] > value;
    return 5 - 5 * better / count;
}

static void borders_give_the_scores_of_the_definition(void **state)
{
    (void)state;
    srand(7);
    for (size_t round = 0; round < 300; round++) {
        int64_t values[200], moved[200];
        size_t count = (size_t)(rand() % 199) + 1;
        int spread = rand() % 50 + 1;
        for (size_t i = 0; i < count; i++)
            values[i] = moved[i] = rand() % spread;
        struct score_borders borders = {.people = count};
        score_borders_take(moved, count, borders.borders[SCORE_FREQUENCY]);
        for (int64_t value = 0; value < spread; value++) {
            struct totals totals = {.orders = (uint64_t)value};
            int64_t units;
            if (value == 0)
                continue; /* nobody with an order has none */
            assert_true(totals_metric(&totals, &borders, METRIC_FREQUENCY_SCORE, &units));
            int64_t expected = naive_score(values, (int64_t)count, value);
            assert_int_equal(units, expected < 1 ? 1 : expected);
        }
    }
}

static void currencies_have_their_own_minor_units(void **state)
{
    (void)state;
    assert_int_equal(currency_scale("CNY"), 2);
    assert_int_equal(currency_scale("JPY"), 0);
    assert_int_equal(currency_scale("KWD"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(average_is_rounded_half_away_from_zero),
        cmocka_unit_test(foreign_orders_alone_have_no_average),
        cmocka_unit_test(sums_beyond_64_bits_stay_exact),
        cmocka_unit_test(difference_names_what_changed),
        cmocka_unit_test(borders_give_the_scores_of_the_definition),
        cmocka_unit_test(currencies_have_their_own_minor_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
