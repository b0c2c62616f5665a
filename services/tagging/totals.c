/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/totals.h"

#include <string.h>
#include <strings.h>

void totals_add_seen(struct totals *totals, uint64_t events, int64_t first_ms, int64_t last_ms)
{
    if (events == 0)
        return;
    if (totals->events == 0 || first_ms < totals->first_seen_ms)
        totals->first_seen_ms = first_ms;
    if (totals->events == 0 || last_ms > totals->last_seen_ms)
        totals->last_seen_ms = last_ms;
    totals->events += events;
}

void totals_seen(struct totals *totals, int64_t time_ms)
{
    totals_add_seen(totals, 1, time_ms, time_ms);
}

void totals_add_order(struct totals *totals, const struct purchase *order)
{
    if (totals->orders == 0 || order->time_ms < totals->first_order_ms)
        totals->first_order_ms = order->time_ms;
    if (totals->orders == 0 || order->time_ms > totals->last_order_ms)
        totals->last_order_ms = order->time_ms;
    totals->orders++;
    totals->own_orders += order->own;
    totals->gross += order->amount;
}

void totals_remove_order(struct totals *totals, const struct purchase *order)
{
    totals->orders--;
    totals->own_orders -= order->own;
    totals->gross -= order->amount;
}

void totals_add_refund(struct totals *totals, const struct purchase *refund)
{
    totals->refunds++;
    totals->refunded += refund->amount;
}

int64_t totals_revenue(const struct totals *totals)
{
    return saturate(totals->gross - totals->refunded);
}

bool purchase_before(const struct purchase *a, const struct purchase *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->origin < b->origin;
}

int64_t totals_score_value(const struct totals *totals, enum score score)
{
    switch (score) {
    case SCORE_RECENCY:
        return totals->last_order_ms;
    case SCORE_FREQUENCY:
        return (int64_t)totals->orders;
    default:
        return totals_revenue(totals);
    }
}

static bool score_of(
    const struct totals *totals, const struct score_borders *borders, enum score score, int64_t *ret_units)
{
    if (totals->orders == 0 || borders->people == 0)
        return false;
    int64_t value = totals_score_value(totals, score);
    *ret_units = 1;
    for (int i = 0; i < SCORE_BORDERS; i++)
        if (value >= borders->borders[score][i]) {
            *ret_units = 5 - i;
            break;
        }
    return true;
}

static __int128 average_order(const struct totals *totals)
{
    return totals->own_orders == 0 ? 0 : divide_half_away(totals->gross, (int64_t)totals->own_orders);
}

bool totals_metric(const struct totals *totals, const struct score_borders *borders, enum rule_metric metric,
    int64_t *ret_units)
{
    switch (metric) {
    case METRIC_ORDERS:
        *ret_units = (int64_t)totals->orders;
        return true;
    case METRIC_REFUNDS:
        *ret_units = (int64_t)totals->refunds;
        return true;
    case METRIC_GROSS:
        *ret_units = saturate(totals->gross);
        return true;
    case METRIC_REVENUE:
        *ret_units = totals_revenue(totals);
        return true;
    case METRIC_AVERAGE_ORDER:
        *ret_units = saturate(average_order(totals));
        return totals->own_orders > 0;
    case METRIC_FIRST_ORDER_AT:
        *ret_units = totals->first_order_ms;
        return totals->orders > 0;
    case METRIC_LAST_ORDER_AT:
        *ret_units = totals->last_order_ms;
        return totals->orders > 0;
    case METRIC_FIRST_SEEN_AT:
        *ret_units = totals->first_seen_ms;
        return totals->events > 0;
    case METRIC_LAST_SEEN_AT:
        *ret_units = totals->last_seen_ms;
        return totals->events > 0;
    case METRIC_EVENTS:
        *ret_units = (int64_t)totals->events;
        return true;
    case METRIC_RECENCY_SCORE:
        return score_of(totals, borders, SCORE_RECENCY, ret_units);
    case METRIC_FREQUENCY_SCORE:
        return score_of(totals, borders, SCORE_FREQUENCY, ret_units);
    case METRIC_MONETARY_SCORE:
        return score_of(totals, borders, SCORE_MONETARY, ret_units);
    default:
        return false;
    }
}

