/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in numbers of a person (reference: "Metrics"), from running sums. Money is in minor units. Its sums
 * are exact: 2^64 purchases of AMOUNT_MAX stay far below 2^127. Rules, indexes and scores see them in 64 bits,
 * where what lies beyond is the end: no order of people turns round there. */
#ifndef QY_TAGGING_TOTALS_H
#define QY_TAGGING_TOTALS_H

#include "common/buffer.h"
#include "common/rule.h"

struct totals {
    uint64_t events;
    int64_t first_seen_ms, last_seen_ms; /* where there are events */
    uint64_t orders;
    uint64_t own_orders; /* in the deployment's currency */
    __int128 gross;
    int64_t first_order_ms, last_order_ms; /* where there are orders */
    uint64_t refunds;
    __int128 refunded;
};

/* Amounts beyond this, in minor units, are nobody's order: they count as no total. */
#define AMOUNT_MAX INT64_C(1000000000000000)

/* An order or a refund, as one event states it. */
struct purchase {
    int64_t time_ms;
    uint64_t origin; /* decides between equal times */
    int64_t amount;  /* 0 without a total, and in another currency */
    bool own;        /* in the deployment's currency */
    bool beyond;     /* stated an amount beyond AMOUNT_MAX; not stored */
};

/* The borders between scores, taken from all people with an order. score >= 5 - i where value >= borders[i].
 */
enum score { SCORE_RECENCY, SCORE_FREQUENCY, SCORE_MONETARY, SCORE_COUNT };
#define SCORE_BORDERS 4
struct score_borders {
    uint64_t people; /* 0: never taken */
    int64_t borders[SCORE_COUNT][SCORE_BORDERS];
};

void totals_seen(struct totals *totals, int64_t time_ms);
void totals_add_seen(struct totals *totals, uint64_t events, int64_t first_ms, int64_t last_ms);
void totals_add_order(struct totals *totals, const struct purchase *order);
/* All but first and last time: what was last is not known from the sums. */
void totals_remove_order(struct totals *totals, const struct purchase *order);
void totals_add_refund(struct totals *totals, const struct purchase *refund);
int64_t totals_revenue(const struct totals *totals); /* saturated */

/* False: absent. Units as rule_metrics says. */
bool totals_metric(const struct totals *totals, const struct score_borders *borders, enum rule_metric metric,
    int64_t *ret_units);
#define SCORES_MASK (1u << METRIC_RECENCY_SCORE | 1u << METRIC_FREQUENCY_SCORE | 1u << METRIC_MONETARY_SCORE)
/* The metrics whose values differ, a bit each; scores follow what they are taken from. */
uint32_t totals_difference(const struct totals *a, const struct totals *b);
/* A JSON object with all metrics: amounts as decimal strings with all their digits, times RFC 3339, absent ones null. Without `amounts`
 * those that are money, or tell of it, are not in it. */
void totals_json(const struct totals *totals, const struct score_borders *borders, unsigned scale,
    bool amounts, struct buffer *out);

/* True when `a` is the earlier one. */
bool purchase_before(const struct purchase *a, const struct purchase *b);

/* What a score is taken from. */
int64_t totals_score_value(const struct totals *totals, enum score score);
/* `values` of all people with an order, any order; they are moved about. */
void score_borders_take(int64_t *values, size_t count, int64_t borders[SCORE_BORDERS]);

/* Decimal places of a currency's minor unit (ISO 4217). */
unsigned currency_scale(const char *currency);

#endif
