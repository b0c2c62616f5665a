/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics.h"

#include "common/error.h"
#include "common/metrics_page.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double bounds[] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

/* A double is kept as its bits, so that it can be exchanged atomically. */
struct histogram {
    _Atomic uint64_t sum;
    _Atomic uint64_t counts[COUNT_OF(bounds) + 1]; /* not cumulative; the last one is beyond every bound */
};

struct metric {
    _Atomic uint64_t value;
    struct histogram *histogram; /* of METRIC_HISTOGRAM only */
    struct metric *next;
    const char *name;
    const char *help;
    char *labels; /* "" for none */
    enum metric_type type;
};

struct metrics {
    const char *service;
    pthread_mutex_t lock; /* of the list; values are atomic */
    struct metric *first;
};

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void add_to(_Atomic uint64_t *target, double amount)
{
    uint64_t old = atomic_load_explicit(target, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        target, &old, bits_of(double_of(old) + amount), memory_order_relaxed, memory_order_relaxed))
        continue;
}

int metrics_open(const char *service, struct metrics **ret_metrics)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return -QY_ENOMEM;
    metrics->service = service;
    pthread_mutex_init(&metrics->lock, NULL);
    *ret_metrics = metrics;
    return 0;
}

static void metric_free(struct metric *metric)
{
    if (!metric)
        return;
    free(metric->histogram);
    free(metric->labels);
    free(metric);
}

void metrics_close(struct metrics **metrics)
{
    if (!*metrics)
        return;
    struct metric *metric = (*metrics)->first;
    while (metric) {
        struct metric *next = metric->next;
        metric_free(metric);
        metric = next;
    }
    pthread_mutex_destroy(&(*metrics)->lock);
    free(*metrics);
    *metrics = NULL;
}

/* A cache line of its own each, so that threads that count different things do not slow each other down. */
static void *line_alloc(size_t size)
{
    size_t rounded = (size + 63) / 64 * 64;
    void *memory = aligned_alloc(64, rounded);
    if (memory)
        memset(memory, 0, rounded);
    return memory;
}

static struct metric *metric_make(
    enum metric_type type, const char *name, const char *labels, const char *help)
{
    struct metric *metric = line_alloc(sizeof(*metric));
    if (!metric)
        return NULL;
    metric->type = type;
    metric->name = name;
    metric->help = help;
    metric->labels = strdup(labels);
    if (type == METRIC_HISTOGRAM)
        metric->histogram = line_alloc(sizeof(*metric->histogram));
    if (!metric->labels || (type == METRIC_HISTOGRAM && !metric->histogram)) {
        metric_free(metric);
        return NULL;
    }
    return metric;
}

struct metric *metrics_series(
    struct metrics *metrics, enum metric_type type, const char *name, const char *labels, const char *help)
{
    if (!labels)
        labels = "";
    pthread_mutex_lock(&metrics->lock);
    struct metric *metric = metrics->first;
    for (; metric; metric = metric->next) {
        if (strcmp(metric->name, name) != 0)
            continue;
        assert(metric->type == type);
        if (strcmp(metric->labels, labels) == 0)
            break;
    }
    if (!metric) {
        metric = metric_make(type, name, labels, help);
        if (metric) {
            metric->next = metrics->first;
            metrics->first = metric;
        }
    }
    pthread_mutex_unlock(&metrics->lock);
    return metric;
}

void metric_add(struct metric *metric, double amount)
{
    if (metric)
        add_to(&metric->value, amount);
}

void metric_set(struct metric *metric, double value)
{
    if (metric)
        atomic_store_explicit(&metric->value, bits_of(value), memory_order_relaxed);
}

void metric_observe(struct metric *metric, double seconds)
{
    if (!metric || !metric->histogram)
        return;
    size_t bucket = 0;
    while (bucket < COUNT_OF(bounds) && seconds > bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&metric->histogram->counts[bucket], 1, memory_order_relaxed);
    add_to(&metric->histogram->sum, seconds);
}

static void write_histogram(const struct metric *metric, struct metrics_page *page)
{
    struct histogram *histogram = metric->histogram;
    const char *comma = *metric->labels ? "," : "";
    _cleanup_(buffer_free) struct buffer labels = BUFFER_INIT;
    uint64_t count = 0;
    for (size_t i = 0; i <= COUNT_OF(bounds); i++) {
        count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        buffer_clear(&labels);
        if (i < COUNT_OF(bounds))
            buffer_printf(&labels, "%s%sle=\"%.15g\"", metric->labels, comma, bounds[i]);
        else
            buffer_printf(&labels, "%s%sle=\"+Inf\"", metric->labels, comma);
        page_sample(page, METRIC_HISTOGRAM, metric->name, "_bucket", buffer_c_str(&labels), metric->help,
            (double)count);
    }
    double sum = double_of(atomic_load_explicit(&histogram->sum, memory_order_relaxed));
    page_sample(page, METRIC_HISTOGRAM, metric->name, "_sum", metric->labels, metric->help, sum);
    page_sample(page, METRIC_HISTOGRAM, metric->name, "_count", metric->labels, metric->help, (double)count);
}

void metrics_write(struct metrics *metrics, void (*extra)(void *self, struct metrics_page *page), void *self,
    struct buffer *out)
{
    struct metrics_page page = {0};
    pthread_mutex_lock(&metrics->lock);
    for (const struct metric *metric = metrics->first; metric; metric = metric->next) {
        if (metric->type == METRIC_HISTOGRAM)
            write_histogram(metric, &page);
        else
            page_metric(&page, metric->type, metric->name, metric->labels, metric->help,
                double_of(atomic_load_explicit(&metric->value, memory_order_relaxed)));
    }
    pthread_mutex_unlock(&metrics->lock);
    if (extra)
        extra(self, &page);
    page_process(&page, metrics->service);
    page_finish(&page, out);
}

double metrics_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
