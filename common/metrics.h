/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gauges and histograms in Prometheus' text format; updates are lock-free and from any thread.
 * Names follow Prometheus' conventions: quanyu_ prefix, base units, _total on counters. */
#ifndef QY_COMMON_METRICS_H
#define QY_COMMON_METRICS_H

#include "common/buffer.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics; /* the process's registry */
struct metric;  /* one series; lives as long as its registry */

/* `service` becomes the label of quanyu_build_info; static text. */
int metrics_open(const char *service, struct metrics **ret_metrics);
void metrics_close(struct metrics **metrics);

/* Registers a series, or finds it: same name, same type. `labels` as in the format,
 * `code="200",method="GET"`, or NULL (copied); `name` and `help` static. NULL only when memory is out.
 * Histograms are of seconds, with buckets from 100 us to 60 s. Takes a lock: keep the pointer where updates
 * are frequent. */
struct metric *metrics_series(
    struct metrics *metrics, enum metric_type type, const char *name, const char *labels, const char *help);
/* Each does nothing on NULL, so that a series that could not be had costs its figures only. */
void metric_add(struct metric *metric, double amount);
void metric_set(struct metric *metric, double value);
void metric_observe(struct metric *metric, double seconds);

/* What a scrape appends beside the registry. `name` and `help` live until metrics_write() returns; `labels`
 * is copied. */
struct metrics_page;
void page_metric(struct metrics_page *page, enum metric_type type, const char *name, const char *labels,
    const char *help, double value);

/* Writes the exposition, one HELP and TYPE per name, series of a name together, names in order; the process's
 * own figures (process_…, quanyu_build_info) are among them. `extra` may be NULL. */
void metrics_write(struct metrics *metrics, void (*extra)(void *self, struct metrics_page *page), void *self,
    struct buffer *out);

/* Seconds on the monotonic clock, for durations. */
double metrics_clock(void);

#endif