uint32_t totals_difference(const struct totals *a, const struct totals *b)
{
    static const uint32_t scores[RULE_METRIC_COUNT] = {
        [METRIC_ORDERS] =
            1u << METRIC_FREQUENCY_SCORE | 1u << METRIC_RECENCY_SCORE | 1u << METRIC_MONETARY_SCORE,
        [METRIC_LAST_ORDER_AT] = 1u << METRIC_RECENCY_SCORE,
        [METRIC_REVENUE] = 1u << METRIC_MONETARY_SCORE,
    };
    static const struct score_borders none;
    uint32_t changed = 0;
    for (unsigned metric = 0; metric < METRIC_RECENCY_SCORE; metric++) {
        int64_t in_a = 0, in_b = 0;
        bool has_a = totals_metric(a, &none, metric, &in_a), has_b = totals_metric(b, &none, metric, &in_b);
        if (has_a != has_b || (has_a && in_a != in_b))
            changed |= 1u << metric | scores[metric];
    }
    return changed;
}

/* The sum behind the metric, exact. */
static __int128 exact_amount(const struct totals *totals, enum rule_metric metric)
{
    switch (metric) {
    case METRIC_GROSS:
        return totals->gross;
    case METRIC_REVENUE:
        return totals->gross - totals->refunded;
    default:
        return average_order(totals);
    }
}

static bool tells_of_money(unsigned metric)
{
    return rule_metrics[metric].unit == UNIT_AMOUNT || metric == METRIC_MONETARY_SCORE;
}

void totals_json(const struct totals *totals, const struct score_borders *borders, unsigned scale,
    bool amounts, struct buffer *out)
{
    bool first = true;
    char text[TIME_TEXT_BYTES + DECIMAL_TEXT_BYTES];
    for (unsigned metric = 0; metric < RULE_METRIC_COUNT; metric++) {
        const struct rule_metric_info *info = &rule_metrics[metric];
        int64_t units;
        if (!amounts && tells_of_money(metric))
            continue;
        buffer_printf(out, "%c\"%s\":", first ? '{' : ',', info->name);
        first = false;
        if (!totals_metric(totals, borders, metric, &units))
            buffer_text(out, "null");
        else if (info->unit == UNIT_AMOUNT)
            buffer_printf(out, "\"%s\"", decimal_format(exact_amount(totals, metric), scale, text));
        else if (info->unit == UNIT_TIME)
            buffer_printf(out, "\"%s\"", time_format(units, text));
        else
            buffer_printf(out, "%lld", (long long)units);
    }
    buffer_byte(out, '}');
}

/* Hoare's: what is not below the pivot comes to the front; returns the last place of the front part. */
static size_t partition(int64_t *values, size_t low, size_t high)
{
    int64_t pivot = values[low + (high - low) / 2];
    for (size_t i = low, j = high;; i++, j--) {
        while (values[i] > pivot)
            i++;
        while (values[j] < pivot)
            j--;
        if (i >= j)
            return j;
        int64_t swap = values[i];
        values[i] = values[j];
        values[j] = swap;
    }
}

/* The value at `rank` when sorted from the greatest, in expected linear time. */
static int64_t select_rank(int64_t *values, size_t count, size_t rank)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        size_t split = partition(values, low, high);
        if (rank <= split)
            high = split;
        else
            low = split + 1;
    }
    return values[rank];
}

void score_borders_take(int64_t *values, size_t count, int64_t borders[SCORE_BORDERS])
{
    /* 5 - floor(5 * better / n) >= 5 - i  <=>  better <= ceil((i + 1) * n / 5) - 1 =: b  <=>  value >= the
     * b-th greatest. */
    for (size_t i = 0; i < SCORE_BORDERS; i++)
        borders[i] = select_rank(values, count, ((i + 1) * count + 4) / 5 - 1);
}

unsigned currency_scale(const char *currency)
{
    static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
    if (strlen(currency) != 3)
        return 2;
    if (strcasestr(none, currency))
        return 0;
    return strcasestr(three, currency) ? 3 : 2;
}
